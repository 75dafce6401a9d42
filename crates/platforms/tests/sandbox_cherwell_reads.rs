//! The reads of the Cherwell adapter and the client together against the stand-in, over real sockets.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::{key, origin};
use http::Method;
use serde_json::{Value, json};
use ticketbridge_core::effect::{Found, LookUpFault, NoteLookUp, Query, RemoteTicket, TicketLookUp, WorkOrderLookUp};
use ticketbridge_core::ticket::TicketReference;
use ticketbridge_platforms::cherwell::{Cherwell, CherwellSettings, WorkOrderSettings};
use ticketbridge_platforms::http::{Auth, ClientSettings, Grant, HttpClient, OAuth2, Secret, SendOptions};
use ticketbridge_platforms::{Dialogue, HttpCall, Platform, Transport};
use ticketbridge_sandbox::cherwell::{CLIENT_ID, OperatorAct, PageMode, SeedTicket, USER};
use ticketbridge_sandbox::faults::{Knob, Rule};
use ticketbridge_sandbox::{Running, Sandbox, SandboxConfig, TOKEN};

const PATIENCE: Duration = Duration::from_mins(1);
const TICKETS: u32 = 1_200;

/// A stand-in, an adapter that has learned its names, and the wire between them.
struct Desk {
    sandbox: Running,
    cherwell: Cherwell,
    client: HttpClient,
}

impl Desk {
    async fn open(change: impl FnOnce(&mut CherwellSettings)) -> Self {
        let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
        let mut settings =
            CherwellSettings { work_order: Some(WorkOrderSettings::default()), ..CherwellSettings::default() };
        change(&mut settings);
        let mut wire = ClientSettings::new("cherwell", &sandbox.cherwell_url());
        wire.bypass_proxy = true;
        wire.auth = Auth::OAuth2(OAuth2 {
            token_url: String::from("/token?auth_mode=Internal"),
            grant: Grant::Password { username: String::from(USER), password: Secret::known(TOKEN) },
            client_id: String::from(CLIENT_ID),
            client_secret: None,
            client_in_header: false,
            scope: None,
            parameters: BTreeMap::new(),
            refusals: Cherwell::login_refusals,
        });
        Self { sandbox, cherwell: Cherwell::new(settings).unwrap(), client: HttpClient::new(wire).unwrap() }
    }

    fn page_mode(&self, page_mode: PageMode, max_page_size: usize) {
        self.sandbox.with_cherwell(|model, _| {
            let mut settings = model.settings().clone();
            settings.page_mode = page_mode;
            settings.max_page_size = max_page_size;
            model.set_settings(settings).unwrap();
        });
    }

    /// Tickets 1 to `count`, made by us.
    fn seed(&self, count: u32) {
        let seed = |number| {
            let fields = [
                ("DedupeKey", format!("SNR|{number}")),
                ("OriginId", origin(number).to_string()),
                ("TicketKind", String::from("SNR")),
                ("ShortDescription", format!("SNR bajo - USSG-{number}")),
            ];
            SeedTicket {
                fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                state: Some(String::from(if number % 2 == 0 { "New" } else { "In Progress" })),
                created_at: Some(String::from("2026-11-20T10:00:00Z")),
            }
        };
        self.sandbox.with_cherwell(|model, now| model.seed_tickets(now, (1..=count).map(seed).collect()).unwrap());
    }

    async fn send(&self, call: &HttpCall) -> Transport {
        self.client.send(call, SendOptions::within(PATIENCE)).await.transport
    }

    async fn converse<Answer>(&self, mut dialogue: Box<dyn Dialogue<Answer>>) -> Result<Answer, LookUpFault> {
        while let Some(call) = dialogue.next_call()? {
            dialogue.absorb(&self.send(&call).await)?;
        }
        dialogue.finish()
    }

    async fn ask(&self, query: &Query) -> Result<Found, LookUpFault> {
        if let Some(learning) = self.cherwell.prepare() {
            self.converse(learning).await?;
        }
        self.converse(self.cherwell.look_up(query)?).await
    }

    async fn open_tickets(&self) -> Result<Vec<RemoteTicket>, LookUpFault> {
        let found = self.ask(&Query::OpenTickets { kinds: vec![String::from("SNR")] }).await?;
        let Found::Tickets { tickets } = found else { panic!("{found:?}") };
        Ok(tickets)
    }

    /// The open tickets by the number in their keys.
    async fn numbers(&self) -> BTreeSet<u32> {
        let tickets = self.open_tickets().await.unwrap();
        assert!(tickets.iter().all(|ticket| ticket.open && ticket.origin.is_some() && !ticket.adopted));
        tickets.iter().map(|ticket| ticket.key.as_ref().unwrap()[4..].parse().unwrap()).collect()
    }

    async fn json(&self, method: Method, target: &str, body: Option<&Value>) -> Value {
        let body = body.map(|body| body.to_string().into());
        let transport = self.send(&HttpCall { method, target: format!("/api/V1/{target}"), body }).await;
        let Transport::Answered(answer) = transport else { panic!("{target}: {transport:?}") };
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Saves a record as any client would.
    async fn save(&self, object: &str, values: &[(&str, &str)]) -> Value {
        let summary = self.json(Method::GET, &format!("getbusinessobjectsummary/busobname/{object}"), None).await;
        let id = summary[0]["busObId"].as_str().unwrap();
        let schema = self.json(Method::GET, &format!("getbusinessobjectschema/busobid/{id}"), None).await;
        let ids: BTreeMap<&str, &str> = schema["fieldDefinitions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| (field["name"].as_str().unwrap(), field["fieldId"].as_str().unwrap()))
            .collect();
        let fields: Vec<Value> = values
            .iter()
            .map(|(name, value)| {
                let value = value.replace("{self}", id);
                json!({"dirty": true, "fieldId": ids[name], "name": name, "value": value})
            })
            .collect();
        let saved = json!({"busObId": id, "fields": fields, "persist": true});
        let saved = self.json(Method::POST, "savebusinessobject", Some(&saved)).await;
        assert_eq!(saved["hasError"], false, "{saved}");
        saved
    }

    async fn note(&self, ticket: &TicketReference, text: &str) {
        let parent = ticket.record.as_deref().unwrap();
        let incident = self.json(Method::GET, "getbusinessobjectsummary/busobname/Incident", None).await;
        let kind = [("JournalTypeID", "{self}"), ("JournalTypeName", "Journal - Note")];
        let of = [("ParentTypeID", incident[0]["busObId"].as_str().unwrap()), ("ParentRecID", parent)];
        let all: Vec<_> = kind.into_iter().chain(of).chain([("Details", text)]).collect();
        self.save("Journal%20-%20Note", &all).await;
    }

    async fn notes(&self, ticket: &TicketReference) -> Result<Vec<String>, LookUpFault> {
        let wanted = vec![NoteLookUp { origin: origin(1), ticket: ticket.clone() }];
        let found = self.ask(&Query::Notes { wanted, known: None, random: origin(99) }).await?;
        let Found::Notes { notes } = found else { panic!("{found:?}") };
        assert!(notes.iter().all(|note| note.ticket_number == ticket.number));
        Ok(notes.into_iter().map(|note| note.origin).collect())
    }
}

fn wanted(number: u32) -> TicketLookUp {
    TicketLookUp { key: key(&format!("SNR|{number}")), origin: Some(origin(number)) }
}

#[tokio::test]
async fn all_open_tickets_come_in_every_page_mode_and_under_a_cap() {
    let all: BTreeSet<u32> = (1..=TICKETS).collect();
    for (page_mode, cap) in [(PageMode::Row, 1_000), (PageMode::Page, 1_000), (PageMode::Row, 70), (PageMode::Page, 70)]
    {
        let desk = Desk::open(|_| ()).await;
        desk.page_mode(page_mode, cap);
        desk.seed(TICKETS);
        assert_eq!(desk.numbers().await, all, "{page_mode:?} {cap}");
        // The server changes its mind after the names were learned.
        let other = if page_mode == PageMode::Row { PageMode::Page } else { PageMode::Row };
        desk.page_mode(other, cap);
        assert_eq!(desk.numbers().await, all, "{other:?} {cap}");
    }
}

#[tokio::test]
async fn a_ticket_is_read_as_it_stands() {
    let desk = Desk::open(|settings| {
        let adopt = r#".ShortDescription | capture("^SNR bajo - (?<group>.+)$") | "SNR|" + .group"#;
        settings.ticket.adopt = Some(adopt.to_owned());
        settings.page_size = 7;
    })
    .await;
    desk.seed(20);
    let before_us = SeedTicket {
        fields: [("TicketKind", "snr"), ("ShortDescription", "SNR bajo - USSG-77"), ("WorkOrderNumber", "OT-5")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        state: Some(String::from("Pending")),
        created_at: Some(String::from("2026-11-19T23:30:05Z")),
    };
    let closed = SeedTicket { state: Some(String::from("Closed")), ..before_us.clone() };
    desk.sandbox.with_cherwell(|model, now| model.seed_tickets(now, vec![before_us, closed]).unwrap());
    let tickets = desk.open_tickets().await.unwrap();
    assert_eq!(tickets.len(), 21, "the closed one is not among them");
    let adopted: Vec<_> = tickets.iter().filter(|ticket| ticket.adopted).collect();
    assert_eq!(adopted.len(), 1);
    let seen = (adopted[0].key.as_deref(), adopted[0].work_order.as_deref(), adopted[0].created_at.as_deref());
    assert_eq!(seen, (Some("SNR|USSG-77"), Some("OT-5"), Some("2026-11-19T23:30:05Z")));
    assert_eq!((adopted[0].origin.as_deref(), adopted[0].status.as_str()), (None, "Pending"));
}

#[tokio::test]
async fn tickets_are_found_by_key_in_every_state() {
    let desk = Desk::open(|_| ()).await;
    desk.seed(TICKETS);
    let closed = desk.open_tickets().await.unwrap().into_iter().next().unwrap();
    let key_of_closed = closed.key.unwrap();
    desk.sandbox.with_cherwell(|model, now| {
        model.operate(now, &closed.reference.number, &OperatorAct::Close {}).unwrap();
    });
    assert_eq!(desk.open_tickets().await.unwrap().len(), TICKETS as usize - 1);
    let query = Query::Tickets {
        wanted: (1..=TICKETS).chain([5_000]).map(wanted).collect(),
        known: Some(wanted(7)),
        random: key("nothing"),
    };
    let Found::Tickets { tickets } = desk.ask(&query).await.unwrap() else { panic!() };
    assert_eq!(tickets.len(), TICKETS as usize);
    let found = tickets.iter().find(|ticket| ticket.key.as_ref() == Some(&key_of_closed)).unwrap();
    assert_eq!((found.open, found.status.as_str(), &found.reference), (false, "Closed", &closed.reference));
    assert_eq!(desk.ask(&Query::Health).await, Ok(Found::Healthy));
}

#[tokio::test]
async fn a_total_without_rows_is_never_none() {
    let desk = Desk::open(|_| ()).await;
    desk.seed(TICKETS);
    assert_eq!(desk.numbers().await.len(), TICKETS as usize);
    let empty_from = |from_page| {
        desk.sandbox.clear_faults();
        let rule = Rule::from(Knob::EmptyPage { from_page, more: false }).on("search");
        desk.sandbox.add_cherwell_fault(rule).unwrap();
    };
    for (from_page, complaint) in [(1, "SR-152489"), (2, "does not add up")] {
        empty_from(from_page);
        let fault = desk.open_tickets().await.unwrap_err();
        assert!(!fault.configuration && fault.why.contains(complaint), "{fault:?}");
    }
    // Two pages of each order hold all.
    empty_from(3);
    assert_eq!(desk.numbers().await.len(), TICKETS as usize);
    desk.sandbox.clear_faults();
    assert_eq!(desk.numbers().await.len(), TICKETS as usize, "nothing was concluded from a fault");
}

#[tokio::test]
async fn what_the_index_does_not_show_yet_is_not_there_and_comes_by_and_by() {
    let desk = Desk::open(|_| ()).await;
    desk.seed(3);
    assert_eq!(desk.numbers().await.len(), 3);
    let lag = Rule::from(Knob::IndexLag { ms: 3_600_000, jitter_ms: 0 }).on("save");
    desk.sandbox.add_cherwell_fault(lag).unwrap();
    let template = [("DedupeKey", "SNR|4"), ("OriginId", "x"), ("TicketKind", "SNR")];
    desk.save("Incident", &template).await;
    assert_eq!(desk.numbers().await, [1, 2, 3].into());
    desk.sandbox.clear_faults();
    desk.save("Incident", &[("DedupeKey", "SNR|5"), ("OriginId", "x"), ("TicketKind", "SNR")]).await;
    assert_eq!(desk.numbers().await, [1, 2, 3, 5].into());
}

#[tokio::test]
async fn notes_are_found_by_their_markers_also_where_reads_are_cut() {
    let desk = Desk::open(|settings| settings.page_size = 3).await;
    desk.seed(2);
    let tickets = desk.open_tickets().await.unwrap();
    let (ticket, other) = (&tickets[0].reference, &tickets[1].reference);
    for number in 1..=8 {
        desk.note(ticket, &format!("Nuevo evento\n[ref:{}]", origin(number))).await;
    }
    desk.note(ticket, "de una persona").await;
    let expected: Vec<String> = (1..=8).map(|number| origin(number).to_string()).collect();
    for page_mode in [PageMode::Row, PageMode::Page] {
        desk.page_mode(page_mode, 1_000);
        assert_eq!(desk.notes(ticket).await.unwrap(), expected);
    }
    assert_eq!(desk.notes(other).await.unwrap(), Vec::<String>::new());
    desk.sandbox.add_cherwell_fault(Knob::RelatedCut { keep: 1, hide_total: false }).unwrap();
    for page_mode in [PageMode::Row, PageMode::Page] {
        desk.page_mode(page_mode, 1_000);
        assert_eq!(desk.notes(ticket).await.unwrap(), expected, "the total tells that there is more");
    }
    desk.sandbox.add_cherwell_fault(Knob::RelatedCut { keep: 0, hide_total: false }).unwrap();
    assert!(desk.notes(ticket).await.unwrap_err().why.contains("SR-152489"));
    desk.sandbox.clear_faults();
    let gone = TicketReference { number: String::from("1"), record: Some("94".repeat(21)) };
    assert_eq!(desk.notes(&gone).await.unwrap(), Vec::<String>::new(), "the ticket is gone");
}

#[tokio::test]
async fn work_orders_are_found_by_our_origin_id() {
    let desk = Desk::open(|_| ()).await;
    desk.seed(1);
    let ticket = desk.open_tickets().await.unwrap().remove(0).reference;
    let (first, record) = (origin(1).to_string(), ticket.record.clone().unwrap());
    let values = [("ExternalRef", first.as_str()), ("IncidentID", &ticket.number), ("ParentRecID", &record)];
    let saved = desk.save("WorkOrder", &values).await;
    let wanted = [1, 2].map(|number| WorkOrderLookUp { origin: origin(number), ticket: ticket.clone() }).into();
    let found = desk.ask(&Query::WorkOrders { wanted, known: None, random: origin(99) }).await.unwrap();
    let Found::WorkOrders { work_orders } = found else { panic!("{found:?}") };
    assert_eq!(work_orders.len(), 1);
    assert_eq!(work_orders[0].origin, first);
    assert_eq!(Some(work_orders[0].number.as_str()), saved["busObPublicId"].as_str());
    assert_eq!(work_orders[0].record.as_deref(), saved["busObRecId"].as_str());
    assert_eq!(work_orders[0].ticket_number.as_ref(), Some(&ticket.number));
    assert_eq!(work_orders[0].ticket_record, ticket.record);
}
