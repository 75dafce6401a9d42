//! Reading: one consistent state of the store, however long the reading takes.

use std::collections::BTreeSet;
use std::ops::{Deref, RangeInclusive};
use std::sync::MutexGuard;

use rusqlite::{Connection, Statement, params};
use ticketbridge_core::network::{ChannelOrdinal, KpiFile, Sample, Timestamp};

use super::encoding::Decoder;
use super::merge::Merge;
use super::topology::version_of;
use super::{Blocks, SampleStore, TopologyState, TopologyVersion, block_of, database, day_of};
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
    /// Numbers of the newest complete load and of the oldest one in progress, 0 where there is none: differ after every
    /// load, also after one that began before another and ended behind it.
    pub fn last_sequence(&self) -> Result<(i64, i64), StoreError> {
        self.connection
            .query_row(
                "SELECT (SELECT coalesce(max(sequence), 0) FROM load WHERE state = 2), \
                 (SELECT coalesce(min(sequence), 0) FROM load WHERE state = 1)",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
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
        each: impl FnMut(ChannelOrdinal, &[Sample]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (from, to) = range.into_inner();
        self.samples_from(file, |_| from, to, each)
    }

    /// As [`Snapshot::samples`], with a range of its own for each block of channels: from `recent` on, but of the blocks
    /// in `longer` from `from` on.
    pub fn samples_longer_of<E: From<StoreError>>(
        &self,
        file: KpiFile,
        (recent, from, to): (Timestamp, Timestamp, Timestamp),
        longer: &Blocks,
        each: impl FnMut(ChannelOrdinal, &[Sample]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.samples_from(file, |block| if longer.has(block) { from } else { recent }, to, each)
    }

    fn samples_from<E: From<StoreError>>(
        &self,
        file: KpiFile,
        from: impl Fn(u32) -> Timestamp,
        to: Timestamp,
        mut each: impl FnMut(ChannelOrdinal, &[Sample]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut reader = BlockReader::new(self, file, to..=to)?;
        let mut next_block = self
            .connection
            .prepare("SELECT min(block) FROM chunk WHERE kind = ?1 AND block > ?2")
            .map_err(|error| self.store.fault("read", &error))?;
        let mut rows = Vec::new();
        let mut block = -1_i64;
        loop {
            let found: Option<i64> = next_block
                .query_row(params![file as u8, block], |row| row.get(0))
                .map_err(|error| self.store.fault("read", &error))?;
            let Some(found) = found else {
                return Ok(());
            };
            block = found;
            reader.from = from(u32::try_from(found).unwrap_or(u32::MAX));
            let mut merge = reader.open(block)?;
            while let Some(channel) = reader.next_channel(&mut merge, block, &mut rows)? {
                if !rows.is_empty() {
                    each(channel, &rows)?;
                }
            }
        }
    }

    /// The samples of some channels in `range`, as [`Snapshot::samples`] hands them over: only their blocks are read,
    /// about 75 ms for a block of a week at the design limit. Channels without a row are left out.
    pub fn samples_of(
        &self,
        file: KpiFile,
        channels: &[ChannelOrdinal],
        range: RangeInclusive<Timestamp>,
    ) -> Result<Vec<(ChannelOrdinal, Vec<Sample>)>, StoreError> {
        let mut reader = BlockReader::new(self, file, range)?;
        let blocks: BTreeSet<u32> = channels.iter().map(|channel| block_of(*channel)).collect();
        let (mut found, mut rows) = (Vec::new(), Vec::new());
        for block in blocks {
            let block = i64::from(block);
            let mut merge = reader.open(block)?;
            while let Some(channel) = reader.next_channel(&mut merge, block, &mut rows)? {
                if !rows.is_empty() && channels.contains(&channel) {
                    found.push((channel, rows.clone()));
                }
            }
        }
        Ok(found)
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

/// Reads the chunks of one block after the other.
struct BlockReader<'r> {
    store: &'r SampleStore,
    file: KpiFile,
    from: Timestamp,
    to: Timestamp,
    decoder: Decoder,
    places: Statement<'r>,
    data: Statement<'r>,
}

impl<'r> BlockReader<'r> {
    fn new(snapshot: &'r Snapshot<'_>, file: KpiFile, range: RangeInclusive<Timestamp>) -> Result<Self, StoreError> {
        let (store, connection) = (snapshot.store, &*snapshot.connection);
        let fault = |error| store.fault("read", &error);
        let (from, to) = range.into_inner();
        let decoder = Decoder::new()
            .map_err(|error| StoreError::Refused(format!("zstd could not be set up for {}: {error}", store.place())))?;
        // By the index; the blobs are fetched one by one, so that nothing is sorted with blobs in hand.
        let places = connection
            .prepare(
                "SELECT id, sequence, part FROM chunk WHERE kind = ?1 AND block = ?2 AND day BETWEEN ?3 AND ?4 \
                 AND last_at >= ?5 AND first_at <= ?6 AND sequence NOT IN (SELECT sequence FROM load WHERE state = 1)",
            )
            .map_err(fault)?;
        let data = connection.prepare("SELECT data FROM chunk WHERE id = ?1").map_err(fault)?;
        Ok(Self { store, file, from, to, decoder, places, data })
    }

    /// All chunks of a block that have a part in the range, from the oldest load to the newest.
    fn open(&mut self, block: i64) -> Result<Merge, StoreError> {
        let store = self.store;
        let fault = |error| store.fault("read", &error);
        let (from, to) = (self.from, self.to);
        let mut chunks: Vec<(i64, i64, i64)> = self
            .places
            .query_map(params![self.file as u8, block, day_of(from), day_of(to), from.0, to.0], |row| {
                Ok((row.get(1)?, row.get(2)?, row.get(0)?))
            })
            .map_err(fault)?
            .collect::<Result<_, _>>()
            .map_err(fault)?;
        chunks.sort_unstable();
        let damaged = |id: i64| StoreError::Refused(store.place().damaged(&format!("chunk {id}")));
        let mut cursors = Vec::with_capacity(chunks.len());
        for (_, _, id) in chunks {
            let mut found = self.data.query([id]).map_err(fault)?;
            let row = found.next().map_err(fault)?.ok_or_else(|| damaged(id))?;
            let chunk = row.get_ref(0).map_err(fault)?.as_blob().map_err(|_| damaged(id))?;
            cursors.push(self.decoder.open(chunk).map_err(|_| damaged(id))?);
        }
        Ok(Merge::new(cursors))
    }

    fn next_channel(
        &self,
        merge: &mut Merge,
        block: i64,
        rows: &mut Vec<Sample>,
    ) -> Result<Option<ChannelOrdinal>, StoreError> {
        merge
            .next_channel(self.from, self.to, rows)
            .map_err(|_| StoreError::Refused(self.store.place().damaged(&format!("block {block} of {:?}", self.file))))
    }
}
