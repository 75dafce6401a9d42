//! Back-off: exponential with full jitter, from one source of randomness.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The one source of randomness of a state machine: the same seed gives the same decisions.
#[derive(Debug, Clone)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A wait before try number `tries` (from 1): full jitter, between nothing and `initial * 2^(tries-1)`, at most
    /// `max`.
    pub(super) fn back_off(&mut self, tries: u32, initial: Duration, max: Duration) -> Duration {
        let ceiling = ceiling(tries, initial, max);
        Duration::from_millis(self.0.random_range(0..=ceiling))
    }

    /// As [`Dice::back_off`], but never less than half the ceiling: for a destination that is ill, where many waiters
    /// share one wait and nothing would be no wait at all.
    pub(super) fn rest(&mut self, tries: u32, initial: Duration, max: Duration) -> Duration {
        let ceiling = ceiling(tries, initial, max);
        Duration::from_millis(ceiling / 2 + self.0.random_range(0..=ceiling / 2))
    }

    /// 128 random bits, for keys that cannot exist.
    pub(super) fn bits(&mut self) -> u128 {
        self.0.random()
    }
}

/// `initial * 2^(tries-1)`, at most `max`, in milliseconds.
fn ceiling(tries: u32, initial: Duration, max: Duration) -> u64 {
    let exponent = tries.saturating_sub(1).min(20);
    initial.saturating_mul(1 << exponent).min(max).as_millis().max(1) as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Dice;

    #[test]
    fn grows_to_the_ceiling_and_never_beyond() {
        let mut dice = Dice::new(7);
        let (initial, max) = (Duration::from_secs(1), Duration::from_mins(1));
        for tries in 1..40 {
            let ceiling = initial.saturating_mul(1 << (tries - 1).min(20)).min(max);
            assert!(dice.back_off(tries, initial, max) <= ceiling);
            let rest = dice.rest(tries, initial, max);
            assert!(rest <= ceiling && rest >= ceiling / 2, "{tries}: {rest:?}");
        }
    }
}
