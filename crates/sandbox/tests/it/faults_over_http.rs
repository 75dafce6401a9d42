//! Every knob over real sockets: what the caller sees, and what was done.

use serde_json::{Value, json};

use crate::support::{Failure, Site, column, items, ticket};

const HOUR: u64 = 3_600_000;

#[tokio::test]
async fn index_lag() {
    let site = Site::with_faults(json!([{"knob": "index_lag", "ms": HOUR}])).await;
    assert_eq!(site.create(&["a"]).await.expect("an answer").status, 200);
    assert_eq!(site.get("/sfyc/tickets?externalRef=SNR%7Ca").await["items"], json!([]));
    assert_eq!(site.stats().tickets, 1);

    site.set_faults(json!([{"knob": "index_lag", "ms": 20, "jitter_ms": 20}])).await;
    site.create(&["b"]).await.expect("an answer");
    site.until_answer("/sfyc/tickets?externalRef=SNR%7Cb", |answer| answer["items"] != json!([])).await;
}

#[tokio::test]
async fn answer_delay() {
    let site = Site::with_faults(json!([{"knob": "answer_delay", "ms": HOUR, "times": 1}])).await;
    let mut waiting = site.client().await;
    waiting.send("POST", "/sfyc/tickets", &items([ticket("a")]).to_string()).await.expect("sent");
    site.until("the effect", |stats| stats.tickets == 1).await;
    site.sandbox.shutdown().await;
    assert_eq!(waiting.answer().await.unwrap_err(), Failure::Closed, "the answer was still to come");

    let site = Site::with_faults(json!([{"knob": "answer_delay", "ms": 5, "max_ms": 20}])).await;
    assert_eq!(site.create(&["a"]).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn commit_then_stall() {
    let site = Site::with_faults(json!([{"knob": "commit_then_stall", "answer_after_ms": 20, "times": 1}])).await;
    assert_eq!(site.create(&["a"]).await.expect("a late answer").status, 200);

    site.set_faults(json!([{"knob": "commit_then_stall"}])).await;
    let mut waiting = site.client().await;
    waiting.send("POST", "/sfyc/tickets", &items([ticket("b")]).to_string()).await.expect("sent");
    site.until("the effect", |stats| stats.tickets == 2).await;
    assert_eq!(site.stats().traffic.answers["never"], 1);
    site.sandbox.shutdown().await;
    assert_eq!(waiting.answer().await.unwrap_err(), Failure::Closed);
}

#[tokio::test]
async fn delayed_effect_after_a_stall() {
    let site = Site::with_faults(json!([{"knob": "delayed_effect", "effect_after_ms": 30}])).await;
    let mut waiting = site.client().await;
    waiting.send("POST", "/sfyc/tickets", &items([ticket("a")]).to_string()).await.expect("sent");
    site.until("the call", |stats| stats.traffic.answers.contains_key("never")).await;
    drop(waiting);
    site.until("the effect, with the caller gone", |stats| stats.tickets == 1).await;
}

#[tokio::test]
async fn delayed_effect_after_an_answer() {
    let fault = json!([{"knob": "delayed_effect", "effect_after_ms": HOUR, "answer": "applied"}]);
    let site = Site::with_faults(fault).await;
    let answer = site.create(&["a"]).await.expect("an answer").json();
    assert_eq!(column(&answer, "results", "ok"), [true]);
    assert_eq!(site.stats().tickets, 0);
    site.sandbox.reset();
    assert_eq!(site.stats().tickets, 0);

    site.set_faults(json!([{"knob": "delayed_effect", "effect_after_ms": 20, "answer": "gateway_timeout"}])).await;
    assert_eq!(site.create(&["a"]).await.expect("an answer").status, 504);
    site.until("the effect", |stats| stats.tickets == 1).await;

    site.set_faults(json!([{"knob": "delayed_effect", "effect_after_ms": 20, "answer": "reset"}])).await;
    assert_eq!(site.create(&["b"]).await.unwrap_err(), Failure::Reset);
    site.until("the effect", |stats| stats.tickets == 2).await;
}

#[tokio::test]
async fn reset_before_commit() {
    let site = Site::with_faults(json!([{"knob": "reset_before_commit", "times": 2}])).await;
    assert_eq!(site.create(&["a"]).await.unwrap_err(), Failure::Reset);
    assert_eq!(site.create(&["a"]).await.unwrap_err(), Failure::Reset);
    assert_eq!(site.stats().tickets, 0);
    assert_eq!(site.create(&["a"]).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn reset_after_commit() {
    let site = Site::with_faults(json!([{"knob": "reset_after_commit", "after_ms": 5}])).await;
    assert_eq!(site.create(&["a"]).await.unwrap_err(), Failure::Reset);
    assert_eq!(site.stats().tickets, 1);
    assert_eq!(site.get("/sfyc/tickets?externalRef=SNR%7Ca").await["items"][0]["originRef"], "origin-a");
}

#[tokio::test]
async fn server_error() {
    let site = Site::with_faults(json!([{"knob": "server_error"}])).await;
    let answer = site.create(&["a"]).await.expect("an answer");
    assert_eq!((answer.status, site.stats().tickets), (503, 0));
    assert_eq!(answer.json()["error"]["code"], "SERVER_ERROR");
    site.set_faults(json!([{"knob": "server_error", "status": 500, "effect": true}])).await;
    assert_eq!(site.create(&["a"]).await.expect("an answer").status, 500);
    assert_eq!(site.stats().tickets, 1);
    site.set_faults(json!([{"knob": "server_error", "status": 409}])).await;
    assert_eq!(site.create(&["b"]).await.expect("an answer").status, 409);
    assert_eq!(site.stats().tickets, 1);
}

#[tokio::test]
async fn html_answer() {
    let site = Site::with_faults(json!([{"knob": "html_answer"}])).await;
    let answer = site.create(&["a"]).await.expect("an answer");
    assert_eq!((answer.status, site.stats().tickets), (502, 0));
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    site.set_faults(json!([{"knob": "html_answer", "status": 200, "effect": true}])).await;
    let answer = site.create(&["a"]).await.expect("an answer");
    assert_eq!((answer.status, site.stats().tickets), (200, 1));
    assert!(answer.body.starts_with(b"<!DOCTYPE html>"));
}

#[tokio::test]
async fn cut_json() {
    let site = Site::with_faults(json!([{"knob": "cut_json"}])).await;
    let answer = site.create(&["a"]).await.expect("an answer");
    assert_eq!((answer.status, site.stats().tickets), (200, 0));
    assert!(answer.body.starts_with(b"{\"results\":["));
    assert!(serde_json::from_slice::<Value>(&answer.body).is_err());

    site.set_faults(json!([{"knob": "cut_json", "effect": true, "body": "closed_early"}])).await;
    let Err(Failure::Broken { body, declared }) = site.create(&["a"]).await else { panic!("the body must break off") };
    assert!(0 < body && body < declared, "{body} of {declared} bytes");
    assert_eq!(site.stats().tickets, 1);
}

#[tokio::test]
async fn too_many_requests() {
    let site = Site::with_faults(json!([{"knob": "too_many_requests", "retry_after_s": 7}])).await;
    let answer = site.create(&["a"]).await.expect("an answer");
    assert_eq!((answer.status, answer.header("retry-after"), site.stats().tickets), (429, Some("7"), 0));
    site.set_faults(json!([{"knob": "too_many_requests", "retry_after_s": 7, "form": "date"}])).await;
    let answer = site.create(&["a"]).await.expect("an answer");
    assert!(answer.header("retry-after").is_some_and(|date| date.ends_with(" GMT")), "{answer:?}");
    site.set_faults(json!([{"knob": "too_many_requests", "form": "absent"}])).await;
    assert_eq!(site.create(&["a"]).await.expect("an answer").header("retry-after"), None);
}

#[tokio::test]
async fn short_results() {
    let site = Site::with_faults(json!([{"knob": "short_results", "drop": 2}])).await;
    let answer = site.create(&["a", "b", "c"]).await.expect("an answer").json();
    assert_eq!(answer["results"].as_array().map(Vec::len), Some(1));
    assert_eq!(site.stats().tickets, 3);
    let found = site.get("/sfyc/tickets?status=open").await;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(3), "searches are short only where a rule names them");
    site.set_faults(json!([{"knob": "short_results", "operations": ["retrieve_tickets"]}])).await;
    let found = site.get("/sfyc/tickets?status=open").await;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn reordered_results() {
    let site = Site::with_faults(json!([{"knob": "reordered_results"}])).await;
    let names = ["a", "b", "c", "d"];
    let answer = site.create(&names).await.expect("an answer").json();
    let answered = column(&answer, "results", "externalRef");
    let sent = names.map(|name| json!(format!("SNR|{name}")));
    assert!(answered.iter().zip(&sent).all(|(answered, sent)| answered != sent), "{answered:?}");
    assert!(sent.iter().all(|key| answered.contains(key)), "{answered:?}");
    for result in answer["results"].as_array().expect("results") {
        let number = result["ticketNumber"].as_str().expect("a number");
        let stored = site.get(&format!("/sandbox/sfyc/tickets/{number}")).await;
        assert_eq!(stored["externalRef"], result["externalRef"], "a result still tells the truth");
    }
}

#[tokio::test]
async fn duplicated_results() {
    let site = Site::with_faults(json!([{"knob": "duplicated_results", "copies": 1}])).await;
    let answer = site.create(&["a", "b"]).await.expect("an answer").json();
    assert_eq!(answer["results"].as_array().map(Vec::len), Some(3));
    assert_eq!((site.stats().tickets, site.stats().duplicates.total), (2, 0));
}

#[tokio::test]
async fn partial_failure() {
    let fault = json!([{"knob": "partial_failure", "code": "LOCKED", "message": "locked", "retryable": true}]);
    let site = Site::with_faults(fault).await;
    let names: Vec<_> = (0..100).map(|number| number.to_string()).collect();
    let answer = site.create(&names.iter().map(String::as_str).collect::<Vec<_>>()).await.expect("an answer").json();
    let results = answer["results"].as_array().expect("results");
    let refused: Vec<_> = results.iter().filter(|result| result["ok"] == false).collect();
    assert!(!refused.is_empty() && refused.len() < 100);
    assert_eq!(refused[0]["error"], json!({"code": "LOCKED", "message": "locked", "retryable": true}));
    assert_eq!(site.stats().tickets, 100 - refused.len());
    site.set_faults(json!([{"knob": "partial_failure", "share": 1.0}])).await;
    let answer = site.create(&["x", "y"]).await.expect("an answer").json();
    assert_eq!(column(&answer, "results", "ok"), [false, false]);
}

#[tokio::test]
async fn poison_item() {
    let site = Site::with_faults(json!([{"knob": "poison_item", "text": "Title bad", "code": "NO"}])).await;
    let answer = site.create(&["a", "bad", "c"]).await.expect("an answer").json();
    assert_eq!(column(&answer, "results", "ok"), [true, false, true]);
    assert_eq!(answer["results"][1]["error"]["code"], "NO");
    assert_eq!(answer["results"][1]["externalRef"], "SNR|bad");
    assert_eq!(site.stats().tickets, 2);
}

#[tokio::test]
async fn poison_call() {
    let site = Site::with_faults(json!([{"knob": "poison_call", "text": "SNR|bad"}])).await;
    for status in [400, 413, 422] {
        site.set_faults(json!([{"knob": "poison_call", "text": "Description bad", "status": status}])).await;
        assert_eq!(site.create(&["a", "bad", "c"]).await.expect("an answer").status, status);
    }
    assert_eq!(site.stats().tickets, 0);
    assert_eq!(site.create(&["a", "c"]).await.expect("an answer").status, 200);
    assert_eq!(site.stats().tickets, 2);
}

#[tokio::test]
async fn closed_ticket_refused() {
    let site = Site::with_faults(json!([{"knob": "closed_ticket_refused"}])).await;
    site.create(&["a", "b"]).await.expect("an answer");
    site.request("POST", "/sandbox/sfyc/tickets/T00000001", r#"{"action":"close"}"#).await.expect("an answer");
    let note = |number: &str| json!({"ticketNumber": number, "noteRef": format!("n-{number}"), "text": "x"});
    let notes = items([note("T00000001"), note("T00000002")]).to_string();
    let answer = site.request("POST", "/sfyc/notes", &notes).await.expect("an answer").json();
    assert_eq!(column(&answer, "results", "ok"), [false, true]);
    assert_eq!(answer["results"][0]["error"]["code"], "TICKET_CLOSED");
    let link = items([json!({"ticketNumber": "T00000001", "workOrderNumber": "OT1"})]).to_string();
    let answer = site.request("POST", "/sfyc/tickets/work-order", &link).await.expect("an answer").json();
    assert_eq!(answer["results"][0]["error"]["code"], "TICKET_CLOSED");
    assert_eq!((site.stats().notes, site.stats().linked, site.fired("closed_ticket_refused")), (1, 0, 2));

    site.sandbox.clear_faults();
    let answer = site.request("POST", "/sfyc/notes", &notes).await.expect("an answer").json();
    assert_eq!(column(&answer, "results", "ok"), [true, true], "the contract itself takes them");
}

#[tokio::test]
async fn empty_lookups() {
    let site = Site::with_faults(json!([{"knob": "empty_lookups"}])).await;
    site.create(&["a"]).await.expect("an answer");
    let found = site.get("/sfyc/tickets?externalRef=SNR%7Ca").await;
    assert_eq!(found, json!({"items": [], "nextPage": null}));
    assert_eq!(site.get("/sfyc/notes?noteRef=n").await, json!({"items": []}));
    assert_eq!(site.get("/sfyc/tickets?status=open").await["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn unknown_filter_ignored() {
    let site = Site::with_faults(json!([{"knob": "unknown_filter_ignored"}])).await;
    site.create(&["a", "b"]).await.expect("an answer");
    let order = items([json!({"ticketNumber": "INC-1", "externalRef": "o", "kind": "SNR"})]);
    site.request("POST", "/sfyc/work-orders", &order.to_string()).await.expect("an answer");
    let found = site.get("/sfyc/tickets?externalRef=SNR%7Cnone&unheard=of").await;
    assert_eq!(column(&found, "items", "externalRef"), ["SNR|a", "SNR|b"]);
    let found = site.get("/sfyc/work-orders?ticketNumber=none").await;
    assert_eq!(column(&found, "items", "ticketNumber"), ["INC-1"]);
    site.set_faults(json!([{"knob": "unknown_filter_ignored", "filters": ["status"]}])).await;
    let found = site.get("/sfyc/tickets?externalRef=SNR%7Ca&status=closed").await;
    assert_eq!(column(&found, "items", "externalRef"), ["SNR|a"]);
}

#[tokio::test]
async fn origin_field() {
    let site = Site::start().await;
    let mut sent = ticket("a");
    sent["originRef"] = json!(" 0199d2c4-abcd ");
    for (fault, stored) in [
        (json!({"change": "trimmed"}), json!("0199d2c4-abcd")),
        (json!({"change": "dropped"}), Value::Null),
        (json!({"change": "upper_cased"}), json!(" 0199D2C4-ABCD ")),
        (json!({"change": "truncated", "length": 5}), json!(" 0199")),
    ] {
        site.sandbox.reset();
        let mut rule = fault;
        rule["knob"] = json!("origin_field");
        site.set_faults(rule).await;
        let body = items([sent.clone()]).to_string();
        assert_eq!(site.request("POST", "/sfyc/tickets", &body).await.expect("an answer").status, 200);
        let found = site.get("/sfyc/tickets?externalRef=SNR%7Ca").await;
        assert_eq!(found["items"][0]["originRef"], stored);
        assert_eq!(found["items"][0]["externalRef"], "SNR|a");
    }
}

#[tokio::test]
async fn empty_page() {
    let site = Site::with_faults(json!([{"knob": "empty_page", "from_page": 2}])).await;
    site.create(&["a", "b", "c"]).await.expect("an answer");
    let first = site.get("/sfyc/tickets?status=open&page=1&pageSize=1").await;
    assert_eq!((column(&first, "items", "externalRef"), &first["nextPage"]), (vec![json!("SNR|a")], &json!(2)));
    let second = site.get("/sfyc/tickets?status=open&page=2&pageSize=1").await;
    assert_eq!(second, json!({"items": [], "nextPage": null}));
    site.set_faults(json!([{"knob": "empty_page", "more": true}])).await;
    let first = site.get("/sfyc/tickets?status=open&page=1&pageSize=1").await;
    assert_eq!(first, json!({"items": [], "nextPage": 2}));
    assert_eq!(site.fired("empty_page"), 2);
}

#[tokio::test]
async fn token_revoked() {
    let site = Site::with_faults(json!([{"knob": "token_revoked"}])).await;
    for _ in 0..3 {
        assert_eq!(site.create(&["a"]).await.expect("an answer").status, 401);
    }
    assert_eq!(site.stats().tickets, 0);
    site.sandbox.clear_faults();
    assert_eq!(site.create(&["a"]).await.expect("an answer").status, 200);
    assert_eq!(site.fired("token_revoked"), 3, "what fired stays counted");
}

#[tokio::test]
async fn forbidden() {
    let site = Site::with_faults(json!([{"knob": "forbidden", "operations": ["create_tickets"]}])).await;
    assert_eq!(site.create(&["a"]).await.expect("an answer").status, 403);
    assert_eq!(site.get("/sfyc/tickets?status=open").await["items"], json!([]));
}

#[tokio::test]
async fn keep_alive_closed() {
    let site = Site::with_faults(json!([{"knob": "keep_alive_closed"}])).await;
    let mut client = site.client().await;
    let body = items([ticket("a")]).to_string();
    client.send("POST", "/sfyc/tickets", &body).await.expect("sent");
    assert_eq!(client.answer().await.expect("an answer").status, 200);
    client.send("POST", "/sfyc/tickets", &body).await.expect("sent");
    assert_eq!(client.answer().await.unwrap_err(), Failure::Closed);
    assert_eq!(site.stats().tickets, 1);
    assert_eq!(site.stats().traffic.answers["closed"], 1);
}

#[tokio::test]
async fn a_rule_can_fire_by_chance_and_a_few_times_only() {
    let site = Site::with_faults(json!([{"knob": "server_error", "probability": 0.5, "times": 3}])).await;
    let mut refused = 0;
    for number in 0..60 {
        refused += u64::from(site.create(&[&number.to_string()]).await.expect("an answer").status == 503);
    }
    assert_eq!((refused, site.fired("server_error"), site.stats().tickets), (3, 3, 57));
}
