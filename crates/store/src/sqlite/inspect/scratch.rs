//! Trying out a folder: a scratch database beside the store shows what its disk does for a store, without touching it.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::StoreError;
use crate::sqlite::SqliteOptions;
use crate::sqlite::connect::{folder_of, writer};
use crate::sqlite::fault::{Fault, store_error};
use crate::sqlite::lock::beside;

/// A database of this process alone in the folder of a store, opened exactly as a store is: WAL and `synchronous = FULL`
/// are switched on and read back. Gone when it is dropped.
pub struct Scratch {
    connection: Option<Connection>,
    path: PathBuf,
}

impl Scratch {
    /// Makes one beside `store`. An error is the one that a new store would meet there. Blocks.
    pub fn beside(store: &Path) -> Result<Self, StoreError> {
        let path = folder_of(store).join(format!(".ticketbridge-doctor-{}.db", std::process::id()));
        let mut scratch = Self { connection: None, path };
        let connection = writer(&scratch.path, &SqliteOptions::default())?.0;
        let made =
            connection.execute_batch("CREATE TABLE IF NOT EXISTS tried(id INTEGER PRIMARY KEY, body TEXT NOT NULL)");
        scratch.connection = Some(connection);
        made.map_err(|error| store_error(Fault::from(error), &scratch.path))?;
        Ok(scratch)
    }

    /// One small durable transaction. Blocks until the disk says that it has it.
    pub fn commit(&self) -> Result<(), StoreError> {
        let Some(connection) = &self.connection else { return Ok(()) };
        let done = connection.execute("INSERT INTO tried(body) VALUES(hex(zeroblob(256)))", []);
        done.map(drop).map_err(|error| store_error(Fault::from(error), &self.path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.connection.take());
        for suffix in ["", "-wal", "-shm", "-journal"] {
            // What is not there need not go.
            drop(fs::remove_file(beside(&self.path, suffix)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Scratch;

    #[test]
    fn a_folder_is_tried_out_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store.db");
        {
            let scratch = Scratch::beside(&store).unwrap();
            scratch.commit().unwrap();
            scratch.commit().unwrap();
            assert!(std::fs::read_dir(folder.path()).unwrap().count() >= 2, "database and log");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(Scratch::beside(&folder.path().join("missing/store.db")).is_err());
    }
}
