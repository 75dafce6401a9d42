//! `GET /api/v1/tickets`, one ticket, its timeline.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::place::{Place, ticket};

/// Message ids of all pages, in order; calls `between` after the first page.
async fn walk(place: &Place, query: &str, between: impl AsyncFn()) -> Vec<String> {
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = place.get(&format!("/api/v1/tickets?{query}{cursor}")).await.ok();
        let items = page["items"].as_array().unwrap();
        assert!(!items.is_empty(), "a page that was announced is empty");
        seen.extend(items.iter().map(|item| item["message_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { return seen };
        if cursor.is_empty() {
            between().await;
        }
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn pages_through_2500_rows_neither_skip_nor_repeat_also_while_others_come_in() {
    let place = Place::open().await;
    place.fill("a", 2_500).await;
    let expected: Vec<String> = (0..2_500).rev().map(|number| format!("a{number:05}")).collect();
    for limit in [1_000, 500, 499] {
        assert_eq!(walk(&place, &format!("limit={limit}"), async || {}).await, expected, "limit {limit}");
    }
    let grown = walk(&place, "", async || place.fill("b", 30).await).await;
    assert_eq!(grown, expected);
}

#[tokio::test]
async fn a_last_page_that_is_exactly_full_has_no_next() {
    let place = Place::open().await;
    place.fill("a", 2_000).await;
    assert_eq!(walk(&place, "limit=1000", async || {}).await.len(), 2_000);
    assert_eq!(walk(&place, "limit=400", async || {}).await.len(), 2_000);
}

#[tokio::test]
async fn filters_are_joined_and_several_values_of_one_mean_any() {
    let place = Place::open().await;
    let call = json!([
        {"message_id": "m-1", "kind": "SNR", "dedupe_key": "SNR|A,1"},
        {"message_id": "m-2", "kind": "Falla de Linea", "source": {"group_id": "USSG-7"}},
        {"message_id": "m-3", "kind": "Falla de Línea", "dedupe_key": "x"},
        {"message_id": "m-4", "kind": "Other", "dedupe_key": "y"},
    ]);
    place.post("/api/v1/tickets?backend=be-1", &call).await.ok();
    place.post("/api/v1/tickets?backend=be-2", &json!([ticket("m-5")])).await.ok();
    let found = async |query: &str| -> BTreeSet<String> {
        let page = place.get(&format!("/api/v1/tickets?{query}")).await.ok();
        page["items"].as_array().unwrap().iter().map(|item| item["message_id"].as_str().unwrap().to_owned()).collect()
    };
    let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(found("kind=SNR").await, set(&["m-1", "m-5"]));
    assert_eq!(found("kind=snr&backend=be-1").await, set(&["m-1"]));
    assert_eq!(found("kind=SNR&kind=Other").await, set(&["m-1", "m-4", "m-5"]));
    assert_eq!(found("backend=be-2&backend=be-1").await.len(), 5);
    assert_eq!(found("dedupe_key=SNR%7CA,1").await, set(&["m-1"]));
    assert_eq!(found("message_id=m-4").await, set(&["m-4"]));
    assert_eq!(found("text=ussg").await, set(&["m-2"]));
    assert_eq!(found("state=received&text=m-").await.len(), 5);
    assert_eq!(found("state=Error&state=Completed").await, set(&[]));
}

#[tokio::test]
async fn unusable_parameters_are_refused_with_the_way_out() {
    let place = Place::open().await;
    for (query, words) in [
        ("limit=0", "`limit` is 0; it must be 1 to 1000"),
        ("limit=1001", "1 to 1000"),
        ("limit=ten", "`limit` must be a whole number"),
        ("limit=1&limit=2", "`limit` stands there 2 times"),
        ("cursor=1", "`cursor` is not one that this API gave"),
        ("cursor=", "`cursor`"),
        ("state=Lost", "the states are Received"),
        ("state=", "`state` is empty"),
        ("dedupe_key=%20x", "`dedupe_key`"),
        ("colour=red", "does not know the parameter `colour`"),
        ("text=%FF%FE", "the query string is not UTF-8"),
    ] {
        let reply = place.get(&format!("/api/v1/tickets?{query}")).await;
        assert!(reply.problem(400).contains(words), "{query}: {}", reply.text);
    }
}

#[tokio::test]
async fn a_ticket_has_all_that_is_known_of_it() {
    let place = Place::open().await;
    place.fill("a", 3).await;
    let id = place.id("a00001").await;
    let one = place.get(&format!("/api/v1/tickets/{id}")).await.ok();
    let listed = place.get("/api/v1/tickets?message_id=a00001").await.ok();
    for (name, value) in listed["items"][0].as_object().unwrap() {
        assert_eq!(one[name], *value, "{name}");
    }
    let names = "id message_id dedupe_key kind backend state attempts ticket_number ot_number reason";
    assert!(names.split(' ').all(|name| listed["items"][0].get(name).is_some()));
    assert_eq!(one["ticket"], ticket("a00001"));
    assert_eq!(one["state"], "Received");
    assert_eq!(one["timeline"].as_array().unwrap().len(), 1);
    let timeline = place.get(&format!("/api/v1/tickets/{id}/timeline")).await.ok();
    assert_eq!(timeline, one["timeline"]);
    assert_eq!(timeline[0]["entry"], "received");
}

#[tokio::test]
async fn a_timeline_tells_requests_and_acts_in_order() {
    let place = Place::open().await;
    place.fill("a", 2).await;
    let at = place.app.clock.now().wall.0;
    place.refuse_all(at).await;
    let id = place.id("a00000").await;
    place.post(&format!("/api/v1/tickets/{id}/retry"), &Value::Null).await.ok();
    let timeline = place.get(&format!("/api/v1/tickets/{id}/timeline")).await.ok();
    let words: Vec<_> = timeline.as_array().unwrap().iter().map(|entry| entry["entry"].as_str().unwrap()).collect();
    assert_eq!(words, ["received", "request", "act"]);
    insta::with_settings!({filters => vec![(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "[time]")]}, {
        insta::assert_json_snapshot!(timeline);
    });
}

#[tokio::test]
async fn an_unknown_id_is_not_found() {
    let place = Place::open().await;
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    for path in [format!("/tickets/{id}"), format!("/tickets/{id}/timeline"), String::from("/tickets/nonsense")] {
        assert!(place.get(&format!("/api/v1{path}")).await.problem(404).contains("there is no ticket"));
    }
    for (path, body) in [("retry", Value::Null), ("dismiss", json!({"reason": "gone"}))] {
        place.post(&format!("/api/v1/tickets/{id}/{path}"), &body).await.problem(404);
    }
}
