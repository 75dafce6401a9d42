//! Writes: a batch becomes a request, an answer becomes outcomes, each attributed by key.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;
use ticketbridge_core::effect::{CallClass, Operation, Outcome, Refusal, RemoteIds};

use super::classify::{Class, refusal};
use super::file::{CodeClass, Identity};
use super::filter::Draft;
use super::load::{Operations, Write};
use crate::fault::{excerpt, shorten};
use crate::{Answer, Decoded, EncodeFault, HttpCall, Item, Transport};

/// The request for a batch.
pub(super) fn encode(all: &Operations, operation: Operation, items: &[Item]) -> Result<HttpCall, EncodeFault> {
    let general = |why: String| EncodeFault { item: None, why };
    let write = all.write(operation).ok_or_else(|| general(format!("{} does not support {operation}", all.name)))?;
    if items.is_empty() || items.len() > write.max_batch {
        let why = format!("{operation}: {} items; a request takes 1 to {}", items.len(), write.max_batch);
        return Err(general(why));
    }
    let with_ticket = write.request.may_read("ticket");
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        rows.push(row(all, operation, item, with_ticket)?);
    }
    match write.request.call_draft(&input(all, rows)) {
        Ok(call) => Ok(call),
        // One bad item must not stop its neighbours: which one is it?
        Err(why) => {
            for item in items {
                let alone = input(all, vec![row(all, operation, item, with_ticket)?]);
                if let Err(why) = write.request.call_draft(&alone) {
                    return Err(EncodeFault { item: Some(item.id), why: format!("{operation}: {why}") });
                }
            }
            Err(general(format!("{operation}: {why}")))
        }
    }
}

fn input<'a>(all: &'a Operations, rows: Vec<Draft<'a>>) -> Draft<'a> {
    Draft::Object(vec![("constants", Draft::Value(&all.constants)), ("items", Draft::Array(rows))])
}

/// One item, as the expressions see it. Everything that an operation needs must be there.
fn row<'a>(
    all: &'a Operations,
    operation: Operation,
    item: &'a Item,
    with_ticket: bool,
) -> Result<Draft<'a>, EncodeFault> {
    let fail = |why: String| EncodeFault { item: Some(item.id), why };
    let lacks = |what: &str| fail(format!("{operation}: the item has no {what}"));
    if item.ticket.is_none() && operation != Operation::CreateTicket {
        return Err(lacks("ticket number"));
    }
    if item.work_order.is_none() && operation == Operation::LinkWorkOrder {
        return Err(lacks("work-order number"));
    }
    if item.note.is_none() && operation == Operation::AddNote {
        return Err(lacks("note text"));
    }
    let ticket = if with_ticket {
        Draft::stored(&item.body).map_err(|why| fail(format!("the stored ticket is no JSON: {why}")))?
    } else {
        Draft::Null
    };
    let text = |text: &'a str| Draft::Text(Cow::Borrowed(text));
    let optional = |found: Option<&'a String>| found.map_or(Draft::Null, |found| text(found));
    let origin = || Draft::Text(Cow::Owned(item.origin.to_string()));
    let reference = item.ticket.as_ref();
    // In the order of the alphabet, as the members of a value are.
    Ok(Draft::Object(vec![
        ("dedupe_key", text(item.key.as_str())),
        ("kind", text(all.kinds.get(&item.kind).unwrap_or(&item.kind))),
        ("note_ref", origin()),
        ("note_text", optional(item.note.as_ref())),
        ("origin_id", origin()),
        ("ticket", ticket),
        ("ticket_number", optional(reference.map(|ticket| &ticket.number))),
        ("ticket_record", optional(reference.and_then(|ticket| ticket.record.as_ref()))),
        ("work_order_number", optional(item.work_order.as_ref())),
    ]))
}

/// What the answer to a batch means.
pub(super) fn decode(all: &Operations, operation: Operation, items: &[Item], transport: &Transport) -> Decoded {
    let Some(write) = all.write(operation) else {
        return call(unknown(format!("{} does not support {operation}", all.name)));
    };
    let answer = match write.rules.write(transport, items.len(), write.atomic) {
        Class::Proper(answer) => answer,
        Class::Call(class) => return call(class),
        Class::Item(refusal, code, message) => {
            let refused = Outcome::Refused { refusal, code, message };
            return Decoded { call: CallClass::Answered, outcomes: vec![refused; items.len()] };
        }
    };
    match read(write, operation, items, answer) {
        Ok(outcomes) => Decoded { call: CallClass::Answered, outcomes },
        // A success that can't be read: whatever was done was done.
        Err(why) => call(unknown(format!("{}, but {why}", answer.status))),
    }
}

fn call(class: CallClass) -> Decoded {
    Decoded { call: class, outcomes: Vec::new() }
}

fn unknown(why: String) -> CallClass {
    CallClass::Unknown { why, timed_out: false, retry_after: None }
}

fn read(write: &Write, operation: Operation, items: &[Item], answer: &Answer) -> Result<Vec<Outcome>, String> {
    if write.empty_is_applied && answer.body.trim_ascii().is_empty() && items.len() == 1 {
        return Ok(vec![Outcome::Applied { ids: RemoteIds::default() }]);
    }
    let Some(results) = &write.results else {
        return Err(format!("a body came where none was expected: {}", excerpt(&answer.body)));
    };
    let no_json = |why: String| format!("the body is no JSON ({why}): {}", excerpt(&answer.body));
    let json = std::str::from_utf8(&answer.body).map_err(|error| no_json(error.to_string()))?;
    let body = Draft::stored(json).map_err(no_json)?;
    if let Some(accept) = &write.accept {
        let body = body.to_value().map_err(|fault| no_json(fault.to_string()))?;
        let verdict = accept.run_one(&body).map_err(|fault| format!("`accept` failed: {fault}"))?;
        if verdict != Value::Bool(true) {
            return Err(format!("`accept` does not take it: {}", excerpt(&answer.body)));
        }
    }
    // Four times as many results as items are surely no answer to them.
    let rows = results.run_draft(&body, items.len() * 4 + 64).map_err(|fault| format!("`results` failed: {fault}"))?;
    let mut by_key: HashMap<Cow<'_, str>, Vec<usize>> = HashMap::with_capacity(items.len() * write.matched_by.len());
    for (place, item) in items.iter().enumerate() {
        for identity in &write.matched_by {
            if let Some(key) = identity_of(*identity, item) {
                by_key.entry(key).or_default().push(place);
            }
        }
    }
    let alone = vec![0];
    let mut outcomes: Vec<Option<Outcome>> = vec![None; items.len()];
    for row in rows {
        let row = row.as_array().filter(|row| (2..=7).contains(&row.len())).ok_or_else(|| {
            String::from("`results` does not answer [key, ok, id, code, message, retryable] per item")
        })?;
        let key = text(&row[0]);
        let places = match &key {
            Some(key) => by_key.get(key.as_str()),
            // Where a request never carries more than one item, its answer needs no key.
            None if write.max_batch == 1 => Some(&alone),
            None => None,
        };
        let Some(places) = places else {
            continue; // About no item, or one that nobody sent: whoever it is about keeps having no result.
        };
        let key = key.unwrap_or_default();
        let outcome = match places.as_slice() {
            [_] => outcome(write, operation, row),
            _ => Outcome::Unknown { why: format!("the key `{}` names several items of the batch", shorten(&key)) },
        };
        for place in places {
            match &mut outcomes[*place] {
                empty @ None => *empty = Some(outcome.clone()),
                Some(earlier) if *earlier == outcome => {}
                Some(earlier) => {
                    let why = format!("there are several results for `{}`, and they differ", shorten(&key));
                    *earlier = Outcome::Unknown { why };
                }
            }
        }
    }
    let missing = || Outcome::Unknown { why: String::from("the answer has no result for this item") };
    Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect())
}

fn outcome(write: &Write, operation: Operation, row: &[Value]) -> Outcome {
    let unclear = |why: String| Outcome::Unknown { why };
    let field = |place: usize| row.get(place).unwrap_or(&Value::Null);
    let code = text(field(3));
    match field(1) {
        Value::Bool(true) => {
            if let Some(code) = code {
                return unclear(format!("the result says that it worked, and gives the error {}", shorten(&code)));
            }
            let (id, record) = (text(field(2)), text(field(6)));
            if [&id, &record].into_iter().flatten().any(|id| is_too_long(id)) {
                return unclear(format!(
                    "the result says that it worked, and gives a number of more than {MAX_NUMBER} characters"
                ));
            }
            match ids(operation, id, record) {
                Some(ids) => Outcome::Applied { ids },
                None => unclear(String::from("the result says that it worked, but gives no number")),
            }
        }
        Value::Bool(false) => {
            let code = code.unwrap_or_default();
            let message = text(field(4)).unwrap_or_default();
            let class = write.rules.codes.get(&code).copied();
            match class.map(|class| (class, refusal(class))) {
                Some((_, Some(refusal))) => {
                    Outcome::Refused { refusal, code: shorten(&code), message: shorten(&message) }
                }
                Some((CodeClass::Unavailable, _)) => {
                    Outcome::Unavailable { why: shorten(&format!("{code}: {message}")) }
                }
                Some(_) => unclear(shorten(&format!("{code}: {message}"))),
                None => {
                    let refusal = if field(5) == &Value::Bool(false) { Refusal::ItemForGood } else { Refusal::Item };
                    Outcome::Refused { refusal, code: shorten(&code), message: shorten(&message) }
                }
            }
        }
        other => unclear(shorten(&format!("the result says neither that it worked nor that it failed, but {other}"))),
    }
}

fn ids(operation: Operation, id: Option<String>, record: Option<String>) -> Option<RemoteIds> {
    let nothing = RemoteIds::default();
    match operation {
        Operation::CreateTicket => Some(RemoteIds { ticket_number: Some(id?), ticket_record: record, ..nothing }),
        Operation::CreateWorkOrder => Some(RemoteIds { work_order_number: Some(id?), ..nothing }),
        Operation::AddNote | Operation::LinkWorkOrder => Some(nothing),
    }
}

fn identity_of(identity: Identity, item: &Item) -> Option<Cow<'_, str>> {
    let reference = item.ticket.as_ref();
    match identity {
        Identity::OriginId => Some(Cow::Owned(item.origin.to_string())),
        Identity::DedupeKey => Some(Cow::Borrowed(item.key.as_str())),
        Identity::TicketNumber => reference.map(|ticket| Cow::Borrowed(ticket.number.as_str())),
        Identity::TicketRecord => reference.and_then(|ticket| ticket.record.as_deref()).map(Cow::Borrowed),
        Identity::WorkOrderNumber => item.work_order.as_deref().map(Cow::Borrowed),
    }
}

/// Longest number or record id, in characters.
pub(super) const MAX_NUMBER: usize = 256;

/// Whether a number or record id is longer than any that a platform gives.
pub(super) fn is_too_long(id: &str) -> bool {
    id.chars().nth(MAX_NUMBER).is_some()
}

/// A text that says something, or a whole number as text. Blank is nothing.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}
