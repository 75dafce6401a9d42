//! What an evaluation knew of each object at an instant, so that the next one need not read what lies before it.
//!
//! Guarantee: an evaluation that goes on from a checkpoint gives exactly what one gives that reads every stored sample.
//! An object goes on from it only if nothing that its state came from is other than it was: its samples before the
//! cut, its part of the topology, the thresholds and counts of §5, and what the horizon cuts off. Every other object is
//! read anew. Limits: about 100 bytes per object.
//!
//! The horizon (the first stored instant) moves on with time, and an incident that it cuts goes on with its stored begin
//! and worst value (telecom contract §5.2). So an object whose state reaches back behind the horizon goes on only
//! if the stored incident tells the same; what is pending from before the horizon is read anew.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::fold::{Breach, Fold, Last, Rules, State, WATCHING, Worst, deeper};
use super::identity;
use super::incident::Incident;
use super::limits::Limits;
use super::value::Value;
use crate::network::settings::{Settings, Thousandths, UtilMode};
use crate::network::topology::{Channel, ChannelIndex, GroupIndex, Topology};
use crate::network::{KpiFile, Modulation, Timestamp};

/// The state of all objects of one KPI before an instant. Opaque; kept as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    kpi: KpiFile,
    cut: Timestamp,
    first_stored: Timestamp,
    conditions: Conditions,
    objects: Vec<Saved>,
}

impl Checkpoint {
    pub(super) fn new(
        rules: &Rules,
        settings: &Settings,
        cut: Timestamp,
        first_stored: Timestamp,
        objects: Vec<Saved>,
    ) -> Self {
        Self { kpi: rules.kpi, cut, first_stored, conditions: Conditions::new(rules, settings), objects }
    }

    /// The KPI that it is of.
    pub fn kpi(&self) -> KpiFile {
        self.kpi
    }

    /// All points before this instant are in it, and none at or behind it.
    pub fn cut(&self) -> Timestamp {
        self.cut
    }

    /// The objects that may go on from it in an evaluation, by their number ([`number_of`]). `None`: none may.
    pub(super) fn open<'k>(
        &self,
        topology: &Topology,
        conditions: &Conditions,
        first_stored: Timestamp,
        known_of: impl Fn(&str) -> &'k [Incident],
        is_touched: impl Fn(ChannelIndex) -> bool,
    ) -> Option<HashMap<u32, Fold>> {
        // A horizon that went back lets in samples that are not in the checkpoint.
        if self.conditions != *conditions || first_stored < self.first_stored {
            return None;
        }
        let mut folds = HashMap::with_capacity(self.objects.len());
        for saved in &self.objects {
            let Some((number, inputs)) = find(self.kpi, topology, &saved.id, &is_touched) else { continue };
            if inputs != saved.inputs {
                continue;
            }
            let fold = saved.to_fold(topology);
            if let Some(fold) = fold.and_then(|fold| behind(fold, self.kpi, known_of(&saved.id), first_stored)) {
                folds.insert(number, fold);
            }
        }
        Some(folds)
    }
}

/// The settings that the state of an object comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Conditions {
    open_after: u32,
    close_after: u32,
    util_mode: UtilMode,
    /// Critical and clear, by modulation, in thousandths.
    limits: Vec<(i32, i32)>,
}

impl Conditions {
    pub(super) fn new(rules: &Rules, settings: &Settings) -> Self {
        Self {
            open_after: rules.open_after,
            close_after: rules.close_after,
            util_mode: settings.util_mode,
            limits: rules
                .limits
                .all()
                .iter()
                .map(Limits::edges)
                .map(|(critical, clear)| (critical.0, clear.0))
                .collect(),
        }
    }
}

/// An object's number within its KPI: the place of the channel (SNR) or of the service group (utilisation).
pub(super) fn number_of(group: GroupIndex, channel: Option<ChannelIndex>) -> u32 {
    channel.map_or(group.0, |channel| channel.0)
}

/// An object by its id: its number and its part of the topology; `None` if it is not there, or one of its channels is
/// touched.
fn find(kpi: KpiFile, topology: &Topology, id: &str, is_touched: &impl Fn(ChannelIndex) -> bool) -> Option<(u32, u64)> {
    if kpi == KpiFile::UsChannelSnr {
        let channel = topology.find_channel(id).filter(|channel| !is_touched(*channel))?;
        return Some((channel.0, inputs_of_channel(topology.channel(channel))));
    }
    let group = topology.find_group(id)?;
    if topology.channels_of(group).iter().any(|channel| is_touched(*channel)) {
        return None;
    }
    Some((group.0, inputs_of_group(topology, group)))
}

fn inputs_of_channel(channel: &Channel) -> u64 {
    u64::from(channel.modulation.map_or(0, Modulation::code)) << 1 | u64::from(channel.is_out_of_service())
}

fn inputs_of_group(topology: &Topology, group: GroupIndex) -> u64 {
    let mut hash = Sha256::new();
    for channel in topology.channels_of(group) {
        let channel = topology.channel(*channel);
        hash.update((channel.id.len() as u64).to_be_bytes());
        hash.update(channel.id.as_bytes());
        hash.update([u8::from(channel.is_out_of_service())]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The state as a fold that began at the horizon would have it; `None`: only the samples can tell.
fn behind(mut fold: Fold, kpi: KpiFile, known: &[Incident], horizon: Timestamp) -> Option<Fold> {
    let (State::Watching { run, since, .. } | State::Open { run, since, .. }) = fold.state;
    if run > 0 && since < horizon {
        return None;
    }
    fold.last = fold.last.filter(|last| last.at >= horizon);
    let ends_behind = |breach: &Breach| breach.closed_at.is_none_or(|closed| closed > horizon);
    fold.closed.retain(|breach| breach.opened_at >= horizon || ends_behind(breach));
    let open = match &mut fold.state {
        State::Open { breach, .. } => Some(breach),
        State::Watching { .. } => None,
    };
    let cut_off = fold.closed.iter_mut().chain(open).find(|breach| breach.opened_at < horizon);
    match (identity::running_at(known, horizon), cut_off) {
        (None, None) => {}
        (Some(incident), Some(breach)) if incident.opened_at == breach.opened_at => {
            let stored = identity::resumed(incident).worst;
            breach.worst = if breach.worst.at >= horizon {
                deeper(kpi, Some(stored), breach.worst)
            } else if Incident::is_worse(kpi, breach.worst.value, stored.value) {
                return None;
            } else {
                stored
            };
        }
        _ => return None,
    }
    Some(fold)
}

/// One object. Short names: there are many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    #[serde(rename = "i")]
    id: Box<str>,
    /// Its part of the topology.
    #[serde(rename = "t")]
    inputs: u64,
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    last: Option<SavedLast>,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    run: Option<Box<(u32, i64, SavedWorst)>>,
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    open: Option<Box<(SavedBreach, u32, i64)>>,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    closed: Vec<SavedBreach>,
}

/// Instant, sum, count, code of the modulation.
type SavedLast = (i64, i64, u32, u8);

/// Instant, sum, count, code of the modulation, threshold, channel.
type SavedWorst = (i64, i64, u32, u8, i32, Option<Box<str>>);

/// Begin, end, worst.
type SavedBreach = (i64, Option<i64>, SavedWorst);

impl Saved {
    pub(super) fn new(topology: &Topology, group: GroupIndex, channel: Option<ChannelIndex>, fold: &Fold) -> Self {
        let (id, inputs) = match channel {
            Some(channel) => (&topology.channel(channel).id, inputs_of_channel(topology.channel(channel))),
            None => (&topology.group(group).id, inputs_of_group(topology, group)),
        };
        let (run, open) = match &fold.state {
            State::Watching { run, since, worst } => {
                (worst.as_ref().map(|worst| Box::new((*run, since.0, save_worst(topology, worst)))), None)
            }
            State::Open { breach, run, since } => {
                (None, Some(Box::new((save_breach(topology, breach), *run, since.0))))
            }
        };
        Self {
            id: id.clone(),
            inputs,
            last: fold.last.map(|last| (last.at.0, last.value.sum, last.value.count, code(last.modulation))),
            run,
            open,
            closed: fold.closed.iter().map(|breach| save_breach(topology, breach)).collect(),
        }
    }

    /// `None`: a channel that had the worst value is not in the topology any more.
    fn to_fold(&self, topology: &Topology) -> Option<Fold> {
        let state = match (self.run.as_deref(), self.open.as_deref()) {
            (_, Some((breach, run, since))) => {
                State::Open { breach: to_breach(topology, breach)?, run: *run, since: Timestamp(*since) }
            }
            (Some((run, since, worst)), None) => {
                let worst = Some(to_worst(topology, worst)?);
                State::Watching { run: *run, since: Timestamp(*since), worst }
            }
            (None, None) => WATCHING,
        };
        let closed = self.closed.iter().map(|breach| to_breach(topology, breach)).collect::<Option<Vec<_>>>()?;
        let last = self.last.map(|(at, sum, count, modulation)| Last {
            at: Timestamp(at),
            value: Value { sum, count },
            modulation: Modulation::from_code(modulation),
        });
        Some(Fold { state, closed, last, critical_points: 0 })
    }
}

fn code(modulation: Option<Modulation>) -> u8 {
    modulation.map_or(0, Modulation::code)
}

fn save_worst(topology: &Topology, worst: &Worst) -> SavedWorst {
    let channel = worst.channel.map(|channel| topology.channel(channel).id.clone());
    (worst.at.0, worst.value.sum, worst.value.count, code(worst.modulation), worst.threshold.0, channel)
}

fn to_worst(topology: &Topology, (at, sum, count, modulation, threshold, channel): &SavedWorst) -> Option<Worst> {
    let channel = match channel {
        Some(id) => Some(topology.find_channel(id)?),
        None => None,
    };
    Some(Worst {
        at: Timestamp(*at),
        value: Value { sum: *sum, count: *count },
        modulation: Modulation::from_code(*modulation),
        threshold: Thousandths(*threshold),
        channel,
    })
}

fn save_breach(topology: &Topology, breach: &Breach) -> SavedBreach {
    (breach.opened_at.0, breach.closed_at.map(|closed| closed.0), save_worst(topology, &breach.worst))
}

fn to_breach(topology: &Topology, (opened, closed, worst): &SavedBreach) -> Option<Breach> {
    let worst = to_worst(topology, worst)?;
    Some(Breach { opened_at: Timestamp(*opened), closed_at: closed.map(Timestamp), worst })
}
