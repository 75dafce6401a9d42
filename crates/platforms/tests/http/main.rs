//! The client on real sockets.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod login;
mod personal;
mod proxy;
mod server;
mod wire;
