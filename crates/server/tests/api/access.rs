//! Every route with every role and without a token; who may listen where.

use reqwest::Method;
use serde_json::{Value, json};
use ticketbridge_server::ServerError;

use crate::place::{CONFIG, Delivery, Place, config, json_body, reply};

pub(crate) const TOKENS: &str = r#"
[[server.tokens]]
name = "eye"
role = "viewer"
token = "env:TOKEN_VIEWER"
[[server.tokens]]
name = "hand"
role = "operator"
token = "env:TOKEN_OPERATOR"
[[server.tokens]]
name = "head"
role = "admin"
token = "env:TOKEN_ADMIN"
"#;

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// Every route; its status when the caller may; whether it changes something.
fn routes() -> Vec<(Method, String, Value, u16)> {
    let get = |path: &str, status| (Method::GET, path.to_owned(), Value::Null, status);
    let post = |path: &str, body: Value, status| (Method::POST, path.to_owned(), body, status);
    vec![
        get("/api/v1/tickets", 200),
        get(&format!("/api/v1/tickets/{ID}"), 404),
        get(&format!("/api/v1/tickets/{ID}/timeline"), 404),
        get(&format!("/api/v1/tickets/{ID}/explain"), 404),
        get("/api/v1/exchanges", 200),
        get("/api/v1/exchanges/1", 404),
        get("/api/v1/backends", 200),
        get("/api/v1/backends/be-1", 200),
        get("/api/v1/platforms", 200),
        get("/api/v1/problems", 200),
        get("/metrics", 200),
        get("/api/v1/nothing-here", 404),
        post("/api/v1/tickets", json!([]), 200),
        post(&format!("/api/v1/tickets/{ID}/retry"), Value::Null, 404),
        post(&format!("/api/v1/tickets/{ID}/dismiss"), json!({"reason": "x"}), 404),
        post("/api/v1/tickets/redrive", json!({"filter": {}}), 200),
        get("/api/v1/feedback", 200),
        get("/api/v1/feedback/nobody", 404),
        get("/api/v1/feedback/nobody/runs", 404),
        get("/api/v1/feedback/nobody/runs/1", 404),
        get("/api/v1/feedback/nobody/key", 404),
        get("/api/v1/feedback/nobody/key/history", 404),
        get("/api/v1/feedback/nobody/skip", 404),
        get("/api/v1/feedback/nobody/failed", 404),
        get("/api/v1/mobile-tickets", 200),
        get("/api/v1/contacts", 200),
        get("/api/v1/distributions", 200),
        post("/api/v1/feedback/nobody/run", Value::Null, 404),
        post("/api/v1/feedback/nobody/replay", json!({"result": []}), 404),
        post("/api/v1/feedback/nobody/key/rewind", json!({"to": null}), 404),
        post("/api/v1/feedback/nobody/skip", json!({"entries": ["1"]}), 404),
        post("/api/v1/feedback/nobody/failed/retry", json!({"all": true}), 404),
        post("/api/v1/feedback/nobody/failed/dismiss", json!({"items": ["1:0"]}), 404),
        (Method::DELETE, String::from("/api/v1/feedback/nobody/skip"), json!({"entries": ["1"]}), 404),
        (Method::PATCH, String::from("/api/v1/backends/be-1"), json!({"max_retries": 3}), 200),
        (Method::DELETE, String::from("/api/v1/tickets"), Value::Null, 405),
    ]
}

#[tokio::test]
async fn each_route_knows_each_role() {
    // Three strangers per route, of whom a server bears 50 at once.
    for part in routes().chunks(15) {
        let place = Place::with(&format!("{CONFIG}{TOKENS}"), Delivery::HasEnded).await.unwrap();
        for (method, path, body, status) in part {
            knows_each_role(&place, method, path, body, *status).await;
        }
    }
    let place = Place::with(&format!("{CONFIG}{TOKENS}"), Delivery::HasEnded).await.unwrap();
    for (role, status) in [("viewer", 403), ("operator", 403), ("admin", 200)] {
        let erase = json_body(place.request(Method::POST, "/api/v1/persons/erase"), &json!({"email": "a@b"}));
        let answer = reply(erase.header("authorization", format!("Bearer token-of-{role}"))).await;
        assert_eq!(answer.status, status, "only an admin erases: {role}: {}", answer.text);
    }
    for path in ["/healthz", "/errors/TB0501"] {
        assert_eq!(place.get(path).await.status, 200, "{path} needs no token");
    }
}

async fn knows_each_role(place: &Place, method: &Method, path: &str, body: &Value, status: u16) {
    let reads = *method == Method::GET;
    for (token, expected) in [
        (None, 401),
        (Some("Bearer wrong"), 401),
        (Some("Basic dG9rZW4tb2YtYWRtaW4="), 401),
        (Some("Bearer token-of-viewer"), if reads { status } else { 403 }),
        (Some("Bearer token-of-operator"), status),
        (Some("Bearer token-of-admin"), status),
    ] {
        let mut request = json_body(place.request(method.clone(), path), body);
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let answer = reply(request).await;
        assert_eq!(answer.status, expected, "{method} {path} with {token:?}: {}", answer.text);
        if expected >= 400 {
            assert_eq!(answer.kind, "application/problem+json");
            assert!(!answer.text.contains("token-of"), "{}", answer.text);
        }
        assert_eq!(answer.headers.contains_key("www-authenticate"), expected == 401);
    }
}

#[tokio::test]
async fn an_act_is_recorded_with_the_name_of_the_token() {
    let place = Place::with(&format!("{CONFIG}{TOKENS}"), Delivery::HasEnded).await.unwrap();
    let call = async |method, path: &str, body: Value| {
        let request = place.request(method, path).header("authorization", "Bearer token-of-operator");
        reply(json_body(request, &body)).await.ok()
    };
    let ticket = json!([{"message_id": "m-1", "kind": "SNR", "dedupe_key": "SNR|1"}]);
    let received = call(Method::POST, "/api/v1/tickets", ticket).await;
    let id = received[0]["id"].as_str().unwrap();
    call(Method::POST, &format!("/api/v1/tickets/{id}/dismiss"), json!({"reason": "x"})).await;
    let timeline = call(Method::GET, &format!("/api/v1/tickets/{id}/timeline"), Value::Null).await;
    assert_eq!(timeline[1]["who"], "hand");
}

#[tokio::test]
async fn without_tokens_only_loopback_is_listened_on() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let mut exposed = config(CONFIG);
        exposed.server.listen = address.parse().unwrap();
        match Place::with_config(exposed, Delivery::HasEnded).await {
            Err(error @ ServerError::Exposed(_)) => assert!(error.to_string().contains("listen on 127.0.0.1")),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("it listens on {address} without tokens"),
        }
    }
    let guarded = format!("{}{TOKENS}", CONFIG.replace("127.0.0.1:0", "0.0.0.0:0"));
    assert!(Place::with(&guarded, Delivery::HasEnded).await.is_ok());
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let place = Place::open().await;
    let same = CONFIG.replace("127.0.0.1:0", place.url.trim_start_matches("http://"));
    let error = Place::with(&same, Delivery::HasEnded).await.err().unwrap().to_string();
    assert!(error.contains("cannot listen on 127.0.0.1:") && error.contains("server.listen"), "{error}");
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing_and_foreign_names_see_nothing() {
    let place = Place::open().await;
    let request = place.request(Method::POST, "/api/v1/tickets").header("origin", "http://evil.example").body("[]");
    assert!(reply(request).await.problem(403).contains("another site"));
    let own = place.request(Method::POST, "/api/v1/tickets").header("origin", &place.url).body("[]");
    reply(own).await.ok();
    let rebound = place.request(Method::GET, "/api/v1/tickets").header("host", "evil.example");
    assert!(reply(rebound).await.problem(403).contains("`Host`"));
}
