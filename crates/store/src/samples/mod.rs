//! Where KPI samples are kept: a second SQLite file beside the main store.
//!
//! Samples are evidence; what was concluded and reported from them is in the main store. So the two files need no
//! common transaction: samples are committed first, and a crash between the two only means to evaluate again.
//!
//! * Samples lie in **chunks**, one blob per (kind, day, block of 4,096 channels, load, part): packed columns instead
//!   of keyed rows, 4 to 8 bytes per row and more than ten times as fast to write.
//! * Later load wins, later line wins inside a load: a key (kind, channel, second) has one row for every reader.
//! * A load is visible whole or not at all. Up to [`PART_ROWS`] rows it is one transaction; larger files are cut and
//!   the load stays *open* until its last part; readers pass over open loads, and the next loader discards them.
//! * Memory: a loader holds one part (20 to 70 MB at [`PART_ROWS`], the more the fewer the blocks); a reader the packed chunks of one block of
//!   channels and the rows of one channel.
//! * Everything here blocks; async callers wrap it in `spawn_blocking`. Several processes may read and write at once.

mod checkpoint;
mod database;
mod encoding;
mod load;
mod lock;
mod merge;
mod part;
mod snapshot;
mod topology;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, params};
use ticketbridge_core::network::{ChannelOrdinal, KpiFile, Timestamp};
use ticketbridge_core::time::Wall;

use self::database::Place;
use crate::StoreError;

pub use checkpoint::{Blocks, Versions};
pub use database::APPLICATION_ID;
pub use load::{LoadRecord, LoadSource, LoadWriter, PART_ROWS, Stored};
pub use lock::HostLock;
pub use snapshot::Snapshot;
pub use ticketbridge_core::network::load::FileKind;
pub use topology::{StoredTopology, TopologyState, TopologyVersion};

/// Channels per block.
const BLOCK_CHANNELS: u32 = 4_096;
/// Seconds of a day; days count from 1970-01-01 in UTC.
const DAY: i64 = 86_400;
const ALL_KINDS: [KpiFile; 3] = [KpiFile::UsChannelSnr, KpiFile::UsChannelUtilization, KpiFile::DsChannelUtilization];

/// The sample store. One per process is enough; several, also in other processes, may use the same file.
#[derive(Debug)]
pub struct SampleStore {
    /// `None`: in memory.
    path: Option<PathBuf>,
    connection: Mutex<Connection>,
    /// Set by the first write or fsync that failed; nothing is written after it.
    failed: OnceLock<StoreError>,
}

impl SampleStore {
    /// The sample file that belongs to the main SQLite file `database`: `ticketbridge.db` →
    /// `ticketbridge.samples.db`, anything else with `.samples.db` behind it.
    pub fn path_beside(database: &Path) -> PathBuf {
        let base = if database.extension().is_some_and(|extension| extension == "db") {
            database.with_extension("")
        } else {
            database.to_owned()
        };
        let mut path = base.into_os_string();
        path.push(".samples.db");
        path.into()
    }

    /// Opens the file at `path`, makes it if it is not there, and brings its schema up to date.
    ///
    /// Errors: the file is another program's, newer, locked for more than 10 s, or can't be written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            path: Some(path.to_owned()),
            connection: Mutex::new(database::open_writer(path)?),
            failed: OnceLock::new(),
        })
    }

    /// An empty store in memory, for previews and tests: gone when dropped, one loader or reader at a time.
    pub fn in_memory() -> Result<Self, StoreError> {
        Ok(Self { path: None, connection: Mutex::new(database::open_memory()?), failed: OnceLock::new() })
    }

    /// Ordinals of these channel ids, in their order; ids not yet known get the next free ones, durably. An ordinal
    /// never changes its channel. Half a million ids take about a second.
    pub fn ordinals<'i>(&self, ids: impl IntoIterator<Item = &'i str>) -> Result<Vec<ChannelOrdinal>, StoreError> {
        let mut connection = self.writer();
        let transaction = self.begin_write(&mut connection)?;
        let fault = |error| self.fault("given new channels", &error);
        let mut found = Vec::new();
        {
            let mut find = transaction.prepare("SELECT ordinal FROM channel WHERE id = ?1").map_err(fault)?;
            let mut add = transaction.prepare("INSERT INTO channel(ordinal, id) VALUES (?1, ?2)").map_err(fault)?;
            let mut next: u32 = transaction
                .query_row("SELECT coalesce(max(ordinal) + 1, 0) FROM channel", [], |row| row.get(0))
                .map_err(fault)?;
            for id in ids {
                let mut rows = find.query([id]).map_err(fault)?;
                let ordinal = if let Some(row) = rows.next().map_err(fault)? {
                    row.get(0).map_err(fault)?
                } else {
                    add.execute(params![next, id]).map_err(fault)?;
                    next += 1;
                    next - 1
                };
                found.push(ChannelOrdinal(ordinal));
            }
        }
        transaction.commit().map_err(fault)?;
        Ok(found)
    }

    /// Drops whole days of samples that lie before `oldest` altogether, and the records of loads taken in before
    /// `loads_before` that are not the newest of their kind. Answers how many rows of samples went. Rows of the day
    /// that `oldest` falls in stay: readers give the range of time that they want.
    pub fn retain(&self, oldest: Timestamp, loads_before: Wall) -> Result<u64, StoreError> {
        let mut connection = self.writer();
        let transaction = self.begin_write(&mut connection)?;
        let fault = |error| self.fault("cleared of old samples", &error);
        let day = oldest.0.div_euclid(DAY);
        let mut gone = 0;
        for kind in ALL_KINDS {
            let rows: i64 = transaction
                .query_row(
                    "SELECT coalesce(sum(rows), 0) FROM chunk WHERE kind = ?1 AND day < ?2",
                    params![kind as u8, day],
                    |row| row.get(0),
                )
                .map_err(fault)?;
            if rows > 0 {
                transaction
                    .execute("DELETE FROM chunk WHERE kind = ?1 AND day < ?2", params![kind as u8, day])
                    .map_err(fault)?;
            }
            gone += rows;
        }
        transaction
            .execute(
                "DELETE FROM load WHERE state = 2 AND loaded_at < ?1 \
                 AND sequence NOT IN (SELECT max(sequence) FROM load WHERE state = 2 GROUP BY kind)",
                [loads_before.0],
            )
            .map_err(fault)?;
        transaction.commit().map_err(fault)?;
        Ok(gone as u64)
    }

    /// The right to evaluate and report: one holder at a time over all processes of this machine. Blocks for up to
    /// 60 s; given back when dropped. A store in memory does not lock.
    pub fn lock_run(&self) -> Result<HostLock, StoreError> {
        HostLock::take(self.path.as_deref(), lock::Purpose::Running)
    }

    /// How long a write waits for another process instead of 10 s.
    pub fn wait_at_most(&self, span: Duration) -> Result<(), StoreError> {
        self.writer().busy_timeout(span).map_err(|error| self.fault("prepared", &error))
    }

    /// Most pages of 4,096 bytes that the file may have: a bound for a shared disk. Never below its present size.
    pub fn limit_pages(&self, pages: i64) -> Result<(), StoreError> {
        self.writer()
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .map_err(|error| self.fault("prepared", &error))
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere rolled its transaction back; the connection itself is sound.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to write, unless a write failed before.
    fn begin_write<'c>(&self, connection: &'c mut Connection) -> Result<Transaction<'c>, StoreError> {
        if let Some(failed) = self.failed.get() {
            return Err(failed.clone());
        }
        database::begin(connection, self.place()).inspect_err(|error| self.remember(error))
    }

    fn fault(&self, doing: &str, error: &rusqlite::Error) -> StoreError {
        let error = self.place().fault(doing, error);
        self.remember(&error);
        error
    }

    fn remember(&self, error: &StoreError) {
        if error.is_fatal() {
            self.failed.get_or_init(|| error.clone());
        }
    }

    fn place(&self) -> Place<'_> {
        Place(self.path.as_deref().unwrap_or_else(|| Path::new(":memory:")))
    }
}

fn block_of(channel: ChannelOrdinal) -> u32 {
    channel.0 / BLOCK_CHANNELS
}

fn day_of(at: Timestamp) -> i64 {
    at.0.div_euclid(DAY)
}
