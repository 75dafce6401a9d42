//! What happens in this service, for whoever watches: the console, `GET /api/v1/events`.
//!
//! An event says what has become different, so that a watcher knows what to read anew; it is no record of its own. What
//! must not be lost is in the store.
//!
//! Guarantees:
//! * **Nobody who publishes ever waits for a watcher.** Events are in a ring; a watcher that comes too late for some of
//!   them is told so ([`Event::Reset`]) and reads anew.
//! * **A watcher that comes back loses and repeats nothing**: it names the last event that it saw. Where that cannot be,
//!   since the ring or the process is another one by now, the first thing it hears is [`Event::Reset`].
//! * **Movements of tickets, exchanges and reports about platforms are gathered**: each kind is published at most
//!   4 times per second ([`GATHER`]), however many there were.
//! * **No secret and no personal data** is in an event: names of the configuration, ids, codes, counts, names of files.
//!
//! Limits: the last [`KEPT`] events are kept; at most [`MAX_IDS`] ids of tickets are in one. That is at most 10 MiB.

mod gather;
mod kind;
mod ring;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ticketbridge_core::delivery::{Report, RowUpdate, Settings, Writes};
use ticketbridge_core::ticket::{BackendName, OriginId, State};
use tokio::sync::{mpsc, watch};

use self::gather::Gathered;
use self::ring::Ring;
use crate::identity;

pub use kind::{Event, EventKind, FeedbackStep, Movement, PlatformNews, TicketNews, UnknownKind};
pub use ring::KEPT;

/// What is gathered is published when this time has passed since it was published last.
pub const GATHER: Duration = Duration::from_millis(250);
/// Most ids of tickets in one event.
pub const MAX_IDS: usize = 100;

/// The number of an event: `EPOCH-SEQUENCE`, for instance `9f3c61d20b7ae455-17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId {
    /// Of the process; another one after each start.
    pub epoch: u64,
    /// Rises by one with each event of the process; 0 stands before the first one.
    pub sequence: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.epoch, self.sequence)
    }
}

/// A text that is no number of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event's id is `EPOCH-SEQUENCE`: 16 hexadecimal digits, `-`, and a whole number")]
pub struct NotAnEventId;

impl FromStr for EventId {
    type Err = NotAnEventId;

    fn from_str(text: &str) -> Result<Self, NotAnEventId> {
        let (epoch, sequence) = text.split_once('-').ok_or(NotAnEventId)?;
        let is_plain = epoch.len() == 16 && epoch.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_number = sequence.bytes().all(|byte| byte.is_ascii_digit());
        if !is_plain || !is_number {
            return Err(NotAnEventId);
        }
        let epoch = u64::from_str_radix(epoch, 16).map_err(|_| NotAnEventId)?;
        Ok(Self { epoch, sequence: sequence.parse().map_err(|_| NotAnEventId)? })
    }
}

/// An event with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its number.
    pub id: EventId,
    /// What happened.
    pub event: Event,
}

/// How many tickets went through here since the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// New rows in the store, whoever received them.
    pub received: u64,
    /// Tickets that this process completed.
    pub completed: u64,
    /// Tickets that this process put into Error.
    pub failed: u64,
}

impl Totals {
    /// What came since it was this.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            received: self.received.saturating_sub(before.received),
            completed: self.completed.saturating_sub(before.completed),
            failed: self.failed.saturating_sub(before.failed),
        }
    }
}

/// Where events are published and heard. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Events(Arc<Inner>);

struct Inner {
    epoch: u64,
    ring: Mutex<Ring>,
    /// The sequence of the last event, to wake those who wait for the next.
    last: watch::Sender<u64>,
    gathered: Mutex<Gathered>,
    /// Wakes the task that publishes what was gathered. It ends when this is dropped.
    some: mpsc::Sender<()>,
    received: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
}

impl Events {
    /// With a new epoch, and nothing in it. Starts the task that publishes what was gathered, so there must be a runtime.
    #[must_use]
    pub fn start() -> Self {
        let (some, gathering) = mpsc::channel(1);
        let this = Self(Arc::new(Inner {
            epoch: identity::number(),
            ring: Mutex::default(),
            last: watch::Sender::new(0),
            gathered: Mutex::default(),
            some,
            received: AtomicU64::new(0),
            completed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }));
        tokio::spawn(publish_gathered(Arc::downgrade(&this.0), gathering));
        this
    }

    /// Publishes an event at once. Never waits.
    pub fn publish(&self, event: Event) {
        self.0.publish(event);
    }

    /// What is published from now on, or, with `after`, everything after that event. `kinds`: only these; none: all.
    #[must_use]
    pub fn subscribe(&self, after: Option<EventId>, kinds: &[EventKind]) -> Subscription {
        let mut news = self.0.last.subscribe();
        let last = *news.borrow_and_update();
        let known = after.is_none_or(|id| id.epoch == self.0.epoch && id.sequence <= last);
        let position = after.map_or(last, |id| id.sequence.min(last));
        Subscription { events: self.clone(), news, position, lost: !known, kinds: kinds.to_vec() }
    }

    /// The last event's number.
    #[must_use]
    pub fn last(&self) -> EventId {
        self.0.id(*self.0.last.borrow())
    }

    /// What went through here since the start of the process.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let load = |total: &AtomicU64| total.load(Ordering::Relaxed);
        Totals { received: load(&self.0.received), completed: load(&self.0.completed), failed: load(&self.0.failed) }
    }

    /// The movements in a decision that is about to be written. To be handed to [`Events::moved`] when it was.
    pub(crate) fn movements(writes: &Writes) -> Vec<Moved> {
        let changed = writes.rows.iter().filter(|update| update.expected != update.row.state);
        let movement = |update: &RowUpdate| Moved {
            origin: update.row.origin,
            backend: update.row.backend.clone(),
            from: Some(update.expected),
            to: update.row.state,
        };
        changed.map(movement).collect()
    }

    /// Tickets are in another state, durably.
    pub(crate) fn moved(&self, moves: &[Moved]) {
        let count = |state| moves.iter().filter(|moved| moved.from.is_some() && moved.to == state).count() as u64;
        self.0.completed.fetch_add(count(State::Completed), Ordering::Relaxed);
        self.0.failed.fetch_add(count(State::Error), Ordering::Relaxed);
        self.gather(|gathered| moves.iter().for_each(|moved| gathered.moved(moved)));
    }

    /// So many new rows are in the store.
    pub(crate) fn received(&self, count: u64) {
        self.0.received.fetch_add(count, Ordering::Relaxed);
        self.gather(|gathered| gathered.received(count));
    }

    /// These rows were received by this process; how many there are is told by [`Events::received`].
    pub(crate) fn named<'a>(&self, tickets: impl IntoIterator<Item = (OriginId, &'a BackendName)>) {
        self.gather(|gathered| {
            for (origin, backend) in tickets {
                gathered.about(origin, backend);
            }
        });
    }

    /// What delivery reports of platforms; nothing for what it reports of tickets.
    pub(crate) fn reported(&self, report: &Report) {
        let (platform, what) = match report {
            Report::BreakerOpened { platform, .. } => (platform, PlatformNews::BreakerOpened),
            Report::BreakerClosed { platform } => (platform, PlatformNews::BreakerClosed),
            Report::CreatingStopped { platform, .. } => (platform, PlatformNews::CreatingStopped),
            Report::CreatingResumed { platform } => (platform, PlatformNews::CreatingResumed),
            Report::OperationHeld { platform, .. } => (platform, PlatformNews::Held),
            Report::Paused { platform, .. } => (platform, PlatformNews::Paused),
            Report::Problem(problem) => {
                self.gather(|gathered| gathered.problem(problem.platform.clone(), problem.code.clone()));
                return;
            }
            _ => return,
        };
        self.gather(|gathered| gathered.platform(platform.clone(), what));
    }

    /// Delivery decides with other settings.
    pub(crate) fn settings(&self, before: &Settings, now: &Settings) {
        for (name, backend) in &now.backends {
            if before.backends.get(name) != Some(backend) {
                self.publish(Event::Backends { name: name.clone() });
            }
        }
    }

    /// The newest exchange with a platform is this one.
    pub(crate) fn exchanged(&self, platform: &str, last: i64) {
        self.gather(|gathered| gathered.exchanged(platform, last));
    }

    fn gather(&self, note: impl FnOnce(&mut Gathered)) {
        let mut gathered = self.0.gathered();
        let was_empty = gathered.is_empty();
        note(&mut gathered);
        let is_first = was_empty && !gathered.is_empty();
        drop(gathered);
        if is_first {
            // Full: the task is about to look anyway.
            let _full = self.0.some.try_send(());
        }
    }
}

impl Inner {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id(&self, sequence: u64) -> EventId {
        EventId { epoch: self.epoch, sequence }
    }

    fn publish(&self, event: Event) {
        let mut ring = self.ring();
        let sequence = ring.push(event);
        // Under the lock, so that the numbers come in their order.
        self.last.send_replace(sequence);
    }
}

/// A ticket that is in another state.
#[derive(Debug, Clone)]
pub(crate) struct Moved {
    pub(crate) origin: OriginId,
    pub(crate) backend: BackendName,
    /// `None`: it was changed from outside of delivery.
    pub(crate) from: Option<State>,
    pub(crate) to: State,
}

/// Publishes what was gathered, with [`GATHER`] between, until nobody is left who could gather.
async fn publish_gathered(events: Weak<Inner>, mut some: mpsc::Receiver<()>) {
    while some.recv().await.is_some() {
        let Some(inner) = events.upgrade() else { return };
        let gathered = inner.gathered().take();
        for event in gathered.into_events() {
            inner.publish(event);
        }
        drop(inner);
        tokio::time::sleep(GATHER).await;
    }
}

/// A watcher's place among the events.
pub struct Subscription {
    events: Events,
    news: watch::Receiver<u64>,
    /// The last event that was looked at.
    position: u64,
    /// What it asks for is not there (any more).
    lost: bool,
    kinds: Vec<EventKind>,
}

impl Subscription {
    /// The next event, as soon as there is one. May be dropped while it waits: nothing is lost by it.
    pub async fn next(&mut self) -> Published {
        loop {
            self.news.mark_unchanged();
            if let Some(next) = self.ready() {
                return next;
            }
            // The sender lives in `events`: it cannot be gone.
            let _alive = self.news.changed().await;
        }
    }

    /// The next event, if there is one already.
    pub fn ready(&mut self) -> Option<Published> {
        let ring = self.events.0.ring();
        if self.lost || ring.forgot(self.position) {
            (self.lost, self.position) = (false, ring.last());
            return Some(Published { id: self.events.0.id(self.position), event: Event::Reset {} });
        }
        let is_wanted =
            |event: &Event| self.kinds.is_empty() || event.kind().is_none_or(|kind| self.kinds.contains(&kind));
        let found = ring.after(self.position).find(|(_, event)| is_wanted(event));
        self.position = found.map_or_else(|| ring.last(), |(sequence, _)| sequence);
        let event = found.map(|(_, event)| event.clone())?;
        Some(Published { id: self.events.0.id(self.position), event })
    }

    /// Who comes back with this number goes on where this one is.
    #[must_use]
    pub fn position(&self) -> EventId {
        self.events.0.id(self.position)
    }

    /// Whether the next thing to hear is [`Event::Reset`] whatever happens.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost
    }
}
