//! Figures of one service group in the window, so that any union of groups can be added up (telecom contract §6).

use super::severity::Severity;
use super::value::Value;
use crate::network::Timestamp;

/// Sum over points of `sum / count`, kept exact as one integer sum per count.
#[derive(Debug, Clone, Default)]
pub(super) struct Means {
    /// (count, sum of thousandths, points), by count.
    parts: Vec<(u32, i64, u64)>,
}

impl Means {
    pub(super) fn add(&mut self, value: Value) {
        self.add_part(value.count, value.sum, 1);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (count, sum, points) in &other.parts {
            self.add_part(*count, *sum, *points);
        }
    }

    fn add_part(&mut self, count: u32, sum: i64, points: u64) {
        match self.parts.binary_search_by_key(&count, |part| part.0) {
            Ok(place) => {
                self.parts[place].1 += sum;
                self.parts[place].2 += points;
            }
            Err(place) => self.parts.insert(place, (count, sum, points)),
        }
    }

    /// The mean, each point with weight 1: over points of one count, one division.
    pub(super) fn mean(&self) -> Option<f64> {
        let points: u64 = self.parts.iter().map(|part| part.2).sum();
        match self.parts.as_slice() {
            [] => None,
            [(count, sum, points)] => Some(*sum as f64 / (1_000 * u64::from(*count) * points) as f64),
            parts => {
                let total: f64 =
                    parts.iter().map(|(count, sum, _)| *sum as f64 / (1_000 * u64::from(*count)) as f64).sum();
                Some(total / points as f64)
            }
        }
    }
}

/// One service group in one aggregation.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Channels with a valid sample in the window.
    pub(super) reporting: u64,
    /// Channels whose last valid sample is not stale.
    pub(super) fresh: u64,
    pub(super) samples: u64,
    pub(super) nodata: u64,
    pub(super) means: Means,
    pub(super) lowest: Option<Value>,
    pub(super) highest: Option<Value>,
    pub(super) newest: Option<(Timestamp, Value)>,
    pub(super) severity: Severity,
    pub(super) cm_online: Option<u32>,
    pub(super) critical_points: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            reporting: 0,
            fresh: 0,
            samples: 0,
            nodata: 0,
            means: Means::default(),
            lowest: None,
            highest: None,
            newest: None,
            severity: Severity::Timeout,
            cm_online: None,
            critical_points: 0,
        }
    }
}

impl Tally {
    /// A point of the window: for SNR each valid channel sample, for utilisation each point of the group.
    pub(super) fn add_point(&mut self, at: Timestamp, value: Value) {
        self.means.add(value);
        self.lowest = Some(self.lowest.map_or(value, |known| known.min(value)));
        self.highest = Some(self.highest.map_or(value, |known| known.max(value)));
        self.add_newest(at, value);
    }

    fn add_newest(&mut self, at: Timestamp, value: Value) {
        self.newest = match self.newest {
            Some((known, _)) if known > at => return,
            Some((known, newest)) if known == at => Some((at, newest.together(value))),
            _ => Some((at, value)),
        };
    }

    /// Adds the tally of another service group. Modems of different groups are different ones: their counts add up.
    pub(super) fn merge(&mut self, other: &Self) {
        self.reporting += other.reporting;
        self.fresh += other.fresh;
        self.samples += other.samples;
        self.nodata += other.nodata;
        self.means.merge(&other.means);
        self.lowest = [self.lowest, other.lowest].into_iter().flatten().min();
        self.highest = [self.highest, other.highest].into_iter().flatten().max();
        if let Some((at, value)) = other.newest {
            self.add_newest(at, value);
        }
        self.severity = self.severity.max(other.severity);
        self.cm_online = match (self.cm_online, other.cm_online) {
            (Some(own), Some(others)) => Some(own.saturating_add(others)),
            (own, others) => own.or(others),
        };
        self.critical_points += other.critical_points;
    }
}
