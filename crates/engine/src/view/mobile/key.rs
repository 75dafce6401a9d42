//! The pagination key and its history.

use serde::Serialize;
use ticketbridge_core::mobile::{KeyMove, MoveReason, PaginationKey};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{FeedbackPage, RewindAnswer};
use utoipa::ToSchema;

use super::{Listing, MobileFault, Window};
use crate::feedback::Feedback;

/// The stored key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeyView {
    /// The organizer.
    pub organizer: String,
    /// The key, verbatim. Empty: the stream is read from its beginning.
    pub key: PaginationKey,
    /// The move that stored it; null: it has never moved.
    pub last_move: Option<KeyMoveView>,
}

/// A move of the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeyMoveView {
    /// Number within the organizer, from 1.
    pub n: u64,
    /// The organizer.
    pub organizer: String,
    /// The key before.
    pub old: PaginationKey,
    /// The key after.
    pub new: PaginationKey,
    /// Why it moved.
    pub reason: MoveReason,
    /// The page that it came with.
    pub page_id: Option<u64>,
    /// The run that stored the page.
    pub run_id: Option<u64>,
    /// Who rewound it.
    pub who: Option<String>,
    /// When.
    pub at: String,
}

impl From<KeyMove> for KeyMoveView {
    fn from(step: KeyMove) -> Self {
        let KeyMove { n, organizer, old, new, reason, page_id, run_id, who, at } = step;
        let (organizer, who, at) = (organizer.into(), who.map(String::from), at.to_rfc3339());
        Self { n, organizer, old, new, reason, page_id, run_id, who, at }
    }
}

/// The key of an organizer.
pub async fn key(feedback: &Feedback, organizer: &str) -> Result<KeyView, MobileFault> {
    feedback.function(organizer)?;
    let store = feedback.store();
    let newest = store.key_history(organizer, FeedbackPage { offset: 0, limit: 1 }).await?.into_iter().next();
    let key = store.pagination_key(organizer).await?;
    Ok(KeyView { organizer: organizer.to_owned(), key, last_move: newest.map(KeyMoveView::from) })
}

/// Moves of the key, the newest first.
pub async fn key_history(
    feedback: &Feedback,
    organizer: &str,
    window: Window,
) -> Result<Listing<KeyMoveView>, MobileFault> {
    feedback.function(organizer)?;
    let moves = feedback.store().key_history(organizer, window.checked()?).await?;
    Ok(window.listing(moves, KeyMoveView::from))
}

/// Sets the key to the one that move `to` stored, or to empty; refused during a run. Recorded as a move of its own.
pub async fn rewind_key(
    feedback: &Feedback,
    organizer: &str,
    to: Option<u64>,
    who: &str,
    at: Wall,
) -> Result<KeyMoveView, MobileFault> {
    feedback.function(organizer)?;
    match feedback.store().rewind_key(organizer, to, who, at).await? {
        RewindAnswer::Done(step) => Ok((*step).into()),
        RewindAnswer::Refused(why) => Err(MobileFault::Rewind { organizer: organizer.to_owned(), why }),
    }
}
