//! Processes: each life begins with nothing but the store, serves all organizers side by side, and may end at any of its
//! awaits. One that stands still is not polled: its timers fire late, and it goes on where it stood.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use rand::RngExt;
use ticketbridge_core::mobile::{PaginationKey, RunError, RunResult};
use ticketbridge_core::time::{Mono, Now, Wall};
use ticketbridge_engine::feedback::{Parts, RunOptions, RunReport, Time, run};
use ticketbridge_store::{StoreError, Trigger};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};
use uuid::Uuid;

use super::disk::Disk;
use super::sometimes::Sometimes;
use super::wire::{Line, Platform};
use super::world::{START, Sim};

/// Who does something: a life of a process, for one of the organizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) process: usize,
    pub(super) life: u64,
    pub(super) organizer: usize,
}

/// A process as the world sees it.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) life: u64,
    killed: bool,
    stalled_until: u64,
    waker: Option<Waker>,
    /// How far its wall clock is off.
    pub(super) wall: i64,
    /// What its monotonic clock showed at the beginning of the world.
    mono: u64,
    stopping: watch::Sender<bool>,
}

impl Default for Process {
    fn default() -> Self {
        let stopping = watch::Sender::new(false);
        Self { life: 0, killed: false, stalled_until: 0, waker: None, wall: 0, mono: 0, stopping }
    }
}

impl Process {
    pub(super) fn kill(&mut self) {
        self.killed = true;
        self.wake();
    }

    pub(super) fn stall(&mut self, until: u64) {
        self.stalled_until = self.stalled_until.max(until);
        self.wake();
    }

    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// What runs in a process, for as long as that lives and does not stand still.
struct Mortal<F> {
    sim: Arc<Sim>,
    process: usize,
    inner: Pin<Box<F>>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<F: Future<Output = ()>> Future for Mortal<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            let (killed, until) = {
                let mut world = this.sim.world();
                let process = &mut world.processes[this.process];
                process.waker = Some(cx.waker().clone());
                (process.killed, process.stalled_until)
            };
            if killed {
                return Poll::Ready(());
            }
            let now = this.sim.now();
            if until > now {
                let rest = Duration::from_millis(until - now);
                let sleep = this.sleep.get_or_insert_with(|| Box::pin(sleep(rest)));
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                this.sleep = None;
                continue;
            }
            this.sleep = None;
            if this.inner.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let world = this.sim.world();
            let process = &world.processes[this.process];
            if !process.killed && process.stalled_until <= now {
                return Poll::Pending;
            }
        }
    }
}

/// One process, life after life, until the world is over.
pub(super) async fn live(sim: Arc<Sim>, process: usize) {
    loop {
        let (life, stopping) = {
            let mut world = sim.world();
            if world.over {
                return;
            }
            world.lives_begun += 1;
            let (life, mono) = (world.lives_begun, world.dice.random_range(0..10_000_000));
            let one = &mut world.processes[process];
            (one.life, one.killed, one.stalled_until, one.mono) = (life, false, 0, mono);
            one.stopping = watch::Sender::new(false);
            (life, one.stopping.subscribe())
        };
        let loops = (0..sim.setting.organizers.len())
            .map(|organizer| serve(Arc::clone(&sim), Who { process, life, organizer }, stopping.clone()));
        let inner = Box::pin(async move { drop(join_all(loops).await) });
        Mortal { sim: Arc::clone(&sim), process, inner, sleep: None }.await;
        let down = sim.world().dice.random_range(200..20_000);
        sleep(Duration::from_millis(down)).await;
    }
}

/// Runs of one organizer, again and again.
async fn serve(sim: Arc<Sim>, who: Who, stopping: watch::Receiver<bool>) {
    while !*stopping.borrow() {
        let pause = sim.world().dice.random_range(1..=sim.setting.pause);
        let mut stop = stopping.clone();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = sleep(Duration::from_millis(pause)) => {}
        }
        let (trigger, file, preview) = sim.world().choose_run(who.organizer);
        let wish = RunWish { trigger, file, preview, stopping: stopping.clone() };
        if let Err(error) = run_once(&sim, who, wish).await {
            let mut world = sim.world();
            let now = world.now;
            world.trace.mention(now, || (Vec::new(), format!("{who}: a run broke off: {error}")));
        }
        let mut world = sim.world();
        let wrong = world.ledger.check_release(who);
        world.judge(wrong);
    }
}

/// A run that somebody wants.
pub(super) struct RunWish {
    pub(super) trigger: Trigger,
    pub(super) file: Option<Bytes>,
    pub(super) preview: Option<(PaginationKey, u32)>,
    pub(super) stopping: watch::Receiver<bool>,
}

/// One run of the engine, as it is.
pub(super) async fn run_once(sim: &Arc<Sim>, who: Who, wish: RunWish) -> Result<RunReport, StoreError> {
    let line = |platform| Arc::new(Line { sim: Arc::clone(sim), who, platform });
    let parts = Parts {
        store: Arc::new(Disk { sim: Arc::clone(sim), who }),
        wallet: line(Platform::Wallet),
        box_office: line(Platform::BoxOffice),
        time: Arc::new(Clocks { sim: Arc::clone(sim), process: who.process }),
    };
    let mut function = sim.setting.organizers[who.organizer].function.clone();
    let (seed, holder) = {
        let mut world = sim.world();
        function.skip_tickets = world.lives[who.organizer].skip_list.clone();
        function.continue_on_sync_error = !world.strict[who.organizer];
        (world.dice.random(), Uuid::from_u128(u128::from(who.life) << 8 | who.organizer as u128))
    };
    let options = RunOptions {
        trigger: wish.trigger,
        holder,
        file: wish.file,
        preview: wish.preview,
        ignore_waits: wish.trigger != Trigger::Schedule,
        seed,
        stopping: wish.stopping,
        progress: None,
    };
    let report = run(&function, &parts, options).await;
    if let Ok(report) = &report {
        sim.world().reported(who, wish.trigger, report);
    }
    report
}

impl super::world::World {
    fn reported(&mut self, who: Who, trigger: Trigger, report: &RunReport) {
        let RunReport { result, error, counters, .. } = report;
        let (mark, error) = (*result as u64, *error);
        self.trace.mark(&[20, self.now, who.life, mark, counters.updated, counters.unchanged, counters.pending]);
        let mut saw = |is_so: bool, what| {
            if is_so {
                self.tally.saw(what);
            }
        };
        saw(*result == RunResult::Refused, Sometimes::RunRefused);
        saw(report.key_not_advanced, Sometimes::KeyNotAdvanced);
        saw(error == Some(RunError::LeaseLost), Sometimes::LeaseLost);
        saw(error == Some(RunError::DiffCall), Sometimes::DiffFailed);
        saw(error == Some(RunError::StrictStop), Sometimes::StrictStop);
        saw(error == Some(RunError::BoxOfficeSetUp), Sometimes::SetUpFault);
        saw(error == Some(RunError::UnreadableFile), Sometimes::FileUnreadable);
        let is_done = *result != RunResult::Refused && error.is_none();
        saw(is_done && trigger == Trigger::Replay, Sometimes::FileReplayed);
        saw(report.preview.is_some(), Sometimes::Previewed);
        saw(is_done && trigger != Trigger::Preview && report.text.is_some(), Sometimes::BoxOfficeDown);
        saw(counters.skipped > 0, Sometimes::Skipped);
        saw(counters.stale > 0, Sometimes::Stale);
        saw(counters.contacts_updated > 0, Sometimes::ContactCompleted);
        saw(counters.rows_changed > 0, Sometimes::RowClosed);
        saw(self.rewound[who.organizer] && counters.unchanged > 0, Sometimes::ReplayedUnchanged);
        if trigger != Trigger::Preview && *result != RunResult::Refused {
            self.rewound[who.organizer] = false;
        }
        self.trace.mention(self.now, || {
            let text = format!(
                "{who}: run {} ended: {result:?} {error:?} {:?}, {} pages, {} updated, {} pending",
                report.run.0, report.text, counters.pages, counters.updated, counters.pending
            );
            (Vec::new(), text)
        });
    }
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { process, life, organizer } = self;
        write!(f, "process {process} (life {life}) for {}", super::setting::ORGANIZERS[*organizer])
    }
}

/// The clocks of a process.
struct Clocks {
    sim: Arc<Sim>,
    process: usize,
}

impl Time for Clocks {
    fn now(&self) -> Now {
        let now = self.sim.now();
        let world = self.sim.world();
        let Process { wall, mono, .. } = &world.processes[self.process];
        Now { mono: Mono(now + mono), wall: Wall(START + now as i64 + wall) }
    }
}
