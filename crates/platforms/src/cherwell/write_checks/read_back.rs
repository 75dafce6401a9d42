//! What is read back decides.

use serde_json::{Value, json};
use ticketbridge_core::effect::{Operation, Outcome};

use super::super::samples;
use super::{batch, decode, failed, good, items, new_record, origin, read_back, record, saved, shown};
use crate::{Decoded, Transport};

const CREATES: [Operation; 2] = [Operation::CreateTicket, Operation::CreateWorkOrder];

fn responses(rows: &[Value]) -> Transport {
    samples::answer(200, &json!({"responses": rows}))
}

fn whys(decoded: &Decoded) -> Vec<String> {
    let why = |outcome: &Outcome| match outcome {
        Outcome::Unknown { why } => why.clone(),
        _ => String::new(),
    };
    decoded.outcomes.iter().map(why).collect()
}

/// Two items created, and this read of their records.
fn two(operation: Operation, read: Transport) -> Decoded {
    let answers = [batch(&[good(operation, 1), good(operation, 2)]), read];
    decode(&samples::shared(), operation, &items(2), &answers).1
}

#[test]
fn the_records_are_asked_for_in_one_request() {
    let site = samples::site();
    for (operation, object) in CREATES.into_iter().zip([site.ticket.object.id, site.work_order.unwrap().object.id]) {
        let shared = samples::shared();
        let first = batch(&[good(operation, 1), failed("GENERALFAILURE", ""), good(operation, 3)]);
        let crate::Verdict::More(mut dialogue) = super::write::decode(&shared, operation, &items(3), &first) else {
            panic!()
        };
        let call = dialogue.next_call().unwrap().unwrap();
        assert_eq!(
            (call.method.as_str(), call.target.as_str()),
            ("POST", "/api/V1/getbusinessobjectbatch?locale=en%2DUS")
        );
        let expected = json!({"readRequests": [{"busObId": object, "busObRecId": new_record(1)},
            {"busObId": object, "busObRecId": new_record(3)}], "stopOnError": false});
        assert_eq!(serde_json::from_slice::<Value>(&call.body.unwrap()).unwrap(), expected);
        dialogue.absorb(&read_back(operation, [1, 3])).unwrap();
        assert!(dialogue.next_call().unwrap().is_none());
        assert_eq!(shown(&dialogue.finish().unwrap()), "applied, refused, applied");
    }
}

#[test]
fn the_ids_come_from_the_answer_and_the_record() {
    let (_, decoded) = decode(
        &samples::shared(),
        Operation::CreateTicket,
        &items(1),
        &[batch(&[saved(&new_record(1), "")]), read_back(Operation::CreateTicket, [1])],
    );
    let [Outcome::Applied { ids }] = decoded.outcomes.as_slice() else { panic!("{decoded:?}") };
    assert_eq!(ids.ticket_record, Some(new_record(1)));
    assert_eq!(ids.ticket_number.as_deref(), Some("P0001"));
    let mut nameless = record(Operation::CreateTicket, &new_record(1), &origin(1).to_string());
    nameless["busObPublicId"] = Value::Null;
    for (answered, expected) in [("102945", "applied"), ("", "unknown")] {
        let answers = [batch(&[saved(&new_record(1), answered)]), responses(std::slice::from_ref(&nameless))];
        let (_, decoded) = decode(&samples::shared(), Operation::CreateTicket, &items(1), &answers);
        assert_eq!(shown(&decoded), expected);
    }
}

#[test]
fn the_order_of_what_is_read_does_not_matter() {
    for operation in CREATES {
        assert_eq!(shown(&two(operation, read_back(operation, [2, 1]))), "applied, applied");
    }
}

#[test]
fn slipped_positions_void_the_whole_answer() {
    for operation in CREATES {
        let refused = failed("ValueNotValid", "");
        // The results of items 2 and 3 stand at each other's place.
        let first = batch(&[good(operation, 1), good(operation, 3), good(operation, 2), refused]);
        let (_, decoded) = decode(&samples::shared(), operation, &items(4), &[first, read_back(operation, [1, 2, 3])]);
        assert_eq!(shown(&decoded), "unknown, unknown, unknown, unknown", "{operation}");
        assert!(whys(&decoded)[0].contains("not in the order"), "{decoded:?}");
    }
}

#[test]
fn a_slip_is_seen_also_where_the_field_alters_values() {
    let operation = Operation::CreateTicket;
    let altered = |record_of: u32, origin_of: u32| {
        record(operation, &new_record(record_of), &format!(" {} ", origin(origin_of).to_string().to_uppercase()))
    };
    let decoded = two(operation, responses(&[altered(1, 2), altered(2, 1)]));
    assert!(whys(&decoded).iter().all(|why| why.contains("not in the order")), "{decoded:?}");
    let decoded = two(operation, responses(&[altered(1, 1), altered(2, 2)]));
    assert!(whys(&decoded).iter().all(|why| why.contains("alters values")), "{decoded:?}");
}

#[test]
fn only_a_record_with_exactly_our_origin_counts() {
    let ours = origin(1).to_string();
    let rows = [
        (ours.clone(), "applied", ""),
        (String::new(), "unknown", "empty"),
        (String::from("  "), "unknown", "empty"),
        (format!("{ours} "), "unknown", "alters values"),
        (ours.to_uppercase().replace('C', "c"), "unknown", "alters values"),
        (ours[..30].to_owned(), "unknown", "alters values"),
        (origin(99).to_string(), "unknown", "another's origin id"),
        (String::from("Legacy-7"), "unknown", "another's origin id"),
    ];
    for operation in CREATES {
        for (carried, expected, word) in &rows {
            let read =
                [record(operation, &new_record(1), carried), record(operation, &new_record(2), &origin(2).to_string())];
            let decoded = two(operation, responses(&read));
            let (first, second) = (super::named(&decoded.outcomes[0]), super::named(&decoded.outcomes[1]));
            assert_eq!(first, *expected, "{operation} `{carried}`");
            assert_eq!(second, "applied", "{operation} `{carried}`");
            assert!(whys(&decoded)[0].contains(word), "{operation} `{carried}`: {decoded:?}");
        }
    }
}

#[test]
fn a_read_back_that_fails_or_is_short_leaves_refusals_alone() {
    let operation = Operation::CreateTicket;
    let first = || batch(&[good(operation, 1), failed("ValueNotValid", ""), good(operation, 3)]);
    let without_field = json!({"busObRecId": new_record(1), "busObPublicId": "1", "fields": []});
    let mut gone = record(operation, &new_record(1), &origin(1).to_string());
    gone["hasError"] = true.into();
    let third = record(operation, &new_record(3), &origin(3).to_string());
    let rows: Vec<(&str, Transport, &str)> = vec![
        ("a time-out", Transport::NoAnswer { why: String::from("time-out"), timed_out: true }, "unknown"),
        ("not sent", Transport::NotSent { why: String::from("no connection"), login: None }, "unknown"),
        ("500", samples::raw(500, "<html>", &[]), "unknown"),
        ("401", samples::raw(401, "", &[]), "unknown"),
        ("cut", samples::raw(200, "{\"responses\":[", &[]), "unknown"),
        ("no results", samples::answer(200, &json!({"hasError": true, "errorCode": "GENERALFAILURE"})), "unknown"),
        ("nothing", responses(&[]), "unknown"),
        ("no record", responses(&[failed("RECORDNOTFOUND", "")]), "unknown"),
        ("short", responses(std::slice::from_ref(&third)), "applied"),
        ("without the field", responses(&[without_field, third.clone()]), "applied"),
        ("with an error", responses(&[gone, third.clone()]), "applied"),
        ("garbage beside it", responses(&[json!(7), Value::Null, third.clone()]), "applied"),
        ("twice", responses(&[third.clone(), third]), "unknown"),
    ];
    for (name, read, third) in rows {
        let (_, decoded) = decode(&samples::shared(), operation, &items(3), &[first(), read]);
        assert_eq!(shown(&decoded), format!("unknown, refused for good, {third}"), "{name}: {decoded:?}");
    }
}

#[test]
fn names_that_went_while_reading_are_learned_anew() {
    let shared = samples::shared();
    let no_object = failed("GENERALFAILURE", "Business object with 93 not found\r\nParameter name: BusObId");
    let answers = [batch(&[good(Operation::CreateTicket, 1)]), samples::answer(500, &no_object)];
    let (_, decoded) = decode(&shared, Operation::CreateTicket, &items(1), &answers);
    assert_eq!(shown(&decoded), "unknown");
    assert!(shared.site().is_none());
}

#[test]
fn without_names_nothing_is_read_back_and_nothing_counts() {
    for operation in CREATES {
        let shared = samples::shared();
        shared.forget();
        let first = batch(&[good(operation, 1), failed("GENERALFAILURE", "")]);
        let (asked, decoded) = decode(&shared, operation, &items(2), &[first]);
        assert_eq!(shown(&decoded), "unknown, refused");
        assert!(asked.is_empty());
    }
}

#[test]
fn if_nothing_was_saved_nothing_is_read() {
    for operation in CREATES {
        let (asked, decoded) =
            decode(&samples::shared(), operation, &items(1), &[batch(&[failed("GENERALFAILURE", "")])]);
        assert_eq!((shown(&decoded).as_str(), asked.len()), ("refused", 0));
    }
}
