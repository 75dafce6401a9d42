//! What there is to be told of at one look: the delivery's own view of its platforms, the rows in Error, the problems.
//!
//! Limits: 10,000 rows in Error and 1,000 problems are read, the newest; 100 reasons of Errors are told apart,
//! and all others of an operation are one cause.

use std::collections::BTreeMap;

use ticketbridge_config::Config;
use ticketbridge_core::delivery::{PlatformStatus, Status};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{State, TicketId};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{MAX_PAGE, Page, Store, StoreError, TicketFilter, TicketView};

use super::cause::{Cause, Example, Kind, Sighting, filter, pattern, shown};
use super::memory::Memory;

/// Pages of rows in Error that one look reads.
const MAX_PAGES: usize = 10;
/// Problems that one look reads.
const MAX_PROBLEMS: usize = 1_000;
/// Causes of Errors that are told apart.
const MAX_CAUSES: usize = 100;
/// Tickets that are named per cause.
const MAX_EXAMPLES: usize = 5;
/// The reason of those that are not told apart.
const OTHER: &str = "(other reasons)";

/// What the delivery says of its platforms.
pub(super) fn of_platforms(status: &Status, config: &Config) -> Vec<Sighting> {
    status.platforms.iter().flat_map(|(name, platform)| of_platform(name.as_str(), platform, config)).collect()
}

fn of_platform(name: &str, platform: &PlatformStatus, config: &Config) -> Vec<Sighting> {
    let mut seen = Vec::new();
    if let Some(open) = platform.breaker_open_for {
        let is_due = open >= config.mail.outage_after.get();
        let minutes = open.as_secs() / 60;
        let words = format!("for {minutes} min; last: {}", shown(&platform.why));
        seen.push(Sighting { is_due, words, ..condition(Kind::Away, name, "", "") });
    }
    if let Some(stop) = &platform.stopped {
        seen.push(Sighting { words: shown(&stop.text), ..condition(Kind::Stopped, name, &stop.code, "") });
    }
    let mut held: BTreeMap<String, (Vec<&str>, &str)> = BTreeMap::new();
    for (operation, why) in &platform.held {
        held.entry(pattern(why, &[])).or_insert((Vec::new(), why)).0.push(operation.as_str());
    }
    for (reason, (operations, why)) in held {
        let words = format!("{}: {}", operations.join(", "), shown(why));
        seen.push(Sighting { words, ..condition(Kind::Held, name, "", &reason) });
    }
    // What is wrong otherwise is that it cannot be loaded.
    if seen.is_empty() && !platform.well && !platform.why.is_empty() {
        seen.push(Sighting { words: shown(&platform.why), ..condition(Kind::Unusable, name, "", "") });
    }
    seen
}

fn condition(kind: Kind, platform: &str, what: &str, reason: &str) -> Sighting {
    Sighting {
        cause: Cause { kind, platform: platform.to_owned(), what: what.to_owned(), reason: reason.to_owned() },
        is_due: true,
        count: 0,
        newest: Wall(0),
        examples: Vec::new(),
        words: String::new(),
        filter: None,
    }
}

/// Problems that were reported, by code.
pub(super) async fn of_problems(store: &dyn Store) -> Result<Vec<Sighting>, StoreError> {
    let mut seen = Groups::default();
    for problem in store.problems(MAX_PROBLEMS).await? {
        let cause = Cause {
            kind: Kind::Problem,
            platform: problem.platform.to_string(),
            what: problem.code,
            reason: String::new(),
        };
        let key = shown(&problem.about);
        let example = (!key.is_empty()).then(|| Example { id: String::new(), key });
        seen.add(cause, problem.at, example, || (shown(&problem.text), None));
    }
    Ok(seen.finish())
}

/// Rows in Error, by platform, operation and what their reasons have in common.
pub(super) async fn of_errors(
    store: &dyn Store,
    config: &Config,
    memory: &Memory,
) -> Result<Vec<Sighting>, StoreError> {
    let wanted = TicketFilter { states: vec![State::Error], ..TicketFilter::default() };
    let mut seen = Groups { apart: memory.count(Kind::Errors), ..Groups::default() };
    let mut before: Option<TicketId> = None;
    for _ in 0..MAX_PAGES {
        let page = store.tickets(&wanted, Page { before, limit: MAX_PAGE }).await?;
        for view in &page {
            seen.add_error(view, config, memory);
        }
        before = page.last().map(|last| last.row.id);
        if page.len() < MAX_PAGE {
            break;
        }
    }
    Ok(seen.finish())
}

#[derive(Default)]
struct Groups {
    seen: BTreeMap<Cause, Sighting>,
    /// Causes of Errors that are told apart: what was told before, and what is new.
    apart: usize,
}

impl Groups {
    fn add_error(&mut self, view: &TicketView, config: &Config, memory: &Memory) {
        let row = &view.row;
        let reason = row.reason.as_deref().unwrap_or("no reason was given");
        let origin = row.origin.to_string();
        let number = row.ticket.as_ref().map(|ticket| ticket.number.as_str()).unwrap_or_default();
        let work_order = row.work_order.as_deref().unwrap_or_default();
        let own = [row.key.as_str(), &origin, &view.body.message_id, number, work_order];
        let mut cause = Cause {
            kind: Kind::Errors,
            platform: platform_of(view, config),
            what: row.failed.map(|operation| operation.to_string()).unwrap_or_default(),
            reason: pattern(reason, &own),
        };
        if !self.seen.contains_key(&cause) && !memory.knows(&cause.name()) {
            if self.apart >= MAX_CAUSES {
                OTHER.clone_into(&mut cause.reason);
            } else {
                self.apart += 1;
            }
        }
        let example = Example { id: origin, key: shown(row.key.as_str()) };
        let found_by = if cause.reason == OTHER { None } else { filter(&cause.reason, reason) };
        self.add(cause, view.updated_at, Some(example), || (shown(reason), found_by));
    }

    fn add(
        &mut self,
        cause: Cause,
        at: Wall,
        example: Option<Example>,
        words: impl FnOnce() -> (String, Option<String>),
    ) {
        let group = self.seen.entry(cause).or_insert_with_key(|cause| {
            let (words, filter) = words();
            let cause = cause.clone();
            Sighting { cause, is_due: true, count: 0, newest: at, examples: Vec::new(), words, filter }
        });
        group.count += 1;
        group.newest = group.newest.max(at);
        if group.examples.len() < MAX_EXAMPLES {
            group.examples.extend(example);
        }
    }

    fn finish(self) -> Vec<Sighting> {
        self.seen.into_values().collect()
    }
}

/// The platform that the failed operation is for.
pub(crate) fn platform_of(view: &TicketView, config: &Config) -> String {
    let of_work_orders = view.row.failed.is_some_and(Operation::on_work_order_platform);
    let backend = config.backends.iter().find(|backend| of_work_orders && backend.name == view.row.backend);
    backend.map_or(&view.platform, |backend| &backend.work_orders).to_string()
}
