//! The feedback function that an organizer's runs belong to.

use crate::Config;
use crate::sections::Feedback;

/// Why there is no active function for an organizer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoActiveFunction {
    /// None at all.
    #[error("there is no feedback function at all; add `[[feedback]]` to the configuration")]
    None,
    /// None of this organizer.
    #[error("there is no feedback function for organizer `{organizer}`; there are functions for {known}")]
    Unknown {
        /// The organizer that was asked for.
        organizer: String,
        /// Those that there are, separated by commas.
        known: String,
    },
    /// All are switched off.
    #[error(
        "feedback function `{internal_name}` of organizer `{organizer}` is not active; set `active = true` and try again"
    )]
    SwitchedOff {
        /// The organizer that was asked for.
        organizer: String,
        /// The first of its functions.
        internal_name: String,
    },
}

impl Config {
    /// The active function of an organizer. There is one at most: a file with two does not load.
    pub fn active_feedback(&self, organizer: &str) -> Result<&Feedback, NoActiveFunction> {
        let mut of_organizer = self.feedback.iter().filter(|function| function.organizer == organizer).peekable();
        let Some(first) = of_organizer.peek().copied() else {
            let mut known: Vec<&str> = self.feedback.iter().map(|function| function.organizer.as_str()).collect();
            known.sort_unstable();
            known.dedup();
            return Err(match known.as_slice() {
                [] => NoActiveFunction::None,
                _ => NoActiveFunction::Unknown { organizer: organizer.to_owned(), known: known.join(", ") },
            });
        };
        of_organizer.find(|function| function.active).ok_or_else(|| NoActiveFunction::SwitchedOff {
            organizer: organizer.to_owned(),
            internal_name: first.internal_name.clone(),
        })
    }
}
