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
pub(super) async fn list(State(desk): State<Desk>, _: NoParams) -> Answer<Items<PlatformView>> {
    let status = desk.delivery().await;
    let items = view::platforms(&desk.app.config, &desk.app.platforms, status.as_ref());
    Ok(Json(Items { items }))
}

/// `GET /api/v1/problems[?limit=]`: newest first.
pub(super) async fn problems(State(desk): State<Desk>, mut params: Params) -> Answer<Items<ProblemView>> {
    let limit = params.number("limit")?.unwrap_or(DEFAULT_PAGE);
    params.finish()?;
    if limit == 0 || limit > MAX_PROBLEMS {
        return Err(Problem::bad_request(format!("`limit` is {limit}; it must be 1 to {MAX_PROBLEMS}")));
    }
    Ok(Json(Items { items: view::problems(&*desk.app.store, limit).await? }))
}
