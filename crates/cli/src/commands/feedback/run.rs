//! `feedback run` and `feedback replay`: one run in this process.

use std::io::{IsTerminal, Read};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use ticketbridge_core::mobile::{Counters, MAX_PAGE_BYTES, RunError, RunResult};
use ticketbridge_engine::feedback::{FeedbackError, RunReport, RunRequest};
use ticketbridge_engine::view::mobile::ReportView;
use ticketbridge_store::Trigger;
use tokio::sync::watch;

use super::{Desk, word};
use crate::commands::setup;
use crate::failure::Failure;
use crate::output;

/// Failed tickets that are shown; `feedback failed` shows all.
const SHOWN: usize = 20;

impl From<FeedbackError> for Failure {
    fn from(error: FeedbackError) -> Self {
        match error {
            FeedbackError::Store(error) => error.into(),
            other => Self::new(other.to_string()),
        }
    }
}

/// One whole run.
pub(super) async fn run(desk: &Desk, organizer: &str) -> Result<ExitCode, Failure> {
    desk.feedback.function(organizer)?;
    desk.actor().asked("feedback.run", organizer, json!({})).await?;
    carry_out(desk, organizer, RunRequest::by(Trigger::Manual)).await
}

/// A run with a file in the place of the wallet's answer.
pub(super) async fn replay(desk: &Desk, organizer: &str, file: &Path) -> Result<ExitCode, Failure> {
    desk.feedback.function(organizer)?;
    let name = file.display().to_string();
    let path = file.to_owned();
    let body =
        tokio::task::spawn_blocking(move || read(&path)).await.map_err(|error| Failure::new(error.to_string()))?;
    let body =
        body.map_err(|error| Failure::new(format!("the page {name} cannot be read: {error}; name another file")))?;
    desk.actor().asked("feedback.replay", organizer, json!({"bytes": body.len()})).await?;
    carry_out(desk, organizer, RunRequest { file: Some(Bytes::from(body)), ..RunRequest::by(Trigger::Replay) }).await
}

/// Reads one byte more than a page may have at most: that it is too large is told by the run.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let limit = MAX_PAGE_BYTES as u64 + 1;
    let mut body = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut body)?;
    } else {
        std::fs::File::open(path)?.take(limit).read_to_end(&mut body)?;
    }
    Ok(body)
}

async fn carry_out(desk: &Desk, organizer: &str, mut request: RunRequest) -> Result<ExitCode, Failure> {
    let (progress, counters) = watch::channel(Counters::default());
    request.progress = Some(progress);
    let showing = (!desk.json && std::io::stderr().is_terminal()).then(|| tokio::spawn(show(counters)));
    let running = desk.feedback.run(organizer, request);
    tokio::pin!(running);
    let report = tokio::select! {
        report = &mut running => report,
        () = setup::shutdown() => {
            output::talk("Stopping: what is in flight is settled first, then the lease is given back.");
            desk.feedback.stop();
            running.await
        }
    };
    if let Some(showing) = showing {
        // It ends with the run, which has told its last counters.
        let _shown = showing.await;
    }
    let report = report?;
    let code = exit_code(report.result);
    say(report, desk.json);
    Ok(code)
}

/// 0 OK, 3 WARNING, 4 ERROR, 5 REFUSED.
pub(super) fn exit_code(result: RunResult) -> ExitCode {
    match result {
        RunResult::Ok => ExitCode::SUCCESS,
        RunResult::Warning => ExitCode::from(3),
        RunResult::Error => ExitCode::from(4),
        RunResult::Refused => ExitCode::from(5),
    }
}

/// A bar that follows the run, for whoever looks.
async fn show(mut counters: watch::Receiver<Counters>) {
    let style = ProgressStyle::with_template("[{bar:40}] {pos}/{len}  {msg}  {elapsed}");
    let bar = ProgressBar::new(0);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.enable_steady_tick(Duration::from_millis(200));
    while counters.changed().await.is_ok() {
        let now = counters.borrow_and_update().clone();
        let handled = now.updated + now.unchanged + now.stale + now.skipped + now.failed;
        bar.set_length(now.received.max(handled));
        bar.set_position(handled);
        bar.set_message(format!("pages {}  updated {}  failed {}", now.pages, now.updated, now.failed));
    }
    bar.finish_and_clear();
}

fn say(report: RunReport, json: bool) {
    let view = ReportView::from(report);
    if json {
        output::json(&view);
        return;
    }
    output::data(&format!("run {} of {}: {}", view.run.0, view.organizer, word(&view.result)));
    if view.result != RunResult::Refused {
        output::table(&["counter", "value"], rows(&view.counters));
    }
    if !view.failed.is_empty() {
        output::table(
            &["failed ticket", "code"],
            view.failed
                .iter()
                .take(SHOWN)
                .map(|failed| vec![output::or_dash(failed.ticket_id.as_deref()), failed.code.to_string()]),
        );
    }
    if let Some(text) = &view.text {
        output::talk(text);
    }
    for line in next_steps(&view) {
        output::talk(&line);
    }
}

/// The counters of a run, those that are zero left out, but for the first four.
fn rows(counters: &Counters) -> Vec<Vec<String>> {
    let Counters {
        received,
        updated,
        unchanged,
        stale,
        skipped,
        failed,
        pending,
        contacts_created,
        contacts_updated,
        rows_inserted,
        rows_changed,
        cultural_contacts_changed,
        discrepancies,
        pages,
        key_before,
        key_after,
    } = counters;
    let always = [("pages", pages), ("received", received), ("updated", updated), ("unchanged", unchanged)];
    let others = [
        ("stale", stale),
        ("skipped", skipped),
        ("failed", failed),
        ("pending", pending),
        ("contacts created", contacts_created),
        ("contacts updated", contacts_updated),
        ("distributions inserted", rows_inserted),
        ("distributions changed", rows_changed),
        ("cultural contacts changed", cultural_contacts_changed),
        ("discrepancies", discrepancies),
    ];
    let counted = always.into_iter().chain(others.into_iter().filter(|(_, count)| **count > 0));
    let mut rows: Vec<Vec<String>> = counted.map(|(name, count)| vec![name.to_owned(), count.to_string()]).collect();
    let key = if key_before == key_after {
        format!("unchanged: {}", super::cursor::quoted(key_after))
    } else {
        format!("{} -> {}", super::cursor::quoted(key_before), super::cursor::quoted(key_after))
    };
    rows.push(vec![String::from("key"), key]);
    rows
}

fn next_steps(view: &ReportView) -> Vec<String> {
    let organizer = &view.organizer;
    let mut lines = Vec::new();
    if view.key_not_advanced {
        lines.push(String::from(
            "KEY_NOT_ADVANCED: tickets came without a new key, so the next run reads them again; tell the wallet's support",
        ));
    }
    match view.error {
        Some(RunError::StrictStop) => lines.push(format!(
            "A failed ticket blocks all later ones: mend it in the box office and run again, or `ticketbridge feedback \
             skip {organizer} --add id:TICKET`"
        )),
        Some(RunError::DiffCall) => {
            lines.push(String::from(
                "The wallet's answer could not be used; nothing was stored, and the next run asks again",
            ));
        }
        Some(RunError::BoxOfficeSetUp) => {
            lines.push(String::from(
                "The box office refuses whole calls: look at its address, token and rights; its tickets wait",
            ));
        }
        _ => {}
    }
    if view.counters.failed > 0 && view.error != Some(RunError::StrictStop) {
        lines.push(format!("`ticketbridge feedback failed {organizer}` lists failed tickets, and retries them"));
    }
    if view.counters.pending > 0 && view.error.is_none() {
        lines.push(format!("{} tickets wait; the next run goes on with them", view.counters.pending));
    }
    lines
}
