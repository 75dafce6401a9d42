//! The pagination key: when it moves, and the history of its moves (TIXNGO contract §5).
//!
//! Pure decisions. That a move commits in one transaction with its page is the store's matter.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::page::Page;
use crate::time::Wall;

/// TIXNGO's opaque place in its stream of changes, verbatim. Empty: from the beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct PaginationKey(Box<str>);

impl PaginationKey {
    /// The key, verbatim.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the stream is read from its beginning.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for PaginationKey {
    fn from(key: &str) -> Self {
        Self(key.into())
    }
}

/// Where a page came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageSource {
    /// The diff endpoint.
    Diff,
    /// A file that an operator uploaded. Neither reads nor changes the key.
    File,
}

/// What a page does to the stored key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// The new key is stored, in the transaction that stores the page; the next page may be fetched in this run.
    Advance(PaginationKey),
    /// The key stays, as it should: the end of the stream, or a file. No further page in this run.
    Keep,
    /// The key stays although items came (`KEY_NOT_ADVANCED`). They are stored and applied; no further page in this
    /// run, and its result is at least WARNING.
    NotAdvanced,
}

/// What `page`, the answer to a call with `sent`, does to the stored key.
pub fn turn(source: PageSource, sent: &PaginationKey, page: &Page<'_>) -> Turn {
    match &page.next_key {
        _ if source == PageSource::File || page.items.is_empty() => Turn::Keep,
        Some(next) if next != sent && !next.is_empty() => Turn::Advance(next.clone()),
        _ => Turn::NotAdvanced,
    }
}

/// Why a key moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MoveReason {
    /// A page was stored.
    Page,
    /// An operator rewound it.
    Rewind,
}

/// One move of the key. Kept for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyMove {
    /// Number of the move within the organizer, from 1, without gaps.
    pub n: u64,
    /// The organizer whose key it is.
    pub organizer: Box<str>,
    /// The key before.
    pub old: PaginationKey,
    /// The key after.
    pub new: PaginationKey,
    /// Why.
    pub reason: MoveReason,
    /// The page that it came with.
    pub page_id: Option<u64>,
    /// The run that stored the page.
    pub run_id: Option<u64>,
    /// The operator who rewound it.
    pub who: Option<Box<str>>,
    /// When.
    pub at: Wall,
}

/// Why a rewind is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RewindError {
    /// A run is in progress.
    #[error("a run of this organizer is in progress; rewind after it has ended")]
    RunInProgress,
    /// TIXNGO never answered this key.
    #[error("the key was never this organizer's; rewind to the empty key or to one of its history")]
    NotInHistory,
}

/// Whether an operator may set the key to `to`: to empty, or to any key of the history, while no run is in progress.
pub fn rewind(history: &[KeyMove], to: &PaginationKey, is_running: bool) -> Result<(), RewindError> {
    if is_running {
        return Err(RewindError::RunInProgress);
    }
    let is_known = to.is_empty() || history.iter().any(|step| step.old == *to || step.new == *to);
    if is_known { Ok(()) } else { Err(RewindError::NotInHistory) }
}
