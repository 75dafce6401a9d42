//! The five kinds of offload files.

use std::fmt;

use serde::{Deserialize, Serialize};
use ticketbridge_core::network::KpiFile;

/// Which of the five files (telecom contract §4) a load came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// `topology_service_group.csv`
    TopologyServiceGroup,
    /// `topology_channel.csv`
    TopologyChannel,
    /// `us_channel_snr.csv`
    UsChannelSnr,
    /// `us_channel_utilization.csv`
    UsChannelUtilization,
    /// `ds_channel_utilization.csv`
    DsChannelUtilization,
}

impl FileKind {
    /// All kinds, in the order in which a scan loads them: topology first (telecom contract §3.6).
    pub const ALL: [Self; 5] = [
        Self::TopologyServiceGroup,
        Self::TopologyChannel,
        Self::UsChannelSnr,
        Self::UsChannelUtilization,
        Self::DsChannelUtilization,
    ];

    /// The file's name without `.csv`, as spelled in the configuration, the counters and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TopologyServiceGroup => "topology_service_group",
            Self::TopologyChannel => "topology_channel",
            Self::UsChannelSnr => "us_channel_snr",
            Self::UsChannelUtilization => "us_channel_utilization",
            Self::DsChannelUtilization => "ds_channel_utilization",
        }
    }

    /// The kind of that [`FileKind::as_str`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The KPI file that this kind is; `None`: topology.
    pub fn kpi(self) -> Option<KpiFile> {
        match self {
            Self::TopologyServiceGroup | Self::TopologyChannel => None,
            Self::UsChannelSnr => Some(KpiFile::UsChannelSnr),
            Self::UsChannelUtilization => Some(KpiFile::UsChannelUtilization),
            Self::DsChannelUtilization => Some(KpiFile::DsChannelUtilization),
        }
    }
}

impl From<KpiFile> for FileKind {
    fn from(file: KpiFile) -> Self {
        match file {
            KpiFile::UsChannelSnr => Self::UsChannelSnr,
            KpiFile::UsChannelUtilization => Self::UsChannelUtilization,
            KpiFile::DsChannelUtilization => Self::DsChannelUtilization,
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
