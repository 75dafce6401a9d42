//! Bodies read lately: each request for a ticket asks for its body, some of them within milliseconds.
//!
//! Never out of date: a body is written once, row numbers never come twice, and only the process that serves purges. At
//! most [`BYTES`] are kept; the first that came go first.

use std::collections::{HashMap, VecDeque};

use ticketbridge_core::ticket::TicketId;

use crate::TicketBody;

/// Bytes of bodies kept at most: those of 5,000 tickets of the usual size, more than are ever in flight.
const BYTES: usize = 8 * 1024 * 1024;

/// The bodies.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    by_id: HashMap<TicketId, TicketBody>,
    order: VecDeque<TicketId>,
    bytes: usize,
    /// How often all was forgotten.
    cleared: u64,
}

impl Bodies {
    /// All of these, or nothing.
    pub(super) fn all(&self, ids: &[TicketId]) -> Option<Vec<TicketBody>> {
        ids.iter().map(|id| self.by_id.get(id).cloned()).collect()
    }

    /// How often all was forgotten until now: noted before bodies are read, for [`Bodies::keep`].
    pub(super) fn cleared(&self) -> u64 {
        self.cleared
    }

    /// Keeps what was read, unless all was forgotten since `cleared` was noted: then some of it may be deleted.
    pub(super) fn keep(&mut self, bodies: &[TicketBody], cleared: u64) {
        if self.cleared != cleared {
            return;
        }
        for body in bodies {
            if self.by_id.insert(body.id, body.clone()).is_none() {
                self.order.push_back(body.id);
                self.bytes += size(body);
            }
        }
        while self.bytes > BYTES
            && let Some(first) = self.order.pop_front()
        {
            self.bytes -= self.by_id.remove(&first).map_or(0, |body| size(&body));
        }
    }

    /// Forgets all: some may be deleted.
    pub(super) fn clear(&mut self) {
        *self = Self { cleared: self.cleared + 1, ..Self::default() };
    }
}

fn size(body: &TicketBody) -> usize {
    body.body.len() + body.message_id.len()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ticketbridge_core::time::Wall;

    use super::*;

    fn body(id: i64, bytes: usize) -> TicketBody {
        let body = Arc::from("x".repeat(bytes));
        TicketBody { id: TicketId(id), message_id: format!("m{id}"), body, received_at: Wall(0) }
    }

    #[test]
    fn all_are_there_or_none_and_the_oldest_make_room() {
        let mut bodies = Bodies::default();
        bodies.keep(&[body(1, 10), body(2, 10)], 0);
        assert_eq!(bodies.all(&[TicketId(2), TicketId(1)]), Some(vec![body(2, 10), body(1, 10)]));
        assert_eq!(bodies.all(&[TicketId(1), TicketId(3)]), None);
        bodies.keep(&[body(1, 10)], 0);
        assert_eq!((bodies.order.len(), bodies.bytes), (2, 24), "kept once");
        for id in 3..=100 {
            bodies.keep(&[body(id, BYTES / 10)], 0);
        }
        assert!(bodies.bytes <= BYTES && bodies.by_id.len() == 9 && bodies.order.len() == 9);
        assert!(bodies.all(&[TicketId(100), TicketId(92)]).is_some() && bodies.all(&[TicketId(91)]).is_none());
        bodies.keep(&[body(101, 2 * BYTES)], 0);
        assert_eq!((bodies.by_id.len(), bodies.bytes), (0, 0), "one that is too large is not kept at all");
        bodies.keep(&[body(102, 1)], 0);
        bodies.clear();
        assert_eq!((bodies.all(&[TicketId(102)]), bodies.bytes), (None, 0));
    }

    #[test]
    fn what_was_read_before_all_was_forgotten_is_not_kept() {
        let mut bodies = Bodies::default();
        let before = bodies.cleared();
        bodies.clear();
        bodies.keep(&[body(1, 1)], before);
        assert_eq!(bodies.all(&[TicketId(1)]), None);
        bodies.keep(&[body(1, 1)], bodies.cleared());
        assert_eq!(bodies.all(&[TicketId(1)]), Some(vec![body(1, 1)]));
    }
}
