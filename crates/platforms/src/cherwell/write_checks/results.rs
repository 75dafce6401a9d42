//! Results per item: by position, each part of them looked at by itself.

use serde_json::{Value, json};
use ticketbridge_core::effect::{Operation, Outcome};

use super::super::samples;
use super::super::settings::{CherwellSettings, NoteWay, WorkOrderSettings, WorkOrderWay};
use super::{batch, decode, failed, good, items, new_record, read_back, saved, shown, ticket_record};
use crate::{Decoded, Transport};

fn plain_link() -> std::sync::Arc<super::super::Shared> {
    // No work orders here: their numbers come from elsewhere, and nothing is linked.
    samples::shared_with(CherwellSettings::default())
}

fn note(responses: &[Value]) -> Decoded {
    decode(&samples::shared(), Operation::AddNote, &items(responses.len() as u32), &[batch(responses)]).1
}

#[test]
fn one_bad_item_between_two_good_ones() {
    let rows = [
        ("record gone", failed("RECORDNOTFOUND", "Record not found"), ["refused", "gone", "gone", "gone"]),
        ("in mixed case", failed("RecordNotFound", ""), ["refused", "gone", "gone", "gone"]),
        ("general failure", failed("GENERALFAILURE", "Something broke"), ["refused"; 4]),
        ("a code nobody knows", failed("FULLMOON", ""), ["refused"; 4]),
        ("an error without words", failed("", ""), ["refused"; 4]),
        ("an error as text", json!({"hasError": "True", "errorCode": "GENERALFAILURE"}), ["refused"; 4]),
        ("a code without the flag", json!({"hasError": false, "errorCode": "GENERALFAILURE"}), ["refused"; 4]),
        ("a refused value", failed("ValueNotValid", "Value 'X' is not valid"), ["refused for good"; 4]),
        (
            "refused values, no flag",
            json!({"hasError": false, "fieldValidationErrors": [{"error": "no"}]}),
            ["refused for good"; 4],
        ),
        ("no rights", failed("INSUFFICIENTRIGHTS", ""), ["unavailable"; 4]),
        ("an unknown field", failed("GENERALFAILURE", "Field 93 not found"), ["unavailable"; 4]),
        ("there already", failed("DuplicateEntry", ""), ["unknown", "unknown", "unknown", "refused"]),
        ("neither error nor ids", json!({"hasError": false}), ["unknown"; 4]),
        ("nothing at all", json!({}), ["unknown"; 4]),
        ("null", Value::Null, ["unknown"; 4]),
        ("a text", json!("saved"), ["unknown"; 4]),
        ("wrong types", json!({"fieldValidationErrors": "none"}), ["unknown"; 4]),
    ];
    let columns = [Operation::CreateTicket, Operation::AddNote, Operation::CreateWorkOrder, Operation::LinkWorkOrder];
    for (name, bad, expected) in rows {
        for (operation, expected) in columns.into_iter().zip(expected) {
            let shared = if operation == Operation::LinkWorkOrder { plain_link() } else { samples::shared() };
            let mut answers = vec![batch(&[good(operation, 1), bad.clone(), good(operation, 3)])];
            if matches!(operation, Operation::CreateTicket | Operation::CreateWorkOrder) {
                answers.push(read_back(operation, [3, 1]));
            }
            let (asked, decoded) = decode(&shared, operation, &items(3), &answers);
            assert_eq!(shown(&decoded), format!("applied, {expected}, applied"), "{name}, {operation}: {decoded:?}");
            assert_eq!(asked.len(), answers.len() - 1);
        }
    }
}

#[test]
fn a_record_with_an_error_is_unknown_but_for_an_update() {
    let mut both = good(Operation::AddNote, 1);
    both["hasError"] = true.into();
    both["errorCode"] = "GENERALFAILURE".into();
    assert_eq!(shown(&note(&[both.clone()])), "unknown");
    both["busObRecId"] = ticket_record(1).into();
    let (_, decoded) = decode(&plain_link(), Operation::LinkWorkOrder, &items(1), &[batch(&[both])]);
    assert_eq!(shown(&decoded), "refused");
}

#[test]
fn refused_values_are_named_by_their_fields() {
    let site = samples::site();
    let mut bad = failed("", "");
    bad["fieldValidationErrors"] = json!([
        {"error": "Value 'X' is not valid", "errorCode": "ValueNotValid", "fieldId": site.ticket.kind.id},
        {"error": "is required", "errorCode": null, "fieldId": "BO:1,FI:93ABC"},
        {"error": null, "errorCode": null, "fieldId": null},
    ]);
    let (_, decoded) = decode(&samples::shared(), Operation::CreateTicket, &items(1), &[batch(&[bad])]);
    let [Outcome::Refused { code, message, .. }] = decoded.outcomes.as_slice() else { panic!("{decoded:?}") };
    assert_eq!(code, "ValueNotValid");
    assert_eq!(
        message,
        "field TicketKind: Value 'X' is not valid; field 93abc (not written by us): is required; a field that is not \
         named: the platform gives no reason"
    );
}

#[test]
fn a_short_answer_leaves_the_rest_unknown() {
    for operation in [Operation::CreateTicket, Operation::CreateWorkOrder] {
        let answers = [batch(&[good(operation, 1), good(operation, 2)]), read_back(operation, [1, 2])];
        let (_, decoded) = decode(&samples::shared(), operation, &items(4), &answers);
        assert_eq!(shown(&decoded), "applied, applied, unknown, unknown", "{operation}");
    }
    let two = [good(Operation::LinkWorkOrder, 1), good(Operation::LinkWorkOrder, 2)];
    let (_, decoded) = decode(&plain_link(), Operation::LinkWorkOrder, &items(3), &[batch(&two)]);
    assert_eq!(shown(&decoded), "applied, applied, unknown");
    // Nothing shows at whose place the results of a short answer stand: notes are not read back, refusals carry no id.
    let (_, decoded) =
        decode(&samples::shared(), Operation::AddNote, &items(2), &[batch(&[good(Operation::AddNote, 1)])]);
    assert_eq!(shown(&decoded), "unknown, unknown");
    let bad = failed("ValueNotValid", "");
    let (_, decoded) = decode(&samples::shared(), Operation::CreateTicket, &items(2), &[batch(&[bad])]);
    assert_eq!(shown(&decoded), "unknown, unknown");
}

#[test]
fn a_long_answer_tells_nothing() {
    for operation in Operation::ALL {
        let three = [good(operation, 1), good(operation, 2), good(operation, 3)];
        let (_, decoded) = decode(&samples::shared(), operation, &items(2), &[batch(&three)]);
        assert_eq!(shown(&decoded), "unknown, unknown", "{operation}");
    }
}

#[test]
fn an_update_that_names_another_record_voids_the_whole_answer() {
    let operation = Operation::LinkWorkOrder;
    let slipped = [good(operation, 1), good(operation, 3), failed("ValueNotValid", "")];
    let (_, decoded) = decode(&plain_link(), operation, &items(3), &[batch(&slipped)]);
    assert_eq!(shown(&decoded), "unknown, unknown, unknown");
    let upper = saved(&ticket_record(1).to_uppercase(), "102901");
    let (_, decoded) = decode(&plain_link(), operation, &items(1), &[batch(&[upper])]);
    assert_eq!(shown(&decoded), "applied");
}

#[test]
fn one_record_is_never_two_items() {
    let operation = Operation::CreateTicket;
    let twice = [saved(&new_record(1), "1"), saved(&new_record(1).to_uppercase(), "2"), good(operation, 3)];
    let (_, decoded) = decode(&samples::shared(), operation, &items(3), &[batch(&twice), read_back(operation, [3])]);
    assert_eq!(shown(&decoded), "unknown, unknown, applied");
    assert_eq!(shown(&note(&[good(Operation::AddNote, 1), good(Operation::AddNote, 1)])), "unknown, unknown");
}

#[test]
fn one_number_may_stand_on_two_records() {
    let operation = Operation::CreateTicket;
    let same = [saved(&new_record(1), "102945"), saved(&new_record(2), "102945")];
    let mut read: Vec<Value> = Vec::new();
    for number in [1, 2] {
        let mut record = super::record(operation, &new_record(number), &super::origin(number).to_string());
        record["busObPublicId"] = "102945".into();
        read.push(record);
    }
    let answers = [batch(&same), samples::answer(200, &json!({"responses": read}))];
    let (_, decoded) = decode(&samples::shared(), operation, &items(2), &answers);
    assert_eq!(shown(&decoded), "applied, applied");
    let records: Vec<_> = decoded
        .outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Applied { ids } => (ids.ticket_number.as_deref().unwrap(), ids.ticket_record.clone().unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(records, [("102945", new_record(1)), ("102945", new_record(2))]);
}

#[test]
fn if_all_items_lack_rights_or_names_it_is_configuration() {
    for (code, message, page) in
        [("INSUFFICIENTRIGHTS", "", "TB0202"), ("GENERALFAILURE", "Field 93 not found", "TB0203")]
    {
        for operation in Operation::ALL {
            let shared = samples::shared();
            let all = vec![failed(code, message); 3];
            let (_, decoded) = decode(&shared, operation, &items(3), &[batch(&all)]);
            assert_eq!(shown(&decoded), page, "{operation}");
            assert_eq!(shared.site().is_none(), page == "TB0203", "{operation}");
        }
    }
}

#[test]
fn related_records_are_answered_one_by_one() {
    let mut settings =
        CherwellSettings { work_order: Some(WorkOrderSettings::default()), ..CherwellSettings::default() };
    settings.note.way = NoteWay::Related;
    settings.work_order.as_mut().unwrap().way = WorkOrderWay::Related;
    let shared = samples::shared_with(settings);
    let mut invalid = failed("", "");
    invalid["fieldValidationErrors"] = json!([{"error": "no"}]);
    let rows: [(Transport, &str); 6] = [
        (samples::answer(200, &good(Operation::AddNote, 1)), "applied"),
        (samples::answer(200, &failed("GENERALFAILURE", "Something broke")), "refused"),
        (samples::answer(200, &failed("RECORDNOTFOUND", "")), "gone"),
        (samples::answer(500, &failed("RECORDNOTFOUND", "")), "gone"),
        (samples::answer(200, &invalid), "refused for good"),
        (samples::answer(200, &json!({"hasError": false})), "unknown"),
    ];
    for operation in [Operation::AddNote, Operation::CreateWorkOrder] {
        for (transport, expected) in &rows {
            let (asked, decoded) = decode(&shared, operation, &items(1), std::slice::from_ref(transport));
            assert_eq!(shown(&decoded), *expected, "{operation} {transport:?}");
            assert!(asked.is_empty());
        }
    }
    let (_, decoded) = decode(
        &shared,
        Operation::CreateWorkOrder,
        &items(1),
        &[samples::answer(200, &good(Operation::CreateWorkOrder, 1))],
    );
    let [Outcome::Applied { ids }] = decoded.outcomes.as_slice() else { panic!("{decoded:?}") };
    assert_eq!(
        (ids.work_order_number.as_deref(), ids.work_order_record.clone()),
        (Some("202901"), Some(new_record(1)))
    );
}
