//! The contract for mobile tickets, kept by SQLite: each method one job of the writer or one read, but for
//! housekeeping, which takes many short ones.
//!
//! Leases are taken in both [`OpenMode`](crate::OpenMode)s, and a start frees none: the holder may be another process.

mod clock;
mod housekeeping;
mod lease;
mod operators;
mod pages;
mod reading;
mod statements;
mod words;
mod writes;

use std::time::Duration;

use async_trait::async_trait;
use ticketbridge_core::mobile::{KeyMove, PaginationKey};
use ticketbridge_core::time::Wall;

use super::SqliteStore;
use crate::{
    BeginAnswer, BeginRun, BoxContact, BoxDistribution, CallId, CallRecord, Claim, ClaimAnswer, Erased, FailedItem,
    FeedbackFilter, FeedbackPage, FeedbackRun, FeedbackStore, FeedbackWrites, Held, ItemId, LeaseView, MobileTicket,
    NewPage, PageId, RewindAnswer, RunEnd, RunFence, RunId, StoreError, StoredPage,
};

#[async_trait]
impl FeedbackStore for SqliteStore {
    async fn begin_run(&self, begin: BeginRun) -> Result<BeginAnswer, StoreError> {
        self.write(move |store| lease::begin(store, &begin)).await
    }

    async fn renew_lease(&self, fence: &RunFence, time_to_live: Duration) -> Result<Held<()>, StoreError> {
        let fence = fence.clone();
        self.write(move |store| lease::renew(store, &fence, time_to_live)).await
    }

    async fn end_run(&self, fence: &RunFence, end: RunEnd) -> Result<Held<()>, StoreError> {
        let fence = fence.clone();
        self.write(move |store| lease::end(store, &fence, &end)).await
    }

    async fn lease(&self, organizer: &str) -> Result<Option<LeaseView>, StoreError> {
        let organizer = organizer.to_owned();
        self.read(move |store| lease::view(store, &organizer)).await
    }

    async fn feedback_runs(&self, organizer: Option<&str>, page: FeedbackPage) -> Result<Vec<FeedbackRun>, StoreError> {
        let organizer = organizer.map(str::to_owned);
        self.read(move |store| lease::runs(store, organizer.as_deref(), &page)).await
    }

    async fn store_page(&self, fence: &RunFence, page: NewPage) -> Result<Held<PageId>, StoreError> {
        let fence = fence.clone();
        self.write(move |store| pages::put(store, &fence, &page)).await
    }

    async fn page(&self, page: PageId) -> Result<Option<StoredPage>, StoreError> {
        self.read(move |store| pages::page(store, page)).await
    }

    async fn pagination_key(&self, organizer: &str) -> Result<PaginationKey, StoreError> {
        let organizer = organizer.to_owned();
        self.read(move |store| pages::key(store, &organizer)).await
    }

    async fn key_history(&self, organizer: &str, page: FeedbackPage) -> Result<Vec<KeyMove>, StoreError> {
        let organizer = organizer.to_owned();
        self.read(move |store| pages::moves(store, &organizer, &page)).await
    }

    async fn rewind_key(
        &self,
        organizer: &str,
        to: Option<u64>,
        who: &str,
        at: Wall,
    ) -> Result<RewindAnswer, StoreError> {
        let (organizer, who) = (organizer.to_owned(), who.to_owned());
        self.write(move |store| pages::rewind(store, &organizer, to, &who, at)).await
    }

    async fn write_feedback(&self, fence: &RunFence, writes: FeedbackWrites) -> Result<Held<Vec<CallId>>, StoreError> {
        let fence = fence.clone();
        self.write(move |store| writes::write(store, &fence, &writes)).await
    }

    async fn claim_contacts(
        &self,
        fence: &RunFence,
        box_office: &str,
        claims: Vec<Claim>,
    ) -> Result<Held<Vec<ClaimAnswer>>, StoreError> {
        let (fence, box_office) = (fence.clone(), box_office.to_owned());
        self.write(move |store| writes::claim(store, &fence, &box_office, &claims)).await
    }

    async fn failed_items(&self, organizer: Option<&str>, page: FeedbackPage) -> Result<Vec<FailedItem>, StoreError> {
        let organizer = organizer.map(str::to_owned);
        self.read(move |store| operators::failed(store, organizer.as_deref(), &page)).await
    }

    async fn retry_failed(&self, organizer: &str, items: Option<&[ItemId]>) -> Result<usize, StoreError> {
        let (organizer, items) = (organizer.to_owned(), items.map(<[ItemId]>::to_vec));
        self.write(move |store| operators::retry(store, &organizer, items.as_deref())).await
    }

    async fn dismiss_failed(&self, organizer: &str, items: &[ItemId]) -> Result<usize, StoreError> {
        let (organizer, items) = (organizer.to_owned(), items.to_vec());
        self.write(move |store| operators::dismiss(store, &organizer, &items)).await
    }

    async fn pending_items(&self, organizer: &str) -> Result<u64, StoreError> {
        let organizer = organizer.to_owned();
        self.read(move |store| pages::open_items(store, &organizer)).await
    }

    async fn skip_entries(&self, organizer: &str) -> Result<Vec<Box<str>>, StoreError> {
        let organizer = organizer.to_owned();
        self.read(move |store| operators::skips(store, &organizer)).await
    }

    async fn set_skip_entry(&self, organizer: &str, entry: &str, skipped: bool) -> Result<bool, StoreError> {
        let (organizer, entry) = (organizer.to_owned(), entry.to_owned());
        self.write(move |store| operators::set_skip(store, &organizer, &entry, skipped)).await
    }

    async fn mobile_tickets(
        &self,
        filter: &FeedbackFilter,
        page: FeedbackPage,
    ) -> Result<Vec<MobileTicket>, StoreError> {
        let filter = filter.clone();
        self.read(move |store| reading::tickets(store, &filter, &page)).await
    }

    async fn box_contacts(&self, filter: &FeedbackFilter, page: FeedbackPage) -> Result<Vec<BoxContact>, StoreError> {
        let filter = filter.clone();
        self.read(move |store| reading::contacts(store, &filter, &page)).await
    }

    async fn box_distributions(
        &self,
        filter: &FeedbackFilter,
        page: FeedbackPage,
    ) -> Result<Vec<BoxDistribution>, StoreError> {
        let filter = filter.clone();
        self.read(move |store| reading::distributions(store, &filter, &page)).await
    }

    async fn run_calls(&self, run: RunId) -> Result<Vec<CallRecord>, StoreError> {
        self.read(move |store| reading::calls(store, run)).await
    }

    async fn erase_person(&self, email: &str) -> Result<Erased, StoreError> {
        let email = crate::rules::feedback::person(email).map_err(StoreError::Refused)?;
        self.erase_email(email).await
    }

    async fn purge_feedback(&self, before: Wall, limit: usize) -> Result<usize, StoreError> {
        self.purge_old_feedback(before, limit).await
    }
}
