//! Reading: one consistent state of the store, however long the reading takes.

use std::ops::{Deref, RangeInclusive};
use std::sync::MutexGuard;

use rusqlite::{Connection, params};
use ticketbridge_core::network::{ChannelOrdinal, KpiFile, Sample, Timestamp};

use super::encoding::Decoder;
use super::merge::Merge;
use super::topology::version_of;
use super::{SampleStore, TopologyState, TopologyVersion, database, day_of};
use crate::StoreError;

/// The store as it was when the snapshot was taken. Loads that complete later are not seen. Held for a minute it
/// does no harm; held for hours it lets the write-ahead log grow.
pub struct Snapshot<'s> {
    store: &'s SampleStore,
    connection: Reader<'s>,
}

enum Reader<'s> {
    Own(Connection),
    Shared(MutexGuard<'s, Connection>),
}

impl Deref for Reader<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Own(connection) => connection,
            Self::Shared(connection) => connection,
        }
    }
}

impl SampleStore {
    /// Takes a snapshot. On a store in memory nothing else can be done until it is dropped.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, StoreError> {
        let connection = match &self.path {
            None => Reader::Shared(self.writer()),
            Some(path) => {
                let connection = database::open_reader(path)?;
                let fault = |error| self.fault("read", &error);
                connection.execute_batch("BEGIN").map_err(fault)?;
                // A deferred transaction begins with its first read.
                connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(fault)?;
                Reader::Own(connection)
            }
        };
        Ok(Snapshot { store: self, connection })
    }
}

impl Snapshot<'_> {
    /// Sequence number of the newest complete load, 0 if there is none: differs after every load.
    pub fn last_sequence(&self) -> Result<i64, StoreError> {
        self.connection
            .query_row("SELECT coalesce(max(sequence), 0) FROM load WHERE state = 2", [], |row| row.get(0))
            .map_err(|error| self.store.fault("asked for its loads", &error))
    }

    /// Ids of all channels that ever were in a topology; the place in the list is the ordinal.
    pub fn channels(&self) -> Result<Vec<String>, StoreError> {
        let fault = |error| self.store.fault("asked for its channels", &error);
        let mut statement = self.connection.prepare("SELECT id FROM channel ORDER BY ordinal").map_err(fault)?;
        let ids = statement.query_map([], |row| row.get(0)).map_err(fault)?;
        ids.collect::<Result<_, _>>().map_err(fault)
    }

    /// Hands over the samples of `file` in `range`, channel by channel with ascending ordinals, each channel's rows
    /// ascending in time, one row per key: the newest. Channels without a row in the range are left out.
    ///
    /// Memory: the packed chunks of one block of 4,096 channels, and one channel's rows. The error of `each` ends
    /// the reading and is handed on.
    pub fn samples<E: From<StoreError>>(
        &self,
        file: KpiFile,
        range: RangeInclusive<Timestamp>,
        mut each: impl FnMut(ChannelOrdinal, &[Sample]) -> Result<(), E>,
    ) -> Result<(), E> {
        let place = self.store.place();
        let fault = |error| self.store.fault("read", &error);
        let (from, to) = range.into_inner();
        let mut decoder = Decoder::new()
            .map_err(|error| StoreError::Refused(format!("zstd could not be set up for {place}: {error}")))?;
        let mut next_block =
            self.connection.prepare("SELECT min(block) FROM chunk WHERE kind = ?1 AND block > ?2").map_err(fault)?;
        // Ordered by the index; the blobs are fetched one by one, so that nothing is sorted with blobs in hand.
        let mut places = self
            .connection
            .prepare(
                "SELECT id, sequence, part FROM chunk WHERE kind = ?1 AND block = ?2 AND day BETWEEN ?3 AND ?4 \
                 AND last_at >= ?5 AND first_at <= ?6 AND sequence NOT IN (SELECT sequence FROM load WHERE state = 1)",
            )
            .map_err(fault)?;
        let mut data = self.connection.prepare("SELECT data FROM chunk WHERE id = ?1").map_err(fault)?;
        let mut rows = Vec::new();
        let mut block = -1_i64;
        loop {
            let found: Option<i64> =
                next_block.query_row(params![file as u8, block], |row| row.get(0)).map_err(fault)?;
            let Some(found) = found else {
                return Ok(());
            };
            block = found;
            let mut chunks: Vec<(i64, i64, i64)> = places
                .query_map(params![file as u8, block, day_of(from), day_of(to), from.0, to.0], |row| {
                    Ok((row.get(1)?, row.get(2)?, row.get(0)?))
                })
                .map_err(fault)?
                .collect::<Result<_, _>>()
                .map_err(fault)?;
            chunks.sort_unstable();
            let damaged = |id: i64| StoreError::Refused(place.damaged(&format!("chunk {id}")));
            let mut cursors = Vec::with_capacity(chunks.len());
            for (_, _, id) in chunks {
                let mut found = data.query([id]).map_err(fault)?;
                let row = found.next().map_err(fault)?.ok_or_else(|| damaged(id))?;
                let chunk = row.get_ref(0).map_err(fault)?.as_blob().map_err(|_| damaged(id))?;
                cursors.push(decoder.open(chunk).map_err(|_| damaged(id))?);
            }
            let mut merge = Merge::new(cursors);
            let broken = |_| StoreError::Refused(place.damaged(&format!("block {block} of {file:?}")));
            while let Some(channel) = merge.next_channel(from, to, &mut rows).map_err(broken)? {
                if !rows.is_empty() {
                    each(channel, &rows)?;
                }
            }
        }
    }

    /// Version of the active topology, if there is one.
    pub fn topology_version(&self) -> Result<Option<TopologyVersion>, StoreError> {
        version_of(&self.connection, self.store, TopologyState::Active)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn store(&self) -> &SampleStore {
        self.store
    }
}
