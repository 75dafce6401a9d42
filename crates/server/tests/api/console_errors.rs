//! *Errors*: groups, one group with what a redrive would send, the redrive.

use serde_json::json;
use ticketbridge_core::ticket::State;

use crate::browser::{Browser, ESCAPED, HOSTILE, TOKENS, has};
use crate::place::{CONFIG, Delivery, Place};

const PAGE: &str = "/console/errors";

/// The addresses of the groups, the largest first.
fn groups(page: &str) -> Vec<String> {
    let links = page.split("href=\"/console/errors/").skip(1);
    links.map(|rest| format!("{PAGE}/{}", rest.split_once('"').unwrap().0)).collect()
}

#[tokio::test]
async fn from_the_causes_to_a_group_and_its_redrive() {
    let place = Place::open().await;
    let browser = Browser::at(&place);
    has(&browser.page(PAGE).await, &["No ticket is in Error", "data-live-types=\"tickets\""]);
    let mut ids = Vec::new();
    for number in 0..7 {
        let reason = format!("HTTP 422: record {number} of {HOSTILE} for ann@example.org");
        ids.extend(place.fails(&[&format!("K{number}")], &reason).await);
    }
    let other = place.fails(&["other"], "HTTP 409: taken").await.remove(0);
    let page = browser.page(PAGE).await;
    let found = groups(&page);
    assert_eq!(found.len(), 2, "{page}");
    has(&page, &["<td class=\"number\">7</td><td>sfyc</td><td>create_ticket</td>", ESCAPED, "HTTP 409: taken"]);
    assert!(!page.contains("ann@") && !page.contains("Only the newest"), "{page}");

    let path = &found[0];
    let page = browser.page(path).await;
    has(
        &page,
        &[
            "<h1>HTTP 422: record 6 of &lt;script&gt;",
            "<dt>Tickets</dt><dd class=\"number\">7</dd>",
            "Retry all of them",
            "What would be sent first",
            "<b>POST</b>",
            "be-1 · 7 tickets",
            "K6",
            "The newest of them",
            "is looked up before it is sent again",
        ],
    );
    assert_eq!(page.matches("href=\"/console/tickets/").count(), 5, "examples: {page}");
    let redrive = format!("{path}/redrive");
    browser.is_sealed(&redrive, &[]).await;
    assert_eq!(groups(&browser.page(PAGE).await).len(), 2, "nothing was done");

    let page = browser.does(path, &redrive, &[], "The tickets are tried again").await;
    assert_eq!(groups(&page), found[1..], "{page}");
    for id in &ids {
        let one = place.get(&format!("/api/v1/tickets/{id}")).await.ok();
        assert_eq!((&one["state"], &one["timeline"][1]["who"]), (&json!("Matching"), &json!("api")));
    }
    assert_eq!(place.get(&format!("/api/v1/tickets/{other}")).await.ok()["state"], "Error");

    for path in [&**path, "/console/errors/nonsense", "/console/errors/%3Cscript%3Ealert(1)%3C%2Fscript%3E"] {
        let gone = browser.get(path).await;
        assert_eq!((gone.status, gone.kind.as_str()), (404, "text/html; charset=utf-8"), "{path}");
        has(&gone.text, &["no such group of errors any more"]);
        assert_eq!(browser.send(PAGE, &format!("{path}/redrive"), &[]).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_told_is_said_with_the_reason() {
    let place = Place::open().await;
    let id = place.fails(&["K"], "it could not be compared").await.remove(0);
    place.change(&id, |row| row.failed = None).await;
    let browser = Browser::at(&place);
    let path = groups(&browser.page(PAGE).await).remove(0);
    let page = browser.page(&path).await;
    has(&page, &["failed before their first step", "Retry all of them"]);
    assert!(!page.contains("<pre>"), "{page}");
    let spanish = Browser::at(&place).spanish();
    has(&spanish.page(PAGE).await, &["<h1>Errores</h1>", "Destino", "Paso", "Causa"]);
    has(&spanish.page(&path).await, &["Qué se enviaría primero", "Reintentar todos", "Los más recientes"]);
    place.change(&id, |row| row.state = State::Matching).await;
    has(&spanish.page(PAGE).await, &["Ningún ticket está en Error"]);
    has(&spanish.get(&path).await.text, &["No encontrado"]);
}

#[tokio::test]
async fn a_viewer_sees_the_preview_and_no_form() {
    let place = Place::with(&format!("{CONFIG}{TOKENS}"), Delivery::HasEnded).await.unwrap();
    let (viewer, operator) =
        (Browser::at(&place).with("token-of-viewer"), Browser::at(&place).with("token-of-operator"));
    let id = {
        let sent =
            place.request(reqwest::Method::POST, "/api/v1/tickets?backend=be-1").bearer_auth("token-of-operator");
        let body = json!([{"message_id": "m", "kind": "SNR", "dedupe_key": "K"}]);
        let answers = crate::place::reply(crate::place::json_body(sent, &body)).await.ok();
        answers[0]["id"].as_str().unwrap().to_owned()
    };
    place.change(&id, |row| row.state = State::Error).await;
    let path = groups(&viewer.page(PAGE).await).remove(0);
    let page = viewer.page(&path).await;
    has(&page, &["no reason was given"]);
    assert!(!page.contains("redrive"), "{page}");
    let redrive = format!("{path}/redrive");
    assert_eq!(viewer.send(PAGE, &redrive, &[]).await.status, 403);
    has(&operator.page(&path).await, &[&redrive]);
    operator.does(&path, &redrive, &[], "The tickets are tried again").await;
}
