//! What an evaluation left behind for the next one, and how it sees whether the samples are still those it read.
//!
//! Guarantee: [`Versions`] of one stretch of time are equal exactly if the same loads gave it its samples. A checkpoint
//! may be lost at any time: samples and the main store tell everything again. Limits: one checkpoint per kind of file,
//! 256 MiB before it is packed.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use ticketbridge_core::network::{ChannelOrdinal, KpiFile, Timestamp};

use super::{SampleStore, Snapshot, block_of, day_of};
use crate::StoreError;

/// Most bytes of a checkpoint before it is packed: ten times one of the design limit.
const MAX_BODY: usize = 256 * 1024 * 1024;
/// Fast: it is written every hour.
const LEVEL: i32 = 1;

/// Which loads the samples before an instant come from: per block of channels and day, the newest load.
///
/// Loads of one file only ever get ascending numbers, their samples never change, and days are dropped whole: so equal
/// numbers mean equal samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions(Vec<(u32, i64, i64)>);

/// Blocks of channels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blocks(BTreeSet<u32>);

impl Blocks {
    /// Whether the channel's block is one of them.
    pub fn contains(&self, channel: ChannelOrdinal) -> bool {
        self.0.contains(&block_of(channel))
    }

    /// Adds the channel's block.
    pub fn add(&mut self, channel: ChannelOrdinal) {
        self.0.insert(block_of(channel));
    }

    pub(super) fn has(&self, block: u32) -> bool {
        self.0.contains(&block)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Versions {
    /// The blocks whose samples of the days from `from` on differ: some came, or went.
    pub fn differences(&self, other: &Self, from: Timestamp) -> Blocks {
        let since = day_of(from);
        let of = |versions: &Self| -> BTreeMap<(u32, i64), i64> {
            let days = versions.0.iter().filter(|(_, day, _)| *day >= since);
            days.map(|(block, day, sequence)| ((*block, *day), *sequence)).collect()
        };
        let (own, others) = (of(self), of(other));
        let differs = |place: &&(u32, i64)| own.get(*place) != others.get(*place);
        Blocks(own.keys().chain(others.keys()).filter(differs).map(|(block, _)| *block).collect())
    }
}

impl Snapshot<'_> {
    /// Which loads the samples of `file` before `before` come from, of the days from that of `from` on.
    pub fn versions(&self, file: KpiFile, from: Timestamp, before: Timestamp) -> Result<Versions, StoreError> {
        let fault = |error| self.store().fault("read", &error);
        let mut statement = self
            .connection()
            .prepare(
                "SELECT block, day, max(sequence) FROM chunk WHERE kind = ?1 AND day >= ?2 AND first_at < ?3 \
                 AND sequence NOT IN (SELECT sequence FROM load WHERE state = 1) GROUP BY block, day",
            )
            .map_err(fault)?;
        let rows = statement
            .query_map(params![file as u8, day_of(from), before.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .map_err(fault)?;
        rows.collect::<Result<_, _>>().map(Versions).map_err(fault)
    }

    /// What [`SampleStore::put_checkpoint`] kept for `file`. A damaged one is as good as none.
    pub fn checkpoint(&self, file: KpiFile) -> Result<Option<Vec<u8>>, StoreError> {
        let packed: Option<Vec<u8>> = self
            .connection()
            .query_row("SELECT body FROM checkpoint WHERE kind = ?1", [file as u8], |row| row.get(0))
            .optional()
            .map_err(|error| self.store().fault("asked for a checkpoint", &error))?;
        Ok(packed.and_then(|packed| zstd::bulk::decompress(&packed, MAX_BODY).ok()))
    }
}

impl SampleStore {
    /// Keeps `body` as the checkpoint of `file`, in place of the one before. Whoever writes it holds
    /// [`SampleStore::lock_run`].
    pub fn put_checkpoint(&self, file: KpiFile, body: &[u8]) -> Result<(), StoreError> {
        if body.len() > MAX_BODY {
            return Err(StoreError::Refused(format!("a checkpoint of {} bytes; the limit is {MAX_BODY}", body.len())));
        }
        let packed = zstd::bulk::compress(body, LEVEL)
            .map_err(|error| StoreError::Refused(format!("a checkpoint could not be packed: {error}")))?;
        let fault = |error| self.fault("given a checkpoint", &error);
        let mut connection = self.writer();
        let transaction = self.begin_write(&mut connection)?;
        transaction
            .execute(
                "INSERT INTO checkpoint(kind, body) VALUES (?1, ?2) ON CONFLICT(kind) DO UPDATE SET body = ?2",
                params![file as u8, packed],
            )
            .map_err(fault)?;
        transaction.commit().map_err(fault)
    }

    /// Forgets all checkpoints: the next evaluation reads every stored sample.
    pub fn drop_checkpoints(&self) -> Result<(), StoreError> {
        let fault = |error| self.fault("rid of its checkpoints", &error);
        let mut connection = self.writer();
        let transaction = self.begin_write(&mut connection)?;
        transaction.execute("DELETE FROM checkpoint", []).map_err(fault)?;
        transaction.commit().map_err(fault)
    }
}
