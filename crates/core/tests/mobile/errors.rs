//! Ticket errors, both modes, and what counts as stale or unchanged.

use serde_json::{Value, json};
use ticketbridge_core::mobile::{
    AfterWrite, Counters, FailureCode, ItemOutcome, ItemState, RunError, RunResult, RunStep, SkipList, WriteAnswer,
    run_result, settle, tells_recipients,
};

use crate::run::code;
use crate::world::{World, item, transfer, with};

/// Applies an item that must fail and write nothing.
#[track_caller]
fn fails(world: &mut World, item: &Value) -> FailureCode {
    let before = world.office.clone();
    let failure = code(world.apply(item));
    assert!(world.office == before, "something was written");
    failure
}

#[test]
fn without_a_usable_ticket_id_it_is_a_bad_item() {
    let mut world = World::new();
    for id in [json!(null), json!(""), json!(7), json!(["T1"]), json!("x".repeat(257))] {
        assert_eq!(fails(&mut world, &with(item("DOWNLOADED", 1), "ticketId", id)), FailureCode::BadItem);
    }
    for other in [json!(null), json!(1), json!("T1"), json!([]), json!({})] {
        assert_eq!(fails(&mut world, &other), FailureCode::BadItem);
    }
    let longest = with(item("DOWNLOADED", 1), "ticketId", json!("é".repeat(256)));
    assert_eq!(fails(&mut world, &longest), FailureCode::UnknownTicket);
}

#[test]
fn an_unknown_status_is_told_before_a_bad_instant() {
    let mut world = World::new();
    for status in [json!("TELEPORTED"), json!("downloaded"), json!(null), json!(1), json!(" DOWNLOADED")] {
        let item = with(with(item("", 1), "status", status), "updatedAt", json!("never"));
        assert_eq!(fails(&mut world, &item), FailureCode::UnknownStatus);
    }
}

#[test]
fn a_malformed_instant_is_a_bad_field_before_the_ticket_is_looked_up() {
    let mut world = World::new();
    for instant in [json!(null), json!(""), json!("2026-05-04"), json!("2026-02-30T08:00:00Z"), json!(1)] {
        let item = with(with(item("DOWNLOADED", 1), "updatedAt", instant), "ticketId", json!("T9"));
        assert_eq!(fails(&mut world, &item), FailureCode::BadField);
    }
}

#[test]
fn a_ticket_that_s_360_does_not_know() {
    let mut world = World::new();
    let item = with(item("DOWNLOADED", 1), "ticketId", json!("t1"));
    assert_eq!(fails(&mut world, &item), FailureCode::UnknownTicket);
}

#[test]
fn different_tax_numbers_are_told_before_the_organization() {
    let mut world = World::new();
    world.office.tickets.get_mut("T1").expect("T1")["organizationCode"] = json!("ORG-Z");
    let wrong = with(item("DOWNLOADED", 1), "taxNumber", json!("1"));
    assert_eq!(fails(&mut world, &wrong), FailureCode::TaxNumberMismatch);
    assert_eq!(fails(&mut world, &item("DOWNLOADED", 1)), FailureCode::UnknownOrganization);
}

#[test]
fn a_tax_number_that_one_side_lacks_is_no_mismatch() {
    let mut world = World::new();
    world.update(&with(item("DOWNLOADED", 1), "taxNumber", json!(null)));
    world.update(&with(item("DOWNLOADED", 2), "taxNumber", json!("")));
    world.office.tickets.get_mut("T1").expect("T1")["taxNumber"] = json!(null);
    world.update(&with(item("DOWNLOADED", 3), "taxNumber", json!("whatever")));
}

#[test]
fn organizations_are_compared_exactly_and_none_means_all() {
    let mut world = World::new();
    world.rules.organizations = ["org-a".into()].into();
    assert_eq!(fails(&mut world, &item("DOWNLOADED", 1)), FailureCode::UnknownOrganization);
    world.office.tickets.get_mut("T1").expect("T1")["organizationCode"] = json!(null);
    assert_eq!(fails(&mut world, &item("DOWNLOADED", 1)), FailureCode::UnknownOrganization);
    world.rules.organizations.clear();
    world.update(&item("DOWNLOADED", 1));
}

#[test]
fn the_same_again_is_unchanged_and_costs_no_write() {
    let mut world = World::new();
    world.update(&transfer("PENDING_TRANSFER", 1, "bo@example.org", 1));
    let before = world.office.clone();
    assert_eq!(world.apply(&transfer("PENDING_TRANSFER", 1, " BO@example.org", 1)), ItemOutcome::Unchanged);
    assert!(world.office == before);
}

#[test]
fn something_older_is_stale_and_costs_no_write() {
    let mut world = World::new();
    world.update(&item("ACTIVATED", 5));
    let before = world.office.clone();
    assert_eq!(world.apply(&transfer("TRANSFERRED", 4, "bo@example.org", 1)), ItemOutcome::Stale);
    assert!(world.office == before);
}

#[test]
fn other_content_of_the_same_instant_is_applied() {
    let mut world = World::new();
    world.update(&item("ACTIVATED", 5)).update(&item("CONTROLLED", 5)).update(&item("ACTIVATED", 5));
    assert_eq!(world.mobile("T1")["status"], "ACTIVATED");
    assert_eq!(world.office.history["T1"].len(), 2, "a reference seen before adds no history");
}

#[test]
fn null_spectator_details_store_no_owner() {
    let mut world = World::new();
    for (minute, details) in [json!(null), json!("x"), json!({}), json!({"email": "nobody"})].into_iter().enumerate() {
        world.update(&with(item("ACTIVATED", minute as u32), "spectatorDetails", details));
        assert_eq!(world.mobile("T1")["owner"], Value::Null);
    }
}

#[test]
fn in_continue_mode_a_failed_item_is_set_aside() {
    let failed = ItemOutcome::Failed(FailureCode::UnknownTicket);
    assert_eq!(settle(&failed, true), (ItemState::Failed, RunStep::GoOn));
    let counters = Counters { failed: 1, ..Counters::default() };
    assert_eq!(run_result(&counters, false, None), RunResult::Warning);
    assert!(tells_recipients(&counters, RunResult::Warning));
}

#[test]
fn in_strict_mode_a_failed_item_stops_the_run_and_blocks_the_next() {
    let failed = ItemOutcome::Failed(FailureCode::UnknownTicket);
    assert_eq!(settle(&failed, false), (ItemState::Blocking, RunStep::Stop));
}

/// A strict run over the items that are left: stops at the first failure, keeps that item and all after it.
fn strict_run(world: &mut World, left: &mut Vec<Value>) -> RunStep {
    while let Some(item) = left.first() {
        let outcome = world.apply(item);
        if settle(&outcome, false) == (ItemState::Blocking, RunStep::Stop) {
            return RunStep::Stop;
        }
        left.remove(0);
    }
    RunStep::GoOn
}

#[test]
fn a_strict_run_tries_the_failed_item_first_until_it_succeeds() {
    let mut world = World::new();
    let ticket = world.office.tickets.remove("T2").expect("T2");
    let second = with(with(item("DOWNLOADED", 2), "ticketId", json!("T2")), "taxNumber", json!("0002"));
    let mut left = vec![item("INJECTED", 1), second, item("DOWNLOADED", 3)];
    for _ in 0..2 {
        assert_eq!(strict_run(&mut world, &mut left), RunStep::Stop);
        assert_eq!(left.len(), 2);
        assert_eq!(world.mobile("T1")["status"], "INJECTED", "the item before is done, the one after is not");
    }
    world.office.tickets.insert("T2".to_owned(), ticket);
    assert_eq!(strict_run(&mut world, &mut left), RunStep::GoOn);
    assert_eq!(world.mobile("T1")["status"], "DOWNLOADED");
}

#[test]
fn the_skip_list_frees_a_poison_ticket_that_is_stored_already() {
    let mut world = World::new();
    let poison = with(item("TELEPORTED", 1), "ticketId", json!("T9"));
    let mut left = vec![poison, item("DOWNLOADED", 2)];
    assert_eq!(strict_run(&mut world, &mut left), RunStep::Stop);
    world.rules.skip = SkipList::parse("id:T9");
    assert_eq!(strict_run(&mut world, &mut left), RunStep::GoOn);
    assert_eq!(world.counters.skipped, 1);
    assert_eq!(world.mobile("T1")["status"], "DOWNLOADED");
}

#[test]
fn in_both_modes_the_other_outcomes_go_on() {
    for mode in [true, false] {
        for outcome in [ItemOutcome::Updated, ItemOutcome::Unchanged, ItemOutcome::Stale, ItemOutcome::Skipped] {
            assert_eq!(settle(&outcome, mode), (ItemState::Done, RunStep::GoOn));
        }
        assert_eq!(settle(&ItemOutcome::Pending, mode), (ItemState::Pending, RunStep::GoOn));
    }
    let counters = Counters { pending: 1, ..Counters::default() };
    assert_eq!(run_result(&counters, false, None), RunResult::Warning);
    assert!(!tells_recipients(&counters, RunResult::Warning), "no e-mail for items that only wait");
}

#[test]
fn the_retryable_flag_decides_and_not_the_code() {
    let refused = |code: &str, retryable| WriteAnswer::Refused { code: code.into(), retryable }.judge();
    assert_eq!(refused("LOCKED", true), AfterWrite::Wait);
    assert_eq!(refused("LOCKED", false), AfterWrite::Fail(FailureCode::Refused("LOCKED".into())));
    assert_eq!(refused("UNKNOWN_CONTACT", true), AfterWrite::Wait);
    assert_eq!(WriteAnswer::Ambiguous.judge(), AfterWrite::Wait);
    assert_eq!(WriteAnswer::Confirmed.judge(), AfterWrite::GoOn);
}

#[test]
fn a_refused_call_is_no_fault_of_the_item() {
    assert_eq!(WriteAnswer::CallRefused.judge(), AfterWrite::StopRun);
    let result = run_result(&Counters::default(), false, Some(RunError::BoxOfficeSetUp));
    assert_eq!(result, RunResult::Error);
}

#[test]
fn a_write_refused_for_good_fails_the_item_and_stops_its_later_writes() {
    let mut world = World::new();
    // The cultural contact is not in S-360 any more: the row is refused.
    world.office.contacts.retain(|contact| contact["contactNumber"] != "1001");
    let failure = code(world.apply(&transfer("PENDING_TRANSFER", 1, "bo@example.org", 1)));
    assert_eq!(failure, FailureCode::Refused("UNKNOWN_CONTACT".into()));
    assert_eq!(world.counters.contacts_created, 1, "what came before stays");
    assert_eq!(*world.mobile("T1"), Value::Null, "the commit mark is not set");
}
