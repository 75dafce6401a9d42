//! One exchange, one platform event, and the words and numbers that stand for them in the file.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use ticketbridge_core::delivery::BatchId;
use ticketbridge_core::ticket::OriginId;
use ticketbridge_core::time::Wall;
use utoipa::ToSchema;

/// Number of an exchange in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct ExchangeId(pub i64);

/// What an exchange was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExchangePurpose)]
pub enum About {
    /// None of the others: a login, learning names, a logout, mobile tickets.
    Other,
    /// It wrote a batch, or read back what it wrote.
    Write,
    /// Part of a retrieval of all open tickets.
    OpenTickets,
    /// Part of a look-up of tickets by key or origin.
    Tickets,
    /// Part of a look-up of notes.
    Notes,
    /// Part of a look-up of work orders.
    WorkOrders,
    /// Proves reachability and login.
    Health,
}

impl About {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 7] =
        [Self::Other, Self::Write, Self::OpenTickets, Self::Tickets, Self::Notes, Self::WorkOrders, Self::Health];

    /// Its word, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Write => "write",
            Self::OpenTickets => "open_tickets",
            Self::Tickets => "tickets",
            Self::Notes => "notes",
            Self::WorkOrders => "work_orders",
            Self::Health => "health",
        }
    }

    /// The one with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|about| about.as_str() == word)
    }

    pub(super) fn number(self) -> i64 {
        self as i64
    }

    pub(super) fn from_number(number: i64) -> Self {
        usize::try_from(number).ok().and_then(|at| Self::ALL.get(at).copied()).unwrap_or(Self::Other)
    }
}

/// Something that a look-up asked about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A dedupe key.
    Key(String),
    /// A row's origin id.
    Origin(OriginId),
    /// A number or record id of a remote ticket.
    Ticket(String),
}

impl Subject {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Key(key) => format!("k{key}"),
            Self::Origin(origin) => format!("o{origin}"),
            Self::Ticket(number) => format!("t{number}"),
        }
    }
}

/// Whether the bodies of an exchange are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExchangeKept)]
pub enum Kept {
    /// They are, each up to the limit of a capture.
    Whole,
    /// They are not: more came per second than `retention.exchanges_rate` allows.
    Head,
}

/// An exchange to be kept. No secret may be in it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewExchange {
    /// When it ended.
    pub at: Wall,
    /// The platform, as configured.
    pub platform: String,
    /// What it was for.
    pub about: About,
    /// Of a write: the batch.
    pub batch: Option<BatchId>,
    /// Of a look-up: what it asked about.
    pub subjects: Vec<Subject>,
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Status, if there was an answer.
    pub status: Option<u16>,
    /// From its beginning to its end.
    pub latency: Duration,
    /// There was no answer, it said no, or something in it was refused.
    pub failed: bool,
    /// Why there is no answer; empty if there is one.
    pub fault: String,
    /// Request and answer; `None`: only the head is kept.
    pub bodies: Option<ExchangeBodies>,
}

/// What was sent and what came back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeBodies {
    /// What was sent.
    pub request: String,
    /// What came back.
    pub answer: String,
}

/// An exchange as it is kept, without its bodies.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// Its number.
    pub id: ExchangeId,
    /// When it ended.
    pub at: Wall,
    /// The platform.
    pub platform: String,
    /// What it was for.
    pub about: About,
    /// Of a write: the batch.
    pub batch: Option<BatchId>,
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Status, if there was an answer.
    pub status: Option<u16>,
    /// From its beginning to its end.
    pub latency: Duration,
    /// There was no answer, it said no, or something in it was refused.
    pub failed: bool,
    /// Why there is no answer; empty if there is one.
    pub fault: String,
    /// Whether its bodies are there.
    pub kept: Kept,
}

/// What happened to a platform, a backend, or the service as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The service started: whatever was open before is over.
    Started,
    /// The service stopped in order.
    Stopped,
    /// A platform does not answer properly: only probes go there.
    BreakerOpened,
    /// It answers again.
    BreakerClosed,
    /// It asked for a pause, until [`PlatformEvent::until`].
    Paused,
    /// One operation is held back.
    OperationHeld,
    /// No ticket is created there until an operator says so.
    CreatingStopped,
    /// Creating goes on.
    CreatingResumed,
    /// A backend was switched off.
    ProcessingOff,
    /// A backend was switched on.
    ProcessingOn,
    /// Exchanges were dropped between this instant and [`PlatformEvent::until`].
    ExchangesLost,
}

impl EventKind {
    const ALL: [Self; 11] = [
        Self::Started,
        Self::Stopped,
        Self::BreakerOpened,
        Self::BreakerClosed,
        Self::Paused,
        Self::OperationHeld,
        Self::CreatingStopped,
        Self::CreatingResumed,
        Self::ProcessingOff,
        Self::ProcessingOn,
        Self::ExchangesLost,
    ];

    pub(super) fn number(self) -> i64 {
        self as i64
    }

    /// `None`: one of a newer version, to be passed over.
    pub(super) fn from_number(number: i64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|at| Self::ALL.get(at).copied())
    }
}

/// A platform event: to be kept, or as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformEvent {
    /// When.
    pub at: Wall,
    /// Its end, where it is known.
    pub until: Option<Wall>,
    /// What.
    pub kind: EventKind,
    /// The platform or backend; empty: the service as a whole.
    pub about: String,
    /// Why, for people.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::{About, EventKind};

    #[test]
    fn numbers_are_read_back_and_unknown_ones_do_no_harm() {
        for about in About::ALL {
            assert_eq!(About::from_number(about.number()), about);
        }
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_number(kind.number()), Some(kind));
        }
        assert_eq!((About::from_number(99), EventKind::from_number(-1)), (About::Other, None));
    }
}
