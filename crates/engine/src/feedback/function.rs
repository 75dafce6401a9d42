//! One function as configured: what its runs need to know.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use ticketbridge_config::Config;
use ticketbridge_config::sections::{Feedback as FeedbackConfig, Launch};
use ticketbridge_config::types::EmailAddress;
use ticketbridge_core::mobile::{Frequency, Rules, Schedule, SkipList};
use ticketbridge_core::time::Wall;

/// One function. Its secrets are not in here: they belong to the wires.
#[derive(Debug, Clone)]
pub struct Function {
    /// Unique name.
    pub internal_name: Box<str>,
    /// The organizer: the unit of the single-active rule.
    pub organizer: Box<str>,
    /// Whether runs may start at all.
    pub active: bool,
    /// The name of the platform that is read from.
    pub source: Box<str>,
    /// The name of the platform that is written to.
    pub box_office: Box<str>,
    /// When runs start by themselves; `None`: only people start them.
    pub schedule: Option<Schedule>,
    /// Tickets per page.
    pub batch_size: u32,
    /// Pages per run.
    pub pages_per_run: u32,
    /// The skip list of the configuration, in the form of the setting.
    pub skip_tickets: Box<str>,
    /// A file that is processed instead of a call.
    pub file_to_upload: Option<PathBuf>,
    /// Whether a run goes on after a ticket that failed.
    pub continue_on_sync_error: bool,
    /// Contacts and distributions on or off.
    pub distribute: bool,
    /// Organization codes that may be written. Empty: all.
    pub organizations: HashSet<Box<str>>,
    /// Who is told of errors.
    pub error_recipients: Vec<EmailAddress>,
    /// KiB of exchanged bodies kept per run.
    pub max_dump_kib: u32,
    /// Longest time of one call.
    pub timeout: Duration,
    /// Life of the lease.
    pub lease: Duration,
    /// Write calls in flight at most.
    pub max_in_flight: usize,
    /// How long a creation without an answer may still take effect.
    pub in_doubt_for: Duration,
    /// Pauses between tries: the first at most, and any at most.
    pub retry: (Duration, Duration),
}

impl Function {
    /// The function as configured.
    pub fn new(settings: &FeedbackConfig, config: &Config) -> Self {
        let box_office = config.platforms.get(&settings.box_office);
        let common = box_office.map(|platform| platform.common.clone()).unwrap_or_default();
        let wall = |instant: jiff::Timestamp| Wall(instant.as_millisecond());
        let minutes = u32::try_from(settings.frequency.get().as_secs() / 60).unwrap_or(u32::MAX);
        let schedule = (settings.active && settings.launch == Launch::Automatic)
            .then_some(minutes)
            .and_then(Frequency::from_minutes);
        let mut recipients = config.mail.error_recipients.clone();
        recipients.extend(settings.error_recipients.iter().cloned());
        recipients.sort();
        recipients.dedup();
        Self {
            internal_name: settings.internal_name.as_str().into(),
            organizer: settings.organizer.as_str().into(),
            active: settings.active,
            source: settings.source.as_str().into(),
            box_office: settings.box_office.as_str().into(),
            schedule: schedule.map(|frequency| Schedule {
                frequency,
                stick_to_the_hour: settings.stick_to_the_hour,
                start: settings.start.map(wall),
                end: settings.end.map(wall),
            }),
            batch_size: settings.batch_size,
            pages_per_run: settings.pages_per_run,
            skip_tickets: settings.skip_tickets.as_str().into(),
            file_to_upload: settings.file_to_upload.clone(),
            continue_on_sync_error: settings.continue_on_sync_error,
            distribute: settings.distribute_to_cultural_contact,
            organizations: settings.organizations.iter().map(|code| code.as_str().into()).collect(),
            error_recipients: recipients,
            max_dump_kib: settings.max_dump_kib,
            timeout: settings.timeout.get(),
            lease: settings.lease.get(),
            max_in_flight: box_office.map_or(1, |platform| platform.max_in_flight() as usize).max(1),
            in_doubt_for: common.in_doubt_for.get(),
            retry: (common.retry.initial.get(), common.retry.max.get()),
        }
    }

    /// The rules with what people have added to the skip list since.
    pub(super) fn rules(&self, skip_entries: &[Box<str>]) -> Rules {
        let mut list = self.skip_tickets.to_string();
        for entry in skip_entries {
            list.push(',');
            list.push_str(entry);
        }
        Rules { skip: SkipList::parse(&list), organizations: self.organizations.clone(), distribute: self.distribute }
    }
}
