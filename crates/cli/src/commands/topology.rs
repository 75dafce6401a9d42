//! `topology confirm|refuse`: a topology that drops more than `max_topology_shrink_pct` waits for a person.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use ticketbridge_engine::offload::{Offload, PlantCache};
use ticketbridge_engine::service::offload_settings;
use ticketbridge_engine::view::Actor;

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Confirms or refuses the waiting topology; 1 if none waits.
pub(crate) async fn run(path: Option<&Path>, act: arguments::Topology, json: bool) -> Result<ExitCode, Failure> {
    let (config, opened, clock) = setup::beside(path).await?;
    let rules = Arc::new(config.workflow.rules.clone());
    let offload = Offload::new(opened.samples, Arc::new(PlantCache::default()), offload_settings(&config), rules);
    let waiting = offload.status().await?.into_iter().find_map(|kind| kind.awaits_confirmation);
    let Some(version) = waiting else { return Err(Failure::new("no topology waits for a confirmation")) };
    let verb = match act {
        arguments::Topology::Confirm => "topology.confirm",
        arguments::Topology::Refuse => "topology.refuse",
    };
    let actor = Actor { store: &*opened.store, who: "cli", at: clock.now().wall };
    actor.asked(verb, &version.0.to_string(), json!({})).await?;
    let (done, word) = match act {
        arguments::Topology::Confirm => (offload.confirm_topology(version).await?, "active"),
        arguments::Topology::Refuse => (offload.refuse_topology(version).await?, "dropped"),
    };
    if !done {
        return Err(Failure::new("the waiting topology was settled meanwhile; nothing was changed"));
    }
    if json {
        output::json(&json!({"version": version.0, "now": word}));
    } else {
        output::talk(&format!("The topology that waited (version {}) is {word} now.", version.0));
    }
    Ok(ExitCode::SUCCESS)
}
