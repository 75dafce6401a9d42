//! Network data to tickets: CSV rows → samples → incidents → aggregations → tickets (telecom contract).
//!
//! * [`load`]: files to rows, rows to samples, and what becomes of the bad ones.
//! * [`topology`]: service groups and channels.
//! * [`settings`]: every number and name of the contract.

pub mod load;
pub mod settings;
pub mod topology;

mod aggregation;
mod key;
mod modulation;
mod sample;

pub use aggregation::{Aggregation, UnknownAggregation};
pub use key::{dedupe_key, kind_key};
pub use load::parse_timestamp;
pub use modulation::Modulation;
pub use sample::{BadTimestamp, ChannelOrdinal, KpiFile, Sample, Timestamp};
