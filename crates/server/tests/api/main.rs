//! The HTTP API over real sockets, with a real store: what is answered, to whom, and in which words.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

mod access;
mod acts;
mod audit;
mod backends;
mod browser;
mod console_feedback;
mod console_stream;
mod events;
mod every_route;
mod health;
mod history;
mod intake;
mod listing;
mod network;
mod openapi;
mod place;
mod problems;
mod session;
mod stopping;
mod tls;
mod tokens;
