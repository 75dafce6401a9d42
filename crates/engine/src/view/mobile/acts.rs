//! What waits for an operator, and what an operator does: the skip list, failed items, the erasure of a person.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::json;
use ticketbridge_core::mobile::{Email, SkipList};
use ticketbridge_store::{FailedItem, FeedbackStore, ItemId, PageId};
use utoipa::ToSchema;

use super::{Listing, MobileFault, Window};
use crate::feedback::{Feedback, Function};
use crate::view::Actor;

/// Where an entry of a skip list stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SkipSource {
    /// In `skip_tickets` of the configuration.
    Configuration,
    /// In the store: an operator added it.
    Operator,
}

/// An entry of a skip list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SkipEntry {
    /// A ticket number, or `id:` and a ticket id.
    pub entry: String,
    /// Where it stands.
    pub from: SkipSource,
}

/// What became of a change of a skip list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SkipChange {
    /// Entries that were not there before.
    pub added: usize,
    /// Entries that are gone now.
    pub removed: usize,
    /// The whole list from now on.
    pub items: Vec<SkipEntry>,
}

/// A failed item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FailedView {
    /// `PAGE:POSITION`.
    pub id: String,
    /// The organizer.
    pub organizer: String,
    /// Id of the ticket, if it has one.
    pub ticket_id: Option<String>,
    /// The code.
    pub code: String,
    /// What it means.
    pub text: String,
    /// Strict mode: it blocks all later ones.
    pub blocking: bool,
    /// When it failed.
    pub at: String,
}

/// What was removed of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErasedView {
    /// Stored pages in which items were blanked.
    pub pages: u64,
    /// Items that were blanked.
    pub items: u64,
    /// Mobile tickets whose owner was blanked.
    pub tickets: u64,
    /// Contacts whose e-mail was blanked.
    pub contacts: u64,
    /// Pages that still hold items of the person; erase again when they have been applied.
    #[schema(value_type = Vec<i64>)]
    pub kept_pages: Vec<PageId>,
}

impl From<FailedItem> for FailedView {
    fn from(failed: FailedItem) -> Self {
        let FailedItem { item, organizer, ticket_id, code, text, blocking, at } = failed;
        Self {
            id: format!("{}:{}", item.page.0, item.position),
            organizer: organizer.into(),
            ticket_id: ticket_id.map(String::from),
            code: code.into(),
            text: text.into(),
            blocking,
            at: at.to_rfc3339(),
        }
    }
}

/// Items by their ids `PAGE:POSITION`.
pub fn item_ids(texts: &[String]) -> Result<Vec<ItemId>, MobileFault> {
    texts.iter().map(|text| item_id(text)).collect()
}

fn item_id(text: &str) -> Result<ItemId, MobileFault> {
    let parsed = text.split_once(':').and_then(|(page, position)| {
        let digits = |text: &str, most| text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_one = digits(page, 18) && digits(position, 9);
        is_one.then(|| Some(ItemId { page: PageId(page.parse().ok()?), position: position.parse().ok()? }))?
    });
    parsed.ok_or_else(|| MobileFault::Item(text.chars().take(64).collect()))
}

/// The skip list in force: what the configuration has, then what operators added.
pub async fn skip_list(feedback: &Feedback, organizer: &str) -> Result<Vec<SkipEntry>, MobileFault> {
    let function = feedback.function(organizer)?;
    let mut entries: Vec<SkipEntry> = configured(function)
        .map(|entry| SkipEntry { entry: entry.to_owned(), from: SkipSource::Configuration })
        .collect();
    let added = feedback.store().skip_entries(organizer).await?;
    entries.extend(added.into_iter().map(|entry| SkipEntry { entry: entry.into(), from: SkipSource::Operator }));
    Ok(entries)
}

/// Adds and removes entries. All are looked at before the first is changed. The audit has how many: an entry may be an
/// e-mail.
pub async fn change_skip_list(
    feedback: &Feedback,
    actor: Actor<'_>,
    organizer: &str,
    add: &[String],
    remove: &[String],
) -> Result<SkipChange, MobileFault> {
    let function = feedback.function(organizer)?;
    for entry in add.iter().chain(remove) {
        if entry.contains(',') || SkipList::parse(entry).len() != 1 {
            return Err(MobileFault::Entry(entry.chars().take(300).collect()));
        }
    }
    let present = feedback.store().skip_entries(organizer).await?;
    for entry in remove.iter().map(|entry| entry.trim()) {
        if configured(function).any(|known| known == entry) && !present.iter().any(|known| **known == *entry) {
            let function = function.internal_name.to_string();
            return Err(MobileFault::Configured { entry: entry.to_owned(), function });
        }
    }
    if !(add.is_empty() && remove.is_empty()) {
        let detail = json!({"add": add.len(), "remove": remove.len()});
        actor.asked("feedback.skip", organizer, detail).await?;
    }
    let (mut added, mut removed) = (0, 0);
    for entry in add {
        added += usize::from(feedback.store().set_skip_entry(organizer, entry.trim(), true).await?);
    }
    for entry in remove {
        removed += usize::from(feedback.store().set_skip_entry(organizer, entry.trim(), false).await?);
    }
    Ok(SkipChange { added, removed, items: skip_list(feedback, organizer).await? })
}

fn configured(function: &Function) -> impl Iterator<Item = &str> {
    function.skip_tickets.split(',').map(str::trim).filter(|entry| !SkipList::parse(entry).is_empty())
}

/// Failed items of an organizer, the newest first.
pub async fn failed(feedback: &Feedback, organizer: &str, window: Window) -> Result<Listing<FailedView>, MobileFault> {
    feedback.function(organizer)?;
    let items = feedback.store().failed_items(Some(organizer), window.checked()?).await?;
    Ok(window.listing(items, FailedView::from))
}

/// Makes failed items pending again: these, or all of the organizer. Answers how many.
pub async fn retry_failed(
    feedback: &Feedback,
    actor: Actor<'_>,
    organizer: &str,
    items: Option<&[ItemId]>,
) -> Result<usize, MobileFault> {
    feedback.function(organizer)?;
    actor.asked("feedback.retry", organizer, json!({"items": items.map(<[_]>::len)})).await?;
    Ok(feedback.store().retry_failed(organizer, items).await?)
}

/// Takes failed items off the list without applying them. Answers how many.
pub async fn dismiss_failed(
    feedback: &Feedback,
    actor: Actor<'_>,
    organizer: &str,
    items: &[ItemId],
) -> Result<usize, MobileFault> {
    feedback.function(organizer)?;
    actor.asked("feedback.dismiss", organizer, json!({"items": items.len()})).await?;
    Ok(feedback.store().dismiss_failed(organizer, items).await?)
}

/// Removes a person from the store.
pub async fn erase_person(store: &dyn FeedbackStore, actor: Actor<'_>, email: &str) -> Result<ErasedView, MobileFault> {
    let email = Email::normalised(Cow::Borrowed(email)).ok_or(MobileFault::Email)?;
    actor.asked("person.erase", &email.to_string(), json!({})).await?;
    let erased = store.erase_person(email.as_str()).await?;
    Ok(ErasedView {
        pages: erased.pages,
        items: erased.items,
        tickets: erased.tickets,
        contacts: erased.contacts,
        kept_pages: erased.kept_pages,
    })
}
