//! `[[feedback]]`: each function by itself, and which of them may be active beside each other (TIXNGO contract §3).

use std::collections::{BTreeMap, BTreeSet};

use super::Checker;
use crate::Config;
use crate::sections::platforms::{PlatformSettings, TixngoSettings};
use crate::sections::{Feedback, Launch, PlatformKind};

/// Longest organizer code in characters: it stands in addresses, file names and subjects.
const MAX_ORGANIZER: usize = 100;

impl Checker<'_> {
    pub(super) fn feedback(&mut self, config: &Config, all_platforms: &[String]) {
        let mut names = BTreeSet::new();
        for function in &config.feedback {
            let name = &function.internal_name;
            let key = format!("feedback.{name}");
            if name.trim().is_empty() || name.chars().any(char::is_control) {
                self.refuse(&format!("{key}.internal_name"), "is empty or has control characters; write a name");
            }
            if !names.insert(name) {
                let text = format!("two functions have the name `{name}`; give each its own");
                self.refuse(&format!("{key}.internal_name"), text);
            }
            let reference = function.source.as_str();
            self.platform_reference(
                &format!("{key}.source"),
                reference,
                config,
                all_platforms,
                &[PlatformKind::Tixngo],
            );
            let reference = function.box_office.as_str();
            self.platform_reference(
                &format!("{key}.box_office"),
                reference,
                config,
                all_platforms,
                &[PlatformKind::S360],
            );
            self.function(&key, function);
        }
        self.single_active(config);
    }

    /// What one function says.
    fn function(&mut self, key: &str, function: &Feedback) {
        let organizer = &function.organizer;
        if organizer.is_empty()
            || organizer.trim() != organizer
            || organizer.chars().count() > MAX_ORGANIZER
            || organizer.chars().any(char::is_control)
        {
            let text =
                format!("is no organizer's code; write it without blanks around it, 1 to {MAX_ORGANIZER} characters");
            self.refuse(&format!("{key}.organizer"), text);
        }
        let frequency = function.frequency;
        let seconds = frequency.get().as_secs();
        if frequency.get().subsec_nanos() > 0 || !seconds.is_multiple_of(60) || !(60..=86_400).contains(&seconds) {
            let text = format!("`{frequency}` is out of range; write whole minutes, \"1m\" to \"1440m\"");
            self.refuse(&format!("{key}.frequency"), text);
        }
        self.range(&format!("{key}.batch_size"), function.batch_size, &Feedback::BATCH_SIZE);
        self.range(&format!("{key}.pages_per_run"), function.pages_per_run, &Feedback::PAGES_PER_RUN);
        self.range(&format!("{key}.max_dump_kib"), function.max_dump_kib, &Feedback::DUMP_KIB);
        if function.start.zip(function.end).is_some_and(|(start, end)| start >= end) {
            self.refuse(&format!("{key}.end"), "is not later than `start`, so no run would ever start");
        }
        if function.organizations.iter().any(|code| code.trim().is_empty()) {
            let text = "has an empty code, which no ticket has; remove it ([] allows all organizations)";
            self.refuse(&format!("{key}.organizations"), text);
        }
        let (lease, timeout, shortest) = (function.lease, function.timeout, function.shortest_lease());
        if lease.get() < shortest {
            let text = format!(
                "`{lease}` is too short for `timeout` (`{timeout}`): a write begins only while more of the lease is left \
                 than it may take, and two thirds are left at worst; write at least \"{}ms\" (1.5 × `timeout`), or a \
                 shorter `timeout`",
                shortest.as_micros().div_ceil(1_000)
            );
            self.refuse(&format!("{key}.lease"), text);
        }
        if function.active && function.launch == Launch::Automatic && function.file_to_upload.is_some() {
            let text = "the file is processed again by each run of an automatic function (which changes nothing), and \
                        TIXNGO is not asked; remove it, or set `launch = \"manual\"`";
            self.warn(&format!("{key}.file_to_upload"), text);
        }
    }

    /// One active function per organizer, and per account at TIXNGO: a second one would read the same changes.
    fn single_active(&mut self, config: &Config) {
        let mut organizers = BTreeMap::new();
        let mut accounts: Vec<(&Feedback, &TixngoSettings)> = Vec::new();
        for function in config.feedback.iter().filter(|function| function.active) {
            let Feedback { internal_name, organizer, source, .. } = function;
            let key = format!("feedback.{internal_name}");
            if let Some(first) = organizers.get(organizer) {
                let text = format!(
                    "organizer `{organizer}` has an active function already (`{first}`), and only one may be active; \
                     set `active = false` in one of them"
                );
                self.refuse(&format!("{key}.organizer"), text);
                continue;
            }
            organizers.insert(organizer, internal_name);
            let Some(PlatformSettings::Tixngo(account)) = config.platforms.get(source).map(|found| &found.settings)
            else {
                continue;
            };
            match accounts.iter().find(|(_, other)| is_same_account(account, other)) {
                Some((first, _)) => {
                    let text = format!(
                        "`{source}` leads to the TIXNGO account of the active function `{}` (organizer `{}`): same \
                         `base_url`, same `api_key`; only one of them may be active, so set `active = false` in one",
                        first.internal_name, first.organizer
                    );
                    self.refuse(&format!("{key}.source"), text);
                }
                None => accounts.push((function, account)),
            }
        }
    }
}

/// By reference; the values behind two references are compared when they are resolved.
fn is_same_account(one: &TixngoSettings, two: &TixngoSettings) -> bool {
    one.base_url.is_same_place(&two.base_url) && one.api_key == two.api_key
}
