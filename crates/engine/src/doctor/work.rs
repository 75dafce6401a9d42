//! What the store says about the work: lanes, waiting tickets, errors, and what only an operator can settle.

use std::collections::BTreeMap;
use std::time::Duration;

use ticketbridge_config::Config;
use ticketbridge_config::sections::BackendState;
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_core::time::Wall;
use ticketbridge_store::inspect::{Contents, FileIdentity, LIMIT, LockHolder, StoreState};

use super::{Area, Finding, Seen, Subject, span};
use crate::delivery::{Overrides, with_overrides};

/// A ticket that is open for longer than this is a warning.
const WAITS_LONG: Duration = Duration::from_hours(1);
/// A lease that ran out so long ago, although its process still runs, is not renewed any more.
const LEASE_OVERDUE: i64 = 60_000;
/// Causes of errors, and held keys, that are named.
const NAMED: usize = 3;

pub(super) fn look(subject: &Subject<'_>, seen: &Seen, now: Wall) -> Vec<Finding> {
    match seen.contents() {
        Some(contents) => judge(contents, &seen.lock, &off(subject.config, &contents.overrides), now),
        None => vec![judge_unread(seen)],
    }
}

fn judge_unread(seen: &Seen) -> Finding {
    let what = "tickets";
    let is_ours = |store: &StoreState| store.file.identity == FileIdentity::Ours(store.version);
    if seen.store.as_ref().is_none_or(|store| !is_ours(store)) {
        return Finding::ok(Area::Work, what, "not looked into: there is no store of this version");
    }
    let why = format!("not looked into: the store is damaged, or did not answer within {} s", LIMIT.as_secs());
    let next = "If the store is whole, look again when disk and machine have less to do: what waits is not known.";
    Finding::warning(Area::Work, what, why, next)
}

/// Backends that send nothing, and why.
type Off<'a> = BTreeMap<&'a str, Why>;

/// Why a backend sends nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Its processing is off.
    Processing,
    /// Its state in the file.
    State(BackendState),
}

fn off<'a>(config: &'a Config, overrides: &Overrides) -> Off<'a> {
    let in_force = config.backends.iter().zip(with_overrides(config, overrides));
    let why = in_force.filter_map(|(named, view)| {
        let backend = view.backend;
        let why = if !backend.state.works() {
            Why::State(backend.state)
        } else if !backend.processing {
            Why::Processing
        } else {
            return None;
        };
        Some((named.name.as_str(), why))
    });
    why.collect()
}

fn judge(contents: &Contents, lock: &LockHolder, off: &Off<'_>, now: Wall) -> Vec<Finding> {
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

fn judge_waiting(contents: &Contents, off: &Off<'_>, now: Wall) -> Vec<Finding> {
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
        if let Some(why) = off.get(backend) {
            let (why, next) = match why {
                Why::Processing => (
                    String::from("its processing is off"),
                    format!("Switch it on when it may send: `ticketbridge backends set {backend} processing=true`."),
                ),
                Why::State(state) => (
                    format!("it is {} in the file", word(*state)),
                    format!("When it may send, set `state` of backend `{backend}` to `active`, and reload."),
                ),
            };
            return Finding::warning(Area::Work, what, format!("{seen}; {why}"), next);
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

/// The state as it is written in the file.
fn word(state: BackendState) -> String {
    serde_json::to_value(state).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
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
    use ticketbridge_store::BackendOverride;
    use ticketbridge_store::inspect::{ErrorCause, FileState, HeldTicket, Integrity, LaneState, Waiting};

    const NOW: Wall = Wall(1_790_000_000_000);

    fn contents() -> Contents {
        Contents {
            lanes: Vec::new(),
            waiting: Vec::new(),
            unsettled: 0,
            errors: Vec::new(),
            in_error: 0,
            held: Vec::new(),
            overrides: BTreeMap::new(),
            stopped: BTreeMap::new(),
            known: BTreeMap::new(),
            functions: BTreeMap::new(),
            rows: BTreeMap::new(),
            newest_write: None,
            starts: 1,
        }
    }

    #[track_caller]
    fn judged(contents: &Contents, off: &[(&str, Why)], level: Level, said: &str) {
        let off = off.iter().copied().collect();
        let findings = judge(contents, &LockHolder::Process(String::from("7")), &off, NOW);
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
        judged(&waiting(1), &[("be-1", Why::Processing)], Level::Warning, "processing is off");
        judged(&waiting(1), &[("be-1", Why::State(BackendState::Paused))], Level::Warning, "it is paused in the file");
    }

    fn config(of_backend: &str) -> Config {
        let text = format!(
            "[platforms.x]\ntype = \"connector\"\nfile = \"builtin:sfyc\"\nhost = \"h\"\ntoken = \"env:X\"\n\
             [[backends]]\nname = \"be-1\"\ntickets = \"x\"\nwork_orders = \"x\"\n{of_backend}\n"
        );
        Config::parse(&text, "test", []).unwrap_or_else(|error| panic!("{error}")).config
    }

    #[test]
    fn a_backend_is_off_by_what_holds_and_not_by_the_file_alone() {
        let set = |value: bool, file_value: bool| {
            let change = BackendOverride {
                value: value.into(),
                file_value: file_value.into(),
                who: String::from("cli"),
                at: NOW,
            };
            Overrides::from([((BackendName::new("be-1"), String::from("processing")), change)])
        };
        let (on, out) = (config("processing = true"), config("processing = false"));
        let (works, processing) = (Off::new(), Off::from([("be-1", Why::Processing)]));
        assert_eq!(off(&on, &Overrides::new()), works);
        assert_eq!(off(&out, &Overrides::new()), processing);
        assert_eq!(off(&out, &set(true, false)), works, "switched on at run time");
        assert_eq!(off(&on, &set(false, true)), processing, "switched off at run time");
        assert_eq!(off(&on, &set(false, false)), works, "the file says something else since");
        let stopped = config("processing = true\nstate = \"stopped\"");
        assert_eq!(off(&stopped, &Overrides::new()), Off::from([("be-1", Why::State(BackendState::Stopped))]));
    }

    #[test]
    fn a_store_of_ours_that_was_not_read_is_a_warning() {
        let seen = |identity: FileIdentity| {
            let path = std::path::PathBuf::from("/x/store.db");
            let file = FileState {
                path,
                identity,
                bytes: 1,
                log_bytes: 0,
                free_bytes: 0,
                journal_mode: String::from("wal"),
                integrity: Integrity::Unfinished,
            };
            Seen {
                store: Some(StoreState { file, version: 4, suspect: None, contents: None }),
                lock: LockHolder::Nobody,
            }
        };
        let finding = judge_unread(&seen(FileIdentity::Ours(4)));
        assert!(finding.level == Level::Warning && finding.next.is_some(), "{finding:?}");
        assert_eq!(judge_unread(&seen(FileIdentity::Ours(3))).level, Level::Ok);
        assert_eq!(judge_unread(&seen(FileIdentity::Missing)).level, Level::Ok);
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
        assert_eq!(worst(&judge(&overdue, &LockHolder::Nobody, &Off::new(), NOW)), Level::Ok, "its process is gone");
    }

    #[test]
    fn long_reasons_are_cut_and_put_on_one_line() {
        assert_eq!(shortened("a\n b"), "a b");
        assert_eq!(shortened(&"ä".repeat(500)).chars().count(), 201);
    }
}
