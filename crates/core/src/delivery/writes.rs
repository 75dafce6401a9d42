//! What a decision writes, as plain data: one [`Writes`] is one transaction, done whole or not at all.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::effect::{Operation, Outcome};
use crate::ticket::{BackendName, DedupeKey, OriginId, PlatformName, State, TicketId, TicketReference, TicketRow};
use crate::time::Wall;

/// A lane: the rows of one ticket platform whose keys fall in one hash class. One holder at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LaneId(pub i64);

/// Fencing token of a lane: rises with each new holder; a stale one writes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence(pub i64);

/// A batch: one intent, one request. The lane in the upper bits, ascending within the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BatchId(pub i64);

impl BatchId {
    const SEQUENCE_BITS: u32 = 40;

    /// The `sequence`-th batch of `lane`.
    pub fn new(lane: LaneId, sequence: i64) -> Self {
        Self((lane.0 << Self::SEQUENCE_BITS) | sequence)
    }

    /// Its place in its lane.
    pub fn sequence(self) -> i64 {
        self.0 & ((1 << Self::SEQUENCE_BITS) - 1)
    }
}

/// A remote ticket that our ledger knows: the last one of its key on its platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownTicket {
    /// What it is about.
    pub key: DedupeKey,
    /// Number and record id.
    pub reference: TicketReference,
    /// Origin id of the row that created it; `None`: it was opened by another.
    pub origin: Option<OriginId>,
}

/// A row with work to do, as it is loaded into a lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTicket {
    /// The row.
    pub row: TicketRow,
    /// The ledger's ticket of its key, if there is one.
    pub known: Option<KnownTicket>,
}

/// A batch whose outcome is not (wholly) known: whatever its items were doing is Unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsettledBatch {
    /// The batch.
    pub id: BatchId,
    /// What it was to do.
    pub operation: Operation,
    /// Its unresolved items.
    pub items: Vec<TicketId>,
}

/// The intent of one request, committed before its socket opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The batch.
    pub batch: BatchId,
    /// What it is to do.
    pub operation: Operation,
    /// Where.
    pub platform: PlatformName,
    /// For which backend.
    pub backend: BackendName,
    /// Its items, in the order of the request.
    pub items: Vec<TicketId>,
    /// SHA-256 of the request body; filled in by whoever encodes it, before the commit.
    pub body_hash: [u8; 32],
    /// When, for display.
    pub at: Wall,
}

/// How an outcome became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// By the platform's answer.
    Answer,
    /// By a look-up after an unclear answer.
    LookUp,
}

/// What became of one item of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemResult {
    /// The item.
    pub ticket: TicketId,
    /// Its outcome.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How it became known.
    pub by: Settled,
    /// The state it goes on to.
    pub next: State,
}

/// Settles (a part of) a batch. Results add up over several settles of one batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// The batch.
    pub batch: BatchId,
    /// What became known.
    pub results: Vec<ItemResult>,
    /// Items that are still Unknown; empty: the batch is settled.
    pub remaining: Vec<TicketId>,
    /// When, for display.
    pub at: Wall,
}

/// A row as it is to be, if it still is in the expected state and generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowUpdate {
    /// The state that the stored row must be in; otherwise the whole transaction is refused.
    pub expected: State,
    /// The row as it is to be; identity, key, kind and backend never change.
    pub row: TicketRow,
    /// A batch to append to the row's trail.
    pub trail: Option<BatchId>,
}

/// A key whose create was sent again: looked at after 1 min, 10 min, 1 h and 24 h.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// The row that was sent again.
    pub ticket: TicketId,
    /// Its key.
    pub key: DedupeKey,
    /// Its origin id: two remote tickets with it are a double.
    pub origin: OriginId,
    /// How many looks are behind it; 4: over, the audit is deleted.
    pub looks: u8,
    /// When the next one is due.
    pub due_at: Wall,
}

/// Something that an operator must know of: a double, a lost record, a search that can't be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The platform it is about.
    pub platform: PlatformName,
    /// Error code (`TB0301`), see `docs/errors`.
    pub code: String,
    /// What it is about: a dedupe key, or empty for the platform as a whole.
    pub about: String,
    /// What was seen and what to do, for people.
    pub text: String,
    /// When.
    pub at: Wall,
}

/// One transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writes {
    /// The lane.
    pub lane: LaneId,
    /// The holder's token; a stale one makes the whole transaction [`Receipt::LostFence`].
    pub fence: Fence,
    /// Batches (partly) settled.
    pub settles: Vec<Settle>,
    /// Rows changed.
    pub rows: Vec<RowUpdate>,
    /// Batches begun.
    pub intents: Vec<Intent>,
    /// Ledger entries written (one per key, the last one wins).
    pub known: Vec<KnownTicket>,
    /// Ledger entries dropped: the ticket is closed or gone.
    pub forgotten: Vec<DedupeKey>,
    /// Audits begun, moved on (same ticket) or ended (`looks` = 4).
    pub audits: Vec<Audit>,
    /// Problems seen.
    pub problems: Vec<Problem>,
    /// Rows that came to their end in this transaction otherwise than by an outcome in it.
    #[serde(default)]
    pub endings: Vec<Ending>,
}

impl Writes {
    /// Of a lane, with nothing in it.
    pub fn nothing(lane: LaneId, fence: Fence) -> Self {
        Self {
            lane,
            fence,
            settles: Vec::new(),
            rows: Vec::new(),
            intents: Vec::new(),
            known: Vec::new(),
            forgotten: Vec::new(),
            audits: Vec::new(),
            problems: Vec::new(),
            endings: Vec::new(),
        }
    }
}

/// A row that came to its end by a look at its ticket, or since its request cannot be built: no request's outcome tells
/// it, so the journal has a line of its own for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The row.
    pub ticket: TicketId,
    /// How it ended.
    pub state: State,
    /// In Error: the operation that failed.
    pub failed: Option<Operation>,
    /// The work order that the look found on the ticket, or that was made before.
    pub work_order: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
    /// When.
    pub at: Wall,
}

impl Writes {
    /// The rows that end here without an outcome that says so.
    pub(super) fn ending_rows(&self, at: Wall) -> Vec<Ending> {
        let told = |row: &TicketRow| {
            let results = self.settles.iter().flat_map(|settle| &settle.results);
            results.filter(|result| result.ticket == row.id).any(|result| result.next == row.state)
        };
        let ends = |update: &&RowUpdate| update.expected.is_open() && !update.row.state.is_open() && !told(&update.row);
        let ending = |update: &RowUpdate| Ending {
            ticket: update.row.id,
            state: update.row.state,
            failed: update.row.failed,
            work_order: update.row.work_order.clone(),
            reason: update.row.reason.clone(),
            at,
        };
        self.rows.iter().filter(ends).map(ending).collect()
    }
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Receipt {
    /// Durable.
    Done,
    /// Nothing was written: another holds the lane.
    LostFence,
    /// Nothing was written: these rows are no longer as expected (an operator acted on them).
    StaleRows(Vec<TicketId>),
}
