//! What answers are about: items, questions and transports that the targets of platforms share.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::json;
use ticketbridge_core::effect::{NoteLookUp, Query, TicketLookUp, WorkOrderLookUp};
use ticketbridge_core::ticket::{DedupeKey, OriginId, TicketId, TicketReference};
use ticketbridge_platforms::{Answer, Item, Transport};
use uuid::Uuid;

/// Longest text of an outcome or a fault: a body's excerpt has 200 characters, an interpreter's error 300.
pub(crate) const MAX_WORDS: usize = 2_000;

/// Personal data that answers may hold, and faults never.
pub(crate) const CANARY: &str = "ann@example.org";
/// Longest `Retry-After` that is obeyed.
pub(crate) const LONGEST_WISH: Duration = Duration::from_hours(24);

/// Origin id `00000000-0000-7000-8000-00000000000N`.
pub(crate) fn origin(number: u32) -> OriginId {
    OriginId(Uuid::from_u128(0x7000_8000_0000_0000_0000 + u128::from(number)))
}

/// Dedupe key `SNR|USSG-N`.
pub(crate) fn key(number: u32) -> DedupeKey {
    match DedupeKey::new(&format!("SNR|USSG-{number}")) {
        Ok(key) => key,
        Err(error) => unreachable!("{error}"),
    }
}

/// Ticket number `TN`, record `RN`.
pub(crate) fn reference(number: u32) -> TicketReference {
    TicketReference { number: format!("T{number}"), record: Some(format!("R{number}")) }
}

/// Item `number`, with everything that any operation needs.
pub(crate) fn item(number: u32) -> Item {
    let ticket = json!({
        "message_id": format!("M-{number}"), "kind": "SNR", "name": format!("SNR - USSG-{number}"),
        "description": "SNR 18.7 dB", "topology": {"address": "Av. Patria 1200", "latitude": 20.7, "longitude": -103.4},
    });
    Item {
        id: TicketId(i64::from(number)),
        origin: origin(number),
        key: key(number),
        kind: String::from("SNR"),
        ticket: Some(reference(number)),
        work_order: Some(format!("OT{number}")),
        work_order_record: Some(format!("W{number}")),
        note: Some(format!("Otra vez\n[ref:{}]", origin(number))),
        body: ticket.to_string().into(),
    }
}

/// Items 1 to `count`.
pub(crate) fn items(count: u32) -> Vec<Item> {
    (1..=count).map(item).collect()
}

/// A question by its name; what is none is a look-up of tickets.
pub(crate) fn query(name: &str) -> Query {
    let note = |number| NoteLookUp { origin: origin(number), ticket: reference(number) };
    let order = |number| WorkOrderLookUp { origin: origin(number), ticket: reference(number) };
    match name {
        "health" => Query::Health,
        "open_tickets" => Query::OpenTickets { kinds: vec![String::from("SNR"), String::from("Falla de Linea")] },
        "notes" => Query::Notes { wanted: vec![note(1), note(2)], known: Some(note(3)), random: origin(99) },
        "work_orders" => {
            Query::WorkOrders { wanted: vec![order(1), order(2)], known: Some(order(3)), random: origin(99) }
        }
        _ => {
            let wanted = |number| TicketLookUp { key: key(number), origin: Some(origin(number)) };
            Query::Tickets { wanted: vec![wanted(1), wanted(2)], known: Some(wanted(3)), random: key(99) }
        }
    }
}

/// An answer, or no answer, by a line: `200`, `429 Retry-After: 7`, `none`, `timeout`, `unsent`.
pub(crate) fn transport(line: &str, body: &[u8]) -> Transport {
    let (status, header) = line.split_once(' ').unwrap_or((line, ""));
    match status {
        "none" => return Transport::NoAnswer { why: String::from("reset"), timed_out: false },
        "timeout" => return Transport::NoAnswer { why: String::from("time-out"), timed_out: true },
        "unsent" => return Transport::NotSent { why: String::from("no connection"), login: None },
        _ => {}
    }
    let mut headers = HeaderMap::new();
    if let Some((name, value)) = header.split_once(':') {
        let name = HeaderName::from_bytes(name.trim().as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value.trim())) {
            headers.insert(name, value);
        }
    }
    let status = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
    Transport::Answered(Answer { status, headers, body: body.to_vec().into() })
}
