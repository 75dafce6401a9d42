//! The lifecycle from outside: poison, outages, switches, stops, one key on two backends.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use ticketbridge_sandbox::Running;
use ticketbridge_sandbox::faults::{Knob, Rule};

use crate::bridge::Bridge;
use crate::place::{Backend, Place, Settings, faults, older, sandbox, seed, ticket, tickets, until, writes};

/// All operations of the platform.
const ALL: [&str; 8] = [
    "retrieve_tickets",
    "find_tickets",
    "add_notes",
    "find_notes",
    "create_tickets",
    "create_work_orders",
    "find_work_orders",
    "link_work_orders",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn created_and_noted_tickets_complete_and_nothing_is_there_twice() {
    let sandbox = sandbox(1).await;
    seed(&sandbox, vec![older("SNR|A-0001", None), older("SNR|A-0002", Some("somebody's"))]);
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("A", 20)).await;
    let all = bridge.completed(20).await;
    assert_eq!(all.values().filter(|ticket| ticket["created"] == true).count(), 18);
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.open_tickets, stats.work_orders, stats.linked, stats.notes), (20, 18, 18, 2));
    assert_eq!(stats.duplicates.total, 0);
    assert!(bridge.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_refused_by_item_fails_alone() {
    let poison = Knob::PoisonItem {
        text: String::from("P-0017"),
        code: String::from("INVALID_FIELD"),
        message: String::from("the title is not allowed here"),
        retryable: false,
    };
    let error = poisoned(poison).await;
    let reason = error["reason"].as_str().expect("a reason");
    assert!(reason.contains("the title is not allowed here") && reason.contains("INVALID_FIELD"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_that_the_platform_may_take_later_fails_after_its_retries() {
    let poison = Knob::PoisonItem {
        text: String::from("P-0017"),
        code: String::from("LOCKED"),
        message: String::from("somebody edits it"),
        retryable: true,
    };
    let error = poisoned(poison).await;
    let reason = error["reason"].as_str().expect("a reason");
    assert!(reason.contains("somebody edits it"), "{reason}");
    assert_eq!(error["attempts"], 4, "max_retries is 3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_that_refuses_the_whole_call_is_found_by_halving() {
    for status in [400, 413, 422] {
        let error = poisoned(Knob::PoisonCall { text: String::from("P-0017"), status }).await;
        let reason = error["reason"].as_str().expect("a reason");
        assert!(reason.contains("create_ticket was refused 4 times"), "{reason}");
    }
}

/// Fifty tickets, one of them poison: answers that one.
async fn poisoned(poison: Knob) -> Value {
    let sandbox = sandbox(1).await;
    faults(&sandbox, [Rule::from(poison)]);
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("P", 50)).await;
    let mut all = bridge.settled(50).await;
    let error = all.remove("P-0017").expect("it is there");
    assert_eq!(error["state"], "Error", "{error}");
    for neighbour in all.values() {
        assert_eq!((&neighbour["state"], &neighbour["attempts"]), (&json!("Completed"), &json!(0)), "{neighbour}");
    }
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.open_tickets, stats.linked, stats.duplicates.total), (49, 49, 0));
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_ends_with_no_ticket_in_error_and_sees_only_probes() {
    let sandbox = sandbox(1).await;
    seed(&sandbox, vec![older("SNR|O-0003", None)]);
    let place = Place::on(&sandbox, Settings { retry_max: "1s", ..Settings::default() });
    let bridge = Bridge::start(&place).await;
    // Part of the tickets is under way when it begins.
    bridge.send(&tickets("O", 40)).await;
    until("work has begun", async || (writes(&sandbox.sfyc_stats()) > 0).then_some(())).await;
    faults(
        &sandbox,
        [ALL.iter().fold(Rule::from(Knob::ServerError { status: 503, effect: false }), |rule, name| rule.on(name))],
    );
    bridge.send(&tickets("OUTAGE", 60)).await;
    bridge.logs("TB0201").await;
    let breaker = until("the breaker is open", async || {
        let platforms = bridge.get("/api/v1/platforms").await;
        let platform = &platforms["items"][0];
        // What was in flight when it opened has been answered, too.
        (platform["breaker_open_seconds"].is_number() && platform["in_flight"] == 0).then(|| platform.clone())
    })
    .await;
    assert!(breaker["summary"].as_str().expect("a summary").contains("TB0201"), "{breaker}");
    let before = sandbox.sfyc_stats();
    // Five seconds of it, counted by probes that come at most once a second when the back-off is at its longest.
    until("probes go on", async || {
        let platforms = bridge.get("/api/v1/platforms").await;
        (platforms["items"][0]["breaker_open_seconds"].as_f64()? >= 5.0).then_some(())
    })
    .await;
    let after = sandbox.sfyc_stats();
    let more = after.traffic.all_requests() - before.traffic.all_requests();
    assert_eq!(writes(&after), writes(&before), "only probes go there");
    let reads = after.traffic.requests(&["retrieve_tickets"]) - before.traffic.requests(&["retrieve_tickets"]);
    assert_eq!(more, reads, "probes are reads: {after:#?}");
    assert!((1..=40).contains(&more), "{more} probes");
    assert_eq!(bridge.readiness("degraded").await["reasons"][0]["platform"], "sfyc");
    assert!(!bridge.states().await.contains_key("Error"));
    sandbox.clear_faults();
    bridge.completed(100).await;
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.open_tickets, stats.linked, stats.notes, stats.duplicates.total), (100, 99, 1, 0));
    bridge.readiness("ok").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switched_off_it_receives_and_sends_nothing_even_after_a_restart() {
    let sandbox = sandbox(1).await;
    let mut place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    let changed = bridge.call(Method::PATCH, "/api/v1/backends/be-1", Some(&json!({"processing": false}))).await;
    assert_eq!((changed.status, &changed.body["processing"]), (200, &json!(false)), "{}", changed.body);
    quiet(&bridge, &sandbox, "OFF").await;
    bridge.kill();

    let bridge = Bridge::start(&place).await;
    assert_eq!(bridge.get("/api/v1/backends/be-1").await["processing"], false, "it survives a restart");
    quiet(&bridge, &sandbox, "RESTARTED").await;
    place.good(&["backends", "set", "be-1", "processing=true", "max_tickets_per_request=5"]).await;
    bridge.completed(20).await;
    assert_eq!(sandbox.sfyc_stats().traffic.operations["create_tickets"].largest_batch, 5);

    place.good(&["backends", "set", "be-1", "processing=false"]).await;
    until("the service has heard of it", async || {
        (bridge.get("/api/v1/backends/be-1").await["processing"] == false).then_some(())
    })
    .await;
    quiet(&bridge, &sandbox, "AGAIN").await;
    assert!(bridge.stop().await.success());

    // A later change of the file wins over the value set at run time, and says so.
    place.settings.backends =
        vec![Backend { name: "be-1", max_retries: 3, max_tickets_per_request: 8, ..Backend::default() }];
    place.write_config();
    let bridge = Bridge::start(&place).await;
    let backend = bridge.get("/api/v1/backends/be-1").await;
    assert_eq!((&backend["max_tickets_per_request"], &backend["processing"]), (&json!(8), &json!(false)), "{backend}");
    bridge.logs("max_tickets_per_request").await;
    place.good(&["backends", "set", "be-1", "processing=true"]).await;
    bridge.completed(30).await;
    assert_eq!(sandbox.sfyc_stats().duplicates.total, 0);
}

/// Ten tickets come in and stay; nothing is asked of the platform.
async fn quiet(bridge: &Bridge, sandbox: &Running, prefix: &str) {
    let idle = async || {
        let before = sandbox.sfyc_stats().traffic.all_requests();
        // Longer than the service takes to look for others' changes.
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        (sandbox.sfyc_stats().traffic.all_requests() == before).then_some(before)
    };
    let before = until("nothing is under way any more", idle).await;
    let had = bridge.tickets().await.len();
    bridge.send(&tickets(prefix, 10)).await;
    assert_eq!(idle().await, Some(before), "nothing is sent");
    assert_eq!(bridge.tickets().await.len(), had + 10);
    let states = bridge.states().await;
    assert!(states.keys().all(|state| state == "Received" || state == "Completed"), "{states:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_settles_what_is_in_flight_and_the_next_start_goes_on() {
    let sandbox = sandbox(1).await;
    faults(&sandbox, [Rule::from(Knob::AnswerDelay { ms: 300, max_ms: Some(600) })]);
    let backends = vec![Backend { name: "be-1", max_retries: 3, max_tickets_per_request: 4, ..Backend::default() }];
    let place = Place::on(&sandbox, Settings { backends, ..Settings::default() });
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("S", 200)).await;
    until("creates are in flight", async || {
        (sandbox.sfyc_stats().traffic.requests(&["create_tickets"]) >= 3).then_some(())
    })
    .await;
    let status = bridge.stop().await;
    assert_eq!(status.code(), Some(0));
    // Everything that was sent is settled: no outcome is missing, nothing is in doubt.
    let listed = place.good(&["tickets", "list", "--json", "--limit", "1000"]).await.json();
    let mut ended = BTreeMap::<String, usize>::new();
    let mut requests_seen = 0;
    for ticket in listed["items"].as_array().expect("items") {
        *ended.entry(ticket["state"].as_str().expect("a state").to_owned()).or_default() += 1;
        if ticket["state"] == "Received" || ticket["state"] == "Matching" {
            continue;
        }
        let shown = place.good(&["tickets", "show", ticket["id"].as_str().expect("an id"), "--json"]).await.json();
        for entry in shown["timeline"].as_array().expect("a timeline") {
            if entry["entry"] == "request" {
                requests_seen += 1;
                assert_eq!(entry["outcome"], "applied", "{entry}");
            }
        }
        if requests_seen > 40 {
            break;
        }
    }
    assert!(requests_seen > 0, "{ended:?}");
    let before = sandbox.sfyc_stats();
    sandbox.clear_faults();
    let bridge = Bridge::start(&place).await;
    bridge.completed(200).await;
    let after = sandbox.sfyc_stats();
    assert!(before.linked < 200, "the stop came too late to show anything");
    assert_eq!((after.open_tickets, after.linked, after.duplicates.total), (200, 200, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_rows_of_one_key_make_one_ticket_and_one_note_whatever_their_backends() {
    let sandbox = sandbox(1).await;
    faults(&sandbox, [Rule::from(Knob::IndexLag { ms: 300, jitter_ms: 200 })]);
    let backends = ["be-1", "be-2"].map(|name| Backend {
        name,
        max_retries: 3,
        max_tickets_per_request: 50,
        ..Backend::default()
    });
    let place = Place::on(&sandbox, Settings { backends: backends.into(), ..Settings::default() });
    let bridge = Bridge::start(&place).await;
    for (backend, message) in [("be-1", "first"), ("be-2", "second")] {
        let calls: Vec<Value> = (1..=10)
            .map(|number| {
                let mut ticket = ticket(&format!("K-{number}"));
                ticket["message_id"] = json!(format!("{message}-{number}"));
                ticket
            })
            .collect();
        let path = format!("/api/v1/tickets?backend={backend}");
        assert_eq!(bridge.call(Method::POST, &path, Some(&Value::from(calls))).await.status, 200);
    }
    bridge.completed(20).await;
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.tickets, stats.work_orders, stats.notes, stats.duplicates.total), (10, 10, 10, 0));
}
