//! Cherwell Service Management: the site of the sandbox, as the Cherwell contract describes the service.
//!
//! The files, in the order of a call's way: `operation` (which call is it) · `members` (bodies as Cherwell takes them) ·
//! `session` (tokens) · `describe`, `save`, `read`, `search` and `link` (the rules) · `answer` (the shapes on the wire) ·
//! `twists` (what faults make of it) · `blueprint`, `ids` and `culture` (objects, ids, how values are written) · `shelves`
//! and `record` (what is stored) · `operator` (people who work on tickets) · `dump` (all that is stored, for tests) ·
//! `stats` (counters and duplicates) · `settings` · `model` (all of it together).
//!
//! Guarantees: saving is **not** idempotent unless a record is named; an item of a batch is refused alone, the others are
//! done in their order; a read by id shows a record at once, a search after its index lag; a refresh kills both old tokens.
//! Limits: 10,000 items per batch, searches of `max_page_size` rows per page, activities of 2,000, 10,000 sessions.

mod answer;
mod blueprint;
mod culture;
mod describe;
mod dump;
mod ids;
mod link;
mod members;
mod model;
mod operation;
mod operator;
mod read;
mod record;
mod save;
mod search;
mod session;
mod settings;
mod shelves;
mod stats;
mod twists;

pub use model::CherwellModel;
pub use operation::{CATALOGUE, Operation};
pub use operator::{OperatorAct, OperatorError, SeedTicket};
pub use record::{Change, Effect, FieldValue, NewRecord, RecordKey};
pub use session::Session;
pub use settings::{CherwellSettings, IdForm, PageMode, SettingsError};
pub use stats::{Duplicates, Stats};

/// The most items of a batch; a call with more is 413.
pub const MAX_BATCH: usize = 10_000;
/// The only client id that the service knows.
pub const CLIENT_ID: &str = "0b7c2f3e-1111-4222-8333-9a9a9a9a9a9a";
/// The only user, who logs in with the mode `Internal`; the password is [`crate::TOKEN`].
pub const USER: &str = r"Cherwell\svc_noc";
