//! What a seed makes of the world: organizers, functions, how much goes wrong and how often.

use std::collections::HashSet;
use std::time::Duration;

use rand::{Rng, RngExt};
use ticketbridge_engine::feedback::Function;

use super::teeth::Guard;

/// The organizers of a world, in their order; the second one is not always there.
pub(super) const ORGANIZERS: [&str; 2] = ["NORTH", "SOUTH"];
/// The name of the box office, which all organizers share.
pub(super) const BOX_OFFICE: &str = "s360";

/// How much goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Nothing, and no people; changes go on.
    Calm,
    /// Everything that the contracts allow.
    Harsh,
}

/// One organizer of a world.
#[derive(Debug, Clone)]
pub(super) struct Organizer {
    /// Seed of its tickets' lives.
    pub(super) play: u32,
    /// New tickets at the start.
    pub(super) tickets: usize,
    /// Tickets of the configured skip list, by their number in the play.
    pub(super) skipped: Vec<usize>,
    pub(super) function: Function,
}

/// Chances in thousandths, and mean times in milliseconds; zero: never.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rates {
    /// Per transaction: it is refused, its process dies before or after it, it is slow.
    pub(super) store_refuses: u32,
    pub(super) dies_before_commit: u32,
    pub(super) dies_after_commit: u32,
    pub(super) store_is_slow: u32,
    /// Per request: its process dies before or after it leaves, or stands still before; no connection; lost on its way,
    /// there or back; long ways.
    pub(super) dies_before_request: u32,
    pub(super) dies_after_request: u32,
    pub(super) stalls: u32,
    pub(super) refuses_connection: u32,
    pub(super) loses_request: u32,
    pub(super) loses_answer: u32,
    pub(super) long_way: u32,
    /// Between two strokes of fate, faults of a platform, acts of people.
    pub(super) fate: u64,
    pub(super) weather: u64,
    pub(super) people: u64,
}

/// A whole world before it begins.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) profile: Profile,
    pub(super) without: Option<Guard>,
    pub(super) organizers: Vec<Organizer>,
    pub(super) processes: usize,
    /// For how long things go wrong, in milliseconds.
    pub(super) span: u64,
    /// Between two changes of lives, on average, in milliseconds.
    pub(super) lives: u64,
    /// How long after it left a creation may still take effect; functions that wait less break their promise.
    pub(super) promise: Duration,
    /// Between two runs of one process and organizer, at most, in milliseconds.
    pub(super) pause: u64,
    pub(super) rates: Rates,
}

impl Setting {
    pub(super) fn generated(profile: Profile, without: Option<Guard>, dice: &mut dyn Rng) -> Self {
        let count = if dice.random_bool(0.7) { 2 } else { 1 };
        let harsh = profile == Profile::Harsh;
        let span = dice.random_range(3..=25) * 60_000;
        let plays = dice.random_range(0..400_000);
        let common = Common::generated(without, dice);
        let organizers = (0..count).map(|place| Organizer::generated(place, plays, &common, dice)).collect();
        Self {
            profile,
            without,
            organizers,
            processes: dice.random_range(2..=3),
            span: if harsh { span } else { span.min(360_000) },
            lives: dice.random_range(4_000..=40_000),
            promise: common.promise,
            pause: dice.random_range(5_000..=60_000),
            rates: if harsh { Rates::harsh(dice) } else { Rates::default() },
        }
    }

    /// The lease of all functions, in milliseconds.
    pub(super) fn lease(&self) -> u64 {
        self.organizers.iter().map(|one| one.function.lease.as_millis() as u64).max().unwrap_or_default()
    }
}

/// What functions of one box office have in common.
struct Common {
    timeout: Duration,
    promise: Duration,
    in_doubt_for: Duration,
    max_in_flight: usize,
    distribute: bool,
}

impl Common {
    fn generated(without: Option<Guard>, dice: &mut dyn Rng) -> Self {
        let promise = Duration::from_secs(dice.random_range(20..=120));
        Self {
            timeout: Duration::from_secs(dice.random_range(4..=20)),
            promise,
            in_doubt_for: if without == Some(Guard::InDoubt) { Duration::ZERO } else { promise },
            max_in_flight: dice.random_range(1..=4),
            distribute: dice.random_bool(0.95),
        }
    }
}

impl Organizer {
    fn generated(place: usize, plays: u32, common: &Common, dice: &mut dyn Rng) -> Self {
        let tickets = dice.random_range(2..=14);
        let skipped = if dice.random_bool(0.2) { vec![dice.random_range(0..tickets)] } else { Vec::new() };
        let function = Function {
            internal_name: format!("feedback {place}").into(),
            organizer: ORGANIZERS[place].into(),
            active: true,
            source: "tixngo".into(),
            box_office: BOX_OFFICE.into(),
            schedule: None,
            batch_size: dice.random_range(1..=30),
            pages_per_run: dice.random_range(1..=4),
            skip_tickets: "".into(),
            file_to_upload: None,
            continue_on_sync_error: dice.random_bool(0.8),
            distribute: common.distribute,
            organizations: HashSet::new(),
            error_recipients: Vec::new(),
            max_dump_kib: 0,
            timeout: common.timeout,
            lease: Duration::from_mins(1),
            max_in_flight: common.max_in_flight,
            in_doubt_for: common.in_doubt_for,
            retry: (Duration::from_millis(dice.random_range(100..=1_000)), Duration::from_secs(20)),
        };
        Self { play: plays + place as u32 * 500_000, tickets, skipped, function }
    }
}

impl Rates {
    fn harsh(dice: &mut dyn Rng) -> Self {
        let mut chance = |most: u32| if dice.random_bool(0.5) { dice.random_range(1..=most) } else { 0 };
        let (store_refuses, dies_before_commit, dies_after_commit) = (chance(20), chance(10), chance(15));
        let (store_is_slow, dies_before_request, dies_after_request) = (chance(30), chance(10), chance(20));
        let (stalls, refuses_connection, loses_request) = (chance(30), chance(20), chance(20));
        let (loses_answer, long_way) = (chance(40), chance(60));
        Self {
            store_refuses,
            dies_before_commit,
            dies_after_commit,
            store_is_slow,
            dies_before_request,
            dies_after_request,
            stalls,
            refuses_connection,
            loses_request,
            loses_answer,
            long_way,
            fate: dice.random_range(20_000..=200_000),
            weather: dice.random_range(4_000..=60_000),
            people: dice.random_range(8_000..=120_000),
        }
    }
}
