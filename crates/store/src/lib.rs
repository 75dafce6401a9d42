//! The durable memory of ticketbridge: one coarse trait, each method one transaction.
//!
//! * [`Store`] and [`FeedbackStore`]: the contract. [`SqliteStore`] keeps it on disk, [`MemoryStore`] in memory, for tests
//!   and simulation.
//! * One conformance suite (`tests/conformance`) runs over all of them, and compares them step by step.

mod access;
mod contract;
mod error;
pub mod exchanges;
mod feedback;
mod memory;
mod rules;
pub mod samples;
mod sqlite;

pub use access::*;
pub use contract::*;
pub use error::StoreError;
pub use feedback::*;
pub use memory::MemoryStore;
pub use rules::{hexadecimal, lane_index};
pub use sqlite::inspect;
pub use sqlite::{OpenMode, Opened, SqliteOptions, SqliteStore};
