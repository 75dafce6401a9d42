//! Is this installation healthy? Each thing that is looked at gives one line: ok, warning or failed, what was seen, and what
//! to do next.
//!
//! Guarantees:
//! * Safe beside a running service: no lock is taken, nothing is migrated, the store is read only. On this machine a scratch
//!   database of a few KiB is made in the store's folder and removed again.
//! * Platforms are only read from. The wallet is asked for its clock alone, since only one of its calls may be in flight.
//!   The mail server gets a greeting and a login, no mail.
//! * What is measured and what is concluded are apart: every `judge` is a function of what was measured.
//!
//! Limits: [`PLATFORM_LIMIT`] per platform, 10 s per question to a file, `mail.timeout` for the mail server.

mod clock;
mod configuration;
mod disk;
mod mail;
mod mobile;
mod platforms;
mod rights;
mod service;
mod store;
mod work;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use ticketbridge_config::Config;
use ticketbridge_config::sections::StoreUrl;
use ticketbridge_store::inspect::{Contents, FileIdentity, LockHolder, StoreState, inspect_store, lock_holder};

use crate::clock::Clock;
use crate::platforms::Environment;

/// Longest time for all questions to one platform.
pub const PLATFORM_LIMIT: Duration = Duration::from_mins(2);

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it must be.
    Ok,
    /// It works, and somebody should look.
    Warning,
    /// It does not work, or what it does cannot be relied on.
    Failed,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "FAILED",
        })
    }
}

/// What is looked at together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// File and secrets.
    Configuration,
    /// Owners and modes of files and folders.
    Rights,
    /// Room, kind of file system, time of a commit.
    Disk,
    /// The database files.
    Store,
    /// The wall clock.
    Clock,
    /// A running `serve`.
    Service,
    /// Lanes, waiting tickets, errors.
    Work,
    /// Trouble-ticket platforms, wallets and box offices.
    Platforms,
    /// Functions of the mobile-ticket job.
    Mobile,
    /// The mail server.
    Mail,
}

impl Area {
    /// All of them, in the order in which they are looked at.
    pub const ALL: [Self; 10] = [
        Self::Configuration,
        Self::Rights,
        Self::Disk,
        Self::Store,
        Self::Clock,
        Self::Service,
        Self::Work,
        Self::Platforms,
        Self::Mobile,
        Self::Mail,
    ];

    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Rights => "rights",
            Self::Disk => "disk",
            Self::Store => "store",
            Self::Clock => "clock",
            Self::Service => "service",
            Self::Work => "work",
            Self::Platforms => "platforms",
            Self::Mobile => "mobile",
            Self::Mail => "mail",
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where it belongs.
    pub area: Area,
    /// How it is.
    pub level: Level,
    /// What was looked at.
    pub what: String,
    /// What was seen.
    pub seen: String,
    /// What to do; null: nothing.
    pub next: Option<String>,
}

impl Finding {
    fn ok(area: Area, what: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { area, level: Level::Ok, what: what.into(), seen: seen.into(), next: None }
    }

    fn warning(area: Area, what: impl Into<String>, seen: impl Into<String>, next: impl Into<String>) -> Self {
        Self { area, level: Level::Warning, what: what.into(), seen: seen.into(), next: Some(next.into()) }
    }

    fn failed(area: Area, what: impl Into<String>, seen: impl Into<String>, next: impl Into<String>) -> Self {
        Self { area, level: Level::Failed, what: what.into(), seen: seen.into(), next: Some(next.into()) }
    }

    /// A configuration that cannot be read at all: nothing else can be looked at.
    pub fn of_configuration(error: &str) -> Self {
        Self::failed(
            Area::Configuration,
            "file",
            error.trim_end(),
            "Mend the file; `ticketbridge config check` reads it.",
        )
    }
}

/// The worst of some findings.
pub fn worst<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Level {
    findings.into_iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
}

/// What is examined.
pub struct Subject<'a> {
    /// The configuration in force.
    pub config: &'a Config,
    /// Its file; `None`: the defaults.
    pub file: Option<&'a Path>,
    /// What works in it and is probably not meant.
    pub warnings: Vec<String>,
    /// The environment, for secrets.
    pub environment: &'a Environment,
}

impl Subject<'_> {
    /// The store's file; `None`: the store is elsewhere.
    fn store(&self) -> Option<&Path> {
        match &self.config.store.url {
            StoreUrl::Sqlite(path) => Some(path),
            StoreUrl::Postgres(_) => None,
        }
    }
}

impl Subject<'_> {
    /// The folders of reject files, each once.
    fn rejects(&self) -> BTreeSet<&Path> {
        self.config.offload.values().map(|offload| offload.reject_folder.as_path()).collect()
    }
}

/// The folder that a file lies in.
fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// What more than one area looks at.
struct Seen {
    store: Option<StoreState>,
    lock: LockHolder,
}

impl Seen {
    /// What is in the store; `None`: it was not looked into.
    fn contents(&self) -> Option<&Contents> {
        self.store.as_ref()?.contents.as_ref()
    }

    /// Nothing can be in the store, because there is none yet.
    fn is_new(&self) -> bool {
        let identity = self.store.as_ref().map(|store| &store.file.identity);
        matches!(identity, Some(FileIdentity::Missing | FileIdentity::Empty))
    }
}

/// Looks at these areas and tells of each thing as soon as it was seen.
pub async fn examine(subject: &Subject<'_>, areas: &[Area], mut tell: impl FnMut(&Finding)) -> Vec<Finding> {
    let clock = Clock::start();
    let began = clock.now();
    let seen = look(subject, areas).await;
    let mut all = Vec::new();
    for area in Area::ALL.into_iter().filter(|area| areas.contains(area)) {
        let findings = match area {
            Area::Configuration => configuration::look(subject),
            Area::Rights => rights::look(subject).await,
            Area::Disk => disk::look(subject, seen.store.as_ref()).await,
            Area::Store => store::look(subject, seen.store.as_ref()).await,
            Area::Clock => clock::look(subject, &seen, &clock, began).await,
            Area::Service => service::look(subject, &seen).await,
            Area::Work => work::look(subject, &seen, clock.now().wall),
            Area::Platforms => platforms::look(subject, &seen, clock.now().wall).await,
            Area::Mobile => mobile::look(subject, &seen, clock.now().wall),
            Area::Mail => mail::look(subject).await,
        };
        findings.iter().for_each(&mut tell);
        all.extend(findings);
    }
    all
}

/// Reads the store once, if any of the areas needs it.
async fn look(subject: &Subject<'_>, areas: &[Area]) -> Seen {
    let needed = [Area::Disk, Area::Store, Area::Clock, Area::Work, Area::Platforms, Area::Mobile];
    let Some(path) = subject.store().map(Path::to_owned) else {
        return Seen { store: None, lock: LockHolder::Unknown };
    };
    let wanted = areas.iter().any(|area| needed.contains(area));
    blocking(move || Seen { store: wanted.then(|| inspect_store(&path)), lock: lock_holder(&path) })
        .await
        .unwrap_or(Seen { store: None, lock: LockHolder::Unknown })
}

/// Blocking work on a thread of its own. `None`: it ended unexpectedly.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    const STEPS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
    let (unit, step) = STEPS.into_iter().find(|(_, step)| bytes >= *step).unwrap_or(("B", 1));
    if step == 1 { format!("{bytes} B") } else { format!("{:.1} {unit}", bytes as f64 / step as f64) }
}

/// A length of time for people, in its two largest units.
fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let steps = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let at = steps.iter().position(|(_, step)| seconds >= *step).unwrap_or(3);
    let (unit, step) = steps[at];
    let rest = steps.get(at + 1).map(|(unit, small)| (unit, seconds % step / small)).filter(|(_, count)| *count > 0);
    let first = format!("{} {unit}", seconds / step);
    rest.map_or_else(|| first.clone(), |(unit, count)| format!("{first} {count} {unit}"))
}

/// Paths of a folder or file and everything above it, the innermost first.
fn ancestry(path: &Path) -> Vec<PathBuf> {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.ancestors().map(Path::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans_are_readable() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1_536), "1.5 KiB");
        assert_eq!(size(3 << 30), "3.0 GiB");
        assert_eq!(span(-1), "0 s");
        assert_eq!(span(59), "59 s");
        assert_eq!(span(3_660), "1 h 1 min");
        assert_eq!(span(2 * 86_400 + 59), "2 d");
    }

    #[test]
    fn every_folder_of_reject_files_is_looked_at_once() {
        let text = "[offload.us_channel_snr]\nfolder = \"in\"\nreject_folder = \"one\"\n\
                    [offload.topology_channel]\nfolder = \"in\"\nreject_folder = \"two\"\n\
                    [offload.topology_service_group]\nfolder = \"in\"\nreject_folder = \"one\"\n";
        let config = Config::parse(text, "test", []).unwrap_or_else(|error| panic!("{error}")).config;
        let subject = Subject { config: &config, file: None, warnings: Vec::new(), environment: &|_: &str| None };
        assert_eq!(subject.rejects().into_iter().collect::<Vec<_>>(), [Path::new("one"), Path::new("two")]);
    }

    #[test]
    fn the_worst_finding_counts() {
        let ok = Finding::ok(Area::Disk, "a", "b");
        let warning = Finding::warning(Area::Disk, "a", "b", "c");
        assert_eq!(worst([&ok, &warning, &ok]), Level::Warning);
        assert_eq!(worst([&Finding::of_configuration("x"), &warning]), Level::Failed);
        assert_eq!(worst([]), Level::Ok);
    }

    #[test]
    fn every_area_has_a_word_of_its_own_and_json_says_the_same() {
        for area in Area::ALL {
            assert_eq!(serde_json::to_value(area).unwrap(), area.name());
        }
    }
}
