//! `/sandbox/tixngo/…`: changes, pages as they are, tickets that live by themselves, and all that is in the stream.

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::House;
use super::control::{Roof, ok, refused};
use crate::s360::StateError;
use crate::tixngo::play::{PlayError, PlaySettings, Played};
use crate::tixngo::{DEFAULT_ORGANIZER, TixngoError, TixngoModel};

pub(super) fn routes() -> Router<House> {
    Router::new()
        .route("/sandbox/tixngo/tickets", get(tickets))
        .route("/sandbox/tixngo/changes", post(add_changes))
        .route("/sandbox/tixngo/pages", post(add_pages))
        .route("/sandbox/tixngo/play", post(play))
        .route("/sandbox/tixngo/organizers", get(organizers))
}

impl House {
    /// S-360 learns of the tickets before anybody can see their changes: both are held until both know them.
    pub(super) fn play(&self, organizer: &str, settings: &PlaySettings) -> Result<Played, PlayError> {
        self.tixngo
            .with(|tixngo, _| self.s360.with(|s360, _| tixngo.play(organizer, settings, |tickets| s360.load(tickets))))
    }
}

/// Whose stream it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Of {
    #[serde(default = "demo")]
    organizer: String,
    #[serde(default)]
    offset: usize,
    #[serde(default = "most")]
    limit: usize,
}

fn demo() -> String {
    DEFAULT_ORGANIZER.to_owned()
}

fn most() -> usize {
    super::window::MAX_DUMP
}

async fn tickets(State(house): Roof, Query(of): Query<Of>) -> Response {
    let window = super::window::Window::new(of.offset, of.limit);
    let mut failed = None;
    let answer = window.answer(|offset, limit| {
        let items = house.tixngo.with(|model, _| model.dump_items(&of.organizer, offset, limit));
        items.unwrap_or_else(|error| {
            failed = Some(error);
            Vec::new()
        })
    });
    failed.map_or(answer, |error| tixngo_refused(&error))
}

/// `{"items": [item…]}`.
async fn add_changes(State(house): Roof, Query(of): Query<Of>, body: Bytes) -> Response {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Changes {
        items: Vec<Value>,
    }
    let changes: Changes = match serde_json::from_slice(&body) {
        Ok(changes) => changes,
        Err(error) => return refused(400, "MALFORMED_BODY", &error.to_string()),
    };
    match house.tixngo.with(|model, _| model.add_changes(&of.organizer, &changes.items)) {
        Ok(()) => ok(&json!({"added": changes.items.len()})),
        Err(error) => tixngo_refused(&error),
    }
}

/// One page, or a list of pages.
async fn add_pages(State(house): Roof, Query(of): Query<Of>, body: Bytes) -> Response {
    let is_list = body.trim_ascii_start().first() == Some(&b'[');
    let pages = if is_list {
        let pages: Vec<&RawValue> = match serde_json::from_slice(&body) {
            Ok(pages) => pages,
            Err(error) => return refused(400, "MALFORMED_BODY", &error.to_string()),
        };
        pages.into_iter().map(|page| body.slice_ref(page.get().as_bytes())).collect()
    } else {
        vec![body]
    };
    let count = pages.len();
    match house.tixngo.with(|model, _| model.add_pages(&of.organizer, pages)) {
        Ok(()) => ok(&json!({"added": count})),
        Err(error) => tixngo_refused(&error),
    }
}

async fn play(State(house): Roof, Query(of): Query<Of>, body: Bytes) -> Response {
    let settings: PlaySettings = match serde_json::from_slice(&body) {
        Ok(settings) => settings,
        Err(error) => return refused(400, "MALFORMED_BODY", &error.to_string()),
    };
    match house.play(&of.organizer, &settings) {
        Ok(played) => ok(&json!(played)),
        Err(PlayError::Tixngo(error)) => tixngo_refused(&error),
        Err(PlayError::S360(error)) => match error {
            StateError::Full(_) => refused(507, "FULL", &error.to_string()),
            StateError::WrongRecord { .. } => refused(409, "ALREADY_THERE", &error.to_string()),
        },
    }
}

async fn organizers(State(house): Roof) -> Response {
    let codes: Vec<_> = house.tixngo.with(|model, _| model.stats().organizers.into_keys().collect());
    let row = |code: &String| json!({"organizer": code, "apiKey": TixngoModel::api_key(code)});
    ok(&json!({"items": codes.iter().map(row).collect::<Vec<_>>()}))
}

fn tixngo_refused(error: &TixngoError) -> Response {
    let (status, code) = match error {
        TixngoError::NoSuchOrganizer(_) => (404, "UNKNOWN_ORGANIZER"),
        TixngoError::WrongCode(_) | TixngoError::Wrong { .. } | TixngoError::WrongPlay { .. } => (400, "INVALID_FIELD"),
        TixngoError::Full(_) => (507, "FULL"),
    };
    refused(status, code, &error.to_string())
}
