//! The one HTTP client of all platforms.
//!
//! Guarantees:
//! * One [`HttpClient::send`] is at most one request on the wire: no retries, no redirects followed, HTTP/1.1 only, no
//!   compression. The body can be handed to the connection once, so that no layer below could repeat it.
//! * [`Transport::NotSent`](crate::Transport::NotSent) is only said if the platform surely has no whole request. All
//!   that may have reached it is [`Transport::NoAnswer`](crate::Transport::NoAnswer).
//! * No secret is in a log, an error, a `Debug` output or an [`ExchangeRecord`].
//!
//! Limits: answers up to 16 MiB, captured bodies up to 8 KiB each, tokens up to 64 KiB, 32 idle connections per
//! platform, idle for at most 15 s.

mod auth;
mod body;
mod client;
mod record;
mod redact;
mod retry_after;
mod secret;
mod stopwatch;
mod token;

pub use auth::{Auth, Grant, OAuth2};
pub use client::{ClientError, ClientSettings, Exchange, HttpClient, LastCheck, MAX_ANSWER, SendOptions};
pub use record::{CAPTURE_LIMIT, ExchangeObserver, ExchangeRecord};
pub use redact::Redactor;
pub use retry_after::retry_after;
pub use secret::Secret;
