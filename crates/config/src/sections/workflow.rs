//! `[workflow]`: from network data to tickets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::Schedule;

/// Keys of `[workflow]` that the engine reads; all others are the rules' own.
pub(crate) const ENGINE_KEYS: [&str; 2] = ["schedule", "run_after_scan"];

/// `[workflow]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Workflow {
    /// When runs start by themselves, in UTC. Empty: never.
    pub schedule: Schedule,
    /// Also run after each complete scan that brought something new.
    pub run_after_scan: bool,
}

impl Default for Workflow {
    fn default() -> Self {
        Self { schedule: Schedule::every_quarter(), run_after_scan: true }
    }
}
