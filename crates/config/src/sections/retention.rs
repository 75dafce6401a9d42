//! `[retention]`: how long things are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{Size, Span};

/// `[retention]`. How long KPI samples are kept is `workflow.retention_h`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Completed and Dismissed rows. Rows of keys that are still open are kept.
    pub tickets: Span,
    /// Exchanges with platforms (the Stream Viewer).
    pub exchanges: Span,
    /// Most room that the bodies of exchanges may take; the oldest go first.
    pub exchanges_size: Size,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            tickets: Span::seconds(90 * 86_400),
            exchanges: Span::seconds(7 * 86_400),
            exchanges_size: Size::mebibytes(256),
        }
    }
}
