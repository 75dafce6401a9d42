//! `config check|show|diff|schema`.

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;
use ticketbridge_config::{DEFAULT_FILE, Reach};
use ticketbridge_core::ticket::BackendName;
use ticketbridge_engine::check::unusable_mobile_platforms;
use ticketbridge_engine::mail::Mailer;
use ticketbridge_engine::platforms::PlatformSet;
use ticketbridge_engine::reload::{ShownChange, changes, draining, last_in_force};

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Checks, shows or compares.
pub(crate) async fn run(path: Option<&Path>, command: &arguments::Config, json: bool) -> Result<ExitCode, Failure> {
    match command {
        arguments::Config::Schema => output::json(&ticketbridge_config::schema()),
        arguments::Config::Show { default: true } => output::data(DEFAULT_FILE.trim_end()),
        arguments::Config::Show { default: false } => {
            let loaded = setup::load(path)?;
            if json {
                output::json(&loaded.to_json());
            } else {
                output::data(loaded.to_toml().trim_end());
            }
        }
        arguments::Config::Diff => return diff(path, json).await,
        arguments::Config::Check => {
            let loaded = setup::load(path)?;
            setup::warn(path, &loaded);
            let config = loaded.config;
            let platforms = PlatformSet::load(&config, &setup::environment, None);
            let mut unusable = unusable_mobile_platforms(&config, &setup::environment);
            unusable.extend(
                platforms.iter().filter_map(|(name, loaded)| Some((name.clone(), loaded.as_ref().err()?.clone()))),
            );
            unusable.sort();
            for (name, why) in &unusable {
                output::talk(&format!("error: platform `{name}`: {why}"));
            }
            let mail = Mailer::from_config(&config.mail, &setup::environment);
            if let Err(error) = &mail {
                output::talk(&format!("error: mail: {error}"));
            }
            if !unusable.is_empty() || mail.is_err() {
                return Ok(ExitCode::FAILURE);
            }
            let from = setup::config_path(path)
                .map_or_else(|| String::from("the defaults"), |path| path.display().to_string());
            output::talk(&format!("{from}: usable; `ticketbridge platform check` asks the platforms themselves"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What a reload would change.
#[derive(Serialize)]
struct Difference {
    /// Since when the service has in force what it has.
    since: String,
    changes: Vec<ShownChange>,
    /// Backends that were taken out before, and are finishing their tickets.
    draining: Vec<BackendName>,
}

/// Compares the file with what the running service has in force, or the last one had.
async fn diff(path: Option<&Path>, json: bool) -> Result<ExitCode, Failure> {
    let config = setup::load(path)?.config;
    let (_, opened, _) = setup::beside(path).await?;
    let Some(last) = last_in_force(&*opened.store).await? else {
        return Err(Failure::new(
            "no service of this version has run with this store yet, so there is nothing to compare with; check the file with `ticketbridge config check`",
        ));
    };
    let difference = Difference {
        since: last.since.to_rfc3339(),
        changes: changes(&last.file, &config),
        draining: draining(&last.file, &last.in_force),
    };
    if json {
        output::json(&difference);
        return Ok(ExitCode::SUCCESS);
    }
    if difference.changes.is_empty() {
        output::talk(&format!("The file says what is in force since {}.", difference.since));
    } else {
        let shown = |value: &Option<Value>| output::or_dash(value.as_ref().map(text).as_deref());
        let row = |change: &ShownChange| {
            let when = match change.takes_effect {
                Reach::Reload => "reload",
                Reach::Restart => "restart",
            };
            vec![change.key.clone(), shown(&change.old), shown(&change.new), String::from(when)]
        };
        output::table(&["key", "in force", "file", "takes effect with"], difference.changes.iter().map(row));
    }
    for backend in &difference.draining {
        output::talk(&format!("Backend `{backend}` was taken out before; it is finishing its tickets."));
    }
    Ok(ExitCode::SUCCESS)
}

/// A value as people write it.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
