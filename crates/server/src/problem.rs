//! Errors on the wire: problem documents (RFC 9457), each with what was wrong and what to do next.

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use ticketbridge_core::error_code;
use ticketbridge_engine::intake::IntakeFault;
use ticketbridge_engine::view::{ActFault, FilterFault, PageFault, SettingFault};
use ticketbridge_store::StoreError;

/// An error as it is answered.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    code: Option<&'static str>,
    detail: String,
    what_to_do: &'static str,
    header: Option<(HeaderName, &'static str)>,
}

/// The document.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    detail: &'a str,
    what_to_do: &'a str,
}

impl Problem {
    /// A problem without a page of its own.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>, what_to_do: &'static str) -> Self {
        Self { status, code: None, detail: detail.into(), what_to_do, header: None }
    }

    /// The error page that explains it.
    #[must_use]
    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    #[must_use]
    fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What was wrong.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// What to do next.
    pub(crate) fn what_to_do(&self) -> &'static str {
        self.what_to_do
    }

    /// 400.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail, "Correct the request as `detail` says; docs/api.md shows each call.")
    }

    /// 401.
    pub(crate) fn unauthorized(detail: &str) -> Self {
        let what = "Send `Authorization: Bearer TOKEN` with a token of `[[server.tokens]]`.";
        Self::new(StatusCode::UNAUTHORIZED, detail, what).header(WWW_AUTHENTICATE, "Bearer realm=\"ticketbridge\"")
    }

    /// 403.
    pub(crate) fn forbidden(detail: impl Into<String>, what_to_do: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail, what_to_do)
    }

    /// 404.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail, "Check the address; docs/api.md lists all routes.")
    }

    /// 404 for a ticket.
    pub(crate) fn no_such_ticket(id: &str) -> Self {
        let shown: String = id.chars().take(64).collect();
        let what = "Find its `id` with `GET /api/v1/tickets?message_id=…` or `?dedupe_key=…`; old tickets are deleted \
                    after `retention.tickets`.";
        Self::new(StatusCode::NOT_FOUND, format!("there is no ticket `{shown}`"), what)
    }

    /// 405.
    pub(crate) fn method_not_allowed(method: &str) -> Self {
        let detail = format!("this address does not know the method {method}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail, "Use one of the methods in the `Allow` header.")
    }

    /// 413.
    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than {limit} bytes; nothing of it was used");
        let what = "Send it in several calls, or raise `server.max_body_size` if it is an intake call.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail, what)
    }

    /// 415.
    pub(crate) fn unsupported_media_type() -> Self {
        let what = "Send JSON with `Content-Type: application/json`.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is not declared as JSON", what)
    }

    /// 415.
    pub(crate) fn not_csv() -> Self {
        let what = "Send the file as it is with `Content-Type: text/csv`.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is not declared as CSV", what)
    }

    /// 429.
    pub(crate) fn too_many_requests() -> Self {
        let detail = "too many requests in this second; nothing was done";
        let what = "Wait as long as `Retry-After` says, and send several tickets per call.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail, what).header(RETRY_AFTER, "1")
    }

    /// 429: enough files are on their way in.
    pub(crate) fn too_many_loads() -> Self {
        let detail = "as many files as may be are on their way in; nothing was done";
        let what = "Wait until `busy` in `GET /api/v1/offloads` is false, and send the request again.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail, what).header(RETRY_AFTER, "5")
    }

    /// 503.
    pub(crate) fn unavailable(detail: impl Into<String>, what_to_do: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail, what_to_do).header(RETRY_AFTER, "5")
    }

    /// 409: another run has the lease.
    pub(crate) fn busy(detail: &str) -> Self {
        let what = "Nothing was called. Wait for the end of the run in progress, and start again.";
        Self::new(StatusCode::CONFLICT, detail, what)
    }

    /// 503: a run ended in a defect of ours.
    pub(crate) fn run_lost() -> Self {
        let what = "See the log of the server. What was stored is kept, and the next run goes on with it.";
        Self::unavailable("the run ended unexpectedly", what)
    }

    /// An intake call that was refused as a whole.
    fn intake(status: StatusCode, fault: &IntakeFault) -> Self {
        let what = "Correct the call and send it again with the same `message_id`s: what was accepted before is \
                    answered as `duplicate`.";
        Self::new(status, without_code(&fault.to_string()), what).code("TB0501")
    }
}

/// The code stands in a member of its own.
fn without_code(text: &str) -> &str {
    match text.split_once(": ") {
        Some((code, rest)) if error_code::find(code).is_some() => rest,
        _ => text,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let page = self.code.and_then(error_code::find);
        let document = Document {
            r#type: page.map_or_else(|| String::from("about:blank"), |page| format!("/errors/{}", page.code)),
            title: page.map_or_else(|| self.status.canonical_reason().unwrap_or("Error"), |page| page.title()),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            what_to_do: self.what_to_do,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let json = HeaderValue::from_static("application/problem+json");
        let mut response = (self.status, [(CONTENT_TYPE, json)], body).into_response();
        if let Some((name, value)) = self.header.clone() {
            debug_assert!(name != ALLOW, "the router sets it");
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        // The console shows it as a page.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        let code = text.split_once(": ").and_then(|(code, _)| error_code::find(code)).map(|page| page.code);
        let detail = without_code(&text).to_owned();
        let problem = if error.is_fatal() {
            Self::unavailable(detail, "See the log of the server, mend the disk, and start it again.").code("TB0105")
        } else {
            Self::unavailable(detail, "Nothing was changed. Mend what `detail` names, and send the request again.")
        };
        match code {
            Some(code) => problem.code(code),
            None => problem,
        }
    }
}

impl From<IntakeFault> for Problem {
    fn from(fault: IntakeFault) -> Self {
        match fault {
            IntakeFault::Store(error) => error.into(),
            IntakeFault::NoSuchBackend { .. } => Self::intake(StatusCode::NOT_FOUND, &fault),
            IntakeFault::TooMany(_) => Self::intake(StatusCode::PAYLOAD_TOO_LARGE, &fault),
            IntakeFault::NotAnArray(_) => Self::intake(StatusCode::BAD_REQUEST, &fault),
        }
    }
}

impl From<FilterFault> for Problem {
    fn from(fault: FilterFault) -> Self {
        Self::bad_request(fault.to_string())
    }
}

impl From<PageFault> for Problem {
    fn from(fault: PageFault) -> Self {
        match fault {
            PageFault::Store(error) => error.into(),
            PageFault::Limit(_) | PageFault::Cursor => Self::bad_request(fault.to_string()),
        }
    }
}

impl From<ActFault> for Problem {
    fn from(fault: ActFault) -> Self {
        match fault {
            ActFault::Store(error) => error.into(),
            ActFault::NoSuchTicket(id) => Self::no_such_ticket(&id.to_string()),
            ActFault::NotAllowed { .. } => {
                let what = "See where the ticket stands with `GET /api/v1/tickets/ID`.";
                Self::new(StatusCode::CONFLICT, without_code(&fault.to_string()), what).code("TB0601")
            }
            ActFault::Reason | ActFault::NotError => Self::bad_request(fault.to_string()),
        }
    }
}

impl From<SettingFault> for Problem {
    fn from(fault: SettingFault) -> Self {
        match fault {
            SettingFault::Store(error) => error.into(),
            SettingFault::NoSuchBackend { .. } => {
                Self::new(StatusCode::NOT_FOUND, fault.to_string(), "List the backends with `GET /api/v1/backends`.")
            }
            _ => Self::bad_request(format!("{fault}. Nothing was changed")),
        }
    }
}
