//! What was exchanged with the platforms: the *Stream Viewer*. Secrets, and personal data of spectators, are masked.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use ticketbridge_engine::exchanges::{self, ExchangeDetail, ExchangePage, ExchangePageFault};
use ticketbridge_engine::view::DEFAULT_PAGE;
use ticketbridge_store::exchanges::{About, ExchangeFilter, ExchangeId};

use super::Desk;
use crate::extract::{Answer, NoParams, Params};
use crate::problem::Problem;

/// `GET /api/v1/exchanges`: a page, newest first.
#[utoipa::path(
    get,
    path = "/exchanges",
    operation_id = "exchanges_list",
    tag = "exchanges",
    params(
        ("platform" = Option<String>, Query, description = "With this platform.", min_length = 1, max_length = 200, nullable = false),
        ("failed" = Option<bool>, Query, description = "Only failed ones.", nullable = false),
        ("text" = Option<String>, Query, description = "This text in it.", min_length = 1, max_length = 200, nullable = false),
        ("limit" = Option<usize>, Query, description = "Rows of the page.", minimum = 1, maximum = 1000, nullable = false),
        ("cursor" = Option<String>, Query, description = "`next` of the page before.", max_length = 4096, nullable = false),
    ),
    responses((status = 200, description = "A page, newest first.", body = Object))
)]
pub(super) async fn list(State(desk): State<Desk>, mut params: Params) -> Answer<ExchangePage> {
    let failed = match params.one("failed")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::bad_request("`failed` must be true or false")),
    };
    let purpose = params.one("purpose")?;
    let about = purpose.as_deref().map(purpose_of).transpose()?;
    let filter = ExchangeFilter { platform: params.one("platform")?, about, failed, text: params.one("text")? };
    let limit = params.number("limit")?.unwrap_or(DEFAULT_PAGE);
    let cursor = params.one("cursor")?;
    params.finish()?;
    let page = exchanges::exchanges(desk.app.delivery.exchanges(), filter, limit, cursor.as_deref()).await?;
    Ok(Json(page))
}

/// `GET /api/v1/exchanges/{id}`: one with its bodies.
#[utoipa::path(
    get,
    path = "/exchanges/{id}",
    operation_id = "exchanges_show",
    tag = "exchanges",
    params(
        ("id" = String, Path, description = "The exchange."),
    ),
    responses((status = 200, description = "With its bodies, masked.", body = Object))
)]
pub(super) async fn show(State(desk): State<Desk>, Path(id): Path<String>, _: NoParams) -> Answer<ExchangeDetail> {
    Ok(Json(one(&desk, &id).await?))
}

/// The exchange of this number.
pub(crate) async fn one(desk: &Desk, id: &str) -> Result<ExchangeDetail, Problem> {
    let none = || {
        let shown: String = id.chars().take(64).collect();
        let what = "List them with `GET /api/v1/exchanges`; old ones make room for new ones.";
        Problem::new(StatusCode::NOT_FOUND, format!("there is no exchange `{shown}`"), what)
    };
    let number = id.parse::<i64>().ok().filter(|number| number.to_string() == id && *number > 0).ok_or_else(none)?;
    let found = exchanges::exchange(desk.app.delivery.exchanges(), ExchangeId(number)).await?;
    found.ok_or_else(none)
}

/// What an exchange may be for.
pub(crate) fn purpose_of(word: &str) -> Result<About, Problem> {
    About::from_word(word).ok_or_else(|| {
        let known = About::ALL.map(About::as_str).join(", ");
        Problem::bad_request(format!("`purpose` must be one of {known}"))
    })
}

impl From<ExchangePageFault> for Problem {
    fn from(fault: ExchangePageFault) -> Self {
        match fault {
            ExchangePageFault::Store(error) => error.into(),
            ExchangePageFault::Filter(error) => error.into(),
            ExchangePageFault::Limit(_) | ExchangePageFault::Cursor => Self::bad_request(fault.to_string()),
        }
    }
}
