//! Diff pages of mobile tickets. Input: the body of an answer, or an uploaded file.

use std::fmt::Write;

use serde_json::value::RawValue;
use ticketbridge_core::mobile::{
    Item, MAX_KEY_BYTES, MAX_PAGE_ITEMS, MAX_TICKET_ID, Page, PageSource, PaginationKey, Reading, SkipList, Turn, turn,
};

/// Words of the pages.
pub const DICTIONARY: &[&str] = &[
    "\"result\":",
    "\"pagination\":",
    "\"nextPageKey\":",
    "\"ticketId\":",
    "\"status\":",
    "\"updatedAt\":",
    "\"taxNumber\":",
    "\"holder\":",
    "\"spectatorDetails\":",
    "\"transfer\":",
    "\"model\":",
    "\"V4\"",
    "\"attributes\":",
    "\"extraInfo\":",
    "\"activation\":",
    "\"deletion\":",
    "\"previousOwnerEmail\":",
    "\"ASSIGNED\"",
    "\"2026-05-04T08:00:00Z\"",
    "\"email\":",
    "\"a@b.c\"",
    "\"firstName\":",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "null",
    "\u{feff}",
    "{\"result\":[",
    "]}",
    "\u{202e}",
    "\u{1f9e8}",
];

/// A page whose items keep order and wording, or an error that shows nothing of the body; each item is read to one
/// result.
pub fn target(data: &[u8]) {
    let page = Page::read(data);
    assert_eq!(page, Page::read(data), "the same each time");
    let page = match page {
        Ok(page) => page,
        Err(error) => return assert!(error.to_string().len() < 300, "{error}"),
    };
    assert!(page.items.len() <= MAX_PAGE_ITEMS);
    assert!(page.next_key.as_ref().is_none_or(|key| !key.is_empty() && key.as_str().len() <= MAX_KEY_BYTES));
    in_order(data, &page.items);
    as_serde_reads_it(data, &page.items);
    let sent = PaginationKey::from("sent");
    assert_eq!(turn(PageSource::File, &sent, &page), Turn::Keep);
    if let Turn::Advance(next) = turn(PageSource::Diff, &sent, &page) {
        assert!(next != sent && Some(&next) == page.next_key.as_ref() && !page.items.is_empty());
    }
    let skip = SkipList::parse("1234,id:T-SKIP");
    for item in &page.items {
        let reading = Item::read(item, &skip);
        assert_eq!(reading, Item::read(item, &skip), "the same each time");
        if let Reading::Item(item) = reading {
            assert!((1..=MAX_TICKET_ID).contains(&item.ticket_id.chars().count()));
            let stored = serde_json::to_string(&item.mobile);
            assert!(stored.is_ok(), "{stored:?}");
            // Personal data is not in what is printed for people who look for faults.
            let mut debug = String::new();
            assert!(write!(debug, "{item:?}").is_ok());
            assert!(item.owner_email().is_none_or(|email| email.as_str().len() < 8 || !debug.contains(email.as_str())));
        }
    }
}

/// The items are pieces of the body, one behind the other.
fn in_order(data: &[u8], items: &[&str]) {
    let begin = data.as_ptr() as usize;
    let mut from = begin;
    for item in items {
        let at = item.as_ptr() as usize;
        assert!(at >= from && at + item.len() <= begin + data.len());
        from = at + item.len();
    }
}

/// What a plain reader finds in `result`, where it can read the whole.
fn as_serde_reads_it(data: &[u8], items: &[&str]) {
    #[derive(Debug)]
    struct Nothing;
    let plain = || {
        let text = std::str::from_utf8(data).map_err(|_| Nothing)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let members: std::collections::BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(text).map_err(|_| Nothing)?;
        let result = members.get("result").ok_or(Nothing)?;
        serde_json::from_str::<Vec<Box<RawValue>>>(result.get()).map_err(|_| Nothing)
    };
    if let Ok(plain) = plain() {
        assert!(plain.iter().map(|raw| raw.get()).eq(items.iter().copied()));
    }
    // An item that is no JSON never gets out.
    assert!(items.iter().all(|item| serde_json::from_str::<&RawValue>(item).is_ok()));
}
