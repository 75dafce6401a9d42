//! The diff call with its tries (TIXNGO contract §4 and §7.1).

use bytes::Bytes;
use ticketbridge_core::mobile::PaginationKey;
use ticketbridge_platforms::{CallFaultKind, tixngo};

use super::run::{Runner, Stop};

/// Tries of one call in a run, the first included (TIXNGO contract §7.1).
pub(super) const TRIES: u32 = 3;

impl Runner<'_> {
    /// The page after `key`. One call at a time.
    pub(super) async fn fetch(&mut self, key: &PaginationKey) -> Result<Bytes, Stop> {
        let call = tixngo::diff_call(key, self.function.batch_size);
        let timeout = self.function.timeout;
        for tries in 1.. {
            let transport = self.parts.wallet.send(&call, timeout, self.life.outlives(timeout)).await;
            let fault = match tixngo::read_diff(&transport, self.parts.time.now().wall) {
                Ok(body) => return Ok(body),
                Err(fault) => fault,
            };
            let asked = match fault.kind {
                CallFaultKind::SetUp { .. } => return Err(Stop::Diff(fault.why)),
                CallFaultKind::Transient { retry_after } => retry_after,
                CallFaultKind::NotSent => None,
            };
            let pause = if tries < TRIES { self.pauses.after(tries, asked) } else { None };
            let Some(pause) = pause else { return Err(Stop::Diff(fault.why)) };
            tracing::info!(organizer = %self.function.organizer, why = fault.why, "The diff call failed; it is tried again.");
            tokio::time::sleep(pause).await;
            self.go_on()?;
        }
        Err(Stop::Diff(String::from("the diff call was given up")))
    }
}
