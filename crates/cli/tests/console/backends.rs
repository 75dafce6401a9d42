//! The settings of a backend and the files of a kind, changed by hand while the page is open.

use std::path::Path;

use reqwest::Method;
use serde_json::json;

use crate::bridge::Bridge;
use crate::browser::Browser;
use crate::place::{Place, Settings, sandbox, tickets};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Chromium and ChromeDriver; ./test.sh --audit runs them"]
async fn backends_are_switched_and_changed_and_files_are_taken_in() {
    let sandbox = sandbox(1).await;
    let incoming = tempfile::tempdir().expect("a folder");
    // Nobody looks into the folder but by hand.
    let offload = format!(
        "[offload.us_channel_snr]\nfolder = '{at}'\nscan_interval = \"1h\"\nreject_folder = '{at}/rejects'\n",
        at = incoming.path().display()
    );
    let place = Place::on(&sandbox, Settings { offload, ..Settings::default() });
    let bridge = Bridge::start(&place).await;
    let browser = Browser::start(bridge.address).await;
    is_switched(&bridge, &browser).await;
    numbers_change(&bridge, &browser).await;
    browser.is_quiet().await;
    files_are_uploaded(&browser, incoming.path()).await;
    browser.is_quiet().await;
    assert!(bridge.stop().await.success());
}

/// Off by the page, with a question; on by somebody else, which the page shows by itself.
async fn is_switched(bridge: &Bridge, browser: &Browser) {
    browser.open("/console/backends").await;
    browser.shows("#backends .badge.good", "Processing on").await;
    browser.click("#backends button.danger").await;
    browser.answer("Send nothing new for this backend?", true).await;
    browser.shows("[data-notice]", "The settings were changed.").await;
    browser.shows("#backends .badge.off", "Processing off").await;
    assert_eq!(bridge.get("/api/v1/backends/be-1").await["processing"], false);
    browser.has("#live.on").await;
    browser.mark().await;
    bridge.send(&tickets("W", 1)).await;
    let waiting = "#backends dl.facts dd:nth-of-type(1)";
    browser.shows(waiting, "1").await;
    let on = json!({"processing": true});
    let reply = bridge.call(Method::PATCH, "/api/v1/backends/be-1", Some(&on)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    browser.shows("#backends .badge.good", "Processing on").await;
    browser.shows("#backends dl.facts dd:nth-of-type(5)", "1").await;
    browser.shows(waiting, "0").await;
    assert!(browser.is_same_page().await, "it was not loaded anew");
}

async fn numbers_change(bridge: &Bridge, browser: &Browser) {
    let (input, change) = ("#backends input[name=max_retries]", "#backends form:has(input[name=max_retries]) button");
    browser.rewrite(input, "999999").await;
    browser.click(change).await;
    assert_eq!(browser.count("dialog[open]").await, 0, "too many: the browser says so");
    browser.rewrite(input, "7").await;
    browser.click(change).await;
    browser.answer("Change these settings?", true).await;
    browser.shows("[data-notice]", "The settings were changed.").await;
    browser.shows("#backends .hint", "max_retries").await;
    assert_eq!(browser.property(input, "value").await, "7");
    assert_eq!(bridge.get("/api/v1/backends/be-1").await["max_retries"], 7);
}

/// A file by the form, one that is none, and a look into a folder.
async fn files_are_uploaded(browser: &Browser, folder: &Path) {
    browser.open("/console/offloads").await;
    browser.has("#live.on").await;
    browser.mark().await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../core/tests/data/telecom/golden/topology_service_group.csv")
        .canonicalize()
        .expect("the data set");
    let lines = std::fs::read_to_string(&file).expect("the file").trim_end().lines().count() - 1;
    browser.write("#upload select[name=kind]", "topology_service_group").await;
    browser.write("#upload input[type=file]", &file.display().to_string()).await;
    browser.click("#upload button[type=submit]").await;
    browser.shows("#upload output", "topology_service_group.csv: loaded").await;
    let is_told = "return [...document.querySelectorAll('#offloads tbody tr')].some((row) =>
        row.cells[0].innerText.startsWith('topology_service_group') && row.cells[2].innerText === arguments[0])";
    browser.until("its lines are told", is_told, &[&lines.to_string()]).await;

    let wrong = folder.join("shopping.csv");
    std::fs::write(&wrong, "apples,pears\n1,2\n").expect("a file");
    browser.write("#upload input[type=file]", &wrong.display().to_string()).await;
    browser.click("#upload button[type=submit]").await;
    browser.shows("#upload output", "shopping.csv: refused. ").await;
    assert!(browser.is_same_page().await, "it was not loaded anew");

    browser.click("form[action='/console/offloads/us_channel_snr/now'] button").await;
    browser.shows("[data-notice]", "What was there was looked into.").await;
}
