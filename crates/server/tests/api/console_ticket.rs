//! One ticket's page: facts, evidence, story, retry and dismiss.

use serde_json::{Value, json};
use ticketbridge_core::ticket::TicketReference;

use crate::browser::{Browser, ESCAPED, HOSTILE, TOKENS, has};
use crate::place::{CONFIG, Delivery, Place, ticket};

/// A ticket as the workflow manager builds it, with hostile names. Its two incidents broke thresholds of their own.
fn built() -> Value {
    let incident = |id: &str, threshold: f64, closed: Value, worst: f64| {
        json!({"id": id, "object_id": format!("{id}{HOSTILE}"), "frequency_hz": 24_000_000, "modulation": "64QAM",
            "threshold": threshold, "opened_at": "2026-11-21T07:00:00Z", "closed_at": closed, "worst": worst,
            "worst_at": "2026-11-21T07:15:00Z"})
    };
    json!({
        "schema": "ticket/1", "message_id": "built", "ticket_id": "WM-20261121-000007", "kind": "SNR",
        "dedupe_key": "SNR|U/7", "severity": "critical", "status": "built", "enrichment": "complete",
        "name": "SNR bajo", "description": "SNR upstream 17.9 dB",
        "source": {"aggregation": "snr_upstream", "group_id": "U/7 <b>", "instance": "wm-1", "as_of": "2026-11-21T09:00:00Z"},
        "topology": {"network": "N", "market": "M", "hub": "H", "ccap": "C", "line_card": "1", "port": "2",
            "service_group_id": "U/7 <b>", "service_group_name": HOSTILE, "fiber_nodes": ["F-1"], "address": null,
            "latitude": null, "longitude": null},
        "kpi": {"name": "us_snr_db", "unit": "dB", "worst": 17.9, "last": 18.4, "avg_24h": null, "threshold": 20.0,
            "comparison": "lt"},
        "window": {"from": "2026-11-20T09:00:00Z", "to": "2026-11-21T09:00:00Z"},
        "incidents_total": 63,
        "incidents": [incident("USCH-1", 20.0, json!("2026-11-21T08:00:00Z"), 18.5), incident("USCH-2", 19.5, Value::Null, 17.9)],
        "impact": {"channels_affected": 2, "channels_total": 4, "cm_total": 120, "cm_online": null},
        "external": {"ticket_number": null, "ot_number": null}
    })
}

async fn received(place: &Place, ticket: Value) -> String {
    let answers = place.post("/api/v1/tickets?backend=be-1", &Value::from(vec![ticket])).await.ok();
    answers[0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_ticket_of_the_network_shows_its_evidence_on_a_chart() {
    let place = Place::open().await;
    let id = received(&place, built()).await;
    let browser = Browser::at(&place);
    let page = browser.page(&format!("/console/tickets/{id}")).await;
    has(
        &page,
        &[
            "<h1>SNR|U/7</h1>",
            "Why there is this ticket",
            "href=\"/console/aggregations/snr_upstream\"",
            "href=\"/console/aggregations/snr_upstream/U%2F7%20%3Cb%3E\">U/7 &lt;b&gt;</a>",
            "17.9 · 18.4 · – dB",
            "&lt; 20.0 dB",
            "2 / 4",
            "Critical incidents of the last 24 hours: 63",
            "no record of the run that built it",
            ESCAPED,
            "2026-11-21 08:00:00",
            "<td>open</td>",
            "<td class=\"number\">19.5</td>",
        ],
    );
    // Two bars, two points at their worst, one threshold, which lies within the drawing.
    let (_, chart) = page.split_once("<svg class=\"chart\"").unwrap();
    let chart = chart.split_once("</svg>").unwrap().0;
    let count = |text: &str| chart.matches(text).count();
    assert_eq!((count("<rect"), count("<circle"), count("class=\"threshold\"")), (2, 2, 1), "{chart}");
    has(chart, &["<title>USCH-1&lt;script&gt;", ">20.0</text>", ">17.9</text>", "2026-11-20 09:00 UTC"]);
    assert!(!chart.contains("NaN") && !chart.contains("y1=\"0.0\""), "{chart}");
    let spanish = Browser::at(&place).spanish().page(&format!("/console/tickets/{id}")).await;
    has(
        &spanish,
        &["Por qué existe este ticket", "Incidentes críticos de las últimas 24 horas: 63", "abierto", "Umbral"],
    );
}

#[tokio::test]
async fn without_incidents_there_is_nothing_to_draw() {
    let place = Place::open().await;
    let mut ticket = built();
    ticket["incidents"] = json!([]);
    let id = received(&place, ticket).await;
    let page = Browser::at(&place).page(&format!("/console/tickets/{id}")).await;
    assert!(!page.contains("<svg class=\"chart\"") && page.contains("&lt; 20.0 dB"), "{page}");
}

#[tokio::test]
async fn a_ticket_of_a_sender_shows_its_message_and_its_story() {
    let place = Place::open().await;
    let mut sent = ticket("m-1");
    sent["kind"] = HOSTILE.into();
    sent["dedupe_key"] = HOSTILE.into();
    sent["description"] = HOSTILE.into();
    let id = received(&place, sent).await;
    let browser = Browser::at(&place);
    let path = format!("/console/tickets/{id}");
    has(
        &browser.page(&path).await,
        &["An outside sender sent it as message <code>m-1</code>", "data-live-types=\"tickets\""],
    );
    place.refuse_all(place.app.clock.now().wall.0).await;
    place
        .change(&id, |row| {
            row.reason = Some(HOSTILE.to_owned());
            row.work_order = Some(format!("W{HOSTILE}"));
            row.ticket = Some(TicketReference { number: format!("T{HOSTILE}"), record: None });
        })
        .await;
    let page = browser.page(&path).await;
    has(
        &page,
        &[
            &format!("<h1>{ESCAPED}"),
            &format!("<dd>T{ESCAPED}"),
            &format!("<dd>W{ESCAPED}"),
            "What happened",
            "create_ticket",
            "BAD_KIND this kind is unknown",
            "found, and noted",
            "ticketbridge tickets retry",
            "data-copy-from",
            "\\&quot;", // the body as JSON, escaped once for each language it is written in
        ],
    );
    assert!(!page.contains("Why there is this ticket</h2><div class=\"columns\">"), "{page}");
    let spanish = Browser::at(&place).spanish().page(&path).await;
    has(&spanish, &["Un emisor externo lo envió como mensaje", "Qué ocurrió", "rechazado", "Reintentar", "Descartar"]);
}

#[tokio::test]
async fn what_is_no_ticket_is_a_page_that_says_so() {
    let place = Place::open().await;
    let browser = Browser::at(&place);
    for id in ["01890a5d-ac96-774b-bcce-b302099a8057", "nonsense", "%3Cscript%3Ealert(1)%3C%2Fscript%3E", "a%2Fb"] {
        let answer = browser.get(&format!("/console/tickets/{id}")).await;
        assert_eq!((answer.status, answer.kind.as_str()), (404, "text/html; charset=utf-8"), "{id}: {}", answer.text);
        has(&answer.text, &["Not found", "there is no ticket", "To the overview"]);
        assert!(!answer.text.contains("<script>alert"), "{}", answer.text);
        assert!(answer.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    }
    let spanish = Browser::at(&place).spanish().get("/console/tickets/nonsense").await;
    has(&spanish.text, &["No encontrado", "Al resumen"]);
    for act in ["retry", "dismiss"] {
        let form = format!("/console/tickets/01890a5d-ac96-774b-bcce-b302099a8057/{act}");
        assert_eq!(browser.send("/console/tickets", &form, &[("reason", "gone")]).await.status, 404);
    }
}

#[tokio::test]
async fn it_is_tried_again_and_given_up_by_forms_with_a_seal() {
    let place = Place::open().await;
    place.fill("a", 1).await;
    place.refuse_all(place.app.clock.now().wall.0).await;
    let id = place.id("a00000").await;
    let browser = Browser::at(&place);
    let path = format!("/console/tickets/{id}");
    let (retry, dismiss) = (format!("{path}/retry"), format!("{path}/dismiss"));
    browser.is_sealed(&retry, &[]).await;
    browser.is_sealed(&dismiss, &[("reason", "a test")]).await;
    assert_eq!(place.get(&format!("/api/v1/tickets/{id}")).await.ok()["state"], "Error");

    let page = browser.does(&path, &retry, &[], "The ticket is tried again").await;
    has(&page, &["Matching", "tried it again"]);
    assert!(!page.contains(&format!("action=\"{retry}\"")), "only a ticket in Error: {page}");
    let answer = browser.send(&path, &retry, &[]).await;
    assert_eq!(answer.status, 409);
    has(&answer.text, &["only a ticket in Error can be tried again"]);

    place.fill("b", 1).await;
    place.fails(&["third"], "no").await;
    let path = format!("/console/tickets/{}", place.id("b00000").await);
    let dismiss = format!("{path}/dismiss");
    let long = "x".repeat(501);
    for reason in ["", "  ", &*long, "two\nlines"] {
        let answer = browser.send(&path, &dismiss, &[("reason", reason)]).await;
        assert_eq!(answer.status, 400, "{reason}");
        has(&answer.text, &["`reason` must be a text of 1 to 500 characters"]);
    }
    assert_eq!(browser.send(&path, &dismiss, &[]).await.status, 400);
    let page = browser.does(&path, &dismiss, &[("reason", HOSTILE)], "The ticket was dismissed").await;
    has(&page, &["Dismissed", "dismissed it", ESCAPED]);
    assert_eq!(browser.send(&path, &dismiss, &[("reason", "again")]).await.status, 409);
}

#[tokio::test]
async fn a_viewer_reads_it_and_is_offered_nothing() {
    let place = Place::with(&format!("{CONFIG}{TOKENS}"), Delivery::HasEnded).await.unwrap();
    let operator = Browser::at(&place).with("token-of-operator");
    let viewer = Browser::at(&place).with("token-of-viewer");
    let sent = place.request(reqwest::Method::POST, "/api/v1/tickets?backend=be-1").bearer_auth("token-of-operator");
    let answers = crate::place::reply(crate::place::json_body(sent, &json!([ticket("m-1")]))).await.ok();
    let path = format!("/console/tickets/{}", answers[0]["id"].as_str().unwrap());
    let dismiss = format!("{path}/dismiss");
    has(&operator.page(&path).await, &[&format!("action=\"{dismiss}\"")]);
    let page = viewer.page(&path).await;
    assert!(!page.contains(&dismiss) && !page.contains("name=\"reason\""), "{page}");
    assert_eq!(viewer.send(&path, &dismiss, &[("reason", "mine")]).await.status, 403);
    operator.does(&path, &dismiss, &[("reason", "not ours")], "The ticket was dismissed").await;
}
