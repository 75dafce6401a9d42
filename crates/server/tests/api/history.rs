//! The history that charts are drawn from.

use crate::place::Place;

#[tokio::test]
async fn it_is_empty_at_first_and_then_tells_counts_and_differences() {
    let place = Place::open().await;
    let empty = place.get("/api/v1/history").await.ok();
    assert_eq!(empty, serde_json::json!({"range": "hour", "every_s": 10, "samples": []}));
    place.fill("M", 3).await;
    place.app.history.sample(&place.app).await.unwrap();
    for (query, range, every) in [("", "hour", 10), ("?range=hour", "hour", 10), ("?range=day", "day", 300)] {
        let history = place.get(&format!("/api/v1/history{query}")).await.ok();
        assert_eq!((&history["range"], &history["every_s"]), (&range.into(), &every.into()));
        let samples = history["samples"].as_array().unwrap();
        assert_eq!(samples.len(), 1);
        assert_eq!(samples[0]["tickets"], serde_json::json!({"be-1": {"Received": 3}}));
        assert_eq!(samples[0]["failed"], 0);
    }
    assert_eq!(place.get("/api/v1/history?range=week").await.problem(400), "`range` is `week`; it is one of hour, day");
    place.get("/api/v1/history?from=1").await.problem(400);
}
