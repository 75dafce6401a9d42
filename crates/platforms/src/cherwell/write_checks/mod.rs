//! Tests of the writes against canned answers, written from the contract's examples.

mod classes;
mod encoding;
mod links;
mod properties;
mod read_back;
mod results;

use std::sync::Arc;

use serde_json::{Value, json};
use ticketbridge_core::effect::{CallClass, Operation, Outcome, Refusal};
use ticketbridge_core::ticket::{DedupeKey, OriginId, TicketId, TicketReference};

use super::{Shared, samples, write};
use crate::{Decoded, Item, Transport, Verdict};

/// The origin id of item `number`.
fn origin(number: u32) -> OriginId {
    OriginId(format!("0199d2c4-0000-7000-8000-{number:012}").parse().unwrap())
}

/// The record id of the ticket of item `number`.
fn ticket_record(number: u32) -> String {
    format!("94c1{number:038}")
}

/// The id of the record that is made for item `number`.
fn new_record(number: u32) -> String {
    format!("94c2{number:038}")
}

/// Item `number`, with everything that any operation needs.
fn item(number: u32) -> Item {
    let ticket = json!({"name": format!("SNR bajo - USSG-{}", 1040 + number), "description": "Señal 18.7 dB"});
    Item {
        id: TicketId(i64::from(number)),
        origin: origin(number),
        key: DedupeKey::new(&format!("SNR|USSG-{}", 1040 + number)).unwrap(),
        kind: String::from("SNR"),
        ticket: Some(TicketReference { number: format!("1029{number:02}"), record: Some(ticket_record(number)) }),
        work_order: Some(format!("OT{number:06}")),
        work_order_record: Some(format!("94d1{number:038}")),
        note: Some(format!("Nuevo incidente\n[ref:{}]", origin(number))),
        body: ticket.to_string().into(),
    }
}

/// Items 1 to `count`.
fn items(count: u32) -> Vec<Item> {
    (1..=count).map(item).collect()
}

/// A save that worked, as the contract shows it.
fn saved(record: &str, public_id: &str) -> Value {
    json!({"busObPublicId": public_id, "busObRecId": record, "cacheKey": null, "fieldValidationErrors": [],
        "notificationTriggers": [], "errorCode": null, "errorMessage": null, "hasError": false})
}

/// A save that failed, as the contract shows it.
fn failed(code: &str, message: &str) -> Value {
    json!({"busObPublicId": null, "busObRecId": null, "cacheKey": null, "fieldValidationErrors": [],
        "notificationTriggers": [], "errorCode": code, "errorMessage": message, "hasError": true})
}

/// The answer to a batch, with its top as the server makes it: a mirror of the last item that failed.
fn batch(responses: &[Value]) -> Transport {
    let mirrored = responses.iter().rfind(|one| one["hasError"] == true);
    let top = |name: &str| mirrored.map_or(Value::Null, |one| one[name].clone());
    samples::answer(
        200,
        &json!({"responses": responses, "errorCode": top("errorCode"), "errorMessage": top("errorMessage"),
            "hasError": mirrored.is_some()}),
    )
}

/// The proper result of an operation for item `number`.
fn good(operation: Operation, number: u32) -> Value {
    match operation {
        Operation::LinkWorkOrder => saved(&ticket_record(number), &format!("1029{number:02}")),
        _ => saved(&new_record(number), &format!("2029{number:02}")),
    }
}

/// A record read back: it carries the origin id of item `number`.
fn record(operation: Operation, record: &str, origin: &str) -> Value {
    let site = samples::site();
    let field = match operation {
        Operation::CreateTicket => site.ticket.origin_id,
        _ => site.work_order.unwrap().external_ref,
    };
    json!({"busObId": "x", "busObPublicId": format!("P{}", &record[38..]), "busObRecId": record, "links": [],
        "fields": [{"dirty": false, "displayName": "Other", "fieldId": "1", "name": "Other", "value": "x"},
            {"dirty": false, "displayName": null, "fieldId": field.id, "name": field.name, "value": origin}],
        "errorCode": null, "errorMessage": null, "hasError": false})
}

/// The proper read-back of items.
fn read_back(operation: Operation, numbers: impl IntoIterator<Item = u32>) -> Transport {
    let one = |number| record(operation, &new_record(number), &origin(number).to_string());
    samples::answer(200, &json!({"responses": numbers.into_iter().map(one).collect::<Vec<_>>()}))
}

/// Decodes an answer, and hands the others to what follows; gives the targets of the follow-ups, and the result.
fn decode(shared: &Arc<Shared>, operation: Operation, items: &[Item], answers: &[Transport]) -> (Vec<String>, Decoded) {
    let (first, mut rest) = (&answers[0], answers[1..].iter());
    let mut asked = Vec::new();
    let decoded = match write::decode(shared, operation, items, first) {
        Verdict::Done(decoded) => decoded,
        Verdict::More(mut dialogue) => {
            while let Some(call) = dialogue.next_call().unwrap() {
                asked.push(format!("{} {}", call.method, call.target));
                dialogue.absorb(rest.next().expect("a follow-up that no answer was prepared for")).unwrap();
            }
            dialogue.finish().unwrap()
        }
    };
    assert!(rest.next().is_none(), "an answer was not asked for: {asked:?} {decoded:?}");
    (asked, decoded)
}

/// A decoded answer in a few words.
fn shown(decoded: &Decoded) -> String {
    let seconds =
        |wish: &Option<std::time::Duration>| wish.map_or_else(String::new, |wish| format!(" after {}", wish.as_secs()));
    match &decoded.call {
        CallClass::Answered => decoded.outcomes.iter().map(named).collect::<Vec<_>>().join(", "),
        CallClass::BatchRefused { atomic: true, .. } => String::from("batch refused, nothing done"),
        CallClass::BatchRefused { atomic: false, .. } => String::from("batch refused"),
        CallClass::Unavailable { configuration: true, why, .. } => {
            String::from(why.get(..6).expect("the page of the error first"))
        }
        CallClass::Unavailable { throttled: true, retry_after, .. } => format!("throttled{}", seconds(retry_after)),
        CallClass::Unavailable { retry_after, .. } => format!("call unavailable{}", seconds(retry_after)),
        CallClass::Unknown { timed_out: true, .. } => String::from("call timed out"),
        CallClass::Unknown { retry_after, .. } => format!("call unknown{}", seconds(retry_after)),
    }
}

fn named(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Applied { .. } => "applied",
        Outcome::Refused { refusal: Refusal::Item, .. } => "refused",
        Outcome::Refused { refusal: Refusal::ItemForGood, .. } => "refused for good",
        Outcome::Refused { refusal: Refusal::TargetClosed, .. } => "closed",
        Outcome::Refused { refusal: Refusal::TargetGone, .. } => "gone",
        Outcome::Unavailable { .. } => "unavailable",
        Outcome::Unknown { .. } => "unknown",
    }
}
