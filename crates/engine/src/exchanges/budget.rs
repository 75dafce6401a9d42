//! How many bytes of bodies may be kept: so many per second, and a second's worth at once.

use ticketbridge_core::time::Mono;

/// What failed may use so many times the budget.
pub const FAILED_SHARE: u64 = 8;
/// Thousandths, so that a small rate is not rounded away between two calls.
const SCALE: u64 = 1_000;

/// One budget. Pure: time is passed in.
#[derive(Debug)]
pub(super) struct Budget {
    rate: u64,
    left: u64,
    at: Mono,
}

impl Budget {
    pub(super) fn new(rate: u64, now: Mono) -> Self {
        Self { rate, left: rate.saturating_mul(SCALE), at: now }
    }

    /// Takes `bytes`, if there is anything left: one body may overdraw it, so that one larger than the rate is not
    /// kept out for ever.
    pub(super) fn take(&mut self, bytes: usize, now: Mono) -> bool {
        let passed = now.since(self.at).as_millis() as u64;
        let full = self.rate.saturating_mul(SCALE);
        self.left = self.left.saturating_add(self.rate.saturating_mul(passed)).min(full);
        self.at = now;
        let enough = self.left >= (bytes as u64).saturating_mul(SCALE).min(full);
        if enough {
            self.left = self.left.saturating_sub((bytes as u64).saturating_mul(SCALE));
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;
    use ticketbridge_core::time::Mono;

    #[test]
    fn never_more_than_the_rate_and_a_seconds_worth() {
        let mut budget = Budget::new(1_000, Mono(0));
        let mut taken = 0;
        for now in 0..10_000 {
            for _ in 0..5 {
                taken += if budget.take(70, Mono(now)) { 70 } else { 0 };
            }
        }
        assert!((10_800..=11_000).contains(&taken), "{taken}");
    }

    #[test]
    fn a_body_larger_than_the_rate_gets_its_turn() {
        let mut budget = Budget::new(1, Mono(0));
        assert!(budget.take(8_192, Mono(0)));
        assert!(!budget.take(8_192, Mono(999)));
        assert!(budget.take(8_192, Mono(1_000)));
    }
}
