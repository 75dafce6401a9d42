//! One HTTP exchange, as data.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

/// A request, without authentication: the client adds that, so that no secret is in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCall {
    /// Method.
    pub method: Method,
    /// Path and query below the platform's base address, percent-encoded, beginning with `/`.
    pub target: String,
    /// JSON body, if there is one.
    pub body: Option<Bytes>,
}

/// An answer, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, at most the client's limit.
    pub body: Bytes,
}

/// What became of a request on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Surely not one byte of it reached the platform: no connection, no token, the lease ran out before the write.
    NotSent {
        /// What happened, for people.
        why: String,
    },
    /// It may have arrived, and there is no (whole) answer.
    NoAnswer {
        /// What happened, for people.
        why: String,
        /// The time-out ran out.
        timed_out: bool,
    },
    /// There is an answer.
    Answered(Answer),
}
