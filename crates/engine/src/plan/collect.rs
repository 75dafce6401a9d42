//! The tickets of a plan: those of the store that never sent anything, and those that a folder of CSV files would make.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use ticketbridge_core::delivery::KnownTicket;
use ticketbridge_core::effect::Operation;
use ticketbridge_core::network::tickets::{MessageIdentity, TicketDraft};
use ticketbridge_core::ticket::{
    Attempts, DedupeKey, OperationSet, OriginId, PlatformName, State, TicketId, TicketRow, parse_intake,
};
use ticketbridge_store::{MAX_PAGE, Page, Store, StoreError, TicketFilter};
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
    /// Of a ticket that is not in the store.
    pub(super) body: Option<Arc<str>>,
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
    waits && !row.created && row.ticket.is_none() && Operation::ALL.iter().all(|one| !row.sent.contains(*one))
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
    let done = TicketFilter { states: vec![State::Completed], ..TicketFilter::default() };
    let done = store.tickets(&done, Page { before: None, limit: COMPLETED_LOOKED_AT }).await?;
    for ((platform, _), known) in ledger(store, done.into_iter().map(|view| view.row.key).collect()).await? {
        collected.known.entry(platform).or_default().push(known);
    }
    Ok(collected)
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
            let candidate = Candidate { row: view.row, platform: view.platform, body: None };
            if !is_fresh(&candidate.row) {
                collected.under_way.push(candidate);
                continue;
            }
            // From the newest to the oldest: what is beyond the limit are the newest.
            fresh.push_front(candidate);
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
    let candidate =
        |view: ticketbridge_store::TicketView| Candidate { row: view.row, platform: view.platform, body: None };
    collected.in_error = views.into_iter().rev().map(candidate).collect();
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
        let row = TicketRow {
            id: TicketId(last.saturating_add(number as i64)),
            origin: OriginId(Uuid::from_u128(u128::from(number))),
            key: item.key,
            kind: item.kind,
            backend: backend.name.clone(),
            state: State::Received,
            due_at: None,
            attempts: Attempts::default(),
            generation: 0,
            sent: OperationSet::default(),
            created: false,
            ticket: None,
            work_order: None,
            work_order_record: None,
            failed: None,
            reason: None,
        };
        let (platform, body) = (backend.tickets.clone(), Some(item.body));
        collected.candidates.push(Candidate { row, platform, body });
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
