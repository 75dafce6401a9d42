//! Taking files in: topology first, then KPI files (telecom contract §3.6). Blocking; no clock of its own.
//!
//! Guarantee: whatever is in a file, it ends as a [`FileReport`]; only a store that must not be written to any more
//! ends the scan.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};
use ticketbridge_core::network::Timestamp;
use ticketbridge_core::network::load::{Counters, FileFault, KpiContext};
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::time::Wall;
use ticketbridge_store::StoreError;
use ticketbridge_store::samples::{FileKind, LoadSource, SampleStore};

use super::pieces::{self, Stopped};
use super::plant::PlantCache;
use super::rejects::Rejects;
use super::report::{FileOutcome, FileReport};
use super::settings::OffloadSettings;
use super::watch::Candidate;

/// Everything that taking files in needs.
pub(super) struct Loader<'l> {
    pub(super) store: &'l SampleStore,
    pub(super) plants: &'l PlantCache,
    pub(super) offload: &'l OffloadSettings,
    pub(super) network: &'l Settings,
    pub(super) now: Wall,
}

/// Why a file was not taken in.
pub(super) enum Fault {
    /// It is the file's fault.
    File(String),
    /// It is not; the next look may succeed.
    Passing(String),
    /// The store must not be written to any more.
    Fatal(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(why) => Self::Passing(why),
            StoreError::Fatal(_) => Self::Fatal(error),
        }
    }
}

impl Loader<'_> {
    /// Takes in all of these files: topology files as one load, then KPI files in the order given.
    pub(super) fn load(&self, files: &[Candidate]) -> Result<Vec<FileReport>, StoreError> {
        let (kpi, mut topology): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.kind.kpi().is_some());
        topology.sort_by_key(|file| file.kind);
        let mut reports = self.load_topology(&topology)?;
        for file in kpi {
            let outcome = match self.load_kpi(file) {
                Ok(outcome) => outcome,
                Err(fault) => fault.into_outcome()?,
            };
            reports.push(report(file, outcome));
        }
        for report in &reports {
            report.emit();
        }
        Ok(reports)
    }

    pub(super) fn clock(&self) -> Timestamp {
        Timestamp(self.now.0.div_euclid(1_000))
    }

    fn load_kpi(&self, file: &Candidate) -> Result<FileOutcome, Fault> {
        let Some(kind) = file.kind.kpi() else {
            return Err(Fault::File(format!("`{}` is a topology file", file.name)));
        };
        let look = Look::at(&file.path)?;
        let known = self.is_known(file, look)?;
        if known == Identity::Loaded {
            return Ok(FileOutcome::Known);
        }
        let Some(plant) = self.plants.active(self.store)? else {
            return Err(Fault::Passing(format!(
                "`{}` was not loaded: there is no topology yet, and every row would be an orphan. Offload {} and {} first",
                file.name,
                FileKind::TopologyServiceGroup,
                FileKind::TopologyChannel
            )));
        };
        let source = LoadSource { kind: file.kind, hash: [0; 32], file: file.name.clone() };
        let writer = self.store.begin(source)?;
        // Asked again now that nobody else is loading: another process may have taken the same file meanwhile.
        let known = match known {
            Identity::New(hash) if self.store.loaded(file.kind, &hash, self.since())?.is_none() => known,
            Identity::New(_) => Identity::Loaded,
            Identity::Unread | Identity::Loaded => self.is_known(file, look)?,
        };
        if known == Identity::Loaded {
            return Ok(FileOutcome::Known);
        }
        let mut rejects = Rejects::default();
        let mut input = HashingReader::open(&file.path)?;
        let context = KpiContext { topology: &plant.topology, clock: self.clock(), settings: self.network };
        let (mut writer, mut counters) = pieces::read(kind, &mut input, &context, &plant, writer, &mut rejects)
            .map_err(|stopped| match stopped {
                Stopped::File(fault) => of_file(file, &fault),
                Stopped::Store(error) => error.into(),
            })?;
        let (hash, bytes) = input.finish()?;
        if known.is_other_than(&hash) || bytes != look.bytes || Look::at(&file.path)? != look {
            return Err(Fault::Passing(format!(
                "`{}` changed while it was read; it is taken when it is complete. Write it under another name and rename it",
                file.name
            )));
        }
        let (rejects, warning) = self.write_rejects(file, &rejects);
        writer.identify(hash, bytes);
        writer.finish(self.now, |stored| {
            counters.duplicates = stored.duplicates();
            to_json(&counters)
        })?;
        Ok(FileOutcome::Loaded { counters, rejects, warning })
    }

    /// Whether the file's content was loaded within the retention. It is read for that only if a file of its length was.
    fn is_known(&self, file: &Candidate, look: Look) -> Result<Identity, Fault> {
        if !self.store.may_be_loaded(file.kind, look.bytes, self.since())? {
            return Ok(Identity::Unread);
        }
        let hash = hash_of(&file.path)?;
        let is_loaded = self.store.loaded(file.kind, &hash, self.since())?.is_some();
        Ok(if is_loaded { Identity::Loaded } else { Identity::New(hash) })
    }

    /// Loads before this are forgotten.
    fn since(&self) -> Wall {
        Wall(self.now.0.saturating_sub(self.network.retention_s().saturating_mul(1_000)))
    }

    /// A report that can't be written is a warning: the samples matter more.
    pub(super) fn write_rejects(
        &self,
        file: &Candidate,
        rejects: &Rejects,
    ) -> (Option<std::path::PathBuf>, Option<String>) {
        let Some(folder) = self.offload.reports(file.kind) else {
            return (None, None);
        };
        match rejects.write(&folder, file.kind, &file.name) {
            Ok(path) => (path, None),
            Err(error) => {
                let why = format!(
                    "the report of rejected rows of `{}` could not be written to `{}`: {error}; make that folder writable",
                    file.name,
                    folder.display()
                );
                (None, Some(why))
            }
        }
    }
}

impl Fault {
    /// Fatal errors go on as errors, everything else becomes the file's outcome.
    pub(super) fn into_outcome(self) -> Result<FileOutcome, StoreError> {
        match self {
            Self::File(why) => Ok(FileOutcome::Refused { why }),
            Self::Passing(why) => Ok(FileOutcome::Failed { why }),
            Self::Fatal(error) => Err(error),
        }
    }
}

/// A fault of core with the file's name: unreadable input passes, a wrong form is the file's own.
pub(super) fn of_file(file: &Candidate, fault: &FileFault) -> Fault {
    // A file that was handed over may lie where nobody would look for it: its name stands for it.
    let shown = file.look.as_ref().map_or_else(|| file.name.clone(), |_| file.path.display().to_string());
    let why = format!("TB0401: `{shown}` was not loaded: {fault}");
    match fault {
        FileFault::Stopped { .. } => Fault::Passing(why),
        FileFault::NoHeader(_) | FileFault::MissingColumn { .. } => Fault::File(why),
    }
}

pub(super) fn report(file: &Candidate, outcome: FileOutcome) -> FileReport {
    FileReport { kind: file.kind, name: file.name.clone(), path: file.path.clone(), outcome }
}

pub(super) fn to_json(counters: &Counters) -> String {
    // Counters are numbers and names: they always serialise.
    serde_json::to_string(counters).unwrap_or_default()
}

/// Counters summed over the loaded files of each kind.
pub fn total_counters(reports: &[FileReport]) -> BTreeMap<FileKind, Counters> {
    let mut totals: BTreeMap<FileKind, Counters> = BTreeMap::new();
    for report in reports {
        if let FileOutcome::Loaded { counters, .. } | FileOutcome::Waits { counters, .. } = &report.outcome {
            totals.entry(report.kind).or_default().add(counters);
        }
    }
    totals
}

fn unreadable(path: &Path, error: &io::Error) -> Fault {
    Fault::Passing(format!("`{}` can't be read: {error}; check that it is there and readable", path.display()))
}

/// What is known of a file's content before it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity {
    /// It was loaded before.
    Loaded,
    /// It was not, and has this hash.
    New([u8; 32]),
    /// It was not: nothing of its length was.
    Unread,
}

impl Identity {
    fn is_other_than(&self, hash: &[u8; 32]) -> bool {
        matches!(self, Self::New(known) if known != hash)
    }
}

/// Length and time of change of a file: if both are what they were, nobody wrote to it meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    bytes: u64,
    modified: Option<std::time::SystemTime>,
}

impl Look {
    fn at(path: &Path) -> Result<Self, Fault> {
        let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        Ok(Self { bytes: metadata.len(), modified: metadata.modified().ok() })
    }
}

/// SHA-256 of a file's content.
pub(super) fn hash_of(path: &Path) -> Result<[u8; 32], Fault> {
    Ok(HashingReader::open(path)?.finish()?.0)
}

/// Reads a file and hashes what it reads.
pub(super) struct HashingReader<'p> {
    path: &'p Path,
    file: File,
    bytes: u64,
    hash: Sha256,
}

impl<'p> HashingReader<'p> {
    pub(super) fn open(path: &'p Path) -> Result<Self, Fault> {
        // Before it is opened: opening a pipe waits for somebody to write into it.
        let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        if !metadata.is_file() {
            return Err(unreadable(path, &io::Error::other("it is no regular file")));
        }
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        Ok(Self { path, file, bytes: 0, hash: Sha256::new() })
    }

    /// Reads what is left and answers hash and length of the whole content.
    pub(super) fn finish(mut self) -> Result<([u8; 32], u64), Fault> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(self.path, &error)),
            }
        }
        Ok((self.hash.finalize().into(), self.bytes))
    }
}

impl Read for HashingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes += read as u64;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
