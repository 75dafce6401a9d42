//! All functions of a configuration, ready to run.

use std::sync::Arc;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use ticketbridge_config::Config;
use ticketbridge_config::sections::Feedback as FeedbackConfig;
use ticketbridge_core::mobile::{Counters, MAX_PAGE_BYTES, PaginationKey, RunResult, tells_recipients};
use ticketbridge_core::time::Wall;
use ticketbridge_platforms::http::{ExchangeObserver, Redactor, Secret};
use ticketbridge_store::{FeedbackPage, FeedbackStore, RunId, StoreError, Trigger};
use tokio::io::AsyncReadExt as _;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::dump::{DumpingWire, RunDump, dumps_folder, remove_old_dumps};
use super::function::Function;
use super::report::RunReport;
use super::run::{Parts, RunOptions, run, run_telling};
use super::wire::{Time, Wire};
use crate::clock::Clock;
use crate::events::{Event, Events, FeedbackStep, GATHER};
use crate::identity;
use crate::mail::{FailedItem, FeedbackNews, Mailer, Notify, feedback_message};
use crate::platforms::{self, Environment, mobile};

/// Rows deleted in one transaction.
const PURGE_STEP: usize = 500;

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
    /// The file of a function cannot be read, or is larger than a page may be.
    #[error("the file {path} cannot be taken as a page: {why}. Mend the file, or `file_to_upload` of the function")]
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
    /// What it was made of; `None`: by the caller's own hands.
    made_of: Option<MadeOf>,
    /// Wallet and box office, or why they cannot be used.
    wires: Result<Wires, String>,
    holder: Uuid,
    /// Where dumps of its runs go, and what is masked in them.
    dumps: Option<(PathBuf, Vec<Secret>)>,
}

/// All functions of a configuration. Cheap to clone.
#[derive(Clone)]
pub struct Feedback {
    functions: Arc<Vec<Arc<Loaded>>>,
    store: Arc<dyn FeedbackStore>,
    time: Arc<dyn Time>,
    notify: Option<Arc<dyn Notify>>,
    /// Whoever watches hears of runs here.
    told: Option<Events>,
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
        let mut accounts = BTreeMap::new();
        let load = |settings: &FeedbackConfig| Loaded {
            function: Function::new(settings, config),
            made_of: Some(MadeOf::of(settings, config, environment)),
            wires: own_account(settings, config, environment, &mut accounts)
                .and_then(|()| wires(settings, config, environment, observer)),
            holder: identity::holder(),
            dumps: (settings.max_dump_kib > 0).then(|| {
                let platforms = [&settings.source, &settings.box_office];
                let platforms = platforms.into_iter().filter_map(|name| config.platforms.get(name));
                let secrets = platforms.filter_map(|platform| mobile::secrets(platform, environment));
                (dumps_folder(&config.store.url), secrets.collect())
            }),
        };
        let functions = config.feedback.iter().map(load).collect();
        let mut feedback = Self::of(functions, store, Arc::new(clock));
        match Mailer::from_config(&config.mail, environment) {
            Ok(mailer) => feedback.notify = mailer.map(|mailer| Arc::new(mailer) as Arc<dyn Notify>),
            Err(error) => tracing::error!(%error, "No mail can be sent: nobody is told of errors."),
        }
        feedback
    }

    /// The functions of a newer configuration in the place of these. Runs in progress end as they began; a function that
    /// is made of the same keeps its connections.
    pub(crate) fn renewed(&self, newer: &Self) -> Self {
        let keep = |new: &Arc<Loaded>| {
            let is_same = |old: &&Arc<Loaded>| old.made_of.is_some() && old.made_of == new.made_of && old.wires.is_ok();
            Arc::clone(self.functions.iter().find(is_same).unwrap_or(new))
        };
        let functions = Arc::new(newer.functions.iter().map(keep).collect());
        Self { functions, notify: newer.notify.clone(), ..self.clone() }
    }

    /// Tells people by other means.
    #[must_use]
    pub fn notifying(mut self, notify: Arc<dyn Notify>) -> Self {
        self.notify = Some(notify);
        self
    }

    /// Functions with the wires of their wallet and their box office, in a world of the caller's own.
    pub fn with_wires(
        functions: impl IntoIterator<Item = (Function, Arc<dyn Wire>, Arc<dyn Wire>)>,
        store: Arc<dyn FeedbackStore>,
        time: Arc<dyn Time>,
    ) -> Self {
        let load = |(function, wallet, box_office)| Loaded {
            function,
            made_of: None,
            wires: Ok((wallet, box_office)),
            holder: identity::holder(),
            dumps: None,
        };
        Self::of(functions.into_iter().map(load).collect(), store, time)
    }

    fn of(functions: Vec<Loaded>, store: Arc<dyn FeedbackStore>, time: Arc<dyn Time>) -> Self {
        let functions = Arc::new(functions.into_iter().map(Arc::new).collect());
        let (stopping, active) = (watch::Sender::new(false), watch::Sender::new(0));
        Self { functions, store, time, notify: None, told: None, stopping, active }
    }

    /// Tells whoever watches of runs.
    #[must_use]
    pub(crate) fn telling(mut self, events: Events) -> Self {
        self.told = Some(events);
        self
    }

    /// Tells whoever watches how far a run is.
    fn announce(&self, organizer: &str, run: RunId, what: FeedbackStep, result: Option<RunResult>) {
        if let Some(events) = &self.told {
            events.publish(Event::Feedback { organizer: organizer.to_owned(), run: run.0, what, result });
        }
    }

    /// Tells whoever watches that a run went on, with [`GATHER`] between, until it is over.
    async fn tell_progress(self, organizer: String, run: RunId, mut progress: watch::Receiver<Counters>) {
        while self.told.is_some() && progress.changed().await.is_ok() {
            self.announce(&organizer, run, FeedbackStep::Page, None);
            tokio::time::sleep(GATHER).await;
        }
    }

    /// Who tells people, if anybody can.
    pub(crate) fn notifier(&self) -> Option<Arc<dyn Notify>> {
        self.notify.clone()
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
        self.run_telling(organizer, request, |_| {}).await
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
            let told = |run| {
                // Whoever wanted to know may be gone.
                let _told = has_lease.send(run);
            };
            feedback.run_telling(&organizer, request, told).await
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
        has_lease: impl FnOnce(RunId) + Send,
    ) -> Result<RunReport, FeedbackError> {
        let loaded = self.loaded(organizer)?;
        let dump = Arc::new(OnceLock::new());
        let parts = loaded.dumping(self.parts(loaded)?, &dump);
        let file = match (&request.file, &loaded.function.file_to_upload) {
            (Some(file), _) => Some(file.clone()),
            (None, Some(path)) => Some(read_page(path).await?),
            (None, None) => None,
        };
        let progress = request.progress.unwrap_or_default();
        let options = RunOptions {
            trigger: request.trigger,
            holder: loaded.holder,
            file,
            preview: None,
            ignore_waits: request.trigger != Trigger::Schedule,
            seed: identity::number(),
            stopping: self.stopping.subscribe(),
            progress: Some(progress.clone()),
        };
        let _active = Active::new(&self.active);
        let telling = OnceLock::new();
        let begun = |run| {
            if let Some(opened) = loaded.open_dump(run) {
                // Set once per run.
                let _set = dump.set(opened);
            }
            self.announce(organizer, run, FeedbackStep::Started, None);
            if self.told.is_some() {
                let told = self.clone().tell_progress(organizer.to_owned(), run, progress.subscribe());
                telling.get_or_init(|| tokio::spawn(told));
            }
            has_lease(run);
        };
        let ended = run_telling(&loaded.function, &parts, options, begun).await;
        drop(parts);
        if let Some(telling) = telling.into_inner() {
            // Over before it is told that the run is.
            telling.abort();
            let _cancelled = telling.await;
        }
        if let Some(dump) = Arc::into_inner(dump).and_then(OnceLock::into_inner) {
            dump.close().await;
        }
        let report = ended?;
        tracing::info!(
            organizer, run = report.run.0, result = ?report.result, received = report.counters.received,
            updated = report.counters.updated, failed = report.counters.failed, pending = report.counters.pending,
            text = report.text, "Feedback run ended."
        );
        self.announce(organizer, report.run, FeedbackStep::Ended, Some(report.result));
        // A preview changes nothing.
        if report.preview.is_none() {
            crate::telemetry::feedback_ran(&report.organizer, report.result, &report.counters, report.ended_at);
        }
        self.tell(&loaded.function, &report).await;
        Ok(report)
    }

    /// One mail per run that ended with an error or has failed tickets. A mail that cannot be sent changes no run.
    async fn tell(&self, function: &Function, report: &RunReport) {
        let Some(notify) = &self.notify else { return };
        if function.error_recipients.is_empty() || !tells_recipients(&report.counters, report.result) {
            return;
        }
        let failed: Vec<FailedItem<'_>> = report
            .failed
            .iter()
            .map(|failed| FailedItem { ticket_id: failed.ticket_id.as_deref(), code: &failed.code })
            .collect();
        let message = feedback_message(&FeedbackNews {
            organizer: &report.organizer,
            internal_name: &report.internal_name,
            run: report.run.0,
            result: report.result,
            error: report.error,
            text: report.text.as_deref(),
            failed: &failed,
            failed_count: report.counters.failed,
            pending_count: report.counters.pending,
        });
        if let Err(error) = notify.send(&function.error_recipients, &message).await {
            tracing::error!(organizer = %report.organizer, %error, "The error recipients could not be told.");
        }
    }

    /// Deletes what is older than `before`: bodies of applied pages, calls, runs; and dumps that are older than `keep_dumps`.
    pub(crate) async fn purge(&self, before: Wall, keep_dumps: Duration) -> Result<(), StoreError> {
        while self.store.purge_feedback(before, PURGE_STEP).await? > 0 {
            tokio::task::yield_now().await;
        }
        let now = self.time.now().wall;
        let folders: BTreeSet<PathBuf> =
            self.functions.iter().filter_map(|loaded| Some(loaded.dumps.as_ref()?.0.clone())).collect();
        for folder in folders {
            let removing = tokio::task::spawn_blocking(move || remove_old_dumps(&folder, keep_dumps, now));
            if let Ok(Err(error)) = removing.await {
                tracing::warn!(%error, "Old dumps of feedback runs could not be removed; it is tried again later.");
            }
        }
        Ok(())
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

    fn loaded(&self, organizer: &str) -> Result<&Arc<Loaded>, FeedbackError> {
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

/// A file that is a page; never more of it than a page may have.
async fn read_page(path: &Path) -> Result<Bytes, FeedbackError> {
    let fault = |why: String| FeedbackError::File { path: path.display().to_string(), why };
    let read = async {
        let mut body = Vec::new();
        let file = tokio::fs::File::open(path).await?;
        file.take(MAX_PAGE_BYTES as u64 + 1).read_to_end(&mut body).await?;
        std::io::Result::Ok(body)
    };
    let body = read.await.map_err(|error| fault(error.to_string()))?;
    if body.len() > MAX_PAGE_BYTES {
        return Err(fault(format!("it is larger than {} MiB", MAX_PAGE_BYTES >> 20)));
    }
    Ok(Bytes::from(body))
}

impl Loaded {
    /// The parts, with a note of each exchange once the dump is there.
    fn dumping(&self, parts: Parts, dump: &Arc<OnceLock<RunDump>>) -> Parts {
        if self.dumps.is_none() {
            return parts;
        }
        let note = |wire: &Arc<dyn Wire>, platform: &str| -> Arc<dyn Wire> {
            Arc::new(DumpingWire {
                wire: Arc::clone(wire),
                platform: platform.into(),
                dump: Arc::clone(dump),
                time: Arc::clone(&parts.time),
            })
        };
        Parts {
            wallet: note(&parts.wallet, &self.function.source),
            box_office: note(&parts.box_office, &self.function.box_office),
            ..parts
        }
    }

    fn open_dump(&self, run: RunId) -> Option<RunDump> {
        let (folder, secrets) = self.dumps.as_ref()?;
        let Function { organizer, max_dump_kib, .. } = &self.function;
        RunDump::open(folder.clone(), organizer, run.0, *max_dump_kib, Redactor::new(secrets))
    }
}

/// What a function was made of, to tell whether a newer configuration makes another one.
#[derive(PartialEq, Eq)]
struct MadeOf {
    settings: Box<str>,
    platforms: [Option<platforms::MadeOf>; 2],
}

impl MadeOf {
    fn of(settings: &FeedbackConfig, config: &Config, environment: &Environment) -> Self {
        let platform = |name| {
            let platform = config.platforms.get(name)?;
            Some(platforms::MadeOf::of(name, platform, config, environment))
        };
        Self {
            // Maps with text keys and plain values only: there is nothing that JSON could refuse.
            settings: serde_json::to_string(&(settings, &config.mail.error_recipients)).unwrap_or_default().into(),
            platforms: [platform(&settings.source), platform(&settings.box_office)],
        }
    }
}

/// Refuses a second active function of one account of the wallet, whatever its organizer is called (TIXNGO contract §3). The
/// configuration compares how keys are written down; here they are known.
fn own_account(
    settings: &FeedbackConfig,
    config: &Config,
    environment: &Environment,
    accounts: &mut BTreeMap<[u8; 32], String>,
) -> Result<(), String> {
    let platform = config.platforms.get(&settings.source).filter(|_| settings.active);
    let Some(account) = platform.and_then(|platform| mobile::account(platform, environment)) else {
        return Ok(());
    };
    if let Some(active) = accounts.get(&account) {
        return Err(format!(
            "function `{active}` is active for the same account of the wallet (same address, same API key); set \
             `active = false` for one of them"
        ));
    }
    accounts.insert(account, settings.internal_name.clone());
    Ok(())
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
