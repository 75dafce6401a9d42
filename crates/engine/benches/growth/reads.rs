//! What people and machines ask of a store: each question some times, its median told.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ticketbridge_core::ticket::{BackendName, DedupeKey, PlatformName, State, TicketId};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{OpenMode, Page, SqliteStore, Store, StoreError, TicketFilter};
use tokio::time::Instant;

use crate::fill::{self, BACKEND, SELDOM, TICKET_EVERY_MS};
use crate::{Failure, PLATFORM};

/// How often a question is asked.
const TIMES: usize = 5;
/// Rows of a page.
const PAGE: usize = 100;
/// Rows that are old enough to go, about: the filler ends them in groups of 6,400.
const PURGED: i64 = 10_000;
/// Rows of one purging transaction, as in the service.
const PURGE_STEP: usize = 500;

/// Milliseconds where nothing else is said, by name.
pub(crate) type Figures = Vec<(String, f64)>;

/// Asks everything of the store at `path`.
pub(crate) async fn ask(path: &Path) -> Result<Figures, Failure> {
    let mut figures = Figures::new();
    let began = Instant::now();
    let store = SqliteStore::open(path, OpenMode::Serve)?.store;
    for platform in [PLATFORM, "another"] {
        store.take_lane(&PlatformName::new(platform), 0, uuid::Uuid::from_u128(7), Duration::from_hours(1)).await?;
    }
    figures.push((String::from("start: open, lanes of two platforms"), millis(began)));
    let mut desk = Desk { store, figures };
    desk.pages().await?;
    desk.rest().await?;
    desk.purge().await?;
    desk.backup(path).await?;
    Ok(desk.figures)
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

struct Desk {
    store: Arc<SqliteStore>,
    figures: Figures,
}

impl Desk {
    /// Asks a question some times and notes the median.
    async fn ask<F, T>(&mut self, name: &str, question: impl Fn(Arc<SqliteStore>) -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut times = Vec::with_capacity(TIMES);
        for _ in 0..TIMES {
            let began = Instant::now();
            question(Arc::clone(&self.store)).await?;
            times.push(millis(began));
        }
        times.sort_by(f64::total_cmp);
        self.figures.push((name.to_owned(), times[TIMES / 2]));
        Ok(())
    }

    /// The first page with each filter.
    async fn pages(&mut self) -> Result<(), Failure> {
        let any = TicketFilter::default;
        let states = |states: &[State]| TicketFilter { states: states.to_vec(), ..any() };
        let text = |text: &str| TicketFilter { text: Some(text.to_owned()), ..any() };
        let backend = |name: &str| TicketFilter { backends: vec![BackendName::new(name)], ..any() };
        let kind = |name: &str| TicketFilter { kinds: vec![name.to_owned()], ..any() };
        let open: Vec<State> = State::ALL.into_iter().filter(|state| state.is_open()).collect();
        let oldest = Some(DedupeKey::new(&fill::key(0)).map_err(|error| error.to_string())?);
        let newest = self.store.tickets(&any(), Page { before: None, limit: 1 }).await?;
        let message_id = newest.first().map(|ticket| ticket.body.message_id.clone());
        let middle = Some(TicketId(self.store.last_ticket().await?.0 / 2));
        let filters = [
            ("no filter", any(), None),
            ("no filter, deep down", any(), middle),
            ("Completed", states(&[State::Completed]), None),
            ("Error", states(&[State::Error]), None),
            ("Error, deep down", states(&[State::Error]), middle),
            ("Dismissed", states(&[State::Dismissed]), None),
            ("open states", states(&open), None),
            ("Matching", states(&[State::Matching]), None),
            ("backend of nearly all", backend(BACKEND), None),
            ("backend of 1 in 1,000", backend(SELDOM), None),
            ("backend of none", backend("none"), None),
            ("kind of 1 in 7", kind("POWER"), None),
            ("kind of none", kind("NOTHING"), None),
            ("dedupe key, the oldest", TicketFilter { key: oldest, ..any() }, None),
            ("message id", TicketFilter { message_id, ..any() }, None),
            ("text of nearly all", text("snr|f-"), None),
            ("text of none", text("no such text"), None),
        ];
        for (name, filter, before) in &filters {
            let page = Page { before: *before, limit: PAGE };
            let question = |store: Arc<SqliteStore>| async move { store.list(filter, page).await };
            self.ask(&format!("page: {name}"), question).await?;
        }
        // A page is a part of a search that finds little; this is all of its parts.
        let (page, none) = (Page { before: None, limit: PAGE }, &text("no such text"));
        self.ask("whole search: text of none", |store| async move { store.tickets(none, page).await }).await
    }

    /// Counts, one ticket, the backends of keys.
    async fn rest(&mut self) -> Result<(), Failure> {
        self.ask("counts", |store| async move { store.counts().await }).await?;
        let newest = self.store.tickets(&TicketFilter::default(), Page { before: None, limit: 1 }).await?;
        if let Some(ticket) = newest.first() {
            let (origin, id) = (ticket.row.origin, ticket.row.id);
            let show = |store: Arc<SqliteStore>| async move {
                Ok((store.ticket(origin).await?, store.trail(id).await?, store.acts(id).await?))
            };
            self.ask("tickets show", show).await?;
        }
        let keys = (0..500).map(|number| DedupeKey::new(&fill::key(number * 7))).collect::<Result<Vec<_>, _>>();
        let keys = keys.map_err(|error| error.to_string())?;
        let keys = &keys;
        self.ask("open backends of 500 keys", |store| async move { store.open_backends(keys).await }).await?;
        self.ask("ledger of 500 keys", |store| async move { store.ledger(keys).await }).await
    }

    /// The oldest rows; the last step finds none.
    async fn purge(&mut self) -> Result<(), Failure> {
        let all = self.store.last_ticket().await?.0;
        let newest = self.store.tickets(&TicketFilter::default(), Page { before: None, limit: 1 }).await?;
        let newest = newest.first().map_or(Wall(0), |ticket| ticket.updated_at);
        let before = Wall(newest.0 - (all - PURGED).max(0) * TICKET_EVERY_MS);
        let (mut purged, mut longest) = (0, 0.0_f64);
        let began = Instant::now();
        loop {
            let step = Instant::now();
            let gone = self.store.purge(before, PURGE_STEP).await?;
            longest = longest.max(millis(step));
            purged += gone;
            if gone == 0 {
                break;
            }
        }
        self.figures.push((String::from("purge: all steps"), millis(began)));
        self.figures.push((String::from("purge: longest step"), longest));
        self.figures.push((String::from("purge: rows"), purged as f64));
        let free = rusqlite::Connection::open(self.store.path())?;
        let pages: i64 = free.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        self.figures.push((String::from("purge: room for new tickets, MiB"), pages as f64 / 256.0));
        Ok(())
    }

    /// A backup while somebody writes.
    async fn backup(&mut self, path: &Path) -> Result<(), Failure> {
        let store = Arc::clone(&self.store);
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let writing = tokio::spawn(async move {
            let (mut longest, mut writes) = (0.0_f64, 0_u32);
            while !*stopped.borrow() {
                let began = Instant::now();
                store.reserve_numbers("bench", 1).await?;
                longest = longest.max(millis(began));
                writes += 1;
            }
            Ok::<_, StoreError>((longest, writes))
        });
        let began = Instant::now();
        self.store.backup(&path.with_extension("backup")).await?;
        self.figures.push((String::from("backup while somebody writes"), millis(began)));
        stop.send(true)?;
        let (longest, writes) = writing.await??;
        self.figures.push((String::from("backup: longest write meanwhile"), longest));
        self.figures.push((String::from("backup: writes meanwhile"), f64::from(writes)));
        Ok(())
    }
}
