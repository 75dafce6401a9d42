//! The tables that were made last, for pages that are looked at more often than samples come.
//!
//! Limit: one table per aggregation and level; a table has about 500 bytes per row.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ticketbridge_core::network::evaluation::{AggregationRow, Evaluation, RollUp};
use ticketbridge_core::network::{Aggregation, Timestamp};
use ticketbridge_store::samples::TopologyVersion;

/// What a table depends on, beside the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) as_of: Timestamp,
    pub(super) topology: TopologyVersion,
    /// The loads that are seen.
    pub(super) sequence: (i64, i64),
}

type Table = Arc<Vec<AggregationRow>>;

/// By aggregation and level; `None`: the service groups themselves.
#[derive(Default)]
pub(super) struct Tables(BTreeMap<(Aggregation, Option<RollUp>), (State, Table)>);

impl Tables {
    pub(super) fn get(&self, name: Aggregation, level: Option<RollUp>, state: State) -> Option<Table> {
        self.0.get(&(name, level)).filter(|(known, _)| *known == state).map(|(_, table)| Arc::clone(table))
    }

    pub(super) fn latest(&self, name: Aggregation, level: Option<RollUp>) -> Option<Table> {
        self.0.get(&(name, level)).map(|(_, table)| Arc::clone(table))
    }

    /// Makes and keeps a table.
    pub(super) fn put(
        &mut self,
        evaluation: &Evaluation<'_>,
        name: Aggregation,
        level: Option<RollUp>,
        state: State,
    ) -> Table {
        let rows = match level {
            None => evaluation.rows(name),
            Some(level) => evaluation.roll_up(name, level),
        };
        let table = Arc::new(rows);
        self.0.insert((name, level), (state, Arc::clone(&table)));
        table
    }
}

/// Tables are replaced whole: a panic elsewhere leaves none half-made.
pub(super) fn lock(tables: &Mutex<Tables>) -> MutexGuard<'_, Tables> {
    tables.lock().unwrap_or_else(PoisonError::into_inner)
}
