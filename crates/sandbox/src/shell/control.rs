//! `/sandbox/…`: faults, counters and reset of all platforms. Needs no login and is never hit by a fault.

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{House, body, control_sfyc};
use crate::call::Reply;
use crate::credentials::TOKEN;
use crate::faults::{FaultError, Rule};

pub(super) type Roof = State<House>;

pub(super) fn routes() -> Router<House> {
    Router::new()
        .route("/sandbox", get(about))
        .route("/sandbox/faults", get(list_faults).put(replace_faults).post(add_faults).delete(remove_faults))
        .route("/sandbox/stats", get(stats))
        .route("/sandbox/reset", post(reset))
        .merge(control_sfyc::routes())
}

async fn about() -> Response {
    let control = ["/sandbox/faults", "/sandbox/stats", "/sandbox/reset"];
    ok(&json!({"platforms": {"sfyc": {"base_path": "/sfyc", "token": TOKEN}}, "control": control}))
}

async fn list_faults(State(house): Roof) -> Response {
    ok(&json!({"faults": house.sfyc.with(|model, _| model.faults().to_json())}))
}

async fn add_faults(State(house): Roof, body: Bytes) -> Response {
    let added = read_rules(&body).and_then(|rules| house.sfyc.with(|model, _| model.faults_mut().add_all(rules)));
    answer_ids(added)
}

async fn replace_faults(State(house): Roof, body: Bytes) -> Response {
    let added = read_rules(&body).and_then(|rules| house.sfyc.with(|model, _| model.faults_mut().replace(rules)));
    answer_ids(added)
}

async fn remove_faults(State(house): Roof, Query(filters): Query<Vec<(String, String)>>) -> Response {
    let (mut id, mut knob) = (None, None);
    for (name, value) in filters {
        match (name.as_str(), value.parse()) {
            ("id", Ok(number)) => id = Some(number),
            ("knob", _) => knob = Some(value),
            _ => return refused(400, "INVALID_FILTER", "only `id` (a whole number) and `knob` can be given"),
        }
    }
    ok(&json!({"removed": house.sfyc.with(|model, _| model.faults_mut().remove(id, knob.as_deref()))}))
}

async fn stats(State(house): Roof) -> Response {
    ok(&json!({"sfyc": house.sfyc.with(|model, _| model.stats())}))
}

async fn reset(State(house): Roof) -> Response {
    house.sfyc.reset();
    ok(&json!({"reset": true}))
}

/// One rule, a list of rules, or `{"faults": [rules]}`.
fn read_rules(body: &[u8]) -> Result<Vec<Rule>, FaultError> {
    let mut value: Value = serde_json::from_slice(body).map_err(|error| FaultError::Unreadable(error.to_string()))?;
    if let Some(members) = value.as_object_mut().filter(|members| members.len() == 1)
        && let Some(list) = members.remove("faults")
    {
        value = list;
    }
    match value {
        Value::Array(rules) => rules.into_iter().map(Rule::from_json).collect(),
        rule => Ok(vec![Rule::from_json(rule)?]),
    }
}

fn answer_ids(added: Result<Vec<u64>, FaultError>) -> Response {
    match added {
        Ok(ids) => ok(&json!({"added": ids})),
        Err(error) => refused(400, "INVALID_FAULT", &error.to_string()),
    }
}

pub(super) fn ok(value: &Value) -> Response {
    body::response(Reply::json(200, value.to_string()))
}

pub(super) fn refused(status: u16, code: &str, message: &str) -> Response {
    body::response(Reply::json(status, json!({"error": {"code": code, "message": message}}).to_string()))
}
