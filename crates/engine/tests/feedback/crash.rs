//! The worked sample, with the process dying, or standing still, before and after every request and every transaction.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use ticketbridge_core::mobile::{RunError, RunResult};
use ticketbridge_engine::feedback::run;
use ticketbridge_sandbox::s360::{Form, State};
use ticketbridge_sandbox::tixngo::DEFAULT_ORGANIZER;

use crate::wire::Lost;
use crate::world::World;

const PAGES: [&str; 2] = [
    include_str!("../../../core/tests/mobile/data/page-1.json"),
    include_str!("../../../core/tests/mobile/data/page-2.json"),
];
const BEFORE: &str = include_str!("../../../core/tests/mobile/data/s360-before.json");
const AFTER: &str = include_str!("../../../core/tests/mobile/data/s360-after.json");

static START: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(BEFORE).unwrap());
static STATE: LazyLock<State> = LazyLock::new(|| serde_json::from_value(START.clone()).unwrap());
/// What [`comparable`] makes of the sample's end.
static EXPECTED: LazyLock<Value> = LazyLock::new(|| comparable(&serde_json::from_str(AFTER).unwrap()));

/// The sample as it begins.
fn prepare(mut world: World) -> World {
    let settings = &START["settings"];
    let organizations = settings["organizations"].as_array().unwrap();
    world.function.organizations = organizations.iter().map(|code| code.as_str().unwrap().into()).collect();
    world.function.skip_tickets = settings["skip"].as_str().unwrap().into();
    world.office.model().load(STATE.clone()).unwrap();
    let pages = PAGES.iter().map(|page| Bytes::from_static(page.as_bytes())).collect();
    world.wallet.model().add_pages(DEFAULT_ORGANIZER, pages).unwrap();
    world
}

fn sample() -> World {
    prepare(World::new())
}

/// The lists of a state, each sorted where its order says nothing.
fn comparable(state: &Value) -> Value {
    let sorted = |list: &Value| {
        let mut list = list.as_array().cloned().unwrap();
        list.sort_by_cached_key(ToString::to_string);
        list
    };
    json!({"tickets": sorted(&state["tickets"]), "contacts": sorted(&state["contacts"]),
        "distributions": sorted(&state["distributions"]), "history": state["history"]})
}

/// The box office is as the sample ends, with nothing twice.
#[track_caller]
fn assert_is_after(world: &World, what: &str) {
    let found: Value = serde_json::from_slice(&world.office.model().dump(Form::Sample)).unwrap();
    let found = comparable(&found);
    for list in ["tickets", "contacts", "distributions", "history"] {
        assert_eq!(found[list], EXPECTED[list], "{list}: {what}");
    }
    assert!(world.wallet.model().stats().most_in_flight <= 1, "{what}");
    let duplicates = world.office.model().stats().duplicates;
    assert_eq!((duplicates.distributions_by_ref, duplicates.history_by_change_ref), (0, 0), "{what}");
    assert_eq!((duplicates.contacts_by_request_ref, duplicates.open_distributions_by_ticket), (0, 0), "{what}");
}

#[tokio::test(start_paused = true)]
async fn two_runs_lead_from_before_to_after() {
    let world = sample();
    let mut total = serde_json::Map::new();
    for result in [RunResult::Warning, RunResult::Ok] {
        let report = world.run().await;
        assert_eq!((report.result, report.error), (result, None), "{report:?}");
        let Value::Object(counters) = json!(report.counters) else { panic!() };
        for (name, value) in counters.into_iter().filter_map(|(name, value)| Some((name, value.as_u64()?))) {
            let sum = total.get(&name).and_then(Value::as_u64).unwrap_or(0) + value;
            total.insert(name, sum.into());
        }
    }
    assert_is_after(&world, "without a fault");
    let expected: Value = serde_json::from_str(AFTER).unwrap();
    let summary = &expected["summary"];
    for (ours, theirs) in [
        ("contacts_created", "contactsCreated"),
        ("contacts_updated", "contactsUpdated"),
        ("skipped", "skipped"),
        ("stale", "stale"),
        ("unchanged", "unchanged"),
        ("updated", "updated"),
    ] {
        assert_eq!(total[ours], summary[theirs], "{ours}");
    }
    let mut failed: Vec<String> = world.failed_items().await.into_iter().map(|item| item.code.into()).collect();
    failed.sort();
    assert_eq!(failed, ["TAX_NUMBER_MISMATCH", "UNKNOWN_ORGANIZATION", "UNKNOWN_STATUS", "UNKNOWN_TICKET"]);
    assert_eq!(total["failed"], 4);
    assert_eq!(world.key().await.as_str(), "sample key 2+/=");
    let again = world.run().await;
    assert_eq!((again.result, again.counters.received), (RunResult::Ok, 0));
}

#[tokio::test(start_paused = true)]
async fn both_pages_in_one_run_and_one_item_at_a_time_end_alike() {
    let mut world = sample();
    world.function.pages_per_run = 5;
    world.run().await;
    assert_is_after(&world, "both pages in one run");
    let mut world = sample();
    world.function.max_in_flight = 1;
    world.run_to_the_end().await;
    assert_is_after(&world, "one call at a time");
}

#[tokio::test(start_paused = true)]
async fn a_rewind_to_the_beginning_changes_nothing() {
    let world = sample();
    world.run_to_the_end().await;
    let state = world.office_state();
    for before in [None, Some(2), Some(1)] {
        world.rewind(before).await;
        world.run_to_the_end().await;
        assert_eq!(world.office_state(), state);
    }
}

/// All places that the sample's runs pass when nothing goes wrong.
async fn places(pages_per_run: u32) -> Vec<String> {
    let mut world = sample();
    world.function.pages_per_run = pages_per_run;
    world.gates.hold_at(usize::MAX);
    world.run_to_the_end().await;
    world.gates.passed()
}

/// Runs to the end with a crash at one place, and a wait after it. False: there is no such place.
async fn crash_at(world: &World, place: usize, wait: impl AsyncFn()) -> bool {
    let mut left = place;
    for _ in 0..3 {
        world.gates.hold_at(usize::MAX);
        if world.run_dying_at(left).await {
            wait().await;
            world.run_to_the_end().await;
            return true;
        }
        left -= world.gates.passed().len();
    }
    false
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_or_after_any_request_or_transaction_leads_to_the_same_state() {
    // Two runs of one page: everywhere. One run of both, whose second half is the same: here and there.
    for (pages_per_run, step) in [(1, 1), (5, 4)] {
        let places = places(pages_per_run).await;
        let kinds: BTreeSet<&str> = places.iter().map(String::as_str).collect();
        for kind in [
            "GET /diff",
            "GET /tickets",
            "GET /contacts",
            "GET /distributions",
            "POST /contacts",
            "POST /contacts/update",
            "POST /distributions",
            "POST /tickets/cultural-contact",
            "POST /tickets/mobile",
            "begin_run",
            "store_page",
            "claim_contacts",
            "write_feedback",
            "end_run",
        ] {
            assert!(kinds.contains(&*format!("before {kind}")) && kinds.contains(&*format!("after {kind}")), "{kind}");
        }
        for (place, name) in places.iter().enumerate().step_by(step) {
            let mut world = sample();
            world.function.pages_per_run = pages_per_run;
            assert!(crash_at(&world, place, || world.later()).await, "place {place}: {name}");
            assert_is_after(&world, &format!("crash at place {place}, {name}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_crashes_one_after_another_lead_to_the_same_state() {
    let places = places(5).await.len();
    for first in (0..places).step_by(11) {
        for second in (0..40).step_by(6) {
            let mut world = sample();
            world.function.pages_per_run = 5;
            world.run_dying_at(first).await;
            world.later().await;
            world.run_dying_at(second).await;
            world.later().await;
            world.run_to_the_end().await;
            assert_is_after(&world, &format!("crashes at {first} and {second}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_stood_still_anywhere_is_fenced_off() {
    let places = places(5).await;
    for (place, name) in places.iter().enumerate().step_by(2).chain(places.iter().enumerate().skip(1).step_by(4)) {
        let mut world = sample();
        world.function.pages_per_run = 5;
        let parts = world.parts_of(DEFAULT_ORGANIZER);
        world.gates.hold_at(place);
        let mut stalled = Box::pin(run(&world.function, &parts, world.by_hand()));
        let report = tokio::select! {
            biased;
            () = world.gates.reached() => None,
            report = &mut stalled => Some(report.unwrap()),
        };
        let what = format!("stalled at place {place}, {name}");
        if report.is_some() {
            // Later runs of the way to the end find nothing to be done.
            assert_is_after(&world, &what);
            continue;
        }
        // Nobody polls it: its process stands still, and its lease runs out.
        tokio::time::sleep(Duration::from_secs(61)).await;
        world.run_to_the_end().await;
        assert_is_after(&world, &what);
        let state = world.office_state();
        world.gates.release();
        let late = stalled.await.unwrap();
        assert_eq!(world.office_state(), state, "{what}: it wrote something when it woke up");
        let (runs, key) = (world.runs().await, world.key().await);
        assert_eq!(key.as_str(), "sample key 2+/=", "{what}");
        match &**name {
            // It gets a lease now, but counts its life from when it began to ask: it is over, so nothing is sent.
            "before begin_run" => assert_eq!((late.error, late.counters.received), (Some(RunError::DiffCall), 0)),
            "after end_run" => assert_eq!(late.error, None, "{what}"),
            _ => {
                assert_eq!((late.result, late.error), (RunResult::Error, Some(RunError::LeaseLost)), "{what}");
                let recorded = runs.iter().find(|run| run.id == late.run).unwrap().end.clone().unwrap();
                assert_eq!(recorded.error, Some(RunError::LeaseLost), "{what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_or_an_answer_that_gets_lost_leads_to_the_same_state() {
    for lost in [Lost::Request, Lost::Answer] {
        for place in 0.. {
            let world = sample();
            world.office.lose_after(place, lost);
            world.run_to_the_end().await;
            if world.office.is_to_lose() {
                assert!(place > 30, "only {place} requests");
                break;
            }
            assert_is_after(&world, &format!("{lost:?} {place}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_is_refused_ends_the_run_and_the_next_goes_on() {
    let places = places(1).await;
    let transactions = places.iter().filter(|name| name.starts_with("before") && !name.contains('/')).count();
    for refused in 0..transactions {
        let world = sample();
        world.store.refuse_after(refused);
        let parts = world.parts_of(DEFAULT_ORGANIZER);
        let mut errors = 0;
        for _ in 0..3 {
            match run(&world.function, &parts, world.by_hand()).await {
                Ok(report) => errors += usize::from(report.error == Some(RunError::Store)),
                // A run that cannot begin or end has no report.
                Err(error) => errors += usize::from(!error.is_fatal()),
            }
        }
        assert_eq!(errors, 1, "transaction {refused}: {:?}", world.runs().await);
        // What was under way when it was refused may be in doubt.
        world.later().await;
        world.run_to_the_end().await;
        assert_is_after(&world, &format!("transaction {refused} was refused"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_anywhere_settles_what_is_in_flight_and_the_next_run_goes_on() {
    let places = places(5).await;
    for (place, name) in places.iter().enumerate().step_by(3) {
        let mut world = sample();
        world.function.pages_per_run = 5;
        let parts = world.parts_of(DEFAULT_ORGANIZER);
        world.gates.hold_at(place);
        let mut stopped = Box::pin(run(&world.function, &parts, world.by_hand()));
        let ended = tokio::select! {
            biased;
            () = world.gates.reached() => None,
            report = &mut stopped => Some(report.unwrap()),
        };
        // If the first run never comes there, no later one is held either.
        world.gates.open();
        if ended.is_none() {
            world.stopping.send_replace(true);
            world.gates.release();
            let report = stopped.await.unwrap();
            assert_eq!(report.error, None, "place {place}, {name}: {report:?}");
            assert_eq!(world.store.inner().lease(DEFAULT_ORGANIZER).await.unwrap(), None);
            for record in world.store.inner().run_calls(report.run).await.unwrap() {
                assert!(record.outcome.is_some(), "place {place}, {name}: a call without its outcome");
            }
            world.stopping.send_replace(false);
        }
        world.run_to_the_end().await;
        assert_is_after(&world, &format!("stopped at place {place}, {name}"));
    }
}

#[tokio::test]
async fn in_a_file_as_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = prepare(World::in_file(&folder));
    world.function.pages_per_run = 5;
    world.gates.hold_at(usize::MAX);
    world.run_to_the_end().await;
    assert_is_after(&world, "in a file");
    let places = world.gates.passed();
    drop(world);
    for place in (0..places.len()).step_by(23) {
        let folder = tempfile::tempdir().unwrap();
        let mut world = prepare(World::in_file(&folder));
        world.function.pages_per_run = 5;
        // Here what was not done at once never will be.
        world.function.in_doubt_for = Duration::ZERO;
        world.function.retry = (Duration::from_millis(1), Duration::from_millis(1));
        // Its leases end at once.
        assert!(crash_at(&world, place, async || ()).await);
        assert_is_after(&world, &format!("crash at place {place}, {}", places[place]));
    }
}
