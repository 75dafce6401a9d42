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
use ticketbridge_platforms::{EncodeFault, Item};
use ticketbridge_store::{StoreError, TicketBody};
use tokio::sync::mpsc;

use super::exchange::Prepared;
use super::settings::InForce;
use super::shell::Shared;
use crate::events::Events;
use crate::telemetry;

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
                    Some(job) => preparing.push_back(prepare(Arc::clone(&shared), job)),
                },
            }
        }
    });
    jobs
}

async fn apply(shared: Arc<Shared>, transaction: TransactionId, writes: Writes) -> Event {
    let batches: Vec<_> = writes.intents.iter().map(|intent| intent.batch).collect();
    let movements = Events::movements(&writes);
    let began = shared.clock.now().mono;
    let applied = shared.store.apply(writes).await;
    telemetry::committed(shared.clock.now().mono.since(began));
    let event = match applied {
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

/// Encodes the requests of all intents; an item that can't be encoded sends the decision back.
async fn prepare(shared: Arc<Shared>, job: Job) -> Result<(TransactionId, Writes), Event> {
    let Job { transaction, mut writes, in_force } = job;
    forget_recalled(&shared, &writes);
    let rows: HashMap<TicketId, &TicketRow> = writes.rows.iter().map(|update| (update.row.id, &update.row)).collect();
    for intent in &mut writes.intents {
        let bodies = match shared.store.bodies(&intent.items).await {
            Ok(bodies) => bodies,
            Err(error) => return Err(Event::CommitFailed { transaction, why: error.to_string() }),
        };
        let items = items(&in_force.config, intent, &rows, &bodies);
        match encode(&in_force, intent, items).await {
            Ok((prepared, body_hash)) => {
                intent.body_hash = body_hash;
                let origins = prepared.items.iter().map(|item| item.origin);
                let traceparent = shared.traces.traceparent(intent.batch, &body_hash, origins);
                let prepared = Prepared { traceparent, ..prepared };
                shared.prepared.lock().unwrap_or_else(PoisonError::into_inner).insert(intent.batch, prepared);
            }
            Err(EncodeFault { item, why }) => {
                return Err(Event::NotEncodable { transaction, batch: intent.batch, item, why });
            }
        }
    }
    Ok((transaction, writes))
}

/// A batch that was recalled is settled without having been sent: nobody will fetch its request any more.
fn forget_recalled(shared: &Shared, writes: &Writes) {
    if writes.settles.is_empty() {
        return;
    }
    let mut prepared = shared.prepared.lock().unwrap_or_else(PoisonError::into_inner);
    for settle in &writes.settles {
        prepared.remove(&settle.batch);
    }
}

/// The request of an intent and the hash of its body. Built on a thread that may be kept busy: a connector's filters may
/// take seconds, and the others have leases to renew meanwhile.
async fn encode(in_force: &InForce, intent: &Intent, items: Vec<Item>) -> Result<(Prepared, [u8; 32]), EncodeFault> {
    let fault = |why: String| EncodeFault { item: None, why };
    let platform = in_force.platforms.usable(&intent.platform).map_err(fault)?;
    platform.prepare().await.map_err(|unprepared| fault(unprepared.why))?;
    let operation = intent.operation;
    let encoding = move || {
        let call = platform.platform.encode(operation, &items)?;
        let hash = Sha256::digest(call.body.as_deref().unwrap_or_default()).into();
        Ok((Prepared { platform, call, items, traceparent: None }, hash))
    };
    let encoded = tokio::task::spawn_blocking(encoding).await;
    encoded.unwrap_or_else(|panic| Err(fault(format!("it could not be encoded: {panic}"))))
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread::ThreadId;

    use ticketbridge_core::delivery::{BatchId, Fence, LaneId, RowUpdate, Settle};
    use ticketbridge_core::effect::{Capabilities, Found, LookUpFault, Query};
    use ticketbridge_core::ticket::{BackendName, NewTicket, OriginId, parse_intake};
    use ticketbridge_core::time::Wall;
    use ticketbridge_platforms::{Dialogue, HttpCall, Platform, Transport, Verdict};
    use ticketbridge_store::{MemoryStore, Store};
    use uuid::Uuid;

    use super::*;
    use crate::clock::Clock;
    use crate::delivery::{DeliveryHandle, DeliveryOptions, DeliveryService};
    use crate::exchanges::Exchanges;
    use crate::platforms::PlatformSet;
    use crate::traces::Traces;

    const CONFIG: &str = r#"
        [platforms.sfyc]
        type = "connector"
        file = "builtin:sfyc"
        host = "127.0.0.1"
        auth = "none"
        [[backends]]
        name = "be-1"
        tickets = "sfyc"
        work_orders = "sfyc"
    "#;

    /// A platform whose encoding is done by a test.
    struct Encodes(Arc<dyn Platform>, fn());

    impl Platform for Encodes {
        fn capabilities(&self) -> &Capabilities {
            self.0.capabilities()
        }

        fn supports(&self, operation: Operation) -> bool {
            self.0.supports(operation)
        }

        fn encode(&self, operation: Operation, items: &[Item]) -> Result<HttpCall, EncodeFault> {
            (self.1)();
            self.0.encode(operation, items)
        }

        fn decode(&self, operation: Operation, items: &[Item], transport: &Transport) -> Verdict {
            self.0.decode(operation, items, transport)
        }

        fn look_up(&self, query: &Query) -> Result<Box<dyn Dialogue<Found>>, LookUpFault> {
            self.0.look_up(query)
        }
    }

    /// A delivery that does not run, and a job that creates the ticket of one row.
    async fn place(encodes: fn()) -> (DeliveryHandle, Job) {
        let config = Arc::new(Config::parse(CONFIG, "test", std::iter::empty()).unwrap().config);
        let platforms = PlatformSet::load(&config, &|_| None, None);
        let platforms = Arc::new(platforms.behind(|platform| Arc::new(Encodes(platform, encodes))));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(1));
        let ticket = serde_json::json!({"message_id": "m", "kind": "SNR", "dedupe_key": "SNR|A"});
        let (backend, platform) = (BackendName::new("be-1"), PlatformName::new("sfyc"));
        let origin = OriginId(Uuid::from_u128(1));
        let item = parse_intake(&ticket).unwrap();
        let received_at = Wall(0);
        let new = NewTicket { item, origin, backend: backend.clone(), platform: platform.clone(), received_at };
        store.receive(vec![new]).await.unwrap();
        let row = store.ticket(origin).await.unwrap().unwrap().row;
        let (_service, handle) = DeliveryService::new(DeliveryOptions {
            store,
            platforms: Arc::clone(&platforms),
            config: Arc::clone(&config),
            clock: Clock::start(),
            seed: 1,
            suspect: false,
            recorder: None,
            traces: Traces::off(),
            exchanges: Exchanges::off(),
        })
        .await
        .unwrap();
        let mut writes = Writes::nothing(LaneId(1), Fence(1));
        writes.intents.push(Intent {
            batch: BatchId(7),
            operation: Operation::CreateTicket,
            platform,
            backend,
            items: vec![row.id],
            body_hash: [0; 32],
            at: Wall(0),
        });
        writes.rows.push(RowUpdate { expected: row.state, row, trail: Some(BatchId(7)) });
        (handle, Job { transaction: TransactionId(1), writes, in_force: InForce { config, platforms } })
    }

    fn prepared(handle: &DeliveryHandle) -> Vec<BatchId> {
        handle.shared.prepared.lock().unwrap().keys().copied().collect()
    }

    #[tokio::test]
    async fn the_request_of_a_recalled_batch_is_forgotten_with_its_settling() {
        let (handle, job) = place(|| {}).await;
        let in_force = job.in_force.clone();
        let (_, writes) = prepare(Arc::clone(&handle.shared), job).await.unwrap();
        assert_ne!(writes.intents[0].body_hash, [0; 32]);
        assert_eq!(prepared(&handle), [BatchId(7)]);
        let mut writes = Writes::nothing(LaneId(1), Fence(1));
        writes.settles.push(Settle { batch: BatchId(7), results: Vec::new(), remaining: Vec::new(), at: Wall(0) });
        let recalled = Job { transaction: TransactionId(2), writes, in_force };
        prepare(Arc::clone(&handle.shared), recalled).await.unwrap();
        assert_eq!(prepared(&handle), []);
    }

    #[tokio::test]
    async fn an_adapter_that_panics_makes_the_rows_of_its_request_wait() {
        let (handle, job) = place(|| panic!("a defect of the adapter")).await;
        let Err(Event::NotEncodable { transaction, batch, item, why }) = prepare(Arc::clone(&handle.shared), job).await
        else {
            panic!("it cannot be encoded")
        };
        assert_eq!((transaction, batch, item), (TransactionId(1), BatchId(7), None));
        assert!(why.starts_with("it could not be encoded: "), "{why}");
        assert_eq!(prepared(&handle), []);
    }

    /// The one thread of this runtime must stay free for others.
    #[tokio::test]
    async fn a_request_is_encoded_on_a_thread_for_blocking_work() {
        static ENCODED_ON: Mutex<Option<ThreadId>> = Mutex::new(None);
        let (handle, job) = place(|| *ENCODED_ON.lock().unwrap() = Some(std::thread::current().id())).await;
        prepare(Arc::clone(&handle.shared), job).await.unwrap();
        let encoded_on = *ENCODED_ON.lock().unwrap();
        assert!(encoded_on.is_some_and(|thread| thread != std::thread::current().id()));
    }
}
