//! `backends list|set`.

use std::path::Path;
use std::process::ExitCode;

use ticketbridge_engine::view::{self, BackendChange};

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Lists or changes.
pub(crate) async fn run(path: Option<&Path>, command: arguments::Backends, json: bool) -> Result<ExitCode, Failure> {
    let (config, opened, clock) = setup::beside(path).await?;
    let store = &*opened.store;
    let views = match command {
        arguments::Backends::List => view::backends(&config, store).await?,
        arguments::Backends::Set { name, settings } => {
            let mut pairs = Vec::with_capacity(settings.len());
            for setting in &settings {
                let pair = setting.split_once('=').ok_or_else(|| {
                    Failure::new(format!("`{setting}` is no setting; write KEY=VALUE, for instance processing=false"))
                })?;
                pairs.push(pair);
            }
            let change = BackendChange::from_pairs(pairs).map_err(|error| Failure::new(error.to_string()))?;
            let changed = view::change_backend(&config, store, &name, &change, "cli", clock.now().wall).await;
            vec![changed.map_err(|error| Failure::new(error.to_string()))?]
        }
    };
    if json {
        output::json(&views);
        return Ok(ExitCode::SUCCESS);
    }
    output::table(
        &[
            "backend",
            "tickets",
            "work orders",
            "state",
            "processing",
            "max retries",
            "max tickets per request",
            "changed",
        ],
        views.iter().map(|view| {
            let backend = &view.backend;
            vec![
                backend.name.to_string(),
                backend.tickets.to_string(),
                backend.work_orders.to_string(),
                format!("{:?}", backend.state).to_lowercase(),
                if backend.processing { String::from("on") } else { String::from("off") },
                backend.max_retries.to_string(),
                backend.max_tickets_per_request.to_string(),
                if view.changed.is_empty() { String::from("-") } else { view.changed.join(", ") },
            ]
        }),
    );
    Ok(ExitCode::SUCCESS)
}
