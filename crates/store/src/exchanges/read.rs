//! Reading, beside the writer, also from another process. Each call sees one committed state.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use ticketbridge_core::delivery::BatchId;
use ticketbridge_core::time::Wall;

use super::database;
use super::record::{About, EventKind, Exchange, ExchangeBodies, ExchangeId, Kept, PlatformEvent, Subject};
use crate::StoreError;

/// Most exchanges that one call answers.
pub const MAX_EXCHANGES: usize = 1_000;

const HEAD: &str =
    "SELECT id, at, platform, about, batch, method, target, status, latency, failed, fault, kept FROM exchange ";

/// Which exchanges. `None` and `false` do not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExchangeFilter {
    /// With this platform.
    pub platform: Option<String>,
    /// For this.
    pub about: Option<About>,
    /// Only those that failed.
    pub failed: bool,
    /// Method, address, fault or a kept body holds this text, ignoring ASCII case.
    pub text: Option<String>,
}

/// A reader.
#[derive(Debug)]
pub struct ExchangeReader {
    path: PathBuf,
    connection: Connection,
}

impl ExchangeReader {
    /// Opens the file; `None`: there is none yet.
    pub fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        if !path.exists() {
            return Ok(None);
        }
        Ok(Some(Self { path: path.to_owned(), connection: database::open_reader(path)? }))
    }

    /// A page, newest first: those before `before`, at most `limit` and [`MAX_EXCHANGES`].
    pub fn page(
        &self,
        filter: &ExchangeFilter,
        before: Option<ExchangeId>,
        limit: usize,
    ) -> Result<Vec<Exchange>, StoreError> {
        let mut text = format!("{HEAD}WHERE 1");
        let mut values: Vec<Value> = Vec::new();
        if let Some(before) = before {
            text.push_str(" AND id < ?");
            values.push(before.0.into());
        }
        if let Some(platform) = &filter.platform {
            text.push_str(" AND platform = ?");
            values.push(platform.clone().into());
        }
        if let Some(about) = filter.about {
            text.push_str(" AND about = ?");
            values.push(about.number().into());
        }
        if filter.failed {
            text.push_str(" AND failed = 1");
        }
        if let Some(wanted) = &filter.text {
            text.push_str(
                " AND (instr(lower(method || ' ' || target), ?) OR instr(lower(fault), ?) OR EXISTS (SELECT 1 FROM body \
                 WHERE exchange = id AND (instr(lower(request), ?) OR instr(lower(answer), ?))))",
            );
            values.extend((0..4).map(|_| Value::from(wanted.to_ascii_lowercase())));
        }
        text.push_str(" ORDER BY id DESC LIMIT ?");
        values.push((limit.min(MAX_EXCHANGES) as i64).into());
        self.find(&text, params_from_iter(values))
    }

    /// Those of a batch, oldest first.
    pub fn of_batch(&self, batch: BatchId) -> Result<Vec<Exchange>, StoreError> {
        self.find(&format!("{HEAD}WHERE batch = ?1 ORDER BY id LIMIT {MAX_EXCHANGES}"), [batch.0])
    }

    /// Those of look-ups that asked about one of these, oldest first; of many, the newest.
    pub fn of_look_ups(&self, subjects: &[Subject]) -> Result<Vec<Exchange>, StoreError> {
        let marks = vec!["?"; subjects.len()].join(", ");
        let text = format!(
            "{HEAD}WHERE id IN (SELECT exchange FROM asked WHERE subject IN ({marks})) ORDER BY id DESC LIMIT {MAX_EXCHANGES}"
        );
        let mut found = self.find(&text, params_from_iter(subjects.iter().map(Subject::text)))?;
        found.reverse();
        Ok(found)
    }

    /// Those of retrievals of the open tickets of a platform that ended in this time, newest first, at most `limit`.
    pub fn of_retrievals(
        &self,
        platform: &str,
        from: Wall,
        to: Wall,
        limit: usize,
    ) -> Result<Vec<Exchange>, StoreError> {
        let text = format!(
            "{HEAD}WHERE platform = ?1 AND about = {} AND at >= ?2 AND at <= ?3 ORDER BY id DESC LIMIT ?4",
            About::OpenTickets.number()
        );
        self.find(&text, params![platform, from.0, to.0, limit.min(MAX_EXCHANGES) as i64])
    }

    /// One; `None`: there is none of this number any more.
    pub fn exchange(&self, id: ExchangeId) -> Result<Option<Exchange>, StoreError> {
        Ok(self.find(&format!("{HEAD}WHERE id = ?1"), [id.0])?.pop())
    }

    /// The bodies of one; `None`: they are not kept.
    pub fn bodies(&self, id: ExchangeId) -> Result<Option<ExchangeBodies>, StoreError> {
        let mut find = self.prepare("SELECT request, answer FROM body WHERE exchange = ?1")?;
        find.query_row([id.0], |row| Ok(ExchangeBodies { request: row.get(0)?, answer: row.get(1)? }))
            .optional()
            .map_err(|error| self.refused(&error))
    }

    /// Platform events, oldest first.
    pub fn events(&self) -> Result<Vec<PlatformEvent>, StoreError> {
        let mut find = self.prepare("SELECT at, until, kind, about, text FROM event ORDER BY id")?;
        let event = |row: &Row<'_>| {
            let Some(kind) = EventKind::from_number(row.get(2)?) else { return Ok(None) };
            let until: Option<i64> = row.get(1)?;
            Ok(Some(PlatformEvent {
                at: Wall(row.get(0)?),
                until: until.map(Wall),
                kind,
                about: row.get(3)?,
                text: row.get(4)?,
            }))
        };
        let found = find.query_map([], event).and_then(|rows| rows.collect::<rusqlite::Result<Vec<_>>>());
        Ok(found.map_err(|error| self.refused(&error))?.into_iter().flatten().collect())
    }

    /// When the file was made, and when its oldest exchange ended.
    pub fn since(&self) -> Result<(Wall, Option<Wall>), StoreError> {
        let number = |text: &str| -> Result<Option<i64>, StoreError> {
            let found = self.connection.query_row(text, [], |row| row.get(0)).optional();
            Ok(found.map_err(|error| self.refused(&error))?.flatten())
        };
        let made = number("SELECT at FROM made")?.unwrap_or(0);
        Ok((Wall(made), number("SELECT at FROM exchange ORDER BY id LIMIT 1")?.map(Wall)))
    }

    fn find(&self, text: &str, values: impl rusqlite::Params) -> Result<Vec<Exchange>, StoreError> {
        let mut find = self.prepare(text)?;
        let found = find.query_map(values, exchange).and_then(Iterator::collect);
        found.map_err(|error| self.refused(&error))
    }

    fn prepare(&self, text: &str) -> Result<rusqlite::CachedStatement<'_>, StoreError> {
        self.connection.prepare_cached(text).map_err(|error| self.refused(&error))
    }

    fn refused(&self, error: &rusqlite::Error) -> StoreError {
        database::refused(&self.path, "read", error)
    }
}

fn exchange(row: &Row<'_>) -> rusqlite::Result<Exchange> {
    let batch: Option<i64> = row.get(4)?;
    let whole: i64 = row.get(11)?;
    Ok(Exchange {
        id: ExchangeId(row.get(0)?),
        at: Wall(row.get(1)?),
        platform: row.get(2)?,
        about: About::from_number(row.get(3)?),
        batch: batch.map(BatchId),
        method: row.get(5)?,
        target: row.get(6)?,
        status: row.get(7)?,
        latency: std::time::Duration::from_millis(row.get::<_, i64>(8)?.max(0) as u64),
        failed: row.get(9)?,
        fault: row.get(10)?,
        kept: if whole == 1 { Kept::Whole } else { Kept::Head },
    })
}
