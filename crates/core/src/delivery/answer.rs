//! The answer to a batch: what became of each item, who is at fault, and what follows.

use std::collections::BTreeSet;
use std::time::Duration;

use super::doubt::{Doubt, Purpose};
use super::event::Report;
use super::platform::{Breaker, SAME_REFUSAL_TICKETS};
use super::rows::Phase;
use super::{Batch, BatchId, Delivery, ItemResult, KnownTicket, Settle, Settled};
use crate::effect::{CallClass, NoteLookUp, Operation, Outcome, Refusal, RemoteIds, WorkOrderLookUp};
use crate::ticket::{PlatformName, State, TicketId, TicketReference};
use crate::time::{Mono, Now};

impl Delivery {
    /// Takes in the answer to a batch.
    pub(super) fn on_answered(
        &mut self,
        id: BatchId,
        call: CallClass,
        outcomes: Vec<Outcome>,
        latency: Duration,
        now: Now,
    ) {
        let Some(batch) = self.batches.get_mut(&id).filter(|batch| batch.on_wire) else { return };
        batch.on_wire = false;
        batch.counted = false;
        let batch = batch.clone();
        let fresh = self.platforms.get_mut(&batch.platform).is_some_and(super::platform::Platform::came_back);
        let measured = fresh.then_some(latency);
        if batch.items.is_empty() {
            // Its lane was lost meanwhile.
            self.batches.remove(&id);
        }
        let (outcomes, why) = match call {
            CallClass::Answered => {
                self.well(&batch, measured);
                (Self::per_item(&batch, outcomes), None)
            }
            CallClass::BatchRefused { atomic, code, message } => {
                self.well(&batch, measured);
                let why = format!("the whole batch was refused: {code} {message}");
                (self.whole_batch_refused(&batch, atomic, &code, &message), Some(why))
            }
            CallClass::Unavailable { why, retry_after, throttled, configuration } => {
                if configuration {
                    self.shut_gate(&batch.platform, batch.operation, &why, now);
                }
                self.destination_fault(&batch.platform, &why, retry_after, throttled, false, now);
                let outcome = Outcome::Unavailable { why: why.clone() };
                (vec![outcome; batch.items.len()], Some(why))
            }
            CallClass::Unknown { why, timed_out, retry_after } => {
                if timed_out && let Some(platform) = self.platforms.get_mut(&batch.platform) {
                    platform.halve();
                }
                self.destination_fault(&batch.platform, &why, retry_after, false, false, now);
                let outcome = Outcome::Unknown { why: why.clone() };
                (vec![outcome; batch.items.len()], Some(why))
            }
        };
        self.report_settled(&batch, &outcomes, latency, why);
        self.take_outcomes(&batch, outcomes, now);
        self.halve_if_nothing_applied(id);
        self.close_gate_if_still_trying(&batch, now);
    }

    /// The ticket that tried a held-back operation showed nothing new: the gate stays shut a while longer.
    fn close_gate_if_still_trying(&mut self, batch: &Batch, now: Now) {
        if !batch.gate_trial {
            return;
        }
        let Some(platform) = self.platforms.get_mut(&batch.platform) else { return };
        if let Some(why) = platform.gates.get(&batch.operation).filter(|gate| gate.trying).map(|gate| gate.why.clone())
        {
            platform.shut(batch.operation, &why, now.mono, &mut self.dice);
        }
    }

    /// A proper answer is sized to the batch; an item without a result is Unknown.
    fn per_item(batch: &Batch, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        let why = "the answer says nothing of this item";
        outcomes.resize_with(batch.items.len(), || Outcome::Unknown { why: why.to_owned() });
        for outcome in &mut outcomes {
            let number = match (&*outcome, batch.operation) {
                (Outcome::Applied { ids }, Operation::CreateTicket) => ids.ticket_number.is_some(),
                (Outcome::Applied { ids }, Operation::CreateWorkOrder) => ids.work_order_number.is_some(),
                _ => true,
            };
            if !number {
                *outcome = Outcome::Unknown { why: String::from("the answer says done and gives no number") };
            }
        }
        outcomes
    }

    fn whole_batch_refused(&mut self, batch: &Batch, atomic: bool, code: &str, message: &str) -> Vec<Outcome> {
        // Where doing it twice is doing it once, it does not matter whether a part was done.
        let atomic = atomic || batch.operation.is_idempotent();
        if batch.items.len() == 1 && atomic {
            let (code, message) = (code.to_owned(), message.to_owned());
            return vec![Outcome::Refused { refusal: Refusal::Item, code, message }];
        }
        let outcome = if atomic {
            Outcome::Unavailable {
                why: format!("refused with its whole batch ({code} {message}); sent again in halves"),
            }
        } else {
            Outcome::Unknown { why: format!("its whole batch was refused ({code} {message}), perhaps not wholly") }
        };
        if atomic {
            self.refused_whole.insert(batch.id);
        } else if let Some(batch) = self.batches.get_mut(&batch.id).filter(|batch| batch.items.len() == 1) {
            batch.refused_alone = true;
        }
        vec![outcome; batch.items.len()]
    }

    /// Every item goes where its outcome sends it; what is known is settled in one transaction with what follows.
    fn take_outcomes(&mut self, batch: &Batch, outcomes: Vec<Outcome>, now: Now) {
        let destination = self.same_refusal(batch, &outcomes, now);
        let whole = self.refused_whole.contains(&batch.id);
        let mut results = Vec::with_capacity(outcomes.len());
        for (id, outcome) in batch.items.iter().copied().zip(outcomes) {
            let Some(entry) = self.rows.get_mut(&id) else { continue };
            if !matches!(outcome, Outcome::Unknown { .. }) {
                entry.row.sent.remove(batch.operation);
            }
            let next = match &outcome {
                Outcome::Applied { ids } => self.applied(id, batch.operation, ids, Some(batch.sent_at), now),
                Outcome::Refused { code, message, .. } if destination => {
                    self.unavailable(id, batch.operation, &format!("{code} {message}"), now)
                }
                Outcome::Refused { refusal, code, message } => {
                    let words = if code.is_empty() { message.clone() } else { format!("{code}: {message}") };
                    self.refused(id, batch.operation, *refusal, &words, now)
                }
                Outcome::Unavailable { .. } if whole => {
                    self.set_phase(id, Phase::New);
                    self.set_phase(id, Phase::Ready);
                    self.write_row(id);
                    self.rows[&id].row.state
                }
                Outcome::Unavailable { why } => self.unavailable(id, batch.operation, why, now),
                Outcome::Unknown { why } => {
                    if batch.operation.is_idempotent() {
                        self.unavailable(id, batch.operation, why, now)
                    } else {
                        entry.row.reason = Some(format!("unclear answer, being looked up: {why}"));
                        self.doubt(id, Doubt::new(batch.operation, Purpose::Unknown, now.mono, Some(batch.id)));
                        continue;
                    }
                }
            };
            results.push((id, outcome, next));
        }
        self.settle(batch.id, results, Settled::Answer);
    }

    /// An effect was applied: the row goes on. `sent_at`: when its request was sent, if an answer (not a look-up) says so.
    pub(super) fn applied(
        &mut self,
        id: TicketId,
        operation: Operation,
        ids: &RemoteIds,
        sent_at: Option<Mono>,
        now: Now,
    ) -> State {
        let Some(entry) = self.rows.get_mut(&id) else { return State::Completed };
        entry.row.sent.remove(operation);
        entry.cohort = 0;
        let (origin, key, ticket) = (entry.row.origin, entry.row.key.clone(), entry.row.ticket.clone());
        let platform = entry.platform.clone();
        let target = match operation {
            Operation::CreateWorkOrder => self.work_order_platform(&self.rows[&id].row.backend).unwrap_or(platform),
            _ => platform,
        };
        if let Some(platform) = self.platforms.get_mut(&target) {
            platform.last_applied = Some(now.mono);
            platform.streaks.remove(&operation);
            platform.gates.remove(&operation);
        }
        match operation {
            Operation::AddNote => {
                if let (Some(ticket), Some(platform)) = (ticket, self.platforms.get_mut(&target)) {
                    platform.known_notes.remember(NoteLookUp { origin, ticket });
                }
                self.complete(id, None);
                State::Completed
            }
            Operation::CreateTicket => {
                let number = ids.ticket_number.clone().unwrap_or_default();
                let reference = TicketReference { number, record: ids.ticket_record.clone() };
                self.set_ticket(id, reference.clone(), true);
                if let Some(entry) = self.rows.get_mut(&id).filter(|_| sent_at.is_some()) {
                    // Made just now: nothing of what follows can have been done in a life that the store forgot.
                    entry.row.sent.remove(Operation::CreateWorkOrder);
                    entry.row.sent.remove(Operation::AddNote);
                }
                self.created(id, KnownTicket { key, reference, origin: Some(origin) }, sent_at, now);
                self.advance(id, State::CreatingWorkOrder);
                // Found, and not made just now: its work order may have been made in a life that the store forgot.
                self.set_phase(id, Phase::New);
                self.place(id, now);
                State::CreatingWorkOrder
            }
            Operation::CreateWorkOrder => {
                if let (Some(ticket), Some(platform)) = (ticket, self.platforms.get_mut(&target)) {
                    platform.known_work_orders.remember(WorkOrderLookUp { origin, ticket });
                }
                if let Some(entry) = self.rows.get_mut(&id) {
                    entry.row.work_order.clone_from(&ids.work_order_number);
                    entry.row.work_order_record.clone_from(&ids.work_order_record);
                }
                self.advance(id, State::LinkingWorkOrder);
                self.set_phase(id, Phase::New);
                self.set_phase(id, Phase::Ready);
                State::LinkingWorkOrder
            }
            Operation::LinkWorkOrder => {
                self.complete(id, None);
                State::Completed
            }
        }
    }

    /// A create of ours exists: ledger, canary, witness, lag sample.
    fn created(&mut self, id: TicketId, known: KnownTicket, sent_at: Option<Mono>, now: Now) {
        let Some(slot) = self.key_of(id) else { return };
        if let Some(platform) = self.platforms.get_mut(&slot.0) {
            platform.remember(known.clone(), now.mono);
            if let Some(sent_at) = sent_at {
                platform.add_witness(known.clone(), sent_at);
            }
        }
        if sent_at.is_some() {
            self.sample_lag(&slot.0, &known, now.mono);
        }
        self.write_known(id, known.clone());
        if let Some(key) = self.keys.get_mut(&slot) {
            key.known = Some(known);
            key.known_at = Some(now.mono);
            key.missed_at = None;
        }
    }

    /// The item was refused: an attempt is used, and what follows depends on whom the refusal is about.
    fn refused(&mut self, id: TicketId, operation: Operation, refusal: Refusal, words: &str, now: Now) -> State {
        let is_note = operation == Operation::AddNote;
        let after_create = matches!(operation, Operation::CreateWorkOrder | Operation::LinkWorkOrder);
        match refusal {
            Refusal::TargetClosed if after_create => {
                let reason = format!("the ticket was closed on the platform before this was done: {words}");
                self.complete(id, Some(&reason));
                return State::Completed;
            }
            Refusal::TargetGone if after_create => {
                self.fail(id, operation, &format!("TB0308: the ticket is gone from its platform: {words}"));
                return State::Error;
            }
            Refusal::ItemForGood => {
                if let Some(entry) = self.rows.get_mut(&id) {
                    entry.row.attempts.charge(operation);
                }
                self.fail(id, operation, words);
                return State::Error;
            }
            _ => {}
        }
        let gone = matches!(refusal, Refusal::TargetClosed | Refusal::TargetGone);
        // A ticket that was closed before its note came is nobody's fault: matched again, no attempt used.
        if !(is_note && gone) && self.charge(id, operation, words) {
            return State::Error;
        }
        let Some(entry) = self.rows.get_mut(&id) else { return State::Error };
        entry.waits += 1;
        if operation == Operation::CreateTicket || (is_note && gone) {
            entry.row.state = State::Matching;
            entry.matched_at = None;
        }
        entry.check_target = after_create;
        let tries = u32::from(entry.row.attempts.of(operation)).max(if is_note && gone { entry.waits } else { 1 });
        let state = entry.row.state;
        let wait = self.back_off(id, operation, tries);
        self.wait(id, wait, words, now);
        state
    }

    /// The destination is at fault and did nothing: no attempt is used, unless the literal counting is on.
    fn unavailable(&mut self, id: TicketId, operation: Operation, why: &str, now: Now) -> State {
        if self.settings.charge_outages && self.charge(id, operation, why) {
            return State::Error;
        }
        let Some(entry) = self.rows.get_mut(&id) else { return State::Error };
        entry.waits += 1;
        let tries = entry.waits;
        if operation == Operation::CreateTicket {
            entry.row.state = State::Matching;
            entry.matched_at = None;
        }
        let state = entry.row.state;
        let wait = self.back_off(id, operation, tries);
        self.wait(id, wait, why, now);
        state
    }

    /// Uses one attempt. True: it was one too many, and the row is in Error.
    pub(super) fn charge(&mut self, id: TicketId, operation: Operation, words: &str) -> bool {
        let Some(entry) = self.rows.get_mut(&id) else { return true };
        entry.row.attempts.charge(operation);
        let used = entry.row.attempts.of(operation);
        let most = self.settings.backends.get(&entry.row.backend).map_or(0, |backend| backend.max_retries);
        if used > most {
            self.fail(id, operation, &format!("{operation} was refused {used} times; the last time: {words}"));
        }
        used > most
    }

    fn back_off(&mut self, id: TicketId, operation: Operation, tries: u32) -> Duration {
        let entry = &self.rows[&id];
        let target = match operation {
            Operation::CreateWorkOrder => self.work_order_platform(&entry.row.backend),
            _ => None,
        };
        let name = target.unwrap_or_else(|| entry.platform.clone());
        match self.platforms.get(&name) {
            Some(platform) => {
                let (initial, max) = (platform.settings.retry_initial, platform.settings.retry_max);
                self.dice.back_off(tries, initial, max)
            }
            None => Duration::from_secs(1),
        }
    }

    /// One refusal for many different tickets in a row, none applied between: the destination is at fault. Attempts
    /// are given back, and a single ticket will find out when it works again.
    fn same_refusal(&mut self, batch: &Batch, outcomes: &[Outcome], now: Now) -> bool {
        let Some(platform) = self.platforms.get_mut(&batch.platform) else { return false };
        if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Applied { .. })) {
            platform.streaks.remove(&batch.operation);
            return false;
        }
        let streak = platform.streaks.entry(batch.operation).or_default();
        let mut words = String::new();
        for (id, outcome) in batch.items.iter().zip(outcomes) {
            let Outcome::Refused { code, message, refusal: Refusal::Item | Refusal::ItemForGood } = outcome else {
                continue;
            };
            let code = if code.is_empty() { message } else { code };
            if streak.code != *code {
                streak.code.clone_from(code);
                streak.tickets.clear();
            }
            if streak.tickets.len() < SAME_REFUSAL_TICKETS * 64 {
                streak.tickets.insert(*id);
            }
            words = format!("{code}: {message}");
        }
        if words.is_empty() || streak.tickets.len() < SAME_REFUSAL_TICKETS {
            // While the gate is being tried, a refusal of the one ticket that tries is still the destination's.
            let trying = platform.gates.get(&batch.operation).is_some_and(|gate| gate.trying);
            if words.is_empty() || !trying {
                return false;
            }
        }
        let earlier: BTreeSet<TicketId> =
            streak.tickets.iter().copied().filter(|id| !batch.items.contains(id)).collect();
        for id in earlier {
            if let Some(entry) = self.rows.get_mut(&id)
                && entry.row.attempts.of(batch.operation) > 0
            {
                entry.row.attempts.give_back(batch.operation);
                self.write_row_if_idle(id);
            }
        }
        let why = format!("TB0309: the same refusal for {SAME_REFUSAL_TICKETS} and more tickets in a row: {words}");
        self.shut_gate(&batch.platform, batch.operation, &why, now);
        true
    }

    fn shut_gate(&mut self, name: &PlatformName, operation: Operation, why: &str, now: Now) {
        let Some(platform) = self.platforms.get_mut(name) else { return };
        if platform.shut(operation, why, now.mono, &mut self.dice) {
            self.reports.push(Report::OperationHeld { platform: name.clone(), operation, why: why.to_owned() });
        }
    }

    /// The destination is at fault, or its answer unclear: breaker and pause.
    pub(super) fn destination_fault(
        &mut self,
        name: &PlatformName,
        why: &str,
        wish: Option<Duration>,
        throttled: bool,
        at_once: bool,
        now: Now,
    ) {
        let Some(platform) = self.platforms.get_mut(name) else { return };
        if throttled || wish.is_some() {
            if throttled {
                platform.halve();
            }
            let pause = platform.pause(now.mono, wish, &mut self.dice);
            self.reports.push(Report::Paused { platform: name.clone(), pause });
        }
        if let (true, Breaker::Probing { since }) = (throttled, &platform.breaker) {
            // It is there and wants less: the probe has told nothing, and is repeated after the pause.
            platform.breaker = Breaker::Open { until: now.mono, since: *since };
        }
        if !throttled && platform.ill(now.mono, why, at_once, &mut self.dice) {
            self.reports.push(Report::BreakerOpened { platform: name.clone(), why: why.to_owned() });
        }
    }

    fn well(&mut self, batch: &Batch, latency: Option<Duration>) {
        let Some(platform) = self.platforms.get_mut(&batch.platform) else { return };
        if platform.well(latency, true) {
            self.reports.push(Report::BreakerClosed { platform: batch.platform.clone() });
        }
        // An answer of any kind shows that login and path work again; what it says of the item is judged apart.
        if let Some(gate) = platform.gates.get(&batch.operation).filter(|gate| gate.trying)
            && !gate.why.starts_with("TB0309")
        {
            platform.gates.remove(&batch.operation);
        }
    }

    /// Writes down what became of items of a batch.
    pub(super) fn settle(&mut self, id: BatchId, results: Vec<(TicketId, Outcome, State)>, by: Settled) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        if results.is_empty() {
            return;
        }
        let lane = batch.lane;
        let mut items = Vec::with_capacity(results.len());
        for (ticket, outcome, next) in results {
            batch.unresolved.remove(&ticket);
            batch.applied += usize::from(matches!(outcome, Outcome::Applied { .. }));
            items.push(ItemResult { ticket, outcome, by, next });
        }
        let at = self.now.wall;
        let settles = &mut self.pending.entry(lane).or_default().settles;
        match settles.iter_mut().find(|settle| settle.batch == id) {
            Some(settle) => settle.results.append(&mut items),
            None => settles.push(Settle { batch: id, results: items, remaining: Vec::new(), at }),
        }
    }

    /// A batch of several that was refused whole, or of which nothing was applied, is sent again in halves.
    pub(super) fn halve_if_nothing_applied(&mut self, id: BatchId) {
        let Some(batch) = self.batches.get(&id) else { return };
        let whole = self.refused_whole.remove(&id);
        let verified = batch.unresolved.is_empty() && batch.was_unknown && batch.applied == 0;
        if batch.items.len() < 2 || !(whole || verified) {
            return;
        }
        let (platform, operation, items) = (batch.platform.clone(), batch.operation, batch.items.clone());
        self.reports.push(Report::Halved { platform, operation, items: items.len() });
        let middle = items.len().div_ceil(2);
        for half in [&items[..middle], &items[middle..]] {
            self.next_cohort += 1;
            for id in half {
                if let Some(entry) = self.rows.get_mut(id) {
                    entry.cohort = self.next_cohort;
                    if entry.phase == Phase::Ready {
                        self.set_phase(*id, Phase::Ready);
                    }
                }
            }
        }
    }

    fn report_settled(&mut self, batch: &Batch, outcomes: &[Outcome], latency: Duration, why: Option<String>) {
        let mut items = [0; 4];
        for outcome in outcomes {
            let slot = match outcome {
                Outcome::Applied { .. } => 0,
                Outcome::Refused { .. } => 1,
                Outcome::Unavailable { .. } => 2,
                Outcome::Unknown { .. } => 3,
            };
            items[slot] += 1;
        }
        if items[3] > 0
            && let Some(batch) = self.batches.get_mut(&batch.id)
        {
            batch.was_unknown = true;
        }
        let (platform, operation) = (batch.platform.clone(), batch.operation);
        self.reports.push(Report::Settled { platform, operation, items, latency, why });
    }
}
