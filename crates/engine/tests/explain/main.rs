//! Stories of tickets, with fixed times and ids: what a person reads.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

mod stories;
mod world;
