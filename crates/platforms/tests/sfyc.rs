//! The connector file that ships for SFyC, against its contract: every body on the wire, every row of its tables.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{answer, decoded, item, items, key, loaded, names, origin, raw, run, shown};
use serde_json::{Value, json};
use ticketbridge_core::effect::{
    CallClass, Capabilities, Found, LookUpFault, NoteLookUp, Operation, Outcome, Query, Refusal, RemoteIds,
    TicketLookUp, WorkOrderLookUp,
};
use ticketbridge_core::ticket::TicketReference;
use ticketbridge_platforms::connector::{Connector, ConnectorSettings};
use ticketbridge_platforms::{LoginFault, Platform, Transport};

#[test]
fn the_built_in_file_loads_and_supports_everything() {
    let sfyc = loaded();
    assert!(Operation::ALL.into_iter().all(|operation| sfyc.supports(operation)));
    let capabilities = sfyc.capabilities();
    assert_eq!((capabilities.max_in_flight, capabilities.max_keys), (32, 200));
    assert_eq!(capabilities.max_batch, Capabilities::same_batch(500));
    assert!(capabilities.finds_tickets && capabilities.finds_notes && capabilities.finds_work_orders);
    assert!(capabilities.has_health_read);
}

#[test]
fn bodies_of_all_writes() {
    let sfyc = loaded();
    let two = items(2);
    for operation in Operation::ALL {
        let call = sfyc.encode(operation, &two).unwrap();
        insta::assert_snapshot!(format!("body_{operation}"), shown(&call));
    }
}

#[test]
fn a_ticket_with_nothing_but_its_key_is_still_created() {
    let mut bare = item(7);
    bare.body = json!({"message_id": "x", "kind": "SNR", "dedupe_key": "SNR|USSG-1047"}).to_string().into();
    let call = loaded().encode(Operation::CreateTicket, &[bare]).unwrap();
    insta::assert_snapshot!(shown(&call));
}

#[test]
fn an_item_that_can_not_be_encoded_is_named_and_its_neighbours_are_not() {
    let sfyc = loaded();
    let mut three = items(3);
    three[1].body = json!({"topology": "not an object"}).to_string().into();
    let fault = sfyc.encode(Operation::CreateWorkOrder, &three).unwrap_err();
    assert_eq!(fault.item, Some(three[1].id));
    three[1] = item(2);
    three[2].work_order = None;
    let fault = sfyc.encode(Operation::LinkWorkOrder, &three).unwrap_err();
    assert_eq!(fault.item, Some(three[2].id));
    three[0].ticket = None;
    assert_eq!(sfyc.encode(Operation::AddNote, &three).unwrap_err().item, Some(three[0].id));
    assert!(sfyc.encode(Operation::AddNote, &items(501)).is_err());
    assert!(sfyc.encode(Operation::AddNote, &[]).is_err());
}

#[test]
fn a_kind_goes_out_in_the_platforms_words() {
    let kinds = BTreeMap::from([(String::from("SNR"), String::from("SNR Upstream"))]);
    let settings = ConnectorSettings { kinds, ..ConnectorSettings::default() };
    let sfyc = Connector::load("builtin:sfyc", &settings).unwrap();
    let call = sfyc.encode(Operation::CreateTicket, &items(1)).unwrap();
    let body: Value = serde_json::from_slice(&call.body.unwrap()).unwrap();
    assert_eq!(body["items"][0]["kind"], "SNR Upstream");
}

/// The proper answer of the platform to `items`.
fn success(operation: Operation, numbers: impl IntoIterator<Item = u32>) -> Value {
    let result = |number: u32| {
        let item = item(number);
        let ticket = item.ticket.map(|ticket| ticket.number);
        match operation {
            Operation::AddNote => json!({"ok": true, "noteRef": origin(number).to_string(), "ticketNumber": ticket}),
            Operation::CreateTicket => json!({"ok": true, "externalRef": item.key.as_str(), "ticketNumber": ticket}),
            Operation::CreateWorkOrder => {
                json!({"ok": true, "ticketNumber": ticket, "workOrderNumber": format!("OT{number:06}")})
            }
            Operation::LinkWorkOrder => json!({"ok": true, "ticketNumber": ticket}),
        }
    };
    json!({"results": numbers.into_iter().map(result).collect::<Vec<_>>()})
}

#[test]
fn a_success_gives_the_ids() {
    let sfyc = loaded();
    for operation in Operation::ALL {
        let result = decoded(&sfyc, operation, &items(3), &answer(200, &success(operation, 1..=3)));
        assert_eq!(result.call, CallClass::Answered);
        let expected = |number: u32| {
            let mut ids = RemoteIds::default();
            match operation {
                Operation::CreateTicket => ids.ticket_number = Some(format!("T{number:08}")),
                Operation::CreateWorkOrder => ids.work_order_number = Some(format!("OT{number:06}")),
                Operation::AddNote | Operation::LinkWorkOrder => {}
            }
            Outcome::Applied { ids }
        };
        assert_eq!(result.outcomes, (1..=3).map(expected).collect::<Vec<_>>(), "{operation}");
    }
}

#[test]
fn results_may_be_reordered() {
    let sfyc = loaded();
    for operation in Operation::ALL {
        let straight = decoded(&sfyc, operation, &items(3), &answer(200, &success(operation, 1..=3)));
        let mixed = decoded(&sfyc, operation, &items(3), &answer(200, &success(operation, [3, 1, 2])));
        assert_eq!(straight, mixed, "{operation}");
    }
}

#[test]
fn an_item_without_a_result_is_unknown() {
    let sfyc = loaded();
    for operation in Operation::ALL {
        let short = decoded(&sfyc, operation, &items(3), &answer(200, &success(operation, [3, 1])));
        assert_eq!(names(&short.outcomes), ["applied", "unknown", "applied"], "{operation}");
        let none = decoded(&sfyc, operation, &items(2), &answer(200, &json!({"results": []})));
        assert_eq!(names(&none.outcomes), ["unknown", "unknown"], "{operation}");
    }
}

#[test]
fn a_result_for_a_key_that_was_not_sent_is_ignored() {
    let sfyc = loaded();
    for operation in Operation::ALL {
        let more = decoded(&sfyc, operation, &items(2), &answer(200, &success(operation, 1..=5)));
        assert_eq!(names(&more.outcomes), ["applied", "applied"], "{operation}");
        let other = decoded(&sfyc, operation, &items(2), &answer(200, &success(operation, [8, 9])));
        assert_eq!(names(&other.outcomes), ["unknown", "unknown"], "{operation}");
    }
}

#[test]
fn duplicated_results_count_once_and_contradicting_ones_are_unknown() {
    let sfyc = loaded();
    let twice =
        decoded(&sfyc, Operation::CreateTicket, &items(2), &answer(200, &success(Operation::CreateTicket, [1, 2, 1])));
    assert_eq!(names(&twice.outcomes), ["applied", "applied"]);
    let body = json!({"results": [
        {"ok": true, "externalRef": "SNR|USSG-1041", "ticketNumber": "T00000001"},
        {"ok": true, "externalRef": "SNR|USSG-1042", "ticketNumber": "T00000002"},
        {"ok": true, "externalRef": "SNR|USSG-1041", "ticketNumber": "T00000009"},
    ]});
    let torn = decoded(&sfyc, Operation::CreateTicket, &items(2), &answer(200, &body));
    assert_eq!(names(&torn.outcomes), ["unknown", "applied"]);
}

#[test]
fn two_items_that_one_key_names_are_unknown() {
    let mut two = items(2);
    two[1].key = two[0].key.clone();
    let result =
        decoded(&loaded(), Operation::CreateTicket, &two, &answer(200, &success(Operation::CreateTicket, [1])));
    assert_eq!(names(&result.outcomes), ["unknown", "unknown"]);
}

fn failure(error: &Value) -> Value {
    json!({"results": [
        {"ok": true, "externalRef": "SNR|USSG-1041", "ticketNumber": "T00000001"},
        {"ok": false, "externalRef": "SNR|USSG-1042", "error": error},
    ]})
}

#[test]
fn a_failed_item_is_refused_as_the_platform_says() {
    let sfyc = loaded();
    let refusal = |error: Value| {
        let result = decoded(&sfyc, Operation::CreateTicket, &items(2), &answer(200, &failure(&error)));
        assert_eq!(names(&result.outcomes)[0], "applied");
        match &result.outcomes[1] {
            Outcome::Refused { refusal, code, .. } => (*refusal, code.clone()),
            other => panic!("{other:?}"),
        }
    };
    let invalid = |retryable: Value| json!({"code": "INVALID_FIELD", "message": "no title", "retryable": retryable});
    assert_eq!(refusal(invalid(json!(false))), (Refusal::ItemForGood, String::from("INVALID_FIELD")));
    assert_eq!(refusal(invalid(json!(true))), (Refusal::Item, String::from("INVALID_FIELD")));
    assert_eq!(refusal(invalid(Value::Null)), (Refusal::Item, String::from("INVALID_FIELD")));
    assert_eq!(refusal(Value::Null), (Refusal::Item, String::new()));
    assert_eq!(refusal(json!({"code": "UNKNOWN_TICKET", "retryable": false})).0, Refusal::TargetGone);
    assert_eq!(refusal(json!({"code": "TICKET_CLOSED"})).0, Refusal::TargetClosed);
}

#[test]
fn a_failed_work_order_is_found_by_its_origin_id_or_its_ticket() {
    let sfyc = loaded();
    for named in [json!({"externalRef": origin(2).to_string()}), json!({"ticketNumber": "T00000002"})] {
        let mut failed = json!({"ok": false, "error": {"code": "INVALID_FIELD", "message": "", "retryable": false}});
        failed.as_object_mut().unwrap().extend(named.as_object().unwrap().clone());
        let body = json!({"results": [failed]});
        let result = decoded(&sfyc, Operation::CreateWorkOrder, &items(2), &answer(200, &body));
        assert_eq!(names(&result.outcomes), ["unknown", "refused"]);
    }
}

#[test]
fn a_success_that_is_none_is_unknown() {
    let sfyc = loaded();
    let two = items(2);
    let bodies = [
        raw(200, "<html><body>It works!</body></html>", &[]),
        raw(200, "", &[]),
        raw(204, "", &[]),
        raw(200, "{\"results\":[{\"ok\":true", &[]),
        raw(200, "null", &[]),
        raw(200, "[]", &[]),
        raw(200, "\"ok\"", &[]),
        raw(202, "{\"accepted\":true}", &[]),
        answer(200, &json!({})),
        answer(200, &json!({"results": null})),
        answer(200, &json!({"results": "all done"})),
        answer(200, &json!({"results": ["T1", "T2"]})),
        answer(200, &json!({"error": {"code": "X"}})),
    ];
    for operation in Operation::ALL {
        for body in &bodies {
            let result = decoded(&sfyc, operation, &two, body);
            assert!(matches!(result.call, CallClass::Unknown { .. }), "{operation} {body:?} {result:?}");
        }
    }
}

#[test]
fn a_result_that_contradicts_itself_is_unknown() {
    let sfyc = loaded();
    let result = |result: Value| {
        let body = json!({"results": [result]});
        names(&decoded(&sfyc, Operation::CreateTicket, &items(1), &answer(200, &body)).outcomes)[0]
    };
    let reference = "SNR|USSG-1041";
    assert_eq!(result(json!({"ok": true, "externalRef": reference, "ticketNumber": "T1"})), "applied");
    assert_eq!(result(json!({"ok": true, "externalRef": reference})), "unknown");
    assert_eq!(result(json!({"ok": true, "externalRef": reference, "ticketNumber": " "})), "unknown");
    assert_eq!(result(json!({"ok": null, "externalRef": reference, "ticketNumber": "T1"})), "unknown");
    assert_eq!(result(json!({"ok": "true", "externalRef": reference, "ticketNumber": "T1"})), "unknown");
    assert_eq!(result(json!({"ok": 1, "externalRef": reference, "ticketNumber": "T1"})), "unknown");
    let torn = json!({"ok": true, "externalRef": reference, "ticketNumber": "T1", "error": {"code": "INVALID_FIELD"}});
    assert_eq!(result(torn), "unknown");
    assert_eq!(result(json!({"ok": true, "externalRef": null, "ticketNumber": "T1"})), "unknown");
    assert_eq!(result(json!({"ok": true, "externalRef": "snr|ussg-1041", "ticketNumber": "T1"})), "unknown");
}

/// What each status of the contract's table means for a write.
#[test]
fn statuses_of_the_error_table() {
    let sfyc = loaded();
    let class = |status: u16, headers: &[(&'static str, &str)]| {
        let body = json!({"error": {"code": "SOME_CODE", "message": "some words"}}).to_string();
        decoded(&sfyc, Operation::CreateTicket, &items(2), &raw(status, &body, headers)).call
    };
    for status in [400, 413, 422] {
        let expected = CallClass::BatchRefused {
            atomic: true,
            code: String::from("SOME_CODE"),
            message: String::from("some words"),
        };
        assert_eq!(class(status, &[]), expected, "{status}");
    }
    for status in [401, 403, 404, 405, 307, 308] {
        match class(status, &[]) {
            CallClass::Unavailable { configuration: true, throttled: false, .. } => {}
            other => panic!("{status}: {other:?}"),
        }
    }
    for status in [409, 500, 501, 502, 503, 504, 301, 302, 303, 304, 408, 418] {
        assert!(matches!(class(status, &[]), CallClass::Unknown { timed_out: false, .. }), "{status}");
    }
    let in_seconds = class(429, &[("retry-after", "17")]);
    let dates = [("retry-after", "Sat, 21 Nov 2026 08:00:17 GMT"), ("date", "Sat, 21 Nov 2026 08:00:00 GMT")];
    for answer in [in_seconds, class(429, &dates)] {
        match answer {
            CallClass::Unavailable { retry_after, throttled: true, configuration: false, .. } => {
                assert_eq!(retry_after, Some(Duration::from_secs(17)));
            }
            other => panic!("{other:?}"),
        }
    }
    match class(503, &[("retry-after", "60")]) {
        CallClass::Unknown { retry_after, .. } => assert_eq!(retry_after, Some(Duration::from_mins(1))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_gateways_html_is_quoted_and_its_status_is_the_code() {
    let html = "<html>\n<head><title>413 Request Entity Too Large</title></head>\n</html>";
    match decoded(&loaded(), Operation::AddNote, &items(2), &raw(413, html, &[])).call {
        CallClass::BatchRefused { atomic: true, code, message } => {
            assert_eq!(code, "413");
            assert_eq!(message, "<html> <head><title>413 Request Entity Too Large</title></head> </html>");
        }
        other => panic!("{other:?}"),
    }
    match decoded(&loaded(), Operation::AddNote, &items(2), &raw(502, &"x".repeat(1_000_000), &[])).call {
        CallClass::Unknown { why, .. } => assert!(why.len() < 300, "{}", why.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn too_many_items_is_a_refused_batch() {
    let body = json!({"error": {"code": "TOO_MANY_ITEMS", "message": "at most 500"}});
    match decoded(&loaded(), Operation::CreateTicket, &items(2), &answer(400, &body)).call {
        CallClass::BatchRefused { code, .. } => assert_eq!(code, "TOO_MANY_ITEMS"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_item_alone_that_is_refused_with_a_known_code_is_that_items_refusal() {
    let body = json!({"error": {"code": "UNKNOWN_TICKET", "message": "gone"}});
    let result = decoded(&loaded(), Operation::AddNote, &items(1), &answer(400, &body));
    assert_eq!(result.call, CallClass::Answered);
    assert!(matches!(&result.outcomes[0], Outcome::Refused { refusal: Refusal::TargetGone, .. }));
}

#[test]
fn what_was_not_sent_is_unavailable_and_what_has_no_answer_is_unknown() {
    let sfyc = loaded();
    let not_sent = Transport::NotSent { why: String::from("connection refused"), login: None };
    assert!(matches!(
        decoded(&sfyc, Operation::AddNote, &items(1), &not_sent).call,
        CallClass::Unavailable { configuration: false, throttled: false, .. }
    ));
    for (login, throttled, configuration) in [
        (LoginFault::Refused, false, true),
        (LoginFault::Misconfigured, false, true),
        (LoginFault::Throttled, true, false),
        (LoginFault::Unreachable, false, false),
    ] {
        let no_token = Transport::NotSent { why: String::from("no token"), login: Some(login) };
        let why = if configuration { "TB0202: no token" } else { "no token" }.to_owned();
        let expected = CallClass::Unavailable { why: why.clone(), retry_after: None, throttled, configuration };
        assert_eq!(decoded(&sfyc, Operation::AddNote, &items(1), &no_token).call, expected, "{login:?}");
        let (_, found) = run(&sfyc, &open_tickets(), |_| no_token.clone());
        let expected = LookUpFault { why, retry_after: None, throttled, configuration };
        assert_eq!(found.unwrap_err(), expected, "{login:?}");
    }
    let stalled = Transport::NoAnswer { why: String::from("time-out"), timed_out: true };
    assert!(matches!(
        decoded(&sfyc, Operation::AddNote, &items(1), &stalled).call,
        CallClass::Unknown { timed_out: true, .. }
    ));
}

fn ticket(number: u32, key: Option<&str>, status: &str) -> Value {
    json!({"ticketNumber": format!("T{number:08}"), "externalRef": key, "originRef": origin(number).to_string(),
           "kind": "SNR", "status": status, "workOrderNumber": null, "title": format!("SNR bajo - USSG-{number}"),
           "createdAt": "2026-11-20T10:00:00Z", "updatedAt": "2026-11-20T10:00:00Z"})
}

fn open_tickets() -> Query {
    Query::OpenTickets { kinds: vec![String::from("Falla de Línea"), String::from("SNR"), String::from("SNR")] }
}

#[test]
fn a_retrieval_goes_kind_by_kind_and_page_by_page() {
    let mut served = 0;
    let (asked, found) = run(&loaded(), &open_tickets(), |call| {
        served += 1;
        let second = call.target.contains("page=2");
        let kind = if call.target.contains("SNR") { 100 } else { 200 };
        let page = if second { 10 } else { 0 };
        let next = if kind == 100 && !second { json!(2) } else { Value::Null };
        let items = [ticket(kind + page, Some("k1"), "open"), ticket(kind + page + 1, Some("k2"), "inProgress")];
        answer(200, &json!({"items": items, "nextPage": next}))
    });
    insta::assert_snapshot!(asked.join("\n"), @r"
    /tickets?kind=Falla%20de%20L%C3%ADnea&page=1&pageSize=1000&status=open
    /tickets?kind=SNR&page=1&pageSize=1000&status=open
    /tickets?kind=SNR&page=2&pageSize=1000&status=open
    ");
    let Found::Tickets { tickets } = found.unwrap() else { panic!() };
    assert_eq!(tickets.len(), 6);
    assert!(tickets.iter().all(|ticket| ticket.open));
    insta::assert_json_snapshot!(tickets[0], @r#"
    {
      "reference": {
        "number": "T00000200",
        "record": null
      },
      "key": "k1",
      "adopted": false,
      "origin": "0199d2c4-0000-7000-8000-000000000200",
      "status": "open",
      "open": true,
      "work_order": null,
      "created_at": "2026-11-20T10:00:00Z"
    }
    "#);
}

/// The trap "failed page read as an empty list".
#[test]
fn a_retrieval_that_does_not_add_up_is_a_failed_retrieval() {
    let cases = [
        ("items missing", json!({"nextPage": null})),
        ("items null", json!({"items": null, "nextPage": null})),
        ("items no array", json!({"items": {}, "nextPage": null})),
        ("no number", json!({"items": [{"externalRef": "a", "status": "open"}], "nextPage": null})),
        ("no status", json!({"items": [{"ticketNumber": "T1"}], "nextPage": null})),
        ("item no object", json!({"items": ["T1"], "nextPage": null})),
        ("page does not advance", json!({"items": [ticket(1, None, "open")], "nextPage": 1})),
        ("page of another type", json!({"items": [], "nextPage": "next"})),
        ("an error with 200", json!({"error": {"code": "X"}})),
        ("an array", json!([])),
    ];
    for (name, body) in cases {
        let (_, found) = run(&loaded(), &open_tickets(), |_| answer(200, &body));
        assert!(found.is_err(), "{name}: {found:?}");
    }
    for transport in [
        raw(200, "<html>maintenance</html>", &[]),
        raw(200, "", &[]),
        raw(200, "{\"items\":[", &[]),
        raw(204, "", &[]),
        raw(304, "", &[]),
        Transport::NoAnswer { why: String::from("time-out"), timed_out: true },
        Transport::NotSent { why: String::from("refused"), login: None },
    ] {
        let (_, found) = run(&loaded(), &open_tickets(), |_| transport.clone());
        let fault = found.unwrap_err();
        assert!(!fault.configuration, "{fault:?}");
    }
}

#[test]
fn a_failure_on_a_later_page_fails_the_whole_retrieval() {
    let (asked, found) = run(&loaded(), &open_tickets(), |call| {
        if call.target.contains("page=2") {
            return raw(500, "", &[]);
        }
        answer(200, &json!({"items": [ticket(1, None, "open")], "nextPage": 2}))
    });
    assert_eq!(asked.len(), 2);
    assert!(found.is_err());
}

#[test]
fn pages_that_repeat_or_never_end_are_a_failed_retrieval() {
    let mut page = 1;
    let (asked, found) = run(&loaded(), &open_tickets(), |_| {
        page += 1;
        answer(200, &json!({"items": [ticket(1, None, "open")], "nextPage": page}))
    });
    assert_eq!(asked.len(), 2);
    assert!(found.unwrap_err().why.contains("repeats"));
    let mut page = 1;
    let (asked, found) = run(&loaded(), &open_tickets(), |_| {
        page += 1;
        answer(200, &json!({"items": [ticket(page, None, "open")], "nextPage": page}))
    });
    assert_eq!(asked.len(), 1000);
    assert!(found.unwrap_err().why.contains("max_pages"));
}

/// The trap "ties at page borders": a row that moved between two pages is one ticket.
#[test]
fn a_ticket_on_two_pages_is_one_ticket() {
    let (_, found) = run(&loaded(), &Query::OpenTickets { kinds: vec![String::from("SNR")] }, |call| {
        if call.target.contains("page=2") {
            let rows = [ticket(2, Some("k"), "inProgress"), ticket(3, Some("k"), "open")];
            return answer(200, &json!({"items": rows, "nextPage": null}));
        }
        answer(200, &json!({"items": [ticket(1, Some("k"), "open"), ticket(2, Some("k"), "open")], "nextPage": 2}))
    });
    let Found::Tickets { tickets } = found.unwrap() else { panic!() };
    let shown: Vec<_> =
        tickets.iter().map(|ticket| (ticket.reference.number.as_str(), ticket.status.as_str())).collect();
    assert_eq!(shown, [("T00000001", "open"), ("T00000002", "inProgress"), ("T00000003", "open")]);
}

#[test]
fn which_states_count_as_open_is_configuration() {
    let states = |settings: &ConnectorSettings| {
        let sfyc = Connector::load("builtin:sfyc", settings).unwrap();
        let rows: Vec<_> = ["open", "inProgress", "resolved", "closed", "cancelled", "Open"]
            .into_iter()
            .enumerate()
            .map(|(number, status)| ticket(number as u32, Some("k"), status))
            .collect();
        let (_, found) = run(&sfyc, &Query::OpenTickets { kinds: vec![String::from("SNR")] }, |_| {
            answer(200, &json!({"items": rows, "nextPage": null}))
        });
        let Found::Tickets { tickets } = found.unwrap() else { panic!() };
        tickets.iter().map(|ticket| ticket.open).collect::<Vec<_>>()
    };
    assert_eq!(states(&ConnectorSettings::default()), [true, true, false, false, false, false]);
    let resolved = ConnectorSettings { open_states: Some(vec![String::from("resolved")]), ..Default::default() };
    assert_eq!(states(&resolved), [false, false, true, false, false, false]);
}

#[test]
fn tickets_opened_before_us_are_adopted() {
    let adopt =
        r#".title | if . == null then null else (capture("USSG-(?<group>[0-9]+)") | "SNR|USSG-\(.group)") // null end"#;
    let settings = ConnectorSettings { adopt: Some(adopt.to_owned()), ..Default::default() };
    let sfyc = Connector::load("builtin:sfyc", &settings).unwrap();
    let mut untitled = ticket(3, None, "open");
    untitled["title"] = Value::Null;
    let mut other = ticket(4, Some(" "), "open");
    other["title"] = json!("Corte de fibra");
    let rows = [ticket(1041, None, "open"), ticket(1042, Some("SNR|OWN"), "open"), untitled, other];
    let (_, found) = run(&sfyc, &Query::OpenTickets { kinds: vec![String::from("SNR")] }, |_| {
        answer(200, &json!({"items": rows, "nextPage": null}))
    });
    let Found::Tickets { tickets } = found.unwrap() else { panic!() };
    let shown: Vec<_> = tickets.iter().map(|ticket| (ticket.key.as_deref(), ticket.adopted)).collect();
    assert_eq!(shown, [(Some("SNR|USSG-1041"), true), (Some("SNR|OWN"), false), (None, false), (None, false)]);
}

#[test]
fn an_adopt_expression_that_fails_fails_the_retrieval() {
    for adopt in [".title | error(\"no\")", ".title | length", "[.title]"] {
        let settings = ConnectorSettings { adopt: Some(adopt.to_owned()), ..Default::default() };
        let sfyc = Connector::load("builtin:sfyc", &settings).unwrap();
        let (_, found) = run(&sfyc, &Query::OpenTickets { kinds: vec![String::from("SNR")] }, |_| {
            answer(200, &json!({"items": [ticket(1, None, "open")], "nextPage": null}))
        });
        let fault = found.unwrap_err();
        assert!(fault.configuration && fault.why.contains("adopt"), "{fault:?}");
    }
}

#[test]
fn keys_are_looked_up_together_with_the_known_and_the_random_one() {
    let wanted =
        |count: u32| (1..=count).map(|n| TicketLookUp { key: key(&format!("SNR|{n}")), origin: None }).collect();
    let known = Some(TicketLookUp { key: key("SNR|known"), origin: None });
    let query = Query::Tickets { wanted: wanted(3), known: known.clone(), random: key("random&key") };
    let empty = |_: &_| answer(200, &json!({"items": [], "nextPage": null}));
    let (asked, found) = run(&loaded(), &query, empty);
    insta::assert_snapshot!(asked.join("\n"), @"/tickets?externalRef=SNR%7C1&externalRef=SNR%7C2&externalRef=SNR%7C3&externalRef=SNR%7Cknown&externalRef=random%26key&page=1&pageSize=1000");
    assert_eq!(found.unwrap(), Found::Tickets { tickets: Vec::new() });
    let query = Query::Tickets { wanted: wanted(400), known, random: key("random&key") };
    let (asked, _) = run(&loaded(), &query, empty);
    let counts: Vec<_> = asked.iter().map(|target| target.matches("externalRef=").count()).collect();
    assert_eq!(counts, [200, 200, 6]);
    assert!(asked.iter().all(|target| target.contains("known") && target.contains("random")));
    assert!(asked.iter().all(|target| !target.contains("status")), "a look-up goes over all states");
}

/// The trap "unknown filter field ignored by the server, so every row matches": all rows are handed on, for the asker
/// to see that they carry other keys.
#[test]
fn rows_that_nobody_asked_for_are_handed_on() {
    let query = Query::Tickets {
        wanted: vec![TicketLookUp { key: key("SNR|1"), origin: Some(origin(1)) }],
        known: None,
        random: key("random"),
    };
    let rows = [ticket(1, Some("SNR|1"), "closed"), ticket(2, Some("SNR|2"), "open"), ticket(3, None, "open")];
    let (_, found) = run(&loaded(), &query, |_| answer(200, &json!({"items": rows, "nextPage": null})));
    let Found::Tickets { tickets } = found.unwrap() else { panic!() };
    assert_eq!(tickets.len(), 3);
    assert!(!tickets[0].open);
}

#[test]
fn notes_and_work_orders_are_looked_up_one_by_one() {
    let reference = |number: u32| TicketReference { number: format!("T{number:08}"), record: None };
    let note = |number: u32| NoteLookUp { origin: origin(number), ticket: reference(number) };
    let query = Query::Notes { wanted: vec![note(1), note(2)], known: Some(note(3)), random: origin(999) };
    let (asked, found) = run(&loaded(), &query, |call| {
        let items = if call.target.ends_with("03") {
            json!([{"noteRef": origin(3).to_string(), "ticketNumber": "T00000003", "createdAt": "2026-11-20T10:00:00Z"}])
        } else {
            json!([])
        };
        answer(200, &json!({"items": items}))
    });
    insta::assert_snapshot!(asked.join("\n"), @r"
    /notes?noteRef=0199d2c4-0000-7000-8000-000000000001
    /notes?noteRef=0199d2c4-0000-7000-8000-000000000002
    /notes?noteRef=0199d2c4-0000-7000-8000-000000000003
    /notes?noteRef=0199d2c4-0000-7000-8000-000000000999
    ");
    let Found::Notes { notes } = found.unwrap() else { panic!() };
    assert_eq!(notes.len(), 1);
    assert_eq!(
        (notes[0].origin.as_str(), notes[0].ticket_number.as_str()),
        ("0199d2c4-0000-7000-8000-000000000003", "T00000003")
    );

    let order = |number: u32| WorkOrderLookUp { origin: origin(number), ticket: reference(number) };
    let query = Query::WorkOrders { wanted: vec![order(1)], known: None, random: origin(999) };
    let (asked, found) = run(&loaded(), &query, |call| {
        let items = if call.target.ends_with("01") {
            json!([{"workOrderNumber": "OT1", "ticketNumber": "T00000777", "externalRef": origin(1).to_string(), "status": "open"}])
        } else {
            json!([])
        };
        answer(200, &json!({"items": items}))
    });
    insta::assert_snapshot!(asked.join("\n"), @r"
    /work-orders?externalRef=0199d2c4-0000-7000-8000-000000000001
    /work-orders?externalRef=0199d2c4-0000-7000-8000-000000000999
    ");
    let Found::WorkOrders { work_orders } = found.unwrap() else { panic!() };
    // Another ticket's: the asker sees the number and does not take it.
    assert_eq!(work_orders[0].ticket_number.as_deref(), Some("T00000777"));
}

#[test]
fn the_health_read_is_cheap_and_believes_only_a_proper_answer() {
    let (asked, found) = run(&loaded(), &Query::Health, |_| answer(200, &json!({"items": [], "nextPage": null})));
    assert_eq!(asked, ["/tickets?page=1&pageSize=1&status=open"]);
    assert_eq!(found.unwrap(), Found::Healthy);
    for transport in [raw(200, "<html>", &[]), answer(200, &json!({"hello": 1})), raw(503, "", &[])] {
        assert!(run(&loaded(), &Query::Health, |_| transport.clone()).1.is_err());
    }
    let fault = run(&loaded(), &Query::Health, |_| raw(401, "", &[])).1.unwrap_err();
    assert!(fault.configuration);
    let fault = run(&loaded(), &Query::Health, |_| raw(429, "", &[("retry-after", "5")])).1.unwrap_err();
    assert!(fault.throttled && fault.retry_after == Some(Duration::from_secs(5)));
}

#[test]
fn a_look_up_answers_nothing_before_its_end() {
    let sfyc = loaded();
    let mut look_up = sfyc.look_up(&open_tickets()).unwrap();
    assert!(look_up.absorb(&answer(200, &json!({"items": [], "nextPage": null}))).is_err(), "nothing was asked");
    let mut look_up = sfyc.look_up(&open_tickets()).unwrap();
    look_up.next_call().unwrap();
    look_up.absorb(&answer(200, &json!({"items": [], "nextPage": null}))).unwrap();
    assert!(look_up.finish().is_err(), "the second kind is missing");
    let mut look_up = sfyc.look_up(&open_tickets()).unwrap();
    look_up.next_call().unwrap();
    assert!(look_up.absorb(&raw(500, "", &[])).is_err());
    assert!(look_up.next_call().is_err());
    assert!(look_up.finish().is_err());
}

#[test]
fn hostile_answers_neither_hang_nor_panic() {
    let sfyc = loaded();
    let deep = |unit: &str, close: &str| format!("{{\"results\":{}1{}}}", unit.repeat(200_000), close.repeat(200_000));
    let bodies = [
        deep("[", "]"),
        deep("{\"a\":", "}"),
        String::from("{\"results\":[{\"ok\":true,\"externalRef\":1e999}]}"),
        String::from("{\"results\":[NaN]}"),
        format!("{{\"results\":[{}1]}}", "1,".repeat(500_000)),
        format!("{{\"results\":[{{\"ok\":true,\"externalRef\":\"{}\"}}]}}", "x".repeat(1_000_000)),
        String::from("{\"results\":[{\"ok\":true,\"externalRef\":\"\\ud800\"}]}"),
        String::from("{\"results\":[[],[[]],{},null,true,-0.0]}"),
    ];
    for body in &bodies {
        for operation in Operation::ALL {
            let result = decoded(&sfyc, operation, &items(2), &raw(200, body, &[]));
            let settled = result.outcomes.iter().any(|outcome| !matches!(outcome, Outcome::Unknown { .. }));
            assert!(!settled, "{result:?}");
            decoded(&sfyc, operation, &items(2), &raw(400, body, &[]));
        }
        assert!(run(&sfyc, &open_tickets(), |_| raw(200, &body.replace("results", "items"), &[])).1.is_err());
    }
}

proptest::proptest! {
    /// Whatever comes back: as many outcomes as items, and Applied only if the answer names that item.
    #[test]
    fn no_answer_applies_an_item_that_it_does_not_name(
        picks in proptest::collection::vec((0_u32..6, proptest::bool::ANY, proptest::option::of(0_u32..4)), 0..8),
    ) {
        let results: Vec<_> = picks
            .iter()
            .map(|(number, ok, ticket)| {
                let reference = item(*number + 1).key.as_str().to_owned();
                json!({"ok": ok, "externalRef": reference, "ticketNumber": ticket.map(|n| format!("T{n}"))})
            })
            .collect();
        let three = items(3);
        let result = decoded(&loaded_once(), Operation::CreateTicket, &three, &answer(200, &json!({"results": results})));
        proptest::prop_assert_eq!(result.outcomes.len(), 3);
        for (place, outcome) in result.outcomes.iter().enumerate() {
            let mine: Vec<_> = picks.iter().filter(|(number, ..)| *number as usize == place).collect();
            let first = mine.first();
            let agree = mine.iter().all(|pick| Some(pick) == first);
            match outcome {
                Outcome::Applied { ids } => {
                    proptest::prop_assert!(agree && first.is_some_and(|pick| pick.1));
                    proptest::prop_assert_eq!(ids.ticket_number.clone(), first.and_then(|pick| pick.2).map(|n| format!("T{n}")));
                }
                Outcome::Refused { .. } => proptest::prop_assert!(mine.iter().all(|pick| !pick.1)),
                _ => {}
            }
        }
    }
}

fn loaded_once() -> Connector {
    static LOADED: std::sync::OnceLock<Connector> = std::sync::OnceLock::new();
    LOADED.get_or_init(loaded).clone()
}

#[test]
fn what_makes_no_sense_is_told_in_a_few_words() {
    let long = "x".repeat(100_000);
    let result = json!({"results": [{"externalRef": item(1).key.as_str(), "ok": long}]});
    let decoded = decoded(&loaded(), Operation::CreateTicket, &items(1), &answer(200, &result));
    let Outcome::Unknown { why } = &decoded.outcomes[0] else { panic!("{decoded:?}") };
    assert!(why.chars().count() <= 201, "{} characters", why.chars().count());
    let page = answer(200, &json!({"items": [], "nextPage": {"x": long}}));
    let (_, found) = run(&loaded(), &Query::OpenTickets { kinds: vec![String::from("SNR")] }, |_| page.clone());
    assert!(found.unwrap_err().why.len() < 400);
}

/// What takes a second here took minutes, and the thread with it, when each row was compared with all before it.
#[test]
fn a_hundred_thousand_work_orders_are_kept_once_each() {
    let order =
        |number: u32| json!({"workOrderNumber": format!("OT{number}"), "externalRef": "", "ticketNumber": "T1"});
    let rows: Vec<_> = (0..100_000).map(order).chain([order(7)]).collect();
    let query = Query::WorkOrders { wanted: Vec::new(), known: None, random: origin(1) };
    let (_, found) = run(&loaded(), &query, |_| answer(200, &json!({"items": rows})));
    let Ok(Found::WorkOrders { work_orders }) = found else { panic!("{:?}", found.err()) };
    assert_eq!(work_orders.len(), 100_000);
}
