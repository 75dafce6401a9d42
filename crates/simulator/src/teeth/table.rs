//! The table of teeth, and how one is tried.

use std::ops::Range;
use std::sync::Arc;

use super::saboteurs::{
    ByPosition, Careless, Credulous, Deceived, Forgetful, KeyAsOrigin, NoReadBack, Omitting, Settled, all_open,
    always_on, any_key, anything, cut_short, large_requests, many_attempts, no_doubt, no_settling, old_matches,
    outages_count,
};
use super::{Amnesia, Neglect, Saboteur};
use crate::checks::Violation;
use crate::faults::Profile;
use crate::run::{Scenario, first_violation, run_one};

/// A tooth must be found within so many seeds.
pub const MOST_SEEDS: u64 = 2_000;

/// One guard, switched off.
#[derive(Clone)]
pub struct Tooth {
    /// Its name: letters and hyphens.
    pub name: &'static str,
    /// The guard.
    pub guard: &'static str,
    /// How it is switched off.
    pub switched_off: &'static str,
    /// The invariant that must be seen broken: a name of [`crate::checks::Violation::invariant`].
    pub expected: &'static str,
    /// What the worlds are like.
    pub profile: Profile,
    saboteur: Arc<dyn Saboteur>,
}

/// When a tooth bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bite {
    /// The first seed, counted from 1, in which the expected invariant was broken.
    pub seeds: u64,
    /// What was seen.
    pub text: String,
}

impl Bite {
    /// The first seed in which this invariant breaks. The same on any number of threads.
    pub(crate) fn first(
        seeds: Range<u64>,
        threads: usize,
        expected: &str,
        violation_in: impl Fn(u64) -> Option<Violation> + Sync,
    ) -> Option<Self> {
        let first = seeds.start;
        let (seed, violation) = first_violation(seeds, threads, expected, violation_in)?;
        Some(Self { seeds: seed - first + 1, text: violation.text })
    }
}

impl Tooth {
    /// Worlds without this guard.
    pub fn scenario(&self) -> Scenario {
        Scenario { saboteur: Some(Arc::clone(&self.saboteur)), ..Scenario::of(self.profile) }
    }
}

/// Runs seeds without a guard until the expected invariant breaks; `None`: it never did. The same on any number of
/// threads.
pub fn bite(tooth: &Tooth, seeds: Range<u64>, threads: usize) -> Option<Bite> {
    let scenario = tooth.scenario();
    Bite::first(seeds, threads, tooth.expected, |seed| run_one(seed, &scenario, false).violation)
}

/// All teeth.
pub fn teeth() -> Vec<Tooth> {
    let sound = Amnesia::default();
    let careful = Neglect::default();
    vec![
        tooth(
            "intent",
            "the intent is committed before the request",
            "a crash loses the intents: the next process knows of no batch and no mark",
            "I1",
            Forgetful(Amnesia { forgets_intents: true, ..sound }),
        ),
        tooth(
            "verified-look-up",
            "after an unclear answer only a look-up leads on",
            "an unclear answer is taken for \"not done\", and the effect is sent again",
            "I1",
            Credulous,
        ),
        tooth(
            "in-doubt-time",
            "a negative counts only after `in_doubt_for`",
            "`in_doubt_for` = 0",
            "I1",
            Settled(no_doubt),
        ),
        tooth(
            "settling-time",
            "a second negative, the settling time later",
            "`settling_time` = 0",
            "I1",
            Settled(no_settling),
        ),
        tooth(
            "fence",
            "a stale token writes nothing",
            "the store takes every token",
            "I1",
            Forgetful(Amnesia { ignores_fences: true, ..sound }),
        ),
        tooth(
            "lease-look",
            "a last look at the lease before a write leaves",
            "nobody looks",
            "I1",
            Careless(Neglect { ignores_lease: true, ..careful }),
        ),
        tooth(
            "one-row-per-key",
            "one row of a key at a time",
            "rows of one key are spread over the lanes",
            "I1",
            Forgetful(Amnesia { scatters_keys: true, ..sound }),
        ),
        tooth(
            "by-key",
            "outcomes are attributed by the key in the answer",
            "by position; results come in another order",
            "I4",
            ByPosition,
        ),
        tooth(
            "read-back",
            "new records of a Cherwell are read back before they count",
            "its results are believed by position; they come in another order",
            "I4",
            NoReadBack,
        ),
        tooth(
            "work-order-origin",
            "a work order carries the origin id of its row",
            "it carries an id made of the dedupe key",
            "I1",
            KeyAsOrigin,
        ),
        tooth(
            "match-age",
            "a match counts for `match_ttl`",
            "a week; people open tickets meanwhile",
            "match",
            Settled(old_matches),
        ),
        tooth(
            "paging",
            "a list that does not add up is no list",
            "half of the open tickets is missing, and the rest passes for all",
            "match",
            Deceived(cut_short),
        ),
        tooth(
            "exact-key",
            "each row that was found is checked for the exact key",
            "a row that nobody asked for passes for the one asked for; platforms ignore filters",
            "I4",
            Deceived(any_key),
        ),
        tooth(
            "random-key",
            "a key that cannot exist is asked for, too",
            "a search that finds anything is believed",
            "I4",
            Deceived(anything),
        ),
        tooth(
            "canary",
            "a known ticket that is missing voids the negatives",
            "it passes for seen; a platform suddenly finds nothing",
            "I1",
            Careless(Neglect { vouches_for_known: true, ..careful }),
        ),
        tooth(
            "state",
            "closed tickets are no match",
            "every ticket that is found passes for open",
            "liveness",
            Deceived(all_open),
        ),
        tooth("attempts", "at most Max Retries + 1 attempts", "Max Retries = 200", "I5", Settled(many_attempts)),
        tooth("outages-are-free", "an outage uses no attempt", "`charge_outages = true`", "I5", Settled(outages_count)),
        tooth(
            "tickets-per-request",
            "at most Max Tickets Per Request items",
            "Max Tickets Per Request = 500",
            "I6",
            Settled(large_requests),
        ),
        tooth(
            "processing",
            "processing off: nothing new is sent",
            "the switch is taken for on",
            "I7",
            Settled(always_on),
        ),
        tooth(
            "ending-line",
            "a row that ends by a look leaves a line in the journal",
            "it leaves none",
            "I11",
            Omitting(|writes| writes.endings.clear()),
        ),
        tooth(
            "key-and-platform",
            "a key goes to one ticket platform",
            "it goes to all of them",
            "I1",
            Careless(Neglect { mixes_platforms: true, ..careful }),
        ),
        Tooth {
            profile: Profile::Outside,
            ..tooth(
                "audit",
                "a double that came of a create sent again is reported (beyond the promise)",
                "what the audit saw is not written down",
                "audit",
                Omitting(|writes| writes.problems.clear()),
            )
        },
    ]
}

fn tooth(
    name: &'static str,
    guard: &'static str,
    switched_off: &'static str,
    expected: &'static str,
    saboteur: impl Saboteur + 'static,
) -> Tooth {
    Tooth { name, guard, switched_off, expected, profile: Profile::Harsh, saboteur: Arc::new(saboteur) }
}
