//! One KPI sample: channel, instant, value.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whole seconds since 1970-01-01T00:00:00Z (telecom contract §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

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

/// One row of a KPI file, as it is kept: 24 bytes.
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
