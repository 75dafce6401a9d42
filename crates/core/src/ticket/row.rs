//! The hot row of a ticket: all that the lifecycle needs to decide, and nothing of the body.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BackendName, DedupeKey, OriginId, State, TicketId};
use crate::effect::Operation;
use crate::time::Wall;

/// How often each operation was refused in the present generation; 255 at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts([u8; 4]);

impl Attempts {
    /// Attempts used of one operation.
    pub fn of(self, operation: Operation) -> u8 {
        self.0[operation as usize]
    }

    /// Uses one attempt.
    pub fn charge(&mut self, operation: Operation) {
        self.0[operation as usize] = self.0[operation as usize].saturating_add(1);
    }

    /// Gives one attempt back: the destination turned out to be at fault.
    pub fn give_back(&mut self, operation: Operation) {
        self.0[operation as usize] = self.0[operation as usize].saturating_sub(1);
    }

    /// All operations together, for tables.
    pub fn total(self) -> u32 {
        self.0.iter().map(|n| u32::from(*n)).sum()
    }

    /// For the store: one byte per operation.
    pub fn to_bits(self) -> u32 {
        u32::from_le_bytes(self.0)
    }

    /// Back from the store.
    pub fn from_bits(bits: u32) -> Self {
        Self(bits.to_le_bytes())
    }
}

/// Operations that were ever on the wire for a row: before one of them is sent again, a look-up decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationSet(u8);

impl OperationSet {
    /// Whether `operation` is in the set.
    pub fn contains(self, operation: Operation) -> bool {
        self.0 & (1 << operation as u8) != 0
    }

    /// Adds `operation`.
    pub fn insert(&mut self, operation: Operation) {
        self.0 |= 1 << operation as u8;
    }

    /// Removes `operation`.
    pub fn remove(&mut self, operation: Operation) {
        self.0 &= !(1 << operation as u8);
    }

    /// For the store.
    pub fn to_bits(self) -> u8 {
        self.0
    }

    /// Back from the store.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

/// How a platform names one of its tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketReference {
    /// The number people see.
    pub number: String,
    /// The platform's own record id, where it has one apart from the number.
    pub record: Option<String>,
}

/// One ticket, as the lifecycle sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketRow {
    /// Row number in the store.
    pub id: TicketId,
    /// Our own id, written to the remote ticket and its work order.
    pub origin: OriginId,
    /// What it is about.
    pub key: DedupeKey,
    /// Its kind, as received.
    pub kind: Arc<str>,
    /// The backend that carries it.
    pub backend: BackendName,
    /// Where it is.
    pub state: State,
    /// Not before this instant; `None`: at once.
    pub due_at: Option<Wall>,
    /// Refusals, per operation.
    pub attempts: Attempts,
    /// Raised by each operator retry, which starts the attempts anew.
    pub generation: u32,
    /// Operations that were ever on the wire.
    pub sent: OperationSet,
    /// The remote ticket was created by this row. Such a row never creates again.
    pub created: bool,
    /// The remote ticket: created by us, or found and noted.
    pub ticket: Option<TicketReference>,
    /// Number of the work order.
    pub work_order: Option<String>,
    /// Record id of the work order, where its platform has one apart from the number.
    pub work_order_record: Option<String>,
    /// In Error: the operation that failed.
    pub failed: Option<Operation>,
    /// Why it waits, was completed without a work order, or failed; for people.
    pub reason: Option<String>,
}

impl TicketRow {
    /// A row as it is received: nothing was done for it yet.
    pub fn received(id: TicketId, origin: OriginId, key: DedupeKey, kind: Arc<str>, backend: BackendName) -> Self {
        Self {
            id,
            origin,
            key,
            kind,
            backend,
            state: State::Received,
            due_at: None,
            attempts: Attempts::default(),
            generation: 0,
            sent: OperationSet::default(),
            created: false,
            ticket: None,
            work_order: None,
            work_order_record: None,
            failed: None,
            reason: None,
        }
    }
}
