//! What comes in and what goes out: the whole of the state machine's world.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::settings::Settings;
use super::{Audit, BatchId, Fence, KnownTicket, LaneId, OpenTicket, Problem, Receipt, UnsettledBatch, Writes};
use crate::effect::{CallClass, Found, LookUpFault, Operation, Outcome, Query};
use crate::ticket::{OriginId, PlatformName, State, TicketId};
use crate::time::Mono;

/// A transaction under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TransactionId(pub u64);

/// A look-up under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProbeId(pub u64);

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A lane is ours.
    LaneTaken(Box<LaneTaken>),
    /// A lane was prolonged.
    LaneRenewed {
        /// The lane.
        lane: LaneId,
        /// The new end of the lease.
        until: Mono,
    },
    /// A lane is no longer ours: forget all about it.
    LaneLost {
        /// The lane.
        lane: LaneId,
    },
    /// There may be new rows in a lane.
    News {
        /// The lane.
        lane: LaneId,
    },
    /// The answer to [`Command::Load`].
    Loaded {
        /// The lane.
        lane: LaneId,
        /// Rows, in order of receipt.
        tickets: Vec<OpenTicket>,
        /// Fewer than asked for: there are no more now.
        end: bool,
    },
    /// Rows that an operator changed, as they are now (open or not).
    Changed {
        /// The lane.
        lane: LaneId,
        /// The rows.
        tickets: Vec<OpenTicket>,
    },
    /// A transaction is durable, or was refused for what it found.
    Committed {
        /// The transaction.
        transaction: TransactionId,
        /// What became of it.
        receipt: Receipt,
    },
    /// A transaction could not be carried out; nothing was written.
    CommitFailed {
        /// The transaction.
        transaction: TransactionId,
        /// What happened, for people.
        why: String,
    },
    /// A request of a transaction could not be encoded; nothing was written.
    NotEncodable {
        /// The transaction.
        transaction: TransactionId,
        /// The batch.
        batch: BatchId,
        /// The item at fault; `None`: the operation as a whole.
        item: Option<TicketId>,
        /// What is wrong, for people.
        why: String,
    },
    /// The answer to [`Command::Send`].
    Answered {
        /// The batch.
        batch: BatchId,
        /// About the call as a whole.
        call: CallClass,
        /// One outcome per item, in the order of the intent, if the call was answered.
        outcomes: Vec<Outcome>,
        /// From the first byte written to the last read.
        latency: Duration,
    },
    /// The answer to [`Command::LookUp`].
    LookedUp {
        /// The look-up.
        probe: ProbeId,
        /// When its last request left.
        asked_at: Mono,
        /// What was found.
        result: Result<Found, LookUpFault>,
    },
    /// The instant of [`Command::WakeAt`] has come.
    Wake,
    /// The settings changed.
    Settings {
        /// The new settings.
        settings: Arc<Settings>,
    },
    /// An operator accepts what a platform stopped for: creating goes on.
    LossAccepted {
        /// The platform.
        platform: PlatformName,
    },
    /// Nothing new may start: the process is going down.
    Drain,
}

/// All that comes with a lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaneTaken {
    /// The lane.
    pub lane: LaneId,
    /// Its ticket platform.
    pub platform: PlatformName,
    /// Our token.
    pub fence: Fence,
    /// The end of the lease.
    pub until: Mono,
    /// The sequence number of the next batch.
    pub next_sequence: i64,
    /// Batches without a (whole) outcome.
    pub unsettled: Vec<UnsettledBatch>,
    /// The rows of those batches.
    pub tickets: Vec<OpenTicket>,
    /// Tickets known to exist, the newest first.
    pub canaries: Vec<KnownTicket>,
    /// Audits that are not over.
    pub audits: Vec<Audit>,
    /// Why creating stopped on this platform in an earlier life, if it did.
    pub stopped: Option<Stop>,
    /// The store is a restored backup or a clone: every open row starts with look-ups.
    pub suspect: bool,
}

/// Why no ticket is created on a platform until an operator says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stop {
    /// Error code.
    pub code: String,
    /// What was seen and what to do, for people.
    pub text: String,
    /// The keys that it is about.
    #[schema(value_type = Vec<String>)]
    pub keys: Vec<crate::ticket::DedupeKey>,
}

/// Something that has to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Encode the requests of its intents, fill in their hashes, and commit it whole.
    Commit {
        /// The transaction.
        transaction: TransactionId,
        /// What to write.
        writes: Writes,
    },
    /// Write a committed batch to its platform.
    Send(SendPermit),
    /// Ask a platform.
    LookUp {
        /// The look-up.
        probe: ProbeId,
        /// Whom.
        platform: PlatformName,
        /// What.
        query: Query,
    },
    /// Load rows with work to do.
    Load {
        /// The lane.
        lane: LaneId,
        /// After this row.
        after: TicketId,
        /// At most so many.
        limit: usize,
    },
    /// Wake me at this instant (replaces the one before; `None`: only events wake me).
    WakeAt {
        /// When.
        at: Option<Mono>,
    },
    /// Tell people.
    Report(Report),
}

/// The right to write one batch to its platform. Made only when its intent is durable, so that "no request without
/// a committed intent" (I3) holds by type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendPermit {
    batch: BatchId,
    platform: PlatformName,
    operation: Operation,
    not_after: Mono,
}

impl SendPermit {
    /// Only the commit's receipt may call this.
    pub(super) fn new(batch: BatchId, platform: PlatformName, operation: Operation, not_after: Mono) -> Self {
        Self { batch, platform, operation, not_after }
    }

    /// The batch.
    pub fn batch(&self) -> BatchId {
        self.batch
    }

    /// Its platform.
    pub fn platform(&self) -> &PlatformName {
        &self.platform
    }

    /// What it does.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The first byte must be written before this instant, or not at all: the lease would not outlive the call.
    pub fn not_after(&self) -> Mono {
        self.not_after
    }
}

/// What people are told. Logs, counters and the event stream are made from these alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum Report {
    /// A ticket went from one state to another, durably.
    Moved {
        /// Its public id.
        origin: OriginId,
        /// From.
        from: State,
        /// To.
        to: State,
    },
    /// A request was answered, or not.
    Settled {
        /// Where.
        platform: PlatformName,
        /// What.
        operation: Operation,
        /// Items applied, refused, unavailable, unknown.
        items: [usize; 4],
        /// How long it took.
        latency: Duration,
        /// For all but a proper answer: what happened.
        why: Option<String>,
    },
    /// An Unknown effect was resolved by a look-up.
    Resolved {
        /// Where.
        platform: PlatformName,
        /// What.
        operation: Operation,
        /// Whether it had been applied.
        applied: bool,
    },
    /// A batch is sent again in halves.
    Halved {
        /// Where.
        platform: PlatformName,
        /// What.
        operation: Operation,
        /// Items of the refused batch.
        items: usize,
    },
    /// A platform's breaker opened.
    BreakerOpened {
        /// Where.
        platform: PlatformName,
        /// The last failure.
        why: String,
    },
    /// A platform's breaker closed.
    BreakerClosed {
        /// Where.
        platform: PlatformName,
    },
    /// A platform asked for a pause.
    Paused {
        /// Where.
        platform: PlatformName,
        /// How long.
        pause: Duration,
    },
    /// One operation is held back: the destination's configuration or login is at fault, not the tickets.
    OperationHeld {
        /// Where.
        platform: PlatformName,
        /// What.
        operation: Operation,
        /// The platform's words.
        why: String,
    },
    /// A look-up failed.
    LookUpFailed {
        /// Where.
        platform: PlatformName,
        /// What happened.
        why: String,
    },
    /// Creating stopped on a platform.
    CreatingStopped {
        /// Where.
        platform: PlatformName,
        /// Why, and the way out.
        stop: Stop,
    },
    /// Creating goes on.
    CreatingResumed {
        /// Where.
        platform: PlatformName,
    },
    /// A create became visible to the look-up after this time.
    LagLearned {
        /// Where.
        platform: PlatformName,
        /// Time from the answer to visibility, at most.
        lag: Duration,
    },
    /// Something an operator must know of.
    Problem(Problem),
    /// Every row that a suspect store may have forgotten something of was looked up.
    SuspicionOver,
    /// A transaction could not be carried out and is tried again.
    CommitFailed {
        /// What happened.
        why: String,
    },
}
