//! The changes of one organizer.
//!
//! Guarantee: a ticket stands in the stream once, in its latest state, at the place of its latest change; adding a change
//! and finding a place take time that grows with the logarithm of the stream. Pages that were loaded as they are stand in it
//! at one place each and end the page before them.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// One place of the stream.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    /// A ticket's latest state; an item without an id is an entry of its own.
    Change { ticket_id: Option<Box<str>>, item: Bytes },
    /// A page as it was given.
    Page(LoadedPage),
}

/// A page that is answered as it was given.
#[derive(Debug, Clone)]
pub(super) struct LoadedPage {
    pub(super) whole: Bytes,
    /// The items, none if `result` is no list.
    pub(super) items: Vec<Bytes>,
    pub(super) next_key: Option<Box<str>>,
}

impl LoadedPage {
    /// Reads a page; answers what is wrong with it.
    pub(super) fn read(whole: Bytes) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Outline<'a> {
            #[serde(borrow)]
            pagination: Option<&'a RawValue>,
            #[serde(borrow)]
            result: Option<&'a RawValue>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Pagination {
            next_page_key: Option<Box<str>>,
        }
        let outline: Outline<'_> =
            serde_json::from_slice(&whole).map_err(|error| format!("a page must be a JSON object: {error}"))?;
        // What is not as the contract has it is answered like that: a page may be wrong on purpose.
        let pagination = outline.pagination.and_then(|raw| serde_json::from_str::<Pagination>(raw.get()).ok());
        let items: Vec<&RawValue> =
            outline.result.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        let items = items.into_iter().map(|item| whole.slice_ref(item.get().as_bytes())).collect();
        let next_key = pagination.and_then(|pagination| pagination.next_page_key).filter(|key| !key.is_empty());
        Ok(Self { whole, items, next_key })
    }
}

/// The stream of one organizer.
#[derive(Debug, Default)]
pub(super) struct Stream {
    entries: BTreeMap<u64, Entry>,
    tickets: BTreeMap<Box<str>, u64>,
    /// The keys that came with loaded pages, and the places they stand for.
    given_keys: BTreeMap<Box<str>, u64>,
    last: u64,
    changes: u64,
}

impl Stream {
    /// Adds a change; it takes the place of an earlier one of the same ticket.
    pub(super) fn push(&mut self, ticket_id: Option<Box<str>>, item: Bytes) {
        self.last += 1;
        self.changes += 1;
        if let Some(before) = ticket_id.clone().and_then(|id| self.tickets.insert(id, self.last)) {
            self.entries.remove(&before);
        }
        self.entries.insert(self.last, Entry::Change { ticket_id, item });
    }

    /// Counts changes that nobody could see because a later one of the same ticket came at the same moment.
    pub(super) fn count_coalesced(&mut self, changes: usize) {
        self.changes += changes as u64;
    }

    /// Adds a page as it is. Its key must be new, as one key cannot stand for two places.
    pub(super) fn push_page(&mut self, page: LoadedPage) {
        self.last += 1;
        if let Some(key) = &page.next_key {
            self.given_keys.insert(key.clone(), self.last);
        }
        self.entries.insert(self.last, Entry::Page(page));
    }

    /// The place of a key that came with a loaded page.
    pub(super) fn place_of(&self, key: &str) -> Option<u64> {
        self.given_keys.get(key).copied()
    }

    /// The entries behind a place.
    pub(super) fn after(&self, place: u64) -> impl Iterator<Item = (u64, &Entry)> {
        self.entries.range((Excluded(place), Unbounded)).map(|(place, entry)| (*place, entry))
    }

    /// The entries before a place and at it, the latest first.
    pub(super) fn before(&self, place: u64) -> impl Iterator<Item = &Entry> {
        self.entries.range(..=place).rev().map(|(_, entry)| entry)
    }

    /// The latest states, in the order of their changes.
    pub(super) fn items(&self) -> impl Iterator<Item = &Bytes> {
        self.entries.values().filter_map(|entry| match entry {
            Entry::Change { item, .. } => Some(item),
            Entry::Page(_) => None,
        })
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn tickets(&self) -> usize {
        self.tickets.len()
    }
}
