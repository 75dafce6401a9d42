//! `apply`: does what a plan says, and nothing else.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use ticketbridge_engine::clock::Clock;
use ticketbridge_engine::open::open;
use ticketbridge_engine::plan::{Applied, ApplyOptions, Fate, PlanError, apply};
use ticketbridge_engine::platforms::PlatformSet;
use ticketbridge_engine::view::Actor;
use ticketbridge_store::{OpenMode, StoreError};

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Something was not done.
const NOT_ALL: u8 = 3;
/// A ticket ended in Error.
const ERROR: u8 = 4;

/// Applies a plan.
pub(crate) async fn run(path: Option<&Path>, arguments: arguments::Apply, json: bool) -> Result<ExitCode, Failure> {
    let config = Arc::new(setup::load(path)?.config);
    let opening = Arc::clone(&config);
    let opened = tokio::task::spawn_blocking(move || open(&opening, OpenMode::Serve))
        .await
        .map_err(|error| Failure::new(error.to_string()))?
        .map_err(in_use)?;
    let clock = Clock::start();
    let actor = Actor { store: &*opened.store, who: "cli", at: clock.now().wall };
    actor.asked("plan.apply", &arguments.plan, json!({})).await?;
    let options = ApplyOptions {
        store: opened.store,
        platforms: Arc::new(PlatformSet::load(&config, &setup::environment, None)),
        config,
        clock,
        suspect: opened.suspect.is_some(),
        with_processing_off: arguments.with_processing_off,
    };
    let applied =
        apply(options, &arguments.plan, setup::shutdown(), output::talk).await.map_err(|error| match error {
            PlanError::Store(error) => Failure::Store(error),
            other => Failure::new(other.to_string()),
        })?;
    if json {
        output::json(&applied);
    } else {
        show(&applied);
    }
    Ok(exit_code(&applied))
}

/// A running service has the lanes: it says what to do.
fn in_use(error: StoreError) -> Failure {
    match &error {
        StoreError::Refused(why) if why.contains("TB0101") => Failure::new(format!(
            "{why}. A plan is applied by this command alone: stop the service, apply, and start it again; or leave the plan, switch processing on, and let the service do its work"
        )),
        _ => Failure::Store(error),
    }
}

fn exit_code(applied: &Applied) -> ExitCode {
    let any = |fate: Fate| applied.tickets.iter().any(|ticket| ticket.fate == fate);
    if any(Fate::Error) {
        ExitCode::from(ERROR)
    } else if any(Fate::Refused) || any(Fate::Waiting) || applied.interrupted {
        ExitCode::from(NOT_ALL)
    } else {
        ExitCode::SUCCESS
    }
}

fn show(applied: &Applied) {
    let named = Fate::ALL.iter().filter_map(|fate| {
        let count = *applied.totals.get(fate.as_str())?;
        (count > 0).then(|| format!("{count} {}", word(*fate)))
    });
    let named: Vec<String> = named.collect();
    output::data(&format!("plan {}: {} tickets: {}", applied.plan, applied.tickets.len(), named.join(", ")));
    let others: Vec<_> = applied.tickets.iter().filter(|ticket| ticket.fate != Fate::Applied).collect();
    if !others.is_empty() {
        output::table(
            &["dedupe key", "planned", "became", "now"],
            others.into_iter().map(|ticket| {
                let fate = word(ticket.fate).to_owned();
                vec![ticket.dedupe_key.to_string(), ticket.planned.clone(), fate, ticket.now.clone()]
            }),
        );
    }
    if applied.interrupted {
        output::talk(
            "Interrupted: what was in flight is settled, or looked up by the next `serve`; what was not begun can be applied again.",
        );
    }
    if applied.tickets.iter().any(|ticket| ticket.fate == Fate::Refused) {
        output::talk("What was refused was left alone; `ticketbridge plan` shows what would be done now.");
    }
}

fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::AppliedBefore => "done before",
        Fate::Error => "in Error",
        other => other.as_str(),
    }
}
