//! The skip list.

use serde_json::json;
use ticketbridge_core::mobile::{ItemOutcome, SkipList};

use crate::world::{World, item, with};

#[test]
fn bare_values_are_tax_numbers_and_the_prefix_makes_ticket_ids() {
    let list = SkipList::parse("id:123456789, 12300123");
    assert!(list.contains("123456789", None));
    assert!(list.contains("other", Some("12300123")));
    assert!(!list.contains("12300123", Some("123456789")));
    assert_eq!(list.len(), 2);
}

#[test]
fn spaces_empty_parts_and_duplicates_are_ignored() {
    let list = SkipList::parse(" 00000025 , id:  S26 ,, 00000025,id:S26,id:,id: ,");
    assert_eq!(list, SkipList::parse("00000025,id:S26"));
    assert_eq!(list.len(), 2);
    assert!(SkipList::parse(" , ,").is_empty());
}

#[test]
fn strings_are_compared_exactly() {
    let list = SkipList::parse("0012, ID:5, id:Ab");
    assert!(!list.contains("x", Some("12")));
    assert!(!list.contains("x", Some("0012 ")));
    assert!(!list.contains("5", None));
    assert!(list.contains("x", Some("ID:5")), "the prefix is in lower case");
    assert!(!list.contains("ab", None));
}

#[test]
fn a_ticket_id_equal_to_the_tax_number_of_another_is_not_skipped() {
    let list = SkipList::parse("T1");
    assert!(!list.contains("T1", Some("0001")));
    assert!(list.contains("T2", Some("T1")));
}

#[test]
fn a_skipped_ticket_is_neither_looked_up_nor_written() {
    let mut world = World::new();
    let before = world.office.clone();
    for list in ["0001", "id:T1"] {
        world.rules.skip = SkipList::parse(list);
        assert_eq!(world.apply(&item("DOWNLOADED", 1)), ItemOutcome::Skipped);
    }
    assert!(world.office == before);
}

#[test]
fn the_list_comes_before_every_error_but_a_missing_id() {
    let mut world = World::new();
    world.rules.skip = SkipList::parse("0001");
    let poison = with(item("TELEPORTED", 1), "updatedAt", json!("never"));
    assert_eq!(world.apply(&poison), ItemOutcome::Skipped);
    assert_ne!(world.apply(&with(poison, "ticketId", json!(""))), ItemOutcome::Skipped);
}

#[test]
fn a_list_that_names_nothing_of_the_page_changes_nothing() {
    let mut world = World::new();
    world.rules.skip = SkipList::parse("9999, id:T9");
    world.update(&item("DOWNLOADED", 1));
}
