//! The embedded store: SQLite in WAL mode with `synchronous = FULL`, both read back at open.
//!
//! Guarantee: what was answered is on disk. One writer thread with group commit (64 jobs per transaction, 1,024 waiting
//! at most), 3 read-only connections. Serving is exclusive per host; commands beside a serving process are safe.

mod access;
mod apply;
mod bodies;
mod connect;
mod contract;
mod counts;
mod epoch;
mod fault;
mod feedback;
mod housekeeping;
pub mod inspect;
mod intake;
mod lanes;
mod listing;
mod lock;
mod migrate;
mod open_keys;
mod operators;
mod readers;
mod rows;
mod search;
mod statements;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;

use crate::StoreError;
use bodies::Bodies;
use fault::{Fault, Health, store_error};
use lock::HostLock;
use migrate::Identity;
use open_keys::OpenKeys;
use readers::Readers;
use writer::{Verdict, Writer};

/// Read-only connections.
const READERS: usize = 3;

/// Pause between two looks whether another process is done with making or migrating the store.
const TURN: Duration = Duration::from_millis(20);

/// What the process is going to do with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Deliver: exclusive on this host, takes lanes.
    Serve,
    /// A command beside a serving process, or without one: everything but taking lanes.
    Command,
}

/// How to open a store. `Default` is right but for tests.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// Lanes per platform of a store that is made now; an existing one keeps its number. Default 1.
    pub lanes: u32,
    /// How long to wait for another process's transaction before an operation is refused. Default 10 s.
    pub busy_timeout: Duration,
    /// Largest size in pages of 4 KiB; `None`: as far as the disk goes.
    pub max_pages: Option<u32>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { lanes: 1, busy_timeout: Duration::from_secs(10), max_pages: None }
    }
}

/// A store that was opened, and what the caller must know of it.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Arc<SqliteStore>,
    /// The store was made just now.
    pub created: bool,
    /// The store may have forgotten intents (a restored backup, a copy): all open rows must start with look-ups.
    /// Reported by each serving start until [`suspicion_dealt_with`](crate::Store::suspicion_dealt_with).
    pub suspect: Option<String>,
}

/// The store in one SQLite file. Dropping it waits for what was begun.
#[derive(Debug)]
pub struct SqliteStore {
    // Dropped in this order: the writer's connection closes last, which copies the log into the database, and the host
    // lock is given back after that.
    readers: Readers,
    watch: Arc<Mutex<Connection>>,
    open_keys: Arc<Mutex<OpenKeys>>,
    bodies: Mutex<Bodies>,
    writer: Writer,
    health: Arc<Health>,
    path: PathBuf,
    lanes: u32,
    mode: OpenMode,
    _lock: Option<HostLock>,
}

/// Waits until nobody else holds the store, or somebody else has made or migrated it (`None`): commands that start together
/// on a new store are no mistake. Whoever holds it for longer than the busy time-out is named in the error.
fn turn_to_migrate(
    connection: &Connection,
    path: &Path,
    options: &SqliteOptions,
) -> Result<Option<HostLock>, StoreError> {
    let mut waits = options.busy_timeout.as_millis() / TURN.as_millis();
    loop {
        match HostLock::take(path) {
            Ok(lock) => return Ok(Some(lock)),
            Err(_) if migrate::identify(connection, path)? == Identity::Ours(migrate::VERSION) => return Ok(None),
            Err(error) if waits == 0 => return Err(error),
            // A file lock tells nobody when it is free.
            Err(_) => std::thread::sleep(TURN),
        }
        waits -= 1;
    }
}

impl SqliteStore {
    /// Opens the store at `path`, making it if there is none. Blocks: it reads and may migrate.
    pub fn open(path: &Path, mode: OpenMode) -> Result<Opened, StoreError> {
        Self::open_with(path, mode, &SqliteOptions::default())
    }

    /// [`SqliteStore::open`] with options.
    pub fn open_with(path: &Path, mode: OpenMode, options: &SqliteOptions) -> Result<Opened, StoreError> {
        let path = &connect::resolve(path);
        let say = |error: rusqlite::Error| store_error(Fault::from(error), path);
        let lock = match mode {
            OpenMode::Serve if connect::folder_of(path).is_dir() => Some(HostLock::take(path)?),
            _ => None,
        };
        let (mut connection, identity) = connect::writer(path, options)?;
        if identity != Identity::Ours(migrate::VERSION) {
            // A command must not change the schema under a serving process of an older version.
            let guard = if lock.is_none() { turn_to_migrate(&connection, path, options)? } else { None };
            migrate::migrate(&mut connection, path, options.lanes.max(1))?;
            drop(guard);
        }
        let lanes: u32 = epoch::meta(&connection, "lanes").map_err(say)?.unwrap_or(1);
        if lanes != options.lanes && options.lanes != SqliteOptions::default().lanes {
            tracing::warn!(store = %path.display(), lanes, wanted = options.lanes, "the store keeps its number of lanes");
        }
        let suspect = if mode == OpenMode::Serve {
            // The host lock proves that whoever held a lane is gone.
            connection.execute(statements::LANES_FREE_ALL, []).map_err(say)?;
            epoch::raise(&mut connection, path)?
        } else {
            None
        };
        if let Some(text) = &suspect {
            tracing::warn!(%text, "the store may have forgotten requests: open tickets start with look-ups");
        }
        let mut reading = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            reading.push(connect::reader(path, options)?);
        }
        let watch = Arc::new(Mutex::new(connect::reader(path, options)?));
        let health = Arc::new(Health::default());
        let store = Self {
            writer: Writer::start(connection, path.to_owned(), Arc::clone(&health))?,
            readers: Readers::new(reading, path.to_owned(), Arc::clone(&health)),
            watch,
            open_keys: Arc::default(),
            bodies: Mutex::default(),
            health,
            path: path.to_owned(),
            lanes,
            mode,
            _lock: lock,
        };
        Ok(Opened { store: Arc::new(store), created: identity == Identity::New, suspect })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.writer.run(|connection| work(connection).map(Verdict::Keep)).await
    }

    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.readers.run(work).await
    }
}
