//! Why a file as a whole was not loaded.

use super::FileKind;

/// A file that was refused as a whole, or could not be read to its end (telecom contract §3.1).
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// Nothing but empty lines: there is no header. Nothing of the file is loaded.
    #[error("the {0} file has no header row (it is empty); write the column names into line 1")]
    NoHeader(FileKind),
    /// A column that the file must have is not in its header. Nothing of the file is loaded.
    #[error(
        "the {kind} file lacks the column {column}; its header has: {found}. Add the column, or check that this is a {kind} file"
    )]
    MissingColumn {
        /// The kind the file was read as.
        kind: FileKind,
        /// The column's name in backticks; two names where one of them is enough.
        column: &'static str,
        /// The names that the header has.
        found: String,
    },
    /// The input or the sink failed after `line`; rows before it were handed over.
    #[error(
        "the {kind} file could not be loaded beyond line {line}: {error}; load it again, known rows change nothing"
    )]
    Stopped {
        /// The kind the file was read as.
        kind: FileKind,
        /// Physical line reached.
        line: u64,
        /// What the input or the sink said.
        #[source]
        error: std::io::Error,
    },
}
