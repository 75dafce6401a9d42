//! The contract, kept by SQLite: each method one job of the writer or one read.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ticketbridge_core::delivery::{Fence, KnownTicket, LaneId, OpenTicket, Problem, Receipt, Writes};
use ticketbridge_core::ticket::{
    BackendName, DedupeKey, IntakeOutcome, NewTicket, OriginId, PlatformName, State, TicketId,
};
use ticketbridge_core::time::Wall;
use uuid::Uuid;

use super::apply::Prepared;
use super::fault::store_error;
use super::{OpenMode, SqliteStore, access, counts, intake, lanes, listing, operators, search};
use crate::{
    Act, ActOutcome, ActRecord, AuditEntry, BackendOverride, Change, IncidentEntry, LaneAnswer, Listing, Page,
    RunCommit, RunRecord, Store, StoreError, TicketBody, TicketFilter, TicketView, TrailEntry,
};

#[async_trait]
impl Store for SqliteStore {
    fn lanes_per_platform(&self) -> u32 {
        self.lanes
    }

    async fn receive(&self, tickets: Vec<NewTicket>) -> Result<Vec<IntakeOutcome>, StoreError> {
        let lanes = self.lanes;
        self.write(move |store| intake::receive(store, &tickets, lanes)).await
    }

    async fn commit_run(&self, run: RunCommit) -> Result<Vec<IntakeOutcome>, StoreError> {
        let lanes = self.lanes;
        self.write(move |store| intake::commit_run(store, &run, lanes)).await
    }

    async fn reserve_numbers(&self, name: &str, count: u32) -> Result<u64, StoreError> {
        let name = name.to_owned();
        self.write(move |store| intake::reserve_numbers(store, &name, count)).await
    }

    async fn take_lane(
        &self,
        platform: &PlatformName,
        index: u32,
        holder: Uuid,
        time_to_live: Duration,
    ) -> Result<LaneAnswer, StoreError> {
        if self.mode == OpenMode::Command {
            return Err(StoreError::Refused(String::from(
                "only a serving process takes lanes: open the store to serve, or leave delivery to the process that does",
            )));
        }
        if index >= self.lanes {
            return Err(StoreError::Refused(crate::rules::no_such_lane(index, self.lanes)));
        }
        let platform = platform.clone();
        self.write(move |store| lanes::take(store, &platform, index, holder, time_to_live)).await
    }

    async fn renew_lane(&self, lane: LaneId, fence: Fence, time_to_live: Duration) -> Result<bool, StoreError> {
        self.write(move |store| lanes::renew(store, lane, fence, time_to_live)).await
    }

    async fn release_lane(&self, lane: LaneId, fence: Fence) -> Result<(), StoreError> {
        self.write(move |store| lanes::release(store, lane, fence)).await
    }

    async fn open_tickets(&self, lane: LaneId, after: TicketId, limit: usize) -> Result<Vec<OpenTicket>, StoreError> {
        self.read(move |store| lanes::open_tickets(store, lane, after, limit)).await
    }

    async fn tickets_by_id(&self, lane: LaneId, ids: &[TicketId]) -> Result<Vec<OpenTicket>, StoreError> {
        let ids = ids.to_vec();
        self.read(move |store| lanes::tickets_by_id(store, lane, &ids)).await
    }

    async fn apply(&self, writes: Writes) -> Result<Receipt, StoreError> {
        let prepared = Prepared::new(writes).map_err(|fault| store_error(fault, &self.path))?;
        self.writer.run(move |store| prepared.apply(store)).await
    }

    async fn bodies(&self, ids: &[TicketId]) -> Result<Vec<TicketBody>, StoreError> {
        let cleared = {
            let kept = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(bodies) = kept.all(ids) {
                return Ok(bodies);
            }
            kept.cleared()
        };
        let ids = ids.to_vec();
        let bodies = self.read(move |store| lanes::bodies(store, &ids)).await?;
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner).keep(&bodies, cleared);
        Ok(bodies)
    }

    async fn act(&self, origin: OriginId, act: Act, who: &str, at: Wall) -> Result<ActOutcome, StoreError> {
        let (who, lanes) = (who.to_owned(), self.lanes);
        self.write(move |store| operators::act(store, origin, &act, &who, at, lanes)).await
    }

    async fn change_mark(&self) -> Result<i64, StoreError> {
        self.health.check()?;
        let watch = Arc::clone(&self.watch);
        let asked = tokio::task::spawn_blocking(move || {
            // Counts the commits of all *other* connections: this one never writes.
            let watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
            watch.pragma_query_value(None, "data_version", |row| row.get(0))
        });
        let answer = asked.await.map_err(|error| StoreError::Refused(format!("the store is closing: {error}")))?;
        answer.map_err(|error: rusqlite::Error| self.health.note(store_error(error.into(), &self.path)))
    }

    async fn changes(&self, after: i64) -> Result<Vec<(i64, Change)>, StoreError> {
        self.read(move |store| operators::changes(store, after)).await
    }

    async fn last_ticket(&self) -> Result<TicketId, StoreError> {
        self.read(listing::last_ticket).await
    }

    async fn backend_overrides(&self) -> Result<BTreeMap<(BackendName, String), BackendOverride>, StoreError> {
        self.read(operators::backend_overrides).await
    }

    async fn set_backend_override(
        &self,
        backend: &BackendName,
        setting: &str,
        value: Option<BackendOverride>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let (backend, setting) = (backend.clone(), setting.to_owned());
        self.write(move |store| {
            operators::set_backend_override(store, &backend, &setting, value.as_ref())?;
            access::record(store, &audit).map(drop)
        })
        .await
    }

    async fn problems(&self, limit: usize) -> Result<Vec<Problem>, StoreError> {
        self.read(move |store| operators::problems(store, limit)).await
    }

    async fn accept_loss(
        &self,
        platform: &PlatformName,
        keys: &[DedupeKey],
        audit: AuditEntry,
    ) -> Result<usize, StoreError> {
        let (platform, keys) = (platform.clone(), keys.to_vec());
        self.write(move |store| {
            access::record(store, &audit)?;
            operators::accept_loss(store, &platform, &keys)
        })
        .await
    }

    async fn put_document(&self, name: &str, value: Option<serde_json::Value>) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |store| operators::put_document(store, &name, value.as_ref())).await
    }

    async fn document(&self, name: &str) -> Result<Option<serde_json::Value>, StoreError> {
        let name = name.to_owned();
        self.read(move |store| operators::document(store, &name)).await
    }

    async fn list(&self, filter: &TicketFilter, page: Page) -> Result<Listing, StoreError> {
        let filter = filter.clone();
        self.read(move |store| search::list(store, &filter, page)).await
    }

    async fn ticket(&self, origin: OriginId) -> Result<Option<TicketView>, StoreError> {
        self.read(move |store| listing::ticket(store, origin)).await
    }

    async fn trail(&self, id: TicketId) -> Result<Vec<TrailEntry>, StoreError> {
        self.read(move |store| listing::trail(store, id)).await
    }

    async fn acts(&self, id: TicketId) -> Result<Vec<ActRecord>, StoreError> {
        self.read(move |store| operators::acts(store, id)).await
    }

    async fn counts(&self) -> Result<BTreeMap<(BackendName, State), u64>, StoreError> {
        self.read(counts::counts).await
    }

    async fn ledger(&self, keys: &[DedupeKey]) -> Result<Vec<(PlatformName, KnownTicket)>, StoreError> {
        let keys = keys.to_vec();
        self.read(move |store| listing::ledger(store, &keys)).await
    }

    async fn suspicion_dealt_with(&self) -> Result<(), StoreError> {
        self.write(|store| Ok(store.execute("DELETE FROM meta WHERE name = 'suspect'", []).map(|_| ())?)).await
    }

    async fn open_backends(&self, keys: &[DedupeKey]) -> Result<Vec<(DedupeKey, BackendName)>, StoreError> {
        let (keys, open) = (keys.to_vec(), Arc::clone(&self.open_keys));
        self.read(move |store| listing::open_backends(store, &open, &keys)).await
    }

    async fn incidents(&self) -> Result<Vec<IncidentEntry>, StoreError> {
        self.read(intake::incidents).await
    }

    async fn reported(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.read(intake::reported).await
    }

    async fn runs(&self, limit: usize) -> Result<Vec<RunRecord>, StoreError> {
        self.read(move |store| intake::runs(store, limit)).await
    }

    async fn purge(&self, before: Wall, limit: usize) -> Result<usize, StoreError> {
        let purged = self.purge_some(before, limit).await?;
        if purged > 0 {
            self.bodies.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        Ok(purged)
    }
}
