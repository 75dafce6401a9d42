//! Aggregation rows to tickets: trigger, texts, only-on-news, split (telecom contract §7).
//!
//! Limits: 50 incidents per ticket, the last ones; `incidents_total` counts all.

mod draft;
mod json;
mod news;
mod split;
mod text;

pub use draft::{TicketDraft, TicketIncident, build_tickets};
pub use json::{External, Impact, Kpi, MAX_INCIDENTS, MessageIdentity, Source, Ticket, TicketTopology, Window};
pub use news::{Memory, Reported, select_news};
pub use split::{backend_order, backend_score};
