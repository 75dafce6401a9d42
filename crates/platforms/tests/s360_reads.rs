//! S-360's answers to look-ups: whole and clear, or a fault.

mod common;

use std::time::Duration;

use common::{answer, raw};
use serde_json::{Value, json};
use ticketbridge_core::mobile::{Email, RowStatus, Ticket, View};
use ticketbridge_core::time::Wall;
use ticketbridge_platforms::s360::{MAX_ROWS, read_contacts, read_distributions, read_tickets};
use ticketbridge_platforms::{CallFault, CallFaultKind, Transport};

const NOW: Wall = Wall(1_795_248_000_000);

fn items(items: &[Value]) -> Transport {
    answer(200, &json!({"items": items}))
}

fn ticket(id: &str) -> Value {
    json!({"ticketId": id, "taxNumber": "00012300", "organizationCode": "ORG-A", "fileId": "55012", "printStatus": "PRINTED",
        "culturalContactNumber": "1001", "mobile": {"status": "TRANSFERRED", "statusDate": "2026-05-04T08:06:00.000Z",
        "owner": {"email": "ann@example.org"}, "extraInfo": {}, "changeRef": "tng:1"}})
}

fn contact(number: &str, email: &str) -> Value {
    json!({"contactNumber": number, "type": "Individual", "role": "PUBLIC", "individualFirstname": "Ann", "email": email,
        "authorizations": {"CNIL_O": true, "CNIL_T": null}, "hasInternetAccount": false, "requestRef": null})
}

fn row(reference: Option<&str>, new: &str) -> Value {
    json!({"distributionRef": reference, "ticketId": "T1", "oldContactNumber": null, "newContactNumber": new,
        "action": "Distribute", "status": "PENDING", "at": "2026-05-04T08:06:00.000Z"})
}

/// The faults of all three readers.
fn faults(transport: &Transport) -> [CallFault; 3] {
    [
        read_tickets(transport, NOW).expect_err("a fault"),
        read_contacts(transport, NOW).expect_err("a fault"),
        read_distributions(transport, NOW).expect_err("a fault"),
    ]
}

#[test]
fn rows_are_read_as_the_contract_spells_them() {
    let bare = json!({"ticketId": "T2", "mobile": null});
    let tickets = read_tickets(&items(&[ticket("T1"), bare]), NOW).expect("tickets");
    let ids: Vec<&str> = tickets.iter().map(|ticket| &*ticket.ticket_id).collect();
    assert_eq!(ids, ["T1", "T2"]);
    assert_eq!(tickets[0].mobile.as_ref().and_then(|mobile| mobile.change_ref.as_deref()), Some("tng:1"));
    assert_eq!((&tickets[1].mobile, &tickets[1].tax_number), (&None, &None));

    let contacts = read_contacts(&items(&[contact("1001", " ANN@Example.org "), json!({"contactNumber": "2"})]), NOW);
    let contacts = contacts.expect("contacts");
    assert_eq!(
        contacts[0].email.as_ref().map(ticketbridge_core::mobile::PrivateText::as_str),
        Some(" ANN@Example.org "),
        "as S-360 holds it"
    );

    let foreign = json!({"distributionRef": null, "ticketId": "T1", "newContactNumber": "7", "status": "ODD"});
    let rows = read_distributions(&items(&[row(Some("tng:1"), "1002"), foreign]), NOW).expect("rows");
    assert_eq!((rows[0].our_ref(), rows[1].status), (Some("tng:1"), RowStatus::Other));
    assert_eq!(read_tickets(&items(&[]), NOW), Ok(vec![]), "an honest answer that there is none");
}

#[test]
fn a_row_that_cannot_be_read_is_a_fault_and_not_a_gap() {
    let bad_tickets = [
        json!(null),
        json!("T1"),
        json!(["T1", null, null, null, null]),
        json!({}),
        json!({"ticketId": 1}),
        json!({"ticketId": null}),
        json!({"ticketId": "T1", "taxNumber": 12300}),
        json!({"ticketId": "T1", "culturalContactNumber": "ann@example.org"}),
        json!({"ticketId": "T1", "mobile": {"statusDate": "yesterday"}}),
        json!({"ticketId": "T1", "mobile": {"changeRef": 1}}),
        json!({"ticketId": "T1", "mobile": ["2026-05-04T08:06:00.000Z", "tng:1"]}),
    ];
    for bad in bad_tickets {
        let fault = read_tickets(&items(&[ticket("T0"), bad.clone()]), NOW).expect_err("a fault");
        assert_eq!(fault.why, "the answer of S-360 cannot be used: item 2 is no ticket of the contract", "{bad}");
        assert_eq!(fault.kind, CallFaultKind::Transient { retry_after: None });
    }
    let bad_contacts = [
        json!({"email": "ann@example.org"}),
        json!({"contactNumber": "ann"}),
        json!({"contactNumber": 1001}),
        json!({"contactNumber": "1", "hasInternetAccount": "yes"}),
        json!({"contactNumber": "1", "email": 1}),
        json!({"contactNumber": "1", "authorizations": [true, false]}),
        json!({"contactNumber": "1", "authorizations": {"CNIL_O": "yes"}}),
    ];
    for bad in bad_contacts {
        let fault = read_contacts(&items(std::slice::from_ref(&bad)), NOW).expect_err("a fault");
        assert_eq!(fault.why, "the answer of S-360 cannot be used: item 1 is no contact of the contract", "{bad}");
    }
    let mut bad_rows = vec![json!({"ticketId": "T1"}), json!([])];
    for (name, value) in
        [("ticketId", json!(null)), ("status", json!(null)), ("newContactNumber", json!("x")), ("at", json!("soon"))]
    {
        let mut bad = row(Some("tng:1"), "1002");
        bad[name] = value;
        bad_rows.push(bad);
    }
    for bad in bad_rows {
        let fault = read_distributions(&items(std::slice::from_ref(&bad)), NOW).expect_err("a fault");
        assert_eq!(
            fault.why, "the answer of S-360 cannot be used: item 1 is no distribution row of the contract",
            "{bad}"
        );
    }
    let member_twice = raw(200, r#"{"items":[{"ticketId":"T1","ticketId":"T2"}]}"#, &[]);
    assert!(read_tickets(&member_twice, NOW).is_err());
}

#[test]
fn what_an_answer_gives_twice_must_be_the_same() {
    let mut other = ticket("T1");
    other["taxNumber"] = json!("9");
    let same = items(&[ticket("T1"), ticket("T2"), ticket("T1")]);
    assert_eq!(read_tickets(&same, NOW).map(|tickets| tickets.len()), Ok(2));
    let fault = read_tickets(&items(&[ticket("T1"), ticket("T2"), other]), NOW).expect_err("a fault");
    assert_eq!(fault.why, "the answer of S-360 cannot be used: item 3 is a ticket that it gives twice, differently");
    let same = items(&[contact("1", "a@b"), contact("2", "a@b"), contact("1", "a@b")]);
    assert_eq!(read_contacts(&same, NOW).map(|contacts| contacts.len()), Ok(2), "several may share an e-mail");
    assert!(read_contacts(&items(&[contact("1", "a@b"), contact("1", "A@b")]), NOW).is_err());
    let same = items(&[row(Some("tng:1"), "1"), row(Some("tng:2"), "1"), row(Some("tng:1"), "1")]);
    assert_eq!(read_distributions(&same, NOW).map(|rows| rows.len()), Ok(2));
    assert!(read_distributions(&items(&[row(Some("tng:1"), "1"), row(Some("tng:1"), "2")]), NOW).is_err());
    let foreign = items(&[row(None, "1"), row(None, "1"), row(Some("x"), "1"), row(Some("x"), "2")]);
    assert_eq!(read_distributions(&foreign, NOW).map(|rows| rows.len()), Ok(4), "the rows of others are theirs");
}

#[test]
fn no_failed_look_up_is_an_empty_answer() {
    let transient = |seconds: Option<u64>| CallFaultKind::Transient { retry_after: seconds.map(Duration::from_secs) };
    let lost = Transport::NoAnswer { why: String::from("time-out"), timed_out: true };
    let not_sent = Transport::NotSent { why: String::from("held back"), login: None };
    let empty = |status| raw(status, r#"{"items":[]}"#, &[]);
    let table = [
        (empty(400), CallFaultKind::SetUp { status: 400 }),
        (empty(401), CallFaultKind::SetUp { status: 401 }),
        (empty(403), CallFaultKind::SetUp { status: 403 }),
        (empty(404), CallFaultKind::SetUp { status: 404 }),
        (raw(429, "", &[("retry-after", "3")]), transient(Some(3))),
        (empty(204), transient(None)),
        (empty(206), transient(None)),
        (empty(304), transient(None)),
        (empty(500), transient(None)),
        (lost, transient(None)),
        (not_sent, CallFaultKind::NotSent),
        (raw(200, "<html></html>", &[]), transient(None)),
        (raw(200, "", &[]), transient(None)),
        (raw(200, "{}", &[]), transient(None)),
        (raw(200, "[]", &[]), transient(None)),
        (raw(200, "[[]]", &[]), transient(None)),
        (raw(200, r#"{"items":null}"#, &[]), transient(None)),
        (raw(200, r#"{"items":{}}"#, &[]), transient(None)),
        (raw(200, r#"{"items":[]"#, &[]), transient(None)),
        (raw(200, r#"{"items":[],"items":[]}"#, &[]), transient(None)),
        (raw(200, r#"{"items":[]}{"items":[]}"#, &[]), transient(None)),
        (raw(200, r#"{"error":{"code":"X","message":"ann@example.org"}}"#, &[]), transient(None)),
        (raw(200, &format!(r#"{{"items":[{}1]}}"#, "1,".repeat(MAX_ROWS)), &[]), transient(None)),
    ];
    for (transport, expected) in table {
        for fault in faults(&transport) {
            assert_eq!(fault.kind, expected, "{fault:?}");
            assert!(!fault.why.contains("ann@"), "{fault:?}");
        }
    }
}

#[test]
fn what_was_not_asked_for_changes_nothing() {
    let answer = read_tickets(&items(&[ticket("t1"), ticket("T1 "), ticket("T2")]), NOW).expect("tickets");
    let mut view = View::default();
    view.tickets_answered(["T1", "T2"], answer);
    assert_eq!(view.ticket("T1"), Some(None), "ids are compared exactly");
    let is_t2 = |ticket: &Ticket| &*ticket.ticket_id == "T2";
    assert!(view.ticket("T2").flatten().is_some_and(is_t2));
    assert_eq!(view.ticket("t1"), None);

    let asked = Email::normalised("ann@example.org".into()).expect("an e-mail");
    let answer =
        items(&[contact("1", " ANN@Example.org"), contact("2", "bo@example.org"), contact("3", "ann@example.org")]);
    view.contacts_answered([&asked], read_contacts(&answer, NOW).expect("contacts"));
    let numbers =
        view.contacts(&asked).map(|found| found.iter().map(|one| one.contact_number.as_str()).collect::<Vec<_>>());
    assert_eq!(numbers, Some(vec!["1", "3"]));
}
