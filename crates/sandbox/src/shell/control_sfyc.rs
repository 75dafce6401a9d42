//! `/sandbox/sfyc/…`: older tickets, an operator at work, and all that is stored.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::House;
use super::control::{Roof, ok, refused};
use super::window::Window;
use crate::sfyc::{OperatorAct, OperatorError, SeedTicket};

pub(super) fn routes() -> Router<House> {
    Router::new()
        .route("/sandbox/sfyc/tickets", get(tickets).post(seed))
        .route("/sandbox/sfyc/tickets/{number}", get(ticket).post(operate))
        .route("/sandbox/sfyc/work-orders", get(work_orders))
        .route("/sandbox/sfyc/notes", get(notes))
}

async fn tickets(State(house): Roof, Query(window): Query<Window>) -> Response {
    window.answer(|offset, limit| house.sfyc.with(|model, _| model.dump_tickets(offset, limit)))
}

async fn work_orders(State(house): Roof, Query(window): Query<Window>) -> Response {
    window.answer(|offset, limit| house.sfyc.with(|model, _| model.dump_work_orders(offset, limit)))
}

async fn notes(State(house): Roof, Query(window): Query<Window>) -> Response {
    window.answer(|offset, limit| house.sfyc.with(|model, _| model.dump_notes(offset, limit)))
}

async fn ticket(State(house): Roof, Path(number): Path<String>) -> Response {
    match house.sfyc.with(|model, _| model.dump_ticket(&number)) {
        Some(row) => ok(&row),
        None => operator_refused(&OperatorError::NoSuchTicket(number)),
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
    let added = house.sfyc.with(|model, now| {
        let numbers = model.seed_tickets(now, seeds.items)?;
        Ok(numbers.iter().filter_map(|number| model.dump_ticket(number)).collect::<Vec<_>>())
    });
    match added {
        Ok(rows) => ok(&json!({"items": rows})),
        Err(error) => operator_refused(&error),
    }
}

async fn operate(State(house): Roof, Path(number): Path<String>, body: Bytes) -> Response {
    let act: OperatorAct = match serde_json::from_slice(&body) {
        Ok(act) => act,
        Err(error) => return refused(400, "MALFORMED_BODY", &error.to_string()),
    };
    let done = house.sfyc.with(|model, now| {
        let left = model.operate(now, &number, &act)?;
        Ok(left.and_then(|number| model.dump_ticket(&number)))
    });
    match done {
        Ok(row) => ok(&json!({"ticket": row})),
        Err(error) => operator_refused(&error),
    }
}

fn operator_refused(error: &OperatorError) -> Response {
    let (status, code) = match error {
        OperatorError::NoSuchTicket(_) => (404, "UNKNOWN_TICKET"),
        OperatorError::IntoItself(_) => (409, "INTO_ITSELF"),
        OperatorError::WrongSeed { .. } => (400, "INVALID_FIELD"),
        OperatorError::Full(_) => (507, "FULL"),
    };
    refused(status, code, &error.to_string())
}
