//! The platforms of a configuration, ready to be talked to; or, for each that is not, why.
//!
//! A platform that cannot be used never stops the service: its tickets are received and wait, and what is wrong stands
//! in its status. The only place that knows the types of platforms.

mod cherwell;
mod connector;
mod handle;
pub(crate) mod mobile;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ticketbridge_config::Config;
use ticketbridge_config::sections::Platform as PlatformConfig;
use ticketbridge_config::sections::platforms::PlatformSettings;
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_platforms::http::ExchangeObserver;

pub use handle::PlatformHandle;

/// All platforms of a configuration.
pub struct PlatformSet(BTreeMap<PlatformName, Result<PlatformHandle, String>>);

/// The environment, for secrets by reference.
pub type Environment = dyn Fn(&str) -> Option<String> + Send + Sync;

impl PlatformSet {
    /// Loads every platform that tickets or work orders live on.
    pub fn load(config: &Config, environment: &Environment, observer: Option<&Arc<dyn ExchangeObserver>>) -> Self {
        let load = |(name, platform): (&PlatformName, &PlatformConfig)| {
            (name.clone(), load_one(name, platform, config, environment, observer))
        };
        Self(config.platforms.iter().filter(|(_, platform)| platform.kind().carries_tickets()).map(load).collect())
    }

    /// A platform, or why it cannot be used.
    pub fn usable(&self, name: &PlatformName) -> Result<PlatformHandle, String> {
        match self.0.get(name) {
            Some(loaded) => loaded.clone(),
            None => Err(format!("no platform `{name}` is configured for tickets")),
        }
    }

    /// All platforms, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&PlatformName, &Result<PlatformHandle, String>)> {
        self.0.iter()
    }

    /// Ends every login that costs something; for a clean stop.
    pub async fn farewell(&self) {
        for (name, handle) in self.0.iter().filter_map(|(name, loaded)| Some((name, loaded.as_ref().ok()?))) {
            handle.farewell(name).await;
        }
    }

    /// The longest that a write request may take on any of them: a lease must outlive it.
    pub fn longest_request(&self) -> Duration {
        self.0.values().flatten().map(|handle| handle.write_timeout).max().unwrap_or(Duration::from_mins(1))
    }
}

fn load_one(
    name: &PlatformName,
    platform: &PlatformConfig,
    config: &Config,
    environment: &Environment,
    observer: Option<&Arc<dyn ExchangeObserver>>,
) -> Result<PlatformHandle, String> {
    match &platform.settings {
        PlatformSettings::Connector(settings) => connector::load(name, platform, settings, environment, observer),
        PlatformSettings::Cherwell(settings) => cherwell::load(name, platform, settings, config, environment, observer),
        other => Err(format!(
            "TB0205: this version of ticketbridge carries no platform of type `{}`; give `{name}` type = \"connector\" and a connector file, or use a version that does",
            kind_name(other),
        )),
    }
}

fn kind_name(settings: &PlatformSettings) -> &'static str {
    match settings {
        PlatformSettings::Connector(_) => "connector",
        PlatformSettings::Cherwell(_) => "cherwell",
        PlatformSettings::Tixngo(_) => "tixngo",
        PlatformSettings::S360(_) => "s360",
    }
}
