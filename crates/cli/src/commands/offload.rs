//! `offload GROUP FILE`: take one CSV file in now.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use ticketbridge_engine::offload::{FileOutcome, Offload, PlantCache};
use ticketbridge_engine::service::offload_settings;
use ticketbridge_engine::view::Actor;
use ticketbridge_store::samples::FileKind;

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Takes the file in; 1 if it was refused.
pub(crate) async fn run(path: Option<&Path>, arguments: arguments::Offload, json: bool) -> Result<ExitCode, Failure> {
    let kind: FileKind = arguments.group.parse().map_err(|_| {
        let known: Vec<&str> = FileKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Failure::new(format!("`{}` is no group of files; the groups are {}", arguments.group, known.join(", ")))
    })?;
    let (config, opened, clock) = setup::beside(path).await?;
    let rules = Arc::new(config.workflow.rules.clone());
    let offload = Offload::new(opened.samples, Arc::new(PlantCache::default()), offload_settings(&config), rules);
    let name = arguments.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let actor = Actor { store: &*opened.store, who: "cli", at: clock.now().wall };
    actor.asked("offload.run", kind.as_str(), json!({"file": name})).await?;
    let report = offload.hand_over(kind, arguments.file, name, clock.now().wall).await?;
    let Some(report) = report.files.into_iter().next() else { return Err(Failure::new("the file was not looked at")) };
    if json {
        output::json(&report);
    }
    let outcome = match &report.outcome {
        FileOutcome::Loaded { counters, warning, rejects } => {
            if !json {
                output::table(
                    &["Processed Lines", "accepted", "no data", "orphans", "duplicates", "rejected"],
                    [[
                        counters.rows,
                        counters.accepted,
                        counters.nodata,
                        counters.orphans,
                        counters.duplicates,
                        counters.rejected,
                    ]
                    .iter()
                    .map(u64::to_string)
                    .collect()],
                );
                for (reason, count) in &counters.rejected_by_reason {
                    output::data(&format!("rejected  {reason}: {count}"));
                }
                if let Some(rejects) = rejects {
                    output::talk(&format!("TB0403: the rows that were left out, and why: {}", rejects.display()));
                }
                if let Some(warning) = warning {
                    output::talk(&format!("warning: {warning}"));
                }
            }
            ExitCode::SUCCESS
        }
        FileOutcome::Known => {
            output::talk("This content was taken in before; nothing was changed.");
            ExitCode::SUCCESS
        }
        FileOutcome::Waits { why, .. } => {
            output::talk(&format!("The topology waits for a confirmation: {why}"));
            ExitCode::SUCCESS
        }
        FileOutcome::Refused { why } | FileOutcome::Failed { why } => return Err(Failure::new(why.clone())),
    };
    Ok(outcome)
}
