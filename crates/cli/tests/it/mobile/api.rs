//! The API of the mobile-ticket job, at a running service.

use reqwest::Method;
use serde_json::{Value, json};
use ticketbridge_sandbox::faults::{Knob, Rule};
use ticketbridge_sandbox::tixngo::play::PlaySettings;

use super::stage::{ORGANIZER, Stage, item};
use crate::bridge::{Bridge, client};
use crate::place::until;

const BASE: &str = "/api/v1/feedback/org-1";

async fn post(bridge: &Bridge, path: &str, body: &Value, status: u16) -> Value {
    let reply = bridge.call(Method::POST, path, Some(body)).await;
    assert_eq!(reply.status, status, "{path}: {}", reply.body);
    reply.body
}

/// Waits for the end of the newest run.
async fn ended(bridge: &Bridge) -> Value {
    until("the run ends", async || {
        let runs = bridge.get(&format!("{BASE}/runs")).await;
        runs["items"].get(0).filter(|run| !run["result"].is_null()).cloned()
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_key_skip_list_and_failed_tickets_over_http() {
    let stage = Stage::with("").await;
    stage.know(&["B1"]).await;
    stage
        .change(json!(
            [item("A1", "INJECTED", "2026-05-04T08:00:00Z"), item("B1", "INJECTED", "2026-05-04T08:01:00Z"),]
        ))
        .await;
    let bridge = Bridge::start(&stage.place).await;
    let functions = bridge.get("/api/v1/feedback").await;
    assert_eq!(functions["items"][0]["organizer"], ORGANIZER);
    assert!(functions["items"][0]["last_run"].is_null(), "{functions}");
    let begun = client().post(format!("http://{}{BASE}/run", bridge.address)).send().await.expect("an answer");
    assert_eq!(begun.status(), 202);
    let header = begun.headers()["location"].to_str().expect("a text").to_owned();
    let accepted: Value = serde_json::from_slice(&begun.bytes().await.expect("a whole answer")).expect("JSON");
    assert_eq!(accepted["location"], header);
    let run = ended(&bridge).await;
    assert_eq!((&run["run"], &run["result"]), (&accepted["run"], &json!("WARNING")));
    let location = accepted["location"].as_str().expect("an address");
    assert_eq!(bridge.get(location).await, run);
    let waited = post(&bridge, &format!("{BASE}/run?wait=true"), &Value::Null, 200).await;
    assert_eq!((&waited["result"], &waited["counters"]["received"]), (&json!("OK"), &json!(0)));

    let failed = bridge.get(&format!("{BASE}/failed")).await;
    let id = failed["items"][0]["id"].clone();
    assert_eq!(failed["items"][0]["code"], "UNKNOWN_TICKET");
    let path = format!("{BASE}/failed/retry");
    post(&bridge, &path, &json!({}), 400).await;
    post(&bridge, &path, &json!({"items": ["x"]}), 400).await;
    assert_eq!(post(&bridge, &path, &json!({"items": [id]}), 200).await["changed"], 1);
    let skip = format!("{BASE}/skip");
    post(&bridge, &skip, &json!({"entries": ["a,b"]}), 400).await;
    assert_eq!(post(&bridge, &skip, &json!({"entries": ["id:A1"]}), 200).await["added"], 1);
    let waited = post(&bridge, &format!("{BASE}/run?wait=true"), &Value::Null, 200).await;
    assert_eq!(waited["counters"]["skipped"], 1, "{waited}");
    let reply = bridge.call(Method::DELETE, &skip, Some(&json!({"entries": ["id:A1"]}))).await;
    assert_eq!((reply.status, &reply.body["items"]), (200, &json!([])));

    let history = bridge.get(&format!("{BASE}/key/history")).await;
    let key = bridge.get(&format!("{BASE}/key")).await;
    assert_eq!((&key["key"], &key["last_move"]), (&history["items"][0]["new"], &history["items"][0]));
    let rewind = format!("{BASE}/key/rewind");
    let preview = post(&bridge, &rewind, &json!({"to": null, "preview": true}), 200).await;
    assert_eq!(preview["preview"]["items"], 2, "{preview}");
    for bad in [json!({}), json!({"preview": true}), json!({"to": -1}), json!({"to": null, "pages": 3})] {
        post(&bridge, &rewind, &bad, 400).await;
    }
    post(&bridge, &rewind, &json!({"to": 99, "preview": true}), 404).await;
    post(&bridge, &rewind, &json!({"to": 99}), 409).await;
    let moved = post(&bridge, &rewind, &json!({"to": null}), 200).await;
    assert_eq!((&moved["new"], &moved["who"]), (&json!(""), &json!("api")));
    for path in ["/api/v1/feedback/nobody", "/api/v1/feedback/nobody/runs", "/api/v1/feedback/org-1/runs/x"] {
        assert_eq!(bridge.call(Method::GET, path, None).await.status, 404, "{path}");
    }
    assert!(bridge.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_replayed_and_records_come_as_json_and_csv() {
    let stage = Stage::with("").await;
    stage.know(&["B1", "B2"]).await;
    let bridge = Bridge::start(&stage.place).await;
    let mut changed = item("B1", "ASSIGNED", "2026-05-04T08:01:00Z");
    changed["spectatorDetails"] =
        json!({"firstName": "Beatrix", "lastName": "Kiddoson", "email": "beatrix@example.org"});
    let page = json!({"result": [item("B2", "INJECTED", "2026-05-04T08:00:00Z"), changed]});
    let path = format!("{BASE}/replay?wait=true");
    post(&bridge, &path, &json!({"result": 3}), 400).await;
    let report = post(&bridge, &path, &page, 200).await;
    assert_eq!((&report["result"], &report["counters"]["updated"]), (&json!("OK"), &json!(2)), "{report}");
    assert_eq!(stage.asked(), 0);
    let tickets = bridge.get("/api/v1/mobile-tickets?organizer=org-1&ticket_id=B1").await;
    assert_eq!(tickets["items"][0]["owner_email"], "b***@example.org");
    let address = bridge.address;
    let as_csv = async |path: &str, accept: &str| {
        let request = client().get(format!("http://{address}{path}")).header("accept", accept);
        let response = request.send().await.expect("an answer");
        let header = |name| response.headers().get(name).map(|value| value.to_str().expect("a text").to_owned());
        let (kind, next) = (header("content-type").expect("a type"), header("x-next-offset"));
        (kind, next, response.text().await.expect("a text"))
    };
    for (path, accept) in [("/api/v1/mobile-tickets", "text/csv"), ("/api/v1/mobile-tickets?format=csv", "*/*")] {
        let (kind, next, text) = as_csv(path, accept).await;
        assert_eq!((kind.as_str(), next), ("text/csv; charset=utf-8", None));
        assert!(text.starts_with("organizer,ticket_id,") && text.contains("b***@example.org"), "{text}");
        stage.keep(&text);
    }
    let (_, next, first) = as_csv("/api/v1/mobile-tickets?limit=1", "text/csv").await;
    assert_eq!((next.as_deref(), first.lines().count()), (Some("1"), 2), "{first}");
    let (_, next, second) = as_csv("/api/v1/mobile-tickets?limit=1&offset=2", "text/csv").await;
    assert_eq!((next, second.lines().count()), (None, 1), "{second}");
    assert_eq!(as_csv("/api/v1/contacts", "text/csv, application/json").await.0, "application/json");
    for path in ["/api/v1/contacts", "/api/v1/distributions"] {
        assert_eq!(bridge.get(path).await, json!({"items": [], "next": null}), "{path}");
    }
    for path in ["/api/v1/contacts?format=xml", "/api/v1/contacts?limit=0", "/api/v1/contacts?email=x"] {
        assert_eq!(bridge.call(Method::GET, path, None).await.status, 400, "{path}");
    }
    let erase = "/api/v1/persons/erase";
    let refused = post(&bridge, erase, &json!({"email": "nobody"}), 400).await;
    assert!(refused["detail"].as_str().is_some_and(|text| text.contains("no e-mail")), "{refused}");
    let erased = post(&bridge, erase, &json!({"email": "Beatrix@example.org"}), 200).await;
    assert_eq!((&erased["items"], &erased["tickets"]), (&json!(1), &json!(1)));
    let tickets = bridge.get("/api/v1/mobile-tickets").await;
    assert!(tickets["items"][0]["owner_email"].is_null(), "{tickets}");
    stage.keep(&format!("{report}{tickets}{erased}{refused}{}", bridge.log()));
    assert!(bridge.stop().await.success());
    stage.never_said(&["beatrix@", "Kiddoson", "sandbox-only"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_of_the_service_is_one_at_a_time_outlives_its_caller_and_ends_with_the_service() {
    let stage = Stage::with("batch_size = 1\npages_per_run = 1000").await;
    stage.sandbox.play("DEMO", &PlaySettings::new(3, 400, 0)).expect("a play");
    stage.sandbox.add_s360_fault(Rule::from(Knob::AnswerDelay { ms: 20, max_ms: None })).expect("a rule");
    let bridge = Bridge::start(&stage.place).await;
    // A caller who waits, and goes away in the middle.
    let address = bridge.address;
    let caller = tokio::spawn(async move {
        let _gone = client().post(format!("http://{address}{BASE}/run?wait=true")).send().await;
    });
    until("the run works", async || (stage.asked() > 1).then_some(())).await;
    caller.abort();
    let asked = stage.asked();
    until("it goes on without its caller", async || (stage.asked() > asked + 3).then_some(())).await;
    for path in ["run", "run?wait=true"] {
        let busy = post(&bridge, &format!("{BASE}/{path}"), &Value::Null, 409).await;
        assert!(busy["detail"].as_str().is_some_and(|text| text.contains("is in progress")), "{busy}");
    }
    post(&bridge, &format!("{BASE}/key/rewind"), &json!({"to": null}), 409).await;
    post(&bridge, &format!("{BASE}/key/rewind"), &json!({"to": null, "preview": true}), 409).await;
    let seen = bridge.get(BASE).await;
    assert!(seen["lease"]["remaining_seconds"].as_u64() > Some(0), "{seen}");
    assert!(bridge.stop().await.success());
    let functions = stage.json(0, &["list"]).await;
    assert!(functions[0]["lease"].is_null(), "the service waited for its run: {functions}");
    let runs = stage.json(0, &["runs", ORGANIZER]).await;
    let manual = runs["items"].as_array().expect("runs").iter().rfind(|run| run["trigger"] == "manual");
    let text = manual.and_then(|run| run["text"].as_str()).unwrap_or_default();
    assert!(text.contains("asked to stop"), "{runs}");
    stage.sandbox.clear_faults();
    stage.json(0, &["run", ORGANIZER]).await;
    let stats = stage.sandbox.s360_stats();
    assert_eq!((stats.mobile_tickets, stats.duplicates.total), (400, 0));
}
