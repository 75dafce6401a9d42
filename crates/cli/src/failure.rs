//! A command that failed: what to say, and the exit code.

use std::process::ExitCode;

use ticketbridge_config::ConfigError;
use ticketbridge_store::StoreError;

/// Why a command failed. Its text is shown behind `error: `.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The configuration is unusable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Everything else, said whole.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// What was wrong, where, and what to do next.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self::Other(text.into())
    }

    /// 1, or 2 for a configuration that must be mended first.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}
