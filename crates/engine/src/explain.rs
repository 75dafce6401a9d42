//! The whole story of one ticket: where it came from and on what evidence, each request with what was said, each wait and
//! why, look-ups, what operators did, where it stands and what comes next.
//!
//! Put together from what is there already: row, journal and acts in the main store, and, where they are still kept,
//! exchanges and platform events in the file beside it. Only reads; a story can be told beside a running service and
//! without one. What is not kept any more is said, with the reason.
//!
//! Limits: 200 look-ups, 1,000 exchanges per request; bodies as they were kept, 8 KiB each.

mod came_from;
mod find;
mod next;
mod text;
mod waits;

use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;
use ticketbridge_config::Config;
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::OriginId;
use ticketbridge_core::time::Wall;
use ticketbridge_store::exchanges::{About, EventKind, Exchange, ExchangeId, ExchangeReader, PlatformEvent, Subject};
use ticketbridge_store::{Store, StoreError, TicketView};

use crate::exchanges::{ExchangeDetail, Exchanges, FAILED_SHARE, read_at};
use crate::view::{Moment, TicketSummary, TimelineEntry, moments};

pub use came_from::{CameFrom, Evidence as NetworkEvidence, RunView};
pub use find::{Match, find};
pub use next::Present;
pub use text::text;
pub use waits::{Reason, Wait, Why};

/// The form of a story; raised when a member changes its meaning or goes.
pub const SCHEMA: &str = "ticketbridge-explain/1";
/// Most look-ups told.
const MAX_LOOK_UPS: usize = 200;

/// The story of a ticket.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Story {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// When it was told.
    pub told_at: String,
    /// The ticket as in a list.
    pub ticket: TicketSummary,
    /// Raised by each operator retry.
    pub generation: u32,
    /// The ticket as received or built.
    pub body: Value,
    /// Where it came from.
    pub came_from: CameFrom,
    /// What happened, by time.
    pub story: Vec<Entry>,
    /// Where it stands, and what comes next.
    pub now: Present,
}

/// One thing in a story. Its `entry` says which.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Entry {
    /// `received`, `act`: as in the timeline.
    Happened(TimelineEntry),
    /// `request`: as in the timeline, with what was said.
    Request {
        /// As in the timeline.
        #[serde(flatten)]
        request: TimelineEntry,
        /// Its exchanges, with what was read back of it, oldest first.
        exchanges: Vec<ExchangeDetail>,
        /// Why an exchange or its bodies are missing; null: nothing is.
        not_kept: Option<String>,
    },
    /// `wait`.
    Wait(Wait),
    /// `look_up`.
    LookUp(LookUp),
    /// `compared`.
    Compared(Compared),
}

/// A look-up that asked about this ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LookUp {
    /// `look_up`.
    pub entry: &'static str,
    /// When its answer came, or failed to.
    pub at: String,
    /// Whom.
    pub platform: String,
    /// What was looked for: `tickets`, `notes`, `work_orders`.
    pub purpose: About,
    /// Number of the exchange.
    pub exchange: ExchangeId,
    /// What was found; null: not known, or there was no answer.
    pub found: Option<Found>,
    /// Why there is no answer.
    pub fault: Option<String>,
}

/// What a look-up found, as far as what is kept of its answer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// A record with this ticket's origin id.
    Ours,
    /// A record with its key, and not its origin id.
    Another,
    /// Neither.
    Nothing,
}

/// The comparison with the open tickets that decided between note and create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// `compared`.
    pub entry: &'static str,
    /// When the last page of the open tickets came.
    pub at: String,
    /// Whose.
    pub platform: String,
    /// Number of that exchange.
    pub exchange: ExchangeId,
    /// An open ticket with its key was among them.
    pub found: bool,
}

/// Where exchanges are.
#[derive(Clone)]
pub enum Source {
    /// Those of this process, what is on its way to the file included.
    Live(Exchanges),
    /// A file that another process writes, or wrote.
    File(PathBuf),
}

/// What is read beside the main store.
#[derive(Default)]
struct Evidence {
    /// When the file was made and when its oldest exchange ended; `None`: there is none.
    since: Option<(Wall, Option<Wall>)>,
    events: Vec<PlatformEvent>,
    /// Per request, in order.
    requests: Vec<Vec<(Exchange, ExchangeDetail)>>,
    look_ups: Vec<(Wall, LookUp)>,
    compared: Vec<(Wall, Compared)>,
    /// Why it could not be read.
    fault: Option<String>,
}

/// The story of a ticket; `None`: there is no such row.
pub async fn explain(
    config: &Config,
    store: &dyn Store,
    exchanges: Source,
    origin: OriginId,
    now: Wall,
) -> Result<Option<Story>, StoreError> {
    let Some(view) = store.ticket(origin).await? else { return Ok(None) };
    let moments = moments(store, &view).await?;
    let evidence = evidence(exchanges, &view, &moments).await;
    let ended = evidence.requests.iter().filter_map(|request| request.last().map(|(exchange, _)| exchange));
    let answered = ended.filter_map(|exchange| Some((exchange.batch?.0, exchange.at))).collect();
    let events = &evidence.events;
    let circumstances = waits::Circumstances::gather(config, store, &view, &moments, events, &answered, now).await?;
    let waits = circumstances.waits();
    let present = next::present(config, store, &view, &circumstances).await?;
    let came_from = came_from::came_from(store, &view).await?;
    let entries = put_together(&view, moments, waits, evidence, now);
    Ok(Some(Story {
        schema: SCHEMA,
        told_at: now.to_rfc3339(),
        ticket: TicketSummary::from(&view),
        generation: view.row.generation,
        body: serde_json::from_str(&view.body.body).unwrap_or_else(|_| Value::from(&*view.body.body)),
        came_from,
        story: entries,
        now: present,
    }))
}

/// Exchanges and events, as far as they are kept. A file that cannot be read is no reason to tell no story.
async fn evidence(source: Source, view: &TicketView, moments: &[Moment]) -> Evidence {
    let (view, moments) = (view.clone(), moments.to_vec());
    let read = move |reader: Option<&ExchangeReader>| match reader {
        Some(reader) => read_evidence(reader, &view, &moments),
        None => Ok(Evidence::default()),
    };
    let read = match source {
        Source::Live(exchanges) => exchanges.read(read).await,
        Source::File(path) => read_at(Some(path), read).await,
    };
    read.unwrap_or_else(|error| Evidence { fault: Some(error.to_string()), ..Evidence::default() })
}

fn read_evidence(reader: &ExchangeReader, view: &TicketView, moments: &[Moment]) -> Result<Evidence, StoreError> {
    let row = &view.row;
    let mut requests = Vec::new();
    let mut compared = Vec::new();
    let mut before = view.body.received_at;
    for moment in moments {
        if let TimelineEntry::Request { batch, operation, .. } = &moment.entry {
            let found = reader.of_batch(ticketbridge_core::delivery::BatchId(*batch))?;
            let details =
                found.into_iter().map(|exchange| Ok((exchange.clone(), ExchangeDetail::read(reader, exchange)?)));
            requests.push(details.collect::<Result<Vec<_>, StoreError>>()?);
            if matches!(operation, Operation::CreateTicket | Operation::AddNote) {
                let last = reader.of_retrievals(view.platform.as_str(), before, moment.at, 1)?.pop();
                compared.extend(last.map(|last| {
                    let found = *operation == Operation::AddNote;
                    let at = last.at.to_rfc3339();
                    (last.at, Compared { entry: "compared", at, platform: last.platform, exchange: last.id, found })
                }));
            }
        }
        before = before.max(moment.over.unwrap_or(moment.at));
    }
    let mut subjects = vec![Subject::Origin(row.origin), Subject::Key(row.key.to_string())];
    subjects.extend(row.ticket.iter().map(|ticket| Subject::Ticket(ticket.number.clone())));
    let mut look_ups = Vec::new();
    let asked = reader.of_look_ups(&subjects)?;
    let ours = asked.into_iter().filter(|exchange| exchange.at >= view.body.received_at);
    for exchange in ours.collect::<Vec<_>>().into_iter().rev().take(MAX_LOOK_UPS).rev() {
        let answer = reader.bodies(exchange.id)?.map(|bodies| bodies.answer);
        let found = answer.filter(|_| !exchange.failed).and_then(|answer| found(&answer, view));
        let fault = Some(exchange.fault.clone())
            .filter(|fault| !fault.is_empty())
            .or_else(|| exchange.status.filter(|_| exchange.failed).map(|status| format!("answered {status}")));
        let look_up = LookUp {
            entry: "look_up",
            at: exchange.at.to_rfc3339(),
            platform: exchange.platform,
            purpose: exchange.about,
            exchange: exchange.id,
            found,
            fault,
        };
        look_ups.push((exchange.at, look_up));
    }
    let (since, events) = (Some(reader.since()?), reader.events()?);
    Ok(Evidence { since, events, requests, look_ups, compared, fault: None })
}

/// What an answer shows of a ticket. One that was cut tells only what it still has.
fn found(answer: &str, view: &TicketView) -> Option<Found> {
    if answer.contains(&view.row.origin.to_string()) {
        return Some(Found::Ours);
    }
    let key = Value::from(view.row.key.as_str()).to_string();
    if answer.contains(&key) {
        Some(Found::Another)
    } else if answer.ends_with(" bytes)") {
        None
    } else {
        Some(Found::Nothing)
    }
}

/// All of it, by time.
fn put_together(
    view: &TicketView,
    moments: Vec<Moment>,
    waits: Vec<(Wall, Wait)>,
    evidence: Evidence,
    now: Wall,
) -> Vec<Entry> {
    let Evidence { since, events, requests, look_ups, compared, fault } = evidence;
    let mut requests = requests.into_iter();
    let mut entries: Vec<(Wall, u8, Entry)> = Vec::new();
    for Moment { at, over, entry } in moments {
        let entry = match entry {
            request @ TimelineEntry::Request { .. } => {
                let exchanges = requests.next().unwrap_or_default();
                let span = (at, over.unwrap_or(now));
                let not_kept = not_kept(&exchanges, span, since, &events, fault.as_deref(), now);
                let exchanges = exchanges.into_iter().map(|(_, detail)| detail).collect();
                Entry::Request { request, exchanges, not_kept }
            }
            other => Entry::Happened(other),
        };
        entries.push((at, 1, entry));
    }
    entries.extend(waits.into_iter().map(|(at, wait)| (at, 2, Entry::Wait(wait))));
    entries.extend(compared.into_iter().map(|(at, compared)| (at, 3, Entry::Compared(compared))));
    entries.extend(look_ups.into_iter().map(|(at, look_up)| (at, 3, Entry::LookUp(look_up))));
    debug_assert!(entries.iter().any(|(at, ..)| *at == view.body.received_at), "it came in");
    entries.sort_by_key(|(at, rank, _)| (*at, *rank));
    entries.into_iter().map(|(_, _, entry)| entry).collect()
}

/// Why the exchange of a request, or its bodies, are not there.
fn not_kept(
    exchanges: &[(Exchange, ExchangeDetail)],
    (from, to): (Wall, Wall),
    since: Option<(Wall, Option<Wall>)>,
    events: &[PlatformEvent],
    fault: Option<&str>,
    now: Wall,
) -> Option<String> {
    if !exchanges.is_empty() {
        let heads = || exchanges.iter().filter(|(_, detail)| detail.request.is_none());
        let why = if heads().any(|(exchange, _)| exchange.failed) {
            format!("more failed per second than {FAILED_SHARE} times `retention.exchanges_rate` lets keep")
        } else {
            String::from(
                "more was exchanged per second than `retention.exchanges_rate` lets keep, and all of it went well",
            )
        };
        return heads().next().map(|_| why);
    }
    if let Some(fault) = fault {
        return Some(fault.to_owned());
    }
    let Some((made, oldest)) = since else {
        return Some(String::from("there is no file of exchanges yet; `ticketbridge serve` makes one"));
    };
    let lost = events.iter().filter(|event| event.kind == EventKind::ExchangesLost);
    let lost = lost.into_iter().find(|event| event.at <= to && event.until.is_none_or(|until| until >= from));
    if to < made {
        Some(format!("the file of exchanges was made anew at {}", made.to_rfc3339()))
    } else if oldest.is_some_and(|oldest| to < oldest) {
        Some(String::from("older than `retention.exchanges` and `retention.exchanges_size` keep"))
    } else if let Some(event) = lost {
        Some(format!("{} exchanges of that time were dropped: they came faster than they could be written", event.text))
    } else if now.since(from).as_secs() < 2 {
        Some(String::from("not written yet"))
    } else {
        Some(String::from("nothing was sent, or the service ended before it was written"))
    }
}
