//! Requests and look-ups: nothing but the wire between `encode` and `decode`.

use std::sync::{Arc, PoisonError};

use ticketbridge_core::delivery::{Event, ProbeId, SendPermit};
use ticketbridge_core::effect::{CallClass, Found, LookUpFault, Query};
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_platforms::http::SendOptions;
use ticketbridge_platforms::{HttpCall, Item};

use super::shell::Shared;
use crate::platforms::PlatformHandle;

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
    let options = SendOptions::within(platform.write_timeout).checked(move || clock.now().mono < not_after);
    let exchange = platform.client.send(&prepared.call, options).await;
    let operation = permit.operation();
    let latency = exchange.latency;
    let decoded =
        tokio::task::spawn_blocking(move || platform.platform.decode(operation, &prepared.items, &exchange.transport))
            .await;
    let (call, outcomes) = match decoded {
        Ok(decoded) => (decoded.call, decoded.outcomes),
        Err(panic) => {
            let why = format!("the answer could not be read: {panic}");
            (CallClass::Unknown { why, timed_out: false, retry_after: None }, Vec::new())
        }
    };
    shared.event(Event::Answered { batch, call, outcomes, latency }).await;
}

/// Asks a platform, page by page, and brings the whole answer or none.
pub(super) async fn look_up(shared: Arc<Shared>, probe: ProbeId, platform: PlatformName, query: Query) {
    let result = match shared.platforms.usable(&platform) {
        Ok(platform) => ask(&platform, &query).await,
        Err(why) => Err(LookUpFault { why, retry_after: None, throttled: false, configuration: true }),
    };
    shared.event(Event::LookedUp { probe, result }).await;
}

/// One look-up from its first request to its last.
pub(crate) async fn ask(platform: &PlatformHandle, query: &Query) -> Result<Found, LookUpFault> {
    let mut look_up = platform.platform.look_up(query)?;
    while let Some(call) = look_up.next_call()? {
        let exchange = platform.client.send(&call, SendOptions::within(platform.read_timeout)).await;
        look_up.absorb(&exchange.transport)?;
    }
    look_up.finish()
}
