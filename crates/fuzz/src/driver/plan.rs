//! What a run does: the bounded one of the tests, a long one, or one input again.

use std::path::PathBuf;
use std::time::Duration;

use super::Target;

/// Seed of the bounded run.
const SEED: u64 = 20_261_121;

/// When a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// After so many mutations.
    After(u64),
    /// After so long.
    Within(Duration),
}

/// What a run does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) end: End,
    /// This file alone, without mutations.
    pub(super) input: Option<PathBuf>,
}

impl Plan {
    /// The plan of a target, by `TICKETBRIDGE_FUZZ_SECONDS`, `_SEED` and `_INPUT`. What is written wrongly ends the run.
    pub(super) fn of(target: &Target, variable: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str| {
            variable(name).map(|text| match text.trim().parse::<u64>() {
                Ok(number) => number,
                Err(error) => panic!("{name} must be a whole number, and is `{text}`: {error}"),
            })
        };
        let seconds = number("TICKETBRIDGE_FUZZ_SECONDS");
        Self {
            seed: number("TICKETBRIDGE_FUZZ_SEED").unwrap_or(SEED),
            end: seconds.map_or(End::After(target.mutations), |seconds| End::Within(Duration::from_secs(seconds))),
            input: variable("TICKETBRIDGE_FUZZ_INPUT").map(PathBuf::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Target = Target { name: "none", run: |_| {}, dictionary: &[], mutations: 7 };

    #[test]
    fn without_variables_a_run_is_short_and_always_the_same() {
        let plan = Plan::of(&TARGET, |_| None);
        assert_eq!(plan, Plan { seed: SEED, end: End::After(7), input: None });
    }

    #[test]
    fn variables_make_a_long_run_or_one_input() {
        let plan = Plan::of(&TARGET, |name| Some(String::from(if name.ends_with("INPUT") { "a/b" } else { "90" })));
        let end = End::Within(Duration::from_secs(90));
        assert_eq!(plan, Plan { seed: 90, end, input: Some(PathBuf::from("a/b")) });
    }

    #[test]
    #[should_panic(expected = "must be a whole number")]
    fn a_variable_that_is_no_number_ends_the_run() {
        let _plan = Plan::of(&TARGET, |_| Some(String::from("soon")));
    }
}
