//! Taking a KPI file in.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use ticketbridge_core::network::{KpiFile, Sample};
use ticketbridge_core::time::Wall;

use super::encoding::{Decoder, Encoder, MAX_CHUNK_ROWS};
use super::lock::{HostLock, Purpose};
use super::part::PartRows;
use super::{FileKind, SampleStore, block_of, day_of};
use crate::StoreError;

/// Rows of one part: a larger file is taken in by several transactions.
pub const PART_ROWS: usize = 1_000_000;
const _: () = assert!(PART_ROWS <= MAX_CHUNK_ROWS);

/// What a load is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadSource {
    /// Kind of the file.
    pub kind: FileKind,
    /// SHA-256 of its content: the file's identity (telecom contract §3.6).
    pub hash: [u8; 32],
    /// Its name, for people.
    pub file: String,
}

/// A file that was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadRecord {
    /// Ascending over all kinds; a later load wins over an earlier one.
    pub sequence: i64,
    /// Kind of the file.
    pub kind: FileKind,
    /// SHA-256 of its content.
    pub hash: [u8; 32],
    /// Its name.
    pub file: String,
    /// What was counted, as JSON (telecom contract §3.5); opaque here.
    pub counters: String,
    /// When it was taken in.
    pub loaded_at: Wall,
}

/// What became of the rows of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Rows handed over.
    pub rows: u64,
    /// Keys (channel, second) that were not in the store before.
    pub new_keys: u64,
}

impl Stored {
    /// Rows that replaced another, of this load or of an earlier one (telecom contract §3.5).
    pub fn duplicates(self) -> u64 {
        self.rows - self.new_keys
    }
}

/// A load in progress. Dropped before [`LoadWriter::finish`] it leaves nothing that a reader sees.
pub struct LoadWriter<'s> {
    store: &'s SampleStore,
    _lock: HostLock,
    source: LoadSource,
    bytes: Option<u64>,
    file: KpiFile,
    sequence: Option<i64>,
    part: u32,
    part_rows: usize,
    rows: PartRows,
    encoder: Encoder,
    decoder: Decoder,
    stored: Stored,
}

/// A chunk ready to be written.
struct Packed {
    block: u32,
    day: i64,
    first_at: i64,
    last_at: i64,
    rows: usize,
    data: Vec<u8>,
}

impl SampleStore {
    /// Begins to take in a KPI file. Waits up to 60 s for another loader, and discards what a crashed one left.
    ///
    /// Errors: `source` is a topology file; another process is loading; the store can't be written.
    pub fn begin(&self, source: LoadSource) -> Result<LoadWriter<'_>, StoreError> {
        self.begin_with_part_rows(source, PART_ROWS)
    }

    /// [`SampleStore::begin`] with another cut than [`PART_ROWS`], capped by it. Small parts cost space and time;
    /// they let tests see the seams.
    pub fn begin_with_part_rows(&self, source: LoadSource, part_rows: usize) -> Result<LoadWriter<'_>, StoreError> {
        let Some(file) = source.kind.kpi() else {
            return Err(StoreError::Refused(format!(
                "`{}` is a topology file ({}), which holds no samples; hand it over as a topology",
                source.file, source.kind
            )));
        };
        let lock = HostLock::take(self.path.as_deref(), Purpose::Loading)?;
        self.discard_open_loads()?;
        let zstd = |error| StoreError::Refused(format!("zstd could not be set up for {}: {error}", self.place()));
        Ok(LoadWriter {
            store: self,
            _lock: lock,
            source,
            bytes: None,
            file,
            sequence: None,
            part: 0,
            part_rows: part_rows.clamp(1, PART_ROWS),
            rows: PartRows::default(),
            encoder: Encoder::new().map_err(zstd)?,
            decoder: Decoder::new().map_err(zstd)?,
            stored: Stored { rows: 0, new_keys: 0 },
        })
    }

    /// Whether a file of `kind` and this length, or of a length that nobody noted, was taken in at or after `since`. If
    /// not, no file of this length can be known, and its content need not be read for [`SampleStore::loaded`].
    pub fn may_be_loaded(&self, kind: FileKind, bytes: u64, since: Wall) -> Result<bool, StoreError> {
        self.writer()
            .query_row(
                "SELECT EXISTS(SELECT 1 FROM load WHERE kind = ?1 AND state = 2 AND loaded_at >= ?2 \
                 AND (bytes IS NULL OR bytes = ?3))",
                params![kind.as_str(), since.0, bytes as i64],
                |row| row.get(0),
            )
            .map_err(|error| self.fault("asked for a load", &error))
    }

    /// The newest complete load of `kind` with this content that was taken in at or after `since`.
    pub fn loaded(&self, kind: FileKind, hash: &[u8; 32], since: Wall) -> Result<Option<LoadRecord>, StoreError> {
        self.writer()
            .query_row(
                &format!("{SELECT_LOAD} WHERE kind = ?1 AND state = 2 AND hash = ?2 AND loaded_at >= ?3 ORDER BY sequence DESC LIMIT 1"),
                params![kind.as_str(), &hash[..], since.0],
                read_load,
            )
            .optional()
            .map_err(|error| self.fault("asked for a load", &error))
    }

    /// The latest complete loads of `kind`, newest first.
    pub fn loads(&self, kind: FileKind, limit: usize) -> Result<Vec<LoadRecord>, StoreError> {
        let fault = |error| self.fault("asked for its loads", &error);
        let connection = self.writer();
        let mut statement = connection
            .prepare(&format!("{SELECT_LOAD} WHERE kind = ?1 AND state = 2 ORDER BY sequence DESC LIMIT ?2"))
            .map_err(fault)?;
        let rows = statement.query_map(params![kind.as_str(), limit as i64], read_load).map_err(fault)?;
        rows.collect::<Result<_, _>>().map_err(fault)
    }

    /// The caller holds the load lock, so an open load is one that was cut off.
    fn discard_open_loads(&self) -> Result<(), StoreError> {
        let fault = |error| self.fault("cleared of a load that was cut off", &error);
        let mut connection = self.writer();
        let open: i64 =
            connection.query_row("SELECT count(*) FROM load WHERE state = 1", [], |row| row.get(0)).map_err(fault)?;
        if open == 0 {
            return Ok(());
        }
        let transaction = self.begin_write(&mut connection)?;
        // By the ids: reading them needs only the index, not the blobs.
        transaction
            .execute(
                "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk INDEXED BY chunk_place \
                 WHERE sequence IN (SELECT sequence FROM load WHERE state = 1))",
                [],
            )
            .map_err(fault)?;
        transaction.execute("DELETE FROM load WHERE state = 1", []).map_err(fault)?;
        transaction.commit().map_err(fault)
    }
}

impl LoadWriter<'_> {
    /// Takes one row. Its place in the file counts: a later row replaces an earlier one of the same key.
    pub fn push(&mut self, sample: Sample) -> Result<(), StoreError> {
        self.extend(std::slice::from_ref(&sample))
    }

    /// Takes rows in their order: the same as [`LoadWriter::push`] for each, and quicker.
    pub fn extend(&mut self, mut samples: &[Sample]) -> Result<(), StoreError> {
        while !samples.is_empty() {
            let taken = self.rows.take(samples, self.part_rows);
            samples = samples.get(taken..).unwrap_or_default();
            if taken == 0 || self.rows.len() >= self.part_rows {
                self.write_part(None)?;
            }
        }
        Ok(())
    }

    /// The file's identity, for who knew only its name when the load began: SHA-256 and length of its content.
    pub fn identify(&mut self, hash: [u8; 32], bytes: u64) {
        self.source.hash = hash;
        self.bytes = Some(bytes);
    }

    /// Completes the load: with this, readers see all of it. `counters` is kept with the record.
    pub fn finish(mut self, at: Wall, counters: impl FnOnce(Stored) -> String) -> Result<LoadRecord, StoreError> {
        let packed = self.pack()?;
        let counters = counters(self.stored);
        self.write(&packed, Some((&counters, at)))?;
        Ok(LoadRecord {
            sequence: self.sequence.unwrap_or_default(),
            kind: self.source.kind,
            hash: self.source.hash,
            file: std::mem::take(&mut self.source.file),
            counters,
            loaded_at: at,
        })
    }

    fn write_part(&mut self, last: Option<(&str, Wall)>) -> Result<(), StoreError> {
        let packed = self.pack()?;
        self.write(&packed, last)
    }

    /// Packs the rows at hand by (block, day), the later row of a key only, and counts the keys that are new.
    fn pack(&mut self) -> Result<Vec<Packed>, StoreError> {
        let mut rows = std::mem::take(&mut self.rows);
        self.stored.rows += rows.len() as u64;
        let mut packed = Vec::new();
        rows.drain_blocks(|block| {
            let first_day = day_of(block[0].at);
            if block.iter().all(|row| day_of(row.at) == first_day) {
                packed.push(self.pack_chunk(block)?);
                return Ok(());
            }
            let mut days: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
            for row in block {
                days.entry(day_of(row.at)).or_default().push(*row);
            }
            for day in days.values() {
                packed.push(self.pack_chunk(day)?);
            }
            Ok(())
        })?;
        self.rows = rows;
        Ok(packed)
    }

    /// Packs rows of one block and day, of which there is at least one.
    fn pack_chunk(&mut self, rows: &[Sample]) -> Result<Packed, StoreError> {
        let (first_at, last_at) =
            rows.iter().fold((i64::MAX, i64::MIN), |(first, last), row| (first.min(row.at.0), last.max(row.at.0)));
        let data = self.encoder.encode(rows).map_err(|error| {
            StoreError::Refused(format!(
                "samples of `{}` could not be packed for {}: {error}",
                self.source.file,
                self.store.place()
            ))
        })?;
        let chunk = Packed {
            block: block_of(rows[0].channel),
            day: day_of(rows[0].at),
            first_at,
            last_at,
            rows: rows.len(),
            data,
        };
        self.stored.new_keys += self.count_new(&chunk, rows)?;
        Ok(chunk)
    }

    /// How many of `rows` have a key that no complete load, and no earlier part of this one, has.
    fn count_new(&mut self, chunk: &Packed, rows: &[Sample]) -> Result<u64, StoreError> {
        let (store, place) = (self.store, self.store.place());
        let fault = |error| store.fault("searched for duplicates", &error);
        let connection = self.store.writer();
        // Only chunks whose times meet ours: in steady state there is none.
        let mut find = connection
            .prepare_cached(
                "SELECT id FROM chunk WHERE kind = ?1 AND block = ?2 AND day = ?3 AND first_at <= ?4 AND last_at >= ?5 \
                 AND (sequence = ?6 OR sequence NOT IN (SELECT sequence FROM load WHERE state = 1))",
            )
            .map_err(fault)?;
        let ids = find
            .query_map(
                params![self.file as u8, chunk.block, chunk.day, chunk.last_at, chunk.first_at, self.sequence],
                |row| row.get::<_, i64>(0),
            )
            .map_err(fault)?
            .collect::<Result<Vec<_>, _>>()
            .map_err(fault)?;
        if ids.is_empty() {
            return Ok(rows.len() as u64);
        }
        let mut known = vec![false; rows.len()];
        let mut read = connection.prepare_cached("SELECT data FROM chunk WHERE id = ?1").map_err(fault)?;
        for id in ids {
            let data: Option<Vec<u8>> = read.query_row([id], |row| row.get(0)).optional().map_err(fault)?;
            // A purge may have dropped it between the two statements.
            let Some(data) = data else { continue };
            let damaged = |_| StoreError::Refused(place.damaged(&format!("chunk {id}")));
            let mut cursor = self.decoder.open(&data).map_err(damaged)?;
            let mut index = 0;
            while let (Some(old), Some(new)) = (cursor.row, rows.get(index)) {
                match (old.channel, old.at).cmp(&(new.channel, new.at)) {
                    std::cmp::Ordering::Less => cursor.advance().map_err(damaged)?,
                    std::cmp::Ordering::Greater => index += 1,
                    std::cmp::Ordering::Equal => {
                        known[index] = true;
                        index += 1;
                        cursor.advance().map_err(damaged)?;
                    }
                }
            }
        }
        Ok(known.iter().filter(|known| !**known).count() as u64)
    }

    /// One transaction: these chunks, and the load record, which the `last` part completes.
    fn write(&mut self, packed: &[Packed], last: Option<(&str, Wall)>) -> Result<(), StoreError> {
        let (store, bytes) = (self.store, self.bytes.map(|bytes| bytes as i64));
        let fault = |error| store.fault("given new samples", &error);
        let mut connection = store.writer();
        let transaction = store.begin_write(&mut connection)?;
        let sequence = match self.sequence {
            None => insert_load(&transaction, &self.source, self.bytes, last).map_err(fault)?,
            Some(sequence) => {
                if let Some((counters, at)) = last {
                    transaction
                        .execute(
                            "UPDATE load SET state = 2, counters = ?2, loaded_at = ?3, hash = ?4, bytes = ?5 \
                             WHERE sequence = ?1 AND state = 1",
                            params![sequence, counters, at.0, &self.source.hash[..], bytes],
                        )
                        .map_err(fault)?;
                }
                sequence
            }
        };
        {
            let mut insert = transaction
                .prepare_cached(
                    "INSERT INTO chunk(kind, block, day, sequence, part, first_at, last_at, rows, data) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )
                .map_err(fault)?;
            for chunk in packed {
                insert
                    .execute(params![
                        self.file as u8,
                        chunk.block,
                        chunk.day,
                        sequence,
                        self.part,
                        chunk.first_at,
                        chunk.last_at,
                        chunk.rows as i64,
                        chunk.data
                    ])
                    .map_err(fault)?;
            }
        }
        transaction.commit().map_err(fault)?;
        self.sequence = Some(sequence);
        self.part += 1;
        Ok(())
    }
}

const SELECT_LOAD: &str = "SELECT sequence, kind, hash, file, counters, loaded_at FROM load";

/// Inserts the record of a load, complete if `done` says with what and when.
pub(super) fn insert_load(
    connection: &Connection,
    source: &LoadSource,
    bytes: Option<u64>,
    done: Option<(&str, Wall)>,
) -> Result<i64, rusqlite::Error> {
    let (counters, at) = done.unwrap_or(("", Wall(0)));
    connection.query_row(
        "INSERT INTO load(kind, hash, file, counters, state, loaded_at, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         RETURNING sequence",
        params![
            source.kind.as_str(),
            &source.hash[..],
            source.file,
            counters,
            if done.is_some() { 2 } else { 1 },
            at.0,
            bytes.map(|bytes| bytes as i64)
        ],
        |row| row.get(0),
    )
}

fn read_load(row: &Row<'_>) -> Result<LoadRecord, rusqlite::Error> {
    let kind: String = row.get(1)?;
    let unknown = || rusqlite::Error::InvalidColumnType(1, format!("file kind `{kind}`"), rusqlite::types::Type::Text);
    Ok(LoadRecord {
        sequence: row.get(0)?,
        kind: kind.parse().map_err(|_| unknown())?,
        hash: row.get(2)?,
        file: row.get(3)?,
        counters: row.get(4)?,
        loaded_at: Wall(row.get(5)?),
    })
}
