//! Lives of mobile tickets, drawn from a seed: injected, downloaded, handed on and back, activated, controlled, deleted.
//!
//! The files: `life` (what may happen to a ticket) · `people` (who owns, gets and uses tickets) · `item` (how TIXNGO writes
//! it, dirt included).
//!
//! Guarantees: the same settings give the same lives, whatever the dice of the calls; every step is one that the contract's
//! lifecycle has; each change is later than the one before it; S-360 is told of every ticket and of the contacts that own
//! them at the start. Limits: 1,000,000 steps and 200,000 new tickets per play.

mod item;
mod life;
mod people;

use std::collections::BTreeMap;

use bytes::Bytes;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use self::life::Life;
use self::people::People;
use super::TixngoError;
use crate::clock::Millis;
use crate::s360::{PrintStatus, State, StateError, Ticket};
use crate::text::parse_rfc3339;

const MAX_STEPS: usize = 1_000_000;
const MAX_TICKETS: usize = 200_000;
const MAX_SEED: u32 = 999_999;
/// When lives begin if nobody says: 2026-05-04T08:00:00Z.
const USUAL_START: Millis = 1_777_881_600_000;
/// The most time between two changes, in milliseconds.
const LONGEST_PAUSE: Millis = 2_000;

/// What is to be played.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaySettings {
    /// The seed, 0 to 999,999. A second play of the same seed goes on with its tickets.
    pub seed: u32,
    /// How many tickets are made, each with one change, before the steps.
    #[serde(default)]
    pub tickets: usize,
    /// How many steps are made, each of a ticket drawn at random. Fewer if all lives are over.
    #[serde(default)]
    pub steps: usize,
    /// The share of new tickets whose items are V4.
    #[serde(default = "usual_v4")]
    pub v4: f64,
    /// The share of changes with dirty fields.
    #[serde(default = "usual_dirt")]
    pub dirty: f64,
    /// The instant before the first change, RFC 3339; only heeded by the first play of a seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// The organization whose tickets they are in S-360.
    #[serde(default = "usual_organization")]
    pub organization: String,
}

fn usual_v4() -> f64 {
    0.2
}

fn usual_dirt() -> f64 {
    0.1
}

fn usual_organization() -> String {
    "ORG-A".to_owned()
}

impl PlaySettings {
    /// Lives of `tickets` tickets over `steps` steps.
    pub fn new(seed: u32, tickets: usize, steps: usize) -> Self {
        let organization = usual_organization();
        Self { seed, tickets, steps, v4: usual_v4(), dirty: usual_dirt(), start: None, organization }
    }

    pub(super) fn check(&self) -> Result<(), TixngoError> {
        let range = |field, fits: bool, problem: String| {
            if fits { Ok(()) } else { Err(TixngoError::WrongPlay { field, problem }) }
        };
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        let is_time = self.start.as_deref().is_none_or(|start| parse_rfc3339(start).is_some());
        range("seed", self.seed <= MAX_SEED, format!("must be at most {MAX_SEED}"))?;
        range("tickets", self.tickets <= MAX_TICKETS, format!("must be at most {MAX_TICKETS}"))?;
        range("steps", self.steps <= MAX_STEPS, format!("must be at most {MAX_STEPS}"))?;
        range("v4", is_share(self.v4), "must be between 0 and 1".to_owned())?;
        range("dirty", is_share(self.dirty), "must be between 0 and 1".to_owned())?;
        range("start", is_time, "must be an RFC 3339 time".to_owned())
    }
}

/// What a play came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Played {
    /// New tickets, reprints included.
    pub tickets: usize,
    /// Changes.
    pub changes: usize,
    /// The tickets of this seed by what they are now.
    pub statuses: BTreeMap<&'static str, usize>,
}

/// Why tickets did not live.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlayError {
    /// TIXNGO did not take it.
    #[error(transparent)]
    Tixngo(#[from] TixngoError),
    /// S-360 did not take the tickets.
    #[error("S-360 did not take the new tickets: {0}")]
    S360(#[from] StateError),
}

/// What happens during a play.
struct Course<'a> {
    settings: &'a PlaySettings,
    played: Played,
    /// What S-360 must know of the new tickets: themselves, and the contacts that are new.
    box_office: State,
}

/// What came of a play.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) played: Played,
    /// What S-360 must know.
    pub(super) box_office: State,
    /// The tickets that changed, in the order of their latest changes: id and item.
    pub(super) items: Vec<(Box<str>, Bytes)>,
}

/// The tickets of one seed.
#[derive(Debug, Clone)]
pub(super) struct Player {
    seed: u32,
    dice: ChaCha8Rng,
    now: Millis,
    people: People,
    lives: Vec<Life>,
    /// The places of those that are not over.
    going_on: Vec<usize>,
}

impl Player {
    pub(super) fn new(settings: &PlaySettings) -> Self {
        Self {
            seed: settings.seed,
            dice: ChaCha8Rng::seed_from_u64(u64::from(settings.seed)),
            now: settings.start.as_deref().and_then(parse_rfc3339).unwrap_or(USUAL_START),
            people: People::new(settings.seed),
            lives: Vec::new(),
            going_on: Vec::new(),
        }
    }

    /// Makes tickets, then steps. Only the latest change of each ticket is written, as nobody can see those before it.
    pub(super) fn play(&mut self, settings: &PlaySettings) -> Outcome {
        let contacts = self.people.grow(settings.tickets, &mut self.dice);
        let box_office = State { contacts, ..State::default() };
        let mut course = Course { settings, played: Played::default(), box_office };
        for _ in 0..settings.tickets {
            let buyer = self.people.draw_buyer(&mut self.dice);
            let is_v4 = self.dice.random_bool(settings.v4);
            self.inject(buyer, is_v4, &mut course);
        }
        for _ in 0..settings.steps {
            if self.going_on.is_empty() {
                break;
            }
            let turn = self.dice.random_range(0..self.going_on.len());
            self.step(turn, &mut course);
        }
        for life in &self.lives {
            *course.played.statuses.entry(life.status).or_default() += 1;
        }
        Outcome { played: course.played, box_office: course.box_office, items: self.write() }
    }

    fn write(&mut self) -> Vec<(Box<str>, Bytes)> {
        let mut changed: Vec<_> =
            self.lives.iter_mut().filter_map(|life| life.changed.take().map(|change| (change, &*life))).collect();
        changed.sort_by_key(|(change, _)| change.at);
        let item =
            |(change, life): (life::Change, &Life)| (life.ticket_id.clone(), item::write(life, &self.people, &change));
        changed.into_iter().map(item).collect()
    }

    fn step(&mut self, turn: usize, course: &mut Course<'_>) {
        let place = self.going_on[turn];
        self.lives[place].step(self.now, &self.people, &mut self.dice);
        self.report(place, course);
        let life = &self.lives[place];
        if life.is_over() {
            self.going_on.swap_remove(turn);
            // What is deleted may have been printed anew, under another id.
            if life.status == "DELETED" && self.dice.random_bool(0.5) {
                self.inject(life.buyer, life.is_v4, course);
            }
        }
    }

    fn inject(&mut self, buyer: usize, is_v4: bool, course: &mut Course<'_>) {
        let place = self.lives.len();
        let life = Life::new(self.seed, place, buyer, is_v4);
        course.played.tickets += 1;
        course.box_office.tickets.push(Ticket {
            ticket_id: life.ticket_id.clone(),
            tax_number: Some(life.tax_number.clone()),
            organization_code: Some(course.settings.organization.as_str().into()),
            file_id: Some(format!("{}", 50_000 + place / 10).into()),
            print_status: PrintStatus::Printed,
            cultural_contact_number: self.people.contact_number(buyer),
            mobile: None,
        });
        self.lives.push(life);
        self.going_on.push(place);
        self.report(place, course);
    }

    /// Notes that a ticket has changed, later than all before it.
    fn report(&mut self, place: usize, course: &mut Course<'_>) {
        self.now += self.dice.random_range(1..=LONGEST_PAUSE);
        let is_dirty = self.dice.random_bool(course.settings.dirty);
        let dirt = is_dirty.then(|| self.dice.random());
        let life = &mut self.lives[place];
        life.settle(self.now);
        life.changed = Some(life::Change { at: self.now, dirt });
        course.played.changes += 1;
    }
}
