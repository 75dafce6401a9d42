//! Bodies read lately: each request for a ticket asks for its body, some of them within milliseconds.
//!
//! Never out of date: a body is written once, and row numbers never come twice. At most [`BYTES`] are kept; the first
//! that came go first.

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
}

impl Bodies {
    /// All of these, or nothing.
    pub(super) fn all(&self, ids: &[TicketId]) -> Option<Vec<TicketBody>> {
        ids.iter().map(|id| self.by_id.get(id).cloned()).collect()
    }

    /// Keeps what was read.
    pub(super) fn keep(&mut self, bodies: &[TicketBody]) {
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
        *self = Self::default();
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
        bodies.keep(&[body(1, 10), body(2, 10)]);
        assert_eq!(bodies.all(&[TicketId(2), TicketId(1)]), Some(vec![body(2, 10), body(1, 10)]));
        assert_eq!(bodies.all(&[TicketId(1), TicketId(3)]), None);
        bodies.keep(&[body(1, 10)]);
        assert_eq!((bodies.order.len(), bodies.bytes), (2, 24), "kept once");
        for id in 3..=100 {
            bodies.keep(&[body(id, BYTES / 10)]);
        }
        assert!(bodies.bytes <= BYTES && bodies.by_id.len() == 9 && bodies.order.len() == 9);
        assert!(bodies.all(&[TicketId(100), TicketId(92)]).is_some() && bodies.all(&[TicketId(91)]).is_none());
        bodies.keep(&[body(101, 2 * BYTES)]);
        assert_eq!((bodies.by_id.len(), bodies.bytes), (0, 0), "one that is too large is not kept at all");
        bodies.clear();
        assert_eq!(bodies.all(&[]), Some(Vec::new()));
    }
}
