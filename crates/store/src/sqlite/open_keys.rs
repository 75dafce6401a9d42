//! Which keys have an open row: a memory of hashes beside the table, since an index over keys would cost each ticket more
//! than all else (keys come in no order). Every answer is read from the table; the memory only says where to look.
//!
//! Guarantee: no open row is missed, whoever wrote it. A row gets open by coming in (a higher number) or by an operator's
//! act (a change), so both are followed from where the last question left off. Rows that are not open any more are dropped
//! when they are met, or all at once when they are more than half. About 25 bytes per open row.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use rusqlite::{Connection, OptionalExtension};

use super::fault::Fault;
use super::listing::last_ticket;
use super::{rows, statements as sql};

/// Rows that are remembered without asking whether they are still open.
const SLACK: usize = 10_000;

/// The memory. Whoever asks locks it *before* the first read of a transaction, so that no question sees an older state of
/// the table than the memory does.
#[derive(Debug, Default)]
pub(super) struct OpenKeys {
    hasher: RandomState,
    /// Hash of a key, number of a row.
    rows: BTreeSet<(u64, i64)>,
    /// Up to where rows and changes are in it; `None`: nothing is.
    upto: Option<(i64, i64)>,
}

/// An open row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenRow {
    pub(super) id: i64,
    pub(super) backend: String,
}

impl OpenKeys {
    /// Brings the memory up to the moment that `store` shows.
    pub(super) fn follow(&mut self, store: &Connection) -> Result<(), Fault> {
        let now = (last_ticket(store)?.0, store.prepare_cached(sql::CHANGE_LAST)?.query_row([], |row| row.get(0))?);
        let oldest: Option<i64> = store.prepare_cached(sql::CHANGE_FIRST)?.query_row([], |row| row.get(0))?;
        let open: i64 = store
            .prepare_cached(sql::COUNT_OPEN)?
            .query_row([rows::state_number(ticketbridge_core::ticket::State::Completed)], |row| row.get(0))?;
        let too_many = self.rows.len() > 2 * usize::try_from(open).unwrap_or_default() + SLACK;
        match self.upto {
            Some((row, change)) if !too_many && row <= now.0 && oldest.is_none_or(|oldest| oldest <= change + 1) => {
                self.add(store, sql::TICKETS_SINCE, [row])?;
                self.add(store, sql::TICKETS_CHANGED_SINCE, [change])?;
            }
            _ => {
                self.rows.clear();
                self.upto = None;
                self.add(store, sql::TICKETS_OPEN_KEYS, [])?;
            }
        }
        self.upto = Some(now);
        Ok(())
    }

    fn add<P: rusqlite::Params>(&mut self, store: &Connection, statement: &str, values: P) -> Result<(), Fault> {
        let mut find = store.prepare_cached(statement)?;
        let mut rows = find.query(values)?;
        while let Some(row) = rows.next()? {
            let hash = self.hasher.hash_one(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
            self.rows.insert((hash, row.get(0)?));
        }
        Ok(())
    }

    /// The newest open row of a key. [`OpenKeys::follow`] comes first, in the same transaction.
    pub(super) fn newest(&mut self, store: &Connection, key: &str) -> Result<Option<OpenRow>, Fault> {
        let hash = self.hasher.hash_one(key);
        let places: Vec<(u64, i64)> = self.rows.range((hash, i64::MIN)..=(hash, i64::MAX)).rev().copied().collect();
        let mut find = store.prepare_cached(sql::TICKET_IF_OPEN)?;
        for place in places {
            let row: Option<(String, String)> =
                find.query_row([place.1], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            match row {
                Some((of, backend)) if of == key => return Ok(Some(OpenRow { id: place.1, backend })),
                Some(_) => {}
                None => drop(self.rows.remove(&place)),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::params;

    use super::*;
    use crate::sqlite::migrate::MIGRATIONS;

    fn store() -> Connection {
        let store = Connection::open_in_memory().unwrap();
        for migration in MIGRATIONS {
            store.execute_batch(migration).unwrap();
        }
        store
    }

    fn add(store: &Connection, id: i64, key: &str) {
        let insert = "INSERT INTO ticket(id, origin, lane, open, state, key, kind, backend, updated_at) \
             VALUES(?1, ?2, 1, 1, 0, ?3, 'SNR', ?4, 1)";
        store.execute(insert, params![id, id.to_le_bytes(), key, format!("b{id}")]).unwrap();
    }

    fn set_open(store: &Connection, id: i64, open: bool) {
        store.execute("UPDATE ticket SET open = ?2 WHERE id = ?1", params![id, open]).unwrap();
    }

    fn newest(open: &mut OpenKeys, store: &Connection, key: &str) -> Option<i64> {
        open.follow(store).unwrap();
        open.newest(store, key).unwrap().map(|row| row.id)
    }

    #[test]
    fn rows_that_come_end_and_open_again_are_followed() {
        let (store, mut open) = (store(), OpenKeys::default());
        add(&store, 1, "a");
        add(&store, 2, "b");
        assert_eq!(newest(&mut open, &store, "a"), Some(1));
        add(&store, 3, "a");
        assert_eq!(newest(&mut open, &store, "a"), Some(3));
        set_open(&store, 3, false);
        assert_eq!(newest(&mut open, &store, "a"), Some(1));
        set_open(&store, 1, false);
        assert_eq!((newest(&mut open, &store, "a"), newest(&mut open, &store, "b")), (None, Some(2)));
        set_open(&store, 3, true);
        store.execute("INSERT INTO change(kind, ticket) VALUES(1, 3)", []).unwrap();
        assert_eq!(newest(&mut open, &store, "a"), Some(3));
    }

    #[test]
    fn what_was_missed_is_read_anew() {
        let (store, mut open) = (store(), OpenKeys::default());
        add(&store, 1, "a");
        set_open(&store, 1, false);
        assert_eq!(newest(&mut open, &store, "a"), None);
        set_open(&store, 1, true);
        // More changes than are kept came and went: the one about row 1 is not there any more.
        store.execute("INSERT INTO change(id, kind, ticket) VALUES(900, 2, NULL)", []).unwrap();
        assert_eq!(newest(&mut open, &store, "a"), Some(1));
    }

    #[test]
    fn it_grows_with_the_open_rows_only() {
        let (store, mut open) = (store(), OpenKeys::default());
        for id in 1..=SLACK as i64 + 5 {
            add(&store, id, "a");
        }
        assert_eq!(newest(&mut open, &store, "a"), Some(SLACK as i64 + 5));
        store.execute("UPDATE ticket SET open = 0 WHERE id > 1", []).unwrap();
        store.execute("INSERT INTO ticket_count VALUES('b', 0, 1)", []).unwrap();
        assert_eq!(newest(&mut open, &store, "a"), Some(1));
        assert_eq!(open.rows.len(), 1);
    }
}
