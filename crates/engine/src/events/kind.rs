//! The events, as they are written as JSON.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use ticketbridge_core::mobile::RunResult;
use ticketbridge_core::ticket::{BackendName, OriginId, PlatformName, State};

/// Something that happened; its JSON has the member `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Event {
    /// Trouble tickets were received, or are in other states.
    Tickets(TicketNews),
    /// Settings of a backend were changed.
    Backends {
        /// The backend.
        name: BackendName,
    },
    /// A ticket platform is another than before.
    Platforms {
        /// The platform.
        name: PlatformName,
        /// What became of it.
        what: PlatformNews,
    },
    /// Something needs somebody.
    Problems {
        /// The platform that it is about.
        platform: PlatformName,
        /// Its code.
        code: String,
    },
    /// A run of the mobile-ticket job goes on.
    Feedback {
        /// Its organizer.
        organizer: String,
        /// Its number.
        run: i64,
        /// How far it is.
        what: FeedbackStep,
        /// How it ended; with `what` = `ended`.
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<RunResult>,
    },
    /// A CSV file was looked into.
    Offloads {
        /// Kind of the file.
        kind: &'static str,
        /// Its name.
        file: String,
        /// What became of it.
        outcome: &'static str,
    },
    /// A run of the workflow manager was stored.
    Runs {
        /// Its evaluation instant, seconds since 1970.
        run: i64,
        /// What started it: `schedule`, `offload`, `manual`.
        trigger: String,
        /// Tickets that it built.
        tickets: u64,
    },
    /// Requests were exchanged with a platform, and are kept.
    Exchanges {
        /// The platform.
        platform: String,
        /// The newest exchange.
        last: i64,
    },
    /// Another configuration is in force.
    Configuration {},
    /// Events were missed: read everything anew. Told to one watcher, whatever kinds it asked for.
    Reset {},
}

/// What became of trouble tickets since the last event of the kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TicketNews {
    /// How many went from where to where.
    pub moved: Vec<Movement>,
    /// How many are new, whoever received them.
    pub received: u64,
    /// Their backends, as far as this process knows them.
    pub backends: Vec<BackendName>,
    /// Some of the tickets, at most [`super::MAX_IDS`].
    pub ids: Vec<OriginId>,
    /// There may be others than those in `ids`.
    pub more: bool,
}

/// Tickets that made the same step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Movement {
    /// From; `null`: an operator, or another process, changed them.
    pub from: Option<State>,
    /// To.
    pub to: State,
    /// How many.
    pub count: u64,
}

/// What may become of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformNews {
    /// It does not answer properly; only probes go there.
    BreakerOpened,
    /// It answers again.
    BreakerClosed,
    /// No tickets are created there.
    CreatingStopped,
    /// Tickets are created again.
    CreatingResumed,
    /// An operation is held back.
    Held,
    /// It asked for a pause.
    Paused,
}

/// How far a run of the mobile-ticket job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackStep {
    /// It has its lease.
    Started,
    /// A page, or a part of it, was applied.
    Page,
    /// It is over.
    Ended,
}

/// The kinds of events that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// [`Event::Tickets`].
    Tickets,
    /// [`Event::Backends`].
    Backends,
    /// [`Event::Platforms`].
    Platforms,
    /// [`Event::Problems`].
    Problems,
    /// [`Event::Feedback`].
    Feedback,
    /// [`Event::Offloads`].
    Offloads,
    /// [`Event::Runs`].
    Runs,
    /// [`Event::Exchanges`].
    Exchanges,
    /// [`Event::Configuration`].
    Configuration,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Tickets,
        Self::Backends,
        Self::Platforms,
        Self::Problems,
        Self::Feedback,
        Self::Offloads,
        Self::Runs,
        Self::Exchanges,
        Self::Configuration,
    ];

    /// Its name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tickets => "tickets",
            Self::Backends => "backends",
            Self::Platforms => "platforms",
            Self::Problems => "problems",
            Self::Feedback => "feedback",
            Self::Offloads => "offloads",
            Self::Runs => "runs",
            Self::Exchanges => "exchanges",
            Self::Configuration => "configuration",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the types of events are tickets, backends, platforms, problems, feedback, offloads, runs, exchanges and configuration"
)]
pub struct UnknownKind;

impl FromStr for EventKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownKind)
    }
}

impl Event {
    /// Its kind; `None` for [`Event::Reset`], which nobody has to ask for.
    #[must_use]
    pub fn kind(&self) -> Option<EventKind> {
        Some(match self {
            Self::Tickets(_) => EventKind::Tickets,
            Self::Backends { .. } => EventKind::Backends,
            Self::Platforms { .. } => EventKind::Platforms,
            Self::Problems { .. } => EventKind::Problems,
            Self::Feedback { .. } => EventKind::Feedback,
            Self::Offloads { .. } => EventKind::Offloads,
            Self::Runs { .. } => EventKind::Runs,
            Self::Exchanges { .. } => EventKind::Exchanges,
            Self::Configuration {} => EventKind::Configuration,
            Self::Reset {} => return None,
        })
    }

    /// The name of its kind on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind().map_or("reset", EventKind::as_str)
    }
}
