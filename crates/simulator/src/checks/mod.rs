//! The invariants, one file each. A check is a function over what is there: it answers what is wrong, or nothing.
//!
//! The truth about effects is asked of the stand-ins, never of what the state machine believes.

pub mod attempts;
pub mod batch_size;
pub mod completed;
pub mod intent;
pub mod journal;
pub mod liveness;
pub mod matching;
pub mod once;
pub mod switches;
pub mod wake;

use serde::Serialize;

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// `I1` to `I11`, `match`, `liveness`, `audit`, or `panic`.
    pub invariant: &'static str,
    /// The dedupe key that it is about, where it is about one.
    pub key: Option<String>,
    /// What was seen, for people.
    pub text: String,
}

impl Violation {
    pub(crate) fn new(invariant: &'static str, key: Option<&str>, text: String) -> Self {
        Self { invariant, key: key.map(str::to_owned), text }
    }
}
