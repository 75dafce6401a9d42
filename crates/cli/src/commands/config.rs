//! `config check|show|schema`.

use std::path::Path;
use std::process::ExitCode;

use ticketbridge_config::DEFAULT_FILE;
use ticketbridge_engine::check::unusable_mobile_platforms;
use ticketbridge_engine::mail::Mailer;
use ticketbridge_engine::platforms::PlatformSet;

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Checks or shows.
pub(crate) fn run(path: Option<&Path>, command: &arguments::Config, json: bool) -> Result<ExitCode, Failure> {
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
