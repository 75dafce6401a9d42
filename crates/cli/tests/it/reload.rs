//! The configuration is replaced while tickets flow: nothing is lost, nothing is made twice, and what is refused
//! changes nothing.

use reqwest::Method;
use serde_json::{Value, json};
use ticketbridge_sandbox::faults::{Knob, Rule};

use crate::bridge::Bridge;
use crate::place::{Backend, Place, Settings, faults, sandbox, say, tickets, until, writes};
use crate::recorder::check_replay;
use crate::scene::{Layout, Scene};

/// Tickets of a run.
const TICKETS: usize = 500;
/// What the log says of a reload that holds.
const APPLIED: &str = "result=\"applied\"";
/// What it says of one that does not.
const NOT_RELOADED: &str = "Configuration not reloaded";

/// How often a text was said.
fn said(bridge: &Bridge, text: &str) -> usize {
    bridge.log().matches(text).count()
}

/// Writes the configuration, asks for a reload with SIGHUP, and waits until it holds.
async fn hang_up(place: &Place, bridge: &Bridge) {
    place.write_config();
    let (before, refused) = (said(bridge, APPLIED), said(bridge, NOT_RELOADED));
    bridge.signal("HUP");
    until("the configuration is reloaded", async || {
        assert_eq!(said(bridge, NOT_RELOADED), refused, "{}", bridge.log());
        (said(bridge, APPLIED) > before).then_some(())
    })
    .await;
}

/// Asks for a reload over the API.
async fn post(bridge: &Bridge) -> (u16, Value) {
    let reply = bridge.call(Method::POST, "/api/v1/config/reload", None).await;
    (reply.status, reply.body)
}

/// The keys of changes in an answer.
fn keys(changes: &Value) -> Vec<&str> {
    changes.as_array().expect("a list").iter().map(|change| change["key"].as_str().expect("a key")).collect()
}

fn backend(name: &'static str, of: &Settings) -> Backend {
    let Backend { tickets, work_orders, .. } = of.backends[0];
    Backend { name, tickets, work_orders, max_retries: 10, max_tickets_per_request: 11 }
}

/// What is changed, one after the other, while tickets flow.
const STEPS: [fn(&mut Settings); 7] = [
    |settings| settings.backends[0].max_tickets_per_request = 3,
    |settings| settings.platform = String::from("max_in_flight = 2"),
    |settings| settings.request_timeout = "450ms",
    |settings| settings.backends.retain(|backend| backend.name != "be-2"),
    |settings| settings.backends.push(backend("be-9", settings)),
    |settings| {
        settings.platform = String::from("max_in_flight = 16");
        settings.retry_max = "400ms";
    },
    |settings| {
        settings.request_timeout = "300ms";
        settings.delivery = String::from("match_ttl = \"30s\"");
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_amid_500_flowing_tickets_on_sfyc_lose_and_double_nothing() {
    reloaded_amid_a_flow(Layout::Sfyc).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_amid_500_flowing_tickets_of_the_usual_pair_lose_and_double_nothing() {
    reloaded_amid_a_flow(Layout::Pair).await;
}

async fn reloaded_amid_a_flow(layout: Layout) {
    let scene = Scene::new(layout, "RELOAD", TICKETS).await;
    scene.rough();
    let mut place = Place::on(&scene.sandbox, scene.settings());
    let recording = place.folder().join("flight.jsonl");
    let mut command = place.command(&["serve", "--flight-recorder"]);
    command.arg(&recording);
    let bridge = Bridge::start_command(command).await;
    let all = scene.tickets();
    let portions: Vec<&[Value]> = all.chunks(TICKETS.div_ceil(STEPS.len() + 1)).collect();
    let mut in_flow = 0;
    for (number, portion) in portions.iter().enumerate() {
        let before = scene.requests();
        bridge.send(portion).await;
        until("work has begun", async || (scene.requests() > before + 5).then_some(())).await;
        let Some(step) = STEPS.get(number) else { break };
        step(&mut place.settings);
        in_flow += usize::from(scene.effects() < number * portion.len() + portion.len());
        hang_up(&place, &bridge).await;
        if number == 3 {
            mistakes_change_nothing(&place, &bridge).await;
        }
    }
    scene.check(&bridge).await;
    scene.check_shown(&place, &bridge).await;
    until("the removed backend is gone", async || {
        let backends = bridge.get("/api/v1/backends").await;
        let names: Vec<_> = backends["items"].as_array()?.iter().map(|backend| backend["name"].clone()).collect();
        (names == [json!("be-1"), json!("be-3"), json!("be-9")]).then_some(())
    })
    .await;
    let metrics = bridge.get("/metrics").await;
    let metrics = metrics.as_str().expect("a text");
    assert!(metrics.contains("ticketbridge_config_reloads_total{result=\"applied\"} 7"), "{metrics}");
    assert!(metrics.contains("ticketbridge_config_reloads_total{result=\"invalid\"} 1"), "{metrics}");
    assert!(metrics.contains("ticketbridge_config_last_good_timestamp_seconds 1"), "{metrics}");
    assert!(bridge.stop().await.success());
    check_replay(&recording).await;
    let reloads = STEPS.len();
    let requests = scene.requests();
    say(&format!(
        "{layout:?}: {TICKETS} tickets, {reloads} reloads, {in_flow} of them at work, {requests} requests; 0 lost, 0 doubled"
    ));
}

/// A file with mistakes: all are named, and everything is as before.
async fn mistakes_change_nothing(place: &Place, bridge: &Bridge) {
    let in_force = bridge.get("/api/v1/config").await;
    let text = place
        .text()
        .replace("max_retries = 10", "max_retrys = 10")
        .replace("[workflow]", "[workflow]\nwindow_h = \"x\"");
    std::fs::write(place.config(), text).expect("it is written");
    let before = said(bridge, NOT_RELOADED);
    bridge.signal("HUP");
    until("the reload is refused", async || (said(bridge, NOT_RELOADED) > before).then_some(())).await;
    let log = bridge.log();
    for mistake in ["max_retrys", "workflow.window_h", "TB0001"] {
        assert!(log.contains(mistake), "{mistake}: {log}");
    }
    assert_eq!(bridge.get("/api/v1/config").await, in_force);
    place.write_config();
    let (status, answer) = post(bridge).await;
    assert_eq!((status, &answer["applied"]), (200, &json!(false)), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_that_is_read_otherwise_changes_over_amid_500_flowing_tickets() {
    let scene = Scene::new(Layout::Sfyc, "READ", TICKETS).await;
    faults(&scene.sandbox, [Rule::from(Knob::AnswerDelay { ms: 5, max_ms: Some(40) })]);
    let mut place = Place::on(&scene.sandbox, Settings { request_timeout: "10s", ..scene.settings() });
    let connector = place.folder().join("mine.toml");
    let source = ticketbridge_platforms::connector::read_source("builtin:sfyc").expect("it ships");
    std::fs::write(&connector, &source).expect("it is written");
    place.settings.connector = connector.display().to_string();
    place.write_config();
    let bridge = Bridge::start(&place).await;
    bridge.send(&scene.tickets()).await;
    let done = |part: usize| {
        let scene = &scene;
        until("a part is done", async move || (scene.effects() >= TICKETS * part / 8).then_some(()))
    };
    done(1).await;
    std::fs::write(&connector, format!("{source}\n# Newer.\n")).expect("it is written");
    let (status, answer) = post(&bridge).await;
    assert_eq!((status, keys(&answer["changes"])), (200, vec!["platforms.sfyc.file"]), "{answer}");
    done(4).await;
    place.settings.platform = String::from("ticket = { kinds = { OTHER = \"other\" } }");
    hang_up(&place, &bridge).await;
    scene.check(&bridge).await;
    assert!(bridge.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_reload_does_is_answered_shown_before_and_kept_for_the_next_start() {
    let sandbox = sandbox(1).await;
    let mut place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    let quiet = place.good(&["config", "diff"]).await;
    assert!(quiet.stderr.contains("says what is in force since"), "{quiet:#?}");

    place.settings.backends[0].max_retries = 5;
    place.settings.request_timeout = "7s";
    let text = place.text().replace("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:1\"\nshutdown_grace = \"1s\"");
    std::fs::write(place.config(), &text).expect("it is written");
    let wanted =
        ["backends.be-1.max_retries", "platforms.sfyc.timeouts.request", "server.listen", "server.shutdown_grace"];
    let diff = place.good(&["config", "diff", "--json"]).await.json();
    assert_eq!(keys(&diff["changes"]), wanted);
    let (status, answer) = post(&bridge).await;
    assert_eq!((status, &answer["applied"], keys(&answer["changes"])), (200, &json!(true), wanted.to_vec()));
    assert_eq!(answer["changes"], diff["changes"], "what was said before is what happened");
    let effects: Vec<_> =
        answer["changes"].as_array().expect("a list").iter().map(|change| &change["takes_effect"]).collect();
    assert_eq!(effects, ["reload", "reload", "restart", "restart"]);
    let config = bridge.get("/api/v1/config").await["config"].clone();
    assert_eq!(
        (&config["backends"][0]["max_retries"], &config["server"]["listen"]),
        (&json!(5), &json!("127.0.0.1:0"))
    );
    assert_eq!(config["platforms"]["sfyc"]["token"], "env:SFYC_TOKEN", "references only");
    // What needs a restart is named again, and what holds is not.
    let (_, again) = post(&bridge).await;
    assert_eq!((&again["applied"], keys(&again["changes"])), (&json!(false), wanted[2..].to_vec()));
    assert_eq!(keys(&place.good(&["config", "diff", "--json"]).await.json()["changes"]), wanted[2..]);

    // A file that is gone is a mistake, and no call for the defaults.
    std::fs::remove_file(place.config()).expect("it is there");
    let (status, answer) = post(&bridge).await;
    assert_eq!((status, &answer["code"]), (422, &json!("TB0001")), "{answer}");
    assert_eq!(bridge.get("/api/v1/config").await["config"], config);
    let body = bridge.call(Method::POST, "/api/v1/config/reload", Some(&json!({}))).await;
    assert_eq!(body.status, 400, "{}", body.body);
    assert!(bridge.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_that_becomes_another_system_or_is_read_otherwise_waits_for_what_is_under_way() {
    let sandbox = sandbox(1).await;
    let connector = "builtin:sfyc";
    let mut place =
        Place::on(&sandbox, Settings { in_doubt_for: "3s", request_timeout: "300ms", ..Settings::default() });
    assert_eq!(place.settings.connector, connector);
    let bridge = Bridge::start(&place).await;
    // One create has its effect and no answer, and nobody can tell until look-ups are answered again.
    faults(&sandbox, [Rule::from(Knob::CommitThenStall { answer_after_ms: None }).on("create_tickets").times(1)]);
    faults(&sandbox, [Rule::from(Knob::ServerError { status: 503, effect: false }).on("find_tickets")]);
    bridge.send(&tickets("UNDER", 1)).await;
    until("it is in doubt", async || {
        let metrics = bridge.get("/metrics").await;
        metrics.as_str()?.contains("ticketbridge_tickets_waiting{what=\"in doubt\"} 1").then_some(())
    })
    .await;
    let before = bridge.get("/api/v1/config").await;

    // Read otherwise: the look-up would ask in another way.
    place.settings.platform = String::from("ticket = { kinds = { SNR = \"snr\" } }");
    place.write_config();
    let (status, answer) = post(&bridge).await;
    assert_eq!((status, &answer["code"]), (409, &json!("TB0003")), "{answer}");
    let detail = answer["detail"].as_str().expect("a detail");
    assert!(detail.contains("platform `sfyc`") && detail.contains("1 ticket"), "{detail}");

    // Another system: numbers and look-ups would go there.
    place.settings.platform = String::new();
    let text = place.text().replace("base_path = \"/sfyc\"", "base_path = \"/other\"");
    std::fs::write(place.config(), &text).expect("it is written");
    let (status, answer) = post(&bridge).await;
    assert_eq!((status, &answer["code"]), (409, &json!("TB0003")), "{answer}");
    assert!(answer["detail"].as_str().expect("a detail").contains("another system"), "{answer}");
    assert_eq!(bridge.get("/api/v1/config").await, before, "nothing was changed");

    // A login, a limit, a time-out never wait.
    place.settings.request_timeout = "2s";
    place.write_config();
    let (status, answer) = post(&bridge).await;
    assert_eq!((status, &answer["applied"]), (200, &json!(true)), "{answer}");
    sandbox.clear_faults();
    bridge.completed(1).await;
    let there = sandbox.sfyc_stats();
    assert_eq!((there.tickets, there.duplicates.total, there.traffic.requests(&["create_tickets"])), (1, 0, 1));

    // Done: now it may be another one.
    std::fs::write(place.config(), place.text().replace("base_path = \"/sfyc\"", "base_path = \"/other\""))
        .expect("written");
    let (status, answer) = post(&bridge).await;
    assert_eq!((status, &answer["applied"]), (200, &json!(true)), "{answer}");
    assert!(bridge.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_and_its_platform_that_are_taken_out_finish_their_tickets_even_after_a_restart() {
    let scene = Scene::new(Layout::Pair, "DRAIN", 40).await;
    let mut place = Place::on(&scene.sandbox, scene.settings());
    let bridge = Bridge::start(&place).await;
    // Slow enough to be in the middle when the file changes.
    faults(&scene.sandbox, [Rule::from(Knob::AnswerDelay { ms: 150, max_ms: None })]);
    bridge.send(&scene.tickets()).await;
    until("work has begun", async || (writes(&scene.sandbox.sfyc_stats()) > 0).then_some(())).await;
    // All on SFyC from now on; Cherwell and its backends are not in the file any more.
    let only = Backend { name: "be-sfyc", ..Backend::default() };
    place.settings.backends = vec![only];
    hang_up(&place, &bridge).await;
    let config = bridge.get("/api/v1/config").await["config"].clone();
    assert!(config["platforms"]["cherwell"].is_object(), "it is kept while it is needed");
    let states: Vec<_> =
        config["backends"].as_array().expect("a list").iter().map(|backend| backend["state"].clone()).collect();
    assert_eq!(states, ["active", "draining", "draining", "draining"]);
    assert!(!bridge.states().await.iter().all(|(state, _)| state == "Completed"), "some are left");
    bridge.kill();

    let bridge = Bridge::start(&place).await;
    bridge.logs("it finishes its tickets and takes no new ones").await;
    let before = scene.sandbox.cherwell_stats().tickets;
    bridge.send(&tickets("LATER", 5)).await;
    bridge.completed(45).await;
    let (sfyc, cherwell) = (scene.sandbox.sfyc_stats(), scene.sandbox.cherwell_stats());
    assert_eq!((cherwell.tickets, sfyc.tickets), (40, 5), "{before} on Cherwell at the restart");
    assert_eq!((sfyc.duplicates.total, cherwell.duplicates.total), (0, 0));
    until("they are gone", async || {
        let config = bridge.get("/api/v1/config").await;
        let config = &config["config"];
        (config["backends"].as_array()?.len() == 1 && config["platforms"]["cherwell"].is_null()).then_some(())
    })
    .await;
    let (code, answer) = post(&bridge).await;
    assert_eq!((code, &answer["applied"], keys(&answer["changes"])), (200, &json!(false), vec![]), "{answer}");
    assert!(bridge.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_token_of_a_platform_is_taken_without_a_restart_and_a_bad_platform_refuses_the_whole() {
    let sandbox = sandbox(1).await;
    let mut place = Place::on(&sandbox, Settings::default());
    let secret = place.folder().join("token");
    place.settings.token = format!("file:{}", secret.display());
    place.write_config();
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("TOKEN", 3)).await;
    bridge.readiness("degraded").await;
    // One that was missing is taken, too: first a wrong one.
    std::fs::write(&secret, "wrong").expect("it is written");
    let (status, answer) = post(&bridge).await;
    assert_eq!((status, keys(&answer["changes"])), (200, vec!["platforms.sfyc.token"]), "{answer}");
    assert_eq!(answer["applied"], true, "{answer}");
    std::fs::write(&secret, ticketbridge_sandbox::TOKEN).expect("it is written");
    let (status, answer) = post(&bridge).await;
    assert_eq!((status, keys(&answer["changes"])), (200, vec!["platforms.sfyc.token"]), "{answer}");
    assert!(!answer.to_string().contains(ticketbridge_sandbox::TOKEN), "{answer}");
    bridge.completed(3).await;

    place.settings.connector = String::from("not/there.toml");
    place.settings.backends[0].max_retries = 9;
    place.write_config();
    let (status, answer) = post(&bridge).await;
    assert_eq!((status, &answer["code"]), (409, &json!("TB0003")), "{answer}");
    assert!(answer["detail"].as_str().expect("a detail").contains("not/there.toml"), "{answer}");
    assert_eq!(bridge.get("/api/v1/backends/be-1").await["max_retries"], 3, "all or nothing");

    place.settings.connector = String::from("builtin:sfyc");
    place.settings.backends[0].tickets = "cherwell";
    place.write_config();
    let (status, answer) = post(&bridge).await;
    assert_eq!((status, &answer["code"]), (409, &json!("TB0003")), "{answer}");
    assert!(answer["detail"].as_str().expect("a detail").contains("backends.be-1.tickets"), "{answer}");
    bridge.send(&tickets("AFTER", 3)).await;
    bridge.completed(6).await;
    assert!(bridge.stop().await.success());
}

/// What a backup is taken for.
enum First {
    /// The first process dies right after it.
    Dies,
    /// It goes on to the end: the backup knows less than the platforms.
    GoesOn,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_amid_500_flowing_tickets_completes_without_doubles_after_a_crash() {
    restored(First::Dies).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_amid_500_flowing_tickets_completes_without_doubles_when_the_first_went_on() {
    restored(First::GoesOn).await;
}

async fn restored(first: First) {
    let scene = Scene::with_origins(Layout::Sfyc, "BACKUP", TICKETS).await;
    scene.rough();
    let mut place = Place::on(&scene.sandbox, scene.settings());
    let bridge = Bridge::start(&place).await;
    bridge.send(&scene.tickets()).await;
    until("a part is done", async || (scene.effects() >= TICKETS / 5).then_some(())).await;
    let backup = place.folder().join("backup.db");
    place.good(&["store", "backup", backup.to_str().expect("a name")]).await;
    let at_backup = scene.effects();
    assert!(at_backup < TICKETS, "it was taken in the middle");
    match first {
        First::Dies => bridge.kill(),
        First::GoesOn => {
            scene.check(&bridge).await;
            assert!(bridge.stop().await.success());
        }
    }
    let before = scene.requests();
    place.settings.store = Some(format!("sqlite://{}", backup.display()));
    place.write_config();
    let bridge = Bridge::start(&place).await;
    bridge.logs("TB0107").await;
    scene.check_effects(&bridge).await;
    bridge.logs("All open tickets of the restored or copied store were looked up").await;
    let more = scene.requests() - before;
    say(&format!(
        "{at_backup} of {TICKETS} done at the backup; {more} requests of the restored store; 0 lost, 0 doubled"
    ));
    assert!(bridge.stop().await.success());
    // It knows now what it had forgotten: another start is an ordinary one.
    let bridge = Bridge::start(&place).await;
    assert!(!bridge.log().contains("TB0107"), "{}", bridge.log());
    bridge.completed(TICKETS).await;
    assert!(bridge.stop().await.success());
}
