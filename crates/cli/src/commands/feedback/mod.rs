//! `feedback`: the mobile-ticket job, by hand.
//!
//! Everything personal is masked. Runs are safe beside a running service: the organizer's lease lets one of them work at a
//! time.

mod acts;
mod cursor;
mod records;
mod run;

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use ticketbridge_core::time::Wall;
use ticketbridge_engine::clock::Clock;
use ticketbridge_engine::feedback::Feedback;
use ticketbridge_engine::view::Actor;
use ticketbridge_engine::view::mobile::{self, FunctionView, Listing, MobileFault, RunView, Window};

use ticketbridge_store::Store;

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Who acts, in the history of a key and in the audit.
const WHO: &str = "cli";

/// What every subcommand works with.
struct Desk {
    store: Arc<dyn Store>,
    feedback: Feedback,
    clock: Clock,
    json: bool,
}

impl Desk {
    /// Who asks for a change.
    fn actor(&self) -> Actor<'_> {
        Actor { store: &*self.store, who: WHO, at: self.now() }
    }

    fn now(&self) -> Wall {
        self.clock.now().wall
    }
}

impl From<MobileFault> for Failure {
    fn from(fault: MobileFault) -> Self {
        Self::new(fault.to_string())
    }
}

/// Runs, shows or changes.
pub(crate) async fn run(path: Option<&Path>, command: arguments::Feedback, json: bool) -> Result<ExitCode, Failure> {
    let (config, opened, clock) = setup::beside(path).await?;
    let feedback = Feedback::load(&config, &setup::environment, opened.feedback, clock.clone(), None);
    let desk = Desk { store: opened.store, feedback, clock, json };
    match command {
        arguments::Feedback::List => list(&desk).await?,
        arguments::Feedback::Run { organizer } => return run::run(&desk, &organizer).await,
        arguments::Feedback::Replay { organizer, file } => return run::replay(&desk, &organizer, &file).await,
        arguments::Feedback::Cursor(command) => return cursor::run(&desk, command).await,
        arguments::Feedback::Skip(skip) => acts::skip(&desk, &skip).await?,
        arguments::Feedback::Failed(failed) => acts::failed(&desk, &failed).await?,
        arguments::Feedback::Runs { organizer, limit } => runs(&desk, &organizer, limit).await?,
        arguments::Feedback::Tickets(wanted) => records::tickets(&desk, wanted).await?,
        arguments::Feedback::Contacts(wanted) => records::contacts(&desk, wanted).await?,
        arguments::Feedback::Distributions(wanted) => records::distributions(&desk, wanted).await?,
        arguments::Feedback::Erase { email, yes } => acts::erase(&desk, &email, yes).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(desk: &Desk) -> Result<(), Failure> {
    let functions = mobile::functions(&desk.feedback, desk.now()).await?;
    if desk.json {
        output::json(&functions);
        return Ok(());
    }
    output::table(
        &["organizer", "function", "state", "last run", "result", "pending", "failed", "next start"],
        functions.iter().map(|function| {
            let last = function.last_run.as_ref();
            vec![
                function.organizer.clone(),
                function.internal_name.clone(),
                state(function),
                output::or_dash(last.map(|run| run.began_at.as_str())),
                output::or_dash(last.and_then(result).as_deref()),
                function.pending.to_string(),
                function.failed.to_string(),
                output::or_dash(function.next_start.as_deref()),
            ]
        }),
    );
    for function in &functions {
        if let Some(why) = &function.unusable {
            output::talk(&format!("{} cannot run: {why}", function.internal_name));
        }
    }
    Ok(())
}

fn state(function: &FunctionView) -> String {
    match &function.lease {
        _ if !function.active => String::from("off"),
        Some(lease) if lease.remaining_seconds > 0 => format!("run {} in progress", lease.run.0),
        _ if function.unusable.is_some() => String::from("unusable"),
        _ if function.automatic => String::from("automatic"),
        _ => String::from("manual"),
    }
}

async fn runs(desk: &Desk, organizer: &str, limit: usize) -> Result<(), Failure> {
    let listing = mobile::runs(&desk.feedback, organizer, Window::first(limit)).await?;
    if desk.json {
        output::json(&listing);
        return Ok(());
    }
    output::table(
        &["run", "began", "by", "result", "received", "updated", "failed", "pending", "what happened"],
        listing.items.iter().map(|run| {
            let count = |count: fn(&ticketbridge_core::mobile::Counters) -> u64| {
                run.counters.as_ref().map_or_else(|| String::from("-"), |counters| count(counters).to_string())
            };
            vec![
                run.run.0.to_string(),
                run.began_at.clone(),
                word(&run.trigger),
                result(run).unwrap_or_else(|| String::from("in progress")),
                count(|counters| counters.received),
                count(|counters| counters.updated),
                count(|counters| counters.failed),
                count(|counters| counters.pending),
                output::or_dash(run.text.as_deref()),
            ]
        }),
    );
    more(&listing);
    Ok(())
}

fn result(run: &RunView) -> Option<String> {
    run.result.as_ref().map(word)
}

/// A value as it stands in JSON, without quotes.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => other.map(|value| value.to_string()).unwrap_or_default(),
    }
}

/// Says that there is more than was shown.
fn more<T>(listing: &Listing<T>) {
    if listing.next.is_some() {
        output::talk("There may be more; raise --limit.");
    }
}

/// Whether a person at the terminal agrees; an error where nobody can be asked.
fn agreed(question: &str, how: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(format!(
            "nobody can be asked here; {how}. Nothing was changed. The question is: {question}"
        )));
    }
    let asked = write!(std::io::stderr().lock(), "{question} [y/N] ");
    let mut answer = String::new();
    let read = asked.and_then(|()| std::io::stdin().lock().read_line(&mut answer));
    read.map_err(|error| Failure::new(format!("no answer could be read: {error}; nothing was changed")))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
