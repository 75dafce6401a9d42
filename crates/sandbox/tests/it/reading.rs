//! The rules of the reading operations.

use std::fmt::Write;

use http::Method;
use serde_json::{Value, json};
use ticketbridge_sandbox::sfyc::OperatorAct;
use ticketbridge_sandbox::{Call, TOKEN};

use crate::support::{Platform, column, items, ticket};

fn platform_with(names: &[&str]) -> Platform {
    let mut platform = Platform::new();
    platform.post("/tickets", &items(names.iter().map(|name| ticket(name))));
    platform
}

fn numbers(answer: &Value) -> Vec<Value> {
    column(answer, "items", "ticketNumber")
}

fn refused(platform: &mut Platform, target: &str) -> (u16, String) {
    platform.refusal(&Call::new(Method::GET, target).with_bearer(TOKEN))
}

#[test]
fn kinds_are_compared_without_case_and_accents() {
    let mut platform = Platform::new();
    let of_kind = |name: &str, kind: &str| {
        let mut item = ticket(name);
        item["kind"] = json!(kind);
        item
    };
    let kinds = [of_kind("a", "Falla de Linea"), of_kind("b", "FALLA DE LÍNEA"), of_kind("c", "SNR")];
    platform.post("/tickets", &items(kinds));
    for asked in ["Falla+de+Linea", "falla%20de%20l%C3%ADnea", "FALLA%20DE%20LINEA"] {
        let (_, answer) = platform.get(&format!("/tickets?kind={asked}&status=open"));
        assert_eq!(numbers(&answer), ["T00000001", "T00000002"], "{asked}");
        assert_eq!(answer["items"][1]["kind"], "FALLA DE LÍNEA", "the kind itself stays as it came");
    }
    let (_, all) = platform.get("/tickets?status=open");
    assert_eq!(numbers(&all).len(), 3);
}

#[test]
fn open_answers_open_and_in_progress_and_each_state_itself() {
    let mut platform = platform_with(&["a", "b", "c", "d", "e"]);
    let now = platform.now;
    for (number, act) in [
        ("T00000002", OperatorAct::Start {}),
        ("T00000003", OperatorAct::Resolve {}),
        ("T00000004", OperatorAct::Close {}),
        ("T00000005", OperatorAct::Cancel {}),
    ] {
        platform.model.operate(now, number, &act).expect("done");
    }
    for (filter, wanted) in [
        ("status=open", vec!["T00000001", "T00000002"]),
        ("status=inProgress", vec!["T00000002"]),
        ("status=resolved", vec!["T00000003"]),
        ("status=closed", vec!["T00000004"]),
        ("status=cancelled", vec!["T00000005"]),
        ("page=1", vec!["T00000001", "T00000002", "T00000003", "T00000004", "T00000005"]),
        ("externalRef=SNR%7Cc", vec!["T00000003"]),
        ("externalRef=SNR%7Cc&status=open", vec![]),
        ("externalRef=SNR%7Cb&status=open", vec!["T00000002"]),
    ] {
        let (_, answer) = platform.get(&format!("/tickets?{filter}"));
        assert_eq!(numbers(&answer), wanted, "{filter}");
    }
    let (_, resolved) = platform.get("/tickets?status=resolved");
    assert_eq!(resolved["items"][0]["status"], "resolved");
    assert_eq!(platform.get("/tickets?status=inProgress").1["items"][0]["status"], "inProgress");
    assert_eq!(refused(&mut platform, "/tickets?status=done"), (400, "INVALID_FILTER".to_owned()));
}

#[test]
fn pages_follow_each_other_until_next_page_is_null() {
    let mut platform = platform_with(&["a", "b", "c", "d", "e"]);
    let (mut page, mut seen) = (json!(1), Vec::new());
    while !page.is_null() {
        let (_, answer) = platform.get(&format!("/tickets?kind=snr&status=open&page={page}&pageSize=2"));
        seen.extend(numbers(&answer));
        page = answer["nextPage"].clone();
    }
    assert_eq!(seen, ["T00000001", "T00000002", "T00000003", "T00000004", "T00000005"]);
    let (_, exact) = platform.get("/tickets?status=open&page=1&pageSize=5");
    assert_eq!(exact["nextPage"], Value::Null, "a last page that is full has no next one");
    let (_, beyond) = platform.get("/tickets?status=open&page=9&pageSize=5");
    assert_eq!(beyond, json!({"items": [], "nextPage": null}));
}

#[test]
fn page_numbers_and_sizes_have_limits() {
    let mut platform = Platform::new();
    for wrong in ["pageSize=1001", "pageSize=0", "page=0", "page=-1", "page=x", "page=1&page=2", "page=", "kind="] {
        assert_eq!(refused(&mut platform, &format!("/tickets?{wrong}")), (400, "INVALID_FILTER".to_owned()), "{wrong}");
    }
    assert_eq!(platform.get("/tickets?pageSize=1000").0, 200);
    assert_eq!(platform.get("/tickets?page=18446744073709").0, 200, "a page far beyond the end is empty");
}

#[test]
fn several_keys_are_looked_up_at_once_at_most_200() {
    let mut platform = platform_with(&["a", "b", "c"]);
    let (_, answer) = platform.get("/tickets?externalRef=SNR%7Cc&externalRef=SNR%7Ca&externalRef=SNR%7Cnone");
    assert_eq!(numbers(&answer), ["T00000001", "T00000003"]);
    let (_, doubled) = platform.get("/tickets?externalRef=SNR%7Ca&externalRef=SNR%7Ca");
    assert_eq!(numbers(&doubled), ["T00000001"], "a key that is asked twice is answered once");

    let keys = |count: usize| {
        (0..count).fold(String::new(), |mut keys, number| {
            write!(keys, "&externalRef=k{number}").expect("text");
            keys
        })
    };
    assert_eq!(platform.get(&format!("/tickets?{}", keys(200))).0, 200);
    assert_eq!(refused(&mut platform, &format!("/tickets?{}", keys(201))), (400, "TOO_MANY_ITEMS".to_owned()));
    assert_eq!(platform.stats().traffic.operations["find_tickets"].largest_batch, 201);
}

#[test]
fn keys_are_compared_exactly() {
    let mut platform = platform_with(&["a"]);
    for other in ["snr%7Ca", "SNR%7Ca%20", "SNR%7C", "SNR"] {
        assert!(numbers(&platform.get(&format!("/tickets?externalRef={other}")).1).is_empty(), "{other}");
    }
    assert_eq!(refused(&mut platform, "/tickets?externalRef="), (400, "INVALID_FILTER".to_owned()));
}

#[test]
fn an_unknown_filter_is_refused() {
    let mut platform = platform_with(&["a"]);
    for target in ["/tickets?external_ref=x", "/tickets?noteRef=x", "/notes?externalRef=x", "/work-orders?status=open"]
    {
        assert_eq!(refused(&mut platform, target), (400, "UNKNOWN_FILTER".to_owned()), "{target}");
    }
}

#[test]
fn notes_are_found_by_their_reference() {
    let mut platform = platform_with(&["a"]);
    let note = |name: &str| json!({"ticketNumber": "T00000001", "noteRef": name, "text": format!("x [ref:{name}]")});
    let (_, answer) = platform.post("/notes", &items([note("n1"), note("n2")]));
    assert_eq!(answer["results"][0], json!({"ok": true, "noteRef": "n1", "ticketNumber": "T00000001"}));
    let (_, found) = platform.get("/notes?noteRef=n2&noteRef=n3");
    let row = json!({"noteRef": "n2", "ticketNumber": "T00000001", "createdAt": "2026-11-21T15:31:39.000Z"});
    assert_eq!(found, json!({"items": [row]}));
    assert_eq!(platform.model.dump_notes(0, 9)[1]["text"], "x [ref:n2]");
    assert_eq!(refused(&mut platform, "/notes"), (400, "MISSING_FILTER".to_owned()));
}

#[test]
fn work_orders_are_found_by_reference_ticket_or_both() {
    let mut platform = Platform::new();
    let order =
        |ticket: &str, reference: &str| json!({"ticketNumber": ticket, "externalRef": reference, "kind": "SNR"});
    platform.post("/work-orders", &items([order("INC-1", "o1"), order("INC-2", "o1"), order("INC-2", "o2")]));
    for (filter, wanted) in [
        ("externalRef=o1", vec!["OT00000001", "OT00000002"]),
        ("ticketNumber=INC-2", vec!["OT00000002", "OT00000003"]),
        ("externalRef=o1&ticketNumber=INC-2", vec!["OT00000002"]),
        ("externalRef=o2&externalRef=o1", vec!["OT00000001", "OT00000002", "OT00000003"]),
        ("externalRef=o9", vec![]),
    ] {
        let (_, answer) = platform.get(&format!("/work-orders?{filter}"));
        assert_eq!(column(&answer, "items", "workOrderNumber"), wanted, "{filter}");
    }
    assert_eq!(refused(&mut platform, "/work-orders"), (400, "MISSING_FILTER".to_owned()));
}
