//! One run of an organizer at a time: leases, tokens, refusals.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use ticketbridge_core::mobile::{RunError, RunResult};
use ticketbridge_engine::feedback::{Function, run};
use ticketbridge_sandbox::faults::{Knob, Rule};
use ticketbridge_sandbox::tixngo::DEFAULT_ORGANIZER;
use ticketbridge_store::{FeedbackStore, OpenMode, SqliteStore, Trigger};
use uuid::Uuid;

use crate::gates::Gates;
use crate::store::TestStore;
use crate::world::{World, injected};

#[tokio::test(start_paused = true)]
async fn of_two_runs_at_once_one_makes_a_call() {
    let world = World::new().with_tickets(2);
    world.change(&injected(1, 2));
    let (one, other) = join(world.run(), world.run()).await;
    let mut results = [one.result, other.result];
    results.sort();
    assert_eq!(results, [RunResult::Ok, RunResult::Refused]);
    assert_eq!(world.wallet.take_sent().len(), 1);
    let stats = world.wallet.model().stats();
    assert_eq!((stats.organizers[DEFAULT_ORGANIZER].requests, stats.most_in_flight), (1, 1));
}

#[tokio::test]
async fn of_two_processes_on_one_file_one_makes_a_call() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new().with_tickets(2);
    world.change(&injected(1, 2));
    let path = folder.path().join("store.db");
    let open = |gates: &Arc<Gates>| -> Arc<dyn FeedbackStore> {
        let opened = SqliteStore::open(&path, OpenMode::Command).unwrap();
        Arc::new(TestStore::over(opened.store, Arc::clone(gates)))
    };
    let mut one = world.parts_of(DEFAULT_ORGANIZER);
    // Its writes are checked against the intents of the world's own store.
    one.store = open(&world.gates);
    let mut other = one.clone();
    other.store = open(&Arc::new(Gates::new()));
    world.gates.hold_at_named("before store_page", 1);
    let running = run(&world.function, &one, world.by_hand());
    tokio::pin!(running);
    world.until_held(&mut running).await;
    let refused = run(&world.function, &other, world.by_hand()).await.unwrap();
    assert_eq!(refused.result, RunResult::Refused);
    assert_eq!(world.wallet.take_sent().len(), 1);
    let recorded = other.store.feedback_runs(None, crate::world::ALL).await.unwrap();
    assert_eq!(recorded.len(), 2);
    assert_eq!(recorded[0].end.as_ref().unwrap().result, RunResult::Refused);
    assert!(recorded[1].end.is_none());
}

#[tokio::test(start_paused = true)]
async fn functions_of_several_organizations_share_the_lock_of_their_organizer() {
    let world = World::new().with_tickets(2);
    world.change(&injected(1, 2));
    let of = |code: &str| Function {
        organizations: [code.into()].into(),
        internal_name: code.into(),
        ..world.function.clone()
    };
    let (one, other) = (of("ORG-A"), of("ORG-B"));
    let (first, second) = join(world.run_with(&one, world.by_hand()), world.run_with(&other, world.by_hand())).await;
    assert_eq!((first.result, second.result), (RunResult::Ok, RunResult::Refused));
    assert_eq!(world.wallet.take_sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn organizers_run_side_by_side() {
    let world = World::new().with_tickets(4);
    world.change(&injected(1, 2));
    world.wallet.model().add_changes("OTHER", &injected(3, 4)).unwrap();
    let other = Function { organizer: "OTHER".into(), internal_name: "other".into(), ..world.function.clone() };
    let (first, second) = join(world.run(), world.run_with(&other, world.by_hand())).await;
    assert_eq!((first.result, second.result), (RunResult::Ok, RunResult::Ok));
    assert_eq!(world.stored_tickets(), 4);
    world.assert_nothing_twice();
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_released_after_an_error() {
    let world = World::new().with_tickets(1);
    world.change(&injected(1, 1));
    world.wallet_fault(Rule::from(Knob::TokenRevoked {}).times(1));
    assert_eq!(world.run().await.result, RunResult::Error);
    assert_eq!(world.store.lease(DEFAULT_ORGANIZER).await.unwrap(), None);
    assert_eq!(world.run().await.result, RunResult::Ok);
}

#[tokio::test(start_paused = true)]
async fn an_expired_lease_is_taken_over_and_the_lost_run_recorded() {
    let world = World::new().with_tickets(1);
    world.change(&injected(1, 1));
    world.run_dying_there("before GET /diff").await;
    tokio::time::sleep(Duration::from_secs(59)).await;
    let refused = world.run().await;
    assert_eq!(refused.result, RunResult::Refused);
    assert!(refused.text.as_deref().unwrap().contains("run 1"), "{refused:?}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.run().await.result, RunResult::Ok);
    let runs = world.runs().await;
    let lost = runs[0].end.as_ref().unwrap();
    assert_eq!((lost.result, lost.error), (RunResult::Error, Some(RunError::LeaseLost)));
}

#[tokio::test(start_paused = true)]
async fn a_long_run_keeps_its_lease() {
    let mut world = World::new().with_tickets(1);
    world.function.timeout = Duration::from_secs(50);
    world.function.lease = Duration::from_secs(90);
    world.change(&injected(1, 1));
    world.wallet_fault(Rule::from(Knob::AnswerDelay { ms: 45_000, max_ms: None }));
    world.office_fault(Rule::from(Knob::AnswerDelay { ms: 45_000, max_ms: None }));
    let second = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        world.run().await
    };
    let (first, second) = join(world.run(), second).await;
    assert_eq!((first.result, second.result), (RunResult::Ok, RunResult::Refused), "{first:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_holder_wakes_up_and_sends_and_writes_nothing() {
    let world = World::new().with_tickets(1);
    world.change(&injected(1, 1));
    world.gates.hold_at_named("before POST /tickets/mobile", 1);
    let parts = world.parts_of(DEFAULT_ORGANIZER);
    let mut stalled = Box::pin(run(&world.function, &parts, world.by_hand()));
    world.until_held(&mut stalled).await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    let other = world.run().await;
    assert_eq!((other.result, other.counters.updated), (RunResult::Ok, 1));
    world.office.take_sent();
    world.gates.release();
    let late = stalled.await.unwrap();
    assert_eq!((late.result, late.error), (RunResult::Error, Some(RunError::LeaseLost)));
    assert!(world.office.take_sent().is_empty(), "it sent something without its lease");
    let runs = world.runs().await;
    assert_eq!(
        runs.iter().map(|run| run.end.as_ref().unwrap().error).collect::<Vec<_>>(),
        [Some(RunError::LeaseLost), None]
    );
    let calls = world.store.run_calls(late.run).await.unwrap();
    assert_eq!(calls.len(), 1);
    assert!(calls[0].outcome.is_some(), "recorded as unclear when the lease was taken over");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_holder_whose_lease_nobody_took_goes_on_with_nothing_lost() {
    let world = World::new().with_tickets(1);
    world.change(&injected(1, 1));
    world.gates.hold_at_named("before POST /tickets/mobile", 1);
    let parts = world.parts_of(DEFAULT_ORGANIZER);
    let mut stalled = Box::pin(run(&world.function, &parts, world.by_hand()));
    world.until_held(&mut stalled).await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    world.gates.release();
    let late = stalled.await.unwrap();
    assert_eq!(late.error, None, "the lease is still its own: {late:?}");
    world.later().await;
    world.run_to_the_end().await;
    assert_eq!(world.status_of("T1").as_deref(), Some("INJECTED"));
    world.assert_nothing_twice();
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_lease_is_lost_at_its_very_end_still_names_what_failed() {
    let world = World::new();
    world.change(&injected(1, 1));
    world.gates.hold_at_named("before end_run", 1);
    let parts = world.parts_of(DEFAULT_ORGANIZER);
    let mut late = Box::pin(run(&world.function, &parts, world.by_hand()));
    world.until_held(&mut late).await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(world.run().await.result, RunResult::Ok);
    world.gates.release();
    let report = late.await.unwrap();
    assert_eq!((report.result, report.error), (RunResult::Error, Some(RunError::LeaseLost)));
    assert_eq!((report.counters.failed, report.failed.len()), (1, 1), "{report:?}");
    assert!(report.text.unwrap().contains("The next run goes on where this one stopped."));
}

#[tokio::test(start_paused = true)]
async fn a_manual_run_during_an_automatic_one_is_refused_and_recorded() {
    let world = World::new().with_tickets(1);
    world.change(&injected(1, 1));
    world.gates.hold_at_named("after GET /diff", 1);
    let parts = world.parts_of(DEFAULT_ORGANIZER);
    let automatic = run(&world.function, &parts, world.by(Trigger::Schedule));
    tokio::pin!(automatic);
    world.until_held(&mut automatic).await;
    world.wallet.take_sent();
    let mut options = world.by_hand();
    options.holder = Uuid::from_u128(2);
    let manual = world.run_with(&world.function, options).await;
    assert_eq!((manual.result, manual.error), (RunResult::Refused, None));
    assert!(world.wallet.take_sent().is_empty() && world.office.take_sent().is_empty(), "a refused run makes no call");
    let recorded = world.runs().await;
    assert_eq!(recorded[1].trigger, Trigger::Manual);
    assert_eq!(recorded[1].end.as_ref().unwrap().result, RunResult::Refused);
    world.gates.release();
    assert_eq!(automatic.await.unwrap().result, RunResult::Ok);
    assert_eq!(world.runs().await.len(), 2, "it was refused, not queued");
}
