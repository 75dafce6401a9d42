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
use ticketbridge_engine::view::mobile::{self, ErasedView, Listing, MobileFault, Record, RecordQuery, Window};
use ticketbridge_store::FeedbackStore;
use utoipa::ToSchema;

use super::Desk;
use super::feedback::window;
use crate::access::Caller;
use crate::extract::{Answer, NoParams, Params, small_json};
use crate::problem::Problem;

/// Body of an erasure.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Person {
    email: String,
}

/// `GET /api/v1/mobile-tickets`.
#[utoipa::path(
    get,
    path = "/mobile-tickets",
    operation_id = "mobile_tickets",
    tag = "mobile-tickets",
    params(
        ("organizer" = Option<String>, Query, description = "Of this organizer.", min_length = 1, max_length = 200, nullable = false),
        ("ticket_id" = Option<String>, Query, description = "Of this ticket.", min_length = 1, max_length = 200, nullable = false),
        ("limit" = Option<usize>, Query, description = "Rows of the page.", minimum = 1, maximum = 1000, nullable = false),
        ("offset" = Option<usize>, Query, description = "Rows to pass over.", minimum = 0, nullable = false),
        ("format" = Option<String>, Query, description = "json or csv.", nullable = false),
    ),
    responses((status = 200, description = "Masked; JSON or CSV.", body = Object))
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
    params(
        ("organizer" = Option<String>, Query, description = "Of this organizer.", min_length = 1, max_length = 200, nullable = false),
        ("ticket_id" = Option<String>, Query, description = "Of this ticket.", min_length = 1, max_length = 200, nullable = false),
        ("limit" = Option<usize>, Query, description = "Rows of the page.", minimum = 1, maximum = 1000, nullable = false),
        ("offset" = Option<usize>, Query, description = "Rows to pass over.", minimum = 0, nullable = false),
        ("format" = Option<String>, Query, description = "json or csv.", nullable = false),
    ),
    responses((status = 200, description = "Masked; JSON or CSV.", body = Object))
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
    params(
        ("organizer" = Option<String>, Query, description = "Of this organizer.", min_length = 1, max_length = 200, nullable = false),
        ("ticket_id" = Option<String>, Query, description = "Of this ticket.", min_length = 1, max_length = 200, nullable = false),
        ("limit" = Option<usize>, Query, description = "Rows of the page.", minimum = 1, maximum = 1000, nullable = false),
        ("offset" = Option<usize>, Query, description = "Rows to pass over.", minimum = 0, nullable = false),
        ("format" = Option<String>, Query, description = "json or csv.", nullable = false),
    ),
    responses((status = 200, description = "Masked; JSON or CSV.", body = Object))
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
    responses((status = 200, description = "What was removed.", body = Object))
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
pub(super) struct Wanted {
    query: RecordQuery,
    window: Window,
    as_csv: bool,
}

impl Wanted {
    fn read(headers: &HeaderMap, mut params: Params) -> Result<Self, Problem> {
        let query = RecordQuery { organizer: params.one("organizer")?, ticket_id: params.one("ticket_id")? };
        let window = window(&mut params)?;
        let as_csv = match params.one("format")?.as_deref() {
            None => prefers_csv(headers),
            Some("csv") => true,
            Some("json") => false,
            Some(_) => return Err(Problem::bad_request("`format` is json or csv")),
        };
        params.finish()?;
        Ok(Self { query, window, as_csv })
    }

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
        let params = Params::from_request_parts(parts, state).await?;
        Self::read(&parts.headers, params)
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
