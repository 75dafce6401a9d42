//! `feedback`: the arguments of the mobile-ticket job.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Feedback {
    /// The functions and how they stand
    List,
    /// One whole run, in this process; exit 0 OK, 3 WARNING, 4 ERROR, 5 REFUSED
    Run {
        /// Organizer code
        organizer: String,
    },
    /// Process a file as a page; the wallet is not asked, the key stays; exit codes as run
    Replay {
        /// Organizer code
        organizer: String,
        /// The page (JSON); - reads it from stdin
        file: PathBuf,
    },
    /// See the pagination key, its history, or set it back
    #[command(subcommand)]
    Cursor(Cursor),
    /// See the skip list, change it at once
    Skip(Skip),
    /// See failed tickets, retry or dismiss them
    Failed(Failed),
    /// Runs, the newest first
    Runs {
        /// Organizer code
        organizer: String,
        /// Rows at most
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Mobile tickets that were stored in the box office, masked
    Tickets(Records),
    /// Contacts that were created or completed, masked
    Contacts(Records),
    /// Distribution rows that were written
    Distributions(Records),
    /// Remove a person from the store
    Erase {
        /// The person's e-mail
        #[arg(long, value_name = "ADDRESS")]
        email: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Cursor {
    /// The stored key
    Show {
        /// Organizer code
        organizer: String,
    },
    /// Every move of the key, the newest first
    History {
        /// Organizer code
        organizer: String,
        /// Rows at most
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Set the key back, so that the next run reads again what came after it
    Rewind(Rewind),
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("where").required(true).args(["to_start", "to"])))]
pub(crate) struct Rewind {
    /// Organizer code
    pub(crate) organizer: String,
    /// To the beginning of the stream: the empty key
    #[arg(long)]
    pub(crate) to_start: bool,
    /// To the key that move N of the history stored
    #[arg(long, value_name = "N")]
    pub(crate) to: Option<u64>,
    /// Only show what would be read again and what would change
    #[arg(long)]
    pub(crate) preview: bool,
    /// Pages that a preview reads at most
    #[arg(long, value_name = "N", requires = "preview", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) pages: Option<u32>,
    /// Do not ask
    #[arg(long, conflicts_with = "preview")]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Skip {
    /// Organizer code
    pub(crate) organizer: String,
    /// Add a ticket number, or id:TICKET (may be given several times)
    #[arg(long, value_name = "ENTRY")]
    pub(crate) add: Vec<String>,
    /// Remove an entry that was added so (may be given several times)
    #[arg(long, value_name = "ENTRY")]
    pub(crate) remove: Vec<String>,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("act").args(["retry", "retry_all", "dismiss"]).multiple(false)))]
pub(crate) struct Failed {
    /// Organizer code
    pub(crate) organizer: String,
    /// Make a ticket pending again, by its PAGE:POSITION (may be given several times)
    #[arg(long, value_name = "ID")]
    pub(crate) retry: Vec<String>,
    /// Make all pending again
    #[arg(long)]
    pub(crate) retry_all: bool,
    /// Take a ticket off the list, by its PAGE:POSITION (may be given several times)
    #[arg(long, value_name = "ID")]
    pub(crate) dismiss: Vec<String>,
    /// Rows at most
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Records {
    /// Organizer code; without it: of all
    pub(crate) organizer: Option<String>,
    /// Of the ticket with this id
    #[arg(long, value_name = "ID")]
    pub(crate) ticket: Option<String>,
    /// As CSV
    #[arg(long)]
    pub(crate) csv: bool,
    /// Rows at most
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: usize,
    /// Rows to pass over
    #[arg(long, default_value_t = 0)]
    pub(crate) offset: usize,
}
