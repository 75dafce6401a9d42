//! Mobile tickets under bad luck: the engine's own runs, in processes that die, stall and restart, against the stand-ins of
//! TIXNGO and S-360, under virtual time, from one seed.
//!
//! * `setting`: what a seed makes of the world. `world`: what there is. `process`: who works on it.
//! * `disk` and `wire`: the seams of the engine, where things go wrong. `weather`, `people`, `lives`: what happens outside.
//! * `ledger` and `truth`: what the checks know of the program, and of the box office. `serial`: the last comparison.
//! * [`Sometimes`]: what a sweep must have met. [`TEETH`]: guards switched off.
//!
//! Guarantee: the same seed and scenario give the same trace, to the bit, on any number of threads. Limits: 60 tickets of
//! 1 or 2 organizers, 2 or 3 processes, up to 25 virtual minutes of faults; then everything is mended, and all that is stored
//! must be applied as if one item had come after the other.

mod disk;
mod ledger;
mod lives;
mod people;
mod process;
mod run;
mod serial;
mod setting;
mod sometimes;
mod teeth;
mod truth;
mod weather;
mod wire;
mod world;

pub use run::{Outcome, Scenario, Summary, run, run_all, run_one};
pub use setting::Profile;
pub use sometimes::Sometimes;
pub use teeth::{Guard, MOST_SEEDS, TEETH, Tooth, bite};
