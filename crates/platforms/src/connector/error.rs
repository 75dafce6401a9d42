//! Why a connector file can't be used.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that is wrong with a connector file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Line in the file, from 1; `None`: the file as a whole, or a setting outside it.
    pub line: Option<usize>,
    /// The operation (`create_ticket`), or the part of the file; empty: the file as a whole.
    pub operation: String,
    /// What is wrong and what to do, for people.
    pub why: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.operation.is_empty() {
            write!(f, "[{}] ", self.operation)?;
        }
        f.write_str(&self.why)
    }
}

/// All that is wrong with a connector file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the connector file `{file}` can't be used: {}; `ticketbridge connector check` tries it out", list(.problems))]
pub struct ConnectorError {
    /// The file, or `builtin:NAME`.
    pub file: String,
    /// At least one.
    pub problems: Vec<Problem>,
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Gathers problems while a file is read.
pub(super) struct Problems<'f> {
    text: &'f str,
    found: Vec<Problem>,
}

impl<'f> Problems<'f> {
    pub(super) fn new(text: &'f str) -> Self {
        Self { text, found: Vec::new() }
    }

    /// At byte `offset` of the file.
    pub(super) fn at(&mut self, offset: usize, operation: &str, why: impl Into<String>) {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        let line = before.split(|byte| *byte == b'\n').count();
        self.found.push(Problem { line: Some(line), operation: operation.to_owned(), why: why.into() });
    }

    /// At byte `offset` of the text whose opening quotes stand at `start`. Exact to the line for texts of several lines;
    /// a line break right behind the quotes belongs to the quotes.
    pub(super) fn inside(&mut self, start: usize, offset: usize, operation: &str, why: impl Into<String>) {
        let raw = self.text.get(start..).unwrap_or_default();
        let opening = if raw.starts_with("'''") || raw.starts_with("\"\"\"") {
            let rest = &raw[3..];
            3 + if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) }
        } else {
            1
        };
        self.at(start + opening + offset, operation, why);
    }

    /// All that was found.
    pub(super) fn into_inner(self) -> Vec<Problem> {
        self.found
    }

    /// Nowhere in particular.
    pub(super) fn general(&mut self, operation: &str, why: impl Into<String>) {
        self.found.push(Problem { line: None, operation: operation.to_owned(), why: why.into() });
    }

    /// `Err` if there were any.
    pub(super) fn done(self, file: &str) -> Result<(), ConnectorError> {
        if self.found.is_empty() {
            return Ok(());
        }
        Err(ConnectorError { file: file.to_owned(), problems: self.found })
    }
}
