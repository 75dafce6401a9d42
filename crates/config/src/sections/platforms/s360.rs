//! `type = "s360"`: the box office.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Timeouts;
use crate::types::{SecretReference, WebAddress};

/// Settings of S-360.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S360Settings {
    /// Address up to and with `/api/v1`.
    pub base_url: WebAddress,
    /// Bearer token, by reference.
    pub token: SecretReference,
    /// Most requests in flight, 1 to 1000.
    #[serde(default = "eight")]
    #[schemars(range(min = 1, max = 1_000))]
    pub max_in_flight: u32,
    /// Time-outs.
    #[serde(default)]
    pub timeouts: Timeouts,
}

fn eight() -> u32 {
    8
}
