//! A delivery restricted to chosen rows: what a plan reads, and what carrying it out may do.

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use ticketbridge_core::delivery::{Chosen, Decision, Restriction, Standing};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{State, TicketId, TicketReference, TicketRow};

use crate::remote::Fate;
use crate::world::{Trouble, World};

/// An hour of virtual time.
const HOUR: u64 = 3_600_000;

type Planned = BTreeMap<TicketId, Decision>;

/// What the rows would do: nothing is written, nothing is sent.
fn plan(world: &mut World, chosen: &BTreeSet<TicketId>) -> Planned {
    let before = (world.store.rows.clone(), world.store.transactions);
    let writes = world.remote('A').writes.len() + world.remote('B').writes.len();
    restrict(world, chosen, &Planned::new());
    world.run_until(World::is_over);
    assert_eq!(world.store.rows, before.0);
    assert_eq!(world.remote('A').writes.len() + world.remote('B').writes.len(), writes, "a plan writes nothing");
    let standings = world.standings();
    let decided = |(id, standing): (&TicketId, &Standing)| match standing {
        Standing::Decided(decision) => Some((*id, decision.clone())),
        Standing::Behind(first) if chosen.contains(first) => Some((*id, Decision::After(*first))),
        _ => None,
    };
    standings.iter().filter_map(decided).collect()
}

/// The process starts anew, with these rows only.
fn restrict(world: &mut World, chosen: &BTreeSet<TicketId>, planned: &Planned) {
    let choose = |id: &TicketId| {
        let row = &world.store.rows[id];
        let expected = planned.get(id).cloned();
        (*id, Chosen { generation: row.generation, backend: row.backend.clone(), expected })
    };
    world.restriction = Some(Restriction::new(chosen.iter().map(choose).collect(), BTreeSet::new()));
    if world.is_alive() {
        world.crash(1);
    }
}

/// Carries a plan out.
fn apply(world: &mut World, planned: &Planned) -> BTreeMap<TicketId, Standing> {
    restrict(world, &planned.keys().copied().collect(), planned);
    let end = world.now + 24 * HOUR;
    while !world.is_over() {
        assert!(world.now < end, "it never ends: {}", world.picture());
        world.step();
    }
    world.standings()
}

fn all(world: &World) -> BTreeSet<TicketId> {
    world.store.rows.keys().copied().collect()
}

fn reference(number: &str) -> TicketReference {
    TicketReference { number: number.to_owned(), record: None }
}

#[test]
fn a_plan_tells_what_a_run_does_and_writes_nothing() {
    let mut world = World::new(1);
    let oldest = world.remote('A').foreign(100, "SNR|2", None);
    world.remote('A').foreign(900, "SNR|2", Some("another system"));
    let closed = world.remote('A').foreign(100, "SNR|3", None);
    world.remote('A').change(&closed, |ticket| ticket.open = false);
    let adopted = world.remote('A').foreign(100, "SNR|4", None);
    world.remote('A').change(&adopted, |ticket| ticket.adopted = true);
    let first = world.receive("north", &["SNR|1", "SNR|2", "SNR|3", "SNR|4", "SNR|1"]);
    let chosen = all(&world);
    let planned = plan(&mut world, &chosen);
    let wanted = [
        Decision::Create,
        Decision::Note(reference(&oldest)),
        Decision::Create,
        Decision::Note(reference(&adopted)),
        Decision::After(TicketId(first)),
    ];
    assert_eq!(planned.values().cloned().collect::<Vec<_>>(), wanted);

    let left = apply(&mut world, &planned);
    assert_eq!(left, BTreeMap::new());
    assert!(world.store.rows.values().all(|row| row.state == State::Completed));
    assert_eq!(world.remote('A').notes.len(), 3);
    assert_eq!(world.remote('B').work_orders.len(), 2);
}

#[test]
fn what_drifted_is_set_aside_and_keeps_its_key() {
    let mut world = World::new(2);
    let noted = world.remote('A').foreign(100, "SNR|2", None);
    let first = world.receive("north", &["SNR|1", "SNR|2", "SNR|3", "SNR|1"]);
    let chosen = all(&world);
    let planned = plan(&mut world, &chosen);
    world.crash(HOUR);
    let opened = world.remote('A').foreign(200, "SNR|1", Some("another system"));
    world.remote('A').change(&noted, |ticket| ticket.open = false);
    let left = apply(&mut world, &planned);
    let wanted = BTreeMap::from([
        (TicketId(first), Standing::Decided(Decision::Note(reference(&opened)))),
        (TicketId(first + 1), Standing::Decided(Decision::Create)),
        (TicketId(first + 3), Standing::Behind(TicketId(first))),
    ]);
    assert_eq!(left, wanted);
    assert_eq!(world.state(first + 2), State::Completed);
    for id in [first, first + 1, first + 3] {
        assert_eq!((world.state(id), world.row(id).sent.to_bits()), (State::Received, 0));
    }
    assert_eq!(world.remote('A').notes.len(), 0);
}

#[test]
fn a_row_that_is_compared_anew_is_held_to_its_plan_again() {
    let mut world = World::new(3);
    let id = world.receive("north", &["SNR|1"]);
    let chosen = all(&world);
    let planned = plan(&mut world, &chosen);
    // The create is refused without effect; before it is tried again, somebody opens one.
    world.remote('A').script.entry(Operation::CreateTicket).or_default().push_back(Fate::Throttled(Some(5)));
    world.later(1_000, |world| {
        let now = world.now;
        world.remote('A').foreign(now, "SNR|1", Some("another system"));
    });
    let left = apply(&mut world, &planned);
    assert!(matches!(left.get(&TicketId(id)), Some(Standing::Decided(Decision::Note(_)))), "{left:?}");
    assert_eq!((world.state(id), world.row(id).sent.to_bits()), (State::Matching, 0));
    assert_eq!((world.tickets('A'), world.remote('A').notes.len()), (1, 0));
}

#[test]
fn an_unclear_create_is_looked_up_and_a_verified_absence_sends_the_planned_create_again() {
    for fate in [Fate::Stall, Fate::ResetBefore, Fate::Late(6_000)] {
        let mut world = World::new(4);
        let id = world.receive("north", &["SNR|1"]);
        let chosen = all(&world);
        let planned = plan(&mut world, &chosen);
        world.remote('A').script.entry(Operation::CreateTicket).or_default().push_back(fate);
        assert_eq!(apply(&mut world, &planned), BTreeMap::new(), "{fate:?}");
        assert_eq!((world.state(id), world.tickets('A')), (State::Completed, 1), "{fate:?}");
    }
}

#[test]
fn another_ones_ticket_that_turns_up_behind_an_unclear_create_is_drift_and_its_batch_is_settled() {
    let mut world = World::new(5);
    let id = world.receive("north", &["SNR|1"]);
    let chosen = all(&world);
    let planned = plan(&mut world, &chosen);
    world.remote('A').script.entry(Operation::CreateTicket).or_default().push_back(Fate::ResetBefore);
    world.later(2_000, |world| {
        let now = world.now;
        world.remote('A').foreign(now, "SNR|1", Some("another system"));
    });
    let left = apply(&mut world, &planned);
    assert!(matches!(left.get(&TicketId(id)), Some(Standing::Decided(Decision::Note(_)))), "{left:?}");
    assert_eq!((world.state(id), world.row(id).sent.to_bits()), (State::Matching, 0));
    assert!(world.store.batches.values().all(|batch| batch.unresolved.is_none()));
    // Without a restriction it goes on as ever.
    world.restriction = None;
    world.crash(1);
    world.finish(60_000);
    assert_eq!((world.state(id), world.remote('A').notes.len()), (State::Completed, 1));
}

#[test]
fn rows_that_are_not_chosen_stay_as_they_are_and_hold_their_keys_if_something_was_sent() {
    let mut world = World::new(6);
    let doubtful = world.receive("north", &["SNR|1"]);
    world.remote('A').script.entry(Operation::CreateTicket).or_default().push_back(Fate::Stall);
    world.run_until(|world| world.tickets('A') == 1);
    world.crash(1);
    let first = world.receive("north", &["SNR|1", "SNR|2", "SNR|2", "SNR|3"]);
    let chosen: BTreeSet<TicketId> = [first, first + 2, first + 3].map(TicketId).into();
    let outside = (world.row(doubtful).clone(), world.row(first + 1).clone());
    let planned = plan(&mut world, &chosen);
    // The one that waits behind the doubtful create has no decision; the other's key is free, since nothing was sent.
    assert_eq!(planned.keys().copied().collect::<Vec<_>>(), [first + 2, first + 3].map(TicketId));
    let left = apply(&mut world, &planned);
    assert_eq!(left, BTreeMap::new());
    assert_eq!((world.row(doubtful), world.row(first + 1)), (&outside.0, &outside.1));
    assert_eq!(world.store.batches.values().filter(|batch| batch.unresolved.is_some()).count(), 1);
    assert_eq!(world.tickets('A'), 3, "the doubtful one, which was made, and two of the plan");
    world.restriction = None;
    world.crash(1);
    world.finish(HOUR);
    assert_eq!(world.tickets('A'), 3);
}

#[test]
fn a_ticket_of_its_own_passes_for_the_planned_create() {
    let mut world = World::new(7);
    let id = world.receive("north", &["SNR|1"]);
    let chosen = all(&world);
    let planned = plan(&mut world, &chosen);
    assert_eq!(planned[&TicketId(id)], Decision::Create);
    world.crash(HOUR);
    // Made in a life that the store forgot.
    let origin = world.row(id).origin.to_string();
    world.remote('A').foreign(200, "SNR|1", Some(&origin));
    assert_eq!(apply(&mut world, &planned), BTreeMap::new());
    assert_eq!((world.state(id), world.tickets('A')), (State::Completed, 1));
    assert!(world.row(id).created);
}

#[test]
fn with_an_unusable_platform_or_processing_off_it_is_over_at_once() {
    for what in ["tickets", "work orders", "processing"] {
        let mut world = World::new(8);
        let id = world.receive("north", &["SNR|1"]);
        let chosen = all(&world);
        let planned = plan(&mut world, &chosen);
        match what {
            "tickets" => world.set_platform('A', |platform| platform.capabilities = None),
            "work orders" => world.set_platform('B', |platform| platform.capabilities = None),
            _ => {
                world.set_backend("north", |backend| backend.processing = false);
                world.set_backend("south", |backend| backend.processing = false);
            }
        }
        let left = apply(&mut world, &planned);
        assert!(matches!(left.values().collect::<Vec<_>>()[..], [Standing::Waiting(_)]), "{what}: {left:?}");
        let created = what == "work orders";
        assert_eq!(world.tickets('A'), usize::from(created), "{what}");
        let state = if created { State::CreatingWorkOrder } else { State::Received };
        assert_eq!(world.state(id), state, "{what}");
    }
}

/// Random worlds: some rows are under way when the process ends, some are planned, things change, and the plan is
/// carried out in rough weather.
#[test]
fn whatever_happens_only_planned_rows_are_sent_and_only_as_planned() {
    let seeds = std::env::var("TICKETBRIDGE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(150);
    let mut met = [0_usize; 4];
    for seed in 0..seeds {
        in_rough_weather(seed, &mut met);
    }
    assert!(met.iter().all(|count| *count > 0), "created, noted, after another, set aside: {met:?}");
}

fn in_rough_weather(seed: u64, met: &mut [usize; 4]) {
    let mut dice = ChaCha8Rng::seed_from_u64(seed ^ 0x91a7);
    let mut world = World::new(seed);
    let keys: Vec<String> = (0..dice.random_range(2..14)).map(|number| format!("SNR|{number}")).collect();
    let receive = |world: &mut World, dice: &mut ChaCha8Rng| {
        let some: Vec<&str> = (0..dice.random_range(1..12)).map(|_| keys.choose(dice).expect("one").as_str()).collect();
        world.receive(if dice.random_bool(0.5) { "north" } else { "south" }, &some);
    };
    for _ in 0..dice.random_range(0..4) {
        let origin = dice.random_bool(0.5).then_some("another system");
        world.remote('A').foreign(500, keys.choose(&mut dice).expect("one"), origin);
    }
    receive(&mut world, &mut dice);
    world.run_for(dice.random_range(0..120));
    world.crash(1);
    receive(&mut world, &mut dice);
    let fresh = |row: &TicketRow| {
        matches!(row.state, State::Received | State::Matching) && row.sent.to_bits() == 0 && row.ticket.is_none()
    };
    let chosen: BTreeSet<TicketId> =
        world.store.rows.values().filter(|row| fresh(row) && dice.random_bool(0.8)).map(|row| row.id).collect();
    // What others left on the wire comes to rest.
    world.run_for(10_000 * u64::from(dice.random_bool(0.5)));
    let planned = plan(&mut world, &chosen);
    drift(&mut world, &mut dice, &keys, &planned);
    let outside: BTreeMap<TicketId, TicketRow> = world
        .store
        .rows
        .iter()
        .filter(|(id, _)| !planned.contains_key(*id))
        .map(|(id, row)| (*id, row.clone()))
        .collect();
    weather(&mut world, &mut dice);
    let left = apply(&mut world, &planned);
    for (id, row) in &outside {
        assert_eq!(&world.store.rows[id], row, "seed {seed}: a row outside of the plan");
    }
    for (id, decision) in &planned {
        let row = world.store.rows[id].clone();
        match left.get(id) {
            Some(Standing::Decided(now)) => {
                assert_ne!(now, decision, "seed {seed}: {row:?}");
                let rests = matches!(row.state, State::Received | State::Matching) && row.sent.to_bits() == 0;
                assert!(rests && row.ticket.is_none() && !row.created, "seed {seed}: {now:?} {row:?}");
                let origin = row.origin.to_string();
                assert!(world.remote('A').notes.iter().all(|note| note.origin != origin), "seed {seed}: {row:?}");
                met[3] += 1;
            }
            Some(_) => {}
            None if row.state == State::Completed => {
                let number = row.ticket.as_ref().map(|ticket| ticket.number.as_str());
                let kept = match decision {
                    Decision::Create | Decision::Own(_) => row.created,
                    Decision::Note(ticket) => !row.created && number == Some(ticket.number.as_str()),
                    Decision::After(first) => !row.created && row.ticket == world.store.rows[first].ticket,
                };
                assert!(kept, "seed {seed}: planned {decision:?}, done {row:?}");
                met[match decision {
                    Decision::Create | Decision::Own(_) => 0,
                    Decision::Note(_) => 1,
                    Decision::After(_) => 2,
                }] += 1;
            }
            None => assert!(!row.state.is_open(), "seed {seed}: {row:?}"),
        }
    }
}

/// Between plan and application.
fn drift(world: &mut World, dice: &mut ChaCha8Rng, keys: &[String], planned: &Planned) {
    for _ in 0..dice.random_range(0..4) {
        let key = keys.choose(dice).expect("one").clone();
        match dice.random_range(0..3) {
            0 => {
                let now = world.now;
                world.remote('A').foreign(now, &key, Some("another system"));
            }
            1 => {
                let number = world.remote('A').of_key(&key).first().map(|ticket| ticket.number.clone());
                if let Some(number) = number {
                    world.remote('A').change(&number, |ticket| ticket.open = false);
                }
            }
            _ => {
                let ids: Vec<TicketId> = planned.keys().copied().collect();
                if let Some(id) = ids.choose(dice) {
                    world.store.dismiss(*id);
                }
            }
        }
    }
}

fn weather(world: &mut World, dice: &mut ChaCha8Rng) {
    const FATES: [Fate; 8] = [
        Fate::NotSent,
        Fate::ResetBefore,
        Fate::ResetAfter,
        Fate::ErrorAfter,
        Fate::Stall,
        Fate::Late(6_000),
        Fate::Short,
        Fate::Throttled(None),
    ];
    for name in ['A', 'B'] {
        let share = dice.random_range(0..40);
        let remote = world.remote(name);
        remote.chances = FATES.iter().map(|fate| (*fate, share)).collect();
        remote.read_failures = dice.random_range(0..150);
        remote.index_lag = (0, dice.random_range(0..1_500));
    }
    world.trouble = Trouble { commit_fails: dice.random_range(0..40), crash: *[0, 0, 20].choose(dice).expect("one") };
}
