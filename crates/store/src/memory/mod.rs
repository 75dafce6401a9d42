//! The store in memory: the model that durable stores are compared with, and the simulator's disk.
//!
//! Guarantee: the same answers as the durable ones, call by call. Limits: nothing outlives the value, and no clock runs:
//! leases end only by [`MemoryStore::advance`]. Looking up a message costs time in proportion to the tickets.

mod access;
mod feedback;
mod model;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ticketbridge_core::delivery::{Fence, KnownTicket, LaneId, OpenTicket, Problem, Receipt, Writes};
use ticketbridge_core::network::kind_key;
use ticketbridge_core::ticket::{
    BackendName, DedupeKey, IntakeOutcome, NewTicket, OriginId, PlatformName, State, TicketId,
};
use ticketbridge_core::time::Wall;
use uuid::Uuid;

use crate::rules::{acted, carry_out, hexadecimal, lane_index};
use crate::{
    Act, ActOutcome, ActRecord, AuditEntry, BackendOverride, Change, IncidentEntry, LaneAnswer, Listing, MAX_PAGE,
    Page, RunCommit, RunRecord, Store, StoreError, TicketBody, TicketFilter, TicketView, TrailEntry,
};
use model::{Model, Ticket};

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore(Mutex<Model>);

impl MemoryStore {
    /// An empty store with this many lanes per platform (at least 1).
    pub fn new(lanes: u32) -> Self {
        Self(Mutex::new(Model { lanes_per_platform: lanes.max(1), ..Model::default() }))
    }

    /// Lets time pass for leases.
    pub fn advance(&self, span: Duration) {
        let mut model = self.model();
        model.clock = model.clock.saturating_add(span);
    }

    /// Frees every lane, as a start of the only serving process of a host does.
    pub fn free_lanes(&self) {
        self.change(Model::free_lanes);
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One transaction.
    fn change<T>(&self, work: impl FnOnce(&mut Model) -> T) -> T {
        let mut model = self.model();
        model.commits += 1;
        work(&mut model)
    }
}

fn view(model: &Model, ticket: &Ticket) -> Option<TicketView> {
    let platform = model.lanes.get(&ticket.lane)?.platform.clone();
    Some(TicketView { row: ticket.row.clone(), body: ticket.body.clone(), platform, updated_at: ticket.updated_at })
}

fn matches(filter: &TicketFilter, ticket: &Ticket) -> bool {
    let row = &ticket.row;
    let kind = kind_key(&row.kind);
    let text = filter.text.as_ref().is_none_or(|wanted| {
        let number = row.ticket.as_ref().map(|reference| reference.number.as_str());
        let places = [
            Some(row.key.as_str()),
            number,
            row.work_order.as_deref(),
            Some(ticket.body.message_id.as_str()),
            row.reason.as_deref(),
        ];
        places.iter().flatten().any(|text| text.to_ascii_lowercase().contains(&wanted.to_ascii_lowercase()))
    });
    text && (filter.states.is_empty() || filter.states.contains(&row.state))
        && (filter.kinds.is_empty() || filter.kinds.iter().any(|wanted| kind_key(wanted) == kind))
        && (filter.backends.is_empty() || filter.backends.contains(&row.backend))
        && filter.key.as_ref().is_none_or(|key| *key == row.key)
        && filter.message_id.as_ref().is_none_or(|id| *id == ticket.body.message_id)
}

#[async_trait]
impl Store for MemoryStore {
    fn lanes_per_platform(&self) -> u32 {
        self.model().lanes_per_platform
    }

    async fn receive(&self, tickets: Vec<NewTicket>) -> Result<Vec<IntakeOutcome>, StoreError> {
        Ok(self.change(|model| model.receive(tickets)))
    }

    async fn commit_run(&self, run: RunCommit) -> Result<Vec<IntakeOutcome>, StoreError> {
        Ok(self.change(|model| model.commit_run(run)))
    }

    async fn reserve_numbers(&self, name: &str, count: u32) -> Result<u64, StoreError> {
        Ok(self.change(|model| {
            let next = model.counters.entry(name.to_owned()).or_insert(1);
            let first = *next;
            *next += u64::from(count);
            first
        }))
    }

    async fn take_lane(
        &self,
        platform: &PlatformName,
        index: u32,
        holder: Uuid,
        time_to_live: Duration,
    ) -> Result<LaneAnswer, StoreError> {
        let lanes = self.lanes_per_platform();
        if index >= lanes {
            return Err(StoreError::Refused(crate::rules::no_such_lane(index, lanes)));
        }
        Ok(self.change(|model| model.take_lane(platform, index, holder, time_to_live)))
    }

    async fn renew_lane(&self, lane: LaneId, fence: Fence, time_to_live: Duration) -> Result<bool, StoreError> {
        Ok(self.change(|model| model.renew_lane(lane, fence, time_to_live)))
    }

    async fn release_lane(&self, lane: LaneId, fence: Fence) -> Result<(), StoreError> {
        self.change(|model| model.release_lane(lane, fence));
        Ok(())
    }

    async fn open_tickets(&self, lane: LaneId, after: TicketId, limit: usize) -> Result<Vec<OpenTicket>, StoreError> {
        let model = self.model();
        let rows = model.tickets.values().filter(|t| t.lane == lane && t.row.id > after && t.row.state.is_open());
        Ok(rows.take(limit).map(|ticket| model.open_ticket(ticket)).collect())
    }

    async fn tickets_by_id(&self, lane: LaneId, ids: &[TicketId]) -> Result<Vec<OpenTicket>, StoreError> {
        let model = self.model();
        let rows = ids.iter().filter_map(|id| model.tickets.get(id)).filter(|ticket| ticket.lane == lane);
        Ok(rows.map(|ticket| model.open_ticket(ticket)).collect())
    }

    async fn apply(&self, writes: Writes) -> Result<Receipt, StoreError> {
        self.change(|model| model.apply(&writes)).map_err(StoreError::Refused)
    }

    async fn bodies(&self, ids: &[TicketId]) -> Result<Vec<TicketBody>, StoreError> {
        let model = self.model();
        let body = |id: &TicketId| {
            let ticket = model.tickets.get(id).map(|ticket| ticket.body.clone());
            ticket.ok_or_else(|| StoreError::Refused(crate::rules::no_such_ticket(*id)))
        };
        ids.iter().map(body).collect()
    }

    async fn act(&self, origin: OriginId, act: Act, who: &str, at: Wall) -> Result<ActOutcome, StoreError> {
        Ok(self.change(|model| {
            let Some(ticket) = model.tickets.values().find(|ticket| ticket.row.origin == origin) else {
                return ActOutcome::NoSuchTicket;
            };
            let (row, home) = (ticket.row.clone(), model.lanes.get(&ticket.lane).map(|lane| lane.platform.clone()));
            let moves_to = match &act {
                Act::Reassign { platform, .. } if Some(platform) != home.as_ref() => Some(platform.clone()),
                _ => None,
            };
            let at_home = model.known.iter().any(|(place, known)| Some(place) == home.as_ref() && known.key == row.key);
            let next = match carry_out(&row, &act, moves_to.is_some() && at_home) {
                Ok(next) => next,
                Err(state) => return ActOutcome::NotAllowed(state),
            };
            let index = lane_index(&row.key, model.lanes_per_platform);
            let lane = moves_to.map(|platform| model.lane_id(&platform, index));
            if let Some(ticket) = model.tickets.get_mut(&row.id) {
                ticket.row = next.clone();
                ticket.lane = lane.unwrap_or(ticket.lane);
                ticket.updated_at = at;
            }
            model.access.record(acted(origin, &act, who, at));
            model.acts.push(ActRecord { ticket: row.id, who: who.to_owned(), act, at });
            model.change(Change::Ticket(row.id));
            ActOutcome::Done(Box::new(next))
        }))
    }

    async fn change_mark(&self) -> Result<i64, StoreError> {
        Ok(self.model().commits)
    }

    async fn changes(&self, after: i64) -> Result<Vec<(i64, Change)>, StoreError> {
        Ok(self.model().changes.iter().filter(|(number, _)| *number > after).cloned().collect())
    }

    async fn last_ticket(&self) -> Result<TicketId, StoreError> {
        Ok(self.model().last_ticket())
    }

    async fn backend_overrides(&self) -> Result<BTreeMap<(BackendName, String), BackendOverride>, StoreError> {
        Ok(self.model().overrides.clone())
    }

    async fn set_backend_override(
        &self,
        backend: &BackendName,
        setting: &str,
        value: Option<BackendOverride>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        self.change(|model| {
            let place = (backend.clone(), setting.to_owned());
            match value {
                Some(value) => drop(model.overrides.insert(place, value)),
                None => drop(model.overrides.remove(&place)),
            }
            model.access.record(audit);
            model.change(Change::Settings);
        });
        Ok(())
    }

    async fn problems(&self, limit: usize) -> Result<Vec<Problem>, StoreError> {
        Ok(self.model().problems.iter().rev().take(limit).cloned().collect())
    }

    async fn accept_loss(
        &self,
        platform: &PlatformName,
        keys: &[DedupeKey],
        audit: AuditEntry,
    ) -> Result<usize, StoreError> {
        Ok(self.change(|model| {
            model.access.record(audit);
            let dropped = keys.iter().filter(|key| model.forget(platform, key)).count();
            model.change(Change::LossAccepted(platform.clone()));
            dropped
        }))
    }

    async fn put_document(&self, name: &str, value: Option<serde_json::Value>) -> Result<(), StoreError> {
        self.change(|model| match value {
            Some(value) => drop(model.documents.insert(name.to_owned(), value.to_string())),
            None => drop(model.documents.remove(name)),
        });
        Ok(())
    }

    async fn document(&self, name: &str) -> Result<Option<serde_json::Value>, StoreError> {
        let text = self.model().documents.get(name).cloned();
        let parse = |text: String| serde_json::from_str(&text).map_err(|error| StoreError::Refused(error.to_string()));
        text.map(parse).transpose()
    }

    async fn list(&self, filter: &TicketFilter, page: Page) -> Result<Listing, StoreError> {
        let model = self.model();
        let limit = page.limit.min(MAX_PAGE);
        let mut rows = model
            .tickets
            .values()
            .rev()
            .filter(|ticket| page.before.is_none_or(|before| ticket.row.id < before) && matches(filter, ticket));
        let tickets: Vec<_> = rows.by_ref().take(limit).filter_map(|ticket| view(&model, ticket)).collect();
        let more = rows.next().is_some();
        let next = tickets.last().map(|ticket| ticket.row.id).filter(|_| more);
        Ok(Listing { tickets, next })
    }

    async fn ticket(&self, origin: OriginId) -> Result<Option<TicketView>, StoreError> {
        let model = self.model();
        let found = model.tickets.values().find(|ticket| ticket.row.origin == origin);
        Ok(found.and_then(|ticket| view(&model, ticket)))
    }

    async fn trail(&self, id: TicketId) -> Result<Vec<TrailEntry>, StoreError> {
        let model = self.model();
        let trail = model.tickets.get(&id).map(|ticket| ticket.trail.clone()).unwrap_or_default();
        let batches = trail.iter().filter_map(|batch| model.batches.get(batch));
        let entry = |batch: &model::Batch| TrailEntry {
            batch: batch.intent.batch,
            operation: batch.intent.operation,
            platform: batch.intent.platform.clone(),
            items: batch.intent.items.len(),
            body_hash: hexadecimal(&batch.intent.body_hash),
            at: batch.intent.at,
            result: batch.results.iter().rev().find(|(result, _)| result.ticket == id).cloned(),
        };
        Ok(batches.map(entry).collect())
    }

    async fn acts(&self, id: TicketId) -> Result<Vec<ActRecord>, StoreError> {
        Ok(self.model().acts.iter().filter(|act| act.ticket == id).cloned().collect())
    }

    async fn counts(&self) -> Result<BTreeMap<(BackendName, State), u64>, StoreError> {
        let mut counts = BTreeMap::new();
        for ticket in self.model().tickets.values() {
            *counts.entry((ticket.row.backend.clone(), ticket.row.state)).or_default() += 1;
        }
        Ok(counts)
    }

    async fn ledger(&self, keys: &[DedupeKey]) -> Result<Vec<(PlatformName, KnownTicket)>, StoreError> {
        let model = self.model();
        let of_key = |key: &DedupeKey| {
            let mut found: Vec<_> = model.known.iter().filter(|(_, known)| known.key == *key).cloned().collect();
            found.sort_by(|left, right| left.0.cmp(&right.0));
            found
        };
        Ok(keys.iter().flat_map(of_key).collect())
    }

    async fn suspicion_dealt_with(&self) -> Result<(), StoreError> {
        // A store in memory is never restored.
        Ok(())
    }

    async fn open_backends(&self, keys: &[DedupeKey]) -> Result<Vec<(DedupeKey, BackendName)>, StoreError> {
        let model = self.model();
        let mut newest = BTreeMap::new();
        for ticket in model.tickets.values().filter(|ticket| ticket.row.state.is_open()) {
            if keys.contains(&ticket.row.key) {
                newest.insert(ticket.row.key.clone(), ticket.row.backend.clone());
            }
        }
        Ok(newest.into_iter().collect())
    }

    async fn incidents(&self) -> Result<Vec<IncidentEntry>, StoreError> {
        Ok(self.model().incident_entries())
    }

    async fn reported(&self) -> Result<Vec<(String, String)>, StoreError> {
        Ok(self.model().reported.clone().into_iter().collect())
    }

    async fn runs(&self, limit: usize) -> Result<Vec<RunRecord>, StoreError> {
        Ok(self.model().runs.iter().rev().take(limit).cloned().collect())
    }

    async fn purge(&self, before: Wall, limit: usize) -> Result<usize, StoreError> {
        Ok(self.change(|model| model.purge(before, limit)))
    }
}
