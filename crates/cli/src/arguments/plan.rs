//! `plan` and `apply`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// A folder of CSV files: the tickets that it would produce are shown, too
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Evaluation instant of --data (RFC 3339); default: now
    #[arg(long, value_name = "T", requires = "data")]
    pub(crate) as_of: Option<String>,
    /// Show the bodies of the requests
    #[arg(long)]
    pub(crate) bodies: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The plan, as `plan` named it
    #[arg(long, value_name = "HASH")]
    pub(crate) plan: String,
    /// Also tickets of backends whose processing is off
    #[arg(long)]
    pub(crate) with_processing_off: bool,
}
