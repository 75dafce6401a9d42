//! Why a run, a table or a preview could not be made.

use ticketbridge_core::network::evaluation::EvaluationError;
use ticketbridge_store::StoreError;

/// Nothing was committed.
#[derive(Debug, thiserror::Error)]
pub enum WorkflowError {
    /// One of the two stores refused, or failed for good ([`StoreError::is_fatal`]: the process must stop).
    #[error("{0}")]
    Store(#[from] StoreError),
    /// There is no topology yet.
    #[error(
        "there is no topology yet, so there is nothing to evaluate; offload topology_service_group.csv and topology_channel.csv first"
    )]
    NoTopology,
    /// The stored samples are not as they must be.
    #[error("{0}; please report it")]
    Evaluation(#[from] EvaluationError),
    /// What earlier runs left behind can't be read.
    #[error("what earlier runs left in the store can't be read: {what}: {why}; restore a backup of the store")]
    Damaged {
        /// Which entry.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A defect of ours.
    #[error("the evaluation stopped unexpectedly: {0}; please report it")]
    Stopped(String),
}
