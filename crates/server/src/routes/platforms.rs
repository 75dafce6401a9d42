//! Platforms, and what an operator must know of.

use axum::Json;
use axum::extract::State;
use ticketbridge_engine::view::{self, PlatformView, ProblemView};

use super::Desk;
use super::backends::Items;
use crate::described::LimitQuery;
use crate::extract::{Answer, NoParams};
use crate::query::Query;

/// `GET /api/v1/platforms`: how each is, in words.
#[utoipa::path(
    get,
    path = "/platforms",
    operation_id = "platforms_list",
    tag = "platforms",
    responses((status = 200, description = "How each is, in words.", body = Items<PlatformView>))
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
    params(LimitQuery),
    responses((status = 200, description = "What an operator must know of, newest first.", body = Items<ProblemView>))
)]
pub(super) async fn problems(
    State(desk): State<Desk>,
    Query(LimitQuery { limit }): Query<LimitQuery>,
) -> Answer<Items<ProblemView>> {
    Ok(Json(Items { items: view::problems(&*desk.app.store, limit).await? }))
}
