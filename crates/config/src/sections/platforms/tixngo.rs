//! `type = "tixngo"`: the mobile-ticket wallet. Only read from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Timeouts;
use crate::types::{SecretReference, WebAddress};

/// Settings of TIXNGO.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TixngoSettings {
    /// Address that TIXNGO gives; ends in `organizer/tickets`.
    pub base_url: WebAddress,
    /// Secret of the organizer's ADMIN account, by reference.
    pub api_key: SecretReference,
    /// Header that carries it.
    #[serde(default = "header")]
    pub api_key_header: String,
    /// Time-outs; a function's own `timeout` bounds its calls further.
    #[serde(default)]
    pub timeouts: Timeouts,
}

fn header() -> String {
    String::from("X-Tixngo-Key")
}
