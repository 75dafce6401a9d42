//! SFyC: the operator's own ticket platform, as `contracts/sfyc.md` describes it.
//!
//! The files, in the order of a call's way: `operation` (which call is it) · `read` and `write` (the rules) · `answer` (the
//! shapes on the wire) · `twists` (what faults make of it) · `shelves` and `record` (what is stored) ·
//! `operator` (people who work on tickets) · `dump` (all that is stored, for tests) · `stats` (counters and duplicates) · `model` (all of it together).
//!
//! Guarantees: creating is **not** idempotent; setting a work order number is; a kind is compared without case and
//! accents; an item is refused alone, a call whole; nothing is changed by a call that is refused whole.
//! Limits: 500 items per call, 200 keys per look-up, 1,000 rows per page.

mod answer;
mod dump;
mod model;
mod operation;
mod operator;
mod read;
mod record;
mod shelves;
mod stats;
mod twists;
mod write;

pub use model::SfycModel;
pub use operation::{CATALOGUE, Operation};
pub use operator::{OperatorAct, OperatorError, SeedTicket};
pub use record::{Effect, NewNote, NewTicket, NewWorkOrder, Note, Status, Ticket, WorkOrder};
pub use stats::{Duplicates, Stats};

/// The most items in one call.
pub const MAX_ITEMS: usize = 500;
/// The most keys in one look-up.
pub const MAX_KEYS: usize = 200;
/// The most rows on one page, and the page size where none is given.
pub const MAX_PAGE_SIZE: usize = 1_000;
