//! Network data to tickets: CSV rows → samples → incidents → aggregations → tickets.

mod key;
mod sample;

pub use key::{dedupe_key, kind_key};
pub use sample::{ChannelOrdinal, KpiFile, Sample, Timestamp};
