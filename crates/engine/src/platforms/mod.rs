//! The platforms of a configuration, ready to be talked to; or, for each that is not, why.
//!
//! A platform that cannot be used never stops the service: its tickets are received and wait, and what is wrong stands
//! in its status. The only place that knows the types of platforms.

mod cherwell;
mod connector;
mod handle;
mod made_of;
pub(crate) mod mobile;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ticketbridge_config::Config;
use ticketbridge_config::sections::Platform as PlatformConfig;
use ticketbridge_config::sections::platforms::PlatformSettings;
use ticketbridge_core::ticket::PlatformName;
#[cfg(test)]
use ticketbridge_platforms::Platform;
use ticketbridge_platforms::http::ExchangeObserver;

pub use handle::PlatformHandle;
pub(crate) use made_of::{MadeOf, connector_file};

/// All platforms of a configuration.
pub struct PlatformSet {
    loaded: BTreeMap<PlatformName, Result<PlatformHandle, String>>,
    /// What each was made of, those for mobile tickets, too: whatever is the same in a newer configuration keeps its
    /// handle.
    made_of: BTreeMap<PlatformName, MadeOf>,
}

/// The environment, for secrets by reference.
pub type Environment = dyn Fn(&str) -> Option<String> + Send + Sync;

impl PlatformSet {
    /// Loads every platform that tickets or work orders live on.
    pub fn load(config: &Config, environment: &Environment, observer: Option<&Arc<dyn ExchangeObserver>>) -> Self {
        let nothing = Self { loaded: BTreeMap::new(), made_of: BTreeMap::new() };
        nothing.renewed(config, environment, observer)
    }

    /// The platforms of a newer configuration. One that is made of the same keeps its handle, and with it connections,
    /// login and what was learned; one that could not be used is tried again.
    pub(crate) fn renewed(
        &self,
        config: &Config,
        environment: &Environment,
        observer: Option<&Arc<dyn ExchangeObserver>>,
    ) -> Self {
        let (mut loaded, mut made_of) = (BTreeMap::new(), BTreeMap::new());
        for (name, platform) in &config.platforms {
            let new = MadeOf::of(name, platform, config, environment);
            if platform.kind().carries_tickets() {
                let kept = self.loaded.get(name).filter(|kept| kept.is_ok() && self.made_of.get(name) == Some(&new));
                let load = || load_one(name, platform, config, environment, observer);
                loaded.insert(name.clone(), kept.cloned().unwrap_or_else(load));
            }
            made_of.insert(name.clone(), new);
        }
        Self { loaded, made_of }
    }

    /// These platforms without those that a configuration does not have any more.
    pub(crate) fn only_of(&self, config: &Config) -> Self {
        let is_there = |name: &PlatformName| config.platforms.contains_key(name);
        let loaded = self.loaded.iter().filter(|(name, _)| is_there(name));
        let made_of = self.made_of.iter().filter(|(name, _)| is_there(name));
        Self {
            loaded: loaded.map(|(name, loaded)| (name.clone(), loaded.clone())).collect(),
            made_of: made_of.map(|(name, made_of)| (name.clone(), *made_of)).collect(),
        }
    }

    /// These platforms, each behind what a test makes of it.
    #[cfg(test)]
    pub(crate) fn behind(mut self, wrap: impl Fn(Arc<dyn Platform>) -> Arc<dyn Platform>) -> Self {
        for handle in self.loaded.values_mut().flatten() {
            handle.platform = wrap(Arc::clone(&handle.platform));
        }
        self
    }

    /// What a platform was made of.
    pub(crate) fn made_of(&self, name: &PlatformName) -> Option<&MadeOf> {
        self.made_of.get(name)
    }

    /// A platform, or why it cannot be used.
    pub fn usable(&self, name: &PlatformName) -> Result<PlatformHandle, String> {
        match self.loaded.get(name) {
            Some(loaded) => loaded.clone(),
            None => Err(format!("no platform `{name}` is configured for tickets")),
        }
    }

    /// All platforms, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&PlatformName, &Result<PlatformHandle, String>)> {
        self.loaded.iter()
    }

    /// Ends every login that costs something; for a clean stop.
    pub async fn farewell(&self) {
        for (name, handle) in self.loaded.iter().filter_map(|(name, loaded)| Some((name, loaded.as_ref().ok()?))) {
            handle.farewell(name).await;
        }
    }

    /// The longest that a write request may take on any of them: a lease must outlive it.
    pub fn longest_request(&self) -> Duration {
        self.loaded.values().flatten().map(|handle| handle.write_timeout).max().unwrap_or(Duration::from_mins(1))
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
