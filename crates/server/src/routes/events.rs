//! What happens, as it happens: server-sent events.
//!
//! Guarantee: who comes back with `Last-Event-ID` misses nothing and hears nothing twice, or is told by `reset` to read
//! anew. A stop of the server ends the answer at once; a token that is revoked or has ended, with the next event or
//! heartbeat after that is known. Limits: [`MAX_LISTENERS`] at once, [`MAX_EVENTS`] asked for.

use std::convert::Infallible;

use axum::extract::{FromRef, State};
use axum::http::HeaderMap;
use axum::response::sse::{self, Sse};
use futures_util::stream::{self, Stream};
use ticketbridge_engine::events::{EventId, EventKind, Published, Subscription};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};

use super::{Desk, Office};
use crate::access::Stranger;
use crate::extract::Params;
use crate::limits::{HEARTBEAT, MAX_EVENTS, MAX_LISTENERS, RECONNECT_AFTER};
use crate::problem::Problem;

/// `GET /api/v1/events[?types=a,b][&limit=N][&after=ID]`: events until the listener goes, or the server.
pub(super) async fn listen(
    State(office): State<Office>,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, Problem> {
    let desk = Desk::from_ref(&office);
    let kinds = kinds(params.one("types")?.as_deref())?;
    let limit = params.number("limit")?;
    let after = after(&headers, params.one("after")?)?;
    params.finish()?;
    if limit.is_some_and(|limit| !(1..=MAX_EVENTS).contains(&limit)) {
        return Err(Problem::bad_request(format!("`limit` must be a whole number from 1 to {MAX_EVENTS}")));
    }
    let Ok(slot) = desk.listeners.clone().try_acquire_owned() else {
        let detail = format!("{MAX_LISTENERS} callers listen to events already");
        return Err(Problem::unavailable(detail, "End listeners that are not needed, and try again."));
    };
    let listener = Listener {
        subscription: desk.app.events.subscribe(after, &kinds),
        left: limit,
        greeted: false,
        quiet_until: Instant::now() + HEARTBEAT,
        stopped: desk.stopped.clone(),
        office,
        headers,
        _slot: slot,
    };
    let events = stream::unfold(listener, async |mut listener| Some((Ok(listener.next().await?), listener)));
    Ok(Sse::new(events))
}

fn kinds(text: Option<&str>) -> Result<Vec<EventKind>, Problem> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let kinds = text.split(',').map(|word| word.trim().parse::<EventKind>());
    kinds.collect::<Result<_, _>>().map_err(|error| Problem::bad_request(format!("`types`: {error}")))
}

/// Where a listener goes on. A browser that reconnects sends the header, whatever stands in the address.
fn after(headers: &HeaderMap, parameter: Option<String>) -> Result<Option<EventId>, Problem> {
    let (name, text) = match headers.get("last-event-id") {
        Some(value) if !value.is_empty() => ("Last-Event-ID", value.to_str().unwrap_or_default().to_owned()),
        _ => match parameter {
            Some(text) => ("after", text),
            None => return Ok(None),
        },
    };
    text.parse().map(Some).map_err(|error| Problem::bad_request(format!("`{name}`: {error}")))
}

/// Somebody who listens.
struct Listener {
    subscription: Subscription,
    /// Events that are still wanted; `None`: all that come.
    left: Option<usize>,
    greeted: bool,
    quiet_until: Instant,
    stopped: watch::Receiver<bool>,
    office: Office,
    /// What says who listens.
    headers: HeaderMap,
    _slot: OwnedSemaphorePermit,
}

impl Listener {
    /// What is written next; `None`: it is over.
    async fn next(&mut self) -> Option<sse::Event> {
        if !self.greeted {
            self.greeted = true;
            let greeting = sse::Event::default().retry(RECONNECT_AFTER);
            // Who goes before the first event comes back to this very place.
            return Some(if self.subscription.is_lost() { greeting } else { greeting.id(self.position()) });
        }
        if self.left == Some(0) {
            return None;
        }
        let published = tokio::select! {
            biased;
            _said_or_gone = self.stopped.wait_for(|stopped| *stopped) => return None,
            published = self.subscription.next() => Some(published),
            () = sleep_until(self.quiet_until) => None,
        };
        if !self.may_listen().await {
            return None;
        }
        self.quiet_until = Instant::now() + HEARTBEAT;
        let Some(published) = published else {
            // Names the place, too: events that were not asked for are behind the listener then.
            return Some(sse::Event::default().comment("").id(self.position()));
        };
        self.left = self.left.map(|left| left - 1);
        Some(written(&published))
    }

    /// Whether who listens is still let in. A store that cannot be read is no reason to go.
    async fn may_listen(&self) -> bool {
        let desk = Desk::from_ref(&self.office);
        !matches!(
            desk.access.caller(&desk.app, &self.headers, "/api/v1/events").await,
            Err(Stranger::NoToken | Stranger::NoSession | Stranger::WrongToken)
        )
    }

    fn position(&self) -> String {
        self.subscription.position().to_string()
    }
}

fn written(published: &Published) -> sse::Event {
    let Published { id, event } = published;
    // Texts, numbers and lists of them: there is nothing that JSON could refuse.
    let data = serde_json::to_string(event).unwrap_or_default();
    sse::Event::default().id(id.to_string()).event(event.name()).data(data)
}
