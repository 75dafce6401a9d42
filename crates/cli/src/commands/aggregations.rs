//! `aggregations NAME`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use ticketbridge_core::network::Aggregation;
use ticketbridge_engine::identity;
use ticketbridge_engine::offload::PlantCache;
use ticketbridge_engine::workflow::{SeededSource, Workflow};

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Prints one table.
pub(crate) async fn run(
    path: Option<&Path>,
    arguments: arguments::Aggregations,
    json: bool,
) -> Result<ExitCode, Failure> {
    let name: Aggregation = arguments.name.parse().map_err(|_| {
        Failure::new(format!(
            "`{}` is no aggregation; they are snr_upstream, us_service_group and ds_service_group",
            arguments.name
        ))
    })?;
    let (config, opened, clock) = setup::beside(path).await?;
    let as_of = setup::as_of(arguments.as_of.as_deref(), &clock)?;
    let rules = Arc::new(config.workflow.rules.clone());
    let now = clock.now().wall;
    let ids = SeededSource::new(move || clock.now().wall, identity::seed());
    let workflow = Workflow::new(opened.store, opened.samples, Arc::new(PlantCache::default()), rules, ids);
    let rows = workflow.aggregations(name, as_of, now).await.map_err(|error| Failure::new(error.to_string()))?;
    if json {
        output::json(&*rows);
        return Ok(ExitCode::SUCCESS);
    }
    let number = |value: Option<f64>| value.map_or_else(|| String::from("-"), |value| format!("{value:.1}"));
    output::table(
        &["group", "severity", "incidents 24 h", "open", "worst", "avg", "last", "channels", "affected", "modems"],
        rows.iter().map(|row| {
            vec![
                row.group_name.clone(),
                row.severity_now.to_string(),
                row.critical_incidents_24h.to_string(),
                row.open_incidents.to_string(),
                number(row.worst_value),
                number(row.kpi_avg),
                number(row.kpi_last),
                row.channels.to_string(),
                row.channels_affected.to_string(),
                row.cm_online.map_or_else(|| String::from("-"), |online| online.to_string()),
            ]
        }),
    );
    Ok(ExitCode::SUCCESS)
}
