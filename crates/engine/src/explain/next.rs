//! Where a ticket stands and what comes next: by itself, or by whom.

use std::time::Duration;

use serde::Serialize;
use ticketbridge_config::Config;
use ticketbridge_core::delivery::HELD;
use ticketbridge_core::effect::Operation;
use ticketbridge_core::error_code;
use ticketbridge_core::ticket::State;
use ticketbridge_core::time::Wall;
use ticketbridge_store::exchanges::EventKind;
use ticketbridge_store::{Store, StoreError, TicketView};

use super::waits::Circumstances;
use crate::delivery::stop_document;
use crate::view::TimelineEntry;

/// A request without an outcome for longer than this is not on the wire any more.
pub(super) const LONG: Duration = Duration::from_mins(10);

/// Where a ticket stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Present {
    /// Its state.
    pub state: State,
    /// What that means, in one sentence.
    pub text: String,
    /// What happens next, and who does it; null: nothing.
    pub next: Option<String>,
    /// Not before this instant; null: at once, or not by the clock.
    pub due_at: Option<String>,
    /// Commands for a person to run, the most likely first.
    pub commands: Vec<String>,
}

struct Words {
    text: String,
    next: Option<String>,
    commands: Vec<String>,
}

/// Where it stands now.
pub(super) async fn present(
    config: &Config,
    store: &dyn Store,
    view: &TicketView,
    circumstances: &Circumstances<'_>,
) -> Result<Present, StoreError> {
    let row = &view.row;
    let Words { text, next, commands } = match row.state {
        State::Completed => completed(view),
        State::Dismissed => Words {
            text: format!("given up by an operator at {}", view.updated_at.to_rfc3339()),
            next: None,
            commands: Vec::new(),
        },
        State::Error => error(view),
        _ => open(config, store, view, circumstances).await?,
    };
    let due_at = row.due_at.filter(|due| row.state.is_open() && *due > circumstances.now).map(Wall::to_rfc3339);
    Ok(Present { state: row.state, text, next, due_at, commands })
}

fn completed(view: &TicketView) -> Words {
    let row = &view.row;
    let number = row.ticket.as_ref().map_or("?", |ticket| ticket.number.as_str());
    let mut text = match (&row.work_order, row.created) {
        (Some(work_order), true) => format!("ticket {number} was created, work order {work_order} linked to it"),
        (None, true) => format!("ticket {number} was created, without a work order"),
        (_, false) => format!("a note was added to ticket {number}, which was open already"),
    };
    if let Some(reason) = &row.reason {
        text.push_str("; ");
        text.push_str(reason);
    }
    Words { text, next: None, commands: Vec::new() }
}

fn error(view: &TicketView) -> Words {
    let row = &view.row;
    let reason = row.reason.as_deref().unwrap_or("the reason is not known");
    let failed = row.failed.map(|operation| format!("{operation} failed: ")).unwrap_or_default();
    let mut commands = vec![
        format!("ticketbridge tickets retry {}", row.origin),
        format!("ticketbridge tickets dismiss {} --reason TEXT", row.origin),
    ];
    commands.extend(code_of(reason).map(|code| format!("ticketbridge error {code}")));
    let next = "an operator must mend the cause and retry, or dismiss the ticket; nothing happens by itself";
    Words { text: format!("{failed}{reason}"), next: Some(next.to_owned()), commands }
}

async fn open(
    config: &Config,
    store: &dyn Store,
    view: &TicketView,
    circumstances: &Circumstances<'_>,
) -> Result<Words, StoreError> {
    let row = &view.row;
    let reason = row.reason.clone().unwrap_or_else(|| waits_for(row.state).to_owned());
    let platform = circumstances.platform_for(row.state);
    let told = |text: String, next: &str, commands: Vec<String>| Words { text, next: Some(next.to_owned()), commands };
    if reason.contains(HELD) {
        let mut commands: Vec<String> =
            code_of(&reason).map(|code| format!("ticketbridge error {code}")).into_iter().collect();
        commands.push(format!("ticketbridge tickets show {}", row.origin));
        return Ok(told(reason, "an operator must do what the text says; it is looked at again every hour", commands));
    }
    let backend = circumstances.backend();
    if !circumstances.processing {
        let overrides = store.backend_overrides().await?;
        let who = overrides.get(&(backend.clone(), String::from("processing")));
        let who = who.map(|who| format!(" by {} at {}", who.who, who.at.to_rfc3339())).unwrap_or_default();
        let command = format!("ticketbridge backends set {backend} processing=true");
        let text = format!("backend `{backend}` is switched off{who}: nothing is sent");
        return Ok(told(text, "an operator must switch the backend on", vec![command]));
    }
    if !config.backends.iter().any(|known| known.name == *backend) {
        let text = format!("backend `{backend}` is not in the configuration: nothing is sent for it");
        let next = "an operator must give it back its backend, or dismiss the ticket";
        return Ok(told(text, next, vec![String::from("ticketbridge backends list")]));
    }
    let creates = matches!(row.state, State::Received | State::Matching | State::CreatingTicket);
    if creates && let Some(stop) = store.document(&stop_document(platform)).await? {
        let why = stop["text"].as_str().unwrap_or_default();
        let commands = vec![
            format!("ticketbridge platform check {platform}"),
            format!("ticketbridge platform accept-loss {platform}"),
        ];
        let text = format!("no ticket is created on `{platform}`: {why}");
        return Ok(told(text, "an operator must mend the search there, or accept the loss", commands));
    }
    let check = vec![format!("ticketbridge platform check {platform}")];
    let outages =
        circumstances.intervals(platform.as_str(), EventKind::BreakerOpened, &[EventKind::BreakerClosed], true);
    if let Some(outage) = outages.last().filter(|outage| outage.until.is_none()) {
        let since = outage.from.to_rfc3339();
        let text =
            format!("`{platform}` has not answered properly since {since} ({}); only probes go there", outage.text);
        return Ok(told(text, "goes on by itself as soon as a probe is answered", check));
    }
    let doubtful = circumstances.moments.last().filter(|last| last.over.is_none());
    if circumstances.is_in_doubt() {
        let in_doubt_for = config.platforms.get(platform).map_or(Duration::ZERO, |one| one.common.in_doubt_for.get());
        let next = format!(
            "look-ups go on by themselves: found counts at once, not found from {} s after the unclear answer, twice",
            in_doubt_for.as_secs_f64()
        );
        return Ok(told(reason, &next, check));
    }
    if let Some(TimelineEntry::Request { operation, platform, at, .. }) = doubtful.map(|last| &last.entry) {
        let text = format!("{operation} is on its way to `{platform}` since {at}");
        return Ok(told(text, "its answer, or its time-out", Vec::new()));
    }
    if let Some(due) = row.due_at.filter(|due| *due > circumstances.now) {
        return Ok(told(reason, &format!("next attempt at {} by the running service", due.to_rfc3339()), Vec::new()));
    }
    if row.state == State::Received
        && let Some((id, state, _)) = circumstances.before_it.iter().find(|(_, state, _)| state.is_open())
    {
        let text = format!("behind ticket {id} of the same key, which is {state}");
        let command = format!("ticketbridge explain {id}");
        return Ok(told(text, "begins as soon as that one is done", vec![command]));
    }
    Ok(told(reason, "goes on by itself while `ticketbridge serve` runs", check))
}

fn waits_for(state: State) -> &'static str {
    match state {
        State::Received => "received, nothing done yet",
        State::Matching => "to be compared with the open tickets of its platform",
        other => match other.operation() {
            Some(Operation::AddNote) => "its note is to be added",
            Some(Operation::CreateTicket) => "its ticket is to be created",
            Some(Operation::CreateWorkOrder) => "its work order is to be created",
            Some(Operation::LinkWorkOrder) => "its work order is to be linked",
            None => "nothing is left to do",
        },
    }
}

/// The first error code in a text.
fn code_of(text: &str) -> Option<&'static str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.filter(|word| word.starts_with("TB")).find_map(error_code::find).map(|page| page.code)
}
