//! What is kept of an exchange for people: the *Stream Viewer*, traces, `explain`.

use std::time::Duration;

/// Most bytes kept of each body.
pub const CAPTURE_LIMIT: usize = 8 * 1024;

/// One exchange, without secrets. A request for a token is one, too: its form has `***` in place of secrets, and its
/// answer is `(not kept)`; so logins can be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeRecord {
    /// The platform's name, as configured.
    pub platform: String,
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Status, if there was an answer.
    pub status: Option<u16>,
    /// From the call of `send` until its end.
    pub latency: Duration,
    /// What was sent, without secrets, at most [`CAPTURE_LIMIT`] bytes.
    pub request: String,
    /// What came back, without secrets, at most [`CAPTURE_LIMIT`] bytes.
    pub answer: String,
    /// Why there is no answer; empty if there is one.
    pub fault: String,
}

/// Takes note of every exchange. Called inside `send`, so it must be quick and must not wait.
pub trait ExchangeObserver: Send + Sync {
    /// Takes note of one exchange.
    fn observe(&self, record: ExchangeRecord);
}
