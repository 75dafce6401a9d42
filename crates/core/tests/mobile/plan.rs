//! What is looked up for an item, and the writes it leads to: their bodies, their keys, their order.

use serde_json::{Value, json};
use ticketbridge_core::mobile::{
    Contact, ContactNumber, Decision, Discrepancy, Effect, Item, Needs, NumberMissing, Plan, Reading, SkipList, View,
    Write, decide,
};

use crate::run::{look_up_all, rules};
use crate::world::{World, item, transfer, transferred, with};

const NEW: &str = "new@example.org";

fn read(json: &str) -> Box<Item<'_>> {
    match Item::read(json, &SkipList::default()) {
        Reading::Item(item) => item,
        other => panic!("{other:?}"),
    }
}

fn plan<'i>(world: &World, item: &'i Item<'_>) -> Plan<'i> {
    let mut view = View::default();
    look_up_all(&world.office, &[item], &mut view, &rules());
    match decide(item, &view, &rules()) {
        Ok(Decision::Update(plan)) => plan,
        other => panic!("{other:?}"),
    }
}

fn body(write: Option<&Write<'_>>) -> Value {
    serde_json::to_value(write.expect("a write")).expect("a body")
}

fn number(digits: &str) -> ContactNumber {
    digits.to_owned().try_into().expect("digits")
}

#[test]
fn the_writes_come_one_after_another_and_the_last_is_the_commit_mark() {
    let json = with(transferred(1, NEW, 1), "holder", json!({"firstName": "Guest"})).to_string();
    let item = read(&json);
    let mut plan = plan(&World::new(), &item);

    let create = body(plan.next());
    let request_ref = create["requestRef"].as_str().expect("a reference").to_owned();
    assert_eq!(
        create,
        json!({"requestRef": request_ref, "email": NEW, "individualFirstname": "Bo",
        "individualLastname": "Li"})
    );
    assert!(request_ref.starts_with("tng:") && request_ref.len() <= 100);
    assert_eq!(plan.next().expect("a write").key(), (&*request_ref, None));
    assert_eq!(plan.confirm(Some(&number("77"))), Ok(Some(Effect::ContactCreated)));

    let row = body(plan.next());
    let row_ref = row["distributionRef"].as_str().expect("a reference").to_owned();
    assert_eq!(
        row,
        json!({"distributionRef": row_ref, "ticketId": "T1", "oldContactNumber": "1001",
        "newContactNumber": "77", "action": "Distribute", "status": "CONFIRMED", "at": "2026-05-04T08:01:00.000Z"})
    );
    assert_eq!(plan.next().expect("a write").key(), (&*row_ref, Some("T1")));
    assert_eq!(plan.confirm(None), Ok(Some(Effect::RowInserted)));

    assert_eq!(body(plan.next()), json!({"ticketId": "T1", "contactNumber": "77"}));
    assert_eq!(plan.next().expect("a write").key(), ("T1", Some("77")));
    assert_eq!(plan.confirm(None), Ok(Some(Effect::CulturalContactChanged)));

    assert_eq!(
        body(plan.next()),
        json!({"ticketId": "T1", "changeRef": item.change_ref, "mobile": {
        "status": "TRANSFERRED", "statusDate": "2026-05-04T08:01:00.000Z",
        "owner": {"title": null, "firstName": "Bo", "lastName": "Li", "dateOfBirth": null, "email": NEW,
            "nationality": null, "idCardNumber": null, "phoneNumber": null, "residenceCountry": null,
            "language": null, "allowPromoEmail": null, "allowThirdPartyEmail": null},
        "beneficiary": {"firstName": "Guest", "lastName": null, "dateOfBirth": null, "nationality": null,
            "passportNumber": null},
        "beaconName": null, "extraInfo": {}, "deletionReason": null}})
    );
    assert_eq!(plan.next().expect("a write").key(), ("T1", Some(&*item.change_ref)));
    assert_eq!(plan.confirm(None), Ok(Some(Effect::MobileStored)));
    assert_eq!(plan.next(), None);
    assert_eq!(plan.confirm(None), Ok(None));
}

#[test]
fn nothing_goes_on_without_the_number_of_a_created_contact() {
    let json = transferred(1, NEW, 1).to_string();
    let item = read(&json);
    let mut plan = plan(&World::new(), &item);
    let before = plan.clone();
    assert_eq!(plan.confirm(None), Err(NumberMissing));
    assert_eq!(plan, before);
    let early: Vec<bool> = plan.writes().map(|write| serde_json::to_value(write).is_err()).collect();
    assert_eq!(early, [false, true, true, false], "what needs the number cannot be sent before");
}

#[test]
fn a_row_is_closed_before_another_is_opened() {
    let mut world = World::new();
    world.update(&transfer("PENDING", 1, "norm@example.org", 1));
    let json = transfer("PENDING", 2, NEW, 2).to_string();
    let item = read(&json);
    let mut plan = plan(&world, &item);
    plan.confirm(Some(&number("77"))).expect("a number");
    let rows: Vec<Value> = plan.writes().take(2).map(|write| body(Some(write))["status"].clone()).collect();
    assert_eq!(rows, ["CANCELLED", "PENDING"]);
    assert_eq!(plan.confirm(None), Ok(Some(Effect::RowChanged)));
}

#[test]
fn an_ambiguous_creation_is_found_again_by_its_reference() {
    let mut world = World::new();
    let json = transferred(1, NEW, 1).to_string();
    let item = read(&json);
    let plan = plan(&world, &item);
    let Some(Write::CreateContact(create)) = plan.next() else { panic!("no creation") };
    assert_eq!(create.look_up(&[]), None, "it may be sent again");

    // Sent twice, as after two lost answers: S-360 has made two.
    let made: Vec<Option<ContactNumber>> =
        (0..2).map(|_| world.office.write(plan.next().expect("a write")).expect("made")).collect();
    let found: Vec<Contact> = world
        .office
        .contacts
        .iter()
        .rev()
        .map(|contact| serde_json::from_value(contact.clone()).expect("a contact"))
        .collect();
    assert_eq!(create.look_up(&found).cloned(), made[0]);

    // Decided again from the start, the contact is there, and nothing is created.
    let again = self::plan(&world, &item);
    assert!(!again.writes().any(|write| matches!(write, Write::CreateContact(_))));
}

#[test]
fn the_reference_of_a_creation_is_the_items_own() {
    let reference = |item: Value| {
        let json = item.to_string();
        let item = read(&json);
        body(plan(&World::new(), &item).next())["requestRef"].clone()
    };
    assert_eq!(reference(transferred(1, NEW, 1)), reference(transferred(1, " NEW@example.org", 1)));
    assert_ne!(reference(transferred(1, NEW, 1)), reference(transferred(2, NEW, 1)));
    assert_ne!(reference(transferred(1, NEW, 1)), reference(transferred(1, "other@example.org", 1)));
}

#[test]
fn unchanged_and_stale_items_need_only_their_ticket() {
    let mut world = World::new();
    world.update(&transferred(5, NEW, 1));
    for (item, expected) in
        [(transferred(5, NEW, 1), Decision::Unchanged), (transfer("PENDING", 4, NEW, 1), Decision::Stale)]
    {
        let json = item.to_string();
        let item = read(&json);
        let mut view = View::default();
        assert_eq!(decide(&item, &view, &rules()), Err(Needs { ticket: Some("T1"), ..Needs::default() }));
        view.tickets_answered(["T1"], world.office.find_tickets(&["T1"]));
        assert_eq!(decide(&item, &view, &rules()), Ok(expected));
    }
}

/// The e-mails and whether the rows are asked for, once the ticket is known.
fn second_needs(world: &World, json: &Value) -> (Vec<String>, bool) {
    let json = json.to_string();
    let item = read(&json);
    let mut view = View::default();
    view.tickets_answered(["T1"], world.office.find_tickets(&["T1"]));
    match decide(&item, &view, &world.rules) {
        Err(needs) => (needs.emails.iter().map(|email| email.as_str().to_owned()).collect(), needs.rows.is_some()),
        Ok(_) => (Vec::new(), false),
    }
}

#[test]
fn only_what_the_rules_look_at_is_looked_up() {
    let known = World::new();
    let none = World::new().without_cultural_contact();
    let text = |emails: &[&str]| emails.iter().map(|email| (*email).to_owned()).collect::<Vec<_>>();
    let moved = transferred(1, NEW, 1);
    assert_eq!(second_needs(&known, &moved), (text(&[NEW]), true), "the old contact is known");
    assert_eq!(second_needs(&none, &moved), (text(&[NEW, "ann@example.org"]), true));
    assert_eq!(second_needs(&none, &transfer("PENDING", 1, "ANN@example.org", 1)), (text(&["ann@example.org"]), true));
    assert_eq!(second_needs(&known, &item("FAILURE", 1)), (vec![], true), "only what is open");
    assert_eq!(second_needs(&known, &item("PENDING", 1)), (vec![], false));
    assert_eq!(second_needs(&known, &item("ASSIGNED", 1)), (text(&["ann@example.org"]), true), "for the log");
    let mut off = World::new();
    off.rules.distribute = false;
    assert_eq!(second_needs(&off, &moved), (vec![], false));
}

#[test]
fn what_was_written_is_looked_up_anew() {
    let world = World::new();
    let json = transferred(1, NEW, 1).to_string();
    let item = read(&json);
    let mut view = View::default();
    look_up_all(&world.office, &[&item], &mut view, &rules());
    assert!(decide(&item, &view, &rules()).is_ok());
    view.forget(&item);
    assert_eq!(decide(&item, &view, &rules()), Err(Needs { ticket: Some("T1"), ..Needs::default() }));
}

#[test]
fn a_plan_tells_what_it_leaves_as_it_is() {
    let json = item("FAILURE", 1).to_string();
    assert_eq!(plan(&World::new(), &read(&json)).discrepancies, [Discrepancy::NoTarget]);
}

#[test]
fn contact_numbers_are_1_to_20_digits() {
    for (text, is_one) in [("1", true), (&*"9".repeat(20), true), (&*"9".repeat(21), false), ("", false), ("1a", false)]
    {
        assert_eq!(ContactNumber::try_from(text.to_owned()).is_ok(), is_one, "{text}");
    }
    assert!(number("99999999999999999999") > number("2"));
}
