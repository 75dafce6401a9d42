//! Functions, what they are doing, and what their runs did.

use serde::Serialize;
use ticketbridge_core::mobile::{Counters, PaginationKey, RunError, RunResult, WriteKind};
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_core::time::Wall;
use ticketbridge_store::{CallRecord, FeedbackPage, FeedbackRun, FeedbackStore, MAX_PAGE, RunId, StoreError, Trigger};
use utoipa::ToSchema;

use super::{Listing, MobileFault, Window};
use crate::feedback::{FailedTicket, Feedback, Function, Preview, RunReport};

/// Runs that are looked through for the last scheduled one.
const LOOKED_BACK: usize = 100;

/// A function and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FunctionView {
    /// The organizer.
    pub organizer: String,
    /// Its name.
    pub internal_name: String,
    /// Whether runs may start at all.
    pub active: bool,
    /// Why none can, although it is active.
    pub unusable: Option<String>,
    /// Whether it also starts by the clock.
    pub automatic: bool,
    /// The platform that is read from.
    #[schema(value_type = String)]
    pub source: PlatformName,
    /// The platform that is written to.
    #[schema(value_type = String)]
    pub box_office: PlatformName,
    /// The run that has the organizer's lease; null: none is in progress.
    pub lease: Option<LeaseHolder>,
    /// The newest run, refused ones and previews included.
    pub last_run: Option<RunView>,
    /// The stored pagination key. Empty: the stream is read from its beginning.
    pub key: PaginationKey,
    /// Items that have to be applied: by the next run.
    pub pending: u64,
    /// Failed items that wait for an operator, at most 1,000 are counted.
    pub failed: usize,
    /// When a serving process starts the next run; null: people start it, one is in progress, or its time is over.
    pub next_start: Option<String>,
}

/// The run that has a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct LeaseHolder {
    /// The run.
    pub run: RunId,
    /// Its fencing token.
    pub token: i64,
    /// Seconds until anyone may take the lease, if it is not renewed; 0: anyone may.
    pub remaining_seconds: u64,
}

/// One run, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunView {
    /// Its number.
    pub run: RunId,
    /// The organizer.
    pub organizer: String,
    /// The function.
    pub internal_name: String,
    /// What started it.
    pub trigger: Trigger,
    /// When it began.
    pub began_at: String,
    /// When it ended; null: it is in progress, or its process died.
    pub ended_at: Option<String>,
    /// How it ended.
    pub result: Option<RunResult>,
    /// What ended it before its time.
    pub error: Option<RunError>,
    /// What happened, for people.
    pub text: Option<String>,
    /// What it did.
    pub counters: Option<Counters>,
}

/// What a run that has ended says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReportView {
    /// Its number.
    pub run: RunId,
    /// The organizer.
    pub organizer: String,
    /// The function.
    pub internal_name: String,
    /// Its result.
    pub result: RunResult,
    /// What ended it before its time.
    pub error: Option<RunError>,
    /// What happened, for people.
    pub text: Option<String>,
    /// Items came, but no new key.
    pub key_not_advanced: bool,
    /// When it ended.
    pub ended_at: String,
    /// What it did.
    pub counters: Counters,
    /// Tickets that failed in it, at most 1,000.
    pub failed: Vec<FailedTicket>,
    /// What a preview found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
}

/// A write call of a run. Its body is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallView {
    /// Its number.
    pub call: i64,
    /// The platform.
    pub box_office: String,
    /// What it does.
    pub kind: WriteKind,
    /// The items it is for, as `PAGE:POSITION`.
    pub items: Vec<String>,
    /// When it was sent.
    pub sent_at: String,
    /// What became of it; null: not known yet.
    pub outcome: Option<String>,
    /// When that was known.
    pub outcome_at: Option<String>,
}

impl From<CallRecord> for CallView {
    fn from(call: CallRecord) -> Self {
        let (outcome, outcome_at) = call.outcome.map(|(text, at)| (text.into(), at.to_rfc3339())).unzip();
        Self {
            call: call.id.0,
            box_office: call.box_office.into(),
            kind: call.kind,
            items: call.items.iter().map(|item| format!("{}:{}", item.page.0, item.position)).collect(),
            sent_at: call.sent_at.to_rfc3339(),
            outcome,
            outcome_at,
        }
    }
}

impl From<FeedbackRun> for RunView {
    fn from(run: FeedbackRun) -> Self {
        let FeedbackRun { id, organizer, internal_name, trigger, began_at, end } = run;
        let ended_at = end.as_ref().map(|end| end.at.to_rfc3339());
        let (result, error) = (end.as_ref().map(|end| end.result), end.as_ref().and_then(|end| end.error));
        let (text, counters) = end.map(|end| (end.text, end.counters)).unzip();
        Self {
            run: id,
            organizer: organizer.into(),
            internal_name: internal_name.into(),
            trigger,
            began_at: began_at.to_rfc3339(),
            ended_at,
            result,
            error,
            text: text.flatten(),
            counters,
        }
    }
}

impl From<RunReport> for ReportView {
    fn from(report: RunReport) -> Self {
        Self {
            run: report.run,
            organizer: report.organizer.into(),
            internal_name: report.internal_name.into(),
            result: report.result,
            error: report.error,
            text: report.text,
            key_not_advanced: report.key_not_advanced,
            ended_at: report.ended_at.to_rfc3339(),
            counters: report.counters,
            failed: report.failed,
            preview: report.preview,
        }
    }
}

/// All functions of the configuration, in its order.
pub async fn functions(feedback: &Feedback, now: Wall) -> Result<Vec<FunctionView>, StoreError> {
    let mut views = Vec::new();
    for (function, unusable) in feedback.functions() {
        views.push(view(&**feedback.store(), function, unusable, now).await?);
    }
    Ok(views)
}

/// The function of an organizer: the active one, if there is one.
pub async fn function(feedback: &Feedback, organizer: &str, now: Wall) -> Result<FunctionView, MobileFault> {
    let wanted = feedback.function(organizer)?;
    let unusable = feedback.functions().find(|(function, _)| function.internal_name == wanted.internal_name);
    let unusable = unusable.and_then(|(_, unusable)| unusable);
    Ok(view(&**feedback.store(), wanted, unusable, now).await?)
}

/// Runs of an organizer, the newest first.
pub async fn runs(feedback: &Feedback, organizer: &str, window: Window) -> Result<Listing<RunView>, MobileFault> {
    feedback.function(organizer)?;
    let runs = feedback.store().feedback_runs(Some(organizer), window.checked()?).await?;
    Ok(window.listing(runs, RunView::from))
}

/// One run of an organizer, by its number. Of the newest 1,000 only.
pub async fn run(feedback: &Feedback, organizer: &str, run: RunId) -> Result<Option<RunView>, MobileFault> {
    feedback.function(organizer)?;
    let page = FeedbackPage { offset: 0, limit: MAX_PAGE };
    let runs = feedback.store().feedback_runs(Some(organizer), page).await?;
    Ok(runs.into_iter().find(|one| one.id == run).map(RunView::from))
}

/// Write calls of a run, the oldest first. All of the run are read for each part of them.
pub async fn calls(
    feedback: &Feedback,
    organizer: &str,
    run: RunId,
    window: Window,
) -> Result<Listing<CallView>, MobileFault> {
    feedback.function(organizer)?;
    let FeedbackPage { offset, limit } = window.checked()?;
    let calls = feedback.store().run_calls(run).await?;
    Ok(window.listing(calls.into_iter().skip(offset).take(limit).collect(), CallView::from))
}

async fn view(
    store: &dyn FeedbackStore,
    function: &Function,
    unusable: Option<&str>,
    now: Wall,
) -> Result<FunctionView, StoreError> {
    let organizer = &*function.organizer;
    let page = |limit| FeedbackPage { offset: 0, limit };
    let lease = store.lease(organizer).await?;
    let recent = store.feedback_runs(Some(organizer), page(LOOKED_BACK)).await?;
    Ok(FunctionView {
        organizer: organizer.to_owned(),
        internal_name: function.internal_name.to_string(),
        active: function.active,
        unusable: unusable.filter(|_| function.active).map(str::to_owned),
        automatic: function.schedule.is_some(),
        source: PlatformName::new(&function.source),
        box_office: PlatformName::new(&function.box_office),
        next_start: next_start(function, &recent, now).filter(|_| lease.is_none()).map(Wall::to_rfc3339),
        lease: lease.map(|lease| LeaseHolder {
            run: lease.run,
            token: lease.token,
            remaining_seconds: lease.remaining.as_secs(),
        }),
        last_run: recent.into_iter().next().map(RunView::from),
        key: store.pagination_key(organizer).await?,
        pending: store.pending_items(organizer).await?,
        failed: store.failed_items(Some(organizer), page(MAX_PAGE)).await?.len(),
    })
}

fn next_start(function: &Function, recent: &[FeedbackRun], now: Wall) -> Option<Wall> {
    let schedule = function.schedule?;
    let last = recent.iter().find(|run| run.trigger == Trigger::Schedule);
    match last {
        Some(last) => schedule.next_start(last.began_at, now),
        None => schedule.first_start(now),
    }
}
