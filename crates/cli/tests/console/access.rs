//! Login, what a role sees, and logout.

use serde_json::Value;

use crate::bridge::{Bridge, client};
use crate::browser::Browser;
use crate::place::{Place, Settings, sandbox, tickets, until};

/// A new token with this name and role.
async fn token(place: &Place, name: &str, role: &str) -> String {
    place.good(&["token", "create", name, "--role", role]).await.stdout.trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Chromium and ChromeDriver; ./test.sh --audit runs them"]
async fn a_token_opens_the_console_for_its_role_until_the_logout() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("T", 1)).await;
    bridge.completed(1).await;
    let viewer = token(&place, "noc", "viewer").await;
    let operator = token(&place, "shift", "operator").await;
    until("a token is asked for", async || {
        let answer = client().get(format!("http://{}/api/v1/tickets", bridge.address)).send().await.expect("an answer");
        (answer.status() == 401).then_some(())
    })
    .await;
    let browser = Browser::start(bridge.address).await;

    browser.open("/console/backends").await;
    assert_eq!(browser.path().await, "/login?to=%2Fconsole%2Fbackends");
    browser.is_quiet().await;
    is_refused(&browser).await;
    log_in(&browser, &viewer).await;
    browser.shows("main h1", "Backends").await;
    browser.shows("footer", "noc · viewer").await;
    for (path, shows) in [("/console/backends", "#backends .badge"), ("/console/offloads", "#offloads tbody tr")] {
        browser.open(path).await;
        browser.has(shows).await;
        browser.has("#live.on").await;
        assert_eq!(browser.count("main form:not([method=dialog]) button").await, 0, "{path}");
    }
    browser.open("/console/backends").await;
    assert_eq!(browser.count("#backends input:not(:disabled)").await, 0);
    assert_eq!(browser.count("a[href='/console/audit']").await, 0, "only an admin reads it");
    let cookies = browser.script("return document.cookie", &[]).await;
    assert_eq!(cookies, "", "no script reads the session");
    log_out(&browser).await;

    log_in(&browser, &operator).await;
    browser.shows("footer", "shift · operator").await;
    browser.open("/console/backends").await;
    browser.has("#backends button.danger").await;
    browser.is_quiet().await;
    log_out(&browser).await;
    for secret in [viewer, operator] {
        assert!(!bridge.log().contains(&secret));
    }
    assert!(bridge.stop().await.success());
}

/// A wrong token leads back to the form, which says so and does not repeat it.
async fn is_refused(browser: &Browser) {
    log_in(browser, "tb_0000000000000000000000000000000000000000000000000000000000000000").await;
    browser.shows("[role=alert]", "This token is not valid").await;
    assert_eq!(browser.property("#token", "value").await, "");
    // The browser notes the status, 401, and nothing else.
    let complaints = browser.complaints().await;
    assert!(complaints.iter().all(|line| line.contains("401")), "{complaints:?}");
}

/// Types a token into the field that has the focus from the beginning.
async fn log_in(browser: &Browser, token: &str) {
    browser.until("the field has the focus", "return document.activeElement.id === 'token'", &[]).await;
    browser.write("#token", token).await;
    browser.click("form[action='/login'] button").await;
}

/// Afterwards every page leads to the login again, the one before included.
async fn log_out(browser: &Browser) {
    browser.click("form[action='/logout'] button").await;
    browser.has("form[action='/login']").await;
    browser.open("/console/tickets").await;
    assert_eq!(browser.path().await, "/login?to=%2Fconsole%2Ftickets");
    let answer = browser.script("return fetch('/api/v1/tickets').then((answer) => answer.status)", &[]).await;
    assert_eq!(answer, Value::from(401));
    let complaints = browser.complaints().await;
    assert!(complaints.iter().all(|line| line.contains("401")), "{complaints:?}");
}
