//! Whole runs of the mobile-ticket job against the stand-ins.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

mod answers;
mod contacts;
mod counters;
mod crash;
mod errors;
mod file;
mod gates;
mod guard;
mod key;
mod scale;
mod schedule;
mod skip;
mod store;
mod wire;
mod world;
