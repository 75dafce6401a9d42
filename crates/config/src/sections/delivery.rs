//! `[delivery]`: how tickets are carried to their platforms.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::Span;

/// `[delivery]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {
    /// How long a retrieval of open tickets counts; on an older one no ticket is created, it is made again first.
    pub match_ttl: Span,
    /// Count outages of a platform as attempts of its tickets: the literal counting of the original.
    pub charge_outages: bool,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { match_ttl: Span::seconds(60), charge_outages: false }
    }
}
