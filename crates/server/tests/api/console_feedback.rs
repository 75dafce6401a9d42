//! The pages of the mobile-ticket job.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Uri;
use ticketbridge_core::mobile::{
    ContactNumber, Counters, PageSource, PaginationKey, RowStatus, RunResult, Status, UtcInstant, WriteKind,
};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{
    BeginAnswer, BeginRun, BoxContact, BoxDistribution, CallIntent, CallOutcome, Failure, FeedbackStore,
    FeedbackWrites, Held, ItemChange, ItemId, ItemWrite, MobileTicket, NewPage, PageId, RunEnd, Trigger,
};
use uuid::Uuid;

use crate::browser::{Browser, ESCAPED, HOSTILE, TOKENS, has};
use crate::place::{CONFIG, Delivery, Place};

/// An organizer whose code has everything that an address or a page could trip over.
const ORGANIZER: &str = "org/1 <b>\"x\"";
pub(crate) const BASE: &str = "/console/feedback/org%2F1%20%3Cb%3E%22x%22";
/// A wallet that has one page, with a ticket that cannot be read, and nothing after it. The box office is not there.
async fn wallet() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = async |uri: Uri| {
        let items = if uri.query().unwrap_or_default().contains("key-2") {
            serde_json::json!([])
        } else {
            serde_json::json!([{"ticketId": HOSTILE}])
        };
        axum::Json(serde_json::json!({"pagination": {"nextPageKey": "key-2"}, "result": items}))
    };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    format!("http://{address}/v3/organizer/tickets")
}

pub(crate) async fn place(more: &str) -> Place {
    let wallet = wallet().await;
    let text = format!(
        r#"{CONFIG}
[platforms.tixngo]
type = "tixngo"
base_url = "{wallet}"
api_key = "env:TOKEN_WALLET"
bypass_proxy = true
[platforms.s360]
type = "s360"
base_url = "http://127.0.0.1:9/api/v1"
token = "env:TOKEN_OFFICE"
bypass_proxy = true
[[feedback]]
internal_name = "function of <i>"
organizer = '{ORGANIZER}'
source = "tixngo"
box_office = "s360"
skip_tickets = "id:configured"
{more}"#
    );
    Place::with(&text, Delivery::HasEnded).await.unwrap()
}

/// A run that stored a page of two tickets: the first failed, the second was written. All texts are hostile.
pub(crate) async fn filled(place: &Place) {
    let store: Arc<dyn FeedbackStore> = Arc::clone(place.app.feedback.store());
    let begin = BeginRun {
        organizer: ORGANIZER.into(),
        internal_name: "function of <i>".into(),
        trigger: Trigger::Schedule,
        holder: Uuid::from_u128(1),
        time_to_live: Duration::from_mins(1),
        at: Wall(1_000),
    };
    let BeginAnswer::Begun(grant) = store.begin_run(begin).await.unwrap() else { panic!("the lease is held") };
    let fence = grant.fence;
    let key = PaginationKey::from(format!("key-1{HOSTILE}").as_str());
    let body = serde_json::json!({"result": [{"ticketId": HOSTILE}, {"ticketId": "T2"}]}).to_string();
    let page = NewPage {
        source: PageSource::Diff,
        sent: PaginationKey::default(),
        next: Some(key.clone()),
        body: body.into(),
        items: 2,
        at: Wall(1_100),
    };
    let Held::Done(page) = store.store_page(&fence, page).await.unwrap() else { panic!("the lease is lost") };
    let item = |position| ItemId { page, position };
    let intent = CallIntent {
        box_office: "s360".into(),
        kind: WriteKind::StoreMobile,
        items: vec![item(1)],
        body_hash: [7; 32],
    };
    let sending = FeedbackWrites { intents: vec![intent], ..FeedbackWrites::at(Wall(1_200)) };
    let Held::Done(calls) = store.write_feedback(&fence, sending).await.unwrap() else { panic!("the lease is lost") };
    let failure =
        Failure { ticket_id: Some(HOSTILE.into()), code: "UNREADABLE".into(), text: HOSTILE.into(), blocking: true };
    let writes = FeedbackWrites {
        outcomes: vec![CallOutcome { call: calls[0], text: HOSTILE.into() }],
        items: vec![
            ItemWrite { item: item(0), change: ItemChange::Failed(failure) },
            ItemWrite { item: item(1), change: ItemChange::Done },
        ],
        tickets: vec![ticket(page)],
        contacts: vec![contact()],
        distributions: vec![distribution()],
        ..FeedbackWrites::at(Wall(1_300))
    };
    assert!(matches!(store.write_feedback(&fence, writes).await.unwrap(), Held::Done(_)));
    let counters = Counters {
        received: 2,
        updated: 1,
        failed: 1,
        pages: 1,
        key_after: key,
        contacts_created: 1,
        ..Counters::default()
    };
    let text = Some(HOSTILE.to_owned());
    let end = RunEnd { at: Wall(2_000), result: RunResult::Warning, error: None, text, counters };
    assert_eq!(store.end_run(&fence, end).await, Ok(Held::Done(())));
}

fn ticket(page: PageId) -> MobileTicket {
    MobileTicket {
        organizer: ORGANIZER.into(),
        ticket_id: "T2".into(),
        tax_number: Some(HOSTILE.into()),
        status: Status::Assigned,
        status_date: UtcInstant::parse("2026-05-04T08:00:00Z").unwrap(),
        owner_email: Some("ada@example.org".into()),
        beneficiary: Some("Ada Lovelace".into()),
        page,
        at: Wall(1_300),
    }
}

fn contact() -> BoxContact {
    BoxContact {
        box_office: "s360".into(),
        organizer: ORGANIZER.into(),
        contact_number: ContactNumber::try_from(String::from("4711")).unwrap(),
        email: Some("ada@example.org".into()),
        created: true,
        request_ref: None,
        ticket_id: "T2".into(),
        at: Wall(1_300),
    }
}

fn distribution() -> BoxDistribution {
    BoxDistribution {
        organizer: ORGANIZER.into(),
        distribution_ref: format!("tng:{HOSTILE}").into(),
        ticket_id: "T2".into(),
        old_contact: None,
        new_contact: Some("4711".into()),
        status: RowStatus::Confirmed,
        row_at: UtcInstant::parse("2026-05-04T08:00:00Z").unwrap(),
        at: Wall(1_300),
    }
}

#[tokio::test]
async fn every_page_shows_what_there_is_and_escapes_it() {
    let place = place("").await;
    let browser = Browser::at(&place);
    has(
        &browser.page("/console/feedback").await,
        &["org/1 &lt;b&gt;", "never ran", "function of &lt;i&gt;", "No run yet"],
    );
    filled(&place).await;
    let page = browser.page("/console/feedback").await;
    has(
        &page,
        &["warning", &format!("href=\"{BASE}\""), &format!("href=\"{BASE}/runs/1\""), ESCAPED, "1970-01-01 00:00:01"],
    );
    has(&browser.page(BASE).await, &["Run now", "key-1", ESCAPED, "Newest runs", "name=\"seal\""]);
    has(&browser.page(&format!("{BASE}/runs")).await, &["clock", "warning", ESCAPED]);
    let run = browser.page(&format!("{BASE}/runs/1")).await;
    has(&run, &["Contacts created", "store mobile data", "s360", ESCAPED, "start of the stream", "Key after"]);
    let failed = browser.page(&format!("{BASE}/failed")).await;
    has(&failed, &["UNREADABLE", ESCAPED, "value=\"1:0\"", "Retry the chosen", "Dismiss the chosen"]);
    has(&browser.page(&format!("{BASE}/skip")).await, &["id:configured", "configuration"]);
    has(
        &browser.page(&format!("{BASE}/key")).await,
        &["page stored", "key-1", "Preview from the start", "Back to here"],
    );
    let records = browser.page("/console/feedback/mobile-tickets?ticket_id=T2").await;
    has(&records, &["ASSIGNED", "a***@example.org", ESCAPED, "4711", "created", "confirmed", "tng:", "format=csv"]);
    assert!(!records.contains("ada@") && !records.contains("Lovelace"), "{records}");
    let none = browser.page("/console/feedback/mobile-tickets?ticket_id=T3&organizer=nobody").await;
    has(&none, &["Nothing was written that fits"]);
    assert!(!none.contains("a***@"), "{none}");
}

#[tokio::test]
async fn what_is_unknown_is_a_page_that_says_so() {
    let place = place("").await;
    let browser = Browser::at(&place);
    for path in [
        "/console/feedback/nobody",
        "/console/feedback/nobody/runs",
        "/console/feedback/nobody/runs/1",
        "/console/feedback/nobody/key",
        "/console/feedback/nobody/failed",
        "/console/feedback/nobody/skip",
        &format!("{BASE}/runs/99"),
        &format!("{BASE}/runs/%3Cscript%3Ealert(1)%3C%2Fscript%3E"),
        "/console/feedback/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    ] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.kind.as_str()), (404, "text/html; charset=utf-8"), "{path}: {}", answer.text);
        assert!(answer.text.contains("Not found") && !answer.text.contains("<script>alert"), "{path}: {}", answer.text);
    }
    assert_eq!(browser.get(&format!("{BASE}/runs?offset=x")).await.status, 400);
}

#[tokio::test]
async fn a_run_is_started_and_its_key_set_back_after_a_preview() {
    let place = place("").await;
    let browser = Browser::at(&place);
    let run = format!("{BASE}/run");
    browser.is_sealed(&run, &[]).await;
    browser.does(BASE, &run, &[], "The run has started").await;
    has(&place.get("/api/v1/audit").await.ok().to_string(), &["feedback.run.asked", "\"who\":\"api\""]);
    place.app.feedback.idle().await;
    // Text of the platform, all the way to the page.
    has(&browser.page(&format!("{BASE}/failed")).await, &[ESCAPED]);
    let key = format!("{BASE}/key");
    has(&browser.page(&key).await, &["key-2", "page stored"]);

    let (preview, rewind) = (format!("{key}/preview"), format!("{key}/rewind"));
    browser.is_sealed(&preview, &[("to", "start")]).await;
    browser.is_sealed(&rewind, &[("to", "start")]).await;
    let outlook = browser.does(&key, &preview, &[("back", "1")], "All that would be read again").await;
    has(&outlook, &["Would fail", "Set the key back", "name=\"to\" value=\"start\"", "Nothing would be written"]);
    let history = "/api/v1/feedback/org%2F1%20%3Cb%3E%22x%22/key/history";
    assert_eq!(place.get(history).await.ok()["items"].as_array().unwrap().len(), 1, "a preview moves nothing");
    browser.does(&key, &rewind, &[("to", "start")], "The key was set back").await;
    let moves = place.get(history).await.ok();
    assert_eq!((&moves["items"][0]["new"], &moves["items"][0]["who"]), (&"".into(), &"api".into()));
    browser.does(&key, &preview, &[("to", "1")], "key-2").await;
    browser.does(&key, &rewind, &[("to", "1")], "The key was set back").await;
    for (fields, status) in [([("back", "99")], 400), ([("to", "x")], 400), ([("to", "99")], 404)] {
        assert_eq!(browser.send(&key, &preview, &fields).await.status, status, "{fields:?}");
    }
    assert_eq!(browser.send(&key, &rewind, &[("to", "99")]).await.status, 409);
    assert_eq!(browser.send(&key, "/console/feedback/nobody/key/rewind", &[("to", "start")]).await.status, 404);
}

#[tokio::test]
async fn failed_tickets_and_the_skip_list_are_worked_on() {
    let place = place("").await;
    filled(&place).await;
    let browser = Browser::at(&place);
    let (failed, skip) = (format!("{BASE}/failed"), format!("{BASE}/skip"));
    for act in ["retry", "retry-all", "dismiss"] {
        browser.is_sealed(&format!("{failed}/{act}"), &[("item", "1:0")]).await;
    }
    let act = |name: &str| format!("{failed}/{name}");
    browser.does(&failed, &act("dismiss"), &[], "Nothing was changed").await;
    assert_eq!(browser.send(&failed, &act("retry"), &[("item", "x")]).await.status, 400);
    let behind = browser.does(&failed, &act("retry"), &[("item", "1:0")], "The next run tries them again").await;
    has(&behind, &["No failed ticket waits"]);
    assert_eq!(place.get("/api/v1/feedback").await.ok()["items"][0]["pending"], 1);

    for act in ["add", "remove"] {
        browser.is_sealed(&format!("{skip}/{act}"), &[("entry", "id:T9")]).await;
    }
    let entry = format!("id:{HOSTILE}");
    let (add, remove) = (format!("{skip}/add"), format!("{skip}/remove"));
    let page = browser.does(&skip, &add, &[("entry", &entry)], "is on the skip list").await;
    has(&page, &[ESCAPED, "operator"]);
    browser.does(&skip, &add, &[("entry", &entry)], "Nothing was changed").await;
    assert_eq!(browser.send(&skip, &add, &[("entry", "a,b")]).await.status, 400);
    assert_eq!(browser.send(&skip, &remove, &[("entry", "id:configured")]).await.status, 409);
    let page = browser.does(&skip, &remove, &[("entry", &entry)], "is off the skip list").await;
    assert!(!page.contains(ESCAPED), "{page}");
    let audit = place.get("/api/v1/audit").await.ok().to_string();
    has(&audit, &["feedback.skip.asked", "feedback.retry.asked", "feedback.dismiss.asked"]);
}

#[tokio::test]
async fn all_failed_tickets_are_tried_again_and_one_is_dismissed() {
    let place = place("").await;
    filled(&place).await;
    let browser = Browser::at(&place);
    let failed = format!("{BASE}/failed");
    browser.does(&failed, &format!("{failed}/dismiss"), &[("item", "1:0")], "They were dismissed").await;
    assert_eq!(place.get("/api/v1/feedback").await.ok()["items"][0]["pending"], 0);
    let other = self::place("").await;
    filled(&other).await;
    let browser = Browser::at(&other);
    browser.does(&failed, &format!("{failed}/retry-all"), &[], "The next run tries them again").await;
    assert_eq!(other.get("/api/v1/feedback").await.ok()["items"][0]["pending"], 1);
}

#[tokio::test]
async fn a_viewer_sees_everything_and_is_offered_nothing() {
    let place = place(TOKENS).await;
    filled(&place).await;
    let viewer = Browser::at(&place).with("token-of-viewer");
    for (path, offers) in [
        ("", "Run now"),
        ("/key", "Set it back"),
        ("/key", "Back to here"),
        ("/failed", "Dismiss the chosen"),
        ("/failed", "Retry all"),
        ("/skip", "name=\"entry\""),
    ] {
        let path = format!("{BASE}{path}");
        assert!(!viewer.page(&path).await.contains(offers), "{path}: {offers}");
        has(&Browser::at(&place).with("token-of-operator").page(&path).await, &[offers]);
    }
    for act in
        ["/run", "/key/preview", "/key/rewind", "/failed/retry", "/failed/retry-all", "/failed/dismiss", "/skip/add"]
    {
        assert_eq!(
            viewer.send(BASE, &format!("{BASE}{act}"), &[("entry", "id:T9"), ("to", "start")]).await.status,
            403,
            "{act}"
        );
    }
    let stranger = Browser::at(&place).get(BASE).await;
    has(&stranger.text, &["action=\"/login\""]);
    assert!(!stranger.text.contains("function of"), "{}", stranger.text);
}

#[tokio::test]
async fn the_pages_speak_spanish() {
    let place = place("").await;
    filled(&place).await;
    let browser = Browser::at(&place).spanish();
    has(&browser.page("/console/feedback").await, &["<html lang=\"es\">", "advertencia", "Pendientes"]);
    has(&browser.page(BASE).await, &["Ejecutar ahora", "Últimas ejecuciones"]);
    has(&browser.page(&format!("{BASE}/runs/1")).await, &["Contactos creados", "Llamadas de escritura"]);
    has(&browser.page(&format!("{BASE}/failed")).await, &["Reintentar los elegidos"]);
    has(&browser.page(&format!("{BASE}/skip")).await, &["configuración"]);
    has(&browser.page(&format!("{BASE}/key")).await, &["Historial", "Vista previa desde el inicio"]);
    has(&browser.page("/console/feedback/mobile-tickets").await, &["Titular", "Distribuciones"]);
    assert!(browser.get("/console/feedback/nobody").await.text.contains("No encontrado"));
}
