//! The functions of the mobile-ticket job: last run, lag, what waits and what failed.

use std::time::Duration;

use ticketbridge_config::sections::{Feedback, Launch};
use ticketbridge_core::mobile::RunResult;
use ticketbridge_core::time::Wall;
use ticketbridge_store::inspect::{FunctionState, LockHolder};

use super::{Area, Finding, Seen, Subject, span};

/// Of a function that never ran.
const NONE_YET: &str = "there was none yet";

pub(super) fn look(subject: &Subject<'_>, seen: &Seen, now: Wall) -> Vec<Finding> {
    let active = subject.config.feedback.iter().filter(|function| function.active);
    let findings: Vec<Finding> = active.flat_map(|function| judge_seen(function, seen, now)).collect();
    if findings.is_empty() {
        vec![Finding::ok(Area::Mobile, "functions", "none is configured and active")]
    } else {
        findings
    }
}

fn judge_seen(function: &Feedback, seen: &Seen, now: Wall) -> Vec<Finding> {
    let Some(contents) = seen.contents() else {
        let text = if seen.is_new() { NONE_YET } else { "not looked into: the store was not read" };
        return vec![Finding::ok(Area::Mobile, runs_of(function), text)];
    };
    let state = contents.functions.get(function.organizer.trim());
    judge(function, &state.cloned().unwrap_or_default(), &seen.lock, now)
}

fn runs_of(function: &Feedback) -> String {
    format!("runs of {}", function.organizer)
}

fn judge(function: &Feedback, state: &FunctionState, lock: &LockHolder, now: Wall) -> Vec<Finding> {
    let mut findings = vec![judge_run(function, state, lock, now)];
    let organizer = &function.organizer;
    if state.pending > 0 {
        let age = state.oldest.map_or(0, |oldest| (now.0 - oldest.0) / 1_000);
        let seen = format!("{} changes are stored and not applied yet, the oldest for {}", state.pending, span(age));
        findings.push(if age > lag_bound(function).as_secs() as i64 {
            let next = format!("See why: `ticketbridge feedback runs {organizer}`, `feedback failed {organizer}`.");
            Finding::warning(Area::Mobile, format!("lag of {organizer}"), seen, next)
        } else {
            Finding::ok(Area::Mobile, format!("lag of {organizer}"), seen)
        });
    }
    if state.failed > 0 {
        let next = format!(
            "`ticketbridge feedback failed {organizer}` lists them; `--retry ID` or `--dismiss ID` settles one."
        );
        let seen = format!("{} wait for an operator", state.failed);
        findings.push(Finding::warning(Area::Mobile, format!("failed tickets of {organizer}"), seen, next));
    }
    findings
}

/// The longest pause between two runs that is no reason to look: two periods and a lease that has to run out.
fn lag_bound(function: &Feedback) -> Duration {
    function.frequency.get() * 2 + function.lease.get()
}

fn judge_run(function: &Feedback, state: &FunctionState, lock: &LockHolder, now: Wall) -> Finding {
    let what = runs_of(function);
    let organizer = &function.organizer;
    let ago = |at: Wall| span((now.0 - at.0) / 1_000);
    let Some(began) = state.began_at else {
        return Finding::ok(Area::Mobile, what, NONE_YET);
    };
    let lease = if state.leased { "; a run has the lease" } else { "" };
    let last = state.ended.as_ref().map_or_else(
        || String::from("none has ended yet"),
        |(at, result, _)| format!("the last one ended {} ago with {}", ago(*at), result.as_str()),
    );
    let seen = format!("{last}{lease}");
    if let Some((_, RunResult::Error, text)) = &state.ended {
        let why = text.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        let next =
            format!("`ticketbridge feedback runs {organizer}` shows the last runs; the next one goes on by itself.");
        return Finding::failed(Area::Mobile, what, format!("{seen}{why}"), next);
    }
    let overdue = (now.0 - began.0) / 1_000 > lag_bound(function).as_secs() as i64;
    let now_in_window = in_window(function, now);
    let due = function.launch == Launch::Automatic && now_in_window && matches!(lock, LockHolder::Process(_));
    if due && overdue {
        let seen = format!(
            "{seen}; the newest began {} ago, although it is automatic every {}",
            ago(began),
            span(function.frequency.get().as_secs() as i64)
        );
        let next = format!("See the service's log for `{}`, and `ticketbridge feedback list`.", function.internal_name);
        return Finding::warning(Area::Mobile, what, seen, next);
    }
    Finding::ok(Area::Mobile, what, seen)
}

/// Whether runs may start now.
fn in_window(function: &Feedback, now: Wall) -> bool {
    let millis = |at: &jiff::Timestamp| at.as_millisecond();
    function.start.as_ref().is_none_or(|start| millis(start) <= now.0)
        && function.end.as_ref().is_none_or(|end| now.0 < millis(end))
}

#[cfg(test)]
mod tests {
    use super::super::{Level, worst};
    use super::*;
    use ticketbridge_config::Config;

    const NOW: Wall = Wall(1_790_000_000_000);

    fn function(more: &str) -> Feedback {
        let text = format!(
            "[platforms.tixngo]\ntype = \"tixngo\"\nbase_url = \"http://h/organizer/tickets\"\napi_key = \"env:K\"\n\
             [platforms.s360]\ntype = \"s360\"\nbase_url = \"http://h/api/v1\"\ntoken = \"env:T\"\n\
             [[backends]]\nname = \"b\"\ntickets = \"x\"\nwork_orders = \"x\"\n\
             [platforms.x]\ntype = \"connector\"\nfile = \"builtin:sfyc\"\nhost = \"h\"\ntoken = \"env:X\"\n\
             [[feedback]]\ninternal_name = \"f\"\norganizer = \"o\"\nsource = \"tixngo\"\nbox_office = \"s360\"\n{more}\n"
        );
        Config::parse(&text, "test", []).unwrap_or_else(|error| panic!("{error}")).config.feedback.remove(0)
    }

    fn at(minutes_ago: i64) -> Wall {
        Wall(NOW.0 - minutes_ago * 60_000)
    }

    fn ran(minutes_ago: i64, result: RunResult) -> FunctionState {
        let ended = Some((at(minutes_ago), result, Some(String::from("why"))));
        FunctionState { began_at: Some(at(minutes_ago)), ended, ..FunctionState::default() }
    }

    #[track_caller]
    fn level(function: &Feedback, state: &FunctionState) -> Level {
        worst(&judge(function, state, &LockHolder::Process(String::from("7")), NOW))
    }

    #[test]
    fn a_run_that_is_overdue_or_failed_is_told() {
        let automatic = function("launch = \"automatic\"\nfrequency = \"5m\"");
        assert_eq!(level(&automatic, &FunctionState::default()), Level::Ok);
        assert_eq!(level(&automatic, &ran(11, RunResult::Ok)), Level::Ok);
        assert_eq!(level(&automatic, &ran(12, RunResult::Ok)), Level::Warning);
        assert_eq!(level(&automatic, &ran(1, RunResult::Error)), Level::Failed);
        assert_eq!(level(&function(""), &ran(9_999, RunResult::Warning)), Level::Ok, "people start it");
        let over = function("launch = \"automatic\"\nfrequency = \"5m\"\nend = \"2020-01-01T00:00:00Z\"");
        assert_eq!(level(&over, &ran(9_999, RunResult::Ok)), Level::Ok, "its time is over");
        let unserved = judge(&automatic, &ran(9_999, RunResult::Ok), &LockHolder::Nobody, NOW);
        assert_eq!(worst(&unserved), Level::Ok, "that nobody serves is said elsewhere");
    }

    #[test]
    fn a_store_that_was_not_read_says_nothing_about_runs() {
        let seen = Seen { store: None, lock: LockHolder::Unknown };
        let findings = judge_seen(&function(""), &seen, NOW);
        assert!(findings.len() == 1 && findings[0].seen.contains("not looked into"), "{findings:?}");
    }

    #[test]
    fn what_waits_long_and_what_failed_is_told() {
        let automatic = function("launch = \"automatic\"\nfrequency = \"5m\"");
        let waits = |minutes| FunctionState { pending: 3, oldest: Some(at(minutes)), ..ran(1, RunResult::Ok) };
        assert_eq!(level(&automatic, &waits(5)), Level::Ok);
        assert_eq!(level(&automatic, &waits(60)), Level::Warning);
        assert_eq!(level(&automatic, &FunctionState { failed: 1, ..ran(1, RunResult::Ok) }), Level::Warning);
    }
}
