//! `token`, `audit`.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token and print it, this once
    Create {
        /// Its name, which the audit shows
        name: String,
        /// What it may do: look; send, retry, dismiss and switch; or everything
        #[arg(long, value_enum)]
        role: Role,
        /// How long it is valid, for instance 90d; default: until it is revoked
        #[arg(long, value_name = "SPAN")]
        expires: Option<String>,
    },
    /// The tokens of the store, without the tokens themselves
    List,
    /// Make a token invalid for good
    Revoke {
        /// Its name
        name: String,
    },
}

/// What a token may do.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Role {
    /// Look
    Viewer,
    /// Send tickets in, retry, redrive, dismiss, switch backends
    Operator,
    /// Everything
    Admin,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Changes by persons and programs, the newest first
    List {
        /// Lines at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Go on where an earlier list ended: its `next`
        #[arg(long, value_name = "NEXT")]
        cursor: Option<String>,
    },
}
