//! What can go wrong with the store. Each text says what was wrong, where, and what to do next.

/// An error of the store. After [`StoreError::Fatal`] nothing may be written any more: the process must stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The operation was refused and nothing was written; the next one may succeed.
    #[error("{0}")]
    Refused(String),
    /// A write or an fsync failed; what is on disk is uncertain until the store is opened anew. Every later call
    /// of the same store answers the same.
    #[error("{0}")]
    Fatal(String),
}

impl StoreError {
    /// Whether the process must stop.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Fatal(_))
    }
}
