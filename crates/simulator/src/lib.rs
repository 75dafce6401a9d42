//! The simulator: the real decisions and the real adapters against the real stand-ins, under virtual time, from one seed.
//!
//! * `world`, `store`, `remote`: what there is. `process`, `decisions`, `transactions`: who works on it.
//! * `link`, `login`, `wire`, `answers`, `effects`: what goes between processes and platforms, and what it does.
//! * [`site`], `faults`: what a seed makes of it. `hands`: what is done to it from outside.
//! * [`checks`]: the invariants. [`sometimes`]: what a sweep must have met. [`teeth`]: guards switched off.
//! * `mobile`: the same for mobile tickets, in a world of their own.
//! * [`run`]: many seeds on many threads. A failing seed is run once more, to tell its story.
//!
//! Guarantee: the same seed and scenario give the same trace, to the bit, on any number of threads. No clock, no socket, no
//! disk. Limits: in `world` and [`site`].

mod answers;
pub mod checks;
mod decisions;
mod effects;
mod faults;
mod hands;
mod link;
mod login;
#[cfg(feature = "mobile")]
pub mod mobile;
mod process;
mod remote;
mod run;
pub mod site;
pub mod sometimes;
mod store;
mod story;
pub mod teeth;
mod transactions;
mod wire;
mod world;

pub use faults::Profile;
pub use run::{Failure, MAX_FAILURES, Outcome, Scenario, Summary, run, run_one};
pub use story::STORY_LINES;
