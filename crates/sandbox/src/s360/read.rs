//! The reading operations.

use serde::Serialize;

use super::answer::{self, refusal};
use super::operation::Operation;
use super::record::{Contact, Distribution, History, Ticket};
use super::shelves::Shelves;
use super::twists::Twists;
use super::{MAX_CONTACTS, MAX_TICKETS, query};
use crate::call::{Call, Reply};

/// The most rows of a read whose filter a fault ignores.
const MAX_UNFILTERED: usize = 10_000;

/// A record that a read answers.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub(super) enum Row<'a> {
    Ticket(&'a Ticket),
    History(&'a History),
    Contact(&'a Contact),
    Distribution(&'a Distribution),
}

/// The rows that a read finds, or how it is refused whole.
pub(super) fn find<'a>(
    operation: &Operation,
    call: &Call,
    shelves: &'a Shelves,
    twists: &Twists<'_>,
) -> Result<Vec<Row<'a>>, Reply> {
    let rows: Vec<_> = match operation {
        Operation::FindHistory(id) => {
            if shelves.ticket(id).is_none() {
                return Err(answer::refusal(404, "UNKNOWN_TICKET", format!("there is no ticket {id}")));
            }
            shelves.history_of(id).map(Row::History).collect()
        }
        Operation::FindTickets => {
            let asked = query::read(call, &[("ticketId", MAX_TICKETS)])?;
            if twists.ignores(asked.filter) {
                shelves.tickets().iter().take(MAX_UNFILTERED).map(Row::Ticket).collect()
            } else {
                asked.values.iter().filter_map(|id| shelves.ticket(id)).map(Row::Ticket).collect()
            }
        }
        Operation::FindContacts => contacts(call, shelves, twists)?,
        Operation::FindDistributions => {
            let asked = query::read(call, &[("ticketId", MAX_TICKETS)])?;
            if twists.ignores(asked.filter) {
                shelves.rows().iter().take(MAX_UNFILTERED).map(Row::Distribution).collect()
            } else {
                asked.values.iter().flat_map(|id| shelves.rows_of(id)).map(Row::Distribution).collect()
            }
        }
        _ => return Err(refusal(405, "METHOD_NOT_ALLOWED", "this is no read")),
    };
    Ok(if twists.empty_lookups { Vec::new() } else { rows })
}

/// One contact that fits two values in different spellings is answered once.
fn contacts<'a>(call: &Call, shelves: &'a Shelves, twists: &Twists<'_>) -> Result<Vec<Row<'a>>, Reply> {
    let asked = query::read(call, &[("email", MAX_CONTACTS), ("requestRef", MAX_CONTACTS)])?;
    if twists.ignores(asked.filter) {
        return Ok(shelves.contacts().iter().take(MAX_UNFILTERED).map(Row::Contact).collect());
    }
    if asked.filter == "requestRef" {
        return Ok(asked
            .values
            .iter()
            .flat_map(|value| shelves.contacts_of_request(value))
            .map(Row::Contact)
            .collect());
    }
    let mut seen = std::collections::BTreeSet::new();
    let values = asked.values.iter().filter(|value| seen.insert(query::normalised(value)));
    Ok(values.flat_map(|value| shelves.contacts_of_email(value)).map(Row::Contact).collect())
}
