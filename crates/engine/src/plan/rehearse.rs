//! The lifecycle's own decisions on real answers, with nobody there to commit or send.
//!
//! A `Delivery` that is restricted to the tickets of the plan, and lets each go as far as its decision. Its look-ups are
//! asked for real; its transactions are taken note of and called durable; it never gets to a request, and if it formed
//! one all the same, the rehearsal ends there. No timer ever fires: what would have to wait is told as waiting.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use ticketbridge_core::delivery::{
    Chosen, Command, Delivery, Event, Fence, LaneId, LaneTaken, OpenTicket, Receipt, Report, Restriction, Settings,
    Standing, Stop, Writes,
};
use ticketbridge_core::effect::{Found, LookUpFault, Query, RemoteTicket};
use ticketbridge_core::ticket::{DedupeKey, PlatformName, State, TicketId};
use ticketbridge_core::time::Mono;

use super::collect::{Candidate, Collected};
use super::{PlanError, PlanOptions, PlannedPlatform};
use crate::delivery::stop_document;
use crate::identity;

/// A lease without an end: there is none.
const FOREVER: Mono = Mono(u64::MAX / 2);

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Rehearsal {
    /// Where each candidate stands.
    pub(super) standings: BTreeMap<TicketId, Standing>,
    /// Candidates that would end in Error at once, or wait, and why.
    pub(super) held_up: BTreeMap<TicketId, String>,
    /// The platforms, as they were met.
    pub(super) platforms: BTreeMap<PlatformName, PlannedPlatform>,
    /// The open tickets that were seen, by key.
    pub(super) open: BTreeMap<(PlatformName, DedupeKey), Vec<RemoteTicket>>,
}

/// Rehearses. Rows lose their back-off: a plan is about what comes, not about when.
pub(super) async fn rehearse(
    options: &PlanOptions,
    settings: Arc<Settings>,
    collected: &mut Collected,
) -> Result<Rehearsal, PlanError> {
    for candidate in &mut collected.candidates {
        candidate.row.due_at = None;
        candidate.row.reason = None;
    }
    let mut rehearsal = Rehearsal::default();
    let choose = |candidate: &Candidate| {
        let row = &candidate.row;
        (row.id, Chosen { generation: row.generation, backend: row.backend.clone(), expected: None })
    };
    let restriction = Restriction::new(collected.candidates.iter().map(choose).collect(), BTreeSet::new());
    let mut delivery = Delivery::new(settings, identity::number()).restricted(restriction);
    let mut events = lanes(options, collected, &mut rehearsal).await?;
    let mut asking = FuturesUnordered::new();
    let mut commands = Vec::new();
    loop {
        let event = match events.pop_front() {
            Some(event) => event,
            None => match asking.next().await {
                Some((name, query, event)) => {
                    rehearsal.look_at(&name, &query, &event);
                    event
                }
                None => break,
            },
        };
        delivery.handle(options.clock.now(), event, &mut commands);
        for command in commands.drain(..) {
            match command {
                Command::Commit { transaction, writes } => {
                    rehearsal.take_note(&writes)?;
                    events.push_back(Event::Committed { transaction, receipt: Receipt::Done });
                }
                Command::LookUp { probe, platform, query } => asking.push(ask(options, probe, platform, query)),
                Command::Load { lane, .. } => {
                    // All that there is came with the lane.
                    events.push_back(Event::Loaded { lane, tickets: Vec::new(), end: true });
                }
                Command::Send(permit) => {
                    let what = format!("a rehearsal was about to send {} to {}", permit.operation(), permit.platform());
                    return Err(PlanError::Defect(what));
                }
                Command::Report(Report::CreatingStopped { platform, stop }) => rehearsal.stop(platform, &stop),
                Command::Report(_) | Command::WakeAt { .. } => {}
            }
        }
    }
    rehearsal.standings = delivery.standings();
    options.platforms.farewell().await;
    Ok(rehearsal)
}

/// One lane per ticket platform, with all its rows.
async fn lanes(
    options: &PlanOptions,
    collected: &Collected,
    rehearsal: &mut Rehearsal,
) -> Result<VecDeque<Event>, PlanError> {
    let mut rows: BTreeMap<PlatformName, Vec<OpenTicket>> = BTreeMap::new();
    for candidate in collected.under_way.iter().chain(&collected.candidates) {
        let known = collected.ledger.get(&(candidate.platform.clone(), candidate.row.key.clone())).cloned();
        let open = OpenTicket { row: candidate.row.clone(), known };
        rows.entry(candidate.platform.clone()).or_default().push(open);
    }
    let mut events = VecDeque::new();
    for ((platform, tickets), number) in rows.into_iter().zip(1..) {
        let stopped = options.store.document(&stop_document(&platform)).await?;
        let stopped: Option<Stop> = stopped.and_then(|document| serde_json::from_value(document).ok());
        if let Some(stop) = &stopped {
            rehearsal.stop(platform.clone(), stop);
        }
        let met = rehearsal.platforms.entry(platform.clone()).or_default();
        met.error = options.platforms.usable(&platform).err();
        let taken = LaneTaken {
            lane: LaneId(number),
            fence: Fence(1),
            until: FOREVER,
            next_sequence: 1,
            unsettled: Vec::new(),
            tickets,
            canaries: collected.known.get(&platform).cloned().unwrap_or_default(),
            audits: Vec::new(),
            stopped,
            suspect: false,
            platform,
        };
        events.push_back(Event::LaneTaken(Box::new(taken)));
    }
    Ok(events)
}

async fn ask(
    options: &PlanOptions,
    probe: ticketbridge_core::delivery::ProbeId,
    platform: PlatformName,
    query: Query,
) -> (PlatformName, Query, Event) {
    let mut asked_at = options.clock.now().mono;
    let result = match options.platforms.usable(&platform) {
        Ok(handle) => handle.ask_telling(&query, || asked_at = options.clock.now().mono).await,
        Err(why) => Err(LookUpFault { why, retry_after: None, throttled: false, configuration: true }),
    };
    (platform, query, Event::LookedUp { probe, asked_at, result })
}

impl Rehearsal {
    /// What a platform answered, for people; the decisions are made elsewhere.
    fn look_at(&mut self, name: &PlatformName, query: &Query, event: &Event) {
        let Event::LookedUp { result, .. } = event else { return };
        let met = self.platforms.entry(name.clone()).or_default();
        match result {
            Err(fault) => {
                met.error.get_or_insert_with(|| fault.why.clone());
            }
            Ok(Found::Tickets { tickets }) => {
                if matches!(query, Query::OpenTickets { .. }) {
                    met.open_tickets = Some(tickets.len());
                }
                for ticket in tickets.iter().filter(|ticket| ticket.open) {
                    let Some(key) = ticket.key.as_deref().and_then(|key| DedupeKey::new(key).ok()) else { continue };
                    let seen = self.open.entry((name.clone(), key)).or_default();
                    if !seen.contains(ticket) {
                        seen.push(ticket.clone());
                    }
                }
            }
            Ok(_) => {}
        }
    }

    /// A transaction that a run would commit.
    fn take_note(&mut self, writes: &Writes) -> Result<(), PlanError> {
        if let Some(intent) = writes.intents.first() {
            let what = format!("a rehearsal formed the intent of {} on {}", intent.operation, intent.platform);
            return Err(PlanError::Defect(what));
        }
        for update in &writes.rows {
            if let Some(reason) = &update.row.reason {
                let ends = if update.row.state == State::Error { "a run puts it to Error: " } else { "" };
                self.held_up.insert(update.row.id, format!("{ends}{reason}"));
            }
        }
        Ok(())
    }

    fn stop(&mut self, platform: PlatformName, stop: &Stop) {
        self.platforms.entry(platform).or_default().stopped = Some(format!("{}: {}", stop.code, stop.text));
    }
}
