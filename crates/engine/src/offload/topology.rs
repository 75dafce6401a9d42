//! Taking topology files in (telecom contract §3.6, §4.2).
//!
//! Guarantee: the topology is swapped whole or not at all. All topology files of a scan are one load; a kind that is
//! not among them is taken from the active topology.

use std::io;

use ticketbridge_core::network::load::{Counters, FileFault};
use ticketbridge_core::network::topology::{Channels, ServiceGroups, Shrink, Topology};
use ticketbridge_store::StoreError;
use ticketbridge_store::samples::{FileKind, LoadSource, TopologyState};

use super::load::{Fault, HashingReader, Loader, of_file, report, to_json};
use super::plant;
use super::rejects::Rejects;
use super::report::{FileOutcome, FileReport};
use super::watch::Candidate;

/// One file that was read, before the load as a whole is decided on.
struct ReadFile<'f> {
    file: &'f Candidate,
    counters: Counters,
    rejects: Rejects,
    hash: [u8; 32],
}

impl Loader<'_> {
    pub(super) fn load_topology(&self, files: &[&Candidate]) -> Result<Vec<FileReport>, StoreError> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        match self.load_topology_files(files) {
            Ok(reports) => Ok(reports),
            // One bad file refuses the load: half a topology would drop channels.
            Err((culprit, fault)) => {
                let outcome = fault.into_outcome()?;
                let others = |file: &&Candidate| match culprit {
                    Some(culprit) if *culprit != **file => {
                        let why = format!(
                            "`{}` was not loaded because `{}`, which belongs to the same load, could not be",
                            file.name, culprit.name
                        );
                        match outcome {
                            FileOutcome::Failed { .. } => FileOutcome::Failed { why },
                            _ => FileOutcome::Refused { why },
                        }
                    }
                    _ => outcome.clone(),
                };
                Ok(files.iter().map(|file| report(file, others(file))).collect())
            }
        }
    }

    fn load_topology_files<'f>(
        &self,
        files: &[&'f Candidate],
    ) -> Result<Vec<FileReport>, (Option<&'f Candidate>, Fault)> {
        let nobody = |error: StoreError| (None, Fault::from(error));
        let active = self.plants.active(self.store).map_err(nobody)?;
        let active = active.as_ref().map(|plant| &plant.topology);
        let of_kind = |kind| files.iter().copied().filter(move |file| file.kind == kind);
        let mut read = Vec::new();

        let mut groups = ServiceGroups::default();
        for file in of_kind(FileKind::TopologyServiceGroup) {
            let loaded = read_file(file, |input, rejects| groups.read(input, &mut |reject| rejects.add(reject)));
            read.push(loaded.map_err(|fault| (Some(file), fault))?);
        }
        if read.is_empty() {
            groups = active.map(Topology::to_service_groups).unwrap_or_default();
        }
        let mut channels = Channels::default();
        for file in of_kind(FileKind::TopologyChannel) {
            let loaded =
                read_file(file, |input, rejects| channels.read(input, &groups, &mut |reject| rejects.add(reject)));
            read.push(loaded.map_err(|fault| (Some(file), fault))?);
        }
        if of_kind(FileKind::TopologyChannel).next().is_none() {
            channels = active.map(Topology::to_channels).unwrap_or_default();
        }
        let (topology, left_out) = Topology::join(groups, channels);
        self.swap(active, &topology, left_out, &read).map_err(nobody)
    }

    fn swap(
        &self,
        active: Option<&Topology>,
        topology: &Topology,
        left_out: usize,
        read: &[ReadFile<'_>],
    ) -> Result<Vec<FileReport>, StoreError> {
        if active.is_some_and(|active| active == topology) {
            // What is active is what was offered last: an older load that still waits is overtaken.
            if let Some(waiting) = self.store.topology_version(TopologyState::Waiting)? {
                self.store.refuse_topology(waiting)?;
            }
            return Ok(read.iter().map(|read| report(read.file, FileOutcome::Known)).collect());
        }
        let shrink = active.map(|active| Shrink::between(active, topology)).unwrap_or_default();
        let waits = shrink.exceeds(self.network.max_topology_shrink_pct);
        let state = if waits { TopologyState::Waiting } else { TopologyState::Active };
        if waits
            && let Some(waiting) = self.store.topology(TopologyState::Waiting)?
            && plant::parse(&waiting)? == *topology
        {
            let outcome = |read: &ReadFile<'_>| FileOutcome::Waits {
                version: waiting.version,
                counters: read.counters.clone(),
                why: why_it_waits(shrink),
            };
            return Ok(read.iter().map(|read| report(read.file, outcome(read))).collect());
        }
        let body = to_json_bytes(topology)
            .map_err(|error| StoreError::Refused(format!("the topology could not be written as JSON: {error}")))?;
        let written: Vec<_> = read.iter().map(|read| self.write_rejects(read.file, &read.rejects)).collect();
        let sources: Vec<_> = read
            .iter()
            .map(|read| {
                let source = LoadSource { kind: read.file.kind, hash: read.hash, file: read.file.name.clone() };
                (source, to_json(&read.counters))
            })
            .collect();
        let version = self.store.put_topology(&body, state, &sources, self.now)?;
        let left_out = (left_out > 0).then(|| {
            format!(
                "{left_out} channels of the active topology were dropped: their service groups are gone or of the other \
                 direction; offload {} as well",
                FileKind::TopologyChannel
            )
        });
        let outcome = |read: &ReadFile<'_>, written: (_, Option<String>)| {
            let counters = read.counters.clone();
            if waits {
                FileOutcome::Waits { version, counters, why: why_it_waits(shrink) }
            } else {
                let warning = written.1.or_else(|| left_out.clone());
                FileOutcome::Loaded { counters, rejects: written.0, warning }
            }
        };
        Ok(read.iter().zip(written).map(|(read, written)| report(read.file, outcome(read, written))).collect())
    }
}

/// Written twice, the first time only to count: a buffer that grows would take twice the room beside the topology, and at
/// the design limit that is the most that taking files in ever needs.
fn to_json_bytes(topology: &Topology) -> serde_json::Result<Vec<u8>> {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut length = Count(0);
    serde_json::to_writer(&mut length, topology)?;
    let mut body = Vec::with_capacity(length.0);
    serde_json::to_writer(&mut body, topology)?;
    Ok(body)
}

fn why_it_waits(shrink: Shrink) -> String {
    format!(
        "TB0402: the new topology drops {} of {} service groups and {} of {} channels, more than `max_topology_shrink_pct` \
         allows; the active one stays until `ticketbridge topology confirm` or `ticketbridge topology refuse`",
        shrink.groups_dropped, shrink.groups_active, shrink.channels_dropped, shrink.channels_active
    )
}

fn read_file(
    file: &Candidate,
    read: impl FnOnce(&mut HashingReader<'_>, &mut Rejects) -> Result<Counters, FileFault>,
) -> Result<ReadFile<'_>, Fault> {
    let mut input = HashingReader::open(&file.path)?;
    let mut rejects = Rejects::default();
    let counters = read(&mut input, &mut rejects).map_err(|fault| of_file(file, &fault))?;
    Ok(ReadFile { file, counters, rejects, hash: input.finish()?.0 })
}
