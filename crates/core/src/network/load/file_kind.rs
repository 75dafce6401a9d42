//! The five kinds of files and their names (telecom contract §3.1, §4).

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::network::KpiFile;

/// What a CSV file holds. The order is the order of loading: topology first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
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
    /// All kinds, in the order of loading.
    pub const ALL: [Self; 5] = [
        Self::TopologyServiceGroup,
        Self::TopologyChannel,
        Self::UsChannelSnr,
        Self::UsChannelUtilization,
        Self::DsChannelUtilization,
    ];

    /// The kind's name: the file's name without `.csv`, and the key under `[offload]`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TopologyServiceGroup => "topology_service_group",
            Self::TopologyChannel => "topology_channel",
            Self::UsChannelSnr => "us_channel_snr",
            Self::UsChannelUtilization => "us_channel_utilization",
            Self::DsChannelUtilization => "ds_channel_utilization",
        }
    }

    /// The kind of a file in a watched folder, by its name without the folder: kind + `.csv`, or kind + one of `.` `_`
    /// `-` + anything + `.csv`. `None`: not one of ours. Case counts.
    pub fn of_file_name(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".csv")?;
        Self::ALL.into_iter().find(|kind| {
            stem.strip_prefix(kind.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '_', '-']))
        })
    }

    /// The KPI of the file, if it is a KPI file.
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
    fn from(kpi: KpiFile) -> Self {
        match kpi {
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

/// A text that names no kind of file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no kind of file; the kinds are topology_service_group, topology_channel, us_channel_snr, us_channel_utilization and ds_channel_utilization"
)]
pub struct UnknownFileKind(pub String);

impl FromStr for FileKind {
    type Err = UnknownFileKind;

    fn from_str(text: &str) -> Result<Self, UnknownFileKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownFileKind(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::FileKind;

    #[test]
    fn file_names_tell_the_kind() {
        for kind in FileKind::ALL {
            for name in [format!("{kind}.csv"), format!("{kind}_20261120T1015.csv"), format!("{kind}.part-003.csv")] {
                assert_eq!(FileKind::of_file_name(&name), Some(kind), "{name}");
            }
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!(FileKind::of_file_name("us_channel_snr-.csv"), Some(FileKind::UsChannelSnr));
        for name in [
            "us_channel_snr",
            "us_channel_snrs.csv",
            "US_CHANNEL_SNR.csv",
            "x_us_channel_snr.csv",
            ".csv",
            "us_channel_snr.csv.part",
        ] {
            assert_eq!(FileKind::of_file_name(name), None, "{name}");
        }
        assert!("snr".parse::<FileKind>().unwrap_err().to_string().contains("us_channel_snr"));
    }
}
