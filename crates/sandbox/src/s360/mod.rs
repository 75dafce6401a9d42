//! S-360: the box office, as the S-360 contract describes it.
//!
//! The files, in the order of a call's way: `operation` (which call is it) · `query` (the values a read asks for) ·
//! `read` and `write` (the rules) · `fields` and `mobile` (what a value may be) · `answer` (the shapes on the wire) ·
//! `twists` (what faults make of it) · `shelves` and `record` (what is stored) · `operator` (people at work) · `state` (all
//! of it, in and out) · `stats` (counters and duplicates) · `model` (all of it together).
//!
//! Guarantees: contacts are made anew each time they are sent; all other writes may be repeated; an item is done whole or
//! not at all, a call that is refused whole changes nothing; a read sees a write as soon as it has taken place; no call
//! writes `printStatus` or gives a login. Limits: 500 items per write, 1,000 tickets or 200 contacts per read.

mod answer;
mod fields;
mod mobile;
mod model;
mod operation;
mod operator;
mod query;
mod read;
mod record;
mod shelves;
mod state;
mod stats;
mod twists;
mod write;

pub use mobile::{Beneficiary, Mobile, Owner};
pub use model::S360Model;
pub use operation::{CATALOGUE, Operation};
pub use operator::{ContactAct, OperatorError, TicketAct};
pub use record::{
    Authorizations, Change, Contact, Distribution, Effect, History, PrintStatus, RowStatus, Ticket,
    Value as ChangedValue,
};
pub use state::{Form, State, StateError};
pub use stats::{Duplicates, Stats};

/// The most items in one write.
pub const MAX_ITEMS: usize = 500;
/// The most tickets that one read asks for.
pub const MAX_TICKETS: usize = 1_000;
/// The most e-mails or references that one read asks for.
pub const MAX_CONTACTS: usize = 200;
