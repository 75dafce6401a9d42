//! The configuration: one TOML file; defaults < file < `TICKETBRIDGE_*` environment.
//!
//! Guarantees: a configuration that loads is typed and cross-checked; one that does not names every problem at once,
//! each with its place, its key and the way out. An unknown key is a problem. A secret stands here by reference
//! only, so a [`Config`] can be shown, logged and compared. Limits: 4 MiB per file, 64 KiB per secret, 100 problems
//! per error.
//!
//! The only I/O is reading the file and, on demand, secret files. The environment is passed in.

mod diff;
mod load;
mod schema;
pub mod sections;
mod show;
pub mod types;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use ticketbridge_core::network::load::FileKind;
use ticketbridge_core::ticket::PlatformName;

pub use diff::{Change, PlatformChange, Reach, reach};
pub use load::{ConfigError, DEFAULT_FILE, ENVIRONMENT_PREFIX, Loaded, MAX_FILE, Origin, Problem, Sources};
pub use schema::schema;
use sections::{Backend, Delivery, Feedback, Mail, Offload, Platform, Retention, Server, Store, Telemetry, Workflow};

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Config {
    /// `[server]`
    pub server: Server,
    /// `[store]`
    pub store: Store,
    /// `[retention]`
    pub retention: Retention,
    /// `[mail]`
    pub mail: Mail,
    /// `[telemetry]`
    pub telemetry: Telemetry,
    /// `[delivery]`
    pub delivery: Delivery,
    /// `[workflow]`
    pub workflow: Workflow,
    /// `[offload.KIND]`
    pub offload: BTreeMap<FileKind, Offload>,
    /// `[platforms.NAME]`
    #[schemars(with = "BTreeMap<String, Platform>")]
    pub platforms: BTreeMap<PlatformName, Platform>,
    /// `[[backends]]`
    pub backends: Vec<Backend>,
    /// `[[feedback]]`
    pub feedback: Vec<Feedback>,
}
