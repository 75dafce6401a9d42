//! SFyC's answers to look-ups, through the built-in connector file.
//! Input: the question, then after each `---` an answer: `STATUS [HEADER: VALUE]`, a line end, the body.

use std::collections::BTreeSet;

use serde_json::Value;
use ticketbridge_core::effect::{Found, LookUpFault};
use ticketbridge_platforms::{Dialogue, Platform};

use crate::parts::{first_line, parts, text};
use crate::sample::{MAX_WORDS, query, transport};
use crate::sfyc_writes::sfyc;

/// Words of the answers.
pub const DICTIONARY: &[&str] = &[
    "\"items\":",
    "\"nextPage\":",
    "\"ticketNumber\":",
    "\"externalRef\":",
    "\"originRef\":",
    "\"status\":",
    "\"open\"",
    "\"inProgress\"",
    "\"closed\"",
    "\"workOrderNumber\":",
    "\"createdAt\":",
    "\"noteRef\":",
    "\"T1\"",
    "\"T2\"",
    "2",
    "3",
    "null",
    "\"2\"",
    "\n---\n200\n",
    "200\n{\"items\":[],\"nextPage\":null}",
    "500",
    "401",
    "429",
    "timeout",
    "notes",
    "work_orders",
    "open_tickets",
    "tickets",
    "health",
];
/// Most answers that are handed in; the last one is repeated.
const MAX_CALLS: usize = 40;

/// Complete, or a fault: every row of every page is in the result; a failed look-up stays failed.
pub fn target(data: &[u8]) {
    measure(data);
}

/// As [`target`]; answers how many rows were found.
pub fn measure(data: &[u8]) -> usize {
    let input = parts(data, MAX_CALLS);
    let question = query(text(input[0]).trim());
    let mut dialogue = match sfyc().look_up(&question) {
        Ok(dialogue) => dialogue,
        Err(fault) => {
            check(&fault);
            return 0;
        }
    };
    let mut pages = Vec::new();
    let failed = (0..MAX_CALLS).find_map(|turn| match dialogue.next_call() {
        Ok(None) => Some(Ok(())),
        Err(fault) => Some(Err(fault)),
        Ok(Some(call)) => {
            assert!(call.target.starts_with('/') && call.target.len() <= 16 * 1024 && call.body.is_none());
            let part = input.get(1 + turn).or_else(|| input[1..].last()).copied().unwrap_or_default();
            let (line, body) = first_line(part);
            pages.push(serde_json::from_slice::<Value>(body).unwrap_or_default());
            dialogue.absorb(&transport(&line, body)).err().map(Err)
        }
    });
    match failed {
        Some(Ok(())) => match dialogue.finish() {
            Ok(found) => {
                complete(&found, &pages);
                return rows_of(&found);
            }
            Err(fault) => panic!("it had come to its end: {fault:?}"),
        },
        Some(Err(fault)) => {
            check(&fault);
            stays_failed(dialogue);
        }
        None => assert!(dialogue.finish().is_err(), "it had not come to its end"),
    }
    0
}

/// How many rows were found; a healthy platform counts as one.
pub(crate) fn rows_of(found: &Found) -> usize {
    match found {
        Found::Tickets { tickets } => tickets.len(),
        Found::Notes { notes } => notes.len(),
        Found::WorkOrders { work_orders } => work_orders.len(),
        Found::Healthy => 1,
    }
}

pub(crate) fn check(fault: &LookUpFault) {
    assert!(!fault.why.is_empty() && fault.why.len() < MAX_WORDS * 4, "{} bytes", fault.why.len());
}

/// A look-up that failed neither goes on nor gives rows.
pub(crate) fn stays_failed(mut dialogue: Box<dyn Dialogue<Found>>) {
    assert!(!matches!(dialogue.next_call(), Ok(Some(_))), "a failed look-up asks on");
    assert!(dialogue.finish().is_err(), "a failed look-up has a result");
}

/// Numbers of the rows that the pages hold, and of those that were found.
fn complete(found: &Found, pages: &[Value]) {
    let rows = || pages.iter().flat_map(|page| page["items"].as_array().into_iter().flatten());
    let word = |row: &Value, member: &str| match &row[member] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let sent = |member: &str| rows().map(|row| word(row, member)).collect::<BTreeSet<_>>();
    match found {
        Found::Tickets { tickets } => {
            let numbers: BTreeSet<_> = tickets.iter().map(|ticket| ticket.reference.number.clone()).collect();
            assert_eq!(numbers, sent("ticketNumber"));
            assert_eq!(numbers.len(), tickets.len(), "a ticket is in the answer once");
            assert!(tickets.iter().all(|ticket| !ticket.reference.number.trim().is_empty()));
            assert!(
                tickets.iter().all(|ticket| ticket.open == ["open", "inProgress"].contains(&ticket.status.as_str()))
            );
        }
        Found::WorkOrders { work_orders } => {
            let numbers: BTreeSet<_> = work_orders.iter().map(|order| order.number.clone()).collect();
            assert_eq!(numbers, sent("workOrderNumber"));
            // One without an origin id is somebody else's: no key of ours is empty.
            assert!(
                work_orders.iter().all(|order| order.origin.is_empty() || sent("externalRef").contains(&order.origin))
            );
        }
        Found::Notes { notes } => {
            assert!(notes.iter().all(|note| sent("noteRef").contains(&note.origin)), "{notes:?}");
            assert!(notes.iter().all(|note| sent("ticketNumber").contains(&note.ticket_number)), "{notes:?}");
        }
        Found::Healthy => assert!(pages.iter().all(|page| !page["items"].is_null())),
    }
}
