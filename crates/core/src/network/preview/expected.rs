//! The result of a run as one JSON value, schema `telecom-expected/1`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::network::evaluation::{AggregationRow, CountedIncident, Evaluation, Severity};
use crate::network::load::{Counters, FileKind};
use crate::network::settings::Settings;
use crate::network::tickets::{Kpi, TicketDraft, TicketIncident, build_tickets};
use crate::network::{Aggregation, Timestamp};

/// Everything a run in a fresh store produces. Numbers are not rounded, times are UTC, every key is always there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expected {
    schema: &'static str,
    as_of: Timestamp,
    window_start: Timestamp,
    window_end: Timestamp,
    settings: Settings,
    files: BTreeMap<FileKind, Counters>,
    aggregations: BTreeMap<Aggregation, Vec<AggregationRow>>,
    incidents: Vec<ExpectedIncident>,
    tickets: Vec<ExpectedTicket>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ExpectedIncident {
    id: String,
    kpi: &'static str,
    aggregation: Aggregation,
    group_id: String,
    object_id: String,
    opened_at: Timestamp,
    closed_at: Option<Timestamp>,
    worst: f64,
    worst_at: Timestamp,
    modulation: Option<&'static str>,
    threshold: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ExpectedTicket {
    dedupe_key: String,
    kind: String,
    name: String,
    description: String,
    severity: Severity,
    aggregation: Aggregation,
    group_id: String,
    kpi: Kpi,
    channels_affected: u64,
    channels_total: u64,
    cm_total: Option<u64>,
    cm_online: Option<u64>,
    incidents_total: u64,
    incidents: Vec<TicketIncident>,
}

impl Expected {
    /// Puts an evaluation and the counters of its load together.
    pub fn new(evaluation: &Evaluation<'_>, files: &BTreeMap<FileKind, Counters>) -> Self {
        Self {
            schema: "telecom-expected/1",
            as_of: evaluation.as_of(),
            window_start: evaluation.window_start(),
            window_end: evaluation.as_of(),
            settings: evaluation.settings().clone(),
            files: files.clone(),
            aggregations: Aggregation::ALL.into_iter().map(|name| (name, evaluation.rows(name))).collect(),
            incidents: evaluation.counted_incidents().map(|found| incident(evaluation, found)).collect(),
            tickets: build_tickets(evaluation).into_iter().map(ticket).collect(),
        }
    }
}

fn incident(evaluation: &Evaluation<'_>, found: &CountedIncident) -> ExpectedIncident {
    let incident = &found.incident;
    ExpectedIncident {
        id: incident.id.to_string(),
        kpi: incident.kpi.kpi(),
        aggregation: found.aggregation,
        group_id: evaluation.topology().group(found.group).id.to_string(),
        object_id: incident.object_id.to_string(),
        opened_at: incident.opened_at,
        closed_at: incident.closed_at,
        worst: incident.worst.as_f64(),
        worst_at: incident.worst_at,
        modulation: incident.modulation.map(crate::network::Modulation::as_str),
        threshold: incident.threshold.as_f64(),
    }
}

fn ticket(draft: TicketDraft) -> ExpectedTicket {
    ExpectedTicket {
        dedupe_key: draft.dedupe_key,
        kind: draft.kind,
        name: draft.name,
        description: draft.description,
        severity: draft.severity,
        aggregation: draft.source.aggregation,
        group_id: draft.source.group_id,
        kpi: draft.kpi,
        channels_affected: draft.impact.channels_affected,
        channels_total: draft.impact.channels_total,
        cm_total: draft.impact.cm_total,
        cm_online: draft.impact.cm_online,
        incidents_total: draft.incidents_total,
        incidents: draft.incidents,
    }
}
