//! The mobile-ticket job as people and machines see it: functions and their runs, the key and its history, what waits
//! for an operator, and the records, all of them masked.
//!
//! Guarantee: no personal data leaves these views unmasked: of an e-mail the first letter and the domain stay, of a name
//! the first letter.

mod acts;
mod key;
mod records;
mod runs;

use serde::Serialize;
use ticketbridge_core::mobile::RewindError;
use ticketbridge_store::{FeedbackPage, MAX_PAGE, StoreError};
use utoipa::ToSchema;

use crate::feedback::FeedbackError;

pub use super::csv::{Record, csv};
pub use acts::{
    ErasedView, FailedView, SkipChange, SkipEntry, SkipSource, change_skip_list, dismiss_failed, erase_person, failed,
    item_ids, retry_failed, skip_list,
};
pub use key::{KeyMoveView, KeyView, key, key_history, rewind_key};
pub use records::{
    ContactView, DistributionView, MobileTicketView, RecordQuery, box_contacts, box_distributions, mobile_tickets,
};
pub use runs::{CallView, FunctionView, LeaseHolder, ReportView, RunView, calls, function, functions, run, runs};

/// Why nothing was answered or done.
#[derive(Debug, thiserror::Error)]
pub enum MobileFault {
    /// No such organizer, or its function cannot be used.
    #[error(transparent)]
    Feedback(#[from] FeedbackError),
    /// The limit is out of range.
    #[error("`limit` is {0}; it must be 1 to {MAX_PAGE}")]
    Limit(usize),
    /// Not the id of an item.
    #[error("`{0}` is no id of a failed ticket; it is PAGE:POSITION, such as 12:3, from the list of failed tickets")]
    Item(String),
    /// Not one entry of a skip list.
    #[error("`{0}` is no entry of a skip list: give one ticket number, or `id:` and one ticket id, without commas")]
    Entry(String),
    /// It stands in the configuration.
    #[error(
        "`{entry}` stands in `skip_tickets` of function `{function}`; take it out of the configuration and start the service anew"
    )]
    Configured {
        /// The entry.
        entry: String,
        /// The function.
        function: String,
    },
    /// Not an e-mail.
    #[error("this is no e-mail: one `@` between non-empty ends, no white space, at most 256 characters")]
    Email,
    /// The key was not changed.
    #[error("organizer `{organizer}`: {why}. Nothing was changed")]
    Rewind {
        /// The organizer.
        organizer: String,
        /// Why not.
        why: RewindError,
    },
}

impl From<StoreError> for MobileFault {
    fn from(error: StoreError) -> Self {
        Self::Feedback(FeedbackError::Store(error))
    }
}

/// A part of a listing that runs from the newest to the oldest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Listing<T> {
    /// The rows.
    pub items: Vec<T>,
    /// `offset` of the rows that follow; null: there are none.
    pub next: Option<usize>,
}

/// Which part of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows to pass over.
    pub offset: usize,
    /// Rows at most.
    pub limit: usize,
}

impl Window {
    /// The first rows.
    pub fn first(limit: usize) -> Self {
        Self { offset: 0, limit }
    }

    fn checked(self) -> Result<FeedbackPage, MobileFault> {
        match self.limit {
            1..=MAX_PAGE => Ok(FeedbackPage { offset: self.offset, limit: self.limit }),
            limit => Err(MobileFault::Limit(limit)),
        }
    }

    fn listing<T, V>(self, rows: Vec<T>, view: impl Fn(T) -> V) -> Listing<V> {
        let next = (rows.len() == self.limit).then_some(self.offset.saturating_add(self.limit));
        Listing { items: rows.into_iter().map(view).collect(), next }
    }
}
