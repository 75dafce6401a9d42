//! The one place of this crate that reads the time.
//!
//! Guarantee: [`Clock::now`] never goes backwards while a sandbox runs, whatever happens to the clock on the wall. It
//! counts in milliseconds since 1970 and is read once per call; the models get the time as an argument.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 UTC; in a simulation, since whatever the simulation calls zero.
pub type Millis = i64;

/// The time of day at the start, carried on by the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    wall_at_start: Millis,
    started: Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the sandbox's only clock; the models get the time as an argument")]
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { wall_at_start: wall.as_millis() as Millis, started: Instant::now() }
    }

    pub(crate) fn now(&self) -> Millis {
        self.wall_at_start + self.started.elapsed().as_millis() as Millis
    }

    /// How long from now until `at`; zero if that is past.
    pub(crate) fn until(&self, at: Millis) -> Duration {
        Duration::from_millis(at.saturating_sub(self.now()).max(0) as u64)
    }
}
