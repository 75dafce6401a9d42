//! What a folder of CSV files would produce in a fresh store. Nothing is kept, nothing is sent.

use std::path::{Path, PathBuf};

use ticketbridge_core::network::evaluation::{Evaluator, Horizon};
use ticketbridge_core::network::load::FileKind;
use ticketbridge_core::network::preview::Expected;
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::network::tickets::{TicketDraft, build_tickets};
use ticketbridge_core::network::{KpiFile, Timestamp};
use ticketbridge_core::time::Wall;
use ticketbridge_store::samples::SampleStore;

use super::WorkflowError;
use super::evaluate::{Request, consistent, evaluate, first_stored};
use crate::offload::{FileOutcome, FileReport, PlantCache, load_folder, total_counters};

/// The result of a preview.
#[derive(Debug)]
pub struct Preview {
    /// Counters, tables, incidents and tickets; as JSON in the form `telecom-expected/1`.
    pub expected: Expected,
    /// The tickets, with all that a message of them would say.
    pub drafts: Vec<TicketDraft>,
    /// What became of each file.
    pub files: Vec<FileReport>,
    /// Files that were not taken in, and why: the result is without them.
    pub problems: Vec<String>,
}

/// Loads the five kinds of files of `folder` (split files too, telecom contract §3.1) into a store in memory, with the
/// clock at `as_of`, and evaluates. Memory: 4 to 8 bytes per row.
pub async fn preview(folder: PathBuf, as_of: Timestamp, settings: Settings) -> Result<Preview, WorkflowError> {
    tokio::task::spawn_blocking(move || preview_blocking(&folder, as_of, &settings))
        .await
        .unwrap_or_else(|stopped| Err(WorkflowError::Stopped(stopped.to_string())))
}

fn preview_blocking(folder: &Path, as_of: Timestamp, settings: &Settings) -> Result<Preview, WorkflowError> {
    let store = SampleStore::in_memory()?;
    let plants = PlantCache::default();
    let now = Wall(as_of.0.saturating_mul(1_000));
    let (files, mut problems) = load_folder(folder, &store, &plants, settings, now)?;
    for file in &files {
        if let FileOutcome::Refused { why } | FileOutcome::Failed { why } = &file.outcome {
            problems.push(why.clone());
        }
    }
    let mut counters = total_counters(&files);
    for kind in FileKind::ALL {
        counters.entry(kind).or_default();
    }
    let (expected, drafts) = match consistent(&store, &plants) {
        Ok((plant, snapshot)) => {
            let first_stored = first_stored(settings, as_of, now);
            let request = Request { files: &KpiFile::ALL, as_of, known: Vec::new(), first_stored, checkpoints: false };
            let evaluation = evaluate(&snapshot, &plant, settings, request)?.evaluation;
            (Expected::new(&evaluation, &counters), build_tickets(&evaluation))
        }
        // Without a topology there are no groups; the counters still tell what the files hold.
        Err(WorkflowError::NoTopology) => {
            problems.push(WorkflowError::NoTopology.to_string());
            let topology = ticketbridge_core::network::topology::Topology::default();
            let nothing = Evaluator::new(&topology, settings, as_of, Horizon::default()).finish();
            (Expected::new(&nothing, &counters), Vec::new())
        }
        Err(error) => return Err(error),
    };
    Ok(Preview { expected, drafts, files, problems })
}
