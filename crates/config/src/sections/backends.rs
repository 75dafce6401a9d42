//! `[[backends]]`: the workers that carry tickets through their lifecycle.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketbridge_core::ticket::{BackendName, PlatformName};
use utoipa::ToSchema;

/// `[[backends]]`: one backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// Its name: part of the split over backends, so renaming one moves its keys.
    #[schemars(with = "String")]
    #[schema(value_type = String)]
    pub name: BackendName,
    /// The platform that its tickets live on.
    #[schemars(with = "String")]
    #[schema(value_type = String)]
    pub tickets: PlatformName,
    /// The platform that its work orders live on; may be the same one.
    #[schemars(with = "String")]
    #[schema(value_type = String)]
    pub work_orders: PlatformName,
    /// *Ticketing Processing*. Off: it receives and sends nothing new.
    #[serde(default = "on")]
    pub processing: bool,
    /// How often one operation of one ticket is tried again after a refusal, 0 to 100.
    #[serde(default = "three")]
    #[schemars(range(min = 0, max = 100))]
    #[schema(minimum = 0, maximum = 100)]
    pub max_retries: u32,
    /// Largest number of tickets in one request, 1 to 500.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 500))]
    #[schema(minimum = 1, maximum = 500)]
    pub max_tickets_per_request: u32,
    /// Whether it takes part at all.
    #[serde(default)]
    pub state: BackendState,
}

impl Backend {
    /// Smallest and largest Max Retries.
    pub const RETRIES: std::ops::RangeInclusive<u32> = 0..=100;
    /// Smallest and largest Max Tickets Per Request.
    pub const TICKETS_PER_REQUEST: std::ops::RangeInclusive<u32> = 1..=500;
}

/// State of a backend as an element.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackendState {
    /// Takes tickets and works.
    #[default]
    Active,
    /// Takes no new keys and finishes what it has. A backend that is taken out of the file with tickets of its own
    /// left is in this state until they are done.
    Draining,
    /// Keeps what it has, takes no new keys, sends nothing new.
    Paused,
    /// As paused, and does not talk to its platforms at all.
    Stopped,
}

impl BackendState {
    /// Whether a backend in this state sends something new.
    pub const fn works(self) -> bool {
        matches!(self, Self::Active | Self::Draining)
    }
}

fn on() -> bool {
    true
}

fn three() -> u32 {
    3
}

fn fifty() -> u32 {
    50
}
