//! The pagination key, from call to call.

use http::Method;
use serde_json::{Value, json};
use ticketbridge_core::mobile::{MoveReason, PaginationKey, RewindError, RunError, RunResult};
use ticketbridge_engine::feedback::run;
use ticketbridge_sandbox::Call;
use ticketbridge_sandbox::faults::{Knob, MissingKey, Rule};
use ticketbridge_sandbox::tixngo::DEFAULT_ORGANIZER;
use ticketbridge_store::{FeedbackStore, RewindAnswer};

use crate::world::{ALL, World, injected, item, page, with};

/// The key of a diff call, decoded; `None`: it had none.
fn key_sent(target: &str) -> Option<String> {
    let query = Call::new(Method::GET, target).query;
    query.into_iter().find_map(|(name, value)| (name == "paginationKey").then_some(value))
}

fn keys_sent(world: &World) -> Vec<Option<String>> {
    world.wallet.take_sent().iter().map(|sent| key_sent(&sent.target)).collect()
}

#[tokio::test(start_paused = true)]
async fn the_first_run_begins_with_the_empty_key() {
    let world = World::new().with_tickets(2);
    world.change(&injected(1, 2));
    let report = world.run().await;
    assert_eq!(report.result, RunResult::Ok, "{report:?}");
    let sent = world.wallet.take_sent();
    assert_eq!(sent.iter().map(|sent| &*sent.target).collect::<Vec<_>>(), ["/diff?limit=1000"]);
    assert!(report.counters.key_before.is_empty());
    assert_eq!(report.counters.key_after, world.key().await);
    assert!(!report.counters.key_after.is_empty());
    world.run().await;
    assert_eq!(keys_sent(&world), [Some(report.counters.key_after.as_str().to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn keys_go_back_verbatim() {
    let mut world = World::new().with_tickets(6);
    world.function.pages_per_run = 10;
    let keys = [" a+/=%2B&limit=7#?,;\"\\ ", "é🎟\u{202e}", "e\u{301}", "..", "A", "a"];
    for (place, key) in keys.iter().enumerate() {
        world.add_page(&page(&json!(key), &injected(place + 1, place + 1)));
    }
    let report = world.run().await;
    let expected: Vec<Option<String>> =
        std::iter::once(None).chain(keys.iter().map(|key| Some((*key).to_owned()))).collect();
    assert_eq!(keys_sent(&world), expected);
    assert_eq!((report.result, report.counters.updated), (RunResult::Ok, 6));
    assert_eq!(world.key().await.as_str(), "a");
    let mut moves = world.store.key_history(DEFAULT_ORGANIZER, ALL).await.unwrap();
    moves.reverse();
    assert_eq!(moves.iter().map(|step| step.new.as_str()).collect::<Vec<_>>(), keys);
    assert_eq!(moves.iter().map(|step| step.n).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert!(moves.iter().all(|step| step.reason == MoveReason::Page && step.page_id.is_some()));
}

#[tokio::test(start_paused = true)]
async fn an_empty_page_keeps_the_key_whatever_it_says() {
    let world = World::new().with_tickets(1);
    world.add_page(&page(&json!("first"), &injected(1, 1)));
    for next in [json!("another"), Value::Null, json!("")] {
        world.add_page(&page(&next, &[]));
    }
    world.run().await;
    for _ in 0..3 {
        let report = world.run().await;
        assert_eq!((report.result, report.counters.pages, report.counters.received), (RunResult::Ok, 0, 0));
        assert_eq!(world.key().await.as_str(), "first");
    }
    assert!(world.page(2).await.is_none(), "an empty page is not stored");
}

#[tokio::test(start_paused = true)]
async fn exactly_the_batch_size_and_one_more() {
    for (items, expected) in [(3, [3, 0, 0]), (4, [3, 1, 0])] {
        let mut world = World::new().with_tickets(items);
        world.function.batch_size = 3;
        world.change(&injected(1, items));
        for received in expected {
            let report = world.run().await;
            assert_eq!((report.result, report.counters.received), (RunResult::Ok, received));
        }
        assert_eq!(world.stored_tickets(), items);
    }
}

#[tokio::test(start_paused = true)]
async fn several_pages_in_one_run_end_with_the_stream() {
    let mut world = World::new().with_tickets(4);
    (world.function.batch_size, world.function.pages_per_run) = (3, 10);
    world.change(&injected(1, 4));
    let report = world.run().await;
    assert_eq!((report.counters.pages, report.counters.received, report.counters.updated), (2, 4, 4));
    assert_eq!(world.wallet.take_sent().len(), 3, "two pages, and an empty one");
    world.function.pages_per_run = 2;
    world.rewind(None).await;
    assert_eq!(world.run().await.counters.pages, 2);
    assert_eq!(world.wallet.take_sent().len(), 2, "no more pages than allowed");
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_one() {
    let mut world = World::new().with_tickets(3);
    world.function.batch_size = 1;
    world.change(&injected(1, 3));
    for updated in [1, 1, 1, 0] {
        assert_eq!(world.run().await.counters.updated, updated);
    }
    assert_eq!(world.stored_tickets(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_does_not_advance_ends_the_run_with_a_warning() {
    let mut world = World::new().with_tickets(2);
    (world.function.batch_size, world.function.pages_per_run) = (1, 10);
    world.change(&injected(1, 2));
    world.wallet_fault(Rule::from(Knob::KeyNotAdvanced {}).times(1));
    let report = world.run().await;
    assert_eq!((report.result, report.key_not_advanced), (RunResult::Warning, true));
    assert_eq!((report.counters.pages, report.counters.updated), (1, 1), "it is applied");
    assert!(world.key().await.is_empty());
    assert_eq!(world.wallet.take_sent().len(), 1, "no loop");
    let report = world.run().await;
    assert_eq!((report.result, report.counters.unchanged, report.counters.updated), (RunResult::Ok, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_missing_key_ends_the_run_with_a_warning() {
    for form in [MissingKey::Absent, MissingKey::Null, MissingKey::Empty, MissingKey::NoPagination] {
        let mut world = World::new().with_tickets(1);
        world.function.pages_per_run = 10;
        world.change(&injected(1, 1));
        world.wallet_fault(Rule::from(Knob::NextKeyMissing { form }).times(1));
        let report = world.run().await;
        assert_eq!((report.result, report.key_not_advanced), (RunResult::Warning, true), "{form:?}");
        assert_eq!((report.counters.updated, world.wallet.take_sent().len()), (1, 1), "{form:?}");
        assert!(world.key().await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_page_is_unchanged_and_writes_nothing() {
    let world = World::new().with_tickets(2);
    for key in ["one", "two"] {
        world.add_page(&page(&json!(key), &injected(1, 2)));
    }
    world.run().await;
    world.office.take_sent();
    let report = world.run().await;
    assert_eq!((report.result, report.counters.unchanged, report.counters.updated), (RunResult::Ok, 2, 0));
    assert!(world.office.take_sent().iter().all(|sent| sent.name.starts_with("GET")));
    assert_eq!(world.key().await.as_str(), "two");
}

#[tokio::test(start_paused = true)]
async fn the_same_ticket_twice_in_a_page_is_applied_in_order() {
    let world = World::new().with_tickets(1);
    let items = [item(1, "INJECTED", 1), item(1, "DOWNLOADED", 2), item(1, "INJECTED", 1), item(1, "DOWNLOADED", 2)];
    world.add_page(&page(&json!("k"), &items));
    let counters = world.run().await.counters;
    assert_eq!((counters.updated, counters.stale, counters.unchanged), (2, 1, 1));
    assert_eq!(world.status_of("T1").as_deref(), Some("DOWNLOADED"));
    assert_eq!(world.office.model().history().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rewind_converges() {
    let mut world = World::new().with_tickets(3);
    world.function.batch_size = 2;
    world.change(&injected(1, 3));
    world.run_to_the_end().await;
    let (state, end) = (world.office_state(), world.key().await);
    for before in [None, Some(1), Some(2)] {
        let RewindAnswer::Done(step) = world.rewind(before).await else { panic!("refused") };
        assert_eq!(
            (step.reason, step.old.clone(), step.who.as_deref()),
            (MoveReason::Rewind, end.clone(), Some("an operator"))
        );
        world.office.take_sent();
        let report = world.run_to_the_end().await;
        assert_eq!((report.result, report.counters.key_after), (RunResult::Ok, end.clone()));
        assert!(world.office.take_sent().iter().all(|sent| sent.name.starts_with("GET")));
        assert_eq!(world.office_state(), state);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rewind_is_refused_during_a_run() {
    let world = World::new().with_tickets(1);
    world.change(&injected(1, 1));
    world.gates.hold_at_named("before GET /diff", 1);
    let parts = world.parts_of(DEFAULT_ORGANIZER);
    let running = run(&world.function, &parts, world.by_hand());
    tokio::pin!(running);
    world.until_held(&mut running).await;
    assert_eq!(world.rewind(None).await, RewindAnswer::Refused(RewindError::RunInProgress));
    world.gates.release();
    assert_eq!(running.await.unwrap().result, RunResult::Ok);
    assert!(matches!(world.rewind(None).await, RewindAnswer::Done(_)));
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_leaves_the_key() {
    let world = World::new().with_tickets(2);
    world.change(&injected(1, 1));
    world.run().await;
    let key = world.key().await;
    world.change(&injected(2, 2));
    world.wallet_fault(Knob::ServerError { status: 500, effect: false });
    let report = world.run().await;
    assert_eq!((report.result, report.error), (RunResult::Error, Some(RunError::DiffCall)));
    assert_eq!((world.key().await, report.counters.key_after), (key.clone(), key));
    assert!(world.page(2).await.is_none());
    world.heal();
    assert_eq!(world.run().await.counters.updated, 1);
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_the_page_is_stored_fetches_it_again() {
    let world = World::new().with_tickets(2);
    world.change(&injected(1, 2));
    world.run_dying_there("before store_page").await;
    assert!(world.key().await.is_empty() && world.page(1).await.is_none());
    assert_eq!(world.stored_tickets(), 0, "nothing is written before the page is stored");
    world.later().await;
    let report = world.run().await;
    assert_eq!((report.result, report.counters.received, report.counters.updated), (RunResult::Ok, 2, 2));
    assert_eq!(keys_sent(&world), [None, None]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_the_page_is_stored_applies_it_from_the_store() {
    let world = World::new().with_tickets(2);
    world.change(&injected(1, 2));
    world.run_dying_there("after store_page").await;
    let key = world.key().await;
    assert!(!key.is_empty() && world.page(1).await.is_some());
    assert_eq!(world.stored_tickets(), 0);
    world.later().await;
    let report = world.run().await;
    assert_eq!((report.result, report.counters.received, report.counters.updated), (RunResult::Ok, 0, 2));
    assert_eq!(keys_sent(&world), [None, Some(key.as_str().to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_organizer_is_an_error_and_nothing_is_written() {
    let world = World::new().with_tickets(2);
    world.change(&injected(1, 1));
    world.run().await;
    let key = world.key().await;
    world.change(&injected(2, 2));
    world.wallet.model().add_changes("OTHER", &injected(1, 1)).unwrap();
    world.wallet.take_sent();
    let state = world.office_state();
    // The other organizer's API key with this organizer's pagination key.
    let mut parts = world.parts_of(DEFAULT_ORGANIZER);
    parts.wallet = world.wallet_wire("OTHER");
    let report = run(&world.function, &parts, world.by_hand()).await.unwrap();
    assert_eq!((report.result, report.error), (RunResult::Error, Some(RunError::DiffCall)));
    assert!(report.text.as_deref().unwrap().contains("400"), "{report:?}");
    assert_eq!(world.wallet.take_sent().len(), 1, "it is not tried again");
    assert_eq!((world.key().await, world.office_state()), (key, state));
    assert!(world.page(2).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn unknown_members_of_a_page_change_nothing() {
    let world = World::new().with_tickets(1);
    let mut page = page(&json!("k"), &[with(item(1, "INJECTED", 1), "control", json!({"deep": [1, {"x": null}]}))]);
    page["more"] = json!([]);
    world.add_page(&page);
    assert_eq!(world.run().await.counters.updated, 1);
    assert_eq!(world.key().await, PaginationKey::from("k"));
}

#[tokio::test(start_paused = true)]
async fn a_preview_says_what_a_rewind_would_do_and_writes_nothing() {
    let mut world = World::new().with_tickets(5);
    world.function.batch_size = 2;
    world.change(&injected(1, 4));
    world.run_to_the_end().await;
    let (key, state, runs) = (world.key().await, world.office_state(), world.runs().await.len());
    world.change(&[
        item(1, "DOWNLOADED", 2),
        item(9, "INJECTED", 1),
        crate::world::transferred(5, 1, "bo@example.org"),
    ]);
    world.office.take_sent();
    let mut options = world.by(ticketbridge_store::Trigger::Preview);
    options.preview = Some((PaginationKey::default(), 100));
    let report = world.run_with(&world.function, options).await;
    let preview = report.preview.as_ref().unwrap();
    assert_eq!((report.result, report.error), (RunResult::Ok, None), "{report:?}");
    assert_eq!((preview.pages, preview.items, preview.complete), (3, 6, true));
    assert_eq!((preview.unchanged, preview.updated, preview.failed["UNKNOWN_TICKET"]), (3, 2, 1));
    assert!(world.office.take_sent().iter().all(|sent| sent.name.starts_with("GET")));
    assert_eq!((world.key().await, world.office_state()), (key, state));
    assert!(world.page(3).await.is_none() && world.failed_items().await.is_empty());
    assert_eq!(world.runs().await.len(), runs + 1, "it is recorded");
    // And this is what a rewind then does.
    world.rewind(None).await;
    world.function.batch_size = 100;
    let report = world.run().await;
    assert_eq!((report.counters.unchanged, report.counters.updated, report.counters.failed), (3, 2, 1));
}
