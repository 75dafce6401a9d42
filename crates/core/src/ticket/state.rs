//! The states of a ticket, spelled the same everywhere: API, CLI, metrics, store.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::effect::Operation;

/// Where a ticket is in its lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = TicketState)]
pub enum State {
    /// On disk, nothing done yet.
    Received,
    /// Waits for the open tickets of the platform, to be compared with.
    Matching,
    /// An open ticket was found; a note is to be, or may have been, added.
    AddingNote,
    /// No open ticket was found; one is to be, or may have been, created.
    CreatingTicket,
    /// The ticket exists; its work order is to be created.
    CreatingWorkOrder,
    /// The work order exists; its number is to be written to the ticket.
    LinkingWorkOrder,
    /// Nothing left to do.
    Completed,
    /// Refused for good, or more often than Max Retries at one operation; an operator decides.
    Error,
    /// Given up by an operator.
    Dismissed,
}

impl State {
    /// All states, in lifecycle order.
    pub const ALL: [Self; 9] = [
        Self::Received,
        Self::Matching,
        Self::AddingNote,
        Self::CreatingTicket,
        Self::CreatingWorkOrder,
        Self::LinkingWorkOrder,
        Self::Completed,
        Self::Error,
        Self::Dismissed,
    ];

    /// The state's name, as spelled everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "Received",
            Self::Matching => "Matching",
            Self::AddingNote => "AddingNote",
            Self::CreatingTicket => "CreatingTicket",
            Self::CreatingWorkOrder => "CreatingWorkOrder",
            Self::LinkingWorkOrder => "LinkingWorkOrder",
            Self::Completed => "Completed",
            Self::Error => "Error",
            Self::Dismissed => "Dismissed",
        }
    }

    /// Whether the lifecycle still has work to do on a ticket in this state.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Completed | Self::Error | Self::Dismissed)
    }

    /// The write that a ticket in this state is waiting for, if it is one.
    pub fn operation(self) -> Option<Operation> {
        match self {
            Self::AddingNote => Some(Operation::AddNote),
            Self::CreatingTicket => Some(Operation::CreateTicket),
            Self::CreatingWorkOrder => Some(Operation::CreateWorkOrder),
            Self::LinkingWorkOrder => Some(Operation::LinkWorkOrder),
            _ => None,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no ticket state; the states are Received, Matching, AddingNote, CreatingTicket, CreatingWorkOrder, LinkingWorkOrder, Completed, Error and Dismissed"
)]
pub struct UnknownState(pub String);

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownState(text.to_owned()))
    }
}
