//! Checklist 3, 4 and 9: objects, ids, schemas, templates, teams.

use serde_json::{Value, json};
use ticketbridge_sandbox::cherwell::{CherwellSettings, IdForm};

use super::support::{Cherwell, INCIDENT, text};

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array().expect("a list").iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn summaries_are_found_by_name_by_id_and_by_type() {
    let mut site = Cherwell::new();
    let (status, found) = site.get("/api/V1/getbusinessobjectsummary/busobname/iNCIDENT");
    assert_eq!((status, &found[0]["busObId"], &found[0]["name"]), (200, &json!(INCIDENT), &json!("Incident")));
    assert_eq!(found[0]["states"], "New,Assigned,In Progress,Pending,Resolved,Closed,Reopened");
    assert_eq!(found[0]["stateFieldId"], "5eb3234ae1344c64a19819eda437f18d");
    assert_eq!(found[0]["firstRecIdField"], "fa03d51b709e4a6eb2d52885b2ef7e04");
    assert_eq!((&found[0]["major"], &found[0]["group"]), (&json!(true), &json!(false)));
    assert_eq!(site.get(&format!("/api/V1/getbusinessobjectsummary/busobid/{INCIDENT}")).1, found);
    assert_eq!(site.get("/api/V1/getbusinessobjectsummary/busobname/Nothing"), (200, json!([])));
    assert_eq!(site.get("/api/V1/getbusinessobjectsummary/busobname/work%20order").1[0]["name"], "WorkOrder");

    let (_, all) = site.get("/api/V1/getbusinessobjectsummaries/type/All");
    let names: Vec<_> = all.as_array().expect("a list").iter().map(|one| text(&one["name"])).collect();
    assert_eq!(names, ["Incident", "Customer", "Journal", "Task", "Attachment", "WorkOrder"]);
    let journal = named(&all, "Journal");
    assert_eq!(journal["group"], true);
    assert_eq!(named(&journal["groupSummaries"], "Journal - Note")["states"], "");
    let (_, groups) = site.get("/api/V1/getbusinessobjectsummaries/type/groups");
    assert_eq!(groups.as_array().expect("a list").len(), 1);
    assert_eq!(site.get("/api/V1/getbusinessobjectsummaries/type/strange").0, 400);
}

#[test]
fn a_schema_has_fields_and_if_asked_relationships() {
    let mut site = Cherwell::new();
    let (_, schema) = site.get(&format!("/api/V1/getbusinessobjectschema/busobid/{INCIDENT}"));
    assert_eq!(schema["relationships"], json!([]));
    let status = named(&schema["fieldDefinitions"], "Status");
    assert_eq!(status["fieldId"], format!("BO:{INCIDENT},FI:5eb3234ae1344c64a19819eda437f18d"));
    assert_eq!(schema["stateFieldId"], "5eb3234ae1344c64a19819eda437f18d");
    assert_eq!(schema["firstRecIdField"], "fa03d51b709e4a6eb2d52885b2ef7e04");
    assert_eq!(schema["recIdFields"], "fa03d51b709e4a6eb2d52885b2ef7e04");
    assert_eq!((&status["maximumSize"], &status["required"]), (&json!("30"), &json!(true)));
    assert_eq!((&status["type"], &status["decimalDigits"]), (&json!("Text"), &json!(0)));
    for (name, size) in [("DedupeKey", "255"), ("OriginId", "64"), ("TicketKind", "64"), ("WorkOrderNumber", "50")] {
        let field = named(&schema["fieldDefinitions"], name);
        assert_eq!((&field["maximumSize"], &field["readOnly"]), (&json!(size), &json!(false)));
    }
    assert_eq!(named(&schema["fieldDefinitions"], "RecID")["readOnly"], true);
    assert_eq!(named(&schema["fieldDefinitions"], "CreatedDateTime")["type"], "DateTime");

    let target = format!("/api/V1/getbusinessobjectschema/busobid/{INCIDENT}?includeRelationships=True");
    let (_, schema) = site.get(&target);
    let relationships = schema["relationships"].as_array().expect("relationships");
    let names: Vec<_> = relationships.iter().map(|one| text(&one["displayName"])).collect();
    let stock =
        ["Incident Owns Journals", "Incident Owns Jounal Note", "Incident Owns Tasks", "Incident Owns Attachments"];
    assert!(stock.iter().all(|name| names.iter().any(|known| known == name)), "{names:?}");
    for relationship in relationships {
        assert_ne!(relationship["cardinality"], "");
        assert_eq!(text(&relationship["target"]).len(), 42);
        assert_ne!(relationship["fieldDefinitions"], json!([]));
    }
    assert!(names.contains(&"Incident Owns Work Orders".to_owned()));
    let (status, missing) = site.get("/api/V1/getbusinessobjectschema/busobid/93ff");
    assert_eq!((status, &missing["errorCode"]), (500, &json!("GENERALFAILURE")));
    assert_eq!(missing["errorMessage"], "Business object with 93ff not found\r\nParameter name: BusObId");
}

#[test]
fn work_orders_have_the_fields_of_a_work_order() {
    let mut site = Cherwell::new();
    let object = site.object("WorkOrder");
    let (_, schema) = site.get(&format!("/api/V1/getbusinessobjectschema/busobid/{object}"));
    for name in [
        "ExternalRef",
        "IncidentID",
        "ParentRecID",
        "ParentTypeID",
        "TicketKind",
        "Title",
        "Description",
        "WorkOrderID",
    ] {
        named(&schema["fieldDefinitions"], name);
    }
}

#[test]
fn a_template_names_the_fields_that_were_asked_for() {
    let mut site = Cherwell::new();
    let names = |answer: &Value| -> Vec<String> {
        answer["fields"].as_array().expect("fields").iter().map(|field| text(&field["name"])).collect()
    };
    let (_, all) = site.post("getbusinessobjecttemplate", &json!({"busObId": INCIDENT, "includeAll": true}));
    let status = named(&all["fields"], "Status");
    assert_eq!(status["fieldId"], "5eb3234ae1344c64a19819eda437f18d", "short by default");
    assert_eq!(status["fullFieldId"], format!("BO:{INCIDENT},FI:5eb3234ae1344c64a19819eda437f18d"));
    assert_eq!((&status["value"], &status["dirty"], &status["html"]), (&Value::Null, &json!(false), &Value::Null));
    assert!(all["fields"].as_array().expect("fields").iter().any(|field| field["displayName"] == "Customer ID"));

    let required = json!({"busObId": INCIDENT, "includeAll": false, "includeRequired": true});
    assert_eq!(names(&site.post("getbusinessobjecttemplate", &required).1), ["Status", "Priority"]);
    let some = json!({"busObId": INCIDENT, "fieldNames": ["DedupeKey", "Nothing"],
        "fieldIds": ["BO:x,FI:5eb3234ae1344c64a19819eda437f18d", "ffff"]});
    assert_eq!(names(&site.post("getbusinessobjecttemplate", &some).1), ["Status", "DedupeKey"]);

    let form = format!("busObId={INCIDENT}&includeAll=False&includeRequired=true&fieldNames=DedupeKey");
    let call = site.request(http::Method::POST, "/api/V1/getbusinessobjecttemplate").with_body(form);
    assert_eq!(names(&site.call(&call).1), ["Status", "Priority", "DedupeKey"], "as a form");
}

#[test]
fn ids_in_answers_are_short_or_long_as_set() {
    let settings = CherwellSettings {
        template_ids: IdForm::Long,
        schema_ids: IdForm::Short,
        read_ids: IdForm::Short,
        search_ids: IdForm::Short,
        ..CherwellSettings::default()
    };
    let mut site = Cherwell::with(1, settings);
    let (_, template) = site.post("getbusinessobjecttemplate", &json!({"busObId": INCIDENT, "includeAll": true}));
    assert!(text(&named(&template["fields"], "Status")["fieldId"]).starts_with("BO:"));
    let short = "5eb3234ae1344c64a19819eda437f18d";
    assert_eq!(site.field(INCIDENT, "Status"), short);
    let ticket = site.create_one("a");
    let (_, read) = site.get(&format!("/api/V1/getbusinessobject/busobid/{INCIDENT}/busobrecid/{}", ticket.0));
    assert_eq!(named(&read["fields"], "Status")["fieldId"], short);
    let (_, results) = site.search(&[], &json!({}));
    assert_eq!(named(&results["businessObjects"][0]["fields"], "Status")["fieldId"], short);
}

#[test]
fn teams_come_in_both_versions() {
    let mut site = Cherwell::new();
    let (_, teams) = site.get("/api/V2/getteams");
    assert_eq!(teams["teams"][0]["teamName"], "NOC");
    assert_eq!((&teams["httpStatusCode"], &teams["hasError"]), (&json!(200), &json!(false)));
    assert_eq!(site.get("/api/V1/getteams").1["teams"], teams["teams"]);
}

#[test]
fn the_site_has_a_customer() {
    let mut site = Cherwell::new();
    let customer = site.object("Customer");
    let (_, results) = site.post("getsearchresults", &json!({"busObId": customer, "includeAllFields": true}));
    assert_eq!(results["totalRows"], 1);
    assert_eq!(results["businessObjects"][0]["busObPublicId"], "Sandbox Customer");
    let by_name = format!("/api/V1/getbusinessobject/busobid/{customer}/publicid/Sandbox%20Customer");
    assert_eq!(site.get(&by_name).0, 200);
}
