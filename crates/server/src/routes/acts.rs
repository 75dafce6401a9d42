//! What an operator does to tickets. Every act is recorded with the name of the caller's token.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::{Extension, Json};
use serde::Deserialize;
use ticketbridge_engine::view::{self, Redriven, TicketQuery, TicketSummary};
use utoipa::ToSchema;

use super::Desk;
use super::tickets::ticket_id;
use crate::access::Caller;
use crate::extract::{Answer, NoParams, small_json};
use crate::limits::MAX_REDRIVE;

/// Body of a dismissal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TicketDismissal)]
struct Dismissal {
    /// Why the ticket is given up.
    #[schema(max_length = 500, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    reason: String,
}

/// Body of a redrive. The filter must be there, so that an empty body does not mean everything.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Redrive {
    filter: TicketQuery,
}

/// `POST /api/v1/tickets/{id}/retry`: Error → the step that failed.
#[utoipa::path(
    post,
    path = "/tickets/{id}/retry",
    operation_id = "acts_retry",
    tag = "tickets",
    params(
        ("id" = String, Path, description = "The ticket, by our id."),
    ),
    responses((status = 200, description = "The ticket as it is now.", body = TicketSummary))
)]
pub(super) async fn retry(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
) -> Answer<TicketSummary> {
    let at = desk.app.clock.now().wall;
    let ticket = view::retry(&*desk.app.store, ticket_id(&id)?, &caller.name, at).await?;
    desk.app.delivery.news();
    Ok(Json(ticket))
}

/// `POST /api/v1/tickets/{id}/dismiss {"reason"}`: Received or Error → Dismissed.
#[utoipa::path(
    post,
    path = "/tickets/{id}/dismiss",
    operation_id = "acts_dismiss",
    tag = "tickets",
    params(
        ("id" = String, Path, description = "The ticket, by our id."),
    ),
    request_body(content = Dismissal, content_type = "application/json"),
    responses((status = 200, description = "The ticket as it is now.", body = TicketSummary))
)]
pub(super) async fn dismiss(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
    request: Request,
) -> Answer<TicketSummary> {
    let id = ticket_id(&id)?;
    let Dismissal { reason } = small_json(request).await?;
    let at = desk.app.clock.now().wall;
    let ticket = view::dismiss(&*desk.app.store, id, &reason, &caller.name, at).await?;
    desk.app.delivery.news();
    Ok(Json(ticket))
}

/// `POST /api/v1/tickets/redrive {"filter"}`: retries every ticket in Error that the filter lets through.
#[utoipa::path(
    post,
    path = "/tickets/redrive",
    operation_id = "acts_redrive",
    tag = "tickets",
    request_body(content = Redrive, content_type = "application/json"),
    responses((status = 200, description = "How many were retried.", body = Redriven))
)]
pub(super) async fn redrive(
    State(desk): State<Desk>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
    request: Request,
) -> Answer<Redriven> {
    let Redrive { filter } = small_json(request).await?;
    let filter = filter.filter()?;
    let at = desk.app.clock.now().wall;
    let done = view::redrive(&*desk.app.store, &filter, MAX_REDRIVE, &caller.name, at).await?;
    desk.app.delivery.news();
    Ok(Json(done))
}
