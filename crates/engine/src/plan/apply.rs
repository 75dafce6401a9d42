//! Doing what a plan says, and nothing else.
//!
//! Each ticket of the plan that still is what it was goes through the ordinary delivery, restricted to these tickets and
//! to the planned decisions. What is not as it was is refused and left as it is. The guarantees are those of the
//! delivery: it is the same one.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use ticketbridge_config::Config;
use ticketbridge_core::delivery::{Chosen, Decision, Restriction, Settings, Standing, Status};
use ticketbridge_core::ticket::{
    BackendName, DedupeKey, OriginId, PlatformName, State, TicketId, TicketReference, TicketRow,
};
use ticketbridge_store::{Store, StoreError, TicketView};

use super::collect::{Candidate, is_fresh};
use super::keep::{self, KeptPlan, KeptTicket};
use super::requests;
use super::settings::{digest_name, digests, is_active};
use super::tell::outgoing_of;
use super::{Intended, PlanError};
use crate::clock::Clock;
use crate::delivery::{DeliveryOptions, DeliveryService, delivery_settings};
use crate::exchanges::Exchanges;
use crate::identity;
use crate::platforms::PlatformSet;
use crate::traces::Traces;

/// How often it is told what is waited for.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What a plan is applied with. The store must have been opened to serve.
pub struct ApplyOptions {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The platforms.
    pub platforms: Arc<PlatformSet>,
    /// The configuration.
    pub config: Arc<Config>,
    /// The clocks.
    pub clock: Clock,
    /// The store may have forgotten requests: the tickets are looked up first.
    pub suspect: bool,
    /// Tickets of backends whose processing is off are applied, too.
    pub with_processing_off: bool,
}

/// What became of a ticket of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Completed now, as planned.
    Applied,
    /// It was Completed before, as planned.
    AppliedBefore,
    /// It is not what was planned any more; this run left nothing of it on the platform.
    Refused,
    /// It is not done: it waits for an operator, for another ticket, or was interrupted.
    Waiting,
    /// It ended in Error.
    Error,
}

/// One ticket of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppliedTicket {
    /// Its id.
    pub id: OriginId,
    /// What it is about.
    pub dedupe_key: DedupeKey,
    /// Its backend when it was planned.
    pub backend: BackendName,
    /// What was planned.
    pub planned: String,
    /// What became of it.
    pub fate: Fate,
    /// How it is now.
    pub now: String,
    /// Number of the remote ticket.
    pub ticket_number: Option<String>,
    /// Number of the work order.
    pub ot_number: Option<String>,
}

/// What came of applying a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// The plan's hash.
    pub plan: String,
    /// It was asked to stop before the end.
    pub interrupted: bool,
    /// Tickets by fate; all fates are there.
    pub totals: BTreeMap<&'static str, usize>,
    /// The tickets, in order of receipt.
    pub tickets: Vec<AppliedTicket>,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Applied, Self::AppliedBefore, Self::Refused, Self::Waiting, Self::Error];

    /// Its name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::AppliedBefore => "applied_before",
            Self::Refused => "refused",
            Self::Waiting => "waiting",
            Self::Error => "error",
        }
    }
}

/// Applies the plan of this hash, until everything of it is done, refused or stuck, or until `shutdown`: then what is in
/// flight is settled. `tell` hears now and then what is waited for.
pub async fn apply(
    options: ApplyOptions,
    hash: &str,
    shutdown: impl Future<Output = ()> + Send,
    tell: impl Fn(&str) + Send,
) -> Result<Applied, PlanError> {
    let plan = keep::find(&*options.store, hash).await?;
    let judge = Judge::new(&options, &plan).await?;
    let mut chosen = BTreeMap::new();
    let mut fates: BTreeMap<TicketId, (Fate, String)> = BTreeMap::new();
    for ticket in &plan.tickets {
        match judge.judge(ticket, &chosen).await? {
            Ok(taken) => {
                chosen.insert(ticket.row, taken);
            }
            Err(fate) => {
                fates.insert(ticket.row, fate);
            }
        }
    }
    let (left, interrupted) = if chosen.is_empty() {
        (BTreeMap::new(), false)
    } else {
        let restriction = Restriction::new(chosen, judge.switched_on());
        deliver(&options, restriction, shutdown, tell).await?
    };
    options.platforms.farewell().await;
    let mut tickets = Vec::with_capacity(plan.tickets.len());
    for ticket in &plan.tickets {
        let view = options.store.ticket(ticket.id).await?;
        let known = fates.remove(&ticket.row);
        let (fate, now) = known.unwrap_or_else(|| fate(view.as_ref(), left.get(&ticket.row), &judge.rows, interrupted));
        let row = view.as_ref().map(|view| &view.row);
        tickets.push(AppliedTicket {
            id: ticket.id,
            dedupe_key: ticket.key.clone(),
            backend: ticket.backend.clone(),
            planned: planned(&ticket.intended),
            fate,
            now,
            ticket_number: row.and_then(|row| row.ticket.as_ref()).map(|reference| reference.number.clone()),
            ot_number: row.and_then(|row| row.work_order.clone()),
        });
    }
    let mut totals: BTreeMap<&'static str, usize> = Fate::ALL.iter().map(|fate| (fate.as_str(), 0)).collect();
    for ticket in &tickets {
        *totals.entry(ticket.fate.as_str()).or_default() += 1;
    }
    Ok(Applied { plan: plan.hash, interrupted, totals, tickets })
}

/// The ordinary delivery, restricted. Answers where the rows are that are not done, and whether it was cut off.
async fn deliver(
    options: &ApplyOptions,
    restriction: Restriction,
    shutdown: impl Future<Output = ()> + Send,
    tell: impl Fn(&str) + Send,
) -> Result<(BTreeMap<TicketId, Standing>, bool), PlanError> {
    let (service, handle) = DeliveryService::new(DeliveryOptions {
        store: Arc::clone(&options.store),
        platforms: Arc::clone(&options.platforms),
        config: Arc::clone(&options.config),
        clock: options.clock.clone(),
        seed: identity::number(),
        suspect: options.suspect,
        recorder: None,
        traces: Traces::off(),
        exchanges: Exchanges::off(),
    })
    .await?;
    let platforms: BTreeSet<&PlatformName> = options.config.backends.iter().map(|backend| &backend.tickets).collect();
    let lanes = platforms.len() * options.store.lanes_per_platform() as usize;
    let mut running = tokio::spawn(service.run_restricted(restriction, lanes));
    let crashed = |panic: tokio::task::JoinError| StoreError::Fatal(format!("delivery ended unexpectedly: {panic}"));
    tokio::pin!(shutdown);
    let mut every = tokio::time::interval_at(tokio::time::Instant::now() + TELL_EVERY, TELL_EVERY);
    loop {
        tokio::select! {
            ended = &mut running => return Ok((ended.map_err(crashed)??, false)),
            () = &mut shutdown => break,
            _ = every.tick() => if let Some(status) = handle.status().await {
                tell(&waits_for(&status));
            },
        }
    }
    handle.drain().await;
    let Ok(ended) = tokio::time::timeout(options.config.server.shutdown_grace.get(), &mut running).await else {
        running.abort();
        return Ok((BTreeMap::new(), true));
    };
    Ok((ended.map_err(crashed)??, true))
}

fn waits_for(status: &Status) -> String {
    let waiting: Vec<String> = status.waiting.iter().map(|(what, count)| format!("{count} {what}")).collect();
    let ill = status.platforms.iter().filter(|(_, platform)| !platform.why.is_empty());
    let ill: Vec<String> = ill.map(|(name, platform)| format!("; {name}: {}", platform.why)).collect();
    format!("not done yet: {}{}", waiting.join(", "), ill.concat())
}

/// Looks whether tickets are still what was planned.
struct Judge<'a> {
    options: &'a ApplyOptions,
    plan: &'a KeptPlan,
    settings: Settings,
    digests: BTreeMap<String, String>,
    /// Platforms that could not be prepared, and why.
    unprepared: BTreeMap<PlatformName, String>,
    /// The plan's tickets by row, and by id.
    rows: BTreeMap<TicketId, OriginId>,
    by_id: BTreeMap<OriginId, &'a KeptTicket>,
}

impl<'a> Judge<'a> {
    async fn new(options: &'a ApplyOptions, plan: &'a KeptPlan) -> Result<Self, PlanError> {
        let settings = delivery_settings(&options.config, &options.platforms, &*options.store).await?;
        let backends: BTreeSet<&BackendName> = plan.tickets.iter().map(|ticket| &ticket.backend).collect();
        let digests = digests(&options.config, &settings, backends);
        let mut unprepared = BTreeMap::new();
        for (name, loaded) in options.platforms.iter() {
            let prepared = match loaded {
                Ok(handle) => handle.prepare().await.map(|_learned| ()).map_err(|fault| fault.why),
                Err(why) => Err(why.clone()),
            };
            if let Err(why) = prepared {
                unprepared.insert(name.clone(), why);
            }
        }
        Ok(Self {
            settings,
            digests,
            unprepared,
            rows: plan.tickets.iter().map(|ticket| (ticket.row, ticket.id)).collect(),
            by_id: plan.tickets.iter().map(|ticket| (ticket.id, ticket)).collect(),
            options,
            plan,
        })
    }

    /// Backends whose processing is off and is taken to be on.
    fn switched_on(&self) -> BTreeSet<BackendName> {
        let off = self.settings.backends.iter().filter(|(_, backend)| !backend.processing).map(|(name, _)| name);
        let active = off.filter(|name| is_active(&self.options.config, name));
        active.filter(|_| self.options.with_processing_off).cloned().collect()
    }

    /// What the delivery may do with a ticket; or why nothing. `chosen` are those before it.
    async fn judge(
        &self,
        ticket: &KeptTicket,
        chosen: &BTreeMap<TicketId, Chosen>,
    ) -> Result<Result<Chosen, (Fate, String)>, PlanError> {
        let refused = |why: String| Ok(Err((Fate::Refused, why)));
        let Some(view) = self.options.store.ticket(ticket.id).await? else {
            return refused(String::from("it is not in the store any more"));
        };
        let row = &view.row;
        if row.state == State::Completed {
            let expected = self.expected(ticket, chosen).await?;
            let kept = expected.is_some_and(|expected| is_kept(row, &expected));
            let fate = if kept { Fate::AppliedBefore } else { Fate::Refused };
            return Ok(Err((fate, format!("Completed: {}", done(row)))));
        }
        if row.state == State::Error {
            return Ok(Err((Fate::Error, format!("Error{}", reason(row)))));
        }
        if let Some(why) = Self::changed(ticket, &view).or_else(|| self.unable(ticket, &view)) {
            return refused(why);
        }
        let Some(expected) = self.expected(ticket, chosen).await? else {
            return refused(String::from("the ticket that it waits behind is not applied"));
        };
        if let Some(why) = self.body_changed(ticket, view) {
            return refused(why);
        }
        let (generation, backend) = (ticket.generation, ticket.backend.clone());
        Ok(Ok(Chosen { generation, backend, expected: Some(expected) }))
    }

    /// What somebody changed of the ticket itself.
    fn changed(ticket: &KeptTicket, view: &TicketView) -> Option<String> {
        let row = &view.row;
        let reason = reason(row);
        if !row.state.is_open() {
            return Some(format!("{}{reason}", row.state));
        }
        if row.generation != ticket.generation {
            return Some(String::from("an operator brought it back since"));
        }
        if row.backend != ticket.backend {
            return Some(format!("it went over to the backend `{}`", row.backend));
        }
        (!is_fresh(row)).then(|| format!("{}: something was sent for it since{reason}", row.state))
    }

    /// What keeps its backend from working, or makes it another one.
    fn unable(&self, ticket: &KeptTicket, view: &TicketView) -> Option<String> {
        let name = &ticket.backend;
        let digest = digest_name(name);
        if self.plan.settings.get(&digest) != self.digests.get(&digest) {
            return Some(format!("the settings of `{name}`, of its platforms or of `[delivery]` were changed"));
        }
        if !is_active(&self.options.config, name) {
            return Some(format!("its backend `{name}` is paused or stopped"));
        }
        let on = self.settings.backends.get(name).is_some_and(|backend| backend.processing);
        if !on && !self.options.with_processing_off {
            return Some(format!("processing of `{name}` is off; add --with-processing-off, or switch it on"));
        }
        let why = self.unprepared.get(&view.platform)?;
        Some(format!("`{}` cannot be used: {why}", view.platform))
    }

    /// The decision that it is held to. `None`: it waits behind one that is not applied.
    async fn expected(
        &self,
        ticket: &KeptTicket,
        chosen: &BTreeMap<TicketId, Chosen>,
    ) -> Result<Option<Decision>, PlanError> {
        let reference = |number: &String, record: &Option<String>| TicketReference {
            number: number.clone(),
            record: record.clone(),
        };
        Ok(match &ticket.intended {
            Intended::Create => Some(Decision::Create),
            Intended::Note { number, record } => Some(Decision::Note(reference(number, record))),
            Intended::Own { number, record } => Some(Decision::Own(reference(number, record))),
            Intended::After { behind } => {
                let Some(first) = self.by_id.get(behind) else { return Ok(None) };
                if chosen.contains_key(&first.row) {
                    return Ok(Some(Decision::After(first.row)));
                }
                // Done before: its ticket is known by now.
                let view = self.options.store.ticket(*behind).await?;
                let done = view.filter(|view| view.row.state == State::Completed);
                done.and_then(|view| view.row.ticket).map(Decision::Note)
            }
        })
    }

    fn body_changed(&self, ticket: &KeptTicket, view: TicketView) -> Option<String> {
        let planned = ticket.body_hash.as_ref()?;
        let platform = self.options.platforms.usable(&view.platform).ok()?;
        let outgoing = outgoing_of(&Candidate::of(view), &ticket.intended)?;
        match requests::hash_alone(&self.options.config, &platform, &outgoing) {
            Ok(hash) if hash == *planned => None,
            Ok(_) => Some(String::from("the body of its request is another one now")),
            Err(why) => Some(format!("its request cannot be built any more: {why}")),
        }
    }
}

/// Whether a Completed row did what was planned.
fn is_kept(row: &TicketRow, expected: &Decision) -> bool {
    match expected {
        Decision::Create => row.created,
        Decision::Own(ticket) => row.created && row.ticket.as_ref() == Some(ticket),
        Decision::Note(ticket) => !row.created && row.ticket.as_ref() == Some(ticket),
        Decision::After(_) => false,
    }
}

/// What became of a ticket that the delivery was given.
fn fate(
    view: Option<&TicketView>,
    standing: Option<&Standing>,
    rows: &BTreeMap<TicketId, OriginId>,
    interrupted: bool,
) -> (Fate, String) {
    let Some(row) = view.map(|view| &view.row) else {
        return (Fate::Refused, String::from("it went from the store meanwhile"));
    };
    let reason = reason(row);
    match (row.state, standing) {
        (State::Completed, _) => (Fate::Applied, format!("Completed: {}", done(row))),
        (State::Error, _) => (Fate::Error, format!("Error{reason}")),
        (State::Dismissed, _) => (Fate::Refused, format!("Dismissed{reason}")),
        (_, Some(Standing::Decided(decision))) => (Fate::Refused, format!("it would be {}", decided(decision))),
        (state, Some(Standing::Behind(first))) => {
            let name = rows.get(first).map_or_else(|| String::from("another ticket"), ToString::to_string);
            (Fate::Waiting, format!("{state}: waits behind {name} of the same key"))
        }
        (state, Some(Standing::Waiting(Some(reason)))) => (Fate::Waiting, format!("{state}: {reason}")),
        (state, _) if interrupted => {
            let who = if is_fresh(row) { "`serve` or `apply` goes on" } else { "`serve` goes on" };
            (Fate::Waiting, format!("{state}: interrupted{reason}; {who}"))
        }
        (state, _) => (Fate::Waiting, format!("{state}{reason}")),
    }
}

/// Why a row is as it is, behind its state.
fn reason(row: &TicketRow) -> String {
    row.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()
}

/// What a Completed row did.
fn done(row: &TicketRow) -> String {
    let number = row.ticket.as_ref().map_or("-", |ticket| ticket.number.as_str());
    let what = match (&row.work_order, row.created) {
        (Some(work_order), true) => format!("created {number} with {work_order}"),
        (None, true) => format!("created {number}"),
        (_, false) => format!("noted {number}"),
    };
    match &row.reason {
        Some(reason) => format!("{what}; {reason}"),
        None => what,
    }
}

fn planned(intended: &Intended) -> String {
    match intended {
        Intended::Create => String::from("create"),
        Intended::Note { number, .. } => format!("note on {number}"),
        Intended::Own { number, .. } => format!("go on with its own {number}"),
        Intended::After { behind } => format!("note behind {behind}"),
    }
}

fn decided(decision: &Decision) -> String {
    match decision {
        Decision::Create => String::from("a create"),
        Decision::Note(ticket) => format!("a note on {}", ticket.number),
        Decision::Own(ticket) => format!("its own ticket {}", ticket.number),
        Decision::After(_) => String::from("a note behind another one"),
    }
}
