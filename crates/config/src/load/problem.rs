//! What is wrong with a configuration.

use std::fmt;

use super::tree::Origin;

/// Most problems that are kept; more do not help anybody.
const MAX_PROBLEMS: usize = 100;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where the value comes from.
    pub origin: Origin,
    /// Dotted key; empty: the file as a whole.
    pub key: String,
    /// What is wrong, and the way out.
    pub text: String,
}

impl Problem {
    /// One line: place in `file`, key, what is wrong.
    pub fn line(&self, file: &str) -> String {
        let place = match &self.origin {
            Origin::Default => String::new(),
            Origin::File { line } => format!("{file}:{line}: "),
            Origin::Environment { variable } => format!("{variable}: "),
        };
        let key = if self.key.is_empty() { String::new() } else { format!("`{}`: ", self.key) };
        format!("{place}{key}{}", self.text)
    }
}

/// In the order of the file, each once, within the bound.
pub(crate) fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|left, right| (&left.origin, &left.key).cmp(&(&right.origin, &right.key)));
    problems.dedup();
    problems.truncate(MAX_PROBLEMS);
    problems
}

/// Why a configuration cannot be used: everything that is wrong with it, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: String,
    problems: Vec<Problem>,
}

impl ConfigError {
    /// Error code; its page is `docs/errors/TB0001.md`.
    pub const CODE: &str = "TB0001";

    pub(crate) fn new(file: &str, problems: Vec<Problem>) -> Self {
        Self { file: file.to_owned(), problems: in_order(problems) }
    }

    /// What is wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.problems.len();
        let noun = if number == 1 { "problem" } else { "problems" };
        write!(f, "{} the configuration cannot be used: {number} {noun} in {}", Self::CODE, self.file)?;
        for problem in &self.problems {
            write!(f, "\n  {}", problem.line(&self.file))?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
