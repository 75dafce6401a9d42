//! One answered request, told once: log line and metrics. Neither bodies, query strings nor tokens stand in it.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics::{counter, histogram};

/// A request that was answered.
pub(crate) struct Answered<'a> {
    /// Its method.
    pub(crate) method: &'a Method,
    /// The route's pattern; empty: there is no such route.
    pub(crate) route: &'a str,
    /// The answer.
    pub(crate) status: StatusCode,
    /// Who called.
    pub(crate) caller: Option<&'a str>,
    /// How long it took.
    pub(crate) latency: Duration,
}

impl Answered<'_> {
    /// Tells people.
    pub(crate) fn emit(&self) {
        let Self { method, route, status, caller, latency } = self;
        let route = if route.is_empty() { "none" } else { route };
        // A method is any word that a caller makes up; a label must not grow without limit.
        let known =
            [Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::PUT, Method::DELETE, Method::OPTIONS];
        let label = if known.contains(method) { method.as_str() } else { "other" };
        let labels =
            [("method", label.to_owned()), ("route", route.to_owned()), ("status", status.as_u16().to_string())];
        counter!("ticketbridge_http_requests_total", &labels).increment(1);
        histogram!("ticketbridge_http_request_seconds", "method" => label.to_owned(), "route" => route.to_owned())
            .record(latency.as_secs_f64());
        let (status, latency_ms, caller) = (status.as_u16(), latency.as_millis() as u64, caller.unwrap_or("-"));
        if status >= 500 {
            tracing::warn!(method = label, route, status, caller, latency_ms, "Request failed.");
        } else {
            tracing::debug!(method = label, route, status, caller, latency_ms, "Request answered.");
        }
    }
}
