//! What others changed: new rows, operator acts, settings. Looked for twice a second at the cost of one number, and
//! at once when this process itself received something.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ticketbridge_core::delivery::{Event, LaneId};
use ticketbridge_core::ticket::{PlatformName, TicketId, TicketRow};
use ticketbridge_store::{Change, StoreError};

use super::settings::{self, InForce};
use super::shell::Shared;
use crate::events::Moved;

/// How often others' changes are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Watches until it is aborted.
pub(super) async fn watch(shared: Arc<Shared>, mut seen: Seen) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = shared.news.notified() => {}
        }
        if let Err(error) = look(&shared, &mut seen).await {
            tracing::warn!(error = %error, "Changes could not be read from the store; trying again.");
        }
    }
}

/// What was seen so far.
pub(super) struct Seen {
    mark: Option<i64>,
    /// The highest row.
    ticket: i64,
    /// The highest row that watchers were told of.
    told: i64,
    /// The highest change.
    change: i64,
}

impl Seen {
    /// All changes up to now. Taken before the first lane: what comes later may be missing from the rows that a lane
    /// loads, what came before is in them.
    pub(super) async fn until_now(shared: &Shared) -> Result<Self, StoreError> {
        let change = shared.store.changes(0).await?.last().map_or(0, |(number, _)| *number);
        let told = shared.store.last_ticket().await?.0;
        Ok(Self { mark: None, ticket: 0, told, change })
    }
}

async fn look(shared: &Shared, seen: &mut Seen) -> Result<(), StoreError> {
    let mark = shared.store.change_mark().await?;
    if seen.mark == Some(mark) {
        return Ok(());
    }
    let last = shared.store.last_ticket().await?;
    let changes = shared.store.changes(seen.change).await?;
    let lanes: BTreeMap<LaneId, PlatformName> = shared.lanes.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if last.0 > seen.told {
        shared.live.received((last.0 - seen.told) as u64);
        seen.told = last.0;
    }
    if last.0 > seen.ticket {
        for lane in lanes.keys() {
            shared.event(Event::News { lane: *lane }).await;
        }
        seen.ticket = last.0;
    }
    let mut tickets: Vec<TicketId> = Vec::new();
    for (number, change) in changes {
        match change {
            Change::Ticket(id) => tickets.push(id),
            Change::Settings => {
                // Not while a reload is under way: what it brings must not be overtaken by what was read before it.
                let _turn = shared.settings_turn.lock().await;
                let InForce { config, platforms } = shared.in_force();
                let settings = settings::delivery_settings(&config, &platforms, &*shared.store).await?;
                shared.event(Event::Settings { settings: Arc::new(settings) }).await;
            }
            Change::LossAccepted(platform) => shared.event(Event::LossAccepted { platform }).await,
        }
        seen.change = number;
    }
    if !tickets.is_empty() {
        for lane in lanes.keys() {
            let found = shared.store.tickets_by_id(*lane, &tickets).await?;
            if !found.is_empty() {
                shared.live.moved(&found.iter().map(|ticket| now_in(&ticket.row)).collect::<Vec<_>>());
                shared.event(Event::Changed { lane: *lane, tickets: found }).await;
            }
        }
    }
    seen.mark = Some(mark);
    Ok(())
}

/// A row that somebody else changed, as watchers are told of it.
fn now_in(row: &TicketRow) -> Moved {
    Moved { origin: row.origin, backend: row.backend.clone(), from: None, to: row.state }
}
