//! The *Stream Viewer*.

use std::time::Duration;

use axum::body::Bytes;
use ticketbridge_core::delivery::BatchId;
use ticketbridge_platforms::http::{Bodies, Capture, ExchangeRecord, Purpose, Redactor};

use crate::browser::{Browser, ESCAPED, HOSTILE, has};
use crate::place::Place;

/// Three exchanges: a login of be-1's platform, a write that got no answer, and one whose texts are hostile.
async fn filled() -> Place {
    let place = Place::open().await;
    let record = |purpose, target: &str, status, body: &str| ExchangeRecord {
        platform: String::from("sfyc"),
        purpose,
        method: String::from("POST"),
        target: target.to_owned(),
        status,
        latency: Duration::from_millis(17),
        bodies: Bodies::new(
            Bytes::copy_from_slice(body.as_bytes()),
            Bytes::from_static(b"{\"done\":[1,2]}"),
            Redactor::default(),
            Capture::Whole,
        ),
        fault: String::from(if status.is_none() { "no answer: time-out" } else { "" }),
    };
    let observer = place.app.delivery.exchanges().observer().unwrap();
    observer.observe(record(Purpose::Other, "/login", Some(200), "who=me"));
    observer.observe(record(Purpose::Write(BatchId(7)), "/tickets", None, "{\"a\":{\"b\":1}}"));
    observer.observe(record(Purpose::Other, &format!("/{HOSTILE}"), Some(500), HOSTILE));
    place
}

#[tokio::test]
async fn exchanges_are_listed_newest_first_and_filtered() {
    let place = filled().await;
    let browser = Browser::at(&place);
    let page = browser.page("/console/stream").await;
    has(
        &page,
        &["Stream Viewer", "POST /login", "POST /tickets", "no answer: time-out", "17 ms", ESCAPED, "Freeze", "Clear"],
    );
    let at = |text: &str| page.find(text).unwrap();
    assert!(at(ESCAPED) < at("POST /tickets") && at("POST /tickets") < at("POST /login"));
    has(&page, &["/api/v1/exchanges?limit=50", "/stream.js", "data-live-types=\"exchanges\"", "data-id=\"2\""]);
    // The switch of languages leads back to this page.
    has(&page, &["name=\"to\" value=\"/console/stream\""]);
    for (query, kept, gone) in [
        ("failed=true", "POST /tickets", "POST /login"),
        ("purpose=write", "POST /tickets", "POST /login"),
        ("purpose=other&platform=sfyc", "POST /login", "POST /tickets"),
        ("text=TIME-out", "POST /tickets", "POST /login"),
    ] {
        let page = browser.page(&format!("/console/stream?{query}")).await;
        assert!(page.contains(kept) && !page.contains(gone), "{query}: {page}");
        // What is saved is what is shown.
        has(&page, &[&format!("/api/v1/exchanges?{}", query.split('&').next_back().unwrap())]);
        assert_eq!(place.get(&format!("/api/v1/exchanges?{query}")).await.ok()["items"].as_array().unwrap().len(), {
            page.matches("data-id=").count()
        });
    }
    has(&browser.page("/console/stream?platform=nobody").await, &["No message fits"]);
    assert_eq!(browser.get("/console/stream?purpose=x").await.status, 400);
    assert_eq!(browser.get("/console/stream?cursor=x").await.status, 400);
    place.get("/api/v1/exchanges?purpose=x").await.problem(400);
}

#[tokio::test]
async fn one_exchange_is_shown_with_its_bodies_and_saved() {
    let place = filled().await;
    let browser = Browser::at(&place);
    let page = browser.page("/console/stream/2").await;
    has(
        &page,
        &[
            "{\n  &quot;a&quot;: {\n    &quot;b&quot;: 1\n  }\n}",
            "no answer: time-out",
            "write",
            "Batch",
            "are not kept",
        ],
    );
    has(&browser.page("/console/stream/3").await, &[ESCAPED, "[\n    1,\n    2\n  ]"]);
    for id in ["9", "x", "0", "%3Cscript%3Ealert(1)%3C%2Fscript%3E"] {
        let answer = browser.get(&format!("/console/stream/{id}")).await;
        assert_eq!((answer.status, answer.kind.as_str()), (404, "text/html; charset=utf-8"), "{id}");
        assert!(!answer.text.contains("<script>alert"), "{}", answer.text);
    }
    let saved = browser.get("/console/stream/text?failed=true").await;
    assert_eq!((saved.status, saved.kind.as_str()), (200, "text/plain; charset=utf-8"));
    assert_eq!(saved.headers["content-disposition"], "attachment; filename=\"exchanges.txt\"");
    has(&saved.text, &["POST /tickets", "fault: no answer: time-out", "\"b\": 1", HOSTILE]);
    assert!(!saved.text.contains("/login"), "{}", saved.text);
}

#[tokio::test]
async fn many_exchanges_come_in_pages_and_in_spanish() {
    let place = Place::open().await;
    let observer = place.app.delivery.exchanges().observer().unwrap();
    for number in 0..60 {
        observer.observe(ExchangeRecord {
            platform: String::from("sfyc"),
            purpose: Purpose::Other,
            method: String::from("GET"),
            target: format!("/number-{number:02}"),
            status: Some(200),
            latency: Duration::from_millis(1),
            bodies: Bodies::new(Bytes::new(), Bytes::new(), Redactor::default(), Capture::Whole),
            fault: String::new(),
        });
    }
    let browser = Browser::at(&place).spanish();
    let page = browser.page("/console/stream?platform=sfyc").await;
    has(&page, &["Visor de mensajes", "Congelar", "number-59", "number-10", "Más antiguos"]);
    assert!(!page.contains("number-09"), "{page}");
    let (_, rest) = page.split_once("rel=\"next\" href=\"").unwrap();
    let next = rest.split_once('"').unwrap().0.replace("&amp;", "&");
    let page = browser.page(&next).await;
    has(&page, &["number-09", "number-00", "Más recientes"]);
    assert!(!page.contains("number-10") && !page.contains("Más antiguos"), "{page}");
    has(&browser.page("/console/stream/1").await, &["Solicitud", "Respuesta", "Vacío."]);
}
