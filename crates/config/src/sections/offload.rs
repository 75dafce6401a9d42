//! `[offload.KIND]`: where the CSV files come from.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::Span;

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
