//! Tickets: intake, list, one, its timeline.

use axum::Json;
use axum::extract::{Path, Request, State};
use ticketbridge_core::ticket::OriginId;
use ticketbridge_engine::intake::IntakeAnswer;
use ticketbridge_engine::view::{self, TicketDetail, TicketPage, TicketQuery, TimelineEntry};

use super::Desk;
use crate::described::{IntakeQuery, TicketsQuery};
use crate::extract::{Answer, NoParams, json_bytes};
use crate::problem::Problem;
use crate::query::Query;

/// `POST /api/v1/tickets[?backend=NAME]`: the intake. Answered only when durable.
#[utoipa::path(
    post,
    path = "/tickets",
    operation_id = "tickets_receive",
    tag = "tickets",
    params(IntakeQuery),
    request_body(
        content = Vec<Value>,
        description = "At most 5,000 tickets. Each is checked on its own: what is wrong with one is said in its answer.",
        content_type = "application/json"
    ),
    responses((status = 200, description = "One answer per ticket, in their order.", body = Vec<IntakeAnswer>))
)]
pub(super) async fn receive(
    State(desk): State<Desk>,
    Query(IntakeQuery { backend }): Query<IntakeQuery>,
    request: Request,
) -> Answer<Vec<IntakeAnswer>> {
    let _slot = desk.uploads.acquire().await;
    let limit = usize::try_from(desk.app.config.server.max_body_size.bytes()).unwrap_or(usize::MAX);
    let body = json_bytes(request, limit).await.map_err(|problem| problem.code("TB0501"))?;
    let answers = desk.app.intake.receive(&body, backend.as_deref()).await?;
    if answers.iter().any(|answer| answer.result == "accepted") {
        desk.app.delivery.news();
    }
    Ok(Json(answers))
}

/// `GET /api/v1/tickets`: a page, newest first.
#[utoipa::path(
    get,
    path = "/tickets",
    operation_id = "tickets_list",
    tag = "tickets",
    params(TicketsQuery),
    responses((status = 200, description = "A page, newest first.", body = TicketPage))
)]
pub(super) async fn list(State(desk): State<Desk>, Query(query): Query<TicketsQuery>) -> Answer<TicketPage> {
    let TicketsQuery { state, kind, backend, dedupe_key, message_id, text, limit, cursor } = query;
    let query = TicketQuery { state, kind, backend, dedupe_key, message_id, text };
    let page = view::tickets(&*desk.app.store, &query.filter()?, limit, cursor.as_deref()).await?;
    Ok(Json(page))
}

/// `GET /api/v1/tickets/{id}`: one ticket with all that is known of it.
#[utoipa::path(
    get,
    path = "/tickets/{id}",
    operation_id = "tickets_show",
    tag = "tickets",
    params(
        ("id" = String, Path, description = "The ticket, by our id."),
    ),
    responses((status = 200, description = "The ticket with all that is known of it.", body = TicketDetail))
)]
pub(super) async fn show(State(desk): State<Desk>, Path(id): Path<String>, _: NoParams) -> Answer<TicketDetail> {
    let found = view::ticket(&*desk.app.store, ticket_id(&id)?).await?;
    found.map(Json).ok_or_else(|| Problem::no_such_ticket(&id))
}

/// `GET /api/v1/tickets/{id}/timeline`: its story.
#[utoipa::path(
    get,
    path = "/tickets/{id}/timeline",
    operation_id = "tickets_timeline",
    tag = "tickets",
    params(
        ("id" = String, Path, description = "The ticket, by our id."),
    ),
    responses((status = 200, description = "What happened to it, by time.", body = Vec<TimelineEntry>))
)]
pub(super) async fn timeline(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    _: NoParams,
) -> Answer<Vec<TimelineEntry>> {
    let found = view::timeline(&*desk.app.store, ticket_id(&id)?).await?;
    found.map(Json).ok_or_else(|| Problem::no_such_ticket(&id))
}

/// A ticket's id in a path. A text that is none names no ticket.
pub(crate) fn ticket_id(text: &str) -> Result<OriginId, Problem> {
    view::origin_id(text).ok_or_else(|| Problem::no_such_ticket(text))
}
