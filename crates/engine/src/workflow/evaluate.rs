//! Stored samples to an evaluation. Blocking.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::Serialize;
use ticketbridge_core::network::evaluation::{Evaluation, Evaluator, Horizon, Incident};
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::network::topology::ChannelIndex;
use ticketbridge_core::network::{ChannelOrdinal, KpiFile, Sample, Timestamp};
use ticketbridge_core::time::Wall;
use ticketbridge_store::samples::{SampleStore, Snapshot};

use super::{WorkflowError, checkpoint};
use crate::offload::{Plant, PlantCache};

/// Looks for a topology and samples that belong together; each but the last means that a topology was swapped.
const TRIES: usize = 5;

/// The active plant, and a snapshot in which it is the active one.
pub(super) fn consistent<'s>(
    store: &'s SampleStore,
    plants: &PlantCache,
) -> Result<(Arc<Plant>, Snapshot<'s>), WorkflowError> {
    for _ in 0..TRIES {
        let plant = plants.active(store)?.ok_or(WorkflowError::NoTopology)?;
        let snapshot = store.snapshot()?;
        if snapshot.topology_version()? == Some(plant.version) {
            return Ok((plant, snapshot));
        }
    }
    Err(WorkflowError::Stopped(format!("the topology was swapped {TRIES} times in a row")))
}

/// The first instant whose samples are all stored, seen from `now`.
pub(super) fn first_stored(settings: &Settings, as_of: Timestamp, now: Wall) -> Timestamp {
    as_of.max(Timestamp(now.0.div_euclid(1_000))).plus_seconds(-settings.retention_s())
}

/// What an evaluation is made with.
pub(super) struct Request<'r> {
    pub(super) files: &'r [KpiFile],
    pub(super) as_of: Timestamp,
    pub(super) known: Vec<Incident>,
    pub(super) first_stored: Timestamp,
    /// Whether checkpoints are made, where those that there are do not do any more.
    pub(super) checkpoints: bool,
}

/// What an evaluation gives.
pub(super) struct Evaluated<'p> {
    pub(super) evaluation: Evaluation<'p>,
    /// To be kept with [`checkpoint::keep`], once the snapshot is given back.
    pub(super) checkpoints: Vec<(KpiFile, Vec<u8>)>,
    /// Stored rows that were looked at.
    pub(super) rows_read: u64,
}

/// Evaluates the samples of `files` between `first_stored` and `as_of`, and reads only what the checkpoints of earlier
/// runs do not tell.
pub(super) fn evaluate<'p>(
    snapshot: &Snapshot<'_>,
    plant: &'p Plant,
    settings: &'p Settings,
    request: Request<'_>,
) -> Result<Evaluated<'p>, WorkflowError> {
    let Request { files, as_of, known, first_stored, checkpoints: is_kept } = request;
    let horizon = Horizon { known, first_stored: Some(first_stored) };
    let mut evaluator = Evaluator::new(&plant.topology, settings, as_of, horizon);
    let (mut checkpoints, mut rows_read) = (Vec::new(), 0);
    for &file in files {
        let reach = checkpoint::resume(snapshot, plant, &mut evaluator, file, first_stored)?;
        if is_kept && !reach.is_whole(evaluator.cut()) {
            evaluator.mark(file);
        }
        let range = (reach.recent, first_stored, as_of);
        // Silent channels are pushed in their places, so that a group is done as soon as its last channel was there.
        let order = channels_by_ordinal(plant, file);
        let mut channels = order.iter().copied().peekable();
        snapshot.samples_longer_of::<WorkflowError>(file, range, &reach.longer, |ordinal, rows| {
            rows_read += rows.len() as u64;
            while let Some((_, silent)) = channels.next_if(|(next, _)| *next < ordinal) {
                evaluator.push(file, silent, [])?;
            }
            // A channel that the topology no longer has is passed over.
            if let Some((_, channel)) = channels.next_if(|(next, _)| *next == ordinal) {
                evaluator.push(file, channel, rows.iter().copied())?;
            }
            Ok(())
        })?;
        for (_, silent) in channels {
            evaluator.push(file, silent, [])?;
        }
        if let Some(made) = evaluator.checkpoint(file) {
            checkpoints.push((file, checkpoint::to_bytes(snapshot, &made, first_stored)?));
        }
    }
    Ok(Evaluated { evaluation: evaluator.finish(), checkpoints, rows_read })
}

/// The stored samples of one channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelHistory {
    /// The channel.
    pub channel_id: String,
    /// Instant and value (dB or percent) of each row, in time order; `None`: no data.
    pub points: Vec<(Timestamp, Option<f64>)>,
}

/// The samples of all channels of each group, in byte order of their ids.
pub(super) fn histories(
    snapshot: &Snapshot<'_>,
    plant: &Plant,
    file: KpiFile,
    group_ids: &[String],
    range: RangeInclusive<Timestamp>,
) -> Result<Vec<Option<Vec<ChannelHistory>>>, WorkflowError> {
    let topology = &plant.topology;
    let of_direction =
        |id: &String| topology.find_group(id).filter(|group| topology.group(*group).direction == file.direction());
    let groups: Vec<Option<&[ChannelIndex]>> =
        group_ids.iter().map(|id| of_direction(id).map(|group| topology.channels_of(group))).collect();
    let ordinals: BTreeSet<ChannelOrdinal> =
        groups.iter().flatten().flat_map(|channels| channels.iter()).map(|channel| plant.ordinal(*channel)).collect();
    let ordinals: Vec<ChannelOrdinal> = ordinals.into_iter().collect();
    let samples: BTreeMap<ChannelOrdinal, Vec<Sample>> =
        snapshot.samples_of(file, &ordinals, range)?.into_iter().collect();
    let history = |index: &ChannelIndex| {
        let channel = topology.channel(*index);
        let rows = samples.get(&plant.ordinal(*index)).map_or(&[][..], Vec::as_slice);
        let value =
            |row: &Sample| row.value.filter(|_| !channel.is_out_of_service()).map(|value| f64::from(value) / 1_000.0);
        let points = rows.iter().map(|row| (row.at, value(row))).collect();
        ChannelHistory { channel_id: channel.id.to_string(), points }
    };
    Ok(groups.into_iter().map(|channels| channels.map(|channels| channels.iter().map(history).collect())).collect())
}

fn channels_by_ordinal(plant: &Plant, file: KpiFile) -> Vec<(ChannelOrdinal, ChannelIndex)> {
    let mut order: Vec<_> = (0..plant.topology.channels().len())
        .map(|place| ChannelIndex(place as u32))
        .filter(|channel| plant.topology.direction_of(*channel) == file.direction())
        .map(|channel| (plant.ordinal(channel), channel))
        .collect();
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use ticketbridge_core::network::topology::{Channels, ServiceGroups, Topology};
    use ticketbridge_store::samples::{LoadSource, TopologyState};

    use super::*;

    const HOUR: i64 = 3_600;
    /// Hours of samples, one per channel and hour.
    const HOURS: i64 = 100;
    const FILE: KpiFile = KpiFile::UsChannelSnr;

    fn load(store: &SampleStore, number: u8, rows: &[(u32, i64)]) {
        let source = LoadSource { kind: FILE.into(), hash: [number; 32], file: "x.csv".into() };
        let mut writer = store.begin(source).unwrap();
        for (channel, hour) in rows {
            let (channel, at) = (ChannelOrdinal(*channel), Timestamp(hour * HOUR));
            writer.push(Sample { channel, at, value: Some(30_000), modulation: 0, cm_online: None }).unwrap();
        }
        writer.finish(Wall(0), |_| "{}".into()).unwrap();
    }

    fn rows_read(store: &SampleStore, settings: &Settings) -> u64 {
        let plants = PlantCache::default();
        let (plant, snapshot) = consistent(store, &plants).unwrap();
        let request = Request {
            files: &[FILE],
            as_of: Timestamp(HOURS * HOUR),
            known: Vec::new(),
            first_stored: Timestamp(0),
            checkpoints: true,
        };
        let Evaluated { checkpoints, rows_read, .. } = evaluate(&snapshot, &plant, settings, request).unwrap();
        drop(snapshot);
        checkpoint::keep(store, checkpoints).unwrap();
        rows_read
    }

    #[test]
    fn only_the_window_and_what_was_touched_is_read() {
        let store = SampleStore::in_memory().unwrap();
        store.ordinals(["a"]).unwrap();
        let others: Vec<String> = (0..4_999).map(|number| number.to_string()).collect();
        store.ordinals(others.iter().map(String::as_str)).unwrap();
        let (mut groups, mut channels) = (ServiceGroups::default(), Channels::default());
        let text = "service_group_id,direction,service_group_name,ccap,hub,market,network\nU,US,,C,H,M,N\n";
        groups.read(text.as_bytes(), &mut |_| {}).unwrap();
        let text = "channel_id,direction,service_group_id,ccap\na,US,U,C\nb,US,U,C\n";
        channels.read(text.as_bytes(), &groups, &mut |_| {}).unwrap();
        let body = serde_json::to_vec(&Topology::join(groups, channels).0).unwrap();
        store.put_topology(&body, TopologyState::Active, &[], Wall(0)).unwrap();
        // `a` is in the first block of channels, `b` in the second.
        let history: Vec<(u32, i64)> = (1..=HOURS).flat_map(|hour| [(0, hour), (5_000, hour)]).collect();
        load(&store, 1, &history);

        let mut settings = Settings::default();
        let window = settings.window_s() / HOUR + 1;
        assert_eq!(rows_read(&store, &settings) as i64, 2 * HOURS);
        assert_eq!(rows_read(&store, &settings) as i64, 2 * window, "the window, and the instant where it begins");
        load(&store, 2, &[(0, HOURS - 1)]);
        assert_eq!(rows_read(&store, &settings) as i64, 2 * window, "a row of the window touches nothing");
        load(&store, 3, &[(5_000, 7)]);
        assert_eq!(rows_read(&store, &settings) as i64, HOURS + window, "a late row touches its block");
        assert_eq!(rows_read(&store, &settings) as i64, 2 * window);
        settings.open_after += 1;
        assert_eq!(rows_read(&store, &settings) as i64, 2 * HOURS, "other rules touch everything");
        settings.min_incidents += 1;
        assert_eq!(rows_read(&store, &settings) as i64, 2 * window, "rules about tickets touch nothing");
    }
}
