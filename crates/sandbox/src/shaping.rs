//! What faults do to a list of results or rows, and times drawn from a range; for every stand-in.

use rand::{Rng, RngExt};

use crate::clock::Millis;

/// Dropped, doubled and moved entries.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Shaping {
    pub(crate) drop: usize,
    pub(crate) copies: usize,
    pub(crate) reorder: bool,
}

impl Shaping {
    /// Drops, doubles, then moves rows; reordering leaves none of two or more rows in its place.
    pub(crate) fn apply<T: Clone>(self, rows: &mut Vec<T>, dice: &mut dyn Rng) {
        for _ in 0..self.drop.min(rows.len()) {
            rows.remove(dice.random_range(0..rows.len()));
        }
        let whole = rows.len();
        for _ in 0..self.copies.min(whole) {
            rows.push(rows[dice.random_range(0..whole)].clone());
        }
        if self.reorder {
            for place in (1..rows.len()).rev() {
                rows.swap(place, dice.random_range(0..place));
            }
        }
    }
}

/// A time between the two, both included; zero without a range.
pub(crate) fn draw(range: Option<(u64, u64)>, dice: &mut dyn Rng) -> Millis {
    match range {
        None => 0,
        Some((least, most)) if least == most => least as Millis,
        Some((least, most)) => dice.random_range(least..=most) as Millis,
    }
}
