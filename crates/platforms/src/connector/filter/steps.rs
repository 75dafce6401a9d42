//! The budget of one run of the interpreter, or of many together: what is spent is counted wherever a value is touched ([`super::counted`]).
//!
//! A step is about a tenth of a microsecond of work, or 32 bytes that are read or written. When all are spent, the run
//! unwinds with a payload of this module: no `try`, `?`, `//` inside the expression sees it, no panic hook is called.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::RunFault;

/// Most steps of one run. Ends the worst expression within a few seconds and with less than 1 GiB piled up.
pub const MAX_STEPS: u64 = 20_000_000;
/// Most steps of all runs over one page of a look-up: about twenty seconds.
pub const MAX_PAGE_STEPS: u64 = 10 * MAX_STEPS;
/// Bytes of text that count as one step.
pub(super) const BYTES_PER_STEP: u64 = 32;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(0) };
    static SHARED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Carried by the unwinding of a run that has spent its budget.
struct Spent;

/// Spends `steps`, or ends the run.
#[inline]
pub(super) fn spend(steps: u64) {
    LEFT.with(|left| match left.get().checked_sub(steps) {
        Some(rest) => left.set(rest),
        None => end(),
    });
}

/// Spends what reading or writing `bytes` takes.
#[inline]
pub(super) fn spend_bytes(bytes: usize) {
    spend(1 + bytes as u64 / BYTES_PER_STEP);
}

/// Ends the run if it can't afford `steps`, without spending them.
pub(super) fn afford(steps: u64) {
    if LEFT.get() < steps {
        end();
    }
}

#[cold]
fn end() -> ! {
    resume_unwind(Box::new(Spent))
}

/// All runs of filters inside `work`, on this thread, share a budget of `steps`, besides the one that each has.
pub fn sharing_steps<T>(steps: u64, work: impl FnOnce() -> T) -> T {
    struct Before(Option<u64>);
    impl Drop for Before {
        fn drop(&mut self) {
            SHARED.set(self.0);
        }
    }
    let _before = Before(SHARED.replace(Some(steps)));
    work()
}

/// Runs `work` with a fresh budget, or what is left of a shared one. The one boundary of the interpreter: whatever unwinds
/// inside is a fault of this run.
pub(super) fn run_within<T>(steps: u64, work: impl FnOnce() -> Result<T, RunFault>) -> Result<T, RunFault> {
    let granted = SHARED.get().map_or(steps, |left| left.min(steps));
    let before = LEFT.replace(granted);
    let result = catch_unwind(AssertUnwindSafe(work));
    let left = if result.is_ok() { LEFT.get() } else { 0 };
    LEFT.set(before);
    SHARED.set(SHARED.get().map(|shared| shared.saturating_sub(granted - left)));
    result.unwrap_or_else(|payload| {
        Err(RunFault(if payload.is::<Spent>() && granted < steps {
            String::from(
                "the expressions took more than the steps of one page; simplify them (walk no list inside another one, \
                 repeat no text), or ask for smaller pages",
            )
        } else if payload.is::<Spent>() {
            format!(
                "the expression took more than {steps} steps; simplify it (walk no list inside another one, repeat no text), \
                 or make the batches smaller"
            )
        } else {
            String::from("the expression failed inside the interpreter")
        }))
    })
}
