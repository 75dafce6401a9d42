//! `plan`: what the first run would do, before it does it.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use ticketbridge_core::ticket::DedupeKey;
use ticketbridge_engine::plan::{Plan, PlanOptions, PlannedTicket, Verdict, plan};
use ticketbridge_engine::platforms::PlatformSet;

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// A platform could not be asked.
const INCOMPLETE: u8 = 3;

/// Makes a plan, shows and keeps it.
pub(crate) async fn run(path: Option<&Path>, arguments: arguments::Plan, json: bool) -> Result<ExitCode, Failure> {
    let arguments::Plan { data, as_of, bodies } = arguments;
    let (config, opened, clock) = setup::beside(path).await?;
    let data = match data {
        Some(folder) => Some((folder, setup::as_of(as_of.as_deref(), &clock)?)),
        None => None,
    };
    let platforms = Arc::new(PlatformSet::load(&config, &setup::environment, None));
    let options = PlanOptions { store: opened.store, platforms, config, clock, data };
    let plan = plan(options).await.map_err(|error| Failure::new(error.to_string()))?;
    if json {
        output::json(&plan);
    } else {
        show(&plan, bodies);
    }
    Ok(if plan.is_complete() { ExitCode::SUCCESS } else { ExitCode::from(INCOMPLETE) })
}

fn show(plan: &Plan, bodies: bool) {
    output::data(&totals(plan));
    for (name, platform) in &plan.platforms {
        if let Some(error) = &platform.error {
            output::data(&format!("{name}: could not be asked, so nothing is planned there: {error}"));
        } else if let Some(count) = platform.open_tickets {
            output::data(&format!("{name}: {count} open tickets retrieved"));
        }
        if let Some(stopped) = &platform.stopped {
            output::data(&format!("{name}: no ticket is created there: {stopped}"));
        }
    }
    for remark in &plan.remarks {
        output::data(&format!("note: {remark}"));
    }
    if plan.left_out > 0 {
        output::data(&format!("note: {} more tickets are not in this plan", plan.left_out));
    }
    if !plan.tickets.is_empty() {
        output::table(&["dedupe key", "backend", "plan", "ticket", "why"], plan.tickets.iter().map(line));
    }
    if bodies {
        show_bodies(plan);
    }
    if plan.applicable > 0 {
        output::data(&format!(
            "plan {}; nothing was sent. To do this and nothing else, with no `serve` running:",
            plan.hash
        ));
        output::data(&format!("  ticketbridge apply --plan {}", plan.hash));
    } else {
        output::data(&format!("plan {}; nothing was sent, and there is nothing to apply", plan.hash));
    }
}

fn totals(plan: &Plan) -> String {
    let named = Verdict::ALL.iter().filter_map(|verdict| {
        let count = *plan.totals.get(verdict.as_str())?;
        (count > 0).then(|| format!("{count} {}", word(*verdict)))
    });
    let named: Vec<String> = named.collect();
    let all = plan.tickets.len();
    if named.is_empty() { String::from("no tickets wait") } else { format!("{all} tickets: {}", named.join(", ")) }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::After => "note later",
        Verdict::UnderWay => "under way",
        Verdict::Error => "in Error",
        other => other.as_str(),
    }
}

fn line(ticket: &PlannedTicket) -> Vec<String> {
    let number = ticket.ticket.as_ref().map(|seen| format!("{} {}", seen.number, seen.status));
    let then = if ticket.then.is_empty() { String::new() } else { format!("; then {}", ticket.then.join(", ")) };
    vec![
        ticket.dedupe_key.to_string(),
        ticket.backend.to_string(),
        word(ticket.verdict).to_owned(),
        output::or_dash(number.as_deref().map(str::trim_end)),
        format!("{}{then}", ticket.why),
    ]
}

fn show_bodies(plan: &Plan) {
    for (request, number) in plan.requests.iter().zip(1..) {
        output::data("");
        let keys: Vec<&str> = request.tickets.iter().map(DedupeKey::as_str).collect();
        output::data(&format!(
            "request {number}: {} on {} for {}: {}",
            request.operation,
            request.platform,
            request.backend,
            keys.join(", ")
        ));
        output::data(&format!("{} {}", request.method, request.target));
        output::data(&pretty(&request.body));
    }
    output::data("");
}

/// JSON with line breaks; anything else as it is.
fn pretty(body: &str) -> String {
    let value: Result<serde_json::Value, _> = serde_json::from_str(body);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| body.to_owned())
}
