//! The Stream Viewer: it shows what is exchanged as it is, and freezes, clears and finds on the page.

use serde_json::Value;

use crate::bridge::{Bridge, client};
use crate::browser::Browser;
use crate::place::{Place, Settings, sandbox, tickets, until};

/// Rows that are seen.
const SEEN: &str =
    "return [...document.querySelectorAll('#exchanges tr[data-id]')].filter((row) => !row.hidden).length";
/// The number of the newest exchange of the page.
const NEWEST: &str = "return document.querySelector('#exchanges tr[data-id]').dataset.id";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Chromium and ChromeDriver; ./test.sh --audit runs them"]
async fn exchanges_are_found_cleared_frozen_and_opened() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("S", 3)).await;
    bridge.completed(3).await;
    let browser = Browser::start(bridge.address).await;
    browser.open("/console/stream").await;
    browser.shows("#exchanges .badge.good", "200").await;
    browser.has("#stream-tools:not([hidden])").await;
    browser.has("#live.on").await;
    browser.mark().await;
    finds(&browser).await;
    clears(&bridge, &browser).await;
    freezes(&bridge, &browser).await;
    assert!(browser.is_same_page().await, "it was not loaded anew");
    opens(&browser).await;
    browser.is_quiet().await;
    assert!(bridge.stop().await.success());
}

async fn seen(browser: &Browser) -> u64 {
    browser.script(SEEN, &[]).await.as_u64().expect("a number")
}

async fn finds(browser: &Browser) {
    const BACKSPACE: &str = "\u{e003}";
    browser.write("[data-find]", "no such text").await;
    assert_eq!(seen(browser).await, 0);
    browser.shows("#stream-tools output", "0 / ").await;
    browser.rewrite("[data-find]", "work order").await;
    assert_eq!(seen(browser).await, 0, "it is in bodies only");
    browser.rewrite("[data-find]", "WRITE").await;
    let writes = seen(browser).await;
    assert!(writes >= 3, "three steps were written: {writes}");
    browser.rewrite("[data-find]", BACKSPACE).await;
    assert!(seen(browser).await > writes);
}

/// What was there is hidden, what comes is shown.
async fn clears(bridge: &Bridge, browser: &Browser) {
    browser.click("[data-clear]").await;
    browser.has("[data-clear][aria-pressed=true]").await;
    let before = browser.script(NEWEST, &[]).await;
    let before = before.as_str().expect("a number").to_owned();
    bridge.send(&tickets("C", 1)).await;
    let only_new = "const rows = [...document.querySelectorAll('#exchanges tr[data-id]')];
        const seen = rows.filter((row) => !row.hidden);
        return seen.length > 0 && rows.every((row) => row.hidden === (Number(row.dataset.id) <= Number(arguments[0])))";
    browser.until("only what is new is seen", only_new, &[&before]).await;
    browser.click("[data-clear]").await;
    browser
        .until("all are seen", "return document.querySelector('#exchanges tr[data-id][hidden]') === null", &[])
        .await;
}

/// A frozen page stays as it is through two whole looks at the server after something came, and goes on when it is told.
async fn freezes(bridge: &Bridge, browser: &Browser) {
    bridge.completed(4).await;
    browser.click("[data-freeze]").await;
    browser.shows("[data-freeze][aria-pressed=true]", "Go on").await;
    let frozen = browser.script(NEWEST, &[]).await;
    bridge.send(&tickets("F", 1)).await;
    bridge.completed(5).await;
    until("its requests are kept", async || {
        let kept = bridge.get("/api/v1/exchanges?purpose=write&limit=1").await;
        let newest = kept["items"][0]["id"].as_u64()?;
        (newest > frozen.as_str()?.parse().ok()?).then_some(())
    })
    .await;
    browser
        .script("window.looks = 0; document.addEventListener('ticketbridge:live', () => { window.looks += 1; })", &[])
        .await;
    for looks in 1..=2 {
        browser.script("document.dispatchEvent(new CustomEvent('ticketbridge:read'))", &[]).await;
        browser
            .until("the page has looked", "return window.looks >= Number(arguments[0])", &[&looks.to_string()])
            .await;
    }
    assert_eq!(browser.script(NEWEST, &[]).await, frozen);
    browser.click("[data-freeze]").await;
    let goes_on = "return Number(document.querySelector('#exchanges tr[data-id]').dataset.id) > Number(arguments[0])";
    browser.until("it goes on", goes_on, &[frozen.as_str().expect("a number")]).await;
}

/// One exchange with its bodies, and what is saved.
async fn opens(browser: &Browser) {
    browser.choose("select[name=purpose]", "write").await;
    browser.until("only writes", "return location.search.includes('purpose=write')", &[]).await;
    browser.has("select[name=purpose] option[value=write]:checked").await;
    let purposes = browser.texts("#exchanges tbody td:nth-child(4)").await;
    assert!(purposes.iter().all(|purpose| purpose == "write") && !purposes.is_empty(), "{purposes:?}");
    let link = browser.property("a[download='exchanges.txt']", "href").await;
    let text = client().get(link).send().await.expect("an answer").text().await.expect("a text");
    assert_eq!(text.matches("\n---- request\n").count(), purposes.len(), "{text}");
    browser.click("#exchanges tbody a").await;
    browser.has("pre#request").await;
    let request = browser.property("pre#request", "innerText").await;
    assert!(serde_json::from_str::<Value>(&request).is_ok(), "{request}");
    browser.click("button[data-copy='#request']").await;
    browser.shows("button[data-copy='#request']", "Copied").await;
}
