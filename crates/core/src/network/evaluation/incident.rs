//! Critical incidents (telecom contract §5.2).

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::value::Value;
use crate::network::settings::Thousandths;
use crate::network::topology::{ChannelIndex, GroupIndex};
use crate::network::{Aggregation, KpiFile, Modulation, Timestamp};

/// A KPI breach on one object, as it is stored between two evaluations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// 16 hex digits; stays the same when late samples move its begin.
    pub id: Box<str>,
    /// The KPI, by its file.
    pub kpi: KpiFile,
    /// The channel (SNR) or the service group (utilisation).
    pub object_id: Box<str>,
    /// First of the critical points that opened it.
    pub opened_at: Timestamp,
    /// First of the clear points that closed it; `None`: open.
    pub closed_at: Option<Timestamp>,
    /// The worst critical point; of equals the earliest.
    pub worst: Value,
    /// When that was.
    pub worst_at: Timestamp,
    /// Modulation of that point; `None` for utilisation.
    pub modulation: Option<Modulation>,
    /// Critical threshold of that point.
    pub threshold: Thousandths,
    /// SNR: the channel. Utilisation: the channel with the highest value at `worst_at`, of equals the smallest id;
    /// `None` only for an incident whose first samples were not kept with a channel.
    pub worst_channel_id: Option<Box<str>>,
}

impl Incident {
    /// Whether it counts in a window that begins (open) at `window_start` and ends at `as_of` (telecom contract §5.3).
    pub fn is_counted(&self, window_start: Timestamp, as_of: Timestamp) -> bool {
        self.opened_at <= as_of && self.closed_at.is_none_or(|closed_at| closed_at > window_start)
    }

    /// Whether `a` is worse than `b` for this KPI: lower SNR, higher utilisation.
    pub(crate) fn is_worse(kpi: KpiFile, a: Value, b: Value) -> bool {
        let order = a.cmp(&b);
        if kpi == KpiFile::UsChannelSnr { order == Ordering::Less } else { order == Ordering::Greater }
    }

    /// The order of incidents everywhere: `opened_at`, then object id.
    pub(crate) fn order(a: &Self, b: &Self) -> Ordering {
        (a.opened_at, a.object_id.as_bytes(), a.kpi).cmp(&(b.opened_at, b.object_id.as_bytes(), b.kpi))
    }
}

/// An incident with its place in the topology of the evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedIncident {
    /// The incident.
    pub incident: Incident,
    /// Its aggregation table.
    pub aggregation: Aggregation,
    /// The service group of its object.
    pub group: GroupIndex,
    /// The channel that is its object (SNR).
    pub channel: Option<ChannelIndex>,
    /// Last point of its object, of any age.
    pub object_last: Option<Value>,
}
