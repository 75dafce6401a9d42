//! The one writer: appends, and deletes what is too old or too much.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use ticketbridge_core::time::Wall;

use super::database::{self, Unusable, WAL_ROOM};
use super::record::{EventKind, ExchangeBodies, ExchangeId, Kept, NewExchange, PlatformEvent};
use crate::StoreError;

/// Platform events kept; older ones make room.
pub const MAX_EVENTS: i64 = 10_000;
/// Smallest bound of the file, in bytes.
const LEAST_SIZE: u64 = 4 << 20;
/// What a head takes beside its texts, in bytes.
const HEAD: u64 = 256;
/// Pages given back to the disk at once, after the bound was lowered.
const VACUUM_PAGES: i64 = 4_096;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Nothing older than this.
    pub age: Duration,
    /// Bytes on disk, the WAL included; 4 MiB at least.
    pub size: u64,
}

impl Bounds {
    /// Bytes that the pages of the file may take.
    fn pages_size(self) -> u64 {
        self.size.max(LEAST_SIZE) - WAL_ROOM
    }
}

/// An opened file.
pub struct Opened {
    /// The file.
    pub store: ExchangeStore,
    /// It was unusable, for this reason, and made anew.
    pub set_aside: Option<String>,
}

/// The writer. One per file.
#[derive(Debug)]
pub struct ExchangeStore {
    path: PathBuf,
    connection: Connection,
    bounds: Bounds,
    /// The latest time that was seen.
    now: Wall,
}

impl ExchangeStore {
    /// Opens the file, or makes it; one that cannot be used is moved to its name with `.aside` behind it first. Errors:
    /// another program's file, or a disk that takes none.
    pub fn open(path: &Path, bounds: Bounds, now: Wall) -> Result<Opened, StoreError> {
        let opened = |connection, set_aside| Opened {
            store: Self { path: path.to_owned(), connection, bounds, now },
            set_aside,
        };
        match database::open_writer(path, now.0) {
            Ok(connection) => Ok(opened(connection, None)),
            Err(Unusable::Not(error)) => Err(error),
            Err(Unusable::Broken(why)) => {
                database::set_aside(path)?;
                match database::open_writer(path, now.0) {
                    Ok(connection) => Ok(opened(connection, Some(why))),
                    Err(Unusable::Not(error)) => Err(error),
                    Err(Unusable::Broken(why)) => Err(StoreError::Refused(format!(
                        "the file of exchanges `{}` cannot be made: {why}",
                        path.display()
                    ))),
                }
            }
        }
    }

    /// Other bounds from now on.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// Bytes that the file takes on disk now, its WAL included.
    pub fn size(&self) -> u64 {
        let size = |end: &str| std::fs::metadata(super::with_end(&self.path, end)).map_or(0, |data| data.len());
        size("") + size("-wal")
    }

    /// Keeps these, all or none, and answers their numbers; the oldest make room first.
    pub fn append(&mut self, exchanges: &[NewExchange]) -> Result<Vec<ExchangeId>, StoreError> {
        let bounds = self.bounds;
        let incoming: u64 = exchanges.iter().map(weight).sum();
        self.now = exchanges.last().map_or(self.now, |last| last.at);
        self.write("written", |transaction| {
            make_room(transaction, bounds.pages_size().saturating_sub(incoming))?;
            exchanges.iter().map(|exchange| insert(transaction, exchange)).collect()
        })
    }

    /// Adds the bodies of an exchange of which only the head was kept, since something in its answer was refused. One
    /// that is gone meanwhile stays gone.
    pub fn add_bodies(&mut self, id: ExchangeId, bodies: &ExchangeBodies) -> Result<(), StoreError> {
        self.write("written", |transaction| {
            let is_there = transaction
                .prepare_cached("UPDATE exchange SET failed = 1, kept = ?2 WHERE id = ?1")?
                .execute(params![id.0, kept_number(Kept::Whole)])?;
            if is_there > 0 {
                insert_bodies(transaction, id, bodies)?;
            }
            Ok(())
        })
    }

    /// Marks an exchange as one in whose answer something was refused; its bodies stay as they are, kept or not.
    pub fn mark_failed(&mut self, id: ExchangeId) -> Result<(), StoreError> {
        self.write("written", |transaction| {
            transaction.prepare_cached("UPDATE exchange SET failed = 1 WHERE id = ?1")?.execute([id.0])?;
            Ok(())
        })
    }

    /// Keeps platform events. A pause that begins before the last one of its platform has ended prolongs that.
    pub fn add_events(&mut self, events: &[PlatformEvent]) -> Result<(), StoreError> {
        self.write("written", |transaction| {
            for event in events {
                if event.kind != EventKind::Paused || !prolong(transaction, event)? {
                    transaction
                        .prepare_cached("INSERT INTO event(at, until, kind, about, text) VALUES (?1, ?2, ?3, ?4, ?5)")?
                        .execute(params![
                            event.at.0,
                            event.until.map(|until| until.0),
                            event.kind.number(),
                            event.about,
                            event.text
                        ])?;
                }
            }
            transaction
                .prepare_cached("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?1")?
                .execute([MAX_EVENTS])?;
            Ok(())
        })
    }

    /// Deletes what is older than the bound, and gives disk back that a lowered bound leaves unused.
    pub fn purge(&mut self, now: Wall) -> Result<(), StoreError> {
        let bounds = self.bounds;
        self.now = now;
        let age = i64::try_from(bounds.age.as_millis()).unwrap_or(i64::MAX);
        let oldest = now.0.saturating_sub(age);
        self.write("purged", |transaction| {
            // Times follow numbers but for jumps of the clock: what comes before the first that is young enough goes.
            let first: Option<i64> =
                transaction.query_row("SELECT min(id) FROM exchange WHERE at >= ?1", [oldest], |row| row.get(0))?;
            let end = match first {
                Some(first) => first - 1,
                None => transaction.query_row("SELECT coalesce(max(id), 0) FROM exchange", [], |row| row.get(0))?,
            };
            delete_up_to(transaction, end)?;
            transaction.execute("DELETE FROM event WHERE max(at, coalesce(until, at)) < ?1", [oldest])?;
            make_room(transaction, bounds.pages_size())
        })?;
        let pages = self.number("page_count")?;
        if pages.saturating_mul(self.number("page_size")?) > bounds.pages_size() as i64 {
            // The statement has to be stepped to its end: each step gives one page back.
            let vacuum = || -> rusqlite::Result<()> {
                let mut vacuum = self.connection.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
                let mut rows = vacuum.query([])?;
                while rows.next()?.is_some() {}
                Ok(())
            };
            vacuum().map_err(|error| database::refused(&self.path, "made smaller", &error))?;
        }
        Ok(())
    }

    fn number(&self, pragma: &str) -> Result<i64, StoreError> {
        self.connection
            .pragma_query_value(None, pragma, |row| row.get(0))
            .map_err(|error| database::refused(&self.path, "read", &error))
    }

    /// One transaction. A file that turns out to be damaged is set aside and made anew, and the error says so; what was to
    /// be written is lost.
    fn write<T>(
        &mut self,
        doing: &str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let done = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|transaction| {
            let answer = work(&transaction)?;
            transaction.commit()?;
            Ok(answer)
        });
        done.map_err(|error| {
            let refused = database::refused(&self.path, doing, &error);
            if database::is_broken(&error) { self.renew(&refused) } else { refused }
        })
    }

    fn renew(&mut self, found: &StoreError) -> StoreError {
        let anew = || -> Result<Connection, StoreError> {
            database::set_aside(&self.path)?;
            match database::open_writer(&self.path, self.now.0) {
                Ok(connection) => Ok(connection),
                Err(Unusable::Not(error)) => Err(error),
                Err(Unusable::Broken(why)) => Err(StoreError::Refused(why)),
            }
        };
        match anew() {
            Ok(connection) => {
                self.connection = connection;
                StoreError::Refused(format!("{found}; it was set aside as `….aside`, and a new one made"))
            }
            Err(error) => StoreError::Refused(format!("{found}; a new one cannot be made: {error}")),
        }
    }
}

fn kept_number(kept: Kept) -> i64 {
    i64::from(kept == Kept::Whole)
}

/// About what it takes in the file.
fn weight(exchange: &NewExchange) -> u64 {
    let bodies = exchange.bodies.as_ref().map_or(0, |bodies| bodies.request.len() + bodies.answer.len());
    let subjects: usize = exchange.subjects.len() * 160;
    HEAD + (exchange.target.len() + exchange.fault.len() + bodies + subjects) as u64
}

fn insert(transaction: &Transaction<'_>, exchange: &NewExchange) -> rusqlite::Result<ExchangeId> {
    let kept = if exchange.bodies.is_some() { Kept::Whole } else { Kept::Head };
    transaction
        .prepare_cached(
            "INSERT INTO exchange(at, platform, about, batch, method, target, status, latency, failed, fault, kept) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            exchange.at.0,
            exchange.platform,
            exchange.about.number(),
            exchange.batch.map(|batch| batch.0),
            exchange.method,
            exchange.target,
            exchange.status,
            exchange.latency.as_millis() as i64,
            exchange.failed,
            exchange.fault,
            kept_number(kept),
        ])?;
    let id = ExchangeId(transaction.last_insert_rowid());
    if let Some(bodies) = &exchange.bodies {
        insert_bodies(transaction, id, bodies)?;
    }
    if !exchange.subjects.is_empty() {
        let mut asked = transaction.prepare_cached("INSERT OR IGNORE INTO asked VALUES (?1, ?2)")?;
        for subject in &exchange.subjects {
            asked.execute(params![subject.text(), id.0])?;
        }
    }
    Ok(id)
}

fn insert_bodies(transaction: &Transaction<'_>, id: ExchangeId, bodies: &ExchangeBodies) -> rusqlite::Result<()> {
    transaction.prepare_cached("INSERT OR REPLACE INTO body VALUES (?1, ?2, ?3)")?.execute(params![
        id.0,
        bodies.request,
        bodies.answer
    ])?;
    Ok(())
}

/// Moves the end of the pause that is in force when this one begins. False: none is.
fn prolong(transaction: &Transaction<'_>, event: &PlatformEvent) -> rusqlite::Result<bool> {
    let changed = transaction
        .prepare_cached(
            "UPDATE event SET until = max(until, ?1) WHERE kind = ?2 AND about = ?3 AND until >= ?4 \
             AND id = (SELECT max(id) FROM event WHERE kind = ?2 AND about = ?3)",
        )?
        .execute(params![event.until.map(|until| until.0), event.kind.number(), event.about, event.at.0])?;
    Ok(changed > 0)
}

/// Deletes the oldest exchanges until what is used fits into `size` bytes.
fn make_room(transaction: &Transaction<'_>, size: u64) -> rusqlite::Result<()> {
    let number = |name: &str| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let page_size = number("page_size")?;
    loop {
        let used = (number("page_count")? - number("freelist_count")?).saturating_mul(page_size);
        if used <= i64::try_from(size).unwrap_or(i64::MAX) {
            return Ok(());
        }
        let (first, last): (Option<i64>, Option<i64>) =
            transaction.query_row("SELECT min(id), max(id) FROM exchange", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(first), Some(last)) = (first, last) else { return Ok(()) };
        // A 32nd at a time: few rounds, and not much more goes than must.
        delete_up_to(transaction, first + (last - first) / 32)?;
    }
}

fn delete_up_to(transaction: &Transaction<'_>, end: i64) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM body WHERE exchange <= ?1")?.execute([end])?;
    transaction.prepare_cached("DELETE FROM asked WHERE exchange <= ?1")?.execute([end])?;
    transaction.prepare_cached("DELETE FROM exchange WHERE id <= ?1")?.execute([end])?;
    Ok(())
}
