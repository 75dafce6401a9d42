//! What a transaction must look like, whatever is stored: its breach is a defect of the caller, so the transaction is
//! refused whole and says which rule was broken.

use std::collections::BTreeSet;

use ticketbridge_core::delivery::{BatchId, Intent, Settle, Writes};
use ticketbridge_core::ticket::{State, TicketId};

/// Checks what needs no stored data: no row, settle or intent twice; batches belong to the lane; no empty intent.
pub(crate) fn check_shape(writes: &Writes) -> Result<(), String> {
    let mut rows = BTreeSet::new();
    if let Some(twice) = writes.rows.iter().find(|update| !rows.insert(update.row.id)) {
        return Err(format!("row {} is written twice in one transaction", twice.row.id.0));
    }
    let mut settled = BTreeSet::new();
    if let Some(twice) = writes.settles.iter().find(|settle| !settled.insert(settle.batch)) {
        return Err(format!("batch {} is settled twice in one transaction", twice.batch.0));
    }
    let mut begun = BTreeSet::new();
    for intent in &writes.intents {
        if !begun.insert(intent.batch) {
            return Err(format!("batch {} is begun twice in one transaction", intent.batch.0));
        }
        if intent.batch != BatchId::new(writes.lane, intent.batch.sequence()) {
            return Err(format!("batch {} does not belong to lane {}", intent.batch.0, writes.lane.0));
        }
        if intent.items.is_empty() {
            return Err(format!("batch {} has no items", intent.batch.0));
        }
        if intent.items.iter().collect::<BTreeSet<_>>().len() != intent.items.len() {
            return Err(format!("batch {} carries an item twice", intent.batch.0));
        }
    }
    Ok(())
}

/// Checks a settle against the batch as stored: results are about its items, and what remains was unresolved before.
pub(crate) fn check_settle(settle: &Settle, items: &[TicketId], unresolved: &[TicketId]) -> Result<(), String> {
    let items: BTreeSet<_> = items.iter().collect();
    let unresolved: BTreeSet<_> = unresolved.iter().collect();
    if let Some(stranger) = settle.results.iter().find(|result| !items.contains(&result.ticket)) {
        return Err(format!("batch {} never carried ticket {}", settle.batch.0, stranger.ticket.0));
    }
    if let Some(stranger) = settle.remaining.iter().find(|item| !unresolved.contains(item)) {
        return Err(format!("ticket {} is no unresolved item of batch {}", stranger.0, settle.batch.0));
    }
    Ok(())
}

/// I3: a request carries only rows that wait for its operation. `state` is the row's state after the transaction's
/// row updates; `None`: the lane has no such row.
pub(crate) fn check_intent(intent: &Intent, item: TicketId, state: Option<State>) -> Result<(), String> {
    match state {
        Some(state) if state.operation() == Some(intent.operation) => Ok(()),
        Some(state) => Err(format!(
            "batch {} is to {} ticket {}, which is {state} and does not wait for that",
            intent.batch.0, intent.operation, item.0
        )),
        None => Err(format!("batch {} carries ticket {}, which its lane does not have", intent.batch.0, item.0)),
    }
}
