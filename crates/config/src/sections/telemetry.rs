//! `[telemetry]`: where traces of tickets are sent to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{SecretReference, Span, WebAddress};

/// `[telemetry]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// Base address of an OpenTelemetry collector (OTLP over HTTP, protobuf); `/v1/traces` is put behind it. Without it
    /// nothing is traced, and platforms are told no `traceparent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<WebAddress>,
    /// Headers of each export; values by reference.
    pub otlp_headers: BTreeMap<String, SecretReference>,
    /// Longest time for one export.
    pub otlp_timeout: Span,
    /// Share of the tickets that are traced, in percent, 0 to 100; the ticket's id decides which.
    #[schemars(range(max = 100))]
    pub traced_percent: u32,
}

impl Telemetry {
    /// What [`Telemetry::traced_percent`] may be.
    pub const PERCENT: std::ops::RangeInclusive<u32> = 0..=100;
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            otlp_headers: BTreeMap::new(),
            otlp_timeout: Span::seconds(10),
            traced_percent: 100,
        }
    }
}
