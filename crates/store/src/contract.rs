//! The store's contract. Two durable implementations and an in-memory model keep it; one conformance suite checks
//! all of them.
//!
//! Guarantee: what a method answered is durable, and done whole or not at all. Every method may fail with
//! [`StoreError`]; after a fatal one the process must stop. A caller that goes away while it waits does not undo what it
//! asked for.
//!
//! Nothing here assumes a single process: lanes carry fencing tokens, and what another process changed is noticed
//! by [`Store::change_mark`] and [`Store::changes`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use ticketbridge_core::delivery::{
    Audit, BatchId, Fence, ItemResult, KnownTicket, LaneId, OpenTicket, Problem, Receipt, UnsettledBatch, Writes,
};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{
    BackendName, DedupeKey, IntakeOutcome, NewTicket, OriginId, PlatformName, State, TicketId, TicketRow,
};
use ticketbridge_core::time::Wall;
use uuid::Uuid;

use crate::{AccessStore, AuditEntry, StoreError};

/// Most rows in one page of a listing.
pub const MAX_PAGE: usize = 1_000;
/// Problems kept; older ones make room.
pub const MAX_PROBLEMS: usize = 1_000;
/// Changes kept; older ones make room. A holder that is further behind loads its lanes anew.
pub const MAX_CHANGES: usize = 100_000;
/// Runs kept; older ones make room.
pub const MAX_RUNS: usize = 10_000;
/// Known tickets that come with a lane, the newest first: canaries for look-ups.
pub const LANE_CANARIES: usize = 32;

/// How the name of the document begins that says why creating is stopped on a platform; the platform's name follows.
pub const STOPPED: &str = "stopped/";

/// What a lane brings with it when it is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneGrant {
    /// The lane.
    pub lane: LaneId,
    /// The new token.
    pub fence: Fence,
    /// The sequence number of the lane's next batch.
    pub next_sequence: i64,
    /// Batches without a (whole) outcome: their items are Unknown.
    pub unsettled: Vec<UnsettledBatch>,
    /// The newest entries of the platform's ledger, at most [`LANE_CANARIES`].
    pub canaries: Vec<KnownTicket>,
    /// Audits that are not over.
    pub audits: Vec<Audit>,
    /// The highest change number so far: changes above it are news to the holder.
    pub change: i64,
}

/// The answer to a request for a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneAnswer {
    /// It is ours.
    Taken(Box<LaneGrant>),
    /// Another holds it.
    Held {
        /// For how long at most, if it is not renewed.
        remaining: Duration,
    },
}

/// A ticket's body and what was written once with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketBody {
    /// The row.
    pub id: TicketId,
    /// The sender's id of the message.
    pub message_id: String,
    /// The ticket as compact JSON.
    pub body: Arc<str>,
    /// When it came in.
    pub received_at: Wall,
}

/// A ticket for people: row and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketView {
    /// The row.
    pub row: TicketRow,
    /// The body.
    pub body: TicketBody,
    /// Its ticket platform.
    pub platform: PlatformName,
    /// When the row was last written.
    pub updated_at: Wall,
}

/// Which tickets to list. Empty lists and `None` do not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketFilter {
    /// In one of these states.
    pub states: Vec<State>,
    /// Of one of these kinds, compared as kind keys.
    pub kinds: Vec<String>,
    /// Carried by one of these backends.
    pub backends: Vec<BackendName>,
    /// About this.
    pub key: Option<DedupeKey>,
    /// With this message id.
    pub message_id: Option<String>,
    /// `key`, ticket number, work order, message id or reason holds this text, ignoring ASCII case.
    pub text: Option<String>,
}

/// A part of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Tickets that fit, newest first.
    pub tickets: Vec<TicketView>,
    /// Where to go on ([`Page::before`]); `None`: the listing is at its end.
    pub next: Option<TicketId>,
}

/// Where a page of a listing begins. Listings run from the newest row to the oldest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Page {
    /// Only rows received before this one.
    pub before: Option<TicketId>,
    /// Rows at most; capped at [`MAX_PAGE`].
    pub limit: usize,
}

/// One request in a ticket's story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailEntry {
    /// The batch.
    pub batch: BatchId,
    /// What it was to do.
    pub operation: Operation,
    /// Where.
    pub platform: PlatformName,
    /// How many items it had.
    pub items: usize,
    /// SHA-256 of its body, hexadecimal.
    pub body_hash: String,
    /// When the intent was committed.
    pub at: Wall,
    /// What became of this ticket in it, and when; `None`: not known (yet).
    pub result: Option<(ItemResult, Wall)>,
}

/// What an operator may do to a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Error → the failed step, with a new generation of attempts.
    Retry,
    /// Received, Error → Dismissed.
    Dismiss {
        /// Why.
        reason: String,
    },
    /// To another backend: only while Received and never sent anything.
    Reassign {
        /// The new backend.
        backend: BackendName,
        /// Its ticket platform.
        platform: PlatformName,
    },
    /// Came to its end otherwise than by the outcome of a request. Nobody can ask for this: it is the engine's own line
    /// in the story.
    Ended {
        /// How.
        state: State,
        /// In Error: the operation that failed.
        failed: Option<Operation>,
        /// The work order of its ticket.
        work_order: Option<String>,
        /// Why.
        reason: Option<String>,
    },
}

/// What became of an operator's act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActOutcome {
    /// Done; the row as it is now.
    Done(Box<TicketRow>),
    /// Nothing was changed: the row is in this state.
    NotAllowed(State),
    /// There is no such row.
    NoSuchTicket,
}

/// One act, as kept for the ticket's story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActRecord {
    /// The ticket.
    pub ticket: TicketId,
    /// Who did it (token name, or `cli`).
    pub who: String,
    /// What.
    #[serde(flatten)]
    pub act: Act,
    /// When.
    pub at: Wall,
}

/// Something that another process, or an operator, changed and the holder of a lane must learn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// This row was changed by an act: read it again.
    Ticket(TicketId),
    /// Backend settings were changed.
    Settings,
    /// The loss of this platform's missing tickets was accepted.
    LossAccepted(PlatformName),
}

/// A setting of a backend that was changed at run time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendOverride {
    /// The value now in force, as JSON.
    pub value: serde_json::Value,
    /// What the configuration file said when it was set; a file that says something else since then wins.
    pub file_value: serde_json::Value,
    /// Who set it.
    pub who: String,
    /// When.
    pub at: Wall,
}

/// An incident as kept by the store: (`kpi`, `object_id`) and its JSON, opaque to the store.
pub type IncidentEntry = ((String, String), String);

/// What a workflow run leaves behind, in one transaction with its tickets.
#[derive(Debug, Clone, PartialEq)]
pub struct RunCommit {
    /// The run's record.
    pub run: RunRecord,
    /// The tickets it built.
    pub tickets: Vec<NewTicket>,
    /// Incidents as they are now known, by (`kpi`, `object_id`): replaces what was kept for these objects.
    /// Opaque to the store: JSON.
    pub incidents: Vec<IncidentEntry>,
    /// Per dedupe key what has been reported, as JSON; replaces what was kept.
    pub reported: Vec<(String, String)>,
}

/// One run of the workflow manager.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Evaluation instant, seconds since 1970.
    pub as_of: i64,
    /// When it began.
    pub started_at: Wall,
    /// When it was committed.
    pub finished_at: Wall,
    /// What started it: `schedule`, `offload`, `manual`.
    pub trigger: String,
    /// Aggregation rows looked at.
    pub rows: u64,
    /// Rows that are critical.
    pub triggered: u64,
    /// Tickets built.
    pub tickets: u64,
}

/// The main store.
#[async_trait]
pub trait Store: AccessStore {
    /// Number of lanes per platform: indices `0..lanes` are there to be taken. Fixed when the store was made, since
    /// stored rows depend on it.
    fn lanes_per_platform(&self) -> u32;

    // ---- intake -------------------------------------------------------------------------------------------------
    /// Stores tickets, in order; answered only when durable. One outcome per ticket, in request order. A
    /// `message_id` that comes twice within one call is a duplicate (or conflict) of the first.
    async fn receive(&self, tickets: Vec<NewTicket>) -> Result<Vec<IntakeOutcome>, StoreError>;

    /// Stores a workflow run with its tickets, all or nothing.
    async fn commit_run(&self, run: RunCommit) -> Result<Vec<IntakeOutcome>, StoreError>;

    /// Reserves `count` numbers of the durable counter `name` and answers the first. Starts at 1; gaps may occur.
    async fn reserve_numbers(&self, name: &str, count: u32) -> Result<u64, StoreError>;

    // ---- lanes --------------------------------------------------------------------------------------------------
    /// Takes lane `index` of `platform` for `holder`, unless another holds it. The token rises unless `holder`
    /// already has it. A lease that ran out, and on SQLite one that an earlier process of the host left, holds nobody
    /// off. Refused: an index beyond [`Store::lanes_per_platform`], or a store that was not opened to serve.
    async fn take_lane(
        &self,
        platform: &PlatformName,
        index: u32,
        holder: Uuid,
        time_to_live: Duration,
    ) -> Result<LaneAnswer, StoreError>;

    /// Prolongs a lane; false: it is lost. A lease that ran out is still ours until another takes the lane.
    async fn renew_lane(&self, lane: LaneId, fence: Fence, time_to_live: Duration) -> Result<bool, StoreError>;

    /// Gives a lane back. A stale token changes nothing.
    async fn release_lane(&self, lane: LaneId, fence: Fence) -> Result<(), StoreError>;

    /// Rows of a lane with work to do, in order of receipt, after `after`.
    async fn open_tickets(&self, lane: LaneId, after: TicketId, limit: usize) -> Result<Vec<OpenTicket>, StoreError>;

    /// These rows as they are now, open or not; rows of other lanes are left out.
    async fn tickets_by_id(&self, lane: LaneId, ids: &[TicketId]) -> Result<Vec<OpenTicket>, StoreError>;

    /// Carries out one decision: settles, row updates, ledger, new intents. All or nothing.
    ///
    /// In this order: the fence; then every row must be in its lane, its expected state, its generation and with its
    /// backend (all that are not are named); then settles, whose batches must be unsettled batches of the lane, whose
    /// results must be about items of the batch and whose remaining items must have been unresolved; then intents, whose
    /// batches must be new and whose items must, after the row updates, wait for the operation (I3); then the ledger
    /// (what is both known and forgotten is forgotten), audits and problems. A breach of the rules on settles and intents
    /// is a defect of the caller and answered [`StoreError::Refused`].
    ///
    /// `updated_at` of the rows becomes the latest `at` of the settles and intents; without any it stays.
    async fn apply(&self, writes: Writes) -> Result<Receipt, StoreError>;

    /// Bodies of these rows, in the order asked for. Refused if one of them is not there.
    async fn bodies(&self, ids: &[TicketId]) -> Result<Vec<TicketBody>, StoreError>;

    // ---- operators ----------------------------------------------------------------------------------------------
    /// Carries out an operator's act on one row, records it (in the ticket's story and in the audit), and makes a
    /// [`Change`] of it.
    ///
    /// Retry: Error → the failed step's state (a failed create: Matching), generation + 1, attempts zero, due at
    /// once; `sent` stays, so that a look-up comes first. Dismiss: from Received (never sent anything) or Error.
    /// Reassign: from Received while `sent` is empty; to another platform only if the ledger has no ticket of the key on
    /// the present one. The row keeps its number: the new lane's holder learns of it by the [`Change`] alone, and for
    /// the old one it is no longer among [`Store::tickets_by_id`].
    async fn act(&self, origin: OriginId, act: Act, who: &str, at: Wall) -> Result<ActOutcome, StoreError>;

    /// A number that differs whenever anything was committed by anyone, this process included; cheap enough to ask
    /// twice a second. Means nothing to another process or after a restart.
    async fn change_mark(&self) -> Result<i64, StoreError>;

    /// Changes above `after`, ascending, with their numbers. The newest [`MAX_CHANGES`] are kept.
    async fn changes(&self, after: i64) -> Result<Vec<(i64, Change)>, StoreError>;

    /// Highest row number in the store, 0 if empty.
    async fn last_ticket(&self) -> Result<TicketId, StoreError>;

    /// Settings changed at run time: backend → setting → override.
    async fn backend_overrides(&self) -> Result<BTreeMap<(BackendName, String), BackendOverride>, StoreError>;

    /// Sets (`Some`) or drops (`None`) a run-time setting, with this line of the audit, and makes a [`Change`] of it.
    async fn set_backend_override(
        &self,
        backend: &BackendName,
        setting: &str,
        value: Option<BackendOverride>,
        audit: AuditEntry,
    ) -> Result<(), StoreError>;

    /// Problems that were reported, newest first, at most `limit`.
    async fn problems(&self, limit: usize) -> Result<Vec<Problem>, StoreError>;

    /// Drops the ledger entries of these keys, with this line of the audit: their tickets are lost and an operator
    /// accepts it. Makes a [`Change`]. Answers how many were dropped.
    async fn accept_loss(
        &self,
        platform: &PlatformName,
        keys: &[DedupeKey],
        audit: AuditEntry,
    ) -> Result<usize, StoreError>;

    /// Keeps (`Some`) or drops (`None`) a small named document, such as the state of a platform that stopped.
    async fn put_document(&self, name: &str, value: Option<serde_json::Value>) -> Result<(), StoreError>;

    /// A document kept by [`Store::put_document`].
    async fn document(&self, name: &str) -> Result<Option<serde_json::Value>, StoreError>;

    // ---- reading ------------------------------------------------------------------------------------------------
    /// A part of a listing, newest first, in bounded time: it may hold fewer tickets than asked for, or none, although
    /// there are more ([`Listing::next`] says so). A filter that few tickets fit takes many parts.
    async fn list(&self, filter: &TicketFilter, page: Page) -> Result<Listing, StoreError>;

    /// A page of tickets, newest first: as many parts as it takes until it is full or the listing at its end.
    async fn tickets(&self, filter: &TicketFilter, page: Page) -> Result<Vec<TicketView>, StoreError> {
        let mut found = Vec::new();
        let limit = page.limit.min(MAX_PAGE);
        let mut before = page.before;
        while found.len() < limit {
            let part = self.list(filter, Page { before, limit: limit - found.len() }).await?;
            found.extend(part.tickets);
            match part.next {
                Some(next) => before = Some(next),
                None => break,
            }
        }
        Ok(found)
    }

    /// One ticket by its public id.
    async fn ticket(&self, origin: OriginId) -> Result<Option<TicketView>, StoreError>;

    /// The requests that carried a ticket, oldest first.
    async fn trail(&self, id: TicketId) -> Result<Vec<TrailEntry>, StoreError>;

    /// What operators did to a ticket, oldest first.
    async fn acts(&self, id: TicketId) -> Result<Vec<ActRecord>, StoreError>;

    /// Number of tickets per backend and state.
    async fn counts(&self) -> Result<BTreeMap<(BackendName, State), u64>, StoreError>;

    /// The platforms on which these keys have a ticket that our ledger believes open.
    async fn ledger(&self, keys: &[DedupeKey]) -> Result<Vec<(PlatformName, KnownTicket)>, StoreError>;

    /// Which of these keys have an open row, and the backend of the newest one.
    async fn open_backends(&self, keys: &[DedupeKey]) -> Result<Vec<(DedupeKey, BackendName)>, StoreError>;

    // ---- workflow -----------------------------------------------------------------------------------------------
    /// Incidents kept by earlier runs: (`kpi`, `object_id`) → JSON.
    async fn incidents(&self) -> Result<Vec<IncidentEntry>, StoreError>;

    /// What has been reported per dedupe key, as JSON.
    async fn reported(&self) -> Result<Vec<(String, String)>, StoreError>;

    /// The latest runs, newest first.
    async fn runs(&self, limit: usize) -> Result<Vec<RunRecord>, StoreError>;

    /// Every row that a restored or copied store may have forgotten something of was looked up: the suspicion is not
    /// reported again at the next start.
    async fn suspicion_dealt_with(&self) -> Result<(), StoreError>;

    // ---- housekeeping -------------------------------------------------------------------------------------------
    /// Deletes Completed and Dismissed rows last written before `before`, the longest unwritten first, except rows of
    /// keys that still have an open row and the newest row of all (so that no row number comes twice): at most `limit`
    /// per call. Their bodies, acts, audits and the settled batches that carried no other row go with them. Answers how
    /// many rows went; a message that is purged is new when it comes again.
    async fn purge(&self, before: Wall, limit: usize) -> Result<usize, StoreError>;
}
