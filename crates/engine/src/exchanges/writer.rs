//! The thread that masks and writes: takes what came within 50 ms together, since one commit costs as much as many rows.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use metrics::{counter, gauge};
use ticketbridge_core::delivery::BatchId;
use ticketbridge_core::effect::Query;
use ticketbridge_core::time::{Mono, Wall};
use ticketbridge_platforms::http::{Bodies, ExchangeRecord, Purpose};
use ticketbridge_store::StoreError;
use ticketbridge_store::exchanges::{
    About, EventKind, ExchangeBodies, ExchangeId, ExchangeStore, NewExchange, PlatformEvent, Subject,
};
use tokio::sync::oneshot;

use super::budget::{Budget, FAILED_SHARE};
use super::{Limits, Message, Pressure};
use crate::clock::Clock;

/// What comes within this time is one transaction.
const GATHER: Duration = Duration::from_millis(50);
/// Messages of one transaction.
const GROUP: usize = 512;
/// How often old exchanges are deleted, and a file that could not be opened is tried again.
const TIDY: Duration = Duration::from_mins(1);
/// Writes whose bodies are held back, and their bytes.
const HELD_BACK: usize = 256;
const HELD_BACK_BYTES: usize = 32 << 20;

pub(super) struct Writer {
    path: PathBuf,
    limits: Limits,
    clock: Clock,
    pressure: Arc<Pressure>,
    /// `None`: it cannot be opened.
    store: Option<ExchangeStore>,
    usual: Budget,
    failed: Budget,
    /// Writes of late, oldest first; with the bodies of those that only their head was kept of.
    late: VecDeque<(BatchId, ExchangeId, Option<Bodies>)>,
    late_bytes: usize,
    /// When the last group was written: what was dropped since was dropped after it.
    written_at: Wall,
    /// When it was last said that something could not be kept.
    said_at: Option<Mono>,
}

/// What is written together.
#[derive(Default)]
struct Group {
    exchanges: Vec<(Wall, ExchangeRecord)>,
    refused: BTreeSet<BatchId>,
    events: Vec<PlatformEvent>,
    flushed: Vec<oneshot::Sender<()>>,
}

impl Writer {
    pub(super) fn new(path: PathBuf, limits: Limits, clock: Clock, pressure: Arc<Pressure>) -> Self {
        let now = clock.now();
        Self {
            path,
            limits,
            clock,
            pressure,
            store: None,
            usual: Budget::new(limits.rate, now.mono),
            failed: Budget::new(limits.rate.saturating_mul(FAILED_SHARE), now.mono),
            late: VecDeque::new(),
            late_bytes: 0,
            written_at: now.wall,
            said_at: None,
        }
    }

    /// Writes until nobody is left who could hand something over.
    pub(super) fn run(mut self, inbox: &Receiver<Message>) {
        self.tidy();
        let mut tidied = self.clock.now().mono;
        loop {
            let until_tidy = tidied.after(TIDY).since(self.clock.now().mono);
            match inbox.recv_timeout(until_tidy) {
                Ok(first) => {
                    let group = self.gather(first, inbox);
                    self.write(group);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.clock.now().mono.since(tidied) >= TIDY {
                self.tidy();
                tidied = self.clock.now().mono;
            }
        }
    }

    /// The first message and what comes soon after it; not longer than until somebody waits for the file.
    fn gather(&mut self, first: Message, inbox: &Receiver<Message>) -> Group {
        let end = self.clock.now().mono.after(GATHER);
        let mut group = Group::default();
        let mut next = Some(first);
        let mut count = 0;
        while let Some(message) = next {
            self.take(message, &mut group);
            count += 1;
            let wait = if group.flushed.is_empty() { end.since(self.clock.now().mono) } else { Duration::ZERO };
            next = if count < GROUP { inbox.recv_timeout(wait).ok() } else { None };
        }
        group
    }

    fn take(&mut self, message: Message, group: &mut Group) {
        match message {
            Message::Exchange { at, record } => {
                self.pressure.taken(record.bodies.size());
                group.exchanges.push((at, *record));
            }
            Message::Refused(batch) => {
                group.refused.insert(batch);
            }
            Message::Event(event) => group.events.push(event),
            Message::Limits(limits) => {
                let now = self.clock.now().mono;
                self.limits = limits;
                self.usual = Budget::new(limits.rate, now);
                self.failed = Budget::new(limits.rate.saturating_mul(FAILED_SHARE), now);
                if let Some(store) = &mut self.store {
                    store.set_bounds(limits.bounds);
                }
                self.tidy();
            }
            Message::Flush(written) => group.flushed.push(written),
        }
    }

    fn write(&mut self, group: Group) {
        let Group { exchanges, refused, mut events, flushed } = group;
        let now = self.clock.now();
        let dropped = self.pressure.dropped.swap(0, Ordering::Relaxed);
        let mut lost = dropped;
        if self.store.is_some() {
            let count = exchanges.len() as u64;
            if let Err(error) = self.write_exchanges(exchanges, &refused, now.mono) {
                lost += count;
                self.warn(&error);
            }
        } else {
            lost += exchanges.len() as u64;
        }
        if lost > 0 {
            counter!("ticketbridge_exchanges_dropped_total").increment(lost);
            events.push(PlatformEvent {
                at: self.written_at,
                until: Some(now.wall),
                kind: EventKind::ExchangesLost,
                about: String::new(),
                text: lost.to_string(),
            });
        }
        if let (Some(store), false) = (&mut self.store, events.is_empty())
            && let Err(error) = store.add_events(&events)
        {
            self.warn(&error);
        }
        self.written_at = now.wall;
        for written in flushed {
            // Who asked may have gone.
            let _gone = written.send(());
        }
    }

    fn write_exchanges(
        &mut self,
        exchanges: Vec<(Wall, ExchangeRecord)>,
        refused: &BTreeSet<BatchId>,
        now: Mono,
    ) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(exchanges.len());
        let mut held_back = Vec::with_capacity(exchanges.len());
        for (at, record) in exchanges {
            let (row, bodies) = self.row(at, record, refused, now);
            rows.push(row);
            held_back.push(bodies);
        }
        let Some(store) = &mut self.store else { return Ok(()) };
        let ids = if rows.is_empty() { Vec::new() } else { store.append(&rows)? };
        let whole = rows.iter().filter(|row| row.bodies.is_some()).count() as u64;
        counter!("ticketbridge_exchanges_kept_total", "bodies" => "whole").increment(whole);
        counter!("ticketbridge_exchanges_kept_total", "bodies" => "head").increment(rows.len() as u64 - whole);
        if let Some(events) = self.pressure.told.get() {
            for (id, row) in ids.iter().zip(&rows) {
                events.exchanged(&row.platform, id.0);
            }
        }
        for ((id, row), bodies) in ids.into_iter().zip(&rows).zip(held_back) {
            if let Some(batch) = row.batch.filter(|_| !row.failed) {
                self.hold_back(batch, id, bodies);
            }
        }
        if let Err(error) = self.write_refused(refused, now) {
            // The exchanges of this group are in the file: none is lost.
            self.warn(&error);
        }
        Ok(())
    }

    /// Bodies, or the mark of a failure, for earlier writes in whose answers something was refused.
    fn write_refused(&mut self, refused: &BTreeSet<BatchId>, now: Mono) -> Result<(), StoreError> {
        if refused.is_empty() {
            return Ok(());
        }
        let Some(store) = &mut self.store else { return Ok(()) };
        for (_, id, bodies) in self.late.iter_mut().filter(|(batch, ..)| refused.contains(batch)) {
            let Some(bodies) = bodies.take() else {
                store.mark_failed(*id)?;
                continue;
            };
            self.late_bytes -= bodies.size();
            if self.failed.take(bodies.kept_size(), now) {
                store.add_bodies(*id, &texts(&bodies))?;
            } else {
                store.mark_failed(*id)?;
            }
        }
        Ok(())
    }

    /// A record as a row; and its bodies, if they are not in the row.
    fn row(
        &mut self,
        at: Wall,
        record: ExchangeRecord,
        refused: &BTreeSet<BatchId>,
        now: Mono,
    ) -> (NewExchange, Option<Bodies>) {
        let (about, batch, subjects) = about(&record.purpose);
        let failed =
            record.status.is_none_or(|status| status >= 400) || batch.is_some_and(|batch| refused.contains(&batch));
        let tells = failed || matches!(about, About::Tickets | About::Notes | About::WorkOrders);
        let size = record.bodies.kept_size();
        let is_kept = size == 0 || if tells { self.failed.take(size, now) } else { self.usual.take(size, now) };
        let bodies = is_kept.then(|| texts(&record.bodies));
        let row = NewExchange {
            at,
            platform: record.platform,
            about,
            batch,
            subjects,
            method: record.method,
            target: record.target,
            status: record.status,
            latency: record.latency,
            failed,
            fault: record.fault,
            bodies,
        };
        (row, (!is_kept).then_some(record.bodies))
    }

    fn hold_back(&mut self, batch: BatchId, id: ExchangeId, bodies: Option<Bodies>) {
        self.late_bytes += bodies.as_ref().map_or(0, Bodies::size);
        self.late.push_back((batch, id, bodies));
        while self.late.len() > HELD_BACK || self.late_bytes > HELD_BACK_BYTES {
            let Some((_, _, bodies)) = self.late.pop_front() else { return };
            self.late_bytes -= bodies.map_or(0, |bodies| bodies.size());
        }
    }

    /// Opens the file if it is not open, and deletes what is too old.
    fn tidy(&mut self) {
        let now = self.clock.now().wall;
        if self.store.is_none() {
            match ExchangeStore::open(&self.path, self.limits.bounds, now) {
                Ok(opened) => {
                    if let Some(why) = opened.set_aside {
                        let path = self.path.display().to_string();
                        tracing::warn!(
                            path,
                            why,
                            "The file of exchanges could not be used; it was set aside as `….aside`, and a new one made."
                        );
                    }
                    self.store = Some(opened.store);
                }
                Err(error) => self.warn(&error),
            }
        }
        if let Some(store) = &mut self.store {
            let purged = store.purge(now);
            gauge!("ticketbridge_exchanges_bytes").set(store.size() as f64);
            if let Err(error) = purged {
                self.warn(&error);
            }
        }
    }

    /// Says that something could not be kept, once a minute.
    fn warn(&mut self, error: &StoreError) {
        let now = self.clock.now().mono;
        if self.said_at.is_some_and(|at| now.since(at) < TIDY) {
            return;
        }
        self.said_at = Some(now);
        tracing::warn!(error = %error, "Exchanges could not be kept; delivery goes on.");
    }
}

fn texts(bodies: &Bodies) -> ExchangeBodies {
    ExchangeBodies { request: bodies.request(), answer: bodies.answer() }
}

/// What a purpose says about its exchange. The ticket that is known to exist and stands in each look-up is not asked about.
fn about(purpose: &Purpose) -> (About, Option<BatchId>, Vec<Subject>) {
    let query = match purpose {
        Purpose::Other => return (About::Other, None, Vec::new()),
        Purpose::Write(batch) => return (About::Write, Some(*batch), Vec::new()),
        Purpose::LookUp(query) => query,
    };
    let mut subjects = BTreeSet::new();
    let about = match &**query {
        Query::OpenTickets { .. } => About::OpenTickets,
        Query::Health => About::Health,
        Query::Tickets { wanted, .. } => {
            for one in wanted {
                subjects.insert(Subject::Key(one.key.to_string()));
                subjects.extend(one.origin.map(Subject::Origin));
            }
            About::Tickets
        }
        Query::Notes { wanted, .. } => {
            for one in wanted {
                subjects.insert(Subject::Origin(one.origin));
                subjects.insert(Subject::Ticket(one.ticket.number.clone()));
            }
            About::Notes
        }
        Query::WorkOrders { wanted, .. } => {
            for one in wanted {
                subjects.insert(Subject::Origin(one.origin));
                subjects.insert(Subject::Ticket(one.ticket.number.clone()));
            }
            About::WorkOrders
        }
    };
    (about, None, subjects.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use ticketbridge_store::exchanges::Bounds;
    use tracing::span;

    use super::*;

    /// Counts what is said.
    struct Counts(Arc<AtomicUsize>);

    impl tracing::Subscriber for Counts {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, event: &tracing::Event<'_>) {
            if *event.metadata().level() == tracing::Level::WARN {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn that_nothing_can_be_written_is_said_once_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exchanges.db");
        let limits = Limits { bounds: Bounds { age: Duration::from_hours(1), size: 1 << 20 }, rate: 1 };
        let mut writer = Writer::new(path.clone(), limits, Clock::start(), Arc::default());
        writer.tidy();
        let refusing = "CREATE TRIGGER refusing BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'a test'); END";
        rusqlite::Connection::open(&path).unwrap().execute_batch(refusing).unwrap();
        let said = Arc::new(AtomicUsize::new(0));
        tracing::subscriber::with_default(Counts(Arc::clone(&said)), || {
            for _ in 0..3 {
                let (at, about, text) = (Wall(0), String::new(), String::new());
                let event = PlatformEvent { at, until: None, kind: EventKind::Started, about, text };
                writer.write(Group { events: vec![event], ..Group::default() });
            }
        });
        assert_eq!(said.load(Ordering::Relaxed), 1);
    }
}
