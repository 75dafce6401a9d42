//! Distribution rows: each status alone and in sequence, with and without what the rules would like to know.

use serde_json::{Value, json};
use ticketbridge_core::mobile::ItemOutcome;

use crate::world::{World, contact, item, temporary, transfer, transferred, with};

const BO: &str = "bo@example.org";
const CY: &str = "cy@example.org";

/// A world where Bo is 1003 and Cy 1004.
fn world() -> World {
    World::new()
        .with_contact(contact("1003", BO, "Bo", "Li", false))
        .with_contact(contact("1004", CY, "Cy", "Rossi", false))
}

#[test]
fn each_status_alone() {
    for (status, expected) in [
        ("PENDING_TRANSFER", Some("1001>1003 PENDING 01")),
        ("PENDING", Some("1001>1003 PENDING 01")),
        ("FAILURE", Some("1001>1003 CANCELLED 01")),
        ("FAILURE_TRANSFER", Some("1001>1003 CANCELLED 01")),
        ("TRANSFERRED", Some("1001>1003 CONFIRMED 01")),
        ("ASSIGNED", None),
        ("DELETED", None),
        ("CONTROLLED", None),
    ] {
        let mut world = world();
        let mut item = transfer(status, 1, BO, 1);
        if status == "TRANSFERRED" {
            item = transferred(1, BO, 1);
        }
        world.update(&item);
        assert_eq!(world.rows(), expected.into_iter().collect::<Vec<_>>(), "{status}");
        assert_eq!(world.cultural("T1"), if status == "TRANSFERRED" { "1003" } else { "1001" }, "{status}");
    }
}

#[test]
fn an_open_row_is_closed_in_place() {
    for (last, expected) in [
        (transferred(2, BO, 1), "1001>1003 CONFIRMED 02"),
        (transfer("FAILURE", 2, BO, 1), "1001>1003 CANCELLED 02"),
        (transfer("FAILURE_TRANSFER", 2, BO, 1), "1001>1003 CANCELLED 02"),
    ] {
        let mut world = world();
        world.update(&transfer("PENDING_TRANSFER", 1, BO, 1)).update(&last);
        assert_eq!(world.rows(), [expected]);
        assert_eq!((world.counters.rows_inserted, world.counters.rows_changed), (1, 1));
    }
}

#[test]
fn pending_again_to_the_same_recipient_leaves_the_row_as_it_is() {
    let mut world = world();
    world.update(&transfer("PENDING_TRANSFER", 1, BO, 1));
    world.update(&transfer("PENDING", 2, " BO@example.org", 1));
    // Begun anew: another reference, but the open row to the same contact is it.
    world.update(&transfer("PENDING_TRANSFER", 3, BO, 9));
    assert_eq!(world.rows(), ["1001>1003 PENDING 01"]);
}

#[test]
fn an_open_row_of_another_reference_is_closed_in_place_even_after_a_replay() {
    let mut world = world();
    let mut pending = transfer("PENDING_TRANSFER", 1, BO, 1);
    pending["transfer"]["initiatedAt"] = json!(null);
    let rows = ["1001>1003 CONFIRMED 02"];
    world.update(&pending).update(&transferred(2, BO, 5));
    assert_eq!(world.rows(), rows);
    // As after a crash before the commit mark: the row is found by its contact and instant.
    world.office.tickets.get_mut("T1").expect("T1")["mobile"] = Value::Null;
    world.update(&transferred(2, BO, 5));
    assert_eq!(world.rows(), rows);
}

#[test]
fn a_crash_after_closing_a_row_of_another_reference_adds_no_second_one() {
    let mut world = world();
    let mut pending = transfer("PENDING_TRANSFER", 1, BO, 1);
    pending["transfer"]["initiatedAt"] = json!(null);
    world.update(&pending).update(&transfer("FAILURE", 2, BO, 5));
    world.office.tickets.get_mut("T1").expect("T1")["mobile"] = Value::Null;
    world.update(&transfer("FAILURE", 2, BO, 5));
    assert_eq!(world.rows(), ["1001>1003 CANCELLED 02"]);
}

#[test]
fn a_cancelled_transfer_that_is_pending_again_is_reopened() {
    let mut world = world();
    world.update(&transfer("PENDING", 1, BO, 1)).update(&transfer("FAILURE", 2, BO, 1));
    world.update(&transfer("PENDING", 3, BO, 1));
    assert_eq!(world.rows(), ["1001>1003 PENDING 03"]);
}

#[test]
fn confirmed_is_final() {
    let mut world = world();
    world.update(&transferred(1, BO, 1));
    world.update(&transfer("FAILURE", 2, BO, 1)).update(&transfer("PENDING", 3, BO, 1));
    assert_eq!(world.rows(), ["1001>1003 CONFIRMED 01"]);
    assert_eq!(world.cultural("T1"), "1003");
}

#[test]
fn a_new_recipient_cancels_the_open_row() {
    let mut world = world();
    world.update(&transfer("PENDING", 1, BO, 1)).update(&transfer("PENDING", 2, CY, 2));
    assert_eq!(world.rows(), ["1001>1003 CANCELLED 02", "1001>1004 PENDING 02"]);
}

#[test]
fn there_and_back_again() {
    let mut world = world();
    world.update(&transferred(1, BO, 1));
    let mut back = transferred(2, "ann@example.org", 2);
    back["transfer"]["senderEmail"] = json!(BO);
    world.update(&back);
    assert_eq!(world.rows(), ["1001>1003 CONFIRMED 01", "1003>1001 CONFIRMED 02"]);
    assert_eq!(world.cultural("T1"), "1001");
    assert_eq!(world.counters.contacts_created, 0);
}

fn on_to_cy(minute: u32) -> Value {
    let mut item = transferred(minute, CY, 4);
    item["transfer"]["senderEmail"] = json!(BO);
    item
}

#[test]
fn two_transfers_seen_are_two_rows() {
    let mut world = world();
    world.update(&transfer("PENDING", 1, BO, 1)).update(&transferred(2, BO, 1)).update(&on_to_cy(3));
    assert_eq!(world.rows(), ["1001>1003 CONFIRMED 02", "1003>1004 CONFIRMED 03"]);
}

#[test]
fn two_transfers_in_one_item_are_one_row_and_an_open_one_is_cancelled() {
    let mut world = world();
    world.update(&transfer("PENDING", 1, BO, 1)).update(&on_to_cy(3));
    assert_eq!(world.rows(), ["1001>1003 CANCELLED 03", "1001>1004 CONFIRMED 03"]);
    assert_eq!(world.cultural("T1"), "1004");
}

#[test]
fn a_transfer_to_oneself_has_no_row() {
    let mut world = world();
    world.update(&transfer("PENDING", 1, "ANN@example.org", 1)).update(&transferred(2, "ann@example.org", 1));
    assert_eq!(world.rows(), Vec::<String>::new());
    assert_eq!(world.cultural("T1"), "1001");
}

#[test]
fn without_a_cultural_contact_the_old_one_is_the_senders() {
    let mut world = world().without_cultural_contact();
    world.update(&transferred(1, BO, 1));
    assert_eq!(world.rows(), ["1001>1003 CONFIRMED 01"]);
    assert_eq!(world.cultural("T1"), "1003");
}

#[test]
fn without_a_sender_the_owner_of_a_transfer_under_way_is_the_old_one() {
    let mut pending = transfer("PENDING", 1, BO, 1);
    pending["transfer"]["senderEmail"] = json!(null);
    let mut first = world().without_cultural_contact();
    first.update(&pending);
    assert_eq!(first.rows(), ["1001>1003 PENDING 01"]);

    // Once it is done, the owner is the new one.
    let mut done = transferred(1, BO, 1);
    done["transfer"]["senderEmail"] = json!(null);
    let mut second = world().without_cultural_contact();
    second.update(&done);
    assert_eq!(second.rows(), ["none>1003 CONFIRMED 01"]);
}

#[test]
fn an_unknown_sender_is_no_old_contact() {
    let mut item = transferred(1, BO, 1);
    item["transfer"]["senderEmail"] = json!("stranger@example.org");
    let mut world = world().without_cultural_contact();
    world.update(&item);
    assert_eq!(world.rows(), ["none>1003 CONFIRMED 01"]);
    assert_eq!(world.office.contacts_of("stranger@example.org").len(), 0, "a sender is never created");
}

#[test]
fn to_oneself_without_any_contact_yet() {
    let new = "new@example.org";
    let mut item = transferred(1, new, 1);
    item["transfer"]["senderEmail"] = json!(" NEW@example.org");
    let mut world = world().without_cultural_contact();
    world.update(&item);
    assert_eq!(world.rows(), Vec::<String>::new());
    assert_eq!(world.cultural("T1"), world.number_of(new));
}

#[test]
fn a_failure_without_a_recipient_cancels_what_is_open() {
    for status in ["FAILURE", "FAILURE_TRANSFER"] {
        let mut world = world();
        world.update(&transfer("PENDING", 1, BO, 1)).update(&item(status, 2));
        assert_eq!(world.rows(), ["1001>1003 CANCELLED 02"]);
    }
}

#[test]
fn others_without_a_recipient_leave_the_rows() {
    for status in ["PENDING_TRANSFER", "PENDING", "TRANSFERRED"] {
        let mut world = world();
        world.update(&transfer("PENDING", 1, BO, 1));
        world.update(&with(item(status, 2), "spectatorDetails", json!(null)));
        assert_eq!(world.rows(), ["1001>1003 PENDING 01"]);
        assert_eq!((world.cultural("T1"), world.counters.discrepancies), (json!("1001"), 1));
    }
}

#[test]
fn without_its_begin_a_transfer_is_named_by_the_items_instant() {
    let mut world = world();
    let mut item = transfer("PENDING", 1, BO, 1);
    item["transfer"]["initiatedAt"] = json!("not an instant");
    world.update(&item);
    let unnamed = world.office.rows[0]["distributionRef"].clone();
    // The same instant as a begin is another name.
    let mut other = self::world();
    let mut item = transfer("PENDING", 1, BO, 1);
    item["transfer"]["initiatedAt"] = json!("2026-05-04T08:01:00Z");
    other.update(&item);
    assert_ne!(other.office.rows[0]["distributionRef"], unnamed);
}

#[test]
fn references_are_deterministic_and_short_whatever_the_ticket_id_is() {
    let named = |id: &str| {
        let mut world = world();
        let ticket = with(world.office.tickets["T1"].clone(), "ticketId", json!(id));
        world.office.tickets.insert(id.to_owned(), ticket);
        world.update(&with(transfer("PENDING", 1, BO, 1), "ticketId", json!(id)));
        let reference = world.office.rows[0]["distributionRef"].as_str().expect("a reference").to_owned();
        assert!(reference.starts_with("tng:") && reference.chars().count() <= 200, "{reference}");
        reference
    };
    assert_eq!(named("T1"), named("T1"));
    assert!(named("T1").starts_with("tng:T1:"));
    assert_ne!(named(&"é".repeat(256)), named(&"é".repeat(255)));
}

#[test]
fn rows_of_others_are_neither_read_nor_changed() {
    for reference in [json!(null), json!("tn:other"), json!("TNG:T1:x")] {
        let mut world = world();
        let foreign = json!({"distributionRef": reference, "ticketId": "T1", "oldContactNumber": "1001",
            "newContactNumber": "1003", "action": "Distribute", "status": "PENDING", "at": "2026-05-04T08:00:00.000Z"});
        world.office.rows.push(foreign.clone());
        world.update(&transfer("PENDING", 1, BO, 1)).update(&transferred(2, BO, 1)).update(&item("FAILURE", 3));
        assert_eq!(world.office.rows[0], foreign);
        assert_eq!(world.rows()[1..], ["1001>1003 CONFIRMED 02"]);
    }
}

#[test]
fn a_row_left_open_is_a_discrepancy_and_stays() {
    let mut world = world();
    world.update(&transfer("PENDING", 1, BO, 1)).update(&item("ONLINE_ACTIVATED", 2));
    assert_eq!(world.rows(), ["1001>1003 PENDING 01"]);
    assert_eq!(world.counters.discrepancies, 1);
}

#[test]
fn a_temporary_contact_stays_and_is_used_again() {
    let mut world = World::new();
    world.update(&transfer("PENDING", 1, BO, 1)).update(&transfer("FAILURE", 2, BO, 1));
    let number = world.number_of(BO);
    world.update(&transfer("PENDING", 3, BO, 3)).update(&transferred(4, BO, 3));
    assert_eq!(world.number_of(BO), number);
    assert_eq!(world.cultural("T1"), number);
    assert_eq!(world.rows(), [format!("1001>{number} CANCELLED 02"), format!("1001>{number} CONFIRMED 04")]);
}

#[test]
fn a_replay_of_the_whole_life_changes_nothing() {
    let mut world = World::new().with_contact(temporary("1003", BO));
    let life = [transfer("PENDING", 1, BO, 1), transferred(2, BO, 1), on_to_cy(3), item("ONLINE_ACTIVATED", 4)];
    for item in &life {
        world.update(item);
    }
    let before = world.office.clone();
    let outcomes: Vec<ItemOutcome> = life.iter().map(|item| world.apply(item)).collect();
    let stale = ItemOutcome::Stale;
    assert_eq!(outcomes, [stale.clone(), stale.clone(), stale, ItemOutcome::Unchanged]);
    assert!(world.office == before);
}
