//! Look-ups against a small Cherwell that reads the requests' bodies.

use std::collections::BTreeMap;

use http::Method;
use serde_json::json;
use ticketbridge_core::effect::{TicketLookUp, WorkOrderLookUp};
use ticketbridge_core::ticket::{DedupeKey, OriginId};
use uuid::Uuid;

use super::super::samples::{INCIDENT, answer, raw, shared, shared_with, site};
use super::super::settings::PageMode;
use super::super::{Cherwell, WorkOrderSettings};
use super::*;
use crate::Platform;

/// A record: its object, its parent, its ids, and its values by field name.
#[derive(Debug, Clone)]
struct Row {
    object: String,
    parent: Option<String>,
    record: String,
    public_id: String,
    values: BTreeMap<&'static str, Value>,
}

/// A Cherwell that does what the contract says, and what a test tells it to.
struct Server {
    rows: Vec<Row>,
    counts_rows: bool,
    /// Names that the site no longer knows: they are dropped without a word.
    unknown: Vec<&'static str>,
    /// Names of fields by id.
    names: BTreeMap<String, String>,
    asked: Vec<Value>,
}

fn fields_of(site: &Site) -> Vec<Field> {
    let (ticket, note) = (&site.ticket, &site.note);
    let mut fields: Vec<Field> = [
        &ticket.record_id,
        &ticket.state,
        &ticket.dedupe_key,
        &ticket.origin_id,
        &ticket.kind,
        &ticket.work_order,
        &ticket.title,
        &note.record_id,
        &note.text,
    ]
    .into_iter()
    .chain(&ticket.created)
    .cloned()
    .collect();
    if let Some(order) = &site.work_order {
        fields.extend([&order.record_id, &order.external_ref].map(Clone::clone));
        fields.extend([&order.ticket_number, &order.ticket_rec_id].into_iter().flatten().cloned());
    }
    fields
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_lowercase)
}

impl Server {
    fn new(rows: Vec<Row>) -> Self {
        let names = fields_of(&site()).into_iter().map(|field| (field.id, field.name)).collect();
        Self { rows, counts_rows: true, unknown: Vec::new(), names, asked: Vec::new() }
    }

    fn name(&self, id: &Value) -> &str {
        id.as_str().and_then(|id| self.names.get(id)).unwrap_or_else(|| panic!("an unknown id {id}"))
    }

    /// The values that each field may have: the same field twice is either, different fields are both.
    fn conditions(&self, body: &Value) -> BTreeMap<&str, BTreeSet<String>> {
        let mut values: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for filter in body["filters"].as_array().unwrap() {
            assert_eq!(filter["operator"], "eq");
            values.entry(self.name(&filter["fieldId"])).or_default().insert(word(&filter["value"]));
        }
        values
    }

    fn answer(&mut self, call: &HttpCall) -> Transport {
        assert_eq!(call.method, Method::POST);
        let body: Value = serde_json::from_slice(call.body.as_ref().unwrap()).unwrap();
        self.asked.push(body.clone());
        match call.target.as_str() {
            "/api/V1/getsearchresults?locale=en%2DUS" => {
                let conditions = self.conditions(&body);
                let wanted = |row: &Row| {
                    let holds = |(name, values): (&&str, &BTreeSet<String>)| {
                        row.values.get(name).is_some_and(|value| values.contains(&word(value)))
                    };
                    row.object == body["busObId"] && conditions.iter().all(holds)
                };
                let (rows, total) = self.page(&body, wanted, "fields");
                answer(200, &json!({"businessObjects": rows, "totalRows": total, "hasError": false}))
            }
            "/api/V1/getrelatedbusinessobject?locale=en%2DUS" => {
                assert_eq!((&body["allFields"], &body["useDefaultGrid"]), (&json!(false), &json!(false)));
                let parent = body["parentBusObRecId"].as_str();
                let (rows, total) = self.page(&body, |row| row.parent.as_deref() == parent, "fieldsList");
                answer(200, &json!({"relatedBusinessObjects": rows, "totalRecords": total, "hasError": false}))
            }
            other => panic!("an unexpected request {other}"),
        }
    }

    fn page(&self, body: &Value, wanted: impl Fn(&Row) -> bool, list: &str) -> (Vec<Value>, usize) {
        let mut rows: Vec<&Row> = self.rows.iter().filter(|row| wanted(row)).collect();
        assert_eq!(self.name(&body["sorting"][0]["fieldId"]), "RecID");
        rows.sort_by(|one, other| one.record.cmp(&other.record));
        if body["sorting"][0]["sortDirection"] == 0 {
            rows.reverse();
        }
        let (number, size) =
            (body["pageNumber"].as_u64().unwrap() as usize, body["pageSize"].as_u64().unwrap() as usize);
        let skipped = if self.counts_rows { number - 1 } else { (number - 1) * size };
        let total = rows.len();
        let asked: BTreeSet<&str> = body[list].as_array().unwrap().iter().map(|id| self.name(id)).collect();
        let shown = |row: &&Row| {
            let fields = row.values.iter().filter(|(name, _)| {
                !self.unknown.contains(*name) && (body["includeAllFields"] == true || asked.contains(*name))
            });
            json!({"busObId": row.object, "busObRecId": row.record, "busObPublicId": row.public_id, "hasError": false,
                "fields": fields.map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>()})
        };
        (rows.iter().skip(skipped).take(size).map(shown).collect(), total)
    }

    fn ask(&mut self, shared: &Arc<Shared>, query: &Query) -> Result<Found, LookUpFault> {
        let mut look_up = begin(shared, query)?;
        while let Some(call) = look_up.next_call()? {
            assert!(self.asked.len() < 10_000, "the look-up does not end");
            look_up.absorb(&self.answer(&call))?;
        }
        look_up.finish()
    }
}

fn origin(number: u32) -> OriginId {
    OriginId(Uuid::from_u128(number.into()))
}

fn key(text: &str) -> DedupeKey {
    DedupeKey::new(text).unwrap()
}

fn ticket(number: u32, state: &str) -> Row {
    let values = [
        ("RecID", json!(format!("{number:032x}"))),
        ("Status", json!(state)),
        ("CreatedDateTime", json!("1/8/2020 10:56:30 AM")),
        ("DedupeKey", json!(format!("SNR|{number}"))),
        ("OriginId", json!(origin(number).to_string())),
        ("TicketKind", json!("SNR")),
        ("WorkOrderNumber", json!("")),
        ("ShortDescription", json!(format!("SNR bajo - G{number}"))),
    ];
    Row {
        object: INCIDENT.to_owned(),
        parent: None,
        record: format!("{number:032x}"),
        public_id: format!("{}", 100_000 + number),
        values: values.into(),
    }
}

fn tickets_of(found: Result<Found, LookUpFault>) -> Vec<RemoteTicket> {
    match found {
        Ok(Found::Tickets { tickets }) => tickets,
        other => panic!("{other:?}"),
    }
}

fn open() -> Query {
    Query::OpenTickets { kinds: vec![String::from("SNR")] }
}

fn settings(change: impl FnOnce(&mut CherwellSettings)) -> Arc<Shared> {
    let mut settings =
        CherwellSettings { work_order: Some(WorkOrderSettings::default()), ..CherwellSettings::default() };
    change(&mut settings);
    shared_with(settings)
}

#[test]
fn open_tickets_are_filtered_by_kind_and_state_and_read_as_they_are() {
    let shared = settings(|settings| {
        let spellings = ["Falla de Linea", "Falla de Línea"].map(String::from).into();
        settings.ticket.kinds.insert(String::from("falla_de_linea"), spellings);
    });
    let mut line = ticket(2, "IN PROGRESS");
    line.values.insert("TicketKind", json!("Falla de Línea"));
    line.values.insert("WorkOrderNumber", json!(90_210));
    line.values.insert("OriginId", json!(null));
    line.public_id = String::from("100001");
    let mut server = Server::new(vec![ticket(1, "New"), line, ticket(3, "Closed")]);
    let kinds = ["falla_de_linea", "SNR", "SNR"].map(String::from).into();
    let found = server.ask(&shared, &Query::OpenTickets { kinds });
    insta::assert_json_snapshot!("open_tickets_request", server.asked);
    insta::assert_json_snapshot!("open_tickets", found.unwrap());
}

#[test]
fn a_kind_is_never_left_out_of_a_search() {
    let mut server = Server::new(vec![ticket(1, "New")]);
    assert_eq!(tickets_of(server.ask(&shared(), &Query::OpenTickets { kinds: Vec::new() })), []);
    assert_eq!(server.asked.len(), 0);
}

#[test]
fn all_pages_come_however_they_are_counted() {
    for counts_rows in [true, false] {
        for (page_mode, size) in [(PageMode::Auto, 500), (PageMode::Auto, 7), (PageMode::Row, 500), (PageMode::Page, 7)]
        {
            let shared = settings(|settings| {
                settings.page_mode = page_mode;
                settings.page_size = size;
            });
            let count = if size == 500 { 1_200 } else { 120 };
            let mut server = Server::new((1..=count).map(|number| ticket(number, "New")).collect());
            server.counts_rows = counts_rows;
            let found = server.ask(&shared, &open());
            if page_mode != PageMode::Auto && counts_rows != (page_mode == PageMode::Row) {
                let fault = found.unwrap_err();
                assert!(fault.why.contains("`page_mode`"), "{fault:?}");
                assert_eq!(fault.configuration, page_mode == PageMode::Page);
                continue;
            }
            let numbers: BTreeSet<_> = tickets_of(found).into_iter().map(|ticket| ticket.reference.number).collect();
            assert_eq!(numbers.len(), count as usize);
            if page_mode == PageMode::Auto {
                let asked = server.asked.len();
                assert_eq!(tickets_of(server.ask(&shared, &open())).len(), count as usize);
                assert_eq!(server.asked.len() - asked, if size == 500 { 3 } else { 18 }, "it was remembered");
            }
        }
    }
}

#[test]
fn two_records_of_one_public_id_are_two_tickets() {
    let mut twin = ticket(2, "New");
    twin.public_id = ticket(1, "New").public_id;
    let tickets = tickets_of(Server::new(vec![ticket(1, "New"), twin]).ask(&shared(), &open()));
    assert_eq!(tickets[0].reference.number, tickets[1].reference.number);
    assert_ne!(tickets[0].reference.record, tickets[1].reference.record);
}

#[test]
fn a_ticket_that_moved_between_pages_is_found_in_the_other_order() {
    let shared = settings(|settings| settings.page_size = 7);
    let mut server = Server::new((1..=20).map(|number| ticket(number, "New")).collect());
    let mut look_up = begin(&shared, &open()).unwrap();
    while let Some(call) = look_up.next_call().unwrap() {
        look_up.absorb(&server.answer(&call)).unwrap();
        server.rows.retain(|row| row.public_id != "100003");
    }
    assert_eq!(tickets_of(look_up.finish()).len(), 20);
    assert!(server.asked.iter().any(|asked| asked["sorting"][0]["sortDirection"] == 0));
}

/// What a look-up of open tickets makes of one answer.
fn one_answer(shared: &Arc<Shared>, body: &Value) -> LookUpFault {
    let mut look_up = begin(shared, &open()).unwrap();
    look_up.next_call().unwrap().unwrap();
    let fault = look_up.absorb(&answer(200, body)).unwrap_err();
    assert!(look_up.next_call().is_err() && look_up.absorb(&answer(200, body)).is_err(), "failed is failed");
    assert!(look_up.finish().is_err());
    fault
}

#[test]
fn what_does_not_add_up_is_no_list() {
    let row = json!({"busObRecId": "aa", "busObPublicId": "1", "fields": []});
    let cases = [
        json!({"businessObjects": [], "totalRows": 3}),
        json!({"businessObjects": null, "totalRows": 3}),
        json!({"businessObjects": []}),
        json!({"totalRows": 0}),
        json!({"businessObjects": {}, "totalRows": 0}),
        json!({"businessObjects": [], "totalRows": -1}),
        json!({"businessObjects": [], "totalRows": "many"}),
        json!({"businessObjects": [row, row], "totalRows": 1}),
        json!({"businessObjects": [{"busObPublicId": "1"}], "totalRows": 1}),
        json!({"businessObjects": [{"busObRecId": " ", "busObPublicId": "1"}], "totalRows": 1}),
        json!({"businessObjects": [7], "totalRows": 1}),
        json!({"businessObjects": [{"busObRecId": "aa", "fields": 7}], "totalRows": 1}),
        json!({"businessObjects": [{"busObRecId": "aa", "fields": [{"name": "Status", "value": "New"}]}], "totalRows": 1}),
        json!({"businessObjects": [{"busObRecId": "aa", "busObPublicId": "1", "fields": [], "hasError": true,
            "errorMessage": "a broken record"}], "totalRows": 1}),
        json!({"businessObjects": [], "totalRows": 2_000_000}),
        json!({"businessObjects": [], "totalRows": 0, "hasError": true, "errorCode": "GENERALFAILURE"}),
        json!([]),
        json!(null),
    ];
    let faults: Vec<String> = cases
        .iter()
        .map(|body| {
            let fault = one_answer(&shared(), body);
            assert!(!fault.configuration, "{body}: {fault:?}");
            fault.why
        })
        .collect();
    insta::assert_snapshot!("what_does_not_add_up", faults.join("\n"));
}

#[test]
fn a_missing_member_is_a_configuration_fault_and_names_are_learned_anew() {
    for name in ["DedupeKey", "OriginId", "Status", "WorkOrderNumber"] {
        let shared = shared();
        let mut server = Server::new(vec![ticket(1, "New")]);
        server.unknown = vec![name];
        let fault = server.ask(&shared, &open()).unwrap_err();
        assert!(fault.configuration && fault.why.contains(&format!("`{name}`")), "{fault:?}");
        assert!(shared.site().is_none(), "the site is forgotten");
    }
    let mut server = Server::new(vec![ticket(1, "New")]);
    server.unknown = vec!["CreatedDateTime"];
    assert_eq!(tickets_of(server.ask(&shared(), &open()))[0].created_at, None);
}

#[test]
fn tickets_from_before_us_get_a_key_by_the_expression() {
    let adopt = r#"(.ShortDescription // "" | capture("^SNR bajo - (?<group>.+)$") | "SNR|" + .group) // null"#;
    let shared = settings(|settings| settings.ticket.adopt = Some(adopt.to_owned()));
    let keyless = |number, title: &str| {
        let mut row = ticket(number, "New");
        row.values.insert("DedupeKey", json!(" "));
        row.values.insert("OriginId", json!(""));
        row.values.insert("ShortDescription", json!(title));
        row
    };
    let rows = vec![ticket(1, "New"), keyless(2, "SNR bajo - USSG-7"), keyless(3, "Impresora")];
    let mut server = Server::new(rows);
    let tickets = tickets_of(server.ask(&shared, &open()));
    let keys: Vec<_> = tickets.iter().map(|ticket| (ticket.key.as_deref(), ticket.adopted)).collect();
    assert_eq!(keys, [(Some("SNR|1"), false), (Some("SNR|USSG-7"), true), (None, false)]);
    assert_eq!((&server.asked[0]["includeAllFields"], &server.asked[0]["pageSize"]), (&json!(true), &json!(100)));

    for (adopt, complaint) in [("error(\"no\")", "fails on ticket 100002"), ("{a: 1}", "neither a text nor null")] {
        let shared = settings(|settings| settings.ticket.adopt = Some(adopt.to_owned()));
        let fault = Server::new(vec![keyless(2, "x")]).ask(&shared, &open()).unwrap_err();
        assert!(fault.configuration && fault.why.contains(complaint), "{fault:?}");
    }
}

#[test]
fn tickets_by_key_come_in_every_state_with_the_known_and_the_impossible_key_in_every_search() {
    let wanted = |number: u32| TicketLookUp { key: key(&format!("SNR|{number}")), origin: Some(origin(number)) };
    let query = |count: u32| Query::Tickets {
        wanted: (1..=count).map(wanted).collect(),
        known: Some(wanted(5_000)),
        random: key("nothing"),
    };
    let mut shouting = ticket(2, "Resuelto");
    shouting.values.insert("DedupeKey", json!("snr|2"));
    let mut server = Server::new(vec![ticket(1, "Closed"), shouting, ticket(3, "new"), ticket(5_000, "Closed")]);
    let tickets = tickets_of(server.ask(&shared(), &query(2)));
    insta::assert_json_snapshot!("tickets_by_key_request", server.asked);
    let seen: Vec<_> = tickets.iter().map(|ticket| (ticket.key.as_deref().unwrap(), ticket.open)).collect();
    assert_eq!(seen, [("SNR|1", false), ("snr|2", false), ("SNR|5000", false)], "all rows are handed over");

    let mut server = Server::new((1..=1_200).chain([5_000]).map(|number| ticket(number, "New")).collect());
    let tickets = tickets_of(server.ask(&shared(), &query(1_200)));
    assert_eq!(tickets.len(), 1_201);
    let values = |asked: &Value| -> Vec<String> {
        asked["filters"].as_array().unwrap().iter().map(|one| word(&one["value"])).collect()
    };
    let searches: Vec<_> = server.asked.iter().filter(|asked| asked["pageNumber"] == 1).map(values).collect();
    assert_eq!(searches.iter().map(Vec::len).collect::<Vec<_>>(), [500, 500, 206]);
    assert!(searches.iter().all(|keys| keys.ends_with(&[String::from("snr|5000"), String::from("nothing")])));
    let tickets = tickets_of(server.ask(&shared(), &query(0)));
    assert_eq!(tickets.len(), 1, "the known one, though nothing else is wanted");
}

fn note(ticket: u32, place: u32, text: &str) -> Row {
    Row {
        object: site().note.object.id,
        parent: Some(format!("{ticket:032x}")),
        record: format!("{ticket:016x}{place:016x}"),
        public_id: format!("{ticket}-{place}"),
        values: [("RecID", json!("x")), ("Details", json!(text))].into(),
    }
}

fn notes_of(tickets: &[u32]) -> Query {
    let wanted = |&number: &u32| NoteLookUp {
        origin: origin(number),
        ticket: TicketReference { number: format!("T{number}"), record: Some(format!("{number:032x}")) },
    };
    Query::Notes { wanted: tickets.iter().map(wanted).collect(), known: Some(wanted(&9)), random: origin(99) }
}

#[test]
fn notes_are_read_at_each_ticket_once_and_known_by_their_markers() {
    let shared = settings(|settings| settings.page_size = 7);
    let marked = |number| format!("Nuevo evento\n[ref:{}]", origin(number));
    let mut rows: Vec<Row> = (1..=20).map(|place| note(1, place, "de una persona")).collect();
    rows.push(note(1, 21, &marked(1)));
    rows.push(note(1, 22, &format!("{} {}", marked(2), marked(1))));
    rows.push(note(9, 1, &marked(9)));
    let mut history = note(1, 23, "");
    history.object = String::from("934ffff");
    history.values.remove("Details");
    rows.push(history);
    let mut server = Server::new(rows);
    let Found::Notes { notes } = server.ask(&shared, &notes_of(&[1, 2, 1])).unwrap() else { panic!() };
    let seen: Vec<_> = notes.iter().map(|note| (note.ticket_number.clone(), note.origin.clone())).collect();
    let expected = [("T1", 1), ("T1", 2), ("T9", 9)];
    assert_eq!(seen, expected.map(|(ticket, number)| (ticket.to_owned(), origin(number).to_string())));
    assert_eq!(server.asked.len(), 4 + 1 + 1, "24 journals in 4 pages, none, and one");
    insta::assert_json_snapshot!("notes_request", server.asked[1]);
}

#[test]
fn a_note_without_its_text_is_a_fault_and_so_is_a_ticket_without_a_record() {
    let shared = shared();
    let mut server = Server::new(vec![note(9, 1, "x")]);
    server.unknown = vec!["Details"];
    let fault = server.ask(&shared, &notes_of(&[])).unwrap_err();
    assert!(fault.configuration && fault.why.contains("`Details`"), "{fault:?}");
    let nameless =
        NoteLookUp { origin: origin(1), ticket: TicketReference { number: String::from("T1"), record: None } };
    let query = Query::Notes { wanted: vec![nameless], known: None, random: origin(99) };
    let fault = server.ask(&super::super::samples::shared(), &query).unwrap_err();
    assert!(!fault.configuration && fault.why.contains("T1"), "{fault:?}");
}

#[test]
fn the_notes_of_a_ticket_that_is_gone_are_none() {
    let gone = json!({"errorCode": "RecordNotFound", "errorMessage": "Record not found", "hasError": true});
    let mut look_up = begin(&shared(), &notes_of(&[1])).unwrap();
    let mut asked = Vec::new();
    while let Some(call) = look_up.next_call().unwrap() {
        asked.push(call.target);
        look_up.absorb(&answer(500, &gone)).unwrap();
    }
    assert_eq!(look_up.finish(), Ok(Found::Notes { notes: Vec::new() }));
    let related = String::from("/api/V1/getrelatedbusinessobject?locale=en%2DUS");
    let parent =
        |number: u32| format!("/api/V1/getbusinessobject/busobid/{INCIDENT}/busobrecid/{number:032x}?locale=en%2DUS");
    assert_eq!(asked, [related.clone(), parent(1), related, parent(9)]);

    // The ticket is there: it is the relationship that is not.
    for (status, body, configuration) in [
        (200, json!({"busObRecId": "aa", "hasError": false}), true),
        (200, json!({"busObRecId": null, "hasError": false}), false),
        (503, json!(null), false),
    ] {
        let shared = shared();
        let mut look_up = begin(&shared, &notes_of(&[1])).unwrap();
        look_up.next_call().unwrap().unwrap();
        look_up.absorb(&answer(500, &gone)).unwrap();
        assert!(look_up.next_call().unwrap().is_some());
        let fault = look_up.absorb(&answer(status, &body)).unwrap_err();
        assert_eq!((fault.configuration, shared.site().is_none()), (configuration, configuration), "{fault:?}");
        assert!(look_up.finish().is_err());
    }
    let mut look_up = begin(&shared(), &open()).unwrap();
    look_up.next_call().unwrap().unwrap();
    assert!(look_up.absorb(&answer(500, &gone)).is_err(), "a search has no parent");
}

#[test]
fn related_records_must_add_up_too() {
    let mut look_up = begin(&shared(), &notes_of(&[])).unwrap();
    look_up.next_call().unwrap().unwrap();
    let cut = json!({"relatedBusinessObjects": [], "totalRecords": 3, "hasError": false});
    assert!(look_up.absorb(&answer(200, &cut)).unwrap_err().why.contains("SR-152489"));
    let mut server = Server::new((1..=3).map(|place| note(9, place, "x")).collect());
    let mut look_up = begin(&shared(), &notes_of(&[])).unwrap();
    let fault = loop {
        let call = look_up.next_call().unwrap().expect("it must not end well");
        let Transport::Answered(whole) = server.answer(&call) else { panic!() };
        let mut body: Value = serde_json::from_slice(&whole.body).unwrap();
        body["relatedBusinessObjects"].as_array_mut().unwrap().truncate(1);
        body["relatedBusinessObjects"][0]["busObRecId"] = json!("aa");
        if let Err(fault) = look_up.absorb(&answer(200, &body)) {
            break fault;
        }
    };
    assert!(fault.why.contains("1 different rows came, but the total is 3"), "{fault:?}");
}

#[test]
fn work_orders_are_found_by_our_origin_id() {
    let order = |number: u32, record_of: &str| {
        let values = [
            ("RecID", json!("x")),
            ("ExternalRef", json!(origin(number).to_string())),
            ("IncidentID", json!("")),
            ("ParentRecID", json!(record_of)),
        ];
        let object = site().work_order.unwrap().object.id;
        let (record, public_id) = (format!("{number:032x}"), format!("OT{number}"));
        Row { object, parent: None, record, public_id, values: values.into() }
    };
    let reference = |number: u32| TicketReference { number: number.to_string(), record: Some(number.to_string()) };
    let wanted = |number: u32| WorkOrderLookUp { origin: origin(number), ticket: reference(number) };
    let query = Query::WorkOrders { wanted: vec![wanted(1), wanted(2)], known: Some(wanted(7)), random: origin(99) };
    let mut server = Server::new(vec![order(1, "aa"), order(3, "bb"), order(7, "")]);
    let Found::WorkOrders { work_orders } = server.ask(&shared(), &query).unwrap() else { panic!() };
    insta::assert_json_snapshot!("work_orders_request", server.asked);
    insta::assert_json_snapshot!("work_orders", work_orders);
    server.unknown = vec!["ParentRecID"];
    assert!(server.ask(&shared(), &query).unwrap_err().configuration);
    let none = settings(|_| ());
    let mut bare = site();
    bare.work_order = None;
    none.learn(bare);
    assert!(server.ask(&none, &query).unwrap_err().configuration);
}

#[test]
fn the_health_read_needs_the_object_to_be_there() {
    let asked = |body: &Value| {
        let mut look_up = begin(&shared(), &Query::Health).unwrap();
        let call = look_up.next_call().unwrap().unwrap();
        assert_eq!((call.method, call.body), (Method::GET, None));
        assert_eq!(call.target, "/api/V1/getbusinessobjectsummary/busobname/Incident?locale=en%2DUS");
        look_up.absorb(&answer(200, body))?;
        assert_eq!(look_up.next_call(), Ok(None));
        look_up.finish()
    };
    assert_eq!(asked(&json!([{"busObId": INCIDENT}])), Ok(Found::Healthy));
    assert!(asked(&json!([])).unwrap_err().configuration);
    assert!(!asked(&json!({})).unwrap_err().configuration);
    assert!(begin(&shared(), &Query::Health).unwrap().finish().is_err());
}

#[test]
fn an_answer_without_a_question_and_an_early_end_are_faults() {
    let empty = answer(200, &json!({"businessObjects": [], "totalRows": 0}));
    for query in [open(), Query::Health, notes_of(&[1])] {
        assert!(begin(&shared(), &query).unwrap().absorb(&empty).is_err());
        assert!(begin(&shared(), &query).unwrap().finish().is_err());
    }
    let mut look_up = begin(&shared(), &open()).unwrap();
    look_up.next_call().unwrap().unwrap();
    look_up.absorb(&empty).unwrap();
    assert!(look_up.absorb(&empty).is_err());
    let unprepared = Cherwell::new(CherwellSettings::default()).unwrap();
    assert!(unprepared.look_up(&open()).is_err(), "names first");
}

#[test]
fn a_page_that_is_too_large_is_asked_for_in_halves() {
    let mut server = Server::new((1..=20).map(|number| ticket(number, "New")).collect());
    let mut look_up = begin(&shared(), &open()).unwrap();
    look_up.next_call().unwrap().unwrap();
    look_up.absorb(&raw(413, "<html>Request Entity Too Large</html>", &[])).unwrap();
    while let Some(call) = look_up.next_call().unwrap() {
        look_up.absorb(&server.answer(&call)).unwrap();
    }
    assert_eq!(server.asked[0]["pageSize"], 250);
    assert_eq!(tickets_of(look_up.finish()).len(), 20);
}
