//! The durable memory of ticketbridge: one coarse trait, each method one transaction.

mod error;
pub mod samples;
mod trait_;

pub use error::StoreError;
pub use trait_::*;
