//! How many tickets were where, of late.

use axum::Json;
use axum::extract::State;
use ticketbridge_engine::history::{HistoryView, Range};

use super::Desk;
use crate::extract::{Answer, Params};
use crate::problem::Problem;

/// `GET /api/v1/history[?range=hour|day]`: the samples of a range, oldest first.
pub(super) async fn show(State(desk): State<Desk>, mut params: Params) -> Answer<HistoryView> {
    let range = match params.one("range")? {
        None => Range::Hour,
        Some(text) => Range::named(&text).ok_or_else(|| Problem::bad_request("`range` must be hour or day"))?,
    };
    params.finish()?;
    Ok(Json(desk.app.history.view(range)))
}
