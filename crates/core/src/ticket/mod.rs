//! Trouble tickets: identity, states, the row that the lifecycle works on, and what intake accepts.

mod id;
mod intake;
mod note;
mod row;
mod state;

pub use id::{BackendName, DedupeKey, KeyError, OriginId, PlatformName, TicketId};
pub use intake::{
    IntakeError, IntakeItem, IntakeOutcome, MAX_INTAKE_ITEMS, MAX_MESSAGE_ID, NewTicket, parse_intake, read_intake,
    split_intake,
};
pub use note::{MAX_NOTE, note_text, note_text_within};
pub use row::{Attempts, OperationSet, TicketReference, TicketRow};
pub use state::{State, UnknownState};
