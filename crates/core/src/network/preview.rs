//! A whole run in memory: what some files would produce in a fresh store (telecom contract §3.6, §4 to §7).
//!
//! Guarantee: nothing is kept and nothing is sent. Memory: 32 bytes per stored row (0.5 GB for a day of 13 M rows);
//! the running product uses a store on disk instead.

mod expected;
mod samples;

use std::collections::BTreeMap;
use std::io::Read;

pub use expected::Expected;

use self::samples::Samples;
use super::Timestamp;
use super::evaluation::{Evaluation, Evaluator, Horizon};
use super::load::{Counters, FileFault, FileKind, KpiContext, Reject, read_kpi};
use super::settings::Settings;
use super::topology::{Channels, ServiceGroups, Topology};

/// One file of the scan.
pub struct PreviewFile<'f> {
    /// What it holds.
    pub kind: FileKind,
    /// Its name: files of one kind are read in byte order of their names.
    pub name: String,
    /// Its bytes.
    pub content: Box<dyn Read + 'f>,
}

/// A file of the scan that was refused, and the scan with it.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {fault}")]
pub struct PreviewFault {
    /// The file's name.
    pub name: String,
    /// What is wrong with it.
    #[source]
    pub fault: FileFault,
}

/// Everything a scan holds, loaded with the clock at `as_of`.
#[derive(Debug)]
pub struct Preview {
    settings: Settings,
    as_of: Timestamp,
    /// The topology of the scan.
    pub topology: Topology,
    /// Counters per kind, of all its files together.
    pub files: BTreeMap<FileKind, Counters>,
    samples: Samples,
}

impl Preview {
    /// Loads the files: topology first, then the KPI files, in byte order of their names. `rejects` gets the name of the
    /// file with each row that was not taken.
    pub fn load(
        mut files: Vec<PreviewFile<'_>>,
        settings: &Settings,
        as_of: Timestamp,
        rejects: &mut dyn FnMut(&str, Reject),
    ) -> Result<Self, PreviewFault> {
        // Topology kinds come first in the order of kinds; between KPI kinds, which share no key, the order is free.
        files.sort_by(|a, b| (a.kind, a.name.as_bytes()).cmp(&(b.kind, b.name.as_bytes())));
        let mut counters: BTreeMap<FileKind, Counters> =
            FileKind::ALL.into_iter().map(|kind| (kind, Counters::default())).collect();
        let (mut groups, mut channels) = (ServiceGroups::default(), Channels::default());
        let mut topology = None;
        let mut samples = Samples::default();
        for PreviewFile { kind, name, content } in files {
            let mut reject = |row: Reject| rejects(&name, row);
            let counted = match kind.kpi() {
                None if kind == FileKind::TopologyServiceGroup => groups.read(content, &mut reject),
                None => channels.read(content, &groups, &mut reject),
                Some(kpi) => {
                    let topology = topology.get_or_insert_with(|| join(&mut groups, &mut channels));
                    let context = KpiContext { topology, clock: as_of, settings };
                    let mut sink = |sample: super::load::RawSample<'_>| {
                        samples.add(kpi, &sample);
                        Ok(())
                    };
                    read_kpi(kpi, content, &context, &mut sink, &mut reject)
                }
            };
            let counted = counted.map_err(|fault| PreviewFault { name, fault })?;
            counters.entry(kind).or_default().add(&counted);
        }
        let topology = topology.unwrap_or_else(|| join(&mut groups, &mut channels));
        for (kpi, duplicates) in samples.merge() {
            counters.entry(kpi.into()).or_default().duplicates += duplicates;
        }
        Ok(Self { settings: settings.clone(), as_of, topology, files: counters, samples })
    }

    /// Evaluates what was loaded, as in a fresh store.
    pub fn evaluate(&self) -> Evaluation<'_> {
        self.evaluate_at(self.as_of, Horizon::default())
    }

    /// Evaluates what was loaded at another instant, or after earlier evaluations.
    pub fn evaluate_at(&self, as_of: Timestamp, horizon: Horizon) -> Evaluation<'_> {
        let mut evaluator = Evaluator::new(&self.topology, &self.settings, as_of, horizon);
        self.samples.push_all(&self.topology, &mut evaluator);
        evaluator.finish()
    }

    /// Counters, rows, incidents and tickets in one value, to print it as JSON.
    pub fn expected(&self) -> Expected {
        Expected::new(&self.evaluate(), &self.files)
    }
}

fn join(groups: &mut ServiceGroups, channels: &mut Channels) -> Topology {
    Topology::join(std::mem::take(groups), std::mem::take(channels)).0
}
