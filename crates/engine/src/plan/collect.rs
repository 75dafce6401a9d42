//! The tickets of a plan: those of the store that never sent anything, and those that a folder of CSV files would make.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use ticketbridge_core::delivery::KnownTicket;
use ticketbridge_core::network::tickets::{MessageIdentity, TicketDraft};
use ticketbridge_core::ticket::{
    DedupeKey, OperationSet, OriginId, PlatformName, State, TicketId, TicketRow, parse_intake,
};
use ticketbridge_store::{MAX_PAGE, Page, Store, StoreError, TicketFilter, TicketView};
use uuid::Uuid;

use super::{MAX_TICKETS, PlanError, PlanOptions};
use crate::split::{assign, backend_choices};
use crate::workflow::preview;

/// Completed tickets whose remote tickets are taken for known ones: canaries of the look-ups.
const COMPLETED_LOOKED_AT: usize = 200;
/// Keys in one question to the ledger.
const KEYS: usize = 500;

/// One ticket.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) row: TicketRow,
    pub(super) platform: PlatformName,
    /// Empty where nothing is going to be sent.
    pub(super) body: Arc<str>,
    /// It is not in the store: files of a folder would make it.
    pub(super) of_folder: bool,
}

impl Candidate {
    /// One of the store.
    pub(super) fn of(view: TicketView) -> Self {
        Self { row: view.row, platform: view.platform, body: view.body.body, of_folder: false }
    }

    /// One of the store that is only listed.
    fn listed(view: TicketView) -> Self {
        Self { body: Arc::from(""), ..Self::of(view) }
    }
}

/// All that a plan is about.
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// Nothing was ever sent for them; in order of receipt.
    pub(super) candidates: Vec<Candidate>,
    /// Something was, or may have been.
    pub(super) under_way: Vec<Candidate>,
    /// They failed.
    pub(super) in_error: Vec<Candidate>,
    pub(super) left_out: u64,
    /// What the ledger knows of their keys.
    pub(super) ledger: BTreeMap<(PlatformName, DedupeKey), KnownTicket>,
    /// Tickets known to exist, per platform, the newest first.
    pub(super) known: BTreeMap<PlatformName, Vec<KnownTicket>>,
    /// What was wrong with the folder.
    pub(super) problems: Vec<String>,
}

/// Whether nothing was ever sent for a row.
pub(super) fn is_fresh(row: &TicketRow) -> bool {
    let waits = matches!(row.state, State::Received | State::Matching);
    waits && !row.created && row.ticket.is_none() && row.sent == OperationSet::default()
}

/// Reads the store, and evaluates the folder.
pub(super) async fn collect(options: &PlanOptions) -> Result<Collected, PlanError> {
    let store = &*options.store;
    let mut collected = Collected::default();
    open_rows(store, &mut collected).await?;
    rows_in_error(store, &mut collected).await?;
    if options.data.is_some() {
        of_folder(options, &mut collected).await?;
    }
    let rows = collected.candidates.iter().chain(&collected.under_way);
    let keys: BTreeSet<DedupeKey> = rows.map(|candidate| candidate.row.key.clone()).collect();
    collected.ledger = ledger(store, keys).await?;
    collected.known = canaries(store).await?;
    Ok(collected)
}

/// The tickets of rows that were Completed, per platform, those of the newest rows first.
async fn canaries(store: &dyn Store) -> Result<BTreeMap<PlatformName, Vec<KnownTicket>>, StoreError> {
    let done = TicketFilter { states: vec![State::Completed], ..TicketFilter::default() };
    let done = store.tickets(&done, Page { before: None, limit: COMPLETED_LOOKED_AT }).await?;
    let mut ledger = ledger(store, done.iter().map(|view| view.row.key.clone()).collect()).await?;
    let mut canaries: BTreeMap<PlatformName, Vec<KnownTicket>> = BTreeMap::new();
    for view in done {
        if let Some(known) = ledger.remove(&(view.platform.clone(), view.row.key)) {
            canaries.entry(view.platform).or_default().push(known);
        }
    }
    Ok(canaries)
}

async fn open_rows(store: &dyn Store, collected: &mut Collected) -> Result<(), StoreError> {
    let states = State::ALL.into_iter().filter(|state| state.is_open()).collect();
    let filter = TicketFilter { states, ..TicketFilter::default() };
    let (mut page, mut fresh) = (Page { before: None, limit: MAX_PAGE }, VecDeque::new());
    loop {
        let views = store.tickets(&filter, page).await?;
        let Some(last) = views.last().map(|view| view.row.id) else { break };
        page.before = Some(last);
        for view in views {
            if !is_fresh(&view.row) {
                collected.under_way.push(Candidate::listed(view));
                continue;
            }
            // From the newest to the oldest: what is beyond the limit are the newest.
            fresh.push_front(Candidate::of(view));
            if fresh.len() > MAX_TICKETS {
                fresh.pop_back();
                collected.left_out += 1;
            }
        }
    }
    collected.under_way.reverse();
    collected.candidates = fresh.into();
    Ok(())
}

async fn rows_in_error(store: &dyn Store, collected: &mut Collected) -> Result<(), StoreError> {
    let filter = TicketFilter { states: vec![State::Error], ..TicketFilter::default() };
    let views = store.tickets(&filter, Page { before: None, limit: MAX_PAGE }).await?;
    if views.len() == MAX_PAGE {
        let counts = store.counts().await?;
        let all: u64 = counts.iter().filter(|((_, state), _)| *state == State::Error).map(|(_, count)| count).sum();
        collected.left_out += all.saturating_sub(MAX_PAGE as u64);
    }
    collected.in_error = views.into_iter().rev().map(Candidate::listed).collect();
    Ok(())
}

/// The tickets of the folder, with ids that stand for those they will get: 1, 2, 3.
async fn of_folder(options: &PlanOptions, collected: &mut Collected) -> Result<(), PlanError> {
    let Some((folder, as_of)) = options.data.clone() else { return Ok(()) };
    let preview = preview(folder, as_of, options.config.workflow.rules.clone()).await?;
    collected.problems.extend(preview.problems);
    let mut items = Vec::new();
    for (draft, number) in preview.drafts.into_iter().zip(1_u64..) {
        let about = draft.dedupe_key.clone();
        match as_received(draft, number) {
            Ok(item) => items.push((item, number)),
            Err(why) => collected.problems.push(format!("no ticket can be built of {about}: {why}")),
        }
    }
    let room = MAX_TICKETS.saturating_sub(collected.candidates.len());
    collected.left_out += items.len().saturating_sub(room) as u64;
    items.truncate(room);
    let keys: Vec<DedupeKey> = items.iter().map(|(item, _)| item.key.clone()).collect();
    let choices = backend_choices(&options.config, None);
    let assigned = assign(&*options.store, &choices, &keys, None).await?;
    // Behind everything that is in the store: they would come in later.
    let last = options.store.last_ticket().await?.0;
    for ((item, number), backend) in items.into_iter().zip(assigned) {
        let id = TicketId(last.saturating_add(number as i64));
        let origin = OriginId(Uuid::from_u128(u128::from(number)));
        let row = TicketRow::received(id, origin, item.key, item.kind, backend.name.clone());
        let platform = backend.tickets.clone();
        collected.candidates.push(Candidate { row, platform, body: item.body, of_folder: true });
    }
    Ok(())
}

fn as_received(draft: TicketDraft, number: u64) -> Result<ticketbridge_core::ticket::IntakeItem, String> {
    let ticket = draft.into_ticket(MessageIdentity { message_id: u128::from(number).into(), number });
    let body = serde_json::to_value(&ticket).map_err(|error| error.to_string())?;
    parse_intake(&body).map_err(|(_, error)| error.to_string())
}

async fn ledger(
    store: &dyn Store,
    keys: BTreeSet<DedupeKey>,
) -> Result<BTreeMap<(PlatformName, DedupeKey), KnownTicket>, StoreError> {
    let keys: Vec<DedupeKey> = keys.into_iter().collect();
    let mut ledger = BTreeMap::new();
    for some in keys.chunks(KEYS) {
        let known = store.ledger(some).await?;
        ledger.extend(known.into_iter().map(|(platform, known)| ((platform, known.key.clone()), known)));
    }
    Ok(ledger)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ticketbridge_core::delivery::{Receipt, RowUpdate, Writes};
    use ticketbridge_core::ticket::{BackendName, NewTicket, TicketReference};
    use ticketbridge_core::time::Wall;
    use ticketbridge_store::{LaneAnswer, MemoryStore};

    use super::*;

    #[tokio::test]
    async fn canaries_are_those_of_the_newest_rows_first() {
        let store = MemoryStore::new(1);
        let platform = PlatformName::new("sfyc");
        let keys = ["SNR|B", "SNR|A", "SNR|C"];
        for (key, number) in keys.into_iter().zip(1_u128..) {
            let ticket = serde_json::json!({"message_id": key, "kind": "SNR", "dedupe_key": key});
            let new = NewTicket {
                item: parse_intake(&ticket).unwrap(),
                origin: OriginId(Uuid::from_u128(number)),
                backend: BackendName::new("be-1"),
                platform: platform.clone(),
                received_at: Wall(0),
            };
            store.receive(vec![new]).await.unwrap();
        }
        let taken = store.take_lane(&platform, 0, Uuid::from_u128(9), Duration::from_hours(1)).await.unwrap();
        let LaneAnswer::Taken(grant) = taken else { panic!("the lane is held") };
        let mut writes = Writes::nothing(grant.lane, grant.fence);
        for open in store.open_tickets(grant.lane, TicketId(0), 10).await.unwrap() {
            let (key, origin, expected) = (open.row.key.clone(), Some(open.row.origin), open.row.state);
            let reference = TicketReference { number: format!("T-{key}"), record: None };
            writes.known.push(KnownTicket { key, reference, origin });
            let row = TicketRow { state: State::Completed, ..open.row };
            writes.rows.push(RowUpdate { expected, row, trail: None });
        }
        assert_eq!(store.apply(writes).await.unwrap(), Receipt::Done);
        let found = canaries(&store).await.unwrap();
        let numbers: Vec<&str> = found[&platform].iter().map(|known| known.reference.number.as_str()).collect();
        assert_eq!(numbers, ["T-SNR|C", "T-SNR|A", "T-SNR|B"]);
    }
}
