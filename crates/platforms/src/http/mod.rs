//! The one HTTP client of all platforms.
//!
//! Guarantees:
//! * One [`HttpClient::send`] is at most one request on the wire: no retries, no redirects followed, HTTP/1.1 only, no
//!   compression. The body can be handed to the connection once, so that no layer below could repeat it.
//! * [`Transport::NotSent`](crate::Transport::NotSent) is only said if the platform surely has no whole request. All
//!   that may have reached it is [`Transport::NoAnswer`](crate::Transport::NoAnswer).
//! * No secret is in a log, an error, a `Debug` output or what an [`ExchangeRecord`] tells.
//! * One token request at a time per client, whatever the number of requests that wait for it; a refused login is not
//!   hammered. What the platform means by a refusal is told by a function, [`TokenRefusals`]; the client knows no
//!   platform. A request that was not sent for want of a token says [why](crate::LoginFault).
//! * A 401 marks the token as stale. [`HttpClient::send_renewing`] sends once more then, two requests at most;
//!   [`HttpClient::farewell`] gives a token back.
//! * Where [`Capture::WithoutPersonalData`] is set, no personal data is in what an [`ExchangeRecord`] tells either.
//!
//! Limits: answers up to 16 MiB, or up to 64 MiB where a setting says so; captured bodies up to 8 KiB each, tokens up to
//! 64 KiB, 32 idle connections per platform, idle for at most 15 s. A login has up to 5 tries within its time-out; pauses
//! between failed ones are 1 s to 5 min.

mod auth;
mod body;
mod client;
pub mod personal;
mod record;
mod redact;
mod refusal;
mod retry_after;
mod secret;
mod stopwatch;
mod token;
mod wire;

pub use auth::{Auth, Grant, OAuth2};
pub use client::{
    ClientError, ClientSettings, Exchange, HttpClient, LastCheck, MAX_ANSWER, RemoteClock, SendOptions, USUAL_ANSWER,
};
pub use record::{Bodies, CAPTURE_LIMIT, Capture, ExchangeObserver, ExchangeRecord, Purpose};
pub use redact::Redactor;
pub use refusal::{TokenRefusals, usual_refusals};
pub use retry_after::{retry_after, retry_after_at};
pub use secret::Secret;
pub use token::refusal_words;
