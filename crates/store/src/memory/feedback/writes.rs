//! One decision of a run: checked whole, then carried out.

use std::collections::{BTreeMap, BTreeSet};

use ticketbridge_core::time::Wall;

use super::model::Feedback;
use crate::rules::feedback::{
    Stored, check_intent_item, check_writes, no_claim, no_open_call, no_such_item, only_a_preview,
};
use crate::rules::hexadecimal;
use crate::{
    CallId, CallIntent, CallRecord, FailedItem, FeedbackWrites, Held, ItemChange, ItemId, ItemWrite, RunFence, Waiting,
};

impl Feedback {
    pub(super) fn write(&mut self, fence: &RunFence, writes: FeedbackWrites) -> Result<Held<Vec<CallId>>, String> {
        let Some(is_preview) = self.held(fence) else { return Ok(Held::Lost) };
        self.check(fence, &writes, is_preview)?;
        for outcome in writes.outcomes {
            if let Some((_, call)) = self.calls.get_mut(&outcome.call) {
                call.outcome = Some((outcome.text, writes.at));
            }
        }
        for item in writes.items {
            self.write_item(fence, item, writes.at)?;
        }
        for ticket in writes.tickets {
            self.tickets.put((ticket.organizer.clone(), ticket.ticket_id.clone()), ticket);
        }
        for contact in writes.contacts {
            let number = Box::from(contact.contact_number.as_str());
            self.contacts.put((contact.box_office.clone(), number), contact);
        }
        for row in writes.distributions {
            self.distributions.put(row.distribution_ref.clone(), row);
        }
        self.claims.retain(|(email, _), row| !(writes.released_claims.contains(email) && row.is_of(fence)));
        for ((email, _), row) in &mut self.claims {
            row.sent |= writes.sent_claims.contains(email) && row.is_of(fence);
        }
        let intents = writes.intents.into_iter();
        Ok(Held::Done(intents.map(|intent| self.write_intent(fence, intent, writes.at)).collect()))
    }

    fn check(&self, fence: &RunFence, writes: &FeedbackWrites, is_preview: bool) -> Result<(), String> {
        check_writes(fence, writes)?;
        if is_preview && !(writes.intents.is_empty() && writes.sent_claims.is_empty()) {
            return Err(only_a_preview(fence.run));
        }
        let mut settled = BTreeSet::new();
        for outcome in &writes.outcomes {
            let call = self.calls.get(&outcome.call).filter(|(_, call)| call.run == fence.run);
            let is_open = call.is_some_and(|(_, call)| call.outcome.is_none());
            if !is_open || !settled.insert(outcome.call) {
                return Err(no_open_call(outcome.call, fence.run));
            }
        }
        let mut states = BTreeMap::new();
        let state = |states: &BTreeMap<ItemId, Stored>, item: ItemId| match states.get(&item) {
            Some(state) => Ok(*state),
            None => self.state(item, &fence.organizer).ok_or_else(|| no_such_item(item, &fence.organizer)),
        };
        for write in &writes.items {
            if let Some(next) = state(&states, write.item)?.changed(write.item, &write.change)? {
                states.insert(write.item, next);
            }
        }
        for email in &writes.sent_claims {
            let is_ours = self.claims.iter().any(|((of, _), row)| of == email && row.is_of(fence));
            if !is_ours || writes.released_claims.contains(email) {
                return Err(no_claim(fence.run));
            }
        }
        for item in writes.intents.iter().flat_map(|intent| &intent.items) {
            check_intent_item(*item, state(&states, *item)?)?;
        }
        Ok(())
    }

    /// The state of an item of the organizer.
    fn state(&self, item: ItemId, organizer: &str) -> Option<Stored> {
        let page = self.pages.get(&item.page).filter(|page| *page.organizer == *organizer)?;
        page.states.get(usize::try_from(item.position).ok()?).copied()
    }

    fn write_item(&mut self, fence: &RunFence, write: ItemWrite, at: Wall) -> Result<(), String> {
        let (item, position) = (write.item, write.item.position);
        let missing = || no_such_item(item, &fence.organizer);
        let page = self.pages.get_mut(&item.page).ok_or_else(missing)?;
        let place = usize::try_from(position).ok().and_then(|position| page.states.get_mut(position));
        let place = place.ok_or_else(missing)?;
        let Some(next) = place.changed(item, &write.change)? else { return Ok(()) };
        *place = next;
        page.touched_at = at;
        page.waiting.remove(&position);
        if !next.is_listed() {
            self.failed.remove(&item);
        }
        match write.change {
            ItemChange::Done => {}
            ItemChange::Waits { attempts, due_at, reason } => {
                page.waiting.insert(position, Waiting { position, attempts, due_at, reason });
            }
            ItemChange::Failed(failure) => {
                let organizer = fence.organizer.clone();
                let crate::Failure { ticket_id, code, text, blocking } = failure;
                self.failed.put(item, FailedItem { item, organizer, ticket_id, code, text, blocking, at });
            }
        }
        Ok(())
    }

    fn write_intent(&mut self, fence: &RunFence, intent: CallIntent, sent_at: Wall) -> CallId {
        let id = CallId(self.calls.keys().next_back().map_or(1, |last| last.0 + 1));
        let CallIntent { box_office, kind, items, body_hash } = intent;
        let body_hash = hexadecimal(&body_hash);
        let call = CallRecord { id, run: fence.run, box_office, kind, items, body_hash, sent_at, outcome: None };
        self.calls.insert(id, (fence.organizer.clone(), call));
        id
    }
}
