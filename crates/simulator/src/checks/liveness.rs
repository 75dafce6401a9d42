//! Liveness: when the faults have ended, every ticket comes to its end.

use super::Violation;

/// What is left some hours after the last fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remains {
    /// Open rows that are not held for an operator.
    pub open: usize,
    /// One of their keys.
    pub key: Option<String>,
    /// Batches without a whole outcome, though their rows are over.
    pub unsettled: usize,
    /// Rows in Error without a reason.
    pub unexplained: usize,
    /// How they wait, for people.
    pub waiting: String,
}

/// What should not be left.
pub fn check(remains: &Remains) -> Option<Violation> {
    let Remains { open, key, unsettled, unexplained, waiting } = remains;
    let text = match (open, unsettled, unexplained) {
        (0, 0, 0) => return None,
        (0, 0, _) => format!("{unexplained} rows are in Error without a reason"),
        (0, _, _) => format!("{unsettled} batches are without an outcome, and nobody looks"),
        _ => format!("{open} rows are open long after the last fault ({waiting})"),
    };
    Some(Violation::new("liveness", key.as_deref(), text))
}
