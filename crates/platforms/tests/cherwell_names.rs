//! Learning the names of a Cherwell site from canned answers, written after the Cherwell contract.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{answer, raw};
use http::Method;
use serde_json::{Value, json};
use ticketbridge_core::effect::LookUpFault;
use ticketbridge_platforms::cherwell::{
    Cherwell, CherwellSettings, NoteWay, PageMode, WorkOrderSettings, WorkOrderWay,
};
use ticketbridge_platforms::{HttpCall, Learned, LoginFault, Platform, Transport};

const INCIDENT: &str = "6dd53665c0c24cab86870a21cf6434ae";
const JOURNAL: &str = "934e0000000000000000000000000000000000aaaa";
const NOTE: &str = "934e0000000000000000000000000000000000bbbb";
const WORK_ORDER: &str = "94b100000000000000000000000000000000000ccc";
const DATE: &str = "Sat, 21 Nov 2026 15:31:39 GMT";

/// A site, as JSON that tests change.
struct Site {
    service: Value,
    incident: Value,
    journal: Value,
    work_order: Value,
    incident_schema: Value,
    note_schema: Value,
    work_order_schema: Value,
    template: Value,
    others: Value,
}

fn field(object: &str, place: u32, name: &str, kind: &str, size: &str) -> Value {
    json!({
        "fieldId": format!("BO:{object},FI:94f{place:039x}"), "name": name, "displayName": spaced(name), "type": kind,
        "maximumSize": size, "readOnly": false, "calculated": false, "required": false, "autoFill": false,
        "wholeDigits": 0, "decimalDigits": 0, "enabled": true, "typeLocalized": kind,
    })
}

/// `ShortDescription` as `Short Description`.
fn spaced(name: &str) -> String {
    let mut spaced = String::new();
    let mut previous = ' ';
    for char in name.chars() {
        if char.is_uppercase() && previous.is_lowercase() {
            spaced.push(' ');
        }
        spaced.push(char);
        previous = char;
    }
    spaced
}

fn fields(object: &str, all: &[(&str, &str, &str)]) -> Vec<Value> {
    all.iter().zip(1_u32..).map(|((name, kind, size), place)| field(object, place, name, kind, size)).collect()
}

fn relationship(id: u32, name: &str, target: &str) -> Value {
    json!({"relationshipId": format!("93f{id:039x}"), "displayName": name, "description": "", "target": target,
        "cardinality": "OneToMany", "fieldDefinitions": [{}]})
}

fn summary(id: &str, name: &str, display_name: &str) -> Value {
    json!({"busObId": id, "name": name, "displayName": display_name, "group": false, "groupSummaries": [], "states": "",
        "firstRecIdField": "", "recIdFields": "", "stateFieldId": "", "major": true})
}

impl Site {
    fn new() -> Self {
        let incident_fields = fields(
            INCIDENT,
            &[
                ("RecID", "Text", "42"),
                ("Status", "Text", "30"),
                ("CreatedDateTime", "DateTime", "0"),
                ("ShortDescription", "Text", "255"),
                ("Description", "Text", "32000"),
                ("Source", "Text", "60"),
                ("CustomerRecID", "Text", "42"),
                ("DedupeKey", "Text", "255"),
                ("OriginId", "Text", "64"),
                ("TicketKind", "Text", "64"),
                ("WorkOrderNumber", "Text", "50"),
                ("IncidentDurationInHours", "Number", "0"),
            ],
        );
        let note_fields = fields(
            NOTE,
            &[
                ("RecID", "Text", "42"),
                ("JournalTypeID", "Text", "42"),
                ("JournalTypeName", "Text", "60"),
                ("ParentTypeID", "Text", "60"),
                ("ParentRecID", "Text", "42"),
                ("Details", "Text", "32000"),
            ],
        );
        let order_fields = fields(
            WORK_ORDER,
            &[
                ("RecID", "Text", "42"),
                ("ExternalRef", "Text", "64"),
                ("IncidentID", "Text", "50"),
                ("ParentRecID", "Text", "42"),
                ("ParentTypeID", "Text", "60"),
                ("TicketKind", "Text", "64"),
                ("Title", "Text", "255"),
                ("Description", "Text", "32000"),
            ],
        );
        let states = "Pending,Closed,Reopened,New,In Progress,Resolved,Assigned";
        let rec_id = |fields: &[Value]| fields[0]["fieldId"].clone();
        let mut incident = summary(INCIDENT, "Incident", "Incident");
        incident["states"] = states.into();
        let mut journal = summary(JOURNAL, "Journal", "Journal");
        journal["group"] = true.into();
        journal["groupSummaries"] =
            json!([summary("934e01", "Journal - History", "History"), summary(NOTE, "Journal - Note", "Note")]);
        let relationships = json!([
            relationship(2, "Incident Owns Work Orders", WORK_ORDER),
            relationship(3, "Incident Owns Tasks", "94aa"),
            relationship(1, "Incident Owns Journals", JOURNAL),
        ]);
        Self {
            service: json!({"apiVersion": "10.5.0", "csmVersion": "10.5.0.1234", "csmCulture": "es-MX",
                "systemDateTime": "2026-11-21T09:31:40.25", "systemUtcOffset": "-06:00:00", "timeZone": {"id": "x"}}),
            incident_schema: json!({"busObId": INCIDENT, "name": "Incident", "firstRecIdField": rec_id(&incident_fields),
                "recIdFields": rec_id(&incident_fields), "stateFieldId": incident_fields[1]["fieldId"], "states": states,
                "fieldDefinitions": incident_fields, "relationships": relationships, "hasError": false}),
            note_schema: json!({"busObId": NOTE, "name": "Journal - Note", "firstRecIdField": rec_id(&note_fields),
                "fieldDefinitions": note_fields, "relationships": [], "hasError": false}),
            work_order_schema: json!({"busObId": WORK_ORDER, "name": "WorkOrder", "firstRecIdField": rec_id(&order_fields),
                "fieldDefinitions": order_fields, "relationships": [], "hasError": false}),
            template: json!({"fields": [], "errorCode": null, "errorMessage": null, "hasError": false}),
            others: json!([summary("6dd5", "Task", "Task"), summary("6dd6", "Problem", "Problem")]),
            work_order: summary(WORK_ORDER, "WorkOrder", "Work Order"),
            incident,
            journal,
        }
    }

    /// The member of `fieldDefinitions` with that name.
    fn field<'a>(schema: &'a mut Value, name: &str) -> &'a mut Value {
        let fields = schema["fieldDefinitions"].as_array_mut().unwrap();
        fields.iter_mut().find(|field| field["name"] == name).unwrap()
    }

    fn serve(&self, call: &HttpCall) -> Transport {
        let (path, query) = call.target.split_once('?').unwrap_or((&call.target, ""));
        if path == "/api/V1/serviceinfo" {
            assert_eq!(query, "", "serviceinfo has no culture");
            return raw(200, &self.service.to_string(), &[("date", DATE)]);
        }
        assert!(query.split('&').any(|member| member == "locale=en%2DUS"), "{}", call.target);
        let all = [&self.incident, &self.journal, &self.work_order];
        let body = if let Some(name) = path.strip_prefix("/api/V1/getbusinessobjectsummary/busobname/") {
            let name = percent_encoding::percent_decode_str(name).decode_utf8().unwrap().to_lowercase();
            let is = |one: &&&Value| one["name"].as_str().unwrap().to_lowercase() == name;
            json!(all.iter().filter(is).collect::<Vec<_>>())
        } else if path == "/api/V1/getbusinessobjectsummaries/type/All" {
            let mut list: Vec<Value> = all.into_iter().cloned().collect();
            list.extend(self.others.as_array().unwrap().iter().cloned());
            json!(list)
        } else if let Some(id) = path.strip_prefix("/api/V1/getbusinessobjectschema/busobid/") {
            match id {
                INCIDENT => self.incident_schema.clone(),
                NOTE => self.note_schema.clone(),
                WORK_ORDER => self.work_order_schema.clone(),
                _ => panic!("{id}"),
            }
        } else if path == "/api/V1/getbusinessobjecttemplate" {
            let asked: Value = serde_json::from_slice(call.body.as_ref().unwrap()).unwrap();
            let expected = json!({"busObId": INCIDENT, "includeAll": false, "includeRequired": true, "fieldNames": [], "fieldIds": []});
            assert_eq!((&call.method, asked), (&Method::POST, expected));
            self.template.clone()
        } else {
            panic!("{path}")
        };
        answer(200, &body)
    }
}

fn settings() -> CherwellSettings {
    let mut settings =
        CherwellSettings { work_order: Some(WorkOrderSettings::default()), ..CherwellSettings::default() };
    settings.ticket.constants.insert(String::from("Source"), json!("Monitoring"));
    settings
}

type Answered = (Vec<String>, Result<Vec<Learned>, LookUpFault>);

fn learn_with(cherwell: &Cherwell, mut serve: impl FnMut(&HttpCall) -> Transport) -> Answered {
    let mut asked = Vec::new();
    let mut dialogue = cherwell.prepare().expect("there is something to learn");
    loop {
        match dialogue.next_call() {
            Ok(None) => return (asked, dialogue.finish()),
            Err(fault) => return (asked, Err(fault)),
            Ok(Some(call)) => {
                asked.push(format!("{} {}", call.method, call.target));
                if let Err(fault) = dialogue.absorb(&serve(&call)) {
                    assert!(dialogue.next_call().is_err(), "a failed dialogue asks nothing more");
                    assert!(dialogue.finish().is_err(), "a failed dialogue has no answer");
                    return (asked, Err(fault));
                }
            }
        }
    }
}

fn learn(settings: CherwellSettings, site: &Site) -> Result<Vec<Learned>, LookUpFault> {
    learn_with(&Cherwell::new(settings).unwrap(), |call| site.serve(call)).1
}

fn lines(learned: &[Learned]) -> String {
    let line = |one: &Learned| format!("{}{}: {}", if one.warning { "! " } else { "  " }, one.what, one.seen);
    learned.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The problems of a report, without its first line.
fn problems(fault: &LookUpFault) -> Vec<String> {
    assert!(fault.configuration, "{}", fault.why);
    assert!(fault.why.starts_with("TB0206: "), "{}", fault.why);
    fault.why.lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

fn warnings(learned: &[Learned]) -> Vec<String> {
    learned.iter().filter(|one| one.warning).map(|one| format!("{}: {}", one.what, one.seen)).collect()
}

#[test]
fn a_site_that_fits_is_learned_in_eight_requests() {
    let site = Site::new();
    let cherwell = Cherwell::new(settings()).unwrap();
    let (asked, learned) = learn_with(&cherwell, |call| site.serve(call));
    insta::assert_snapshot!(format!("{}\n\n{}", asked.join("\n"), lines(&learned.unwrap())));
    assert!(cherwell.prepare().is_none(), "all is known");
}

#[test]
fn what_was_forgotten_is_learned_again() {
    let mut site = Site::new();
    let cherwell = Cherwell::new(settings()).unwrap();
    learn_with(&cherwell, |call| site.serve(call)).1.unwrap();
    cherwell.forget();
    Site::field(&mut site.incident_schema, "DedupeKey")["name"] = "Renamed".into();
    Site::field(&mut site.incident_schema, "Renamed")["displayName"] = "Renamed".into();
    assert_eq!(
        learn_with(&cherwell, |call| site.serve(call)).1.map_err(|fault| problems(&fault)).unwrap_err().len(),
        1
    );
    assert!(cherwell.prepare().is_some(), "a site that does not fit is not known");
    let (asked, learned) = learn_with(&cherwell, |call| Site::new().serve(call));
    assert_eq!((asked.len(), learned.is_ok()), (8, true));
    assert!(cherwell.prepare().is_none());
}

#[test]
fn names_are_found_without_case_and_by_display_name() {
    let site = Site::new();
    let mut settings = settings();
    settings.ticket.object = String::from("INCIDENT");
    settings.ticket.fields.dedupe_key = String::from("dedupekey");
    settings.ticket.fields.origin_id = String::from("origin id");
    settings.ticket.open_states = vec![String::from("new"), String::from("IN PROGRESS")];
    settings.note.kind = String::from("note");
    settings.note.relationship = String::from("incident owns journals");
    settings.work_order.as_mut().unwrap().object = String::from("work order");
    let cherwell = Cherwell::new(settings).unwrap();
    let (asked, learned) = learn_with(&cherwell, |call| site.serve(call));
    let learned = lines(&learned.unwrap());
    assert!(
        asked.contains(&String::from("GET /api/V1/getbusinessobjectsummaries/type/All?locale=en%2DUS")),
        "{asked:?}"
    );
    for expected in ["DedupeKey …", "OriginId …", "New, In Progress; not open: Pending, Closed", "WorkOrder …"] {
        assert!(learned.contains(expected), "{expected}: {learned}");
    }
}

#[test]
fn all_that_is_missing_is_told_at_once_with_near_names() {
    let mut site = Site::new();
    site.journal["groupSummaries"] = json!([summary("934e01", "Journal - History", "History")]);
    let mut settings = settings();
    settings.ticket.fields.dedupe_key = String::from("DedupKey");
    settings.ticket.fields.title = String::from("Short Descripcion");
    settings.ticket.fields.kind = String::from("Zebra");
    settings.ticket.constants.insert(String::from("Sorce"), json!("Monitoring"));
    settings.ticket.constants.insert(String::from("Source"), json!(["Monitoring"]));
    settings.ticket.open_states = ["New", "In Progres", "Abierto"].map(String::from).into();
    settings.note.relationship = String::from("Incident Owns Journal");
    settings.work_order.as_mut().unwrap().object = String::from("WorkOrders");
    settings.work_order.as_mut().unwrap().relationship = Some(String::from("Incident Owns Orders"));
    let fault = learn(settings, &site).unwrap_err();
    assert!(fault.configuration);
    insta::assert_snapshot!(fault.why);
}

#[test]
fn fields_that_do_not_fit_are_told_with_those_that_are_missing() {
    let mut site = Site::new();
    for (name, member, value) in [
        ("DedupeKey", "maximumSize", json!("100")),
        ("OriginId", "type", json!("Number")),
        ("TicketKind", "readOnly", json!("True")),
        ("Description", "calculated", json!(true)),
        ("WorkOrderNumber", "maximumSize", json!("10")),
        ("Source", "maximumSize", json!("5")),
    ] {
        Site::field(&mut site.incident_schema, name)[member] = value;
    }
    Site::field(&mut site.note_schema, "Details")["maximumSize"] = "255".into();
    Site::field(&mut site.note_schema, "ParentRecID")["readOnly"] = true.into();
    Site::field(&mut site.note_schema, "JournalTypeName")["maximumSize"] = "10".into();
    Site::field(&mut site.work_order_schema, "ParentRecID")["maximumSize"] = "40".into();
    Site::field(&mut site.work_order_schema, "ExternalRef")["maximumSize"] = "32".into();
    site.incident_schema["stateFieldId"] = "5eb3".into();
    site.incident_schema["firstRecIdField"] = "".into();
    site.incident_schema["recIdFields"] = "".into();
    Site::field(&mut site.incident_schema, "RecID")["name"] = "Identity".into();
    let mut settings = settings();
    settings.ticket.fields.title = String::from("Identity");
    settings.ticket.constants.insert(String::from("OriginId"), json!("mine"));
    settings.work_order.as_mut().unwrap().fields.title = String::from("Titel");
    settings.work_order.as_mut().unwrap().fields.external_ref = String::new();
    let fault = learn(settings, &site).unwrap_err();
    insta::assert_snapshot!(fault.why);
}

#[test]
fn a_missing_object_hides_nothing_but_its_own_parts() {
    let site = Site::new();
    let mut settings = settings();
    settings.ticket.object = String::from("Incidents");
    settings.note.fields.text = String::from("Detail");
    settings.work_order.as_mut().unwrap().fields.kind = String::from("Kind");
    let found = problems(&learn(settings, &site).unwrap_err());
    assert_eq!(
        found,
        [
            "ticket.object: there is no business object `Incidents`; did you mean `Incident`? (its fields, states and \
             relationships were not looked at)",
            "note.fields.text: `Journal - Note` has no field `Detail`; did you mean `Details`?",
            "work_order.fields.kind: `WorkOrder` has no field `Kind`; did you mean `TicketKind`?",
        ]
    );
}

#[test]
fn objects_that_are_no_group_or_serve_twice_are_told() {
    let mut site = Site::new();
    site.journal["groupSummaries"] = Value::Null;
    let mut settings = settings();
    settings.work_order.as_mut().unwrap().object = String::from("Incident");
    let found = problems(&learn(settings, &site).unwrap_err());
    assert!(found[0].starts_with("note.object: `Journal` is no group of objects"), "{found:?}");
    assert!(
        found.iter().any(|line| line.starts_with("work_order.object: it is the object of the tickets")),
        "{found:?}"
    );
}

#[test]
fn a_display_name_that_two_fields_share_is_not_guessed() {
    let mut site = Site::new();
    for name in ["Source", "CustomerRecID"] {
        Site::field(&mut site.incident_schema, name)["displayName"] = "Work Order".into();
    }
    let mut settings = settings();
    settings.ticket.constants.clear();
    settings.ticket.fields.work_order = String::from("Work Order");
    let found = problems(&learn(settings, &site).unwrap_err());
    assert_eq!(
        found,
        [
            "ticket.fields.work_order: 2 fields of `Incident` are called `Work Order`; give the name instead of the display name"
        ]
    );
}

#[test]
fn what_an_operator_should_look_at_is_a_warning() {
    let mut site = Site::new();
    site.service["systemUtcOffset"] = Value::Null;
    site.service["apiVersion"] = "a good one".into();
    site.service["systemDateTime"] = "2026-11-21T12:31:39".into();
    site.incident_schema["relationships"][2]["target"] = "94aa".into();
    Site::field(&mut site.incident_schema, "WorkOrderNumber")["maximumSize"] = "20".into();
    Site::field(&mut site.incident_schema, "CreatedDateTime")["name"] = "Opened".into();
    Site::field(&mut site.work_order_schema, "Title")["required"] = true.into();
    site.work_order_schema["fieldDefinitions"]
        .as_array_mut()
        .unwrap()
        .push(json!({"fieldId": "aa", "name": "Crew", "type": "Text", "required": "True"}));
    // By its short id, as some versions give templates; one that the site fills itself; one that we fill.
    let short = |name: &str, site: &mut Site| {
        let id = Site::field(&mut site.incident_schema, name)["fieldId"].as_str().unwrap().to_owned();
        id.rsplit(':').next().unwrap().to_owned()
    };
    let customer = short("CustomerRecID", &mut site);
    let status = short("Status", &mut site);
    let key = short("DedupeKey", &mut site);
    let hours = short("IncidentDurationInHours", &mut site);
    site.template["fields"] = json!([
        {"fieldId": customer, "name": "Customer ID", "value": null},
        {"fieldId": status, "name": "Status", "value": null},
        {"fieldId": key, "name": "DedupeKey", "value": null},
        {"fieldId": hours, "name": "IncidentDurationInHours", "value": "0.00"},
    ]);
    insta::assert_snapshot!(warnings(&learn(settings(), &site).unwrap()).join("\n"));
}

#[test]
fn settings_win_over_what_the_site_says() {
    let site = Site::new();
    let mut settings = settings();
    settings.utc_offset = Some(jiff::tz::Offset::constant(1));
    settings.page_mode = PageMode::Page;
    settings.note.way = NoteWay::Related;
    let order = settings.work_order.as_mut().unwrap();
    order.relationship = None;
    order.fields.title = String::new();
    order.fields.ticket_rec_id = String::new();
    let learned = lines(&learn(settings.clone(), &site).unwrap());
    for expected in [
        "  offset: +01 as `utc_offset` says; the site itself says -06",
        "  pages: counted by page, as `page_mode` says",
        "  relationship work_order: none is set: work orders carry their ticket's number, no link",
    ] {
        assert!(learned.lines().any(|line| line == expected), "{expected}: {learned}");
    }
    let order = settings.work_order.as_mut().unwrap();
    order.way = WorkOrderWay::Related;
    order.fields.ticket_number = String::new();
    let found = problems(&learn(settings, &site).unwrap_err());
    assert!(
        found.iter().any(|line| line.starts_with("work_order.relationship: no relationship is named")),
        "{found:?}"
    );
}

#[test]
fn without_work_orders_nothing_of_them_is_asked() {
    let site = Site::new();
    let cherwell = Cherwell::new(CherwellSettings::default()).unwrap();
    let (asked, learned) = learn_with(&cherwell, |call| site.serve(call));
    assert!(learned.is_ok());
    assert_eq!(asked.len(), 6);
    assert!(!asked.iter().any(|target| target.contains("WorkOrder") || target.contains(WORK_ORDER)), "{asked:?}");
}

#[test]
fn unclear_answers_are_faults_that_may_pass() {
    let bad = [
        raw(200, "", &[]),
        raw(200, "{\"apiVersion\": \"10", &[]),
        raw(200, "<html>maintenance</html>", &[("content-type", "text/html")]),
        raw(200, "\"text\"", &[]),
        raw(200, "17", &[]),
        raw(500, "<html>500</html>", &[]),
        raw(503, "", &[]),
        Transport::NoAnswer { why: String::from("time-out"), timed_out: true },
        Transport::NotSent { why: String::from("refused"), login: None },
    ];
    // Each of the eight requests gets each bad answer, and what should be a list an object, and the other way round.
    for place in 0..8 {
        for bad in bad.iter().cloned().chain([raw(200, "wrong shape", &[])]) {
            let cherwell = Cherwell::new(settings()).unwrap();
            let site = Site::new();
            let mut count = 0;
            let (_, learned) = learn_with(&cherwell, |call| {
                count += 1;
                if count <= place {
                    return site.serve(call);
                }
                match &bad {
                    Transport::Answered(wrong) if wrong.body == "wrong shape" => {
                        let list = call.target.contains("summary");
                        answer(200, &if list { json!({}) } else { json!([]) })
                    }
                    other => other.clone(),
                }
            });
            let fault = learned.expect_err(&format!("{place} {bad:?}"));
            assert!(!fault.configuration && !fault.why.contains("TB0206"), "{place}: {}", fault.why);
            assert!(cherwell.prepare().is_some(), "nothing is known");
        }
    }
}

#[test]
fn a_refused_login_ends_it_and_a_refused_object_does_not() {
    let site = Site::new();
    let refused = Transport::NotSent { why: String::from("no token"), login: Some(LoginFault::Refused) };
    let (asked, learned) = learn_with(&Cherwell::new(settings()).unwrap(), |_| refused.clone());
    let fault = learned.unwrap_err();
    assert_eq!((asked.len(), fault.configuration), (1, true), "{}", fault.why);

    let rights = json!({"errorCode": "INSUFFICIENTRIGHTS", "errorMessage": "No rights", "hasError": true});
    let mut wrong = settings();
    wrong.note.fields.text = String::from("Text");
    let (_, learned) = learn_with(&Cherwell::new(wrong).unwrap(), |call| {
        let work_order = call.target.contains(WORK_ORDER) || call.target.contains("busobname/WorkOrder");
        if work_order { answer(500, &rights) } else { site.serve(call) }
    });
    let found = problems(&learned.unwrap_err());
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("work_order.object: `WorkOrder` can't be looked at: "), "{found:?}");
    assert!(found[1].starts_with("note.fields.text: "), "{found:?}");

    let (_, learned) = learn_with(&Cherwell::new(settings()).unwrap(), |call| {
        if call.target.contains("template") { answer(403, &rights) } else { site.serve(call) }
    });
    let warned = warnings(&learned.unwrap());
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].starts_with("required fields of ticket: the site's template can't be read"), "{warned:?}");
}

#[test]
fn names_from_the_site_are_shown_on_one_line() {
    let mut site = Site::new();
    let hostile = format!("Dedup{}\n\u{1b}[31mforged: line", "e".repeat(2));
    Site::field(&mut site.incident_schema, "DedupeKey")["name"] = hostile.into();
    let found = problems(&learn(settings(), &site).unwrap_err());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!found[0].contains('\u{1b}'), "{found:?}");
}
