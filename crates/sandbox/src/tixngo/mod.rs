//! TIXNGO: the wallet's diff endpoint, as the TIXNGO contract describes it.
//!
//! The files: `key` (pagination keys) · `stream` (the changes of one organizer) · `page` (what one call is answered) ·
//! `play` (lives of tickets, drawn from a seed) · `answer` (refusals) · `stats` (counters) · `model` (all of it together).
//!
//! Guarantees: one item per changed ticket, in its latest state, ordered by change; a key stands for one place in the stream
//! of one organizer and for no other; nothing is ever changed by a call. Limits: 1 to 10,000 items per page, 100 organizers.

mod answer;
mod key;
mod model;
mod page;
pub mod play;
mod stats;
mod stream;

pub use model::{CATALOGUE, TixngoError, TixngoModel};
pub use stats::{OrganizerStats, Stats};

/// The organizer whose API key is [`TOKEN`](crate::TOKEN); that of another organizer is `sandbox-only:` and its code.
pub const DEFAULT_ORGANIZER: &str = "DEMO";
/// The most items on one page.
pub const MAX_LIMIT: usize = 10_000;
/// The most organizers.
pub const MAX_ORGANIZERS: usize = 100;

/// The lifecycle statuses of the contract.
pub const STATUSES: [&str; 19] = [
    "INJECTED",
    "DOWNLOADED",
    "ASSIGNED",
    "CONTROLLED",
    "PENDING_TRANSFER",
    "FAILURE_TRANSFER",
    "TRANSFERRED",
    "BT_ACTIVATED",
    "MANUAL_ACTIVATED",
    "OFFLINE_ACTIVATED",
    "ONLINE_ACTIVATED",
    "DELETION_PENDING",
    "DELETED",
    "ACTIVATED",
    "DEACTIVATED",
    "DEFAULT",
    "INVALID",
    "PENDING",
    "FAILURE",
];
