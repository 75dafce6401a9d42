//! What was told, so that it is not told again: durable, and bounded by what there is to be told of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ticketbridge_core::time::Wall;

use super::cause::{Kind, Sighting};

/// A cause that was not seen for so long is over; when it is back, people are told again.
const OVER_AFTER: Duration = Duration::from_mins(15);
/// A cause that has new tickets is told of again after so long.
pub(super) const AGAIN_AFTER: Duration = Duration::from_hours(24);

/// When a cause was told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    /// Milliseconds since 1970.
    at: i64,
    /// The newest of its tickets then.
    newest: i64,
}

/// Which causes were told of and are not over.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    told: BTreeMap<String, Told>,
    /// Since when they were not seen; only of this process, so that a restart makes nothing be over.
    #[serde(skip)]
    away_since: BTreeMap<String, Wall>,
    /// What the look before this one has seen.
    #[serde(skip)]
    seen_before: BTreeSet<String>,
}

impl Memory {
    /// How many causes of a kind were told of.
    pub(super) fn count(&self, kind: Kind) -> usize {
        self.told.keys().filter(|name| name.split('|').next() == Some(kind.as_str())).count()
    }

    /// Whether a cause of this name was told of.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.told.contains_key(name)
    }

    /// Takes note of what there is at `now`, and forgets what is over. Answers whether it forgot anything.
    pub(super) fn notice(&mut self, now: Wall, seen: &[Sighting]) -> bool {
        let names: BTreeSet<String> = seen.iter().map(|sighting| sighting.cause.name()).collect();
        for told in self.told.values_mut() {
            // The clock was set back: nothing must wait for the time that it had before.
            (told.at, told.newest) = (told.at.min(now.0), told.newest.min(now.0));
        }
        self.away_since.retain(|name, since| !names.contains(name) && since.0 <= now.0);
        let away: Vec<String> = self.told.keys().filter(|name| !names.contains(*name)).cloned().collect();
        let mut has_forgotten = false;
        for name in away {
            let since = *self.away_since.entry(name.clone()).or_insert(now);
            if now.since(since) >= OVER_AFTER {
                self.told.remove(&name);
                self.away_since.remove(&name);
                has_forgotten = true;
            }
        }
        has_forgotten
    }

    /// What has to be told, of what there is at `now`. What may mend itself in a moment must have been there at the look
    /// before, too.
    pub(super) fn news<'s>(&mut self, now: Wall, seen: &'s [Sighting]) -> Vec<&'s Sighting> {
        let names: BTreeSet<String> = seen.iter().map(|sighting| sighting.cause.name()).collect();
        let before = std::mem::replace(&mut self.seen_before, names);
        let is_news = |sighting: &&Sighting| {
            let name = sighting.cause.name();
            let lasts = !matches!(sighting.cause.kind, Kind::Unusable | Kind::Held) || before.contains(&name);
            match self.told.get(&name) {
                None => sighting.is_due && lasts,
                Some(told) => {
                    sighting.newest.0 > told.newest && now.since(Wall(told.at)) >= AGAIN_AFTER && sighting.is_due
                }
            }
        };
        seen.iter().filter(is_news).collect()
    }

    /// When a cause was last told of, if it is not over.
    pub(super) fn told_at(&self, name: &str) -> Option<Wall> {
        self.told.get(name).map(|told| Wall(told.at))
    }

    /// These were told of.
    pub(super) fn told(&mut self, now: Wall, sightings: &[&Sighting]) {
        for sighting in sightings {
            let told = Told { at: now.0, newest: sighting.newest.0 };
            self.told.insert(sighting.cause.name(), told);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cause::Cause;
    use super::*;

    const MINUTE: i64 = 60_000;

    fn sighting(kind: Kind, newest: i64) -> Sighting {
        let cause = Cause { kind, platform: "sfyc".into(), what: String::new(), reason: String::new() };
        let (examples, words, filter) = (Vec::new(), String::new(), None);
        Sighting { cause, is_due: true, count: 1, newest: Wall(newest), examples, words, filter }
    }

    /// A look at a minute: what is told.
    fn look(memory: &mut Memory, minute: i64, seen: &[Sighting]) -> usize {
        let now = Wall(minute * MINUTE);
        memory.notice(now, seen);
        let news = memory.news(now, seen);
        memory.told(now, &news);
        news.len()
    }

    #[test]
    fn a_cause_is_told_once_and_again_when_it_was_over() {
        let mut memory = Memory::default();
        let away = [sighting(Kind::Away, 0)];
        assert_eq!([0, 5, 60, 3_000].map(|minute| look(&mut memory, minute, &away)), [1, 0, 0, 0]);
        // Away for less than it takes to be over.
        assert_eq!([3_005, 3_010].map(|minute| look(&mut memory, minute, &[])), [0, 0]);
        assert_eq!(look(&mut memory, 3_015, &away), 0);
        for minute in [3_020, 3_025, 3_030, 3_035] {
            look(&mut memory, minute, &[]);
        }
        assert_eq!(look(&mut memory, 3_040, &away), 1);
    }

    #[test]
    fn new_tickets_of_a_cause_are_told_of_a_day_later() {
        let mut memory = Memory::default();
        let of = |newest| [sighting(Kind::Errors, newest)];
        assert_eq!(look(&mut memory, 0, &of(0)), 1);
        assert_eq!(look(&mut memory, 10, &of(9 * MINUTE)), 0);
        assert_eq!(look(&mut memory, 1_439, &of(9 * MINUTE)), 0);
        assert_eq!(look(&mut memory, 1_440, &of(9 * MINUTE)), 1);
        assert_eq!(look(&mut memory, 9_000, &of(9 * MINUTE)), 0, "none is new");
    }

    #[test]
    fn what_may_mend_itself_is_told_at_the_second_look() {
        for kind in [Kind::Unusable, Kind::Held] {
            let mut memory = Memory::default();
            let held = [sighting(kind, 0)];
            assert_eq!(look(&mut memory, 0, &held), 0);
            assert_eq!(look(&mut memory, 5, &[]), 0);
            assert_eq!(look(&mut memory, 10, &held), 0);
            assert_eq!(look(&mut memory, 15, &held), 1);
            assert_eq!(look(&mut memory, 20, &held), 0);
        }
    }

    #[test]
    fn it_survives_a_restart() {
        let mut memory = Memory::default();
        let away = [sighting(Kind::Away, 0)];
        assert_eq!(look(&mut memory, 0, &away), 1);
        look(&mut memory, 5, &[]);
        let text = serde_json::to_string(&memory).unwrap();
        let mut after: Memory = serde_json::from_str(&text).unwrap();
        // The time that it was not seen by the process before does not count.
        assert_eq!([16, 18].map(|minute| look(&mut after, minute, &[])), [0, 0]);
        assert_eq!(look(&mut after, 25, &away), 0);
    }

    #[test]
    fn a_clock_that_is_set_back_silences_nothing_for_long() {
        let mut memory = Memory::default();
        let day = 24 * 60;
        assert_eq!(look(&mut memory, 400 * day, &[sighting(Kind::Errors, 0)]), 1);
        assert_eq!(look(&mut memory, 10, &[sighting(Kind::Errors, 5)]), 0);
        assert_eq!(look(&mut memory, 10 + day, &[sighting(Kind::Errors, 5)]), 1);
    }
}
