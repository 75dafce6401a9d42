//! What became of writes, items and runs (TIXNGO contract §6.3 step 11 and §7).

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cursor::PaginationKey;
use super::plan::{Discrepancy, Effect};

/// Why an item failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FailureCode {
    /// `ticketId` is not a text of 1 to 256 characters.
    BadItem,
    /// The status is none of the 19, or none of the V4 model.
    UnknownStatus,
    /// `updatedAt` is not an RFC 3339 instant.
    BadField,
    /// S-360 does not know the ticket.
    UnknownTicket,
    /// TIXNGO and S-360 give the ticket different numbers.
    TaxNumberMismatch,
    /// The ticket's organization is not among those that may be written.
    UnknownOrganization,
    /// S-360 refused a write for good, with this code.
    Refused(Box<str>),
}

impl FailureCode {
    /// The code as it is stored and shown.
    pub fn as_str(&self) -> &str {
        match self {
            Self::BadItem => "BAD_ITEM",
            Self::UnknownStatus => "UNKNOWN_STATUS",
            Self::BadField => "BAD_FIELD",
            Self::UnknownTicket => "UNKNOWN_TICKET",
            Self::TaxNumberMismatch => "TAX_NUMBER_MISMATCH",
            Self::UnknownOrganization => "UNKNOWN_ORGANIZATION",
            Self::Refused(code) => code,
        }
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// S-360's answer to one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteAnswer {
    /// Done.
    Confirmed,
    /// Not done, with S-360's code. `retryable` is S-360's word, whatever the code is.
    Refused {
        /// S-360's code.
        code: Box<str>,
        /// Whether it may go well later.
        retryable: bool,
    },
    /// Lost, unreadable, a failed call, or without a result for this write: it may have been done.
    Ambiguous,
    /// S-360 answered 400, 401, 403 or 404 to the whole call: nothing was done, and it is no fault of this item.
    CallRefused,
}

/// How an item goes on after a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterWrite {
    /// With its next write.
    GoOn,
    /// It has failed; its later writes are not made.
    Fail(FailureCode),
    /// It stays pending, and is decided again from the start.
    Wait,
    /// It stays pending, and so do all others: applying stops, with [`RunError::BoxOfficeSetUp`].
    StopRun,
}

impl WriteAnswer {
    /// How the item goes on.
    pub fn judge(self) -> AfterWrite {
        match self {
            Self::Confirmed => AfterWrite::GoOn,
            Self::Refused { code, retryable: false } => AfterWrite::Fail(FailureCode::Refused(code)),
            Self::Refused { retryable: true, .. } | Self::Ambiguous => AfterWrite::Wait,
            Self::CallRefused => AfterWrite::StopRun,
        }
    }
}

/// What became of one item in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemOutcome {
    /// All its writes are confirmed.
    Updated,
    /// It was stored already.
    Unchanged,
    /// Something later is stored.
    Stale,
    /// It is on the skip list.
    Skipped,
    /// A ticket error.
    Failed(FailureCode),
    /// It waits for a retry.
    Pending,
}

/// How a stored item stands after a run has dealt with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// To be applied by this run or the next.
    Pending,
    /// Handled.
    Done,
    /// Failed; not considered again unless an operator says so.
    Failed,
    /// Failed in strict mode; each next run tries it first.
    Blocking,
}

/// Whether the run goes on after an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStep {
    /// With the next item.
    GoOn,
    /// No later item is applied and no page fetched; the result is ERROR.
    Stop,
}

/// What an item's outcome means for the item and for the run; `continue_on_error` is the setting
/// `continue_on_sync_error`.
pub fn settle(outcome: &ItemOutcome, continue_on_error: bool) -> (ItemState, RunStep) {
    match outcome {
        ItemOutcome::Updated | ItemOutcome::Unchanged | ItemOutcome::Stale | ItemOutcome::Skipped => {
            (ItemState::Done, RunStep::GoOn)
        }
        ItemOutcome::Failed(_) if continue_on_error => (ItemState::Failed, RunStep::GoOn),
        ItemOutcome::Failed(_) => (ItemState::Blocking, RunStep::Stop),
        ItemOutcome::Pending => (ItemState::Pending, RunStep::GoOn),
    }
}

/// The counters of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are the contract's own")]
#[schema(as = RunCounters)]
pub struct Counters {
    pub received: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub stale: u64,
    pub skipped: u64,
    pub failed: u64,
    pub pending: u64,
    pub contacts_created: u64,
    pub contacts_updated: u64,
    pub rows_inserted: u64,
    pub rows_changed: u64,
    pub cultural_contacts_changed: u64,
    pub discrepancies: u64,
    pub pages: u64,
    pub key_before: PaginationKey,
    pub key_after: PaginationKey,
}

impl Counters {
    /// Counts an item.
    pub fn count_outcome(&mut self, outcome: &ItemOutcome) {
        *match outcome {
            ItemOutcome::Updated => &mut self.updated,
            ItemOutcome::Unchanged => &mut self.unchanged,
            ItemOutcome::Stale => &mut self.stale,
            ItemOutcome::Skipped => &mut self.skipped,
            ItemOutcome::Failed(_) => &mut self.failed,
            ItemOutcome::Pending => &mut self.pending,
        } += 1;
    }

    /// Counts a confirmed write.
    pub fn count_effect(&mut self, effect: Effect) {
        *match effect {
            Effect::ContactCreated => &mut self.contacts_created,
            Effect::ContactUpdated => &mut self.contacts_updated,
            Effect::RowInserted => &mut self.rows_inserted,
            Effect::RowChanged => &mut self.rows_changed,
            Effect::CulturalContactChanged => &mut self.cultural_contacts_changed,
            // Counted as the item's outcome.
            Effect::MobileStored => return,
        } += 1;
    }

    /// Counts what an item's plan found odd.
    pub fn count_discrepancies(&mut self, found: &[Discrepancy]) {
        self.discrepancies += found.len() as u64;
    }
}

/// What ended a run before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunError {
    /// The diff call failed.
    DiffCall,
    /// S-360 answered 400, 401, 403 or 404 to a whole call.
    BoxOfficeSetUp,
    /// An item failed in strict mode.
    StrictStop,
    /// The uploaded file is no page.
    UnreadableFile,
    /// Another process took the lease.
    LeaseLost,
    /// The store refused a write.
    Store,
}

/// Result of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunResult {
    /// Nothing failed and nothing is left.
    Ok,
    /// Items failed or are pending, or the key did not advance.
    Warning,
    /// The run ended before its time.
    Error,
    /// The lease was busy: not a run, only recorded.
    Refused,
}

impl RunResult {
    /// Its word, as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Refused => "REFUSED",
        }
    }
}

/// The result of a run that held the lease.
pub fn run_result(counters: &Counters, key_not_advanced: bool, error: Option<RunError>) -> RunResult {
    if error.is_some() {
        RunResult::Error
    } else if counters.failed > 0 || counters.pending > 0 || key_not_advanced {
        RunResult::Warning
    } else {
        RunResult::Ok
    }
}

/// Whether the error recipients get an e-mail: one per run with result ERROR or with failed items.
pub fn tells_recipients(counters: &Counters, result: RunResult) -> bool {
    result == RunResult::Error || counters.failed > 0
}
