//! A ticket's story: when it came in, which requests carried it and what became of each, what operators did.

use serde::Serialize;
use ticketbridge_core::delivery::Settled;
use ticketbridge_core::effect::{Operation, Outcome, RemoteIds};
use ticketbridge_core::ticket::{BackendName, OriginId, PlatformName, State};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{Act, ActRecord, Store, StoreError, TicketView, TrailEntry};
use utoipa::ToSchema;

/// One thing that happened to a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum TimelineEntry {
    /// It came in, durably.
    Received {
        /// When.
        at: String,
        /// The sender's id of the message.
        message_id: String,
    },
    /// A request carried it.
    Request {
        /// When its intent was committed, before the socket opened.
        at: String,
        /// The batch: one intent, one request.
        batch: i64,
        /// What it was to do.
        operation: Operation,
        /// Where.
        #[schema(value_type = String)]
        platform: PlatformName,
        /// How many tickets it carried.
        batch_size: usize,
        /// SHA-256 of its body, hexadecimal.
        body_hash: String,
        /// `applied`, `refused`, `unavailable`, `unknown`; null: not known (yet).
        #[schema(value_type = Option<String>)]
        outcome: Option<&'static str>,
        /// The platform's own code of a refusal.
        code: Option<String>,
        /// The platform's own words, or what happened.
        message: Option<String>,
        /// Ids that the platform gave.
        ids: Option<RemoteIds>,
        /// How the outcome became known: `answer` or `look_up`.
        known_by: Option<Settled>,
        /// When the outcome was stored.
        settled_at: Option<String>,
        /// The state that the ticket went on to.
        next_state: Option<State>,
    },
    /// An operator did something.
    Act {
        /// When.
        at: String,
        /// Who: the name of a token, `api` or `cli`.
        who: String,
        /// `retry`, `dismiss` or `reassign`.
        #[schema(value_type = String)]
        act: &'static str,
        /// Of a dismissal: why.
        reason: Option<String>,
        /// Of a reassignment: to which backend.
        #[schema(value_type = Option<String>)]
        backend: Option<BackendName>,
    },
}

/// A ticket's story, by time; `None`: there is no such row.
pub async fn timeline(store: &dyn Store, origin: OriginId) -> Result<Option<Vec<TimelineEntry>>, StoreError> {
    match store.ticket(origin).await? {
        Some(view) => timeline_of(store, &view).await.map(Some),
        None => Ok(None),
    }
}

/// The story of a ticket that was read already.
pub(super) async fn timeline_of(store: &dyn Store, view: &TicketView) -> Result<Vec<TimelineEntry>, StoreError> {
    Ok(moments(store, view).await?.into_iter().map(|moment| moment.entry).collect())
}

/// One thing that happened to a ticket, with its instants as such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// When it began.
    pub(crate) at: Wall,
    /// When it was over: of a request, when its outcome was stored; `None`: it is not.
    pub(crate) over: Option<Wall>,
    /// What.
    pub(crate) entry: TimelineEntry,
}

/// What happened to a ticket, by time.
pub(crate) async fn moments(store: &dyn Store, view: &TicketView) -> Result<Vec<Moment>, StoreError> {
    let at = view.body.received_at;
    let entry = TimelineEntry::Received { at: at.to_rfc3339(), message_id: view.body.message_id.clone() };
    let mut moments = vec![Moment { at, over: Some(at), entry }];
    moments.extend(store.trail(view.row.id).await?.into_iter().map(request));
    moments.extend(store.acts(view.row.id).await?.into_iter().map(act));
    // Both lists are in order; a stable sort keeps what happened within one millisecond as it was.
    moments.sort_by_key(|moment| moment.at);
    Ok(moments)
}

fn request(entry: TrailEntry) -> Moment {
    let over = entry.result.as_ref().map(|(_, at)| *at);
    let (known_by, settled_at, next_state, outcome) = match entry.result {
        Some((result, at)) => (Some(result.by), Some(at.to_rfc3339()), Some(result.next), Some(result.outcome)),
        None => (None, None, None, None),
    };
    let (outcome, ids, code, message) = match outcome {
        None => (None, None, None, None),
        Some(Outcome::Applied { ids }) => (Some("applied"), Some(ids), None, None),
        Some(Outcome::Refused { code, message, .. }) => {
            (Some("refused"), None, Some(code).filter(|code| !code.is_empty()), Some(message))
        }
        Some(Outcome::Unavailable { why }) => (Some("unavailable"), None, None, Some(why)),
        Some(Outcome::Unknown { why }) => (Some("unknown"), None, None, Some(why)),
    };
    let shown = TimelineEntry::Request {
        at: entry.at.to_rfc3339(),
        batch: entry.batch.0,
        operation: entry.operation,
        platform: entry.platform,
        batch_size: entry.items,
        body_hash: entry.body_hash,
        outcome,
        code,
        message,
        ids,
        known_by,
        settled_at,
        next_state,
    };
    Moment { at: entry.at, over, entry: shown }
}

fn act(record: ActRecord) -> Moment {
    let (act, reason, backend) = match record.act {
        Act::Retry => ("retry", None, None),
        Act::Dismiss { reason } => ("dismiss", Some(reason), None),
        Act::Reassign { backend, .. } => ("reassign", None, Some(backend)),
        Act::Ended { state, reason, .. } => (if state == State::Error { "fail" } else { "complete" }, reason, None),
    };
    let shown = TimelineEntry::Act { at: record.at.to_rfc3339(), who: record.who, act, reason, backend };
    Moment { at: record.at, over: Some(record.at), entry: shown }
}
