//! `/sandbox/…`: faults, counters and reset of all platforms. Needs no login and is never hit by a fault.

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::{Value, json};

use super::platform::{CHERWELL_BASE, S360_BASE, TIXNGO_BASE};
use super::{House, body, control_cherwell, control_s360, control_sfyc, control_tixngo};
use crate::call::Reply;
use crate::cherwell::{CLIENT_ID, USER};
use crate::credentials::TOKEN;
use crate::faults::{FaultBoard, FaultError, Rule};
use crate::tixngo::DEFAULT_ORGANIZER;

pub(super) type Roof = State<House>;

pub(super) fn routes() -> Router<House> {
    Router::new()
        .route("/sandbox", get(about))
        .route("/sandbox/faults", get(list_faults).put(replace_faults).post(add_faults).delete(remove_faults))
        .route("/sandbox/stats", get(stats))
        .route("/sandbox/reset", post(reset))
        .route("/sandbox/date", post(shift_date))
        .merge(control_sfyc::routes())
        .merge(control_cherwell::routes())
        .merge(control_tixngo::routes())
        .merge(control_s360::routes())
}

async fn about() -> Response {
    let control = ["/sandbox/faults", "/sandbox/stats", "/sandbox/reset", "/sandbox/date"];
    let cherwell = json!({
        "base_path": CHERWELL_BASE, "client_id": CLIENT_ID, "username": USER, "password": TOKEN, "auth_mode": "Internal",
    });
    let tixngo = json!({
        "base_path": TIXNGO_BASE, "api_key_header": "X-Tixngo-Key", "api_key": TOKEN, "organizer": DEFAULT_ORGANIZER,
    });
    let platforms = json!({
        "cherwell": cherwell,
        "s360": {"base_path": S360_BASE, "token": TOKEN},
        "sfyc": {"base_path": "/sfyc", "token": TOKEN},
        "tixngo": tixngo,
    });
    ok(&json!({"platforms": platforms, "control": control}))
}

async fn list_faults(State(house): Roof) -> Response {
    let faults: Vec<_> = house.with_boards(|boards| boards.iter().flat_map(|board| board.to_json()).collect());
    ok(&json!({"faults": faults}))
}

async fn add_faults(State(house): Roof, body: Bytes) -> Response {
    answer_ids(read_rules(&body).and_then(|rules| put_rules(&house, rules, false)))
}

async fn replace_faults(State(house): Roof, body: Bytes) -> Response {
    answer_ids(read_rules(&body).and_then(|rules| put_rules(&house, rules, true)))
}

/// The platform of rules and ids that name none.
const USUAL_PLATFORM: &str = "sfyc";

fn names(boards: &[&mut FaultBoard]) -> String {
    boards.iter().map(|board| board.catalogue().platform).collect::<Vec<_>>().join(", ")
}

/// Gives each rule to its platform; answers the ids in the order of the rules. One wrong rule and nothing is changed on any
/// platform.
fn put_rules(house: &House, rules: Vec<Rule>, replacing: bool) -> Result<Vec<u64>, FaultError> {
    house.with_boards(|mut boards| {
        let mut turns = Vec::with_capacity(rules.len());
        let mut of_boards: [Vec<Rule>; 4] = Default::default();
        for rule in rules {
            let name = rule.platform.as_deref().unwrap_or(USUAL_PLATFORM);
            let Some(turn) = boards.iter().position(|board| board.catalogue().platform == name) else {
                return Err(FaultError::UnknownPlatform { name: name.to_owned(), known: names(&boards) });
            };
            turns.push(turn);
            of_boards[turn].push(rule);
        }
        for (board, rules) in boards.iter().zip(&of_boards) {
            board.check(rules, replacing)?;
        }
        let mut ids = Vec::with_capacity(boards.len());
        for (board, rules) in boards.iter_mut().zip(of_boards) {
            if replacing {
                board.remove(None, None);
            }
            ids.push(board.add_all(rules)?.into_iter());
        }
        Ok(turns.into_iter().filter_map(|turn| ids[turn].next()).collect())
    })
}

/// Ids are a platform's own: an id without a platform is one of SFyC. Without any filter all rules of all platforms go.
async fn remove_faults(State(house): Roof, Query(filters): Query<Vec<(String, String)>>) -> Response {
    let known = house.with_boards(|boards| names(&boards));
    let (mut id, mut knob, mut platform) = (None, None, None);
    for (name, value) in filters {
        match (name.as_str(), value.parse()) {
            ("id", Ok(number)) => id = Some(number),
            ("knob", _) => knob = Some(value),
            ("platform", _) if known.split(", ").any(|name| name == value) => platform = Some(value),
            _ => {
                let message =
                    format!("only `id` (a whole number), `knob` and `platform` (one of {known}) can be given");
                return refused(400, "INVALID_FILTER", &message);
            }
        }
    }
    if id.is_some() && platform.is_none() {
        platform = Some(USUAL_PLATFORM.to_owned());
    }
    let concerns = |board: &FaultBoard| platform.as_deref().is_none_or(|wanted| wanted == board.catalogue().platform);
    let removed: usize = house.with_boards(|boards| {
        let concerned = boards.into_iter().filter(|board| concerns(board));
        concerned.map(|board| board.remove(id, knob.as_deref())).sum()
    });
    ok(&json!({"removed": removed}))
}

async fn stats(State(house): Roof) -> Response {
    ok(&json!({
        "cherwell": house.cherwell.with(|model, now| model.stats(now)),
        "s360": house.s360.with(|model, _| model.stats()),
        "sfyc": house.sfyc.with(|model, _| model.stats()),
        "tixngo": house.tixngo.with(|model, _| model.stats()),
    }))
}

async fn reset(State(house): Roof) -> Response {
    house.reset();
    ok(&json!({"reset": true}))
}

/// `{"seconds": N}`: how far the `Date` header of every answer is off from now on.
async fn shift_date(State(house): Roof, body: Bytes) -> Response {
    let asked: Option<Value> = serde_json::from_slice(&body).ok();
    let Some(seconds) = asked.as_ref().and_then(|asked| asked.get("seconds")?.as_i64()) else {
        return refused(400, "INVALID_DATE", "send {\"seconds\": N}, a whole number; 0 puts it right");
    };
    house.date.set(seconds);
    ok(&json!({"seconds": seconds}))
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
