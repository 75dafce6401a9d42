//! Committing decisions: encode the requests of the intents, fill in their hashes, write it all in one transaction.
//!
//! One committer per lane takes jobs in order. Up to [`PREPARING`] of them are encoded side by side; the writes enter the
//! store's queue in the order of the jobs, but the next ones need not wait for the disk: the store commits them in groups.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use futures_util::stream::{FuturesOrdered, FuturesUnordered, StreamExt};
use sha2::{Digest, Sha256};
use ticketbridge_config::Config;
use ticketbridge_core::delivery::{Event, Intent, Receipt, TransactionId, Writes};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{PlatformName, TicketId, TicketRow, note_text};
use ticketbridge_platforms::{EncodeFault, HttpCall, Item};
use ticketbridge_store::{StoreError, TicketBody};
use tokio::sync::mpsc;

use super::exchange::Prepared;
use super::settings::InForce;
use super::shell::Shared;
use crate::events::Events;
use crate::platforms::PlatformHandle;

/// Decisions whose requests are encoded at the same time, per lane.
const PREPARING: usize = 8;

/// One decision to commit.
pub(super) struct Job {
    pub(super) transaction: TransactionId,
    pub(super) writes: Writes,
    /// The configuration that it was decided with: it encodes the requests, too.
    pub(super) in_force: InForce,
}

/// Starts a committer; it ends when the loop drops its sender.
pub(super) fn start(shared: Arc<Shared>) -> mpsc::UnboundedSender<Job> {
    // Unbounded, but never long: the state machine has at most one transaction per row and window under way.
    let (jobs, mut inbox) = mpsc::unbounded_channel::<Job>();
    tokio::spawn(async move {
        let (mut preparing, mut under_way) = (FuturesOrdered::new(), FuturesUnordered::new());
        let mut open = true;
        while open || !preparing.is_empty() || !under_way.is_empty() {
            tokio::select! {
                biased;
                Some(event) = under_way.next(), if !under_way.is_empty() => shared.event(event).await,
                Some(prepared) = preparing.next(), if !preparing.is_empty() => match prepared {
                    Ok((transaction, writes)) => under_way.push(apply(Arc::clone(&shared), transaction, writes)),
                    Err(event) => shared.event(event).await,
                },
                job = inbox.recv(), if open && preparing.len() < PREPARING => match job {
                    None => open = false,
                    Some(job) => preparing.push_back(beside(Arc::clone(&shared), job)),
                },
            }
        }
    });
    jobs
}

async fn apply(shared: Arc<Shared>, transaction: TransactionId, writes: Writes) -> Event {
    let batches: Vec<_> = writes.intents.iter().map(|intent| intent.batch).collect();
    let movements = Events::movements(&writes);
    let event = match shared.store.apply(writes).await {
        Ok(receipt) => Event::Committed { transaction, receipt },
        Err(StoreError::Refused(why)) => Event::CommitFailed { transaction, why },
        Err(error) => {
            let why = error.to_string();
            shared.die(error);
            Event::CommitFailed { transaction, why }
        }
    };
    if matches!(event, Event::Committed { receipt: Receipt::Done, .. }) {
        shared.live.moved(&movements);
    } else {
        let mut prepared = shared.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        for batch in &batches {
            prepared.remove(batch);
        }
    }
    event
}

/// Encodes on another thread than the committer's, where there is something to encode.
async fn beside(shared: Arc<Shared>, job: Job) -> Result<(TransactionId, Writes), Event> {
    let transaction = job.transaction;
    if job.writes.intents.is_empty() {
        return Ok((transaction, job.writes));
    }
    match tokio::spawn(prepare(shared, job)).await {
        Ok(prepared) => prepared,
        Err(panic) => Err(Event::CommitFailed { transaction, why: format!("its requests were not encoded: {panic}") }),
    }
}

/// Encodes the requests of all intents; an item that can't be encoded sends the decision back.
async fn prepare(shared: Arc<Shared>, job: Job) -> Result<(TransactionId, Writes), Event> {
    let Job { transaction, mut writes, in_force } = job;
    let rows: HashMap<TicketId, &TicketRow> = writes.rows.iter().map(|update| (update.row.id, &update.row)).collect();
    for intent in &mut writes.intents {
        let bodies = match shared.store.bodies(&intent.items).await {
            Ok(bodies) => bodies,
            Err(error) => return Err(Event::CommitFailed { transaction, why: error.to_string() }),
        };
        let items = items(&in_force.config, intent, &rows, &bodies);
        match encode(&in_force, intent, &items).await {
            Ok((platform, call)) => {
                intent.body_hash = Sha256::digest(call.body.as_deref().unwrap_or_default()).into();
                let origins = items.iter().map(|item| item.origin);
                let traceparent = shared.traces.traceparent(intent.batch, &intent.body_hash, origins);
                let prepared = Prepared { platform, call, items, traceparent };
                shared.prepared.lock().unwrap_or_else(PoisonError::into_inner).insert(intent.batch, prepared);
            }
            Err(EncodeFault { item, why }) => {
                return Err(Event::NotEncodable { transaction, batch: intent.batch, item, why });
            }
        }
    }
    Ok((transaction, writes))
}

async fn encode(
    in_force: &InForce,
    intent: &Intent,
    items: &[Item],
) -> Result<(PlatformHandle, HttpCall), EncodeFault> {
    let fault = |why: String| EncodeFault { item: None, why };
    let platform = in_force.platforms.usable(&intent.platform).map_err(fault)?;
    platform.prepare().await.map_err(|unprepared| fault(unprepared.why))?;
    let call = platform.platform.encode(intent.operation, items)?;
    Ok((platform, call))
}

fn items(config: &Config, intent: &Intent, rows: &HashMap<TicketId, &TicketRow>, bodies: &[TicketBody]) -> Vec<Item> {
    let by_id: HashMap<TicketId, &TicketBody> = bodies.iter().map(|body| (body.id, body)).collect();
    let item_of = |id: &TicketId| {
        let (row, body) = (rows.get(id)?, by_id.get(id)?);
        Some(item(config, intent.operation, &intent.platform, row, &body.body))
    };
    intent.items.iter().filter_map(item_of).collect()
}

/// A row as an item of a request of this operation to this platform.
pub(crate) fn item(
    config: &Config,
    operation: Operation,
    platform: &PlatformName,
    row: &TicketRow,
    body: &Arc<str>,
) -> Item {
    let note = (operation == Operation::AddNote).then(|| {
        let ticket = serde_json::from_str(body).unwrap_or_default();
        note_text(&config.delivery.note_template, &ticket, row.origin)
    });
    // A work order's record id means nothing to a platform that does not carry it.
    let work_orders_here =
        config.backends.iter().any(|backend| backend.name == row.backend && backend.work_orders == *platform);
    Item {
        id: row.id,
        origin: row.origin,
        key: row.key.clone(),
        kind: row.kind.to_string(),
        ticket: row.ticket.clone(),
        work_order: row.work_order.clone(),
        work_order_record: row.work_order_record.clone().filter(|_| work_orders_here),
        note,
        body: Arc::clone(body),
    }
}
