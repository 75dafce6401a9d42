//! Tickets: intake, list, one, its timeline.

use axum::Json;
use axum::extract::{Path, Request, State};
use ticketbridge_core::ticket::OriginId;
use ticketbridge_engine::intake::IntakeAnswer;
use ticketbridge_engine::view::{self, DEFAULT_PAGE, TicketDetail, TicketPage, TicketQuery, TimelineEntry};

use super::Desk;
use crate::extract::{Answer, NoParams, Params, json_bytes};
use crate::problem::Problem;

/// `POST /api/v1/tickets[?backend=NAME]`: the intake. Answered only when durable.
#[utoipa::path(
    post,
    path = "/tickets",
    operation_id = "tickets_receive",
    tag = "tickets",
    params(
        ("backend" = Option<String>, Query, description = "The backend that is to carry them.", min_length = 1, max_length = 200, nullable = false),
    ),
    request_body(content = Vec<Object>, content_type = "application/json"),
    responses((status = 200, description = "One answer per ticket, in their order.", body = Vec<Object>))
)]
pub(super) async fn receive(
    State(desk): State<Desk>,
    mut params: Params,
    request: Request,
) -> Answer<Vec<IntakeAnswer>> {
    let backend = params.one("backend")?;
    params.finish()?;
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
    params(
        ("state" = Option<Vec<String>>, Query, description = "In one of these states.", max_items = 50, nullable = false),
        ("kind" = Option<Vec<String>>, Query, description = "Of one of these kinds.", max_items = 50, nullable = false),
        ("backend" = Option<Vec<String>>, Query, description = "Carried by one of these backends.", max_items = 50, nullable = false),
        ("dedupe_key" = Option<String>, Query, description = "About exactly this.", min_length = 1, max_length = 200, nullable = false),
        ("message_id" = Option<String>, Query, description = "With exactly this message id.", min_length = 1, max_length = 200, nullable = false),
        ("text" = Option<String>, Query, description = "This text in key, numbers, message id or reason.", min_length = 1, max_length = 200, nullable = false),
        ("limit" = Option<usize>, Query, description = "Rows of the page.", minimum = 1, maximum = 1000, nullable = false),
        ("cursor" = Option<String>, Query, description = "`next` of the page before.", max_length = 4096, nullable = false),
    ),
    responses((status = 200, description = "A page, newest first.", body = Object))
)]
pub(super) async fn list(State(desk): State<Desk>, mut params: Params) -> Answer<TicketPage> {
    let query = TicketQuery {
        state: params.all("state"),
        kind: params.all("kind"),
        backend: params.all("backend"),
        dedupe_key: params.one("dedupe_key")?,
        message_id: params.one("message_id")?,
        text: params.one("text")?,
    };
    let limit = params.number("limit")?.unwrap_or(DEFAULT_PAGE);
    let cursor = params.one("cursor")?;
    params.finish()?;
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
    responses((status = 200, description = "The ticket with all that is known of it.", body = Object))
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
    responses((status = 200, description = "What happened to it, by time.", body = Vec<Object>))
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
