//! What was exchanged with the platforms: the *Stream Viewer*. Secrets, and personal data of spectators, are masked.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use ticketbridge_engine::exchanges::{self, ExchangeDetail, ExchangePage, ExchangePageFault};
use ticketbridge_engine::view::{DEFAULT_PAGE, FilterText};
use ticketbridge_store::exchanges::{About, ExchangeFilter, ExchangeId};
use utoipa::IntoParams;

use super::Desk;
use crate::extract::{Answer, NoParams};
use crate::problem::Problem;
use crate::query::Query;

/// Which exchanges, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExchangeQuery {
    /// With this platform.
    #[param(inline, value_type = Option<FilterText>)]
    platform: Option<String>,
    /// For this purpose.
    #[param(inline)]
    purpose: Option<About>,
    /// Only failed ones.
    #[param(default = false)]
    failed: bool,
    /// This text in it.
    #[param(inline, value_type = Option<FilterText>)]
    text: Option<String>,
    /// Exchanges of the page.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: usize,
    /// `next` of the page before.
    #[param(pattern = r"^x[0-7][0-9a-f]{15}$")]
    cursor: Option<String>,
}

impl Default for ExchangeQuery {
    fn default() -> Self {
        Self { platform: None, purpose: None, failed: false, text: None, limit: DEFAULT_PAGE, cursor: None }
    }
}

/// `GET /api/v1/exchanges`: a page, newest first.
#[utoipa::path(
    get,
    path = "/exchanges",
    operation_id = "exchanges_list",
    tag = "exchanges",
    params(ExchangeQuery),
    responses((status = 200, description = "A page, newest first.", body = ExchangePage))
)]
pub(super) async fn list(State(desk): State<Desk>, Query(query): Query<ExchangeQuery>) -> Answer<ExchangePage> {
    let ExchangeQuery { platform, purpose, failed, text, limit, cursor } = query;
    let filter = ExchangeFilter { platform, about: purpose, failed, text };
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
    responses((status = 200, description = "With its bodies, masked.", body = ExchangeDetail))
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
