//! Requests and look-ups: nothing but the wire between `encode` and `decode`.

use std::sync::{Arc, PoisonError};

use http::HeaderValue;
use ticketbridge_core::delivery::{Event, ProbeId, SendPermit};
use ticketbridge_core::effect::{CallClass, LookUpFault, Outcome, Query};
use ticketbridge_platforms::http::{Purpose, SendOptions};
use ticketbridge_platforms::{Decoded, HttpCall, Item, Verdict};

use super::shell::Shared;
use crate::platforms::PlatformHandle;

/// An encoded request whose intent is being committed.
pub(super) struct Prepared {
    /// Who encoded it, and so sends it and reads its answer, whatever the configuration says by then.
    pub(super) platform: PlatformHandle,
    pub(super) call: HttpCall,
    pub(super) items: Vec<Item>,
    /// The trace that the platform is told of.
    pub(super) traceparent: Option<HeaderValue>,
}

/// Writes one committed batch to its platform and says what became of it.
pub(super) async fn send(shared: Arc<Shared>, permit: SendPermit) {
    let batch = permit.batch();
    let prepared = shared.prepared.lock().unwrap_or_else(PoisonError::into_inner).remove(&batch);
    let Some(Prepared { platform, call, items, traceparent }) = prepared else {
        let why = String::from("nothing was sent: its request is not at hand any more");
        let call = CallClass::Unavailable { why, retry_after: None, throttled: false, configuration: false };
        let latency = std::time::Duration::ZERO;
        shared.event(Event::Answered { batch, call, outcomes: Vec::new(), latency }).await;
        return;
    };
    let (clock, not_after) = (shared.clock.clone(), permit.not_after());
    // The last look at the lease, right before the write: who takes the lane over must not find us sending.
    let options = || {
        let clock = clock.clone();
        SendOptions::within(platform.write_timeout)
            .about(Purpose::Write(batch))
            .traced(traceparent.clone())
            .checked(move || clock.now().mono < not_after)
    };
    let exchange = platform.send(&call, options).await;
    let (operation, latency) = (permit.operation(), exchange.latency);
    let adapter = Arc::clone(&platform.platform);
    let verdict = tokio::task::spawn_blocking(move || adapter.decode(operation, &items, &exchange.transport)).await;
    let unknown = |why: String, retry_after| {
        let call = CallClass::Unknown { why, timed_out: false, retry_after };
        Decoded { call, outcomes: Vec::new() }
    };
    let Decoded { call, outcomes } = match verdict {
        Ok(Verdict::Done(decoded)) => decoded,
        Ok(Verdict::More(dialogue)) => {
            match platform.converse(dialogue, platform.write_timeout, Purpose::Write(batch)).await {
                Ok(decoded) => decoded,
                Err(fault) => unknown(fault.why, fault.retry_after),
            }
        }
        Err(panic) => unknown(format!("the answer could not be read: {panic}"), None),
    };
    if call != CallClass::Answered || outcomes.iter().any(|outcome| !matches!(outcome, Outcome::Applied { .. })) {
        shared.exchanges.refused(batch);
    }
    shared.event(Event::Answered { batch, call, outcomes, latency }).await;
}

/// Asks a platform, page by page, and brings the whole answer or none. `platform`: as it was when the look-up was
/// decided on, or why it cannot be used.
pub(super) async fn look_up(
    shared: Arc<Shared>,
    probe: ProbeId,
    platform: Result<PlatformHandle, String>,
    query: Query,
) {
    let mut asked_at = shared.clock.now().mono;
    let result = match platform {
        Ok(platform) => platform.ask_telling(&query, || asked_at = shared.clock.now().mono).await,
        Err(why) => Err(LookUpFault { why, retry_after: None, throttled: false, configuration: true }),
    };
    shared.event(Event::LookedUp { probe, asked_at, result }).await;
}
