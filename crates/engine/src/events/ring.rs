//! The events of late, in their order.

use std::collections::VecDeque;

use super::kind::Event;

/// Events that are kept for those who come back.
pub const KEPT: usize = 4_096;

/// The newest [`KEPT`] events. Their sequence has no gaps.
#[derive(Default)]
pub(super) struct Ring {
    events: VecDeque<Event>,
    last: u64,
}

impl Ring {
    /// Keeps an event, the oldest goes if there is no room. Answers its sequence.
    pub(super) fn push(&mut self, event: Event) -> u64 {
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
        self.last += 1;
        self.last
    }

    /// The sequence of the newest one; 0: there was none yet.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Whether events after this one are gone.
    pub(super) fn forgot(&self, position: u64) -> bool {
        position < self.before_oldest()
    }

    /// The events after this one that are there.
    pub(super) fn after(&self, position: u64) -> impl Iterator<Item = (u64, &Event)> {
        let skip = position.saturating_sub(self.before_oldest()) as usize;
        let first = position.max(self.before_oldest()) + 1;
        (first..).zip(self.events.iter().skip(skip))
    }

    fn before_oldest(&self) -> u64 {
        self.last - self.events.len() as u64
    }
}
