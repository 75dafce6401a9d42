//! A stored page: which of its items may go now, in waves of those that share nothing.
//!
//! The end state is that of all items one after another in (page, position) order. An item that waits for a later try holds
//! back later ones that share its ticket or an e-mail, in this page and in all after it, and no others.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use ticketbridge_core::mobile::{Item, ItemState, Keys, Pace, Page, Queue, Reading, Rules};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{ItemId, StoreError, StoredPage, Waiting};

use super::run::{Runner, Stop};

/// Items in one wave at most: as many tickets as one look-up may ask for.
const WAVE: usize = 1_000;
/// A wait that ends later than this is the mark of a clock that went back: it is over.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// What waiting items hold back.
#[derive(Debug, Default)]
pub(super) struct HeldBack {
    tickets: HashSet<Box<str>>,
    emails: HashSet<Box<str>>,
    /// Strict mode: everything.
    all: bool,
}

impl HeldBack {
    fn holds(&self, keys: &Keys<'_>) -> bool {
        self.all
            || keys.ticket.is_some_and(|id| self.tickets.contains(id))
            || keys.emails.into_iter().flatten().any(|email| self.emails.contains(email.as_str()))
    }

    fn add(&mut self, keys: &Keys<'_>) {
        self.tickets.extend(keys.ticket.map(Box::from));
        self.emails.extend(keys.emails.into_iter().flatten().map(|email| Box::from(email.as_str())));
    }
}

/// An item that may go.
pub(super) struct Work<'p> {
    pub(super) id: ItemId,
    pub(super) reading: &'p Reading<'p>,
    /// Tries so far without a clear answer.
    pub(super) attempts: u32,
}

impl Runner<'_> {
    /// Applies the open items of a page.
    pub(super) async fn apply_page(&mut self, stored: StoredPage) -> Result<(), Stop> {
        let Some(body) = &stored.body else { return Ok(()) };
        self.read_skip_list().await?;
        let page = Page::read(body).map_err(|error| {
            let text = format!("the stored page {} cannot be read any more: {error}", stored.id.0);
            Stop::Store(StoreError::Refused(text))
        })?;
        let open = |state: &ItemState| matches!(state, ItemState::Pending | ItemState::Blocking);
        let states = stored.states.iter().zip(&page.items).zip(0..);
        let readings: Vec<(u32, Reading<'_>)> = states
            .filter(|((state, _), _)| open(state))
            .map(|((_, json), position)| (position, Item::read(json, &self.rules.skip)))
            .collect();
        let works = self.ready(&stored, &readings);
        let is_strict = !self.function.continue_on_sync_error;
        let order = if is_strict { Pace::OneByOne } else { Pace::SideBySide };
        let mut queue = Queue::new(works.iter().map(|work| keys(work.reading, &self.rules)), order);
        let mut settled = vec![false; works.len()];
        loop {
            self.go_on()?;
            let places = queue.take(WAVE);
            if places.is_empty() {
                break;
            }
            let wave: Vec<&Work<'_>> = places.iter().filter_map(|place| works.get(*place)).collect();
            let done = self.apply_wave(&wave).await?;
            for (place, done) in places.into_iter().zip(done) {
                if done {
                    queue.release(place);
                    settled.iter_mut().skip(place).take(1).for_each(|settled| *settled = true);
                }
            }
            self.tell();
        }
        let left: Vec<&Work<'_>> =
            works.iter().zip(&settled).filter(|(_, settled)| !**settled).map(|(work, _)| work).collect();
        self.held_back.all |= is_strict && !left.is_empty();
        for work in &left {
            self.held_back.add(&keys(work.reading, &self.rules));
        }
        if left.is_empty() && works.len() == readings.len() {
            self.page_is_done(stored.id);
        }
        Ok(())
    }

    /// Reads what people have added to the skip list: it counts when an item is applied (TIXNGO contract §2.2).
    pub(super) async fn read_skip_list(&mut self) -> Result<(), Stop> {
        let entries = self.parts.store.skip_entries(&self.function.organizer).await?;
        self.rules = self.function.rules(&entries);
        Ok(())
    }

    /// The items that may go now; the others hold back what comes after them.
    fn ready<'p>(&mut self, stored: &StoredPage, readings: &'p [(u32, Reading<'p>)]) -> Vec<Work<'p>> {
        let now = self.parts.time.now().wall;
        let waiting: HashMap<u32, &Waiting> = stored.waiting.iter().map(|one| (one.position, one)).collect();
        let is_strict = !self.function.continue_on_sync_error;
        let mut works = Vec::with_capacity(readings.len());
        for (position, reading) in readings {
            let keys = keys(reading, &self.rules);
            let waits = waiting.get(position).filter(|_| matches!(reading, Reading::Item(_)));
            let is_early = !self.ignore_waits && waits.is_some_and(|one| is_early(one.due_at, now));
            if is_early || self.held_back.holds(&keys) {
                self.held_back.add(&keys);
                self.held_back.all |= is_strict;
                continue;
            }
            let attempts = waits.map_or(0, |one| one.attempts);
            works.push(Work { id: ItemId { page: stored.id, position: *position }, reading, attempts });
        }
        works
    }
}

fn is_early(due_at: Wall, now: Wall) -> bool {
    due_at > now && due_at <= now.after(LONGEST_WAIT)
}

/// What an item must not share with another one under way; nothing, if reading it settled it.
fn keys<'r>(reading: &'r Reading<'_>, rules: &Rules) -> Keys<'r> {
    match reading {
        Reading::Item(item) => item.keys(rules),
        Reading::Skipped { .. } | Reading::Failed { .. } => Keys::default(),
    }
}
