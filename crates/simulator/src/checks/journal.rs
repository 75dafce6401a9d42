//! I11: the journal (what was received, sent, settled, ended by a look, and done by operators), replayed, gives the
//! current row.

use ticketbridge_core::delivery::{Ending, ItemResult, Settled};
use ticketbridge_core::effect::{Operation, Outcome};
use ticketbridge_core::ticket::{OperationSet, State, TicketRow};

use super::Violation;

/// A row as the journal tells it. Not in it: what a match found, due times, attempts, and what a row waits for between
/// two requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    state: State,
    generation: u32,
    ever_sent: OperationSet,
    created_as: Option<String>,
    work_order: Option<String>,
    failed: Option<Operation>,
    /// Outcomes of each operation that use an attempt.
    charges: [u8; Operation::ALL.len()],
}

impl Default for Folded {
    fn default() -> Self {
        Self {
            state: State::Received,
            generation: 0,
            ever_sent: OperationSet::default(),
            created_as: None,
            work_order: None,
            failed: None,
            charges: [0; Operation::ALL.len()],
        }
    }
}

impl Folded {
    /// An intent carries the row. Answers whether one of this operation did before.
    pub fn sent(&mut self, operation: Operation) -> bool {
        let before = self.ever_sent.contains(operation);
        self.ever_sent.insert(operation);
        self.state = State::ALL.into_iter().find(|state| state.operation() == Some(operation)).unwrap_or(self.state);
        before
    }

    /// An outcome came.
    pub fn settled(&mut self, operation: Operation, result: &ItemResult) {
        let ItemResult { outcome, by, next, .. } = result;
        let next = *next;
        let verified = *by == Settled::LookUp && matches!(outcome, Outcome::Unavailable { .. });
        if let Some(charges) = self.charges.get_mut(operation as usize)
            && (verified || matches!(outcome, Outcome::Refused { .. }))
        {
            *charges = charges.saturating_add(1);
        }
        self.state = next;
        self.failed = (next == State::Error).then_some(operation);
        if let Outcome::Applied { ids } = outcome {
            if ids.ticket_number.is_some() {
                self.created_as.clone_from(&ids.ticket_number);
            }
            if ids.work_order_number.is_some() {
                self.work_order.clone_from(&ids.work_order_number);
            }
        }
    }

    /// It came to its end otherwise than by an outcome.
    pub fn ended(&mut self, ending: &Ending) {
        self.state = ending.state;
        self.failed = ending.failed;
        self.work_order.clone_from(&ending.work_order);
    }

    /// An operator let it try again.
    pub fn retried(&mut self) {
        self.generation += 1;
        self.charges = [0; Operation::ALL.len()];
        let step = |operation| State::ALL.into_iter().find(|state| state.operation() == Some(operation));
        let failed = self.failed.take().filter(|failed| *failed != Operation::CreateTicket);
        self.state = failed.and_then(step).unwrap_or(State::Matching);
    }

    /// Outcomes of an operation that use an attempt: refusals, and requests that were verified as not applied.
    pub fn charges(&self, operation: Operation) -> u8 {
        self.charges.get(operation as usize).copied().unwrap_or(0)
    }

    /// An operator gave it up.
    pub fn dismissed(&mut self) {
        self.state = State::Dismissed;
        self.failed = None;
    }
}

/// Compares a row with its journal. States between two requests (Received, Matching, and the note or create that a
/// match decided on) stand in the row alone.
pub fn check(folded: &Folded, row: &TicketRow) -> Option<Violation> {
    let created_as = row.ticket.as_ref().filter(|_| row.created).map(|ticket| &ticket.number);
    let between =
        |state: State| matches!(state, State::Received | State::Matching | State::AddingNote | State::CreatingTicket);
    let same_state = folded.state == row.state || (between(folded.state) && between(row.state));
    let wrong = if !same_state {
        format!("the row is {}, the journal says {}", row.state, folded.state)
    } else if folded.generation != row.generation {
        format!("generation {}, the journal says {}", row.generation, folded.generation)
    } else if folded.created_as.as_ref() != created_as {
        format!("created as {created_as:?}, the journal says {:?}", folded.created_as)
    } else if folded.work_order != row.work_order {
        format!("work order {:?}, the journal says {:?}", row.work_order, folded.work_order)
    } else if folded.failed != row.failed {
        format!("failed at {:?}, the journal says {:?}", row.failed, folded.failed)
    } else {
        return None;
    };
    Some(Violation::new("I11", Some(row.key.as_str()), format!("row {}: {wrong}", row.id.0)))
}
