//! Problem documents, word by word.

use reqwest::Method;
use serde_json::{Value, json};

use crate::place::{Place, Reply, json_body, reply};

fn shown(reply: &Reply) -> Value {
    assert_eq!(reply.kind, "application/problem+json");
    reply.json()
}

#[tokio::test]
async fn problems_say_what_was_wrong_and_what_to_do() {
    let place = Place::open().await;
    place.fill("a", 1).await;
    let id = place.id("a00000").await;
    let plain = place.request(Method::POST, "/api/v1/tickets").header("content-type", "text/csv").body("a;b");
    let shown = json!({
        "no route": shown(&place.get("/api/v2/tickets").await),
        "no method": shown(&reply(place.request(Method::DELETE, "/api/v1/backends")).await),
        "no ticket": shown(&place.get("/api/v1/tickets/nonsense").await),
        "no backend": shown(&place.post("/api/v1/tickets?backend=be-9", &json!([])).await),
        "no array": shown(&place.post("/api/v1/tickets", &json!({})).await),
        "media type": shown(&reply(plain).await),
        "malformed": shown(&reply(place.request(Method::PATCH, "/api/v1/backends/be-1").body("{\"processing\": tru")).await),
        "setting": shown(&place.patch("/api/v1/backends/be-1", &json!({"max_retries": 101})).await),
        "parameter": shown(&place.get("/api/v1/backends?all=1").await),
        "cursor": shown(&place.get("/api/v1/tickets?cursor=x").await),
        "not allowed": shown(&place.post(&format!("/api/v1/tickets/{id}/retry"), &Value::Null).await),
    });
    insta::with_settings!({filters => vec![(id.as_str(), "[id]")]}, {
        insta::assert_json_snapshot!(shown);
    });
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let place = Place::open().await;
    let answer = reply(json_body(place.request(Method::PUT, "/api/v1/backends/be-1"), &json!({}))).await;
    answer.problem(405);
    assert_eq!(answer.headers["allow"], "GET,HEAD,PATCH");
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_its_page() {
    let place = Place::open().await;
    let problem = place.post("/api/v1/tickets", &json!({})).await.json();
    let page = place.get(problem["type"].as_str().unwrap()).await;
    assert_eq!((page.status, page.kind.as_str()), (200, "text/markdown; charset=utf-8"));
    assert!(page.text.starts_with("# TB0501: "));
    place.get("/errors/TB1").await.problem(404);
}

#[tokio::test]
async fn every_documented_route_exists() {
    let place = Place::open().await;
    let page = include_str!("../../../../docs/api.md");
    let table = page.lines().filter(|line| line.starts_with("| "));
    let routes: Vec<(&str, &str)> = table
        .flat_map(|line| line.split('`'))
        .filter_map(|piece| piece.split_once(' '))
        .filter(|(method, path)| matches!(*method, "GET" | "POST" | "PATCH") && path.starts_with('/'))
        .collect();
    assert!(routes.len() >= 14, "{routes:?}");
    for (method, path) in routes {
        let path = path.replace("{id}", "0").replace("{name}", "be-1").replace("{code}", "TB0501");
        // Events have no end but the one that is asked for: the id of another process is answered at once.
        let path = path.replace("/events", "/events?limit=1&after=0000000000000000-0");
        let answer = reply(place.request(method.parse().unwrap(), &path)).await;
        assert_ne!(answer.status, 405, "{method} {path}");
        assert!(!answer.text.contains("there is nothing at this address"), "{method} {path}");
    }
}
