//! Doubt: what may have happened on a platform and must be looked up before anything follows.
//!
//! A hit resolves at once. A negative counts only when its look-up began more than `in_doubt_for` after the unclear
//! answer, then a second time at least the settling time later, both with the canary (where one is known) in sight.
//! Time waited in an earlier life of the process does not count: there the doubt begins when the lane is taken.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{Command, Report};
use super::platform::Platform;
use super::probe::{Ask, Probe, ProbeKind, oldest_open};
use super::rows::{HELD_RECHECK, Phase};
use super::settings::OnUnresolved;
use super::{BatchId, Decision, Delivery, HELD, ProbeId, Problem, Settled};
use crate::effect::{Operation, Outcome, RemoteIds, RemoteNote, RemoteTicket, RemoteWorkOrder};
use crate::ticket::{PlatformName, State, TicketId, TicketReference};
use crate::time::{Mono, Now};

/// First wait between two look-ups of one doubt; doubles up to [`SLOWEST_LOOK`].
const FIRST_LOOK: Duration = Duration::from_millis(500);
/// Longest wait between two look-ups of one doubt.
const SLOWEST_LOOK: Duration = Duration::from_secs(15);

/// Why a row is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Its effect may have been applied: the full rule for negatives.
    Unknown,
    /// An operator brought it back: one look is enough.
    Once,
    /// The ledger knows a ticket of its key that the retrieval lacks; the retrieval began then.
    Ledger(Mono),
    /// Its work order or link was refused: is the ticket still there, and open?
    Target,
}

/// One row's doubt.
#[derive(Debug, Clone)]
pub(super) struct Doubt {
    pub(super) operation: Operation,
    pub(super) purpose: Purpose,
    /// When the unclear answer came, or the lane was taken.
    pub(super) since: Mono,
    pub(super) batch: Option<BatchId>,
    pub(super) next_look: Mono,
    pub(super) looks: u32,
    pub(super) first_negative: Option<Mono>,
    /// The look-up that is under way about it.
    pub(super) probing: Option<ProbeId>,
    /// It waits for an operator; looked at again once an hour.
    pub(super) held: bool,
}

impl Doubt {
    pub(super) fn new(operation: Operation, purpose: Purpose, now: Mono, batch: Option<BatchId>) -> Self {
        Self {
            operation,
            purpose,
            since: now,
            batch,
            next_look: now,
            looks: 0,
            first_negative: None,
            probing: None,
            held: false,
        }
    }

    /// What has to be asked.
    pub(super) fn ask(&self) -> Ask {
        match (self.purpose, self.operation) {
            (Purpose::Unknown | Purpose::Once, Operation::AddNote) => Ask::Notes,
            (Purpose::Unknown | Purpose::Once, Operation::CreateWorkOrder) => Ask::WorkOrders,
            _ => Ask::Tickets,
        }
    }
}

/// What one look-up showed of one row.
enum Sight {
    /// It was applied; once.
    Applied { ids: RemoteIds, open: bool, work_order: Option<String> },
    /// It was applied more than once.
    Several(Vec<String>),
    /// It is not there.
    Absent,
    /// A ticket with our key and without origin: ours or not, nobody can tell.
    Nameless(String),
}

impl Delivery {
    /// Puts a row in doubt, or does at once what a platform that cannot be asked calls for.
    pub(super) fn doubt(&mut self, id: TicketId, mut doubt: Doubt) {
        if doubt.purpose == Purpose::Unknown && doubt.batch.is_none() {
            doubt.batch = self.inherited.remove(&id);
        }
        let Some(entry) = self.rows.get(&id) else { return };
        let ask = doubt.ask();
        let platform = self.platform_of_ask(id, ask);
        let can = platform.and_then(|name| self.platforms.get(&name)?.settings.capabilities.clone());
        let (able, code, what) = match ask {
            Ask::Tickets => (can.is_none_or(|can| can.finds_tickets), "TB0307", "this platform cannot look tickets up"),
            Ask::Notes => (can.is_none_or(|can| can.finds_notes), "", ""),
            Ask::WorkOrders => {
                (can.is_none_or(|can| can.finds_work_orders), "TB0310", "this platform cannot look work orders up")
            }
        };
        if !able && ask == Ask::Notes {
            // Declared at-least-once: sent again at once.
            let (batch, operation) = (doubt.batch, doubt.operation);
            if let Some(entry) = self.rows.get_mut(&id) {
                entry.row.sent.remove(operation);
                entry.returned = false;
            }
            if let Some(batch) = batch {
                let outcome =
                    Outcome::Unavailable { why: String::from("unclear; notes cannot be looked up here, sent again") };
                self.settle(batch, vec![(id, outcome, State::AddingNote)], Settled::LookUp);
            }
            self.set_phase(id, Phase::Ready);
            return;
        }
        if !able && doubt.purpose == Purpose::Once {
            let state = entry.row.state;
            self.set_phase(id, Phase::New);
            if let Some(entry) = self.rows.get_mut(&id) {
                entry.returned = false;
            }
            if state == State::Matching {
                self.match_again(id, doubt.since);
            } else {
                self.set_phase(id, Phase::Ready);
            }
            return;
        }
        self.set_phase(id, Phase::InDoubt);
        self.agenda.insert((doubt.next_look, id));
        self.doubts.insert(id, doubt);
        if !able {
            self.hold(id, code, &format!("{what}: an unclear answer can't be resolved; settle it by hand, then `tickets dismiss` or wait for the hourly look"));
        }
    }

    /// Sends the look-ups that are due, as far as platforms and switches allow.
    pub(super) fn probe_doubts(&mut self, now: Now, out: &mut Vec<Command>) {
        for ((platform, ask), ids) in self.due_doubts(now.mono) {
            for chunk in ids.chunks(self.probe_items(&platform)) {
                if !self.admits(&platform, now.mono) {
                    break;
                }
                self.look(&platform, ask, chunk.to_vec(), now, out);
            }
        }
    }

    /// Doubts whose look is due, by what has to be asked and whom.
    pub(super) fn due_doubts(&mut self, now: Mono) -> BTreeMap<(PlatformName, Ask), Vec<TicketId>> {
        let mut due: BTreeMap<(PlatformName, Ask), Vec<TicketId>> = BTreeMap::new();
        let mut unable = Vec::new();
        for (_, id) in self.agenda.range(..=(now, TicketId(i64::MAX))) {
            let Some(doubt) = self.doubts.get(id) else { continue };
            if doubt.probing.is_some() || !self.rows.get(id).is_some_and(|entry| self.processing(&entry.row.backend)) {
                continue;
            }
            let Some(platform) = self.platform_of_ask(*id, doubt.ask()) else { continue };
            match self.platforms.get(&platform).and_then(|platform| platform.settings.capabilities.as_ref()) {
                Some(can) if !doubt.ask().possible(can) => unable.push(*id),
                _ => due.entry((platform, doubt.ask())).or_default().push(*id),
            }
        }
        for id in unable {
            // Still held: only other settings or an operator change that.
            self.look_at(id, now.after(HELD_RECHECK));
        }
        due
    }

    /// Sends one look-up of doubts.
    pub(super) fn look(
        &mut self,
        platform: &PlatformName,
        ask: Ask,
        ids: Vec<TicketId>,
        now: Now,
        out: &mut Vec<Command>,
    ) {
        let latest = ids.iter().filter_map(|id| self.doubts.get(id)).map(|doubt| doubt.since).max();
        let asked = ids.clone();
        let probe = self.ask(platform, ProbeKind::Doubts(ask, ids), latest.unwrap_or(now.mono), now, out);
        for id in asked {
            if let Some(doubt) = self.doubts.get_mut(&id) {
                doubt.probing = probe;
            }
        }
    }

    /// The doubt that a look-up was sent about. Its row may have left it since and be in doubt of something else (the lane
    /// was lost and taken again): of that, the answer says nothing.
    fn asked_about(&self, id: TicketId, probe: &Probe) -> Option<Doubt> {
        self.doubts.get(&id).filter(|doubt| doubt.probing == Some(probe.id)).cloned()
    }

    /// A look-up of doubts failed: all of them look again later.
    pub(super) fn doubts_unanswered(&mut self, probe: &Probe, ids: &[TicketId], now: Now) {
        if let Some(platform) = self.platforms.get_mut(&probe.platform) {
            // A look-up is whole or nothing, and may take a request per row: fewer rows are the likelier to get through.
            platform.rows_per_look_up = (ids.len() / 2).max(1);
        }
        for id in ids {
            if self.asked_about(*id, probe).is_some() {
                self.look_later(*id, now.mono);
            }
        }
    }

    /// Takes in what a look-up of tickets showed.
    pub(super) fn doubts_saw_tickets(
        &mut self,
        ids: &[TicketId],
        tickets: &[RemoteTicket],
        probe: &Probe,
        void: bool,
        now: Now,
    ) {
        let mut lost = Vec::new();
        for id in ids {
            let (Some(doubt), Some(entry)) = (self.asked_about(*id, probe), self.rows.get(id)) else { continue };
            let origin = entry.row.origin.to_string();
            let key = entry.row.key.as_str();
            let ours: Vec<&RemoteTicket> =
                tickets.iter().filter(|ticket| ticket.origin.as_deref() == Some(origin.as_str())).collect();
            let others: Vec<RemoteTicket> = tickets
                .iter()
                .filter(|ticket| {
                    ticket.key.as_deref() == Some(key) && ticket.origin.as_deref() != Some(origin.as_str())
                })
                .cloned()
                .collect();
            match doubt.purpose {
                Purpose::Ledger(matched_at) => match one_or_several(&ours) {
                    // A request of ours that was given up had its effect after all.
                    Some(Ok(ticket)) => self.found_ours(*id, &ticket.clone(), now),
                    _ => self.ledger_seen(*id, &others, matched_at, void, probe, now, &mut lost),
                },
                Purpose::Target => self.target_seen(*id, &doubt, tickets, void, probe, now),
                Purpose::Unknown | Purpose::Once => {
                    let nameless =
                        others.iter().find(|ticket| ticket.open && !ticket.adopted && ticket.origin.is_none());
                    let sight = match (one_or_several(&ours), nameless) {
                        (Some(Ok(ticket)), _) => Sight::Applied {
                            ids: RemoteIds {
                                ticket_number: Some(ticket.reference.number.clone()),
                                ticket_record: ticket.reference.record.clone(),
                                work_order_number: ticket.work_order.clone(),
                                ..RemoteIds::default()
                            },
                            open: ticket.open,
                            work_order: ticket.work_order.clone(),
                        },
                        (Some(Err(numbers)), _) => Sight::Several(numbers),
                        (None, Some(ticket)) if doubt.purpose == Purpose::Unknown => {
                            Sight::Nameless(ticket.reference.number.clone())
                        }
                        (None, _) => Sight::Absent,
                    };
                    self.seen(*id, &doubt, sight, &others, probe, void, now);
                }
            }
        }
        self.ledger_lost(&lost, probe, now);
    }

    /// Takes in what a look-up of notes showed.
    pub(super) fn doubts_saw_notes(
        &mut self,
        ids: &[TicketId],
        notes: &[RemoteNote],
        probe: &Probe,
        void: bool,
        now: Now,
    ) {
        for id in ids {
            let (Some(doubt), Some(entry)) = (self.asked_about(*id, probe), self.rows.get(id)) else { continue };
            let origin = entry.row.origin.to_string();
            // On whatever ticket: people may have merged ours into another meanwhile, with its notes.
            let there = notes.iter().any(|note| note.origin == origin);
            let sight = if there {
                Sight::Applied { ids: RemoteIds::default(), open: true, work_order: None }
            } else {
                Sight::Absent
            };
            self.seen(*id, &doubt, sight, &[], probe, void, now);
        }
    }

    /// Takes in what a look-up of work orders showed. One of ours counts only if it belongs to our ticket.
    pub(super) fn doubts_saw_work_orders(
        &mut self,
        ids: &[TicketId],
        work_orders: &[RemoteWorkOrder],
        probe: &Probe,
        void: bool,
        now: Now,
    ) {
        for id in ids {
            let (Some(doubt), Some(entry)) = (self.asked_about(*id, probe), self.rows.get(id)) else { continue };
            let origin = entry.row.origin.to_string();
            let ticket = entry.row.ticket.clone();
            // By number and record: numbers alone may be given twice.
            let mut ours: Vec<(&str, Option<&str>)> = work_orders
                .iter()
                .filter(|order| order.origin == origin && belongs(order, ticket.as_ref()))
                .map(|order| (order.number.as_str(), order.record.as_deref()))
                .collect();
            ours.sort_unstable();
            ours.dedup();
            let sight = match ours.as_slice() {
                [] => Sight::Absent,
                [(number, record)] => Sight::Applied {
                    ids: RemoteIds {
                        work_order_number: Some((*number).to_owned()),
                        work_order_record: record.map(str::to_owned),
                        ..RemoteIds::default()
                    },
                    open: true,
                    work_order: None,
                },
                several => Sight::Several(several.iter().map(|(number, _)| (*number).to_owned()).collect()),
            };
            self.seen(*id, &doubt, sight, &[], probe, void, now);
        }
    }

    /// One row, one look: resolved, or looked at again.
    #[expect(clippy::too_many_arguments, reason = "one decision, all of whose grounds are named")]
    fn seen(
        &mut self,
        id: TicketId,
        doubt: &Doubt,
        sight: Sight,
        others: &[RemoteTicket],
        probe: &Probe,
        void: bool,
        now: Now,
    ) {
        match sight {
            Sight::Applied { ids, open, work_order } => {
                if doubt.operation == Operation::CreateTicket && doubt.batch.is_none() && !self.may_own(id, &ids) {
                    return;
                }
                self.reports.push(Report::Resolved {
                    platform: probe.platform.clone(),
                    operation: doubt.operation,
                    applied: true,
                });
                let next = self.applied(id, doubt.operation, &ids, None, now);
                let next = match doubt.operation {
                    Operation::CreateTicket => self.after_found(id, open, work_order).unwrap_or(next),
                    _ => next,
                };
                if let Some(batch) = doubt.batch {
                    self.settle(batch, vec![(id, Outcome::Applied { ids }, next)], Settled::LookUp);
                }
            }
            Sight::Several(numbers) => {
                let text = format!(
                    "more than one remote record carries this ticket's origin id: {}; close all but one, the hourly look then goes on",
                    numbers.join(", ")
                );
                if !doubt.held {
                    self.problem(&probe.platform.clone(), id, "TB0304", &text);
                }
                self.hold(id, "TB0304", &text);
            }
            Sight::Nameless(number) => {
                self.hold(id, "TB0306", &format!("ticket {number} carries our key and an empty origin id while our own create is unclear; write the origin id into it or close it, the hourly look then goes on"));
            }
            Sight::Absent if void => self.voided(id, doubt, probe, now),
            Sight::Absent => self.absent(id, doubt, others, probe, now),
        }
    }

    /// A ticket that this row created was found otherwise than by the look-up after its create.
    pub(super) fn found_ours(&mut self, id: TicketId, ticket: &RemoteTicket, now: Now) {
        let ids = RemoteIds {
            ticket_number: Some(ticket.reference.number.clone()),
            ticket_record: ticket.reference.record.clone(),
            ..RemoteIds::default()
        };
        if !self.may_own(id, &ids) {
            return;
        }
        self.applied(id, Operation::CreateTicket, &ids, None, now);
        self.after_found(id, ticket.open, ticket.work_order.clone());
    }

    /// Whether a row may go on with a ticket of its own that was not made just now.
    fn may_own(&mut self, id: TicketId, ids: &RemoteIds) -> bool {
        self.may_go_on(id, || {
            let number = ids.ticket_number.clone().unwrap_or_default();
            Decision::Own(TicketReference { number, record: ids.ticket_record.clone() })
        })
    }

    /// Our own ticket was found: closed, or with its work order, nothing is left to do.
    fn after_found(&mut self, id: TicketId, open: bool, work_order: Option<String>) -> Option<State> {
        if open && work_order.is_none() {
            return None;
        }
        let reason = if open {
            "the ticket already carries a work order"
        } else {
            "our ticket was closed on the platform before its work order was made"
        };
        if let Some(entry) = self.rows.get_mut(&id) {
            entry.row.work_order = work_order;
        }
        self.complete(id, Some(reason));
        Some(State::Completed)
    }

    /// A negative that does not count: looked at again soon, unless what is known to exist has been missing for an hour.
    /// Deleted, or no longer shown to us: only people can tell, so no time makes such a negative count.
    fn voided(&mut self, id: TicketId, doubt: &Doubt, probe: &Probe, now: Now) {
        let platform = self.platforms.get(&probe.platform);
        let (lost, what) = match doubt.ask() {
            Ask::Tickets => (false, ""),
            Ask::Notes => (platform.is_some_and(|platform| platform.known_notes.lost(probe.began)), "note"),
            Ask::WorkOrders => {
                (platform.is_some_and(|platform| platform.known_work_orders.lost(probe.began)), "work order")
            }
        };
        if !lost {
            self.look_later(id, now.mono);
            return;
        }
        let text = format!(
            "look-ups on `{}` have not shown any {what} that is known to exist for an hour, so that they do not tell whether this one was made; mend the search, or settle it by hand and run `ticketbridge tickets dismiss`; the hourly look goes on once the next {what} is seen",
            probe.platform
        );
        self.hold(id, "TB0311", &text);
    }

    /// A negative: does it count, is it the second that counts, and what follows?
    fn absent(&mut self, id: TicketId, doubt: &Doubt, others: &[RemoteTicket], probe: &Probe, now: Now) {
        if doubt.purpose == Purpose::Unknown {
            let Some(platform) = self.platforms.get(&probe.platform) else { return };
            let counts_from = doubt.since.after(platform.settings.in_doubt_for);
            let settling = platform.settling();
            let hold = platform.settings.on_unresolved == OnUnresolved::Hold;
            if probe.began <= counts_from {
                self.look_later(id, now.mono);
                return;
            }
            match doubt.first_negative {
                None => {
                    if let Some(doubt) = self.doubts.get_mut(&id) {
                        doubt.first_negative = Some(probe.began);
                    }
                    self.look_at(id, probe.began.after(settling).max(now.mono));
                    return;
                }
                Some(first) if probe.began < first.after(settling) => {
                    self.look_at(id, first.after(settling));
                    return;
                }
                Some(_) => {}
            }
            let sent_again = doubt.batch.is_some()
                || self.rows.get(&id).is_some_and(|entry| entry.row.sent.contains(doubt.operation) && !entry.suspect);
            if hold && sent_again && oldest_open(others).is_none() && doubt.operation != Operation::AddNote {
                self.hold(id, "TB0307", "its effect is not found on the platform; `on_unresolved = \"hold\"` never sends twice: send it by hand, or `tickets dismiss`");
                return;
            }
        }
        self.reports.push(Report::Resolved {
            platform: probe.platform.clone(),
            operation: doubt.operation,
            applied: false,
        });
        self.not_applied(id, doubt, others, now);
    }

    /// Verified: the effect was not applied. It may be sent (again), or another's ticket is noted instead.
    fn not_applied(&mut self, id: TicketId, doubt: &Doubt, others: &[RemoteTicket], now: Now) {
        let operation = doubt.operation;
        let was_sent = doubt.batch.is_some();
        let mut maybe_sent = was_sent;
        if let Some(entry) = self.rows.get_mut(&id) {
            maybe_sent |= entry.row.sent.contains(operation);
            entry.row.sent.remove(operation);
            entry.row.due_at = None;
            entry.row.reason = None;
            entry.returned = false;
        }
        let refused = doubt.batch.and_then(|batch| self.batches.get(&batch)).is_some_and(|batch| batch.refused_alone);
        let batch = doubt.batch.and_then(|batch| self.batches.get(&batch));
        // A request that an earlier life of the process left behind was cut off by our own end: nobody else's fault.
        let cut_off = batch.is_some_and(|batch| batch.inherited);
        let alone = batch.is_none_or(|batch| batch.items.len() == 1);
        let platform = self.platform_of_ask(id, doubt.ask());
        let others_succeed = platform
            .and_then(|name| self.platforms.get(&name)?.last_applied)
            .is_some_and(|applied| applied > doubt.since);
        let charged = was_sent && !cut_off && (self.settings.charge_outages || refused || (alone && others_succeed));
        let failed = charged && self.charge(id, operation, "sent, and verified as not applied");
        let next = if failed {
            State::Error
        } else if let (Operation::CreateTicket, Some(other)) = (operation, oldest_open(others)) {
            self.note_instead(id, other, now);
            self.write_row(id);
            self.rows[&id].row.state
        } else if operation == Operation::CreateTicket {
            if maybe_sent {
                self.begin_audit(id, now);
            }
            self.match_again(id, now.mono);
            self.write_row(id);
            State::Matching
        } else {
            self.set_phase(id, Phase::Ready);
            self.write_row(id);
            self.rows[&id].row.state
        };
        if let Some(batch) = doubt.batch {
            let outcome = Outcome::Unavailable { why: String::from("looked up twice and not found: not applied") };
            self.settle(batch, vec![(id, outcome, next)], Settled::LookUp);
            self.halve_if_nothing_applied(batch);
        }
    }

    /// Another's open ticket was found where we meant to create: note it instead.
    pub(super) fn note_instead(&mut self, id: TicketId, other: &RemoteTicket, now: Now) {
        if !self.may_go_on(id, || Decision::Note(other.reference.clone())) {
            return;
        }
        self.know(id, other);
        self.set_ticket(id, other.reference.clone(), false);
        if let Some(entry) = self.rows.get_mut(&id) {
            entry.row.state = State::AddingNote;
            entry.row.due_at = None;
            entry.row.reason = None;
            entry.returned = false;
        }
        self.set_phase(id, Phase::New);
        self.place(id, now);
    }

    /// The work order or link was refused: what does its ticket look like now?
    fn target_seen(
        &mut self,
        id: TicketId,
        doubt: &Doubt,
        tickets: &[RemoteTicket],
        void: bool,
        probe: &Probe,
        now: Now,
    ) {
        let Some(entry) = self.rows.get(&id) else { return };
        let Some(reference) = entry.row.ticket.clone() else { return };
        let Some(ticket) = tickets.iter().find(|ticket| same_ticket(&ticket.reference, &reference)) else {
            let settling = self.platforms.get(&probe.platform).map_or(Duration::ZERO, Platform::settling);
            let settled = doubt.first_negative.is_some_and(|first| probe.began >= first.after(settling));
            if void || !settled {
                if let Some(doubt) = self.doubts.get_mut(&id).filter(|_| !void) {
                    doubt.first_negative.get_or_insert(probe.began);
                }
                self.look_later(id, now.mono);
            } else {
                self.fail(
                    id,
                    doubt.operation,
                    &format!(
                        "TB0308: ticket {} is gone from its platform; this row never creates again",
                        reference.number
                    ),
                );
            }
            return;
        };
        let ours = entry.row.work_order.clone();
        match (&ticket.work_order, ticket.open) {
            (Some(number), _) if Some(number) == ours.as_ref() => self.complete(id, None),
            (_, false) => {
                let reason =
                    format!("ticket {} was closed on the platform ({}) meanwhile", reference.number, ticket.status);
                self.complete(id, Some(&reason));
            }
            (Some(number), true) if ours.is_none() => {
                let number = number.clone();
                if let Some(entry) = self.rows.get_mut(&id) {
                    entry.row.work_order = Some(number);
                }
                self.complete(id, Some("the ticket already carries a work order"));
            }
            _ => {
                self.set_phase(id, Phase::Ready);
                self.write_row(id);
            }
        }
    }

    /// A row waits for an operator: its reason is written down, and it is looked at again in an hour.
    pub(super) fn hold(&mut self, id: TicketId, code: &str, text: &str) {
        let reason = format!("{code}: {HELD}{text}");
        if let Some(doubt) = self.doubts.get_mut(&id) {
            self.agenda.remove(&(doubt.next_look, id));
            doubt.next_look = self.now.mono.after(HELD_RECHECK);
            doubt.probing = None;
            doubt.held = true;
            self.agenda.insert((doubt.next_look, id));
        }
        let due = self.now.wall.after(HELD_RECHECK);
        let changed = self.rows.get_mut(&id).is_some_and(|entry| {
            entry.row.due_at = Some(due);
            entry.row.reason.replace(reason.clone()) != Some(reason)
        });
        if changed {
            self.write_row(id);
        }
    }

    /// Looks again after a growing wait, but in time for the first look that counts.
    fn look_later(&mut self, id: TicketId, now: Mono) {
        let Some(doubt) = self.doubts.get(&id) else { return };
        let wait = FIRST_LOOK.saturating_mul(1 << doubt.looks.min(10)).min(SLOWEST_LOOK);
        let mut at = now.after(wait);
        if let Some(platform) = self.platform_of_ask(id, doubt.ask()).and_then(|name| self.platforms.get(&name)) {
            let counts = Mono(doubt.since.after(platform.settings.in_doubt_for).0 + 1);
            if counts > now && counts < at {
                at = counts;
            }
        }
        self.look_at(id, at);
    }

    fn look_at(&mut self, id: TicketId, at: Mono) {
        if let Some(doubt) = self.doubts.get_mut(&id) {
            self.agenda.remove(&(doubt.next_look, id));
            doubt.looks += 1;
            doubt.probing = None;
            doubt.next_look = at;
            self.agenda.insert((at, id));
        }
    }

    /// Something that an operator must know of.
    pub(super) fn problem(&mut self, platform: &crate::ticket::PlatformName, id: TicketId, code: &str, text: &str) {
        let Some(entry) = self.rows.get(&id) else { return };
        let problem = Problem {
            platform: platform.clone(),
            code: code.to_owned(),
            about: entry.row.key.to_string(),
            text: text.to_owned(),
            at: self.now.wall,
        };
        let lane = entry.lane;
        self.report_problem(lane, problem);
    }
}

/// None, exactly one, or the numbers of several. Of several, those already closed do not count against one open.
fn one_or_several<'a>(tickets: &[&'a RemoteTicket]) -> Option<Result<&'a RemoteTicket, Vec<String>>> {
    let open: Vec<&&RemoteTicket> = tickets.iter().filter(|ticket| ticket.open).collect();
    match (tickets, open.as_slice()) {
        ([], _) => None,
        ([one], _) => Some(Ok(one)),
        (_, [one]) => Some(Ok(one)),
        (several, _) => {
            // One ticket that came twice is one; two that share a number are two.
            if several.iter().all(|ticket| same_ticket(&ticket.reference, &several[0].reference)) {
                return Some(Ok(several[0]));
            }
            let mut numbers: Vec<String> = several.iter().map(|ticket| ticket.reference.number.clone()).collect();
            numbers.sort_unstable();
            Some(Err(numbers))
        }
    }
}

/// Whether a work order belongs to a ticket: by record id where both have one, else by number.
fn belongs(order: &RemoteWorkOrder, ticket: Option<&TicketReference>) -> bool {
    let Some(ticket) = ticket else { return false };
    match (&order.ticket_record, &ticket.record) {
        (Some(theirs), Some(ours)) => theirs == ours,
        _ => order.ticket_number.as_deref() == Some(ticket.number.as_str()),
    }
}

/// Whether two references name one ticket: by record id where both have one, else by number.
pub(super) fn same_ticket(one: &TicketReference, other: &TicketReference) -> bool {
    match (&one.record, &other.record) {
        (Some(one), Some(other)) => one == other,
        _ => one.number == other.number,
    }
}
