//! Tickets that fail, in both modes, and calls that fail as a whole.

use std::time::Duration;

use serde_json::{Value, json};
use ticketbridge_core::mobile::{ItemState, RunError, RunResult};
use ticketbridge_engine::feedback::RunReport;
use ticketbridge_sandbox::faults::{BodyCut, Knob, RetryAfterForm, Rule};
use ticketbridge_sandbox::tixngo::DEFAULT_ORGANIZER;
use ticketbridge_store::{FeedbackStore, ItemId, PageId, Trigger};

use crate::world::{World, injected, item, page, transferred, with};

/// A ticket error.
struct Case {
    code: &'static str,
    /// What is changed in the item of `T2`.
    member: &'static str,
    value: Value,
    /// The ticket can be put on the skip list.
    can_be_skipped: bool,
    /// What makes it go well after all.
    heal: Option<fn(&mut World)>,
}

/// Each code of the contract's §6.3.
fn cases() -> Vec<Case> {
    let case = |code, member, value, heal| Case { code, member, value, can_be_skipped: true, heal };
    let add_t9: fn(&mut World) = |world| world.add_tickets(9, 9);
    let any_organization: fn(&mut World) = |world| world.function.organizations.clear();
    let heal: fn(&mut World) = |world| world.heal();
    let correct_number: fn(&mut World) = |world| {
        let mut state = world.office_state();
        state["tickets"][1]["taxNumber"] = json!("0009");
        let state = serde_json::from_value(state).unwrap();
        world.office.model().replace(state).unwrap();
    };
    vec![
        Case { code: "BAD_ITEM", member: "ticketId", value: json!(7), can_be_skipped: false, heal: None },
        Case { code: "BAD_ITEM", member: "ticketId", value: json!(""), can_be_skipped: false, heal: None },
        case("UNKNOWN_STATUS", "status", json!("injected"), None),
        case("BAD_FIELD", "updatedAt", json!("2026-02-30T08:00:00Z"), None),
        case("BAD_FIELD", "updatedAt", Value::Null, None),
        case("UNKNOWN_TICKET", "ticketId", json!("T9"), Some(add_t9)),
        case("TAX_NUMBER_MISMATCH", "taxNumber", json!("0009"), Some(correct_number)),
        case("UNKNOWN_ORGANIZATION", "ticketId", json!("FOREIGN"), Some(any_organization)),
        // S-360's own code, which it stays with.
        case("INVALID_FIELD", "deletion", json!({"reason": "poison"}), Some(heal)),
    ]
}

/// Three tickets, the second of which fails.
fn world_of(case: &Case) -> World {
    let mut world = World::new().with_tickets(3);
    world.load(&json!({"tickets": [{"ticketId": "FOREIGN", "organizationCode": "ORG-B", "printStatus": "PRINTED"}]}));
    world.function.organizations = ["ORG-A".into()].into();
    world.office_fault(Knob::PoisonItem {
        text: String::from("poison"),
        code: String::from("INVALID_FIELD"),
        message: String::from("no"),
        retryable: false,
    });
    let mut items = injected(1, 3);
    items[1] = with(items[1].clone(), case.member, case.value.clone());
    if case.code == "UNKNOWN_TICKET" || case.code == "UNKNOWN_ORGANIZATION" {
        items[1]["taxNumber"] = Value::Null;
    }
    world.add_page(&page(&json!("k1"), &items));
    world.add_page(&page(&json!("k2"), &[item(1, "DOWNLOADED", 2)]));
    world
}

const SECOND: ItemId = ItemId { page: PageId(1), position: 1 };

#[tokio::test(start_paused = true)]
async fn each_code_in_continue_mode_is_set_aside() {
    for case in cases() {
        let world = world_of(&case);
        let report = world.run().await;
        let what = format!("{} {}: {report:?}", case.code, case.value);
        assert_eq!((report.result, report.error), (RunResult::Warning, None), "{what}");
        assert_eq!((report.counters.failed, report.counters.updated, report.counters.pending), (1, 2, 0), "{what}");
        assert_eq!(report.failed.len(), 1);
        assert_eq!(&*report.failed[0].code, case.code, "{what}");
        let failed = world.failed_items().await;
        assert_eq!((failed.len(), &*failed[0].code, failed[0].item, failed[0].blocking), (1, case.code, SECOND, false));
        // It is not considered again by itself.
        let next = world.run().await;
        assert_eq!((next.result, next.counters.failed, next.counters.updated), (RunResult::Ok, 0, 1), "{what}");
        assert_eq!(world.failed_items().await.len(), 1);
        // An operator may have it tried again.
        assert_eq!(world.store.retry_failed(DEFAULT_ORGANIZER, None).await.unwrap(), 1);
        let again = world.run().await;
        assert_eq!((again.result, again.counters.failed, again.counters.updated), (RunResult::Warning, 1, 0), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_code_in_continue_mode_goes_well_when_its_cause_is_gone() {
    for case in cases() {
        let mut world = world_of(&case);
        world.run().await;
        let Some(heal) = case.heal else { continue };
        heal(&mut world);
        world.store.retry_failed(DEFAULT_ORGANIZER, Some(&[SECOND])).await.unwrap();
        let report = world.run().await;
        assert_eq!((report.result, report.counters.failed), (RunResult::Ok, 0), "{}: {report:?}", case.code);
        assert!(world.failed_items().await.is_empty());
    }
}

#[track_caller]
fn assert_strict_stop(report: &RunReport, updated: u64, case: &Case) {
    let what = format!("{} {}: {report:?}", case.code, case.value);
    assert_eq!((report.result, report.error), (RunResult::Error, Some(RunError::StrictStop)), "{what}");
    assert_eq!((report.counters.failed, report.counters.updated, report.counters.pending), (1, updated, 2), "{what}");
    assert!(report.text.as_deref().unwrap().contains(case.code), "{what}");
}

#[tokio::test(start_paused = true)]
async fn each_code_in_strict_mode_stops_the_run_and_is_tried_first_by_the_next() {
    for case in cases() {
        let mut world = world_of(&case);
        world.function.continue_on_sync_error = false;
        world.function.pages_per_run = 5;
        assert_strict_stop(&world.run().await, 1, &case);
        assert_eq!(world.page(1).await.unwrap().states, [ItemState::Done, ItemState::Blocking, ItemState::Pending]);
        assert_eq!(world.wallet.take_sent().len(), 1, "no page is fetched after a failed item");
        for trigger in [Trigger::Manual, Trigger::Schedule] {
            let report = world.run_with(&world.function, world.by(trigger)).await;
            assert_strict_stop(&report, 0, &case);
            assert!(world.wallet.take_sent().is_empty(), "it is tried first");
        }
        assert_eq!(world.status_of("T3"), None, "no later item is applied");
        assert_eq!(world.failed_items().await.len(), 1, "it is listed once");
        // Released by success, by the skip list, or by an operator's word.
        let mut skipped = 0;
        match case.heal {
            Some(heal) => heal(&mut world),
            None if case.can_be_skipped => {
                world.store.set_skip_entry(DEFAULT_ORGANIZER, "id:T2", true).await.unwrap();
                skipped = 1;
            }
            None => assert_eq!(world.store.dismiss_failed(DEFAULT_ORGANIZER, &[SECOND]).await.unwrap(), 1),
        }
        let report = world.run().await;
        assert_eq!((report.result, report.counters.skipped), (RunResult::Ok, skipped), "{}: {report:?}", case.code);
        assert_eq!(world.status_of("T3").as_deref(), Some("INJECTED"));
        assert_eq!(world.status_of("T1").as_deref(), Some("DOWNLOADED"), "the next page follows in the same run");
        assert!(world.failed_items().await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn in_strict_mode_an_item_that_waits_holds_back_all_later_ones() {
    let mut world = World::new().with_tickets(3);
    world.function.continue_on_sync_error = false;
    world.function.pages_per_run = 5;
    world.office.model().operate_ticket(0, "T2", &ticketbridge_sandbox::s360::TicketAct::Lock {}).unwrap();
    world.change(&injected(1, 3));
    let report = world.run().await;
    assert_eq!(
        (report.result, report.counters.updated, report.counters.pending),
        (RunResult::Warning, 1, 2),
        "{report:?}"
    );
    assert_eq!(world.status_of("T3"), None);
    world.office.model().operate_ticket(0, "T2", &ticketbridge_sandbox::s360::TicketAct::Unlock {}).unwrap();
    assert_eq!(world.run().await.counters.updated, 2);
}

#[tokio::test(start_paused = true)]
async fn malformed_dates_and_null_details_go_through() {
    let world = World::new().with_tickets(2);
    let owner =
        json!({"firstName": "Ann", "lastName": "Buyer", "email": "ann@example.org", "dateOfBirth": "31.12.1999"});
    world.change(&[
        with(item(1, "INJECTED", 1), "spectatorDetails", owner),
        with(item(2, "INJECTED", 1), "spectatorDetails", Value::Null),
    ]);
    assert_eq!(world.run().await.counters.updated, 2);
    let state = world.office_state();
    assert_eq!(state["tickets"][0]["mobile"]["owner"]["dateOfBirth"], Value::Null);
    assert_eq!(state["tickets"][0]["mobile"]["owner"]["firstName"], "Ann");
    assert_eq!(state["tickets"][1]["mobile"]["owner"], Value::Null);
}

fn failure(status: u16) -> Knob {
    Knob::CallFailure { status, code: String::from("NO"), message: String::from("no"), effect: false }
}

/// Whole calls that an operator must set right.
fn set_up_faults() -> Vec<Knob> {
    vec![failure(400), Knob::TokenRevoked {}, Knob::Forbidden {}, failure(404)]
}

/// Whole calls that may pass by themselves.
fn transient_faults() -> Vec<Knob> {
    let mut faults = vec![
        Knob::TooManyRequests { retry_after_s: 5, form: RetryAfterForm::Seconds },
        Knob::TooManyRequests { retry_after_s: 5, form: RetryAfterForm::Date },
        Knob::TooManyRequests { retry_after_s: 5, form: RetryAfterForm::Absent },
        Knob::Unavailable { retry_after_s: None },
        Knob::CommitThenStall { answer_after_ms: None },
        Knob::AnswerDelay { ms: 31_000, max_ms: None },
        Knob::ResetBeforeCommit { after_ms: 0 },
        Knob::HtmlAnswer { status: 200, effect: false },
        Knob::HtmlAnswer { status: 502, effect: false },
    ];
    faults.extend([500, 502, 504].map(|status| Knob::ServerError { status, effect: false }));
    faults.extend([BodyCut::WellFramed, BodyCut::ClosedEarly].map(|body| Knob::CutJson { effect: false, body }));
    faults
}

#[tokio::test(start_paused = true)]
async fn a_wallet_that_must_be_set_right_is_asked_once_and_the_run_is_an_error() {
    for knob in set_up_faults() {
        let world = World::new().with_tickets(1);
        world.change(&injected(1, 1));
        world.wallet_fault(knob.clone());
        let report = world.run().await;
        assert_eq!((report.result, report.error), (RunResult::Error, Some(RunError::DiffCall)), "{knob:?}");
        assert_eq!(world.wallet.take_sent().len(), 1, "{knob:?}");
        assert!(world.key().await.is_empty() && world.page(1).await.is_none() && world.office.take_sent().is_empty());
        world.heal();
        assert_eq!(world.run().await.result, RunResult::Ok, "the next run tries again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wallet_that_is_ill_is_asked_three_times() {
    for knob in transient_faults() {
        for (times, expected) in [(2, RunResult::Ok), (3, RunResult::Error)] {
            let world = World::new().with_tickets(1);
            world.change(&injected(1, 1));
            world.wallet_fault(Rule::from(knob.clone()).times(times));
            let report = world.run().await;
            assert_eq!(report.result, expected, "{knob:?} {times} times: {report:?}");
            assert_eq!(world.wallet.take_sent().len(), 3, "{knob:?}");
            let is_ok = expected == RunResult::Ok;
            assert_eq!((!world.key().await.is_empty(), world.stored_tickets() == 1), (is_ok, is_ok), "{knob:?}");
            assert_eq!(report.error, (!is_ok).then_some(RunError::DiffCall));
            assert_eq!(world.run().await.result, RunResult::Ok, "the next run tries again");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wallet_without_connection_is_asked_again_and_nothing_is_lost() {
    let world = World::new().with_tickets(1);
    world.change(&injected(1, 1));
    world.wallet.set_away(true);
    let report = world.run().await;
    assert_eq!((report.result, report.error), (RunResult::Error, Some(RunError::DiffCall)));
    assert!(world.key().await.is_empty());
    world.wallet.set_away(false);
    assert_eq!(world.run().await.counters.updated, 1);
}

#[tokio::test(start_paused = true)]
async fn the_wish_of_retry_after_is_kept_within_a_minute_per_run() {
    // The wish, in how many calls, how many calls come, and how it ends.
    let cases = [
        (5, 1, 2, RunResult::Ok),
        (29, 2, 3, RunResult::Ok),
        (40, 2, 2, RunResult::Error),
        (61, 1, 1, RunResult::Error),
    ];
    for form in [RetryAfterForm::Seconds, RetryAfterForm::Date] {
        for (wish, times, calls, result) in cases {
            let world = World::new().with_tickets(1);
            world.change(&injected(1, 1));
            world.wallet_fault(Rule::from(Knob::TooManyRequests { retry_after_s: wish, form }).times(times));
            let report = world.run().await;
            let sent = world.wallet.take_sent();
            assert_eq!((report.result, sent.len()), (result, calls), "{form:?} {wish} s, {times} times");
            for two in sent.windows(2) {
                let pause = two[1].at.since(two[0].at);
                let wish = Duration::from_secs(wish);
                assert!(pause >= wish && pause < wish + Duration::from_secs(2), "{pause:?} instead of {wish:?}");
            }
        }
    }
}

/// The box office's operations that a transferred ticket with a new contact needs, reads and writes.
const READS: [&str; 3] = ["find_tickets", "find_contacts", "find_distributions"];
const WRITES: [&str; 4] = ["create_contacts", "write_distributions", "set_cultural_contacts", "write_mobile"];

fn with_a_transfer() -> World {
    let world = World::new().with_tickets(1);
    world.change(&[transferred(1, 1, "bo@example.org")]);
    world
}

#[track_caller]
fn assert_is_transferred(world: &World, what: &str) {
    assert_eq!(world.status_of("T1").as_deref(), Some("TRANSFERRED"), "{what}");
    assert_eq!(world.contacts_with("bo@example.org").len(), 1, "{what}");
    assert_eq!(world.office.model().distributions().len(), 1, "{what}");
    world.assert_nothing_twice();
}

#[tokio::test(start_paused = true)]
async fn a_box_office_that_must_be_set_right_stops_applying_and_the_items_wait() {
    for operation in READS.into_iter().chain(WRITES) {
        for knob in set_up_faults() {
            let world = with_a_transfer();
            world.office_fault(Rule::from(knob.clone()).on(operation));
            let report = world.run().await;
            let what = format!("{operation} {knob:?}: {report:?}");
            assert_eq!((report.result, report.error), (RunResult::Error, Some(RunError::BoxOfficeSetUp)), "{what}");
            assert_eq!((report.counters.pending, report.counters.failed, report.counters.pages), (1, 0, 1), "{what}");
            assert!(!world.key().await.is_empty(), "{what}");
            world.heal();
            let report = world.run().await;
            assert_eq!((report.result, report.counters.updated), (RunResult::Ok, 1), "{what} then {report:?}");
            assert_is_transferred(&world, &what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn reads_that_fail_are_tried_again_and_never_taken_for_nothing_there() {
    for operation in READS {
        for knob in transient_faults() {
            for (times, expected) in [(2, RunResult::Ok), (3, RunResult::Warning)] {
                let world = with_a_transfer();
                world.office_fault(Rule::from(knob.clone()).on(operation).times(times));
                let report = world.run().await;
                let what = format!("{operation} {knob:?} {times} times: {report:?}");
                assert_eq!((report.result, report.error), (expected, None), "{what}");
                let (updated, pending) = if expected == RunResult::Ok { (1, 0) } else { (0, 1) };
                assert_eq!(
                    (report.counters.updated, report.counters.pending, report.counters.failed),
                    (updated, pending, 0),
                    "{what}"
                );
                assert!(!world.key().await.is_empty(), "the page is stored: {what}");
                world.heal();
                world.run().await;
                assert_is_transferred(&world, &what);
            }
        }
    }
}

/// As [`transient_faults`], and those in which the write took effect.
fn write_faults() -> Vec<Knob> {
    let mut faults = transient_faults();
    faults.extend([
        Knob::ServerError { status: 500, effect: true },
        Knob::HtmlAnswer { status: 200, effect: true },
        Knob::CutJson { effect: true, body: BodyCut::WellFramed },
        Knob::ResetAfterCommit { after_ms: 0 },
        Knob::CommitThenStall { answer_after_ms: Some(40_000) },
        Knob::ShortResults { drop: 1 },
        failure(409),
    ]);
    faults
}

#[tokio::test(start_paused = true)]
async fn writes_that_fail_once_are_cleared_up_in_the_same_run() {
    for operation in WRITES {
        for knob in write_faults() {
            let world = with_a_transfer();
            world.office_fault(Rule::from(knob.clone()).on(operation).times(1));
            let report = world.run().await;
            let what = format!("{operation} {knob:?}: {report:?}");
            assert_eq!((report.result, report.error), (RunResult::Ok, None), "{what}");
            assert_eq!(report.counters.updated + report.counters.unchanged, 1, "{what}");
            assert_is_transferred(&world, &what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn writes_that_go_on_failing_leave_the_item_pending() {
    for operation in WRITES {
        for knob in write_faults() {
            let world = with_a_transfer();
            world.office_fault(Rule::from(knob.clone()).on(operation));
            let report = world.run().await;
            let what = format!("{operation} {knob:?}: {report:?}");
            if report.result != RunResult::Ok {
                assert_eq!((report.result, report.error), (RunResult::Warning, None), "{what}");
                assert_eq!((report.counters.pending, report.counters.failed), (1, 0), "{what}");
            }
            assert!(!world.key().await.is_empty(), "{what}");
            world.heal();
            world.later().await;
            world.run_to_the_end().await;
            assert_is_transferred(&world, &what);
        }
    }
}
