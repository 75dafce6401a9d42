//! Leases, strict mode, failed tickets, the skip list, and a run that is asked to stop.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use ticketbridge_core::mobile::{Counters, RunResult};
use ticketbridge_core::time::Wall;
use ticketbridge_sandbox::faults::{Knob, Rule};
use ticketbridge_sandbox::tixngo::play::PlaySettings;
use ticketbridge_store::{BeginAnswer, BeginRun, FeedbackStore, OpenMode, RunEnd, SqliteStore, Trigger};
use uuid::Uuid;

use super::stage::{ORGANIZER, Stage, item};
use crate::cli::snapshot;
use crate::place::{signal, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_run_is_refused_while_the_first_has_the_lease() {
    let stage = Stage::with("").await;
    stage.json(0, &["run", ORGANIZER]).await;
    let asked = stage.asked();
    let store = SqliteStore::open(&stage.place.store(), OpenMode::Command).expect("the store").store;
    let begin = BeginRun {
        organizer: ORGANIZER.into(),
        internal_name: "another process".into(),
        trigger: Trigger::Manual,
        holder: Uuid::from_u128(7),
        time_to_live: Duration::from_hours(1),
        at: Wall(1),
    };
    let BeginAnswer::Begun(grant) = store.begin_run(begin).await.expect("an answer") else { panic!("it is free") };
    let ended = stage.run(&["run", ORGANIZER]).await;
    ended.says(5, &[&format!("run {} of organizer `{ORGANIZER}` is in progress", grant.fence.run.0)]);
    let report = stage.json(5, &["run", ORGANIZER]).await;
    assert_eq!(report["result"], "REFUSED");
    stage.run(&["cursor", "rewind", ORGANIZER, "--to-start", "--preview"]).await.says(5, &["is in progress"]);
    stage.run(&["cursor", "rewind", ORGANIZER, "--to-start", "--yes"]).await.says(1, &["is in progress"]);
    let functions = stage.json(0, &["list"]).await;
    assert_eq!(functions[0]["lease"]["run"], grant.fence.run.0, "{functions}");
    assert_eq!(stage.asked(), asked, "who is refused calls nobody");
    let end = RunEnd { at: Wall(2), result: RunResult::Ok, error: None, text: None, counters: Counters::default() };
    store.end_run(&grant.fence, end).await.expect("an answer");
    stage.json(0, &["run", ORGANIZER]).await;
    stage.never_said(&["sandbox-only"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_strict_mode_a_failed_ticket_stops_the_run_until_it_is_skipped() {
    let stage = Stage::with("continue_on_sync_error = false").await;
    stage.know(&["B1", "C1"]).await;
    stage
        .change(json!([
            item("B1", "INJECTED", "2026-05-04T08:00:00Z"),
            item("A1", "INJECTED", "2026-05-04T08:01:00Z"),
            item("C1", "INJECTED", "2026-05-04T08:02:00Z"),
        ]))
        .await;
    for _ in 0..2 {
        let ended = stage.run(&["run", ORGANIZER]).await;
        ended.says(4, &["feedback skip org-1 --add id:TICKET"]);
        assert_eq!(stage.sandbox.s360_stats().mobile_tickets, 1, "only what stands before it");
    }
    let failed = stage.json(0, &["failed", ORGANIZER]).await;
    assert_eq!((&failed["items"][0]["ticket_id"], &failed["items"][0]["blocking"]), (&json!("A1"), &json!(true)));
    for bad in ["", "a,b", "id:"] {
        stage.run(&["skip", ORGANIZER, "--add", bad]).await.says(1, &["no entry of a skip list"]);
    }
    let list = stage.json(0, &["skip", ORGANIZER, "--add", "id:A1"]).await;
    assert_eq!(list, json!({"added": 1, "removed": 0, "items": [{"entry": "id:A1", "from": "operator"}]}));
    let report = stage.json(0, &["run", ORGANIZER]).await;
    assert_eq!((&report["counters"]["skipped"], &report["counters"]["updated"]), (&json!(1), &json!(1)));
    assert_eq!(stage.sandbox.s360_stats().mobile_tickets, 2);
    let list = stage.json(0, &["skip", ORGANIZER, "--remove", "id:A1"]).await;
    assert_eq!(list, json!({"added": 0, "removed": 1, "items": []}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_tickets_are_listed_retried_and_dismissed() {
    let stage = Stage::with("skip_tickets = \"123, id:X\"").await;
    stage
        .change(json!(
            [item("A1", "INJECTED", "2026-05-04T08:00:00Z"), item("B1", "INJECTED", "2026-05-04T08:01:00Z"),]
        ))
        .await;
    stage.run(&["run", ORGANIZER]).await.says(3, &["feedback failed org-1"]);
    let failed = stage.json(0, &["failed", ORGANIZER]).await;
    let id = |ticket: &str| {
        let items = failed["items"].as_array().expect("items");
        let found = items.iter().find(|item| item["ticket_id"] == ticket).expect("the ticket");
        found["id"].as_str().expect("an id").to_owned()
    };
    stage.run(&["failed", ORGANIZER, "--retry", "A1"]).await.says(1, &["PAGE:POSITION"]);
    assert_eq!(stage.json(0, &["failed", ORGANIZER, "--retry", "99:0"]).await["changed"], 0);
    stage.know(&["A1"]).await;
    assert_eq!(stage.json(0, &["failed", ORGANIZER, "--retry", &id("A1")]).await["changed"], 1);
    let report = stage.json(0, &["run", ORGANIZER]).await;
    assert_eq!(report["counters"]["updated"], 1);
    assert_eq!(stage.sandbox.s360_stats().mobile_tickets, 1);
    assert_eq!(stage.json(0, &["failed", ORGANIZER, "--dismiss", &id("B1")]).await["changed"], 1);
    assert_eq!(stage.json(0, &["failed", ORGANIZER]).await["items"], json!([]));
    assert_eq!(stage.json(0, &["failed", ORGANIZER, "--retry-all"]).await["changed"], 0);
    let list = stage.run(&["skip", ORGANIZER, "--add", "77"]).await;
    assert_eq!(list.code, 0);
    for line in ["123", "configuration", "77", "operator"] {
        assert!(list.stdout.contains(line), "{}", list.stdout);
    }
    stage.run(&["skip", ORGANIZER, "--remove", "id:X"]).await.says(1, &["skip_tickets", "configuration"]);
    stage.run(&["run", "nobody"]).await.says(1, &["no function is configured for organizer `nobody`", ORGANIZER]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_asked_to_stop_ends_cleanly_and_the_next_goes_on() {
    let stage = Stage::with("batch_size = 1\npages_per_run = 1000").await;
    stage.sandbox.play("DEMO", &PlaySettings::new(3, 400, 0)).expect("a play");
    stage.sandbox.add_s360_fault(Rule::from(Knob::AnswerDelay { ms: 20, max_ms: None })).expect("a rule");
    let mut child = stage.start();
    until("the run works", async || (stage.asked() > 3).then_some(())).await;
    signal(child.id(), "TERM");
    let status = until("the run ends", async || child.try_wait().expect("it is ours")).await;
    assert!(matches!(status.code(), Some(0 | 3)), "{status}");
    let functions = stage.json(0, &["list"]).await;
    let (lease, last) = (&functions[0]["lease"], &functions[0]["last_run"]);
    assert!(lease.is_null(), "the lease was given back: {functions}");
    assert!(last["text"].as_str().is_some_and(|text| text.contains("asked to stop")), "{functions}");
    let done = stage.sandbox.s360_stats().mobile_tickets;
    assert!(done < 400, "it was in the middle");
    stage.sandbox.clear_faults();
    stage.json(0, &["run", ORGANIZER]).await;
    let held = stage.sandbox.s360_stats();
    assert_eq!((held.mobile_tickets, held.duplicates.total), (400, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn platforms_are_checked_without_a_diff_call() {
    let stage = Stage::with("").await;
    let ended = stage.place.good(&["platform", "check"]).await;
    for text in ["s360  reachable, logged in: yes", "tixngo  reachable, logged in: not asked"] {
        assert!(ended.stdout.contains(text), "{}", ended.stdout);
    }
    stage.place.good(&["config", "check"]).await;
    assert_eq!((stage.asked(), stage.written()), (0, 0));
    stage.sandbox.add_s360_fault(Rule::from(Knob::TokenRevoked {})).expect("a rule");
    let ended = stage.place.run(&["platform", "check", "s360"]).await;
    assert_eq!(ended.code, 1, "{ended:#?}");
    assert!(ended.stdout.contains("FAIL  s360"), "{}", ended.stdout);
    let mut command = stage.place.command(&["config", "check"]);
    command.env_remove("SFYC_TOKEN");
    crate::place::run(command).await.says(1, &["platform `s360`", "platform `tixngo`", "SFYC_TOKEN"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_settings_that_cannot_be_used_fail_the_check() {
    let mail = "[mail]\nserver = \"::1\"\nfrom = \"tb@example.org\"\nusername = \"tb\"\npassword = \"env:NOT_THERE\"";
    let stage = Stage::with(mail).await;
    stage.place.run(&["config", "check"]).await.says(1, &["error: mail: ", "NOT_THERE is not set"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_read_of_a_function() {
    let stage = Stage::with("skip_tickets = \"00000025\"").await;
    stage.know(&["B1", "=C1"]).await;
    let items = json!([
        item("A1", "INJECTED", "2026-05-04T08:00:00Z"),
        item("B1", "INJECTED", "2026-05-04T08:01:00Z"),
        item("=C1", "DOWNLOADED", "2026-05-04T08:02:00Z"),
    ]);
    let page = json!({"result": items, "pagination": {"nextPageKey": " key 1+/= "}});
    stage.control(Method::POST, "/tixngo/pages", Some(&json!([page]))).await;
    for (name, arguments) in [
        ("feedback_list_new", &["list"][..]),
        ("feedback_rewind_preview", &["cursor", "rewind", ORGANIZER, "--to-start", "--preview"]),
        ("feedback_run", &["run", ORGANIZER]),
        ("feedback_run_nothing", &["run", ORGANIZER]),
        ("feedback_list", &["list"]),
        ("feedback_list_json", &["list", "--json"]),
        ("feedback_runs", &["runs", ORGANIZER]),
        ("feedback_cursor_show", &["cursor", "show", ORGANIZER]),
        ("feedback_cursor_history", &["cursor", "history", ORGANIZER]),
        ("feedback_rewind_nobody", &["cursor", "rewind", ORGANIZER, "--to-start"]),
        ("feedback_rewind", &["cursor", "rewind", ORGANIZER, "--to-start", "--yes"]),
        ("feedback_rewind_nowhere", &["cursor", "rewind", ORGANIZER]),
        ("feedback_skip", &["skip", ORGANIZER, "--add", "id:A1"]),
        ("feedback_failed", &["failed", ORGANIZER]),
        ("feedback_failed_two_acts", &["failed", ORGANIZER, "--retry-all", "--dismiss", "1:0"]),
        ("feedback_retry", &["failed", ORGANIZER, "--retry-all"]),
        ("feedback_tickets", &["tickets"]),
        ("feedback_tickets_csv", &["tickets", "--csv"]),
        ("feedback_erase", &["erase", "--email", "ann@example.org", "--yes"]),
        ("feedback_unknown", &["run", "nobody"]),
    ] {
        snapshot(&stage.place, name, &stage.run(arguments).await);
    }
    let csv = stage.run(&["tickets", "--csv"]).await.stdout;
    assert!(csv.lines().count() > 1 && csv.split_inclusive('\n').all(|line| line.ends_with("\r\n")), "{csv:?}");
    let first = stage.run(&["tickets", "--limit", "1"]).await;
    assert!(first.stderr.contains("There may be more; add --offset 1."), "{first:#?}");
}
