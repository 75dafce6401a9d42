//! `/sandbox/sfyc/…`: older tickets, an operator at work, and all that is stored.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::House;
use super::control::{Roof, ok, refused};
use crate::sfyc::{OperatorAct, OperatorError, SeedTicket};

/// The most records of one answer, and how many there are if none is asked for.
const MAX_DUMP: usize = 10_000;

pub(super) fn routes() -> Router<House> {
    Router::new()
        .route("/sandbox/sfyc/tickets", get(tickets).post(seed))
        .route("/sandbox/sfyc/tickets/{number}", get(ticket).post(operate))
        .route("/sandbox/sfyc/work-orders", get(work_orders))
        .route("/sandbox/sfyc/notes", get(notes))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    #[serde(default)]
    offset: usize,
    #[serde(default = "most")]
    limit: usize,
}

fn most() -> usize {
    MAX_DUMP
}

impl Window {
    /// One record more than asked tells whether there is a next window.
    fn answer(&self, dump: impl FnOnce(usize, usize) -> Vec<Value>) -> Response {
        let limit = self.limit.clamp(1, MAX_DUMP);
        let mut items = dump(self.offset, limit + 1);
        let next = (items.len() > limit).then_some(self.offset + limit);
        items.truncate(limit);
        ok(&json!({"items": items, "nextOffset": next}))
    }
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
