//! What is known of one platform: how much it bears, whether it is well, and whether its searches can be trusted.
//!
//! * Window: from 8 requests in flight, one more per clean answer until the platform first wants less; from then on one
//!   more per clean window. Half on 429, time-out or doubled latency; at most `max_in_flight`. After an outage from 1,
//!   one more per answer until 8.
//! * Breaker: opens after 3 calls in a row without a clear answer.
//! * Gate per operation: shut at once by a login or configuration error, or by one refusal for 10 tickets in a row;
//!   opened by a single ticket.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::backoff::Dice;
use super::event::Stop;
use super::rows::HELD_RECHECK;
use super::settings::PlatformSettings;
use super::{KnownTicket, ProbeId};
use crate::effect::{NoteLookUp, Operation, WorkOrderLookUp};
use crate::ticket::{DedupeKey, TicketId};
use crate::time::Mono;

/// Requests in flight at the start.
const WINDOW_START: usize = 8;
/// Unclear calls in a row that open the breaker.
const BREAKER_OPENS_AFTER: u32 = 3;
/// Different tickets in a row with one refusal that make it the destination's fault.
pub(super) const SAME_REFUSAL_TICKETS: usize = 10;
/// Records known to exist that are kept as canaries.
const CANARIES: usize = 32;
/// Witnesses that are kept, and the least time between two of them: more than two minutes together.
const WITNESSES: usize = 512;
const WITNESS_EVERY: Duration = Duration::from_millis(250);
/// Latencies below this are never called doubled: noise.
const LATENCY_FLOOR: Duration = Duration::from_millis(50);

/// Whether something may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// Yes.
    Now,
    /// Not before this instant.
    At(Mono),
    /// Only an event changes it.
    Never,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Breaker {
    Closed,
    /// Shut until the instant; then one probe.
    Open {
        until: Mono,
        since: Mono,
    },
    /// The probe is under way.
    Probing {
        since: Mono,
    },
}

/// One operation held back on one platform.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gate {
    pub(super) why: String,
    pub(super) until: Mono,
    pub(super) tries: u32,
    /// A single ticket is on its way to find out.
    pub(super) trying: bool,
}

/// The same refusal, ticket after ticket.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Streak {
    pub(super) code: String,
    pub(super) tickets: BTreeSet<TicketId>,
}

/// A retrieval of all open tickets: wanted, under way, or not needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Retrieval {
    pub(super) under_way: Option<ProbeId>,
    pub(super) not_before: Option<Mono>,
    pub(super) failures: u32,
}

/// The look-ups with which the visibility of our own creates is learned.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LagSample {
    pub(super) ticket: KnownTicket,
    pub(super) answered_at: Mono,
    pub(super) next_look: Mono,
    pub(super) looks: u32,
    pub(super) probing: bool,
    /// The platform had no unclear answer since: only then the lag is learned.
    pub(super) healthy: bool,
}

/// A ticket known to exist.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Canary {
    pub(super) ticket: KnownTicket,
    /// Since when we know it: right after that an absence is index lag.
    pub(super) since: Mono,
    /// A look-up has shown it.
    pub(super) seen: bool,
}

/// Records of one kind (notes, work orders) that are known to exist: the canaries of look-ups of that kind.
///
/// One that is missing may have been deleted, or the search has gone blind: nothing tells the two apart, so none is ever
/// given up by time. The next look-up asks for another one.
#[derive(Debug)]
pub(super) struct KnownRecords<T> {
    records: VecDeque<T>,
    /// Since when every look-up has missed the one that it asked for.
    missed_since: Option<Mono>,
}

impl<T> Default for KnownRecords<T> {
    fn default() -> Self {
        Self { records: VecDeque::new(), missed_since: None }
    }
}

impl<T> KnownRecords<T> {
    /// The one for the next look-up.
    pub(super) fn canary(&self) -> Option<&T> {
        self.records.front()
    }

    /// Remembers a record that was just made, or found.
    pub(super) fn remember(&mut self, record: T) {
        self.records.push_front(record);
        self.records.truncate(CANARIES);
    }

    /// A look-up that began then has shown its canary, or missed it.
    pub(super) fn looked(&mut self, missing: bool, began: Mono) {
        if missing {
            self.missed_since.get_or_insert(began);
            self.records.rotate_left(1.min(self.records.len()));
        } else {
            self.missed_since = None;
        }
    }

    /// Whether look-ups up to the one that began then have missed them for an hour.
    pub(super) fn lost(&self, began: Mono) -> bool {
        self.missed_since.is_some_and(|since| began.since(since) >= HELD_RECHECK)
    }
}

#[derive(Debug)]
pub(super) struct Platform {
    pub(super) settings: PlatformSettings,
    pub(super) in_flight: usize,
    window: usize,
    clean: usize,
    /// Answers still out that were sent before the last halving: they say nothing new.
    stale_answers: usize,
    /// Below this the window grows with each clean answer, from there on with each clean window.
    grows_quickly_below: usize,
    latency: Option<Duration>,
    pub(super) paused_until: Option<Mono>,
    pub(super) breaker: Breaker,
    failures: u32,
    level: u32,
    pub(super) last_failure: String,
    pub(super) gates: BTreeMap<Operation, Gate>,
    pub(super) streaks: BTreeMap<Operation, Streak>,
    pub(super) retrieval: Retrieval,
    /// Rows in Matching, by the instant they entered it.
    pub(super) matching: BTreeSet<(Mono, TicketId)>,
    pub(super) stopped: Option<Stop>,
    /// When any item was last applied here: a lone failure beside it is the item's own.
    pub(super) last_applied: Option<Mono>,
    pub(super) canaries: VecDeque<Canary>,
    /// Creates of ours that were answered, and when they were sent, the oldest first: the witnesses. A sample of them.
    witnesses: VecDeque<(KnownTicket, Mono)>,
    pub(super) known_notes: KnownRecords<NoteLookUp>,
    pub(super) known_work_orders: KnownRecords<WorkOrderLookUp>,
    /// Keys whose ticket we know and did not see.
    pub(super) missing: BTreeSet<DedupeKey>,
    lag: Option<(Duration, Mono)>,
    /// Rows that one look-up is about: halved when one fails, doubled when one comes through.
    pub(super) rows_per_look_up: usize,
    pub(super) lag_sample: Option<LagSample>,
    pub(super) last_lag_sample: Option<Mono>,
    pub(super) reported_several: BTreeSet<DedupeKey>,
}

impl Platform {
    pub(super) fn new(settings: PlatformSettings) -> Self {
        Self {
            settings,
            in_flight: 0,
            window: WINDOW_START,
            clean: 0,
            stale_answers: 0,
            grows_quickly_below: usize::MAX,
            latency: None,
            paused_until: None,
            breaker: Breaker::Closed,
            failures: 0,
            level: 0,
            last_failure: String::new(),
            gates: BTreeMap::new(),
            streaks: BTreeMap::new(),
            retrieval: Retrieval::default(),
            matching: BTreeSet::new(),
            stopped: None,
            last_applied: None,
            canaries: VecDeque::new(),
            witnesses: VecDeque::new(),
            known_notes: KnownRecords::default(),
            known_work_orders: KnownRecords::default(),
            missing: BTreeSet::new(),
            lag: None,
            rows_per_look_up: super::probe::PROBE_ITEMS,
            lag_sample: None,
            last_lag_sample: None,
            reported_several: BTreeSet::new(),
        }
    }

    /// Requests that may be in flight now.
    pub(super) fn window(&self) -> usize {
        let most = self.settings.capabilities.as_ref().map_or(0, |capabilities| capabilities.max_in_flight);
        self.window.min(most)
    }

    /// Whether a request (write or read) may start.
    pub(super) fn admission(&self, now: Mono) -> Admission {
        if self.settings.capabilities.is_none() || self.in_flight >= self.window() {
            return Admission::Never;
        }
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Admission::At(until);
        }
        match self.breaker {
            Breaker::Closed => Admission::Now,
            Breaker::Open { until, .. } if until > now => Admission::At(until),
            // The probe is sent by `Delivery::probe_breakers`; everything else waits for its answer.
            Breaker::Open { .. } | Breaker::Probing { .. } => Admission::Never,
        }
    }

    /// Whether a write of this operation may start, apart from [`Platform::admission`].
    pub(super) fn gate(&self, operation: Operation, now: Mono) -> Admission {
        if operation == Operation::CreateTicket && self.stopped.is_some() {
            return Admission::Never;
        }
        match self.gates.get(&operation) {
            Some(gate) if gate.trying => Admission::Never,
            Some(gate) if gate.until > now => Admission::At(gate.until),
            _ => Admission::Now,
        }
    }

    /// A request is no longer in flight. True: it was sent after the last halving, so its latency says something new.
    pub(super) fn came_back(&mut self) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        let fresh = self.stale_answers == 0;
        self.stale_answers = self.stale_answers.saturating_sub(1);
        fresh
    }

    /// A call came back with a clear answer after `latency`. True: the breaker closed by it.
    pub(super) fn well(&mut self, latency: Option<Duration>, write: bool) -> bool {
        if matches!(self.breaker, Breaker::Open { .. }) {
            // A late answer of a request sent before it opened: the probe decides.
            return false;
        }
        self.failures = 0;
        if write {
            self.level = 0;
        }
        let closed = self.breaker != Breaker::Closed;
        if closed {
            self.breaker = Breaker::Closed;
            self.window = 1;
            self.clean = 0;
            self.grows_quickly_below = WINDOW_START;
        }
        if let Some(latency) = latency {
            self.measure(latency);
        }
        closed
    }

    fn measure(&mut self, latency: Duration) {
        let usual = self.latency.unwrap_or(latency);
        if latency > LATENCY_FLOOR && latency > usual * 2 {
            self.halve();
            // The usual latency follows slowly, so that a lasting change becomes the new usual one.
            self.latency = Some((usual * 7 + latency) / 8);
            return;
        }
        self.latency = Some((usual * 7 + latency) / 8);
        self.clean += 1;
        if self.window < self.grows_quickly_below || self.clean >= self.window {
            self.clean = 0;
            let most = self.settings.capabilities.as_ref().map_or(0, |capabilities| capabilities.max_in_flight);
            self.window = (self.window + 1).min(most.max(1));
        }
    }

    /// The platform wants less: at most once per window, since all its requests suffer together.
    pub(super) fn halve(&mut self) {
        if self.stale_answers > 0 {
            return;
        }
        self.stale_answers = self.in_flight;
        self.window = (self.window / 2).max(1);
        self.clean = 0;
        self.grows_quickly_below = 0;
    }

    /// A call came back without a clear answer, or not at all. True: the breaker opened by it.
    pub(super) fn ill(&mut self, now: Mono, why: &str, at_once: bool, dice: &mut Dice) -> bool {
        why.clone_into(&mut self.last_failure);
        self.failures += 1;
        if let Some(sample) = &mut self.lag_sample {
            sample.healthy = false;
        }
        let since = match self.breaker {
            Breaker::Closed if self.failures < BREAKER_OPENS_AFTER && !at_once => return false,
            Breaker::Closed => now,
            // Late answers of requests sent before it opened change nothing.
            Breaker::Open { .. } => return false,
            Breaker::Probing { since } => since,
        };
        let opened = self.breaker == Breaker::Closed;
        self.level += 1;
        let until = now.after(dice.rest(self.level, self.settings.retry_initial, self.settings.retry_max));
        self.breaker = Breaker::Open { until, since };
        opened
    }

    /// Every new request waits for the platform's own wish, or a back-off of ours.
    pub(super) fn pause(&mut self, now: Mono, wish: Option<Duration>, dice: &mut Dice) -> Duration {
        let own = dice.rest(self.level.max(1), self.settings.retry_initial, self.settings.retry_max);
        let pause = wish.unwrap_or(own).min(LONGEST_PAUSE);
        let until = now.after(pause);
        if self.paused_until.is_none_or(|known| known < until) {
            self.paused_until = Some(until);
        }
        pause
    }

    /// Shuts the gate of an operation. True: it was open before.
    pub(super) fn shut(&mut self, operation: Operation, why: &str, now: Mono, dice: &mut Dice) -> bool {
        let known = self.gates.remove(&operation);
        let tries = known.as_ref().map_or(1, |gate| gate.tries + u32::from(gate.trying));
        let until = now.after(dice.rest(tries, self.settings.retry_initial, self.settings.retry_max));
        self.gates.insert(operation, Gate { why: why.to_owned(), until, tries, trying: false });
        known.is_none()
    }

    /// Wait between two look-ups that are to count: the floor, raised by what was learned.
    pub(super) fn settling(&self) -> Duration {
        let learned = self.lag.map_or(Duration::ZERO, |(lag, _)| lag * 2);
        self.settings.settling_time.max(learned)
    }

    /// Learns how long a create of ours took to become visible; what was learned halves every hour.
    pub(super) fn learn_lag(&mut self, lag: Duration, now: Mono) {
        let kept = self.lag.map_or(Duration::ZERO, |(worst, at)| {
            let hours = (now.since(at).as_secs() / 3600).min(16) as u32;
            worst / 2_u32.pow(hours)
        });
        self.lag = Some((kept.max(lag), now));
    }

    /// The worst index lag learned, if any.
    pub(super) fn learned_lag(&self) -> Option<Duration> {
        self.lag.map(|(lag, _)| lag)
    }

    /// When the lag sample is to be looked at, unless that is under way.
    pub(super) fn lag_look_at(&self) -> Option<Mono> {
        self.lag_sample.as_ref().filter(|sample| !sample.probing).map(|sample| sample.next_look)
    }

    /// Remembers a ticket that exists, as a canary for look-ups.
    pub(super) fn remember(&mut self, ticket: KnownTicket, now: Mono) {
        self.canaries.retain(|known| known.ticket.key != ticket.key);
        self.canaries.push_front(Canary { ticket, since: now, seen: false });
        self.bound_canaries();
    }

    /// Keeps the newest; but creates that come faster than they become visible must not drive out those that a
    /// look-up has shown, or no look-up would ever have a canary in sight.
    fn bound_canaries(&mut self) {
        while self.canaries.len() > CANARIES {
            let seen = self.canaries.iter().filter(|known| known.seen).count();
            let is_spare = |known: &Canary| known.seen == (seen > CANARIES / 2);
            let spare = self.canaries.iter().rposition(is_spare).unwrap_or(self.canaries.len() - 1);
            self.canaries.remove(spare);
        }
    }

    /// A create of ours was answered: from now on it can bear witness for what was sent before it.
    pub(super) fn add_witness(&mut self, ticket: KnownTicket, sent_at: Mono) {
        if self.witnesses.back().is_some_and(|(_, at)| sent_at.since(*at) < WITNESS_EVERY) {
            return;
        }
        self.witnesses.push_back((ticket, sent_at));
        if self.witnesses.len() > WITNESSES {
            self.witnesses.pop_front();
        }
    }

    /// The first create that was sent after a doubtful one: the sooner it was made, the sooner it is visible. Never one
    /// of a key that is asked about, nor one that is known to be missing: deleted by people, it would void every negative
    /// for ever.
    pub(super) fn witness(&self, doubtful_since: Mono, asked: &BTreeSet<&DedupeKey>) -> Option<(&KnownTicket, Mono)> {
        let mut later = self.witnesses.iter().filter(|(_, sent_at)| *sent_at > doubtful_since);
        let useful = |key| !asked.contains(key) && !self.missing.contains(key);
        later.find(|(known, _)| useful(&known.key)).map(|(known, sent_at)| (known, *sent_at))
    }

    /// The canary for the next look-up, and since when it is known: one that was seen before, else the one known for
    /// longest. One that is missing is no use, nor is one of a key that is asked about.
    pub(super) fn canary(&self, asked: &BTreeSet<&DedupeKey>) -> Option<(&KnownTicket, Mono)> {
        let useful = |key| !self.missing.contains(key) && !asked.contains(key);
        let there = || self.canaries.iter().filter(|known| useful(&known.ticket.key));
        there().find(|known| known.seen).or_else(|| there().next_back()).map(|known| (&known.ticket, known.since))
    }

    /// A look-up has shown a ticket that we know.
    pub(super) fn saw(&mut self, ticket: &KnownTicket, since: Mono) {
        self.missing.remove(&ticket.key);
        if let Some(known) = self.canaries.iter_mut().find(|known| known.ticket.key == ticket.key) {
            known.seen |= known.ticket.reference == ticket.reference;
        } else {
            self.canaries.push_front(Canary { ticket: ticket.clone(), since, seen: true });
            self.bound_canaries();
        }
    }

    /// From when on the absence of a ticket known since then is a loss, and no late index any more.
    pub(super) fn absence_counts_from(&self, since: Mono) -> Mono {
        since.after(self.settling().max(self.settings.in_doubt_for))
    }

    /// Forgets a ticket: it is closed or gone, and no canary any more.
    pub(super) fn forget(&mut self, key: &DedupeKey) {
        self.canaries.retain(|known| known.ticket.key != *key);
        self.witnesses.retain(|(witness, _)| witness.key != *key);
        self.missing.remove(key);
    }
}

/// A wish beyond this is cut: an hour is the longest anything waits without looking again.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
