//! TIXNGO's and S-360's calls against the stand-ins, over real sockets.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod mobile;

use std::time::Duration;

use bytes::Bytes;
use mobile::{KINDS, email, item, item_json, number, with_writes, write};
use serde_json::{Value, json};
use ticketbridge_core::mobile::{
    Contact, CreateContact, MAX_PAGE_BYTES, Page, PaginationKey, RowStatus, Write, WriteAnswer, WriteKind,
};
use ticketbridge_core::time::Wall;
use ticketbridge_platforms::http::{Auth, ClientSettings, HttpClient, Secret, SendOptions};
use ticketbridge_platforms::s360::{
    LookUp, MAX_WRITES, WriteReading, read_contacts, read_distributions, read_tickets, read_write, write_call,
};
use ticketbridge_platforms::tixngo::{diff_call, read_diff};
use ticketbridge_platforms::{CallFault, CallFaultKind, HttpCall, Transport};
use ticketbridge_sandbox::faults::{BodyCut, Knob, RetryAfterForm, Rule};
use ticketbridge_sandbox::s360::State;
use ticketbridge_sandbox::tixngo::{DEFAULT_ORGANIZER, TixngoModel};
use ticketbridge_sandbox::{Running, Sandbox, SandboxConfig, TOKEN};

const PATIENCE: Duration = Duration::from_secs(20);
const NOW: Wall = Wall(1_795_248_000_000);

async fn start() -> Running {
    Sandbox::start(SandboxConfig::default()).await.unwrap()
}

fn wallet(sandbox: &Running, key: &str) -> HttpClient {
    let mut settings = ClientSettings::new("tixngo", &sandbox.tixngo_url());
    settings.bypass_proxy = true;
    settings.max_answer = MAX_PAGE_BYTES;
    settings.auth = Auth::ApiKey { header: "x-tixngo-key".parse().unwrap(), key: Secret::known(key) };
    HttpClient::new(settings).unwrap()
}

fn box_office(sandbox: &Running, token: &str) -> HttpClient {
    let mut settings = ClientSettings::new("s360", &sandbox.s360_url());
    settings.bypass_proxy = true;
    settings.auth = Auth::Bearer { token: Secret::known(token) };
    HttpClient::new(settings).unwrap()
}

async fn send(client: &HttpClient, call: &HttpCall) -> Transport {
    client.send(call, SendOptions::within(PATIENCE)).await.transport
}

async fn page(client: &HttpClient, key: &str, limit: u32) -> Result<Bytes, CallFault> {
    read_diff(&send(client, &diff_call(&PaginationKey::from(key), limit)).await, NOW)
}

/// The ticket ids of all pages from the beginning, page by page.
async fn all_pages(client: &HttpClient, limit: u32) -> Vec<Vec<String>> {
    let (mut key, mut pages) = (PaginationKey::default(), Vec::new());
    loop {
        let body = page(client, key.as_str(), limit).await.unwrap();
        let page = Page::read(&body).unwrap();
        if page.items.is_empty() {
            return pages;
        }
        let ids = page.items.iter().map(|item| serde_json::from_str::<Value>(item).unwrap()["ticketId"].to_string());
        pages.push(ids.collect());
        key = page.next_key.unwrap();
        assert!(pages.len() < 100, "it does not end");
    }
}

#[tokio::test]
async fn a_stream_is_read_page_by_page_to_its_end() {
    let sandbox = start().await;
    let changes: Vec<Value> = (0..5).map(|place| serde_json::from_str(&item_json(place)).unwrap()).collect();
    sandbox.with_tixngo(|model, _| model.add_changes(DEFAULT_ORGANIZER, &changes)).unwrap();
    let client = wallet(&sandbox, TOKEN);
    let sizes = |pages: Vec<Vec<String>>| pages.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(all_pages(&client, 2).await), [2, 2, 1]);
    assert_eq!(sizes(all_pages(&client, 5).await), [5]);
    assert_eq!(all_pages(&client, 1).await.concat(), all_pages(&client, 1000).await.concat());
}

#[tokio::test]
async fn a_key_of_any_letters_comes_back_as_it_was() {
    let sandbox = start().await;
    let keys = [" a+/=%2B&limit=7#?,;\"\\ ", "é🎟\u{202e}", "..", "%", "A", "a"];
    let pages = keys.iter().enumerate().map(|(place, key)| {
        let item: Value = serde_json::from_str(&item_json(place)).unwrap();
        Bytes::from(json!({"pagination": {"nextPageKey": key}, "result": [item]}).to_string())
    });
    sandbox.with_tixngo(|model, _| model.add_pages(DEFAULT_ORGANIZER, pages.collect())).unwrap();
    let ids = all_pages(&wallet(&sandbox, TOKEN), 10).await.concat();
    assert_eq!(ids, (0..keys.len()).map(|place| format!("\"T{place}\"")).collect::<Vec<_>>());
}

#[tokio::test]
async fn every_fault_of_the_wallet_is_told_apart() {
    let sandbox = start().await;
    let changes: Vec<Value> = vec![serde_json::from_str(&item_json(1)).unwrap()];
    sandbox.with_tixngo(|model, _| model.add_changes(DEFAULT_ORGANIZER, &changes)).unwrap();
    sandbox.with_tixngo(|model, _| model.add_changes("OTHER", &changes)).unwrap();
    let client = wallet(&sandbox, TOKEN);
    let own = page(&client, "", 1).await.unwrap();
    let key = Page::read(&own).unwrap().next_key.unwrap();
    let set_up = |status| CallFaultKind::SetUp { status };
    let transient = |seconds: Option<u64>| CallFaultKind::Transient { retry_after: seconds.map(Duration::from_secs) };
    let other = wallet(&sandbox, &TixngoModel::api_key("OTHER"));
    assert_eq!(page(&other, key.as_str(), 1).await.unwrap_err().kind, set_up(400), "another organizer's key");
    assert_eq!(page(&client, "", 0).await.unwrap_err().kind, set_up(400), "a bad limit");
    assert_eq!(page(&wallet(&sandbox, "wrong"), "", 1).await.unwrap_err().kind, set_up(403));
    let knobs = [
        (Knob::TokenRevoked {}, set_up(401)),
        (Knob::TooManyRequests { retry_after_s: 7, form: RetryAfterForm::Seconds }, transient(Some(7))),
        (Knob::TooManyRequests { retry_after_s: 7, form: RetryAfterForm::Absent }, transient(None)),
        (Knob::Unavailable { retry_after_s: Some(9) }, transient(Some(9))),
        (Knob::ServerError { status: 500, effect: false }, transient(None)),
        (Knob::HtmlAnswer { status: 200, effect: false }, transient(None)),
        (Knob::HtmlAnswer { status: 502, effect: false }, transient(None)),
        (Knob::CutJson { effect: false, body: BodyCut::WellFramed }, transient(None)),
        (Knob::CutJson { effect: false, body: BodyCut::ClosedEarly }, transient(None)),
        (Knob::ResetBeforeCommit { after_ms: 0 }, transient(None)),
    ];
    for (knob, expected) in knobs {
        sandbox.add_tixngo_fault(Rule::from(knob.clone()).times(1)).unwrap();
        let fault = page(&client, "", 1).await.unwrap_err();
        assert_eq!(fault.kind, expected, "{knob:?} {fault:?}");
        assert!(!fault.why.contains("example.org"), "{fault:?}");
    }
    assert_eq!(page(&client, "", 1).await, Ok(own), "and none of them changed anything");
    let date = Knob::TooManyRequests { retry_after_s: 7, form: RetryAfterForm::Date };
    sandbox.add_tixngo_fault(Rule::from(date).times(1)).unwrap();
    let fault = page(&client, "", 1).await.unwrap_err();
    let CallFaultKind::Transient { retry_after: Some(wish) } = fault.kind else { panic!("{fault:?}") };
    assert!(wish <= Duration::from_secs(8), "{wish:?}");
}

/// Tickets `T0` to `T{count-1}` of contact 1001, contacts 1000 to 1009.
fn stock(sandbox: &Running, count: usize) {
    let contacts: Vec<Value> = (1000..1010)
        .map(|number| json!({"contactNumber": number.to_string(), "email": format!(" Guest{number}@Example.ORG ")}))
        .collect();
    let tickets: Vec<Value> = (0..count)
        .map(
            |place| json!({"ticketId": format!("T{place}"), "printStatus": "PRINTED", "culturalContactNumber": "1001"}),
        )
        .collect();
    let state: State = serde_json::from_value(json!({"contacts": contacts, "tickets": tickets})).unwrap();
    sandbox.with_s360(|model, _| model.load(state)).unwrap();
}

async fn write_all(client: &HttpClient, kind: WriteKind, writes: &[&Write<'_>]) -> WriteReading {
    let call = write_call(kind, writes).unwrap();
    read_write(kind, writes, &send(client, &call).await, NOW)
}

fn answers(reading: &WriteReading) -> Vec<WriteAnswer> {
    reading.results.iter().map(|result| result.answer.clone()).collect()
}

async fn contacts(client: &HttpClient, look_up: LookUp<'_>) -> Vec<Contact> {
    read_contacts(&send(client, &look_up.call()).await, NOW).unwrap()
}

#[tokio::test]
async fn every_kind_of_write_is_done_and_can_be_looked_up() {
    let sandbox = start().await;
    stock(&sandbox, 3);
    let client = box_office(&sandbox, TOKEN);
    let texts: Vec<String> = (0..3).map(item_json).collect();
    let items: Vec<_> = texts.iter().map(|text| item(text)).collect();
    for kind in KINDS {
        let writes: Vec<Write<'_>> = items.iter().enumerate().map(|(place, item)| write(kind, place, item)).collect();
        let writes: Vec<&Write<'_>> = writes.iter().collect();
        let reading = write_all(&client, kind, &writes).await;
        assert_eq!(reading.fault, None, "{kind}");
        let creates = kind == WriteKind::CreateContact;
        if creates {
            let references = ["tng:request-0", "tng:request-1", "tng:request-2"];
            let found = contacts(&client, LookUp::ContactsByRequestRef(&references)).await;
            for (reference, result) in references.iter().zip(&reading.results) {
                let contact = found.iter().find(|contact| contact.request_ref.as_deref() == Some(*reference)).unwrap();
                assert_eq!(Some(&contact.contact_number), result.created.as_ref());
            }
        }
        assert_eq!(answers(&reading), [const { WriteAnswer::Confirmed }; 3], "{kind}");
        assert!(reading.results.iter().all(|result| result.created.is_some() == creates), "{kind}");
    }
    let tickets =
        read_tickets(&send(&client, &LookUp::Tickets(&["T2", "T0", "none", "T1"]).call()).await, NOW).unwrap();
    assert_eq!(tickets.len(), 3);
    for (place, item) in items.iter().enumerate() {
        let ticket = tickets.iter().find(|ticket| *ticket.ticket_id == *item.ticket_id).unwrap();
        let mobile = ticket.mobile.as_ref().unwrap();
        assert_eq!(mobile.change_ref.as_deref(), Some(&*item.change_ref));
        assert_eq!(mobile.status_date, Some(item.mobile.status_date));
        assert_eq!(ticket.cultural_contact_number, Some(number(&format!("{}", 1000 + place))));
    }
    let rows = read_distributions(&send(&client, &LookUp::Distributions(&["T0", "T1"]).call()).await, NOW).unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.our_ref(), row.status)).collect();
    assert_eq!(seen, [(Some("tng:T0:0"), RowStatus::Confirmed), (Some("tng:T1:1"), RowStatus::Confirmed)]);
    let asked = ["guest1000@example.org", "nobody@example.org", "bo1@example.org"];
    let found = contacts(&client, LookUp::ContactsByEmail(&asked)).await;
    assert_eq!(found.len(), 2, "whatever the case and the spaces");
}

#[tokio::test]
async fn values_of_any_letters_are_found_again() {
    let sandbox = start().await;
    let client = box_office(&sandbox, TOKEN);
    let emails = ["a,b@example.org", "a+b@example.org", "é%2c&email=x@example.org", "#?/@example.org"];
    let create = |(place, text): (usize, &&'static str)| {
        Write::CreateContact(Box::new(CreateContact {
            request_ref: format!("tng:{place},&+ é"),
            email: email(text),
            fields: ticketbridge_core::mobile::ContactFields::default(),
        }))
    };
    let writes: Vec<Write<'_>> = emails.iter().enumerate().map(create).collect();
    let writes: Vec<&Write<'_>> = writes.iter().collect();
    let reading = write_all(&client, WriteKind::CreateContact, &writes).await;
    assert!(reading.results.iter().all(|result| result.created.is_some()), "{reading:?}");
    for (write, result) in writes.iter().zip(&reading.results) {
        let Write::CreateContact(write) = write else { unreachable!() };
        for look_up in
            [LookUp::ContactsByEmail(&[write.email.as_str()]), LookUp::ContactsByRequestRef(&[&*write.request_ref])]
        {
            let found = contacts(&client, look_up).await;
            assert_eq!(
                found.iter().map(|one| Some(&one.contact_number)).collect::<Vec<_>>(),
                [result.created.as_ref()]
            );
        }
    }
    let all = contacts(&client, LookUp::ContactsByEmail(&emails)).await;
    assert_eq!(all.len(), emails.len());
}

#[tokio::test]
async fn every_fault_of_the_box_office_is_told_apart() {
    let sandbox = start().await;
    stock(&sandbox, 4);
    let client = box_office(&sandbox, TOKEN);
    let rule = |knob: Knob| sandbox.add_s360_fault(Rule::from(knob).on("write_mobile").times(1)).unwrap();
    let text = item_json(0);
    let texts: Vec<String> = (0..4).map(item_json).collect();
    let items: Vec<_> = texts.iter().map(|text| item(text)).collect();
    let writes: Vec<Write<'_>> = items.iter().map(|item| write(WriteKind::StoreMobile, 0, item)).collect();
    let writes: Vec<&Write<'_>> = writes.iter().collect();
    let store = async || write_all(&client, WriteKind::StoreMobile, &writes).await;
    let count =
        |reading: &WriteReading, answer: &WriteAnswer| answers(reading).iter().filter(|one| *one == answer).count();

    for knob in [Knob::ReorderedResults {}, Knob::DuplicatedResults { copies: 3 }] {
        rule(knob);
        let reading = store().await;
        assert_eq!((answers(&reading), reading.fault), (vec![WriteAnswer::Confirmed; 4], None));
    }
    rule(Knob::ShortResults { drop: 3 });
    let reading = store().await;
    assert_eq!((count(&reading, &WriteAnswer::Confirmed), count(&reading, &WriteAnswer::Ambiguous)), (1, 3));
    let poison = |retryable| Knob::PoisonItem {
        text: String::from("bo2@example.org"),
        code: String::from("LOCKED"),
        message: String::from("Bo edits it"),
        retryable,
    };
    for retryable in [true, false] {
        rule(poison(retryable));
        let reading = store().await;
        assert_eq!(answers(&reading)[2], WriteAnswer::Refused { code: "LOCKED".into(), retryable });
        assert_eq!(count(&reading, &WriteAnswer::Confirmed), 3);
    }
    let knobs = [
        (Knob::TokenRevoked {}, Some(401)),
        (Knob::Forbidden {}, Some(403)),
        (Knob::PoisonCall { text: String::from("bo2@example.org"), status: 400 }, Some(400)),
        (Knob::TooManyRequests { retry_after_s: 7, form: RetryAfterForm::Seconds }, None),
        (Knob::ServerError { status: 503, effect: true }, None),
        (Knob::HtmlAnswer { status: 200, effect: true }, None),
        (Knob::CutJson { effect: true, body: BodyCut::WellFramed }, None),
        (Knob::CutJson { effect: true, body: BodyCut::ClosedEarly }, None),
        (Knob::ResetAfterCommit { after_ms: 0 }, None),
    ];
    for (knob, set_up) in knobs {
        rule(knob.clone());
        let reading = store().await;
        let fault = reading.fault.clone().unwrap();
        let expected = if set_up.is_some() { WriteAnswer::CallRefused } else { WriteAnswer::Ambiguous };
        assert_eq!(count(&reading, &expected), 4, "{knob:?}");
        match fault.kind {
            CallFaultKind::SetUp { status } => assert_eq!(Some(status), set_up),
            CallFaultKind::Transient { .. } => assert_eq!(set_up, None, "{knob:?}"),
            CallFaultKind::NotSent => panic!("{knob:?}"),
        }
    }
    let stranger = text.replace("T0", "T-unknown");
    let stranger = item(&stranger);
    let reading =
        write_all(&client, WriteKind::StoreMobile, &[&write(WriteKind::StoreMobile, 0, &stranger), writes[0]]).await;
    let unknown = WriteAnswer::Refused { code: "UNKNOWN_TICKET".into(), retryable: false };
    assert_eq!(answers(&reading), [unknown, WriteAnswer::Confirmed]);
    let reading = write_all(&box_office(&sandbox, "wrong"), WriteKind::StoreMobile, &writes).await;
    assert_eq!(reading.fault.unwrap().kind, CallFaultKind::SetUp { status: 401 });
}

#[tokio::test]
async fn a_contact_whose_answer_was_lost_is_found_by_its_reference() {
    let sandbox = start().await;
    let client = box_office(&sandbox, TOKEN);
    sandbox.add_s360_fault(Rule::from(Knob::ResetAfterCommit { after_ms: 0 }).on("create_contacts").times(1)).unwrap();
    let text = item_json(0);
    let item = item(&text);
    let create = write(WriteKind::CreateContact, 7, &item);
    let reading = write_all(&client, WriteKind::CreateContact, &[&create]).await;
    assert_eq!(answers(&reading), [WriteAnswer::Ambiguous]);
    let found = contacts(&client, LookUp::ContactsByRequestRef(&["tng:request-7"])).await;
    let Write::CreateContact(create) = &create else { unreachable!() };
    assert!(create.look_up(&found).is_some());
}

#[tokio::test]
async fn the_largest_calls_are_taken() {
    let sandbox = start().await;
    stock(&sandbox, 1000);
    let client = box_office(&sandbox, TOKEN);
    let ids: Vec<String> = (0..1000).map(|place| format!("T{place}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let parts: Vec<_> = LookUp::Tickets(&ids).parts().collect();
    assert_eq!(parts.len(), 1);
    let found = read_tickets(&send(&client, &parts[0].call()).await, NOW).unwrap();
    assert_eq!(found.len(), 1000);
    let long: Vec<String> = (0..200).map(|place| format!("{place:0>200}@example.org")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    for part in LookUp::ContactsByEmail(&long).parts() {
        assert_eq!(contacts(&client, part).await, []);
    }
    let texts: Vec<String> = (0..MAX_WRITES).map(item_json).collect();
    let items: Vec<_> = texts.iter().map(|text| item(text)).collect();
    let writes: Vec<Write<'_>> = items.iter().map(|item| write(WriteKind::StoreMobile, 0, item)).collect();
    let writes: Vec<&Write<'_>> = writes.iter().collect();
    let reading = write_all(&client, WriteKind::StoreMobile, &writes).await;
    assert_eq!(answers(&reading), vec![WriteAnswer::Confirmed; MAX_WRITES]);
    with_writes(1, |writes| assert!(!format!("{writes:?}").contains("bo0@example.org"), "Debug masks"));
}
