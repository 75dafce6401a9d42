//! `/sandbox/…`: faults, counters and reset of all platforms. Needs no login and is never hit by a fault.

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::{Value, json};

use super::platform::CHERWELL_BASE;
use super::{House, body, control_cherwell, control_sfyc};
use crate::call::Reply;
use crate::cherwell::{CLIENT_ID, USER};
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
        .merge(control_cherwell::routes())
}

async fn about() -> Response {
    let control = ["/sandbox/faults", "/sandbox/stats", "/sandbox/reset"];
    let cherwell = json!({
        "base_path": CHERWELL_BASE, "client_id": CLIENT_ID, "username": USER, "password": TOKEN, "auth_mode": "Internal",
    });
    let platforms = json!({"cherwell": cherwell, "sfyc": {"base_path": "/sfyc", "token": TOKEN}});
    ok(&json!({"platforms": platforms, "control": control}))
}

async fn list_faults(State(house): Roof) -> Response {
    let mut faults = house.sfyc.with(|model, _| model.faults().to_json());
    faults.extend(house.cherwell.with(|model, _| model.faults().to_json()));
    ok(&json!({"faults": faults}))
}

async fn add_faults(State(house): Roof, body: Bytes) -> Response {
    answer_ids(read_rules(&body).and_then(|rules| put_rules(&house, rules, false)))
}

async fn replace_faults(State(house): Roof, body: Bytes) -> Response {
    answer_ids(read_rules(&body).and_then(|rules| put_rules(&house, rules, true)))
}

/// Gives each rule to its platform, SFyC if it names none; answers the ids in the order of the rules. One wrong rule and
/// nothing is changed on any platform.
fn put_rules(house: &House, rules: Vec<Rule>, replacing: bool) -> Result<Vec<u64>, FaultError> {
    let mut platforms = Vec::with_capacity(rules.len());
    let (mut for_sfyc, mut for_cherwell) = (Vec::new(), Vec::new());
    for rule in rules {
        let is_for_cherwell = match rule.platform.as_deref() {
            None | Some("sfyc") => false,
            Some("cherwell") => true,
            Some(name) => {
                return Err(FaultError::UnknownPlatform { name: name.to_owned(), known: "sfyc, cherwell".to_owned() });
            }
        };
        platforms.push(is_for_cherwell);
        if is_for_cherwell { for_cherwell.push(rule) } else { for_sfyc.push(rule) }
    }
    // Both are held until both are changed.
    house.sfyc.with(|sfyc, _| {
        house.cherwell.with(|cherwell, _| {
            let (sfyc, cherwell) = (sfyc.faults_mut(), cherwell.faults_mut());
            sfyc.check(&for_sfyc, replacing)?;
            cherwell.check(&for_cherwell, replacing)?;
            if replacing {
                sfyc.remove(None, None);
                cherwell.remove(None, None);
            }
            let mut sfyc = sfyc.add_all(for_sfyc)?.into_iter();
            let mut cherwell = cherwell.add_all(for_cherwell)?.into_iter();
            let next = |is_for_cherwell: bool| if is_for_cherwell { cherwell.next() } else { sfyc.next() };
            Ok(platforms.into_iter().filter_map(next).collect())
        })
    })
}

/// Ids are a platform's own: an id without a platform is one of SFyC. Without any filter all rules of all platforms go.
async fn remove_faults(State(house): Roof, Query(filters): Query<Vec<(String, String)>>) -> Response {
    let (mut id, mut knob, mut platform) = (None, None, None);
    for (name, value) in filters {
        match (name.as_str(), value.parse()) {
            ("id", Ok(number)) => id = Some(number),
            ("knob", _) => knob = Some(value),
            ("platform", _) if matches!(value.as_str(), "sfyc" | "cherwell") => platform = Some(value),
            _ => {
                let message = "only `id` (a whole number), `knob` and `platform` (sfyc or cherwell) can be given";
                return refused(400, "INVALID_FILTER", message);
            }
        }
    }
    if id.is_some() && platform.is_none() {
        platform = Some("sfyc".to_owned());
    }
    let concerns = |name: &str| platform.as_deref().is_none_or(|wanted| wanted == name);
    let mut removed = 0;
    if concerns("sfyc") {
        removed += house.sfyc.with(|model, _| model.faults_mut().remove(id, knob.as_deref()));
    }
    if concerns("cherwell") {
        removed += house.cherwell.with(|model, _| model.faults_mut().remove(id, knob.as_deref()));
    }
    ok(&json!({"removed": removed}))
}

async fn stats(State(house): Roof) -> Response {
    let cherwell = house.cherwell.with(|model, now| model.stats(now));
    ok(&json!({"cherwell": cherwell, "sfyc": house.sfyc.with(|model, _| model.stats())}))
}

async fn reset(State(house): Roof) -> Response {
    house.reset();
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
