//! `workflow run` and `workflow preview`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};
use ticketbridge_engine::identity;
use ticketbridge_engine::offload::PlantCache;
use ticketbridge_engine::split::backend_choices;
use ticketbridge_engine::view::Actor;
use ticketbridge_engine::workflow::{SeededSource, Workflow, preview};

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Runs or previews.
pub(crate) async fn run(path: Option<&Path>, command: arguments::Workflow, json: bool) -> Result<ExitCode, Failure> {
    match command {
        arguments::Workflow::Run { as_of } => {
            let (config, opened, clock) = setup::beside(path).await?;
            let as_of = setup::as_of(as_of.as_deref(), &clock)?;
            let actor = Actor { store: &*opened.store, who: "cli", at: clock.now().wall };
            actor.asked("workflow.run", &as_of.to_string(), json!({})).await?;
            let rules = Arc::new(config.workflow.rules.clone());
            let ids = SeededSource::new(move || clock.now().wall, identity::seed());
            let workflow = Workflow::new(opened.store, opened.samples, Arc::new(PlantCache::default()), rules, ids);
            let outcome = workflow
                .run(as_of, "manual", &backend_choices(&config, None))
                .await
                .map_err(|error| Failure::new(error.to_string()))?;
            if json {
                output::json(&outcome);
                return Ok(ExitCode::SUCCESS);
            }
            output::talk(&format!(
                "{} aggregation rows, {} with critical incidents, {} new tickets as of {as_of}",
                outcome.run.rows, outcome.run.triggered, outcome.run.tickets
            ));
            output::table(
                &["ticket", "dedupe key", "backend", "id"],
                outcome.tickets.iter().map(|ticket| {
                    vec![
                        ticket.ticket_id.clone(),
                        ticket.dedupe_key.to_string(),
                        ticket.backend.to_string(),
                        ticket.id.to_string(),
                    ]
                }),
            );
            for why in &outcome.unusable {
                output::talk(&format!("warning: no ticket can be built: {why}"));
            }
            Ok(ExitCode::SUCCESS)
        }
        arguments::Workflow::Preview { data, as_of } => {
            let config = setup::load(path)?.config;
            let as_of = setup::as_of(Some(&as_of), &ticketbridge_engine::clock::Clock::start())?;
            let preview =
                preview(data, as_of, config.workflow.rules).await.map_err(|error| Failure::new(error.to_string()))?;
            if json {
                output::json(&preview.expected);
            } else {
                let expected =
                    serde_json::to_value(&preview.expected).map_err(|error| Failure::new(error.to_string()))?;
                let tickets = expected["tickets"].as_array().map_or(&[][..], Vec::as_slice);
                let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let number =
                    |value: &Value| value.as_f64().map_or_else(|| String::from("-"), |value| format!("{value:.1}"));
                output::table(
                    &["dedupe key", "kind", "severity", "worst", "last", "incidents"],
                    tickets.iter().map(|ticket| {
                        let kpi = &ticket["kpi"];
                        vec![
                            text(&ticket["dedupe_key"]),
                            text(&ticket["kind"]),
                            text(&ticket["severity"]),
                            format!("{} {}", number(&kpi["worst"]), text(&kpi["unit"])),
                            format!("{} {}", number(&kpi["last"]), text(&kpi["unit"])),
                            text(&ticket["incidents_total"]),
                        ]
                    }),
                );
                output::talk(&format!("{} tickets; nothing was sent", tickets.len()));
            }
            for problem in &preview.problems {
                output::talk(&format!("warning: {problem}"));
            }
            let complete = preview.problems.is_empty();
            Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}
