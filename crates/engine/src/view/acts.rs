//! What an operator may do to tickets: try again, give up, try many again.
//!
//! Guarantee: each act is recorded with who did it, and changes the row only if it still is in a state that allows it.

use futures_util::StreamExt;
use futures_util::stream;
use serde::Serialize;
use ticketbridge_core::ticket::{OriginId, State};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{Act, ActOutcome, MAX_PAGE, Page, Store, StoreError, TicketFilter};
use utoipa::ToSchema;

use super::TicketSummary;

/// Longest reason of a dismissal, in characters.
pub const MAX_REASON: usize = 500;
/// Acts of a redrive under way at once: they share the store's group commits.
pub(super) const ACTS_AT_ONCE: usize = 64;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum ActFault {
    /// No such row.
    #[error("there is no ticket {0}")]
    NoSuchTicket(OriginId),
    /// Not in this state.
    #[error("TB0601: the ticket {id} is {state}; {rule}. Nothing was changed")]
    NotAllowed {
        /// The ticket.
        id: OriginId,
        /// Its state.
        state: State,
        /// When it would be possible.
        rule: &'static str,
    },
    /// The reason of a dismissal is unusable.
    #[error("`reason` must be a text of 1 to {MAX_REASON} characters that says why the ticket is given up")]
    Reason,
    /// A redrive of other states than Error.
    #[error("a redrive is about tickets in Error; leave `state` out")]
    NotError,
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a redrive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Redriven {
    /// Tickets that go back to the step that failed.
    pub retried: u64,
    /// Tickets that left Error meanwhile; nothing was changed.
    pub skipped: u64,
    /// The limit was reached, and there are more: do the same again.
    pub more: bool,
}

/// Error → the step that failed, with a new generation of attempts; if it was ever sent, a look-up comes first.
pub async fn retry(store: &dyn Store, id: OriginId, who: &str, at: Wall) -> Result<TicketSummary, ActFault> {
    carry_out(store, id, Act::Retry, who, at).await
}

/// Received (never sent) or Error → Dismissed.
pub async fn dismiss(
    store: &dyn Store,
    id: OriginId,
    reason: &str,
    who: &str,
    at: Wall,
) -> Result<TicketSummary, ActFault> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > MAX_REASON || reason.chars().any(char::is_control) {
        return Err(ActFault::Reason);
    }
    carry_out(store, id, Act::Dismiss { reason: reason.to_owned() }, who, at).await
}

/// Retries the tickets in Error that `filter` lets through, newest first, at most `limit`; each at most once.
pub async fn redrive(
    store: &dyn Store,
    filter: &TicketFilter,
    limit: usize,
    who: &str,
    at: Wall,
) -> Result<Redriven, ActFault> {
    if filter.states.iter().any(|state| *state != State::Error) {
        return Err(ActFault::NotError);
    }
    let filter = TicketFilter { states: vec![State::Error], ..filter.clone() };
    let mut done = Redriven::default();
    let (mut before, mut left) = (None, limit);
    loop {
        let page = store.tickets(&filter, Page { before, limit: left.clamp(1, MAX_PAGE) }).await?;
        let Some(last) = page.last() else { return Ok(done) };
        if left == 0 {
            return Ok(Redriven { more: true, ..done });
        }
        before = Some(last.row.id);
        left -= page.len();
        let acts = page.into_iter().map(|view| store.act(view.row.origin, Act::Retry, who, at));
        let mut acts = stream::iter(acts).buffer_unordered(ACTS_AT_ONCE);
        while let Some(outcome) = acts.next().await {
            match outcome? {
                ActOutcome::Done(_) => done.retried += 1,
                ActOutcome::NotAllowed(_) | ActOutcome::NoSuchTicket => done.skipped += 1,
            }
        }
    }
}

async fn carry_out(store: &dyn Store, id: OriginId, act: Act, who: &str, at: Wall) -> Result<TicketSummary, ActFault> {
    let rule = match act {
        Act::Retry => "only a ticket in Error can be tried again",
        Act::Dismiss { .. } => "a ticket can be dismissed in Error, or in Received before anything was sent for it",
        Act::Reassign { .. } => "a ticket can change its backend in Received, before anything was sent for it",
        Act::Ended { .. } => "only the engine itself ends a ticket",
    };
    match store.act(id, act, who, at).await? {
        ActOutcome::Done(_) => {}
        ActOutcome::NotAllowed(state) => return Err(ActFault::NotAllowed { id, state, rule }),
        ActOutcome::NoSuchTicket => return Err(ActFault::NoSuchTicket(id)),
    }
    let view = store.ticket(id).await?.ok_or(ActFault::NoSuchTicket(id))?;
    Ok(TicketSummary::from(&view))
}
