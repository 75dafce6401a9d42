//! `/sandbox/…` over HTTP.

use serde_json::{Value, json};
use ticketbridge_sandbox::faults::Rule;
use ticketbridge_sandbox::sfyc::CATALOGUE;

use crate::support::{Site, column};

async fn put(site: &Site, method: &str, target: &str, body: Value) -> (u16, Value) {
    let answer = site.request(method, target, &body.to_string()).await.expect("an answer");
    (answer.status, answer.json())
}

/// The names of all knobs, as a refusal lists them.
fn knob_names() -> Vec<String> {
    let refusal = Rule::from_json(json!({"knob": "?"})).expect_err("no such knob").to_string();
    let (_, list) = refusal.split_once("expected one of ").expect("a list");
    list.split(", ").map(|name| name.trim_matches('`').to_owned()).collect()
}

#[tokio::test]
async fn faults_are_added_listed_replaced_and_taken_away() {
    let site = Site::start().await;
    let (status, added) =
        put(&site, "POST", "/sandbox/faults", json!({"knob": "index_lag", "ms": 5, "times": 2})).await;
    assert_eq!((status, added), (200, json!({"added": [1]})));
    let (_, added) =
        put(&site, "POST", "/sandbox/faults", json!([{"knob": "forbidden"}, {"knob": "token_revoked"}])).await;
    assert_eq!(added, json!({"added": [2, 3]}));

    let listed = site.get("/sandbox/faults").await;
    let first = json!({
        "id": 1, "platform": "sfyc", "knob": "index_lag", "ms": 5, "jitter_ms": 0, "probability": 1.0, "times": 2,
        "fired": 0,
    });
    assert_eq!(listed["faults"][0], first);
    let (status, _) = put(&site, "PUT", "/sandbox/faults", listed).await;
    assert_eq!(status, 200, "a listing can be sent back");
    assert_eq!(column(&site.get("/sandbox/faults").await, "faults", "id"), [4, 5, 6]);

    assert_eq!(put(&site, "DELETE", "/sandbox/faults?id=5", Value::Null).await.1, json!({"removed": 1}));
    assert_eq!(put(&site, "DELETE", "/sandbox/faults?knob=index_lag", Value::Null).await.1, json!({"removed": 1}));
    assert_eq!(put(&site, "DELETE", "/sandbox/faults?name=x", Value::Null).await.0, 400);
    assert_eq!(put(&site, "DELETE", "/sandbox/faults", Value::Null).await.1, json!({"removed": 1}));
    assert_eq!(site.get("/sandbox/faults").await, json!({"faults": []}));
}

#[tokio::test]
async fn a_wrong_rule_is_400_with_a_clear_text_and_changes_nothing() {
    let site = Site::with_faults(json!([{"knob": "forbidden"}])).await;
    for (rules, said) in [
        (json!({"knob": "nonsense"}), "index_lag"),
        (json!({"knob": "index_lag", "milliseconds": 5}), "milliseconds"),
        (json!([{"knob": "token_revoked"}, {"knob": "forbidden", "probability": 3}]), "between 0 and 1"),
        (json!({"knob": "index_lag", "ms": 1, "operations": ["find_tickets"]}), "create_tickets"),
        (json!({"knob": "forbidden", "platform": "elsewhere"}), "sfyc"),
        (json!("forbidden"), "knob"),
        (json!({"faults": [{"knob": "forbidden"}], "more": 1}), "knob"),
    ] {
        for method in ["POST", "PUT"] {
            let (status, answer) = put(&site, method, "/sandbox/faults", rules.clone()).await;
            let message = answer["error"]["message"].as_str().unwrap_or_default();
            assert_eq!(status, 400, "{rules}");
            assert!(message.contains(said), "{message:?} should say {said:?}");
        }
    }
    let answer = site.request("PUT", "/sandbox/faults", "{").await.expect("an answer");
    assert_eq!(answer.status, 400);
    assert_eq!(column(&site.get("/sandbox/faults").await, "faults", "knob"), ["forbidden"]);
}

#[tokio::test]
async fn faults_never_hit_the_control() {
    let site = Site::with_faults(json!([{"knob": "reset_before_commit"}])).await;
    assert!(site.create(&["a"]).await.is_err());
    assert_eq!(site.get("/sandbox/stats").await["sfyc"]["faults"], json!({"reset_before_commit": 1}));
}

#[tokio::test]
async fn counters_are_answered_as_in_code() {
    let site = Site::start().await;
    site.create(&["a", "b"]).await.expect("an answer");
    let stats = site.get("/sandbox/stats").await;
    assert_eq!(
        stats["sfyc"]["operations"]["create_tickets"],
        json!({"requests": 1, "items": 2, "largest_batch": 2, "rows": 0})
    );
    assert_eq!(stats["sfyc"]["open_tickets"], 2);
    assert_eq!(stats["sfyc"]["duplicates"]["total"], 0);
    assert_eq!(stats["sfyc"], json!(site.stats()));
}

#[tokio::test]
async fn a_reset_forgets_everything() {
    let site = Site::with_faults(json!([{"knob": "answer_delay", "ms": 1}])).await;
    let fresh = Site::start().await.stats();
    site.create(&["a"]).await.expect("an answer");
    assert_eq!(put(&site, "POST", "/sandbox/reset", Value::Null).await.0, 200);
    assert_eq!(site.stats(), fresh);
    assert_eq!(site.get("/sandbox/faults").await, json!({"faults": []}));
    let answer = site.create(&["a"]).await.expect("an answer").json();
    assert_eq!(answer["results"][0]["ticketNumber"], "T00000001", "numbers begin anew");
}

#[tokio::test]
async fn tickets_are_seeded_worked_on_and_dumped() {
    let site = Site::start().await;
    let seeds = json!({"items": [{"kind": "SNR", "title": "SNR USSG-1"}, {"kind": "SNR", "status": "inProgress"}]});
    let (status, seeded) = put(&site, "POST", "/sandbox/sfyc/tickets", seeds).await;
    assert_eq!((status, column(&seeded, "items", "ticketNumber")), (200, vec![json!("T00000001"), json!("T00000002")]));

    let number = "/sandbox/sfyc/tickets/T00000001";
    let (status, closed) = put(&site, "POST", number, json!({"action": "close"})).await;
    assert_eq!((status, &closed["ticket"]["status"]), (200, &json!("closed")));
    let (_, deleted) = put(&site, "POST", number, json!({"action": "merge", "into": "T00000002"})).await;
    assert_eq!(deleted["ticket"]["ticketNumber"], "T00000002");
    assert_eq!(put(&site, "POST", number, json!({"action": "close"})).await.0, 404);
    assert_eq!(put(&site, "GET", number, Value::Null).await.0, 404);
    assert_eq!(put(&site, "POST", number, json!({"action": "sing"})).await.0, 400);
    assert_eq!(put(&site, "POST", number, json!({"action": "close", "why": "x"})).await.0, 400);
    assert_eq!(put(&site, "POST", "/sandbox/sfyc/tickets", json!({"items": [{"title": "x"}]})).await.0, 400);
    let itself = json!({"action": "merge", "into": "T00000002"});
    assert_eq!(put(&site, "POST", "/sandbox/sfyc/tickets/T00000002", itself).await.0, 409);

    site.create(&["a", "b"]).await.expect("an answer");
    let dump = site.get("/sandbox/sfyc/tickets?offset=1&limit=1").await;
    assert_eq!(dump["items"][0]["description"], "Description a");
    assert_eq!(dump["nextOffset"], 2);
    let rest = site.get("/sandbox/sfyc/tickets?offset=2").await;
    assert_eq!((column(&rest, "items", "originRef"), &rest["nextOffset"]), (vec![json!("origin-b")], &Value::Null));
    assert_eq!(site.get("/sandbox/sfyc/notes").await["items"], json!([]));
    assert_eq!(site.get("/sandbox/sfyc/work-orders").await["items"], json!([]));
}

#[test]
fn every_knob_has_a_test_and_a_documented_example_that_works() {
    let documentation = include_str!("../../../../docs/sandbox.md");
    let tests = [
        include_str!("faults_over_http.rs"),
        include_str!("cherwell/faults.rs"),
        include_str!("mobile/diff_faults.rs"),
    ]
    .concat();
    let examples = documentation.lines().filter_map(|line| line.strip_prefix("rule '")?.strip_suffix('\''));
    let shown: Vec<_> = examples
        .map(|example| {
            let rule = Rule::from_json(serde_json::from_str(example).expect("JSON")).expect("a rule");
            let catalogue = match rule.platform.as_deref() {
                Some("cherwell") => &ticketbridge_sandbox::cherwell::CATALOGUE,
                Some("tixngo") => &ticketbridge_sandbox::tixngo::CATALOGUE,
                Some("s360") => &ticketbridge_sandbox::s360::CATALOGUE,
                _ => &CATALOGUE,
            };
            rule.check(catalogue).expect("an example that is taken");
            assert_eq!(rule.to_json()["knob"], rule.knob.name());
            rule.knob.name()
        })
        .collect();
    for name in knob_names() {
        assert!(shown.contains(&name.as_str()), "docs/sandbox.md has no example of `{name}`");
        assert!(documentation.contains(&format!("### `{name}`")), "docs/sandbox.md has no heading for `{name}`");
        let has_test = ["async fn", "\nfn"].iter().any(|kind| tests.contains(&format!("{kind} {name}")));
        assert!(has_test, "no test of `{name}`");
    }
}

/// The `Date` header of an answer, in seconds since 1970.
async fn date(site: &Site) -> i64 {
    let answer = site.request("GET", "/sandbox", "").await.expect("an answer");
    let text = answer.header("date").expect("a date");
    jiff::fmt::rfc2822::parse(text).expect("a date of HTTP").timestamp().as_second()
}

#[tokio::test]
async fn the_date_of_answers_is_put_off_and_put_right() {
    let site = Site::start().await;
    let before = date(&site).await;
    assert_eq!(put(&site, "POST", "/sandbox/date", json!({"seconds": -86_400})).await.0, 200);
    let shifted = date(&site).await;
    assert_eq!(put(&site, "POST", "/sandbox/date", json!({"seconds": 0})).await.0, 200);
    let after = date(&site).await;
    // The server renews its own header once a second.
    assert!((before - 1..=after + 1).contains(&(shifted + 86_400)), "{before} {shifted} {after}");
    for wrong in [json!({}), json!({"seconds": 1.5}), json!({"seconds": "1"}), json!([])] {
        let (status, answer) = put(&site, "POST", "/sandbox/date", wrong).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("INVALID_DATE")), "{answer}");
    }
    assert_eq!(site.request("POST", "/sandbox/date", "{").await.expect("an answer").status, 400);
}
