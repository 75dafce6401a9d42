//! What every store decides alike about mobile tickets: what a run may write, and the words for what it may not.
//!
//! A breach of these rules is a defect of the caller: the transaction is refused whole. No text shows personal data.

use ticketbridge_core::mobile::{
    Counters, Email, ItemState, MAX_PAGE_ITEMS, PageSource, PaginationKey, RunError, RunResult, SkipList,
};
use ticketbridge_core::time::Wall;

use crate::{CallId, FeedbackWrites, ItemChange, ItemId, NewPage, PageId, RunEnd, RunFence, RunId, SentBefore};

/// What is recorded of a call whose run ended without its answer.
pub(crate) const NO_ANSWER: &str = "no answer was recorded";

/// A stored item's state. The number is what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stored {
    /// See [`ItemState::Pending`].
    Pending = 0,
    /// See [`ItemState::Done`].
    Done = 1,
    /// See [`ItemState::Failed`].
    Failed = 2,
    /// See [`ItemState::Blocking`].
    Blocking = 3,
    /// Done by an operator's word: whatever a run that did not see it writes later is passed over.
    Dismissed = 4,
}

impl Stored {
    /// The state with this number.
    pub(crate) fn numbered(number: u8) -> Option<Self> {
        [Self::Pending, Self::Done, Self::Failed, Self::Blocking, Self::Dismissed]
            .into_iter()
            .find(|state| *state as u8 == number)
    }

    /// As the contract shows it.
    pub(crate) fn shown(self) -> ItemState {
        match self {
            Self::Pending => ItemState::Pending,
            Self::Done | Self::Dismissed => ItemState::Done,
            Self::Failed => ItemState::Failed,
            Self::Blocking => ItemState::Blocking,
        }
    }

    /// Whether it still has to be applied.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Blocking)
    }

    /// Whether it is on the list of failed items.
    pub(crate) fn is_listed(self) -> bool {
        matches!(self, Self::Failed | Self::Blocking)
    }

    /// The state after a run's `change`; `None`: an operator was faster, and nothing changes.
    pub(crate) fn changed(self, item: ItemId, change: &ItemChange) -> Result<Option<Self>, String> {
        let next = match change {
            ItemChange::Done => Self::Done,
            ItemChange::Waits { .. } => Self::Pending,
            ItemChange::Failed(failure) if failure.blocking => Self::Blocking,
            ItemChange::Failed(_) => Self::Failed,
        };
        match self {
            Self::Dismissed => Ok(None),
            Self::Done | Self::Failed if self != next => {
                Err(format!("{} is settled: only an operator may change it again", named(item)))
            }
            _ => Ok(Some(next)),
        }
    }
}

/// An item in words.
fn named(item: ItemId) -> String {
    format!("item {} of page {}", item.position, item.page.0)
}

/// An item is not there, or is another organizer's.
pub(crate) fn no_such_item(item: ItemId, organizer: &str) -> String {
    format!("organizer {organizer} has no {}", named(item))
}

/// An intent is for an item that does not wait for anything.
pub(crate) fn check_intent_item(item: ItemId, state: Stored) -> Result<(), String> {
    match state {
        Stored::Pending | Stored::Blocking | Stored::Dismissed => Ok(()),
        Stored::Done | Stored::Failed => Err(format!("a call is to be sent for {}, which is settled", named(item))),
    }
}

/// An outcome names a call that is not the run's, or is settled.
pub(crate) fn no_open_call(call: CallId, run: RunId) -> String {
    format!("run {} has no call {} without outcome", run.0, call.0)
}

/// A creation is to be sent without its claim.
pub(crate) fn no_claim(run: RunId) -> String {
    format!(
        "run {} has no claim on the e-mail of a contact that it is to create: it never claimed it, or its lease ran out \
         and another run took the claim over",
        run.0
    )
}

/// A preview is to write something.
pub(crate) fn only_a_preview(run: RunId) -> String {
    format!("run {} is a preview: it stores no page, claims no e-mail and sends no write call", run.0)
}

/// Checks what needs no stored data: everything is the organizer's, and no intent is empty.
pub(crate) fn check_writes(fence: &RunFence, writes: &FeedbackWrites) -> Result<(), String> {
    let tickets = writes.tickets.iter().map(|ticket| ("a mobile ticket", &ticket.organizer));
    let contacts = writes.contacts.iter().map(|contact| ("a contact", &contact.organizer));
    let rows = writes.distributions.iter().map(|row| ("a distribution row", &row.organizer));
    if let Some((what, organizer)) = tickets.chain(contacts).chain(rows).find(|(_, of)| **of != fence.organizer) {
        return Err(format!("a run of organizer {} writes {what} of organizer {organizer}", fence.organizer));
    }
    if writes.intents.iter().any(|intent| intent.items.is_empty()) {
        return Err(format!("run {} is to send a call that is for no item", fence.run.0));
    }
    Ok(())
}

/// Checks a page against the stored key.
pub(crate) fn check_page(page: &NewPage, stored: &PaginationKey) -> Result<(), String> {
    let items = usize::try_from(page.items).unwrap_or(usize::MAX);
    if !(1..=MAX_PAGE_ITEMS).contains(&items) {
        return Err(format!("a stored page has 1 to {MAX_PAGE_ITEMS} items, not {items}"));
    }
    match (page.source, &page.next) {
        (PageSource::File, Some(_)) => Err(String::from("the page of a file does not move the pagination key")),
        (PageSource::Diff, _) if page.sent != *stored => {
            Err(String::from("the page was not asked with the stored pagination key: it was moved meanwhile"))
        }
        (PageSource::Diff, Some(next)) if next.is_empty() || *next == page.sent => {
            Err(String::from("a page moves the pagination key to a new one that is not empty, or not at all"))
        }
        (PageSource::File, None) | (PageSource::Diff, _) => Ok(()),
    }
}

/// The record of a run that was refused, since `by` has the lease.
pub(crate) fn refused_end(by: RunId, at: Wall) -> RunEnd {
    let text = format!("run {} of this organizer is in progress", by.0);
    RunEnd { at, result: RunResult::Refused, error: None, text: Some(text), counters: Counters::default() }
}

/// The record of a run that never ended.
pub(crate) fn lost_end(at: Wall) -> RunEnd {
    RunEnd {
        at,
        result: RunResult::Error,
        error: Some(RunError::LeaseLost),
        text: Some(String::from("the run never ended: its process stopped or stood still, and its lease ran out")),
        counters: Counters::default(),
    }
}

/// An entry of the skip list, trimmed.
pub(crate) fn skip_entry(entry: &str) -> Result<&str, String> {
    let entry = entry.trim();
    if entry.contains(',') || SkipList::parse(entry).len() != 1 {
        return Err(String::from(
            "not one entry of a skip list: give one ticket number, or `id:` and one ticket id, without commas",
        ));
    }
    Ok(entry)
}

/// The person to be removed.
pub(crate) fn person(email: &str) -> Result<Email<'static>, String> {
    Email::normalised(email.to_owned().into()).ok_or_else(|| {
        String::from("that is no e-mail: one `@` between non-empty ends, no white space, at most 256 characters")
    })
}

/// Which stored items a removal may blank: all that do not have to be applied any more.
pub(crate) fn may_blank(states: &[Stored], position: usize) -> bool {
    states.get(position).is_some_and(|state| !state.is_open())
}

/// A stored page has a state that is none.
pub(crate) fn damaged_states(page: PageId) -> String {
    format!("page {} is damaged: the state of an item is unknown", page.0)
}

/// What a claim says of an earlier try, to the run that gets it.
pub(crate) fn sent_before(sent: bool, organizer: &str, fence: &RunFence) -> SentBefore {
    match sent {
        true if *organizer == *fence.organizer => SentBefore::Ours,
        true => SentBefore::Others,
        false => SentBefore::No,
    }
}
