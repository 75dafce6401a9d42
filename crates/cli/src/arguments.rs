//! The command line.
#![expect(clippy::doc_markdown, reason = "these comments are the help texts, where backticks would be noise")]

mod doctor;
mod feedback;
mod plan;
mod token;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use doctor::{Doctor, Man};
pub(crate) use feedback::{Cursor, Failed, Feedback, Records, Rewind, Skip};
pub(crate) use plan::{Apply, Plan};
pub(crate) use token::{Audit, Role, Token};

/// Keeps tickets in step between systems that do not know each other, without losing one and without making one
/// twice.
#[derive(Debug, Parser)]
#[command(name = "ticketbridge", version, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// Configuration file. Without it: `ticketbridge.toml` in this folder if there is one, else the defaults
    #[arg(short = 'c', long = "config", global = true, value_name = "FILE", env = "TICKETBRIDGE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Data as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// More log
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Log lines as JSON
    #[arg(long, global = true)]
    pub(crate) log_json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole job at work on made-up data, with a sandbox of its own
    Demo(Demo),
    /// Run the service: files in, runs, tickets to their platforms, HTTP API
    Serve(Serve),
    /// Serve stand-ins of the platforms to try a configuration on
    Sandbox(Sandbox),
    /// Run the backends of the configuration on models of their platforms, with much bad luck, under virtual time
    Simulate(Simulate),
    /// Take one CSV file in now
    Offload(Offload),
    /// Confirm or refuse a topology that waits because it drops too much
    #[command(subcommand)]
    Topology(Topology),
    /// Run the workflow manager, or see what it would do
    #[command(subcommand)]
    Workflow(Workflow),
    /// See what would be done to the waiting tickets, on the real platforms, without writing anything there
    Plan(Plan),
    /// Do what a plan says, and nothing else
    Apply(Apply),
    /// Show an aggregation table
    Aggregations(Aggregations),
    /// List tickets, see one, retry or dismiss
    #[command(subcommand)]
    Tickets(Tickets),
    /// Tell the whole story of a ticket: evidence, requests and answers, waits and why, what comes next
    Explain(Explain),
    /// See the backends, change their settings
    #[command(subcommand)]
    Backends(Backends),
    /// Check a platform, accept a loss
    #[command(subcommand)]
    Platform(Platform),
    /// Run the mobile-ticket job by hand, see and steer it
    #[command(subcommand)]
    Feedback(Feedback),
    /// Make, list and revoke the tokens of callers
    #[command(subcommand)]
    Token(Token),
    /// Who changed what
    #[command(subcommand)]
    Audit(Audit),
    /// Check a connector file
    #[command(subcommand)]
    Connector(Connector),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(Config),
    /// Migrate or back up the store
    #[command(subcommand)]
    Store(Store),
    /// Is this installation healthy? Looks at everything, changes nothing, and says what to do
    Doctor(Doctor),
    /// Explain an error code (TB0101) that ticketbridge showed
    Error {
        /// The code
        code: String,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print or write the manual pages
    Man(Man),
    /// Check a connector file inside limits; called by `connector check`
    #[command(hide = true)]
    ConnectorCheckChild,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// End when everything is done, instead of waiting for Ctrl-C
    #[arg(long)]
    pub(crate) once: bool,
    /// Seed of everything that is random
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Tickets that come in from outside, besides those from the network data
    #[arg(long, default_value_t = 100)]
    pub(crate) tickets: usize,
    /// Address of the API; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Write every event and decision of the delivery to this file
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) flight_recorder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:9400")]
    pub(crate) listen: SocketAddr,
    /// Seed of everything that is random
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// The first seed; the same seed gives the same story
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// How many seeds
    #[arg(long, default_value_t = 1_000)]
    pub(crate) seeds: u64,
    /// How much goes wrong: nothing; everything inside the promise; or beyond it
    #[arg(long, value_enum, default_value_t = Faults::Harsh)]
    pub(crate) faults: Faults,
    /// A site of its own for each seed, instead of the configuration's
    #[arg(long)]
    pub(crate) generated: bool,
    /// Threads; default: one per processor
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

/// How much goes wrong in a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Faults {
    /// Nothing
    Calm,
    /// Everything that the promise bears
    Harsh,
    /// More than the promise bears: doubles are possible and must be reported
    Outside,
}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Calm => "calm",
            Self::Harsh => "harsh",
            Self::Outside => "outside",
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct Offload {
    /// Which kind of file: topology_service_group, topology_channel, us_channel_snr, us_channel_utilization or
    /// ds_channel_utilization
    pub(crate) group: String,
    /// The CSV file
    pub(crate) file: PathBuf,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Topology {
    /// Make the waiting topology the active one
    Confirm,
    /// Drop the waiting topology; the active one stays
    Refuse,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Workflow {
    /// Evaluate now and hand new tickets over
    Run {
        /// Evaluation instant (RFC 3339); default: now
        #[arg(long, value_name = "T")]
        as_of: Option<String>,
    },
    /// What a folder of CSV files would produce in a fresh store; sends nothing
    Preview {
        /// The folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Evaluation instant (RFC 3339)
        #[arg(long, value_name = "T")]
        as_of: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Aggregations {
    /// snr_upstream, us_service_group or ds_service_group
    pub(crate) name: String,
    /// Evaluation instant (RFC 3339); default: now
    #[arg(long, value_name = "T")]
    pub(crate) as_of: Option<String>,
}

#[derive(Debug, Args, Default)]
pub(crate) struct TicketFilter {
    /// In this state (may be given several times)
    #[arg(long)]
    pub(crate) state: Vec<String>,
    /// Of this kind (may be given several times)
    #[arg(long)]
    pub(crate) kind: Vec<String>,
    /// Carried by this backend (may be given several times)
    #[arg(long)]
    pub(crate) backend: Vec<String>,
    /// With this dedupe key
    #[arg(long, value_name = "KEY")]
    pub(crate) dedupe_key: Option<String>,
    /// With this text in key, numbers, message id or reason
    #[arg(long)]
    pub(crate) text: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tickets {
    /// List tickets, the newest first
    List {
        #[command(flatten)]
        filter: TicketFilter,
        /// Rows at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// One ticket with its timeline
    Show {
        /// Its id
        id: String,
    },
    /// Bring a ticket in Error back to the step that failed
    Retry {
        /// Its id
        id: String,
    },
    /// Retry every ticket in Error that a filter finds
    Redrive {
        #[command(flatten)]
        filter: TicketFilter,
        /// Only say which
        #[arg(long)]
        dry_run: bool,
    },
    /// Give a ticket in Received or Error up
    Dismiss {
        /// Its id
        id: String,
        /// Why; kept with the ticket
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Its id, its message id, or the number of its remote ticket or work order
    pub(crate) ticket: String,
    /// Write the story to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Backends {
    /// The backends and their settings
    List,
    /// Change settings; they survive a restart
    Set {
        /// The backend
        name: String,
        /// processing=true|false, max_retries=N, max_tickets_per_request=N
        #[arg(required = true, value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Platform {
    /// Can it be reached, does the login work, can its look-ups be trusted?
    Check {
        /// The platform; without it: all of them
        name: Option<String>,
    },
    /// Accept that tickets which are known are gone, and let creating go on
    AcceptLoss {
        /// The platform
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Connector {
    /// Check a file, and with --against its reads on a live platform
    Check {
        /// The file, or builtin:NAME
        file: String,
        /// Address of a platform that the reads are tried on
        #[arg(long, value_name = "URL")]
        against: Option<String>,
        /// Bearer token for --against, by reference (env:NAME or file:PATH)
        #[arg(long, value_name = "REFERENCE")]
        token: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Is the configuration usable, and everything that it names?
    Check,
    /// The configuration in force; secrets stay references
    Show {
        /// The commented default file instead
        #[arg(long)]
        default: bool,
    },
    /// What a reload of this file would change in the running service, and what needs a restart
    Diff,
    /// JSON schema of the configuration
    Schema,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Bring the schema up to date
    Migrate,
    /// Copy the store to a new file while it is in use
    Backup {
        /// The new file; must not exist
        to: PathBuf,
    },
}
