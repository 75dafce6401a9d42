//! Requests and look-ups: nothing but the wire between `encode` and `decode`.

use std::sync::{Arc, PoisonError};

use ticketbridge_core::delivery::{Event, ProbeId, SendPermit};
use ticketbridge_core::effect::{CallClass, LookUpFault, Query};
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_platforms::http::SendOptions;
use ticketbridge_platforms::{Decoded, HttpCall, Item, Verdict};

use super::shell::Shared;

/// An encoded request whose intent is being committed.
pub(super) struct Prepared {
    pub(super) call: HttpCall,
    pub(super) items: Vec<Item>,
}

/// Writes one committed batch to its platform and says what became of it.
pub(super) async fn send(shared: Arc<Shared>, permit: SendPermit) {
    let batch = permit.batch();
    let prepared = shared.prepared.lock().unwrap_or_else(PoisonError::into_inner).remove(&batch);
    let platform = shared.platforms.usable(permit.platform());
    let (Some(prepared), Ok(platform)) = (prepared, platform) else {
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
        SendOptions::within(platform.write_timeout).checked(move || clock.now().mono < not_after)
    };
    let exchange = platform.send(&prepared.call, options).await;
    let (operation, latency) = (permit.operation(), exchange.latency);
    let adapter = Arc::clone(&platform.platform);
    let verdict =
        tokio::task::spawn_blocking(move || adapter.decode(operation, &prepared.items, &exchange.transport)).await;
    let unknown = |why: String, retry_after| {
        let call = CallClass::Unknown { why, timed_out: false, retry_after };
        Decoded { call, outcomes: Vec::new() }
    };
    let Decoded { call, outcomes } = match verdict {
        Ok(Verdict::Done(decoded)) => decoded,
        Ok(Verdict::More(dialogue)) => match platform.converse(dialogue, platform.write_timeout).await {
            Ok(decoded) => decoded,
            Err(fault) => unknown(fault.why, fault.retry_after),
        },
        Err(panic) => unknown(format!("the answer could not be read: {panic}"), None),
    };
    shared.event(Event::Answered { batch, call, outcomes, latency }).await;
}

/// Asks a platform, page by page, and brings the whole answer or none.
pub(super) async fn look_up(shared: Arc<Shared>, probe: ProbeId, platform: PlatformName, query: Query) {
    let mut asked_at = shared.clock.now().mono;
    let result = match shared.platforms.usable(&platform) {
        Ok(platform) => platform.ask_telling(&query, || asked_at = shared.clock.now().mono).await,
        Err(why) => Err(LookUpFault { why, retry_after: None, throttled: false, configuration: true }),
    };
    shared.event(Event::LookedUp { probe, asked_at, result }).await;
}
