//! The four writes of the trouble-ticket lifecycle.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One kind of write on a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Add a note to an open ticket.
    AddNote = 0,
    /// Create a ticket.
    CreateTicket = 1,
    /// Create the work order of a ticket we created.
    CreateWorkOrder = 2,
    /// Write the work order's number to its ticket. Idempotent.
    LinkWorkOrder = 3,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 4] = [Self::AddNote, Self::CreateTicket, Self::CreateWorkOrder, Self::LinkWorkOrder];

    /// Name in connector files, metrics and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddNote => "add_note",
            Self::CreateTicket => "create_ticket",
            Self::CreateWorkOrder => "create_work_order",
            Self::LinkWorkOrder => "link_work_order",
        }
    }

    /// Whether doing it twice is the same as doing it once, on every platform.
    pub fn is_idempotent(self) -> bool {
        matches!(self, Self::LinkWorkOrder)
    }

    /// Whether it goes to the work-order platform of the backend (else: to its ticket platform).
    pub fn on_work_order_platform(self) -> bool {
        matches!(self, Self::CreateWorkOrder)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Operation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no operation"))
    }
}
