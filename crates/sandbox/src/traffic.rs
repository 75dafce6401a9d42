//! Counts what was asked of a stand-in and how it answered.
//!
//! Bounded: one entry per operation, status and way of hanging up, whatever the number of calls.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::call::Act;
use crate::clock::Millis;

/// What was asked of one operation.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct OperationTraffic {
    /// Calls, whether they were answered or not.
    pub requests: u64,
    /// Items sent in them; for a look-up the keys it asked for.
    pub items: u64,
    /// The most items in one call.
    pub largest_batch: u64,
    /// Rows that were answered by reads.
    pub rows: u64,
}

/// What was asked and how it was answered, since the start or the last reset.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// By operation; `none` counts calls of paths and methods that do not exist and calls without login.
    pub operations: BTreeMap<&'static str, OperationTraffic>,
    /// The most items in one call of any operation.
    pub largest_batch: u64,
    /// Answers by status, and `reset`, `closed` and `never` where there was none.
    pub answers: BTreeMap<String, u64>,
}

impl Traffic {
    /// Calls of these operations.
    pub fn requests(&self, operations: &[&str]) -> u64 {
        operations.iter().filter_map(|name| self.operations.get(name)).map(|traffic| traffic.requests).sum()
    }

    /// Calls of all operations.
    pub fn all_requests(&self) -> u64 {
        self.operations.values().map(|traffic| traffic.requests).sum()
    }

    pub(crate) fn count_call(&mut self, operation: &'static str, items: usize) {
        let entry = self.operations.entry(operation).or_default();
        entry.requests += 1;
        entry.items += items as u64;
        entry.largest_batch = entry.largest_batch.max(items as u64);
        self.largest_batch = self.largest_batch.max(items as u64);
    }

    pub(crate) fn count_rows(&mut self, operation: &'static str, rows: usize) {
        self.operations.entry(operation).or_default().rows += rows as u64;
    }

    pub(crate) fn count_answer<E>(&mut self, acts: &[(Millis, Act<E>)]) {
        let kind = acts.iter().find_map(|(_, act)| match act {
            Act::Commit(_) => None,
            Act::Reply(reply) => Some(reply.status.to_string()),
            Act::Reset => Some("reset".to_owned()),
            Act::Close => Some("closed".to_owned()),
        });
        *self.answers.entry(kind.unwrap_or_else(|| "never".to_owned())).or_default() += 1;
    }
}
