//! Checklist 10: notes, related records, links, activities.

use http::Method;
use serde_json::{Value, json};

use super::support::{Cherwell, INCIDENT, text, value};

fn link_path(site: &mut Cherwell, ticket: &str, child: &str) -> String {
    let (relationship, object) = (site.relationship("Incident Owns Work Orders"), site.object("WorkOrder"));
    format!(
        "linkrelatedbusinessobject/parentbusobid/{INCIDENT}/parentbusobrecid/{ticket}/relationshipid/{relationship}/\
         busobid/{object}/busobrecid/{child}"
    )
}

fn related(site: &mut Cherwell, ticket: &str, name: &str, more: &Value) -> Value {
    let mut body = json!({
        "parentBusObId": INCIDENT, "parentBusObRecId": ticket, "relationshipId": site.relationship(name),
        "allFields": false, "useDefaultGrid": false,
    });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let (status, answer) = site.post("getrelatedbusinessobject", &body);
    assert_eq!(status, 200, "{answer}");
    answer
}

#[test]
fn a_note_is_made_as_a_related_record() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    let (status, saved) = site.note(&ticket.0, "first [ref:1]");
    assert_eq!((status, &saved["hasError"]), (200, &json!(false)));
    assert_eq!((&saved["parentBusObRecId"], &saved["parentBusObPublicId"]), (&json!(ticket.0), &json!(ticket.1)));
    assert_eq!((&saved["parentBusObId"], &saved["busObPublicId"]), (&json!(INCIDENT), &saved["busObRecId"]));
    assert_eq!(saved["relationshipId"], json!(site.relationship("Incident Owns Journals")));
    assert_eq!(site.notes_of(&ticket.0), ["first [ref:1]"]);
    let note = site.object("Journal - Note");
    let (_, read) =
        site.get(&format!("/api/V1/getbusinessobject/busobid/{note}/busobrecid/{}", text(&saved["busObRecId"])));
    assert_eq!((value(&read, "JournalTypeName"), value(&read, "ParentRecID")), ("Journal - Note".to_owned(), ticket.0));
    assert_eq!(read["busObId"], json!(note));
}

#[test]
fn a_note_is_made_by_a_plain_save_with_the_parent_by_id_or_name() {
    let mut site = Cherwell::new();
    let (one, other) = (site.create_one("a"), site.create_one("b"));
    let note = site.object("Journal - Note");
    for parent_type in [INCIDENT, "Incident", "incident"] {
        let fields = [
            ("JournalTypeID", note.as_str()),
            ("ParentTypeID", parent_type),
            ("ParentRecID", one.0.as_str()),
            ("Details", parent_type),
        ];
        let item = site.item(&note, &fields);
        assert_eq!(site.post("savebusinessobject", &item).0, 200);
    }
    assert_eq!(site.notes_of(&one.0), [INCIDENT, "Incident", "incident"]);
    assert_eq!(site.notes_of(&other.0), Vec::<String>::new());
    let of_another_object = site.item(&note, &[("ParentTypeID", "Task"), ("ParentRecID", &one.0), ("Details", "x")]);
    site.post("savebusinessobject", &of_another_object);
    assert_eq!(site.notes_of(&one.0).len(), 3);
    assert_eq!(related(&mut site, &one.0, "Incident Owns Jounal Note", &json!({}))["totalRecords"], 3);
}

#[test]
fn a_note_needs_a_parent_a_relationship_and_a_type() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    let (status, saved) = site.note("94ff", "x");
    assert_eq!((status, &saved["errorCode"], &saved["busObPublicId"]), (500, &json!("RECORDNOTFOUND"), &Value::Null));
    assert_eq!(saved["parentBusObRecId"], "94ff");
    let journal = site.object("Journal");
    let mut item = site.item(&journal, &[("Details", "x")]);
    item["parentBusObId"] = json!(INCIDENT);
    item["parentBusObPublicId"] = json!(ticket.1);
    item["relationshipId"] = json!("93ff");
    let (status, saved) = site.post("saverelatedbusinessobject", &item);
    assert_eq!((status, &saved["errorCode"]), (500, &json!("GENERALFAILURE")));
    item["relationshipId"] = json!(site.relationship("Incident Owns Journals"));
    let (status, saved) = site.post("saverelatedbusinessobject", &item);
    assert_eq!((status, &saved["errorCode"]), (200, &json!("ValueNotValid")), "{saved}");
    item["relationshipId"] = json!(site.relationship("Incident Owns Tasks"));
    assert_eq!(site.post("saverelatedbusinessobject", &item).1["errorCode"], "BusObNotValid");
    assert_eq!(site.stats().notes, 0);
}

#[test]
fn related_reads_show_one_record_unless_both_flags_are_false() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    for number in 0..5 {
        site.note(&ticket.0, &format!("note {number}"));
    }
    let count = |answer: &Value| answer["relatedBusinessObjects"].as_array().map(Vec::len);
    for more in [json!({"allFields": true}), json!({"useDefaultGrid": true}), json!({"allFields": null})] {
        assert_eq!(count(&related(&mut site, &ticket.0, "Incident Owns Journals", &more)), Some(1), "{more}");
    }
    let all = related(&mut site, &ticket.0, "Incident Owns Journals", &json!({"allFields": "False"}));
    assert_eq!((count(&all), &all["totalRecords"]), (Some(5), &json!(5)));
    let page = related(&mut site, &ticket.0, "Incident Owns Journals", &json!({"pageSize": 2, "pageNumber": 5}));
    assert_eq!((count(&page), &page["totalRecords"]), (Some(1), &json!(5)), "page numbers are rows here too");
    let journal = site.object("Journal");
    let filter = json!([{"fieldId": site.field(&journal, "Details"), "operator": "contains", "value": "NOTE 3"}]);
    let found = related(&mut site, &ticket.0, "Incident Owns Journals", &json!({"filters": filter}));
    assert_eq!(count(&found), Some(1));
    let path = format!(
        "/api/V1/getrelatedbusinessobject/parentbusobid/{INCIDENT}/parentbusobrecid/{}/relationshipid/{}",
        ticket.0,
        site.relationship("Incident Owns Journals")
    );
    assert_eq!(count(&site.get(&format!("{path}?allfields=false&usedefaultgrid=false&pagesize=3")).1), Some(3));
    assert_eq!(count(&site.get(&path).1), Some(1));
}

#[test]
fn links_are_made_by_both_versions_and_once_only() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    let (one, other) = (site.work_order(&ticket, "o1"), site.work_order(&ticket, "o2"));
    assert_eq!(one.1, "WO60001");
    assert_eq!(related(&mut site, &ticket.0, "Incident Owns Work Orders", &json!({}))["totalRecords"], 0);

    let path = link_path(&mut site, &ticket.0, &one.0);
    assert_eq!(site.get(&format!("/api/V1/{path}")), (200, Value::Null), "an empty body");
    for version in ["V1", "V2"] {
        let (status, again) = site.get(&format!("/api/{version}/{path}"));
        assert_eq!((status, &again["errorCode"]), (500, &json!("DuplicateEntry")));
    }
    let path = link_path(&mut site, &ticket.0, &other.0);
    let expected = json!({"errorCode": null, "errorMessage": null, "hasError": false, "httpStatusCode": 200});
    assert_eq!(site.get(&format!("/api/V2/{path}")), (200, expected));
    assert_eq!(related(&mut site, &ticket.0, "Incident Owns Work Orders", &json!({}))["totalRecords"], 2);

    let unlink = site.request(Method::DELETE, &format!("/api/V1/un{path}"));
    let (status, unlinked) = site.call(&unlink);
    assert_eq!((status, &unlinked["hasError"]), (200, &json!(false)));
    assert_eq!(site.call(&unlink).0, 200, "what is not linked stays so");
    assert_eq!(related(&mut site, &ticket.0, "Incident Owns Work Orders", &json!({}))["totalRecords"], 1);
    let path = link_path(&mut site, &ticket.0, "94ff");
    assert_eq!(site.get(&format!("/api/V2/{path}")).1["errorCode"], "RECORDNOTFOUND");
}

#[test]
fn a_related_work_order_is_made_and_linked_in_one() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    let object = site.object("WorkOrder");
    let mut item = site.item(&object, &[("ExternalRef", "o1")]);
    item["parentBusObId"] = json!(INCIDENT);
    item["parentBusObPublicId"] = json!(ticket.1);
    item["relationshipId"] = json!(site.relationship("Incident Owns Work Orders"));
    let (status, saved) = site.post("saverelatedbusinessobject", &item);
    assert_eq!(
        (status, &saved["busObPublicId"], &saved["parentBusObRecId"]),
        (200, &json!("WO60001"), &json!(ticket.0))
    );
    let all = related(&mut site, &ticket.0, "Incident Owns Work Orders", &json!({}));
    assert_eq!(all["relatedBusinessObjects"][0]["busObRecId"], saved["busObRecId"]);
    site.update(&ticket.0, &[("WorkOrderNumber", "WO60001")]);
    assert_eq!(site.stats().matching_work_orders, 1);
}

#[test]
fn a_record_that_is_there_already_is_handed_to_a_parent() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    let note = site.object("Journal - Note");
    let alone = site.item(&note, &[("JournalTypeID", &note), ("Details", "alone")]);
    let (_, saved) = site.post("savebusinessobject", &alone);
    let order = site.work_order(&ticket, "o1");
    let object = site.object("WorkOrder");
    for (object, rec_id, name) in
        [(note, text(&saved["busObRecId"]), "Incident Owns Journals"), (object, order.0, "Incident Owns Work Orders")]
    {
        assert_eq!(related(&mut site, &ticket.0, name, &json!({}))["totalRecords"], 0);
        let body = json!({
            "parentBusObId": INCIDENT, "parentBusObRecId": ticket.0, "relationshipId": site.relationship(name),
            "busObId": object, "busObRecId": rec_id, "fields": [],
        });
        let (status, again) = site.post("saverelatedbusinessobject", &body);
        assert_eq!((status, &again["busObRecId"]), (200, &json!(rec_id)));
        assert_eq!(related(&mut site, &ticket.0, name, &json!({}))["totalRecords"], 1);
    }
}

#[test]
fn activities_are_the_journals_newest_first() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    for number in 0..3 {
        site.now += 1_000;
        site.note(&ticket.0, &format!("note {number}"));
    }
    let path = format!("/api/V1/getactivities/busobid/{INCIDENT}/busobrecid/{}/pagesize", ticket.0);
    let (status, activities) = site.get(&format!("{path}/2000?activityType=Notes"));
    assert_eq!((status, activities.as_array().map(Vec::len)), (200, Some(3)));
    assert_eq!((&activities[0]["body"], &activities[0]["type"]), (&json!("note 2"), &json!("Note")));
    assert_eq!(activities[0]["created"], "2026-11-21T09:31:42");
    assert_eq!(site.get(&format!("{path}/2")).1.as_array().map(Vec::len), Some(2));
    assert_eq!(site.get(&format!("{path}/100?activityType=History")).1, json!([]));
    assert_eq!((site.get(&format!("{path}/2001")).0, site.get(&format!("{path}/x")).0), (400, 400));
}
