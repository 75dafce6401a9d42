//! What every request passes, in this order: whose browser, who calls, how often, what the caller may do, with which seal,
//! how long.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRef, MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, HOST, HeaderValue, ORIGIN, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use subtle::ConstantTimeEq;

use crate::access::{Caller, Stranger};
use crate::console;
use crate::limits::REQUEST_TIMEOUT;
use crate::problem::Problem;
use crate::routes::{Desk, Office};
use crate::telemetry::Answered;

/// Header that carries the seal of a session where there is no form.
const SEAL: &str = "x-ticketbridge-seal";

/// Passes a request on, or answers why not.
pub(crate) async fn guard(State(office): State<Office>, request: Request, next: Next) -> Response {
    let desk = Desk::from_ref(&office);
    let began = desk.app.clock.now().mono;
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let (parts, body) = request.into_parts();
    let checked = check(&office, &desk, &parts).await;
    let caller = checked.as_ref().ok().cloned().flatten();
    let mut response = match checked {
        Err(refusal) => refusal.answer(&parts),
        Ok(caller) => {
            let mut request = Request::from_parts(parts, body);
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            in_time(next.run(request)).await
        }
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if desk.access.wants_only_tls() {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    let latency = desk.app.clock.now().mono.since(began);
    let caller = caller.as_ref().map(|caller| caller.name.as_str());
    Answered { method: &method, route: &route, status: response.status(), caller, latency }.emit();
    response
}

/// The answer, or after [`REQUEST_TIMEOUT`] that there is none.
async fn in_time(answer: impl Future<Output = Response>) -> Response {
    tokio::time::timeout(REQUEST_TIMEOUT, answer).await.unwrap_or_else(|_| {
        let detail = format!("there was no answer within {} s", REQUEST_TIMEOUT.as_secs());
        let what = "It is not known whether it was done. An intake call may be sent again with the same \
                    `message_id`s; before other calls look at what they were to change.";
        Problem::unavailable(detail, what).into_response()
    })
}

/// Routes that need no token: they tell no more than whether the service lives, what error codes mean, and how a login
/// looks.
fn is_public(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/login")
        || path.starts_with("/errors/")
        || path.starts_with("/console/assets/")
}

/// Why a request goes no further.
enum Refusal {
    /// It is told why.
    Told(Problem),
    /// A page that somebody wants to see who is not logged in.
    LogIn,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Told(problem)
    }
}

impl Refusal {
    /// What the caller gets: a browser gets pages.
    fn answer(self, request: &Parts) -> Response {
        let path = request.uri.path();
        match self {
            Self::LogIn => {
                let here = request.uri.path_and_query().map_or(path, |here| here.as_str());
                Redirect::to(&format!("/login?to={}", utf8_percent_encode(here, NON_ALPHANUMERIC))).into_response()
            }
            Self::Told(problem) if is_page(path) => console::shown(&problem, &request.headers),
            Self::Told(problem) => problem.into_response(),
        }
    }
}

/// Whether people look at it.
fn is_page(path: &str) -> bool {
    matches!(path, "/" | "/console" | "/login" | "/logout") || path.starts_with("/console/")
}

/// The caller; `None`: on a public route, where it does not matter.
async fn check(office: &Office, desk: &Desk, request: &Parts) -> Result<Option<Arc<Caller>>, Refusal> {
    let (method, headers, path) = (&request.method, &request.headers, request.uri.path());
    let looks = matches!(*method, Method::GET | Method::HEAD);
    // If the store cannot be read, nobody is let in for want of tokens either.
    if !names_loopback(headers) && desk.access.is_open(&desk.app).await.unwrap_or(false) {
        // Without tokens the address is the only protection. A page that lets its own name point at it must not get in.
        let what = "Call it as 127.0.0.1 or localhost, or make a token with `ticketbridge token create`.";
        let detail = "the `Host` header is not that of this machine, and there are no tokens";
        return Err(Problem::forbidden(detail, what).into());
    }
    if !looks && is_foreign(headers) {
        let what = "Call the API from a program, or from a page of this server.";
        return Err(Problem::forbidden("a page of another site may not change anything here", what).into());
    }
    if is_public(path) {
        return Ok(None);
    }
    let caller = match desk.access.caller(&desk.app, headers, path).await {
        Ok(caller) => caller,
        Err(Stranger::Store(error)) => return Err(Problem::from(error).into()),
        Err(_) if desk.access.strangers.check().is_err() => return Err(Problem::too_many_requests().into()),
        Err(Stranger::NoToken | Stranger::NoSession) if looks && is_page(path) => return Err(Refusal::LogIn),
        Err(Stranger::NoToken) => return Err(Problem::unauthorized("the request carries no bearer token").into()),
        Err(Stranger::NoSession) => return Err(Problem::unauthorized("the session has ended; log in again").into()),
        Err(Stranger::WrongToken) => return Err(Problem::unauthorized("the token is not valid").into()),
    };
    if caller.rate.check().is_err() {
        return Err(Problem::too_many_requests().into());
    }
    if caller.role < Caller::needed(method, path) {
        let detail = format!("the token `{}` may only look", caller.name);
        return Err(Problem::forbidden(detail, "Use a token with the role operator or admin.").into());
    }
    // A form of the console carries the seal in its body, and is checked there.
    if caller.session.is_some() && !looks && !is_page(path) && !bears_seal(headers, &office.seal(&caller)) {
        let detail = format!("a change by a logged-in browser carries the session's seal in the header `{SEAL}`");
        return Err(Problem::forbidden(detail, "Reload the page; a program sends a bearer token instead.").into());
    }
    Ok(Some(caller))
}

/// Whether a request carries the seal of its session, which another site can neither read nor guess.
fn bears_seal(headers: &HeaderMap, seal: &str) -> bool {
    headers.get(SEAL).is_some_and(|given| given.as_bytes().ct_eq(seal.as_bytes()).into())
}

/// Whether the request is addressed to this very machine (or, as HTTP/1.0 allows, to nobody).
fn names_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else { return true };
    let Some(authority) = host.to_str().ok().and_then(|text| text.parse::<Authority>().ok()) else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a browser says that the request comes from a page of another site.
fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let own = headers.get(HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let page = origin.to_str().ok().and_then(|text| text.split_once("://")).map(|(_, page)| page.as_bytes());
    !page.is_some_and(|page| page.eq_ignore_ascii_case(own))
}

#[cfg(test)]
mod tests {
    use super::{is_foreign, names_loopback};
    use axum::http::HeaderMap;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for host in ["127.0.0.1", "127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "127.9.9.9"] {
            assert!(names_loopback(&headers(&[("host", host)])), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:8080", "10.0.0.1", "", "localhost.evil"] {
            assert!(!names_loopback(&headers(&[("host", host)])), "{host}");
        }
        assert!(names_loopback(&headers(&[])));
    }

    #[test]
    fn a_page_of_another_site_is_foreign() {
        assert!(!is_foreign(&headers(&[("host", "localhost:8080")])));
        assert!(!is_foreign(&headers(&[("host", "localhost:8080"), ("origin", "http://localhost:8080")])));
        for origin in ["http://evil.example", "null", "http://localhost:9999", "http://localhost"] {
            assert!(is_foreign(&headers(&[("host", "localhost:8080"), ("origin", origin)])), "{origin}");
        }
    }
}
