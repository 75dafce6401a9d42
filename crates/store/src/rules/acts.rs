//! Operators' acts on one row, and ends that no outcome tells, as pure rules.

use ticketbridge_core::delivery::Ending;
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{Attempts, OperationSet, State, TicketRow};

use crate::{Act, ActRecord};

/// The row after `act`; `Err`: not allowed in its present state.
///
/// `known_elsewhere` says that the ledger holds a ticket of the row's key on its present platform: such a row stays
/// there, or the key could have an open ticket on two platforms.
pub(crate) fn carry_out(row: &TicketRow, act: &Act, known_elsewhere: bool) -> Result<TicketRow, State> {
    let never_sent = row.sent == OperationSet::default();
    let mut next = row.clone();
    match act {
        Act::Retry if row.state == State::Error => {
            next.state = match row.failed {
                Some(Operation::AddNote) => State::AddingNote,
                Some(Operation::CreateWorkOrder) => State::CreatingWorkOrder,
                Some(Operation::LinkWorkOrder) => State::LinkingWorkOrder,
                // Another row may have made a ticket of this key meanwhile: always compare again.
                Some(Operation::CreateTicket) | None => State::Matching,
            };
            next.generation = row.generation.saturating_add(1);
            next.attempts = Attempts::default();
            next.reason = None;
        }
        Act::Dismiss { reason } if row.state == State::Error || (row.state == State::Received && never_sent) => {
            next.state = State::Dismissed;
            next.reason = Some(reason.clone());
        }
        Act::Reassign { backend, .. } if row.state == State::Received && never_sent && !known_elsewhere => {
            next.backend = backend.clone();
        }
        _ => return Err(row.state),
    }
    next.due_at = None;
    next.failed = None;
    Ok(next)
}

/// The line in a row's story for an end that no outcome tells.
pub(crate) fn ended(ending: &Ending) -> ActRecord {
    let Ending { ticket, state, failed, work_order, reason, at } = ending.clone();
    let act = Act::Ended { state, failed, work_order, reason };
    ActRecord { ticket, who: String::from("ticketbridge"), act, at }
}
