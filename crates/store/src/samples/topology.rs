//! Topology versions: one is active, one may wait for a confirmation. What is in them only core knows.

use std::io::{self, Write as _};

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use ticketbridge_core::time::Wall;

use super::load::insert_load;
use super::{LoadSource, SampleStore, Snapshot};
use crate::StoreError;

/// Most bytes of a topology before it is packed; about 250 MB at the design limit would be four times too many.
const MAX_BODY: usize = 512 * 1024 * 1024;
/// zstd level: a topology is written rarely and read at each start.
const LEVEL: i32 = 3;

/// Ascending number of a stored topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopologyVersion(pub i64);

/// What a stored topology is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopologyState {
    /// Used by every load and every evaluation.
    Active,
    /// Shrinks too much (telecom contract §4.2): waits until an operator confirms it or throws it away.
    Waiting,
}

/// A topology, as it was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTopology {
    /// Its number.
    pub version: TopologyVersion,
    /// Its content; opaque here.
    pub body: Vec<u8>,
    /// When it was stored.
    pub stored_at: Wall,
}

impl TopologyState {
    fn code(self) -> i64 {
        match self {
            Self::Active => 1,
            Self::Waiting => 2,
        }
    }
}

const PAST: i64 = 3;

impl SampleStore {
    /// Stores a topology with the records of the files it was made of, in one transaction. The former one in the
    /// same state is history; a new active one also ends the waiting of another.
    pub fn put_topology(
        &self,
        body: &[u8],
        state: TopologyState,
        sources: &[(LoadSource, String)],
        at: Wall,
    ) -> Result<TopologyVersion, StoreError> {
        if body.len() > MAX_BODY {
            return Err(StoreError::Refused(format!(
                "the topology has {} bytes; the limit is {MAX_BODY}. Nothing was stored",
                body.len()
            )));
        }
        let fault = |error| self.fault("given a topology", &error);
        let packed =
            pack(body).map_err(|error| StoreError::Refused(format!("the topology could not be packed: {error}")))?;
        let mut connection = self.writer();
        let transaction = self.begin_write(&mut connection)?;
        retire(&transaction, TopologyState::Waiting).map_err(fault)?;
        if state == TopologyState::Active {
            retire(&transaction, TopologyState::Active).map_err(fault)?;
        }
        let version = transaction
            .query_row(
                "INSERT INTO topology(state, body, stored_at) VALUES (?1, ?2, ?3) RETURNING version",
                params![state.code(), packed, at.0],
                |row| row.get(0),
            )
            .map_err(fault)?;
        for (source, counters) in sources {
            insert_load(&transaction, source, None, Some((counters, at))).map_err(fault)?;
        }
        transaction.commit().map_err(fault)?;
        Ok(TopologyVersion(version))
    }

    /// Makes the waiting topology `version` the active one; false: it is not waiting (any more).
    pub fn confirm_topology(&self, version: TopologyVersion) -> Result<bool, StoreError> {
        let fault = |error| self.fault("given a confirmed topology", &error);
        let mut connection = self.writer();
        let transaction = self.begin_write(&mut connection)?;
        let waits = waiting(&transaction, version).map_err(fault)?;
        if waits {
            retire(&transaction, TopologyState::Active).map_err(fault)?;
            transaction.execute("UPDATE topology SET state = 1 WHERE version = ?1", [version.0]).map_err(fault)?;
            transaction.commit().map_err(fault)?;
        }
        Ok(waits)
    }

    /// Throws the waiting topology `version` away; false: it is not waiting (any more).
    pub fn refuse_topology(&self, version: TopologyVersion) -> Result<bool, StoreError> {
        let fault = |error| self.fault("rid of a topology", &error);
        let mut connection = self.writer();
        let transaction = self.begin_write(&mut connection)?;
        let waits = waiting(&transaction, version).map_err(fault)?;
        if waits {
            retire(&transaction, TopologyState::Waiting).map_err(fault)?;
            transaction.commit().map_err(fault)?;
        }
        Ok(waits)
    }

    /// Version of the topology in `state`, if there is one: cheap, for telling whether a cached one is still good.
    pub fn topology_version(&self, state: TopologyState) -> Result<Option<TopologyVersion>, StoreError> {
        version_of(&self.writer(), self, state)
    }

    /// The topology in `state`, if there is one.
    pub fn topology(&self, state: TopologyState) -> Result<Option<StoredTopology>, StoreError> {
        read(&self.writer(), self, state)
    }
}

impl Snapshot<'_> {
    /// The active topology, if there is one.
    pub fn topology(&self) -> Result<Option<StoredTopology>, StoreError> {
        read(self.connection(), self.store(), TopologyState::Active)
    }
}

pub(super) fn version_of(
    connection: &Connection,
    store: &SampleStore,
    state: TopologyState,
) -> Result<Option<TopologyVersion>, StoreError> {
    connection
        .query_row("SELECT version FROM topology WHERE state = ?1", [state.code()], |row| {
            row.get(0).map(TopologyVersion)
        })
        .optional()
        .map_err(|error| store.fault("asked for its topology", &error))
}

fn read(
    connection: &Connection,
    store: &SampleStore,
    state: TopologyState,
) -> Result<Option<StoredTopology>, StoreError> {
    let row: Option<(i64, Vec<u8>, i64)> = connection
        .query_row("SELECT version, body, stored_at FROM topology WHERE state = ?1", [state.code()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()
        .map_err(|error| store.fault("asked for its topology", &error))?;
    let Some((version, packed, stored_at)) = row else {
        return Ok(None);
    };
    let body = zstd::bulk::decompress(&packed, MAX_BODY)
        .map_err(|_| StoreError::Refused(store.place().damaged(&format!("topology {version}"))))?;
    Ok(Some(StoredTopology { version: TopologyVersion(version), body, stored_at: Wall(stored_at) }))
}

/// Piece by piece, so that no room for the worst case is taken beside the body.
fn pack(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), LEVEL)?;
    // The reader asks for as much room as the frame says.
    encoder.set_pledged_src_size(Some(body.len() as u64))?;
    encoder.include_contentsize(true)?;
    encoder.write_all(body)?;
    encoder.finish()
}

/// History keeps the row, not the body.
fn retire(connection: &Connection, state: TopologyState) -> Result<usize, rusqlite::Error> {
    connection.execute("UPDATE topology SET state = ?2, body = NULL WHERE state = ?1", [state.code(), PAST])
}

fn waiting(connection: &Connection, version: TopologyVersion) -> Result<bool, rusqlite::Error> {
    connection.query_row(
        "SELECT count(*) > 0 FROM topology WHERE version = ?1 AND state = ?2",
        [version.0, TopologyState::Waiting.code()],
        |row| row.get(0),
    )
}
