//! Severities (telecom contract §5.4).

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How bad an object or group is now. `Timeout` is a state beside the others and lowest in order: a silent object says
/// nothing about a group as long as another one speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// No fresh point.
    Timeout,
    /// No band is met.
    Normal,
    /// Warning band, or a critical point that is not confirmed yet.
    Warning,
    /// Minor band, where one is set.
    Minor,
    /// Major band, where one is set.
    Major,
    /// An incident is open.
    Critical,
}

impl Severity {
    /// The name used everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Normal => "normal",
            Self::Warning => "warning",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
