//! The settings that a plan is made with, and what of them must be the same when it is applied.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use ticketbridge_config::Config;
use ticketbridge_config::sections::BackendState;
use ticketbridge_core::delivery::Settings;
use ticketbridge_core::ticket::BackendName;
use ticketbridge_store::StoreError;

use ticketbridge_store::hexadecimal;

use super::PlanOptions;
use crate::delivery::delivery_settings;
use crate::platforms::connector_file;

/// The settings in force, but with processing on for every active backend: a plan says what happens once it is. And the
/// backends for which it is off.
pub(super) async fn settings(options: &PlanOptions) -> Result<(Settings, BTreeSet<BackendName>), StoreError> {
    let mut settings = delivery_settings(&options.config, &options.platforms, &*options.store).await?;
    let mut off = BTreeSet::new();
    for (name, backend) in &mut settings.backends {
        if !backend.processing && is_active(&options.config, name) {
            backend.processing = true;
            off.insert(name.clone());
        }
    }
    Ok((settings, off))
}

/// Whether a backend takes part at all.
pub(super) fn is_active(config: &Config, name: &BackendName) -> bool {
    config.backends.iter().any(|backend| backend.name == *name && backend.state == BackendState::Active)
}

/// Name of the settings of a backend in [`digests`], which hold those of its platforms and of `[delivery]`.
pub(super) fn digest_name(backend: &BackendName) -> String {
    format!("backend {backend}")
}

/// A hash per backend over everything that decides what it sends where: its own settings in force (but for processing),
/// its platforms with their connector files, and `[delivery]`. References to secrets, never their values.
pub(super) fn digests(
    config: &Config,
    settings: &Settings,
    backends: BTreeSet<&BackendName>,
) -> BTreeMap<String, String> {
    let platform = |name| {
        let platform = config.platforms.get(name)?;
        let file = Some(connector_file(platform)).filter(|file| !file.is_empty());
        Some(json!([platform, file]))
    };
    let of_backend = |name: &BackendName| {
        let Some(backend) = settings.backends.get(name) else { return Value::Null };
        let tickets = (&backend.tickets, platform(&backend.tickets));
        let work_orders = (&backend.work_orders, platform(&backend.work_orders));
        json!([tickets, work_orders, backend.max_retries, backend.max_tickets_per_request, config.delivery])
    };
    let digest = |value: Value| hexadecimal(&Sha256::digest(value.to_string()));
    backends.into_iter().map(|name| (digest_name(name), digest(of_backend(name)))).collect()
}
