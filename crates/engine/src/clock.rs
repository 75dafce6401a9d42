//! The only place that reads the clocks.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ticketbridge_core::network::Timestamp;
use ticketbridge_core::time::{Mono, Now, Wall};

/// Both clocks of this process. Cheap to clone; all clones share one beginning.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Instant>);

impl Clock {
    /// The monotonic clock begins at zero now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place where time comes in")]
    pub fn start() -> Self {
        Self(Arc::new(Instant::now()))
    }

    /// Both clocks, read together.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place where time comes in")]
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        Now { mono: Mono(self.0.elapsed().as_millis() as u64), wall: Wall(wall) }
    }

    /// The wall clock in whole seconds: the evaluation instant of a run that is not given another.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        Timestamp(self.now().wall.0.div_euclid(1000))
    }

    /// The monotonic instant `at`, as tokio's timers want it.
    #[must_use]
    pub fn deadline(&self, at: Mono) -> tokio::time::Instant {
        tokio::time::Instant::from_std(*self.0 + std::time::Duration::from_millis(at.0))
    }
}
