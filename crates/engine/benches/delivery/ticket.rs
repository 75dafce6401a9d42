//! The tickets: all members of the contract's example (`ticket/1`), another service group each, both kinds in turn.

use serde_json::{Value, json};

/// Kind of a ticket, as senders spell it.
pub(crate) fn kind(number: usize) -> &'static str {
    if number.is_multiple_of(2) { "SNR" } else { "Falla de Linea" }
}

/// What a ticket is about.
pub(crate) fn key(number: usize) -> String {
    format!("{}|USSG-{number:06}", if number.is_multiple_of(2) { "SNR" } else { "FALLA_DE_LINEA" })
}

/// One ticket as compact JSON.
pub(crate) fn text(number: usize) -> String {
    ticket(number).to_string()
}

/// The body of an intake call.
pub(crate) fn intake_call(numbers: std::ops::Range<usize>) -> Vec<u8> {
    let tickets: Vec<Value> = numbers.map(ticket).collect();
    Value::from(tickets).to_string().into_bytes()
}

fn ticket(number: usize) -> Value {
    let group = format!("GDL-E6K-{:02}/US 3-4/NODO-GDL-{number:06}, ZAPOPAN", number % 60);
    json!({
        "schema": "ticket/1",
        "message_id": format!("01M7XNJQ30V3M7K8Y4{number:08}"),
        "ticket_id": format!("WM-20261120-{number:06}"),
        "kind": kind(number),
        "dedupe_key": key(number),
        "severity": "critical",
        "status": "built",
        "enrichment": "complete",
        "name": format!("SNR bajo - {group}"),
        "description": "SNR upstream 18.7 dB (umbral 20.0 dB, 64QAM), 1 incidente(s) crítico(s) en 24 h, 1 de 3 canales afectados.",
        "source": {
            "aggregation": "snr_upstream",
            "group_id": format!("USSG-{number:06}"),
            "instance": "wm-1",
            "as_of": "2026-11-20T23:45:00Z",
        },
        "topology": {
            "network": "OCCIDENTE",
            "market": "GUADALAJARA",
            "hub": "HUB-ZAPOPAN",
            "ccap": format!("GDL-E6K-{:02}", number % 60),
            "line_card": "US 3",
            "port": "US 3-4",
            "service_group_id": format!("USSG-{number:06}"),
            "service_group_name": group,
            "fiber_nodes": [format!("N{number:06}")],
            "address": "Av. Patria 1200, Zapopan",
            "latitude": 20.7236,
            "longitude": -103.3848,
        },
        "kpi": {
            "name": "us_snr_db", "unit": "dB", "worst": 18.7, "last": 33.1, "avg_24h": 30.012_152_777_777_78,
            "threshold": 20.0, "comparison": "lt",
        },
        "window": {"from": "2026-11-19T23:45:00Z", "to": "2026-11-20T23:45:00Z"},
        "incidents_total": 1,
        "incidents": [{
            "id": "6c58ec5fe330ce9f", "object_id": "GDL-E6K-03/70000", "frequency_hz": 18_400_000,
            "modulation": "64QAM", "threshold": 20.0, "opened_at": "2026-11-20T10:00:00Z",
            "closed_at": "2026-11-20T12:00:00Z", "worst": 18.7, "worst_at": "2026-11-20T10:00:00Z",
        }],
        "impact": {"channels_affected": 1, "channels_total": 3, "cm_total": 312, "cm_online": 298},
        "external": {"ticket_number": null, "ot_number": null},
    })
}
