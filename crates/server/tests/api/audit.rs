//! Every change by the API leaves its line.

use reqwest::Method;
use serde_json::{Value, json};

use crate::access::TOKENS;
use crate::place::{CONFIG, Delivery, Place, Reply, json_body, reply};

async fn call(place: &Place, role: &str, method: Method, path: &str, body: Value) -> Reply {
    let request = place.request(method, path).header("authorization", format!("Bearer token-of-{role}"));
    reply(json_body(request, &body)).await
}

async fn lines(place: &Place) -> Vec<String> {
    let audit = call(place, "admin", Method::GET, "/api/v1/audit?limit=100", Value::Null).await.ok();
    let line = |line: &Value| {
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        format!("{} {} {} {}", text("who"), text("act"), text("subject"), line["detail"])
    };
    audit["items"].as_array().unwrap().iter().rev().map(line).collect()
}

#[tokio::test]
async fn settings_and_acts_leave_a_line_with_who_and_the_values() {
    let place = Place::with(&format!("{CONFIG}{TOKENS}"), Delivery::HasEnded).await.unwrap();
    let operator = async |method, path: &str, body| call(&place, "operator", method, path, body).await;
    let ticket = json!([{"message_id": "m-1", "kind": "SNR", "dedupe_key": "SNR|1"}]);
    let received = operator(Method::POST, "/api/v1/tickets", ticket).await.ok();
    let id = received[0]["id"].as_str().unwrap().to_owned();
    operator(Method::PATCH, "/api/v1/backends/be-1", json!({"max_retries": 7})).await.ok();
    operator(Method::PATCH, "/api/v1/backends/be-1", json!({"max_retries": 8})).await.ok();
    operator(Method::PATCH, "/api/v1/backends/be-1", json!({"max_retries": 3})).await.ok();
    operator(Method::POST, &format!("/api/v1/tickets/{id}/retry"), Value::Null).await.problem(409);
    operator(Method::POST, &format!("/api/v1/tickets/{id}/dismiss"), json!({"reason": "of ana@b.example"})).await.ok();
    let set =
        |old: u32, new: u32| format!(r#"hand backend.set be-1 {{"new":{new},"old":{old},"setting":"max_retries"}}"#);
    let expected = [set(3, 7), set(7, 8), set(8, 3), format!("hand ticket.dismiss {id} {{}}")];
    assert_eq!(lines(&place).await, expected, "and what was refused has none");
}

#[tokio::test]
async fn what_happens_elsewhere_is_written_down_before() {
    let place = Place::with(&format!("{CONFIG}{TOKENS}"), Delivery::HasEnded).await.unwrap();
    call(&place, "admin", Method::POST, "/api/v1/persons/erase", json!({"email": "ana@b.example"})).await.ok();
    call(&place, "admin", Method::POST, "/api/v1/feedback/nobody/run", Value::Null).await.problem(404);
    assert_eq!(lines(&place).await, ["head person.erase.asked a***@b.example {}"]);
}

#[tokio::test]
async fn the_audit_is_for_admins_and_comes_in_pages() {
    let place = Place::with(&format!("{CONFIG}{TOKENS}"), Delivery::HasEnded).await.unwrap();
    for retries in [4, 5, 6] {
        let body = json!({"max_retries": retries});
        call(&place, "operator", Method::PATCH, "/api/v1/backends/be-1", body).await.ok();
    }
    for role in ["viewer", "operator"] {
        call(&place, role, Method::GET, "/api/v1/audit", Value::Null).await.problem(403);
    }
    let admin =
        async |query: &str| call(&place, "admin", Method::GET, &format!("/api/v1/audit{query}"), Value::Null).await;
    let first = admin("?limit=2").await.ok();
    let next = first["next"].as_str().unwrap();
    let second = admin(&format!("?limit=2&cursor={next}")).await.ok();
    let ids: Vec<_> = first["items"].as_array().unwrap().iter().chain(second["items"].as_array().unwrap()).collect();
    assert_eq!(ids.iter().map(|line| line["id"].as_i64().unwrap()).collect::<Vec<_>>(), [3, 2, 1]);
    assert!(second["next"].is_null());
    for query in ["?limit=0", "?limit=1001", "?cursor=x", "?cursor=-1", "?who=x"] {
        admin(query).await.problem(400);
    }
}
