//! Operators' acts on failed items, removing persons and old records.

use sha2::{Digest, Sha256};
use std::time::Duration;
use ticketbridge_core::mobile::{Email, erase};
use ticketbridge_core::time::Wall;

use super::model::Feedback;
use crate::rules::feedback::{Stored, may_blank};
use crate::{Erased, ItemId};

impl Feedback {
    pub(super) fn retry(&mut self, organizer: &str, items: Option<&[ItemId]>) -> usize {
        let all = || self.failed.keys().copied().collect();
        let items: Vec<ItemId> = items.map_or_else(all, <[ItemId]>::to_vec);
        self.settle(organizer, &items, Stored::Pending)
    }

    /// Puts those of `items` that are listed as failed into the state `next`; answers how many.
    pub(super) fn settle(&mut self, organizer: &str, items: &[ItemId], next: Stored) -> usize {
        let mut settled = 0;
        for item in items {
            let page = self.pages.get_mut(&item.page).filter(|page| *page.organizer == *organizer);
            let Some(page) = page.filter(|page| next != Stored::Pending || page.body.is_some()) else { continue };
            let place = usize::try_from(item.position).ok().and_then(|position| page.states.get_mut(position));
            if let Some(place) = place.filter(|state| state.is_listed()) {
                *place = next;
                self.failed.remove(item);
                settled += 1;
            }
        }
        settled
    }

    pub(super) fn erase(&mut self, email: &Email<'_>, clock: Duration) -> Erased {
        let mut erased = Erased::default();
        for (id, page) in &mut self.pages {
            let Some(body) = &page.body else { continue };
            let Ok(result) = erase(body, email, |position| may_blank(&page.states, position)) else {
                erased.kept_pages.push(*id);
                continue;
            };
            erased.pages += u64::from(result.blanked > 0);
            erased.items += result.blanked as u64;
            if result.kept > 0 {
                erased.kept_pages.push(*id);
            }
            if let Some(body) = result.body {
                page.body = Some(body.into());
            }
        }
        let hash: [u8; 32] = Sha256::digest(email.as_str().as_bytes()).into();
        let claims = self.claims.iter().filter(|((of, _), row)| *of == hash && !row.sent);
        let over: Vec<_> = claims
            .filter(|(_, row)| !self.is_alive(&row.organizer, row.token, clock))
            .map(|(place, _)| place.clone())
            .collect();
        for place in over {
            self.claims.remove(&place);
        }
        for ticket in self.tickets.each().filter(|ticket| ticket.owner_email.as_deref() == Some(email.as_str())) {
            (ticket.owner_email, ticket.beneficiary) = (None, None);
            erased.tickets += 1;
        }
        for contact in self.contacts.each().filter(|contact| contact.email.as_deref() == Some(email.as_str())) {
            contact.email = None;
            erased.contacts += 1;
        }
        erased
    }

    pub(super) fn purge(&mut self, before: Wall, limit: usize) -> usize {
        let is_settled =
            |states: &[Stored]| states.iter().all(|state| matches!(state, Stored::Done | Stored::Dismissed));
        let pages = self.pages.iter().filter(|(_, page)| page.body.is_some() && is_settled(&page.states));
        let mut pages: Vec<_> = pages.map(|(id, page)| (page.touched_at, *id)).collect();
        let newest = self.calls.keys().next_back().copied();
        let calls = self.calls.iter().filter(|(id, _)| Some(**id) != newest);
        let mut calls: Vec<_> = calls.filter_map(|(id, (_, call))| Some((call.outcome.as_ref()?.1, *id))).collect();
        let newest = self.runs.keys().next_back().copied();
        let runs = self.runs.iter().filter(|(id, _)| Some(**id) != newest);
        let mut runs: Vec<_> = runs.filter_map(|(id, run)| Some((run.end.as_ref()?.at, *id))).collect();
        let purged =
            oldest(&mut pages, before, limit) + oldest(&mut calls, before, limit) + oldest(&mut runs, before, limit);
        for (_, id) in pages {
            if let Some(page) = self.pages.get_mut(&id) {
                page.body = None;
            }
        }
        for (_, id) in calls {
            self.calls.remove(&id);
        }
        for (_, id) in runs {
            self.runs.remove(&id);
        }
        purged
    }
}

/// Leaves those that were last touched before `before`, the oldest first, and no more than `limit`; answers how many.
fn oldest<I: Ord>(records: &mut Vec<(Wall, I)>, before: Wall, limit: usize) -> usize {
    records.retain(|(at, _)| *at < before);
    records.sort();
    records.truncate(limit);
    records.len()
}
