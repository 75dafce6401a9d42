//! The worked sample: two pages, state before and after, outcomes and totals.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use ticketbridge_core::mobile::{
    Counters, ItemOutcome, Page, PageSource, PaginationKey, Rules, RunResult, SkipList, Turn, run_result, turn,
};

use crate::office::Office;
use crate::run::{Fault, apply_json, apply_side_by_side, spelled};

const PAGES: [&str; 2] = [include_str!("data/page-1.json"), include_str!("data/page-2.json")];

fn before() -> (Office, Rules) {
    let state: Value = serde_json::from_str(include_str!("data/s360-before.json")).expect("JSON");
    let settings = &state["settings"];
    let organizations = settings["organizations"].as_array().expect("organizations");
    let rules = Rules {
        skip: SkipList::parse(settings["skip"].as_str().expect("skip")),
        organizations: organizations.iter().map(|code| code.as_str().expect("code").into()).collect(),
        distribute: settings["enableTicketDistributionToCulturalContact"].as_bool().expect("switch"),
    };
    (Office::from_json(&state), rules)
}

fn after() -> Value {
    serde_json::from_str(include_str!("data/s360-after.json")).expect("JSON")
}

fn items(page: usize) -> Vec<String> {
    let page = Page::read(PAGES[page].as_bytes()).expect("a page");
    page.items.iter().map(|item| (*item).to_owned()).collect()
}

fn all_items() -> Vec<String> {
    [items(0), items(1)].concat()
}

#[track_caller]
fn assert_is_after(office: &Office) {
    let (found, expected) = (office.normalised(), after());
    let sorted = |list: &Value| {
        let mut list = list.as_array().cloned().expect("a list");
        list.sort_by_key(|contact| contact["contactNumber"].to_string());
        list
    };
    for (found, expected) in
        found["tickets"].as_array().into_iter().flatten().zip(expected["tickets"].as_array().into_iter().flatten())
    {
        assert_eq!(found, expected);
    }
    assert_eq!(found["tickets"], expected["tickets"]);
    assert_eq!(found["contacts"].as_array().expect("contacts"), &sorted(&expected["contacts"]));
    assert_eq!(found["distributions"], expected["distributions"]);
    assert_eq!(found["history"], expected["history"]);
    assert_eq!(office.refusals, Vec::<String>::new());
}

#[test]
fn the_pages_lead_from_before_to_after() {
    let (mut office, rules) = before();
    let expected = after();
    let mut total = Counters::default();
    let mut errors: BTreeMap<String, u64> = BTreeMap::new();
    for page in 0..2 {
        let outcomes: Vec<ItemOutcome> = items(page)
            .iter()
            .map(|item| apply_json(&mut office, item, &rules, &mut total, &mut || Fault::None))
            .collect();
        let expected = expected["outcomes"][format!("page-{}", page + 1)].as_array().expect("outcomes");
        assert_eq!(outcomes.len(), expected.len());
        for (outcome, expected) in outcomes.iter().zip(expected) {
            assert_eq!(json!(spelled(outcome)), expected[1], "{expected}");
            if let ItemOutcome::Failed(code) = outcome {
                *errors.entry(format!("error:{code}")).or_default() += 1;
            }
        }
    }
    assert_is_after(&office);
    let mut summary = json!({"contactsCreated": total.contacts_created, "contactsUpdated": total.contacts_updated,
        "skipped": total.skipped, "stale": total.stale, "unchanged": total.unchanged, "updated": total.updated});
    for (code, count) in errors {
        summary[code] = count.into();
    }
    assert_eq!(summary, expected["summary"]);
    assert_eq!(run_result(&total, false, None), RunResult::Warning);
    // S10 names no recipient; S14 has another owner than its contact, and an open row. All others add up.
    assert_eq!(total.discrepancies, 3);
}

#[test]
fn the_keys_advance_verbatim() {
    let mut key = PaginationKey::default();
    for (page, expected) in PAGES.iter().zip(["sample key 1+/=", "sample key 2+/="]) {
        let page = Page::read(page.as_bytes()).expect("a page");
        let Turn::Advance(next) = turn(PageSource::Diff, &key, &page) else { panic!("the key did not advance") };
        assert_eq!(next.as_str(), expected);
        key = next;
    }
}

#[test]
fn applying_both_pages_again_changes_nothing() {
    let (mut office, rules) = before();
    for item in all_items() {
        apply_json(&mut office, &item, &rules, &mut Counters::default(), &mut || Fault::None);
    }
    let mut again = Counters::default();
    for item in all_items() {
        let outcome = apply_json(&mut office, &item, &rules, &mut again, &mut || panic!("a write"));
        assert!(!matches!(outcome, ItemOutcome::Updated | ItemOutcome::Pending), "{outcome:?}");
    }
    assert_is_after(&office);
}

#[test]
fn each_page_may_be_applied_twice_in_a_row() {
    let (mut office, rules) = before();
    for page in [0, 0, 1, 1] {
        for item in items(page) {
            apply_json(&mut office, &item, &rules, &mut Counters::default(), &mut || Fault::None);
        }
    }
    assert_is_after(&office);
}

#[test]
fn a_cut_at_any_item_and_a_replay_from_the_beginning_lead_to_after() {
    let items = all_items();
    for cut in 0..=items.len() {
        let (mut office, rules) = before();
        for item in items[..cut].iter().chain(&items) {
            apply_json(&mut office, item, &rules, &mut Counters::default(), &mut || Fault::None);
        }
        // A replay may find stale what it applied the first time, and the other way round it may not.
        assert_is_after(&office);
    }
}

#[test]
fn a_crash_before_or_after_any_write_leads_to_the_same_state() {
    let (mut office, rules) = before();
    let mut crashes = 0;
    for item in all_items() {
        let mut next = office.clone();
        let mut writes = 0;
        apply_json(&mut next, &item, &rules, &mut Counters::default(), &mut || {
            writes += 1;
            Fault::None
        });
        let expected = next.normalised();
        for fault in [Fault::AnswerLost, Fault::RequestLost, Fault::Locked] {
            for crash_at in 1..=writes {
                let mut office = office.clone();
                let mut write = 0;
                let mut faults = || {
                    write += 1;
                    if write == crash_at { fault } else { Fault::None }
                };
                let mut apply = || apply_json(&mut office, &item, &rules, &mut Counters::default(), &mut faults);
                assert_eq!(apply(), ItemOutcome::Pending);
                let again = apply();
                let was_last = fault == Fault::AnswerLost && crash_at == writes;
                assert_eq!(again, if was_last { ItemOutcome::Unchanged } else { ItemOutcome::Updated });
                assert_eq!(office.normalised(), expected, "{fault:?} at write {crash_at} of {item}");
                crashes += 1;
            }
        }
        office = next;
    }
    assert_is_after(&office);
    assert!(crashes > 250, "{crashes} crashes");
}

#[test]
fn side_by_side_as_one_by_one() {
    let (mut office, rules) = before();
    let mut total = Counters::default();
    for page in 0..2 {
        apply_side_by_side(&mut office, &mut items(page), &rules, &mut total, &mut || Fault::None);
    }
    assert_is_after(&office);
    assert_eq!((total.contacts_created, total.contacts_updated, total.updated), (6, 3, 46));

    let (mut office, rules) = before();
    apply_side_by_side(&mut office, &mut all_items(), &rules, &mut Counters::default(), &mut || Fault::None);
    assert_is_after(&office);
}

#[test]
fn an_uploaded_file_is_a_page_that_leaves_the_key_alone() {
    let page = Page::read(PAGES[0].as_bytes()).expect("a page");
    assert_eq!(turn(PageSource::File, &PaginationKey::from("kept"), &page), Turn::Keep);
    assert_eq!(page.items.len(), 35);
}
