//! From the configuration, and what was changed at run time, to the settings that decisions are made with.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use ticketbridge_config::Config;
use ticketbridge_config::sections::Backend;
use ticketbridge_config::sections::platforms::OnUnresolved as ConfigOnUnresolved;
use ticketbridge_core::delivery::{BackendSettings, OnUnresolved, PlatformSettings, Settings};
use ticketbridge_core::ticket::BackendName;
use ticketbridge_core::time::Wall;
use ticketbridge_store::{AuditEntry, BackendOverride, Store, StoreError};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::platforms::PlatformSet;

/// The configuration that decisions are made and carried out with. Replaced whole by a reload.
#[derive(Clone)]
pub(crate) struct InForce {
    pub(crate) config: Arc<Config>,
    pub(crate) platforms: Arc<PlatformSet>,
}

/// The settings of a backend that can be changed while running.
pub const SETTING_NAMES: [&str; 3] = ["processing", "max_retries", "max_tickets_per_request"];

/// A backend with the settings now in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackendView {
    /// Its settings: the file's, with what was changed at run time.
    #[serde(flatten)]
    pub backend: Backend,
    /// The settings that were changed at run time.
    pub changed: Vec<String>,
}

/// As a backend, which admits no other members, and `changed`.
impl PartialSchema for BackendView {
    fn schema() -> RefOr<Schema> {
        let mut backend = Backend::schema();
        if let RefOr::T(Schema::Object(object)) = &mut backend {
            object.description = Some(String::from("A backend with the settings now in force."));
            object.additional_properties = None;
            object.properties.insert(String::from("changed"), Vec::<String>::schema());
            object.required.push(String::from("changed"));
        }
        backend
    }
}

impl ToSchema for BackendView {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Backend::schemas(schemas);
    }
}

/// What was changed at run time, by backend and setting.
pub type Overrides = BTreeMap<(BackendName, String), BackendOverride>;

/// The backends with what was changed at run time, as the store has it.
pub async fn effective_backends(config: &Config, store: &dyn Store) -> Result<Vec<BackendView>, StoreError> {
    Ok(with_overrides(config, &store.backend_overrides().await?))
}

/// The backends with what was changed at run time. A file that says something else since a change was made wins.
pub fn with_overrides(config: &Config, overrides: &Overrides) -> Vec<BackendView> {
    let view = |backend: &Backend| {
        let mut view = BackendView { backend: backend.clone(), changed: Vec::new() };
        for name in SETTING_NAMES {
            let Some(change) = overrides.get(&(backend.name.clone(), name.to_owned())) else { continue };
            if change.file_value == file_value(backend, name) && take_over(&mut view.backend, name, change) {
                view.changed.push(name.to_owned());
            }
        }
        view
    };
    config.backends.iter().map(view).collect()
}

/// Forgets what was changed at run time and does not hold any more: the file says something else since, or has no such
/// backend. Only for a configuration that is in force: a command may read a newer file than the service has.
pub(crate) async fn drop_outdated_overrides(config: &Config, store: &dyn Store, at: Wall) -> Result<(), StoreError> {
    for ((name, setting), change) in store.backend_overrides().await? {
        let backend = config.backends.iter().find(|backend| backend.name == name);
        if backend.is_some_and(|backend| change.file_value == file_value(backend, &setting)) {
            continue;
        }
        tracing::info!(
            backend = %name,
            setting,
            "The configuration file was changed since this setting was set at run time; the file wins."
        );
        let now = backend.map(|backend| file_value(backend, &setting));
        let detail = json!({"setting": setting, "old": change.value, "new": now});
        let line = AuditEntry::new(at, "ticketbridge", "backend.follow_file", name.as_str()).with(detail);
        store.set_backend_override(&name, &setting, None, line).await?;
    }
    Ok(())
}

/// What the file says of one setting.
pub(crate) fn file_value(backend: &Backend, name: &str) -> serde_json::Value {
    match name {
        "processing" => backend.processing.into(),
        "max_retries" => backend.max_retries.into(),
        _ => backend.max_tickets_per_request.into(),
    }
}

/// False: the kept value is unusable.
fn take_over(backend: &mut Backend, name: &str, change: &BackendOverride) -> bool {
    let number = || change.value.as_u64().and_then(|number| u32::try_from(number).ok());
    match name {
        "processing" => change.value.as_bool().map(|on| backend.processing = on).is_some(),
        "max_retries" => number()
            .filter(|number| Backend::RETRIES.contains(number))
            .map(|number| backend.max_retries = number)
            .is_some(),
        _ => number()
            .filter(|number| Backend::TICKETS_PER_REQUEST.contains(number))
            .map(|number| backend.max_tickets_per_request = number)
            .is_some(),
    }
}

/// The settings that the state machine decides with.
pub async fn delivery_settings(
    config: &Config,
    platforms: &PlatformSet,
    store: &dyn Store,
) -> Result<Settings, StoreError> {
    let backends = effective_backends(config, store).await?.into_iter().map(|view| {
        let backend = view.backend;
        let settings = BackendSettings {
            tickets: backend.tickets,
            work_orders: backend.work_orders,
            processing: backend.processing && backend.state.works(),
            max_retries: u8::try_from(backend.max_retries).unwrap_or(u8::MAX),
            max_tickets_per_request: backend.max_tickets_per_request as usize,
        };
        (backend.name, settings)
    });
    let backends: BTreeMap<BackendName, BackendSettings> = backends.collect();
    let of_platforms = config.platforms.iter().map(|(name, platform)| {
        let usable = platforms.usable(name);
        let common = &platform.common;
        let settings = PlatformSettings {
            capabilities: usable.as_ref().ok().map(|handle| handle.platform.capabilities().clone()),
            unusable: usable.err(),
            in_doubt_for: common.in_doubt_for.get(),
            settling_time: common.settling_time.get(),
            on_unresolved: match common.on_unresolved {
                ConfigOnUnresolved::Resend => OnUnresolved::Resend,
                ConfigOnUnresolved::Hold => OnUnresolved::Hold,
            },
            retry_initial: common.retry.initial.get(),
            retry_max: common.retry.max.get(),
        };
        (name.clone(), settings)
    });
    Ok(Settings {
        platforms: of_platforms.collect(),
        backends,
        kinds: config.delivery.kinds.clone(),
        match_ttl: config.delivery.match_ttl.get(),
        charge_outages: config.delivery.charge_outages,
    })
}
