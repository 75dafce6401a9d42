//! The contract for mobile tickets, kept in memory. Several processes of a simulation may share one store: leases tell
//! them apart, and end by [`MemoryStore::advance`].

mod housekeeping;
mod latest;
mod model;
mod writes;

use std::time::Duration;

use async_trait::async_trait;
use ticketbridge_core::mobile::{KeyMove, PaginationKey};
use ticketbridge_core::time::Wall;

use super::MemoryStore;
use crate::rules::feedback::{Stored, person, skip_entry};
use crate::rules::key_rewound;
use crate::{
    BeginAnswer, BeginRun, BoxContact, BoxDistribution, CallId, CallRecord, Claim, ClaimAnswer, Erased, FailedItem,
    FeedbackFilter, FeedbackPage, FeedbackRun, FeedbackStore, FeedbackWrites, Held, ItemId, LeaseView, MAX_PAGE,
    MobileTicket, NewPage, PageId, RewindAnswer, RunEnd, RunFence, RunId, StoreError, StoredPage,
};

pub(super) use model::Feedback;

/// A page of a listing.
fn cut<T: Clone>(rows: impl Iterator<Item = T>, page: &FeedbackPage) -> Vec<T> {
    rows.skip(page.offset).take(page.limit.min(MAX_PAGE)).collect()
}

/// Whether a record fits a filter.
fn fits(filter: &FeedbackFilter, organizer: &str, ticket_id: &str, email: Option<&str>) -> bool {
    filter.organizer.as_deref().is_none_or(|wanted| wanted == organizer)
        && filter.ticket_id.as_deref().is_none_or(|wanted| wanted == ticket_id)
        && filter.email.as_deref().is_none_or(|wanted| Some(wanted) == email)
}

#[async_trait]
impl FeedbackStore for MemoryStore {
    async fn begin_run(&self, begin: BeginRun) -> Result<BeginAnswer, StoreError> {
        Ok(self.change(|model| model.feedback.begin(begin, model.clock)))
    }

    async fn renew_lease(&self, fence: &RunFence, time_to_live: Duration) -> Result<Held<()>, StoreError> {
        Ok(self.change(|model| model.feedback.renew(fence, model.clock.saturating_add(time_to_live))))
    }

    async fn end_run(&self, fence: &RunFence, end: RunEnd) -> Result<Held<()>, StoreError> {
        Ok(self.change(|model| model.feedback.end(fence, end)))
    }

    async fn lease(&self, organizer: &str) -> Result<Option<LeaseView>, StoreError> {
        let model = self.model();
        Ok(model.feedback.lease(organizer, model.clock))
    }

    async fn feedback_runs(&self, organizer: Option<&str>, page: FeedbackPage) -> Result<Vec<FeedbackRun>, StoreError> {
        let model = self.model();
        let runs = model.feedback.runs.values().rev();
        Ok(cut(runs.filter(|run| organizer.is_none_or(|wanted| wanted == &*run.organizer)).cloned(), &page))
    }

    async fn store_page(&self, fence: &RunFence, page: NewPage) -> Result<Held<PageId>, StoreError> {
        self.change(|model| model.feedback.store_page(fence, page)).map_err(StoreError::Refused)
    }

    async fn page(&self, page: PageId) -> Result<Option<StoredPage>, StoreError> {
        Ok(self.model().feedback.page(page))
    }

    async fn pagination_key(&self, organizer: &str) -> Result<PaginationKey, StoreError> {
        Ok(self.model().feedback.key(organizer))
    }

    async fn key_history(&self, organizer: &str, page: FeedbackPage) -> Result<Vec<KeyMove>, StoreError> {
        let model = self.model();
        let moves = model.feedback.moves.iter().rev().filter(|step| *step.organizer == *organizer);
        Ok(cut(moves.cloned(), &page))
    }

    async fn rewind_key(
        &self,
        organizer: &str,
        to: Option<u64>,
        who: &str,
        at: Wall,
    ) -> Result<RewindAnswer, StoreError> {
        Ok(self.change(|model| {
            let answer = model.feedback.rewind(organizer, to, who, at, model.clock);
            if matches!(answer, RewindAnswer::Done(_)) {
                model.access.record(key_rewound(organizer, to, who, at));
            }
            answer
        }))
    }

    async fn write_feedback(&self, fence: &RunFence, writes: FeedbackWrites) -> Result<Held<Vec<CallId>>, StoreError> {
        self.change(|model| model.feedback.write(fence, writes)).map_err(StoreError::Refused)
    }

    async fn claim_contacts(
        &self,
        fence: &RunFence,
        box_office: &str,
        claims: Vec<Claim>,
    ) -> Result<Held<Vec<ClaimAnswer>>, StoreError> {
        self.change(|model| model.feedback.claim(fence, box_office, claims, model.clock)).map_err(StoreError::Refused)
    }

    async fn failed_items(&self, organizer: Option<&str>, page: FeedbackPage) -> Result<Vec<FailedItem>, StoreError> {
        let model = self.model();
        let failed = model.feedback.failed.newest_first();
        Ok(cut(failed.filter(|item| organizer.is_none_or(|wanted| wanted == &*item.organizer)).cloned(), &page))
    }

    async fn retry_failed(&self, organizer: &str, items: Option<&[ItemId]>) -> Result<usize, StoreError> {
        Ok(self.change(|model| model.feedback.retry(organizer, items)))
    }

    async fn dismiss_failed(&self, organizer: &str, items: &[ItemId]) -> Result<usize, StoreError> {
        Ok(self.change(|model| model.feedback.settle(organizer, items, Stored::Dismissed)))
    }

    async fn pending_items(&self, organizer: &str) -> Result<u64, StoreError> {
        let model = self.model();
        let pages = model.feedback.pages.values().filter(|page| *page.organizer == *organizer);
        Ok(pages.map(|page| page.open() as u64).sum())
    }

    async fn skip_entries(&self, organizer: &str) -> Result<Vec<Box<str>>, StoreError> {
        let model = self.model();
        let entries = model.feedback.skips.iter().filter(|(of, _)| **of == *organizer);
        Ok(entries.map(|(_, entry)| entry.clone()).collect())
    }

    async fn set_skip_entry(&self, organizer: &str, entry: &str, skipped: bool) -> Result<bool, StoreError> {
        let entry = (Box::from(organizer), Box::from(skip_entry(entry).map_err(StoreError::Refused)?));
        Ok(self.change(|model| {
            let skips = &mut model.feedback.skips;
            if skipped { skips.insert(entry) } else { skips.remove(&entry) }
        }))
    }

    async fn mobile_tickets(
        &self,
        filter: &FeedbackFilter,
        page: FeedbackPage,
    ) -> Result<Vec<MobileTicket>, StoreError> {
        let model = self.model();
        let all = model.feedback.tickets.newest_first();
        let found = all.filter(|row| fits(filter, &row.organizer, &row.ticket_id, row.owner_email.as_deref()));
        Ok(cut(found.cloned(), &page))
    }

    async fn box_contacts(&self, filter: &FeedbackFilter, page: FeedbackPage) -> Result<Vec<BoxContact>, StoreError> {
        let model = self.model();
        let all = model.feedback.contacts.newest_first();
        let found = all.filter(|row| fits(filter, &row.organizer, &row.ticket_id, row.email.as_deref()));
        Ok(cut(found.cloned(), &page))
    }

    async fn box_distributions(
        &self,
        filter: &FeedbackFilter,
        page: FeedbackPage,
    ) -> Result<Vec<BoxDistribution>, StoreError> {
        let model = self.model();
        let all = model.feedback.distributions.newest_first();
        let found = all.filter(|row| fits(filter, &row.organizer, &row.ticket_id, filter.email.as_deref()));
        Ok(cut(found.cloned(), &page))
    }

    async fn run_calls(&self, run: RunId) -> Result<Vec<CallRecord>, StoreError> {
        let model = self.model();
        let calls = model.feedback.calls.values().map(|(_, call)| call);
        Ok(calls.filter(|call| call.run == run).cloned().collect())
    }

    async fn erase_person(&self, email: &str) -> Result<Erased, StoreError> {
        let email = person(email).map_err(StoreError::Refused)?;
        Ok(self.change(|model| model.feedback.erase(&email, model.clock)))
    }

    async fn purge_feedback(&self, before: Wall, limit: usize) -> Result<usize, StoreError> {
        Ok(self.change(|model| model.feedback.purge(before, limit)))
    }
}
