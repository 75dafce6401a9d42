//! Offload: CSV files of the network into the sample store (telecom contract §3).
//!
//! Guarantee: a file's content is taken in once within `retention_h`, whole or not at all, however often it comes and
//! wherever the process dies; no file, whatever is in it, ends the process. A file that is refused is reported with
//! its name, the reason and what to do, and left alone until it changes.
//!
//! Limits: one scan at a time per process; 100,000 watched files; 100,000 rows per report of rejected rows. Files are
//! found by looking again and again: nothing is seen faster than the caller looks. The clock comes in as an argument.

mod load;
mod pieces;
mod plant;
mod rejects;
mod report;
mod settings;
mod topology;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex as BlockingMutex, MutexGuard, PoisonError};

use ticketbridge_core::network::Timestamp;
use ticketbridge_core::network::load::Counters;
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::time::Wall;
use ticketbridge_store::StoreError;
use ticketbridge_store::samples::{FileKind, SampleStore, TopologyState, TopologyVersion};
use tokio::sync::Mutex;
use tokio::task::JoinError;

use self::load::Loader;
use crate::events::{Event, Events};

use self::watch::{Candidate, Found, Watch};

pub use load::total_counters;
pub use plant::{Plant, PlantCache};
pub use report::{FileOutcome, FileReport, KindStatus, ScanReport};
pub use settings::{OffloadSettings, Source};

/// Scans that wait for a file which is still written to, before the others go on without it.
const PATIENCE: u32 = 3;
/// Between two clearings of what is older than the retention.
const CLEARING_MS: i64 = 3_600_000;

/// Takes files in. Share it by reference; its methods may be called at any time and wait for each other.
pub struct Offload {
    shared: Arc<Shared>,
    state: Arc<Mutex<State>>,
    /// Whoever watches hears of each file here.
    told: Option<Events>,
    /// What the last call left behind, for those who look while the next one works.
    shown: Arc<BlockingMutex<Shown>>,
}

/// What [`Offload::status`] tells beside what is stored.
#[derive(Debug, Clone, Default)]
struct Shown {
    waiting: BTreeMap<FileKind, usize>,
    problems: BTreeMap<FileKind, String>,
}

struct Shared {
    store: Arc<SampleStore>,
    plants: Arc<PlantCache>,
    offload: OffloadSettings,
    network: Arc<Settings>,
}

#[derive(Default)]
struct State {
    watch: Watch,
    /// Something new came since the last complete scan.
    news: bool,
    /// Scans in a row that left files waiting.
    held: u32,
    waiting: BTreeMap<FileKind, usize>,
    problems: BTreeMap<FileKind, String>,
    cleared_at: Option<Wall>,
}

impl Offload {
    /// Nothing is looked at before the first call of [`Offload::scan`].
    pub fn new(
        store: Arc<SampleStore>,
        plants: Arc<PlantCache>,
        offload: OffloadSettings,
        network: Arc<Settings>,
    ) -> Self {
        let shared = Arc::new(Shared { store, plants, offload, network });
        Self { shared, state: Arc::default(), told: None, shown: Arc::default() }
    }

    /// Tells whoever watches of each file.
    #[must_use]
    pub(crate) fn telling(self, events: Events) -> Self {
        Self { told: Some(events), ..self }
    }

    /// The same with other sources and rules; what was seen so far is known to both. A scan in progress ends as it began.
    pub(crate) fn renewed(&self, offload: OffloadSettings, network: Arc<Settings>) -> Self {
        let (store, plants) = (Arc::clone(&self.shared.store), Arc::clone(&self.shared.plants));
        let shared = Arc::new(Shared { store, plants, offload, network });
        Self { shared, state: Arc::clone(&self.state), told: self.told.clone(), shown: Arc::clone(&self.shown) }
    }

    /// Looks at all sources and takes in what is ready: topology first, then KPI files in byte order of their names.
    ///
    /// Errors: only [`StoreError::Fatal`], after which the process must stop; everything else is in the report.
    pub async fn scan(&self, now: Wall) -> Result<ScanReport, StoreError> {
        self.telling_of(self.blocking(move |shared, state| shared.scan(state, &FileKind::ALL, false, now)).await)
    }

    /// *Offload now*: takes in all files of one kind that are there and not yet taken, without waiting for a second look.
    pub async fn offload_now(&self, kind: FileKind, now: Wall) -> Result<ScanReport, StoreError> {
        self.telling_of(self.blocking(move |shared, state| shared.scan(state, &[kind], true, now)).await)
    }

    /// Takes in one file that was handed over, by command or upload. `name` stands for it in messages and reports.
    pub async fn hand_over(
        &self,
        kind: FileKind,
        path: PathBuf,
        name: String,
        now: Wall,
    ) -> Result<ScanReport, StoreError> {
        let file = Candidate { kind, path, name, look: None };
        let scanned = self.blocking(move |shared, state| {
            let files = shared.loader(now).load(&[file])?;
            state.note(&files);
            let complete = files.iter().any(FileReport::is_news);
            state.news &= !complete;
            Ok(ScanReport { files, waiting: 0, complete })
        });
        self.telling_of(scanned.await)
    }

    /// The state of all kinds, in the order of loading. Does not wait for a scan in progress: it shows what was before.
    pub async fn status(&self) -> Result<Vec<KindStatus>, StoreError> {
        let (shared, shown) = (Arc::clone(&self.shared), lock(&self.shown).clone());
        tokio::task::spawn_blocking(move || shared.status(&shown))
            .await
            .unwrap_or_else(|stopped| Err(unexpected(&stopped)))
    }

    /// Whether files are being looked at or taken in at this moment.
    pub fn is_busy(&self) -> bool {
        self.state.try_lock().is_err()
    }

    /// Makes the waiting topology the active one; false: it is not waiting (any more).
    pub async fn confirm_topology(&self, version: TopologyVersion) -> Result<bool, StoreError> {
        self.blocking(move |shared, state| {
            let confirmed = shared.store.confirm_topology(version)?;
            state.news |= confirmed;
            Ok(confirmed)
        })
        .await
    }

    /// Throws the waiting topology away; false: it is not waiting (any more).
    pub async fn refuse_topology(&self, version: TopologyVersion) -> Result<bool, StoreError> {
        self.blocking(move |shared, _| shared.store.refuse_topology(version)).await
    }

    /// Tells whoever watches of the files of a scan.
    fn telling_of(&self, scanned: Result<ScanReport, StoreError>) -> Result<ScanReport, StoreError> {
        if let (Some(events), Ok(report)) = (&self.told, &scanned) {
            for file in &report.files {
                let (kind, outcome) = (file.kind.as_str(), file.outcome.as_str());
                events.publish(Event::Offloads { kind, file: file.name.clone(), outcome });
            }
        }
        scanned
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, &mut State) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut state = Arc::clone(&self.state).lock_owned().await;
        let (shared, shown) = (Arc::clone(&self.shared), Arc::clone(&self.shown));
        let working = tokio::task::spawn_blocking(move || {
            let done = work(&shared, &mut state);
            *lock(&shown) = Shown { waiting: state.waiting.clone(), problems: state.problems.clone() };
            done
        });
        working.await.unwrap_or_else(|stopped| Err(unexpected(&stopped)))
    }
}

/// Only a defect of ours gets here: the file stays, and the next scan tries it again.
fn unexpected(stopped: &JoinError) -> StoreError {
    StoreError::Refused(format!("the offload stopped unexpectedly: {stopped}; please report it with the file"))
}

/// Replaced whole: a panic elsewhere leaves none half-made.
fn lock(shown: &BlockingMutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn loader(&self, now: Wall) -> Loader<'_> {
        Loader { store: &self.store, plants: &self.plants, offload: &self.offload, network: &self.network, now }
    }

    fn scan(&self, state: &mut State, kinds: &[FileKind], at_once: bool, now: Wall) -> Result<ScanReport, StoreError> {
        let Found { mut ready, waiting, unreadable } = state.watch.look(&self.offload, kinds, at_once, now);
        let is_topology = |kind: FileKind| kind.kpi().is_none();
        let mut left: usize = waiting.values().sum();
        if state.held < PATIENCE && waiting.keys().any(|kind| is_topology(*kind)) {
            // A topology of which half is still written would orphan what comes with it.
            left += ready.len();
            ready.clear();
        }
        state.held = if left == 0 { 0 } else { state.held + 1 };
        for &kind in kinds {
            state.waiting.insert(kind, waiting.get(&kind).copied().unwrap_or_default());
            // A source that can be read again has no problem; a refused file keeps its own until another is loaded.
            if state.problems.get(&kind).is_some_and(|problem| problem.starts_with(UNREADABLE)) {
                state.problems.remove(&kind);
            }
        }
        for (kind, path, why) in unreadable {
            let problem = format!(
                "{UNREADABLE} `{}` can't be looked at: {why}; check `[offload.{kind}]` and the rights on it",
                path.display()
            );
            tracing::warn!(kind = kind.as_str(), problem, "offload source");
            state.problems.insert(kind, problem);
        }
        let files = self.loader(now).load(&ready)?;
        for (file, report) in ready.iter().map(|file| (file, files.iter().find(|report| is_of(report, file)))) {
            if report.is_some_and(|report| !matches!(report.outcome, FileOutcome::Failed { .. })) {
                state.watch.done(file);
            }
        }
        state.note(&files);
        let complete = state.news && (left == 0 || state.held >= PATIENCE);
        if complete {
            state.news = false;
        }
        self.clear(state, now)?;
        Ok(ScanReport { files, waiting: left, complete })
    }

    /// Once an hour: drops days of samples, load records and reports that the retention has left behind.
    fn clear(&self, state: &mut State, now: Wall) -> Result<(), StoreError> {
        if state.cleared_at.is_some_and(|at| (now.0 - at.0).abs() < CLEARING_MS) {
            return Ok(());
        }
        state.cleared_at = Some(now);
        let oldest_ms = now.0.saturating_sub(self.network.retention_s().saturating_mul(1_000));
        match self.store.retain(Timestamp(oldest_ms.div_euclid(1_000)), Wall(oldest_ms)) {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "old samples dropped"),
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => tracing::warn!(%error, "old samples were not dropped"),
        }
        let folders: std::collections::BTreeSet<_> =
            self.offload.sources.values().filter_map(|source| source.reports.as_deref()).collect();
        for folder in folders {
            match rejects::sweep(folder, oldest_ms) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(folder = %folder.display(), %error, "old reports were not dropped");
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn status(&self, shown: &Shown) -> Result<Vec<KindStatus>, StoreError> {
        let awaits = self.store.topology_version(TopologyState::Waiting)?;
        let status = |kind: FileKind| -> Result<KindStatus, StoreError> {
            let last = self.store.loads(kind, 1)?.pop();
            let counters: Counters =
                last.as_ref().and_then(|load| serde_json::from_str(&load.counters).ok()).unwrap_or_default();
            let source = self.offload.sources.get(&kind);
            Ok(KindStatus {
                kind,
                file_path: source.and_then(|source| source.path.clone().or_else(|| source.folder.clone())),
                processed_lines: counters.rows,
                last_update: last.as_ref().map(|load| load.loaded_at),
                last_file: last.map(|load| load.file),
                counters,
                waiting: shown.waiting.get(&kind).copied().unwrap_or_default(),
                awaits_confirmation: awaits.filter(|_| kind.kpi().is_none()),
                problem: shown.problems.get(&kind).cloned(),
            })
        };
        FileKind::ALL.into_iter().map(status).collect()
    }
}

const UNREADABLE: &str = "the source";

fn is_of(report: &FileReport, file: &Candidate) -> bool {
    report.kind == file.kind && report.path == file.path
}

impl State {
    fn note(&mut self, files: &[FileReport]) {
        self.news |= files.iter().any(FileReport::is_news);
        for file in files {
            match &file.outcome {
                FileOutcome::Refused { why }
                | FileOutcome::Failed { why }
                | FileOutcome::Loaded { warning: Some(why), .. } => {
                    self.problems.insert(file.kind, why.clone());
                }
                FileOutcome::Loaded { .. } | FileOutcome::Known | FileOutcome::Waits { .. } => {
                    self.problems.remove(&file.kind);
                }
            }
        }
    }
}

/// Files of a folder as a preview takes them: all that are there, in the order of a scan.
pub(crate) fn load_folder(
    folder: &std::path::Path,
    store: &SampleStore,
    plants: &PlantCache,
    network: &Settings,
    now: Wall,
) -> Result<(Vec<FileReport>, Vec<String>), StoreError> {
    let offload = OffloadSettings::folder(folder, None);
    let found = Watch::default().look(&offload, &FileKind::ALL, true, now);
    let unreadable =
        found.unreadable.into_iter().map(|(_, path, why)| format!("`{}`: {why}", path.display())).collect();
    let loader = Loader { store, plants, offload: &offload, network, now };
    Ok((loader.load(&found.ready)?, unreadable))
}
