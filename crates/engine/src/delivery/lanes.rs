//! Lanes: taken at the start or when a platform comes into use, renewed in time, given back at the end or when nothing
//! is left of a platform that is no longer used.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ticketbridge_core::delivery::{Event, Fence, LaneId, LaneTaken, Report, Stop};
use ticketbridge_core::ticket::{PlatformName, TicketId};
use ticketbridge_core::time::Mono;
use ticketbridge_store::{LaneAnswer, LaneGrant, STOPPED, StoreError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::settings::InForce;
use super::shell::{STORE_RETRY, Shared};
use crate::identity;

/// What a lease is longer than the longest request: the time to renew it in.
const LEASE_MARGIN: Duration = Duration::from_mins(1);
/// Wait before a lane that another holds is asked for again.
const HELD_RETRY: Duration = Duration::from_secs(1);

/// How often a lane that nobody uses any more is looked at, until nothing is left in it.
const DRAINED_LOOK: Duration = Duration::from_secs(5);

/// What our keepers hold when they end.
pub(super) struct Keepers {
    tasks: JoinSet<(Place, Option<Held>)>,
}

/// Which lane of which platform.
type Place = (PlatformName, u32);

/// A lane and our token.
type Held = (LaneId, Fence);

impl Keepers {
    /// Gives every lane back, so that another process need not wait for the lease to run out.
    pub(super) async fn release(mut self, shared: &Shared) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Ok((_, Some(held))) = ended {
                give_back(shared, held).await;
            }
        }
    }
}

async fn give_back(shared: &Shared, (lane, fence): Held) {
    if let Err(error) = shared.store.release_lane(lane, fence).await {
        tracing::warn!(error = %error, "A lane could not be given back; its lease runs out by itself.");
    }
}

/// Keeps the lanes of each ticket platform, and those of platforms that a reload brings; answers the keepers when the
/// service stops. The lanes of a platform that is no longer used are given back when nothing is left in them.
pub(super) async fn keep(shared: Arc<Shared>) -> Keepers {
    let mut keepers = Keepers { tasks: JoinSet::new() };
    let holder = identity::holder();
    let (mut in_force, mut stopping) = (shared.in_force.subscribe(), shared.stopping.subscribe());
    // Keepers at work.
    let mut kept: BTreeSet<Place> = BTreeSet::new();
    loop {
        let used = ticket_platforms(&in_force.borrow_and_update());
        let lanes = 0..shared.store.lanes_per_platform();
        for place in used.into_iter().flat_map(|platform| lanes.clone().map(move |index| (platform.clone(), index))) {
            if kept.insert(place.clone()) {
                let keeper = keep_one(Arc::clone(&shared), place.0.clone(), place.1, holder);
                keepers.tasks.spawn(async move { (place, keeper.await) });
            }
        }
        tokio::select! {
            () = stopped(&mut stopping) => return keepers,
            _ = in_force.changed() => {}
            Some(ended) = keepers.tasks.join_next() => {
                // At work until the stop, but for a platform that is no longer used.
                if let Ok((place, held)) = ended {
                    if let Some(held) = held {
                        give_back(&shared, held).await;
                    }
                    kept.remove(&place);
                }
            }
        }
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error would say that the sender is gone: nobody asks for lanes any more.
    drop(stopping.wait_for(|stop| *stop).await);
}

/// The platforms that tickets live on.
fn ticket_platforms(in_force: &InForce) -> BTreeSet<PlatformName> {
    in_force.config.backends.iter().map(|backend| backend.tickets.clone()).collect()
}

/// Why a lane is let go.
enum Ended {
    /// The service stops, or the lane is of no more use: it is given back.
    Over,
    /// Another took it, or the store failed: it is asked for again.
    Lost,
}

async fn keep_one(shared: Arc<Shared>, platform: PlatformName, index: u32, holder: Uuid) -> Option<Held> {
    let mut stopping = shared.stopping.subscribe();
    loop {
        let lease = lease(&shared, Duration::ZERO);
        let before = shared.clock.now().mono;
        let answer = shared.store.take_lane(&platform, index, holder, lease).await;
        let wait = match answer {
            Ok(LaneAnswer::Taken(grant)) => {
                let held = (grant.lane, grant.fence);
                match announce(&shared, &platform, *grant, before.after(lease)).await {
                    Ok(()) => {
                        let ended = renew(&shared, &platform, held, lease, &mut stopping).await;
                        if *stopping.borrow() {
                            return Some(held);
                        }
                        shared.lanes.lock().unwrap_or_else(PoisonError::into_inner).remove(&held.0);
                        shared.event(Event::LaneLost { lane: held.0 }).await;
                        match ended {
                            Ended::Over => return Some(held),
                            Ended::Lost => Duration::ZERO,
                        }
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
        if !is_used(&shared, &platform) {
            // Not ours, and of no more use: whoever holds it sees to what is in it.
            return None;
        }
    }
}

/// The length of a lease: longer than any request of the configuration in force, and never shorter than it was, since
/// requests that were sent before may still be under way.
fn lease(shared: &Shared, before: Duration) -> Duration {
    before.max(shared.in_force.borrow().platforms.longest_request() + LEASE_MARGIN)
}

fn is_used(shared: &Shared, platform: &PlatformName) -> bool {
    ticket_platforms(&shared.in_force.borrow()).contains(platform)
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

/// Renews a lane until the end, until it is lost, or until it is of no more use and nothing is left in it.
async fn renew(
    shared: &Shared,
    platform: &PlatformName,
    (lane, fence): Held,
    mut lease: Duration,
    stopping: &mut watch::Receiver<bool>,
) -> Ended {
    let mut in_force = shared.in_force.subscribe();
    let mut until = shared.clock.now().mono.after(lease);
    loop {
        let used = is_used(shared, platform);
        let mut rest = lease / 3;
        if !used {
            rest = rest.min(DRAINED_LOOK);
        }
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            // Its requests may take longer from now on: they are sent only within a lease that outlives them.
            _ = in_force.changed() => lease = self::lease(shared, lease),
            _ = stopping.wait_for(|stop| *stop) => return Ended::Over,
        }
        if !used {
            match shared.store.open_tickets(lane, TicketId(0), 1).await {
                Ok(left) if left.is_empty() && !is_used(shared, platform) => return Ended::Over,
                Ok(_) => {}
                Err(error) => tracing::warn!(error = %error, "A lane could not be looked at; trying again."),
            }
        }
        let before = shared.clock.now().mono;
        match shared.store.renew_lane(lane, fence, lease).await {
            Ok(true) => {
                until = before.after(lease);
                shared.event(Event::LaneRenewed { lane, until }).await;
            }
            Ok(false) => return Ended::Lost,
            Err(StoreError::Refused(why)) if shared.clock.now().mono < until => {
                tracing::warn!(why, "A lease could not be renewed yet; trying again.");
            }
            Err(error) => {
                report(shared, error);
                return Ended::Lost;
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
    format!("{STOPPED}{platform}")
}
