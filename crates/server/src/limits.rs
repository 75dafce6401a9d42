//! Every limit of the server, in one place.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Most connections at once; further ones wait to be accepted.
pub const MAX_CONNECTIONS: usize = 512;
/// Most request bodies that are read and worked on at once; further ones wait. With `server.max_body_size` this bounds
/// the memory that callers can take.
pub const MAX_UPLOADS: usize = 8;
/// Longest time from a request's head to its answer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a call waits for the end of what it started; what lasts longer goes on, and the answer is 202.
pub(crate) const WAIT: Duration = REQUEST_TIMEOUT.saturating_sub(Duration::from_secs(5));
/// Longest time to wait for a request's head; idle connections are closed after it.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time to wait for delivery's snapshot of itself, and for the store to show that it can be read.
pub(crate) const STATUS_TIMEOUT: Duration = Duration::from_secs(3);
/// Largest body of calls that change something but take no tickets in.
pub(crate) const MAX_SMALL_BODY: usize = 64 * 1024;
/// Largest CSV file of one upload. It is kept in a temporary file, not in memory.
pub const MAX_OFFLOAD_UPLOAD: u64 = 1 << 30;
/// Most uploads and calls of *Offload now* at once; further ones are refused. They are worked on one after the other.
pub(crate) const MAX_LOADS: usize = 4;
/// Most tickets that one redrive call tries again.
pub const MAX_REDRIVE: usize = 10_000;
/// Most callers that listen to events at once.
pub const MAX_LISTENERS: usize = 64;
/// Most events that a listener can ask for with `limit`.
pub(crate) const MAX_EVENTS: usize = 1_000;
/// A listener to whom nothing was written for this long gets a comment, so that neither side nor a proxy takes the other
/// for gone.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a listener is to wait before it comes back.
pub(crate) const RECONNECT_AFTER: Duration = Duration::from_secs(2);
/// Requests per second and caller, and as many at once. A caller is a token, so the number of limiters is bounded by
/// the configuration and nobody can exhaust another's share. One ticket per call at this rate is more than delivery
/// carries; who has more sends arrays.
pub const REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(2_000).unwrap();
/// Refused logins per second, all strangers together: slows down who guesses tokens, without touching who has one.
const REFUSALS_PER_SECOND: NonZeroU32 = NonZeroU32::new(50).unwrap();

/// Failed logins per minute that leave a line in the audit, all strangers together: who guesses must not fill it.
const NOTED_FAILURES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(6).unwrap();

/// A rate limit (generic cell rate algorithm).
pub(crate) type Rate = DefaultDirectRateLimiter;

/// The rate limit of one caller.
pub(crate) fn caller_rate() -> Rate {
    RateLimiter::direct(Quota::per_second(REQUESTS_PER_SECOND))
}

/// The rate limit of the audit's lines about failed logins.
pub(crate) fn noted_failure_rate() -> Rate {
    RateLimiter::direct(Quota::per_minute(NOTED_FAILURES_PER_MINUTE))
}

/// The rate limit of those who have no valid token.
pub(crate) fn stranger_rate() -> Rate {
    RateLimiter::direct(Quota::per_second(REFUSALS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::{caller_rate, stranger_rate};

    #[test]
    fn a_burst_is_let_through_up_to_the_rate_and_no_further() {
        for (rate, burst) in [(caller_rate(), 2_000), (stranger_rate(), 50)] {
            assert!((0..burst).all(|_| rate.check().is_ok()));
            assert!((0..100_000).any(|_| rate.check().is_err()), "nothing was refused");
        }
    }
}
