//! Removing persons and old records, in transactions of bounded length: [`PAGES_AT_ONCE`] bodies or [`ROWS_AT_ONCE`] rows.
//! Between two of them others get their turn; broken off, the next call goes on where it stopped.

use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};
use ticketbridge_core::mobile::{Email, ErasedPage, erase};
use ticketbridge_core::time::Wall;

use super::pages::{self, PageStates};
use super::{lease, statements as sql};
use crate::rules::feedback::may_blank;
use crate::sqlite::SqliteStore;
use crate::sqlite::fault::Fault;
use crate::sqlite::rows::limit;
use crate::{Erased, PageId, StoreError};

/// Bodies that one transaction reads or deletes.
const PAGES_AT_ONCE: usize = 8;
/// Rows that one transaction changes or deletes.
const ROWS_AT_ONCE: usize = 1_000;

impl SqliteStore {
    /// Deletes old bodies, calls and runs, at most `most` of each.
    pub(super) async fn purge_old_feedback(&self, before: Wall, most: usize) -> Result<usize, StoreError> {
        type Step = fn(&Connection, Wall, usize) -> Result<usize, Fault>;
        let steps: [(Step, usize); 3] =
            [(purge_bodies, PAGES_AT_ONCE), (purge_calls, ROWS_AT_ONCE), (purge_runs, ROWS_AT_ONCE)];
        let mut purged = 0;
        for (step, at_once) in steps {
            let mut left = most;
            while left > 0 {
                let wanted = left.min(at_once);
                let gone = self.write(move |store| step(store, before, wanted)).await?;
                purged += gone;
                left -= gone.min(left);
                if gone < wanted {
                    break;
                }
            }
        }
        Ok(purged)
    }

    /// Blanks what tells of the person with this e-mail.
    pub(super) async fn erase_email(&self, email: Email<'static>) -> Result<Erased, StoreError> {
        let mut erased = Erased::default();
        let mut after = PageId(0);
        loop {
            let of = email.clone();
            let (last, found) = self.read(move |store| find_pages(store, after, &of)).await?;
            for (page, seen) in found {
                let of = email.clone();
                let result = match seen.blanked {
                    0 => Some(seen),
                    _ => self.write(move |store| erase_in_page(store, page, &of)).await?,
                };
                let Some(result) = result else { continue };
                erased.pages += u64::from(result.blanked > 0);
                erased.items += result.blanked as u64;
                if result.kept > 0 {
                    erased.kept_pages.push(page);
                }
            }
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        let hash: [u8; 32] = Sha256::digest(email.as_str().as_bytes()).into();
        self.write(move |store| erase_claims(store, hash)).await?;
        erased.tickets = self.erase_rows(sql::TICKETS_ERASE, &email).await?;
        erased.contacts = self.erase_rows(sql::CONTACTS_ERASE, &email).await?;
        Ok(erased)
    }

    async fn erase_rows(&self, statement: &'static str, email: &Email<'static>) -> Result<u64, StoreError> {
        let mut erased = 0;
        loop {
            let email = email.clone();
            let changed = self
                .write(move |store| {
                    Ok(store.prepare_cached(statement)?.execute(params![email.as_str(), limit(ROWS_AT_ONCE)])?)
                })
                .await?;
            erased += changed as u64;
            if changed < ROWS_AT_ONCE {
                return Ok(erased);
            }
        }
    }
}

fn purge_bodies(store: &Connection, before: Wall, most: usize) -> Result<usize, Fault> {
    let mut find = store.prepare_cached(sql::PAGES_OLD)?;
    let old: Vec<i64> = find.query_map([before.0, limit(most)], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for page in &old {
        store.prepare_cached("DELETE FROM feedback_body WHERE page = ?1")?.execute([page])?;
        store.prepare_cached("UPDATE feedback_page SET body = 0 WHERE id = ?1")?.execute([page])?;
    }
    Ok(old.len())
}

fn purge_calls(store: &Connection, before: Wall, most: usize) -> Result<usize, Fault> {
    Ok(store.prepare_cached(sql::CALLS_PURGE)?.execute([before.0, limit(most)])?)
}

fn purge_runs(store: &Connection, before: Wall, most: usize) -> Result<usize, Fault> {
    Ok(store.prepare_cached(sql::RUNS_PURGE)?.execute([before.0, limit(most)])?)
}

/// A page that was looked at, and how many of its items are to be blanked.
type Seen = (PageId, ErasedPage);

/// Which of the next pages carry the e-mail, and the last page looked at; `None`: there are no more. Reading a body costs
/// more than all else: it is done apart from the writer, for which only pages are left that are to be blanked.
fn find_pages(store: &Connection, after: PageId, email: &Email<'_>) -> Result<(Option<PageId>, Vec<Seen>), Fault> {
    let mut find = store.prepare_cached(sql::PAGES_KEPT)?;
    let next: Vec<PageId> = find
        .query_map([after.0, limit(PAGES_AT_ONCE)], |row| row.get(0).map(PageId))?
        .collect::<rusqlite::Result<_>>()?;
    let mut found = Vec::new();
    for page in &next {
        let Some(seen) = look_at(store, *page, email)? else { continue };
        if seen.blanked + seen.kept > 0 {
            found.push((*page, ErasedPage { body: None, ..seen }));
        }
    }
    Ok((next.last().copied(), found))
}

/// What becomes of a page without the person; `None`: its body is gone.
fn look_at(store: &Connection, page: PageId, email: &Email<'_>) -> Result<Option<ErasedPage>, Fault> {
    let Some(states) = PageStates::of(store, page)? else { return Ok(None) };
    let Some(body) = pages::body(store, page)? else { return Ok(None) };
    let result = erase(&body, email, |position| may_blank(&states.states, position));
    // No page: nothing in it can be told apart.
    Ok(Some(result.unwrap_or(ErasedPage { body: None, blanked: 0, kept: 1 })))
}

/// Blanks a page's items as they are now; `None`: its body is gone.
fn erase_in_page(store: &Connection, page: PageId, email: &Email<'_>) -> Result<Option<ErasedPage>, Fault> {
    let Some(result) = look_at(store, page, email)? else { return Ok(None) };
    if let Some(body) = &result.body {
        store.prepare_cached(sql::BODY_SET)?.execute(params![page.0, body.as_bytes()])?;
    }
    Ok(Some(result))
}

/// Forgets claims on the e-mail that no living run has, unless a creation was sent: that one must be looked up.
fn erase_claims(store: &Connection, email: [u8; 32]) -> Result<(), Fault> {
    let mut find = store.prepare_cached(sql::CLAIMS_UNSENT)?;
    let claims: Vec<(String, String, i64)> = find
        .query_map([email.as_slice()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (box_office, organizer, token) in claims {
        if !lease::is_alive(store, &organizer, token)? {
            store.prepare_cached(sql::CLAIM_ERASE)?.execute(params![email, box_office])?;
        }
    }
    Ok(())
}
