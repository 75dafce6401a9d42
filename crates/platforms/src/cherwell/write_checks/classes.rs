//! Each row of the contract's table of error classes (§12), for each of its columns: answers about a call as a whole.

use serde_json::{Value, json};
use ticketbridge_core::effect::{CallClass, Operation};

use super::super::samples;
use super::{decode, failed, items, shown};
use crate::{LoginFault, Transport};

const CREATES: [Operation; 3] = [Operation::CreateTicket, Operation::AddNote, Operation::CreateWorkOrder];

fn code(status: u16, code: &str) -> Transport {
    samples::answer(status, &failed(code, "as the platform says"))
}

fn general(status: u16, message: &str) -> Transport {
    samples::answer(status, &failed("GENERALFAILURE", message))
}

fn not_sent(login: Option<LoginFault>) -> Transport {
    Transport::NotSent { why: String::from("no connection"), login }
}

fn no_answer(timed_out: bool) -> Transport {
    Transport::NoAnswer { why: String::from("reset"), timed_out }
}

#[test]
fn every_row_of_the_table_for_writes() {
    let message = |text: &str| json!({"Message": text});
    let wish: &[(&'static str, &str)] = &[("retry-after", "9")];
    let no_object = "Business object with 93 not found\r\nParameter name: BusObId";
    let long = "<title>Maximum request length exceeded.</title>";
    // Name, answer, what it is to creates, notes and work orders, what it is to the number's writing.
    let rows: Vec<(&str, Transport, &str, &str)> = vec![
        ("refused", not_sent(None), "call unavailable", "call unavailable"),
        ("no token", not_sent(Some(LoginFault::Unreachable)), "call unavailable", "call unavailable"),
        ("login refused", not_sent(Some(LoginFault::Refused)), "TB0202", "TB0202"),
        ("login wrong", not_sent(Some(LoginFault::Misconfigured)), "TB0202", "TB0202"),
        ("login throttled", not_sent(Some(LoginFault::Throttled)), "throttled", "throttled"),
        ("reset", no_answer(false), "call unknown", "call unknown"),
        ("time-out", no_answer(true), "call timed out", "call timed out"),
        ("503", samples::raw(503, "", wish), "call unknown after 9", "call unavailable after 9"),
        ("502", samples::raw(502, "<html>", &[]), "call unknown", "call unavailable"),
        ("504", samples::raw(504, "", &[]), "call unknown", "call unavailable"),
        ("500 HTML", samples::raw(500, "<html>Runtime Error</html>", &[]), "call unknown", "call unavailable"),
        ("500 empty", samples::raw(500, "", &[]), "call unknown", "call unavailable"),
        ("500 no envelope", samples::answer(500, &message("An error")), "call unknown", "call unavailable"),
        ("2xx cut", samples::raw(200, "{\"responses\":[{\"bu", &[]), "call unknown", "call unavailable"),
        ("2xx empty", samples::raw(200, "", &[]), "call unknown", "call unavailable"),
        ("2xx HTML", samples::raw(200, "<html>sign in</html>", &[]), "call unknown", "call unavailable"),
        ("2xx no results", samples::answer(200, &json!({})), "call unknown", "call unavailable"),
        ("2xx of null", samples::answer(200, &Value::Null), "call unknown", "call unavailable"),
        ("2xx empty results", samples::answer(200, &json!({"responses": []})), "call unknown", "call unavailable"),
        ("429", samples::raw(429, "", wish), "throttled after 9", "throttled after 9"),
        ("401", samples::answer(401, &message("Authorization has been denied.")), "TB0202", "TB0202"),
        ("403", samples::raw(403, "", &[]), "TB0202", "TB0202"),
        ("no rights, 500", code(500, "insufficientrights"), "TB0202", "TB0202"),
        ("404", samples::answer(404, &message("No HTTP resource was found")), "TB0203", "TB0203"),
        ("405", samples::raw(405, "", &[]), "TB0203", "TB0203"),
        ("411", samples::raw(411, "", &[]), "TB0203", "TB0203"),
        ("415", samples::raw(415, "", &[]), "TB0203", "TB0203"),
        ("413", samples::raw(413, "", &[]), "batch refused, nothing done", "batch refused, nothing done"),
        ("too long", samples::raw(500, long, &[]), "batch refused, nothing done", "batch refused, nothing done"),
        ("400", code(400, "BADREQUEST"), "batch refused", "batch refused"),
        ("400 without words", samples::raw(400, "", &[]), "batch refused", "batch refused"),
        ("no object", general(500, no_object), "TB0203", "TB0203"),
        ("no field", general(500, "Field 93 not found"), "TB0203", "TB0203"),
        ("no relationship", general(500, "Relationship 93 not found"), "TB0203", "TB0203"),
        ("no search", code(500, "SEARCHNOTFOUND"), "TB0203", "TB0203"),
        ("object not valid", code(500, "BusObNotValid"), "TB0203", "TB0203"),
        ("no expression", code(500, "EXPRESSIONNOTFOUND"), "TB0203", "TB0203"),
        ("general failure", general(500, "Something broke"), "batch refused", "batch refused"),
        ("general failure, 200", general(200, "Something broke"), "batch refused", "batch refused"),
        ("a value refused", code(500, "ValueNotValid"), "batch refused", "batch refused"),
        ("no record", code(500, "RECORDNOTFOUND"), "batch refused", "batch refused"),
        ("there already", code(500, "DuplicateEntry"), "batch refused", "batch refused"),
    ];
    for (name, transport, create, link) in rows {
        let columns = CREATES.map(|operation| (operation, create)).into_iter();
        for (operation, expected) in columns.chain([(Operation::LinkWorkOrder, link)]) {
            let shared = samples::shared();
            let (_, decoded) = decode(&shared, operation, &items(3), std::slice::from_ref(&transport));
            assert_eq!(shown(&decoded), expected, "{name}, {operation}: {decoded:?}");
            let anew = expected == "TB0203" && !matches!(name, "404" | "405" | "411" | "415");
            assert_eq!(shared.site().is_none(), anew, "{name}, {operation}: names are learned anew");
        }
    }
}

#[test]
fn one_item_alone_is_refused_by_its_code() {
    let invalid = json!({"hasError": true, "errorCode": "GENERALFAILURE", "errorMessage": "invalid",
        "fieldValidationErrors": [{"error": "Value 'X' is not valid", "errorCode": "ValueNotValid", "fieldId": "x"}]});
    let rows = [
        ("no record", code(500, "RECORDNOTFOUND"), ["refused", "gone", "gone", "gone"]),
        ("a value refused", code(500, "ValueNotValid"), ["refused for good"; 4]),
        ("values refused", samples::answer(500, &invalid), ["refused for good"; 4]),
        ("there already", code(500, "DuplicateEntry"), ["unknown", "unknown", "unknown", "refused"]),
        ("general failure", general(500, "Something broke"), ["batch refused"; 4]),
        ("400", code(400, "BADREQUEST"), ["batch refused"; 4]),
        ("413", samples::raw(413, "", &[]), ["batch refused, nothing done"; 4]),
    ];
    for (name, transport, expected) in rows {
        for (operation, expected) in CREATES.into_iter().chain([Operation::LinkWorkOrder]).zip(expected) {
            let (_, decoded) = decode(&samples::shared(), operation, &items(1), std::slice::from_ref(&transport));
            assert_eq!(shown(&decoded), expected, "{name}, {operation}: {decoded:?}");
        }
    }
}

#[test]
fn a_refused_batch_keeps_the_platforms_words() {
    let (_, decoded) =
        decode(&samples::shared(), Operation::CreateTicket, &items(2), &[general(500, "The disk is full")]);
    let expected =
        CallClass::BatchRefused { atomic: false, code: "GENERALFAILURE".into(), message: "The disk is full".into() };
    assert_eq!(decoded.call, expected);
}
