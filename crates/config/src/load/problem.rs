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

/// Why a configuration cannot be used: everything that is wrong with it, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: String,
    problems: Vec<Problem>,
}

impl ConfigError {
    /// Error code; its page is `docs/errors/TB0001.md`.
    pub const CODE: &str = "TB0001";

    pub(crate) fn new(file: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|left, right| (&left.origin, &left.key).cmp(&(&right.origin, &right.key)));
        problems.dedup();
        problems.truncate(MAX_PROBLEMS);
        Self { file: file.to_owned(), problems }
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
            f.write_str("\n  ")?;
            match &problem.origin {
                Origin::Default => {}
                Origin::File { line } => write!(f, "{}:{line}: ", self.file)?,
                Origin::Environment { variable } => write!(f, "{variable}: ")?,
            }
            if !problem.key.is_empty() {
                write!(f, "`{}`: ", problem.key)?;
            }
            f.write_str(&problem.text)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
