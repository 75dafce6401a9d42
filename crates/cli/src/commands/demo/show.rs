//! What the demo shows: bars while it goes, a table and figures at the end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use ticketbridge_core::network::{Aggregation, Timestamp};
use ticketbridge_core::ticket::State;
use ticketbridge_engine::app::App;
use ticketbridge_sandbox::{Running, cherwell, sfyc};
use ticketbridge_store::{MAX_PAGE, Page, TicketFilter};

use super::mobile::Seen;
use crate::failure::Failure;
use crate::output;

/// Rows of the table at the end.
const SHOWN: usize = 12;

/// How many tickets there are, and where.
pub(super) struct Counts {
    pub(super) received: u64,
    pub(super) states: BTreeMap<State, u64>,
    created: u64,
    noted: u64,
}

impl Counts {
    /// Reads them from the store.
    pub(super) async fn read(app: &App) -> Result<Self, Failure> {
        let mut states: BTreeMap<State, u64> = BTreeMap::new();
        for ((_, state), count) in app.store.counts().await? {
            *states.entry(state).or_default() += count;
        }
        let mut counts = Self { received: states.values().sum(), states, created: 0, noted: 0 };
        if counts.is_done() {
            counts.completed_how(app).await?;
        }
        Ok(counts)
    }

    /// Created by us, or noted: only the rows themselves tell.
    async fn completed_how(&mut self, app: &App) -> Result<(), Failure> {
        let filter = TicketFilter { states: vec![State::Completed], ..TicketFilter::default() };
        let mut page = Page { before: None, limit: MAX_PAGE };
        loop {
            let tickets = app.store.tickets(&filter, page).await?;
            let created = tickets.iter().filter(|ticket| ticket.row.created).count();
            self.created += created as u64;
            self.noted += (tickets.len() - created) as u64;
            match tickets.last() {
                Some(last) if tickets.len() == MAX_PAGE => page.before = Some(last.row.id),
                _ => return Ok(()),
            }
        }
    }

    /// Whether nothing is left to do.
    pub(super) fn is_done(&self) -> bool {
        self.states.keys().all(|state| !state.is_open())
    }

    fn of(&self, state: State) -> u64 {
        self.states.get(&state).copied().unwrap_or(0)
    }
}

/// What the platforms have.
pub(super) struct Platforms {
    cherwell: cherwell::Stats,
    sfyc: sfyc::Stats,
    mobile: Seen,
}

impl Platforms {
    /// As they are now.
    pub(super) fn of(sandbox: &Running) -> Self {
        Self { cherwell: sandbox.cherwell_stats(), sfyc: sandbox.sfyc_stats(), mobile: Seen::of(sandbox) }
    }
}

/// Says what is going to happen.
pub(super) fn begin(api: SocketAddr, sandbox: &Running, groups: usize, outside: usize) {
    output::talk(&format!(
        "A day of made-up network data with trouble in {groups} places, and {outside} tickets from another system.\n\
         Backend be-1 keeps tickets on Cherwell, {},\n\
         and their work orders on SFyC, {}; backend be-2 keeps both on SFyC.\n\
         Mobile tickets live in the wallet TIXNGO; their changes go into the box office S-360.\n\
         All are sandboxes: searches lag, they stall after commits, reset connections and answer short.\n\
         API http://{api}/api/v1/tickets   metrics http://{api}/metrics\n",
        sandbox.cherwell_url(),
        sandbox.sfyc_url(),
    ));
}

/// The bars: all tickets, and what the platform has.
pub(super) struct Bars {
    all: MultiProgress,
    completed: ProgressBar,
    states: ProgressBar,
    cherwell: ProgressBar,
    sfyc: ProgressBar,
    mobile: ProgressBar,
}

impl Bars {
    /// Bars for `expected` tickets; hidden with `--json` and where nobody looks.
    pub(super) fn new(expected: u64, json: bool) -> Self {
        let all = MultiProgress::new();
        if json {
            all.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = |template: &str| {
            ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> ")
        };
        let completed = all.add(ProgressBar::new(expected));
        completed.set_style(style("{prefix:10} [{bar:50}] {pos}/{len}  {elapsed}"));
        completed.set_prefix("Completed");
        let states = all.add(ProgressBar::new_spinner());
        states.set_style(style("{prefix:10} {msg}"));
        states.set_prefix("Under way");
        let platform = |name: &'static str| {
            let bar = all.add(ProgressBar::new_spinner());
            bar.set_style(style("{prefix:10} {msg}"));
            bar.set_prefix(name);
            bar
        };
        let (cherwell, sfyc, mobile) = (platform("Cherwell"), platform("SFyC"), platform("S-360"));
        completed.enable_steady_tick(Duration::from_millis(200));
        Self { all, completed, states, cherwell, sfyc, mobile }
    }

    /// Draws the state of things.
    pub(super) fn update(&mut self, counts: &Counts, stats: &Platforms) {
        self.completed.set_position(counts.of(State::Completed));
        let under_way: Vec<String> = counts
            .states
            .iter()
            .filter(|(state, _)| **state != State::Completed)
            .map(|(state, count)| format!("{state} {count}"))
            .collect();
        self.states.set_message(if under_way.is_empty() { String::from("nothing") } else { under_way.join("  ") });
        let Platforms { cherwell, sfyc, mobile: Seen { wallet, box_office } } = stats;
        self.cherwell.set_message(format!(
            "open tickets {}  notes {}  faults {}  duplicates {}",
            cherwell.open_tickets,
            cherwell.notes,
            cherwell.faults.values().sum::<u64>(),
            cherwell.duplicates.total,
        ));
        self.sfyc.set_message(format!(
            "open tickets {}  work orders {}  notes {}  faults {}  duplicates {}",
            sfyc.open_tickets,
            sfyc.work_orders,
            sfyc.notes,
            sfyc.faults.values().sum::<u64>(),
            sfyc.duplicates.total,
        ));
        self.mobile.set_message(format!(
            "mobile tickets {}  contacts made {}  distributions {}  faults {}  duplicates {}",
            box_office.mobile_tickets,
            box_office.contacts_made,
            box_office.distributions,
            wallet.faults.values().chain(box_office.faults.values()).sum::<u64>(),
            box_office.duplicates.total,
        ));
    }

    /// Prints above the bars. Always true.
    pub(super) fn above(&self, text: &str) -> bool {
        self.all.suspend(|| output::data(text));
        true
    }

    /// Leaves the last picture standing.
    pub(super) fn finish(&self) {
        for bar in [&self.completed, &self.states, &self.cherwell, &self.sfyc, &self.mobile] {
            bar.abandon();
        }
    }
}

/// What became of the network data, once a run has turned it into tickets; `None`: not yet.
pub(super) async fn network(app: &App) -> Result<Option<String>, Failure> {
    let Some(run) = app.workflow.runs(1).await.map_err(|error| Failure::new(error.to_string()))?.pop() else {
        return Ok(None);
    };
    let files = app.offload.status().await?;
    let lines: u64 = files.iter().map(|file| file.processed_lines).sum();
    let mut rows = Vec::new();
    for name in Aggregation::ALL {
        let (as_of, now) = (Timestamp(run.as_of), app.clock.now().wall);
        let table =
            app.workflow.aggregations(name, as_of, now).await.map_err(|error| Failure::new(error.to_string()))?;
        let critical = table.iter().filter(|row| row.critical_incidents_24h > 0);
        let incidents: u64 = critical.clone().map(|row| row.critical_incidents_24h).sum();
        rows.push(vec![
            name.to_string(),
            table.len().to_string(),
            incidents.to_string(),
            critical.map(|row| row.group_id.as_str()).collect::<Vec<_>>().join(" "),
        ]);
    }
    let table = output::render(&["aggregation", "groups", "critical incidents, 24 h", "in"], rows);
    let (files, tickets) = (files.len(), run.tickets);
    Ok(Some(format!("{lines} lines of {files} CSV files\n{table}\n{tickets} tickets built, and handed over\n")))
}

/// The object that `demo --once --json` prints; its shape is kept stable (docs/cli.md).
pub(super) fn summary(counts: &Counts, stats: &Platforms, seconds: f64) -> Value {
    let mobile = &stats.mobile.box_office;
    json!({
        "tickets": {"received": counts.received, "completed": counts.of(State::Completed),
            "error": counts.of(State::Error), "noted": counts.noted, "created": counts.created},
        "platforms": {
            "cherwell": {"open_tickets": stats.cherwell.open_tickets, "duplicates": stats.cherwell.duplicates.total},
            "sfyc": {"work_orders": stats.sfyc.work_orders, "duplicates": stats.sfyc.duplicates.total}},
        "mobile": {"tickets": mobile.mobile_tickets, "contacts_created": mobile.contacts_made,
            "distributions": mobile.distributions, "duplicates": mobile.duplicates.total},
        "seconds": (seconds * 1000.0).round() / 1000.0,
    })
}

/// The newest tickets and the figures.
pub(super) async fn table(app: &App, counts: &Counts, stats: &Platforms, seconds: f64) -> Result<(), Failure> {
    let page = Page { before: None, limit: SHOWN };
    let tickets = app.store.tickets(&TicketFilter::default(), page).await?;
    output::table(
        &["dedupe key", "backend", "state", "how", "ticket", "OT"],
        tickets.iter().map(|ticket| {
            let row = &ticket.row;
            vec![
                row.key.to_string(),
                row.backend.to_string(),
                row.state.to_string(),
                if row.created { String::from("created") } else { String::from("noted") },
                output::or_dash(row.ticket.as_ref().map(|ticket| ticket.number.as_str())),
                output::or_dash(row.work_order.as_deref()),
            ]
        }),
    );
    output::data(&format!(
        "{} received  {} completed  {} created with work order  {} noted  {} in Error  in {seconds:.1} s",
        counts.received,
        counts.of(State::Completed),
        counts.created,
        counts.noted,
        counts.of(State::Error),
    ));
    let faults = |fired: &BTreeMap<&'static str, u64>| {
        fired.iter().map(|(knob, count)| format!("{knob} {count}")).collect::<Vec<_>>().join("  ")
    };
    let Platforms { cherwell, sfyc, mobile } = stats;
    let Seen { wallet, box_office } = mobile;
    output::data(&format!(
        "{} mobile tickets stored  {} contacts created  {} distributions  {} history entries  {} pages asked for",
        box_office.mobile_tickets,
        box_office.contacts_made,
        box_office.distributions,
        box_office.history,
        mobile.pages(),
    ));
    let of_platforms = [
        ("Cherwell", &cherwell.faults),
        ("SFyC", &sfyc.faults),
        ("TIXNGO", &wallet.faults),
        ("S-360", &box_office.faults),
    ];
    for (name, fired) in of_platforms {
        output::data(&format!("faults of {name}: {}", faults(fired)));
    }
    output::data(&format!(
        "duplicates: {} on Cherwell, {} on SFyC, {} on S-360",
        cherwell.duplicates.total, sfyc.duplicates.total, box_office.duplicates.total
    ));
    Ok(())
}
