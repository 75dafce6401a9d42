//! Matching: the open tickets of a platform, retrieved whole, compared by dedupe key.
//!
//! One retrieval serves every row that entered Matching before it began. A ticket that our ledger knows and the
//! retrieval lacks is looked up over all states before anything is concluded.

use std::collections::BTreeMap;
use std::time::Duration;

use super::doubt::{Doubt, Purpose, same_ticket};
use super::event::Command;
use super::platform::Platform;
use super::probe::{Probe, ProbeKind, oldest_open};
use super::rows::Phase;
use super::{Decision, Delivery, KnownTicket};
use crate::effect::{Operation, RemoteTicket};
use crate::ticket::{OriginId, PlatformName, State, TicketId};
use crate::time::{Mono, Now};

impl Delivery {
    /// Starts the retrievals that are wanted: rows wait, none is under way, the platform lets us.
    pub(super) fn retrieve(&mut self, now: Now, out: &mut Vec<Command>) {
        let names: Vec<PlatformName> = self
            .platforms
            .iter()
            .filter(|(_, platform)| self.retrieval_due(platform, now.mono))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            if self.admits(&name, now.mono) {
                self.begin_retrieval(&name, now, out);
            }
        }
    }

    /// Rows wait for a retrieval, and none is under way.
    pub(super) fn retrieval_due(&self, platform: &Platform, now: Mono) -> bool {
        platform.retrieval.under_way.is_none()
            && platform.retrieval.not_before.is_none_or(|at| at <= now)
            && platform
                .matching
                .iter()
                .any(|(_, id)| self.rows.get(id).is_some_and(|entry| self.processing(&entry.row.backend)))
    }

    pub(super) fn begin_retrieval(&mut self, name: &PlatformName, now: Now, out: &mut Vec<Command>) {
        let under_way = self.ask(name, ProbeKind::Retrieval, now.mono, now, out);
        if let Some(platform) = self.platforms.get_mut(name) {
            platform.retrieval.under_way = under_way;
        }
    }

    /// A failed retrieval is never an empty list: the rows go on waiting, and say why.
    pub(super) fn retrieval_failed(&mut self, name: &PlatformName, why: &str, now: Now) {
        let Some(platform) = self.platforms.get_mut(name) else { return };
        platform.retrieval.under_way = None;
        platform.retrieval.failures += 1;
        let (initial, max) = (platform.settings.retry_initial, platform.settings.retry_max);
        let wait = self.dice.rest(platform.retrieval.failures, initial, max);
        platform.retrieval.not_before = Some(now.mono.after(wait));
        if platform.retrieval.failures == 1 {
            let waiting: Vec<TicketId> = platform.matching.iter().map(|(_, id)| *id).collect();
            for id in waiting {
                let Some(entry) = self.rows.get_mut(&id) else { continue };
                entry.row.reason = Some(format!("waits for the open tickets of `{name}`: {why}"));
            }
        }
    }

    /// Compares every row that entered Matching before the retrieval began.
    pub(super) fn retrieved(&mut self, probe: &Probe, tickets: Vec<RemoteTicket>, asked_at: Mono, now: Now) {
        let seen_at = self.last_page_seen_at(probe, asked_at, now.mono);
        let Some(platform) = self.platforms.get_mut(&probe.platform) else { return };
        platform.retrieval.under_way = None;
        platform.retrieval.failures = 0;
        platform.retrieval.not_before = None;
        let rows: Vec<TicketId> =
            platform.matching.range(..=(probe.began, TicketId(i64::MAX))).map(|(_, id)| *id).collect();
        let mut by_key: BTreeMap<String, Vec<RemoteTicket>> = BTreeMap::new();
        for ticket in tickets {
            if let Some(key) = ticket.key.clone().filter(|_| ticket.open) {
                by_key.entry(key).or_default().push(ticket);
            }
        }
        for id in rows {
            let Some(entry) = self.rows.get(&id) else { continue };
            let matches = by_key.get(entry.row.key.as_str()).map_or(&[][..], Vec::as_slice);
            self.matched(id, matches, probe.began, seen_at, now);
        }
    }

    /// How old a retrieval is: as old as its last page, or one that takes long would make its own matches stale. A page
    /// is as old as its answer; but an answer that took longer than any may has waited here, while we stood still.
    fn last_page_seen_at(&self, probe: &Probe, asked_at: Mono, now: Mono) -> Mono {
        let can = self.platforms.get(&probe.platform).and_then(|platform| platform.settings.capabilities.as_ref());
        let longest = can.map_or(Duration::ZERO, |can| can.request_timeout).max(self.settings.match_ttl);
        if now.since(asked_at) > longest { asked_at.max(probe.began) } else { now }
    }

    /// One row beside the open tickets of its key.
    fn matched(&mut self, id: TicketId, matches: &[RemoteTicket], began: Mono, seen_at: Mono, now: Now) {
        let Some(entry) = self.rows.get_mut(&id) else { return };
        entry.row.reason = None;
        let origin = entry.row.origin.to_string();
        let platform = entry.platform.clone();
        let several = matches.len() > 1;
        if let Some(ours) = matches.iter().find(|ticket| ticket.origin.as_deref() == Some(origin.as_str())) {
            // Our own create, found before its look-up: applied.
            let ours = ours.clone();
            self.set_phase(id, Phase::New);
            self.found_ours(id, &ours, now);
            return;
        }
        if let Some(oldest) = oldest_open(matches) {
            if several {
                self.report_several(id, &platform, matches, &oldest.reference.number.clone());
            }
            let oldest = oldest.clone();
            self.note_instead(id, &oldest, now);
            return;
        }
        let known = self.keys.get(&(platform.clone(), entry_key(self, id))).and_then(|key| key.known.clone());
        if known.is_some() {
            let can = self.platforms.get(&platform).and_then(|platform| platform.settings.capabilities.as_ref());
            if can.is_some_and(|can| can.finds_tickets) {
                self.doubt(id, Doubt::new(Operation::CreateTicket, Purpose::Ledger(began), now.mono, None));
                return;
            }
            // It cannot be looked up: an absence counts only when the settling time has passed since we learned of it.
            let settling = self.platforms.get(&platform).map_or_else(Default::default, Platform::settling);
            let known_at = self.keys.get(&(platform, entry_key(self, id))).and_then(|key| key.known_at);
            let settled_at = known_at.unwrap_or(Mono(0)).after(settling);
            if settled_at > now.mono {
                let wait = settled_at.since(now.mono);
                self.wait(id, wait, "waits until the platform has settled after our last write", now);
                return;
            }
            self.forget_key(id);
        }
        self.may_create(id, seen_at);
    }

    /// The ledger's ticket was lacking from the retrieval; this is what a look-up over all states shows. One that is
    /// missing there, too, and for the second time, is put to `lost`.
    #[expect(clippy::too_many_arguments, reason = "one decision, all of whose grounds are named")]
    pub(super) fn ledger_seen(
        &mut self,
        id: TicketId,
        found: &[RemoteTicket],
        matched_at: Mono,
        void: bool,
        probe: &Probe,
        now: Now,
        lost: &mut Vec<(TicketId, Mono)>,
    ) {
        let Some(slot) = self.key_of(id) else { return };
        if let Some(open) = oldest_open(found).cloned() {
            self.note_instead(id, &open, now);
            return;
        }
        let known = self.keys.get(&slot).and_then(|key| key.known.as_ref());
        if known.is_none_or(|known| found.iter().any(|one| same_ticket(&one.reference, &known.reference))) {
            // Found, and closed: no match. An older ticket of the key says nothing of the one that we know.
            self.forget_key(id);
            self.may_create(id, matched_at);
            return;
        }
        let Some(platform) = self.platforms.get(&slot.0) else { return };
        let settling = platform.settling();
        let Some(key) = self.keys.get_mut(&slot) else { return };
        let counts_from = platform.absence_counts_from(key.known_at.unwrap_or(Mono(0)));
        let missed_before = key.missed_at.is_some_and(|at| probe.began >= at.after(settling));
        if void || !missed_before || probe.began < counts_from {
            if !void {
                key.missed_at.get_or_insert(probe.began);
            }
            let wait = if missed_before { counts_from.since(now.mono).max(settling) } else { settling };
            let wait = wait.max(super::rows::SHORTEST_WAIT);
            self.wait(id, wait, "the ticket that we know of this key is not to be seen; looked for again", now);
            return;
        }
        lost.push((id, matched_at));
    }

    /// Tickets that the ledger knows and that a look-up misses for the second time. All are counted before any is given
    /// up for gone: one by one, a search that lost many would look like many tickets that were deleted.
    pub(super) fn ledger_lost(&mut self, lost: &[(TicketId, Mono)], probe: &Probe, now: Now) {
        for (id, _) in lost {
            if let Some(slot) = self.key_of(*id) {
                self.known_is_missing(&slot.0, &slot.1, Mono(0), probe.began);
            }
        }
        let stopped = self.platforms.get(&probe.platform).is_some_and(|platform| platform.stopped.is_some());
        for (id, matched_at) in lost {
            if stopped {
                self.wait(
                    *id,
                    super::rows::HELD_RECHECK,
                    "TB0301: creating stopped on this platform; see `ticketbridge platform check`",
                    now,
                );
            } else {
                self.forget_key(*id);
                self.may_create(*id, *matched_at);
            }
        }
    }

    /// No open ticket of its key: a ticket is to be created, while the match is fresh.
    fn may_create(&mut self, id: TicketId, matched_at: Mono) {
        let Some(entry) = self.rows.get_mut(&id) else { return };
        if entry.row.created {
            self.fail(
                id,
                Operation::CreateTicket,
                "TB0308: the ticket that this row created is gone; it never creates again",
            );
            return;
        }
        if !self.may_go_on(id, || Decision::Create) {
            return;
        }
        let Some(entry) = self.rows.get_mut(&id) else { return };
        entry.row.state = State::CreatingTicket;
        entry.matched_at = Some(matched_at);
        self.set_phase(id, Phase::New);
        self.set_phase(id, Phase::Ready);
    }

    /// Remembers a remote ticket as the one of this row's key.
    pub(super) fn know(&mut self, id: TicketId, ticket: &RemoteTicket) {
        if ticket.adopted {
            // Its key is derived, not carried: it can't be searched for, so the ledger must not expect it.
            return;
        }
        let origin = ticket.origin.as_deref().and_then(|text| text.parse().ok()).map(OriginId);
        let Some(slot) = self.key_of(id) else { return };
        let known = KnownTicket { key: slot.1.clone(), reference: ticket.reference.clone(), origin };
        if let Some(platform) = self.platforms.get_mut(&slot.0) {
            platform.remember(known.clone(), self.now.mono);
            platform.saw(&known, self.now.mono);
        }
        self.write_known(id, known.clone());
        if let Some(key) = self.keys.get_mut(&slot) {
            key.known = Some(known);
            key.known_at = Some(self.now.mono);
            key.missed_at = None;
        }
    }

    /// The ledger's ticket of this row's key is closed or gone.
    fn forget_key(&mut self, id: TicketId) {
        let Some(slot) = self.key_of(id) else { return };
        if let Some(platform) = self.platforms.get_mut(&slot.0) {
            platform.forget(&slot.1);
        }
        if let Some(key) = self.keys.get_mut(&slot) {
            key.known = None;
            key.known_at = None;
            key.missed_at = None;
        }
        self.write_forgotten(id, slot.1);
    }

    fn report_several(&mut self, id: TicketId, name: &PlatformName, matches: &[RemoteTicket], noted: &str) {
        let Some(slot) = self.key_of(id) else { return };
        let new = self.platforms.get_mut(name).is_some_and(|platform| platform.reported_several.insert(slot.1));
        if new {
            let numbers: Vec<&str> = matches.iter().map(|ticket| ticket.reference.number.as_str()).collect();
            let text = format!(
                "several open tickets carry this key: {}; the oldest, {noted}, gets the note; close the others by hand",
                numbers.join(", ")
            );
            self.problem(&name.clone(), id, "TB0305", &text);
        }
    }
}

fn entry_key(delivery: &Delivery, id: TicketId) -> crate::ticket::DedupeKey {
    delivery.rows[&id].row.key.clone()
}
