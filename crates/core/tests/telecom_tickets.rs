//! Trigger, ticket JSON, merging, texts and only-on-news (telecom contract §7).

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::plant::Plant;
use common::{at, data_set, load};
use serde_json::{Value, json};
use ticketbridge_core::network::evaluation::Horizon;
use ticketbridge_core::network::settings::{GroupBy, Settings};
use ticketbridge_core::network::tickets::{Memory, MessageIdentity, Ticket, TicketDraft, build_tickets, select_news};

const BEGIN: &str = "2026-11-20T10:00:00Z";
const AS_OF: &str = "2026-11-20T12:00:00Z";

fn identity(number: u64) -> MessageIdentity {
    MessageIdentity { message_id: "01M7XNJQ30V3M7K8Y4T9B0C5XN".parse().unwrap(), number }
}

fn drafts(plant: &Plant, settings: &Settings, as_of: &str) -> Vec<TicketDraft> {
    build_tickets(&plant.load_with(settings, as_of).evaluate())
}

fn keys(drafts: &[TicketDraft]) -> Vec<&str> {
    drafts.iter().map(|draft| draft.dedupe_key.as_str()).collect()
}

fn json_of(draft: TicketDraft) -> Value {
    serde_json::to_value(draft.into_ticket(identity(42))).unwrap()
}

#[test]
fn the_ticket_of_the_contract_to_the_letter() {
    let (files, _) = data_set("golden");
    let preview = load(&files, &Settings::default(), at("2026-11-20T23:45:00Z"));
    let snr = build_tickets(&preview.evaluate()).into_iter().find(|draft| draft.kind == "SNR").unwrap();
    let expected = r#"{"schema":"ticket/1","message_id":"01M7XNJQ30V3M7K8Y4T9B0C5XN","ticket_id":"WM-20261120-000042",
        "kind":"SNR","dedupe_key":"SNR|USSG-1041","severity":"critical","status":"built","enrichment":"complete",
        "name":"SNR bajo - GDL-E6K-03/US 3-4/NODO-GDL-118, ZAPOPAN",
        "description":"SNR upstream 18.7 dB (umbral 20.0 dB, 64QAM), 1 incidente(s) crítico(s) en 24 h, 1 de 3 canales afectados.",
        "source":{"aggregation":"snr_upstream","group_id":"USSG-1041","instance":"wm-1","as_of":"2026-11-20T23:45:00Z"},
        "topology":{"network":"OCCIDENTE","market":"GUADALAJARA","hub":"HUB-ZAPOPAN","ccap":"GDL-E6K-03","line_card":"US 3","port":"US 3-4","service_group_id":"USSG-1041","service_group_name":"GDL-E6K-03/US 3-4/NODO-GDL-118, ZAPOPAN","fiber_nodes":["N118"],"address":"Av. Patria 1200, Zapopan","latitude":20.7236,"longitude":-103.3848},
        "kpi":{"name":"us_snr_db","unit":"dB","worst":18.7,"last":33.1,"avg_24h":30.01215277777778,"threshold":20.0,"comparison":"lt"},
        "window":{"from":"2026-11-19T23:45:00Z","to":"2026-11-20T23:45:00Z"},
        "incidents_total":1,
        "incidents":[{"id":"6c58ec5fe330ce9f","object_id":"GDL-E6K-03/70000","frequency_hz":18400000,"modulation":"64QAM","threshold":20.0,"opened_at":"2026-11-20T10:00:00Z","closed_at":"2026-11-20T12:00:00Z","worst":18.7,"worst_at":"2026-11-20T10:00:00Z"}],
        "impact":{"channels_affected":1,"channels_total":3,"cm_total":312,"cm_online":298},
        "external":{"ticket_number":null,"ot_number":null}}"#;
    let ticket = snr.into_ticket(identity(42));
    assert_eq!(serde_json::to_value(&ticket).unwrap(), serde_json::from_str::<Value>(expected).unwrap());
    assert_eq!(serde_json::from_str::<Ticket>(&serde_json::to_string(&ticket).unwrap()).unwrap(), ticket);
}

#[test]
fn utilisation_texts_of_the_contract() {
    let (files, _) = data_set("golden");
    let preview = load(&files, &Settings::default(), at("2026-11-20T23:45:00Z"));
    let drafts = build_tickets(&preview.evaluate());
    assert_eq!(keys(&drafts), ["FALLA_DE_LINEA|USSG-1041", "SNR|USSG-1041"]);
    assert_eq!(drafts[0].name, "Saturación upstream - GDL-E6K-03/US 3-4/NODO-GDL-118, ZAPOPAN");
    assert_eq!(
        drafts[0].description,
        "Utilización upstream 93.0 % (umbral 90.0 %), 1 incidente(s) crítico(s) en 24 h, 3 canales."
    );
    let ds = drafts_of_ds();
    assert_eq!(ds.name, "Saturación downstream - Dos");
    assert_eq!(
        ds.description,
        "Utilización downstream 96.7 % (umbral 95.0 %), 1 incidente(s) crítico(s) en 24 h, 2 canales."
    );
}

fn drafts_of_ds() -> TicketDraft {
    let plant = Plant::new().ds("d1", BEGIN, &["96.66", "95"]);
    drafts(&plant, &Settings::default(), AS_OF).remove(0)
}

#[test]
fn unknown_is_null_and_every_key_is_there() {
    let plant = Plant::new().group("U2,US,,,,,,,,,,,,").channel("v1,US,U2,,,").snr("v1", BEGIN, &["19", "19"]);
    let ticket = json_of(drafts(&plant, &Settings::default(), AS_OF).remove(0));
    assert_eq!(ticket["enrichment"], "partial");
    assert_eq!(
        ticket["topology"],
        json!({"network":null,"market":null,"hub":null,"ccap":null,"line_card":null,"port":null,"service_group_id":"U2","service_group_name":"U2","fiber_nodes":[],"address":null,"latitude":null,"longitude":null})
    );
    assert_eq!(ticket["impact"], json!({"channels_affected":1,"channels_total":1,"cm_total":null,"cm_online":null}));
    assert_eq!(ticket["incidents"][0]["frequency_hz"], Value::Null);
    assert_eq!(ticket["incidents"][0]["closed_at"], Value::Null);
    let ds = json_of(drafts_of_ds());
    assert_eq!((&ds["kpi"]["comparison"], &ds["kpi"]["unit"]), (&json!("ge"), &json!("%")));
    assert_eq!((&ds["incidents"][0]["modulation"], &ds["enrichment"]), (&Value::Null, &json!("complete")));
}

#[test]
fn any_missing_piece_of_the_topology_makes_it_partial_and_blocks_nothing() {
    let full = ["U2", "US", "Zwei", "C", "H", "M", "N", "LC", "P", "F", "9", "", "", ""];
    for missing in 2..11 {
        let mut row = full;
        row[missing] = "";
        let plant = Plant::new().group(&row.join(",")).channel("v1,US,U2,,,").snr("v1", BEGIN, &["19", "19"]);
        let draft = drafts(&plant, &Settings::default(), AS_OF).remove(0);
        assert_eq!(draft.is_complete, missing == 2, "a missing name is the id: {missing}");
    }
}

#[test]
fn last_is_the_last_point_of_the_object_with_the_worst_value() {
    let plant = Plant::new()
        .snr("u1", BEGIN, &["12", "12", "30"])
        .snr("u2", "2026-11-20T11:45:00Z", &["40", "41"])
        .snr("u3", BEGIN, &["13", "13", "14"]);
    let draft = drafts(&plant, &Settings::default(), AS_OF).remove(0);
    assert_eq!((draft.kpi.worst, draft.kpi.last), (Some(12.0), Some(30.0)));
    let silent = Plant::new().snr("u1", "2026-11-18T10:00:00Z", &["12", "15"]);
    assert_eq!(drafts(&silent, &Settings::default(), AS_OF)[0].kpi.last, Some(15.0), "of any age");
}

#[test]
fn min_incidents_and_min_cm_hold_tickets_back() {
    let plant = Plant::new().snr("u1", BEGIN, &["19", "19"]);
    let count = |settings: Settings| drafts(&plant, &settings, AS_OF).len();
    assert_eq!(count(Settings { min_incidents: 2, ..Settings::default() }), 0);
    assert_eq!(count(Settings { min_cm: 100, ..Settings::default() }), 1);
    assert_eq!(count(Settings { min_cm: 101, ..Settings::default() }), 0);
    let unknown = Plant::new().group("U2,US,,,,,,,,,,,,").channel("v1,US,U2,,,").snr("v1", BEGIN, &["19", "19"]);
    let settings = Settings { min_cm: 101, ..Settings::default() };
    assert_eq!(drafts(&unknown, &settings, AS_OF).len(), 1, "not knowing the modems never hides a ticket");
}

#[test]
fn two_aggregations_of_one_kind_make_one_ticket() {
    let plant = Plant::new()
        .snr("u1", "2026-11-20T10:15:00Z", &["19", "19"])
        .us("u1", BEGIN, &["95", "95", "10", "10"])
        .us("u1", "2026-11-20T11:00:00Z", &["95", "95"]);
    let mut settings = Settings::default();
    assert_eq!(keys(&drafts(&plant, &settings, AS_OF)), ["FALLA_DE_LINEA|U1", "SNR|U1"]);
    settings.kind_by_aggregation.snr_upstream = "falla de línea".into();
    let one = drafts(&plant, &settings, AS_OF);
    assert_eq!(keys(&one), ["FALLA_DE_LINEA|U1"]);
    assert_eq!(
        (one[0].source.aggregation.as_str(), one[0].kpi.name.as_str(), one[0].kind.as_str()),
        ("snr_upstream", "us_snr_db", "falla de línea")
    );
    assert_eq!(one[0].impact.channels_affected, 1);
    let objects: Vec<&str> = one[0].incidents.iter().map(|incident| incident.object_id.as_str()).collect();
    assert_eq!((objects, one[0].incidents_total), (vec!["U1", "u1", "U1"], 3));
    assert!(one[0].description.contains("3 incidente(s)"), "{}", one[0].description);
}

#[test]
fn a_ticket_lists_its_last_fifty_incidents() {
    let mut plant = Plant::new();
    for number in 0..60 {
        plant = plant.channel(&format!("c{number:02},US,U1,CCAP-1,,64QAM"));
        plant = plant.snr(&format!("c{number:02}"), BEGIN, &["19", "19"]);
    }
    let draft = drafts(&plant, &Settings::default(), AS_OF).remove(0);
    assert_eq!(draft.incidents.len(), 60);
    let ticket = draft.into_ticket(identity(1_234_567));
    assert_eq!((ticket.incidents_total, ticket.incidents.len()), (60, 50));
    assert_eq!((ticket.incidents[0].object_id.as_str(), ticket.incidents[49].object_id.as_str()), ("c10", "c59"));
    assert_eq!(ticket.ticket_id, "WM-20261120-1234567");
}

#[test]
fn texts_come_from_the_settings() {
    let mut settings = Settings { instance: "norte".into(), window_h: 12, ..Settings::default() };
    settings.templates.snr_upstream.name = "{ccap} {port} {group_id} {address} {{x}}".into();
    settings.templates.snr_upstream.description = "{worst_at} {last} {avg} {cm_total}/{cm_online} {window_h}".into();
    let plant = Plant::new().snr("u1", BEGIN, &["19", "18.25"]);
    let draft = drafts(&plant, &settings, AS_OF).remove(0);
    assert_eq!(draft.name, "CCAP-1 P 1 U1 - {x}");
    assert_eq!(draft.description, "2026-11-20T10:15:00Z 18.2 18.6 100/- 12");
    assert_eq!(draft.source.instance, "norte");
}

#[test]
fn a_ticket_of_several_groups_says_what_they_share() {
    let plant = Plant::new()
        .group("U2,US,Zwei,CCAP-1,HUB-1,MARKET-1,NETWORK-1,LC 9,P 2,N2,50,,,")
        .channel("v1,US,U2,CCAP-1,,64QAM")
        .snr("u1", BEGIN, &["19", "19"])
        .snr("v1", BEGIN, &["18", "18"]);
    let settings = Settings { group_by: GroupBy::Ccap, ..Settings::default() };
    let draft = drafts(&plant, &settings, AS_OF).remove(0);
    assert_eq!((draft.dedupe_key.as_str(), draft.incidents_total), ("SNR|CCAP-1", 2));
    assert_eq!((draft.topology.service_group_id.as_deref(), draft.topology.line_card.as_deref()), (None, None));
    assert_eq!((draft.topology.hub.as_deref(), draft.topology.fiber_nodes.len()), (Some("HUB-1"), 2));
    assert_eq!(draft.name, "SNR bajo - CCAP-1");
}

/// Runs one after another over a growing plant; answers how many messages each sends.
fn runs(plants: &[(&Plant, &str)], settings: &Settings) -> Vec<usize> {
    let mut memory = Memory::new();
    let mut known = Vec::new();
    let mut counts = Vec::new();
    for (plant, as_of) in plants {
        let preview = plant.load_with(settings, as_of);
        let evaluation = preview.evaluate_at(at(as_of), Horizon { known, first_stored: None });
        counts.push(select_news(build_tickets(&evaluation), &mut memory, settings, at(as_of)).len());
        known = evaluation.incidents().cloned().collect();
        // What a store would do: through JSON and back.
        memory = serde_json::from_str(&serde_json::to_string(&memory).unwrap()).unwrap();
    }
    counts
}

#[test]
fn three_runs_without_a_new_incident_send_one_message() {
    let plant = Plant::new().snr("u1", BEGIN, &["19", "19"]);
    let three = [(&plant, "2026-11-20T10:15:00Z"), (&plant, "2026-11-20T10:30:00Z"), (&plant, AS_OF)];
    assert_eq!(runs(&three, &Settings::default()), [1, 0, 0]);
    assert_eq!(runs(&three, &Settings { note_every_run: true, ..Settings::default() }), [1, 1, 1]);
}

#[test]
fn a_second_incident_sends_one_more() {
    let one = Plant::new().snr("u1", BEGIN, &["19", "19"]);
    let two = one.clone().snr("u2", "2026-11-20T11:00:00Z", &["19", "19"]);
    assert_eq!(runs(&[(&one, AS_OF), (&two, AS_OF), (&two, AS_OF)], &Settings::default()), [1, 1, 0]);
}

#[test]
fn a_deeper_value_a_close_or_a_late_begin_send_nothing() {
    let one = Plant::new().snr("u1", BEGIN, &["19", "19"]);
    let late = one.clone().snr("u1", "2026-11-20T09:45:00Z", &["19"]);
    let deeper = late.clone().snr("u1", "2026-11-20T10:30:00Z", &["10"]);
    let closed = deeper.clone().snr("u1", "2026-11-20T10:45:00Z", &["30", "30"]);
    let plants = [(&one, AS_OF), (&late, AS_OF), (&deeper, AS_OF), (&closed, AS_OF)];
    assert_eq!(runs(&plants, &Settings::default()), [1, 0, 0, 0]);
}

#[test]
fn reported_ids_are_kept_for_the_retention_and_then_dropped() {
    let plant = Plant::new().snr("u1", BEGIN, &["19", "19", "30", "30"]);
    let settings = Settings::default();
    let drafts =
        |as_of: &str| build_tickets(&plant.load_with(&settings, AS_OF).evaluate_at(at(as_of), Horizon::default()));
    let mut memory = Memory::new();
    assert_eq!(select_news(drafts(AS_OF), &mut memory, &settings, at(AS_OF)).len(), 1);
    let last_counted = "2026-11-21T10:29:59Z";
    assert_eq!(select_news(drafts(last_counted), &mut memory, &settings, at(last_counted)).len(), 0);
    let gone = "2026-11-28T10:29:59Z";
    assert!(drafts(gone).is_empty());
    select_news(Vec::new(), &mut memory, &settings, at(gone));
    assert_eq!(memory.len(), 1, "168 h after it last counted");
    select_news(Vec::new(), &mut memory, &settings, at("2026-11-28T10:30:00Z"));
    assert!(memory.is_empty());
}
