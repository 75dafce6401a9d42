//! Watching our own creates: how long they take to become visible, whether they survive unchanged, and whether one
//! that was sent again was applied twice.
//!
//! * Lag: at most one create per 10 s and platform is looked at until it is visible; not learned while it is ill.
//! * Read-back: the first create after a start is such a sample; key and origin must have survived unchanged.
//! * Audit: 1 min, 10 min, 1 h and 24 h after a create was sent again.

use std::time::Duration;

use super::event::{Command, Report, Stop};
use super::platform::{Admission, Breaker, LagSample, Platform};
use super::probe::ProbeKind;
use super::rows::AUDIT_CHECK;
use super::{Audit, Delivery, KnownTicket, LaneId, Problem};
use crate::effect::RemoteTicket;
use crate::ticket::{PlatformName, TicketId};
use crate::time::{Mono, Now};

/// Least time between two lag samples of a platform.
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// First wait between two looks at a sample; doubles up to [`SLOWEST_LOOK`].
const FIRST_LOOK: Duration = Duration::from_millis(250);
/// Longest wait between two looks at a sample.
const SLOWEST_LOOK: Duration = Duration::from_secs(10);
/// Looks after which a sample is given up: about two minutes.
const MOST_LOOKS: u32 = 16;
/// When a create that was sent again is looked at, counted from that sending.
const AUDIT_AT: [Duration; 4] =
    [Duration::from_mins(1), Duration::from_mins(10), Duration::from_hours(1), Duration::from_hours(24)];

impl Delivery {
    /// Takes a create that was just answered as a lag sample, if one is due.
    pub(super) fn sample_lag(&mut self, name: &PlatformName, known: &KnownTicket, now: Mono) {
        let Some(platform) = self.platforms.get_mut(name) else { return };
        let able = platform.settings.capabilities.as_ref().is_some_and(|can| can.finds_tickets);
        let due = platform.last_lag_sample.is_none_or(|at| now.since(at) >= SAMPLE_EVERY);
        if able && due && platform.lag_sample.is_none() {
            platform.last_lag_sample = Some(now);
            platform.lag_sample = Some(LagSample {
                ticket: known.clone(),
                answered_at: now,
                next_look: now,
                looks: 0,
                probing: false,
                healthy: true,
            });
        }
    }

    /// Sends the looks that are due.
    pub(super) fn watch(&mut self, now: Now, out: &mut Vec<Command>) {
        let sampled =
            |(_, platform): &(&PlatformName, &Platform)| platform.lag_look_at().is_some_and(|at| at <= now.mono);
        let names: Vec<PlatformName> = self.platforms.iter().filter(sampled).map(|(name, _)| name.clone()).collect();
        for name in names {
            if self.admits(&name, now.mono) && self.is_wanted(&name) {
                self.look_at_sample(&name, now, out);
            }
        }
        for (id, name) in self.due_audits(now) {
            if self.admits(&name, now.mono) && self.is_wanted(&name) {
                self.look_at_audit(&name, id, now, out);
            }
        }
    }

    /// One of the looks that are due on a platform, whatever its breaker says. False: none is.
    pub(super) fn watch_once(&mut self, name: &PlatformName, now: Now, out: &mut Vec<Command>) -> bool {
        if self.platforms.get(name).and_then(Platform::lag_look_at).is_some_and(|at| at <= now.mono) {
            self.look_at_sample(name, now, out);
            return true;
        }
        let due = self.due_audits(now).into_iter().find(|(_, platform)| platform == name);
        if let Some((id, _)) = &due {
            self.look_at_audit(name, *id, now, out);
        }
        due.is_some()
    }

    fn look_at_sample(&mut self, name: &PlatformName, now: Now, out: &mut Vec<Command>) {
        if let Some(sample) = self.platforms.get_mut(name).and_then(|platform| platform.lag_sample.as_mut()) {
            sample.probing = true;
            sample.looks += 1;
        }
        self.ask(name, ProbeKind::Lag, now.mono, now, out);
    }

    fn look_at_audit(&mut self, name: &PlatformName, id: TicketId, now: Now, out: &mut Vec<Command>) {
        self.audits_under_way.insert(id);
        self.ask(name, ProbeKind::Audit(id), now.mono, now, out);
    }

    /// Audits whose look is due and not under way, and the platforms of their tickets.
    fn due_audits(&self, now: Now) -> Vec<(TicketId, PlatformName)> {
        self.audits
            .iter()
            .filter(|(id, (_, audit))| audit.due_at <= now.wall && !self.audits_under_way.contains(id))
            .filter_map(|(id, (lane, _))| Some((*id, self.lanes.get(lane)?.platform.clone())))
            .collect()
    }

    /// When the next audit is worth a look. The wall clock may jump, and a platform may be shut: at least every minute.
    pub(super) fn next_audit(&self, now: Mono) -> Option<Mono> {
        let may_be_asked = |lane: &LaneId| {
            let name = self.lanes.get(lane).map(|lane| &lane.platform)?;
            let platform = self.platforms.get(name)?;
            // One that lets nothing through now wakes us by an answer; but behind an open breaker a look that falls due
            // may be its probe.
            let open = matches!(platform.breaker, Breaker::Open { .. }) && platform.settings.capabilities.is_some();
            Some(self.is_wanted(name) && (open || platform.admission(now) != Admission::Never))
        };
        let waiting = self.audits.iter().filter(|(id, _)| !self.audits_under_way.contains(id));
        let due = waiting.filter(|(_, (lane, _))| may_be_asked(lane) == Some(true)).map(|(_, (_, audit))| audit.due_at);
        let wait = due.min()?.since(self.now.wall);
        Some(now.after(if wait.is_zero() { AUDIT_CHECK } else { wait.min(AUDIT_CHECK) }))
    }

    /// A look at a sample is over: visible, or looked at again.
    pub(super) fn lag_look_over(&mut self, name: &PlatformName, seen: Option<(&[RemoteTicket], Mono)>, now: Now) {
        let Some(platform) = self.platforms.get_mut(name) else { return };
        let Some(sample) = platform.lag_sample.as_mut() else { return };
        sample.probing = false;
        let found = seen.and_then(|(tickets, began)| {
            let ticket =
                tickets.iter().find(|ticket| super::doubt::same_ticket(&ticket.reference, &sample.ticket.reference))?;
            Some((ticket.clone(), began))
        });
        let Some((ticket, began)) = found else {
            let wait = FIRST_LOOK.saturating_mul(1 << sample.looks.min(10)).min(SLOWEST_LOOK);
            sample.next_look = now.mono.after(wait);
            if sample.looks >= MOST_LOOKS {
                let key = sample.ticket.key.clone();
                let since = sample.answered_at;
                platform.lag_sample = None;
                self.known_is_missing(name, &key, since, now.mono);
            }
            return;
        };
        let sample = sample.clone();
        platform.lag_sample = None;
        platform.saw(&sample.ticket, sample.answered_at);
        let origin = sample.ticket.origin.map(|origin| origin.to_string());
        if ticket.key.as_deref() != Some(sample.ticket.key.as_str()) || ticket.origin != origin {
            let text = format!(
                "ticket {} on `{name}` does not carry the dedupe key and origin id that it was created with (key `{}`, origin `{}`), so doubles could not be told apart and nothing more is created there; give the two fields room and no rules of their own, then run `ticketbridge platform accept-loss {name}`",
                ticket.reference.number,
                ticket.key.as_deref().unwrap_or(""),
                ticket.origin.as_deref().unwrap_or(""),
            );
            self.stop_creating(name, Stop { code: String::from("TB0303"), text, keys: Vec::new() });
            return;
        }
        if sample.healthy {
            let lag = began.since(sample.answered_at);
            if let Some(platform) = self.platforms.get_mut(name) {
                platform.learn_lag(lag, now.mono);
            }
            self.reports.push(Report::LagLearned { platform: name.clone(), lag });
        }
    }

    /// A create is going to be sent again: its key is audited from now on.
    pub(super) fn begin_audit(&mut self, id: TicketId, now: Now) {
        let Some(entry) = self.rows.get(&id) else { return };
        let due_at = now.wall.after(AUDIT_AT[0]);
        let audit = Audit { ticket: id, key: entry.row.key.clone(), origin: entry.row.origin, looks: 0, due_at };
        let lane = entry.lane;
        self.audits.insert(id, (lane, audit.clone()));
        self.write_audit(lane, audit);
    }

    /// An audit's look failed: looked again in a minute.
    pub(super) fn audit_later(&mut self, id: TicketId, now: Now) {
        self.audits_under_way.remove(&id);
        if let Some((_, audit)) = self.audits.get_mut(&id) {
            audit.due_at = now.wall.after(AUDIT_AT[0]);
        }
    }

    /// What an audit's look showed: a double is reported with both numbers.
    pub(super) fn audited(
        &mut self,
        id: TicketId,
        name: &PlatformName,
        tickets: &[RemoteTicket],
        void: bool,
        now: Now,
    ) {
        if void {
            self.audit_later(id, now);
            return;
        }
        self.audits_under_way.remove(&id);
        let Some((lane, mut audit)) = self.audits.remove(&id) else { return };
        let origin = audit.origin.to_string();
        let mut numbers: Vec<&str> = tickets
            .iter()
            .filter(|ticket| ticket.origin.as_deref() == Some(origin.as_str()))
            .map(|ticket| ticket.reference.number.as_str())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.len() > 1 {
            let text = format!(
                "a create that was sent again was applied twice: {}; close all but one by hand",
                numbers.join(", ")
            );
            let (platform, about) = (name.clone(), audit.key.to_string());
            self.report_problem(lane, Problem { platform, code: String::from("TB0304"), about, text, at: now.wall });
            audit.looks = AUDIT_AT.len() as u8;
        } else {
            audit.looks += 1;
        }
        if let Some(next) = AUDIT_AT.get(usize::from(audit.looks)) {
            let before = AUDIT_AT[usize::from(audit.looks) - 1];
            audit.due_at = now.wall.after(next.saturating_sub(before));
            self.audits.insert(id, (lane, audit.clone()));
        }
        self.write_audit(lane, audit);
    }

    /// Audits that came with a lane.
    pub(super) fn take_audits(&mut self, lane: LaneId, audits: Vec<Audit>) {
        for audit in audits {
            self.audits.insert(audit.ticket, (lane, audit));
        }
    }
}
