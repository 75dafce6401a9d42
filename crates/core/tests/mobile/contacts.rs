//! Contacts: resolved, left alone, completed, created.

use serde_json::{Value, json};

use crate::run::Fault;
use crate::run::apply_side_by_side;
use crate::world::{World, contact, item, temporary, transfer, transferred, with};

const BO: &str = "bo@example.org";

fn full_owner(email: &str) -> Value {
    json!({"title": "MR", "firstName": "Bo", "lastName": "Li", "dateOfBirth": "1990-02-28T00:00:00Z", "email": email,
        "nationality": "ch", "idCardNumber": "X1", "phoneNumber": "+41790000000", "residenceCountry": "FR",
        "language": "fr-CH", "organizerSpectatorPreference": {"allowPromoEmail": true, "allowThirdPartyEmail": false}})
}

#[test]
fn a_normal_contact_is_never_updated() {
    let mut world = World::new();
    let before = world.office.contacts.clone();
    let item = with(transferred(1, "norm@example.org", 1), "spectatorDetails", full_owner("norm@example.org"));
    world.update(&item);
    assert_eq!(world.office.contacts, before);
    assert_eq!(world.cultural("T1"), "1002");
}

#[test]
fn a_pending_transfer_creates_a_temporary_contact_with_the_email_only() {
    for status in ["PENDING_TRANSFER", "PENDING", "FAILURE", "FAILURE_TRANSFER"] {
        let mut world = World::new();
        world.update(&transfer(status, 1, " BO@Example.org", 1));
        let created = world.office.contacts_of(BO)[0].clone();
        let mut expected = temporary(created["contactNumber"].as_str().expect("a number"), BO);
        expected["requestRef"] = created["requestRef"].clone();
        assert_eq!(created, expected);
        assert!(created["requestRef"].as_str().is_some_and(|name| name.len() <= 100));
    }
}

#[test]
fn a_temporary_contact_is_completed_by_the_accepted_transfer() {
    let mut world = World::new().with_contact(temporary("1003", BO));
    world.update(&with(transferred(1, BO, 1), "spectatorDetails", full_owner(BO)));
    let mut expected = contact("1003", BO, "Bo", "Li", false);
    for (name, value) in [
        ("individualTitle", "MR"),
        ("individualBirthdate", "1990-02-28"),
        ("individualCountryCode", "CH"),
        ("individualIdNumber", "X1"),
        ("cellPhoneNumber", "+41790000000"),
        ("countryCode", "FR"),
        ("individualPreferredLanguage", "fr"),
    ] {
        expected[name] = json!(value);
    }
    expected["authorizations"] = json!({"CNIL_O": true, "CNIL_T": false});
    assert_eq!(world.office.contacts_of(BO), [&expected]);
    assert_eq!((world.counters.contacts_created, world.counters.contacts_updated), (0, 1));
}

#[test]
fn a_contact_created_by_an_accepted_transfer_is_complete_at_once() {
    let mut world = World::new();
    world.update(&with(transferred(1, BO, 1), "spectatorDetails", full_owner(BO)));
    let created = world.office.contacts_of(BO)[0];
    assert_eq!(created["individualFirstname"], "Bo");
    assert_eq!(created["individualBirthdate"], "1990-02-28");
    assert_eq!(created["authorizations"], json!({"CNIL_O": true, "CNIL_T": false}));
    assert_eq!(created["hasInternetAccount"], false);
    assert_eq!((world.counters.contacts_created, world.counters.contacts_updated), (1, 0));
}

#[test]
fn a_temporary_contact_is_left_alone_while_only_the_email_is_known() {
    let mut world = World::new().with_contact(temporary("1003", BO));
    let before = world.office.contacts.clone();
    for (minute, status) in ["PENDING_TRANSFER", "FAILURE", "PENDING", "FAILURE_TRANSFER"].iter().enumerate() {
        world.update(&with(transfer(status, minute as u32, BO, 1), "spectatorDetails", full_owner(BO)));
    }
    // Accepted, but nobody says by whom: the recipient's e-mail is all there is.
    world.update(&with(transferred(9, BO, 1), "spectatorDetails", json!({"firstName": "Bo", "lastName": "Li"})));
    assert_eq!(world.office.contacts, before);
    assert_eq!(world.cultural("T1"), "1003");
}

#[test]
fn it_stays_temporary_until_both_names_are_known() {
    for (first, last) in [("Fay", " "), ("", "Silva")] {
        let mut world = World::new();
        let owner = json!({"firstName": first, "lastName": last, "email": BO, "nationality": "it"});
        world.update(&with(transferred(1, BO, 1), "spectatorDetails", owner.clone()));
        let created = world.office.contacts_of(BO)[0];
        assert_eq!(created["individualFirstname"], "Pending");
        assert_eq!(created["individualLastname"], "CREATION");
        assert_eq!(created["individualCountryCode"], "IT");

        let mut later = World::new().with_contact(temporary("1003", BO));
        later.update(&with(transferred(1, BO, 1), "spectatorDetails", owner));
        assert_eq!(later.office.contacts_of(BO)[0]["individualFirstname"], "Pending");
        assert_eq!(later.office.contacts_of(BO)[0]["individualCountryCode"], "IT");

        // The missing nationality of the second item does not blank that of the first.
        later.update(&transferred(2, BO, 1));
        let completed = later.office.contacts_of(BO)[0];
        assert_eq!(completed["individualFirstname"], "Bo");
        assert_eq!(completed["individualLastname"], "Li");
        assert_eq!(completed["individualCountryCode"], "IT");
    }
}

#[test]
fn completed_once_it_is_normal() {
    let mut world = World::new();
    world.update(&transferred(1, BO, 1));
    let before = world.office.contacts.clone();
    world.update(&with(transferred(2, BO, 1), "spectatorDetails", full_owner(BO)));
    assert_eq!(world.office.contacts, before);
}

#[test]
fn an_absent_consent_changes_nothing() {
    let mut known = temporary("1003", BO);
    known["authorizations"] = json!({"CNIL_O": false, "CNIL_T": true});
    for (preference, expected) in [
        (json!(null), json!({"CNIL_O": false, "CNIL_T": true})),
        (json!({}), json!({"CNIL_O": false, "CNIL_T": true})),
        (json!({"allowPromoEmail": "yes"}), json!({"CNIL_O": false, "CNIL_T": true})),
        (json!({"allowPromoEmail": true}), json!({"CNIL_O": true, "CNIL_T": true})),
        (json!({"allowThirdPartyEmail": false}), json!({"CNIL_O": false, "CNIL_T": false})),
    ] {
        let mut world = World::new().with_contact(known.clone());
        let mut item = transferred(1, BO, 1);
        item["spectatorDetails"]["organizerSpectatorPreference"] = preference;
        world.update(&item);
        assert_eq!(world.office.contacts_of(BO)[0]["authorizations"], expected);
    }
}

#[test]
fn a_temporary_contact_that_has_it_all_is_not_written() {
    let mut world = World::new().with_contact(temporary("1003", BO));
    let owner = json!({"email": BO, "nationality": "it"});
    world.update(&with(transferred(1, BO, 1), "spectatorDetails", owner.clone()));
    world.update(&with(transferred(2, BO, 1), "spectatorDetails", owner));
    assert_eq!(world.counters.contacts_updated, 1);
}

#[test]
fn bad_language_and_country_are_left_out() {
    let mut world = World::new();
    let mut owner = full_owner(BO);
    owner["language"] = json!("english");
    owner["nationality"] = json!("Switzerland");
    world.update(&with(transferred(1, BO, 1), "spectatorDetails", owner));
    let created = world.office.contacts_of(BO)[0];
    assert_eq!(created["individualPreferredLanguage"], Value::Null);
    assert_eq!(created["individualCountryCode"], Value::Null);
    assert_eq!(created["countryCode"], "FR");
}

#[test]
fn two_tickets_of_one_page_share_one_contact_whatever_its_case() {
    let mut world = World::new();
    let second =
        with(with(transfer("PENDING", 2, " BO@EXAMPLE.ORG ", 2), "ticketId", json!("T2")), "taxNumber", json!("0002"));
    let mut page = vec![transfer("PENDING", 1, BO, 1).to_string(), second.to_string()];
    apply_side_by_side(&mut world.office, &mut page, &world.rules, &mut world.counters, &mut || Fault::None);
    assert_eq!(page, Vec::<String>::new());
    assert_eq!(world.office.contacts_of(BO).len(), 1);
    assert_eq!(world.counters.rows_inserted, 2);
}

#[test]
fn of_a_shared_email_the_internet_account_wins_then_the_lowest_number() {
    let shared = "shared@example.org";
    let mut world = World::new().with_contact(contact("1010", shared, "A", "A", false)).with_contact(contact(
        "999",
        " SHARED@example.org",
        "B",
        "B",
        false,
    ));
    world.update(&transferred(1, shared, 1));
    assert_eq!(world.cultural("T1"), "999", "numbers are compared as numbers");

    let mut world = World::new()
        .with_contact(contact("999", shared, "A", "A", false))
        .with_contact(contact("10000000000000000002", shared, "B", "B", true))
        .with_contact(contact("10000000000000000001", "Shared@Example.Org", "C", "C", true));
    world.update(&transferred(1, shared, 1));
    assert_eq!(world.cultural("T1"), "10000000000000000001");
}

#[test]
fn a_cultural_contact_among_them_stays() {
    let shared = "shared@example.org";
    let mut world = World::new()
        .with_contact(contact("7", shared, "A", "A", true))
        .with_contact(contact("1010", shared, "B", "B", false));
    world.office.tickets.get_mut("T1").expect("T1")["culturalContactNumber"] = json!("1010");
    world.update(&transferred(1, shared, 1));
    assert_eq!(world.cultural("T1"), "1010");
    assert_eq!(world.rows(), Vec::<String>::new());
}

#[test]
fn temporary_is_a_matter_of_exact_names_and_no_login() {
    for (first, last, login) in
        [("Pending", "Creation", false), ("pending", "CREATION", false), ("Pending", "CREATION", true)]
    {
        let known = contact("1003", BO, first, last, login);
        let mut world = World::new().with_contact(known.clone());
        world.update(&with(transferred(1, BO, 1), "spectatorDetails", full_owner(BO)));
        assert_eq!(world.office.contacts_of(BO), [&known]);
    }
}

#[test]
fn without_a_target_there_is_no_contact_and_a_discrepancy() {
    for email in [json!(null), json!("nobody"), json!(7)] {
        let mut world = World::new();
        let mut item = transfer("PENDING_TRANSFER", 1, BO, 1);
        item["transfer"]["recipientEmail"] = email;
        world.update(&item);
        assert_eq!(world.office.contacts.len(), 2);
        assert_eq!(world.counters.discrepancies, 1);
        assert_eq!(world.mobile("T1")["status"], "PENDING_TRANSFER");
    }
}

#[test]
fn other_statuses_create_nobody() {
    let mut world = World::new();
    for (minute, status) in ["ASSIGNED", "ONLINE_ACTIVATED", "CONTROLLED", "DELETED", "DEFAULT"].iter().enumerate() {
        world.update(&with(transferred(minute as u32, BO, 1), "status", json!(status)));
    }
    assert_eq!((world.office.contacts.len(), world.rows().len()), (2, 0));
}

#[test]
fn with_the_feature_off_only_mobile_data_is_written() {
    let mut world = World::new();
    world.rules.distribute = false;
    world.update(&transfer("PENDING", 1, BO, 1)).update(&transferred(2, BO, 1));
    assert_eq!((world.office.contacts.len(), world.rows().len()), (2, 0));
    assert_eq!(world.cultural("T1"), "1001");
    assert_eq!(world.mobile("T1")["status"], "TRANSFERRED");
    assert_eq!(world.counters.discrepancies, 0);
}

#[test]
fn switched_on_later_it_does_not_make_up_for_what_was_stored() {
    let mut world = World::new();
    world.rules.distribute = false;
    world.update(&transferred(1, BO, 1));
    world.rules.distribute = true;
    assert_eq!(crate::run::spelled(&world.apply(&transferred(1, BO, 1))), "unchanged");
    assert_eq!(world.office.contacts.len(), 2);
    world.update(&transferred(2, BO, 1));
    assert_eq!(world.cultural("T1"), world.number_of(BO));
}

#[test]
fn another_owner_without_a_transfer_is_a_discrepancy() {
    let mut world = World::new();
    world.update(&item("ONLINE_ACTIVATED", 1));
    assert_eq!(world.counters.discrepancies, 0);
    world.update(&with(item("ONLINE_ACTIVATED", 2), "spectatorDetails", full_owner(BO)));
    assert_eq!(world.counters.discrepancies, 1);
    assert_eq!(world.cultural("T1"), "1001");
}
