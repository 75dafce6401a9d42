//! Learning a Cherwell site over real sockets, against the stand-in.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use ticketbridge_core::effect::{Found, LookUpFault, Query};
use ticketbridge_platforms::cherwell::{Cherwell, CherwellSettings, WorkOrderSettings};
use ticketbridge_platforms::http::{Auth, ClientSettings, Grant, HttpClient, OAuth2, Secret, SendOptions};
use ticketbridge_platforms::{Learned, Platform};
use ticketbridge_sandbox::cherwell::{CLIENT_ID, IdForm, PageMode, SeedTicket, USER};
use ticketbridge_sandbox::faults::{BodyCut, Knob};
use ticketbridge_sandbox::{Running, Sandbox, SandboxConfig, TOKEN};

const PATIENCE: Duration = Duration::from_mins(1);

fn settings() -> CherwellSettings {
    let mut settings =
        CherwellSettings { work_order: Some(WorkOrderSettings::default()), ..CherwellSettings::default() };
    settings.ticket.constants.insert(String::from("Priority"), serde_json::json!(3));
    settings
}

fn client(sandbox: &Running, password: &str) -> HttpClient {
    let mut wire = ClientSettings::new("cherwell", &sandbox.cherwell_url());
    wire.bypass_proxy = true;
    wire.auth = Auth::OAuth2(OAuth2 {
        token_url: String::from("/token?auth_mode=Internal"),
        grant: Grant::Password { username: String::from(USER), password: Secret::known(password) },
        client_id: String::from(CLIENT_ID),
        client_secret: None,
        client_in_header: false,
        scope: None,
        parameters: BTreeMap::new(),
        refusals: Cherwell::login_refusals,
    });
    HttpClient::new(wire).unwrap()
}

async fn learn(cherwell: &Cherwell, client: &HttpClient) -> Result<Vec<Learned>, LookUpFault> {
    let mut dialogue = cherwell.prepare().expect("there is something to learn");
    while let Some(call) = dialogue.next_call()? {
        dialogue.absorb(&client.send(&call, SendOptions::within(PATIENCE)).await.transport)?;
    }
    dialogue.finish()
}

fn seen(learned: &[Learned], what: &str) -> String {
    learned.iter().find(|one| one.what == what).map(|one| one.seen.clone()).unwrap_or_default()
}

#[tokio::test]
async fn the_names_of_the_stand_in_are_learned_with_one_login() {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let (cherwell, client) = (Cherwell::new(settings()).unwrap(), client(&sandbox, TOKEN));
    let learned = learn(&cherwell, &client).await.unwrap();
    assert_eq!(learned.iter().filter(|one| one.warning).collect::<Vec<_>>(), Vec::<&Learned>::new());
    assert_eq!(seen(&learned, "offset"), "-06 as the site says");
    assert_eq!(seen(&learned, "clock"), "agrees with the date of the answer");
    assert_eq!(seen(&learned, "pages"), "counted by row, by the API's version, and checked once");
    assert_eq!(seen(&learned, "field ticket.dedupe_key"), "DedupeKey …295a54 Text 255");
    assert_eq!(seen(&learned, "relationship work_order"), "Incident Owns Work Orders …c9728f");
    assert!(cherwell.prepare().is_none());
    cherwell.forget();
    assert_eq!(learn(&cherwell, &client).await.unwrap(), learned, "learned again from scratch");
    let stats = sandbox.cherwell_stats();
    assert_eq!(stats.logins, 1);
}

#[tokio::test]
async fn a_required_field_that_nobody_fills_is_named() {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let mut settings = settings();
    settings.ticket.constants.clear();
    let learned = learn(&Cherwell::new(settings).unwrap(), &client(&sandbox, TOKEN)).await.unwrap();
    let warned: Vec<_> = learned.iter().filter(|one| one.warning).collect();
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].what == "required fields of ticket" && warned[0].seen.starts_with("Priority: "), "{warned:?}");
}

#[tokio::test]
async fn another_site_is_learned_as_well() {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    sandbox.with_cherwell(|model, _| {
        let mut settings = model.settings().clone();
        settings.page_mode = PageMode::Page;
        settings.schema_ids = IdForm::Short;
        settings.template_ids = IdForm::Long;
        settings.utc_offset_minutes = 345;
        settings.culture = String::from("es-MX");
        model.set_settings(settings).unwrap();
    });
    let cherwell = Cherwell::new(settings()).unwrap();
    let learned = learn(&cherwell, &client(&sandbox, TOKEN)).await.unwrap();
    assert_eq!(learned.iter().filter(|one| one.warning).collect::<Vec<_>>(), Vec::<&Learned>::new());
    assert_eq!(seen(&learned, "offset"), "+05:45 as the site says");
    assert!(seen(&learned, "culture").starts_with("es-MX"));
    assert_eq!(seen(&learned, "pages"), "counted by page, by the API's version, and checked once");
    assert_eq!(seen(&learned, "field ticket.dedupe_key"), "DedupeKey …295a54 Text 255");
}

#[tokio::test]
async fn all_that_the_stand_in_lacks_is_told_at_once() {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let mut wrong = settings();
    wrong.ticket.fields.dedupe_key = String::from("DedupKey");
    wrong.ticket.fields.origin_id = String::from("IncidentID");
    wrong.ticket.open_states.push(String::from("Asigned"));
    wrong.note.relationship = String::from("Incident Owns Journal");
    wrong.work_order.as_mut().unwrap().object = String::from("Work Orders");
    let cherwell = Cherwell::new(wrong).unwrap();
    let fault = learn(&cherwell, &client(&sandbox, TOKEN)).await.unwrap_err();
    assert!(fault.configuration);
    insta::assert_snapshot!(fault.why);
    assert!(cherwell.prepare().is_some());
}

#[tokio::test]
async fn an_ill_site_is_no_site_without_names() {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let (cherwell, client) = (Cherwell::new(settings()).unwrap(), client(&sandbox, TOKEN));
    // Logged in before it falls ill: a login that fails is another fault.
    learn(&cherwell, &client).await.unwrap();
    cherwell.forget();
    let ill = [
        Knob::HtmlAnswer { status: 200, effect: false },
        Knob::HtmlAnswer { status: 500, effect: false },
        Knob::ServerError { status: 503, effect: false },
        Knob::CutJson { effect: false, body: BodyCut::default() },
        Knob::ResetBeforeCommit { after_ms: 0 },
    ];
    for knob in ill {
        sandbox.add_cherwell_fault(knob.clone()).unwrap();
        let fault = learn(&cherwell, &client).await.unwrap_err();
        assert!(!fault.configuration && !fault.why.contains("TB0206"), "{knob:?}: {}", fault.why);
        sandbox.clear_faults();
    }
    learn(&cherwell, &client).await.unwrap();
}

/// The example of the documentation, as it stands there.
fn documented_adopt() -> String {
    let page = include_str!("../../../docs/cherwell.md");
    let line = page.lines().find_map(|line| line.strip_prefix("adopt = '''")).expect("the page has an example");
    line.strip_suffix("'''").expect("it ends on its line").to_owned()
}

#[tokio::test]
async fn the_documented_expression_adopts_older_tickets() {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let ticket = |title: &str| SeedTicket {
        fields: [("Subcategory", "SNR"), ("ShortDescription", title)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect(),
        state: Some(String::from("New")),
        created_at: None,
    };
    let tickets = vec![ticket("SNR bajo - USSG-1041"), ticket("Printer on fire")];
    sandbox.with_cherwell(|model, now| model.seed_tickets(now, tickets).unwrap());
    let mut settings = settings();
    settings.ticket.fields.kind = String::from("Subcategory");
    settings.ticket.adopt = Some(documented_adopt());
    let (cherwell, client) = (Cherwell::new(settings).unwrap(), client(&sandbox, TOKEN));
    learn(&cherwell, &client).await.unwrap();
    let mut look_up = cherwell.look_up(&Query::OpenTickets { kinds: vec![String::from("SNR")] }).unwrap();
    while let Some(call) = look_up.next_call().unwrap() {
        look_up.absorb(&client.send(&call, SendOptions::within(PATIENCE)).await.transport).unwrap();
    }
    let Found::Tickets { tickets } = look_up.finish().unwrap() else { panic!("tickets") };
    let mut found: Vec<_> = tickets.into_iter().map(|ticket| (ticket.key, ticket.adopted)).collect();
    found.sort();
    assert_eq!(found, [(None, false), (Some(String::from("SNR|USSG-1041")), true)]);
}

#[tokio::test]
async fn a_wrong_password_is_told_as_such() {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    let cherwell = Cherwell::new(settings()).unwrap();
    let fault = learn(&cherwell, &client(&sandbox, "wrong")).await.unwrap_err();
    assert!(fault.configuration && fault.why.contains("TB0202"), "{}", fault.why);
}
