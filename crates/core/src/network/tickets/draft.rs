//! Rows that trigger, enriched and named; two of one key are one ticket (telecom contract §7.1 to §7.5).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::json::{Impact, Kpi, Source, TicketTopology, Window};
use super::text;
use crate::network::evaluation::{AggregationRow, CountedIncident, Evaluation, Severity, Value, common, worse};
use crate::network::settings::Settings;
use crate::network::topology::{GroupIndex, ServiceGroup, Topology};
use crate::network::{Aggregation, KpiFile, Timestamp, dedupe_key};

/// One incident, as a ticket lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketIncident {
    /// 16 hex digits.
    pub id: String,
    /// Channel or service group.
    pub object_id: String,
    /// Centre frequency of the channel; null for utilisation.
    pub frequency_hz: Option<u64>,
    /// Modulation of the worst point; null for utilisation.
    pub modulation: Option<String>,
    /// Critical threshold of the worst point.
    pub threshold: f64,
    /// Begin.
    pub opened_at: Timestamp,
    /// End; null: open.
    pub closed_at: Option<Timestamp>,
    /// Worst value.
    pub worst: f64,
    /// When that was.
    pub worst_at: Timestamp,
}

/// A ticket before it is a message: without ids, and with all its incidents.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketDraft {
    /// What it is about: at most one draft per key.
    pub dedupe_key: String,
    /// Kind, as configured.
    pub kind: String,
    /// `critical`.
    pub severity: Severity,
    /// Nothing of the topology is missing.
    pub is_complete: bool,
    /// Title.
    pub name: String,
    /// Description.
    pub description: String,
    /// Where it comes from.
    pub source: Source,
    /// Place in the network.
    pub topology: TicketTopology,
    /// The figure behind it.
    pub kpi: Kpi,
    /// What was looked at.
    pub window: Window,
    /// Counted incidents.
    pub incidents_total: u64,
    /// All of them, in the order of the contract.
    pub incidents: Vec<TicketIncident>,
    /// What it touches.
    pub impact: Impact,
}

/// The tickets of an evaluation, news or not, in byte order of their dedupe keys.
pub fn build_tickets(evaluation: &Evaluation<'_>) -> Vec<TicketDraft> {
    let settings = evaluation.settings();
    let mut drafts: BTreeMap<String, TicketDraft> = BTreeMap::new();
    // In the order of precedence: the first aggregation of a key names the ticket, the others add their incidents.
    for aggregation in Aggregation::ALL {
        for (row, members) in evaluation.groups_of(aggregation) {
            if !is_triggered(&row, settings) {
                continue;
            }
            let draft = build(evaluation, &row, &members);
            match drafts.get_mut(&draft.dedupe_key) {
                None => {
                    drafts.insert(draft.dedupe_key.clone(), draft);
                }
                Some(first) => first.join(draft),
            }
        }
    }
    drafts
        .into_values()
        .map(|mut draft| {
            draft.incidents_total = draft.incidents.len() as u64;
            let texts = settings.templates.of(draft.source.aggregation);
            let (name, description) = text::fill(texts, &draft, settings.window_h);
            TicketDraft { name, description, ..draft }
        })
        .collect()
}

/// Whether a row makes a ticket. An unknown modem count never hides one.
fn is_triggered(row: &AggregationRow, settings: &Settings) -> bool {
    let has_modems = settings.min_cm == 0 || row.cm_total.is_none_or(|count| count >= settings.min_cm);
    row.critical_incidents_24h >= u64::from(settings.min_incidents) && has_modems
}

fn build(evaluation: &Evaluation<'_>, row: &AggregationRow, members: &[GroupIndex]) -> TicketDraft {
    let (settings, topology) = (evaluation.settings(), evaluation.topology());
    let kind = settings.kind_by_aggregation.of(row.aggregation);
    let found = evaluation.counted_of(row.aggregation, members);
    let worst = found.iter().copied().reduce(worse);
    let groups: Vec<&ServiceGroup> = members.iter().map(|group| topology.group(*group)).collect();
    let place = place(row, &groups);
    let kpi_file = row.aggregation.kpi_file();
    TicketDraft {
        dedupe_key: dedupe_key(kind, &row.group_id),
        kind: kind.to_owned(),
        severity: Severity::Critical,
        is_complete: is_complete(&place, row.cm_total),
        name: String::new(),
        description: String::new(),
        source: Source {
            aggregation: row.aggregation,
            group_id: row.group_id.clone(),
            instance: settings.instance.clone(),
            as_of: evaluation.as_of(),
        },
        topology: place,
        kpi: Kpi {
            name: kpi_file.kpi().into(),
            unit: row.aggregation.unit().into(),
            worst: row.worst_value,
            last: worst.and_then(|found| found.object_last).map(Value::as_f64),
            avg_24h: row.kpi_avg,
            threshold: worst.map(|found| found.incident.threshold.as_f64()),
            comparison: if kpi_file == KpiFile::UsChannelSnr { "lt" } else { "ge" }.into(),
        },
        window: Window { from: evaluation.window_start(), to: evaluation.as_of() },
        incidents_total: found.len() as u64,
        incidents: found.into_iter().map(|found| listed(topology, found)).collect(),
        impact: Impact {
            channels_affected: row.channels_affected,
            channels_total: row.channels,
            cm_total: row.cm_total,
            cm_online: row.cm_online,
        },
    }
}

fn listed(topology: &Topology, found: &CountedIncident) -> TicketIncident {
    let incident = &found.incident;
    TicketIncident {
        id: incident.id.to_string(),
        object_id: incident.object_id.to_string(),
        frequency_hz: found.channel.and_then(|channel| topology.channel(channel).frequency_hz),
        modulation: incident.modulation.map(|modulation| modulation.as_str().to_owned()),
        threshold: incident.threshold.as_f64(),
        opened_at: incident.opened_at,
        closed_at: incident.closed_at,
        worst: incident.worst.as_f64(),
        worst_at: incident.worst_at,
    }
}

/// What all groups of the row have in common; of a single group, all of it.
fn place(row: &AggregationRow, groups: &[&ServiceGroup]) -> TicketTopology {
    let text = |value: fn(&ServiceGroup) -> Option<&str>| common(groups, value);
    let single = if let [group] = groups { Some(*group) } else { None };
    TicketTopology {
        network: row.network.clone(),
        market: row.market.clone(),
        hub: row.hub.clone(),
        ccap: row.ccap.clone(),
        line_card: text(|group| group.line_card.as_deref()),
        port: text(|group| group.port.as_deref()),
        service_group_id: single.map(|group| group.id.to_string()),
        service_group_name: single.map(|group| group.name.to_string()),
        fiber_nodes: row.fiber_nodes.clone(),
        address: text(|group| group.address.as_deref()),
        latitude: single.and_then(|group| group.latitude),
        longitude: single.and_then(|group| group.longitude),
    }
}

fn is_complete(place: &TicketTopology, cm_total: Option<u64>) -> bool {
    let texts = [&place.network, &place.market, &place.hub, &place.ccap, &place.line_card, &place.port];
    texts.iter().all(|text| text.is_some()) && cm_total.is_some() && !place.fiber_nodes.is_empty()
}

impl TicketDraft {
    /// Takes the incidents of another draft of the same key; everything else stays that of the first.
    fn join(&mut self, other: Self) {
        self.incidents.extend(other.incidents);
        self.incidents
            .sort_by(|a, b| (a.opened_at, a.object_id.as_bytes()).cmp(&(b.opened_at, b.object_id.as_bytes())));
    }

    /// The group's name, for texts.
    pub(super) fn group_name(&self) -> &str {
        self.topology.service_group_name.as_deref().unwrap_or(&self.source.group_id)
    }
}
