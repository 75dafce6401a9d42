//! Runs of the workflow manager.

use serde::{Deserialize, Serialize};
use serde_json::json;
use ticketbridge_core::network::{Timestamp, parse_timestamp};
use ticketbridge_core::ticket::{BackendName, DedupeKey, OriginId};
use ticketbridge_store::{MAX_PAGE, MAX_RUNS, RunRecord};
use utoipa::{IntoParams, ToSchema};

use super::tickets::DEFAULT_PAGE;
use super::{Actor, PageFault};
use crate::app::App;
use crate::workflow::{BuiltTicket, RunOutcome, WorkflowError};

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WorkflowRunView {
    /// The instant that it evaluated.
    pub as_of: String,
    /// When it began.
    pub started_at: String,
    /// When it was committed.
    pub finished_at: String,
    /// What started it: `schedule`, `offload`, `manual`.
    pub trigger: String,
    /// Aggregation rows looked at.
    pub rows: u64,
    /// Rows that are critical.
    pub triggered: u64,
    /// Tickets built.
    pub tickets: u64,
}

impl From<&RunRecord> for WorkflowRunView {
    fn from(run: &RunRecord) -> Self {
        Self {
            as_of: Timestamp(run.as_of).to_string(),
            started_at: run.started_at.to_rfc3339(),
            finished_at: run.finished_at.to_rfc3339(),
            trigger: run.trigger.clone(),
            rows: run.rows,
            triggered: run.triggered,
            tickets: run.tickets,
        }
    }
}

/// Which page of the runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunQuery {
    /// Runs of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: usize,
    /// `next` of the page before.
    #[param(pattern = r"^r(?:0|-?[1-9][0-9]{0,17})_(?:0|-?[1-9][0-9]{0,17})_(?:0|-?[1-9][0-9]{0,17})$")]
    pub cursor: Option<String>,
}

impl Default for RunQuery {
    fn default() -> Self {
        Self { limit: DEFAULT_PAGE, cursor: None }
    }
}

/// A page of runs, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunPage {
    /// The runs.
    pub items: Vec<WorkflowRunView>,
    /// Where the next page begins; null: this was the last one.
    pub next: Option<String>,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunResultView {
    /// Its record.
    pub run: WorkflowRunView,
    /// The tickets that it built, in byte order of their keys; the first 1,000 (`run.tickets` counts all).
    pub tickets: Vec<BuiltTicketView>,
    /// Groups that should have a ticket and cannot: what and why; the first 1,000.
    pub unusable: Vec<String>,
}

/// A ticket that a run built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BuiltTicketView {
    /// Our id.
    #[schema(value_type = String, format = "uuid")]
    pub id: OriginId,
    /// `WM-YYYYMMDD-NNNNNN`.
    pub ticket_id: String,
    /// Its message id.
    pub message_id: String,
    /// What it is about.
    #[schema(value_type = String)]
    pub dedupe_key: DedupeKey,
    /// Who carries it.
    #[schema(value_type = String)]
    pub backend: BackendName,
}

impl From<BuiltTicket> for BuiltTicketView {
    fn from(built: BuiltTicket) -> Self {
        let BuiltTicket { id, ticket_id, message_id, dedupe_key, backend } = built;
        Self { id, ticket_id, message_id, dedupe_key, backend }
    }
}

impl From<RunOutcome> for RunResultView {
    fn from(outcome: RunOutcome) -> Self {
        Self {
            run: WorkflowRunView::from(&outcome.run),
            tickets: outcome.tickets.into_iter().take(MAX_PAGE).map(BuiltTicketView::from).collect(),
            unusable: outcome.unusable.into_iter().take(MAX_PAGE).collect(),
        }
    }
}

/// Why no run was started.
#[derive(Debug, thiserror::Error)]
pub enum RunFault {
    /// Not an instant.
    #[error("`as_of` is no instant; write for instance 2026-11-20T23:45:00Z")]
    AsOf,
    /// An instant to come.
    #[error("`as_of` is {as_of}, and now is {now}; a run cannot look ahead")]
    Ahead {
        /// What was asked for.
        as_of: Timestamp,
        /// The clock.
        now: Timestamp,
    },
    /// The run failed; nothing of it was stored.
    #[error(transparent)]
    Workflow(#[from] WorkflowError),
}

/// A page of runs: `limit` at most, after the one that `cursor` stands for.
pub async fn workflow_runs(app: &App, query: &RunQuery) -> Result<RunPage, PageFault> {
    if !(1..=MAX_PAGE).contains(&query.limit) {
        return Err(PageFault::Limit(query.limit));
    }
    let after = query.cursor.as_deref().map(|text| read_cursor(text).ok_or(PageFault::Cursor)).transpose()?;
    // Runs are few: the store keeps 10,000 of them.
    let wanted = if after.is_some() { MAX_RUNS } else { query.limit + 1 };
    let runs = app.store.runs(wanted).await?;
    let begin = match after {
        None => 0,
        // The run that the cursor stands for may be gone; what was older went before it.
        Some(after) => runs.iter().position(|run| identity(run) == after).map_or(runs.len(), |place| place + 1),
    };
    let page = runs.get(begin..).unwrap_or_default();
    let next = (page.len() > query.limit).then(|| page.get(query.limit - 1)).flatten().map(write_cursor);
    Ok(RunPage { items: page.iter().take(query.limit).map(WorkflowRunView::from).collect(), next })
}

/// The instant of a run that somebody asks for; `None`: now.
pub fn run_instant(app: &App, as_of: Option<&str>) -> Result<Timestamp, RunFault> {
    let now = app.clock.timestamp();
    let as_of = match as_of {
        None => now,
        Some(text) => parse_timestamp(text).ok_or(RunFault::AsOf)?,
    };
    if as_of > now { Err(RunFault::Ahead { as_of, now }) } else { Ok(as_of) }
}

/// One run by the hand of `who`. It goes on to its end even if the caller goes away.
pub async fn run_workflow(app: &App, as_of: Timestamp, who: &str) -> Result<RunResultView, RunFault> {
    let actor = Actor { store: &*app.store, who, at: app.clock.now().wall };
    let asked = actor.asked("workflow.run", &as_of.to_string(), json!({})).await;
    asked.map_err(WorkflowError::from)?;
    let app = app.clone();
    let running = tokio::spawn(async move { app.run_workflow(as_of, "manual").await });
    let outcome = running.await.unwrap_or_else(|stopped| Err(WorkflowError::Stopped(stopped.to_string())))?;
    Ok(outcome.into())
}

/// What tells runs apart.
type Identity = (i64, i64, i64);

fn identity(run: &RunRecord) -> Identity {
    (run.finished_at.0, run.started_at.0, run.as_of)
}

fn write_cursor(run: &RunRecord) -> String {
    let (finished, started, as_of) = identity(run);
    format!("r{finished}_{started}_{as_of}")
}

fn read_cursor(text: &str) -> Option<Identity> {
    let mut numbers = text.strip_prefix('r')?.split('_').map(|number| {
        number
            .parse()
            .ok()
            .filter(|read: &i64| read.unsigned_abs() < 1_000_000_000_000_000_000 && read.to_string() == number)
    });
    let identity = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(identity)
}
