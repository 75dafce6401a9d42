//! Pauses between tries: exponential, the upper half at random, within one budget per run.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Pauses of a run in all (TIXNGO contract §7.1).
pub(super) const BUDGET: Duration = Duration::from_mins(1);

/// Deals out pauses until the budget is spent.
pub(super) struct Pauses {
    dice: ChaCha8Rng,
    initial: Duration,
    max: Duration,
    left: Duration,
}

impl Pauses {
    pub(super) fn new(seed: u64, (initial, max): (Duration, Duration)) -> Self {
        Self { dice: ChaCha8Rng::seed_from_u64(seed), initial, max, left: BUDGET }
    }

    /// The pause after try number `tries` (from 1), at least what the platform asked for; `None`: the budget does not
    /// reach that far.
    pub(super) fn after(&mut self, tries: u32, asked: Option<Duration>) -> Option<Duration> {
        let pause = self.length(tries).max(asked.unwrap_or_default());
        self.left = self.left.checked_sub(pause)?;
        Some(pause)
    }

    /// One of `places`, at random.
    pub(super) fn draw(&mut self, places: Vec<usize>) -> Option<usize> {
        let last = places.len().checked_sub(1)?;
        places.into_iter().nth(self.dice.random_range(0..=last))
    }

    /// A pause that is no part of the run: until the next try of an item that waits.
    pub(super) fn length(&mut self, tries: u32) -> Duration {
        let factor = 2_u32.saturating_pow(tries.saturating_sub(1).min(20));
        let ceiling = self.initial.saturating_mul(factor).min(self.max).as_millis() as u64;
        Duration::from_millis(ceiling / 2 + self.dice.random_range(0..=ceiling.div_ceil(2)))
    }
}
