//! `/sandbox/cherwell/…`: older tickets, an operator at work, all that is stored, live tokens, and the site's settings.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::House;
use super::control::{Roof, ok, refused};
use super::window::Window;
use crate::cherwell::{CherwellSettings, OperatorAct, OperatorError, SeedTicket};

pub(super) fn routes() -> Router<House> {
    Router::new()
        .route("/sandbox/cherwell/tickets", get(tickets).post(seed))
        .route("/sandbox/cherwell/tickets/{id}", get(ticket).post(operate))
        .route("/sandbox/cherwell/work-orders", get(work_orders))
        .route("/sandbox/cherwell/notes", get(notes))
        .route("/sandbox/cherwell/revoke", post(revoke))
        .route("/sandbox/cherwell/settings", get(settings).patch(change_settings).post(change_settings))
}

async fn tickets(State(house): Roof, Query(window): Query<Window>) -> Response {
    window.answer(|offset, limit| house.cherwell.with(|model, _| model.dump_tickets(offset, limit)))
}

async fn work_orders(State(house): Roof, Query(window): Query<Window>) -> Response {
    window.answer(|offset, limit| house.cherwell.with(|model, _| model.dump_work_orders(offset, limit)))
}

async fn notes(State(house): Roof, Query(window): Query<Window>) -> Response {
    window.answer(|offset, limit| house.cherwell.with(|model, _| model.dump_notes(offset, limit)))
}

async fn ticket(State(house): Roof, Path(id): Path<String>) -> Response {
    match house.cherwell.with(|model, _| model.dump_ticket(&id)) {
        Some(row) => ok(&row),
        None => operator_refused(&OperatorError::NoSuchTicket(id)),
    }
}

async fn seed(State(house): Roof, body: Bytes) -> Response {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Seeds {
        items: Vec<SeedTicket>,
    }
    let seeds: Seeds = match serde_json::from_slice(&body) {
        Ok(seeds) => seeds,
        Err(error) => return refused(400, "MALFORMED_BODY", &error.to_string()),
    };
    let added = house.cherwell.with(|model, now| {
        let ids = model.seed_tickets(now, seeds.items)?;
        Ok(ids.iter().filter_map(|id| model.dump_ticket(id)).collect::<Vec<_>>())
    });
    match added {
        Ok(rows) => ok(&json!({"items": rows})),
        Err(error) => operator_refused(&error),
    }
}

async fn operate(State(house): Roof, Path(id): Path<String>, body: Bytes) -> Response {
    let act: OperatorAct = match serde_json::from_slice(&body) {
        Ok(act) => act,
        Err(error) => return refused(400, "MALFORMED_BODY", &error.to_string()),
    };
    let done = house.cherwell.with(|model, now| {
        let left = model.operate(now, &id, &act)?;
        Ok(left.and_then(|id| model.dump_ticket(&id)))
    });
    match done {
        Ok(row) => ok(&json!({"ticket": row})),
        Err(error) => operator_refused(&error),
    }
}

async fn revoke(State(house): Roof) -> Response {
    ok(&json!({"revoked": house.cherwell.with(|model, _| model.revoke_sessions())}))
}

async fn settings(State(house): Roof) -> Response {
    ok(&json!(house.cherwell.with(|model, _| model.settings().clone())))
}

/// Changes the settings that the body names, or none.
async fn change_settings(State(house): Roof, body: Bytes) -> Response {
    let wanted: serde_json::Map<String, Value> = match serde_json::from_slice(&body) {
        Ok(wanted) => wanted,
        Err(error) => return refused(400, "MALFORMED_BODY", &error.to_string()),
    };
    let changed = house.cherwell.with(|model, _| {
        let mut all = json!(model.settings());
        for (name, value) in wanted {
            all[name] = value;
        }
        let settings: CherwellSettings = serde_json::from_value(all).map_err(|error| error.to_string())?;
        model.set_settings(settings.clone()).map_err(|error| error.to_string())?;
        Ok(settings)
    });
    match changed {
        Ok(settings) => ok(&json!(settings)),
        Err(error) => {
            let message: String = error;
            refused(400, "INVALID_SETTING", &message)
        }
    }
}

fn operator_refused(error: &OperatorError) -> Response {
    let (status, code) = match error {
        OperatorError::NoSuchTicket(_) => (404, "UNKNOWN_TICKET"),
        OperatorError::WrongValue(_) | OperatorError::WrongSeed { .. } => (400, "INVALID_FIELD"),
        OperatorError::Full(_) => (507, "FULL"),
    };
    refused(status, code, &error.to_string())
}
