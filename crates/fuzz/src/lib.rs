//! Hostile input: a fuzz body for everything that comes from outside, on the stable toolchain.
//!
//! A target is one function that takes any bytes, feeds them to the product's own reader and asserts what must hold; it
//! never panics, hangs, overflows the stack of a worker thread or fills the memory. `docs/limits.md` says which limits
//! hold where, and which target covers them.
//!
//! `cargo nextest run -p ticketbridge-fuzz` runs every file of `corpus/` and a fixed number of mutations of them, the same
//! ones each time. Longer, on one target: `TICKETBRIDGE_FUZZ_SECONDS=300 cargo test --release -p ticketbridge-fuzz NAME
//! -- --nocapture`, with another `TICKETBRIDGE_FUZZ_SEED` for other mutations. `TICKETBRIDGE_FUZZ_INPUT=FILE` runs one
//! input alone. A mutation is made of its seed and number alone, so any of them can be made again.

pub mod cherwell;
pub mod config;
pub mod connector_file;
pub mod driver;
pub mod filter;
pub mod http;
pub mod intake;
pub mod mobile;
pub mod network;
mod parts;
pub mod personal;
pub mod recording;
pub mod s360;
mod sample;
pub mod sfyc_look_ups;
pub mod sfyc_writes;
pub mod text;
pub mod tixngo;
