//! One report, one place: the log line and the counters of each [`Report`] are made here alone, so that they cannot
//! drift apart. Names and labels are listed in `docs/metrics.md`.

use std::time::Duration;

use metrics::{counter, gauge, histogram};
use ticketbridge_core::delivery::Report;
use ticketbridge_core::mobile::{self, RunResult};
use ticketbridge_core::network::load;
use ticketbridge_core::time::Wall;

/// Labels of [`Report::Settled`]'s items, in their order.
const OUTCOMES: [&str; 4] = ["applied", "refused", "unavailable", "unknown"];

/// Tells people: log and metrics.
pub fn emit(report: &Report) {
    match report {
        Report::Moved { origin, from, to } => {
            counter!("ticketbridge_transitions_total", "from" => from.as_str(), "to" => to.as_str()).increment(1);
            tracing::debug!(ticket = %origin, from = %from, to = %to, "Ticket moved.");
        }
        Report::Settled { platform, operation, items, latency, why } => {
            let platform = platform.to_string();
            counter!("ticketbridge_requests_total", "platform" => platform.clone(), "operation" => operation.as_str())
                .increment(1);
            for (outcome, count) in OUTCOMES.into_iter().zip(items) {
                counter!("ticketbridge_items_total", "platform" => platform.clone(),
                    "operation" => operation.as_str(), "outcome" => outcome)
                .increment(*count as u64);
            }
            histogram!("ticketbridge_request_seconds", "platform" => platform.clone(), "operation" => operation.as_str())
                .record(latency.as_secs_f64());
            let [applied, refused, unavailable, unknown] = *items;
            let latency_ms = latency.as_millis() as u64;
            match why {
                None => {
                    tracing::debug!(platform, %operation, applied, refused, unavailable, unknown, latency_ms, "Batch answered.");
                }
                Some(why) => {
                    tracing::warn!(platform, %operation, applied, refused, unavailable, unknown, latency_ms, why, "Batch without a proper answer.");
                }
            }
        }
        Report::Resolved { platform, operation, applied } => {
            let applied_label = if *applied { "true" } else { "false" };
            counter!("ticketbridge_look_ups_resolved_total", "platform" => platform.to_string(),
                "operation" => operation.as_str(), "applied" => applied_label)
            .increment(1);
            tracing::info!(platform = %platform, %operation, applied, "Unclear effect resolved by look-up.");
        }
        Report::Halved { platform, operation, items } => {
            counter!("ticketbridge_batches_halved_total", "platform" => platform.to_string(), "operation" => operation.as_str())
                .increment(1);
            tracing::info!(platform = %platform, %operation, items, "Batch is sent again in halves.");
        }
        Report::BreakerOpened { platform, why } => {
            gauge!("ticketbridge_breaker_open", "platform" => platform.to_string()).set(1.0);
            tracing::error!(platform = %platform, why, "Platform does not answer properly (TB0201); only probes go there until it does.");
        }
        Report::BreakerClosed { platform } => {
            gauge!("ticketbridge_breaker_open", "platform" => platform.to_string()).set(0.0);
            tracing::info!(platform = %platform, "Platform answers again.");
        }
        Report::Paused { platform, pause } => {
            counter!("ticketbridge_pauses_total", "platform" => platform.to_string()).increment(1);
            tracing::info!(platform = %platform, pause_ms = pause.as_millis() as u64, "Platform asked for a pause.");
        }
        Report::OperationHeld { platform, operation, why } => {
            counter!("ticketbridge_operations_held_total", "platform" => platform.to_string(), "operation" => operation.as_str())
                .increment(1);
            tracing::error!(platform = %platform, %operation, why, "Operation is held back; a single ticket tries it now and then.");
        }
        Report::LookUpFailed { platform, why } => {
            counter!("ticketbridge_look_ups_failed_total", "platform" => platform.to_string()).increment(1);
            tracing::warn!(platform = %platform, why, "Look-up failed.");
        }
        Report::CreatingStopped { platform, stop } => {
            gauge!("ticketbridge_creating_stopped", "platform" => platform.to_string()).set(1.0);
            tracing::error!(platform = %platform, code = stop.code, "{}", stop.text);
        }
        Report::CreatingResumed { platform } => {
            gauge!("ticketbridge_creating_stopped", "platform" => platform.to_string()).set(0.0);
            tracing::info!(platform = %platform, "Creating goes on.");
        }
        Report::LagLearned { platform, lag } => {
            gauge!("ticketbridge_index_lag_seconds", "platform" => platform.to_string()).set(lag.as_secs_f64());
        }
        Report::Problem(problem) => {
            counter!("ticketbridge_problems_total", "platform" => problem.platform.to_string(), "code" => problem.code.clone())
                .increment(1);
            tracing::error!(platform = %problem.platform, code = problem.code, about = problem.about, "{}", problem.text);
        }
        Report::SuspicionOver => tracing::info!("All open tickets of the restored or copied store were looked up."),
        Report::CommitFailed { why } => {
            counter!("ticketbridge_commits_failed_total").increment(1);
            tracing::error!(why, "A decision could not be written; it is tried again.");
        }
    }
}

/// A transaction of delivery ended, well or not; its wait for others in the same commit is part of it.
pub(crate) fn committed(took: Duration) {
    histogram!("ticketbridge_store_commit_seconds").record(took.as_secs_f64());
}

/// A file was looked into; `rows`: what was counted, if it was taken in.
pub(crate) fn offloaded(kind: &'static str, outcome: &'static str, rows: Option<&load::Counters>) {
    counter!("ticketbridge_offload_files_total", "kind" => kind, "outcome" => outcome).increment(1);
    let Some(load::Counters { accepted, nodata, orphans, duplicates, rejected, .. }) = rows else { return };
    let results = [
        ("accepted", accepted),
        ("no data", nodata),
        ("orphan", orphans),
        ("duplicate", duplicates),
        ("rejected", rejected),
    ];
    for (result, count) in results {
        counter!("ticketbridge_offload_rows_total", "kind" => kind, "result" => result).increment(*count);
    }
}

/// A run of the workflow manager was stored.
pub(crate) fn workflow_ran(trigger: &str, took: Duration, tickets: u64) {
    counter!("ticketbridge_workflow_runs_total", "trigger" => trigger.to_owned()).increment(1);
    counter!("ticketbridge_workflow_tickets_total", "trigger" => trigger.to_owned()).increment(tickets);
    histogram!("ticketbridge_workflow_run_seconds", "trigger" => trigger.to_owned()).record(took.as_secs_f64());
}

/// A run of the mobile-ticket job ended.
pub(crate) fn feedback_ran(organizer: &str, result: RunResult, counters: &mobile::Counters, at: Wall) {
    let organizer = organizer.to_owned();
    let result = match result {
        RunResult::Ok => "ok",
        RunResult::Warning => "warning",
        RunResult::Error => "error",
        RunResult::Refused => "refused",
    };
    counter!("ticketbridge_feedback_runs_total", "organizer" => organizer.clone(), "result" => result).increment(1);
    let outcomes = [
        ("updated", counters.updated),
        ("unchanged", counters.unchanged),
        ("stale", counters.stale),
        ("skipped", counters.skipped),
        ("failed", counters.failed),
    ];
    for (outcome, count) in outcomes {
        counter!("ticketbridge_feedback_items_total", "organizer" => organizer.clone(), "outcome" => outcome)
            .increment(count);
    }
    gauge!("ticketbridge_feedback_pending", "organizer" => organizer.clone()).set(counters.pending as f64);
    gauge!("ticketbridge_feedback_last_run_timestamp_seconds", "organizer" => organizer).set(at.0 as f64 / 1_000.0);
}

/// Tickets of one call were answered.
pub(crate) fn taken_in(results: impl Iterator<Item = &'static str>) {
    for result in results {
        counter!("ticketbridge_intake_tickets_total", "result" => result).increment(1);
    }
}

/// A mail was sent, or not to everybody.
pub(crate) fn mailed(sent: bool) {
    counter!("ticketbridge_mails_total", "result" => if sent { "sent" } else { "failed" }).increment(1);
}
