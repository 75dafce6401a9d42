//! One run, from its lease to its record (TIXNGO contract §6.1).
//!
//! The lease is kept beside the work; when it is lost the work is dropped where it stands. Whatever it had under way is
//! harmless: every write to the store shows the token, and every call to the box office has its committed intent, so
//! that the next run finds it unclear and decides its items again on what the box office then shows.

use std::sync::Arc;

use bytes::Bytes;
use ticketbridge_core::mobile::{
    Counters, ItemState, Page, PageSource, PaginationKey, Rules, RunError, RunResult, Turn, run_result, turn,
};
use ticketbridge_core::time::Mono;
use ticketbridge_store::{
    BeginAnswer, BeginRun, FeedbackStore, FeedbackWrites, Held, NewPage, PageId, RunEnd, RunFence, RunGrant, RunId,
    StoreError, StoredPage, Trigger,
};
use tokio::sync::watch;
use uuid::Uuid;

use super::apply::HeldBack;
use super::backoff::Pauses;
use super::contacts::Doubts;
use super::function::Function;
use super::lease::LeaseLife;
use super::preview::Preview;
use super::report::{FailedTicket, RunReport};
use super::wire::{Time, Wire};

/// What a run says whose lease was lost.
const LEASE_LOST: &str = "another process took the lease; nothing was written after that. \
                          The next run goes on where this one stopped.";

/// What runs work with.
#[derive(Clone)]
pub struct Parts {
    /// The store.
    pub store: Arc<dyn FeedbackStore>,
    /// The wallet.
    pub wallet: Arc<dyn Wire>,
    /// The box office.
    pub box_office: Arc<dyn Wire>,
    /// The clocks.
    pub time: Arc<dyn Time>,
}

/// How a run is to go.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// What starts it.
    pub trigger: Trigger,
    /// Who holds the lease: one value per process and function.
    pub holder: Uuid,
    /// A page that is processed instead of a call.
    pub file: Option<Bytes>,
    /// Nothing is applied: what reading this many pages from this key would do.
    pub preview: Option<(PaginationKey, u32)>,
    /// Items that wait for a later try are tried now.
    pub ignore_waits: bool,
    /// Seed of the pauses.
    pub seed: u64,
    /// True: end as soon as what is in flight is settled.
    pub stopping: watch::Receiver<bool>,
    /// Is told of the counters now and then.
    pub progress: Option<watch::Sender<Counters>>,
}

/// Why a run ends, or stops applying, before its time.
#[derive(Debug)]
pub(super) enum Stop {
    LeaseLost,
    /// The store refused or failed.
    Store(StoreError),
    /// The diff call failed.
    Diff(String),
    /// The box office turned whole calls down.
    SetUp(String),
    /// The box office does not answer: applying stops, pages are still stored.
    Down(String),
    /// Strict mode: an item failed.
    Strict(String),
    /// The uploaded file is no page.
    File(String),
    /// The process is asked to stop.
    Asked,
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a write of the run answered, if the lease is still ours.
pub(super) fn held<T>(answer: Held<T>) -> Result<T, Stop> {
    match answer {
        Held::Done(value) => Ok(value),
        Held::Lost => Err(Stop::LeaseLost),
    }
}

/// A run in progress.
pub(super) struct Runner<'a> {
    pub(super) function: &'a Function,
    pub(super) parts: &'a Parts,
    pub(super) fence: RunFence,
    pub(super) life: LeaseLife,
    pub(super) begun: Mono,
    pub(super) rules: Rules,
    pub(super) ignore_waits: bool,
    pub(super) counters: Counters,
    pub(super) pauses: Pauses,
    /// Written with the next transaction.
    pub(super) writes: FeedbackWrites,
    pub(super) failed: Vec<FailedTicket>,
    pub(super) held_back: HeldBack,
    pub(super) doubts: Doubts,
    /// Waves in a row in which nothing came through.
    pub(super) fruitless: u32,
    key: PaginationKey,
    key_not_advanced: bool,
    open_pages: Vec<PageId>,
    /// Why applying has stopped.
    down: Option<String>,
    stopping: watch::Receiver<bool>,
    progress: Option<watch::Sender<Counters>>,
    preview: Option<Preview>,
}

/// One whole run. Only a fatal error of the store is an error; all else is in the report.
pub async fn run(function: &Function, parts: &Parts, options: RunOptions) -> Result<RunReport, StoreError> {
    run_telling(function, parts, options, |_| {}).await
}

/// As [`run`]. `has_lease` is told as soon as the run has its lease, and dropped untold if it gets none.
pub(super) async fn run_telling(
    function: &Function,
    parts: &Parts,
    options: RunOptions,
    has_lease: impl FnOnce(RunId) + Send,
) -> Result<RunReport, StoreError> {
    let begun = parts.time.now();
    let request = BeginRun {
        organizer: function.organizer.clone(),
        internal_name: function.internal_name.clone(),
        trigger: options.trigger,
        holder: options.holder,
        time_to_live: function.lease,
        at: begun.wall,
    };
    let grant = match parts.store.begin_run(request).await? {
        BeginAnswer::Begun(grant) => *grant,
        BeginAnswer::Refused { run, by, remaining } => {
            return Ok(RunReport::refused(function, run, by, remaining, begun.wall));
        }
    };
    let fence = grant.fence.clone();
    has_lease(fence.run);
    let life = LeaseLife::new(begun.mono, function.lease, Arc::clone(&parts.time));
    let mut runner = Runner::new(function, parts, &grant, life.clone(), &options);
    let ended = {
        let work = runner.work(grant.open_pages, &options);
        tokio::pin!(work);
        tokio::select! {
            biased;
            stop = life.keep(&*parts.store, &fence, function.lease) => Err(stop),
            ended = &mut work => ended,
        }
    };
    runner.finish(ended).await
}

impl<'a> Runner<'a> {
    fn new(function: &'a Function, parts: &'a Parts, grant: &RunGrant, life: LeaseLife, options: &RunOptions) -> Self {
        let now = parts.time.now();
        let counters = Counters { key_before: grant.key.clone(), key_after: grant.key.clone(), ..Counters::default() };
        Self {
            function,
            parts,
            fence: grant.fence.clone(),
            life,
            begun: now.mono,
            rules: function.rules(&[]),
            ignore_waits: options.ignore_waits,
            counters,
            pauses: Pauses::new(options.seed, function.retry),
            writes: FeedbackWrites::at(now.wall),
            failed: Vec::new(),
            held_back: HeldBack::default(),
            doubts: Doubts::default(),
            fruitless: 0,
            key: grant.key.clone(),
            key_not_advanced: false,
            open_pages: Vec::new(),
            down: None,
            stopping: options.stopping.clone(),
            progress: options.progress.clone(),
            preview: None,
        }
    }

    async fn work(&mut self, open_pages: Vec<PageId>, options: &RunOptions) -> Result<(), Stop> {
        if let Some((from, pages)) = options.preview.clone() {
            self.read_skip_list().await?;
            self.preview = Some(self.preview(from, pages).await?);
            return Ok(());
        }
        self.open_pages.clone_from(&open_pages);
        for page in open_pages {
            self.apply_stored(page).await?;
        }
        if let Some(file) = &options.file {
            self.take_file(file.clone()).await?;
        } else {
            for _ in 0..self.function.pages_per_run {
                if !self.take_page().await? {
                    break;
                }
            }
        }
        self.wait_out_doubts().await
    }

    /// Fetches, stores and applies one page. Answers whether another one may follow.
    async fn take_page(&mut self) -> Result<bool, Stop> {
        self.go_on()?;
        let key = self.key.clone();
        let body = self.fetch(&key).await?;
        let page = Page::read(&body).map_err(|error| Stop::Diff(error.to_string()))?;
        let turn = turn(PageSource::Diff, &self.key, &page);
        let items = page.items.len();
        if items == 0 {
            return Ok(false);
        }
        let next = match &turn {
            Turn::Advance(next) => Some(next.clone()),
            Turn::Keep | Turn::NotAdvanced => None,
        };
        self.store_and_apply(PageSource::Diff, body, items, next.clone()).await?;
        if turn == Turn::NotAdvanced {
            self.key_not_advanced = true;
            tracing::warn!(organizer = %self.function.organizer, "KEY_NOT_ADVANCED: items came, but no new pagination key.");
        }
        Ok(next.is_some())
    }

    async fn take_file(&mut self, body: Bytes) -> Result<(), Stop> {
        let items = Page::read(&body).map_err(|error| Stop::File(error.to_string()))?.items.len();
        if items == 0 {
            return Ok(());
        }
        self.store_and_apply(PageSource::File, body, items, None).await
    }

    /// One transaction for page, items and key; then the items.
    async fn store_and_apply(
        &mut self,
        source: PageSource,
        body: Bytes,
        items: usize,
        next: Option<PaginationKey>,
    ) -> Result<(), Stop> {
        let new = NewPage {
            source,
            sent: self.key.clone(),
            next: next.clone(),
            body: body.clone(),
            items: items as u32,
            at: self.parts.time.now().wall,
        };
        let id = held(self.parts.store.store_page(&self.fence, new).await?)?;
        self.counters.pages += 1;
        self.counters.received += items as u64;
        if let Some(next) = next {
            self.counters.key_after = next.clone();
            self.key = next;
        }
        self.tell();
        self.open_pages.push(id);
        let states = vec![ItemState::Pending; items];
        self.apply(StoredPage { id, source, body: Some(body), states, waiting: Vec::new() }).await
    }

    /// Applies what is left of a stored page.
    async fn apply_stored(&mut self, page: PageId) -> Result<(), Stop> {
        match self.parts.store.page(page).await? {
            Some(stored) => self.apply(stored).await,
            None => Ok(()),
        }
    }

    /// Applies a page, unless the box office is known to be away. That it is away ends no run: pages are still stored.
    async fn apply(&mut self, page: StoredPage) -> Result<(), Stop> {
        if self.down.is_some() {
            return Ok(());
        }
        let ended = self.apply_page(page).await;
        if !matches!(ended, Ok(()) | Err(Stop::LeaseLost | Stop::Store(_))) {
            self.flush_if_any().await?;
        }
        match ended {
            Err(Stop::Down(why)) => {
                tracing::warn!(organizer = %self.function.organizer, why, "The box office does not answer; its tickets wait.");
                self.down = Some(why);
                Ok(())
            }
            ended => ended,
        }
    }

    /// Creations without an answer are looked up once more when they can no longer take effect, and sent again if they
    /// have not. What is unclear even then is the next run's.
    async fn wait_out_doubts(&mut self) -> Result<(), Stop> {
        if self.down.is_none()
            && let Some(until) = self.doubts.over_at()
        {
            let wait = until.since(self.parts.time.now().mono);
            tracing::info!(organizer = %self.function.organizer, seconds = wait.as_secs(), "Waiting: a new contact may still appear.");
            let mut stopping = self.stopping.clone();
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => return Err(Stop::Asked),
                () = tokio::time::sleep(wait) => {}
            }
            self.held_back = HeldBack::default();
            self.ignore_waits = true;
            for page in self.open_pages.clone() {
                self.apply_stored(page).await?;
            }
        }
        Ok(())
    }

    /// An error if the process is asked to stop.
    pub(super) fn go_on(&self) -> Result<(), Stop> {
        if *self.stopping.borrow() { Err(Stop::Asked) } else { Ok(()) }
    }

    /// Tells whoever watches.
    pub(super) fn tell(&self) {
        if let Some(progress) = &self.progress {
            progress.send_replace(self.counters.clone());
        }
    }

    /// Writes what has gathered.
    pub(super) async fn flush(&mut self) -> Result<Vec<ticketbridge_store::CallId>, Stop> {
        let now = self.parts.time.now().wall;
        let writes = std::mem::replace(&mut self.writes, FeedbackWrites::at(now));
        let writes = FeedbackWrites { at: now, ..writes };
        held(self.parts.store.write_feedback(&self.fence, writes).await?)
    }

    /// Writes what has gathered, if anything has.
    pub(super) async fn flush_if_any(&mut self) -> Result<(), Stop> {
        if self.writes.is_empty() { Ok(()) } else { self.flush().await.map(drop) }
    }

    /// Nothing of the page is left to be done.
    pub(super) fn page_is_done(&mut self, page: PageId) {
        self.open_pages.retain(|open| *open != page);
    }

    /// The record of the run; gives the lease back.
    async fn finish(mut self, ended: Result<(), Stop>) -> Result<RunReport, StoreError> {
        let (error, text) = match ended {
            Ok(()) => (None, self.down.take()),
            Err(Stop::Store(error @ StoreError::Fatal(_))) => return Err(error),
            Err(Stop::LeaseLost) => {
                return Ok(self.report(Some(RunError::LeaseLost), Some(String::from(LEASE_LOST))));
            }
            Err(Stop::Asked) => {
                (None, Some(String::from("the process was asked to stop; the rest follows with the next run")))
            }
            Err(Stop::Store(StoreError::Refused(why))) => (Some(RunError::Store), Some(why)),
            Err(Stop::Diff(why)) => (Some(RunError::DiffCall), Some(why)),
            Err(Stop::SetUp(why)) => (Some(RunError::BoxOfficeSetUp), Some(why)),
            Err(Stop::Strict(why)) => (Some(RunError::StrictStop), Some(why)),
            Err(Stop::File(why)) => (Some(RunError::UnreadableFile), Some(why)),
            Err(Stop::Down(why)) => (None, Some(why)),
        };
        let (error, text) = match self.parts.store.pending_items(&self.function.organizer).await {
            Ok(pending) => {
                self.counters.pending = pending;
                (error, text)
            }
            Err(fatal @ StoreError::Fatal(_)) => return Err(fatal),
            // The lease is given back all the same.
            Err(StoreError::Refused(why)) => (error.or(Some(RunError::Store)), text.or(Some(why))),
        };
        let report = self.report(error, text);
        let end = RunEnd {
            at: report.ended_at,
            result: report.result,
            error,
            text: report.text.clone(),
            counters: report.counters.clone(),
        };
        match self.parts.store.end_run(&self.fence, end).await? {
            Held::Done(()) => Ok(report),
            Held::Lost => Ok(RunReport {
                result: RunResult::Error,
                error: Some(RunError::LeaseLost),
                text: Some(String::from(LEASE_LOST)),
                ..report
            }),
        }
    }

    fn report(&mut self, error: Option<RunError>, text: Option<String>) -> RunReport {
        let result = run_result(&self.counters, self.key_not_advanced, error);
        RunReport {
            run: self.fence.run,
            organizer: self.function.organizer.clone(),
            internal_name: self.function.internal_name.clone(),
            result,
            error,
            text,
            key_not_advanced: self.key_not_advanced,
            counters: self.counters.clone(),
            failed: std::mem::take(&mut self.failed),
            preview: self.preview.take(),
            ended_at: self.parts.time.now().wall,
        }
    }
}
