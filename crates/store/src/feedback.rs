//! The store's contract for the mobile-ticket job: leases, runs, pages, the pagination key and its history, what was sent
//! to the box office, and what is known of it.
//!
//! Guarantees, besides those of [`Store`](crate::Store) (each method one transaction, answered only when durable):
//! * At most one run of an organizer carries a live token (I9). Every method that takes a [`RunFence`] checks in its own
//!   transaction that the lease row still carries that token, and otherwise writes nothing and answers
//!   [`Held::Lost`]. Tokens rise and are never used again.
//! * The pagination key moves only in the transaction that stores its page, or by an operator's rewind (I8). Each move is
//!   a row that is kept for ever.
//! * No request to the box office without its committed intent (I3): [`FeedbackWrites::intents`].
//!
//! Leases run on a clock that goes on while a process sleeps and does not jump: processes of one host share it. A lease of
//! an earlier boot, or of another host, has run out. They are taken by serving processes and by commands alike, and a start
//! of either frees none. A machine that is paused from outside stands still with all its processes, clock included.
//!
//! A restored backup has an older key, older pages and older claims. For applying that is harmless: items come again as
//! unchanged or stale. A claim in flight may be forgotten; since its reference is deterministic and contacts are always
//! looked up by e-mail before they are created, its contact is found.
//!
//! No error and no `Debug` shows personal data or the body of a page.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use ticketbridge_core::mobile::{
    ContactNumber, Counters, ItemState, KeyMove, PageSource, PaginationKey, RewindError, RowStatus, RunError,
    RunResult, Status, UtcInstant, WriteKind,
};
use ticketbridge_core::time::Wall;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::StoreError;

/// A run, by its number in the store: ascending over all organizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct RunId(pub i64);

/// A stored page: ascending over all organizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct PageId(pub i64);

/// One item of a stored page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemId {
    /// The page.
    pub page: PageId,
    /// Its place in the page, from 0.
    pub position: u32,
}

/// One write call to the box office: ascending over all organizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub i64);

/// What a run shows at every write: its lease must still carry its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFence {
    /// The organizer whose lease it is.
    pub organizer: Box<str>,
    /// The run.
    pub run: RunId,
    /// The token.
    pub token: i64,
}

/// The answer to a write of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held<T> {
    /// Done.
    Done(T),
    /// The lease carries another token: nothing was written, and the run is over.
    Lost,
}

/// What started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Its schedule.
    Schedule,
    /// A person.
    Manual,
    /// A person, with a file instead of a diff call.
    Replay,
    /// A person who wants to see what a rewind would do; writes nothing to the box office.
    Preview,
}

/// A request for the lease of an organizer and a new run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginRun {
    /// The organizer.
    pub organizer: Box<str>,
    /// The function that runs.
    pub internal_name: Box<str>,
    /// What started it.
    pub trigger: Trigger,
    /// Who: one value per process and function.
    pub holder: Uuid,
    /// Life of the lease.
    pub time_to_live: Duration,
    /// Now.
    pub at: Wall,
}

/// The answer to [`BeginRun`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BeginAnswer {
    /// The lease is taken and the run has begun.
    Begun(Box<RunGrant>),
    /// Another run has the lease. This one is recorded as REFUSED; it made no call.
    Refused {
        /// The record of the refusal.
        run: RunId,
        /// The run that has the lease.
        by: RunId,
        /// For how long at most, if it is not renewed.
        remaining: Duration,
    },
}

/// What a run begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunGrant {
    /// To be shown at every write.
    pub fence: RunFence,
    /// The stored pagination key.
    pub key: PaginationKey,
    /// Pages with items that are pending or blocking, in order.
    pub open_pages: Vec<PageId>,
    /// Write calls of earlier runs that had no outcome; they are recorded as ambiguous now.
    pub abandoned_calls: usize,
}

/// A lease as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseView {
    /// The run that holds it.
    pub run: RunId,
    /// Its token.
    pub token: i64,
    /// For how long at most, if it is not renewed; zero: it has run out, and anyone may take it.
    pub remaining: Duration,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedbackRun {
    /// Its number.
    pub id: RunId,
    /// The organizer.
    pub organizer: Box<str>,
    /// The function.
    pub internal_name: Box<str>,
    /// What started it.
    pub trigger: Trigger,
    /// When it began.
    pub began_at: Wall,
    /// How it ended; `None`: it is in progress, or its process died and nobody has taken the lease since.
    pub end: Option<RunEnd>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// When.
    pub at: Wall,
    /// Its result.
    pub result: RunResult,
    /// What ended it before its time.
    pub error: Option<RunError>,
    /// What happened, for people; without personal data.
    pub text: Option<String>,
    /// What it did.
    pub counters: Counters,
}

/// A page to be stored.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPage {
    /// Where it came from.
    pub source: PageSource,
    /// The key it was asked with: must be the stored one. Not looked at for a file.
    pub sent: PaginationKey,
    /// The new key, if the key advances: not empty, and not the one that was sent. `None` for a file.
    pub next: Option<PaginationKey>,
    /// The body, verbatim.
    pub body: Bytes,
    /// Items in it: 1 to [`MAX_PAGE_ITEMS`](ticketbridge_core::mobile::MAX_PAGE_ITEMS).
    pub items: u32,
    /// Now.
    pub at: Wall,
}

/// A stored page with its items' states.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPage {
    /// Its number.
    pub id: PageId,
    /// Where it came from.
    pub source: PageSource,
    /// The body, verbatim; `None`: it was deleted after the retention.
    pub body: Option<Bytes>,
    /// One state per item.
    pub states: Vec<ItemState>,
    /// Items that have been tried and wait, by position.
    pub waiting: Vec<Waiting>,
}

/// A pending item that has been tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its place in the page.
    pub position: u32,
    /// Tries so far that ended without a clear answer, or with "later".
    pub attempts: u32,
    /// Not before this instant, unless a person starts the run.
    pub due_at: Wall,
    /// Why it waits: S-360's code, or what happened.
    pub reason: Box<str>,
}

/// What a run writes in one transaction, in this order: outcomes, items, what is known now, new intents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackWrites {
    /// Calls whose outcome is known, or known to be unclear.
    pub outcomes: Vec<CallOutcome>,
    /// Items whose state or wait has changed.
    pub items: Vec<ItemWrite>,
    /// Mobile tickets as they are stored in the box office now: replaces what was known of them.
    pub tickets: Vec<MobileTicket>,
    /// Contacts that were created or completed: replaces what was known of them.
    pub contacts: Vec<BoxContact>,
    /// Distribution rows that were written: replaces what was known of them.
    pub distributions: Vec<BoxDistribution>,
    /// Claims that are over: those of this run on these e-mails, at whatever platform. Others are left.
    pub released_claims: Vec<[u8; 32]>,
    /// Claims of this run whose creation is sent with one of `intents`.
    pub sent_claims: Vec<[u8; 32]>,
    /// Calls that are sent next.
    pub intents: Vec<CallIntent>,
    /// Now.
    pub at: Wall,
}

impl FeedbackWrites {
    /// Nothing yet, at this instant.
    pub fn at(at: Wall) -> Self {
        Self {
            outcomes: Vec::new(),
            items: Vec::new(),
            tickets: Vec::new(),
            contacts: Vec::new(),
            distributions: Vec::new(),
            released_claims: Vec::new(),
            sent_claims: Vec::new(),
            intents: Vec::new(),
            at,
        }
    }

    /// Whether there is nothing to be written.
    pub fn is_empty(&self) -> bool {
        *self == Self::at(self.at)
    }
}

/// A write call that will be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallIntent {
    /// The platform.
    pub box_office: Box<str>,
    /// What it does.
    pub kind: WriteKind,
    /// The items it is for, one per write, in their order.
    pub items: Vec<ItemId>,
    /// SHA-256 of its body.
    pub body_hash: [u8; 32],
}

/// What became of a write call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOutcome {
    /// The call.
    pub call: CallId,
    /// In words, without personal data: such as `499 confirmed, 1 ambiguous`.
    pub text: Box<str>,
}

/// A write call as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Its number.
    pub id: CallId,
    /// The run that sent it.
    pub run: RunId,
    /// The platform.
    pub box_office: Box<str>,
    /// What it does.
    pub kind: WriteKind,
    /// The items it is for.
    pub items: Vec<ItemId>,
    /// SHA-256 of its body, hexadecimal.
    pub body_hash: String,
    /// When the intent was committed.
    pub sent_at: Wall,
    /// What became of it, and when; `None`: not known yet.
    pub outcome: Option<(Box<str>, Wall)>,
}

/// A new state of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemWrite {
    /// The item.
    pub item: ItemId,
    /// Its state from now on, and what goes with it.
    pub change: ItemChange,
}

/// What becomes of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemChange {
    /// Handled.
    Done,
    /// It waits for a later try. The number of attempts is replaced.
    Waits {
        /// See [`Waiting`].
        attempts: u32,
        /// See [`Waiting`].
        due_at: Wall,
        /// See [`Waiting`].
        reason: Box<str>,
    },
    /// It failed for good.
    Failed(Failure),
}

/// Why an item failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Id of the ticket, if it has one.
    pub ticket_id: Option<Box<str>>,
    /// The code.
    pub code: Box<str>,
    /// What it means, for people; without personal data.
    pub text: Box<str>,
    /// Strict mode: it blocks all later ones.
    pub blocking: bool,
}

/// A failed item, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedItem {
    /// The item.
    #[serde(flatten)]
    pub item: ItemId,
    /// The organizer.
    pub organizer: Box<str>,
    /// Id of the ticket, if it has one.
    pub ticket_id: Option<Box<str>>,
    /// The code.
    pub code: Box<str>,
    /// What it means.
    pub text: Box<str>,
    /// Strict mode: it blocks all later ones.
    pub blocking: bool,
    /// When it failed.
    pub at: Wall,
}

/// A mobile ticket as this store knows it.
#[derive(Clone, PartialEq, Eq)]
pub struct MobileTicket {
    /// The organizer.
    pub organizer: Box<str>,
    /// Id of the ticket.
    pub ticket_id: Box<str>,
    /// Ticket number.
    pub tax_number: Option<Box<str>>,
    /// Mobile status.
    pub status: Status,
    /// Instant of the status.
    pub status_date: UtcInstant,
    /// The owner's normalised e-mail. Personal.
    pub owner_email: Option<Box<str>>,
    /// The beneficiary's first and last name. Personal.
    pub beneficiary: Option<Box<str>>,
    /// The page that brought it.
    pub page: PageId,
    /// When it was written.
    pub at: Wall,
}

/// A contact that this engine created or completed.
#[derive(Clone, PartialEq, Eq)]
pub struct BoxContact {
    /// The platform.
    pub box_office: Box<str>,
    /// The organizer whose run did it last.
    pub organizer: Box<str>,
    /// Its number.
    pub contact_number: ContactNumber,
    /// Its normalised e-mail. Personal.
    pub email: Option<Box<str>>,
    /// Created by us; otherwise only completed.
    pub created: bool,
    /// `requestRef` of its creation.
    pub request_ref: Option<Box<str>>,
    /// The ticket it was for.
    pub ticket_id: Box<str>,
    /// When it was last written.
    pub at: Wall,
}

/// A distribution row that this engine wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoxDistribution {
    /// The organizer.
    pub organizer: Box<str>,
    /// Its reference.
    pub distribution_ref: Box<str>,
    /// The ticket.
    pub ticket_id: Box<str>,
    /// Who gives.
    pub old_contact: Option<Box<str>>,
    /// Who gets.
    pub new_contact: Option<Box<str>>,
    /// How far it is.
    pub status: RowStatus,
    /// Instant of the item that wrote it.
    pub row_at: UtcInstant,
    /// When it was written.
    pub at: Wall,
}

impl fmt::Debug for NewPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, items, body, .. } = self;
        write!(f, "NewPage({source:?} {items} items, {} bytes)", body.len())
    }
}

impl fmt::Debug for StoredPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, source, body, states, waiting } = self;
        let bytes = body.as_ref().map(Bytes::len);
        write!(f, "StoredPage({} {source:?} {bytes:?} bytes, {states:?}, {waiting:?})", id.0)
    }
}

impl fmt::Debug for FeedbackFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { organizer, ticket_id, email } = self;
        write!(f, "FeedbackFilter({organizer:?} {ticket_id:?} email={})", email.is_some())
    }
}

impl fmt::Debug for MobileTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ticket_id, status, status_date, .. } = self;
        write!(f, "MobileTicket({ticket_id} {status:?} {status_date:?})")
    }
}

impl fmt::Debug for BoxContact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoxContact({:?} created={})", self.contact_number, self.created)
    }
}

/// A wish to create a contact: nobody else may create one for the e-mail until it is released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// SHA-256 of the normalised e-mail.
    pub email: [u8; 32],
    /// Reference for the creation, if the e-mail has none yet.
    pub request_ref: Box<str>,
}

/// Whether a creation was sent under a claim, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentBefore {
    /// No.
    No,
    /// By this run or an earlier one of its organizer.
    Ours,
    /// By a run of another organizer, which had the claim until now and may have sent it at any time before.
    Others,
}

/// The answer to a [`Claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimAnswer {
    /// It is ours.
    Granted {
        /// The reference to be used: that of an earlier try, if there was one.
        request_ref: Box<str>,
        /// Whether an earlier try was sent and has no clear answer: look it up, and wait, before it is sent again.
        sent_before: SentBefore,
    },
    /// A run of another organizer that is alive has it.
    Busy,
}

/// Where a listing begins, and its length. Listings run from the newest to the oldest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedbackPage {
    /// Rows to pass over.
    pub offset: usize,
    /// Rows at most; capped at [`MAX_PAGE`](crate::MAX_PAGE).
    pub limit: usize,
}

/// Which records to list; `None` does not restrict.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FeedbackFilter {
    /// Of this organizer.
    pub organizer: Option<Box<str>>,
    /// Of the ticket with this id.
    pub ticket_id: Option<Box<str>>,
    /// Of the person with this normalised e-mail; distribution rows have none and ignore it.
    pub email: Option<Box<str>>,
}

/// What was removed of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Stored pages in which items were blanked.
    pub pages: u64,
    /// Items that were blanked.
    pub items: u64,
    /// Mobile tickets whose owner was blanked.
    pub tickets: u64,
    /// Contacts whose e-mail was blanked.
    pub contacts: u64,
    /// Pages with items of the person that still have to be applied and were left as they are, and pages whose body is
    /// none; ascending.
    pub kept_pages: Vec<PageId>,
}

/// What a rewind answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RewindAnswer {
    /// Done: this is the move.
    Done(Box<KeyMove>),
    /// Nothing was changed.
    Refused(RewindError),
}

/// The mobile-ticket part of a store.
#[async_trait]
pub trait FeedbackStore: Send + Sync + 'static {
    // ---- lease and runs -----------------------------------------------------------------------------------------
    /// Takes the organizer's lease, unless a run has one that has not run out, and begins a run. The token rises, and
    /// never goes down again. A run of the organizer that never ended is recorded as ERROR with [`RunError::LeaseLost`];
    /// calls without outcome get the outcome `no answer was recorded`.
    ///
    /// Who holds the lease makes no difference: the same holder is refused, too, while its run is in progress. The run
    /// that is refused is recorded with [`RunResult::Refused`].
    async fn begin_run(&self, begin: BeginRun) -> Result<BeginAnswer, StoreError>;

    /// Prolongs the lease. A lease that ran out is still ours until another takes it.
    async fn renew_lease(&self, fence: &RunFence, time_to_live: Duration) -> Result<Held<()>, StoreError>;

    /// Ends the run and gives the lease back.
    async fn end_run(&self, fence: &RunFence, end: RunEnd) -> Result<Held<()>, StoreError>;

    /// The lease of an organizer, if a run has it, run out or not.
    async fn lease(&self, organizer: &str) -> Result<Option<LeaseView>, StoreError>;

    /// Runs, newest first.
    async fn feedback_runs(&self, organizer: Option<&str>, page: FeedbackPage) -> Result<Vec<FeedbackRun>, StoreError>;

    // ---- pages and key ------------------------------------------------------------------------------------------
    /// Stores a page with its items, all pending, and moves the key, all or nothing.
    ///
    /// Refused as a defect of the caller: a key that was sent and is not the stored one (I8); a move to the empty key or
    /// to the one that was sent; a move by a file; a number of items beyond the limits; a page of a preview.
    async fn store_page(&self, fence: &RunFence, page: NewPage) -> Result<Held<PageId>, StoreError>;

    /// A stored page.
    async fn page(&self, page: PageId) -> Result<Option<StoredPage>, StoreError>;

    /// The stored key; empty if there is none.
    async fn pagination_key(&self, organizer: &str) -> Result<PaginationKey, StoreError>;

    /// Moves of the key, newest first.
    async fn key_history(&self, organizer: &str, page: FeedbackPage) -> Result<Vec<KeyMove>, StoreError>;

    /// Sets the key back to the one that move `to` stored (its `new`), or to empty for `None`, as a move of its own.
    /// Refused during a run and if there is no such move.
    ///
    /// A run whose lease has run out is over: it is recorded as by [`FeedbackStore::begin_run`], and the token rises, so
    /// that it writes nothing any more should it wake up. The audit gets its line in the same transaction.
    async fn rewind_key(
        &self,
        organizer: &str,
        to: Option<u64>,
        who: &str,
        at: Wall,
    ) -> Result<RewindAnswer, StoreError>;

    // ---- applying -----------------------------------------------------------------------------------------------
    /// Carries out what a run decided. Answers the numbers of the intents, in their order.
    ///
    /// Refused whole, as a defect of the caller:
    /// * an outcome for a call that is another run's, or has one (I9);
    /// * an item that is not there or another organizer's (I9);
    /// * a change of an item that is done, unless to done again, or failed and not blocking, unless to failed again: only
    ///   operators change it. What an operator dismissed meanwhile is passed over silently: the run could not know;
    /// * tickets, contacts or distribution rows of another organizer (I9);
    /// * a creation that is sent without the run's own claim;
    /// * an intent without items, or for an item that after the changes is done or failed: nothing is written for what is
    ///   settled, skipped items among them (I3, I10);
    /// * an intent of a preview.
    async fn write_feedback(&self, fence: &RunFence, writes: FeedbackWrites) -> Result<Held<Vec<CallId>>, StoreError>;

    /// Claims e-mails for the creation of contacts; one answer per claim, in their order. A claim whose holder's lease has
    /// run out, or carries another token now, goes to whoever asks next, with what is known of its last try. A claim
    /// lasts until it is released: a run that has it already is granted it again. Refused to a preview.
    async fn claim_contacts(
        &self,
        fence: &RunFence,
        box_office: &str,
        claims: Vec<Claim>,
    ) -> Result<Held<Vec<ClaimAnswer>>, StoreError>;

    // ---- operators ----------------------------------------------------------------------------------------------
    /// Failed items, newest first.
    async fn failed_items(&self, organizer: Option<&str>, page: FeedbackPage) -> Result<Vec<FailedItem>, StoreError>;

    /// Makes failed items pending again, blocking ones too: these, or all of the organizer. Those whose page's body is
    /// gone stay failed, others than failed ones stay as they are. Answers how many.
    async fn retry_failed(&self, organizer: &str, items: Option<&[ItemId]>) -> Result<usize, StoreError>;

    /// Takes failed items off the list without applying them, blocking ones too: they are done. Answers how many.
    async fn dismiss_failed(&self, organizer: &str, items: &[ItemId]) -> Result<usize, StoreError>;

    /// Number of items of an organizer that have to be applied: pending and blocking.
    async fn pending_items(&self, organizer: &str) -> Result<u64, StoreError>;

    /// Entries that were added to the skip list at run time, in the form of the setting, sorted.
    async fn skip_entries(&self, organizer: &str) -> Result<Vec<Box<str>>, StoreError>;

    /// Adds an entry to the skip list or removes it; false: nothing changed. Refused if it is not exactly one entry.
    async fn set_skip_entry(&self, organizer: &str, entry: &str, skipped: bool) -> Result<bool, StoreError>;

    // ---- reading ------------------------------------------------------------------------------------------------
    /// Mobile tickets, the last written first.
    async fn mobile_tickets(
        &self,
        filter: &FeedbackFilter,
        page: FeedbackPage,
    ) -> Result<Vec<MobileTicket>, StoreError>;

    /// Contacts that were created or completed, the last written first.
    async fn box_contacts(&self, filter: &FeedbackFilter, page: FeedbackPage) -> Result<Vec<BoxContact>, StoreError>;

    /// Distribution rows that were written, the last written first.
    async fn box_distributions(
        &self,
        filter: &FeedbackFilter,
        page: FeedbackPage,
    ) -> Result<Vec<BoxDistribution>, StoreError>;

    /// Write calls of a run, oldest first.
    async fn run_calls(&self, run: RunId) -> Result<Vec<CallRecord>, StoreError>;

    // ---- housekeeping -------------------------------------------------------------------------------------------
    /// Removes a person: blanks the e-mail and all personal data of items, tickets and contacts that carry it. Ids,
    /// numbers, statuses, counts and times stay. Items that are not applied yet (pending, blocking) stay whole, and their
    /// pages are named. Failed ones are blanked and stay listed; a retry applies them as they are then. Claims on the
    /// e-mail go unless a run that is alive has them or their creation was sent.
    ///
    /// Not one transaction but many short ones; a second call finishes what was broken off. Refused if `email` is none.
    async fn erase_person(&self, email: &str) -> Result<Erased, StoreError>;

    /// Deletes bodies of pages without pending, blocking or failed items, calls with an outcome and runs that ended, last
    /// touched before `before`, at most `limit` of each, the oldest first. Answers how many went.
    ///
    /// The moves of the key and the states of all items stay for ever, and of calls and runs the newest, so that no
    /// number comes twice. Not one transaction but many short ones.
    async fn purge_feedback(&self, before: Wall, limit: usize) -> Result<usize, StoreError>;
}
