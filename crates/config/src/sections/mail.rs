//! `[mail]`: who is told when something goes wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[mail]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// Addresses told of errors of both jobs, once per cause. Empty: nobody; the log has it in any case.
    pub error_recipients: Vec<String>,
}
