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

use std::any::Any;

use serde::Serialize;

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// `I1` to `I11`, `match`, `liveness`, `audit`, or `panic`; with mobile tickets `I3`, `I8` to `I10`, `once`, `order`,
    /// `outcome`, `rows`, `print-status`, `release`, `liveness`, or `panic`.
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

    /// A panic is a violation like any other.
    pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Self::new("panic", None, text.unwrap_or_else(|| String::from("a panic without words")))
    }
}
