//! A process's side of a platform: the real adapter, the login, and who waits until the platform is learned.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use ticketbridge_core::delivery::{LaneId, ProbeId};
use ticketbridge_core::effect::{Capabilities, Query};
use ticketbridge_platforms::Platform;
use ticketbridge_platforms::cherwell::{Cherwell, CherwellSettings, WorkOrderSettings};
use ticketbridge_platforms::connector::{Connector, ConnectorSettings};

use crate::login::{Login, Rotating};
use crate::site::{SitePlatform, Sort};

/// A process's side of a platform.
pub(crate) struct Link {
    pub(crate) adapter: Arc<dyn Platform>,
    pub(crate) login: Login,
    /// The platform is being learned; lanes and look-ups wait for it.
    pub(crate) learning: bool,
    pub(crate) waiting_lanes: BTreeSet<LaneId>,
    pub(crate) waiting_look_ups: Vec<(ProbeId, Query)>,
    /// Set while those that waited are told that it could not be learned.
    pub(crate) learning_failed: Option<String>,
}

impl Link {
    pub(crate) fn new(platform: &SitePlatform) -> Self {
        Self {
            adapter: adapter(platform),
            login: match platform.sort {
                Sort::Sfyc => Login::Fixed,
                Sort::Cherwell => Login::Rotating(Rotating::default()),
            },
            learning: false,
            waiting_lanes: BTreeSet::new(),
            waiting_look_ups: Vec::new(),
            learning_failed: None,
        }
    }
}

/// The real adapter of a platform. A connector's filters are compiled once for all worlds; what Cherwell learned of its
/// site belongs to one process.
fn adapter(platform: &SitePlatform) -> Arc<dyn Platform> {
    static SFYC: OnceLock<Arc<Connector>> = OnceLock::new();
    match platform.sort {
        Sort::Sfyc => {
            let load = || match Connector::load("builtin:sfyc", &ConnectorSettings::default()) {
                Ok(connector) => Arc::new(connector),
                Err(error) => unreachable!("the built-in connector is part of the program: {error}"),
            };
            Arc::clone(SFYC.get_or_init(load)) as Arc<dyn Platform>
        }
        Sort::Cherwell => {
            let settings = CherwellSettings {
                work_order: Some(WorkOrderSettings::default()),
                save_timeout: platform.request_timeout,
                ..CherwellSettings::default()
            };
            match Cherwell::new(settings) {
                Ok(cherwell) => Arc::new(cherwell),
                Err(error) => unreachable!("settings without a filter of their own are sound: {error}"),
            }
        }
    }
}

/// What a platform's adapter declares.
pub(crate) fn capabilities(platform: &SitePlatform) -> Capabilities {
    adapter(platform).capabilities().clone()
}
