//! Network data to tickets: CSV rows → samples → incidents → aggregations → tickets (telecom contract).
//!
//! * [`load`]: files to rows, rows to samples, and what becomes of the bad ones.
//! * [`evaluation`]: samples to severities, incidents and aggregation rows.
//! * [`tickets`]: aggregation rows to tickets, and what is news.
//! * [`topology`]: service groups and channels.
//! * [`preview`]: a whole run in memory.
//! * [`settings`]: every number and name of the contract.

pub mod evaluation;
pub mod load;
pub mod preview;
pub mod settings;
pub mod tickets;
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
