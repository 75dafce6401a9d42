//! The wall clock: against each platform's, against the store's newest entry, and against the monotonic one.
//!
//! Leases and waits do not depend on the wall clock. What does: the window of a run, schedules, times that people read, the
//! audit after a second create, and dates that are sent along.
//!
//! A `Date` header has whole seconds, may be one more second old (servers write it once a second), and was written at an
//! unknown moment of the round trip: the difference is known up to that, and only what is surely off is told.

use std::time::Duration;

use futures_util::future::join_all;
use ticketbridge_config::sections::Platform;
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_core::time::{Now, Wall};
use ticketbridge_platforms::http::{HttpClient, RemoteClock};

use super::{Area, Finding, Seen, Subject, span};
use crate::clock::Clock;
use crate::platforms::{Environment, PlatformSet, mobile};

/// A clock that is surely further off than this is a warning.
const CLOCK_BOUND: Duration = Duration::from_secs(30);
/// Longest time for one platform's clock.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A wall clock that moves further than this against the monotonic one while the doctor runs was set meanwhile.
const JUMP: i64 = 2_000;
/// What was written by a clock this much ahead of ours: ours was set back.
const AHEAD: i64 = 5_000;

/// How far a platform's clock is ahead of ours, in milliseconds: at least and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Difference {
    least: i64,
    most: i64,
}

impl Difference {
    /// From our wall clock before and after the exchange.
    fn of(date: i64, before: Wall, after: Wall) -> Self {
        let date = date.saturating_mul(1_000);
        Self { least: date - after.0, most: date + 2_000 - before.0 }
    }

    /// The amount that is sure, in milliseconds; 0 if the clocks may agree.
    fn sure(self) -> i64 {
        if self.least > 0 { self.least } else { self.most.min(0) }
    }
}

pub(super) async fn look(subject: &Subject<'_>, seen: &Seen, clock: &Clock, began: Now) -> Vec<Finding> {
    let platforms = PlatformSet::load(subject.config, subject.environment, None);
    let asked = subject.config.platforms.iter().filter_map(|(name, platform)| {
        let client = client(name, platform, &platforms, subject.environment)?;
        Some(async move {
            let before = clock.now().wall;
            let answer = client.remote_clock(TIMEOUT).await;
            judge_remote(name, answer.as_ref(), before, clock.now().wall)
        })
    });
    let mut findings: Vec<Finding> = join_all(asked).await.into_iter().flatten().collect();
    let newest = seen.store.as_ref().and_then(|store| store.contents.as_ref()?.newest_write);
    findings.push(judge_own(newest, began, clock.now()));
    findings
}

/// What talks to a platform. `None`: it cannot be used, which is said elsewhere.
fn client(
    name: &PlatformName,
    platform: &Platform,
    platforms: &PlatformSet,
    environment: &Environment,
) -> Option<HttpClient> {
    if platform.kind().carries_tickets() {
        platforms.usable(name).ok().map(|handle| handle.client)
    } else {
        mobile::load(name, platform, environment, None).ok()
    }
}

/// An answer of the platform; none at all is said with the platform itself.
fn judge_remote(
    name: &PlatformName,
    answer: Result<&RemoteClock, &String>,
    before: Wall,
    after: Wall,
) -> Option<Finding> {
    let answer = answer.ok()?;
    let what = format!("clock of {name}");
    let Some(date) = answer.date else {
        return Some(Finding::ok(Area::Clock, what, "its answers carry no date of their own"));
    };
    let difference = Difference::of(date, before, after);
    let sure = difference.sure();
    let Difference { least, most } = difference;
    let (middle, half) = (i64::midpoint(least, most), (most - least) / 2);
    let measured = format!("{:+.1} s against ours, known up to {:.1} s", seconds(middle), seconds(half));
    Some(if sure.unsigned_abs() > CLOCK_BOUND.as_millis() as u64 {
        let (direction, by) = (if sure > 0 { "ahead" } else { "behind" }, span(sure.abs() / 1_000));
        let next =
            "Set the clock of this machine by NTP (`timedatectl`); if it is right, tell whoever runs the platform.";
        Finding::warning(Area::Clock, what, format!("{by} {direction} of this machine: {measured}"), next)
    } else {
        Finding::ok(Area::Clock, what, measured)
    })
}

fn seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}

fn judge_own(newest: Option<Wall>, began: Now, now: Now) -> Finding {
    let what = "clock of this machine";
    let next = "Set the clock by NTP (`timedatectl`), and let nothing else set it.";
    let drift = (now.wall.0 - began.wall.0) - (now.mono.0.saturating_sub(began.mono.0)) as i64;
    if drift.abs() > JUMP {
        let seen = format!("it was set by {:+.1} s while this command ran", seconds(drift));
        return Finding::warning(Area::Clock, what, seen, next);
    }
    match newest {
        Some(newest) if newest.0 > now.wall.0 + AHEAD => {
            let by = span((newest.0 - now.wall.0) / 1_000);
            let seen = format!("the store's newest entry is {by} in the future: the clock was set back");
            Finding::warning(Area::Clock, what, seen, next)
        }
        _ => Finding::ok(Area::Clock, what, format!("{}, steady", now.wall.to_rfc3339())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;
    use ticketbridge_core::time::Mono;

    const NOW: i64 = 1_790_000_000_000;

    fn remote(off: i64, round_trip: i64) -> Finding {
        let date = Some((NOW + off).div_euclid(1_000));
        let answer = RemoteClock { date, round_trip: Duration::from_millis(round_trip as u64), status: 404 };
        judge_remote(&PlatformName::new("p"), Ok(&answer), Wall(NOW), Wall(NOW + round_trip)).unwrap()
    }

    #[test]
    fn only_what_is_surely_off_by_more_than_the_bound_is_told() {
        assert_eq!(remote(0, 40).level, Level::Ok);
        assert_eq!(remote(30_000, 40).level, Level::Ok);
        assert_eq!(remote(-30_000, 40).level, Level::Ok);
        assert_eq!(remote(33_000, 40).level, Level::Warning);
        assert_eq!(remote(-33_000, 40).level, Level::Warning);
        // A slow answer may have been dated at any moment of its way.
        assert_eq!(remote(33_000, 9_000).level, Level::Ok);
        assert!(remote(600_000, 40).seen.starts_with("9 min 59 s ahead"), "{:?}", remote(600_000, 40));
        assert!(remote(-600_000, 40).seen.contains("behind"));
    }

    #[test]
    fn a_clock_that_agrees_is_never_surely_off_whatever_the_round_trip() {
        for round_trip in [0, 1, 999, 1_000, 20_000] {
            for at in [0, round_trip / 2, round_trip] {
                // Dated at `at`, from a value that is up to a second old.
                for stale in [0, 999] {
                    let date = (NOW + at - stale).div_euclid(1_000);
                    let difference = Difference::of(date, Wall(NOW), Wall(NOW + round_trip));
                    assert_eq!(difference.sure(), 0, "{round_trip} {at} {stale}: {difference:?}");
                }
            }
        }
    }

    #[test]
    fn no_answer_and_no_date_are_no_warning() {
        let none = RemoteClock { date: None, round_trip: Duration::ZERO, status: 200 };
        let name = PlatformName::new("p");
        assert_eq!(judge_remote(&name, Ok(&none), Wall(0), Wall(0)).unwrap().level, Level::Ok);
        assert!(judge_remote(&name, Err(&String::from("no connection")), Wall(0), Wall(0)).is_none());
    }

    #[test]
    fn a_clock_that_was_set_is_told() {
        let at = |wall: i64, mono: u64| Now { wall: Wall(NOW + wall), mono: Mono(mono) };
        assert_eq!(judge_own(None, at(0, 0), at(5_000, 5_000)).level, Level::Ok);
        assert_eq!(judge_own(None, at(0, 0), at(8_000, 5_000)).level, Level::Warning);
        assert_eq!(judge_own(None, at(0, 0), at(1_000, 5_000)).level, Level::Warning);
        assert_eq!(judge_own(Some(Wall(NOW + 1_000)), at(0, 0), at(0, 0)).level, Level::Ok);
        assert_eq!(judge_own(Some(Wall(NOW + 60_000)), at(0, 0), at(0, 0)).level, Level::Warning);
    }
}
