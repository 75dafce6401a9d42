//! A store between the run and the real one: gates at each transaction, and leases that run on the test's time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ticketbridge_core::mobile::{KeyMove, PaginationKey};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{
    BeginAnswer, BeginRun, BoxContact, BoxDistribution, CallId, CallRecord, Claim, ClaimAnswer, Erased, FailedItem,
    FeedbackFilter, FeedbackPage, FeedbackRun, FeedbackStore, FeedbackWrites, Held, ItemId, LeaseView, MemoryStore,
    MobileTicket, NewPage, PageId, RewindAnswer, RunEnd, RunFence, RunId, StoreError, StoredPage,
};
use tokio::time::Instant;

use crate::gates::Gates;

/// More transactions than a test makes.
const NEVER: usize = usize::MAX / 2;

/// How leases end.
enum Leases {
    /// As the test's time passes.
    InTime(Arc<MemoryStore>, Mutex<Instant>),
    /// Anyone may take them at once: what a store that runs on the host's clock is like a minute after a crash.
    AtOnce,
    /// As the host's clock says.
    OnTheHost,
}

/// The store as the run sees it.
pub(crate) struct TestStore {
    inner: Arc<dyn FeedbackStore>,
    leases: Leases,
    gates: Arc<Gates>,
    /// Transactions until one is refused.
    refuse_after: AtomicUsize,
}

impl TestStore {
    pub(crate) fn in_memory(gates: Arc<Gates>) -> Self {
        let memory = Arc::new(MemoryStore::new(1));
        let inner = Arc::clone(&memory) as Arc<dyn FeedbackStore>;
        Self { inner, leases: Leases::InTime(memory, Mutex::new(Instant::now())), gates, refuse_after: NEVER.into() }
    }

    /// `inner` with leases that anyone may take at once.
    pub(crate) fn with_free_leases(inner: Arc<dyn FeedbackStore>, gates: Arc<Gates>) -> Self {
        Self { inner, leases: Leases::AtOnce, gates, refuse_after: NEVER.into() }
    }

    /// `inner` as it is.
    pub(crate) fn over(inner: Arc<dyn FeedbackStore>, gates: Arc<Gates>) -> Self {
        Self { inner, leases: Leases::OnTheHost, gates, refuse_after: NEVER.into() }
    }

    /// The real store, without gates.
    pub(crate) fn inner(&self) -> &Arc<dyn FeedbackStore> {
        self.tell_time();
        &self.inner
    }

    fn tell_time(&self) {
        if let Leases::InTime(memory, told) = &self.leases {
            let mut told = told.lock().unwrap();
            let now = Instant::now();
            memory.advance(now - *told);
            *told = now;
        }
    }

    fn life(&self, wanted: Duration) -> Duration {
        match self.leases {
            Leases::AtOnce => Duration::ZERO,
            Leases::InTime(..) | Leases::OnTheHost => wanted,
        }
    }

    /// Refuses one transaction, after so many others, as if the disk were full.
    pub(crate) fn refuse_after(&self, transactions: usize) {
        self.refuse_after.store(transactions, Ordering::SeqCst);
    }

    /// A transaction between its two gates.
    async fn gated<T>(
        &self,
        name: &str,
        transaction: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.gates.pass(format!("before {name}")).await;
        self.tell_time();
        if self.refuse_after.fetch_sub(1, Ordering::SeqCst) == 0 {
            return Err(StoreError::Refused(String::from("the disk is full")));
        }
        let answer = transaction.await;
        self.gates.pass(format!("after {name}")).await;
        answer
    }
}

#[async_trait]
impl FeedbackStore for TestStore {
    async fn begin_run(&self, begin: BeginRun) -> Result<BeginAnswer, StoreError> {
        let begin = BeginRun { time_to_live: self.life(begin.time_to_live), ..begin };
        self.gated("begin_run", self.inner.begin_run(begin)).await
    }

    async fn renew_lease(&self, fence: &RunFence, time_to_live: Duration) -> Result<Held<()>, StoreError> {
        self.tell_time();
        self.inner.renew_lease(fence, self.life(time_to_live)).await
    }

    async fn end_run(&self, fence: &RunFence, end: RunEnd) -> Result<Held<()>, StoreError> {
        self.gated("end_run", self.inner.end_run(fence, end)).await
    }

    async fn lease(&self, organizer: &str) -> Result<Option<LeaseView>, StoreError> {
        self.inner().lease(organizer).await
    }

    async fn feedback_runs(&self, organizer: Option<&str>, page: FeedbackPage) -> Result<Vec<FeedbackRun>, StoreError> {
        self.inner().feedback_runs(organizer, page).await
    }

    async fn store_page(&self, fence: &RunFence, page: NewPage) -> Result<Held<PageId>, StoreError> {
        self.gated("store_page", self.inner.store_page(fence, page)).await
    }

    async fn page(&self, page: PageId) -> Result<Option<StoredPage>, StoreError> {
        self.inner().page(page).await
    }

    async fn pagination_key(&self, organizer: &str) -> Result<PaginationKey, StoreError> {
        self.inner().pagination_key(organizer).await
    }

    async fn key_history(&self, organizer: &str, page: FeedbackPage) -> Result<Vec<KeyMove>, StoreError> {
        self.inner().key_history(organizer, page).await
    }

    async fn rewind_key(
        &self,
        organizer: &str,
        before: Option<u64>,
        who: &str,
        at: Wall,
    ) -> Result<RewindAnswer, StoreError> {
        self.inner().rewind_key(organizer, before, who, at).await
    }

    async fn write_feedback(&self, fence: &RunFence, writes: FeedbackWrites) -> Result<Held<Vec<CallId>>, StoreError> {
        self.gated("write_feedback", self.inner.write_feedback(fence, writes)).await
    }

    async fn claim_contacts(
        &self,
        fence: &RunFence,
        box_office: &str,
        claims: Vec<Claim>,
    ) -> Result<Held<Vec<ClaimAnswer>>, StoreError> {
        self.gated("claim_contacts", self.inner.claim_contacts(fence, box_office, claims)).await
    }

    async fn failed_items(&self, organizer: Option<&str>, page: FeedbackPage) -> Result<Vec<FailedItem>, StoreError> {
        self.inner().failed_items(organizer, page).await
    }

    async fn retry_failed(&self, organizer: &str, items: Option<&[ItemId]>) -> Result<usize, StoreError> {
        self.inner().retry_failed(organizer, items).await
    }

    async fn dismiss_failed(&self, organizer: &str, items: &[ItemId]) -> Result<usize, StoreError> {
        self.inner().dismiss_failed(organizer, items).await
    }

    async fn pending_items(&self, organizer: &str) -> Result<u64, StoreError> {
        self.inner().pending_items(organizer).await
    }

    async fn skip_entries(&self, organizer: &str) -> Result<Vec<Box<str>>, StoreError> {
        self.inner().skip_entries(organizer).await
    }

    async fn set_skip_entry(&self, organizer: &str, entry: &str, skipped: bool) -> Result<bool, StoreError> {
        self.inner().set_skip_entry(organizer, entry, skipped).await
    }

    async fn mobile_tickets(
        &self,
        filter: &FeedbackFilter,
        page: FeedbackPage,
    ) -> Result<Vec<MobileTicket>, StoreError> {
        self.inner().mobile_tickets(filter, page).await
    }

    async fn box_contacts(&self, filter: &FeedbackFilter, page: FeedbackPage) -> Result<Vec<BoxContact>, StoreError> {
        self.inner().box_contacts(filter, page).await
    }

    async fn box_distributions(
        &self,
        filter: &FeedbackFilter,
        page: FeedbackPage,
    ) -> Result<Vec<BoxDistribution>, StoreError> {
        self.inner().box_distributions(filter, page).await
    }

    async fn run_calls(&self, run: RunId) -> Result<Vec<CallRecord>, StoreError> {
        self.inner().run_calls(run).await
    }

    async fn erase_person(&self, email: &str) -> Result<Erased, StoreError> {
        self.inner().erase_person(email).await
    }

    async fn purge_feedback(&self, before: Wall, limit: usize) -> Result<usize, StoreError> {
        self.inner().purge_feedback(before, limit).await
    }
}
