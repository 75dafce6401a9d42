//! What SFyC stores, and the effects that change it.
//!
//! An effect is whole when it is made: numbers and index lag are already drawn, so that it can take place at any later
//! time without asking anything.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

/// A ticket's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// Nobody works on it yet.
    Open,
    /// Somebody works on it.
    InProgress,
    /// The fault is gone.
    Resolved,
    /// It is done.
    Closed,
    /// It was a mistake.
    Cancelled,
}

impl Status {
    /// Whether it counts as open: `open` or `inProgress`.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::InProgress)
    }
}

/// A stored ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    /// Its number without the letter.
    pub sequence: u32,
    /// What the caller sent.
    pub content: NewTicket,
    /// The kind without case and accents.
    pub folded_kind: Box<str>,
    /// Its state.
    pub status: Status,
    /// The number of its work order.
    pub work_order_number: Option<Box<str>>,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
    /// From when on searches show it.
    pub visible_at: Millis,
}

/// A ticket as it is sent; all references are missing on a ticket that was opened by hand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewTicket {
    /// The dedupe key.
    pub external_ref: Option<Box<str>>,
    /// The origin id.
    pub origin_ref: Option<Box<str>>,
    /// *Falla de Linea*, *SNR* or another.
    pub kind: Box<str>,
    /// The title.
    pub title: Option<Box<str>>,
    /// The description.
    pub description: Option<Box<str>>,
    /// The severity as JSON.
    pub severity: Option<Box<str>>,
    /// `topology`, `kpi` and `impact` as JSON.
    pub details: [Option<Box<str>>; 3],
}

/// A stored note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What the caller sent.
    pub content: NewNote,
    /// When it was made.
    pub created_at: Millis,
    /// From when on searches show it.
    pub visible_at: Millis,
}

/// A note as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNote {
    /// The note's own reference; missing if a fault dropped it.
    pub note_ref: Option<Box<str>>,
    /// The ticket it belongs to.
    pub ticket_number: Box<str>,
    /// The text.
    pub text: Box<str>,
}

/// A stored work order.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkOrder {
    /// Its number without the letters.
    pub sequence: u32,
    /// What the caller sent.
    pub content: NewWorkOrder,
    /// When it was made.
    pub created_at: Millis,
    /// From when on searches show it.
    pub visible_at: Millis,
}

/// A work order as it is sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewWorkOrder {
    /// The ticket it belongs to, of this or of another platform.
    pub ticket_number: Box<str>,
    /// The origin id; missing if a fault dropped it.
    pub external_ref: Option<Box<str>>,
    /// The kind.
    pub kind: Option<Box<str>>,
    /// The description.
    pub description: Option<Box<str>>,
    /// The address.
    pub address: Option<Box<str>>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
}

/// A change of the records. New records carry the number they will have and how long searches will not show them.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Tickets are made: number, content, index lag.
    CreateTickets(Vec<(u32, NewTicket, Millis)>),
    /// Notes are made: content, index lag.
    AddNotes(Vec<(NewNote, Millis)>),
    /// Work orders are made: number, content, index lag.
    CreateWorkOrders(Vec<(u32, NewWorkOrder, Millis)>),
    /// Work order numbers are set on tickets; a ticket that is gone by then is passed over.
    LinkWorkOrders(Vec<(u32, Box<str>)>),
}

/// `42` is `T00000042`.
pub(super) fn ticket_number(sequence: u32) -> String {
    format!("T{sequence:08}")
}

/// `T00000042` is `42`; `None` for the number of another platform.
pub(super) fn ticket_sequence(number: &str) -> Option<u32> {
    let digits = number.strip_prefix('T')?;
    let fits = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| digits.parse().ok()).flatten()
}

/// `42` is `OT00000042`.
pub(super) fn work_order_number(sequence: u32) -> String {
    format!("OT{sequence:08}")
}
