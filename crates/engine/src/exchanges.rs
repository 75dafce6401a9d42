//! Keeping what is exchanged with platforms, and how they were, for people: `explain`, the *Stream Viewer*.
//!
//! Guarantees:
//! * **Nobody waits for it and nothing fails by it.** [`ExchangeObserver::observe`] puts the record into a queue with
//!   bounded room for records and returns; bodies are shared, not copied. One thread masks and writes. A file that cannot be used is said once a
//!   minute and tried again.
//! * **What is missing is said.** Exchanges that find no room in the queue, or a disk that takes none, are counted
//!   (`ticketbridge_exchanges_dropped_total`) and leave an event with their number and time.
//! * **No secret and, where the platform is about people, no personal data**: only masked text comes out of a record.
//! * **Failures are told in full.** What got no answer, a status of 400 or more, an answer with a refusal inside, and
//!   look-ups after an unclear answer keep their bodies, up to [`FAILED_SHARE`] times the budget. Others do so as long as
//!   `retention.exchanges_rate` bytes per second are not used up; above it only their heads are kept.
//!
//! Limits: 4,096 records or 32 MiB of bodies wait to be written. What happened to platforms, refusals and new limits
//! always find room: they are small, and come at most as often as requests are answered; 256 bodies (32 MiB) are held back for the case that a
//! refusal is found in them; up to a second's budget at once.
//!
//! Cost, measured by `what_it_costs` in `tests/exchanges.rs` with 600 exchanges per second of 80 kB each way, the traffic of
//! 20,000 tickets per second, in a build without optimisation: 51 µs of processor time per exchange, 3 % of one core.

mod budget;
mod view;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use ticketbridge_config::sections::Retention;
use ticketbridge_core::delivery::{BatchId, Report, Settings};
use ticketbridge_core::ticket::BackendName;
use ticketbridge_core::time::Wall;
use ticketbridge_platforms::http::{ExchangeObserver, ExchangeRecord};
use ticketbridge_store::StoreError;
use ticketbridge_store::exchanges::{Bounds, EventKind, ExchangeReader, PlatformEvent};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::events::Events;

pub use budget::FAILED_SHARE;
pub use view::{
    ExchangeDetail, ExchangePage, ExchangePageFault, ExchangeView, MAX_EXCHANGES, exchange, exchange_details,
    exchanges, pretty,
};

/// Records that wait to be written.
const QUEUE: usize = 4_096;
/// Bytes of bodies that wait to be written.
const MAX_WAITING: usize = 32 << 20;
/// How long a reader waits for what is on its way to the file.
const FLUSH: Duration = Duration::from_secs(1);

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of the file.
    pub bounds: Bounds,
    /// Bytes of bodies per second.
    pub rate: u64,
}

impl From<&Retention> for Limits {
    fn from(retention: &Retention) -> Self {
        let bounds = Bounds { age: retention.exchanges.get(), size: retention.exchanges_size.bytes() };
        Self { bounds, rate: retention.exchanges_rate.bytes() }
    }
}

/// Keeps exchanges. Cheap to clone; the thread ends, with everything written, when the last clone is gone.
#[derive(Clone, Default)]
pub struct Exchanges(Option<Arc<Recorder>>);

struct Recorder {
    path: PathBuf,
    clock: Clock,
    inbox: Sender<Message>,
    pressure: Arc<Pressure>,
    /// Which backends were on when they were last looked at.
    processing: Mutex<BTreeMap<BackendName, bool>>,
}

/// How full the queue is, and what did not fit.
#[derive(Default)]
struct Pressure {
    /// Records that wait.
    records: AtomicUsize,
    /// Bytes of bodies that wait.
    waiting: AtomicUsize,
    /// Records that were dropped and not told yet.
    dropped: AtomicU64,
    /// Who hears of exchanges that are in the file.
    told: OnceLock<Events>,
}

enum Message {
    Exchange { at: Wall, record: Box<ExchangeRecord> },
    Refused(BatchId),
    Event(PlatformEvent),
    Limits(Limits),
    Flush(oneshot::Sender<()>),
}

impl Exchanges {
    /// Keeps nothing.
    pub fn off() -> Self {
        Self::default()
    }

    /// Keeps exchanges in the file at `path`. Starts the thread; never fails.
    pub fn start(path: PathBuf, limits: Limits, clock: Clock) -> Self {
        let (inbox, messages) = channel();
        let pressure = Arc::new(Pressure::default());
        let writer = writer::Writer::new(path.clone(), limits, clock.clone(), Arc::clone(&pressure));
        let thread = std::thread::Builder::new().name(String::from("exchanges"));
        if let Err(error) = thread.spawn(move || writer.run(&messages)) {
            tracing::warn!(error = %error, "No thread for exchanges; none are kept.");
            return Self::off();
        }
        let recorder = Recorder { path, clock, inbox, pressure, processing: Mutex::default() };
        let this = Self(Some(Arc::new(recorder)));
        this.event(EventKind::Started, "", String::new(), None);
        this
    }

    /// What takes note of exchanges; `None`: nothing is kept.
    pub fn observer(&self) -> Option<Arc<dyn ExchangeObserver>> {
        self.0.is_some().then(|| Arc::new(self.clone()) as Arc<dyn ExchangeObserver>)
    }

    /// Something in the answer to this batch was refused or is unclear: its bodies are kept whatever the budget.
    pub fn refused(&self, batch: BatchId) {
        self.send(Message::Refused(batch));
    }

    /// Takes note of what happened to a platform. Cheap for reports that say nothing of the kind.
    pub fn report(&self, report: &Report) {
        let (kind, platform, text) = match report {
            Report::BreakerOpened { platform, why } => (EventKind::BreakerOpened, platform, why.clone()),
            Report::BreakerClosed { platform } => (EventKind::BreakerClosed, platform, String::new()),
            Report::OperationHeld { platform, operation, why } => {
                (EventKind::OperationHeld, platform, format!("{operation}: {why}"))
            }
            Report::CreatingStopped { platform, stop } => {
                (EventKind::CreatingStopped, platform, format!("{}: {}", stop.code, stop.text))
            }
            Report::CreatingResumed { platform } => (EventKind::CreatingResumed, platform, String::new()),
            Report::Paused { platform, pause } => {
                self.event(EventKind::Paused, platform.as_str(), String::new(), Some(*pause));
                return;
            }
            _ => return,
        };
        self.event(kind, platform.as_str(), text, None);
    }

    /// Whoever watches hears of each exchange that is in the file. Once; a second call changes nothing.
    pub(crate) fn tell(&self, events: &Events) {
        if let Some(recorder) = &self.0 {
            recorder.pressure.told.get_or_init(|| events.clone());
        }
    }

    /// Takes note of backends that were switched since the last call.
    pub fn settings(&self, settings: &Settings) {
        let Some(recorder) = &self.0 else { return };
        let mut known = recorder.processing.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, backend) in &settings.backends {
            // At the start, too: it may have been switched while the service was not running.
            if known.insert(name.clone(), backend.processing) != Some(backend.processing) {
                let kind = if backend.processing { EventKind::ProcessingOn } else { EventKind::ProcessingOff };
                self.event(kind, name.as_str(), String::new(), None);
            }
        }
    }

    /// Other limits from now on.
    pub fn set_limits(&self, limits: Limits) {
        self.send(Message::Limits(limits));
    }

    /// Takes note that the service stops in order, and waits up to a second until everything is in the file.
    pub async fn finish(&self) {
        self.event(EventKind::Stopped, "", String::new(), None);
        self.flush().await;
    }

    /// Waits up to a second until all that was handed over is in the file.
    pub async fn flush(&self) {
        let (written, wait) = oneshot::channel();
        self.send(Message::Flush(written));
        // A writer that is stuck: what is there is read.
        let _late = tokio::time::timeout(FLUSH, wait).await;
    }

    /// Reads the file on a thread for blocking work, with all in it that was handed over before. `None` is given to
    /// `read` if nothing is kept, or not yet.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(Option<&ExchangeReader>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.flush().await;
        let path = self.0.as_ref().map(|recorder| recorder.path.clone());
        read_at(path, read).await
    }

    fn event(&self, kind: EventKind, about: &str, text: String, length: Option<Duration>) {
        let Some(recorder) = &self.0 else { return };
        let at = recorder.clock.now().wall;
        let until = length.map(|length| at.after(length));
        self.send(Message::Event(PlatformEvent { at, until, kind, about: about.to_owned(), text }));
    }

    fn send(&self, message: Message) {
        let Some(recorder) = &self.0 else { return };
        if let Message::Exchange { record, .. } = &message
            && !recorder.pressure.takes(record.bodies.size())
        {
            return;
        }
        // Without its thread, which ends last, nobody would read it.
        let _gone = recorder.inbox.send(message);
    }
}

impl Pressure {
    /// Makes room for a record with so many bytes of bodies; or counts it as dropped.
    fn takes(&self, size: usize) -> bool {
        let records = self.records.fetch_add(1, Ordering::Relaxed);
        let waiting = self.waiting.fetch_add(size, Ordering::Relaxed);
        let has_room = records < QUEUE && (size == 0 || waiting.saturating_add(size) <= MAX_WAITING);
        if !has_room {
            self.taken(size);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        has_room
    }

    /// A record with so many bytes of bodies waits no longer.
    fn taken(&self, size: usize) {
        self.records.fetch_sub(1, Ordering::Relaxed);
        self.waiting.fetch_sub(size, Ordering::Relaxed);
    }
}

impl ExchangeObserver for Exchanges {
    fn observe(&self, record: ExchangeRecord) {
        let Some(recorder) = &self.0 else { return };
        let at = recorder.clock.now().wall;
        self.send(Message::Exchange { at, record: Box::new(record) });
    }
}

/// Reads a file of exchanges, from whatever process; see [`Exchanges::read`].
pub async fn read_at<T: Send + 'static>(
    path: Option<PathBuf>,
    read: impl FnOnce(Option<&ExchangeReader>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let reading = tokio::task::spawn_blocking(move || {
        let reader = path.map(|path| ExchangeReader::open(&path)).transpose()?.flatten();
        read(reader.as_ref())
    });
    reading.await.map_err(|error| StoreError::Refused(format!("exchanges could not be read: {error}")))?
}

/// Two observers as one.
pub struct Both(pub Arc<dyn ExchangeObserver>, pub Arc<dyn ExchangeObserver>);

impl ExchangeObserver for Both {
    fn observe(&self, record: ExchangeRecord) {
        self.0.observe(record.clone());
        self.1.observe(record);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ticketbridge_core::ticket::PlatformName;
    use ticketbridge_platforms::http::{Bodies, Capture, Purpose, Redactor};

    use super::*;

    #[test]
    fn a_full_queue_drops_exchanges_and_nothing_else() {
        let (inbox, messages) = channel();
        let pressure = Arc::new(Pressure::default());
        let (path, clock) = (PathBuf::new(), Clock::start());
        let recorder = Recorder { path, clock, inbox, pressure: Arc::clone(&pressure), processing: Mutex::default() };
        let exchanges = Exchanges(Some(Arc::new(recorder)));
        let body = Bytes::from_static(b"body");
        for _ in 0..QUEUE + 3 {
            exchanges.observe(ExchangeRecord {
                platform: String::from("sfyc"),
                purpose: Purpose::Other,
                method: String::from("GET"),
                target: String::from("/"),
                status: Some(200),
                latency: Duration::ZERO,
                bodies: Bodies::new(body.clone(), body.clone(), Redactor::default(), Capture::Whole),
                fault: String::new(),
            });
        }
        exchanges.report(&Report::BreakerClosed { platform: PlatformName::new("sfyc") });
        exchanges.refused(BatchId(7));
        let bounds = Bounds { age: Duration::from_hours(1), size: 1 << 20 };
        exchanges.set_limits(Limits { bounds, rate: 1 });
        assert_eq!(pressure.dropped.load(Ordering::Relaxed), 3);
        let all: Vec<Message> = messages.try_iter().collect();
        let (records, others) = all.split_at(QUEUE);
        assert!(records.iter().all(|message| matches!(message, Message::Exchange { .. })));
        let [Message::Event(event), Message::Refused(BatchId(7)), Message::Limits(_)] = others else {
            panic!("{} others came through", others.len())
        };
        assert_eq!(event.kind, EventKind::BreakerClosed);
    }
}
