//! Files of the network: the state of each kind, *Offload now*, uploads, and a topology that waits for a person.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;
use ticketbridge_core::network::load::{Counters, RejectReason};
use ticketbridge_core::time::Wall;
use ticketbridge_store::StoreError;
use ticketbridge_store::samples::{FileKind, TopologyVersion};
use utoipa::ToSchema;

use super::Actor;
use crate::app::App;
use crate::offload::{FileOutcome, FileReport, KindStatus, ScanReport};

/// Longest name of a file that is handed over, in characters.
pub const MAX_FILE_NAME: usize = 200;

/// The state of all kinds of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OffloadsView {
    /// Per kind, in the order of loading.
    pub items: Vec<OffloadView>,
    /// Files are being looked at or taken in at this moment; the items show what was before.
    pub busy: bool,
}

/// The state of one kind of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OffloadView {
    /// The kind.
    pub kind: FileKind,
    /// *File Path*: the configured file or folder; null: only handed over.
    pub file_path: Option<String>,
    /// *Processed Lines*: rows of the file that was taken in last.
    pub processed_lines: u64,
    /// *Last Update*: when that was.
    pub last_update: Option<String>,
    /// Its name.
    pub last_file: Option<String>,
    /// What was counted in it.
    pub counters: CountersView,
    /// Files that may still be written to.
    pub waiting: usize,
    /// The topology that waits for a confirmation.
    pub awaits_confirmation: Option<i64>,
    /// What went wrong last and is not mended, and what to do.
    pub problem: Option<String>,
}

/// What was counted in a file; `rows` = `accepted` + `nodata` + `orphans` + `rejected`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct CountersView {
    /// All data rows.
    pub rows: u64,
    /// Rows with a value that were stored.
    pub accepted: u64,
    /// Rows that say "no data" and were stored.
    pub nodata: u64,
    /// Rows of something that is not in the topology.
    pub orphans: u64,
    /// Rows that say again what another one says.
    pub duplicates: u64,
    /// Rows refused for another reason.
    pub rejected: u64,
    /// `rejected` by reason; only reasons that occurred.
    pub rejected_by_reason: BTreeMap<RejectReason, u64>,
}

/// What became of the files that were looked into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OffloadReport {
    /// The files, in the order in which they were taken. Empty: there was no file.
    pub files: Vec<FileView>,
    /// Files that may still be written to.
    pub waiting: usize,
    /// A workflow run was started with what is new.
    pub run_started: bool,
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FileView {
    /// Its kind.
    pub kind: FileKind,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: FileResult,
    /// What was counted, where it was taken in or waits.
    pub counters: Option<CountersView>,
    /// The report of rejected rows on the server, if there is one.
    pub rejects: Option<String>,
    /// The topology that waits for a confirmation.
    pub awaits_confirmation: Option<i64>,
    /// What an operator should know, and what to do.
    pub why: Option<String>,
}

/// What became of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileResult {
    /// Taken in.
    Loaded,
    /// Its content was taken in before; nothing was changed.
    Known,
    /// A topology that drops too much of the active one: it waits for a confirmation.
    Waits,
    /// Not taken in, and not looked at again until it changes.
    Refused,
    /// Not taken in for a reason that is not the file's.
    Failed,
}

/// What became of a waiting topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct TopologySettled {
    /// Its number.
    pub version: i64,
    /// True: it is the active one now; false: it is dropped.
    pub active: bool,
}

/// Why no topology was confirmed or refused.
#[derive(Debug, thiserror::Error)]
pub enum TopologyFault {
    /// Another one, or none, waits.
    #[error("topology {0} does not wait for a confirmation (any more); nothing was changed")]
    NotWaiting(i64),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a file was not handed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`name` must be 1 to {MAX_FILE_NAME} characters, the file's name without a folder: no `/`, no `\\`, no control characters"
)]
pub struct BadFileName;

impl From<Counters> for CountersView {
    fn from(counters: Counters) -> Self {
        let Counters { rows, accepted, nodata, orphans, duplicates, rejected, rejected_by_reason } = counters;
        Self { rows, accepted, nodata, orphans, duplicates, rejected, rejected_by_reason }
    }
}

impl From<KindStatus> for OffloadView {
    fn from(status: KindStatus) -> Self {
        Self {
            kind: status.kind,
            file_path: status.file_path.as_deref().map(|path| path.display().to_string()),
            processed_lines: status.processed_lines,
            last_update: status.last_update.map(Wall::to_rfc3339),
            last_file: status.last_file,
            counters: status.counters.into(),
            waiting: status.waiting,
            awaits_confirmation: status.awaits_confirmation.map(|version| version.0),
            problem: status.problem,
        }
    }
}

impl From<FileReport> for FileView {
    fn from(report: FileReport) -> Self {
        let mut view = Self {
            kind: report.kind,
            name: report.name,
            outcome: FileResult::Known,
            counters: None,
            rejects: None,
            awaits_confirmation: None,
            why: None,
        };
        match report.outcome {
            FileOutcome::Loaded { counters, rejects, warning } => {
                view.outcome = FileResult::Loaded;
                view.counters = Some(counters.into());
                view.rejects = rejects.map(|path| path.display().to_string());
                view.why = warning;
            }
            FileOutcome::Known => {}
            FileOutcome::Waits { version, counters, why } => {
                view.outcome = FileResult::Waits;
                view.counters = Some(counters.into());
                view.awaits_confirmation = Some(version.0);
                view.why = Some(why);
            }
            FileOutcome::Refused { why } => (view.outcome, view.why) = (FileResult::Refused, Some(why)),
            FileOutcome::Failed { why } => (view.outcome, view.why) = (FileResult::Failed, Some(why)),
        }
        view
    }
}

/// The state of all kinds.
pub async fn offloads(app: &App) -> Result<OffloadsView, StoreError> {
    let busy = app.offload.is_busy();
    let items = app.offload.status().await?.into_iter().map(OffloadView::from).collect();
    Ok(OffloadsView { items, busy })
}

/// *Offload now*, by `who`: takes in what is there of one kind. A run follows as it follows a scan.
pub async fn offload_now(app: &App, kind: FileKind, who: &str) -> Result<OffloadReport, StoreError> {
    actor(app, who).asked("offload.now", kind.as_str(), json!({})).await?;
    let report = app.offload.offload_now(kind, app.clock.now().wall).await?;
    Ok(followed(app, report))
}

/// Takes in one file that `who` handed over. A run follows as it follows a scan.
pub async fn hand_over(
    app: &App,
    kind: FileKind,
    path: PathBuf,
    name: String,
    who: &str,
) -> Result<OffloadReport, StoreError> {
    actor(app, who).asked("offload.run", kind.as_str(), json!({"file": name})).await?;
    let report = app.offload.hand_over(kind, path, name, app.clock.now().wall).await?;
    Ok(followed(app, report))
}

/// Whether a file that is handed over may have this name.
pub fn check_file_name(name: &str) -> Result<(), BadFileName> {
    let length = name.chars().count();
    let is_plain = !name.contains(|letter: char| letter.is_control() || matches!(letter, '/' | '\\'));
    if (1..=MAX_FILE_NAME).contains(&length) && is_plain { Ok(()) } else { Err(BadFileName) }
}

/// Makes the waiting topology the active one, or drops it, as `who` wants. `version` says which one was looked at.
pub async fn settle_topology(
    app: &App,
    version: i64,
    confirm: bool,
    who: &str,
) -> Result<TopologySettled, TopologyFault> {
    let act = if confirm { "topology.confirm" } else { "topology.refuse" };
    actor(app, who).asked(act, &version.to_string(), json!({})).await?;
    let waiting = TopologyVersion(version);
    let settled = if confirm {
        app.offload.confirm_topology(waiting).await?
    } else {
        app.offload.refuse_topology(waiting).await?
    };
    if settled { Ok(TopologySettled { version, active: confirm }) } else { Err(TopologyFault::NotWaiting(version)) }
}

fn actor<'a>(app: &'a App, who: &'a str) -> Actor<'a> {
    Actor { store: &*app.store, who, at: app.clock.now().wall }
}

/// Starts the run that what is new asks for.
fn followed(app: &App, report: ScanReport) -> OffloadReport {
    let run_started = report.complete && app.config.workflow.start.run_after_scan;
    if run_started {
        let app = app.clone();
        tokio::spawn(async move {
            if let Err(error) = app.run_workflow(app.clock.timestamp(), "offload").await {
                tracing::error!(%error, "The workflow run failed; nothing of it was stored.");
            }
        });
    }
    OffloadReport {
        files: report.files.into_iter().map(FileView::from).collect(),
        waiting: report.waiting,
        run_started,
    }
}

#[cfg(test)]
mod tests {
    use super::check_file_name;

    #[test]
    fn the_name_of_a_file_is_no_path() {
        assert!(check_file_name("us_channel_snr.2026-03-02.csv").is_ok());
        for name in ["", "a/b.csv", "..\\b", "a\0", "a\n", &"x".repeat(201)] {
            assert!(check_file_name(name).is_err(), "{name}");
        }
    }
}
