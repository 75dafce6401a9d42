//! Asking a platform whether it can be worked with, without writing anything.

mod mobile;

use serde::Serialize;
use ticketbridge_core::effect::{Found, LookUpFault, Operation, Query};
use ticketbridge_core::ticket::{DedupeKey, PlatformName};

use crate::identity;
use crate::platforms::{PlatformHandle, PlatformSet};

pub use mobile::{check_mobile_platform, is_mobile, unusable_mobile_platforms};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckLine {
    /// What.
    pub what: String,
    /// What was seen; of a fault: what is wrong and what to do.
    pub seen: String,
    /// Whether it is as it must be.
    pub good: bool,
}

/// Reads from a platform: what must be known of it can be learned, reachable and logged in, a search for a key that
/// cannot exist finds nothing, the open tickets can be retrieved. Stops at the first thing that is wrong, and logs out.
pub async fn check_platform(platforms: &PlatformSet, name: &PlatformName, kinds: &[String]) -> Vec<CheckLine> {
    match platforms.usable(name) {
        Ok(handle) => {
            let lines = check_handle(&handle, kinds).await;
            handle.farewell(name).await;
            lines
        }
        Err(why) => vec![CheckLine { what: String::from("configuration"), seen: why, good: false }],
    }
}

/// [`check_platform`] of a platform that is usable; stays logged in.
pub(crate) async fn check_handle(handle: &PlatformHandle, kinds: &[String]) -> Vec<CheckLine> {
    let usable = CheckLine { what: String::from("configuration"), seen: String::from("usable"), good: true };
    let mut lines = vec![usable];
    check(handle, kinds, &mut lines).await;
    lines
}

async fn check(handle: &PlatformHandle, kinds: &[String], lines: &mut Vec<CheckLine>) {
    match handle.prepare().await {
        Ok(learned) => lines.extend(learned.into_iter().map(|one| {
            let seen = if one.warning { format!("warning: {}", one.seen) } else { one.seen };
            CheckLine { what: one.what, seen, good: true }
        })),
        Err(fault) => {
            lines.push(CheckLine { what: String::from("names and versions"), seen: fault.why, good: false });
            return;
        }
    }
    let can = handle.platform.capabilities().clone();
    if can.has_health_read
        && !push(lines, "reachable, logged in", handle.ask(&Query::Health).await, |_| Ok(String::from("yes")))
    {
        return;
    }
    let random = identity::holder().to_string();
    if can.finds_tickets {
        let Ok(key) = DedupeKey::new(&random) else { return };
        let query = Query::Tickets { wanted: Vec::new(), known: None, random: key };
        let judge = |found: &Found| match found {
            Found::Tickets { tickets } if tickets.iter().any(|ticket| ticket.key.as_deref() == Some(&random)) => Err(
                String::from("TB0302: a key that cannot exist was found: the search matches anything; mend its filter"),
            ),
            Found::Tickets { tickets } if !tickets.is_empty() => Err(format!(
                "TB0302: a search for a key that cannot exist answered {} tickets: the platform ignores the filter; mend it",
                tickets.len()
            )),
            _ => Ok(String::from("a key that cannot exist is not found, as it must be")),
        };
        if !push(lines, "search", handle.ask(&query).await, judge) {
            return;
        }
    }
    let retrieval = handle.ask(&Query::OpenTickets { kinds: kinds.to_vec() }).await;
    push(lines, "open tickets", retrieval, |found| match found {
        Found::Tickets { tickets } => {
            let with_key = tickets.iter().filter(|ticket| ticket.key.is_some()).count();
            Ok(format!("{} retrieved, {with_key} of them with a dedupe key", tickets.len()))
        }
        _ => Err(String::from("the adapter answered another question")),
    });
    let mut promise = Vec::new();
    // What a platform does not do at all needs no promise.
    let does = |operation| handle.platform.supports(operation);
    if !can.finds_tickets && does(Operation::CreateTicket) {
        promise.push("tickets cannot be looked up: an unclear create is held for an operator");
    }
    if !can.finds_notes && does(Operation::AddNote) {
        promise.push("notes cannot be looked up: they are at least once");
    }
    if !can.finds_work_orders && does(Operation::CreateWorkOrder) {
        promise.push("work orders cannot be looked up: an unclear one is held for an operator");
    }
    let seen = if promise.is_empty() { String::from("every effect exactly once") } else { promise.join("; ") };
    lines.push(CheckLine { what: String::from("promise"), seen, good: true });
}

fn push(
    lines: &mut Vec<CheckLine>,
    what: &str,
    answer: Result<Found, LookUpFault>,
    judge: impl Fn(&Found) -> Result<String, String>,
) -> bool {
    let (seen, good) = match answer.map_err(|fault| fault.why).and_then(|found| judge(&found)) {
        Ok(seen) => (seen, true),
        Err(why) => (why, false),
    };
    lines.push(CheckLine { what: what.to_owned(), seen, good });
    good
}
