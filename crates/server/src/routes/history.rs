//! How many tickets were where, of late.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use ticketbridge_engine::history::{HistoryView, Range};
use utoipa::IntoParams;

use super::Desk;
use crate::extract::Answer;
use crate::query::Query;

/// How much of the past.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// How much of the past.
    #[param(inline)]
    range: Range,
}

/// `GET /api/v1/history[?range=hour|day]`: the samples of a range, oldest first.
#[utoipa::path(
    get,
    path = "/history",
    operation_id = "history_show",
    tag = "history",
    params(HistoryQuery),
    responses((status = 200, description = "Tickets by state, of late.", body = HistoryView))
)]
pub(super) async fn show(
    State(desk): State<Desk>,
    Query(HistoryQuery { range }): Query<HistoryQuery>,
) -> Answer<HistoryView> {
    Ok(Json(desk.app.history.view(range)))
}
