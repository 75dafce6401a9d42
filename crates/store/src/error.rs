//! What can go wrong with the store.

/// An error of the store. After [`StoreError::Fatal`] nothing may be written any more: the process must stop.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operation was refused and nothing was written; the next one may succeed.
    #[error("{0}")]
    Refused(String),
    /// A write or an fsync failed; what is on disk is uncertain until the store is opened anew.
    #[error("{0}")]
    Fatal(String),
}
