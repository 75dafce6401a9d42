//! `explain TICKET`: the whole story of one ticket.

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use ticketbridge_engine::explain::{self, Match, Source, Story};
use ticketbridge_engine::open::sqlite_path;
use ticketbridge_engine::view::TicketSummary;
use ticketbridge_store::exchanges::path_beside;

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// What `--json` prints when a number is that of several tickets.
#[derive(Serialize)]
struct Matches {
    schema: &'static str,
    matches: Vec<TicketSummary>,
}

/// Tells the story. Only reads.
pub(crate) async fn run(path: Option<&Path>, command: arguments::Explain, json: bool) -> Result<ExitCode, Failure> {
    let (config, opened, clock) = setup::beside(path).await?;
    let store = &*opened.store;
    let arguments::Explain { ticket, output } = command;
    let origin = match explain::find(store, &ticket).await? {
        Match::One(origin) => origin,
        Match::None => {
            let shown: String = ticket.chars().take(80).collect();
            return Err(Failure::new(format!(
                "there is no ticket with the id, message id, ticket or work-order number {shown:?}; find it with \
                 `ticketbridge tickets list --text TEXT`; old tickets are deleted after `retention.tickets`"
            )));
        }
        Match::Several(matches) => return several(matches, json),
    };
    let exchanges = Source::File(path_beside(sqlite_path(&config)?));
    let Some(told) = explain::explain(&config, store, exchanges, origin, clock.now().wall).await? else {
        return Err(Failure::new(format!("the ticket {origin} was deleted just now")));
    };
    match output {
        Some(file) => to_file(&told, &file)?,
        None if json => output::json(&told),
        None => output::data(explain::text(&told).trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Several rows have the number, for instance those that added notes to one remote ticket.
fn several(matches: Vec<TicketSummary>, json: bool) -> Result<ExitCode, Failure> {
    if json {
        output::json(&Matches { schema: "ticketbridge-explain-matches/1", matches });
    } else {
        output::table(
            &["id", "message id", "dedupe key", "state", "received"],
            matches.iter().map(|ticket| {
                vec![
                    ticket.id.to_string(),
                    ticket.message_id.clone(),
                    ticket.dedupe_key.to_string(),
                    ticket.state.to_string(),
                    ticket.received_at.clone(),
                ]
            }),
        );
    }
    Err(Failure::new(
        "several tickets have this number, the newest first; run `ticketbridge explain ID` with one of the ids",
    ))
}

/// The story as one JSON file, there only when it is whole.
fn to_file(story: &Story, file: &Path) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(format!("`{}` cannot be written: {error}; name another file", file.display()))
    };
    let mut text = serde_json::to_string_pretty(story).map_err(|error| failed(&error))?;
    text.push('\n');
    let mut unfinished = file.as_os_str().to_owned();
    unfinished.push(".part");
    std::fs::write(&unfinished, text)
        .and_then(|()| std::fs::rename(&unfinished, file))
        .map_err(|error| failed(&error))?;
    output::talk(&format!("the story of {} is in {}", story.ticket.id, file.display()));
    Ok(())
}
