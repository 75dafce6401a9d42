//! Mobile tickets: the changes of the wallet, page by page, into the box office (TIXNGO contract).
//!
//! What is to be written is decided in `core::mobile`; here is the run that carries it out. A page's way: [`fetch`](self)
//! asks for it under the lease · one transaction stores body, items and key · `apply` takes its items in waves of those
//! that share nothing · `look_up` reads what their decisions ask for · `contacts` claims e-mails before contacts are
//! created · `write` commits intents, sends calls of up to 500 writes and matches the answers by key.
//!
//! Guarantees:
//! * One run per organizer at a time, over all processes: a lease with a token that every write to the store shows.
//! * The key moves only with its page; a page that is stored is applied until each of its items is done, skipped or failed
//!   for good.
//! * A contact is created once: claimed first, and looked up after every unclear answer.
//! * Replaying pages, or a crash between any two steps, ends in the same state of the box office.
//!
//! Limits: one page in memory at a time; 3 tries per call and 60 s of pauses per run.

mod apply;
mod backoff;
mod contacts;
mod dump;
mod fetch;
mod function;
mod lease;
mod look_up;
mod preview;
mod report;
mod run;
mod schedule;
mod service;
mod wave;
mod wire;
mod write;

pub use dump::{DumpingWire, RunDump, dumps_folder, remove_old_dumps};
pub use function::Function;
pub use preview::{MAX_PREVIEW_PAGES, Preview, PreviewedChange, USUAL_PREVIEW_PAGES};
pub use report::{FailedTicket, MAX_NAMED, RunReport};
pub use run::{Parts, RunOptions, run};
pub(crate) use schedule::follow_schedules;
pub use service::{Feedback, FeedbackError, RunRequest, Started};
pub use wire::{Time, Wire};
