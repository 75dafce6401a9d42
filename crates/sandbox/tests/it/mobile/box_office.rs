//! S-360: reading and writing, line by line of the contract.

use http::Method;
use serde_json::{Value, json};
use ticketbridge_sandbox::s360::{ContactAct, Form, OperatorError, State, TicketAct};
use ticketbridge_sandbox::{Call, StandIn, TOKEN};

use super::support::{BoxOffice, box_office, contact, get, mobile, post, row};

const INSTANT: &str = "2026-05-04T08:00:00.000Z";

fn column(rows: &[Value], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].as_str().unwrap_or("none").to_owned()).collect()
}

#[test]
fn tickets_are_found_by_their_ids() {
    let mut office = box_office();
    let found = office.items("/tickets?ticketId=T2,nobody,T1,T2");
    assert_eq!(column(&found, "ticketId"), ["T2", "T1"], "unknown ones are not answered, repeated ones once");
    let expected = json!({"ticketId": "T2", "taxNumber": "00T2", "organizationCode": "ORG-A", "fileId": "1",
                          "printStatus": "PRINTED", "culturalContactNumber": "1001", "mobile": null});
    assert_eq!(found[0], expected);
}

#[test]
fn reads_have_limits() {
    let mut office = box_office();
    let ids = |count: usize| (0..count).map(|number| format!("X{number}")).collect::<Vec<_>>().join(",");
    for (target, limit) in [
        ("/tickets?ticketId=", 1_000),
        ("/distributions?ticketId=", 1_000),
        ("/contacts?email=", 200),
        ("/contacts?requestRef=", 200),
    ] {
        assert_eq!(office.get(&format!("{target}{}", ids(limit))).0, 200, "{target}");
        let too_many = (400, "TOO_MANY_ITEMS".to_owned());
        assert_eq!(office.refusal(&get(&format!("{target}{}", ids(limit + 1)))), too_many, "{target}");
        assert_eq!(office.refusal(&get(target)), too_many, "{target} without values");
        assert_eq!(
            office.refusal(&get(target.split('?').next().expect("a path"))),
            too_many,
            "{target} without a filter"
        );
    }
    assert_eq!(office.get("/tickets?id=T1").0, 400);
    assert_eq!(office.get("/contacts?email=a&requestRef=b").0, 400);
}

#[test]
fn values_are_encoded_one_by_one() {
    let mut office = box_office();
    for (reference, email) in [("r,1", "a,b+c@example.org"), ("r+2", "ü@example.org")] {
        assert_eq!(office.code("/contacts", &contact(reference, email)), "ok");
    }
    assert_eq!(office.items("/contacts?email=a%2Cb%2Bc%40example.org,%C3%9C@example.org").len(), 2);
    assert_eq!(column(&office.items("/contacts?requestRef=r%2C1,r%2B2"), "requestRef"), ["r,1", "r+2"]);
    assert!(office.items("/contacts?email=a,b%2Bc@example.org").is_empty());
}

#[test]
fn contacts_are_found_by_email_without_case_and_outer_spaces() {
    let mut office = box_office();
    let found = office.items("/contacts?email=BO@example.org,%20bo@EXAMPLE.org");
    assert_eq!(column(&found, "contactNumber"), ["1002"], "once, however it is spelt");
    let mut expected = json!({"contactNumber": "1002", "type": "Individual", "role": "PUBLIC", "email": " Bo@Example.org ",
        "authorizations": {"CNIL_O": null, "CNIL_T": null}, "hasInternetAccount": true, "requestRef": null});
    for name in ["Title", "Firstname", "Lastname", "Birthdate", "CountryCode", "IdNumber", "PreferredLanguage"] {
        expected[format!("individual{name}")] = json!(null);
    }
    (expected["countryCode"], expected["cellPhoneNumber"]) = (json!(null), json!(null));
    assert_eq!(found[0], expected);
}

#[test]
fn mobile_data_is_replaced_as_a_whole_with_one_history_entry_per_reference() {
    let mut office = box_office();
    let results = office.write("/tickets/mobile", &[mobile("T1", "tng:1", "INJECTED")]);
    assert_eq!(results, [json!({"ok": true, "ticketId": "T1", "changeRef": "tng:1"})]);
    let mut second = mobile("T1", "tng:2", "DOWNLOADED");
    second["mobile"] = json!({"status": "DOWNLOADED", "statusDate": "2020-01-01T00:00:00.000Z"});
    assert_eq!(office.code("/tickets/mobile", &second), "ok", "older data is stored: refusing it is the caller's duty");
    assert_eq!(office.code("/tickets/mobile", &second), "ok", "may be repeated");
    let stored = office.items("/tickets?ticketId=T1").remove(0);
    let expected = json!({"status": "DOWNLOADED", "statusDate": "2020-01-01T00:00:00.000Z", "owner": null,
        "beneficiary": null, "beaconName": null, "extraInfo": {}, "deletionReason": null, "changeRef": "tng:2"});
    assert_eq!(stored["mobile"], expected);
    assert_eq!(stored["printStatus"], "PRINTED");
    let entry = |reference: &str, status: &str, at: &str, email: Value| json!({"ticketId": "T1", "changeRef": reference, "status": status, "at": at, "ownerEmail": email, "source": "TIXNGO"});
    let expected = [
        entry("tng:1", "INJECTED", INSTANT, json!("ann@example.org")),
        entry("tng:2", "DOWNLOADED", "2020-01-01T00:00:00.000Z", json!(null)),
    ];
    assert_eq!(office.items("/tickets/T1/history"), expected);
    assert_eq!(office.code("/tickets/mobile", &mobile("T1", "tng:1", "INJECTED")), "ok");
    assert_eq!(office.items("/tickets/T1/history").len(), 2, "a reference seen before adds none");
    assert_eq!(office.refusal(&get("/tickets/nobody/history")), (404, "UNKNOWN_TICKET".to_owned()));
    assert!(office.items("/tickets/T2/history").is_empty());
    assert_eq!(office.model.stats().duplicates.total, 0);
}

#[test]
fn the_owner_has_twelve_keys_and_the_beneficiary_five() {
    let mut office = box_office();
    let mut item = mobile("T1", "r", "ASSIGNED");
    item["mobile"]["beneficiary"] = json!({"lastName": "Guest"});
    assert_eq!(office.code("/tickets/mobile", &item), "ok");
    let stored = office.items("/tickets?ticketId=T1").remove(0);
    assert_eq!(stored["mobile"]["owner"].as_object().map(serde_json::Map::len), Some(12));
    assert_eq!(stored["mobile"]["beneficiary"].as_object().map(serde_json::Map::len), Some(5));
}

#[test]
fn mobile_items_are_checked() {
    let mut office = box_office();
    let mut wrong = |path: &str, value: Value| {
        let mut item = mobile("T1", "r", "INJECTED");
        *item.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value.clone();
        assert_eq!(office.code("/tickets/mobile", &item), "INVALID_FIELD", "{path} {value}");
    };
    wrong("/changeRef", json!("r".repeat(201)));
    wrong("/changeRef", json!(null));
    wrong("/ticketId", json!(5));
    wrong("/mobile", json!(null));
    wrong("/mobile", json!("x"));
    wrong("/mobile/status", json!("transferred"));
    wrong("/mobile/status", json!(null));
    wrong("/mobile/statusDate", json!("2026-05-04T08:00:00Z"));
    wrong("/mobile/owner", json!({"firstName": "x".repeat(51)}));
    wrong("/mobile/owner", json!({"lastName": "x".repeat(101)}));
    wrong("/mobile/owner", json!({"email": format!("{}@example.org", "x".repeat(250))}));
    wrong("/mobile/owner", json!({"nationality": "ch"}));
    wrong("/mobile/owner", json!({"residenceCountry": "Switzerland"}));
    wrong("/mobile/owner", json!({"language": "FR"}));
    wrong("/mobile/owner", json!({"dateOfBirth": "1990-02-30"}));
    wrong("/mobile/owner", json!({"allowPromoEmail": "yes"}));
    wrong("/mobile/owner", json!({"shoeSize": "42"}));
    wrong("/mobile/beneficiary", json!({"nationality": "x"}));
    wrong("/mobile/extraInfo", json!({"extraInfo11": "x"}));
    wrong("/mobile/extraInfo", json!({"extraInfo01": "x"}));
    wrong("/mobile/extraInfo", json!({"extraInfo1": 5}));
    let mut printed = mobile("T1", "r", "INJECTED");
    printed["printStatus"] = json!("CANCELLED");
    assert_eq!(office.code("/tickets/mobile", &printed), "INVALID_FIELD", "no call writes the print status");
    let mut printed = mobile("T1", "r", "INJECTED");
    printed["mobile"]["printStatus"] = json!("CANCELLED");
    assert_eq!(office.code("/tickets/mobile", &printed), "INVALID_FIELD");
    assert_eq!(office.code("/tickets/mobile", &mobile("T9", "r", "INJECTED")), "UNKNOWN_TICKET");
    assert!(office.model.history().is_empty() && office.model.tickets().iter().all(|ticket| ticket.mobile.is_none()));
}

#[test]
fn all_nineteen_statuses_are_taken() {
    let mut office = box_office();
    for status in ticketbridge_sandbox::tixngo::STATUSES {
        assert_eq!(office.code("/tickets/mobile", &mobile("T1", status, status)), "ok");
    }
    assert_eq!(office.items("/tickets/T1/history").len(), 19);
}

#[test]
fn one_items_failure_does_not_touch_the_others() {
    let mut office = box_office();
    let items = [mobile("T1", "a", "INJECTED"), mobile("T9", "b", "INJECTED"), json!(7), mobile("T2", "c", "INJECTED")];
    let results = office.write("/tickets/mobile", &items);
    assert_eq!(results.iter().map(|result| result["ok"] == true).collect::<Vec<_>>(), [true, false, false, true]);
    let error = &results[1]["error"];
    assert_eq!((&error["code"], &error["retryable"]), (&json!("UNKNOWN_TICKET"), &json!(false)));
    assert_eq!(
        (&results[1]["ticketId"], &results[1]["changeRef"]),
        (&json!("T9"), &json!("b")),
        "the keys are repeated"
    );
    assert_eq!(office.model.stats().mobile_tickets, 2);
}

#[test]
fn contacts_are_made_anew_each_time() {
    let mut office = box_office();
    let item = json!({"requestRef": "r1", "email": "new@example.org", "individualFirstname": "Neu",
        "individualBirthdate": "1990-02-28", "countryCode": "CH", "authorizations": {"CNIL_O": true}});
    let results = office.write("/contacts", std::slice::from_ref(&item));
    assert_eq!(results, [json!({"ok": true, "requestRef": "r1", "contactNumber": "1003"})]);
    let made = office.items("/contacts?requestRef=r1").remove(0);
    assert_eq!((&made["individualFirstname"], &made["individualLastname"]), (&json!("Neu"), &json!(null)));
    assert_eq!(made["authorizations"], json!({"CNIL_O": true, "CNIL_T": null}));
    assert_eq!(
        (&made["hasInternetAccount"], &made["type"], &made["role"]),
        (&json!(false), &json!("Individual"), &json!("PUBLIC"))
    );
    assert_eq!(office.code("/contacts", &item), "ok");
    assert_eq!(office.items("/contacts?requestRef=r1").len(), 2, "the same reference makes two");
    assert_eq!(
        office.write("/contacts", &[contact("r2", " NEW@example.org"), contact("r2", "other@example.org")]).len(),
        2
    );
    assert_eq!(office.items("/contacts?email=new@example.org").len(), 3);
    let duplicates = office.model.stats().duplicates;
    assert_eq!((duplicates.contacts_by_email, duplicates.contacts_by_request_ref), (2, 2));
    assert_eq!((duplicates.contacts_beside_older, duplicates.total), (0, 4));
    assert_eq!(office.code("/contacts", &contact("r3", "bo@example.org")), "ok");
    assert_eq!(office.model.stats().duplicates.contacts_beside_older, 1, "S-360 had one of its own");
}

#[test]
fn contact_items_are_checked() {
    let mut office = box_office();
    let mut wrong = |name: &str, value: Value| {
        let mut item = contact("r", "x@example.org");
        item[name] = value.clone();
        assert_eq!(office.code("/contacts", &item), "INVALID_FIELD", "{name} {value}");
    };
    wrong("requestRef", json!("r".repeat(101)));
    wrong("requestRef", json!(null));
    wrong("email", json!("x".repeat(257)));
    wrong("email", json!("  "));
    wrong("individualFirstname", json!("x".repeat(51)));
    wrong("individualLastname", json!("x".repeat(101)));
    wrong("individualBirthdate", json!("28.02.1990"));
    wrong("individualCountryCode", json!("ch"));
    wrong("countryCode", json!("CHE"));
    wrong("individualPreferredLanguage", json!("FR"));
    wrong("authorizations", json!({"CNIL_X": true}));
    wrong("authorizations", json!({"CNIL_O": "true"}));
    wrong("authorizations", json!([]));
    wrong("hasInternetAccount", json!(true));
    wrong("contactNumber", json!("5"));
    wrong("type", json!("Company"));
    wrong("individualTitle", json!(5));
    assert_eq!(office.model.stats().contacts_made, 0);
}

#[test]
fn contacts_are_updated_in_the_fields_that_are_sent() {
    let mut office = box_office();
    let item = json!({"contactNumber": "1001", "individualFirstname": "Anna", "authorizations": {"CNIL_T": false}});
    for _ in 0..2 {
        assert_eq!(
            office.write("/contacts/update", std::slice::from_ref(&item)),
            [json!({"ok": true, "contactNumber": "1001"})]
        );
    }
    let stored = office.items("/contacts?email=ann@example.org").remove(0);
    assert_eq!((&stored["individualFirstname"], &stored["individualLastname"]), (&json!("Anna"), &json!("Buyer")));
    assert_eq!(stored["authorizations"], json!({"CNIL_O": null, "CNIL_T": false}));
    for (name, value) in
        [("email", json!("x@example.org")), ("hasInternetAccount", json!(true)), ("requestRef", json!("r"))]
    {
        assert_eq!(
            office.code("/contacts/update", &json!({"contactNumber": "1001", name: value})),
            "INVALID_FIELD",
            "{name}"
        );
    }
    assert_eq!(office.code("/contacts/update", &json!({"contactNumber": "9"})), "UNKNOWN_CONTACT");
    let emptied = json!({"contactNumber": "1001", "individualLastname": null});
    assert_eq!(office.code("/contacts/update", &emptied), "ok");
    assert_eq!(office.items("/contacts?email=ann@example.org")[0]["individualLastname"], json!(null));
}

#[test]
fn distribution_rows_are_written_by_their_reference() {
    let mut office = box_office();
    let results = office.write("/distributions", &[row("tng:a", "T1", "PENDING"), row("tng:b", "T1", "CANCELLED")]);
    assert_eq!(results[0], json!({"ok": true, "distributionRef": "tng:a", "ticketId": "T1"}));
    assert_eq!(office.code("/distributions", &row("tng:a", "T1", "CONFIRMED")), "ok");
    let stored = office.items("/distributions?ticketId=T2,T1");
    assert_eq!(stored, [row("tng:a", "T1", "CONFIRMED"), row("tng:b", "T1", "CANCELLED")], "oldest first");
    assert_eq!(office.code("/distributions", &row("tng:a", "T2", "PENDING")), "CONFLICT");
    let twice = office.write("/distributions", &[row("tng:c", "T1", "PENDING"), row("tng:c", "T2", "PENDING")]);
    assert_eq!((&twice[0]["ok"], &twice[1]["error"]["code"]), (&json!(true), &json!("CONFLICT")));
    assert_eq!(office.code("/distributions", &row("tng:d", "T9", "PENDING")), "UNKNOWN_TICKET");
    let mut wrong = |code: &str, name: &str, value: Value| {
        let mut item = row("tng:e", "T1", "PENDING");
        item[name] = value.clone();
        assert_eq!(office.code("/distributions", &item), code, "{name} {value}");
    };
    wrong("UNKNOWN_CONTACT", "oldContactNumber", json!("9"));
    wrong("UNKNOWN_CONTACT", "newContactNumber", json!("9"));
    wrong("ok", "oldContactNumber", json!(null));
    wrong("INVALID_FIELD", "newContactNumber", json!(null));
    wrong("INVALID_FIELD", "distributionRef", json!(null));
    wrong("INVALID_FIELD", "distributionRef", json!("r".repeat(201)));
    wrong("INVALID_FIELD", "action", json!("Give"));
    wrong("INVALID_FIELD", "status", json!("OPEN"));
    wrong("INVALID_FIELD", "at", json!("2026-05-04T08:00:00+00:00"));
    wrong("INVALID_FIELD", "printStatus", json!("PRINTED"));
    let duplicates = office.model.stats().duplicates;
    assert_eq!(
        (duplicates.open_distributions_by_ticket, duplicates.distributions_by_ref),
        (1, 0),
        "tng:c and tng:e are open"
    );
}

#[test]
fn cultural_contacts_are_set() {
    let mut office = box_office();
    let item = json!({"ticketId": "T1", "contactNumber": "1002"});
    for _ in 0..2 {
        let results = office.write("/tickets/cultural-contact", std::slice::from_ref(&item));
        assert_eq!(results, [json!({"ok": true, "ticketId": "T1", "contactNumber": "1002"})]);
    }
    assert_eq!(office.items("/tickets?ticketId=T1")[0]["culturalContactNumber"], "1002");
    let code = |office: &mut BoxOffice, item: Value| office.code("/tickets/cultural-contact", &item);
    assert_eq!(code(&mut office, json!({"ticketId": "T1", "contactNumber": "9"})), "UNKNOWN_CONTACT");
    assert_eq!(code(&mut office, json!({"ticketId": "T9", "contactNumber": "1001"})), "UNKNOWN_TICKET");
    assert_eq!(code(&mut office, json!({"ticketId": "T1", "contactNumber": null})), "INVALID_FIELD");
    assert_eq!(
        code(&mut office, json!({"ticketId": "T1", "contactNumber": "1001", "printStatus": "x"})),
        "INVALID_FIELD"
    );
}

#[test]
fn bodies_are_refused_whole() {
    let mut office = box_office();
    let refusal = |office: &mut BoxOffice, body: &str| {
        office.refusal(&Call::new(Method::POST, "/api/v1/contacts").with_bearer(TOKEN).with_body(body.to_owned())).1
    };
    let deep = format!("{{\"items\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for (body, code) in [
        ("", "MALFORMED_JSON"),
        ("{\"items\":[", "MALFORMED_JSON"),
        ("<html>", "MALFORMED_JSON"),
        ("[]", "MALFORMED_BODY"),
        ("{}", "MALFORMED_BODY"),
        ("{\"items\":{}}", "MALFORMED_BODY"),
        ("null", "MALFORMED_BODY"),
    ] {
        assert_eq!(refusal(&mut office, body), code, "{body}");
    }
    let call = Call::new(Method::POST, "/api/v1/contacts").with_bearer(TOKEN).with_body(deep);
    assert_eq!(
        office.call(&call).1["results"],
        json!([{"ok": false, "error": {"code": "INVALID_FIELD",
        "message": "the item must be a JSON object", "retryable": false}}])
    );
    let deep_item = format!("{{\"items\":[{{\"requestRef\":{}1{}}}]}}", "[".repeat(500), "]".repeat(500));
    let call = Call::new(Method::POST, "/api/v1/contacts").with_bearer(TOKEN).with_body(deep_item);
    assert_eq!(office.call(&call).1["results"][0]["error"]["code"], "INVALID_FIELD");
    let many: Vec<_> = (0..501).map(|number| contact(&format!("r{number}"), "x@example.org")).collect();
    assert_eq!(office.refusal(&post("/contacts", &json!({"items": many}))), (400, "TOO_MANY_ITEMS".to_owned()));
    assert_eq!(office.model.stats().contacts_made, 0, "nothing was done");
    assert_eq!(office.write("/contacts", &many[1..]).len(), 500);
    assert!(office.write("/contacts", &[]).is_empty());
}

#[test]
fn logins_paths_and_methods_are_checked() {
    let mut office = box_office();
    for authorization in [None, Some("Bearer wrong"), Some("sandbox-only"), Some("Basic YTpzYW5kYm94LW9ubHk=")] {
        let call = Call { authorization: authorization.map(str::to_owned), ..get("/tickets?ticketId=T1") };
        assert_eq!(office.refusal(&call), (401, "UNAUTHORIZED".to_owned()), "{authorization:?}");
    }
    assert_eq!(office.get("/nowhere").0, 404);
    assert_eq!(
        office.call(&Call::new(Method::GET, "/tickets?ticketId=T1").with_bearer(TOKEN)).0,
        404,
        "without /api/v1"
    );
    for (method, target) in [
        (Method::POST, "/tickets"),
        (Method::GET, "/tickets/mobile"),
        (Method::PUT, "/contacts"),
        (Method::POST, "/tickets/T1/history"),
    ] {
        let call = Call { method, ..get(target) };
        assert_eq!(office.refusal(&call), (405, "METHOD_NOT_ALLOWED".to_owned()), "{target}");
    }
    assert_eq!(office.model.stats().traffic.operations["none"].requests, 10);
}

#[test]
fn people_at_work_are_seen_at_once() {
    let mut office = box_office();
    let contact_act = |office: &mut BoxOffice, act: Value| {
        let act: ContactAct = serde_json::from_value(act).expect("an act");
        office.model.operate_contact("1001", &act)
    };
    let fields = json!({"individualFirstname": "Anna", "authorizations": {"CNIL_O": false}});
    contact_act(&mut office, json!({"action": "edit", "fields": fields})).expect("done");
    contact_act(&mut office, json!({"action": "give_login"})).expect("done");
    contact_act(&mut office, json!({"action": "set_email", "email": "bo@example.org"})).expect("done");
    let wrong = contact_act(&mut office, json!({"action": "edit", "fields": {"countryCode": "x"}}));
    assert!(matches!(wrong, Err(OperatorError::WrongValue(_))));
    assert!(office.items("/contacts?email=ann@example.org").is_empty());
    let found = office.items("/contacts?email=bo@example.org");
    assert_eq!(column(&found, "contactNumber"), ["1001", "1002"]);
    assert_eq!((&found[0]["individualFirstname"], &found[0]["hasInternetAccount"]), (&json!("Anna"), &json!(true)));

    let (now, act) = (office.now, |act: Value| serde_json::from_value::<TicketAct>(act).expect("an act"));
    for done in [
        json!({"action": "set_cultural_contact", "contactNumber": "1002"}),
        json!({"action": "add_row", "oldContactNumber": "1001", "newContactNumber": "1002", "status": "PENDING"}),
        json!({"action": "invalidate"}),
    ] {
        office.model.operate_ticket(now, "T1", &act(done)).expect("done");
    }
    let ticket = office.model.dump_ticket("T1").expect("a ticket");
    assert_eq!((&ticket["culturalContactNumber"], &ticket["printStatus"]), (&json!("1002"), &json!("INVALIDATED")));
    let row = &ticket["distributions"][0];
    assert_eq!((&row["distributionRef"], &row["at"]), (&json!(null), &json!("2026-11-21T15:31:39.000Z")));
    assert_eq!(office.model.stats().open_distributions, 0, "a row of others is not ours");
    let nobody = json!({"action": "set_cultural_contact", "contactNumber": "9"});
    assert!(office.model.operate_ticket(now, "T1", &act(nobody)).is_err());
    assert!(office.model.operate_ticket(now, "T9", &act(json!({"action": "cancel"}))).is_err());
}

#[test]
fn a_record_that_somebody_edits_is_locked() {
    let mut office = box_office();
    let now = office.now;
    office.model.operate_ticket(now, "T1", &TicketAct::Lock {}).expect("done");
    office.model.operate_contact("1001", &ContactAct::Lock {}).expect("done");
    let results = office.write("/tickets/mobile", &[mobile("T1", "a", "INJECTED"), mobile("T2", "b", "INJECTED")]);
    let error = &results[0]["error"];
    assert_eq!(
        (&error["code"], &error["retryable"], &results[1]["ok"]),
        (&json!("LOCKED"), &json!(true), &json!(true))
    );
    assert_eq!(office.code("/distributions", &row("tng:a", "T1", "PENDING")), "LOCKED");
    assert_eq!(office.code("/contacts/update", &json!({"contactNumber": "1001"})), "LOCKED");
    office.model.operate_ticket(now, "T1", &TicketAct::Unlock {}).expect("done");
    office.model.operate_contact("1001", &ContactAct::Unlock {}).expect("done");
    assert_eq!(office.code("/tickets/mobile", &mobile("T1", "a", "INJECTED")), "ok");
    assert_eq!(office.code("/contacts/update", &json!({"contactNumber": "1001"})), "ok");
}

#[test]
fn a_state_is_loaded_whole_or_not_at_all() {
    let mut office = box_office();
    let load = |office: &mut BoxOffice, state: Value| {
        office.model.load(serde_json::from_value::<State>(state).expect("a state")).map_err(|error| error.to_string())
    };
    let ticket =
        |id: &str, contact: &str| json!({"ticketId": id, "printStatus": "PRINTED", "culturalContactNumber": contact});
    for (state, problem) in [
        (json!({"tickets": [ticket("N", "1001"), ticket("T1", "1001")]}), "ticket 2: there is a ticket T1 already"),
        (json!({"tickets": [ticket("N", "9")]}), "ticket 1: there is no contact 9"),
        (json!({"contacts": [{"contactNumber": "1001"}]}), "contact 1: there is a contact 1001 already"),
        (json!({"contacts": [{"contactNumber": "new:x"}]}), "must have 1 to 20 digits"),
        (json!({"contacts": [{"contactNumber": "123456789012345678901"}]}), "must have 1 to 20 digits"),
        (json!({"distributions": [row("a", "T9", "PENDING")]}), "distribution 1: there is no ticket T9"),
        (json!({"history": {"T9": []}}), "there is no ticket T9"),
    ] {
        let refused = load(&mut office, state).expect_err("a refusal");
        assert!(refused.contains(problem), "{refused}");
    }
    assert_eq!((office.model.tickets().len(), office.model.contacts().len()), (3, 2), "nothing of it is there");
    load(
        &mut office,
        json!({"contacts": [{"contactNumber": "00099"}], "tickets": [ticket("N", "00099")], "settings": 5}),
    )
    .expect("loaded");
    let whole = office.dump(Form::Full);
    office.model.replace(serde_json::from_value(whole.clone()).expect("a state")).expect("loaded");
    assert_eq!(office.dump(Form::Full), whole, "what is dumped can be loaded");
    office.model.reset();
    assert_eq!(office.dump(Form::Full)["tickets"], json!([]));
}

#[test]
fn a_full_platform_says_so() {
    let mut office = box_office();
    let many: Vec<_> = (0..500).map(|number| contact(&format!("r{number}"), "x@example.org")).collect();
    for _ in 0..19 {
        office.write("/contacts", &many);
    }
    assert_eq!(office.refusal(&post("/contacts", &json!({"items": many}))), (507, "FULL".to_owned()));
    assert_eq!(office.model.stats().contacts, 9_502);
}

#[test]
fn requests_and_items_are_counted() {
    let mut office = box_office();
    office.items("/tickets?ticketId=T1,T2,nobody");
    office.items("/tickets/T1/history");
    office.write("/contacts", &[contact("a", "a@example.org"), contact("b", "b@example.org")]);
    office.write("/contacts", &[contact("c", "c@example.org")]);
    let stats = serde_json::to_value(office.model.stats()).expect("JSON");
    assert_eq!(stats["operations"]["find_tickets"], json!({"requests": 1, "items": 3, "largest_batch": 3, "rows": 2}));
    assert_eq!(stats["operations"]["find_history"]["requests"], 1);
    assert_eq!(
        stats["operations"]["create_contacts"],
        json!({"requests": 2, "items": 3, "largest_batch": 2, "rows": 0})
    );
    assert_eq!(
        (&stats["contacts"], &stats["contacts_made"], &stats["largest_batch"]),
        (&json!(5), &json!(3), &json!(3))
    );
}
