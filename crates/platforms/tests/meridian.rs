//! The second example of docs/connectors.md: a platform that differs from SFyC in paging, results and errors.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{answer, decoded, items, key, names, origin, raw, run, shown};
use serde_json::{Value, json};
use ticketbridge_core::effect::{CallClass, Found, NoteLookUp, Operation, Outcome, Query, Refusal, TicketLookUp};
use ticketbridge_core::ticket::TicketReference;
use ticketbridge_platforms::Platform;
use ticketbridge_platforms::connector::{Connector, ConnectorSettings, check};

const FILE: &str = include_str!("data/meridian.toml");
const DOCUMENT: &str = include_str!("../../../docs/connectors.md");

fn meridian() -> Connector {
    Connector::from_text("meridian.toml", FILE, &ConnectorSettings::default()).unwrap()
}

#[test]
fn the_document_shows_the_file_that_is_tested() {
    assert!(DOCUMENT.contains(FILE), "docs/connectors.md must hold tests/data/meridian.toml word for word");
}

#[test]
fn the_file_passes_its_own_check() {
    let report = check("meridian.toml", FILE, &ConnectorSettings::default());
    assert_eq!(report.problems, []);
    assert_eq!(report.operations.len(), 9);
    let samples: usize = report.operations.iter().map(|operation| operation.samples).sum();
    assert_eq!(samples, 12);
    insta::assert_json_snapshot!(report);
}

#[test]
fn bodies_of_all_writes() {
    for operation in Operation::ALL {
        insta::assert_snapshot!(
            format!("meridian_{operation}"),
            shown(&meridian().encode(operation, &items(1)).unwrap())
        );
    }
}

#[test]
fn cursors_are_followed_until_there_is_none() {
    let page = |numbers: std::ops::Range<u32>, after: Value| {
        let cases: Vec<_> = numbers
            .map(|n| json!({"caseNo": n, "id": format!("c-{n}"), "state": {"name": "Nuevo"}, "custom": {"dedupeKey": "k"}}))
            .collect();
        answer(200, &json!({"cases": cases, "page": {"after": after}}))
    };
    let mut bodies = Vec::new();
    let kinds = vec![String::from("SNR"), String::from("Falla de Linea")];
    let (_, found) = run(&meridian(), &Query::OpenTickets { kinds }, |call| {
        bodies.push(String::from_utf8(call.body.clone().unwrap().to_vec()).unwrap());
        match bodies.len() {
            1 => page(1..3, json!("x1")),
            2 => page(3..5, json!("x2")),
            _ => page(5..6, Value::Null),
        }
    });
    let Found::Tickets { tickets } = found.unwrap() else { panic!() };
    assert_eq!(tickets.len(), 5);
    assert_eq!(tickets[4].reference, TicketReference { number: String::from("5"), record: Some(String::from("c-5")) });
    insta::assert_snapshot!(bodies.join("\n"), @r#"
    {"filter":{"queue":"NOC","category":["SNR","Falla de Linea"],"state":["Nuevo","Asignado","En curso"]},"after":null,"limit":200}
    {"filter":{"queue":"NOC","category":["SNR","Falla de Linea"],"state":["Nuevo","Asignado","En curso"]},"after":"x1","limit":200}
    {"filter":{"queue":"NOC","category":["SNR","Falla de Linea"],"state":["Nuevo","Asignado","En curso"]},"after":"x2","limit":200}
    "#);
}

#[test]
fn rows_are_counted_up_to_the_total() {
    let query = Query::Tickets {
        wanted: vec![TicketLookUp { key: key("SNR|1"), origin: None }],
        known: None,
        random: key("random"),
    };
    let row = |n: u32| json!({"caseNo": n, "id": format!("c-{n}"), "state": {"name": "Cerrado"}, "custom": {"dedupeKey": "SNR|1"}});
    let (asked, found) = run(&meridian(), &query, |call| {
        let body: Value = serde_json::from_slice(call.body.as_ref().unwrap()).unwrap();
        assert_eq!(body["filter"]["dedupeKey"], json!(["SNR|1", "random"]));
        let offset = body["offset"].as_u64().unwrap() as u32;
        // The server caps pages at two rows, whatever is asked for.
        let rows: Vec<_> = (offset..(offset + 2).min(3)).map(row).collect();
        answer(200, &json!({"cases": rows, "total": 3}))
    });
    assert_eq!(asked.len(), 2);
    let Found::Tickets { tickets } = found.unwrap() else { panic!() };
    assert_eq!(tickets.iter().map(|ticket| ticket.open).collect::<Vec<_>>(), [false; 3]);
}

#[test]
fn notes_that_are_listed_per_ticket_are_known_by_their_marker() {
    let note = |n: u32| NoteLookUp {
        origin: origin(n),
        ticket: TicketReference { number: format!("T-{n}"), record: Some(format!("R/{n}")) },
    };
    let query = Query::Notes { wanted: vec![note(1)], known: Some(note(2)), random: origin(9) };
    let (asked, found) = run(&meridian(), &query, |_| {
        let marked = format!("Nuevo incidente\n[ref:{}]", origin(1));
        answer(
            200,
            &json!({"total": 2, "comments": [{"text": "a [ref:x] b", "caseNo": "T-1"}, {"text": marked, "caseNo": "T-1"}]}),
        )
    });
    assert_eq!(
        asked,
        ["/api/v2/cases/R%2F1/comments?page=0&per_page=100", "/api/v2/cases/R%2F2/comments?page=0&per_page=100"]
    );
    let Found::Notes { notes } = found.unwrap() else { panic!() };
    assert!(notes.iter().all(|note| note.origin == origin(1).to_string()));
}

#[test]
fn one_item_per_request_is_judged_by_its_status() {
    let refusal = |status: u16| match decoded(
        &meridian(),
        Operation::AddNote,
        &items(1),
        &answer(status, &json!({"type": "t", "detail": "d"})),
    )
    .outcomes[..]
    {
        [Outcome::Refused { refusal, .. }] => refusal,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(refusal(404), Refusal::TargetGone);
    assert_eq!(refusal(409), Refusal::TargetClosed);
    let applied = decoded(&meridian(), Operation::AddNote, &items(1), &answer(201, &json!({"id": "m-1"})));
    assert_eq!(names(&applied.outcomes), ["applied"]);
    let empty = decoded(&meridian(), Operation::LinkWorkOrder, &items(1), &raw(204, "", &[]));
    assert_eq!(names(&empty.outcomes), ["applied"]);
    let page = decoded(&meridian(), Operation::LinkWorkOrder, &items(1), &raw(200, "<html>", &[]));
    assert!(matches!(page.call, CallClass::Unknown { .. }));
}

#[test]
fn errors_are_read_from_their_own_form() {
    let problem = json!({"type": "urn:meridian:bad-field", "title": "Bad field", "detail": "subject"});
    match decoded(&meridian(), Operation::CreateTicket, &items(2), &answer(400, &problem)).call {
        CallClass::BatchRefused { atomic: false, code, message } => {
            assert_eq!((code.as_str(), message.as_str()), ("urn:meridian:bad-field", "subject"));
        }
        other => panic!("{other:?}"),
    }
    let down = decoded(&meridian(), Operation::CreateTicket, &items(2), &raw(503, "", &[("retry-after", "9")]));
    assert!(matches!(down.call, CallClass::Unavailable { configuration: false, retry_after: Some(_), .. }));
    let busy = json!({"entries": [{"originId": origin(1).to_string(), "outcome": "REJECTED", "problem": {"type": "urn:meridian:busy"}}]});
    let busy = decoded(&meridian(), Operation::CreateTicket, &items(2), &answer(207, &busy));
    assert_eq!(names(&busy.outcomes), ["unavailable", "unknown"]);
}
