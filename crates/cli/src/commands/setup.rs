//! What most commands begin with: the configuration, and the store beside a running service.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ticketbridge_config::{Config, ConfigError, Loaded};
use ticketbridge_core::network::{Timestamp, parse_timestamp};
use ticketbridge_engine::clock::Clock;
use ticketbridge_engine::open::{Opened, open};
use ticketbridge_engine::reload::{last_in_force, with_draining};
use ticketbridge_store::OpenMode;

use crate::failure::Failure;
use crate::output;

/// The configuration file that is taken when none is named and it is there.
const USUAL_FILE: &str = "ticketbridge.toml";

/// The file that a configuration comes from; `None`: the defaults.
pub(crate) fn config_path(path: Option<&Path>) -> Option<PathBuf> {
    match path {
        Some(path) => Some(path.to_owned()),
        None => Some(PathBuf::from(USUAL_FILE)).filter(|usual| usual.is_file()),
    }
}

/// Loads the configuration: the named file, else `ticketbridge.toml` here, else the defaults.
pub(crate) fn load(path: Option<&Path>) -> Result<Loaded, Failure> {
    Ok(read(config_path(path).as_deref())?)
}

/// Loads the configuration from exactly this file; `None`: the defaults.
pub(crate) fn read(file: Option<&Path>) -> Result<Loaded, ConfigError> {
    // A variable that is no Unicode cannot be a setting of ours.
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Config::load(file, environment)
}

/// Says what works and is probably not meant.
pub(crate) fn warn(path: Option<&Path>, loaded: &Loaded) {
    let file = config_path(path).map_or_else(|| String::from("the defaults"), |path| path.display().to_string());
    for warning in &loaded.warnings {
        output::talk(&format!("warning: {}", warning.line(&file)));
    }
}

/// The environment, for secrets.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Configuration and stores, for a command that is safe beside a running service. With the backends that the service is
/// finishing: a key that one of them is at work on stays with it.
pub(crate) async fn beside(path: Option<&Path>) -> Result<(Arc<Config>, Opened, Clock), Failure> {
    let config = Arc::new(load(path)?.config);
    let opening = Arc::clone(&config);
    let opened = tokio::task::spawn_blocking(move || open(&opening, OpenMode::Command))
        .await
        .map_err(|error| Failure::new(error.to_string()))??;
    let last = last_in_force(&*opened.store).await?;
    let config = Arc::new(with_draining((*config).clone(), last.as_ref()));
    Ok((config, opened, Clock::start()))
}

/// An evaluation instant as given, or now.
pub(crate) fn as_of(text: Option<&str>, clock: &Clock) -> Result<Timestamp, Failure> {
    match text {
        None => Ok(clock.timestamp()),
        Some(text) => parse_timestamp(text).ok_or_else(|| {
            Failure::new(format!("`--as-of {text}` is no instant; write for instance 2026-11-20T23:45:00Z"))
        }),
    }
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn shutdown() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                output::talk(&format!("warning: SIGTERM is not handled: {error}"));
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        result = tokio::signal::ctrl_c() => {
            if result.is_err() {
                std::future::pending::<()>().await;
            }
        }
        () = terminate => {}
    }
}
