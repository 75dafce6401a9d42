//! Faults: what a stand-in can be told to do wrong.
//!
//! A [`Rule`] turns one [`Knob`] on: for chosen operations, with a probability, for the next N matching calls or until it
//! is taken away. A [`FaultBoard`] holds the rules of one platform, at most [`MAX_RULES`].
//!
//! Guarantees: a rule is checked whole before it is taken; unknown knobs, fields and operations are refused with a text
//! that names the right ones. Which rules fire depends only on the rules, the calls and the dice. Rules are tried in the
//! order in which they were added; of the knobs that decide the whole answer only the first that fires is used, and the
//! others are neither counted nor used up.

mod board;
mod knob;
mod knob_checks;
mod rule;

pub use board::{FaultBoard, Fired, MAX_RULES, Twist};
pub use knob::{BodyCut, EarlyAnswer, Knob, MissingKey, OriginChange, OriginField, RetryAfterForm};
pub use rule::Rule;

/// What an operation does; decides which knobs make sense on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationClass {
    /// Logs in, stays logged in or logs out.
    Login,
    /// Tells what there is: objects, fields, teams.
    Describe,
    /// Lists records, page by page.
    List,
    /// Finds records by key.
    Find,
    /// Lists and finds by one and the same call, page by page.
    Search,
    /// Reads the records that belong to another.
    Related,
    /// Makes records.
    Create,
    /// Changes records.
    Update,
    /// Says that the platform is up.
    Health,
}

/// The operations of a platform, by the names that rules and counters use.
#[derive(Debug)]
pub struct Catalogue {
    /// The platform's name, as in `"platform": "sfyc"`.
    pub platform: &'static str,
    /// Name and class of each operation.
    pub operations: &'static [(&'static str, OperationClass)],
}

impl Catalogue {
    fn class_of(&self, name: &str) -> Option<OperationClass> {
        self.operations.iter().find(|(known, _)| *known == name).map(|(_, class)| *class)
    }
}

/// Why a rule was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// The rule is not readable: unknown knob or field, wrong type, missing field.
    #[error("not a fault rule: {0}")]
    Unreadable(String),
    /// A number or text is out of its range.
    #[error("fault rule `{knob}`: `{field}` {problem}")]
    OutOfRange {
        /// The knob.
        knob: &'static str,
        /// The field.
        field: &'static str,
        /// What it must be.
        problem: String,
    },
    /// The platform does not exist.
    #[error("no platform `{name}`; there is: {known}")]
    UnknownPlatform {
        /// The name given.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// The operation does not exist, or the knob makes no sense on it.
    #[error("fault rule `{knob}`: it cannot act on operation `{name}`; it can on: {possible}")]
    UnfitOperation {
        /// The knob.
        knob: &'static str,
        /// The operation given.
        name: String,
        /// The operations on which the knob can act.
        possible: String,
    },
    /// The knob has no meaning on the platform.
    #[error("fault rule `{knob}`: it has no meaning on {platform}; name another with `platform`")]
    UnfitPlatform {
        /// The knob.
        knob: &'static str,
        /// The platform.
        platform: &'static str,
    },
    /// The board is full.
    #[error("there are {MAX_RULES} fault rules already; take some away first")]
    Full,
}
