//! `[offload.KIND]`: where the CSV files come from.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::Span;

/// The five kinds of CSV files; a scan takes them in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OffloadKind {
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

impl OffloadKind {
    /// All kinds, in the order of a scan.
    pub const ALL: [Self; 5] = [
        Self::TopologyServiceGroup,
        Self::TopologyChannel,
        Self::UsChannelSnr,
        Self::UsChannelUtilization,
        Self::DsChannelUtilization,
    ];

    /// Name in the configuration, on the command line, and as the beginning of a file name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TopologyServiceGroup => "topology_service_group",
            Self::TopologyChannel => "topology_channel",
            Self::UsChannelSnr => "us_channel_snr",
            Self::UsChannelUtilization => "us_channel_utilization",
            Self::DsChannelUtilization => "ds_channel_utilization",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// `[offload.KIND]`: a file, a watched folder, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Offload {
    /// One file that is written anew again and again; may have any name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// A folder that is watched for files named KIND.csv, or KIND, one of `.` `_` `-`, anything, `.csv`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// How often file and folder are looked at.
    pub scan_interval: Span,
    /// Folder that rejected rows are written to.
    pub reject_folder: PathBuf,
}

impl Default for Offload {
    fn default() -> Self {
        Self { path: None, folder: None, scan_interval: Span::seconds(10), reject_folder: "rejects".into() }
    }
}
