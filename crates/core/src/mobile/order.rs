//! Which items may be under way at the same time (TIXNGO contract §6.1, order, and §7.2, strict mode).
//!
//! The end state is that of all items one after another. Two items run side by side only if they share neither the ticket
//! nor an e-mail that decides about contacts. An item that is not released (it waits for a retry) holds back the later
//! ones that share something with it, and those that share with these in turn. Time and memory are linear.

use std::collections::{BTreeSet, HashMap};

use super::personal::Email;

/// What an item must not share with another one that is under way. Items that were settled by reading have none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keys<'i> {
    /// Id of the ticket.
    pub ticket: Option<&'i str>,
    /// The e-mails of target and sender.
    pub emails: [Option<&'i Email<'i>>; 2],
}

/// Whether items may overtake each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Those that share nothing may.
    SideBySide,
    /// None may: strict mode, where no later item may be applied when one fails.
    OneByOne,
}

/// The items of a run that are not yet done, by their place in (page, position) order from 0.
#[derive(Debug)]
pub struct Queue {
    followers: Vec<Vec<usize>>,
    held_by: Vec<usize>,
    ready: BTreeSet<usize>,
}

impl Queue {
    /// Lines up items in (page, position) order.
    pub fn new<'i>(items: impl IntoIterator<Item = Keys<'i>>, pace: Pace) -> Self {
        let mut queue = Self { followers: Vec::new(), held_by: Vec::new(), ready: BTreeSet::new() };
        let mut tickets: HashMap<&str, usize> = HashMap::new();
        let mut emails: HashMap<&str, usize> = HashMap::new();
        for (place, keys) in items.into_iter().enumerate() {
            let mut before: Vec<usize> = keys.ticket.and_then(|id| tickets.insert(id, place)).into_iter().collect();
            for email in keys.emails.into_iter().flatten() {
                before.extend(emails.insert(email.as_str(), place).filter(|earlier| *earlier != place));
            }
            if pace == Pace::OneByOne {
                before.extend(place.checked_sub(1));
            }
            before.sort_unstable();
            before.dedup();
            queue.push(place, &before);
        }
        queue
    }

    fn push(&mut self, place: usize, before: &[usize]) {
        self.followers.push(Vec::new());
        self.held_by.push(before.len());
        if before.is_empty() {
            self.ready.insert(place);
        }
        for earlier in before {
            if let Some(followers) = self.followers.get_mut(*earlier) {
                followers.push(place);
            }
        }
    }

    /// The next items that may be under way together with all that were taken and not released, at most `limit`, in
    /// order.
    pub fn take(&mut self, limit: usize) -> Vec<usize> {
        let taken: Vec<usize> = self.ready.iter().copied().take(limit).collect();
        for place in &taken {
            self.ready.remove(place);
        }
        taken
    }

    /// Notes that a taken item is done or failed for good: it holds back nothing any more.
    pub fn release(&mut self, place: usize) {
        let followers = self.followers.get_mut(place).map(std::mem::take).unwrap_or_default();
        for follower in followers {
            let Some(held_by) = self.held_by.get_mut(follower) else { continue };
            *held_by = held_by.saturating_sub(1);
            if *held_by == 0 {
                self.ready.insert(follower);
            }
        }
    }
}
