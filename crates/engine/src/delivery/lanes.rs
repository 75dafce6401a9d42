//! Lanes: taken at the start, renewed in time, given back at the end.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ticketbridge_core::delivery::{Event, LaneId, LaneTaken, Report, Stop};
use ticketbridge_core::ticket::{PlatformName, TicketId};
use ticketbridge_core::time::Mono;
use ticketbridge_store::{LaneAnswer, LaneGrant, StoreError};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::shell::{STORE_RETRY, Shared};
use crate::identity;

/// What a lease is longer than the longest request: the time to renew it in.
const LEASE_MARGIN: Duration = Duration::from_mins(1);
/// Wait before a lane that another holds is asked for again.
const HELD_RETRY: Duration = Duration::from_secs(1);

/// The tasks that keep our lanes.
pub(super) struct Keepers(JoinSet<Option<(LaneId, ticketbridge_core::delivery::Fence)>>);

impl Keepers {
    /// Gives every lane back, so that another process need not wait for the lease to run out.
    pub(super) async fn release(mut self, shared: &Shared) {
        while let Some(ended) = self.0.join_next().await {
            if let Ok(Some((lane, fence))) = ended
                && let Err(error) = shared.store.release_lane(lane, fence).await
            {
                tracing::warn!(error = %error, "A lane could not be given back; its lease runs out by itself.");
            }
        }
    }
}

/// Starts one keeper per lane of each ticket platform.
pub(super) fn keep(shared: &Arc<Shared>) -> Keepers {
    let mut keepers = JoinSet::new();
    let holder = identity::holder();
    let mut platforms: Vec<PlatformName> =
        shared.config.backends.iter().map(|backend| backend.tickets.clone()).collect();
    platforms.sort();
    platforms.dedup();
    for platform in platforms {
        for index in 0..shared.store.lanes_per_platform() {
            keepers.spawn(keep_one(Arc::clone(shared), platform.clone(), index, holder));
        }
    }
    Keepers(keepers)
}

async fn keep_one(
    shared: Arc<Shared>,
    platform: PlatformName,
    index: u32,
    holder: Uuid,
) -> Option<(LaneId, ticketbridge_core::delivery::Fence)> {
    let lease = shared.platforms.longest_request() + LEASE_MARGIN;
    let mut stopping = shared.stopping.subscribe();
    loop {
        let before = shared.clock.now().mono;
        let answer = shared.store.take_lane(&platform, index, holder, lease).await;
        let wait = match answer {
            Ok(LaneAnswer::Taken(grant)) => {
                let held = (grant.lane, grant.fence);
                match announce(&shared, &platform, *grant, before.after(lease)).await {
                    Ok(()) => {
                        if renew(&shared, held, lease, &mut stopping).await {
                            return Some(held);
                        }
                        shared.lanes.lock().unwrap_or_else(PoisonError::into_inner).remove(&held.0);
                        shared.event(Event::LaneLost { lane: held.0 }).await;
                        Duration::ZERO
                    }
                    Err(error) => report(&shared, error),
                }
            }
            Ok(LaneAnswer::Held { remaining }) => {
                tracing::info!(platform = %platform, ?remaining, "Another process holds the lane; waiting for it.");
                HELD_RETRY
            }
            Err(error) => report(&shared, error),
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stopping.wait_for(|stop| *stop) => return None,
        }
    }
}

fn report(shared: &Shared, error: StoreError) -> Duration {
    if let StoreError::Refused(why) = &error {
        tracing::warn!(why, "The store refused; trying again.");
    } else {
        shared.die(error);
    }
    STORE_RETRY
}

/// Tells the state machine of a lane that is ours, with all that hangs on it.
async fn announce(shared: &Shared, platform: &PlatformName, grant: LaneGrant, until: Mono) -> Result<(), StoreError> {
    let ids: Vec<TicketId> = grant.unsettled.iter().flat_map(|batch| batch.items.iter().copied()).collect();
    let tickets = if ids.is_empty() { Vec::new() } else { shared.store.tickets_by_id(grant.lane, &ids).await? };
    let stopped = shared.store.document(&stop_document(platform)).await?;
    let stopped: Option<Stop> = stopped.and_then(|document| serde_json::from_value(document).ok());
    shared.lanes.lock().unwrap_or_else(PoisonError::into_inner).insert(grant.lane, platform.clone());
    let taken = LaneTaken {
        lane: grant.lane,
        platform: platform.clone(),
        fence: grant.fence,
        until,
        next_sequence: grant.next_sequence,
        unsettled: grant.unsettled,
        tickets,
        canaries: grant.canaries,
        audits: grant.audits,
        stopped,
        suspect: shared.suspect,
    };
    shared.event(Event::LaneTaken(Box::new(taken))).await;
    Ok(())
}

/// Renews a lane until the end (true) or until it is lost (false).
async fn renew(
    shared: &Shared,
    (lane, fence): (LaneId, ticketbridge_core::delivery::Fence),
    lease: Duration,
    stopping: &mut tokio::sync::watch::Receiver<bool>,
) -> bool {
    let mut until = shared.clock.now().mono.after(lease);
    loop {
        tokio::select! {
            () = tokio::time::sleep(lease / 3) => {}
            _ = stopping.wait_for(|stop| *stop) => return true,
        }
        let before = shared.clock.now().mono;
        match shared.store.renew_lane(lane, fence, lease).await {
            Ok(true) => {
                until = before.after(lease);
                shared.event(Event::LaneRenewed { lane, until }).await;
            }
            Ok(false) => return false,
            Err(StoreError::Refused(why)) if shared.clock.now().mono < until => {
                tracing::warn!(why, "A lease could not be renewed yet; trying again.");
            }
            Err(error) => {
                report(shared, error);
                return false;
            }
        }
    }
}

/// Loads rows with work to do.
pub(super) async fn load(shared: Arc<Shared>, lane: LaneId, after: TicketId, limit: usize) {
    loop {
        match shared.store.open_tickets(lane, after, limit).await {
            Ok(tickets) => {
                let end = tickets.len() < limit;
                shared.event(Event::Loaded { lane, tickets, end }).await;
                return;
            }
            Err(error) => {
                let wait = report(&shared, error);
                if *shared.stopping.borrow() {
                    return;
                }
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// Keeps why a platform stopped creating, so that a restart does not forget it; drops it when it goes on.
pub(super) async fn keep_stop(shared: Arc<Shared>, report: Report) {
    let (platform, document) = match report {
        Report::CreatingStopped { platform, stop } => (platform, serde_json::to_value(stop).ok()),
        Report::CreatingResumed { platform } => (platform, None),
        _ => return,
    };
    if let Err(error) = shared.store.put_document(&stop_document(&platform), document).await {
        tracing::warn!(error = %error, platform = %platform, "Why creating stopped could not be kept for the next start.");
    }
}

/// The next start need not begin with look-ups again.
pub(super) async fn end_suspicion(shared: Arc<Shared>) {
    if let Err(error) = shared.store.suspicion_dealt_with().await {
        tracing::warn!(error = %error, "That the look-ups are done could not be kept; the next start does them again.");
    }
}

/// Name of the document that says why a platform stopped creating.
pub fn stop_document(platform: &PlatformName) -> String {
    format!("stopped/{platform}")
}
