//! One KPI sample: channel, instant, value.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::load::parse_timestamp;
use super::topology::Direction;

/// Whole seconds since 1970-01-01T00:00:00Z (telecom contract §3.3). In JSON and other texts `YYYY-MM-DDTHH:MM:SSZ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, format = DateTime)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This instant moved by `seconds`, saturating.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

/// A text that is no timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no timestamp; write it as 2026-11-20T10:00:00Z, or with another zone as 2026-11-20T04:00:00-06:00")]
pub struct BadTimestamp(pub String);

impl std::str::FromStr for Timestamp {
    type Err = BadTimestamp;

    fn from_str(text: &str) -> Result<Self, BadTimestamp> {
        parse_timestamp(text).ok_or_else(|| BadTimestamp(text.to_owned()))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = BadTimestamp;

    fn try_from(text: String) -> Result<Self, BadTimestamp> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(at: Timestamp) -> Self {
        at.to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => f.write_str("out of range"),
        }
    }
}

/// A channel's place in the store's append-only dictionary of channel ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChannelOrdinal(pub u32);

/// The three kinds of KPI files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KpiFile {
    /// `us_channel_snr.csv`
    UsChannelSnr = 0,
    /// `us_channel_utilization.csv`
    UsChannelUtilization = 1,
    /// `ds_channel_utilization.csv`
    DsChannelUtilization = 2,
}

impl KpiFile {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::UsChannelSnr, Self::UsChannelUtilization, Self::DsChannelUtilization];

    /// The KPI's name in incidents and tickets (telecom contract §5.2).
    pub fn kpi(self) -> &'static str {
        match self {
            Self::UsChannelSnr => "us_snr_db",
            Self::UsChannelUtilization => "us_utilization_pct",
            Self::DsChannelUtilization => "ds_utilization_pct",
        }
    }

    /// The direction of the channels it is about.
    pub fn direction(self) -> Direction {
        match self {
            Self::UsChannelSnr | Self::UsChannelUtilization => Direction::Upstream,
            Self::DsChannelUtilization => Direction::Downstream,
        }
    }
}

/// One row of a KPI file, as it is read and evaluated: 32 bytes in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Which channel.
    pub channel: ChannelOrdinal,
    /// When.
    pub at: Timestamp,
    /// Thousandths of a dB or of a percent; `None`: no data.
    pub value: Option<i32>,
    /// Code of the row's own modulation, 0 if it has none that is recognised (telecom contract §5.1).
    pub modulation: u8,
    /// Modems online, where the row says so. Values above 4,294,967,294 are kept as that.
    pub cm_online: Option<u32>,
}
