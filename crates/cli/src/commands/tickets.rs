//! `tickets list|show|retry|redrive|dismiss`.

use std::path::Path;
use std::process::ExitCode;

use ticketbridge_engine::view::{self, TicketQuery, TicketSummary, TimelineEntry};
use ticketbridge_store::{Store, TicketFilter};

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Who acts, in a ticket's story.
const WHO: &str = "cli";
/// Tickets that one redrive may bring back.
const REDRIVE_LIMIT: usize = 100_000;

/// Lists, shows or acts.
pub(crate) async fn run(path: Option<&Path>, command: arguments::Tickets, json: bool) -> Result<ExitCode, Failure> {
    let (_, opened, clock) = setup::beside(path).await?;
    let store = &*opened.store;
    let now = clock.now().wall;
    match command {
        arguments::Tickets::List { filter, limit } => list(store, &of(filter)?, limit, json).await?,
        arguments::Tickets::Show { id } => show(store, &id, json).await?,
        arguments::Tickets::Retry { id } => {
            let done = view::retry(store, origin(&id)?, WHO, now).await.map_err(failed)?;
            say(&done, json);
        }
        arguments::Tickets::Dismiss { id, reason } => {
            let done = view::dismiss(store, origin(&id)?, &reason, WHO, now).await.map_err(failed)?;
            say(&done, json);
        }
        arguments::Tickets::Redrive { filter, dry_run: true } => {
            let mut filter = of(filter)?;
            filter.states = vec![ticketbridge_core::ticket::State::Error];
            list(store, &filter, ticketbridge_store::MAX_PAGE, json).await?;
        }
        arguments::Tickets::Redrive { filter, dry_run: false } => {
            let done = view::redrive(store, &of(filter)?, REDRIVE_LIMIT, WHO, now).await.map_err(failed)?;
            if json {
                output::json(&done);
            } else {
                output::talk(&format!(
                    "{} tickets go back to the step that failed, {} left Error meanwhile",
                    done.retried, done.skipped
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn failed(error: impl std::error::Error) -> Failure {
    Failure::new(error.to_string())
}

fn of(filter: arguments::TicketFilter) -> Result<TicketFilter, Failure> {
    let arguments::TicketFilter { state, kind, backend, dedupe_key, text } = filter;
    TicketQuery { state, kind, backend, dedupe_key, message_id: None, text }.filter().map_err(failed)
}

fn origin(text: &str) -> Result<ticketbridge_core::ticket::OriginId, Failure> {
    view::origin_id(text).ok_or_else(|| {
        Failure::new(format!("`{text}` is no ticket id; take one from the last column of `ticketbridge tickets list`"))
    })
}

fn say(ticket: &TicketSummary, json: bool) {
    if json {
        output::json(ticket);
    } else {
        output::talk(&format!("{} is {} now; a running service goes on with it at once", ticket.id, ticket.state));
    }
}

async fn list(store: &dyn Store, filter: &TicketFilter, limit: usize, json: bool) -> Result<(), Failure> {
    let mut page = view::tickets(store, filter, limit, None).await.map_err(failed)?;
    // A filter that few tickets fit is answered in parts.
    while page.items.len() < limit
        && let Some(next) = page.next.take()
    {
        let left = limit - page.items.len();
        let part = view::tickets(store, filter, left, Some(&next)).await.map_err(failed)?;
        page.items.extend(part.items);
        page.next = part.next;
    }
    if json {
        output::json(&page);
        return Ok(());
    }
    output::table(
        &["dedupe key", "kind", "backend", "state", "tries", "ticket", "OT", "reason", "id"],
        page.items.iter().map(|ticket| {
            vec![
                ticket.dedupe_key.to_string(),
                ticket.kind.clone(),
                ticket.backend.to_string(),
                ticket.state.to_string(),
                ticket.attempts.to_string(),
                output::or_dash(ticket.ticket_number.as_deref()),
                output::or_dash(ticket.ot_number.as_deref()),
                output::or_dash(ticket.reason.as_deref()),
                ticket.id.to_string(),
            ]
        }),
    );
    if page.next.is_some() {
        output::talk("There are more; raise --limit or filter.");
    }
    Ok(())
}

async fn show(store: &dyn Store, id: &str, json: bool) -> Result<(), Failure> {
    let found = view::ticket(store, origin(id)?).await?;
    let Some(detail) = found else { return Err(Failure::new(format!("there is no ticket {id}"))) };
    if json {
        output::json(&detail);
        return Ok(());
    }
    let ticket = &detail.summary;
    for (name, value) in [
        ("id", ticket.id.to_string()),
        ("message id", ticket.message_id.clone()),
        ("dedupe key", ticket.dedupe_key.to_string()),
        ("kind", ticket.kind.clone()),
        ("backend", format!("{} on {}", ticket.backend, ticket.platform)),
        ("state", ticket.state.to_string()),
        ("ticket", output::or_dash(ticket.ticket_number.as_deref())),
        ("work order", output::or_dash(ticket.ot_number.as_deref())),
        ("reason", output::or_dash(ticket.reason.as_deref())),
        ("due", output::or_dash(ticket.due_at.as_deref())),
    ] {
        output::data(&format!("{name:<12}{value}"));
    }
    output::data("");
    output::table(&["when", "what", "outcome"], detail.timeline.iter().map(line));
    Ok(())
}

fn line(entry: &TimelineEntry) -> Vec<String> {
    match entry {
        TimelineEntry::Received { at, message_id } => {
            vec![at.clone(), format!("received as {message_id}"), String::new()]
        }
        TimelineEntry::Request {
            at, operation, platform, batch_size, outcome, message, known_by, next_state, ..
        } => {
            let by = match known_by {
                Some(ticketbridge_core::delivery::Settled::LookUp) => ", by look-up",
                _ => "",
            };
            let next = next_state.map(|state| format!(" → {state}")).unwrap_or_default();
            let words = message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
            vec![
                at.clone(),
                format!("{operation} on {platform}, with {batch_size} in one request"),
                format!("{}{by}{next}{words}", outcome.unwrap_or("not known yet")),
            ]
        }
        TimelineEntry::Act { at, who, act, reason, backend } => {
            let words = reason.clone().or_else(|| backend.as_ref().map(ToString::to_string)).unwrap_or_default();
            vec![at.clone(), format!("{act} by {who}"), words]
        }
    }
}
