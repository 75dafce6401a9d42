//! `[[feedback]]`: the mobile-ticket job, one function per organizer.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketbridge_core::ticket::PlatformName;

use crate::types::{EmailAddress, Span};

/// `[[feedback]]`: one function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// Unique name.
    pub internal_name: String,
    /// Organizer code; one function at a time may be active per organizer.
    pub organizer: String,
    /// `false`: it never runs, neither by the clock nor by hand, and does not count for the rule of one active
    /// function per organizer.
    #[serde(default = "on")]
    pub active: bool,
    /// The platform that changes are read from; its type is `tixngo`.
    #[schemars(with = "String")]
    pub source: PlatformName,
    /// The platform that they are stored on; its type is `s360`.
    #[schemars(with = "String")]
    pub box_office: PlatformName,
    /// Who starts runs.
    #[serde(default)]
    pub launch: Launch,
    /// Time between two starts: whole minutes, 1 to 1440.
    #[serde(default = "five_minutes")]
    pub frequency: Span,
    /// No run starts before this instant (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub start: Option<jiff::Timestamp>,
    /// No run starts at or after this instant (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub end: Option<jiff::Timestamp>,
    /// Starts are rounded up to multiples of `frequency` from 00:00 UTC (vendor: `stickToTheHour`).
    #[serde(default = "on")]
    pub stick_to_the_hour: bool,
    /// Tickets per page, 1 to 10000.
    #[serde(default = "thousand")]
    #[schemars(range(min = 1, max = 10_000))]
    pub batch_size: u32,
    /// Pages per run, 1 to 1000.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000))]
    pub pages_per_run: u32,
    /// Tickets never written: tax numbers, or ticket ids as `id:VALUE`, separated by commas.
    #[serde(default)]
    pub skip_tickets: String,
    /// A diff page (JSON) that is processed instead of a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_to_upload: Option<PathBuf>,
    /// Go on after a ticket that failed (vendor: `doContinueInCaseOfSyncError`).
    #[serde(default = "on")]
    pub continue_on_sync_error: bool,
    /// Contacts and distributions (vendor: `enableTicketDistributionToCulturalContact`).
    #[serde(default = "on")]
    pub distribute_to_cultural_contact: bool,
    /// Organization codes that may be written. Empty: all.
    #[serde(default)]
    pub organizations: Vec<String>,
    /// Addresses told of errors of this function, besides `mail.error_recipients`.
    #[serde(default)]
    pub error_recipients: Vec<EmailAddress>,
    /// KiB of exchanged bodies kept per run (vendor: `maxLengthDumpedCallsInKbs`), up to 1000000. 0: none.
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    pub max_dump_kib: u32,
    /// Longest time for one call, to the source and to the box office; the platform's own time-outs bound it further.
    #[serde(default = "thirty_seconds")]
    pub timeout: Span,
    /// Life of the lease that keeps a second run away, at least one and a half times `timeout`.
    #[serde(default = "minute")]
    pub lease: Span,
}

impl Feedback {
    /// Tickets per page.
    pub const BATCH_SIZE: RangeInclusive<u32> = 1..=10_000;
    /// Pages per run.
    pub const PAGES_PER_RUN: RangeInclusive<u32> = 1..=1_000;
    /// KiB of a dump.
    pub const DUMP_KIB: RangeInclusive<u32> = 0..=1_000_000;

    /// The shortest lease for this `timeout`. The lease is renewed when a third of its life is over, so two thirds of
    /// it are left at any time; a write to the box office begins only while more is left than it may take.
    pub fn shortest_lease(&self) -> Duration {
        self.timeout.get().saturating_mul(3) / 2
    }
}

/// Who starts the runs of a function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Launch {
    /// A person.
    #[default]
    Manual,
    /// The schedule.
    Automatic,
}

fn on() -> bool {
    true
}

fn one() -> u32 {
    1
}

fn thousand() -> u32 {
    1_000
}

fn thirty_seconds() -> Span {
    Span::seconds(30)
}

fn minute() -> Span {
    Span::seconds(60)
}

fn five_minutes() -> Span {
    Span::seconds(300)
}
