//! What an operator has set, as the decisions need it. Replaced whole by a settings event.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::effect::{Capabilities, Operation};
use crate::ticket::{BackendName, PlatformName};

/// Everything the state machine must know of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The backends.
    pub backends: BTreeMap<BackendName, BackendSettings>,
    /// The platforms.
    pub platforms: BTreeMap<PlatformName, PlatformSettings>,
    /// Kinds whose open tickets are always retrieved; kinds of waiting rows are added.
    pub kinds: Vec<String>,
    /// How long a match counts: an older one is made again before a ticket is created.
    pub match_ttl: Duration,
    /// The literal counting of the original: outages use attempts too.
    pub charge_outages: bool,
}

impl Settings {
    /// The most items of one request, at least 1: what platform and backend both allow.
    pub fn batch_limit(&self, platform: &PlatformName, operation: Operation, backend: &BackendName) -> usize {
        let platform = self.platforms.get(platform).and_then(|platform| platform.capabilities.as_ref());
        let backend = self.backends.get(backend).map(|backend| backend.max_tickets_per_request);
        let limit = platform.map_or(1, |can| can.batch_limit(operation)).min(backend.unwrap_or(1));
        limit.max(1)
    }
}

/// One backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendSettings {
    /// Platform of its tickets.
    pub tickets: PlatformName,
    /// Platform of its work orders.
    pub work_orders: PlatformName,
    /// Off: nothing new is sent; receiving goes on.
    pub processing: bool,
    /// Refusals of one operation that a ticket survives.
    pub max_retries: u8,
    /// Most items in one write request or batch read.
    pub max_tickets_per_request: usize,
}

/// What to do with a create whose outcome stays unclear after every look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnresolved {
    /// Send it again, after two negative look-ups that count.
    Resend,
    /// Never send twice: hold it for an operator.
    Hold,
}

/// One platform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlatformSettings {
    /// What it can do; `None`: it can't be used at all now (not carried, not loadable), and why stands in `unusable`.
    pub capabilities: Option<Capabilities>,
    /// Why it can't be used.
    pub unusable: Option<String>,
    /// The longest that the platform may go on with a request after our time-out.
    pub in_doubt_for: Duration,
    /// The least time between two look-ups that are to count, and after our last write before an absence counts.
    pub settling_time: Duration,
    /// What to do with what stays unclear.
    pub on_unresolved: OnUnresolved,
    /// First back-off.
    pub retry_initial: Duration,
    /// Longest back-off.
    pub retry_max: Duration,
}
