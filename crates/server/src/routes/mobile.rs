//! Mobile tickets, contacts and distribution rows, masked, as JSON or CSV; the erasure of a person.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use ticketbridge_config::sections::Role;
use ticketbridge_engine::view::mobile::{
    self, ContactView, DistributionView, ErasedView, Listing, MobileFault, MobileTicketView, Record, RecordQuery,
    Window,
};
use ticketbridge_engine::view::{DEFAULT_PAGE, FilterText};
use ticketbridge_store::FeedbackStore;
use utoipa::{IntoParams, ToSchema};

use super::Desk;
use crate::access::Caller;
use crate::extract::{Answer, NoParams, small_json};
use crate::problem::Problem;
use crate::query::Query;

/// Body of an erasure.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Person {
    #[schema(max_length = 256, pattern = r"^[^@\s]+@[^@\s]+$")]
    email: String,
}

/// `GET /api/v1/mobile-tickets`.
#[utoipa::path(
    get,
    path = "/mobile-tickets",
    operation_id = "mobile_tickets",
    tag = "mobile-tickets",
    params(RecordsQuery),
    responses((status = 200, description = "Masked; JSON or CSV.", content(
        (Listing<MobileTicketView> = "application/json"),
        (String = "text/csv"),
    )))
)]
pub(super) async fn tickets(State(desk): State<Desk>, wanted: Wanted) -> Result<Response, Problem> {
    let listing = mobile::mobile_tickets(store(&desk), &wanted.query, wanted.window).await?;
    Ok(wanted.answer("mobile-tickets", &listing))
}

/// `GET /api/v1/contacts`.
#[utoipa::path(
    get,
    path = "/contacts",
    operation_id = "mobile_contacts",
    tag = "contacts",
    params(RecordsQuery),
    responses((status = 200, description = "Masked; JSON or CSV.", content(
        (Listing<ContactView> = "application/json"),
        (String = "text/csv"),
    )))
)]
pub(super) async fn contacts(State(desk): State<Desk>, wanted: Wanted) -> Result<Response, Problem> {
    let listing = mobile::box_contacts(store(&desk), &wanted.query, wanted.window).await?;
    Ok(wanted.answer("contacts", &listing))
}

/// `GET /api/v1/distributions`.
#[utoipa::path(
    get,
    path = "/distributions",
    operation_id = "mobile_distributions",
    tag = "distributions",
    params(RecordsQuery),
    responses((status = 200, description = "Masked; JSON or CSV.", content(
        (Listing<DistributionView> = "application/json"),
        (String = "text/csv"),
    )))
)]
pub(super) async fn distributions(State(desk): State<Desk>, wanted: Wanted) -> Result<Response, Problem> {
    let listing = mobile::box_distributions(store(&desk), &wanted.query, wanted.window).await?;
    Ok(wanted.answer("distributions", &listing))
}

/// `POST /api/v1/persons/erase {"email"}`: for admins.
#[utoipa::path(
    post,
    path = "/persons/erase",
    operation_id = "mobile_erase",
    tag = "persons",
    request_body(content = Person, content_type = "application/json"),
    responses((status = 200, description = "What was removed.", body = ErasedView))
)]
pub(super) async fn erase(
    State(desk): State<Desk>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
    request: Request,
) -> Answer<ErasedView> {
    if caller.role < Role::Admin {
        let detail = format!("the token `{}` may not erase persons", caller.name);
        return Err(Problem::forbidden(detail, "Use a token with the role admin."));
    }
    let Person { email } = small_json(request).await?;
    let erased = mobile::erase_person(store(&desk), desk.actor(&caller), &email).await?;
    tracing::info!(who = caller.name, items = erased.items, "A person was erased.");
    Ok(Json(erased))
}

fn store(desk: &Desk) -> &dyn FeedbackStore {
    &**desk.app.feedback.store()
}

/// Which records are wanted, and in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RecordsQuery {
    /// Of this organizer.
    #[param(inline, value_type = Option<FilterText>)]
    organizer: Option<String>,
    /// Of this ticket.
    #[param(inline, value_type = Option<FilterText>)]
    ticket_id: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: usize,
    /// Rows to pass over.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_i64, default = 0)]
    offset: usize,
    /// The form; absent: what `Accept` asks for.
    #[param(inline)]
    format: Option<Format>,
}

impl Default for RecordsQuery {
    fn default() -> Self {
        Self { organizer: None, ticket_id: None, limit: DEFAULT_PAGE, offset: 0, format: None }
    }
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    Json,
    Csv,
}

/// As [`RecordsQuery`], with the form settled.
pub(super) struct Wanted {
    query: RecordQuery,
    window: Window,
    as_csv: bool,
}

impl Wanted {
    fn answer<R: Record + Serialize>(&self, name: &str, listing: &Listing<R>) -> Response {
        if !self.as_csv {
            return Json(listing).into_response();
        }
        let file = format!("attachment; filename=\"{name}.csv\"");
        let next = listing.next.map(|next| [("x-next-offset", next.to_string())]);
        let headers = [(CONTENT_TYPE, String::from("text/csv; charset=utf-8")), (CONTENT_DISPOSITION, file)];
        match next {
            Some(next) => (StatusCode::OK, headers, next, mobile::csv(&listing.items)).into_response(),
            None => (StatusCode::OK, headers, mobile::csv(&listing.items)).into_response(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Wanted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(query) = Query::<RecordsQuery>::from_request_parts(parts, state).await?;
        let RecordsQuery { organizer, ticket_id, limit, offset, format } = query;
        let as_csv = format.map_or_else(|| prefers_csv(&parts.headers), |format| format == Format::Csv);
        Ok(Self { query: RecordQuery { organizer, ticket_id }, window: Window { offset, limit }, as_csv })
    }
}

/// Whether `text/csv` is asked for, and JSON is not.
fn prefers_csv(headers: &HeaderMap) -> bool {
    let accepts = |wanted: &str| {
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).any(|value| {
            value.split(',').any(|one| one.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted))
        })
    };
    accepts("text/csv") && !accepts("application/json")
}

impl From<MobileFault> for Problem {
    fn from(fault: MobileFault) -> Self {
        let text = fault.to_string();
        match fault {
            MobileFault::Feedback(error) => error.into(),
            MobileFault::Limit(_) | MobileFault::Item(_) | MobileFault::Entry(_) | MobileFault::Email => {
                Self::bad_request(text)
            }
            MobileFault::Configured { .. } => {
                Self::new(StatusCode::CONFLICT, text, "Only what was added at run time can be removed at run time.")
            }
            MobileFault::Rewind { .. } => {
                let what = "See `GET /api/v1/feedback/ORGANIZER` and its `key/history`, and send the request again.";
                Self::new(StatusCode::CONFLICT, text, what)
            }
        }
    }
}
