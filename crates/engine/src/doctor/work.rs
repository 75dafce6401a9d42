//! What the store says about the work: lanes, waiting tickets, errors, and what only an operator can settle.

use std::collections::BTreeMap;
use std::time::Duration;

use ticketbridge_core::ticket::PlatformName;
use ticketbridge_core::time::Wall;
use ticketbridge_store::inspect::{Contents, LockHolder};

use super::{Area, Finding, Seen, Subject, span};

/// A ticket that is open for longer than this is a warning.
pub const WAITS_LONG: Duration = Duration::from_hours(1);
/// A lease that ran out so long ago, although its process still runs, is not renewed any more.
const LEASE_OVERDUE: i64 = 60_000;
/// Causes of errors, and held keys, that are named.
const NAMED: usize = 3;

pub(super) fn look(subject: &Subject<'_>, seen: &Seen, now: Wall) -> Vec<Finding> {
    let Some(contents) = seen.store.as_ref().and_then(|store| store.contents.as_ref()) else {
        return vec![Finding::ok(
            Area::Work,
            "tickets",
            "not looked into: no store of this version, or it did not answer within 10 s",
        )];
    };
    let off = subject.config.backends.iter().filter(|backend| !backend.processing);
    let off: Vec<&str> = off.map(|backend| backend.name.as_str()).collect();
    judge(contents, &seen.lock, &off, now)
}

fn judge(contents: &Contents, lock: &LockHolder, off: &[&str], now: Wall) -> Vec<Finding> {
    let mut findings = judge_lanes(contents, lock, now);
    findings.extend(judge_waiting(contents, off, now));
    findings.push(judge_errors(contents));
    findings.extend(judge_stops(contents));
    findings.extend(judge_held(contents));
    findings
}

fn judge_lanes(contents: &Contents, lock: &LockHolder, now: Wall) -> Vec<Finding> {
    let mut lanes: BTreeMap<&PlatformName, (usize, usize, bool)> = BTreeMap::new();
    for lane in &contents.lanes {
        let (all, held, overdue) = lanes.entry(&lane.platform).or_default();
        *all += 1;
        *held += usize::from(lane.held);
        *overdue |= lane.held && lane.expires_at.0 + LEASE_OVERDUE < now.0;
    }
    let holder = match lock {
        LockHolder::Process(process) => format!("held by process {process}"),
        LockHolder::Nobody => String::from("left by a process that is gone"),
        LockHolder::Unknown => String::from("held"),
    };
    let mut findings = Vec::new();
    for (platform, (all, held, overdue)) in lanes {
        let what = format!("lanes of {platform}");
        findings.push(if held == 0 {
            Finding::ok(Area::Work, what, format!("none of {all} held: nobody works on them"))
        } else if overdue && matches!(lock, LockHolder::Process(_)) {
            let seen = format!("{held} of {all} {holder}, whose lease ran out more than a minute ago: it stands still");
            Finding::failed(Area::Work, what, seen, "See the service's log, and start it again if it hangs.")
        } else {
            Finding::ok(Area::Work, what, format!("{held} of {all} {holder}"))
        });
    }
    findings
}

fn judge_waiting(contents: &Contents, off: &[&str], now: Wall) -> Vec<Finding> {
    if contents.waiting.is_empty() {
        return vec![Finding::ok(Area::Work, "open tickets", "none")];
    }
    let mut backends: BTreeMap<&str, (u64, Wall, Vec<String>)> = BTreeMap::new();
    for waiting in &contents.waiting {
        let (tickets, oldest, states) =
            backends.entry(waiting.backend.as_str()).or_insert((0, waiting.oldest, Vec::new()));
        *tickets += waiting.tickets;
        *oldest = (*oldest).min(waiting.oldest);
        states.push(format!("{} {}", waiting.state, waiting.tickets));
    }
    let judged = backends.into_iter().map(|(backend, (tickets, oldest, states))| {
        let age = (now.0 - oldest.0) / 1_000;
        let seen = format!("{tickets}: {}; the oldest came in {} ago", states.join(", "), span(age));
        let what = format!("open tickets of {backend}");
        if off.contains(&backend) {
            let next = format!("Switch it on when it may send: `ticketbridge backends set {backend} processing=true`.");
            return Finding::warning(Area::Work, what, format!("{seen}; its processing is off"), next);
        }
        if age <= WAITS_LONG.as_secs() as i64 {
            return Finding::ok(Area::Work, what, seen);
        }
        let next =
            format!("See why: `ticketbridge tickets list --backend {backend}`, then `tickets show` of the oldest.");
        Finding::warning(Area::Work, what, seen, next)
    });
    let mut findings: Vec<Finding> = judged.collect();
    if contents.unsettled > 0 {
        let seen = format!("{} begun and not over; a restart looks them up", contents.unsettled);
        findings.push(Finding::ok(Area::Work, "requests", seen));
    }
    findings
}

fn judge_errors(contents: &Contents) -> Finding {
    let what = "tickets in Error";
    if contents.in_error == 0 {
        return Finding::ok(Area::Work, what, "none");
    }
    let causes = contents.errors.iter().take(NAMED).map(|cause| {
        let reason = if cause.reason.is_empty() { "no reason given" } else { &cause.reason };
        format!("{} times: {}", cause.tickets, shortened(reason))
    });
    let more = contents.errors.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more causes") } else { String::new() };
    let seen = format!("{}; {}{more}", contents.in_error, causes.collect::<Vec<_>>().join("; "));
    let next = "Mend the cause, then `ticketbridge tickets redrive`; give up single ones with `tickets dismiss`.";
    Finding::warning(Area::Work, what, seen, next)
}

fn judge_stops(contents: &Contents) -> impl Iterator<Item = Finding> {
    contents.stopped.iter().map(|(platform, stop)| {
        let next = format!(
            "`ticketbridge error {}` says what to do; then `ticketbridge platform accept-loss {platform}`.",
            stop.code
        );
        let seen = format!("stopped ({}): {}", stop.code, shortened(&stop.text));
        Finding::failed(Area::Work, format!("creating on {platform}"), seen, next)
    })
}

fn judge_held(contents: &Contents) -> Option<Finding> {
    let first = contents.held.first()?;
    let code = |reason: &str| reason.split(':').next().unwrap_or_default().to_owned();
    let named = contents.held.iter().take(NAMED);
    let keys: Vec<String> = named.map(|ticket| format!("{} ({})", ticket.key, code(&ticket.reason))).collect();
    let more = contents.held.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let next = format!("`ticketbridge error {}` says what to do; the hourly look then goes on.", code(&first.reason));
    let what = "held for an operator";
    Some(Finding::warning(Area::Work, what, format!("{}: {}{more}", contents.held.len(), keys.join(", ")), next))
}

/// The first part of a text that may be long, on one line.
fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MOST { line } else { format!("{}…", line.chars().take(MOST).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use super::super::{Level, worst};
    use super::*;
    use ticketbridge_core::delivery::Stop;
    use ticketbridge_core::ticket::{BackendName, DedupeKey, State};
    use ticketbridge_store::inspect::{ErrorCause, HeldTicket, LaneState, Waiting};

    const NOW: Wall = Wall(1_790_000_000_000);

    fn contents() -> Contents {
        Contents {
            lanes: Vec::new(),
            waiting: Vec::new(),
            unsettled: 0,
            errors: Vec::new(),
            in_error: 0,
            held: Vec::new(),
            stopped: BTreeMap::new(),
            known: BTreeMap::new(),
            functions: BTreeMap::new(),
            rows: BTreeMap::new(),
            newest_write: None,
            starts: 1,
        }
    }

    #[track_caller]
    fn judged(contents: &Contents, off: &[&str], level: Level, said: &str) {
        let findings = judge(contents, &LockHolder::Process(String::from("7")), off, NOW);
        assert_eq!(worst(&findings), level, "{findings:?}");
        assert!(findings.iter().any(|one| one.level == level && one.seen.contains(said)), "{findings:?}");
    }

    fn waiting(minutes: i64) -> Contents {
        let oldest = Wall(NOW.0 - minutes * 60_000);
        let of = |state| Waiting { backend: BackendName::new("be-1"), state, tickets: 2, oldest };
        Contents { waiting: vec![of(State::Matching), of(State::Received)], ..contents() }
    }

    #[test]
    fn tickets_that_wait_long_are_told() {
        judged(&contents(), &[], Level::Ok, "none");
        judged(&waiting(60), &[], Level::Ok, "4: Matching 2, Received 2; the oldest came in 1 h ago");
        judged(&waiting(61), &[], Level::Warning, "1 h 1 min");
        judged(&waiting(1), &["be-1"], Level::Warning, "processing is off");
    }

    #[test]
    fn errors_are_told_by_cause() {
        let cause = |n: u64| ErrorCause { reason: format!("cause {n}"), tickets: n };
        let errors = (1..=5).map(cause).collect();
        judged(&Contents { in_error: 15, errors, ..contents() }, &[], Level::Warning, "15; 1 times: cause 1; ");
    }

    #[test]
    fn stops_and_held_keys_name_their_codes() {
        let stop = Stop { code: String::from("TB0301"), text: String::from("gone"), keys: Vec::new() };
        let stopped = BTreeMap::from([(PlatformName::new("sfyc"), stop)]);
        judged(&Contents { stopped, ..contents() }, &[], Level::Failed, "TB0301");
        let held = HeldTicket {
            key: DedupeKey::new("SNR|1").unwrap(),
            backend: BackendName::new("be-1"),
            reason: String::from("TB0304: held for an operator: two tickets"),
        };
        judged(&Contents { held: vec![held], ..contents() }, &[], Level::Warning, "1: SNR|1 (TB0304)");
    }

    #[test]
    fn a_holder_that_does_not_renew_its_lease_fails() {
        let lane =
            |ago: i64| LaneState { platform: PlatformName::new("sfyc"), held: true, expires_at: Wall(NOW.0 - ago) };
        judged(&Contents { lanes: vec![lane(-5_000)], ..contents() }, &[], Level::Ok, "1 of 1 held by process 7");
        let overdue = Contents { lanes: vec![lane(60_001)], ..contents() };
        judged(&overdue, &[], Level::Failed, "stands still");
        assert_eq!(worst(&judge(&overdue, &LockHolder::Nobody, &[], NOW)), Level::Ok, "its process is gone");
    }

    #[test]
    fn long_reasons_are_cut_and_put_on_one_line() {
        assert_eq!(shortened("a\n b"), "a b");
        assert_eq!(shortened(&"ä".repeat(500)).chars().count(), 201);
    }
}
