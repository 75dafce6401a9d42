//! Before go-live: what a plan says is what `apply` does, and nothing else.

use std::path::Path;

use serde_json::{Value, json};
use ticketbridge_sandbox::cherwell;
use ticketbridge_sandbox::faults::{Knob, Rule};
use ticketbridge_sandbox::sfyc::OperatorAct;

use crate::bridge::Bridge;
use crate::cli::snapshot;
use crate::place::{
    Backend, Ended, Place, Settings, faults, older, operate, sandbox, seed, ticket, tickets, until, writes,
};

/// Derives a key from a title.
const ADOPT: &str = r#"[platforms.sfyc.ticket]
adopt = '''(.title // "") | capture("^SNR bajo - (?<group>PL-[0-9]+)") | "SNR|" + .group'''"#;

fn adopting(max_tickets_per_request: u32) -> Settings {
    let backends = vec![Backend { max_tickets_per_request, ..Backend::default() }];
    Settings { backends, platform: String::from(ADOPT), ..Settings::default() }
}

/// Hands tickets over while processing is off.
async fn receive(place: &Place, tickets: &[Value]) {
    place.good(&["backends", "set", "be-1", "processing=false"]).await;
    let bridge = Bridge::start(place).await;
    bridge.send(tickets).await;
    assert!(bridge.stop().await.success());
}

/// A second message about a group.
fn again(name: &str) -> Value {
    let mut second = ticket(name);
    second["message_id"] = json!(format!("{name}-again"));
    second
}

/// A plan, and what it says of each key, in order.
async fn plan(place: &Place) -> (Value, Vec<(String, String, String)>) {
    let plan = place.good(&["plan", "--json"]).await.json();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let said = plan["tickets"].as_array().expect("tickets").iter();
    let said = said.map(|one| (text(&one["dedupe_key"]), text(&one["verdict"]), text(&one["ticket"]["number"])));
    let said = said.collect();
    (plan, said)
}

async fn apply(place: &Place, plan: &Value, more: &[&str]) -> Ended {
    let hash = plan["hash"].as_str().expect("a hash");
    place.run(&[&["apply", "--json", "--plan", hash], more].concat()).await
}

/// What became of each key, in order.
fn fates(applied: &Ended) -> Vec<(String, String)> {
    let applied = applied.json();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let tickets = applied["tickets"].as_array().expect("tickets").iter();
    tickets.map(|one| (text(&one["dedupe_key"]), text(&one["fate"]))).collect()
}

fn pair(key: &str, fate: &str) -> (String, String) {
    (key.to_owned(), fate.to_owned())
}

fn triple(key: &str, verdict: &str, number: &str) -> (String, String, String) {
    (key.to_owned(), verdict.to_owned(), number.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_shows_what_apply_then_does_request_by_request() {
    let sandbox = sandbox(1).await;
    let mut by_hand = older("SNR|", None);
    by_hand.external_ref = None;
    by_hand.title = Some(String::from("SNR bajo - PL-0004 desde ayer"));
    let numbers = seed(
        &sandbox,
        vec![
            older("SNR|PL-0002", Some("another system's")),
            older("SNR|PL-0003", None),
            by_hand,
            older("SNR|PL-0005", None),
            older("SNR|PL-0005", None),
        ],
    );
    operate(&sandbox, &numbers[1], &OperatorAct::Close {});
    let place = Place::on(&sandbox, adopting(2));
    // One of our own, of an earlier time.
    let bridge = Bridge::start(&place).await;
    bridge.send(&[ticket("PL-0006")]).await;
    let own = bridge.completed(1).await["PL-0006"]["ticket_number"].as_str().expect("a number").to_owned();
    assert!(bridge.stop().await.success());
    let mut waiting = tickets("PL", 5);
    waiting.extend([again("PL-0006"), again("PL-0001")]);
    receive(&place, &waiting).await;

    let before = sandbox.sfyc_stats();
    let (planned, said) = plan(&place).await;
    let wanted = [
        triple("SNR|PL-0001", "create", "-"),
        triple("SNR|PL-0002", "note", &numbers[0]),
        triple("SNR|PL-0003", "create", "-"),
        triple("SNR|PL-0004", "note", &numbers[2]),
        triple("SNR|PL-0005", "note", &numbers[3]),
        triple("SNR|PL-0006", "note", &own),
        triple("SNR|PL-0001", "after", "-"),
    ];
    assert_eq!(said, wanted, "{planned:#}");
    let tickets = planned["tickets"].as_array().expect("tickets");
    assert_eq!(tickets[3]["ticket"]["found_by"], "adopt");
    assert_eq!(tickets[4]["ticket"]["others"], json!([numbers[4]]));
    assert_eq!(tickets[5]["ticket"]["ours"], true);
    assert_eq!(tickets[6]["after"], tickets[0]["id"]);
    assert_eq!(tickets[0]["then"], json!(["create_work_order on sfyc", "link_work_order on sfyc"]));
    // Two tickets in a request: one create request, two of notes.
    let requests = planned["requests"].as_array().expect("requests");
    assert_eq!(requests.len(), 3, "{requests:#?}");
    let (planned_again, _) = plan(&place).await;
    assert_eq!(planned_again["hash"], planned["hash"], "the same plan has the same hash");
    let text = place.good(&["plan", "--bodies"]).await;
    snapshot_of_plan(&place, "plan_text", &text, &planned);
    let whole = place.good(&["plan", "--json"]).await;
    snapshot_of_plan(&place, "plan_json", &whole, &planned);
    assert_eq!(writes(&sandbox.sfyc_stats()), writes(&before), "a plan writes nothing");

    apply(&place, &planned, &[]).await.says(3, &[]);
    assert_eq!(writes(&sandbox.sfyc_stats()), writes(&before), "processing is off");
    let applied = apply(&place, &planned, &["--with-processing-off"]).await;
    assert_eq!(applied.code, 0, "{applied:#?}");
    assert!(fates(&applied).iter().all(|(_, fate)| fate == "applied"), "{applied:#?}");
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.duplicates.total, stats.notes, stats.work_orders), (0, 5, 3));

    check_sent(&place, &planned).await;

    // A second time everything is done before, and a plan of nothing says so.
    let applied = apply(&place, &planned, &["--with-processing-off"]).await;
    assert_eq!(applied.code, 0, "{applied:#?}");
    assert!(fates(&applied).iter().all(|(_, fate)| fate == "applied_before"), "{applied:#?}");
    assert_eq!(sandbox.sfyc_stats().notes, 5);
    let nothing = place.good(&["plan"]).await;
    assert!(nothing.stdout.contains("no tickets wait"), "{nothing:#?}");
}

/// What went out at first for each ticket is what was shown, byte by byte.
async fn check_sent(place: &Place, planned: &Value) {
    let with_request = |one: &&Value| one["request"].is_number();
    for one in planned["tickets"].as_array().expect("tickets").iter().filter(with_request) {
        let request = &planned["requests"][one["request"].as_u64().expect("a number") as usize];
        let shown = place.good(&["tickets", "show", one["id"].as_str().expect("an id"), "--json"]).await.json();
        let sent = shown["timeline"].as_array().expect("a timeline").iter().find(|entry| entry["entry"] == "request");
        assert_eq!(sent.expect("a request")["body_hash"], request["body_hash"], "{request:#}");
    }
}

/// With what differs from run to run masked.
fn snapshot_of_plan(place: &Place, name: &str, ended: &Ended, plan: &Value) {
    let hash = plan["hash"].as_str().expect("a hash");
    let stdout = ended.stdout.replace(hash, "[plan hash]");
    snapshot(place, name, &Ended { code: ended.code, stdout, stderr: ended.stderr.clone() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_drifted_is_refused_and_untouched_and_the_rest_is_applied() {
    let sandbox = sandbox(1).await;
    let numbers = seed(&sandbox, vec![older("SNR|PL-0002", None), older("SNR|PL-0003", None)]);
    let place = Place::on(&sandbox, Settings::default());
    let mut waiting = tickets("PL", 6);
    waiting.push(again("PL-0001"));
    receive(&place, &waiting).await;
    let (planned, _) = plan(&place).await;

    // Somebody opens one, closes one, and opens an older one; an operator dismisses one; another one comes in.
    let opened = seed(&sandbox, vec![older("SNR|PL-0001", None)]);
    operate(&sandbox, &numbers[0], &OperatorAct::Close {});
    let dismissed = planned["tickets"][4]["id"].as_str().expect("an id");
    place.good(&["tickets", "dismiss", dismissed, "--reason", "a test"]).await;
    receive(&place, &[ticket("PL-0009")]).await;

    let applied = apply(&place, &planned, &["--with-processing-off"]).await;
    assert_eq!(applied.code, 3, "{applied:#?}");
    let wanted = [
        pair("SNR|PL-0001", "refused"),
        pair("SNR|PL-0002", "refused"),
        pair("SNR|PL-0003", "applied"),
        pair("SNR|PL-0004", "applied"),
        pair("SNR|PL-0005", "refused"),
        pair("SNR|PL-0006", "applied"),
        pair("SNR|PL-0001", "waiting"),
    ];
    assert_eq!(fates(&applied), wanted, "{applied:#?}");
    let said = applied.json();
    assert_eq!(said["tickets"][0]["now"], format!("it would be a note on {}", opened[0]));
    assert_eq!(said["tickets"][1]["now"], "it would be a create");
    assert_eq!(said["tickets"][1]["planned"], format!("note on {}", numbers[0]));
    assert_eq!(said["tickets"][4]["now"], "Dismissed: a test");
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.notes, stats.work_orders, stats.tickets), (1, 2, 5));

    // What was refused is as it was: the next plan takes it up, with the one that came in meanwhile.
    let (planned, said) = plan(&place).await;
    let wanted = [
        triple("SNR|PL-0001", "note", &opened[0]),
        triple("SNR|PL-0002", "create", "-"),
        triple("SNR|PL-0001", "after", "-"),
        triple("SNR|PL-0009", "create", "-"),
    ];
    assert_eq!(said, wanted, "{planned:#}");
    let applied = apply(&place, &planned, &["--with-processing-off"]).await;
    assert_eq!(applied.code, 0, "{applied:#?}");
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.notes, stats.work_orders, stats.tickets, stats.duplicates.total), (3, 4, 7, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_settings_refuse_everything_and_an_unknown_plan_is_no_plan() {
    let sandbox = sandbox(1).await;
    let mut place = Place::on(&sandbox, Settings::default());
    receive(&place, &tickets("PL", 3)).await;
    let (planned, _) = plan(&place).await;
    place.settings.platform = String::from("[platforms.sfyc.ticket]\nconstants = { priority = \"2\" }");
    place.write_config();
    let applied = apply(&place, &planned, &["--with-processing-off"]).await;
    assert_eq!(applied.code, 3, "{applied:#?}");
    assert!(fates(&applied).iter().all(|(_, fate)| fate == "refused"), "{applied:#?}");
    let now = applied.json()["tickets"][0]["now"].as_str().expect("a text").to_owned();
    assert!(now.contains("settings of `be-1`"), "{now}");
    assert_eq!(writes(&sandbox.sfyc_stats()), 0);
    let unknown = place.run(&["apply", "--plan", "0123456789abcdef"]).await;
    unknown.says(1, &["there is no plan `0123456789abcdef`; kept are", "ticketbridge plan"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_running_service_a_plan_is_made_and_none_is_applied() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    place.good(&["backends", "set", "be-1", "processing=false"]).await;
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("PL", 3)).await;
    let (planned, said) = plan(&place).await;
    assert_eq!(said.len(), 3, "{planned:#}");
    assert_eq!(planned["remarks"][0].as_str().map(|text| text.contains("processing of `be-1` is off")), Some(true));
    assert_eq!(writes(&sandbox.sfyc_stats()), 0);
    apply(&place, &planned, &[]).await.says(1, &["TB0101", "stop the service, apply, and start it again"]);
    // The service does the same when it may; then the plan is done.
    place.good(&["backends", "set", "be-1", "processing=true"]).await;
    bridge.completed(3).await;
    assert!(bridge.stop().await.success());
    let applied = apply(&place, &planned, &[]).await;
    assert_eq!(applied.code, 0, "{applied:#?}");
    assert!(fates(&applied).iter().all(|(_, fate)| fate == "applied_before"), "{applied:#?}");
    assert_eq!(sandbox.sfyc_stats().tickets, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retrieval_that_fails_is_never_a_plan_to_create() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    receive(&place, &tickets("PL", 3)).await;
    faults(&sandbox, [Rule::from(Knob::ServerError { status: 503, effect: false }).on("retrieve_tickets")]);
    let ended = place.run(&["plan", "--json"]).await;
    assert_eq!(ended.code, 3, "{ended:#?}");
    let plan = ended.json();
    assert_eq!((&plan["totals"]["failed"], &plan["totals"]["create"]), (&json!(3), &json!(0)), "{plan:#}");
    assert_eq!((plan["applicable"].as_u64(), plan["requests"].as_array().map(Vec::len)), (Some(0), Some(0)));
    assert!(plan["platforms"]["sfyc"]["error"].as_str().expect("an error").contains("503"), "{plan:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_an_empty_store_the_tickets_of_a_folder_are_shown_and_not_applied() {
    let sandbox = sandbox(1).await;
    let numbers = seed(&sandbox, vec![older("SNR|USSG-1041", None)]);
    let workflow = "schedule = \"\"\nretention_h = 87600\nfuture_tolerance_s = 300000000";
    let place = Place::on(&sandbox, Settings { workflow: workflow.to_owned(), ..Settings::default() });
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/data/telecom/golden");
    let folder = folder.display().to_string();
    let arguments = ["plan", "--data", &folder, "--as-of", "2026-11-20T23:45:00Z", "--json"];
    let plan = place.good(&arguments).await.json();
    let said: Vec<_> = plan["tickets"]
        .as_array()
        .expect("tickets")
        .iter()
        .map(|one| (&one["dedupe_key"], &one["verdict"], &one["id"]))
        .collect();
    let wanted = [
        (&json!("FALLA_DE_LINEA|USSG-1041"), &json!("create"), &Value::Null),
        (&json!("SNR|USSG-1041"), &json!("note"), &Value::Null),
    ];
    assert_eq!(said, wanted, "{plan:#}");
    assert_eq!(plan["tickets"][1]["ticket"]["number"], numbers[0].as_str());
    let requests = plan["requests"].as_array().expect("requests");
    let create = requests.iter().find(|request| request["operation"] == "create_ticket").expect("a create");
    let body = create["body"].as_str().expect("a body");
    assert!(body.contains("FALLA_DE_LINEA|USSG-1041"), "{body}");
    assert_eq!(plan["applicable"], 0);
    let applied = apply(&place, &plan, &[]).await;
    assert_eq!((applied.code, fates(&applied).len()), (0, 0), "{applied:#?}");
    assert_eq!((writes(&sandbox.sfyc_stats()), sandbox.sfyc_stats().tickets), (0, 1));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_application_settles_what_is_in_flight_and_the_next_one_goes_on() {
    let sandbox = sandbox(1).await;
    let backends = vec![Backend { max_tickets_per_request: 1, ..Backend::default() }];
    let place = Place::on(&sandbox, Settings { backends, ..Settings::default() });
    receive(&place, &tickets("PL", 60)).await;
    let (planned, _) = plan(&place).await;
    faults(&sandbox, [Rule::from(Knob::AnswerDelay { ms: 100, max_ms: Some(200) }).on("create_tickets")]);
    let hash = planned["hash"].as_str().expect("a hash");
    let mut command = place.command(&["apply", "--with-processing-off", "--json", "--plan", hash]);
    let mut child = command.stdout(std::process::Stdio::null()).spawn().expect("the binary starts");
    until("work has begun", async || (writes(&sandbox.sfyc_stats()) > 0).then_some(())).await;
    let line = format!("kill -TERM {}", child.id());
    assert!(std::process::Command::new("sh").args(["-c", &line]).status().expect("a shell").success());
    let ended = until("it ends", async || child.try_wait().expect("it is ours")).await;
    assert!(matches!(ended.code(), Some(0 | 3)), "{ended}");
    sandbox.clear_faults();
    // What was begun is under way: a service's business. The rest is still as planned.
    let applied = apply(&place, &planned, &["--with-processing-off"]).await;
    assert!(matches!(applied.code, 0 | 3), "{applied:#?}");
    let left = place.good(&["tickets", "list", "--state", "Received", "--json"]).await.json();
    assert_eq!(left["items"], json!([]), "what was not begun is applied");
    place.good(&["backends", "set", "be-1", "processing=true"]).await;
    let bridge = Bridge::start(&place).await;
    bridge.completed(60).await;
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.tickets, stats.linked, stats.duplicates.total), (60, 60, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_cherwell_the_planned_bodies_go_out_and_nothing_is_doubled() {
    let sandbox = sandbox(1).await;
    let fields = [("DedupeKey", "SNR|PL-0002"), ("TicketKind", "SNR"), ("ShortDescription", "opened before")];
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let older = cherwell::SeedTicket { fields, ..cherwell::SeedTicket::default() };
    let numbers = sandbox.with_cherwell(|model, now| model.seed_tickets(now, vec![older])).expect("a seed that fits");
    let backends = vec![Backend { tickets: "cherwell", ..Backend::default() }];
    let place = Place::on(&sandbox, Settings { backends, ..Settings::default() });
    receive(&place, &tickets("PL", 3)).await;
    let (planned, said) = plan(&place).await;
    let wanted = [
        triple("SNR|PL-0001", "create", "-"),
        triple("SNR|PL-0002", "note", &numbers[0]),
        triple("SNR|PL-0003", "create", "-"),
    ];
    assert_eq!(said, wanted, "{planned:#}");
    let stats = sandbox.cherwell_stats();
    assert_eq!((stats.tickets, stats.notes), (1, 0), "a plan writes nothing");
    let applied = apply(&place, &planned, &["--with-processing-off"]).await;
    assert_eq!(applied.code, 0, "{applied:#?}");
    let stats = sandbox.cherwell_stats();
    assert_eq!((stats.tickets, stats.notes, stats.linked, stats.duplicates.total), (3, 1, 2, 0));
    check_sent(&place, &planned).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_or_failed_is_listed_and_what_waits_behind_it_is_not_applied() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings { in_doubt_for: "120s", ..Settings::default() });
    let poison = Knob::PoisonItem {
        text: String::from("PL-0002"),
        code: String::from("INVALID_FIELD"),
        message: String::from("not like this"),
        retryable: false,
    };
    faults(&sandbox, [Rule::from(poison)]);
    let bridge = Bridge::start(&place).await;
    bridge.send(&[ticket("PL-0002")]).await;
    bridge.settled(1).await;
    // Its create gets no answer and no effect: it stays unclear for long.
    faults(&sandbox, [Rule::from(Knob::ResetBeforeCommit { after_ms: 5 }).on("create_tickets")]);
    bridge.send(&[ticket("PL-0001")]).await;
    until("its intent is on disk", async || {
        (bridge.tickets().await["PL-0001"]["state"] == "CreatingTicket").then_some(())
    })
    .await;
    bridge.kill();
    sandbox.clear_faults();
    receive(&place, &[again("PL-0001"), ticket("PL-0003")]).await;

    let (planned, said) = plan(&place).await;
    let wanted = [
        triple("SNR|PL-0002", "error", "-"),
        triple("SNR|PL-0001", "under_way", "-"),
        triple("SNR|PL-0001", "blocked", "-"),
        triple("SNR|PL-0003", "create", "-"),
    ];
    assert_eq!(said, wanted, "{planned:#}");
    assert_eq!(planned["tickets"][2]["after"], planned["tickets"][1]["id"]);
    let applied = apply(&place, &planned, &["--with-processing-off"]).await;
    assert_eq!(applied.code, 0, "{applied:#?}");
    assert_eq!(fates(&applied), [pair("SNR|PL-0003", "applied")]);
    // The unclear one is as unclear as before: nobody looked it up or sent it again.
    assert_eq!(sandbox.sfyc_stats().tickets, 1);
    let unclear = planned["tickets"][1]["id"].as_str().expect("an id");
    let shown = place.good(&["tickets", "show", unclear, "--json"]).await.json();
    assert_eq!(shown["state"], "CreatingTicket", "{shown:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_that_ended_in_error_is_one_in_error_also_when_the_plan_is_applied_again() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    receive(&place, &tickets("PL", 2)).await;
    let poison = Knob::PoisonItem {
        text: String::from("PL-0002"),
        code: String::from("INVALID_FIELD"),
        message: String::from("not like this"),
        retryable: false,
    };
    faults(&sandbox, [Rule::from(poison)]);
    let (planned, _) = plan(&place).await;
    for first in ["applied", "applied_before"] {
        let applied = apply(&place, &planned, &["--with-processing-off"]).await;
        assert_eq!(applied.code, 4, "{applied:#?}");
        assert_eq!(fates(&applied), [pair("SNR|PL-0001", first), pair("SNR|PL-0002", "error")], "{applied:#?}");
    }
}
