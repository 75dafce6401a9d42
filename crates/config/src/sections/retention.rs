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
    /// Lines of the audit.
    pub audit: Span,
    /// Exchanges with platforms (the Stream Viewer).
    pub exchanges: Span,
    /// Most room on disk that they may take; the oldest go first.
    pub exchanges_size: Size,
    /// Bytes of bodies kept per second; above it only the heads of successful exchanges are.
    pub exchanges_rate: Size,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            tickets: Span::seconds(90 * 86_400),
            audit: Span::seconds(400 * 86_400),
            exchanges: Span::seconds(7 * 86_400),
            exchanges_size: Size::mebibytes(256),
            exchanges_rate: Size::mebibytes(1),
        }
    }
}

impl Retention {
    /// Smallest file that is any use.
    pub const LEAST_EXCHANGES_SIZE: Size = Size::mebibytes(4);
}
