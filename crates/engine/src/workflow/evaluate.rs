//! Stored samples to an evaluation. Blocking.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::Serialize;
use ticketbridge_core::network::evaluation::{Evaluation, Evaluator, Horizon, Incident};
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::network::topology::ChannelIndex;
use ticketbridge_core::network::{ChannelOrdinal, KpiFile, Sample, Timestamp};
use ticketbridge_core::time::Wall;
use ticketbridge_store::samples::{SampleStore, Snapshot};

use super::WorkflowError;
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

/// Evaluates the samples of `files` between `first_stored` and `as_of`.
pub(super) fn evaluate<'p>(
    snapshot: &Snapshot<'_>,
    plant: &'p Plant,
    settings: &'p Settings,
    files: &[KpiFile],
    as_of: Timestamp,
    known: Vec<Incident>,
    first_stored: Timestamp,
) -> Result<Evaluation<'p>, WorkflowError> {
    let horizon = Horizon { known, first_stored: Some(first_stored) };
    let mut evaluator = Evaluator::new(&plant.topology, settings, as_of, horizon);
    for &file in files {
        // Silent channels are pushed in their places, so that a group is done as soon as its last channel was there.
        let order = channels_by_ordinal(plant, file);
        let mut channels = order.iter().copied().peekable();
        snapshot.samples::<WorkflowError>(file, first_stored..=as_of, |ordinal, rows| {
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
    }
    Ok(evaluator.finish())
}

/// The stored samples of one channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelHistory {
    /// The channel.
    pub channel_id: String,
    /// Instant and value (dB or percent) of each row, in time order; `None`: no data.
    pub points: Vec<(Timestamp, Option<f64>)>,
}

/// The samples of all channels of a group, in byte order of their ids.
pub(super) fn history(
    snapshot: &Snapshot<'_>,
    plant: &Plant,
    file: KpiFile,
    group_id: &str,
    range: RangeInclusive<Timestamp>,
) -> Result<Option<Vec<ChannelHistory>>, WorkflowError> {
    let topology = &plant.topology;
    let group = topology.find_group(group_id).filter(|group| topology.group(*group).direction == file.direction());
    let Some(group) = group else {
        return Ok(None);
    };
    let channels = topology.channels_of(group);
    let ordinals: Vec<ChannelOrdinal> = channels.iter().map(|channel| plant.ordinal(*channel)).collect();
    let mut samples: BTreeMap<ChannelOrdinal, Vec<Sample>> =
        snapshot.samples_of(file, &ordinals, range)?.into_iter().collect();
    let histories = channels.iter().map(|index| {
        let channel = topology.channel(*index);
        let rows = samples.remove(&plant.ordinal(*index)).unwrap_or_default();
        let value =
            |row: &Sample| row.value.filter(|_| !channel.is_out_of_service()).map(|value| f64::from(value) / 1_000.0);
        let points = rows.iter().map(|row| (row.at, value(row))).collect();
        ChannelHistory { channel_id: channel.id.to_string(), points }
    });
    Ok(Some(histories.collect()))
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
