//! What the tests of connectors share: items, answers, the built-in connector.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use ticketbridge_core::effect::{Found, Operation, Outcome, Query};
use ticketbridge_core::ticket::{DedupeKey, OriginId, TicketId, TicketReference};
use ticketbridge_platforms::connector::{Connector, ConnectorSettings};
use ticketbridge_platforms::{Answer, Decoded, Dialogue, HttpCall, Item, Platform, Transport, Verdict};

/// The built-in SFyC connector.
pub fn loaded() -> Connector {
    Connector::load("builtin:sfyc", &ConnectorSettings::default()).expect("the built-in file loads")
}

/// The origin id of item `number`.
pub fn origin(number: u32) -> OriginId {
    OriginId(format!("0199d2c4-0000-7000-8000-{number:012}").parse().expect("a UUID"))
}

/// A dedupe key.
pub fn key(text: &str) -> DedupeKey {
    DedupeKey::new(text).expect("a key")
}

/// Item `number`, with everything that any operation needs.
pub fn item(number: u32) -> Item {
    let group = format!("USSG-{}", 1040 + number);
    let ticket = json!({
        "schema": "ticket/1", "message_id": format!("M-{number}"), "kind": "SNR", "severity": "critical",
        "name": format!("SNR bajo - {group}"), "description": "SNR upstream 18.7 dB (umbral 20.0 dB)",
        "source": {"group_id": group},
        "topology": {"hub": "HUB-ZAPOPAN", "address": "Av. Patria 1200, Zapopan", "latitude": 20.7236, "longitude": -103.3848},
        "kpi": {"name": "us_snr_db", "worst": 18.7}, "impact": {"cm_total": 312, "cm_online": 298},
    });
    Item {
        id: TicketId(i64::from(number)),
        origin: origin(number),
        key: key(&format!("SNR|{group}")),
        kind: String::from("SNR"),
        ticket: Some(TicketReference { number: format!("T{number:08}"), record: None }),
        work_order: Some(format!("OT{number:06}")),
        work_order_record: None,
        note: Some(format!("Nuevo incidente\n[ref:{}]", origin(number))),
        body: ticket.to_string().into(),
    }
}

/// Items 1 to `count`.
pub fn items(count: u32) -> Vec<Item> {
    (1..=count).map(item).collect()
}

/// An answer with a JSON body.
pub fn answer(status: u16, body: &Value) -> Transport {
    raw(status, &body.to_string(), &[])
}

/// An answer with any body and headers.
pub fn raw(status: u16, body: &str, headers: &[(&'static str, &str)]) -> Transport {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().expect("a header value"));
    }
    let status = StatusCode::from_u16(status).expect("a status");
    Transport::Answered(Answer { status, headers: map, body: body.to_owned().into() })
}

/// A request as text, for snapshots.
pub fn shown(call: &HttpCall) -> String {
    let body = call.body.as_ref().map_or_else(String::new, |body| {
        let value: Value = serde_json::from_slice(body).expect("a JSON body");
        // The raw text shows the order of members, the pretty one is for reading.
        format!("\n{}\n{}", String::from_utf8_lossy(body), serde_json::to_string_pretty(&value).expect("JSON"))
    });
    format!("{} {}{body}", call.method, call.target)
}

/// Decodes an answer to `items`.
pub fn decoded(platform: &impl Platform, operation: Operation, items: &[Item], transport: &Transport) -> Decoded {
    match platform.decode(operation, items, transport) {
        Verdict::Done(decoded) => decoded,
        Verdict::More(_) => panic!("a connector asks nothing more"),
    }
}

/// Short names of outcomes.
pub fn names(outcomes: &[Outcome]) -> Vec<&'static str> {
    let name = |outcome: &Outcome| match outcome {
        Outcome::Applied { .. } => "applied",
        Outcome::Refused { .. } => "refused",
        Outcome::Unavailable { .. } => "unavailable",
        Outcome::Unknown { .. } => "unknown",
    };
    outcomes.iter().map(name).collect()
}

/// Runs a look-up against canned answers; gives the targets asked, and the result.
pub fn run(
    platform: &impl Platform,
    query: &Query,
    mut answers: impl FnMut(&HttpCall) -> Transport,
) -> (Vec<String>, Result<ticketbridge_core::effect::Found, ticketbridge_core::effect::LookUpFault>) {
    let mut asked = Vec::new();
    let mut look_up: Box<dyn Dialogue<Found>> = match platform.look_up(query) {
        Ok(look_up) => look_up,
        Err(fault) => return (asked, Err(fault)),
    };
    loop {
        match look_up.next_call() {
            Ok(None) => break,
            Ok(Some(call)) => {
                asked.push(call.target.clone());
                assert!(asked.len() < 10_000, "the look-up does not end");
                if let Err(fault) = look_up.absorb(&answers(&call)) {
                    return (asked, Err(fault));
                }
            }
            Err(fault) => return (asked, Err(fault)),
        }
    }
    (asked, look_up.finish())
}
