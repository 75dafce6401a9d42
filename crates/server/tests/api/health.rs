//! Health, platforms in words, metrics.

use serde_json::json;

use crate::place::{CONFIG, Delivery, Place};

#[tokio::test]
async fn it_is_ready_while_nothing_is_known_to_be_wrong() {
    let place = Place::with(CONFIG, Delivery::Runs).await.unwrap();
    assert_eq!(place.get("/healthz").await.ok(), json!({"status": "ok"}));
    assert_eq!(place.get("/readyz").await.ok(), json!({"status": "ok"}));
    let platforms = place.get("/api/v1/platforms").await.ok();
    let sfyc = platforms["items"].as_array().unwrap().iter().find(|platform| platform["name"] == "sfyc").unwrap();
    assert_eq!((&sfyc["well"], &sfyc["summary"], &sfyc["type"]), (&json!(true), &json!("well"), &json!("connector")));
    assert_eq!(sfyc["backends"], json!(["be-1", "be-2"]));
    assert_eq!(place.get("/api/v1/problems").await.ok(), json!({"items": []}));
    place.get("/api/v1/problems?limit=0").await.problem(400);
}

#[tokio::test]
async fn a_platform_that_cannot_be_used_degrades_and_is_named() {
    let config = CONFIG.replace("auth = \"none\"", "auth = \"bearer\"\ntoken = \"env:NOT_SET\"");
    let place = Place::with(&config, Delivery::Runs).await.unwrap();
    let ready = place.get("/readyz").await.ok();
    assert_eq!((&ready["status"], &ready["reasons"][0]["platform"]), (&json!("degraded"), &json!("sfyc")));
    assert!(ready["reasons"][0]["why"].as_str().unwrap().contains("NOT_SET"), "{ready}");
    assert_eq!(place.get("/healthz").await.ok(), json!({"status": "ok"}));
    let received = place.post("/api/v1/tickets", &json!([crate::place::ticket("m-1")])).await.ok();
    assert_eq!(received[0]["result"], "accepted", "it receives all the same");
}

#[tokio::test]
async fn it_is_not_ready_when_delivery_has_ended() {
    let place = Place::open().await;
    assert!(place.get("/readyz").await.problem(503).contains("delivery has ended"));
    assert_eq!(place.get("/healthz").await.status, 200);
    let platforms = place.get("/api/v1/platforms").await.ok();
    assert!(platforms["items"][0]["summary"].as_str().unwrap().contains("delivery has ended"));
}

#[tokio::test]
async fn metrics_show_tickets_platforms_and_requests() {
    let place = Place::open().await;
    place.fill("a", 3).await;
    let text = place.get("/metrics").await;
    assert_eq!((text.status, text.kind.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "ticketbridge_tickets{backend=\"be-1\",state=\"Received\"} 3",
        "ticketbridge_tickets{backend=\"be-2\",state=\"Error\"} 0",
        "ticketbridge_platform_well{platform=\"sfyc\"} 0",
        "ticketbridge_http_requests_total{method=\"POST\",route=\"/api/v1/tickets\",status=\"200\"}",
        "ticketbridge_http_request_seconds_bucket{method=\"POST\",route=\"/api/v1/tickets\",le=\"0.05\"}",
    ] {
        assert!(text.text.contains(line), "{line} is missing:\n{}", text.text);
    }
}
