//! Look-ups: what is asked, with which canaries, and how far the answer is believed.
//!
//! Every look-up by key carries one record known to exist and one key that cannot exist. If the known one is missing,
//! the negatives of that answer are void; if the impossible one is found, creating stops: the search matches anything.
//! Known tickets missing (3 or more, or all if fewer) stop creating too.

use std::collections::BTreeSet;

use super::event::{Command, ProbeId, Report, Stop};
use super::platform::{Admission, Breaker};
use super::rows::Phase;
use super::{Delivery, KnownTicket};
use crate::effect::{Capabilities, Found, LookUpFault, NoteLookUp, Query, RemoteTicket, TicketLookUp, WorkOrderLookUp};
use crate::ticket::{DedupeKey, OriginId, PlatformName, TicketId, TicketReference};
use crate::time::{Mono, Now};

/// Rows in one look-up, whatever a request may carry.
pub(super) const PROBE_ITEMS: usize = 100;
/// Known tickets missing that stop creating, whatever else is seen; all of them, if fewer are known.
pub const MISSING_STOPS: usize = 3;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ask {
    Tickets,
    Notes,
    WorkOrders,
}

impl Ask {
    /// Whether a platform can answer it.
    pub(super) fn possible(self, can: &Capabilities) -> bool {
        match self {
            Self::Tickets => can.finds_tickets,
            Self::Notes => can.finds_notes,
            Self::WorkOrders => can.finds_work_orders,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum ProbeKind {
    /// All open tickets, for matching.
    Retrieval,
    /// Rows in doubt.
    Doubts(Ask, Vec<TicketId>),
    /// How long did a create of ours take to become visible, and did it survive unchanged?
    Lag,
    /// Was a create that was sent again applied twice?
    Audit(TicketId),
    /// Is the platform back?
    Health,
}

#[derive(Debug, Clone)]
pub(super) struct Probe {
    pub(super) id: ProbeId,
    pub(super) platform: PlatformName,
    /// The look-up began at this instant or later.
    pub(super) began: Mono,
    pub(super) kind: ProbeKind,
    /// The canary, and since when it is known.
    known_ticket: Option<(KnownTicket, Mono)>,
    known_note: Option<NoteLookUp>,
    known_work_order: Option<WorkOrderLookUp>,
    random: String,
}

impl Delivery {
    /// Whether a read or write may start on a platform now.
    pub(super) fn admits(&self, platform: &PlatformName, now: Mono) -> bool {
        !self.draining && self.platforms.get(platform).is_some_and(|known| known.admission(now) == Admission::Now)
    }

    /// The platform that has to be asked about a row.
    pub(super) fn platform_of_ask(&self, id: TicketId, ask: Ask) -> Option<PlatformName> {
        let entry = self.rows.get(&id)?;
        match ask {
            Ask::Tickets | Ask::Notes => Some(entry.platform.clone()),
            Ask::WorkOrders => {
                // Where it was sent, should the settings have changed since.
                let sent_to = self.doubts.get(&id).and_then(|doubt| self.batches.get(&doubt.batch?));
                sent_to.map(|batch| batch.platform.clone()).or_else(|| self.work_order_platform(&entry.row.backend))
            }
        }
    }

    /// Rows that one look-up may be about.
    pub(super) fn probe_items(&self, platform: &PlatformName) -> usize {
        let Some(platform) = self.platforms.get(platform) else { return 1 };
        let can = platform.settings.capabilities.as_ref();
        // Two keys of each request are the known and the impossible one.
        can.map_or(1, |can| can.max_keys.saturating_sub(2)).clamp(1, platform.rows_per_look_up)
    }

    /// Sends a look-up. `doubtful_since`: the newest doubt it is about; a create of ours after it is the witness. `None`:
    /// there is no such platform.
    pub(super) fn ask(
        &mut self,
        name: &PlatformName,
        kind: ProbeKind,
        doubtful_since: Mono,
        now: Now,
        out: &mut Vec<Command>,
    ) -> Option<ProbeId> {
        let bits = self.dice.bits();
        let random_origin = OriginId(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid());
        let platform = self.platforms.get(name)?;
        let as_look_up = |known: &KnownTicket| TicketLookUp { key: known.key.clone(), origin: known.origin };
        let id = ProbeId(self.next_probe);
        let mut probe = Probe {
            id,
            platform: name.clone(),
            began: now.mono,
            known_ticket: None,
            known_note: None,
            known_work_order: None,
            random: random_origin.to_string(),
            kind,
        };
        let random_key = DedupeKey::new(&probe.random).ok();
        let query = match &probe.kind {
            ProbeKind::Retrieval => Query::OpenTickets { kinds: self.kinds_wanted(name) },
            ProbeKind::Health => Query::Health,
            ProbeKind::Doubts(Ask::Notes, ids) => {
                let wanted = ids.iter().filter_map(|id| {
                    let row = &self.rows.get(id)?.row;
                    Some(NoteLookUp { origin: row.origin, ticket: row.ticket.clone()? })
                });
                probe.known_note = platform.known_notes.canary().cloned();
                Query::Notes { wanted: wanted.collect(), known: probe.known_note.clone(), random: random_origin }
            }
            ProbeKind::Doubts(Ask::WorkOrders, ids) => {
                let wanted = ids.iter().filter_map(|id| {
                    let row = &self.rows.get(id)?.row;
                    Some(WorkOrderLookUp { origin: row.origin, ticket: row.ticket.clone()? })
                });
                probe.known_work_order = platform.known_work_orders.canary().cloned();
                Query::WorkOrders {
                    wanted: wanted.collect(),
                    known: probe.known_work_order.clone(),
                    random: random_origin,
                }
            }
            ProbeKind::Doubts(Ask::Tickets, _) | ProbeKind::Lag | ProbeKind::Audit(_) => {
                let wanted: Vec<TicketLookUp> = match &probe.kind {
                    ProbeKind::Doubts(_, ids) => ids
                        .iter()
                        .filter_map(|id| self.rows.get(id))
                        .map(|entry| TicketLookUp { key: entry.row.key.clone(), origin: Some(entry.row.origin) })
                        .collect(),
                    ProbeKind::Audit(ticket) => self
                        .audits
                        .get(ticket)
                        .map(|(_, audit)| TicketLookUp { key: audit.key.clone(), origin: Some(audit.origin) })
                        .into_iter()
                        .collect(),
                    _ => platform.lag_sample.iter().map(|sample| as_look_up(&sample.ticket)).collect(),
                };
                let asked: BTreeSet<&DedupeKey> = wanted.iter().map(|one| &one.key).collect();
                let known = platform.witness(doubtful_since, &asked).or_else(|| platform.canary(&asked));
                probe.known_ticket = known.map(|(known, since)| (known.clone(), since));
                let known = known.map(|(known, _)| as_look_up(known));
                Query::Tickets { wanted, known, random: random_key? }
            }
        };
        self.next_probe += 1;
        self.probes.insert(id, probe);
        if let Some(platform) = self.platforms.get_mut(name) {
            platform.in_flight += 1;
        }
        out.push(Command::LookUp { probe: id, platform: name.clone(), query });
        Some(id)
    }

    /// Breakers whose rest is over get one probe: a read where there is one (else a single ticket is let through).
    pub(super) fn probe_breakers(&mut self, now: Now, out: &mut Vec<Command>) {
        let due: Vec<PlatformName> = self
            .platforms
            .iter()
            .filter(|(name, platform)| {
                matches!(platform.breaker, Breaker::Open { until, .. } if until <= now.mono)
                    && platform.settings.capabilities.is_some()
                    && platform.paused_until.is_none_or(|until| until <= now.mono)
                    && self.is_wanted(name)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            if self.draining {
                return;
            }
            let Some(platform) = self.platforms.get_mut(&name) else { continue };
            let Breaker::Open { since, .. } = platform.breaker else { continue };
            let reads = platform.settings.capabilities.as_ref().is_some_and(|can| can.has_health_read);
            if reads {
                platform.breaker = Breaker::Probing { since };
                self.ask(&name, ProbeKind::Health, now.mono, now, out);
            } else if self.probe_by_reading(&name, now, out) {
                self.set_breaker(&name, Breaker::Probing { since });
            } else if let Some((queue, place)) = self.single_candidate(&name, now) {
                // A match that was too old makes a retrieval due instead, which finds out as well.
                if self.form_single(&queue, place, now) || self.probe_by_reading(&name, now, out) {
                    self.set_breaker(&name, Breaker::Probing { since });
                }
            }
        }
    }

    fn set_breaker(&mut self, name: &PlatformName, breaker: Breaker) {
        if let Some(platform) = self.platforms.get_mut(name) {
            platform.breaker = breaker;
        }
    }

    /// Without a read that touches nothing, one of the reads that are due anyway finds out. False: none is due.
    fn probe_by_reading(&mut self, name: &PlatformName, now: Now, out: &mut Vec<Command>) -> bool {
        if self.platforms.get(name).is_some_and(|platform| self.retrieval_due(platform, now.mono)) {
            self.begin_retrieval(name, now, out);
            return true;
        }
        let due = self.due_doubts(now.mono).into_iter().find(|((platform, _), _)| platform == name);
        let Some(((_, ask), mut ids)) = due else { return self.watch_once(name, now, out) };
        ids.truncate(self.probe_items(name));
        self.look(name, ask, ids, now, out);
        true
    }

    /// Takes in the answer to a look-up.
    pub(super) fn on_looked_up(&mut self, id: ProbeId, asked_at: Mono, result: Result<Found, LookUpFault>, now: Now) {
        let Some(probe) = self.probes.remove(&id) else { return };
        let Some(platform) = self.platforms.get_mut(&probe.platform) else { return };
        platform.came_back();
        match result {
            Err(fault) => self.look_up_failed(&probe, &fault, now),
            Ok(found) => {
                if platform.well(None, false) {
                    self.reports.push(Report::BreakerClosed { platform: probe.platform.clone() });
                }
                self.look_up_answered(&probe, found, asked_at, now);
            }
        }
    }

    fn look_up_failed(&mut self, probe: &Probe, fault: &LookUpFault, now: Now) {
        self.reports.push(Report::LookUpFailed { platform: probe.platform.clone(), why: fault.why.clone() });
        self.destination_fault(
            &probe.platform,
            &fault.why,
            fault.retry_after,
            fault.throttled,
            fault.configuration,
            now,
        );
        match &probe.kind {
            ProbeKind::Retrieval => self.retrieval_failed(&probe.platform, &fault.why, now),
            ProbeKind::Doubts(_, ids) => self.doubts_unanswered(probe, ids, now),
            ProbeKind::Lag => self.lag_look_over(&probe.platform, None, now),
            ProbeKind::Audit(ticket) => self.audit_later(*ticket, now),
            ProbeKind::Health => {}
        }
    }

    fn look_up_answered(&mut self, probe: &Probe, found: Found, asked_at: Mono, now: Now) {
        if let (ProbeKind::Doubts(..), Some(platform)) = (&probe.kind, self.platforms.get_mut(&probe.platform)) {
            platform.rows_per_look_up = (platform.rows_per_look_up * 2).min(PROBE_ITEMS);
        }
        match (&probe.kind, found) {
            (ProbeKind::Retrieval, Found::Tickets { tickets }) => self.retrieved(probe, tickets, asked_at, now),
            (ProbeKind::Doubts(Ask::Tickets, ids), Found::Tickets { tickets }) => {
                let void = self.judge_tickets(probe, &tickets);
                self.doubts_saw_tickets(&ids.clone(), &tickets, probe, void, now);
            }
            (ProbeKind::Doubts(Ask::Notes, ids), Found::Notes { notes }) => {
                let random = notes.iter().any(|note| note.origin == probe.random);
                let known = probe.known_note.as_ref();
                let missing =
                    known.is_some_and(|known| notes.iter().all(|note| note.origin != known.origin.to_string()));
                let void = self.judge_others(probe, random, missing, "notes");
                self.doubts_saw_notes(&ids.clone(), &notes, probe, void, now);
            }
            (ProbeKind::Doubts(Ask::WorkOrders, ids), Found::WorkOrders { work_orders }) => {
                let random = work_orders.iter().any(|order| order.origin == probe.random);
                let known = probe.known_work_order.as_ref();
                let missing =
                    known.is_some_and(|known| work_orders.iter().all(|order| order.origin != known.origin.to_string()));
                let void = self.judge_others(probe, random, missing, "work orders");
                self.doubts_saw_work_orders(&ids.clone(), &work_orders, probe, void, now);
            }
            (ProbeKind::Lag, Found::Tickets { tickets }) => {
                self.judge_tickets(probe, &tickets);
                self.lag_look_over(&probe.platform, Some((&tickets, probe.began)), now);
            }
            (ProbeKind::Audit(ticket), Found::Tickets { tickets }) => {
                let void = self.judge_tickets(probe, &tickets);
                self.audited(*ticket, &probe.platform, &tickets, void, now);
            }
            (ProbeKind::Health, _) => {}
            (_, _) => {
                let why = String::from("the platform's adapter answered another question than was asked");
                let fault = LookUpFault { why, retry_after: None, throttled: false, configuration: true };
                self.look_up_failed(probe, &fault, now);
            }
        }
    }

    /// How far an answer about tickets is believed. True: its negatives are void.
    fn judge_tickets(&mut self, probe: &Probe, tickets: &[RemoteTicket]) -> bool {
        let random = tickets.iter().any(|ticket| {
            ticket.key.as_deref() == Some(&probe.random) || ticket.origin.as_deref() == Some(&probe.random)
        });
        if random {
            self.stop_for_untrusted_search(&probe.platform, "tickets");
            return true;
        }
        // What stopped creating is not believed in anything until an operator has judged it.
        let stopped = self.platforms.get(&probe.platform).is_some_and(|platform| platform.stopped.is_some());
        let Some((known, since)) = &probe.known_ticket else { return stopped };
        // That very ticket: an older one of its key may be seen long before it.
        let seen = tickets.iter().any(|ticket| super::doubt::same_ticket(&ticket.reference, &known.reference));
        if seen {
            if let Some(platform) = self.platforms.get_mut(&probe.platform) {
                platform.saw(known, *since);
            }
        } else {
            self.known_is_missing(&probe.platform, &known.key, *since, probe.began);
        }
        !seen || stopped
    }

    fn judge_others(&mut self, probe: &Probe, random: bool, missing: bool, what: &str) -> bool {
        if random {
            self.stop_for_untrusted_search(&probe.platform, what);
            return true;
        }
        if let Some(platform) = self.platforms.get_mut(&probe.platform) {
            if probe.known_note.is_some() {
                platform.known_notes.looked(missing, probe.began);
            } else if probe.known_work_order.is_some() {
                platform.known_work_orders.looked(missing, probe.began);
            }
        }
        if missing {
            let why = format!("{what} that are known to exist were missing from a look-up; its negatives do not count");
            self.reports.push(Report::LookUpFailed { platform: probe.platform.clone(), why });
        }
        missing
    }

    /// A ticket that we know exists, since then, was missing from a look-up without a state filter that began then.
    pub(super) fn known_is_missing(&mut self, name: &PlatformName, key: &DedupeKey, since: Mono, began: Mono) {
        let Some(platform) = self.platforms.get_mut(name) else { return };
        // Right after it was made its absence is index lag, not loss. What counts is when the look-up began: its answer
        // may be late.
        if began < platform.absence_counts_from(since) {
            return;
        }
        platform.missing.insert(key.clone());
        let lost = platform.missing.len();
        if platform.stopped.is_none() && lost >= platform.canaries.len().clamp(1, MISSING_STOPS) {
            let text = format!(
                "{lost} ticket(s) that we know exist are missing from look-ups on `{name}`, so nothing is created there; check its search and the connector, or run `ticketbridge platform accept-loss {name}` if they really are gone"
            );
            let stop = Stop { code: String::from("TB0301"), text, keys: platform.missing.iter().cloned().collect() };
            self.stop_creating(name, stop);
        }
    }

    fn stop_for_untrusted_search(&mut self, name: &PlatformName, what: &str) {
        let text = format!(
            "a look-up of {what} on `{name}` answered with a key that cannot exist: its search matches anything, so nothing is created there; mend the filter in its configuration, then run `ticketbridge platform accept-loss {name}`"
        );
        self.stop_creating(name, Stop { code: String::from("TB0302"), text, keys: Vec::new() });
    }

    /// No ticket is created on a platform until an operator says so.
    pub(super) fn stop_creating(&mut self, name: &PlatformName, stop: Stop) {
        let Some(platform) = self.platforms.get_mut(name) else { return };
        if platform.stopped.is_none() {
            platform.stopped = Some(stop.clone());
            self.reports.push(Report::CreatingStopped { platform: name.clone(), stop });
        }
    }

    /// An operator accepts it: creating goes on, and what is missing is forgotten.
    pub(super) fn on_loss_accepted(&mut self, name: &PlatformName, now: Now) {
        let Some(platform) = self.platforms.get_mut(name) else { return };
        let missing = std::mem::take(&mut platform.missing);
        for key in &missing {
            platform.forget(key);
        }
        if platform.stopped.take().is_some() {
            self.reports.push(Report::CreatingResumed { platform: name.clone() });
        }
        for key in missing {
            if let Some(state) = self.keys.get_mut(&(name.clone(), key)) {
                state.known = None;
                state.known_at = None;
                state.missed_at = None;
            }
        }
        // What was matched while look-ups could not be trusted says nothing: it is matched again before a create.
        for entry in self.rows.values_mut().filter(|entry| entry.platform == *name) {
            entry.matched_at = None;
        }
        // Rows that wait because creating stopped go on at once.
        let waiting: Vec<TicketId> = self
            .rows
            .iter()
            .filter(|(_, entry)| entry.platform == *name && matches!(entry.phase, Phase::Waiting(_)))
            .filter(|(_, entry)| entry.row.reason.as_deref().is_some_and(|reason| reason.starts_with("TB0301")))
            .map(|(id, _)| *id)
            .collect();
        for id in waiting {
            self.set_due(id, None);
            self.set_phase(id, Phase::New);
            self.place(id, now);
        }
    }

    /// Kinds whose open tickets a retrieval must bring: the configured ones and those of the rows that wait.
    fn kinds_wanted(&self, name: &PlatformName) -> Vec<String> {
        let waiting = self.platforms.get(name).into_iter().flat_map(|platform| &platform.matching);
        let mut seen = BTreeSet::new();
        let mut kinds = Vec::new();
        let of_rows = waiting.filter_map(|(_, id)| self.rows.get(id)).map(|entry| entry.row.kind.to_string());
        for kind in self.settings.kinds.iter().cloned().chain(of_rows) {
            if seen.insert(crate::network::kind_key(&kind)) {
                kinds.push(kind);
            }
        }
        kinds
    }

    /// Whether any backend with processing on needs this platform.
    pub(super) fn is_wanted(&self, name: &PlatformName) -> bool {
        self.settings.backends.iter().any(|(backend, settings)| {
            (settings.processing || self.is_switched_on(backend))
                && (settings.tickets == *name || settings.work_orders == *name)
        })
    }
}

/// The oldest of the open tickets: by creation time, then by record id and number.
pub(super) fn oldest_open(tickets: &[RemoteTicket]) -> Option<&RemoteTicket> {
    tickets.iter().filter(|ticket| ticket.open).min_by_key(|ticket| {
        let TicketReference { number, record } = &ticket.reference;
        (ticket.created_at.is_none(), ticket.created_at.as_deref(), record.as_deref(), number.as_str())
    })
}
