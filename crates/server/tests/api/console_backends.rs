//! *Backends*.

use crate::browser::{Browser, TOKENS, has};
use crate::place::{CONFIG, Delivery, Place};

const PAGE: &str = "/console/backends";
const FIRST: &str = "/console/backends/be-1";

#[tokio::test]
async fn each_backend_shows_its_settings_its_tickets_and_its_platform() {
    let place = Place::open().await;
    place.fill("a", 3).await;
    place.refuse_all(1_000).await;
    place.fill("b", 2).await;
    let page = Browser::at(&place).page(PAGE).await;
    has(
        &page,
        &[
            "<h2>be-1</h2>",
            "<h2>be-2</h2>",
            "Processing on",
            "Switch processing off",
            "<dt>Waiting</dt><dd class=\"number\">2</dd>",
            "<dt>Error</dt><dd class=\"number\">3</dd>",
            "Max Retries",
            "name=\"max_retries\" value=\"3\" min=\"0\" max=\"100\"",
            "name=\"max_tickets_per_request\"",
            "<td>sfyc</td>",
            "be-1, be-2",
        ],
    );
    let spanish = Browser::at(&place).spanish().page(PAGE).await;
    has(&spanish, &["Procesamiento activo", "Apagar procesamiento", "En espera", "Cambiar", "Plataformas"]);
}

#[tokio::test]
async fn settings_are_changed_by_forms_and_only_what_differs_is_written_down() {
    let place = Place::open().await;
    let browser = Browser::at(&place);
    browser.is_sealed(FIRST, &[("processing", "false")]).await;
    browser.is_sealed(FIRST, &[("max_retries", "7"), ("max_tickets_per_request", "9")]).await;
    let unchanged = place.get("/api/v1/backends").await.ok();

    let page = browser.does(PAGE, FIRST, &[("processing", "false")], "The settings were changed").await;
    has(&page, &["Processing off", "Switch processing on", "Changed while running: processing"]);
    browser.does(PAGE, FIRST, &[("processing", "true")], "Processing on").await;
    let limit = unchanged["items"][0]["max_tickets_per_request"].to_string();
    let numbers = [("max_retries", "7"), ("max_tickets_per_request", limit.as_str())];
    let page = browser.does(PAGE, FIRST, &numbers, "The settings were changed").await;
    has(&page, &["name=\"max_retries\" value=\"7\"", "Changed while running: max_retries"]);
    browser.does(PAGE, FIRST, &numbers, "Nothing was changed").await;
    let audit = place.get("/api/v1/audit").await.ok();
    let set: Vec<_> = audit["items"].as_array().unwrap().iter().filter(|line| line["act"] == "backend.set").collect();
    assert_eq!(set.len(), 3, "{audit}");
    assert!(set.iter().all(|line| line["who"] == "api" && line["subject"] == "be-1"), "{audit}");
}

#[tokio::test]
async fn a_wrong_number_is_refused_with_what_would_be_right() {
    let place = Place::open().await;
    let browser = Browser::at(&place);
    let before = place.get("/api/v1/backends").await.ok();
    for (field, value, words) in [
        ("max_retries", "-1", "`max_retries` must be a whole number from 0 to 100, not -1"),
        ("max_retries", "101", "from 0 to 100"),
        ("max_retries", "1.5", "not 1.5"),
        ("max_retries", "", "from 0 to 100"),
        ("max_retries", "many", "not &quot;many&quot;"),
        ("max_retries", "99999999999999999999", "from 0 to 100"),
        ("max_tickets_per_request", "0", "`max_tickets_per_request` must be a whole number from 1 to 500"),
        ("max_tickets_per_request", "<script>alert(1)</script>", "&lt;script&gt;"),
        ("processing", "perhaps", "`processing` must be true or false"),
    ] {
        let answer = browser.send(PAGE, FIRST, &[(field, value)]).await;
        assert_eq!((answer.status, answer.kind.as_str()), (400, "text/html; charset=utf-8"), "{value}");
        has(&answer.text, &[words, "Nothing was changed", "This did not work"]);
        assert!(!answer.text.contains("<script>alert"), "{}", answer.text);
    }
    has(&browser.send(PAGE, FIRST, &[]).await.text, &["nothing to change"]);
    let unknown = browser.send(PAGE, "/console/backends/nobody", &[("processing", "false")]).await;
    assert_eq!(unknown.status, 404);
    has(&unknown.text, &["there is no backend `nobody`; the backends are be-1, be-2"]);
    assert_eq!(place.get("/api/v1/backends").await.ok(), before);
}

#[tokio::test]
async fn a_viewer_sees_the_numbers_and_no_form() {
    let place = Place::with(&format!("{CONFIG}{TOKENS}"), Delivery::HasEnded).await.unwrap();
    let viewer = Browser::at(&place).with("token-of-viewer");
    let page = viewer.page(PAGE).await;
    has(&page, &["name=\"max_retries\" value=\"3\" min=\"0\" max=\"100\" required disabled"]);
    assert!(!page.contains("action=\"/console/backends") && !page.contains("Switch processing"), "{page}");
    assert_eq!(viewer.send(PAGE, FIRST, &[("processing", "false")]).await.status, 403);
    let operator = Browser::at(&place).with("token-of-operator");
    has(&operator.page(PAGE).await, &["action=\"/console/backends/be-1\"", "Switch processing off"]);
    operator.does(PAGE, FIRST, &[("processing", "false")], "The settings were changed").await;
}
