//! The three aggregation tables (telecom contract §6).

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::KpiFile;

/// An aggregation table. The order is that of precedence, where two of them make one ticket (§7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// SNR Upstream Aggregation: objects are upstream channels.
    SnrUpstream,
    /// US Service Group Aggregation: objects are upstream service groups, by utilisation.
    UsServiceGroup,
    /// DS Service Group Aggregation: objects are downstream service groups, by utilisation.
    DsServiceGroup,
}

impl Aggregation {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::SnrUpstream, Self::UsServiceGroup, Self::DsServiceGroup];

    /// The name used in settings, rows, tickets and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SnrUpstream => "snr_upstream",
            Self::UsServiceGroup => "us_service_group",
            Self::DsServiceGroup => "ds_service_group",
        }
    }

    /// The only file its numbers come from.
    pub fn kpi_file(self) -> KpiFile {
        match self {
            Self::SnrUpstream => KpiFile::UsChannelSnr,
            Self::UsServiceGroup => KpiFile::UsChannelUtilization,
            Self::DsServiceGroup => KpiFile::DsChannelUtilization,
        }
    }

    /// Unit of its KPI.
    pub fn unit(self) -> &'static str {
        match self {
            Self::SnrUpstream => "dB",
            Self::UsServiceGroup | Self::DsServiceGroup => "%",
        }
    }
}

impl From<KpiFile> for Aggregation {
    fn from(kpi: KpiFile) -> Self {
        match kpi {
            KpiFile::UsChannelSnr => Self::SnrUpstream,
            KpiFile::UsChannelUtilization => Self::UsServiceGroup,
            KpiFile::DsChannelUtilization => Self::DsServiceGroup,
        }
    }
}

impl fmt::Display for Aggregation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no aggregation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no aggregation; the aggregations are snr_upstream, us_service_group and ds_service_group")]
pub struct UnknownAggregation(pub String);

impl FromStr for Aggregation {
    type Err = UnknownAggregation;

    fn from_str(text: &str) -> Result<Self, UnknownAggregation> {
        Self::ALL.into_iter().find(|known| known.as_str() == text).ok_or_else(|| UnknownAggregation(text.to_owned()))
    }
}
