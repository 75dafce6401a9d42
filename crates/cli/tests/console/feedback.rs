//! The mobile-ticket job: a run by hand, what failed, the skip list, and the key with its preview.

use reqwest::Method;
use serde_json::json;

use crate::bridge::Bridge;
use crate::browser::Browser;
use crate::stage::{ORGANIZER, Stage, item};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Chromium and ChromeDriver; ./test.sh --audit runs them"]
async fn a_function_is_run_its_failures_settled_and_its_key_set_back() {
    let stage = Stage::with("").await;
    stage.know(&["B1"]).await;
    let changes = [item("A1", "INJECTED", "2026-05-04T08:00:00Z"), item("B1", "INJECTED", "2026-05-04T08:01:00Z")];
    stage.change(json!(changes)).await;
    let bridge = Bridge::start(&stage.place).await;
    let browser = Browser::start(bridge.address).await;
    is_run(&browser).await;
    failures_are_settled(&bridge, &browser).await;
    skips(&browser).await;
    goes_back(&bridge, &browser).await;
    browser.open(&format!("/console/feedback/mobile-tickets?organizer={ORGANIZER}")).await;
    browser.shows("main tbody td", "B1").await;
    browser.is_quiet().await;
    assert!(bridge.stop().await.success());
}

async fn is_run(browser: &Browser) {
    browser.open("/console/feedback").await;
    browser.shows("#functions h2", "never ran").await;
    browser.click("#functions h2 a").await;
    browser.shows("main h1", ORGANIZER).await;
    browser.click("form[action$='/run'] button").await;
    browser.answer("Read the changes", true).await;
    browser.shows("[data-notice]", "The run has started.").await;
    // One of the two tickets is not known to the box office.
    browser.shows("#run .badge.warn", "warning").await;
    let tiles = browser.texts("#run .tile").await;
    for told in ["Received\n2", "Updated\n1", "Failed\n1"] {
        assert!(tiles.iter().any(|tile| tile == told), "{told:?} is missing in {tiles:?}");
    }
}

async fn failures_are_settled(bridge: &Bridge, browser: &Browser) {
    browser.click("nav.actions a[href$='/failed']").await;
    browser.shows("main tbody tr", "UNKNOWN_TICKET").await;
    browser.click("input[name=item]").await;
    browser.click("form[action$='/failed/retry'] button:not(.danger)").await;
    browser.answer("Do this with the chosen tickets?", true).await;
    browser.shows("[data-notice]", "The next run tries them again.").await;
    let again = format!("/api/v1/feedback/{ORGANIZER}/run?wait=true");
    let again = bridge.call(Method::POST, &again, None).await;
    assert_eq!(again.body["counters"]["failed"], 1, "{}", again.body);
    browser.open(&format!("/console/feedback/{ORGANIZER}/failed")).await;
    browser.click("input[name=item]").await;
    browser.click("form[action$='/failed/retry'] button.danger").await;
    browser.answer("Do this with the chosen tickets?", true).await;
    browser.shows("[data-notice]", "They were dismissed.").await;
    browser.shows("main .nothing", "No failed ticket waits.").await;
}

async fn skips(browser: &Browser) {
    browser.click("nav.actions a[href$='/skip']").await;
    browser.shows("main .nothing", "The list is empty.").await;
    browser.write("input[name=entry]", "id:A9").await;
    browser.click("form[action$='/skip/add'] button").await;
    browser.shows("[data-notice]", "The ticket is on the skip list.").await;
    assert_eq!(browser.texts("main tbody code").await, ["id:A9"]);
    browser.click("form[action$='/skip/remove'] button").await;
    browser.answer("Take this ticket off the list?", true).await;
    browser.shows("[data-notice]", "The ticket is off the skip list.").await;
    browser.shows("main .nothing", "The list is empty.").await;
}

/// First what it would do, then it is done.
async fn goes_back(bridge: &Bridge, browser: &Browser) {
    let key = format!("/api/v1/feedback/{ORGANIZER}/key");
    let before = bridge.get(&key).await["key"].clone();
    assert_ne!(before, "");
    browser.click("nav.actions a[href$='/key']").await;
    browser.click("form[action$='/key/preview']:has(input[value=start]) button").await;
    browser.shows("main h1", "what a rewind would do").await;
    let tiles = browser.texts(".tile").await;
    assert!(tiles.iter().any(|tile| tile == "Tickets\n2"), "{tiles:?}");
    assert_eq!(bridge.get(&key).await["key"], before, "a preview changes nothing");
    browser.click("form[action$='/key/rewind'] button.danger").await;
    browser.shows("[data-notice]", "The key was set back.").await;
    browser.shows("#key", "start of the stream").await;
    browser.shows("#moves tbody td", "set back").await;
    assert_eq!(bridge.get(&key).await["key"], "");
}
