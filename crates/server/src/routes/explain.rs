//! The whole story of one ticket.

use axum::Json;
use axum::extract::{Path, State};
use ticketbridge_engine::explain::{self, Source, Story};

use super::Desk;
use super::tickets::ticket_id;
use crate::extract::{Answer, NoParams};
use crate::problem::Problem;

/// `GET /api/v1/tickets/{id}/explain`: as `ticketbridge explain ID --json`.
#[utoipa::path(
    get,
    path = "/tickets/{id}/explain",
    operation_id = "explain_explain",
    tag = "tickets",
    params(
        ("id" = String, Path, description = "The ticket, by our id."),
    ),
    responses((status = 200, description = "Its whole story.", body = Object))
)]
pub(super) async fn explain(State(desk): State<Desk>, Path(id): Path<String>, _: NoParams) -> Answer<Story> {
    let app = &desk.app;
    let exchanges = Source::Live(app.delivery.exchanges().clone());
    let now = app.clock.now().wall;
    let story = explain::explain(&app.config, &*app.store, exchanges, ticket_id(&id)?, now).await?;
    story.map(Json).ok_or_else(|| Problem::no_such_ticket(&id))
}
