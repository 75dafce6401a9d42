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
pub(super) async fn show(State(desk): State<Desk>, Path(id): Path<String>, _: NoParams) -> Answer<TicketDetail> {
    let found = view::ticket(&*desk.app.store, ticket_id(&id)?).await?;
    found.map(Json).ok_or_else(|| Problem::no_such_ticket(&id))
}

/// `GET /api/v1/tickets/{id}/timeline`: its story.
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
