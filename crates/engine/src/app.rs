//! What the surfaces (HTTP API, console, CLI) work with: one value that holds every handle of a running service.

use std::sync::Arc;

use ticketbridge_config::Config;
use ticketbridge_store::Store;

use crate::clock::Clock;
use crate::delivery::DeliveryHandle;
use crate::feedback::Feedback;
use crate::intake::Intake;
use crate::offload::Offload;
use crate::platforms::PlatformSet;
use crate::workflow::Workflow;

/// Handles of a running service. Cheap to clone.
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
}
