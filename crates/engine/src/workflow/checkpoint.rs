//! Where an evaluation goes on from, and what it leaves behind.
//!
//! Guarantee: the result is that of reading every stored sample. A checkpoint that can't be read, is of another version
//! of this program, or can't be written costs time, never a run, unless the store must not be written to any more.

use serde::{Deserialize, Serialize};
use ticketbridge_core::network::evaluation::{Checkpoint, Evaluator};
use ticketbridge_core::network::{KpiFile, Timestamp};
use ticketbridge_store::samples::{Blocks, SampleStore, Snapshot, Versions};

use super::WorkflowError;
use crate::offload::Plant;

/// Raised with each change of what a checkpoint holds or means: those of other versions of this program are passed over.
const LAYOUT: u32 = 1;

/// Which samples an evaluation has to read.
pub(super) struct Reach {
    /// Of all channels those from here on.
    pub(super) recent: Timestamp,
    /// Of these blocks all that are stored.
    pub(super) longer: Blocks,
}

impl Reach {
    /// Whether a checkpoint of this evaluation, made at `cut`, would be the one it goes on from.
    pub(super) fn is_whole(&self, cut: Option<Timestamp>) -> bool {
        cut.is_none_or(|cut| cut == self.recent) && self.longer.is_empty()
    }
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
struct Stored<C> {
    layout: u32,
    versions: Versions,
    checkpoint: C,
}

/// Lets `evaluator` go on from the stored checkpoint of `file`, as far as it is still good.
pub(super) fn resume(
    snapshot: &Snapshot<'_>,
    plant: &Plant,
    evaluator: &mut Evaluator<'_>,
    file: KpiFile,
    first_stored: Timestamp,
) -> Result<Reach, WorkflowError> {
    let everything = Reach { recent: first_stored, longer: Blocks::default() };
    let Some(body) = snapshot.checkpoint(file)? else {
        return Ok(everything);
    };
    let stored = match serde_json::from_slice::<Stored<Checkpoint>>(&body) {
        Ok(stored) if stored.layout == LAYOUT && stored.checkpoint.kpi() == file => stored,
        _ => return Ok(everything),
    };
    let cut = stored.checkpoint.cut();
    let touched = snapshot.versions(file, first_stored, cut)?.differences(&stored.versions, first_stored);
    let is_touched = |channel| touched.contains(plant.ordinal(channel));
    let Some(anew) = evaluator.resume(&stored.checkpoint, is_touched)? else {
        return Ok(everything);
    };
    let mut longer = Blocks::default();
    for channel in anew {
        longer.add(plant.ordinal(channel));
    }
    Ok(Reach { recent: cut, longer })
}

/// A checkpoint made of what `snapshot` shows, as it is stored.
pub(super) fn to_bytes(
    snapshot: &Snapshot<'_>,
    checkpoint: &Checkpoint,
    first_stored: Timestamp,
) -> Result<Vec<u8>, WorkflowError> {
    let versions = snapshot.versions(checkpoint.kpi(), first_stored, checkpoint.cut())?;
    // Ids and numbers: they always serialise.
    Ok(serde_json::to_vec(&Stored { layout: LAYOUT, versions, checkpoint }).unwrap_or_default())
}

/// Keeps checkpoints for the next evaluation. No snapshot may be open: on a store in memory it would wait for itself.
pub(super) fn keep(store: &SampleStore, checkpoints: Vec<(KpiFile, Vec<u8>)>) -> Result<(), WorkflowError> {
    for (file, body) in checkpoints {
        match store.put_checkpoint(file, &body) {
            Err(error) if error.is_fatal() => return Err(error.into()),
            Err(error) => tracing::warn!(
                %error,
                "A checkpoint was not kept: the next run reads more samples than it needs. Nothing is lost; mend what the error says if it comes again."
            ),
            Ok(()) => {}
        }
    }
    Ok(())
}
