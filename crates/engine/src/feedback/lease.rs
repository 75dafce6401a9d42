//! The lease of a run: how long it surely lives, and the keeper that prolongs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ticketbridge_core::time::Mono;
use ticketbridge_platforms::http::LastCheck;
use ticketbridge_store::{FeedbackStore, Held, RunFence, StoreError};

use super::run::Stop;
use super::wire::Time;

/// Until when the lease surely is ours: counted from before it was asked for.
#[derive(Clone)]
pub(super) struct LeaseLife {
    until: Arc<AtomicU64>,
    time: Arc<dyn Time>,
}

impl LeaseLife {
    /// A lease that was asked for at `asked`.
    pub(super) fn new(asked: Mono, time_to_live: Duration, time: Arc<dyn Time>) -> Self {
        Self { until: Arc::new(AtomicU64::new(asked.after(time_to_live).0)), time }
    }

    fn prolong(&self, asked: Mono, time_to_live: Duration) {
        self.until.store(asked.after(time_to_live).0, Ordering::SeqCst);
    }

    /// Asked right before a write: the lease must outlive the call's time-out.
    pub(super) fn outlives(&self, timeout: Duration) -> LastCheck {
        let life = self.clone();
        Box::new(move || life.time.now().mono.after(timeout).0 < life.until.load(Ordering::SeqCst))
    }

    /// Prolongs the lease at each third of its life, until it is lost.
    pub(super) async fn keep(&self, store: &dyn FeedbackStore, fence: &RunFence, time_to_live: Duration) -> Stop {
        loop {
            tokio::time::sleep(time_to_live / 3).await;
            let asked = self.time.now().mono;
            match store.renew_lease(fence, time_to_live).await {
                Ok(Held::Done(())) => self.prolong(asked, time_to_live),
                Ok(Held::Lost) => return Stop::LeaseLost,
                Err(error @ StoreError::Fatal(_)) => return Stop::Store(error),
                Err(StoreError::Refused(why)) => {
                    tracing::warn!(organizer = %fence.organizer, why, "The lease could not be prolonged; it is tried again.");
                }
            }
        }
    }
}
