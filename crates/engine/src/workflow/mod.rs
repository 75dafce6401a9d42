//! The workflow manager: samples to tickets, committed with their backends (telecom contract §5 to §7).
//!
//! Guarantee: a run's tickets, incidents and memory of what was reported are committed in one transaction, so an
//! incident is reported once: a run that is cut off before it leaves nothing, one after it has nothing new to say. The
//! result is a function of the two stores, the settings, the backends, `as_of` and the [`Source`] of time and ids.
//!
//! Limits: one run at a time per process, and per machine where the sample store is a file. A run reads the samples of
//! the window and up to an hour more, about 30 million rows per second on one core; what lies before comes from the
//! checkpoint of an earlier run, and is read too where it is not what it was. It holds the rows of the three tables and
//! their roll-ups (about 500 bytes each), the incidents, a checkpoint, and what the sample store's reader holds.

mod checkpoint;
mod error;
mod evaluate;
mod known;
mod preview;
mod source;
mod tables;

use std::sync::{Arc, Mutex as BlockingMutex};

use serde::Serialize;
use ticketbridge_core::network::evaluation::{AggregationRow, Incident, RollUp};
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::network::tickets::{MessageIdentity, TicketDraft, build_tickets, select_news};
use ticketbridge_core::network::{Aggregation, KpiFile, Timestamp};
use ticketbridge_core::ticket::{BackendName, DedupeKey, IntakeItem, NewTicket, OriginId, parse_intake};
use ticketbridge_core::time::Wall;
use ticketbridge_store::samples::SampleStore;
use ticketbridge_store::{RunCommit, RunRecord, Store};
use tokio::sync::Mutex;

use self::evaluate::Request;
use self::known::Known;
use self::tables::{State, Tables};
use crate::offload::PlantCache;
use crate::split::BackendChoice;

pub use error::WorkflowError;
pub use evaluate::ChannelHistory;
pub use preview::{Preview, preview};
pub use source::{SeededSource, Source};

/// The durable counter behind `ticket_id`.
const COUNTER: &str = "workflow-ticket";
/// Runs looked back at, to see whether a run goes back in time.
const RUNS: usize = 100;

/// Builds tickets and tables. Share it by reference.
pub struct Workflow {
    store: Arc<dyn Store>,
    samples: Arc<SampleStore>,
    plants: Arc<PlantCache>,
    settings: Arc<Settings>,
    /// Held by the run: one at a time.
    source: Arc<Mutex<Box<dyn Source>>>,
    tables: Arc<BlockingMutex<Tables>>,
    /// Held by who makes a table for [`Workflow::current`]: those who ask meanwhile wait for it instead of making it too.
    making: Arc<Mutex<()>>,
}

/// One ticket that a run built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuiltTicket {
    /// Its id in our store.
    pub id: OriginId,
    /// `WM-YYYYMMDD-NNNNNN`.
    pub ticket_id: String,
    /// ULID.
    pub message_id: String,
    /// What it is about.
    pub dedupe_key: DedupeKey,
    /// Who carries it.
    pub backend: BackendName,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunOutcome {
    /// As kept in the store.
    pub run: RunRecord,
    /// The tickets it built, in byte order of their keys.
    pub tickets: Vec<BuiltTicket>,
    /// Groups that should have a ticket and can't: their ids make no dedupe key. What and why.
    pub unusable: Vec<String>,
}

/// What comes out of the evaluation.
struct Evaluated {
    drafts: Vec<TicketDraft>,
    rows: u64,
    /// Entries to write; empty for a run that goes back in time.
    incidents: Vec<((String, String), String)>,
}

impl Workflow {
    /// Nothing is done before the first call. `settings` must have passed [`Settings::check`].
    pub fn new(
        store: Arc<dyn Store>,
        samples: Arc<SampleStore>,
        plants: Arc<PlantCache>,
        settings: Arc<Settings>,
        source: impl Source,
    ) -> Self {
        let source: Box<dyn Source> = Box::new(source);
        let source = Arc::new(Mutex::new(source));
        Self { store, samples, plants, settings, source, tables: Arc::default(), making: Arc::default() }
    }

    /// The same with other rules. A run in progress ends as it began, and still keeps others waiting.
    pub(crate) fn renewed(&self, settings: Arc<Settings>) -> Self {
        Self {
            store: Arc::clone(&self.store),
            samples: Arc::clone(&self.samples),
            plants: Arc::clone(&self.plants),
            settings,
            source: Arc::clone(&self.source),
            // Tables are made by the rules.
            tables: Arc::default(),
            making: Arc::default(),
        }
    }

    /// One run at `as_of`: evaluates, builds the tickets that are news, and commits them with their backends.
    /// `trigger` says what started it (`schedule`, `offload`, `manual`). `backends` are all that are configured.
    ///
    /// Again with the same `as_of` and the same samples it builds nothing. With an `as_of` before that of an earlier
    /// run it reports what was never reported, and leaves the incidents known since as they are.
    pub async fn run(
        &self,
        as_of: Timestamp,
        trigger: &str,
        backends: &[BackendChoice],
    ) -> Result<RunOutcome, WorkflowError> {
        let mut source = self.source.lock().await;
        let started_at = source.now();
        let samples = Arc::clone(&self.samples);
        let _lock = blocking(move || Ok(samples.lock_run()?)).await?;
        let known = Arc::new(Known::read(&*self.store).await?);
        let is_back_in_time = self.store.runs(RUNS).await?.iter().any(|run| run.as_of > as_of.0);
        let mut evaluated = self.evaluate(as_of, started_at, Arc::clone(&known)).await?;
        if is_back_in_time {
            evaluated.incidents.clear();
        }
        let triggered = evaluated.drafts.len() as u64;
        let mut unusable = Vec::new();
        evaluated.drafts.retain(|draft| match DedupeKey::new(&draft.dedupe_key) {
            Ok(_) => true,
            Err(error) => {
                unusable.push(format!("{} of {}: {error}", draft.source.group_id, draft.source.aggregation));
                false
            }
        });
        let mut memory = known.memory();
        let news = select_news(evaluated.drafts, &mut memory, &self.settings, as_of);
        let (tickets, built) = self.build(news, backends, &mut **source, &mut unusable).await?;
        let run = RunRecord {
            as_of: as_of.0,
            started_at,
            finished_at: source.now(),
            trigger: trigger.to_owned(),
            rows: evaluated.rows,
            triggered,
            tickets: tickets.len() as u64,
        };
        let reported = known.changed_reports(&memory);
        let commit = RunCommit { run: run.clone(), tickets, incidents: evaluated.incidents, reported };
        self.store.commit_run(commit).await?;
        let outcome = RunOutcome { run, tickets: built, unusable };
        outcome.emit();
        Ok(outcome)
    }

    /// The rows of one aggregation table at `as_of`, in byte order of their group ids. Asked again without a load or a
    /// topology swap in between, it answers from memory. `now` says what the retention has left.
    pub async fn aggregations(
        &self,
        name: Aggregation,
        as_of: Timestamp,
        now: Wall,
    ) -> Result<Arc<Vec<AggregationRow>>, WorkflowError> {
        self.table(name, None, as_of, now).await
    }

    /// The same columns over all service groups of each CCAP, hub, market or network.
    pub async fn roll_up(
        &self,
        name: Aggregation,
        level: RollUp,
        as_of: Timestamp,
        now: Wall,
    ) -> Result<Arc<Vec<AggregationRow>>, WorkflowError> {
        self.table(name, Some(level), as_of, now).await
    }

    async fn table(
        &self,
        name: Aggregation,
        level: Option<RollUp>,
        as_of: Timestamp,
        now: Wall,
    ) -> Result<Arc<Vec<AggregationRow>>, WorkflowError> {
        let known = Known::read(&*self.store).await?.incidents();
        let (samples, plants) = (Arc::clone(&self.samples), Arc::clone(&self.plants));
        let (settings, tables) = (Arc::clone(&self.settings), Arc::clone(&self.tables));
        blocking(move || {
            let (plant, snapshot) = evaluate::consistent(&samples, &plants)?;
            let state = State { as_of, topology: plant.version, sequence: snapshot.last_sequence()? };
            if let Some(rows) = tables::lock(&tables).get(name, level, state) {
                return Ok(rows);
            }
            let begin = evaluate::first_stored(&settings, as_of, now);
            let files = [name.kpi_file()];
            let request = Request { files: &files, as_of, known, first_stored: begin, checkpoints: false };
            let evaluation = evaluate::evaluate(&snapshot, &plant, &settings, request)?.evaluation;
            Ok(tables::lock(&tables).put(&evaluation, name, level, state))
        })
        .await
    }

    /// The table as the latest run, or the latest call of [`Workflow::aggregations`] or [`Workflow::roll_up`], of this
    /// process made it; `None`: there was none. Never evaluates: for pages that are looked at often.
    pub fn latest(&self, name: Aggregation, level: Option<RollUp>) -> Option<Arc<Vec<AggregationRow>>> {
        tables::lock(&self.tables).latest(name, level)
    }

    /// The table as of the latest run, of whichever process; before the first one as of the begun minute. Made only if
    /// there is none yet, by one caller at a time.
    pub async fn current(
        &self,
        name: Aggregation,
        level: Option<RollUp>,
        now: Wall,
    ) -> Result<Arc<Vec<AggregationRow>>, WorkflowError> {
        let run = self.store.runs(1).await?.pop();
        let as_of = run.map_or_else(|| Timestamp(now.0.div_euclid(60_000) * 60), |run| Timestamp(run.as_of));
        let made = || self.latest(name, level).filter(|rows| rows.first().is_some_and(|row| row.updated_at == as_of));
        if let Some(rows) = made() {
            return Ok(rows);
        }
        let _making = self.making.lock().await;
        match made() {
            Some(rows) => Ok(rows),
            None => self.table(name, level, as_of, now).await,
        }
    }

    /// The latest runs, newest first.
    pub async fn runs(&self, limit: usize) -> Result<Vec<RunRecord>, WorkflowError> {
        Ok(self.store.runs(limit).await?)
    }

    /// The samples of all channels of a service group in one aggregation, of the stored ones between `from` and `to`,
    /// both inside: for drawing them. `None`: the topology has no such group, or it is of the other direction.
    pub async fn history(
        &self,
        name: Aggregation,
        group_id: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Option<Vec<ChannelHistory>>, WorkflowError> {
        let mut found = self.histories(name, &[group_id.to_owned()], from, to).await?;
        Ok(found.pop().flatten())
    }

    /// As [`Workflow::history`], of several groups in the order asked for; samples that lie side by side are read once.
    pub async fn histories(
        &self,
        name: Aggregation,
        groups: &[String],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Option<Vec<ChannelHistory>>>, WorkflowError> {
        let (samples, plants, groups) = (Arc::clone(&self.samples), Arc::clone(&self.plants), groups.to_vec());
        blocking(move || {
            let (plant, snapshot) = evaluate::consistent(&samples, &plants)?;
            evaluate::histories(&snapshot, &plant, name.kpi_file(), &groups, from..=to)
        })
        .await
    }

    async fn evaluate(&self, as_of: Timestamp, now: Wall, known: Arc<Known>) -> Result<Evaluated, WorkflowError> {
        let (samples, plants) = (Arc::clone(&self.samples), Arc::clone(&self.plants));
        let (settings, tables) = (Arc::clone(&self.settings), Arc::clone(&self.tables));
        blocking(move || {
            let (plant, snapshot) = evaluate::consistent(&samples, &plants)?;
            let state = State { as_of, topology: plant.version, sequence: snapshot.last_sequence()? };
            let begin = evaluate::first_stored(&settings, as_of, now);
            let incidents: Vec<Incident> = known.incidents();
            let request =
                Request { files: &KpiFile::ALL, as_of, known: incidents, first_stored: begin, checkpoints: true };
            let evaluate::Evaluated { evaluation, checkpoints, rows_read } =
                evaluate::evaluate(&snapshot, &plant, &settings, request)?;
            drop(snapshot);
            tracing::debug!(rows_read, "samples evaluated");
            checkpoint::keep(&samples, checkpoints)?;
            let mut rows = 0;
            for name in Aggregation::ALL {
                rows += tables::lock(&tables).put(&evaluation, name, None, state).len() as u64;
                for level in RollUp::ALL {
                    tables::lock(&tables).put(&evaluation, name, Some(level), state);
                }
            }
            let incidents = known.changed_incidents(evaluation.incidents(), &plant.topology, begin);
            Ok(Evaluated { drafts: build_tickets(&evaluation), rows, incidents })
        })
        .await
    }

    /// Drafts to tickets with ids, numbers and backends.
    async fn build(
        &self,
        drafts: Vec<TicketDraft>,
        backends: &[BackendChoice],
        source: &mut dyn Source,
        unusable: &mut Vec<String>,
    ) -> Result<(Vec<NewTicket>, Vec<BuiltTicket>), WorkflowError> {
        if drafts.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let first = self.store.reserve_numbers(COUNTER, drafts.len() as u32).await?;
        let mut items: Vec<(IntakeItem, String)> = Vec::with_capacity(drafts.len());
        for (number, draft) in (first..).zip(drafts) {
            let now = source.now();
            let about = format!("{} of {}", draft.source.group_id, draft.source.aggregation);
            let ticket = draft.into_ticket(MessageIdentity { message_id: source.message_id(now).into(), number });
            // What we send has to pass the same checks as what comes from outside.
            let checked = serde_json::to_value(&ticket)
                .map_err(|error| error.to_string())
                .and_then(|body| parse_intake(&body).map_err(|(_, error)| error.to_string()));
            match checked {
                Ok(item) => items.push((item, ticket.ticket_id)),
                Err(error) => unusable.push(format!("{about}: {error}")),
            }
        }
        let keys: Vec<DedupeKey> = items.iter().map(|(item, _)| item.key.clone()).collect();
        let assigned = crate::split::assign(&*self.store, backends, &keys, None).await?;
        let mut tickets = Vec::with_capacity(items.len());
        let mut built = Vec::with_capacity(items.len());
        for ((item, ticket_id), backend) in items.into_iter().zip(assigned) {
            let received_at = source.now();
            let origin = source.origin(received_at);
            built.push(BuiltTicket {
                id: origin,
                ticket_id,
                message_id: item.message_id.clone(),
                dedupe_key: item.key.clone(),
                backend: backend.name.clone(),
            });
            let (backend, platform) = (backend.name.clone(), backend.tickets.clone());
            tickets.push(NewTicket { item, origin, backend, platform, received_at });
        }
        Ok((tickets, built))
    }
}

impl RunOutcome {
    fn emit(&self) {
        let RunRecord { rows, triggered, tickets, .. } = self.run;
        let trigger = self.run.trigger.as_str();
        let as_of = Timestamp(self.run.as_of).to_string();
        tracing::info!(as_of, trigger, rows, triggered, tickets, "workflow run");
        let took = (self.run.finished_at.0 - self.run.started_at.0).max(0) as u64;
        crate::telemetry::workflow_ran(trigger, std::time::Duration::from_millis(took), tickets);
        for group in &self.unusable {
            tracing::warn!(group, "no ticket can be built");
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WorkflowError> + Send + 'static,
) -> Result<T, WorkflowError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|stopped| Err(WorkflowError::Stopped(stopped.to_string())))
}
