//! Tickets per backend and state, kept as they change: a count costs a row per backend and state, however many tickets
//! there are. Each transaction adds what it moved, once per backend and state; a test compares with a recount.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use ticketbridge_core::ticket::{BackendName, State};

use super::fault::Fault;
use super::rows::{self, state_number};
use super::statements as sql;

/// What a transaction changes.
#[derive(Debug, Default)]
pub(super) struct Moves<'a>(BTreeMap<(&'a str, i64), i64>);

impl<'a> Moves<'a> {
    /// One more.
    pub(super) fn came(&mut self, backend: &'a str, state: State) {
        *self.0.entry((backend, state_number(state))).or_default() += 1;
    }

    /// One less.
    pub(super) fn went(&mut self, backend: &'a str, state: State) {
        *self.0.entry((backend, state_number(state))).or_default() -= 1;
    }

    /// Adds them to what is stored.
    pub(super) fn write(self, store: &Connection) -> Result<(), Fault> {
        let mut add = store.prepare_cached(sql::COUNT_ADD)?;
        for ((backend, state), change) in self.0.into_iter().filter(|(_, change)| *change != 0) {
            add.execute(params![backend, state, change])?;
        }
        Ok(())
    }
}

/// Tickets per backend and state.
pub(super) fn counts(store: &Connection) -> Result<BTreeMap<(BackendName, State), u64>, Fault> {
    let mut find = store.prepare_cached(sql::COUNTS)?;
    let found = find.query_map([], |row| {
        let backend = BackendName::new(row.get_ref(0)?.as_str()?);
        Ok(((backend, rows::state(row, 1)?), row.get::<_, i64>(2)? as u64))
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::migrate::MIGRATIONS;

    #[test]
    fn a_store_of_an_older_version_is_counted_once() {
        let store = Connection::open_in_memory().unwrap();
        // The fourth is the one that counts.
        let (older, newer) = MIGRATIONS.split_at(3);
        assert!(newer[0].contains("ticket_count"));
        for migration in older {
            store.execute_batch(migration).unwrap();
        }
        for (id, (open, state, backend)) in
            [(1, 0, "be-1"), (1, 4, "be-1"), (0, 100, "be-1"), (0, 100, "be-2"), (0, 101, "be-1"), (0, 102, "be-1")]
                .into_iter()
                .enumerate()
        {
            let values = params![id as i64 + 1, [id as u8; 16], open, state, backend];
            let insert = "INSERT INTO ticket(id, origin, lane, open, state, key, kind, backend, updated_at) \
                 VALUES(?1, ?2, 1, ?3, ?4, 'k', 'SNR', ?5, 10 * ?1)";
            store.execute(insert, values).unwrap();
        }
        for migration in newer {
            store.execute_batch(migration).unwrap();
        }
        let recount = "SELECT count(*) FROM ticket_count c WHERE count <> \
             (SELECT count(*) FROM ticket t WHERE t.backend = c.backend AND t.state = c.state)";
        let wrong: i64 = store.query_row(recount, [], |row| row.get(0)).unwrap();
        assert_eq!((wrong, counts(&store).unwrap().values().sum::<u64>()), (0, 6));
        let mut find = store.prepare("SELECT id, ended_at, aside FROM ticket ORDER BY id").unwrap();
        let rows = find.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        let rows: Vec<(i64, Option<i64>, Option<i64>)> = rows.map(Result::unwrap).collect();
        let wanted = [
            (1, None, None),
            (2, None, None),
            (3, Some(30), None),
            (4, Some(40), None),
            (5, None, Some(101)),
            (6, Some(60), Some(102)),
        ];
        assert_eq!(rows, wanted);
    }
}
