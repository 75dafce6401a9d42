//! `feedback cursor show|history|rewind`: the pagination key.

use std::process::ExitCode;

use ticketbridge_core::mobile::{PaginationKey, RunResult};
use ticketbridge_engine::feedback::{Preview, RunReport, USUAL_PREVIEW_PAGES};
use ticketbridge_engine::view::mobile::{self, ReportView, Window};

use super::run::exit_code;
use super::{Desk, WHO, agreed, more, word};
use crate::arguments;
use crate::commands::setup;
use crate::failure::Failure;
use crate::output;

/// Tickets of a preview that are shown; `--json` has up to 100.
const SHOWN: usize = 20;

/// Shows, or sets back.
pub(super) async fn run(desk: &Desk, command: arguments::Cursor) -> Result<ExitCode, Failure> {
    match command {
        arguments::Cursor::Show { organizer } => show(desk, &organizer).await?,
        arguments::Cursor::History { organizer, limit } => history(desk, &organizer, limit).await?,
        arguments::Cursor::Rewind(rewind) if rewind.preview => return preview(desk, &rewind).await,
        arguments::Cursor::Rewind(rewind) => set_back(desk, &rewind).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A key as it is shown: in quotes, because blanks at its ends count.
pub(super) fn quoted(key: &PaginationKey) -> String {
    if key.is_empty() { String::from("(empty)") } else { format!("{:?}", key.as_str()) }
}

async fn show(desk: &Desk, organizer: &str) -> Result<(), Failure> {
    let view = mobile::key(&desk.feedback, organizer).await?;
    if desk.json {
        output::json(&view);
        return Ok(());
    }
    output::data(&quoted(&view.key));
    output::talk(&match &view.last_move {
        None => String::from("It has never moved: the next run reads the stream from its beginning."),
        Some(step) => format!("Stored by move {} at {} ({}).", step.n, step.at, word(&step.reason)),
    });
    Ok(())
}

async fn history(desk: &Desk, organizer: &str, limit: usize) -> Result<(), Failure> {
    let listing = mobile::key_history(&desk.feedback, organizer, Window::first(limit)).await?;
    if desk.json {
        output::json(&listing);
        return Ok(());
    }
    output::table(
        &["n", "at", "reason", "run", "page", "who", "old key", "new key"],
        listing.items.iter().map(|step| {
            let number = |number: Option<u64>| number.map_or_else(|| String::from("-"), |number| number.to_string());
            vec![
                step.n.to_string(),
                step.at.clone(),
                word(&step.reason),
                number(step.run_id),
                number(step.page_id),
                output::or_dash(step.who.as_deref()),
                quoted(&step.old),
                quoted(&step.new),
            ]
        }),
    );
    more(&listing);
    Ok(())
}

async fn set_back(desk: &Desk, rewind: &arguments::Rewind) -> Result<(), Failure> {
    let organizer = &rewind.organizer;
    let view = mobile::key(&desk.feedback, organizer).await?;
    let place = match rewind.to {
        Some(n) => format!("the key that move {n} stored"),
        None => String::from("the beginning of the stream"),
    };
    let question = format!(
        "The key of {organizer} is {}. Set it back to {place}, so that the next runs read again all that came after?",
        quoted(&view.key)
    );
    if !rewind.yes && !agreed(&question, "add --yes, or --preview to see what it would do")? {
        output::talk("Nothing was changed.");
        return Ok(());
    }
    let step = mobile::rewind_key(&desk.feedback, organizer, rewind.to, WHO, desk.now()).await?;
    if desk.json {
        output::json(&step);
    } else {
        output::data(&format!("{} -> {}", quoted(&step.old), quoted(&step.new)));
        output::talk(&format!(
            "Recorded as move {}. The next run reads from there; what is stored already comes again as unchanged or stale.",
            step.n
        ));
    }
    Ok(())
}

async fn preview(desk: &Desk, rewind: &arguments::Rewind) -> Result<ExitCode, Failure> {
    let pages = rewind.pages.unwrap_or(USUAL_PREVIEW_PAGES);
    let previewing = desk.feedback.preview_rewind(&rewind.organizer, rewind.to, pages);
    tokio::pin!(previewing);
    let report: RunReport = tokio::select! {
        report = &mut previewing => report?,
        () = setup::shutdown() => {
            desk.feedback.stop();
            previewing.await?
        }
    };
    let (result, text) = (report.result, report.text.clone());
    if desk.json {
        output::json(&ReportView::from(report));
    } else if let Some(preview) = &report.preview {
        say(preview);
    }
    if let Some(text) = text {
        output::talk(&text);
    }
    if !desk.json {
        output::talk("Nothing was changed.");
    }
    // Tickets that wait anyway are no fault of a preview.
    Ok(if result == RunResult::Warning { ExitCode::SUCCESS } else { exit_code(result) })
}

fn say(preview: &Preview) {
    output::data(&format!(
        "tickets: {}  pages: {}  read from key: {}{}",
        preview.items,
        preview.pages,
        quoted(&preview.from),
        if preview.complete { "  (to the end of the stream)" } else { "  (there may be more behind: raise --pages)" },
    ));
    let counts = [
        ("would be written", preview.updated),
        ("stored already", preview.unchanged),
        ("older than what is stored", preview.stale),
        ("on the skip list", preview.skipped),
    ];
    let failed = preview.failed.iter().map(|(code, count)| vec![format!("would fail: {code}"), count.to_string()]);
    let counts = counts.into_iter().map(|(what, count)| vec![what.to_owned(), count.to_string()]);
    let writes = preview.writes.iter().map(|(kind, count)| vec![format!("write: {kind}"), count.to_string()]);
    output::table(&["what", "count"], counts.chain(failed).chain(writes));
    if !preview.changes.is_empty() {
        output::table(
            &["ticket", "writes"],
            preview.changes.iter().take(SHOWN).map(|change| vec![change.ticket_id.clone(), change.writes.join(", ")]),
        );
        if preview.updated > SHOWN as u64 {
            output::talk(&format!("These are the first {SHOWN} of {}; --json has up to 100.", preview.updated));
        }
    }
}
