//! Exact values: a sum of thousandths over a count.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::network::settings::Thousandths;

/// `sum` thousandths / `count`: one sample, or the mean of several, without rounding. Compared by cross-multiplying.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Value {
    /// Sum of thousandths of a dB or of a percent.
    pub sum: i64,
    /// How many samples; at least 1.
    pub count: u32,
}

impl Value {
    /// The value of one sample.
    pub fn one(thousandths: i32) -> Self {
        Self { sum: i64::from(thousandths), count: 1 }
    }

    /// As a floating-point number of dB or percent: one division, never rounded.
    pub fn as_f64(self) -> f64 {
        self.sum as f64 / (1_000 * i64::from(self.count)) as f64
    }

    /// Exact comparison with a threshold: `sum` against `threshold × count`.
    pub fn compare(self, threshold: Thousandths) -> Ordering {
        self.sum.cmp(&(i64::from(threshold.0) * i64::from(self.count)))
    }

    /// The mean over the samples of both.
    #[must_use]
    pub fn together(self, other: Self) -> Self {
        Self { sum: self.sum + other.sum, count: self.count + other.count }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        let (left, right) =
            (i128::from(self.sum) * i128::from(other.count), i128::from(other.sum) * i128::from(self.count));
        left.cmp(&right)
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}
