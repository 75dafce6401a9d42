//! What a platform's clock shows, by the `Date` header of any answer.
//!
//! One `HEAD` on the base address, without login, told to no observer: whatever the status, a server that follows RFC 9110
//! §6.6.1 dates its answer. Nothing is done by it.

use std::time::Duration;

use http::header::{AGE, DATE};

use super::HttpClient;
use crate::http::retry_after::http_date;
use crate::http::stopwatch::Moment;
use crate::http::wire::chain;

/// An answer's date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteClock {
    /// Seconds since 1970; `None`: the answer has no `Date`, none that can be read, or comes from a cache (`Age`).
    pub date: Option<i64>,
    /// From the beginning of the request to the head of the answer; a new connection included.
    pub round_trip: Duration,
    /// The status.
    pub status: u16,
}

impl HttpClient {
    /// Asks for the platform's clock, within `timeout`. An error: there was no answer, and why.
    pub async fn remote_clock(&self, timeout: Duration) -> Result<RemoteClock, String> {
        let wire = &self.inner.wire;
        let request = wire.client.head(&self.inner.base).timeout(timeout);
        let begun = Moment::now();
        let answer = request.send().await.map_err(|error| wire.redactor().redact(&chain(&error)))?;
        let round_trip = begun.elapsed();
        let headers = answer.headers();
        let date = headers.get(DATE).filter(|_| !headers.contains_key(AGE));
        let date = date.and_then(|date| http_date(date.to_str().ok()?));
        Ok(RemoteClock { date, round_trip, status: answer.status().as_u16() })
    }
}
