//! Retry, dismiss, redrive.

use serde_json::{Value, json};
use ticketbridge_core::ticket::State;
use ticketbridge_core::time::Wall;
use ticketbridge_engine::view::{self, Redriven};
use ticketbridge_store::TicketFilter;

use crate::place::Place;

#[tokio::test]
async fn a_ticket_in_error_is_tried_again_and_no_other() {
    let place = Place::open().await;
    place.fill("a", 2).await;
    let id = place.id("a00000").await;
    let refused = place.post(&format!("/api/v1/tickets/{id}/retry"), &Value::Null).await;
    assert!(refused.problem(409).contains("is Received; only a ticket in Error can be tried again"));
    assert_eq!(refused.json()["code"], "TB0601");
    place.refuse_all(1_000).await;
    let one = place.get(&format!("/api/v1/tickets/{id}")).await.ok();
    assert_eq!(
        (&one["state"], &one["attempts"], &one["reason"]),
        (&json!("Error"), &json!(1), &json!("refused for good"))
    );
    assert_eq!(one["attempts_by_operation"], json!({"create_ticket": 1}));
    assert_eq!((&one["failed_operation"], &one["sent"]), (&json!("create_ticket"), &json!(["create_ticket"])));
    let retried = place.post(&format!("/api/v1/tickets/{id}/retry"), &Value::Null).await.ok();
    assert_eq!((&retried["state"], &retried["attempts"]), (&json!("Matching"), &json!(0)));
    let one = place.get(&format!("/api/v1/tickets/{id}")).await.ok();
    assert_eq!((&one["generation"], &one["sent"]), (&json!(1), &json!(["create_ticket"])));
    place.post(&format!("/api/v1/tickets/{id}/retry"), &Value::Null).await.problem(409);
}

#[tokio::test]
async fn a_dismissal_needs_a_reason_and_is_kept() {
    let place = Place::open().await;
    place.fill("a", 1).await;
    let id = place.id("a00000").await;
    let path = format!("/api/v1/tickets/{id}/dismiss");
    for body in [json!({}), json!({"reason": " "}), json!({"reason": "x".repeat(501)}), json!({"reason": 1}), json!([])]
    {
        place.post(&path, &body).await.problem(400);
    }
    assert!(place.post(&path, &json!({"reason": "x", "by": "me"})).await.problem(400).contains("unknown field `by`"));
    let dismissed = place.post(&path, &json!({"reason": " a test of the sender "})).await.ok();
    assert_eq!((&dismissed["state"], &dismissed["reason"]), (&json!("Dismissed"), &json!("a test of the sender")));
    place.post(&path, &json!({"reason": "again"})).await.problem(409);
    let act = &place.get(&format!("/api/v1/tickets/{id}/timeline")).await.ok()[1];
    assert_eq!(
        (&act["who"], &act["act"], &act["reason"]),
        (&json!("api"), &json!("dismiss"), &json!("a test of the sender"))
    );
}

#[tokio::test]
async fn a_redrive_tries_everything_in_error_that_the_filter_lets_through() {
    let place = Place::open().await;
    place.fill("a", 1_200).await;
    place.fill("b", 30).await;
    place.refuse_all(1_000).await;
    place.fill("c", 5).await;
    let path = "/api/v1/tickets/redrive";
    let done = place.post(path, &json!({"filter": {"text": "b000"}})).await.ok();
    assert_eq!(done, json!({"retried": 30, "skipped": 0, "more": false}));
    let done = place.post(path, &json!({"filter": {"kind": "SNR", "state": "Error"}})).await.ok();
    assert_eq!(done, json!({"retried": 1_200, "skipped": 0, "more": false}));
    assert_eq!(place.post(path, &json!({"filter": {}})).await.ok()["retried"], 0);
    assert_eq!(place.get("/api/v1/tickets?state=Error").await.ok()["items"], json!([]));
    for body in [json!({}), json!({"filter": {"colour": "red"}}), json!({"filter": {"state": "Received"}}), Value::Null]
    {
        place.post(path, &body).await.problem(400);
    }
}

#[tokio::test]
async fn a_redrive_ends_at_its_limit_and_says_so() {
    let place = Place::open().await;
    place.fill("a", 25).await;
    place.refuse_all(1_000).await;
    let store = &*place.app.store;
    let filter = TicketFilter::default();
    for expected in [(10, true), (10, true), (5, false), (0, false)] {
        let done = view::redrive(store, &filter, 10, "cli", Wall(2_000)).await.unwrap();
        assert_eq!(done, Redriven { retried: expected.0, skipped: 0, more: expected.1 });
    }
    let counts = store.counts().await.unwrap();
    assert_eq!(
        counts.into_iter().map(|((_, state), count)| (state, count)).collect::<Vec<_>>(),
        [(State::Matching, 25)]
    );
}
