//! Platforms, and what an operator must know of.

use axum::Json;
use axum::extract::State;
use ticketbridge_engine::view::{self, DEFAULT_PAGE, PlatformView, ProblemView};

use super::Desk;
use super::backends::Items;
use crate::extract::{Answer, NoParams, Params};
use crate::limits::MAX_PROBLEMS;
use crate::problem::Problem;

/// `GET /api/v1/platforms`: how each is, in words.
#[utoipa::path(
    get,
    path = "/platforms",
    operation_id = "platforms_list",
    tag = "platforms",
    responses((status = 200, description = "How each is, in words.", body = Object))
)]
pub(super) async fn list(State(desk): State<Desk>, _: NoParams) -> Answer<Items<PlatformView>> {
    let status = desk.delivery().await;
    let items = view::platforms(&desk.app.config, &desk.app.platforms, status.as_ref());
    Ok(Json(Items { items }))
}

/// `GET /api/v1/problems[?limit=]`: newest first.
#[utoipa::path(
    get,
    path = "/problems",
    operation_id = "platforms_problems",
    tag = "problems",
    params(
        ("limit" = Option<usize>, Query, description = "Rows of the page.", minimum = 1, maximum = 1000, nullable = false),
    ),
    responses((status = 200, description = "What an operator must know of, newest first.", body = Object))
)]
pub(super) async fn problems(State(desk): State<Desk>, mut params: Params) -> Answer<Items<ProblemView>> {
    let limit = params.number("limit")?.unwrap_or(DEFAULT_PAGE);
    params.finish()?;
    if limit == 0 || limit > MAX_PROBLEMS {
        return Err(Problem::bad_request(format!("`limit` is {limit}; it must be 1 to {MAX_PROBLEMS}")));
    }
    Ok(Json(Items { items: view::problems(&*desk.app.store, limit).await? }))
}
