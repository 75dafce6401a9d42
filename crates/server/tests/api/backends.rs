//! Backends and their settings.

use serde_json::json;

use crate::place::Place;

const ROUTE: &str = "/api/v1/backends/be-1";

#[tokio::test]
async fn settings_are_changed_within_their_ranges_and_kept() {
    let place = Place::open().await;
    for (body, words) in [
        (json!({"max_retries": 101}), "`max_retries` must be a whole number from 0 to 100, not 101"),
        (json!({"max_retries": -1}), "from 0 to 100, not -1"),
        (json!({"max_retries": 1.5}), "not 1.5"),
        (json!({"max_retries": null}), "not null"),
        (json!({"max_tickets_per_request": 0}), "from 1 to 500, not 0"),
        (json!({"max_tickets_per_request": 501}), "from 1 to 500, not 501"),
        (json!({"processing": "off"}), "`processing` must be true or false"),
        (json!({"name": "be-3"}), "`name` is no setting that can be changed"),
        (json!({}), "nothing to change"),
        (json!([]), "the body"),
        (json!({"processing": false, "max_retries": 7, "max_tickets_per_request": 501}), "from 1 to 500"),
    ] {
        assert!(place.patch(ROUTE, &body).await.problem(400).contains(words), "{body}");
    }
    let untouched = place.get(ROUTE).await.ok();
    assert_eq!(untouched["changed"], json!([]), "all or nothing");

    let wanted = json!({"processing": false, "max_retries": 0, "max_tickets_per_request": 500});
    let changed = place.patch(ROUTE, &wanted).await.ok();
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(changed[name], *value);
    }
    assert_eq!(changed["changed"], json!(["processing", "max_retries", "max_tickets_per_request"]));
    assert_eq!(place.get(ROUTE).await.ok(), changed);
    let all = place.get("/api/v1/backends").await.ok();
    assert_eq!((&all["items"][0], &all["items"][1]["processing"]), (&changed, &json!(true)));

    let back = place.patch(ROUTE, &json!({"processing": true})).await.ok();
    assert_eq!(back["changed"], json!(["max_retries", "max_tickets_per_request"]), "as the file says: no change");
}

#[tokio::test]
async fn an_unknown_backend_is_not_found() {
    let place = Place::open().await;
    assert!(place.get("/api/v1/backends/be-9").await.problem(404).contains("the backends are be-1, be-2"));
    place.patch("/api/v1/backends/be-9", &json!({"processing": false})).await.problem(404);
}
