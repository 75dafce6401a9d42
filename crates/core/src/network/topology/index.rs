//! Id to place, without a second copy of the ids.

use std::hash::{DefaultHasher, Hash, Hasher};

const EMPTY: u32 = u32::MAX;

/// An open-addressed table of places: 8 to 16 bytes per id.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    slots: Vec<u32>,
}

impl Index {
    /// Builds the table over the ids of a list without repeats.
    pub(super) fn new<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> Self {
        // Half full at most, so that a look-up ends after a few steps.
        let mut slots = vec![EMPTY; (ids.len() * 2).next_power_of_two()];
        let mask = slots.len() - 1;
        for (place, id) in ids.enumerate() {
            let mut slot = hash(id) & mask;
            while slots[slot] != EMPTY {
                slot = (slot + 1) & mask;
            }
            slots[slot] = place as u32;
        }
        Self { slots }
    }

    /// The place for which `is_it` holds among those that `id` may have.
    pub(super) fn find(&self, id: &str, is_it: impl Fn(usize) -> bool) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash(id) & mask;
        while self.slots[slot] != EMPTY {
            if is_it(self.slots[slot] as usize) {
                return Some(self.slots[slot]);
            }
            slot = (slot + 1) & mask;
        }
        None
    }
}

fn hash(id: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish() as usize
}
