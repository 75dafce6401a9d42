//! The schedule, minute by minute, in paused time.

use std::sync::Arc;
use std::time::Duration;

use ticketbridge_core::mobile::{RunResult, Schedule};
use ticketbridge_core::time::Wall;
use ticketbridge_engine::feedback::Feedback;
use ticketbridge_sandbox::faults::{Knob, Rule};
use ticketbridge_sandbox::tixngo::DEFAULT_ORGANIZER;
use ticketbridge_store::{StoreError, Trigger};
use tokio::task::JoinHandle;

use crate::world::{World, every_five_minutes, injected, wall};

/// The automatic function of a world.
fn automatic(world: &World, schedule: Schedule) -> Feedback {
    let mut function = world.function.clone();
    function.schedule = Some(schedule);
    (function.timeout, function.lease) = (Duration::from_hours(1), Duration::from_hours(3));
    let functions = [(function, world.wallet_wire(DEFAULT_ORGANIZER), world.office_wire())];
    Feedback::with_wires(functions, Arc::clone(&world.store) as _, Arc::clone(&world.time) as _)
}

fn start(feedback: &Feedback) -> JoinHandle<Result<(), StoreError>> {
    let feedback = feedback.clone();
    tokio::spawn(async move { feedback.run_schedules().await })
}

/// When runs began, as `hour:minute`.
async fn begins(world: &World) -> Vec<String> {
    let text = |at: Wall| at.to_rfc3339()[11..23].trim_end_matches(":00.000").to_owned();
    world.runs().await.iter().map(|run| text(run.began_at)).collect()
}

/// A world in which a diff call takes so long.
fn slow(start: &str, call: Duration, times: u64) -> World {
    let world = World::at(start);
    world.wallet.without_latency();
    world.wallet_fault(Rule::from(Knob::AnswerDelay { ms: call.as_millis() as u64, max_ms: None }).times(times));
    world
}

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn a_run_of_seven_minutes_is_followed_at_the_next_mark_or_at_once() {
    for (stick_to_the_hour, expected) in [(true, ["13:35", "13:45", "13:50"]), (false, ["13:35", "13:42", "13:47"])] {
        let world = slow("2026-05-04T13:35:00Z", 7 * MINUTE, 1);
        let feedback = automatic(&world, every_five_minutes(stick_to_the_hour));
        start(&feedback);
        tokio::time::sleep(16 * MINUTE).await;
        assert_eq!(begins(&world).await, expected);
        assert!(world.runs().await.iter().all(|run| run.trigger == Trigger::Schedule));
        feedback.stop();
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_on_the_mark_is_followed_at_once() {
    let world = slow("2026-05-04T13:35:00Z", 5 * MINUTE, 1);
    start(&automatic(&world, every_five_minutes(true)));
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!(begins(&world).await, ["13:35", "13:40"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_run_waits_for_the_mark_or_not() {
    for (stick_to_the_hour, expected) in [(true, ["13:40", "13:45"]), (false, ["13:36:30.000", "13:41:30.000"])] {
        let world = slow("2026-05-04T13:36:30Z", Duration::from_millis(1), 1);
        start(&automatic(&world, every_five_minutes(stick_to_the_hour)));
        tokio::time::sleep(9 * MINUTE).await;
        assert_eq!(begins(&world).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_before_the_start() {
    for (stick_to_the_hour, expected) in [(true, ["13:55", "14:00"]), (false, ["13:52", "13:57"])] {
        let world = slow("2026-05-04T13:36:00Z", Duration::from_millis(1), 1);
        let schedule = Schedule { start: Some(wall("2026-05-04T13:52:00Z")), ..every_five_minutes(stick_to_the_hour) };
        start(&automatic(&world, schedule));
        tokio::time::sleep(15 * MINUTE).await;
        assert!(begins(&world).await.is_empty());
        tokio::time::sleep(10 * MINUTE).await;
        assert_eq!(begins(&world).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_at_the_end_and_a_run_in_progress_finishes() {
    let world = slow("2026-05-04T13:35:00Z", 7 * MINUTE, 1).with_tickets(1);
    world.change(&injected(1, 1));
    let schedule = Schedule { end: Some(wall("2026-05-04T13:40:00Z")), ..every_five_minutes(true) };
    let schedules = start(&automatic(&world, schedule));
    schedules.await.unwrap().unwrap();
    assert_eq!(begins(&world).await, ["13:35"]);
    assert_eq!(world.runs().await[0].end.as_ref().unwrap().result, RunResult::Ok);
    assert_eq!(world.stored_tickets(), 1);

    let world = slow("2026-05-04T13:35:00Z", Duration::from_millis(1), 1);
    let schedule = Schedule { end: Some(wall("2026-05-04T13:40:00Z")), ..every_five_minutes(true) };
    start(&automatic(&world, schedule)).await.unwrap().unwrap();
    assert_eq!(begins(&world).await, ["13:35"], "not at 13:40");
}

#[tokio::test(start_paused = true)]
async fn a_long_overrun_causes_one_run() {
    for (stick_to_the_hour, expected) in [(true, ["13:35", "14:00", "14:05"]), (false, ["13:35", "13:58", "14:03"])] {
        let world = slow("2026-05-04T13:35:00Z", 23 * MINUTE, 1);
        start(&automatic(&world, every_five_minutes(stick_to_the_hour)));
        tokio::time::sleep(31 * MINUTE).await;
        assert_eq!(begins(&world).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_runs_once_and_not_after_the_end() {
    let world = slow("2026-05-04T13:36:00Z", Duration::from_millis(1), 1);
    start(&automatic(&world, every_five_minutes(true)));
    tokio::time::sleep(MINUTE).await;
    world.time.set_forward(32 * MINUTE);
    tokio::time::sleep(2 * MINUTE).await;
    let began = begins(&world).await;
    assert_eq!(began.len(), 2, "{began:?}");
    assert!(began[0].starts_with("14:09") && began[1] == "14:10", "{began:?}");

    let world = slow("2026-05-04T13:36:00Z", Duration::from_millis(1), 1);
    let schedule = Schedule { end: Some(wall("2026-05-04T14:00:00Z")), ..every_five_minutes(true) };
    let schedules = start(&automatic(&world, schedule));
    tokio::time::sleep(MINUTE).await;
    world.time.set_forward(32 * MINUTE);
    schedules.await.unwrap().unwrap();
    assert!(begins(&world).await.is_empty(), "a run began after the end");
}

#[tokio::test(start_paused = true)]
async fn a_stop_between_runs_ends_the_schedule_at_once() {
    let world = slow("2026-05-04T13:36:00Z", Duration::from_millis(1), 1);
    let feedback = automatic(&world, every_five_minutes(true));
    let schedules = start(&feedback);
    tokio::time::sleep(MINUTE).await;
    let asked = tokio::time::Instant::now();
    feedback.stop();
    schedules.await.unwrap().unwrap();
    assert_eq!(asked.elapsed(), Duration::ZERO);
    assert!(begins(&world).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_a_run_settles_what_is_in_flight_and_nothing_more() {
    let world = slow("2026-05-04T13:35:00Z", MINUTE, 1).with_tickets(1);
    world.change(&injected(1, 1));
    let feedback = automatic(&world, every_five_minutes(true));
    let schedules = start(&feedback);
    tokio::time::sleep(MINUTE / 2).await;
    feedback.stop();
    schedules.await.unwrap().unwrap();
    feedback.idle().await;
    let run = world.runs().await.pop().unwrap();
    assert!(run.end.as_ref().unwrap().text.as_deref().unwrap().contains("asked to stop"), "{run:?}");
    assert_eq!(
        (world.page(1).await.is_some(), world.stored_tickets()),
        (true, 0),
        "stored, and applied by the next run"
    );
    assert_eq!(world.run().await.counters.updated, 1);
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_run_that_is_refused_is_followed_by_the_next_mark() {
    let world = slow("2026-05-04T13:34:00Z", 7 * MINUTE, 1);
    let mut function = world.function.clone();
    (function.timeout, function.lease) = (Duration::from_hours(1), Duration::from_hours(3));
    start(&automatic(&world, every_five_minutes(true)));
    let by_hand = world.run_with(&function, world.by_hand()).await;
    assert_eq!(by_hand.result, RunResult::Ok);
    tokio::time::sleep(5 * MINUTE).await;
    let results: Vec<RunResult> = world.runs().await.iter().map(|run| run.end.as_ref().unwrap().result).collect();
    assert_eq!(begins(&world).await, ["13:34", "13:35", "13:40", "13:45"]);
    assert_eq!(results, [RunResult::Ok, RunResult::Refused, RunResult::Refused, RunResult::Ok]);
}
