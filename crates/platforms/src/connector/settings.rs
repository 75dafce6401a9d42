//! What a site says about a platform, beside its connector file.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Settings of one platform that is spoken to through a connector file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectorSettings {
    /// Longest time that a write request may take (`timeouts.request`).
    pub request_timeout: Duration,
    /// Largest number of requests in flight; `None`: as the file says.
    pub max_in_flight: Option<usize>,
    /// Remote states that count as open; `None` or empty: as the file says.
    pub open_states: Option<Vec<String>>,
    /// jq over a remote ticket, answering a dedupe key or null; `None`: as the file says.
    pub adopt: Option<String>,
    /// Values for `.constants`, put over those of the file.
    pub constants: Map<String, Value>,
    /// Our kinds in the platform's words, where they differ.
    pub kinds: BTreeMap<String, String>,
}

impl Default for ConnectorSettings {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_mins(1),
            max_in_flight: None,
            open_states: None,
            adopt: None,
            constants: Map::new(),
            kinds: BTreeMap::new(),
        }
    }
}
