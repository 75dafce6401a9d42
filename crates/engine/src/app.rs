//! What the surfaces (HTTP API, console, CLI) work with: one value that holds every handle of a running service.

use std::sync::{Arc, Weak};

use ticketbridge_config::Config;
use ticketbridge_store::Store;

use crate::clock::Clock;
use crate::delivery::DeliveryHandle;
use crate::events::Events;
use crate::feedback::Feedback;
use crate::history::History;
use crate::intake::Intake;
use crate::offload::Offload;
use crate::platforms::PlatformSet;
use crate::service::offload_settings;
use crate::workflow::Workflow;

/// Handles of a running service, of one configuration. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The configuration in force.
    pub config: Arc<Config>,
    /// The main store.
    pub store: Arc<dyn Store>,
    /// The clocks.
    pub clock: Clock,
    /// Tickets from outside.
    pub intake: Intake,
    /// The lifecycle.
    pub delivery: DeliveryHandle,
    /// The platforms.
    pub platforms: Arc<PlatformSet>,
    /// CSV files in.
    pub offload: Arc<Offload>,
    /// Mobile tickets.
    pub feedback: Feedback,
    /// Runs and aggregation tables.
    pub workflow: Arc<Workflow>,
    /// What happens, for whoever watches. The same through all reloads.
    pub events: Events,
    /// How many tickets were where, of late. The same through all reloads.
    pub history: History,
    /// Lives as long as anybody has these handles.
    pub(crate) in_use: Arc<()>,
}

impl App {
    /// Tells whether anybody still has these handles.
    pub(crate) fn in_use(&self) -> Weak<()> {
        Arc::downgrade(&self.in_use)
    }

    /// These handles for a newer configuration.
    pub(crate) fn renewed(&self, config: Arc<Config>, platforms: Arc<PlatformSet>, feedback: &Feedback) -> Self {
        let rules = Arc::new(config.workflow.rules.clone());
        Self {
            intake: self.intake.renewed(Arc::clone(&config)),
            offload: Arc::new(self.offload.renewed(offload_settings(&config), Arc::clone(&rules))),
            workflow: if *rules == self.config.workflow.rules {
                Arc::clone(&self.workflow)
            } else {
                Arc::new(self.workflow.renewed(rules))
            },
            config,
            platforms,
            feedback: feedback.clone(),
            store: Arc::clone(&self.store),
            clock: self.clock.clone(),
            delivery: self.delivery.clone(),
            events: self.events.clone(),
            history: self.history.clone(),
            in_use: Arc::default(),
        }
    }
}
