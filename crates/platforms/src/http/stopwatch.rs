//! The only place of this crate that reads a clock: latencies, token ages, and the date of an answer that has none.
//! No decision about a ticket rests on it.

use std::time::Duration;

use tokio::time::Instant;

/// A moment on the monotonic clock: the runtime's, so that tests can turn it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(Instant);

impl Moment {
    /// This moment.
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }

    /// Time since this moment.
    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The wall clock as an HTTP date, for an answer without `Date` (RFC 9110 §6.6.1 asks the recipient to add one).
#[expect(clippy::disallowed_methods, reason = "dates an answer that came without a date")]
pub(super) fn http_date() -> String {
    jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
