//! Checklist 4, 5, 6 and the validation of values.

use serde_json::{Value, json};
use ticketbridge_sandbox::cherwell::{CherwellModel, CherwellSettings};

use super::support::{Cherwell, INCIDENT, text};

const TITLE: &str = "93e8ea93ff67fd95118255419690a50ef2d56f910c";
const STATUS: &str = "5eb3234ae1344c64a19819eda437f18d";

fn save(site: &mut Cherwell, rec_id: &str, fields: &Value) -> (u16, Value) {
    site.post("savebusinessobject", &json!({"busObId": INCIDENT, "busObRecId": rec_id, "fields": fields}))
}

#[test]
fn a_save_answers_ids_and_nothing_else() {
    let mut site = Cherwell::new();
    let item = site.ticket("a");
    let (status, saved) = site.post("savebusinessobject", &item);
    let rec_id = text(&saved["busObRecId"]);
    let expected = json!({
        "busObPublicId": "102328", "busObRecId": rec_id, "cacheKey": null, "fieldValidationErrors": [],
        "notificationTriggers": [], "errorCode": null, "errorMessage": null, "hasError": false,
    });
    assert_eq!((status, saved), (200, expected));
    assert!(rec_id.len() == 42 && rec_id.starts_with("94"), "{rec_id}");
    assert_eq!(site.value(&rec_id, "Status"), "New");
    assert_eq!(site.value(&rec_id, "RecID"), rec_id);
    assert_eq!(site.value(&rec_id, "IncidentID"), "102328");
    assert_eq!(site.value(&rec_id, "WorkOrderNumber"), "", "a text, not null");
}

#[test]
fn field_ids_are_taken_in_every_form() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    let forms = [
        TITLE.to_owned(),
        TITLE.to_uppercase(),
        format!("BO:{INCIDENT},FI:{TITLE}"),
        format!("BO:{INCIDENT},FI:BO:{INCIDENT},FI:{TITLE}"),
        format!("FI:{TITLE},BO:{INCIDENT},RE:93694ed12e2e9bb908131846b7a9c67ec72b811676"),
    ];
    for (number, form) in forms.iter().enumerate() {
        let wanted = format!("title {number}");
        let (status, saved) = save(&mut site, &ticket.0, &json!([{"dirty": true, "fieldId": form, "value": wanted}]));
        assert_eq!((status, &saved["busObRecId"]), (200, &json!(ticket.0)), "{form}");
        assert_eq!(site.value(&ticket.0, "ShortDescription"), wanted);
    }
}

#[test]
fn only_dirty_fields_are_written() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    let (_, mut read) = site.get(&format!("/api/V1/getbusinessobject/busobid/{INCIDENT}/busobrecid/{}", ticket.0));
    site.now += 60_000;
    for field in read["fields"].as_array_mut().expect("fields") {
        if field["name"] == "Status" {
            field["dirty"] = json!(true);
            field["value"] = json!("in progress");
        } else {
            field["value"] = json!("changed");
        }
    }
    let (status, saved) = site.post("savebusinessobject", &read);
    assert_eq!(status, 200, "a whole read can be sent back: {saved}");
    assert_eq!(site.value(&ticket.0, "Status"), "In Progress");
    assert_eq!(site.value(&ticket.0, "DedupeKey"), "KEY|a");
    assert_eq!(site.value(&ticket.0, "LastModifiedDateTime"), "11/21/2026 9:32:39 AM");
    assert_eq!(site.value(&ticket.0, "CreatedDateTime"), "11/21/2026 9:31:39 AM");
}

#[test]
fn a_record_is_named_by_record_id_or_public_id() {
    let mut site = Cherwell::new();
    let (one, other) = (site.create_one("a"), site.create_one("b"));
    let mut item = site.item(INCIDENT, &[("ShortDescription", "by public id")]);
    item["busObPublicId"] = json!(one.1);
    let (status, saved) = site.post("savebusinessobject", &item);
    assert_eq!((status, &saved["busObRecId"]), (200, &json!(one.0)));
    item["busObRecId"] = json!(other.0);
    assert_eq!(site.post("savebusinessobject", &item).1["busObRecId"], json!(other.0), "the record id counts first");
    assert_eq!(site.stats().tickets, 2);
}

#[test]
fn wrong_values_are_refused_under_200_with_a_validation_error_each() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    let (number, date) =
        (site.field(INCIDENT, "IncidentDurationInHours"), site.field(INCIDENT, "SLARespondByDeadline"));
    for (field, value, said) in [
        (STATUS, json!("Nonsense"), "Value 'Nonsense' is not valid"),
        (STATUS, json!(""), "Field 'Status' is required"),
        (TITLE, json!("x".repeat(256)), "Value of 'ShortDescription' has 256 characters, at most 255 fit"),
        (number.as_str(), json!("many"), "Value 'many' is not valid"),
        (number.as_str(), json!("1234567890"), "Value '1234567890' is not valid"),
        (date.as_str(), json!("31/12/2026"), "Value '31/12/2026' is not valid"),
        ("fa03d51b709e4a6eb2d52885b2ef7e04", json!("94"), "Field 'RecID' is read-only"),
        ("c1e86f31eb2c4c5f8e8615a5189e9b19", json!("1/1/2026"), "Field 'CreatedDateTime' is read-only"),
    ] {
        let (status, saved) = save(&mut site, &ticket.0, &json!([{"dirty": true, "fieldId": field, "value": value}]));
        assert_eq!(
            (status, &saved["hasError"], &saved["errorCode"]),
            (200, &json!(true), &json!("ValueNotValid")),
            "{said}"
        );
        assert_eq!((&saved["busObRecId"], &saved["busObPublicId"]), (&Value::Null, &Value::Null));
        let error = &saved["fieldValidationErrors"][0];
        assert_eq!((&error["error"], &error["errorCode"]), (&json!(said), &json!("ValueNotValid")));
        assert!(text(&error["fieldId"]).contains(field), "{error}");
    }
    let two = json!([
        {"dirty": true, "fieldId": STATUS, "value": "x"}, {"dirty": true, "fieldId": TITLE, "value": "y".repeat(300)},
        {"dirty": true, "fieldId": "93e8ea93", "value": "z"},
    ]);
    let (status, saved) = save(&mut site, &ticket.0, &two);
    assert_eq!(saved["fieldValidationErrors"].as_array().map(Vec::len), Some(3), "all at once");
    assert_eq!((status, &saved["errorCode"]), (500, &json!("GENERALFAILURE")), "a field that does not exist");
    assert_eq!(saved["errorMessage"], "Field with 93e8ea93 not found\r\nParameter name: FieldId");
    assert_eq!(site.value(&ticket.0, "ShortDescription"), "Title a", "nothing of it was written");
    assert_eq!(site.value(&ticket.0, "Status"), "New");
}

#[test]
fn a_batch_goes_on_after_a_failure_unless_told_otherwise() {
    for (stop, expected, stored) in [(json!(false), 4, 3), (json!("true"), 2, 1), (Value::Null, 4, 3)] {
        let mut site = Cherwell::new();
        let mut items: Vec<_> = ["a", "b", "c", "d"].iter().map(|name| site.ticket(name)).collect();
        items[1]["busObRecId"] = json!("94ab");
        let (status, answer) =
            site.post("savebusinessobjectbatch", &json!({"saveRequests": items, "stopOnError": stop}));
        let responses = answer["responses"].as_array().expect("responses");
        assert_eq!((status, responses.len(), site.stats().tickets), (200, expected, stored));
        assert_eq!(responses[0]["busObPublicId"], "102328");
        assert_eq!((&responses[1]["errorCode"], &responses[1]["busObRecId"]), (&json!("RECORDNOTFOUND"), &Value::Null));
        assert_eq!((&answer["errorCode"], &answer["hasError"]), (&json!("RECORDNOTFOUND"), &json!(true)));
    }
    let mut site = Cherwell::new();
    assert_eq!(site.post("savebusinessobjectbatch", &json!({"saveRequests": []})).1["responses"], json!([]));
}

#[test]
fn a_batch_takes_records_of_several_objects_in_their_order() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    let note = site.object("Journal - Note");
    let mut update = site.item(INCIDENT, &[("WorkOrderNumber", "WO60001")]);
    update["busObRecId"] = json!(ticket.0);
    let fields = [
        ("JournalTypeID", note.as_str()),
        ("JournalTypeName", "Journal - Note"),
        ("ParentTypeID", "Incident"),
        ("ParentRecID", &ticket.0),
        ("Details", "a note"),
    ];
    let journal = site.item(&note, &fields);
    let (_, answer) = site.post("savebusinessobjectbatch", &json!({"saveRequests": [update, journal]}));
    assert_eq!(answer["responses"][0]["busObRecId"], json!(ticket.0));
    assert_eq!(answer["responses"][1]["busObPublicId"], answer["responses"][1]["busObRecId"]);
    assert_eq!(site.value(&ticket.0, "WorkOrderNumber"), "WO60001");
    assert_eq!(site.notes_of(&ticket.0), ["a note"]);
}

#[test]
fn what_is_not_persisted_is_not_saved() {
    let mut site = Cherwell::new();
    let mut item = site.ticket("a");
    item["persist"] = json!("false");
    let (status, saved) = site.post("savebusinessobject", &item);
    assert_eq!((status, &saved["busObRecId"], site.stats().tickets), (200, &Value::Null, 0));
    assert_ne!(saved["cacheKey"], Value::Null);
}

#[test]
fn a_full_site_takes_no_more() {
    let mut site = Cherwell::new();
    site.model = CherwellModel::new(2, CherwellSettings::default()).expect("settings");
    site.log_in();
    let saved = site.create(&["a", "b", "c"]);
    let errors: Vec<_> =
        saved["responses"].as_array().expect("all").iter().map(|one| one["hasError"].clone()).collect();
    assert_eq!(errors, [json!(false), json!(false), json!(true)]);
    assert_eq!(site.stats().tickets, 2);
}

#[test]
fn records_are_read_in_a_batch_with_an_error_for_each_that_is_missing() {
    let mut site = Cherwell::new();
    let (one, other) = (site.create_one("a"), site.create_one("b"));
    let requests = json!([
        {"busObId": INCIDENT, "busObRecId": other.0}, {"busObId": INCIDENT, "busObRecId": "94"},
        {"busObId": INCIDENT, "busObPublicId": one.1}, {"busObId": "93", "busObRecId": one.0},
    ]);
    let (status, answer) = site.post("getbusinessobjectbatch", &json!({"readRequests": requests}));
    let ids: Vec<_> =
        answer["responses"].as_array().expect("all").iter().map(|read| read["busObRecId"].clone()).collect();
    assert_eq!((status, ids), (200, vec![json!(other.0), Value::Null, json!(one.0), Value::Null]));
    assert_eq!(answer["responses"][1]["errorCode"], "RECORDNOTFOUND");
    assert_eq!(answer["responses"][3]["errorCode"], "GENERALFAILURE");
    let stopped = json!({"readRequests": requests, "stopOnError": true});
    assert_eq!(site.post("getbusinessobjectbatch", &stopped).1["responses"].as_array().map(Vec::len), Some(2));
}
