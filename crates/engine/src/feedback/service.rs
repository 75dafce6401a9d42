//! All functions of a configuration, ready to run.

use std::sync::Arc;

use bytes::Bytes;
use ticketbridge_config::Config;
use ticketbridge_config::sections::Feedback as FeedbackConfig;
use ticketbridge_core::mobile::{Counters, PaginationKey};
use ticketbridge_platforms::http::ExchangeObserver;
use ticketbridge_store::{FeedbackPage, FeedbackStore, RunId, StoreError, Trigger};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::function::Function;
use super::report::RunReport;
use super::run::{Parts, RunOptions, run, run_telling};
use super::wire::{Time, Wire};
use crate::clock::Clock;
use crate::identity;
use crate::platforms::{Environment, mobile};

/// Why something cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedbackError {
    /// No function of this organizer is configured.
    #[error("no function is configured for organizer `{organizer}`; {known}")]
    UnknownOrganizer {
        /// What was asked for.
        organizer: String,
        /// Which there are, in words.
        known: String,
    },
    /// Wallet or box office cannot be used.
    #[error("function `{function}` cannot run: {why}")]
    Unusable {
        /// The function.
        function: String,
        /// What is wrong.
        why: String,
    },
    /// A file cannot be read.
    #[error("the file {path} cannot be read: {why}")]
    File {
        /// Its path.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// There is no such move of the key.
    #[error(
        "organizer `{organizer}` has no move {n} of its key; `ticketbridge feedback cursor history {organizer}` lists them"
    )]
    UnknownMove {
        /// The organizer.
        organizer: String,
        /// The number that was asked for.
        n: u64,
    },
    /// The process is ending.
    #[error("the service is stopping and starts no run; the next run reads everything that this one would have")]
    Stopping,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A run that was asked for.
#[derive(Debug)]
pub enum Started {
    /// It has its lease, and goes on whether anybody waits for it or not.
    Begun {
        /// Its number.
        run: RunId,
        /// Its end.
        ended: JoinHandle<Result<RunReport, FeedbackError>>,
    },
    /// It had no chance: the report says REFUSED.
    Refused(Box<RunReport>),
}

/// How a run is to go.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// What starts it.
    pub trigger: Trigger,
    /// A page that is processed instead of a call.
    pub file: Option<Bytes>,
    /// Is told of the counters now and then.
    pub progress: Option<watch::Sender<Counters>>,
}

impl RunRequest {
    /// A run without a file.
    pub fn by(trigger: Trigger) -> Self {
        Self { trigger, file: None, progress: None }
    }
}

/// Wallet and box office.
type Wires = (Arc<dyn Wire>, Arc<dyn Wire>);

struct Loaded {
    function: Function,
    /// Wallet and box office, or why they cannot be used.
    wires: Result<Wires, String>,
    holder: Uuid,
}

/// All functions of a configuration. Cheap to clone.
#[derive(Clone)]
pub struct Feedback {
    functions: Arc<Vec<Loaded>>,
    store: Arc<dyn FeedbackStore>,
    time: Arc<dyn Time>,
    stopping: watch::Sender<bool>,
    /// Runs in progress in this process.
    active: watch::Sender<usize>,
}

impl Feedback {
    /// Loads the functions. One that cannot be used stops nothing: its runs say why.
    pub fn load(
        config: &Config,
        environment: &Environment,
        store: Arc<dyn FeedbackStore>,
        clock: Clock,
        observer: Option<&Arc<dyn ExchangeObserver>>,
    ) -> Self {
        let load = |settings: &FeedbackConfig| Loaded {
            function: Function::new(settings, config),
            wires: wires(settings, config, environment, observer),
            holder: identity::holder(),
        };
        Self::of(config.feedback.iter().map(load).collect(), store, Arc::new(clock))
    }

    /// Functions with the wires of their wallet and their box office, in a world of the caller's own.
    pub fn with_wires(
        functions: impl IntoIterator<Item = (Function, Arc<dyn Wire>, Arc<dyn Wire>)>,
        store: Arc<dyn FeedbackStore>,
        time: Arc<dyn Time>,
    ) -> Self {
        let load = |(function, wallet, box_office)| Loaded {
            function,
            wires: Ok((wallet, box_office)),
            holder: identity::holder(),
        };
        Self::of(functions.into_iter().map(load).collect(), store, time)
    }

    fn of(functions: Vec<Loaded>, store: Arc<dyn FeedbackStore>, time: Arc<dyn Time>) -> Self {
        let functions = Arc::new(functions);
        Self { functions, store, time, stopping: watch::Sender::new(false), active: watch::Sender::new(0) }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn FeedbackStore> {
        &self.store
    }

    /// The functions, as configured, and why those cannot run that cannot.
    pub fn functions(&self) -> impl Iterator<Item = (&Function, Option<&str>)> {
        self.functions.iter().map(|loaded| (&loaded.function, loaded.wires.as_ref().err().map(String::as_str)))
    }

    /// The function of an organizer.
    pub fn function(&self, organizer: &str) -> Result<&Function, FeedbackError> {
        self.loaded(organizer).map(|loaded| &loaded.function)
    }

    /// One run. A busy lease is no error: the report says REFUSED.
    pub async fn run(&self, organizer: &str, request: RunRequest) -> Result<RunReport, FeedbackError> {
        self.run_telling(organizer, request, None).await
    }

    /// Starts a run that does not end when the caller goes away, and answers as soon as it has its lease.
    /// [`Feedback::idle`] waits for it.
    pub async fn start(&self, organizer: &str, request: RunRequest) -> Result<Started, FeedbackError> {
        let active = Active::new(&self.active);
        if *self.stopping.borrow() {
            return Err(FeedbackError::Stopping);
        }
        let (has_lease, told) = oneshot::channel();
        let (feedback, organizer) = (self.clone(), organizer.to_owned());
        let ended = tokio::spawn(async move {
            let _active = active;
            feedback.run_telling(&organizer, request, Some(has_lease)).await
        });
        if let Ok(run) = told.await {
            return Ok(Started::Begun { run, ended });
        }
        let ended = ended.await.map_err(|panic| StoreError::Fatal(format!("a run ended unexpectedly: {panic}")))?;
        Ok(Started::Refused(Box::new(ended?)))
    }

    async fn run_telling(
        &self,
        organizer: &str,
        request: RunRequest,
        has_lease: Option<oneshot::Sender<RunId>>,
    ) -> Result<RunReport, FeedbackError> {
        let loaded = self.loaded(organizer)?;
        let parts = self.parts(loaded)?;
        let file = match (&request.file, &loaded.function.file_to_upload) {
            (Some(file), _) => Some(file.clone()),
            (None, Some(path)) => {
                let read = tokio::fs::read(path).await;
                let why = |error: std::io::Error| FeedbackError::File {
                    path: path.display().to_string(),
                    why: error.to_string(),
                };
                Some(Bytes::from(read.map_err(why)?))
            }
            (None, None) => None,
        };
        let options = RunOptions {
            trigger: request.trigger,
            holder: loaded.holder,
            file,
            preview: None,
            ignore_waits: request.trigger != Trigger::Schedule,
            seed: identity::number(),
            stopping: self.stopping.subscribe(),
            progress: request.progress,
        };
        let _active = Active::new(&self.active);
        let report = run_telling(&loaded.function, &parts, options, has_lease).await?;
        tracing::info!(
            organizer, run = report.run.0, result = ?report.result, received = report.counters.received,
            updated = report.counters.updated, failed = report.counters.failed, pending = report.counters.pending,
            text = report.text, "Feedback run ended."
        );
        Ok(report)
    }

    /// What setting the key back to the one that move `to` stored (`None`: to empty) would do. Reads at most `pages` pages; a
    /// busy lease gives a report that says REFUSED and has no preview.
    pub async fn preview_rewind(
        &self,
        organizer: &str,
        to: Option<u64>,
        pages: u32,
    ) -> Result<RunReport, FeedbackError> {
        let loaded = self.loaded(organizer)?;
        let parts = self.parts(loaded)?;
        let from = match to {
            None => PaginationKey::default(),
            Some(n) => self.key_of_move(organizer, n).await?,
        };
        let options = RunOptions {
            trigger: Trigger::Preview,
            holder: loaded.holder,
            file: None,
            preview: Some((from, pages)),
            ignore_waits: false,
            seed: identity::number(),
            stopping: self.stopping.subscribe(),
            progress: None,
        };
        let _active = Active::new(&self.active);
        Ok(run(&loaded.function, &parts, options).await?)
    }

    /// The key that move `n` stored.
    async fn key_of_move(&self, organizer: &str, n: u64) -> Result<PaginationKey, FeedbackError> {
        let unknown = || FeedbackError::UnknownMove { organizer: organizer.to_owned(), n };
        let newest = self.store.key_history(organizer, FeedbackPage { offset: 0, limit: 1 }).await?;
        let newest = newest.first().map_or(0, |step| step.n);
        let offset = newest.checked_sub(n).filter(|_| n > 0).ok_or_else(unknown)?;
        let page = FeedbackPage { offset: offset as usize, limit: 1 };
        let found = self.store.key_history(organizer, page).await?;
        found.into_iter().find(|step| step.n == n).map(|step| step.new).ok_or_else(unknown)
    }

    /// Runs end as soon as what they have in flight is settled; no new one starts by its schedule.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until no run of this process is in progress.
    pub async fn idle(&self) {
        let mut active = self.active.subscribe();
        // An error would say that nobody counts any more; this value does.
        let _ended = active.wait_for(|active| *active == 0).await.is_ok();
    }

    /// Becomes true when runs are to end.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    pub(super) fn time(&self) -> &dyn Time {
        &*self.time
    }

    fn loaded(&self, organizer: &str) -> Result<&Loaded, FeedbackError> {
        let of_organizer = || self.functions.iter().filter(|loaded| &*loaded.function.organizer == organizer);
        let active = of_organizer().find(|loaded| loaded.function.active);
        active.or_else(|| of_organizer().next()).ok_or_else(|| {
            let names: Vec<String> =
                self.functions.iter().map(|loaded| format!("`{}`", loaded.function.organizer)).collect();
            let known = if names.is_empty() {
                String::from("the configuration has no `[[feedback]]` section; add one")
            } else {
                format!("configured are {}", names.join(", "))
            };
            FeedbackError::UnknownOrganizer { organizer: organizer.to_owned(), known }
        })
    }

    fn parts(&self, loaded: &Loaded) -> Result<Parts, FeedbackError> {
        if !loaded.function.active {
            return Err(FeedbackError::Unusable {
                function: loaded.function.internal_name.to_string(),
                why: String::from("it is not active; set `active = true`, and `false` for any other of its organizer"),
            });
        }
        let (wallet, box_office) = loaded.wires.as_ref().map_err(|why| FeedbackError::Unusable {
            function: loaded.function.internal_name.to_string(),
            why: why.clone(),
        })?;
        Ok(Parts {
            store: Arc::clone(&self.store),
            wallet: Arc::clone(wallet),
            box_office: Arc::clone(box_office),
            time: Arc::clone(&self.time),
        })
    }
}

fn wires(
    settings: &FeedbackConfig,
    config: &Config,
    environment: &Environment,
    observer: Option<&Arc<dyn ExchangeObserver>>,
) -> Result<Wires, String> {
    let wire = |name| -> Result<Arc<dyn Wire>, String> {
        let platform = config.platforms.get(name).ok_or_else(|| format!("no platform `{name}` is configured"))?;
        let client =
            mobile::load(name, platform, environment, observer).map_err(|why| format!("platform `{name}`: {why}"))?;
        Ok(Arc::new(client))
    };
    Ok((wire(&settings.source)?, wire(&settings.box_office)?))
}

/// Counts a run for as long as it lives.
struct Active(watch::Sender<usize>);

impl Active {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|active| *active += 1);
        Self(count.clone())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.send_modify(|active| *active -= 1);
    }
}
