//! What became of the rows of a file (telecom contract §3.5).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a row was not taken (telecom contract §3.4, §4.1, §4.2). `orphan` is counted apart from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// The row has not as many fields as the header.
    FieldCount,
    /// The row is not UTF-8.
    BadEncoding,
    /// Not a timestamp of one of the accepted forms.
    BadTimestamp,
    /// The id that names the row is empty.
    MissingId,
    /// Older than `retention_h`.
    TooOld,
    /// Further ahead of the clock than `future_tolerance_s`.
    Future,
    /// The channel, or the service group of a channel, is not in the topology.
    Orphan,
    /// A downstream channel in an upstream file, or the reverse.
    WrongDirection,
    /// Not a number of the accepted form.
    BadValue,
    /// A number that cannot be: negative, or more than 100 %.
    OutOfRange,
    /// More than 60 dB: most likely tenths of a dB in a column for dB.
    UnitSuspect,
    /// Neither `US` nor `DS`.
    BadDirection,
    /// The channel's service group is of the other direction.
    DirectionMismatch,
}

impl RejectReason {
    /// The reason as it is written in reject files and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FieldCount => "field_count",
            Self::BadEncoding => "bad_encoding",
            Self::BadTimestamp => "bad_timestamp",
            Self::MissingId => "missing_id",
            Self::TooOld => "too_old",
            Self::Future => "future",
            Self::Orphan => "orphan",
            Self::WrongDirection => "wrong_direction",
            Self::BadValue => "bad_value",
            Self::OutOfRange => "out_of_range",
            Self::UnitSuspect => "unit_suspect",
            Self::BadDirection => "bad_direction",
            Self::DirectionMismatch => "direction_mismatch",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One row that was not taken. The file's name is known to whoever opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Physical line where the row starts; the header starts on line 1.
    pub line: u64,
    /// Why.
    pub reason: RejectReason,
}

/// Counters of one file, or of all files of one kind added up.
///
/// `rows` = `accepted` + `nodata` + `orphans` + `rejected`, always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// *Processed Lines*: all data rows.
    pub rows: u64,
    /// Rows with a value that were stored.
    pub accepted: u64,
    /// Rows that say "no data" and were stored.
    pub nodata: u64,
    /// Rows of something that is not in the topology.
    pub orphans: u64,
    /// (`accepted` + `nodata`) − distinct keys stored. [`super::read_kpi`] leaves it 0: only the store knows.
    pub duplicates: u64,
    /// Rows refused for another reason.
    pub rejected: u64,
    /// `rejected`, by reason; only reasons that occurred.
    pub rejected_by_reason: BTreeMap<RejectReason, u64>,
}

impl Counters {
    /// Adds the counters of another file of the same kind.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.accepted += other.accepted;
        self.nodata += other.nodata;
        self.orphans += other.orphans;
        self.duplicates += other.duplicates;
        self.rejected += other.rejected;
        for (reason, count) in &other.rejected_by_reason {
            *self.rejected_by_reason.entry(*reason).or_default() += count;
        }
    }

    /// Counts a row that was not taken.
    pub(crate) fn refuse(&mut self, reason: RejectReason) {
        self.rows += 1;
        if reason == RejectReason::Orphan {
            self.orphans += 1;
        } else {
            self.rejected += 1;
            *self.rejected_by_reason.entry(reason).or_default() += 1;
        }
    }

    /// Counts a row that is stored.
    pub(crate) fn take(&mut self, has_data: bool) {
        self.rows += 1;
        if has_data {
            self.accepted += 1;
        } else {
            self.nodata += 1;
        }
    }
}
