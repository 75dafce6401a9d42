//! The rules of the mobile-ticket job against a box office in memory: the worked sample, every edge case of the TIXNGO
//! contract that needs no socket, and random lifecycles.

mod bench;
mod contacts;
mod distribution;
mod errors;
mod hostile;
mod key;
mod lifecycles;
mod office;
mod order;
mod plan;
mod run;
mod sample;
mod schedule;
mod skip;
mod statuses;
mod world;
