//! Settings that are a choice between names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Value of a service group at one exact timestamp (telecom contract §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UtilMode {
    /// The mean of the valid samples of its channels.
    Mean,
    /// The highest of them.
    AnyChannel,
}

/// What `critical_incidents_24h` counts (telecom contract §5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountMode {
    /// Incidents with hysteresis.
    Incidents,
    /// Every critical point of the window: the literal reading. Needs `open_after` and `close_after` 1 and both clear
    /// offsets 0.
    Samples,
}

/// What one row of the SNR Upstream Aggregation stands for (telecom contract §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// An upstream service group.
    UsServiceGroup,
    /// An optical node; a service group with two nodes counts in both, one without any stands for itself.
    FiberNode,
    /// A port of a CCAP, named `CCAP/port`; a service group without port stands for itself.
    UsPort,
    /// A CCAP; a service group without one stands for itself.
    Ccap,
}
