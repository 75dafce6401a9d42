//! Statuses, V4 items, assignment.

use serde_json::{Value, json};
use ticketbridge_core::mobile::{FailureCode, ItemOutcome, Status};

use crate::run::code;
use crate::world::{World, item, transferred, with};

#[test]
fn each_of_the_19_is_stored_verbatim_and_moves_no_print_status() {
    for (minute, status) in Status::ALL.into_iter().enumerate() {
        let mut world = World::new();
        world.update(&item(status.as_str(), minute as u32));
        assert_eq!(world.mobile("T1")["status"], status.as_str());
        assert_eq!(world.office.tickets["T1"]["printStatus"], "PRINTED");
        assert_eq!(world.cultural("T1"), "1001");
        assert_eq!(world.office.history["T1"][0]["status"], status.as_str());
    }
}

#[test]
fn an_unknown_status_fails_its_item_and_the_next_one_is_applied() {
    let mut world = World::new();
    assert_eq!(code(world.apply(&item("TELEPORTED", 1))), FailureCode::UnknownStatus);
    world.update(&item("DOWNLOADED", 2));
}

#[test]
fn a_deletion_in_two_runs_keeps_its_reason() {
    let mut world = World::new();
    let deletion = |status, minute| with(item(status, minute), "deletion", json!({"reason": " REPRINT "}));
    world.update(&deletion("DELETION_PENDING", 1)).update(&deletion("DELETED", 2));
    assert_eq!(world.mobile("T1")["status"], "DELETED");
    assert_eq!(world.mobile("T1")["deletionReason"], "REPRINT");
    assert_eq!(world.office.tickets["T1"]["printStatus"], "PRINTED");
}

#[test]
fn a_reprint_deletes_the_old_ticket_and_injects_the_new_one() {
    let mut world = World::new();
    let new = with(with(item("INJECTED", 2), "ticketId", json!("T2")), "taxNumber", json!("0002"));
    world.update(&item("DELETED", 1)).update(&new);
    assert_eq!(world.mobile("T1")["status"], "DELETED");
    assert_eq!(world.mobile("T2")["status"], "INJECTED");
}

fn v4(status: &str, minute: u32, attributes: &Value) -> Value {
    with(with(item(status, minute), "model", json!("V4")), "attributes", attributes.clone())
}

#[test]
fn v4_items_store_the_mapped_status() {
    let set = "2026-05-04T09:00:00Z";
    for (status, attributes, expected) in [
        ("DELETED", json!({"controlledAt": set}), "DELETED"),
        ("DELETION_PENDING", json!({"activatedAt": set}), "DELETION_PENDING"),
        ("DOWNLOADED", json!({"controlledAt": set, "activatedAt": set}), "CONTROLLED"),
        ("PENDING_TRANSFER", json!({"activatedAt": set}), "PENDING_TRANSFER"),
        ("DOWNLOADED", json!({"activatedAt": set, "assignedAt": set}), "ACTIVATED"),
        ("NOT_DOWNLOADED", json!({"assignedAt": set, "activatedAt": ""}), "ASSIGNED"),
        ("NOT_DOWNLOADED", json!({"assignedAt": null}), "INJECTED"),
        ("DOWNLOADED", json!(null), "DOWNLOADED"),
    ] {
        let mut world = World::new();
        world.update(&v4(status, 1, &attributes));
        assert_eq!(world.mobile("T1")["status"], expected, "{status} {attributes}");
    }
}

#[test]
fn v4_with_a_previous_owner_is_a_transfer() {
    let mut world = World::new();
    let moved = transferred(1, "bo@example.org", 1);
    let mut item = v4("DOWNLOADED", 1, &json!({}));
    item["spectatorDetails"] = moved["spectatorDetails"].clone();
    item["previousOwnerEmail"] = json!(" ANN@example.org");
    world.update(&item);
    assert_eq!(world.mobile("T1")["status"], "TRANSFERRED");
    assert_eq!(world.cultural("T1"), world.number_of("bo@example.org"));
}

#[test]
fn v4_without_an_owner_does_not_fall_back_to_the_recipient() {
    for (model, contacts) in [(json!("V4"), 0), (json!(null), 1)] {
        let mut world = World::new();
        let status = if model.is_null() { "TRANSFERRED" } else { "DOWNLOADED" };
        let mut item = with(transferred(1, "bo@example.org", 1), "spectatorDetails", json!(null));
        item["status"] = json!(status);
        item["model"] = model;
        item["previousOwnerEmail"] = json!("ann@example.org");
        world.update(&item);
        assert_eq!(world.mobile("T1")["status"], "TRANSFERRED");
        assert_eq!(world.office.contacts_of("bo@example.org").len(), contacts);
    }
}

#[test]
fn another_model_is_no_v4() {
    let mut world = World::new();
    for model in [json!("V3"), json!("v4"), json!(4)] {
        let outcome = world.apply(&with(item("NOT_DOWNLOADED", 1), "model", model));
        assert_eq!(outcome, ItemOutcome::Failed(FailureCode::UnknownStatus));
    }
    let outcome = world.apply(&with(item("INJECTED", 1), "model", json!("V4")));
    assert_eq!(outcome, ItemOutcome::Failed(FailureCode::UnknownStatus));
}

#[test]
fn assignment_and_its_end_change_only_the_beneficiary() {
    let mut world = World::new();
    let guest = json!({"firstName": "Guest", "lastName": "One", "nationality": "ch", "passportNumber": " P1 "});
    world.update(&with(item("ASSIGNED", 1), "holder", guest));
    assert_eq!(
        world.mobile("T1")["beneficiary"],
        json!({"firstName": "Guest", "lastName": "One",
        "dateOfBirth": null, "nationality": "CH", "passportNumber": "P1"})
    );
    world.update(&with(item("DOWNLOADED", 2), "holder", json!({"firstName": "", "lastName": null})));
    assert_eq!(world.mobile("T1")["beneficiary"], Value::Null);
    assert_eq!(world.mobile("T1")["owner"]["firstName"], "Ann");
    assert_eq!((world.cultural("T1"), world.rows().len()), (json!("1001"), 0));
    assert_eq!(world.office.contacts.len(), 2);
}

#[test]
fn beacon_and_extra_info_are_stored_cleaned() {
    let mut world = World::new();
    let extra =
        json!({"extraInfo1": " A ", "extraInfo10": "J", "extraInfo2": "", "extraInfo3": 3, "extraInfo11": "no"});
    let item = with(item("BT_ACTIVATED", 1), "activation", json!({"method": "x", "beaconName": " gate-4 "}));
    world.update(&with(item, "extraInfo", extra));
    assert_eq!(world.mobile("T1")["beaconName"], "gate-4");
    assert_eq!(world.mobile("T1")["extraInfo"], json!({"extraInfo1": "A", "extraInfo10": "J"}));
}
