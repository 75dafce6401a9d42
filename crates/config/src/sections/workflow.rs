//! `[workflow]`: from network data to tickets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketbridge_core::network::settings::Settings;

use crate::types::Schedule;

/// `[workflow]`: when runs start, and the rules by which they make tickets, in one table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct Workflow {
    /// When runs start.
    #[serde(flatten)]
    pub start: Start,
    /// The rules, under the names of the telecom contract.
    #[serde(flatten)]
    pub rules: Settings,
}

/// When runs start by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Start {
    /// A cron line of five fields, or of six with the seconds first, in UTC. Empty: not by the clock.
    pub schedule: Schedule,
    /// After each complete scan that brought something new.
    pub run_after_scan: bool,
}

impl Start {
    /// The keys of this struct.
    pub(crate) const KEYS: [&str; 2] = ["run_after_scan", "schedule"];
}

impl Default for Start {
    fn default() -> Self {
        Self { schedule: Schedule::every_quarter(), run_after_scan: true }
    }
}
