//! Taking files in: topology first, then KPI files (telecom contract §3.6). Blocking; no clock of its own.
//!
//! Guarantee: whatever is in a file, it ends as a [`FileReport`]; only a store that must not be written to any more
//! ends the scan.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};
use ticketbridge_core::network::load::{Counters, FileFault, KpiContext, read_kpi};
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::network::{Sample, Timestamp};
use ticketbridge_core::time::Wall;
use ticketbridge_store::StoreError;
use ticketbridge_store::samples::{FileKind, LoadSource, SampleStore};

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
        let hash = hash_of(&file.path)?;
        let since = Wall(self.now.0.saturating_sub(self.network.retention_s().saturating_mul(1_000)));
        if self.store.loaded(file.kind, &hash, since)?.is_some() {
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
        let mut writer = self.store.begin(LoadSource { kind: file.kind, hash, file: file.name.clone() })?;
        // Asked again now that nobody else is loading: another process may have taken the same file meanwhile.
        if self.store.loaded(file.kind, &hash, since)?.is_some() {
            return Ok(FileOutcome::Known);
        }
        let mut rejects = Rejects::default();
        let mut refused = None;
        let mut input = HashingReader::open(&file.path)?;
        let context = KpiContext { topology: &plant.topology, clock: self.clock(), settings: self.network };
        let read = read_kpi(
            kind,
            &mut input,
            &context,
            &mut |row| {
                let sample = Sample {
                    channel: plant.ordinal(row.channel),
                    at: row.at,
                    value: row.value,
                    modulation: row.modulation,
                    cm_online: row.cm_online,
                };
                writer.push(sample).map_err(|error| {
                    refused = Some(error);
                    io::Error::other("the sample store refused the row")
                })
            },
            &mut |reject| rejects.add(reject),
        );
        let mut counters = match (read, refused) {
            (_, Some(error)) => return Err(error.into()),
            (Err(fault), None) => return Err(of_file(file, &fault)),
            (Ok(counters), None) => counters,
        };
        if input.finish()? != hash {
            return Err(Fault::Passing(format!(
                "`{}` changed while it was read; it is taken when it is complete. Write it under another name and rename it",
                file.name
            )));
        }
        let (rejects, warning) = self.write_rejects(file, &rejects);
        writer.finish(self.now, |stored| {
            counters.duplicates = stored.duplicates();
            to_json(&counters)
        })?;
        Ok(FileOutcome::Loaded { counters, rejects, warning })
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
    let why = format!("TB0401: `{}` was not loaded: {fault}", file.path.display());
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

/// SHA-256 of a file's content.
pub(super) fn hash_of(path: &Path) -> Result<[u8; 32], Fault> {
    let mut reader = HashingReader::open(path)?;
    reader.finish()
}

/// Reads a file and hashes what it reads.
pub(super) struct HashingReader<'p> {
    path: &'p Path,
    file: File,
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
        Ok(Self { path, file, hash: Sha256::new() })
    }

    /// Reads what is left and answers the hash of the whole content.
    pub(super) fn finish(&mut self) -> Result<[u8; 32], Fault> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.read(&mut buffer) {
                Ok(0) => return Ok(std::mem::take(&mut self.hash).finalize().into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(self.path, &error)),
            }
        }
    }
}

impl Read for HashingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
