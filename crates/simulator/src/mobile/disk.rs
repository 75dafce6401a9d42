//! The disk that all processes share, as one life of a process sees it: a transaction may be refused, may be slow, and its
//! process may die right before it or right after it. What the checks learn, they learn at the moment of the commit.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rand::RngExt;
use ticketbridge_core::mobile::{ItemState, KeyMove, PageSource, PaginationKey};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{
    BeginAnswer, BeginRun, BoxContact, BoxDistribution, CallId, CallRecord, Claim, ClaimAnswer, Erased, FailedItem,
    FeedbackFilter, FeedbackPage, FeedbackRun, FeedbackStore, FeedbackWrites, Held, ItemId, LeaseView, MobileTicket,
    NewPage, PageId, RewindAnswer, RunEnd, RunFence, RunId, SentBefore, StoreError, StoredPage,
};
use tokio::time::sleep;

use super::process::Who;
use super::sometimes::Sometimes;
use super::teeth::Guard;
use super::world::Sim;

/// The store of one life of a process.
pub(super) struct Disk {
    pub(super) sim: Arc<Sim>,
    pub(super) who: Who,
}

impl Disk {
    /// One transaction: what `work` answers is durable.
    async fn transact<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let rates = self.sim.setting.rates;
        let (slow, dies, refused) = {
            let mut world = self.sim.world();
            let slow = if world.chance(rates.store_is_slow) { world.dice.random_range(50..8_000) } else { 0 };
            (slow, world.chance(rates.dies_before_commit), world.chance(rates.store_refuses))
        };
        if slow > 0 {
            sleep(Duration::from_millis(slow)).await;
        }
        if dies {
            self.sim.die(self.who, Sometimes::DiedBeforeCommit).await;
        }
        if refused {
            self.sim.world().tally.saw(Sometimes::StoreRefused);
            return Err(StoreError::Refused(String::from("the disk is busy")));
        }
        self.sim.pass_time();
        let answer = work.await;
        self.check_keys().await;
        self.break_off().await;
        answer
    }

    /// The end of a transaction, as its process sees it.
    async fn break_off(&self) {
        let rates = self.sim.setting.rates;
        let (dies, slow) = {
            let mut world = self.sim.world();
            let dies = world.chance(rates.dies_after_commit);
            (dies, if world.chance(rates.store_is_slow) { world.dice.random_range(50..8_000) } else { 0 })
        };
        if dies {
            self.sim.die(self.who, Sometimes::DiedAfterCommit).await;
        }
        if slow > 0 {
            sleep(Duration::from_millis(slow)).await;
        }
    }

    fn lacks(&self, guard: Guard) -> bool {
        self.sim.setting.without == Some(guard)
    }

    /// I8: each new move of the key came with a page that is stored.
    async fn check_keys(&self) {
        let organizer = super::setting::ORGANIZERS[self.who.organizer];
        let page = FeedbackPage { offset: 0, limit: 5 };
        let Ok(moves) = self.sim.store.key_history(organizer, page).await else { return };
        let mut world = self.sim.world();
        let wrong = world.ledger.check_moves(self.who.organizer, &moves);
        world.judge(wrong);
    }

    /// The fence that the store sees.
    fn fence(&self, fence: &RunFence) -> RunFence {
        if self.lacks(Guard::Fence) { self.sim.world().ledger.newest_fence(fence) } else { fence.clone() }
    }

    /// The key goes first, and its page follows in a transaction of its own.
    async fn key_first(&self, fence: &RunFence, page: NewPage) -> Result<Held<PageId>, StoreError> {
        if page.next.is_some() {
            let bait = NewPage { body: Bytes::from_static(br#"{"result":[{}]}"#), items: 1, ..page.clone() };
            if self.sim.store.store_page(fence, bait).await? == Held::Lost {
                return Ok(Held::Lost);
            }
            self.break_off().await;
        }
        self.sim.pass_time();
        self.sim.store.store_page(fence, NewPage { source: PageSource::File, next: None, ..page }).await
    }

    async fn store(&self, fence: &RunFence, page: NewPage) -> Result<Held<PageId>, StoreError> {
        let shown = self.fence(fence);
        let answer = if self.lacks(Guard::PageAndKey) && page.source == PageSource::Diff {
            self.key_first(&shown, page.clone()).await?
        } else {
            self.sim.store.store_page(&shown, page.clone()).await?
        };
        let mut world = self.sim.world();
        let now = world.now;
        world.trace.mark(&[5, now, self.who.life, u64::from(page.items)]);
        if let Held::Done(id) = &answer {
            world.tally.saw(Sometimes::PageStored);
            let text = || format!("{}: page {} is stored: {} items", self.who, id.0, page.items);
            world.trace.mention(now, || (Vec::new(), text()));
            world.ledger.stored(self.who.organizer, *id, &page);
        }
        let wrong = world.ledger.check_fence(fence, answer == Held::Lost, "stored a page");
        world.judge(wrong);
        Ok(answer)
    }

    async fn write(&self, fence: &RunFence, mut writes: FeedbackWrites) -> Result<Held<Vec<CallId>>, StoreError> {
        let told = writes.clone();
        if self.lacks(Guard::Claim) {
            (writes.sent_claims, writes.released_claims) = (Vec::new(), Vec::new());
        }
        if self.lacks(Guard::Intent) {
            writes.outcomes = Vec::new();
            writes.intents = Vec::new();
        }
        let answer = self.sim.store.write_feedback(&self.fence(fence), writes).await?;
        let mut world = self.sim.world();
        let now = world.now;
        world.trace.mark(&[6, now, self.who.life, told.items.len() as u64, told.intents.len() as u64]);
        let wrong = world.ledger.check_fence(fence, answer == Held::Lost, "wrote");
        world.judge(wrong);
        match answer {
            Held::Lost => {
                world.tally.saw(Sometimes::StaleFencedOff);
                Ok(Held::Lost)
            }
            Held::Done(ids) => {
                world.written(self.who, fence, &told, &ids);
                if self.lacks(Guard::Intent) {
                    return Ok(Held::Done(told.intents.iter().map(|_| CallId(0)).collect()));
                }
                Ok(Held::Done(ids))
            }
        }
    }

    async fn claim(
        &self,
        fence: &RunFence,
        box_office: &str,
        claims: Vec<Claim>,
    ) -> Result<Held<Vec<ClaimAnswer>>, StoreError> {
        if self.lacks(Guard::Claim) {
            let granted =
                |claim: Claim| ClaimAnswer::Granted { request_ref: claim.request_ref, sent_before: SentBefore::No };
            return Ok(Held::Done(claims.into_iter().map(granted).collect()));
        }
        let answer = self.sim.store.claim_contacts(&self.fence(fence), box_office, claims.clone()).await?;
        let mut world = self.sim.world();
        let wrong = world.ledger.check_fence(fence, answer == Held::Lost, "claimed e-mails");
        world.judge(wrong);
        let Held::Done(mut answers) = answer else {
            world.tally.saw(Sometimes::StaleFencedOff);
            return Ok(Held::Lost);
        };
        for (claim, answer) in claims.iter().zip(&mut answers) {
            world.claimed(self.who.organizer, claim, answer);
            if let ClaimAnswer::Granted { request_ref, sent_before } = answer {
                if self.lacks(Guard::RequestRef) {
                    *request_ref = format!("tng:{:032x}", world.dice.random::<u128>()).into();
                }
                if self.lacks(Guard::LookUp) {
                    *sent_before = SentBefore::No;
                }
            }
        }
        Ok(Held::Done(answers))
    }
}

#[async_trait]
impl FeedbackStore for Disk {
    async fn begin_run(&self, begin: BeginRun) -> Result<BeginAnswer, StoreError> {
        self.transact(async {
            let life = begin.time_to_live;
            let short = Duration::from_millis(1);
            let shown = if self.lacks(Guard::SingleRun) { short } else { life };
            let answer = self.sim.store.begin_run(BeginRun { time_to_live: shown, ..begin }).await?;
            if let BeginAnswer::Begun(grant) = &answer {
                self.sim.world().begun(self.who, grant, life.as_millis() as u64);
            }
            Ok(answer)
        })
        .await
    }

    async fn renew_lease(&self, fence: &RunFence, time_to_live: Duration) -> Result<Held<()>, StoreError> {
        self.transact(async {
            let shown = if self.lacks(Guard::SingleRun) { Duration::from_millis(1) } else { time_to_live };
            let answer = self.sim.store.renew_lease(&self.fence(fence), shown).await?;
            let mut world = self.sim.world();
            let wrong = world.ledger.check_fence(fence, answer == Held::Lost, "renewed its lease");
            world.judge(wrong);
            match answer {
                Held::Done(()) => {
                    let until = world.now + time_to_live.as_millis() as u64;
                    world.ledger.renewed(fence, until);
                }
                Held::Lost => world.tally.saw(Sometimes::StaleFencedOff),
            }
            Ok(answer)
        })
        .await
    }

    async fn end_run(&self, fence: &RunFence, end: RunEnd) -> Result<Held<()>, StoreError> {
        let ended = self
            .transact(async {
                let is_whole = end.error.is_none() && end.text.is_none();
                let answer = self.sim.store.end_run(&self.fence(fence), end).await?;
                let held_back = match answer {
                    Held::Done(()) if is_whole => self.holds_back().await,
                    _ => false,
                };
                let mut world = self.sim.world();
                if held_back {
                    world.tally.saw(Sometimes::HeldBack);
                }
                let wrong = world.ledger.check_fence(fence, answer == Held::Lost, "ended a run");
                world.judge(wrong);
                match answer {
                    Held::Done(()) => world.ledger.ended(fence),
                    Held::Lost => world.tally.saw(Sometimes::StaleFencedOff),
                }
                Ok(answer)
            })
            .await;
        if ended.is_err() {
            self.sim.world().ledger.end_refused(fence);
        }
        ended
    }

    async fn store_page(&self, fence: &RunFence, page: NewPage) -> Result<Held<PageId>, StoreError> {
        self.transact(self.store(fence, page)).await
    }

    async fn write_feedback(&self, fence: &RunFence, writes: FeedbackWrites) -> Result<Held<Vec<CallId>>, StoreError> {
        self.transact(self.write(fence, writes)).await
    }

    async fn claim_contacts(
        &self,
        fence: &RunFence,
        box_office: &str,
        claims: Vec<Claim>,
    ) -> Result<Held<Vec<ClaimAnswer>>, StoreError> {
        self.transact(self.claim(fence, box_office, claims)).await
    }

    async fn page(&self, page: PageId) -> Result<Option<StoredPage>, StoreError> {
        let stored = self.transact(self.sim.store.page(page)).await?;
        Ok(stored.map(|mut stored| {
            if self.lacks(Guard::HoldingBack) && !self.sim.world().calm {
                hide_waiting(&mut stored);
            }
            stored
        }))
    }

    async fn skip_entries(&self, organizer: &str) -> Result<Vec<Box<str>>, StoreError> {
        let read = async {
            self.sim.world().list_read(self.who);
            self.sim.store.skip_entries(organizer).await
        };
        let entries = self.transact(read).await?;
        Ok(if self.lacks(Guard::SkipList) { Vec::new() } else { entries })
    }

    async fn pending_items(&self, organizer: &str) -> Result<u64, StoreError> {
        self.transact(self.sim.store.pending_items(organizer)).await
    }

    async fn lease(&self, organizer: &str) -> Result<Option<LeaseView>, StoreError> {
        self.transact(self.sim.store.lease(organizer)).await
    }

    async fn feedback_runs(&self, organizer: Option<&str>, page: FeedbackPage) -> Result<Vec<FeedbackRun>, StoreError> {
        self.transact(self.sim.store.feedback_runs(organizer, page)).await
    }

    async fn pagination_key(&self, organizer: &str) -> Result<PaginationKey, StoreError> {
        self.transact(self.sim.store.pagination_key(organizer)).await
    }

    async fn key_history(&self, organizer: &str, page: FeedbackPage) -> Result<Vec<KeyMove>, StoreError> {
        self.transact(self.sim.store.key_history(organizer, page)).await
    }

    async fn rewind_key(
        &self,
        organizer: &str,
        before: Option<u64>,
        who: &str,
        at: Wall,
    ) -> Result<RewindAnswer, StoreError> {
        self.transact(self.sim.store.rewind_key(organizer, before, who, at)).await
    }

    async fn failed_items(&self, organizer: Option<&str>, page: FeedbackPage) -> Result<Vec<FailedItem>, StoreError> {
        self.transact(self.sim.store.failed_items(organizer, page)).await
    }

    async fn retry_failed(&self, organizer: &str, items: Option<&[ItemId]>) -> Result<usize, StoreError> {
        self.transact(self.sim.store.retry_failed(organizer, items)).await
    }

    async fn dismiss_failed(&self, organizer: &str, items: &[ItemId]) -> Result<usize, StoreError> {
        self.transact(self.sim.store.dismiss_failed(organizer, items)).await
    }

    async fn set_skip_entry(&self, organizer: &str, entry: &str, skipped: bool) -> Result<bool, StoreError> {
        self.transact(self.sim.store.set_skip_entry(organizer, entry, skipped)).await
    }

    async fn mobile_tickets(
        &self,
        filter: &FeedbackFilter,
        page: FeedbackPage,
    ) -> Result<Vec<MobileTicket>, StoreError> {
        self.transact(self.sim.store.mobile_tickets(filter, page)).await
    }

    async fn box_contacts(&self, filter: &FeedbackFilter, page: FeedbackPage) -> Result<Vec<BoxContact>, StoreError> {
        self.transact(self.sim.store.box_contacts(filter, page)).await
    }

    async fn box_distributions(
        &self,
        filter: &FeedbackFilter,
        page: FeedbackPage,
    ) -> Result<Vec<BoxDistribution>, StoreError> {
        self.transact(self.sim.store.box_distributions(filter, page)).await
    }

    async fn run_calls(&self, run: RunId) -> Result<Vec<CallRecord>, StoreError> {
        self.transact(self.sim.store.run_calls(run)).await
    }

    async fn erase_person(&self, email: &str) -> Result<Erased, StoreError> {
        self.transact(self.sim.store.erase_person(email)).await
    }

    async fn purge_feedback(&self, before: Wall, limit: usize) -> Result<usize, StoreError> {
        self.transact(self.sim.store.purge_feedback(before, limit)).await
    }
}

impl Disk {
    /// Whether a page has an item that waits and one that was not tried because of it.
    async fn holds_back(&self) -> bool {
        let pages = self.sim.world().ledger.newest_pages(self.who.organizer, 5);
        for page in pages {
            let Ok(Some(stored)) = self.sim.store.page(page).await else { continue };
            let open = stored.states.iter().filter(|state| **state == ItemState::Pending);
            if !stored.waiting.is_empty() && open.count() > stored.waiting.len() {
                return true;
            }
        }
        false
    }
}

/// Items that wait are not seen, so that nothing is held back by them.
fn hide_waiting(stored: &mut StoredPage) {
    for waiting in std::mem::take(&mut stored.waiting) {
        if let Some(state) = stored.states.get_mut(waiting.position as usize) {
            *state = ItemState::Done;
        }
    }
}
