//! One HTTP exchange, as data.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use crate::http::personal::mask_target;

/// A request, without authentication: the client adds that, so that no secret is in here. `Debug` shows no personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpCall {
    /// Method.
    pub method: Method,
    /// Path and query below the platform's base address, percent-encoded, beginning with `/`.
    pub target: String,
    /// JSON body, if there is one.
    pub body: Option<Bytes>,
}

/// An answer, whole. `Debug` shows the length of its body, which may hold personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, at most the client's limit.
    pub body: Bytes,
}

impl fmt::Debug for HttpCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, body) = (mask_target(&self.target), self.body.as_ref().map_or(0, Bytes::len));
        write!(f, "HttpCall({} {target}, {body} bytes)", self.method)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {:?}, {} bytes)", self.status, self.headers, self.body.len())
    }
}

/// What became of a request on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Surely not one byte of it reached the platform: no connection, no token, the lease ran out before the write.
    NotSent {
        /// What happened, for people.
        why: String,
        /// Why there is no token, if that is the reason; `None`: no connection, or the request was held back.
        login: Option<LoginFault>,
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

/// Why a login failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginFault {
    /// The platform refused the credentials: an operator must act.
    Refused,
    /// Client id, grant type or address is wrong: an operator must change the configuration.
    Misconfigured,
    /// The platform wants fewer logins at a time; it passes by itself.
    Throttled,
    /// The token endpoint could not be reached or was ill.
    Unreachable,
}

impl LoginFault {
    /// Whether it stays until an operator acts.
    pub fn needs_operator(self) -> bool {
        matches!(self, Self::Refused | Self::Misconfigured)
    }
}
