//! When the next run starts (TIXNGO contract §2.1).
//!
//! Marks are the multiples of the frequency counted from 00:00 UTC of each day, so a frequency that does not divide the
//! day has a short last interval. However long a run was, one run follows it.

use crate::time::Wall;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Time between two starts, in milliseconds: whole minutes, 1 to 1440.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frequency(i64);

impl Frequency {
    /// `None` if `minutes` is not within 1 to 1440.
    pub fn from_minutes(minutes: u32) -> Option<Self> {
        (1..=1440).contains(&minutes).then_some(Self(i64::from(minutes) * MINUTE))
    }
}

/// The schedule of one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Time between two starts.
    pub frequency: Frequency,
    /// Whether starts are rounded up to the next mark.
    pub stick_to_the_hour: bool,
    /// No run starts before this instant.
    pub start: Option<Wall>,
    /// No run starts at or after this instant.
    pub end: Option<Wall>,
}

impl Schedule {
    /// The first start, for a function that was activated at `activated`. `None`: there is none before the end.
    pub fn first_start(&self, activated: Wall) -> Option<Wall> {
        let earliest = self.not_before(activated);
        self.within(if self.stick_to_the_hour { self.mark_from(earliest) } else { earliest })
    }

    /// The start after a run that began at `began` and ended at `ended`. `None`: there is none before the end.
    pub fn next_start(&self, began: Wall, ended: Wall) -> Option<Wall> {
        let earliest = self.not_before(ended);
        self.within(if self.stick_to_the_hour {
            self.mark_from(earliest.max(Wall(began.0.saturating_add(1))))
        } else {
            earliest.max(Wall(began.0.saturating_add(self.frequency.0)))
        })
    }

    /// Whether a run may start at this instant.
    pub fn is_open(&self, at: Wall) -> bool {
        self.start.is_none_or(|start| at >= start) && self.end.is_none_or(|end| at < end)
    }

    /// The first mark at or after `at`.
    fn mark_from(&self, at: Wall) -> Wall {
        let into_day = at.0.rem_euclid(DAY);
        let steps = into_day.div_euclid(self.frequency.0) + i64::from(into_day % self.frequency.0 != 0);
        let mark = (steps * self.frequency.0).min(DAY);
        Wall(at.0.saturating_add(mark - into_day))
    }

    fn not_before(&self, at: Wall) -> Wall {
        self.start.map_or(at, |start| start.max(at))
    }

    fn within(&self, start: Wall) -> Option<Wall> {
        self.is_open(start).then_some(start)
    }
}
