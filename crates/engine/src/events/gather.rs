//! What is told together: counts instead of single movements.
//!
//! It stays small however long it gathers: states, backends and platforms are few, and of ids the first
//! [`MAX_IDS`] are kept.

use std::collections::{BTreeMap, BTreeSet};

use ticketbridge_core::ticket::{BackendName, OriginId, PlatformName, State};

use super::kind::{Event, Movement, PlatformNews, TicketNews};
use super::{MAX_IDS, Moved};

/// What came since it was told last.
#[derive(Default)]
pub(super) struct Gathered {
    moved: BTreeMap<(Option<State>, State), u64>,
    received: u64,
    backends: BTreeSet<BackendName>,
    ids: Vec<OriginId>,
    more: bool,
    platforms: BTreeSet<(PlatformName, PlatformNews)>,
    problems: BTreeSet<(PlatformName, String)>,
    exchanges: BTreeMap<String, i64>,
}

impl Gathered {
    pub(super) fn is_empty(&self) -> bool {
        self.has_no_tickets() && self.platforms.is_empty() && self.problems.is_empty() && self.exchanges.is_empty()
    }

    fn has_no_tickets(&self) -> bool {
        self.moved.is_empty() && self.received == 0
    }

    /// What is to be told now. Names of tickets stay until it is known what became of them.
    pub(super) fn take(&mut self) -> Self {
        let taken = std::mem::take(self);
        if !taken.has_no_tickets() {
            return taken;
        }
        (self.backends, self.ids, self.more) = (taken.backends, taken.ids, taken.more);
        Self { backends: BTreeSet::new(), ids: Vec::new(), ..taken }
    }

    pub(super) fn moved(&mut self, moved: &Moved) {
        *self.moved.entry((moved.from, moved.to)).or_default() += 1;
        self.about(moved.origin, &moved.backend);
    }

    pub(super) fn received(&mut self, count: u64) {
        self.received += count;
    }

    /// A ticket that something is told of, now or soon.
    pub(super) fn about(&mut self, origin: OriginId, backend: &BackendName) {
        if !self.backends.contains(backend) {
            self.backends.insert(backend.clone());
        }
        if self.ids.len() == MAX_IDS {
            // Not looked up: at full speed this is nearly always a further one.
            self.more = true;
        } else if !self.ids.contains(&origin) {
            self.ids.push(origin);
        }
    }

    pub(super) fn platform(&mut self, name: PlatformName, what: PlatformNews) {
        self.platforms.insert((name, what));
    }

    pub(super) fn problem(&mut self, platform: PlatformName, code: String) {
        self.problems.insert((platform, code));
    }

    pub(super) fn exchanged(&mut self, platform: &str, last: i64) {
        match self.exchanges.get_mut(platform) {
            Some(known) => *known = last.max(*known),
            None => drop(self.exchanges.insert(platform.to_owned(), last)),
        }
    }

    /// As events, in the order of their kinds.
    pub(super) fn into_events(self) -> Vec<Event> {
        let mut events = Vec::new();
        if !self.has_no_tickets() {
            let movement = |((from, to), count)| Movement { from, to, count };
            events.push(Event::Tickets(TicketNews {
                moved: self.moved.into_iter().map(movement).collect(),
                received: self.received,
                more: self.more || self.received > self.ids.len() as u64,
                backends: self.backends.into_iter().collect(),
                ids: self.ids,
            }));
        }
        events.extend(self.platforms.into_iter().map(|(name, what)| Event::Platforms { name, what }));
        events.extend(self.problems.into_iter().map(|(platform, code)| Event::Problems { platform, code }));
        events.extend(self.exchanges.into_iter().map(|(platform, last)| Event::Exchanges { platform, last }));
        events
    }
}
