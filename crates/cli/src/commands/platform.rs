//! `platform check|accept-loss`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use ticketbridge_core::delivery::Stop;
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_engine::check::{check_mobile_platform, check_platform, is_mobile};
use ticketbridge_engine::clock::Clock;
use ticketbridge_engine::delivery::stop_document;
use ticketbridge_engine::platforms::PlatformSet;
use ticketbridge_store::AuditEntry;

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Checks, or accepts a loss.
pub(crate) async fn run(path: Option<&Path>, command: arguments::Platform, json: bool) -> Result<ExitCode, Failure> {
    match command {
        arguments::Platform::Check { name } => {
            let config = setup::load(path)?.config;
            let platforms = PlatformSet::load(&config, &setup::environment, None);
            let names: Vec<PlatformName> = match name {
                Some(name) => vec![PlatformName::new(&name)],
                None => config.platforms.keys().cloned().collect(),
            };
            let mut reports = BTreeMap::new();
            for name in names {
                let lines = if is_mobile(&config, &name) {
                    check_mobile_platform(&config, &name, &setup::environment, Clock::start().now().wall).await
                } else {
                    check_platform(&platforms, &name, &config.delivery.kinds).await
                };
                reports.insert(name, lines);
            }
            let good = reports.values().flatten().all(|line| line.good);
            if json {
                output::json(&reports);
            } else {
                for (name, lines) in &reports {
                    for line in lines {
                        let mark = if line.good { "ok  " } else { "FAIL" };
                        output::data(&format!("{mark}  {name}  {}: {}", line.what, line.seen));
                    }
                }
            }
            Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        arguments::Platform::AcceptLoss { name } => {
            let (config, opened, clock) = setup::beside(path).await?;
            let platform = PlatformName::new(&name);
            if !config.platforms.contains_key(&platform) {
                let known: Vec<&str> = config.platforms.keys().map(PlatformName::as_str).collect();
                return Err(Failure::new(format!(
                    "there is no platform `{name}`; the platforms are {}",
                    known.join(", ")
                )));
            }
            let document = stop_document(&platform);
            let stop: Option<Stop> =
                opened.store.document(&document).await?.and_then(|document| serde_json::from_value(document).ok());
            let Some(stop) = stop else {
                output::talk(&format!("Creating is not stopped on `{name}`; nothing was changed."));
                return Ok(ExitCode::SUCCESS);
            };
            let line = AuditEntry::new(clock.now().wall, "cli", "platform.accept_loss", &name)
                .with(json!({"keys": stop.keys.len()}));
            let dropped = opened.store.accept_loss(&platform, &stop.keys, line).await?;
            opened.store.put_document(&document, None).await?;
            output::talk(&format!(
                "Creating goes on, on `{name}`; {dropped} known tickets were forgotten. It had stopped because: {}",
                stop.text
            ));
            Ok(ExitCode::SUCCESS)
        }
    }
}
