//! What the counters count.

use serde_json::json;
use ticketbridge_sandbox::faults::Knob;
use ticketbridge_sandbox::sfyc::{Duplicates, OperatorAct, SeedTicket};

use crate::support::{Platform, items, post, ticket};

#[test]
fn requests_items_rows_and_answers_are_counted() {
    let mut platform = Platform::new();
    platform.post("/tickets", &items([ticket("a"), ticket("b"), ticket("c")]));
    platform.post("/tickets", &items([ticket("d")]));
    platform.get("/tickets?externalRef=SNR%7Ca&externalRef=SNR%7Cz");
    platform.get("/tickets?status=open");
    platform.get("/nowhere");
    platform.fault(Knob::ResetAfterCommit { after_ms: 0 }).expect("a rule");
    platform.acts(&post("/tickets", &items([ticket("e")])));

    let stats = platform.stats();
    let of = |name: &str| {
        let traffic = &stats.traffic.operations[name];
        (traffic.requests, traffic.items, traffic.largest_batch, traffic.rows)
    };
    assert_eq!(of("create_tickets"), (3, 5, 3, 0));
    assert_eq!(of("find_tickets"), (1, 2, 2, 1));
    assert_eq!(of("retrieve_tickets"), (1, 0, 0, 4));
    assert_eq!(of("none"), (1, 0, 0, 0));
    assert_eq!(stats.traffic.largest_batch, 3);
    assert_eq!(stats.traffic.answers["200"], 4);
    assert_eq!(stats.traffic.answers["404"], 1);
    assert_eq!(stats.traffic.answers["reset"], 1);
    assert_eq!(stats.faults["reset_after_commit"], 1);
}

#[test]
fn a_clean_run_has_no_duplicates() {
    let mut platform = Platform::new();
    platform.post("/tickets", &items([ticket("a"), ticket("b")]));
    let order = |number: &str, origin: &str| json!({"ticketNumber": number, "externalRef": origin, "kind": "SNR"});
    platform.post("/work-orders", &items([order("T00000001", "origin-a"), order("T00000002", "origin-b")]));
    let link = |number: &str, order: &str| json!({"ticketNumber": number, "workOrderNumber": order});
    platform.post("/tickets/work-order", &items([link("T00000001", "OT00000001"), link("T00000002", "OT00000002")]));
    platform.post("/notes", &items([json!({"ticketNumber": "T00000001", "noteRef": "n", "text": "x"})]));
    let stats = platform.stats();
    assert_eq!(stats.duplicates, Duplicates::default());
    assert_eq!((stats.open_tickets, stats.work_orders, stats.notes, stats.linked), (2, 2, 1, 2));
}

#[test]
fn open_tickets_of_one_key_count_if_both_are_ours() {
    let mut platform = Platform::new();
    let with_origin = |origin: &str| {
        let mut item = ticket("a");
        item["originRef"] = json!(origin);
        item
    };
    platform.post("/tickets", &items([with_origin("o1"), with_origin("o2"), with_origin("o3")]));
    let by_hand =
        SeedTicket { kind: "SNR".to_owned(), external_ref: Some("SNR|a".to_owned()), ..SeedTicket::default() };
    platform.model.seed_tickets(platform.now, vec![by_hand]).expect("seeded");
    let found = platform.stats().duplicates;
    assert_eq!(found, Duplicates { open_tickets_by_external_ref: 2, total: 2, ..Duplicates::default() });
    for number in ["T00000001", "T00000002"] {
        platform.model.operate(platform.now, number, &OperatorAct::Close {}).expect("closed");
    }
    assert_eq!(platform.stats().duplicates.total, 0, "a closed ticket does not count");
}

#[test]
fn tickets_of_one_origin_count_in_any_state() {
    let mut platform = Platform::new();
    platform.post("/tickets", &items([ticket("a")]));
    platform.model.operate(platform.now, "T00000001", &OperatorAct::Close {}).expect("closed");
    platform.post("/tickets", &items([ticket("a")]));
    let found = platform.stats().duplicates;
    assert_eq!(found, Duplicates { tickets_by_origin_ref: 1, total: 1, ..Duplicates::default() });
}

#[test]
fn doubled_work_orders_and_notes_count() {
    let mut platform = Platform::new();
    platform.post("/tickets", &items([ticket("a")]));
    let order = |number: &str, origin: &str| json!({"ticketNumber": number, "externalRef": origin, "kind": "SNR"});
    platform.post("/work-orders", &items([order("INC-1", "o1"), order("INC-2", "o1")]));
    let found = platform.stats().duplicates;
    assert_eq!(found, Duplicates { work_orders_by_external_ref: 1, total: 1, ..Duplicates::default() });
    platform.post("/work-orders", &items([order("INC-2", "o2")]));
    assert_eq!(platform.stats().duplicates.work_orders_by_ticket, 1);

    let note = json!({"ticketNumber": "T00000001", "noteRef": "n", "text": "x"});
    platform.post("/notes", &items([note.clone(), note.clone(), note]));
    assert_eq!(platform.stats().duplicates.notes_by_ref, 2);
}

#[test]
fn a_work_order_number_that_is_not_the_tickets_own_counts() {
    let mut platform = Platform::new();
    platform.post("/tickets", &items([ticket("a"), ticket("b")]));
    let order = json!({"ticketNumber": "T00000001", "externalRef": "origin-a", "kind": "SNR"});
    platform.post("/work-orders", &items([order]));
    let link = |number: &str, order: &str| items([json!({"ticketNumber": number, "workOrderNumber": order})]);
    platform.post("/tickets/work-order", &link("T00000002", "WO-elsewhere"));
    assert_eq!(platform.stats().duplicates.wrong_links, 0, "its work order lives on another platform");
    platform.post("/tickets/work-order", &link("T00000001", "OT00000009"));
    assert_eq!(platform.stats().duplicates, Duplicates { wrong_links: 1, total: 1, ..Duplicates::default() });
    platform.post("/tickets/work-order", &link("T00000001", "OT00000001"));
    assert_eq!(platform.stats().duplicates.total, 0);
}
