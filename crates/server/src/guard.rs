//! What every request passes, in this order: whose browser, who calls, how often, what the caller may do, how long.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, HOST, HeaderValue, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::access::{Caller, Stranger};
use crate::limits::REQUEST_TIMEOUT;
use crate::problem::Problem;
use crate::routes::Desk;
use crate::telemetry::Answered;

/// Passes a request on, or answers why not.
pub(crate) async fn guard(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let began = desk.app.clock.now().mono;
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let (parts, body) = request.into_parts();
    let checked = check(&desk, &parts).await;
    let mut request = Request::from_parts(parts, body);
    let caller = checked.as_ref().ok().cloned().flatten();
    let mut response = match checked {
        Err(problem) => problem.into_response(),
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            in_time(next.run(request)).await
        }
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
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

/// Routes that need no token: they tell no more than whether the service lives, and what error codes mean.
fn is_public(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz") || path.starts_with("/errors/")
}

/// The caller; `None`: on a public route, where it does not matter.
async fn check(desk: &Desk, request: &Parts) -> Result<Option<Arc<Caller>>, Problem> {
    let (method, headers) = (&request.method, &request.headers);
    // If the store cannot be read, nobody is let in for want of tokens either.
    if !names_loopback(headers) && desk.access.is_open(&desk.app).await.unwrap_or(false) {
        // Without tokens the address is the only protection. A page that lets its own name point at it must not get in.
        let what = "Call it as 127.0.0.1 or localhost, or make a token with `ticketbridge token create`.";
        return Err(Problem::forbidden("the `Host` header is not that of this machine, and there are no tokens", what));
    }
    if !matches!(*method, Method::GET | Method::HEAD) && is_foreign(headers) {
        let what = "Call the API from a program, or from a page of this server.";
        return Err(Problem::forbidden("a page of another site may not change anything here", what));
    }
    if is_public(request.uri.path()) {
        return Ok(None);
    }
    let caller = match desk.access.caller(&desk.app, headers.get(AUTHORIZATION)).await {
        Ok(caller) => caller,
        Err(Stranger::Store(error)) => return Err(error.into()),
        Err(_) if desk.access.strangers.check().is_err() => return Err(Problem::too_many_requests()),
        Err(Stranger::NoToken) => return Err(Problem::unauthorized("the request carries no bearer token")),
        Err(Stranger::WrongToken) => return Err(Problem::unauthorized("the token is not valid")),
    };
    if caller.rate.check().is_err() {
        return Err(Problem::too_many_requests());
    }
    if caller.role < Caller::needed(method) {
        let detail = format!("the token `{}` may only look", caller.name);
        return Err(Problem::forbidden(detail, "Use a token with the role operator or admin."));
    }
    Ok(Some(caller))
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
