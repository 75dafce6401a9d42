//! `POST /api/v1/tickets`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::place::{Place, reply, ticket};

const ROUTE: &str = "/api/v1/tickets";

#[tokio::test]
async fn a_mixed_call_is_answered_item_by_item_in_request_order() {
    let place = Place::open().await;
    let known = place.post(ROUTE, &json!([ticket("m-1"), ticket("m-2")])).await.ok();
    let mut changed = ticket("m-2");
    changed["description"] = json!("another text");
    let call = json!([
        ticket("m-3"),
        {"kind": "SNR"},
        ticket("m-1"),
        "no object",
        changed,
        {"message_id": "m-4", "kind": "SNR"},
        ticket("m-5"),
        ticket("m-5"),
    ]);
    let answers = place.post(ROUTE, &call).await.ok();
    let answers = answers.as_array().unwrap();
    let words: Vec<_> = answers
        .iter()
        .map(|answer| {
            (answer["message_id"].as_str(), answer["result"].as_str().unwrap(), answer["error"]["code"].as_str())
        })
        .collect();
    assert_eq!(
        words,
        [
            (Some("m-3"), "accepted", None),
            (None, "rejected", Some("INVALID")),
            (Some("m-1"), "duplicate", None),
            (None, "rejected", Some("INVALID")),
            (Some("m-2"), "rejected", Some("CONFLICT")),
            (Some("m-4"), "rejected", Some("INVALID")),
            (Some("m-5"), "accepted", None),
            (Some("m-5"), "duplicate", None),
        ]
    );
    assert_eq!(answers[2]["id"], known[0]["id"]);
    assert_eq!(answers[7]["id"], answers[6]["id"]);
    assert_eq!(place.get(ROUTE).await.ok()["items"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn five_thousand_tickets_are_taken_and_one_more_is_refused_whole() {
    let place = Place::open().await;
    let tickets: Vec<Value> = (0..5_001).map(|number| ticket(&format!("m-{number}"))).collect();
    let refused = place.post(ROUTE, &json!(tickets)).await;
    assert!(refused.problem(413).contains("5001 tickets; the limit is 5000"));
    assert_eq!(refused.json()["code"], "TB0501");
    assert_eq!(place.get(ROUTE).await.ok(), json!({"items": [], "next": null}));
    let taken = place.post(ROUTE, &json!(tickets[..5_000])).await.ok();
    assert_eq!(taken.as_array().unwrap().iter().filter(|answer| answer["result"] == "accepted").count(), 5_000);
    assert_eq!(place.post(ROUTE, &json!([])).await.ok(), json!([]));
}

#[tokio::test]
async fn a_call_that_is_no_array_of_json_is_refused_whole() {
    let place = Place::open().await;
    assert_eq!(place.post(ROUTE, &ticket("m-1")).await.json()["code"], "TB0501");
    for body in ["", "[", "[{]", "null", "\"x\"", "\u{feff}[]"] {
        let request = place.request(Method::POST, ROUTE).header("content-type", "application/json").body(body);
        assert!(reply(request).await.problem(400).contains("not a JSON array"), "{body}");
    }
    let request = place.request(Method::POST, ROUTE).header("content-type", "text/plain").body("[]");
    reply(request).await.problem(415);
    let request =
        place.request(Method::POST, ROUTE).header("content-type", "application/json; charset=utf-8").body("[]");
    assert_eq!(reply(request).await.ok(), json!([]));
    assert_eq!(reply(place.request(Method::POST, ROUTE).body("[]")).await.ok(), json!([]));
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_and_its_sender_hears_why() {
    let place = Place::open().await;
    let body = " ".repeat(3 * 1024 * 1024);
    let request = place.request(Method::POST, ROUTE).header("content-type", "application/json").body(body.clone());
    assert!(reply(request).await.problem(413).contains("larger than 2097152 bytes"));
    // Without a declared length it is found out while reading.
    let pieces = futures_util::stream::iter(body.into_bytes().chunks(65_536).map(<[u8]>::to_vec).collect::<Vec<_>>());
    let pieces = futures_util::StreamExt::map(pieces, Ok::<_, std::io::Error>);
    let request = place.request(Method::POST, ROUTE).header("content-type", "application/json");
    let request = request.body(reqwest::Body::wrap_stream(pieces));
    reply(request).await.problem(413);
    assert_eq!(place.post(ROUTE, &json!([ticket("m-1")])).await.ok()[0]["result"], "accepted");
}

#[tokio::test]
async fn a_backend_may_be_named_and_must_exist() {
    let place = Place::open().await;
    let call = json!([ticket("m-1"), ticket("m-2"), ticket("m-3"), ticket("m-4")]);
    let refused = place.post("/api/v1/tickets?backend=be-9", &call).await;
    assert_eq!(refused.problem(404), "there is no backend `be-9`; the backends are be-1, be-2");
    place.post("/api/v1/tickets?backend=be-2", &call).await.ok();
    let page = place.get("/api/v1/tickets?backend=be-2").await.ok();
    assert_eq!(page["items"].as_array().unwrap().len(), 4);
    place.post("/api/v1/tickets?backend=be-1&backend=be-2", &call).await.problem(400);
    assert!(place.post("/api/v1/tickets?back-end=be-1", &call).await.problem(400).contains("`back-end`"));
}
