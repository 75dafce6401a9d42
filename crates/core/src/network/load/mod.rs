//! CSV files to rows: the form, the checks and the counters that all five files share (telecom contract §3).
//!
//! Guarantee: whatever the bytes, loading ends with counters or a [`FileFault`], never with a panic; memory does not
//! grow with the file. Limits: 1 MiB and 4,096 fields per row (a longer row is rejected as `field_count`), 64 KiB
//! looked at for the delimiter.

mod counters;
mod fault;
mod file_kind;
mod instant;
mod kpi;
mod number;
mod rows;
mod table;

pub use counters::{Counters, Reject, RejectReason};
pub use fault::FileFault;
pub use file_kind::{FileKind, UnknownFileKind};
pub use instant::parse_timestamp;
pub use kpi::{KpiContext, KpiRows, RawSample, read_kpi};
pub use rows::{RowStart, whole_rows};

pub(super) use number::{Decimal, optional_integer, parse_decimal};
pub(super) use table::{Fields, Table};
