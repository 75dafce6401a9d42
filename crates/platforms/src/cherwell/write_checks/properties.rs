//! Whatever comes: no panic, one outcome per item, and nothing applied that was not read back.

use proptest::prelude::*;
use serde_json::{Value, json};
use ticketbridge_core::effect::{CallClass, Operation, Outcome};

use super::super::{samples, write};
use super::{failed, good, items, new_record, origin, record};
use crate::{Transport, Verdict};

/// Any JSON, of the depth and width of answers, with their member names among its own.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just(String::from("responses")),
        Just(String::from("busObRecId")),
        Just(String::from("busObPublicId")),
        Just(String::from("hasError")),
        Just(String::from("errorCode")),
        Just(String::from("fieldValidationErrors")),
        Just(String::from("fields")),
        "[a-z]{0,6}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        (1_u32..5).prop_map(|number| Value::from(new_record(number))),
        (1_u32..5).prop_map(|number| Value::from(origin(number).to_string())),
        Just(json!("RECORDNOTFOUND")),
        Just(json!("ValueNotValid")),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A result of a save: proper, refused, of another item, or anything.
fn any_result(operation: Operation) -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (1_u32..5).prop_map(move |number| good(operation, number)),
        1 => Just(failed("RECORDNOTFOUND", "Record not found")),
        1 => Just(failed("ValueNotValid", "no")),
        1 => any_json(),
    ]
}

/// A record that is read back: of any item, with any item's origin, or anything.
fn any_record(operation: Operation) -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => (1_u32..5, 1_u32..5).prop_map(move |(of, with)| record(operation, &new_record(of), &origin(with).to_string())),
        6 => (1_u32..5).prop_map(move |of| record(operation, &new_record(of), &origin(of).to_string())),
        1 => (1_u32..5, ".{0,40}").prop_map(move |(of, with)| record(operation, &new_record(of), &with)),
        1 => any_json(),
    ]
}

/// An answer: these results, cut somewhere, or under another status.
fn any_answer(results: impl Strategy<Value = Value>) -> impl Strategy<Value = Transport> {
    let rows = prop::collection::vec(results, 0..6).prop_map(|rows| json!({"responses": rows}));
    let body = prop_oneof![6 => rows, 1 => any_json()];
    let status = prop_oneof![
        8 => Just(200_u16),
        1 => prop::sample::select(vec![204, 302, 400, 401, 403, 404, 409, 413, 429, 500, 502, 503]),
    ];
    (body, status, prop::option::weighted(0.1, 0.0..1.0_f64)).prop_map(|(body, status, cut)| {
        let text = body.to_string();
        let end = cut.map_or(text.len(), |share| text.floor_char_boundary((text.len() as f64 * share) as usize));
        samples::raw(status, &text[..end], &[])
    })
}

fn operations() -> impl Strategy<Value = Operation> {
    prop::sample::select(Operation::ALL.to_vec())
}

/// One conversation: the operation, the answer to the batch, and what follows.
fn any_conversation() -> impl Strategy<Value = (Operation, Transport, Vec<Transport>)> {
    operations().prop_flat_map(|operation| {
        let follow_up = any_answer(any_record(operation));
        (Just(operation), any_answer(any_result(operation)), prop::collection::vec(follow_up, 1..5))
    })
}

/// Whether a read shows that the record made for the item at `place` is its own.
fn is_shown(read: &Transport, place: usize, record: &str) -> bool {
    let Transport::Answered(answer) = read else { return false };
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else { return false };
    let number = u32::try_from(place).unwrap() + 1;
    let of_item = |row: &Value| {
        row["busObRecId"] == record
            && row["fields"]
                .as_array()
                .is_some_and(|fields| fields.iter().any(|field| field["value"] == origin(number).to_string().as_str()))
    };
    body["responses"].as_array().is_some_and(|rows| rows.iter().any(of_item))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_item_has_one_outcome_and_only_what_was_read_back_is_applied(
        (operation, first, follow_ups) in any_conversation(),
        count in 1_u32..5,
    ) {
        let (shared, items) = (samples::shared(), items(count));
        let creates = matches!(operation, Operation::CreateTicket | Operation::CreateWorkOrder);
        let mut read = None;
        let decoded = match write::decode(&shared, operation, &items, &first) {
            Verdict::Done(decoded) => decoded,
            Verdict::More(mut dialogue) => {
                let mut answers = follow_ups.iter().cycle();
                let mut asked = 0;
                while dialogue.next_call().unwrap().is_some() {
                    asked += 1;
                    prop_assert!(asked <= 2 * items.len(), "it does not end");
                    read = answers.next();
                    dialogue.absorb(read.unwrap()).unwrap();
                }
                dialogue.finish().unwrap()
            }
        };
        if decoded.call != CallClass::Answered {
            return Ok(());
        }
        prop_assert_eq!(decoded.outcomes.len(), items.len());
        for (place, outcome) in decoded.outcomes.iter().enumerate() {
            let Outcome::Applied { ids } = outcome else { continue };
            if creates {
                let record = ids.ticket_record.as_ref().or(ids.work_order_record.as_ref()).unwrap();
                prop_assert!(read.is_some_and(|read| is_shown(read, place, record)), "{:?} {:?}", first, decoded);
                prop_assert!(ids.ticket_number.is_some() || ids.work_order_number.is_some());
            }
        }
    }

    #[test]
    fn any_bytes_are_an_answer(status in 200_u16..600, body in ".{0,300}", count in 1_u32..4) {
        for operation in Operation::ALL {
            if let Verdict::Done(decoded) = write::decode(&samples::shared(), operation, &items(count), &samples::raw(status, &body, &[])) {
                let applied = decoded.outcomes.iter().any(|outcome| super::named(outcome) == "applied");
                prop_assert!(!applied, "{status} {body}");
            } else {
                prop_assert!(false, "nothing was saved");
            }
        }
    }
}
