//! The items that a file is tried out on. Their keys are fixed, so that a file can carry answers to them.

use serde_json::json;
use ticketbridge_core::effect::{NoteLookUp, Query, TicketLookUp, WorkOrderLookUp};
use ticketbridge_core::ticket::{DedupeKey, OriginId, TicketId, TicketReference};
use uuid::Uuid;

use crate::Item;

/// How many sample items a file's sample answers are about.
pub(super) const SAMPLES: u128 = 3;

/// Origin id of sample item `number`: `00000000-0000-7000-8000-00000000000N`.
pub(super) fn origin(number: u128) -> OriginId {
    OriginId(Uuid::from_u128(0x7000_8000_0000_0000_0000 + number))
}

/// Dedupe key of sample item `number`: `SAMPLE|N`.
pub(super) fn key(number: u128) -> Option<DedupeKey> {
    DedupeKey::new(&format!("SAMPLE|{number}")).ok()
}

fn reference(number: u128) -> TicketReference {
    TicketReference { number: format!("T-{number}"), record: Some(format!("R-{number}")) }
}

/// Sample items 1 to `count`, as large as real ones.
pub(super) fn items(count: u128) -> Vec<Item> {
    (1..=count).filter_map(item).collect()
}

fn item(number: u128) -> Option<Item> {
    let key = key(number)?;
    let incident = json!({
        "id": format!("{number:016x}"), "object_id": "GDL-E6K-03/70000", "frequency_hz": 18_400_000, "worst": 18.7,
        "modulation": "64QAM", "opened_at": "2026-11-20T10:00:00Z", "closed_at": null,
    });
    let ticket = json!({
        "schema": "ticket/1", "message_id": format!("MESSAGE-{number}"),
        "ticket_id": format!("WM-20261120-{number:06}"),
        "kind": "SNR", "dedupe_key": key.as_str(), "severity": "critical", "status": "built", "enrichment": "complete",
        "name": "SNR bajo - GDL-E6K-03/US 3-4/NODO-GDL-118, ZAPOPAN",
        "description": "SNR upstream 18.7 dB (umbral 20.0 dB, 64QAM), \"1\" incidente(s)\ncrítico(s) en 24 h.",
        "source": {
            "aggregation": "snr_upstream", "group_id": format!("SAMPLE-{number}"), "instance": "wm-1",
            "as_of": "2026-11-20T23:45:00Z",
        },
        "topology": {
            "network": "OCCIDENTE", "market": "GUADALAJARA", "hub": "HUB-ZAPOPAN", "ccap": "GDL-E6K-03",
            "line_card": "US 3", "port": "US 3-4", "service_group_id": format!("SAMPLE-{number}"),
            "service_group_name": "GDL-E6K-03/US 3-4/NODO-GDL-118, ZAPOPAN", "fiber_nodes": ["N118"],
            "address": "Av. Patria 1200, Zapopan", "latitude": 20.7236, "longitude": -103.3848,
        },
        "kpi": {
            "name": "us_snr_db", "unit": "dB", "worst": 18.7, "last": 33.1, "avg_24h": 30.012_152_777_777_78,
            "threshold": 20.0, "comparison": "lt",
        },
        "window": {"from": "2026-11-19T23:45:00Z", "to": "2026-11-20T23:45:00Z"},
        "incidents_total": 1, "incidents": [incident],
        "impact": {"channels_affected": 1, "channels_total": 3, "cm_total": 312, "cm_online": 298},
        "external": {"ticket_number": null, "ot_number": null},
    });
    Some(Item {
        id: TicketId(number as i64),
        origin: origin(number),
        key,
        kind: String::from("SNR"),
        ticket: Some(reference(number)),
        work_order: Some(format!("OT-{number}")),
        work_order_record: None,
        note: Some(format!("Nuevo incidente\n[ref:{}]", origin(number))),
        body: ticket.to_string().into(),
    })
}

/// An item as bare as an outside sender may make it: a key, a kind, and nothing else.
pub(super) fn bare() -> Option<Item> {
    let mut item = item(1)?;
    item.body = json!({"message_id": "MESSAGE-1", "kind": "SNR", "dedupe_key": item.key.as_str()}).to_string().into();
    item.ticket = Some(TicketReference { number: String::from("T-1"), record: None });
    Some(item)
}

/// A question to each of the reads, by its name in the file.
pub(super) fn queries(random: u128) -> Vec<(&'static str, Query)> {
    let mut queries = vec![
        ("health", Query::Health),
        ("retrieve_tickets", Query::OpenTickets { kinds: vec![String::from("Falla de Linea"), String::from("SNR")] }),
    ];
    if let Some(random) = key(random) {
        let wanted =
            (1..=SAMPLES).filter_map(|number| Some(TicketLookUp { key: key(number)?, origin: Some(origin(number)) }));
        queries.push(("find_tickets", Query::Tickets { wanted: wanted.collect(), known: None, random }));
    }
    let note = |number| NoteLookUp { origin: origin(number), ticket: reference(number) };
    let order = |number| WorkOrderLookUp { origin: origin(number), ticket: reference(number) };
    queries.push(("find_notes", Query::Notes { wanted: vec![note(1)], known: None, random: origin(random) }));
    queries
        .push(("find_work_orders", Query::WorkOrders { wanted: vec![order(1)], known: None, random: origin(random) }));
    queries
}
