//! Samples in, channel by channel; rows and incidents out.

use std::collections::{BTreeMap, HashMap};

use super::checkpoint::{Checkpoint, Conditions, Saved, number_of};
use super::fold::{Breach, Fold, Point, Rules};
use super::grouping::{self, RollUp};
use super::identity;
use super::incident::{CountedIncident, Incident};
use super::row::{AggregationRow, Rows};
use super::series::Series;
use super::tally::Tally;
use super::value::Value;
use crate::network::settings::{GroupBy, Settings};
use crate::network::topology::{ChannelIndex, GroupIndex, Topology};
use crate::network::{Aggregation, KpiFile, Modulation, Sample, Timestamp};

/// What earlier evaluations of the same store left behind. Empty for a fresh store, or where identity does not matter.
#[derive(Debug, Clone, Default)]
pub struct Horizon {
    /// The incidents of the last evaluation ([`Evaluation::incidents`]), of all objects.
    pub known: Vec<Incident>,
    /// Samples before this instant are not stored any more. An incident of `known` that was running then goes on with
    /// its stored begin and worst value. `None`: nothing was dropped yet.
    pub first_stored: Option<Timestamp>,
}

/// Samples that were not pushed as the evaluator needs them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// The same channel came twice.
    #[error("channel `{0}` was handed to the evaluation twice for one KPI; merge its samples first")]
    ChannelAgain(Box<str>),
    /// What an earlier evaluation left behind came too late.
    #[error("the evaluation of `{}` began before its checkpoint was handed over", .0.kpi())]
    CheckpointTooLate(KpiFile),
    /// Samples of a channel do not rise in time.
    #[error(
        "the samples of channel `{0}` are not in time order, or one instant appears twice; sort and merge them first"
    )]
    OutOfOrder(Box<str>),
}

/// Checkpoints are cut at multiples of so many seconds since 1970: a new one each hour.
const CUT_STEP: i64 = 3_600;

/// Folds samples into an [`Evaluation`]. See the module for guarantee and memory.
pub struct Evaluator<'a> {
    topology: &'a Topology,
    settings: &'a Settings,
    as_of: Timestamp,
    window_start: Timestamp,
    first_stored: Timestamp,
    known: HashMap<(KpiFile, Box<str>), Vec<Incident>>,
    rules: [Rules; 3],
    pushed: [Vec<bool>; 3],
    tallies: [Vec<Tally>; 3],
    waiting: [HashMap<GroupIndex, Series>; 3],
    incidents: Vec<CountedIncident>,
    scratch: Vec<(Timestamp, i32)>,
    /// Where objects go on from, by KPI.
    resumed: [Resumed; 3],
    /// States at [`Evaluator::cut`], by KPI; `None`: not asked for.
    marked: [Option<Vec<Saved>>; 3],
}

/// Objects that go on from a checkpoint, by their number; those that began are taken out.
struct Resumed {
    cut: Timestamp,
    folds: HashMap<u32, Fold>,
}

/// An object while its points come in.
struct Track {
    fold: Fold,
    /// State before the first point at or behind the cut.
    marked: Option<Fold>,
    cut: Timestamp,
}

impl Track {
    fn push(&mut self, point: Point, rules: &Rules) {
        if point.at >= self.cut && self.marked.is_none() {
            self.marked = Some(self.fold.clone());
        }
        self.fold.push(point, rules);
    }
}

impl<'a> Evaluator<'a> {
    /// Begins an evaluation at `as_of`. The settings must have passed [`Settings::check`].
    pub fn new(topology: &'a Topology, settings: &'a Settings, as_of: Timestamp, horizon: Horizon) -> Self {
        let mut known: HashMap<(KpiFile, Box<str>), Vec<Incident>> = HashMap::new();
        for incident in horizon.known.into_iter().filter(|incident| incident.opened_at <= as_of) {
            known.entry((incident.kpi, incident.object_id.clone())).or_default().push(incident);
        }
        let per_group = || vec![Tally::default(); topology.groups().len()];
        let per_channel = || vec![false; topology.channels().len()];
        Self {
            topology,
            settings,
            as_of,
            window_start: as_of.plus_seconds(-settings.window_s()),
            first_stored: horizon.first_stored.unwrap_or(Timestamp(i64::MIN)),
            known,
            rules: KpiFile::ALL.map(|kpi| Rules::new(kpi, settings, as_of)),
            pushed: KpiFile::ALL.map(|_| per_channel()),
            tallies: KpiFile::ALL.map(|_| per_group()),
            waiting: KpiFile::ALL.map(|_| HashMap::new()),
            incidents: Vec::new(),
            scratch: Vec::new(),
            resumed: KpiFile::ALL.map(|_| Resumed { cut: Timestamp(i64::MIN), folds: HashMap::new() }),
            marked: KpiFile::ALL.map(|_| None),
        }
    }

    /// Where a checkpoint of this evaluation is cut: the last full hour of which nothing is in the window, and behind
    /// which every point is too old to be fresh. `None`: what is stored does not reach back that far.
    pub fn cut(&self) -> Option<Timestamp> {
        let oldest = self.window_start.min(self.as_of.plus_seconds(-self.settings.stale_after()));
        let cut = Timestamp(oldest.0.div_euclid(CUT_STEP) * CUT_STEP);
        (cut > self.first_stored).then_some(cut)
    }

    /// Lets the objects of a KPI go on from `checkpoint` where that gives what all their samples would give, before the
    /// first push of that KPI. `is_touched` tells of which channels samples at or behind the horizon and before the cut
    /// came, or went, since the checkpoint was made.
    ///
    /// Answers the channels of which all samples must be pushed; of the others those before [`Checkpoint::cut`] may be
    /// left out. `None`: of all channels; the checkpoint is of other settings, of another horizon, or cut too late.
    pub fn resume(
        &mut self,
        checkpoint: &Checkpoint,
        is_touched: impl Fn(ChannelIndex) -> bool,
    ) -> Result<Option<Vec<ChannelIndex>>, EvaluationError> {
        let kpi = checkpoint.kpi();
        if self.pushed[kpi as usize].iter().any(|pushed| *pushed) {
            return Err(EvaluationError::CheckpointTooLate(kpi));
        }
        if self.cut().is_none_or(|cut| cut < checkpoint.cut()) || checkpoint.cut() <= self.first_stored {
            return Ok(None);
        }
        let topology = self.topology;
        let conditions = Conditions::new(&self.rules[kpi as usize], self.settings);
        let known_of = |id: &str| self.known_of(kpi, id);
        let Some(folds) = checkpoint.open(topology, &conditions, self.first_stored, known_of, is_touched) else {
            return Ok(None);
        };
        let anew = (0..topology.channels().len())
            .map(|place| ChannelIndex(place as u32))
            .filter(|channel| topology.direction_of(*channel) == kpi.direction())
            .filter(|channel| !folds.contains_key(&object_of(topology, kpi, *channel)))
            .collect();
        self.resumed[kpi as usize] = Resumed { cut: checkpoint.cut(), folds };
        Ok(Some(anew))
    }

    /// From now on keeps the state of the objects of a KPI at [`Evaluator::cut`], for [`Evaluator::checkpoint`].
    pub fn mark(&mut self, kpi: KpiFile) {
        self.marked[kpi as usize] = self.cut().map(|_| Vec::new());
    }

    /// The checkpoint of a KPI of which all channels were pushed, silent ones too; an object that is not complete is not
    /// in it. `None`: [`Evaluator::mark`] was not called before, or there is no cut.
    pub fn checkpoint(&mut self, kpi: KpiFile) -> Option<Checkpoint> {
        let (cut, objects) = (self.cut()?, self.marked[kpi as usize].take()?);
        Some(Checkpoint::new(&self.rules[kpi as usize], self.settings, cut, self.first_stored, objects))
    }

    /// All samples of one channel, in time order, duplicates merged; [`Sample::channel`] is not looked at. Each channel
    /// at most once per KPI; one without samples may be pushed too, which frees memory early. Samples later than
    /// `as_of`, and those of a channel whose direction the topology changed meanwhile, take no part.
    pub fn push(
        &mut self,
        kpi: KpiFile,
        channel: ChannelIndex,
        samples: impl IntoIterator<Item = Sample>,
    ) -> Result<(), EvaluationError> {
        let topology = self.topology;
        let place = channel.0 as usize;
        let about = topology.channel(channel);
        if std::mem::replace(&mut self.pushed[kpi as usize][place], true) {
            return Err(EvaluationError::ChannelAgain(about.id.clone()));
        }
        if topology.direction_of(channel) != kpi.direction() {
            return Ok(());
        }
        let is_snr = kpi == KpiFile::UsChannelSnr;
        let from = self.from(kpi, channel);
        let mut track = is_snr.then(|| self.begin(kpi, about.group, Some(channel)));
        let tally = &mut self.tallies[kpi as usize][about.group.0 as usize];
        let rules = &self.rules[kpi as usize];
        let (mut before, mut last_valid, mut is_reporting) = (None, None, false);
        let mut cm_online = None;
        self.scratch.clear();
        for sample in samples {
            if before.is_some_and(|before| before >= sample.at) {
                return Err(EvaluationError::OutOfOrder(about.id.clone()));
            }
            before = Some(sample.at);
            if sample.at > self.as_of || sample.at < from {
                continue;
            }
            let is_in_window = sample.at > self.window_start;
            if is_in_window {
                cm_online = sample.cm_online.or(cm_online);
            }
            let value = sample.value.filter(|_| !about.is_out_of_service());
            match value {
                Some(_) if is_in_window => tally.samples += 1,
                None if is_in_window => tally.nodata += 1,
                _ => {}
            }
            let Some(value) = value else {
                continue;
            };
            last_valid = Some(sample.at);
            is_reporting |= is_in_window;
            if let Some(track) = &mut track {
                let modulation =
                    Modulation::from_code(sample.modulation).or(about.modulation).unwrap_or(Modulation::Qam64);
                let value = Value::one(value);
                track.push(Point { at: sample.at, value, modulation: Some(modulation), channel }, rules);
                if is_in_window {
                    tally.add_point(sample.at, value);
                }
            } else {
                self.scratch.push((sample.at, value));
            }
        }
        tally.reporting += u64::from(is_reporting);
        tally.fresh += u64::from(last_valid.is_some_and(|at| self.as_of.0 - at.0 <= self.settings.stale_after()));
        tally.cm_online = tally.cm_online.max(cm_online);
        if let Some(track) = track {
            self.finish_object(kpi, about.group, Some(channel), &track);
            return Ok(());
        }
        let series = self.waiting[kpi as usize].entry(about.group).or_default();
        series.add(channel, &self.scratch);
        if series.channels == topology.channels_of(about.group).len() {
            self.finish_group(kpi, about.group);
        }
        Ok(())
    }

    /// Ends the evaluation: channels that were not pushed are silent ones.
    pub fn finish(mut self) -> Evaluation<'a> {
        for kpi in KpiFile::ALL {
            let groups: Vec<GroupIndex> = self.waiting[kpi as usize].keys().copied().collect();
            for group in groups {
                self.finish_group(kpi, group);
            }
        }
        self.finish_silent_objects();
        let (window_start, as_of) = (self.window_start, self.as_of);
        self.incidents.sort_by(|a, b| Incident::order(&a.incident, &b.incident));
        let mut counted: BTreeMap<(Aggregation, GroupIndex), Vec<usize>> = BTreeMap::new();
        for (place, found) in self.incidents.iter().enumerate() {
            if found.incident.is_counted(window_start, as_of) {
                counted.entry((found.aggregation, found.group)).or_default().push(place);
            }
        }
        Evaluation {
            topology: self.topology,
            settings: self.settings,
            as_of,
            window_start,
            tallies: self.tallies,
            incidents: self.incidents,
            counted,
        }
    }

    /// Begins an object: where its checkpoint left it, else at the horizon.
    fn begin(&mut self, kpi: KpiFile, group: GroupIndex, channel: Option<ChannelIndex>) -> Track {
        let cut = match &self.marked[kpi as usize] {
            Some(_) => self.cut().unwrap_or(Timestamp(i64::MAX)),
            None => Timestamp(i64::MAX),
        };
        let fold = self.resumed[kpi as usize].folds.remove(&number_of(group, channel)).unwrap_or_else(|| {
            let object_id = self.object_id(group, channel);
            let running = identity::running_at(self.known_of(kpi, object_id), self.first_stored);
            Fold::new(running.filter(|incident| incident.opened_at <= self.as_of).map(identity::resumed))
        });
        Track { fold, marked: None, cut }
    }

    /// The instant from which on the samples of a channel take part.
    fn from(&self, kpi: KpiFile, channel: ChannelIndex) -> Timestamp {
        let resumed = &self.resumed[kpi as usize];
        let is_resumed = resumed.folds.contains_key(&object_of(self.topology, kpi, channel));
        if is_resumed { resumed.cut } else { self.first_stored }
    }

    fn object_id(&self, group: GroupIndex, channel: Option<ChannelIndex>) -> &'a str {
        match channel {
            Some(channel) => &self.topology.channel(channel).id,
            None => &self.topology.group(group).id,
        }
    }

    fn known_of(&self, kpi: KpiFile, object_id: &str) -> &[Incident] {
        // The map is empty in a fresh store: no key is built then.
        if self.known.is_empty() {
            return &[];
        }
        self.known.get(&(kpi, Box::from(object_id))).map_or(&[], Vec::as_slice)
    }

    fn finish_group(&mut self, kpi: KpiFile, group: GroupIndex) {
        let Some(series) = self.waiting[kpi as usize].remove(&group) else {
            return;
        };
        let mut track = self.begin(kpi, group, None);
        let rules = &self.rules[kpi as usize];
        let tally = &mut self.tallies[kpi as usize][group.0 as usize];
        for point in series.points(self.settings.util_mode) {
            track.push(point, rules);
            if point.at > self.window_start {
                tally.add_point(point.at, point.value);
            }
        }
        self.finish_object(kpi, group, None, &track);
    }

    fn finish_object(&mut self, kpi: KpiFile, group: GroupIndex, channel: Option<ChannelIndex>, track: &Track) {
        let topology = self.topology;
        let fold = &track.fold;
        if let Some(marked) = &mut self.marked[kpi as usize] {
            marked.push(Saved::new(topology, group, channel, track.marked.as_ref().unwrap_or(fold)));
        }
        let tally = &mut self.tallies[kpi as usize][group.0 as usize];
        tally.severity = tally.severity.max(fold.severity(&self.rules[kpi as usize]));
        tally.critical_points += fold.critical_points;
        let breaches: Vec<Breach> = fold.breaches().collect();
        if breaches.is_empty() {
            return;
        }
        let object_id = self.object_id(group, channel);
        let known = self.known_of(kpi, object_id);
        let ids = identity::ids(kpi, object_id, &breaches, known);
        let mut found = Vec::with_capacity(breaches.len());
        for (breach, id) in breaches.iter().zip(ids) {
            let stored_channel =
                || known.iter().find(|known| known.id == id).and_then(|known| known.worst_channel_id.clone());
            let worst_channel_id = match breach.worst.channel {
                Some(channel) => Some(topology.channel(channel).id.clone()),
                None => stored_channel(),
            };
            let incident = Incident {
                id,
                kpi,
                object_id: object_id.into(),
                opened_at: breach.opened_at,
                closed_at: breach.closed_at,
                worst: breach.worst.value,
                worst_at: breach.worst.at,
                modulation: breach.worst.modulation,
                threshold: breach.worst.threshold,
                worst_channel_id,
            };
            found.push(CountedIncident {
                incident,
                aggregation: kpi.into(),
                group,
                channel,
                object_last: fold.last.map(|point| point.value),
            });
        }
        self.incidents.append(&mut found);
    }

    /// An incident that was running when the stored samples begin goes on, also if its object was not pushed at all.
    fn finish_silent_objects(&mut self) {
        let topology = self.topology;
        let mut silent = Vec::new();
        for (kpi, object_id) in self.known.keys() {
            let (group, channel) = if *kpi == KpiFile::UsChannelSnr {
                let Some(channel) = topology.find_channel(object_id) else { continue };
                (topology.channel(channel).group, Some(channel))
            } else {
                let Some(group) = topology.find_group(object_id) else { continue };
                (group, None)
            };
            let pushed = &self.pushed[*kpi as usize];
            let was_pushed = match channel {
                Some(channel) => pushed[channel.0 as usize],
                None => topology.channels_of(group).iter().any(|channel| pushed[channel.0 as usize]),
            };
            if !was_pushed && topology.group(group).direction == kpi.direction() {
                silent.push((*kpi, group, channel));
            }
        }
        for (kpi, group, channel) in silent {
            let track = self.begin(kpi, group, channel);
            self.finish_object(kpi, group, channel, &track);
        }
    }
}

/// The number of the object that a channel's samples are points of.
fn object_of(topology: &Topology, kpi: KpiFile, channel: ChannelIndex) -> u32 {
    let is_snr = kpi == KpiFile::UsChannelSnr;
    number_of(topology.channel(channel).group, is_snr.then_some(channel))
}

/// All that one instant's samples say about the network.
#[derive(Debug)]
pub struct Evaluation<'a> {
    pub(super) topology: &'a Topology,
    pub(super) settings: &'a Settings,
    pub(super) as_of: Timestamp,
    pub(super) window_start: Timestamp,
    pub(super) tallies: [Vec<Tally>; 3],
    pub(super) incidents: Vec<CountedIncident>,
    pub(super) counted: BTreeMap<(Aggregation, GroupIndex), Vec<usize>>,
}

impl<'a> Evaluation<'a> {
    /// The instant it is about.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// Begin of the window; itself outside of it.
    pub fn window_start(&self) -> Timestamp {
        self.window_start
    }

    /// The topology it was made with.
    pub fn topology(&self) -> &'a Topology {
        self.topology
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &'a Settings {
        self.settings
    }

    /// Every incident of the stored samples, counted in the window or not, in the order of the contract: what the next
    /// evaluation needs as [`Horizon::known`].
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.iter().map(|found| &found.incident)
    }

    /// The incidents that count in the window, of all groups, in the order of the contract.
    pub fn counted_incidents(&self) -> impl Iterator<Item = &CountedIncident> {
        self.incidents.iter().filter(|found| found.incident.is_counted(self.window_start, self.as_of))
    }

    /// The rows of an aggregation table, in byte order of their group ids: one per service group of its direction, or
    /// per `group_by` key for SNR.
    pub fn rows(&self, aggregation: Aggregation) -> Vec<AggregationRow> {
        self.groups_of(aggregation).map(|(row, _)| row).collect()
    }

    /// The rows of an aggregation table, each with the service groups it stands for.
    pub(crate) fn groups_of(
        &self,
        aggregation: Aggregation,
    ) -> impl Iterator<Item = (AggregationRow, Vec<GroupIndex>)> {
        let group_by =
            if aggregation == Aggregation::SnrUpstream { self.settings.group_by } else { GroupBy::UsServiceGroup };
        let rows = Rows::new(self, aggregation);
        grouping::members(self.topology, aggregation.kpi_file().direction(), group_by).into_iter().map(
            move |(label, members)| {
                let row = match &label {
                    None => rows.of_group(members[0]),
                    Some(label) => rows.of_union(label, &members),
                };
                (row, members)
            },
        )
    }

    /// The same columns over all service groups of a CCAP, hub, market or network, in byte order of their names.
    /// Groups whose name at that level is not known are in none.
    pub fn roll_up(&self, aggregation: Aggregation, level: RollUp) -> Vec<AggregationRow> {
        let rows = Rows::new(self, aggregation);
        grouping::roll_up(self.topology, aggregation.kpi_file().direction(), level)
            .iter()
            .map(|(label, members)| rows.of_roll_up(label, members))
            .collect()
    }

    /// The counted incidents of some service groups in one aggregation, in the order of the contract.
    pub(crate) fn counted_of(&self, aggregation: Aggregation, members: &[GroupIndex]) -> Vec<&CountedIncident> {
        let mut places: Vec<usize> =
            members.iter().filter_map(|group| self.counted.get(&(aggregation, *group))).flatten().copied().collect();
        places.sort_unstable();
        places.into_iter().map(|place| &self.incidents[place]).collect()
    }
}
