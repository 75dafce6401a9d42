//! A newer configuration for a running service.
//!
//! Guarantee: all of it or nothing. Everything that can fail (reading, secrets, connector files, platforms, logins of
//! callers, what tickets under way do not allow) comes first; then delivery changes over, and only then everything else,
//! which cannot fail. What is in flight ends on the configuration that it began with.
//!
//! * A backend that the file no longer has, keeps in force until its tickets are done ([`BackendState::Draining`]), and its
//!   platforms with it, over restarts, too.
//! * What only a restart changes stays as it was, and is named.
//! * One reload at a time.

mod check;
mod document;
mod drain;
mod merge;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use metrics::{counter, gauge};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use ticketbridge_config::types::SecretReference;
use ticketbridge_config::{Config, ConfigError, Loaded, PlatformChange, Reach};
use ticketbridge_core::ticket::{BackendName, PlatformName};
use ticketbridge_platforms::http::ExchangeObserver;
use ticketbridge_store::StoreError;
use utoipa::ToSchema;

use crate::app::App;
use crate::delivery::{InForce, drop_outdated_overrides};
use crate::events::Event;
use crate::exchanges::Limits;
use crate::feedback::Feedback;
use crate::live::Live;
use crate::platforms::{Environment, PlatformSet};
use crate::view::Actor;

pub(crate) use document::keep as keep_in_force;
pub use document::{LastInForce, last_in_force};
pub(crate) use drain::drain_loop;
pub(crate) use merge::at_start;

/// Where a configuration is read from.
pub type ConfigSource = dyn Fn() -> Result<Loaded, ConfigError> + Send + Sync;

/// What makes a prepared change hold; cannot fail.
pub type Change = Box<dyn FnOnce() + Send>;

/// A part of the process that has a share of the configuration of its own.
pub trait Part: Send + Sync {
    /// Makes ready what a configuration needs, or says why it cannot. Nothing changes before the answer is called.
    fn prepare(&self, config: &Config, environment: &Environment) -> Result<Change, String>;
}

/// A change as it is shown. Secrets are references.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ShownChange {
    /// Dotted key; entries of lists by name.
    pub key: String,
    /// The value before; `None`: there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// The value now; `None`: there is none any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
    /// When it takes effect.
    pub takes_effect: Reach,
    /// What changed behind a value that is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub behind_it: Option<&'static str>,
}

/// What a reload did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Reloaded {
    /// Whether anything holds now that did not before.
    pub applied: bool,
    /// Every setting that is not the same as before, in the order of the keys.
    pub changes: Vec<ShownChange>,
    /// Backends that the file no longer has and that are finishing their tickets.
    #[schema(value_type = Vec<String>)]
    pub draining: Vec<BackendName>,
    /// What works and is probably not meant.
    pub warnings: Vec<String>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ReloadFault {
    /// The configuration has mistakes.
    #[error(transparent)]
    Invalid(#[from] ConfigError),
    /// It cannot be put in force now, for these reasons.
    #[error("TB0003: the configuration was not reloaded, everything is as before:{}", list(.0))]
    Refused(Vec<String>),
    /// This process has no configuration file.
    #[error("this process was not started with a configuration that could be read again")]
    NoSource,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn list(reasons: &[String]) -> String {
    let mut text = String::new();
    for reason in reasons {
        text.push_str("\n  ");
        text.push_str(reason);
    }
    text
}

/// What reloads work with.
pub(crate) struct Reloader {
    environment: Arc<Environment>,
    observer: Option<Arc<dyn ExchangeObserver>>,
    source: Mutex<Option<Arc<ConfigSource>>>,
    parts: Mutex<Vec<Arc<dyn Part>>>,
    /// Held by the reload under way.
    state: tokio::sync::Mutex<State>,
}

/// Hashes of the values behind references, by key; `None`: it cannot be had. In memory only: a short secret can be
/// guessed from its hash.
type Secrets = BTreeMap<String, Option<[u8; 32]>>;

/// What was read last.
struct State {
    /// The file in force, but for what only a restart changes.
    file: Config,
    /// What stands behind the references of the configuration in force.
    secrets: Secrets,
    /// Handles of configurations before: while one is in use, a backend that it had may still be given a ticket.
    before: Vec<Weak<()>>,
}

impl Reloader {
    /// For a service that was started with this file, and with what was left over of the one before.
    pub(crate) fn new(
        file: Config,
        in_force: &Config,
        environment: Arc<Environment>,
        observer: Option<Arc<dyn ExchangeObserver>>,
    ) -> Self {
        let secrets = secrets(in_force, &*environment);
        Self {
            environment,
            observer,
            source: Mutex::default(),
            parts: Mutex::default(),
            state: tokio::sync::Mutex::new(State { file, secrets, before: Vec::new() }),
        }
    }

    /// Reloads read from here.
    pub(crate) fn read_from(&self, source: Arc<ConfigSource>) {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    pub(crate) fn take_part(&self, part: Arc<dyn Part>) {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).push(part);
    }
}

/// Reads the configuration anew and puts it in force; tells audit, log and metrics.
pub(crate) async fn reload(live: &Live, who: &str) -> Result<Reloaded, ReloadFault> {
    let result = match asked(live, who).await {
        Ok(()) => reload_quietly(live).await,
        Err(error) => Err(error.into()),
    };
    let word = match &result {
        Ok(reloaded) if reloaded.applied => "applied",
        Ok(_) => "unchanged",
        Err(ReloadFault::Invalid(_)) => "invalid",
        Err(_) => "refused",
    };
    counter!("ticketbridge_config_reloads_total", "result" => word).increment(1);
    match &result {
        Ok(reloaded) => {
            told_good(live.app().clock.now().wall.0);
            for change in &reloaded.changes {
                let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| String::from("-"), Value::to_string);
                let (old, new) = (shown(&change.old), shown(&change.new));
                let behind_it = change.behind_it;
                match change.takes_effect {
                    Reach::Reload => tracing::info!(key = change.key, old, new, behind_it, "Setting changed."),
                    Reach::Restart => {
                        tracing::warn!(key = change.key, old, new, "Setting changed in the file; it needs a restart.");
                    }
                }
            }
            for warning in &reloaded.warnings {
                tracing::warn!(warning, "The configuration works and is probably not meant so.");
            }
            for backend in &reloaded.draining {
                tracing::info!(%backend, "Backend is no longer configured; it finishes its tickets and takes no new ones.");
            }
            let changed = reloaded.changes.len();
            tracing::info!(who, result = word, changed, "Configuration reloaded.");
        }
        Err(fault) => tracing::error!(who, error = %fault, "Configuration not reloaded; the old one stays in force."),
    }
    result
}

/// The line of the audit; without it nothing is reloaded.
async fn asked(live: &Live, who: &str) -> Result<(), StoreError> {
    let app = live.app();
    let actor = Actor { store: &*app.store, who, at: app.clock.now().wall };
    actor.asked("config.reload", "", serde_json::json!({})).await
}

/// The moment of the last good configuration, in milliseconds since 1970.
pub(crate) fn told_good(at: i64) {
    gauge!("ticketbridge_config_last_good_timestamp_seconds").set(at as f64 / 1_000.0);
}

async fn reload_quietly(live: &Live) -> Result<Reloaded, ReloadFault> {
    let reloader = live.reloader().ok_or(ReloadFault::NoSource)?;
    let mut state = reloader.state.lock().await;
    let source = reloader.source.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let source = source.ok_or(ReloadFault::NoSource)?;
    let loaded = blocking(move || source()).await??;
    let app = live.app();
    let file = loaded.config.clone().reloaded_over(&app.config);
    let config = Arc::new(merge::over(&file, &app.config, |_| true));

    let newer = newer(reloader, &app, &config).await?;
    let mut refusals = check::unusable(&newer, &app);
    refusals.extend(check::moved_backends(&app.config, &config));
    let other_platforms = changed(&app, &config, &newer.platforms);
    refusals.extend(check::begun_elsewhere(&app, &other_platforms).await?);
    refusals.extend(check::mobile(&app, &config).await?);
    let mut holding = Vec::new();
    for part in reloader.parts.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        match part.prepare(&config, &*reloader.environment) {
            Ok(change) => holding.push(change),
            Err(why) => refusals.push(why),
        }
    }
    if !refusals.is_empty() {
        return Err(ReloadFault::Refused(refusals));
    }

    let changes = shown(&state, &loaded.config, &app, &newer);
    let applied = changes.iter().any(|change| change.takes_effect == Reach::Reload);
    if applied {
        let in_force = InForce { config: Arc::clone(&config), platforms: Arc::clone(&newer.platforms) };
        app.delivery.switch(in_force, other_platforms).await.map_err(|why| ReloadFault::Refused(vec![why]))?;
        // From here on nothing fails.
        state.before.push(app.in_use());
        live.publish(app.renewed(Arc::clone(&config), Arc::clone(&newer.platforms), &newer.feedback));
        for change in holding {
            change();
        }
        app.delivery.exchanges().set_limits(Limits::from(&config.retention));
        app.events.publish(Event::Configuration {});
        say_goodbye(&app.platforms, &newer.platforms);
        (state.file, state.secrets) = (file, newer.secrets);
        keep_up(&app, &state.file, &config).await;
    }
    Ok(Reloaded {
        applied,
        changes,
        draining: draining(&state.file, &config),
        warnings: loaded.warnings.iter().map(|warning| warning.line("the file")).collect(),
    })
}

/// What the store has of the configuration follows the one that now holds. A failure is told and changes nothing of that.
async fn keep_up(app: &App, file: &Config, in_force: &Config) {
    if let Err(error) = drop_outdated_overrides(in_force, &*app.store, app.clock.now().wall).await {
        tracing::warn!(%error, "Settings of before could not be forgotten; the file wins anyway.");
    }
    document::keep(app, file, in_force).await;
}

/// What a newer configuration needs, loaded.
struct Newer {
    platforms: Arc<PlatformSet>,
    feedback: Feedback,
    mail: Result<(), String>,
    secrets: Secrets,
}

/// Loads what a newer configuration needs; what is the same keeps what it has.
async fn newer(reloader: &Reloader, app: &App, config: &Arc<Config>) -> Result<Newer, ReloadFault> {
    let (environment, observer) = (Arc::clone(&reloader.environment), reloader.observer.clone());
    let (app, config) = (app.clone(), Arc::clone(config));
    blocking(move || {
        let platforms = Arc::new(app.platforms.renewed(&config, &*environment, observer.as_ref()));
        let mobile = Arc::clone(app.feedback.store());
        let feedback = Feedback::load(&config, &*environment, mobile, app.clock.clone(), observer.as_ref());
        let mail =
            crate::mail::Mailer::from_config(&config.mail, &*environment).map(drop).map_err(|error| error.to_string());
        let secrets = secrets(&config, &*environment);
        Newer { platforms, feedback: app.feedback.renewed(&feedback), mail, secrets }
    })
    .await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ReloadFault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|panic| ReloadFault::Refused(vec![format!("the configuration could not be read: {panic}")]))
}

/// The ticket platforms that are in both configurations and not the same.
fn changed(app: &App, config: &Config, newer: &PlatformSet) -> BTreeMap<PlatformName, PlatformChange> {
    let mut changed = BTreeMap::new();
    for (name, platform) in &config.platforms {
        let (Some(before), Some(now)) = (app.platforms.made_of(name), newer.made_of(name)) else { continue };
        let of_settings =
            app.config.platforms.get(name).map_or(PlatformChange::Nothing, |before| before.change(platform));
        let of_file = if before.file == now.file { PlatformChange::Nothing } else { PlatformChange::Reading };
        let change = of_settings.max(of_file);
        if before != now {
            changed.insert(name.clone(), change);
        }
    }
    changed
}

/// Where the files of TLS are named.
const TLS_FILES: &str = "server.tls.";

/// Hashes of the values behind references, and of the files of TLS; `None`: what cannot be had.
fn secrets(config: &Config, environment: &Environment) -> Secrets {
    let hash = |reference: &SecretReference| {
        let value = reference.resolve(environment).ok()?;
        Some(Sha256::digest(value.expose_secret().as_bytes()).into())
    };
    let mut hashes: Secrets =
        config.secret_references().into_iter().map(|(key, reference)| (key, hash(&reference))).collect();
    if let Some(tls) = &config.server.tls {
        for (key, path) in [("certificate", &tls.certificate), ("key", &tls.key)] {
            let content = std::fs::read(path).ok().map(|content| Sha256::digest(content).into());
            hashes.insert(format!("{TLS_FILES}{key}"), content);
        }
    }
    hashes
}

/// Every setting that is not the same in two files, in the order of the keys.
pub fn changes(before: &Config, file: &Config) -> Vec<ShownChange> {
    let shown = |change: ticketbridge_config::Change| ShownChange {
        takes_effect: change.reach(),
        key: change.key,
        old: change.old,
        new: change.new,
        behind_it: None,
    };
    before.diff(file).into_iter().map(shown).collect()
}

/// Every setting that is not the same as in the file before, also where only what it refers to changed.
fn shown(before: &State, file: &Config, app: &App, newer: &Newer) -> Vec<ShownChange> {
    let mut changes = changes(&before.file, file);
    let mut behind = |key: String, what| {
        if !changes.iter().any(|change| change.key == key) {
            let takes_effect = ticketbridge_config::reach(&key);
            changes.push(ShownChange { key, old: None, new: None, takes_effect, behind_it: Some(what) });
        }
    };
    for name in file.platforms.keys() {
        let (Some(old), Some(new)) = (app.platforms.made_of(name), newer.platforms.made_of(name)) else { continue };
        if old.file != new.file {
            behind(format!("platforms.{name}.file"), "the contents of the connector file");
        }
    }
    // A reference that was not there before is a setting that changed; one that is gone, too, or left with its backend.
    for (key, value) in &newer.secrets {
        if before.secrets.get(key).is_some_and(|old| old != value) {
            let is_file = key.starts_with(TLS_FILES);
            behind(key.clone(), if is_file { "the contents of the file" } else { "the value of the secret" });
        }
    }
    changes.sort_by(|one, other| one.key.cmp(&other.key));
    changes
}

/// A file, with the backends that a running service, or the last one, is finishing beside it: for commands that give tickets
/// to backends.
pub fn with_draining(file: Config, last: Option<&LastInForce>) -> Config {
    let Some(last) = last else { return file };
    let left = draining(&last.file, &last.in_force);
    merge::over(&file, &last.in_force, |name| left.contains(name))
}

/// The backends in force that the file does not have.
pub fn draining(file: &Config, in_force: &Config) -> Vec<BackendName> {
    let is_gone = |name: &BackendName| file.backends.iter().all(|backend| backend.name != *name);
    in_force.backends.iter().map(|backend| backend.name.clone()).filter(is_gone).collect()
}

/// Ends the logins of platforms that were replaced, when nobody talks to them any more.
fn say_goodbye(before: &PlatformSet, now: &PlatformSet) {
    for (name, old) in before.iter() {
        let Ok(old) = old else { continue };
        let is_kept = now.usable(name).is_ok_and(|new| Arc::ptr_eq(&new.platform, &old.platform));
        if !is_kept {
            tokio::spawn(goodbye(name.clone(), old.clone()));
        }
    }
}

/// How often it is looked whether a platform that was replaced is still talked to, and for how long at most.
const GOODBYE_LOOK: std::time::Duration = std::time::Duration::from_secs(1);
const GOODBYE_LOOKS: usize = 600;

async fn goodbye(name: PlatformName, old: crate::platforms::PlatformHandle) {
    for _ in 0..GOODBYE_LOOKS {
        tokio::time::sleep(GOODBYE_LOOK).await;
        if Arc::strong_count(&old.platform) == 1 {
            old.farewell(&name).await;
            return;
        }
    }
}
