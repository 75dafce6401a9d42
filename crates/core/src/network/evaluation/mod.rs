//! Samples to severities, critical incidents and aggregation rows (telecom contract §5, §6).
//!
//! Guarantee: the result is a pure function of topology, settings, `as_of`, known incidents and the stored rows with
//! ts ≤ `as_of`, whatever the order in which the channels are pushed. Integers of thousandths throughout; a mean is one
//! division at its end.
//!
//! Memory: SNR samples are folded while they are pushed. Utilisation samples of a service group wait, 32 bytes per
//! distinct instant, until all its channels are pushed: push the channels group by group, silent ones too, and only one
//! group waits at a time. What stays is about 150 bytes per aggregation row and the incidents.

mod checkpoint;
mod evaluator;
mod fold;
mod grouping;
mod identity;
mod incident;
mod limits;
mod row;
mod series;
mod severity;
mod tally;
mod value;

pub use checkpoint::Checkpoint;
pub use evaluator::{Evaluation, EvaluationError, Evaluator, Horizon};
pub use grouping::{RollUp, UnknownRollUp};
pub use incident::{CountedIncident, Incident};
pub use row::AggregationRow;
pub(super) use row::{common, worse};
pub use severity::Severity;
pub use value::Value;
