//! The traps of the field, each by its name, as far as they show from outside. Others are tests of their rooms.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use ticketbridge_sandbox::Running;
use ticketbridge_sandbox::faults::{BodyCut, EarlyAnswer, Knob, OriginChange, OriginField, Rule};
use ticketbridge_sandbox::sfyc::OperatorAct;

use crate::bridge::Bridge;
use crate::place::{Place, Settings, faults, older, on_writes, operate, sandbox, seed, ticket, tickets, until, writes};

/// Thirty tickets, every fifth of them there before, through these faults: all complete, nothing is lost or double.
async fn unharmed(name: &str, settings: Settings, rules: impl IntoIterator<Item = Rule>) -> Running {
    let sandbox = sandbox(11).await;
    let existing = (1..=30).step_by(5).map(|number| older(&format!("SNR|{name}-{number:04}"), None));
    seed(&sandbox, existing.collect());
    faults(&sandbox, rules);
    let place = Place::on(&sandbox, settings);
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets(name, 30)).await;
    let all = bridge.completed(30).await;
    assert_eq!(all.values().filter(|ticket| ticket["created"] == true).count(), 24);
    let stats = sandbox.sfyc_stats();
    assert_eq!(stats.duplicates.total, 0, "{name}: {:?}", stats.duplicates);
    assert_eq!((stats.open_tickets, stats.work_orders, stats.linked, stats.notes), (30, 24, 24, 6), "{name}");
    assert!(bridge.stop().await.success());
    sandbox
}

/// A request time-out that the faults below outlast, and attempts for what stood alone in a request without effect.
fn quick() -> Settings {
    let backends =
        vec![crate::place::Backend { name: "be-1", max_retries: 9, max_tickets_per_request: 8, ..Default::default() }];
    Settings { request_timeout: "300ms", backends, ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search_index_lags_behind_create() {
    let lag = Rule::from(Knob::IndexLag { ms: 300, jitter_ms: 200 });
    unharmed("LAG", quick(), [lag, on_writes(Knob::CommitThenStall { answer_after_ms: None }, 0.5)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_out_shorter_than_the_server_makes_no_second_create() {
    let late = Knob::CommitThenStall { answer_after_ms: Some(900) };
    unharmed("SHORT", quick(), [on_writes(late, 0.6)]).await;
    // The effect itself comes after our time-out, but within `in_doubt_for`.
    let later = Knob::DelayedEffect { effect_after_ms: 400, answer: EarlyAnswer::Stall };
    unharmed("DELAYED", quick(), [on_writes(later, 0.4)]).await;
    let gateway = Knob::DelayedEffect { effect_after_ms: 400, answer: EarlyAnswer::GatewayTimeout };
    unharmed("GATEWAY", quick(), [on_writes(gateway, 0.4)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_200_that_is_no_success() {
    for effect in [true, false] {
        unharmed("HTML", quick(), [on_writes(Knob::HtmlAnswer { status: 200, effect }, 0.4)]).await;
        unharmed("CUT", quick(), [on_writes(Knob::CutJson { effect, body: BodyCut::WellFramed }, 0.4)]).await;
    }
    unharmed("EARLY", quick(), [on_writes(Knob::CutJson { effect: true, body: BodyCut::ClosedEarly }, 0.4)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batch_results_short_reordered_and_duplicated() {
    let rules = [
        on_writes(Knob::ShortResults { drop: 3 }, 0.5),
        on_writes(Knob::ReorderedResults {}, 1.0),
        on_writes(Knob::DuplicatedResults { copies: 2 }, 0.5),
    ];
    let sandbox = unharmed("ORDER", quick(), rules).await;
    // By key, never by position: each work order stands at its own ticket (checked by `wrong_links`), and each ticket
    // has the text of its own message.
    sandbox.with_sfyc(|model, _| {
        for ticket in model.tickets().filter(|ticket| ticket.content.origin_ref.is_some()) {
            let key = ticket.content.external_ref.as_deref().expect("a key");
            let title = ticket.content.title.as_deref().expect("a title");
            assert_eq!(key.split_once('|').map(|(_, group)| group), title.split_once(" - ").map(|(_, group)| group));
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_closes_keep_alive_exactly_when_a_request_is_written() {
    let sandbox = unharmed("CLOSED", quick(), [on_writes(Knob::KeepAliveClosed {}, 0.5)]).await;
    assert!(sandbox.sfyc_stats().faults.get("keep_alive_closed").copied() > Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_page_is_not_the_end_of_data() {
    // Tickets that exist must be found although retrievals fail for a while, in every way.
    for knob in [
        Knob::HtmlAnswer { status: 200, effect: false },
        Knob::CutJson { effect: false, body: BodyCut::WellFramed },
        Knob::EmptyPage { from_page: 1, more: true },
        Knob::ServerError { status: 500, effect: false },
    ] {
        unharmed("PAGE", quick(), [Rule::from(knob).on("retrieve_tickets").times(2)]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_first_page_does_not_hide_tickets_that_we_know() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("KNOWN", 10)).await;
    bridge.completed(10).await;
    faults(&sandbox, [Rule::from(Knob::EmptyPage { from_page: 1, more: false })]);
    bridge.send(&again("KNOWN", "second", 10)).await;
    bridge.completed(20).await;
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.tickets, stats.notes, stats.duplicates.total), (10, 10, 0), "noted, not made again");
}

/// New messages about the same groups.
fn again(prefix: &str, round: &str, count: usize) -> Vec<Value> {
    let mut all = tickets(prefix, count);
    for ticket in &mut all {
        ticket["message_id"] = json!(format!("{}-{round}", ticket["message_id"].as_str().expect("an id")));
        // What varies from message to message is no part of what it is about.
        ticket["description"] = json!(format!("{round}: worse by now"));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_key_is_never_taken() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    let mut bad: Vec<Value> = ["", "   "]
        .iter()
        .map(|key| {
            let mut ticket = ticket("EMPTY");
            ticket["message_id"] = json!(format!("empty-{}", key.len()));
            ticket["dedupe_key"] = json!(key);
            ticket
        })
        .collect();
    bad.push(json!({"message_id": "blank-group", "kind": "SNR", "source": {"group_id": "  "}}));
    bad.push(json!({"message_id": "no-group", "kind": "SNR"}));
    let reply = bridge.call(Method::POST, "/api/v1/tickets", Some(&Value::from(bad))).await;
    assert_eq!(reply.status, 200);
    assert!(
        reply.body.as_array().expect("answers").iter().all(|answer| answer["result"] == "rejected"),
        "{}",
        reply.body
    );
    assert!(bridge.tickets().await.is_empty());
}

/// Why creating is stopped, as the API says it.
async fn stopped(bridge: &Bridge) -> Value {
    until("creating stops", async || {
        let platforms = bridge.get("/api/v1/platforms").await;
        let stop = platforms["items"][0]["creating_stopped"].clone();
        (!stop.is_null()).then_some(stop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_filter_that_the_server_ignores_so_that_every_row_matches() {
    // Each row that comes back is checked for its exact key: what others have is taken for nobody's.
    let ignored = Rule::from(Knob::UnknownFilterIgnored { filters: Vec::new() });
    let sandbox =
        unharmed("FILTER", quick(), [ignored, on_writes(Knob::CommitThenStall { answer_after_ms: None }, 0.4)]).await;
    let place = Place::on(&sandbox, Settings::default());
    let check = place.run(&["platform", "check"]).await;
    assert!(check.code == 1 && check.stdout.contains("TB0302"), "{check:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn look_ups_that_suddenly_return_nothing_stop_creating() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings { request_timeout: "300ms", ..Settings::default() });
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("OLD", 8)).await;
    bridge.completed(8).await;
    // From now on all is empty: the list of open tickets, and every look-up.
    let stall = Rule::from(Knob::CommitThenStall { answer_after_ms: None }).on("create_tickets");
    faults(
        &sandbox,
        [Rule::from(Knob::EmptyLookups {}), Rule::from(Knob::EmptyPage { from_page: 1, more: false }), stall],
    );
    bridge.send(&again("OLD", "more", 8)).await;
    bridge.send(&tickets("NEW", 4)).await;
    let stop = stopped(&bridge).await;
    assert_eq!(stop["code"], "TB0301", "{stop}");
    let stats = sandbox.sfyc_stats();
    assert_eq!(stats.duplicates.total, 0, "{:?}", stats.duplicates);
    assert!(stats.tickets <= 12, "at most what was under way: {}", stats.tickets);
    let before = stats.traffic.requests(&["create_tickets"]);
    bridge.readiness("degraded").await;
    assert_eq!(sandbox.sfyc_stats().traffic.requests(&["create_tickets"]), before);
    // It was the search: it is repaired, and nothing was lost.
    sandbox.clear_faults();
    let told = place.good(&["platform", "accept-loss", "sfyc"]).await;
    assert!(told.stderr.contains("Creating goes on"), "{told:#?}");
    bridge.completed(20).await;
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.tickets, stats.linked, stats.notes, stats.duplicates.total), (12, 12, 8, 0));
    bridge.readiness("ok").await;
    assert!(place.good(&["platform", "accept-loss", "sfyc"]).await.stderr.contains("nothing was changed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_origin_that_does_not_survive_stops_creating() {
    for (change, length) in [(OriginChange::Dropped, None), (OriginChange::Truncated, Some(20))] {
        let sandbox = sandbox(1).await;
        faults(
            &sandbox,
            [Rule::from(Knob::OriginField { change, length, field: OriginField::Origin }).on("create_tickets")],
        );
        let place = Place::on(&sandbox, Settings::default());
        let bridge = Bridge::start(&place).await;
        bridge.send(&tickets("ORIGIN", 1)).await;
        let stop = stopped(&bridge).await;
        assert_eq!(stop["code"], "TB0303", "{stop}");
        assert!(
            stop["text"].as_str().is_some_and(|text| text.contains("T0000000") && text.contains("accept-loss")),
            "{stop}"
        );
        bridge.send(&tickets("WAITS", 9)).await;
        bridge.readiness("degraded").await;
        assert_eq!(sandbox.sfyc_stats().tickets, 1, "no more");
        sandbox.clear_faults();
        place.good(&["platform", "accept-loss", "sfyc"]).await;
        bridge.completed(10).await;
        let stats = sandbox.sfyc_stats();
        assert_eq!((stats.tickets, stats.linked, stats.duplicates.total), (10, 10, 0));
    }
}

/// The number of the one ticket with a key.
fn number(sandbox: &Running, key: &str) -> String {
    sandbox.with_sfyc(|model, _| {
        let all = model.dump_tickets(0, 1_000);
        let found = all.iter().find(|ticket| ticket["externalRef"] == key).expect("it is there");
        found["ticketNumber"].as_str().expect("a number").to_owned()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_closes_merges_or_deletes_the_ticket_while_we_work_on_it() {
    let sandbox = sandbox(1).await;
    // As on most sites: what is closed takes no work order's number any more.
    faults(&sandbox, [Rule::from(Knob::ClosedTicketRefused {}), Rule::from(Knob::Forbidden {}).on("link_work_orders")]);
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("W", 5)).await;
    until("work orders are there", async || (sandbox.sfyc_stats().work_orders == 5).then_some(())).await;
    let numbers: Vec<String> = (1..=4).map(|n| number(&sandbox, &format!("SNR|W-{n:04}"))).collect();
    operate(&sandbox, &numbers[0], &OperatorAct::Close {});
    operate(&sandbox, &numbers[1], &OperatorAct::Cancel {});
    operate(&sandbox, &numbers[2], &OperatorAct::Delete {});
    operate(&sandbox, &numbers[3], &OperatorAct::Merge { into: number(&sandbox, "SNR|W-0005") });
    sandbox.clear_faults();
    faults(&sandbox, [Rule::from(Knob::ClosedTicketRefused {})]);
    let all = bridge.settled(5).await;
    for (name, word) in [("W-0001", "closed"), ("W-0002", "closed")] {
        let ticket = &all[name];
        assert_eq!(ticket["state"], "Completed", "{ticket}");
        assert!(ticket["reason"].as_str().is_some_and(|reason| reason.contains(word)), "{ticket}");
    }
    for name in ["W-0003", "W-0004"] {
        let ticket = &all[name];
        assert_eq!(ticket["state"], "Error", "{ticket}");
        assert!(ticket["reason"].as_str().is_some_and(|reason| reason.contains("TB0308")), "{ticket}");
        // Never made again, whatever an operator does.
        place.good(&["tickets", "retry", ticket["id"].as_str().expect("an id")]).await;
    }
    until("the retried are in Error again", async || {
        let states = bridge.states().await;
        (states.get("Error") == Some(&2)).then_some(())
    })
    .await;
    assert_eq!(all["W-0005"]["state"], "Completed");
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.tickets, stats.work_orders, stats.duplicates.total), (3, 5, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_closed_before_its_note_is_made_anew() {
    let sandbox = sandbox(1).await;
    let numbers = seed(&sandbox, vec![older("SNR|N-0001", None), older("SNR|N-0002", None), older("SNR|N-0003", None)]);
    faults(&sandbox, [Rule::from(Knob::ClosedTicketRefused {}), Rule::from(Knob::Forbidden {}).on("add_notes")]);
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("N", 3)).await;
    until("all are to be noted", async || {
        (bridge.states().await.get("AddingNote") == Some(&3)
            && sandbox.sfyc_stats().traffic.requests(&["add_notes"]) > 0)
            .then_some(())
    })
    .await;
    operate(&sandbox, &numbers[0], &OperatorAct::Resolve {});
    operate(&sandbox, &numbers[1], &OperatorAct::Delete {});
    sandbox.clear_faults();
    faults(&sandbox, [Rule::from(Knob::ClosedTicketRefused {})]);
    let all = bridge.completed(3).await;
    let created: BTreeMap<&str, bool> =
        all.iter().map(|(name, ticket)| (name.as_str(), ticket["created"] == true)).collect();
    assert_eq!(created, BTreeMap::from([("N-0001", true), ("N-0002", true), ("N-0003", false)]));
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.notes, stats.linked, stats.duplicates.total), (1, 2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_order_of_an_earlier_closed_ticket_of_the_same_key_is_not_taken() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, quick());
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("OT", 5)).await;
    let first = bridge.completed(5).await;
    for ticket in first.values() {
        operate(&sandbox, ticket["ticket_number"].as_str().expect("a number"), &OperatorAct::Close {});
    }
    // Their successors' work orders have to be looked for.
    let stall = Rule::from(Knob::CommitThenStall { answer_after_ms: None }).on("create_work_orders").times(1);
    let lost = Rule::from(Knob::ResetBeforeCommit { after_ms: 0 }).on("create_work_orders").times(1);
    faults(&sandbox, [stall, lost]);
    bridge.send(&again("OT", "again", 5)).await;
    let all = bridge.completed(10).await;
    for (name, ticket) in &first {
        let successor = &all[&format!("{name}-again")];
        assert_eq!(successor["created"], true, "a closed ticket is no match: {successor}");
        assert_ne!(successor["ticket_number"], ticket["ticket_number"]);
        assert_ne!(successor["ot_number"], ticket["ot_number"]);
    }
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.tickets, stats.open_tickets, stats.work_orders, stats.linked), (10, 5, 10, 10));
    assert_eq!(stats.duplicates.total, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_opened_before_us_are_adopted_by_their_title() {
    let sandbox = sandbox(1).await;
    let by_hand = |title: &str| {
        let mut seed = older("SNR|", None);
        seed.external_ref = None;
        seed.title = Some(title.to_owned());
        seed
    };
    let numbers = seed(&sandbox, vec![by_hand("SNR bajo - AD-0001"), by_hand("lunch"), by_hand("SNR bajo - AD-0003")]);
    let adopt = r#"[platforms.sfyc.ticket]
adopt = '''(.title // "") | capture("^SNR bajo - (?<group>AD-[0-9]+)") | "SNR|" + .group'''"#;
    let place = Place::on(&sandbox, Settings { platform: String::from(adopt), ..Settings::default() });
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("AD", 3)).await;
    let all = bridge.completed(3).await;
    assert_eq!(all["AD-0001"]["ticket_number"], numbers[0].as_str());
    assert_eq!(all["AD-0002"]["created"], true);
    assert_eq!(all["AD-0003"]["ticket_number"], numbers[2].as_str());
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.tickets, stats.notes), (4, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_change_with_requests_in_flight_send_nothing_twice() {
    let sandbox = sandbox(1).await;
    faults(&sandbox, [Rule::from(Knob::AnswerDelay { ms: 20, max_ms: Some(80) })]);
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("RELOAD", 150)).await;
    for round in 0..12_u32 {
        let change =
            json!({"processing": round % 2 == 1, "max_tickets_per_request": 1 + round * 3, "max_retries": round});
        let reply = bridge.call(Method::PATCH, "/api/v1/backends/be-1", Some(&change)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        if round % 2 == 1 {
            let before = writes(&sandbox.sfyc_stats());
            until("work goes on", async || {
                let stats = sandbox.sfyc_stats();
                (writes(&stats) > before || stats.linked == 150).then_some(())
            })
            .await;
        }
    }
    bridge.completed(150).await;
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.tickets, stats.linked, stats.duplicates.total), (150, 150, 0));
    assert!(stats.traffic.operations["create_tickets"].largest_batch <= 50);
}
