//! How many tickets were where, of late: what charts are drawn from.
//!
//! Guarantee: a sample of the last hour every 10 s, and of the last 24 h every 5 minutes; each with the tickets per
//! backend and state, and what was received, completed and failed since the sample before it. A sample that could not
//! be taken is missing, not zero.
//!
//! Limits: in memory only. It is empty at the start of the process, and whatever was before is not known. At most 360 +
//! 288 samples, each of 56 bytes and 32 bytes per state that a backend has tickets in: below 0.25 MB for each backend.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ticketbridge_core::ticket::{BackendName, State};
use ticketbridge_core::time::{Mono, Now, Wall};
use ticketbridge_store::StoreError;
use tokio::time::MissedTickBehavior;
use utoipa::ToSchema;

use crate::app::App;
use crate::events::Totals;
use crate::live::Live;

/// How much of the past is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Range {
    /// The last hour, every 10 s.
    #[default]
    Hour,
    /// The last 24 h, every 5 minutes.
    Day,
}

impl Range {
    /// From its name, `hour` or `day`.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        [Self::Hour, Self::Day].into_iter().find(|range| range.as_str() == text)
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// From one sample to the next.
    #[must_use]
    pub const fn every(self) -> Duration {
        match self {
            Self::Hour => Duration::from_secs(10),
            Self::Day => Duration::from_mins(5),
        }
    }

    /// Samples that are kept.
    #[must_use]
    pub const fn kept(self) -> usize {
        match self {
            Self::Hour => 360,
            Self::Day => 288,
        }
    }
}

/// Tickets per backend and state.
pub type Counts = BTreeMap<(BackendName, State), u64>;

/// The past, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HistoryView {
    /// `hour` or `day`.
    #[schema(value_type = String)]
    pub range: &'static str,
    /// Seconds from one sample to the next.
    pub every_s: u64,
    /// The samples, oldest first.
    pub samples: Vec<SampleView>,
}

/// One sample, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SampleView {
    /// When it was taken.
    #[schema(format = DateTime)]
    pub at: String,
    /// Tickets per backend and state, without those that are zero.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, u64>>)]
    pub tickets: BTreeMap<BackendName, BTreeMap<&'static str, u64>>,
    /// New tickets since the sample before.
    pub received: u64,
    /// Tickets completed since then.
    pub completed: u64,
    /// Tickets that went into Error since then.
    pub failed: u64,
}

/// What was of late. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct History(Arc<Mutex<[Series; 2]>>);

/// The samples of one range.
#[derive(Default)]
struct Series {
    samples: VecDeque<Sample>,
    /// When the newest was due, and the totals then.
    last: Option<Mono>,
    totals: Totals,
}

struct Sample {
    at: Wall,
    tickets: Box<[(BackendName, State, u64)]>,
    since: Totals,
}

impl History {
    /// Takes a sample of an installation, where one is due.
    pub async fn sample(&self, app: &App) -> Result<(), StoreError> {
        let counts = app.store.counts().await?;
        self.note(app.clock.now(), &counts, app.events.totals());
        Ok(())
    }

    /// Takes note of what is now, in each range whose next sample is due.
    pub fn note(&self, now: Now, counts: &Counts, totals: Totals) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (series, range) in all.iter_mut().zip([Range::Hour, Range::Day]) {
            series.note(range, now, counts, totals);
        }
    }

    /// What is known of a range.
    #[must_use]
    pub fn view(&self, range: Range) -> HistoryView {
        let [hour, day] = &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let series = if range == Range::Hour { hour } else { day };
        let samples = series.samples.iter().map(Sample::view).collect();
        HistoryView { range: range.as_str(), every_s: range.every().as_secs(), samples }
    }
}

impl Series {
    fn note(&mut self, range: Range, now: Now, counts: &Counts, totals: Totals) {
        // Half of the shortest interval early is in time: a timer is never exact.
        let early = Range::Hour.every() / 2;
        if self.last.is_some_and(|last| now.mono.since(last) + early < range.every()) {
            return;
        }
        if self.samples.len() == range.kept() {
            self.samples.pop_front();
        }
        let tickets = counts.iter().filter(|(_, count)| **count > 0);
        self.samples.push_back(Sample {
            at: now.wall,
            tickets: tickets.map(|((backend, state), count)| (backend.clone(), *state, *count)).collect(),
            since: totals.since(self.totals),
        });
        (self.last, self.totals) = (Some(now.mono), totals);
    }
}

impl Sample {
    fn view(&self) -> SampleView {
        let mut tickets: BTreeMap<BackendName, BTreeMap<&'static str, u64>> = BTreeMap::new();
        for (backend, state, count) in &self.tickets {
            tickets.entry(backend.clone()).or_default().insert(state.as_str(), *count);
        }
        let Totals { received, completed, failed } = self.since;
        SampleView { at: self.at.to_rfc3339(), tickets, received, completed, failed }
    }
}

/// Takes samples until it is dropped, or the store fails for good.
pub(crate) async fn history_loop(live: Live) -> Option<StoreError> {
    let mut tick = tokio::time::interval(Range::Hour.every());
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        let app = live.app();
        match app.history.sample(&app).await {
            Ok(()) => {}
            Err(error) if error.is_fatal() => return Some(error),
            Err(error) => tracing::warn!(error = %error, "The tickets could not be counted; the history has a gap."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Now {
        Now { mono: Mono(seconds * 1_000), wall: Wall(1_700_000_000_000 + seconds as i64 * 1_000) }
    }

    fn counts(received: u64, completed: u64) -> Counts {
        let backend = BackendName::new("be-1");
        Counts::from([((backend.clone(), State::Received), received), ((backend, State::Completed), completed)])
    }

    #[test]
    fn each_range_has_its_own_samples_and_differences() {
        let history = History::default();
        assert!(history.view(Range::Hour).samples.is_empty());
        for second in (0..=600).step_by(10) {
            let totals = Totals { received: 100 + second, completed: second, failed: second / 100 };
            history.note(at(second), &counts(1, second), totals);
        }
        let hour = history.view(Range::Hour).samples;
        assert_eq!(hour.len(), 61);
        assert_eq!((hour[0].received, hour[1].received, hour[60].completed, hour[60].failed), (100, 10, 10, 1));
        let day = history.view(Range::Day).samples;
        let received: Vec<u64> = day.iter().map(|sample| sample.received).collect();
        assert_eq!(received, [100, 300, 300]);
        assert_eq!(day[1].at, "2023-11-14T22:18:20.000Z");
        // What is zero takes no room.
        assert_eq!(hour[0].tickets[&BackendName::new("be-1")], BTreeMap::from([("Received", 1)]));
        assert_eq!(hour[60].tickets[&BackendName::new("be-1")], BTreeMap::from([("Received", 1), ("Completed", 600)]));
    }

    #[test]
    fn samples_that_come_too_soon_are_left_out_and_late_ones_taken() {
        let history = History::default();
        for seconds in [0, 1, 4, 9, 11, 21, 60, 62] {
            history.note(at(seconds), &counts(1, 0), Totals::default());
        }
        let taken: Vec<String> = history.view(Range::Hour).samples.into_iter().map(|sample| sample.at).collect();
        let expected: Vec<String> = [0, 9, 21, 60].into_iter().map(|seconds| at(seconds).wall.to_rfc3339()).collect();
        assert_eq!(taken, expected);
    }

    #[test]
    fn it_is_bounded_and_the_oldest_goes() {
        let history = History::default();
        let days = 3 * 86_400;
        for second in (0..days).step_by(10) {
            history.note(at(second), &counts(second, 0), Totals::default());
        }
        for (range, oldest) in [(Range::Hour, days - 3_600), (Range::Day, days - 86_400)] {
            let view = history.view(range);
            assert_eq!(view.samples.len(), range.kept());
            assert_eq!(view.samples[0].at, at(oldest).wall.to_rfc3339());
        }
    }
}
