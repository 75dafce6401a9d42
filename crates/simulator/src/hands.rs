//! Deeds: what happens to a world from outside, done.

use ticketbridge_core::delivery::Event;
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{DedupeKey, OperationSet, OriginId, PlatformName, State, TicketId};
use ticketbridge_sandbox::faults::{Knob, Rule};
use uuid::Uuid;

use crate::faults::{Deed, ProcessTrouble, WireTrouble, refusal_of_poison};
use crate::process::LEASE_MARGIN;
use crate::remote::HandAct;
use crate::site::{KIND, key};
use crate::sometimes::Sometimes;
use crate::store::{StoredBatch, StoredRow};
use crate::world::{Happening, START, World};

/// Known tickets that must be there before look-ups go blind: fewer would not show it.
const KNOWN_BEFORE_BLIND: usize = 5;
/// Origin ids of a world begin here.
const FIRST_ORIGIN: u128 = 0x0199_d2c4_0000_7000_8000_0000_0000_0000;

impl World {
    pub(crate) fn deed(&mut self, deed: Deed) {
        self.trace.mark(&[6, self.now]);
        if !matches!(
            deed,
            Deed::Receive { .. }
                | Deed::Rules { .. }
                | Deed::People { .. }
                | Deed::Beside { .. }
                | Deed::Freeze { .. }
                | Deed::BlindInDoubt { .. }
                | Deed::AcceptLoss { .. }
                | Deed::Stall { .. }
                | Deed::Crash { .. }
        ) {
            self.trace.tell(self.now, || (Vec::new(), format!("{deed:?}")));
        }
        match deed {
            Deed::Receive { backend, keys, text } => self.receive(backend, &keys, text),
            Deed::Rules { platform, rules } => {
                let names: Vec<&str> = rules.iter().map(|rule| rule.knob.name()).collect();
                self.trace.tell(self.now, || (Vec::new(), format!("{platform} may do wrong: {}", names.join(", "))));
                self.set_rules(&platform, rules);
            }
            Deed::Blind { platform, span } => {
                if !self.calm && self.store.ledger_size(&platform) > KNOWN_BEFORE_BLIND {
                    let rule = Rule::from(Knob::EmptyLookups {}).for_ms(span);
                    // Where the open tickets are to be seen, a doubt that a blind look-up ended ends well all the same.
                    let all = self.neglect.vouches_for_known;
                    self.add_rule(&platform, if all { rule } else { rule.on("find_tickets") });
                }
            }
            Deed::BlindInDoubt { platform, span } => self.blind_in_doubt(platform, span),
            Deed::Wire { platform, trouble } => drop(self.wire.insert(platform, trouble)),
            Deed::Out { platform, outage, span } => {
                self.outages.insert(platform, (self.now + span, outage));
            }
            Deed::People { platform, pick, act } => self.people(&platform, pick, &act),
            Deed::Freeze { backend, span } => self.freeze(backend, span),
            Deed::Beside { platform, pick } => self.beside(&platform, pick),
            Deed::Crash { process, down_for } => self.crash(process, down_for),
            Deed::Stall { process, span } => self.stall(process, span),
            Deed::Jump { process, by } => {
                if by < 0 {
                    self.tally.saw(Sometimes::WallJumpedBack);
                }
                if let Some(one) = self.processes.get_mut(process) {
                    one.wall_shift = by;
                }
            }
            Deed::Drain { process, down_for } => {
                let up = self.processes.get_mut(process).filter(|one| one.delivery.is_some());
                if let Some(one) = up.filter(|one| one.draining.is_none()) {
                    one.draining = Some(down_for);
                    self.tell(process, 0, Event::Drain);
                }
            }
            Deed::Suspect { process } => {
                self.store.suspect = true;
                self.crash(process, 10);
            }
            Deed::Processing { backend, on } => {
                if !on && self.store.open_rows() > 0 {
                    self.tally.saw(Sometimes::SwitchedOff);
                }
                if let Some(backend) = self.site.backends.get_mut(backend) {
                    backend.processing = on;
                }
                self.settings_changed();
            }
            Deed::Limits { backend, max_retries, max_tickets_per_request } => {
                if let Some(backend) = self.site.backends.get_mut(backend) {
                    backend.max_retries = max_retries;
                    backend.max_tickets_per_request = max_tickets_per_request;
                }
                self.settings_changed();
            }
            Deed::Retry { pick } => self.act(pick, Sometimes::Retried),
            Deed::Dismiss { pick } => self.act(pick, Sometimes::Dismissed),
            Deed::AcceptLoss { platform } => {
                if self.store.stops.contains_key(&platform) {
                    self.store.accept_loss(&platform);
                    self.something_changed();
                }
            }
            Deed::Calm => self.calm_down(),
        }
    }

    fn set_rules(&mut self, platform: &PlatformName, rules: Vec<Rule>) {
        if let Some(remote) = self.remotes.get_mut(platform) {
            remote.set_rules(rules);
        }
    }

    fn add_rule(&mut self, platform: &PlatformName, rule: Rule) {
        if let Some(remote) = self.remotes.get_mut(platform) {
            remote.add_rule(rule);
        }
    }

    /// Tickets come in. This goes on whatever is switched off.
    fn receive(&mut self, backend: usize, keys: &[u32], text: &'static str) {
        let Some((name, platform)) =
            self.site.backends.get(backend).map(|backend| (backend.name.clone(), backend.tickets.clone()))
        else {
            return;
        };
        // A key never goes to two platforms.
        let home = if self.neglect.mixes_platforms { PlatformName::new("any") } else { platform.clone() };
        for (place, number) in keys.iter().enumerate() {
            let text = if place == 0 { text } else { "" };
            let Ok(key) = DedupeKey::new(&key(&home, *number)) else { continue };
            let Some(lane) = self.store.lane_of(&platform, &key) else { continue };
            let origin = OriginId(Uuid::from_u128(FIRST_ORIGIN + self.store.rows.len() as u128));
            let body = format!(r#"{{"dedupe_key":"{key}","description":"lines are down {text}","kind":"{KIND}"}}"#);
            let told = key.to_string();
            let id = self.store.receive(origin, key, KIND, name.clone(), lane, body.into());
            self.origins.insert(origin.to_string(), id);
            self.trace.tell(self.now, || (vec![told], format!("row {} is received for {name}, origin {origin}", id.0)));
        }
        self.something_changed();
    }

    fn people(&mut self, platform: &PlatformName, pick: usize, act: &HandAct) {
        let Some(remote) = self.remotes.get_mut(platform) else { return };
        if let Some(key) = remote.operate(START + self.now as i64, pick, KIND, act) {
            self.trace.tell(self.now, || (vec![key], format!("people on {platform}: {act:?}")));
        }
    }

    /// Look-ups of a platform go blind as soon as a create on it hangs.
    fn blind_in_doubt(&mut self, platform: PlatformName, span: u64) {
        let known = self.store.ledger_size(&platform) > KNOWN_BEFORE_BLIND;
        let hangs = known && self.exchanges.values().any(|one| one.hangs(&platform, self.now));
        match (hangs, self.calm) {
            (true, _) => self.later(0, Deed::Blind { platform, span }),
            (false, false) => self.later(500, Deed::BlindInDoubt { platform, span }),
            (false, true) => {}
        }
    }

    /// Switches a backend off as soon as a create is under way and other rows wait, and people open tickets of their keys.
    fn freeze(&mut self, backend: usize, span: u64) {
        let Some(name) = self.site.backends.get(backend).map(|backend| backend.name.clone()) else { return };
        let creating = |batch: &StoredBatch| {
            let intent = &batch.intent;
            !batch.remaining.is_empty() && intent.operation == Operation::CreateTicket && intent.backend == name
        };
        let waits = |stored: &StoredRow| {
            let early = matches!(stored.row.state, State::Received | State::Matching | State::CreatingTicket);
            early && stored.row.backend == name && stored.row.sent == OperationSet::default()
        };
        let others = self.store.rows.values().filter(|stored| waits(stored)).count();
        if !self.store.batches.values().any(creating) || others < 2 {
            if !self.calm {
                self.later(100, Deed::Freeze { backend, span });
            }
            return;
        }
        let platform = self.site.backends.get(backend).map(|backend| backend.tickets.clone());
        for pick in 0..3 {
            if let Some(platform) = platform.clone() {
                self.later(1_000, Deed::Beside { platform, pick });
            }
        }
        self.later(0, Deed::Processing { backend, on: false });
        self.later(span, Deed::Processing { backend, on: true });
    }

    /// People open a ticket of a key whose row is about to be created.
    fn beside(&mut self, platform: &PlatformName, pick: usize) {
        let waiting = |stored: &&StoredRow| {
            let here = self.store.lanes.get(&stored.lane).is_some_and(|lane| lane.platform == *platform);
            here && matches!(stored.row.state, State::Received | State::Matching | State::CreatingTicket)
        };
        let keys: Vec<String> =
            self.store.rows.values().filter(waiting).map(|stored| stored.row.key.to_string()).collect();
        let Some(key) = pick.checked_rem(keys.len()).and_then(|place| keys.get(place)).cloned() else { return };
        self.people(platform, pick, &HandAct::Open { key, origin: Some(String::from("somebody at the phone")) });
    }

    /// Nothing of the process moves for so long; its lease runs on.
    pub(crate) fn stall(&mut self, process: usize, span: u64) {
        let lease = self.site.longest_request() + LEASE_MARGIN;
        let span = if span > lease { span + self.trouble.longer } else { span };
        let until = self.now + span;
        let Some(one) = self.processes.get_mut(process).filter(|one| one.delivery.is_some()) else { return };
        one.stalled_until = one.stalled_until.max(until);
        self.trace.tell(self.now, || (Vec::new(), format!("process {process} stands still for {span} ms")));
        if span > lease {
            self.tally.saw(Sometimes::LongStall);
        }
    }

    fn settings_changed(&mut self) {
        self.renew_settings();
        self.store.changes.push(crate::store::Change::Settings);
        self.something_changed();
    }

    /// An operator's act on the first row from `pick` on that allows it.
    fn act(&mut self, pick: usize, act: Sometimes) {
        let ids: Vec<TicketId> = self.store.rows.keys().copied().collect();
        for place in 0..ids.len() {
            let Some(id) = ids.get((pick + place) % ids.len()).copied() else { return };
            let done = match act {
                Sometimes::Retried => self.store.retry(id),
                _ => self.store.dismiss(id),
            };
            if done {
                self.tally.saw(act);
                let keys = self.keys_of(&[id]);
                self.trace.tell(self.now, || (keys, format!("an operator: {} (row {})", act.as_str(), id.0)));
                self.something_changed();
                return;
            }
        }
    }

    /// The faults end; operators mend what only they can mend, and accept losses from time to time.
    fn calm_down(&mut self) {
        self.calm = true;
        self.trouble = ProcessTrouble::default();
        self.outages.clear();
        let now = START + self.now as i64;
        let names: Vec<PlatformName> = self.remotes.keys().cloned().collect();
        for name in names {
            self.wire.insert(name.clone(), WireTrouble::NONE);
            self.set_rules(&name, vec![Rule::from(Knob::ClosedTicketRefused {}), refusal_of_poison(false)]);
            if let Some(remote) = self.remotes.get_mut(&name) {
                remote.close_tickets_without_origin(now);
            }
            for time in 1..40 {
                let platform = name.clone();
                self.later(time * 300_000, Deed::AcceptLoss { platform });
            }
        }
        for backend in &mut self.site.backends {
            backend.processing = true;
        }
        self.settings_changed();
        for process in 0..self.processes.len() {
            let Some(one) = self.processes.get_mut(process) else { continue };
            if one.delivery.is_none() {
                self.schedule(1, Happening::Start { process });
            }
        }
    }
}
