//! Pages with their items' states, and the pagination key (I8).

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use ticketbridge_core::mobile::{KeyMove, MoveReason, PaginationKey, RewindError};
use ticketbridge_core::time::Wall;

use super::words::{key as key_of, named, optional_text, pack_states, text, unpack_states, wall, window, word};
use super::{lease, statements as sql};
use crate::rules::feedback::{Stored, check_page, only_a_preview};
use crate::rules::key_rewound;
use crate::sqlite::access::record as record_audit;
use crate::sqlite::fault::Fault;
use crate::{FeedbackPage, Held, NewPage, PageId, RewindAnswer, RunFence, StoredPage, Waiting};

/// Stores a page and moves the key.
pub(super) fn put(store: &Connection, fence: &RunFence, page: &NewPage) -> Result<Held<PageId>, Fault> {
    match lease::held(store, fence)? {
        None => return Ok(Held::Lost),
        Some(true) => return Err(Fault::Rule(only_a_preview(fence.run))),
        Some(false) => {}
    }
    let old = key(store, &fence.organizer)?;
    check_page(page, &old).map_err(Fault::Rule)?;
    let states = vec![Stored::Pending as u8; usize::try_from(page.items).unwrap_or_default()];
    let values = params![fence.organizer, fence.run.0, word(&page.source)?, page.items, page.at.0, states];
    store.prepare_cached(sql::PAGE_INSERT)?.execute(values)?;
    let id = PageId(store.last_insert_rowid());
    store.prepare_cached(sql::BODY_INSERT)?.execute(params![id.0, &*page.body])?;
    if let Some(new) = &page.next {
        let step = KeyMove {
            n: 0,
            organizer: fence.organizer.clone(),
            old,
            new: new.clone(),
            reason: MoveReason::Page,
            page_id: Some(id.0 as u64),
            run_id: Some(fence.run.0 as u64),
            who: None,
            at: page.at,
        };
        move_key(store, step)?;
    }
    Ok(Held::Done(id))
}

/// Sets the key and records the move under its number.
fn move_key(store: &Connection, mut step: KeyMove) -> Result<KeyMove, Fault> {
    let last: i64 = store.prepare_cached(sql::MOVE_LAST)?.query_row([&step.organizer], |row| row.get(0))?;
    step.n = last as u64 + 1;
    store.prepare_cached(sql::KEY_SET)?.execute(params![step.organizer, step.new.as_str()])?;
    store.prepare_cached(sql::MOVE_INSERT)?.execute(params![
        step.organizer,
        last + 1,
        step.old.as_str(),
        step.new.as_str(),
        word(&step.reason)?,
        step.page_id.map(|id| id as i64),
        step.run_id.map(|id| id as i64),
        step.who,
        step.at.0,
    ])?;
    Ok(step)
}

/// The stored key.
pub(super) fn key(store: &Connection, organizer: &str) -> Result<PaginationKey, Fault> {
    let key = store.prepare_cached(sql::KEY)?.query_row([organizer], |row| key_of(row, 0)).optional()?;
    Ok(key.unwrap_or_default())
}

/// Moves of the key, newest first.
pub(super) fn moves(store: &Connection, organizer: &str, page: &FeedbackPage) -> Result<Vec<KeyMove>, Fault> {
    let mut find = store.prepare_cached(
        "SELECT n, organizer, old, new, reason, page, run, who, at FROM feedback_key_move \
         WHERE organizer = ?1 ORDER BY n DESC LIMIT ?2 OFFSET ?3",
    )?;
    let [limit, offset] = window(page);
    let moves = find.query_map(params![organizer, limit, offset], |row| {
        let number = |column| row.get::<_, Option<i64>>(column).map(|id| id.map(|id| id as u64));
        Ok(KeyMove {
            n: row.get::<_, i64>(0)? as u64,
            organizer: text(row, 1)?,
            old: key_of(row, 2)?,
            new: key_of(row, 3)?,
            reason: named(row, 4)?,
            page_id: number(5)?,
            run_id: number(6)?,
            who: optional_text(row, 7)?,
            at: wall(row, 8)?,
        })
    })?;
    Ok(moves.collect::<rusqlite::Result<_>>()?)
}

/// Sets the key back, and voids the token of a run that stands still.
pub(super) fn rewind(
    store: &Connection,
    organizer: &str,
    to: Option<u64>,
    who: &str,
    at: Wall,
) -> Result<RewindAnswer, Fault> {
    if lease::view(store, organizer)?.is_some_and(|lease| !lease.remaining.is_zero()) {
        return Ok(RewindAnswer::Refused(RewindError::RunInProgress));
    }
    let new = match to {
        None => PaginationKey::default(),
        Some(n) => {
            let n = i64::try_from(n).unwrap_or(i64::MAX);
            let new = store.prepare_cached(sql::MOVE_NEW)?.query_row(params![organizer, n], |row| key_of(row, 0));
            match new.optional()? {
                Some(new) => new,
                None => return Ok(RewindAnswer::Refused(RewindError::NotInHistory)),
            }
        }
    };
    store.prepare_cached(sql::LEASE_VOID)?.execute([organizer])?;
    lease::end_lost(store, organizer, at)?;
    let step = KeyMove {
        n: 0,
        organizer: organizer.into(),
        old: key(store, organizer)?,
        new,
        reason: MoveReason::Rewind,
        page_id: None,
        run_id: None,
        who: Some(who.into()),
        at,
    };
    let step = move_key(store, step)?;
    record_audit(store, &key_rewound(organizer, to, who, at))?;
    Ok(RewindAnswer::Done(Box::new(step)))
}

/// Pages with items to apply, in order.
pub(super) fn open(store: &Connection, organizer: &str) -> Result<Vec<PageId>, Fault> {
    let mut find = store.prepare_cached(sql::PAGES_OPEN)?;
    let pages = find.query_map([organizer], |row| row.get(0).map(PageId))?;
    Ok(pages.collect::<rusqlite::Result<_>>()?)
}

/// Number of items to apply.
pub(super) fn open_items(store: &Connection, organizer: &str) -> Result<u64, Fault> {
    let items: i64 = store.prepare_cached(sql::ITEMS_OPEN)?.query_row([organizer], |row| row.get(0))?;
    Ok(items.max(0) as u64)
}

/// A stored page.
pub(super) fn page(store: &Connection, id: PageId) -> Result<Option<StoredPage>, Fault> {
    let found = store
        .prepare_cached(sql::PAGE)?
        .query_row([id.0], |row| Ok((named(row, 0)?, row.get::<_, Vec<u8>>(1)?)))
        .optional()?;
    let Some((source, states)) = found else { return Ok(None) };
    let states = unpack_states(id, &states)?;
    let body = body(store, id)?.map(Bytes::from);
    Ok(Some(StoredPage {
        id,
        source,
        body,
        states: states.into_iter().map(Stored::shown).collect(),
        waiting: waiting(store, id)?,
    }))
}

/// A page's body, if it is still there.
pub(super) fn body(store: &Connection, id: PageId) -> Result<Option<Vec<u8>>, Fault> {
    Ok(store.prepare_cached(sql::BODY)?.query_row([id.0], |row| row.get(0)).optional()?)
}

/// A page's items that wait, by position.
pub(super) fn waiting(store: &Connection, id: PageId) -> Result<Vec<Waiting>, Fault> {
    let mut find = store.prepare_cached(sql::WAITING)?;
    let waiting = find.query_map([id.0], |row| {
        Ok(Waiting { position: row.get(0)?, attempts: row.get(1)?, due_at: wall(row, 2)?, reason: text(row, 3)? })
    })?;
    Ok(waiting.collect::<rusqlite::Result<_>>()?)
}

/// A page's states while a transaction changes them.
pub(super) struct PageStates {
    id: PageId,
    /// Whose page it is.
    pub(super) organizer: Box<str>,
    /// One per item.
    pub(super) states: Vec<Stored>,
    /// Whether its body is still there.
    pub(super) has_body: bool,
    is_changed: bool,
}

impl PageStates {
    /// Reads them.
    pub(super) fn of(store: &Connection, id: PageId) -> Result<Option<Self>, Fault> {
        let found = store
            .prepare_cached(sql::PAGE_STATES)?
            .query_row([id.0], |row| Ok((text(row, 0)?, row.get::<_, Vec<u8>>(1)?, row.get(2)?)))
            .optional()?;
        let Some((organizer, states, has_body)) = found else { return Ok(None) };
        Ok(Some(Self { id, organizer, states: unpack_states(id, &states)?, has_body, is_changed: false }))
    }

    /// The state of an item.
    pub(super) fn get(&self, position: u32) -> Option<Stored> {
        self.states.get(usize::try_from(position).ok()?).copied()
    }

    /// Sets the state of an item.
    pub(super) fn set(&mut self, position: u32, state: Stored) {
        let place = usize::try_from(position).ok().and_then(|position| self.states.get_mut(position));
        if let Some(place) = place {
            *place = state;
            self.is_changed = true;
        }
    }

    /// Writes them back, if they were changed; `at`: when, if that is known.
    pub(super) fn write(&self, store: &Connection, at: Option<Wall>) -> Result<(), Fault> {
        if !self.is_changed {
            return Ok(());
        }
        let open = self.states.iter().filter(|state| state.is_open()).count();
        let failed = self.states.iter().filter(|state| **state == Stored::Failed).count();
        let values = params![self.id.0, pack_states(&self.states), open as i64, failed as i64, at.map(|at| at.0)];
        store.prepare_cached(sql::PAGE_SET)?.execute(values)?;
        Ok(())
    }
}
