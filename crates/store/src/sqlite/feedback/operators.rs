//! What operators do to failed items, and the skip list.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::pages::PageStates;
use super::statements as sql;
use super::words::{item, optional_text, text, wall, window};
use crate::rules::feedback::{Stored, skip_entry};
use crate::sqlite::fault::Fault;
use crate::{FailedItem, FeedbackPage, ItemId, PageId};

/// Failed items, newest first.
pub(super) fn failed(
    store: &Connection,
    organizer: Option<&str>,
    page: &FeedbackPage,
) -> Result<Vec<FailedItem>, Fault> {
    let mut query =
        String::from("SELECT page, position, organizer, ticket_id, code, text, blocking, at FROM feedback_failed");
    if organizer.is_some() {
        query.push_str(" WHERE organizer = ?3");
    }
    query.push_str(" ORDER BY id DESC LIMIT ?1 OFFSET ?2");
    let mut find = store.prepare_cached(&query)?;
    let [limit, offset] = window(page);
    let mut rows = match organizer {
        Some(organizer) => find.query(params![limit, offset, organizer])?,
        None => find.query([limit, offset])?,
    };
    let mut failed = Vec::new();
    while let Some(row) = rows.next()? {
        failed.push(FailedItem {
            item: item(row, 0)?,
            organizer: text(row, 2)?,
            ticket_id: optional_text(row, 3)?,
            code: text(row, 4)?,
            text: text(row, 5)?,
            blocking: row.get(6)?,
            at: wall(row, 7)?,
        });
    }
    Ok(failed)
}

/// Makes failed items pending again; answers how many.
pub(super) fn retry(store: &Connection, organizer: &str, items: Option<&[ItemId]>) -> Result<usize, Fault> {
    if let Some(items) = items {
        return settle(store, organizer, items, Stored::Pending);
    }
    let mut find = store.prepare_cached(sql::FAILED_OF)?;
    let items: Vec<_> = find.query_map([organizer], |row| item(row, 0))?.collect::<rusqlite::Result<_>>()?;
    settle(store, organizer, &items, Stored::Pending)
}

/// Takes failed items off the list; answers how many.
pub(super) fn dismiss(store: &Connection, organizer: &str, items: &[ItemId]) -> Result<usize, Fault> {
    settle(store, organizer, items, Stored::Dismissed)
}

/// Puts those of `items` that are listed as failed into the state `next`; answers how many.
fn settle(store: &Connection, organizer: &str, items: &[ItemId], next: Stored) -> Result<usize, Fault> {
    let mut of_page: BTreeMap<PageId, Vec<u32>> = BTreeMap::new();
    for item in items {
        of_page.entry(item.page).or_default().push(item.position);
    }
    let mut settled = 0;
    for (id, positions) in of_page {
        let Some(mut page) = PageStates::of(store, id)? else { continue };
        if *page.organizer != *organizer || (next == Stored::Pending && !page.has_body) {
            continue;
        }
        for position in positions {
            if page.get(position).is_some_and(Stored::is_listed) {
                page.set(position, next);
                store.prepare_cached(sql::FAILED_DROP)?.execute(params![id.0, position])?;
                settled += 1;
            }
        }
        page.write(store, None)?;
    }
    Ok(settled)
}

/// Entries of the skip list.
pub(super) fn skips(store: &Connection, organizer: &str) -> Result<Vec<Box<str>>, Fault> {
    let mut find = store.prepare_cached(sql::SKIPS)?;
    let entries = find.query_map([organizer], |row| text(row, 0))?;
    Ok(entries.collect::<rusqlite::Result<_>>()?)
}

/// Adds or removes an entry; false: nothing changed.
pub(super) fn set_skip(store: &Connection, organizer: &str, entry: &str, skipped: bool) -> Result<bool, Fault> {
    let entry = skip_entry(entry).map_err(Fault::Rule)?;
    let statement = if skipped {
        "INSERT OR IGNORE INTO feedback_skip(organizer, entry) VALUES(?1, ?2)"
    } else {
        "DELETE FROM feedback_skip WHERE organizer = ?1 AND entry = ?2"
    };
    Ok(store.prepare_cached(statement)?.execute([organizer, entry])? > 0)
}
