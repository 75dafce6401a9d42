//! A part of a long list of records.

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::control::ok;

/// The most records of one answer, and how many there are if none is asked for.
pub(super) const MAX_DUMP: usize = 10_000;

/// Which records a list shows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    #[serde(default)]
    offset: usize,
    #[serde(default = "most")]
    limit: usize,
}

fn most() -> usize {
    MAX_DUMP
}

impl Window {
    pub(super) fn new(offset: usize, limit: usize) -> Self {
        Self { offset, limit }
    }

    /// One record more than asked tells whether there is a next window.
    pub(super) fn answer(&self, dump: impl FnOnce(usize, usize) -> Vec<Value>) -> Response {
        let limit = self.limit.clamp(1, MAX_DUMP);
        let mut items = dump(self.offset, limit + 1);
        let next = (items.len() > limit).then_some(self.offset + limit);
        items.truncate(limit);
        ok(&json!({"items": items, "nextOffset": next}))
    }
}
