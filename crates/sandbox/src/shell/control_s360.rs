//! `/sandbox/s360/…`: all that is stored, in and out, and people at work at the box office.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::control::{Roof, ok, refused};
use super::window::Window;
use super::{House, body};
use crate::call::Reply;
use crate::s360::{self, ContactAct, Form, OperatorError, S360Model, StateError, TicketAct};

pub(super) fn routes() -> Router<House> {
    Router::new()
        .route("/sandbox/s360/state", get(state).post(load).put(replace))
        .route("/sandbox/s360/tickets", get(tickets))
        .route("/sandbox/s360/tickets/{id}", get(ticket).post(operate_ticket))
        .route("/sandbox/s360/contacts", get(contacts))
        .route("/sandbox/s360/contacts/{number}", get(contact).post(operate_contact))
        .route("/sandbox/s360/distributions", get(distributions))
        .route("/sandbox/s360/history", get(history))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    form: Form,
}

async fn state(State(house): Roof, Query(wanted): Query<Wanted>) -> Response {
    body::response(Reply::json(200, house.s360.with(|model, _| model.dump(wanted.form))))
}

/// Adds records to those that are there.
async fn load(State(house): Roof, body: Bytes) -> Response {
    put_state(&house, &body, S360Model::load)
}

/// Puts records in the place of all others.
async fn replace(State(house): Roof, body: Bytes) -> Response {
    put_state(&house, &body, S360Model::replace)
}

fn put_state(house: &House, body: &[u8], put: fn(&mut S360Model, s360::State) -> Result<(), StateError>) -> Response {
    let state: s360::State = match serde_json::from_slice(body) {
        Ok(state) => state,
        Err(error) => return refused(400, "MALFORMED_BODY", &error.to_string()),
    };
    let loaded = json!({
        "tickets": state.tickets.len(), "contacts": state.contacts.len(), "distributions": state.distributions.len(),
        "history": state.history.values().map(Vec::len).sum::<usize>(),
    });
    match house.s360.with(|model, _| put(model, state)) {
        Ok(()) => ok(&json!({"loaded": loaded})),
        Err(error @ StateError::Full(_)) => refused(507, "FULL", &error.to_string()),
        Err(error @ StateError::WrongRecord { .. }) => refused(400, "INVALID_FIELD", &error.to_string()),
    }
}

fn rows<T: Serialize>(all: &[T], offset: usize, limit: usize) -> Vec<Value> {
    all.iter().skip(offset).take(limit).map(|row| json!(row)).collect()
}

async fn tickets(State(house): Roof, Query(window): Query<Window>) -> Response {
    window.answer(|offset, limit| house.s360.with(|model, _| rows(model.tickets(), offset, limit)))
}

async fn contacts(State(house): Roof, Query(window): Query<Window>) -> Response {
    window.answer(|offset, limit| house.s360.with(|model, _| rows(model.contacts(), offset, limit)))
}

async fn distributions(State(house): Roof, Query(window): Query<Window>) -> Response {
    window.answer(|offset, limit| house.s360.with(|model, _| rows(model.distributions(), offset, limit)))
}

async fn history(State(house): Roof, Query(window): Query<Window>) -> Response {
    window.answer(|offset, limit| house.s360.with(|model, _| rows(model.history(), offset, limit)))
}

async fn ticket(State(house): Roof, Path(id): Path<String>) -> Response {
    match house.s360.with(|model, _| model.dump_ticket(&id)) {
        Some(row) => ok(&row),
        None => operator_refused(&OperatorError::NoSuchTicket(id)),
    }
}

async fn contact(State(house): Roof, Path(number): Path<String>) -> Response {
    match house.s360.with(|model, _| model.contact(&number).map(|contact| json!(contact))) {
        Some(row) => ok(&row),
        None => operator_refused(&OperatorError::NoSuchContact(number)),
    }
}

async fn operate_ticket(State(house): Roof, Path(id): Path<String>, body: Bytes) -> Response {
    let act: TicketAct = match serde_json::from_slice(&body) {
        Ok(act) => act,
        Err(error) => return refused(400, "MALFORMED_BODY", &error.to_string()),
    };
    let done = house.s360.with(|model, now| {
        model.operate_ticket(now, &id, &act)?;
        Ok(model.dump_ticket(&id))
    });
    match done {
        Ok(row) => ok(&json!({"ticket": row})),
        Err(error) => operator_refused(&error),
    }
}

async fn operate_contact(State(house): Roof, Path(number): Path<String>, body: Bytes) -> Response {
    let act: ContactAct = match serde_json::from_slice(&body) {
        Ok(act) => act,
        Err(error) => return refused(400, "MALFORMED_BODY", &error.to_string()),
    };
    let done = house.s360.with(|model, _| {
        model.operate_contact(&number, &act)?;
        Ok(json!(model.contact(&number)))
    });
    match done {
        Ok(row) => ok(&json!({"contact": row})),
        Err(error) => operator_refused(&error),
    }
}

fn operator_refused(error: &OperatorError) -> Response {
    let (status, code) = match error {
        OperatorError::NoSuchTicket(_) => (404, "UNKNOWN_TICKET"),
        OperatorError::NoSuchContact(_) => (404, "UNKNOWN_CONTACT"),
        OperatorError::WrongValue(_) => (400, "INVALID_FIELD"),
        OperatorError::Full(_) => (507, "FULL"),
    };
    refused(status, code, &error.to_string())
}
