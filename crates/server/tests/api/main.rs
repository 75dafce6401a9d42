//! The HTTP API over real sockets, with a real store: what is answered, to whom, and in which words.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

mod access;
mod acts;
mod audit;
mod backends;
mod browser;
mod console_aggregations;
mod console_backends;
mod console_errors;
mod console_feedback;
mod console_offloads;
mod console_overview;
mod console_stream;
mod console_ticket;
mod console_tickets;
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
