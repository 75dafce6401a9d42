//! Rows of the aggregation tables, column by column (telecom contract §6).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::evaluator::Evaluation;
use super::incident::{CountedIncident, Incident};
use super::severity::Severity;
use super::tally::Tally;
use crate::network::settings::CountMode;
use crate::network::topology::{GroupIndex, ServiceGroup};
use crate::network::{Aggregation, KpiFile, Timestamp};

/// One row of an aggregation table. Numbers are dB or percent, not rounded; what is not known is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AggregationRow {
    /// The table.
    pub aggregation: Aggregation,
    /// The service group, or the key of a union of groups.
    pub group_id: String,
    /// Its name.
    pub group_name: String,
    /// Network of the group; of a union: the one that all its groups have.
    pub network: Option<String>,
    /// Market, likewise.
    pub market: Option<String>,
    /// Hub, likewise.
    pub hub: Option<String>,
    /// CCAP, likewise.
    pub ccap: Option<String>,
    /// Optical nodes.
    pub fiber_nodes: Vec<String>,
    /// Channels in the topology, also those out of service or silent.
    pub channels: u64,
    /// Channels with a valid sample in the window.
    pub channels_reporting: u64,
    /// Channels without a valid sample, or whose last one is stale.
    pub channels_timeout: u64,
    /// Valid channel samples in the window.
    pub samples_24h: u64,
    /// No-data channel samples in the window.
    pub nodata_24h: u64,
    /// Newest value in the window.
    pub kpi_last: Option<f64>,
    /// Mean over the points in the window.
    pub kpi_avg: Option<f64>,
    /// Lowest point in the window.
    pub kpi_min: Option<f64>,
    /// Highest point in the window.
    pub kpi_max: Option<f64>,
    /// Severity at `as_of`.
    pub severity_now: Severity,
    /// Counted incidents; with `count_mode = samples` the critical points of the window.
    pub critical_incidents_24h: u64,
    /// Counted incidents that are open.
    pub open_incidents: u64,
    /// Earliest begin of a counted incident; may lie before the window.
    pub first_incident_at: Option<Timestamp>,
    /// Latest begin of a counted incident.
    pub last_incident_at: Option<Timestamp>,
    /// Worst value of the counted incidents.
    pub worst_value: Option<f64>,
    /// The channel that had it.
    pub worst_channel_id: Option<String>,
    /// When.
    pub worst_at: Option<Timestamp>,
    /// SNR: channels with a counted incident. Utilisation: all channels if there is one, else 0.
    pub channels_affected: u64,
    /// Modems that belong to the group.
    pub cm_total: Option<u64>,
    /// Modems online.
    pub cm_online: Option<u64>,
    /// Begin of the window, itself outside.
    pub window_start: Timestamp,
    /// End of the window, itself inside.
    pub window_end: Timestamp,
    /// `as_of`.
    pub updated_at: Timestamp,
}

/// Builds the rows of one aggregation.
pub(super) struct Rows<'e, 'a> {
    evaluation: &'e Evaluation<'a>,
    aggregation: Aggregation,
}

impl<'e, 'a> Rows<'e, 'a> {
    pub(super) fn new(evaluation: &'e Evaluation<'a>, aggregation: Aggregation) -> Self {
        Self { evaluation, aggregation }
    }

    /// The row of one service group.
    pub(super) fn of_group(&self, group: GroupIndex) -> AggregationRow {
        let about = self.evaluation.topology.group(group);
        self.row(&about.id, &about.name, &[group])
    }

    /// The row of a `group_by` key.
    pub(super) fn of_union(&self, key: &str, members: &[GroupIndex]) -> AggregationRow {
        self.row(key, key, members)
    }

    /// The row of a roll-up: as a union, but `kpi_last` is the mean of the members' `kpi_last`.
    pub(super) fn of_roll_up(&self, name: &str, members: &[GroupIndex]) -> AggregationRow {
        let last: Vec<f64> =
            members.iter().filter_map(|group| self.tally(*group).newest).map(|(_, value)| value.as_f64()).collect();
        let kpi_last = (!last.is_empty()).then(|| last.iter().sum::<f64>() / last.len() as f64);
        AggregationRow { kpi_last, ..self.row(name, name, members) }
    }

    fn tally(&self, group: GroupIndex) -> &Tally {
        &self.evaluation.tallies[self.aggregation.kpi_file() as usize][group.0 as usize]
    }

    fn row(&self, id: &str, name: &str, members: &[GroupIndex]) -> AggregationRow {
        let (evaluation, topology) = (self.evaluation, self.evaluation.topology);
        let groups: Vec<&ServiceGroup> = members.iter().map(|group| topology.group(*group)).collect();
        let channels_of = |group: GroupIndex| topology.channels_of(group).len() as u64;
        let channels = members.iter().map(|group| channels_of(*group)).sum::<u64>();
        let mut tally = Tally::default();
        for group in members {
            tally.merge(self.tally(*group));
        }
        let incidents = evaluation.counted_of(self.aggregation, members);
        let worst = incidents.iter().copied().reduce(worse);
        let is_snr = self.aggregation == Aggregation::SnrUpstream;
        let channels_affected = if is_snr {
            incidents.iter().map(|found| found.channel).collect::<BTreeSet<_>>().len() as u64
        } else {
            incidents.iter().map(|found| found.group).collect::<BTreeSet<_>>().into_iter().map(channels_of).sum()
        };
        let critical_incidents = match evaluation.settings.count_mode {
            CountMode::Incidents => incidents.len() as u64,
            CountMode::Samples => tally.critical_points,
        };
        let mut fiber_nodes: Vec<String> = Vec::new();
        for node in groups.iter().flat_map(|group| &group.fiber_nodes) {
            if !fiber_nodes.iter().any(|known| **known == **node) {
                fiber_nodes.push(node.to_string());
            }
        }
        AggregationRow {
            aggregation: self.aggregation,
            group_id: id.to_owned(),
            group_name: name.to_owned(),
            network: common(&groups, |group| group.network.as_deref()),
            market: common(&groups, |group| group.market.as_deref()),
            hub: common(&groups, |group| group.hub.as_deref()),
            ccap: common(&groups, |group| group.ccap.as_deref()),
            fiber_nodes,
            channels,
            channels_reporting: tally.reporting,
            channels_timeout: channels - tally.fresh,
            samples_24h: tally.samples,
            nodata_24h: tally.nodata,
            kpi_last: tally.newest.map(|(_, value)| value.as_f64()),
            kpi_avg: tally.means.mean(),
            kpi_min: tally.lowest.map(super::Value::as_f64),
            kpi_max: tally.highest.map(super::Value::as_f64),
            severity_now: tally.severity,
            critical_incidents_24h: critical_incidents,
            open_incidents: incidents.iter().filter(|found| found.incident.closed_at.is_none()).count() as u64,
            first_incident_at: incidents.first().map(|found| found.incident.opened_at),
            last_incident_at: incidents.last().map(|found| found.incident.opened_at),
            worst_value: worst.map(|found| found.incident.worst.as_f64()),
            worst_channel_id: worst.and_then(|found| found.incident.worst_channel_id.as_deref()).map(ToOwned::to_owned),
            worst_at: worst.map(|found| found.incident.worst_at),
            channels_affected,
            cm_total: groups.iter().filter_map(|group| group.cm_total).reduce(u64::saturating_add),
            cm_online: tally.cm_online.map(u64::from),
            window_start: evaluation.window_start,
            window_end: evaluation.as_of,
            updated_at: evaluation.as_of,
        }
    }
}

/// The one value that all groups have.
pub(in crate::network) fn common<T: PartialEq + ToOwned + ?Sized>(
    groups: &[&ServiceGroup],
    value: impl Fn(&ServiceGroup) -> Option<&T>,
) -> Option<T::Owned> {
    let first = value(groups.first()?)?;
    groups.iter().all(|group| value(group) == Some(first)).then(|| first.to_owned())
}

/// The worse of two counted incidents; of equals the earlier `worst_at`, then the smaller channel id.
pub(in crate::network) fn worse<'i>(a: &'i CountedIncident, b: &'i CountedIncident) -> &'i CountedIncident {
    let kpi: KpiFile = a.incident.kpi;
    let rank = |found: &'i CountedIncident| (found.incident.worst_at, found.incident.worst_channel_id.as_deref());
    if Incident::is_worse(kpi, b.incident.worst, a.incident.worst) {
        b
    } else if Incident::is_worse(kpi, a.incident.worst, b.incident.worst) || rank(a) <= rank(b) {
        a
    } else {
        b
    }
}
