//! The rules of the writing operations.

use serde_json::{Value, json};
use ticketbridge_sandbox::StandIn;
use ticketbridge_sandbox::sfyc::SfycModel;

use crate::support::{Platform, column, items, post, ticket};

#[test]
fn a_created_ticket_is_answered_by_its_key_and_found_again() {
    let mut platform = Platform::new();
    let (status, answer) = platform.post("/tickets", &items([ticket("a"), ticket("b")]));
    assert_eq!(status, 200);
    assert_eq!(
        answer["results"],
        json!([
            {"ok": true, "externalRef": "SNR|a", "ticketNumber": "T00000001"},
            {"ok": true, "externalRef": "SNR|b", "ticketNumber": "T00000002"},
        ])
    );
    let (_, found) = platform.get("/tickets?externalRef=SNR%7Cb");
    assert_eq!(
        found,
        json!({"items": [{
            "ticketNumber": "T00000002", "externalRef": "SNR|b", "originRef": "origin-b", "kind": "SNR",
            "status": "open", "workOrderNumber": null, "title": "Title b",
            "createdAt": "2026-11-21T15:31:39.000Z", "updatedAt": "2026-11-21T15:31:39.000Z",
        }], "nextPage": null})
    );
    let stored = platform.model.dump_ticket("T00000002").expect("the ticket");
    assert_eq!(stored["description"], "Description b");
    assert_eq!(stored["severity"], "critical");
    assert_eq!(stored["topology"], json!({"hub": "HUB-1"}));
    assert_eq!(stored["kpi"], json!({"snr": 21.5}));
}

#[test]
fn creating_is_not_idempotent_for_tickets_notes_and_work_orders() {
    let mut platform = Platform::new();
    for _ in 0..2 {
        platform.post("/tickets", &items([ticket("a")]));
        platform.post("/notes", &items([json!({"ticketNumber": "T00000001", "noteRef": "n", "text": "x [ref:n]"})]));
        let order = json!({"ticketNumber": "T00000001", "externalRef": "origin-a", "kind": "SNR"});
        platform.post("/work-orders", &items([order]));
    }
    let stats = platform.stats();
    assert_eq!((stats.tickets, stats.notes, stats.work_orders), (2, 2, 2));
}

#[test]
fn linking_is_idempotent_and_the_last_number_stays() {
    let mut platform = Platform::new();
    platform.post("/tickets", &items([ticket("a")]));
    let link = |number: &str| items([json!({"ticketNumber": "T00000001", "workOrderNumber": number})]);
    platform.now += 1_000;
    let (_, answer) = platform.post("/tickets/work-order", &link("OT00000009"));
    assert_eq!(answer["results"], json!([{"ok": true, "ticketNumber": "T00000001"}]));
    platform.now += 1_000;
    platform.post("/tickets/work-order", &link("OT00000009"));
    let after_the_same = platform.model.dump_ticket("T00000001").expect("the ticket");
    assert_eq!(after_the_same["updatedAt"], "2026-11-21T15:31:40.000Z", "the same value changes nothing");
    platform.post("/tickets/work-order", &link("OT00000010"));
    let (_, found) = platform.get("/tickets?externalRef=SNR%7Ca");
    assert_eq!(found["items"][0]["workOrderNumber"], "OT00000010");
    assert_eq!(platform.stats().linked, 1);
}

#[test]
fn notes_and_links_of_foreign_tickets_are_refused_one_by_one() {
    let mut platform = Platform::new();
    platform.post("/tickets", &items([ticket("a")]));
    let notes = ["T00000001", "INC-77", "T00000002", "T1"]
        .map(|number| json!({"ticketNumber": number, "noteRef": format!("n-{number}"), "text": "x"}));
    let (status, answer) = platform.post("/notes", &items(notes));
    assert_eq!(status, 200);
    assert_eq!(column(&answer, "results", "ok"), [true, false, false, false]);
    assert_eq!(answer["results"][1]["error"]["code"], "UNKNOWN_TICKET");
    assert_eq!(answer["results"][1]["error"]["retryable"], false);
    assert_eq!(answer["results"][1]["noteRef"], "n-INC-77");
    assert_eq!(platform.stats().notes, 1);

    let links = ["INC-77", "T00000001"].map(|number| json!({"ticketNumber": number, "workOrderNumber": "OT1"}));
    let (_, answer) = platform.post("/tickets/work-order", &items(links));
    assert_eq!(column(&answer, "results", "ok"), [false, true]);
    assert_eq!(answer["results"][0]["error"]["code"], "UNKNOWN_TICKET");
}

#[test]
fn a_work_order_of_a_foreign_ticket_is_stored_as_given() {
    let mut platform = Platform::new();
    let order = json!({
        "ticketNumber": "INC-77", "externalRef": "origin-a", "kind": "Falla de Línea", "description": "d",
        "address": "Main St 1", "latitude": 19.4, "longitude": -99.1,
    });
    let (_, answer) = platform.post("/work-orders", &items([order]));
    assert_eq!(answer["results"], json!([{"ok": true, "ticketNumber": "INC-77", "workOrderNumber": "OT00000001"}]));
    for target in ["/work-orders?ticketNumber=INC-77", "/work-orders?externalRef=origin-a"] {
        let (_, found) = platform.get(target);
        let row = json!({
            "workOrderNumber": "OT00000001", "ticketNumber": "INC-77", "externalRef": "origin-a", "status": "open",
        });
        assert_eq!(found, json!({"items": [row]}), "{target}");
    }
    assert_eq!(platform.model.dump_work_orders(0, 9)[0]["longitude"], -99.1);
}

#[test]
fn missing_empty_and_overlong_fields_fail_their_item_only() {
    let with = |name: &str, value: Value| {
        let mut item = ticket("x");
        item[name] = value;
        item
    };
    let wrong = [
        with("externalRef", Value::Null),
        with("externalRef", json!("")),
        with("externalRef", json!("  ")),
        with("externalRef", json!(5)),
        with("externalRef", json!("k".repeat(256))),
        with("originRef", Value::Null),
        with("originRef", json!("o".repeat(65))),
        with("kind", Value::Null),
        with("kind", json!("k".repeat(65))),
        with("title", json!("t".repeat(256))),
        with("description", json!("d".repeat(32_001))),
        with("topology", json!("HUB-1")),
        with("severity", json!([1])),
        json!("no object"),
        json!(["externalRef"]),
    ];
    let mut platform = Platform::new();
    let count = wrong.len();
    let (status, answer) = platform.post("/tickets", &items(wrong.into_iter().chain([ticket("fine")])));
    assert_eq!(status, 200);
    let results = answer["results"].as_array().expect("results");
    for result in &results[..count] {
        assert_eq!(result["ok"], false, "{result}");
        assert_eq!(result["error"]["code"], "INVALID_FIELD", "{result}");
        assert_eq!(result["error"]["retryable"], false, "{result}");
        assert!(result["error"]["message"].is_string(), "{result}");
    }
    assert_eq!(results[5]["externalRef"], "SNR|x", "a refused item is named by its key where it has one");
    assert_eq!(results[count]["ok"], true);
    assert_eq!(platform.stats().tickets, 1);
}

#[test]
fn a_ticket_needs_no_more_than_its_references_and_kind() {
    let mut platform = Platform::new();
    let bare = json!({"externalRef": "SNR|a", "originRef": "o", "kind": "SNR", "title": null, "topology": null});
    let (_, answer) = platform.post("/tickets", &items([bare]));
    assert_eq!(column(&answer, "results", "ok"), [true]);
}

#[test]
fn notes_work_orders_and_links_check_their_fields() {
    let mut platform = Platform::new();
    platform.post("/tickets", &items([ticket("a")]));
    for (target, item) in [
        ("/notes", json!({"ticketNumber": "T00000001", "noteRef": "n"})),
        ("/notes", json!({"ticketNumber": "T00000001", "text": "x"})),
        ("/notes", json!({"noteRef": "n", "text": "x"})),
        ("/notes", json!({"ticketNumber": "T00000001", "noteRef": "n", "text": "x".repeat(32_001)})),
        ("/work-orders", json!({"externalRef": "o", "kind": "SNR"})),
        ("/work-orders", json!({"ticketNumber": "T00000001", "kind": "SNR"})),
        ("/work-orders", json!({"ticketNumber": "T00000001", "externalRef": "o"})),
        ("/work-orders", json!({"ticketNumber": "T00000001", "externalRef": "o", "kind": "SNR", "latitude": 91})),
        ("/work-orders", json!({"ticketNumber": "T00000001", "externalRef": "o", "kind": "SNR", "longitude": "west"})),
        ("/work-orders", json!({"ticketNumber": "1".repeat(65), "externalRef": "o", "kind": "SNR"})),
        ("/tickets/work-order", json!({"ticketNumber": "T00000001"})),
        ("/tickets/work-order", json!({"ticketNumber": "T00000001", "workOrderNumber": ""})),
        ("/tickets/work-order", json!({"workOrderNumber": "OT1"})),
    ] {
        let (status, answer) = platform.post(target, &items([item.clone()]));
        assert_eq!(status, 200);
        assert_eq!(answer["results"][0]["error"]["code"], "INVALID_FIELD", "{target} {item}");
    }
    let stats = platform.stats();
    assert_eq!((stats.notes, stats.work_orders, stats.linked), (0, 0, 0));
}

#[test]
fn a_call_with_more_than_500_items_is_refused_whole() {
    let mut platform = Platform::new();
    let many = |count: usize| post("/tickets", &items((0..count).map(|number| ticket(&number.to_string()))));
    assert_eq!(platform.refusal(&many(501)), (400, "TOO_MANY_ITEMS".to_owned()));
    assert_eq!(platform.stats().tickets, 0);
    assert_eq!(platform.call(&many(500)).0, 200);
    assert_eq!(platform.stats().tickets, 500);
}

#[test]
fn a_malformed_body_is_refused_whole() {
    let mut platform = Platform::new();
    for body in ["", "{", "[]", "[[]]", "null", r#"{"items":{}}"#, r#"{"rows":[]}"#, r#"{"items":[}"#, "\u{feff}{}"] {
        let call = post("/tickets", &Value::Null).with_body(body);
        assert_eq!(platform.refusal(&call), (400, "MALFORMED_BODY".to_owned()), "{body}");
    }
    assert_eq!(platform.refusal(&post("/tickets", &items([]))), (400, "NO_ITEMS".to_owned()));
}

#[test]
fn a_full_platform_refuses_further_records() {
    let mut platform = Platform::new();
    platform.model = SfycModel::new(2);
    platform.post("/tickets", &items([ticket("a")]));
    let call = post("/tickets", &items([ticket("b"), ticket("c")]));
    assert_eq!(platform.refusal(&call), (507, "FULL".to_owned()));
    assert_eq!(platform.stats().tickets, 1);
}

#[test]
fn a_call_changes_nothing_before_its_effect_is_committed() {
    let mut platform = Platform::new();
    let acts = platform.acts(&post("/tickets", &items([ticket("a")])));
    assert_eq!(platform.stats().tickets, 0);
    platform.perform(acts);
    assert_eq!(platform.stats().tickets, 1);
    platform.model.reset();
    assert_eq!(platform.stats(), Platform::new().stats());
}
