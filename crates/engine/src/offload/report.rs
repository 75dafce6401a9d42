//! What became of files, for callers, status pages and the log.

use std::path::PathBuf;

use serde::Serialize;
use ticketbridge_core::network::load::Counters;
use ticketbridge_core::time::Wall;
use ticketbridge_store::samples::{FileKind, TopologyVersion};

use crate::telemetry;

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Its kind.
    pub kind: FileKind,
    /// Its name, without folder.
    pub name: String,
    /// Where it lay.
    pub path: PathBuf,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: FileOutcome,
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum FileOutcome {
    /// Taken in.
    Loaded {
        /// What was counted (telecom contract §3.5).
        counters: Counters,
        /// The report of rejected rows, if there are any and reports are kept.
        rejects: Option<PathBuf>,
        /// Something that an operator should know although the file was taken in.
        warning: Option<String>,
    },
    /// Its content is known already; nothing was changed, the counters stand.
    Known,
    /// A topology that drops too much of the active one: taken in, and waits for a confirmation.
    Waits {
        /// What to confirm or refuse.
        version: TopologyVersion,
        /// What was counted.
        counters: Counters,
        /// How much it would drop.
        why: String,
    },
    /// Not taken in, and not looked at again until it changes.
    Refused {
        /// What is wrong and what to do.
        why: String,
    },
    /// Not taken in for a reason that is not the file's; tried again at the next look.
    Failed {
        /// What is wrong and what to do.
        why: String,
    },
}

impl FileOutcome {
    /// Its name in metrics and events.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Loaded { .. } => "loaded",
            Self::Waits { .. } => "waits",
            Self::Known => "known",
            Self::Refused { .. } => "refused",
            Self::Failed { .. } => "failed",
        }
    }
}

impl FileReport {
    /// Whether samples or the topology are other than before.
    pub fn is_news(&self) -> bool {
        matches!(self.outcome, FileOutcome::Loaded { .. })
    }

    /// Whether the file was neither taken in nor known.
    pub fn is_fault(&self) -> bool {
        matches!(self.outcome, FileOutcome::Refused { .. } | FileOutcome::Failed { .. })
    }

    fn count(&self) {
        let rows = match &self.outcome {
            FileOutcome::Loaded { counters, .. } | FileOutcome::Waits { counters, .. } => Some(counters),
            FileOutcome::Known | FileOutcome::Refused { .. } | FileOutcome::Failed { .. } => None,
        };
        telemetry::offloaded(self.kind.as_str(), self.outcome.as_str(), rows);
    }

    /// One event for the log and its metrics, the same facts as the report.
    pub(super) fn emit(&self) {
        let (kind, file) = (self.kind.as_str(), self.name.as_str());
        self.count();
        match &self.outcome {
            FileOutcome::Loaded { counters, warning, .. } => {
                let Counters { rows, accepted, nodata, orphans, duplicates, rejected, .. } = counters;
                let warning = warning.as_deref();
                tracing::info!(
                    kind,
                    file,
                    rows,
                    accepted,
                    nodata,
                    orphans,
                    duplicates,
                    rejected,
                    warning,
                    "offload file loaded"
                );
            }
            FileOutcome::Known => tracing::debug!(kind, file, "offload file known"),
            FileOutcome::Waits { why, .. } => tracing::warn!(kind, file, why, "topology waits for a confirmation"),
            FileOutcome::Refused { why } => tracing::warn!(kind, file, why, "offload file refused"),
            FileOutcome::Failed { why } => tracing::warn!(kind, file, why, "offload file not loaded"),
        }
    }
}

/// What one scan did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ScanReport {
    /// The files that were looked into, in the order in which they were taken.
    pub files: Vec<FileReport>,
    /// Files that may still be written to and were left for the next scan.
    pub waiting: usize,
    /// Something new was taken in since the last complete scan, and no file of this scan is still to come: a
    /// workflow run may follow. Also after three scans in a row that left files waiting.
    pub complete: bool,
}

/// The state of one kind of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KindStatus {
    /// The kind.
    pub kind: FileKind,
    /// *File Path*: the configured file or folder; `None`: only handed over.
    pub file_path: Option<PathBuf>,
    /// Name of the file that was taken in last.
    pub last_file: Option<String>,
    /// *Processed Lines*: rows of that file.
    pub processed_lines: u64,
    /// *Last Update*: when it was taken in.
    pub last_update: Option<Wall>,
    /// What was counted in it.
    pub counters: Counters,
    /// Files that may still be written to.
    pub waiting: usize,
    /// The topology that waits for a confirmation, for the two topology kinds.
    pub awaits_confirmation: Option<TopologyVersion>,
    /// What went wrong last and is not mended: source or file, and what to do.
    pub problem: Option<String>,
}
