//! Whole runs of the mobile-ticket job against the stand-ins, in paused time: the edge cases of the TIXNGO contract §8 that
//! show only in a run. A write request without its committed intent fails any of these tests.
//!
//! Where the other cases are: statuses, ownership, contacts, distribution, cleaning and marks of the schedule one by one:
//! `crates/core/tests/mobile` (`statuses`, `contacts`, `distribution`, `errors`, `schedule`, `skip`, `hostile`); leases,
//! tokens, pages and claims call by call: `crates/store/tests/conformance/feedback`; a second activation:
//! `crates/config/tests/feedback.rs`; mails: `tests/mail`; dumps: `src/feedback/dump/tests.rs`; sockets, processes and kills:
//! `crates/cli/tests/it/mobile`.

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
mod telling;
mod wire;
mod world;
