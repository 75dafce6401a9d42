//! How many tickets were where, of late.

use axum::Json;
use axum::extract::State;
use ticketbridge_engine::history::{HistoryView, Range};

use super::Desk;
use crate::extract::{Answer, Params};
use crate::problem::Problem;

/// `GET /api/v1/history[?range=hour|day]`: the samples of a range, oldest first.
#[utoipa::path(
    get,
    path = "/history",
    operation_id = "history_show",
    tag = "history",
    params(
        ("range" = Option<String>, Query, description = "hour or day.", nullable = false),
    ),
    responses((status = 200, description = "Tickets by state, of late.", body = Object))
)]
pub(super) async fn show(State(desk): State<Desk>, mut params: Params) -> Answer<HistoryView> {
    let range = match params.one("range")? {
        None => Range::Hour,
        Some(text) => Range::named(&text).ok_or_else(|| Problem::bad_request("`range` must be hour or day"))?,
    };
    params.finish()?;
    Ok(Json(desk.app.history.view(range)))
}
