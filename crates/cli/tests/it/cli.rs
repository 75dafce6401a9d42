//! What the commands print, as snapshots: their texts are read by people and by programs.

use reqwest::Method;
use serde_json::json;
use ticketbridge_sandbox::faults::{Knob, Rule};

use crate::bridge::Bridge;
use crate::place::{Backend, Ended, Place, Settings, binary, faults, older, run, sandbox, seed, tickets, until};

/// An id of nothing.
const NOBODY: &str = "01990000-0000-7000-8000-000000000000";

/// What differs from run to run.
fn filters(place: &Place) -> Vec<(String, &'static str)> {
    vec![
        (place.folder().display().to_string(), "[folder]"),
        (String::from(r"127\.0\.0\.1:\d+"), "[address]"),
        (String::from(r"port = \d+"), "port = [port]"),
        (String::from(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "[id]"),
        (String::from(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "[instant]"),
        (String::from(r"[0-9a-f]{64}"), "[hash]"),
        (String::from(r#""batch": \d+"#), r#""batch": "[batch]""#),
    ]
}

fn shown(ended: &Ended) -> String {
    format!("exit {}\n--- stdout\n{}--- stderr\n{}", ended.code, ended.stdout, ended.stderr)
}

/// What a command printed, as a snapshot.
pub(crate) fn snapshot(place: &Place, name: &str, ended: &Ended) {
    let mut settings = insta::Settings::clone_current();
    for (pattern, replacement) in filters(place) {
        settings.add_filter(&pattern, replacement);
    }
    settings.bind(|| insta::assert_snapshot!(name, shown(ended)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn help_version_and_error_pages() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    for (name, arguments) in
        [("help", &["--help"][..]), ("error_page", &["error", "tb0101"]), ("error_page_unknown", &["error", "TBnone"])]
    {
        snapshot(&place, name, &place.run(arguments).await);
    }
    let nothing = run(binary(place.folder())).await;
    assert_eq!(nothing.code, 2, "{nothing:#?}");
    assert!(nothing.stderr.contains("Usage: ticketbridge"), "{nothing:#?}");
    place.run(&["tickets", "lst"]).await.says(2, &["lst", "list"]);
    let completions = place.good(&["completions", "bash"]).await;
    assert!(!completions.stdout.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_are_listed_shown_retried_dismissed_and_redriven() {
    let sandbox = sandbox(1).await;
    seed(&sandbox, vec![older("SNR|C-0001", None)]);
    let poison = |text: &str| Knob::PoisonItem {
        text: text.to_owned(),
        code: String::from("INVALID_FIELD"),
        message: String::from("the title is not allowed here"),
        retryable: false,
    };
    faults(&sandbox, [Rule::from(poison("C-0003")), Rule::from(poison("C-0004")).on("create_work_orders")]);
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    for ticket in tickets("C", 4) {
        // One after the other, so that their numbers are always the same.
        bridge.send(&[ticket]).await;
        let count = bridge.tickets().await.len();
        bridge.settled(count).await;
    }
    let all = bridge.tickets().await;
    let id = |name: &str| all[name]["id"].as_str().expect("an id").to_owned();
    snapshot(&place, "tickets_list", &place.run(&["tickets", "list"]).await);
    snapshot(
        &place,
        "tickets_list_filtered",
        &place.run(&["tickets", "list", "--state", "Error", "--text", "C-0003", "--json"]).await,
    );
    snapshot(&place, "tickets_list_bad_state", &place.run(&["tickets", "list", "--state", "Lost"]).await);
    snapshot(&place, "tickets_show_created", &place.run(&["tickets", "show", &id("C-0002")]).await);
    snapshot(&place, "tickets_show_noted", &place.run(&["tickets", "show", &id("C-0001"), "--json"]).await);
    snapshot(&place, "tickets_show_error", &place.run(&["tickets", "show", &id("C-0003")]).await);
    snapshot(&place, "tickets_show_unknown", &place.run(&["tickets", "show", NOBODY]).await);
    snapshot(&place, "tickets_show_no_id", &place.run(&["tickets", "show", "SNR|C-0001"]).await);
    snapshot(&place, "tickets_retry_completed", &place.run(&["tickets", "retry", &id("C-0002")]).await);
    snapshot(&place, "tickets_retry_unknown", &place.run(&["tickets", "retry", NOBODY]).await);
    snapshot(
        &place,
        "tickets_dismiss_completed",
        &place.run(&["tickets", "dismiss", &id("C-0001"), "--reason", "no need"]).await,
    );
    snapshot(
        &place,
        "tickets_dismiss_no_reason",
        &place.run(&["tickets", "dismiss", &id("C-0003"), "--reason", " "]).await,
    );
    snapshot(&place, "tickets_redrive_dry", &place.run(&["tickets", "redrive", "--dry-run"]).await);
    assert_eq!(bridge.states().await["Error"], 2, "nothing of this changed anything");

    // The platform takes it now.
    sandbox.clear_faults();
    snapshot(&place, "tickets_dismiss", &place.run(&["tickets", "dismiss", &id("C-0003"), "--reason", "a test"]).await);
    snapshot(&place, "tickets_redrive", &place.run(&["tickets", "redrive"]).await);
    until("the redriven completes", async || (bridge.tickets().await["C-0004"]["state"] == "Completed").then_some(()))
        .await;
    assert_eq!(bridge.tickets().await["C-0003"]["state"], "Dismissed");
    snapshot(&place, "tickets_show_redriven", &place.run(&["tickets", "show", &id("C-0004")]).await);
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.tickets, stats.linked, stats.notes, stats.duplicates.total), (3, 2, 1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backends_are_listed_and_set() {
    let sandbox = sandbox(1).await;
    let backends = vec![
        Backend { name: "be-1", max_retries: 3, max_tickets_per_request: 50, ..Backend::default() },
        Backend { name: "be-2", max_retries: 5, max_tickets_per_request: 7, ..Backend::default() },
    ];
    let place = Place::on(&sandbox, Settings { backends, ..Settings::default() });
    snapshot(&place, "backends_list", &place.run(&["backends", "list"]).await);
    for (name, settings) in [
        ("backends_set_bad_value", &["processing=maybe"][..]),
        ("backends_set_out_of_range", &["max_retries=1000"]),
        ("backends_set_zero", &["max_tickets_per_request=0"]),
        ("backends_set_unknown_key", &["colour=red"]),
        ("backends_set_no_value", &["processing"]),
        ("backends_set_one_good_one_bad", &["max_retries=1", "max_tickets_per_request=many"]),
    ] {
        let arguments: Vec<&str> = ["backends", "set", "be-1"].iter().chain(settings).copied().collect();
        snapshot(&place, name, &place.run(&arguments).await);
    }
    snapshot(&place, "backends_set_unknown", &place.run(&["backends", "set", "be-9", "processing=false"]).await);
    let list = place.good(&["backends", "list", "--json"]).await.json();
    assert!(list.as_array().expect("a list").iter().all(|backend| backend["changed"] == json!([])), "{list}");
    snapshot(
        &place,
        "backends_set",
        &place.run(&["backends", "set", "be-2", "processing=false", "max_retries=0"]).await,
    );
    snapshot(&place, "backends_list_changed", &place.run(&["backends", "list", "--json"]).await);
    // The API refuses the same.
    let bridge = Bridge::start(&place).await;
    for (name, change, status) in [
        ("be-9", json!({"processing": false}), 404),
        ("be-1", json!({"processing": "maybe"}), 400),
        ("be-1", json!({"max_retries": -1}), 400),
        ("be-1", json!({"colour": "red"}), 400),
    ] {
        let reply = bridge.call(Method::PATCH, &format!("/api/v1/backends/{name}"), Some(&change)).await;
        assert_eq!(reply.status, status, "{change}: {}", reply.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn platforms_connectors_and_configurations_are_checked() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    snapshot(&place, "platform_check", &place.run(&["platform", "check"]).await);
    snapshot(&place, "platform_check_unknown", &place.run(&["platform", "check", "nowhere"]).await);
    snapshot(&place, "platform_accept_loss_unknown", &place.run(&["platform", "accept-loss", "nowhere"]).await);
    snapshot(&place, "platform_accept_loss_nothing", &place.run(&["platform", "accept-loss", "sfyc"]).await);
    snapshot(&place, "connector_check", &place.run(&["connector", "check", "builtin:sfyc"]).await);
    let against = format!("http://{}/sfyc", sandbox.address());
    // The key that cannot exist is drawn anew each time: no snapshot.
    let live = ["connector", "check", "builtin:sfyc", "--against", &against, "--token", "env:SFYC_TOKEN", "--json"];
    let report = place.good(&live).await.json();
    let reads = report["remote"].as_array().expect("reads");
    assert!(reads.len() == 5 && reads.iter().all(|read| read["status"] == 200), "{report:#}");
    let unreached = place.run(&["connector", "check", "builtin:sfyc", "--against", "http://127.0.0.1:9/sfyc"]).await;
    assert_eq!(unreached.code, 1, "{unreached:#?}");
    snapshot(&place, "connector_check_unknown", &place.run(&["connector", "check", "builtin:nothing"]).await);
    snapshot(&place, "config_check", &place.run(&["config", "check"]).await);
    snapshot(&place, "config_show", &place.run(&["config", "show"]).await);
    let default = place.good(&["config", "show", "--default"]).await.stdout;
    assert!(default.contains("[[backends]]") && default.contains("max_tickets_per_request"));
    assert!(!place.good(&["config", "show"]).await.stdout.contains("sandbox-only"), "secrets stay references");
    faults(&sandbox, [Rule::from(Knob::TokenRevoked {})]);
    snapshot(&place, "platform_check_refused", &place.run(&["platform", "check"]).await);
    let mut command = place.command(&["config", "check"]);
    command.env_remove("SFYC_TOKEN");
    snapshot(&place, "config_check_no_token", &run(command).await);
    snapshot(
        &place,
        "config_missing",
        &run({
            let mut command = binary(place.folder());
            command.args(["-c", "nowhere.toml", "serve"]);
            command
        })
        .await,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_simulation_survives_with_the_configuration_and_without_one() {
    let sandbox = sandbox(1).await;
    let backends = vec![Backend { tickets: "cherwell", ..Backend::default() }];
    let usual = |text| Settings {
        in_doubt_for: "30s",
        settling_time: "5s",
        retry_initial: "1s",
        retry_max: text,
        ..Settings::default()
    };
    let place = Place::on(&sandbox, Settings { backends, ..usual("20s") });
    let arguments = ["simulate", "--seed", "7", "--seeds", "6", "--json"];
    let first = place.good(&arguments).await;
    let seen = first.json();
    assert_eq!((&seen["seeds"], &seen["failed"]), (&json!(6), &json!(0)), "{seen}");
    assert!(seen["tickets"].as_u64() > Some(0) && seen["requests"].as_u64() > Some(0), "{seen}");
    let again = place.good(&[&arguments[..], &["--threads", "1"]].concat()).await;
    assert_eq!(first.stdout, again.stdout, "the same seeds tell the same, on however many threads");
    let generated = place.good(&["simulate", "--seeds", "3", "--generated"]).await;
    assert!(generated.stdout.contains("No invariant was broken"), "{}", generated.stdout);
    place.run(&["simulate", "--seeds", "0"]).await.says(1, &["--seeds"]);
    assert!(sandbox.cherwell_stats().traffic.operations.is_empty(), "nothing is sent anywhere");
}
