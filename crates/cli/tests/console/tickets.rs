//! The table of tickets, one ticket, and the groups of errors: what comes in is seen at once, and what an operator does
//! is done.

use ticketbridge_sandbox::faults::{Knob, Rule};

use crate::bridge::{Bridge, client};
use crate::browser::Browser;
use crate::place::{Place, Settings, faults, sandbox, tickets};

/// Tickets with this in their name are refused.
const BAD: &str = "BAD";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Chromium and ChromeDriver; ./test.sh --audit runs them"]
async fn tickets_come_in_live_and_those_in_error_are_dismissed_retried_and_redriven() {
    let sandbox = sandbox(1).await;
    let poison = Knob::PoisonItem {
        text: String::from(BAD),
        code: String::from("INVALID_FIELD"),
        message: String::from("the title is not allowed here"),
        retryable: false,
    };
    faults(&sandbox, [Rule::from(poison)]);
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    let browser = Browser::start(bridge.address).await;
    comes_in_live(&bridge, &browser).await;
    pages_and_filters(&bridge, &browser).await;

    bridge.send(&tickets(BAD, 4)).await;
    let all = bridge.settled(65).await;
    let id = |number: usize| all[&format!("{BAD}-000{number}")]["id"].as_str().expect("an id");
    tells_its_story(&browser, id(1)).await;
    is_dismissed(&bridge, &browser, id(1)).await;
    sandbox.clear_faults();
    is_retried(&browser, id(2)).await;
    are_redriven(&browser).await;
    let states = bridge.states().await;
    assert_eq!(
        (states.get("Completed"), states.get("Dismissed"), states.len()),
        (Some(&64), Some(&1), 2),
        "{states:?}"
    );
    let seen = sandbox.sfyc_stats();
    assert_eq!((seen.tickets, seen.duplicates.total), (64, 0));
    browser.is_quiet().await;
    assert!(bridge.stop().await.success());
}

/// A ticket that the API takes stands in the open page, and moves through its states there.
async fn comes_in_live(bridge: &Bridge, browser: &Browser) {
    browser.open("/console/tickets").await;
    browser.shows("#tickets .nothing", "No ticket fits").await;
    browser.has("#live.on").await;
    browser.mark().await;
    bridge.send(&tickets("LIVE", 1)).await;
    browser.shows("#tickets tbody td", "SNR|LIVE-0001").await;
    browser.shows("#tickets tbody .badge.good", "Completed").await;
    assert!(browser.is_same_page().await, "it was not loaded anew");
}

async fn pages_and_filters(bridge: &Bridge, browser: &Browser) {
    bridge.send(&tickets("N", 60)).await;
    bridge.completed(61).await;
    browser.open("/console/tickets").await;
    assert_eq!(browser.count("#tickets tbody tr").await, 50);
    let link = browser.property("#tickets a[download]", "href").await;
    let export = client().get(link).send().await.expect("an answer").text().await.expect("a text");
    assert_eq!(export.lines().count(), 62, "a head and all tickets, not only the page's");
    browser.click("#tickets a[rel=next]").await;
    browser.shows("#tickets .pager", "First page").await;
    assert_eq!(browser.count("#tickets tbody tr").await, 11);

    browser.write(".filters input[name=text]", "N-0042").await;
    browser.choose(".filters select[name=state]", "Completed").await;
    browser.click(".filters button[type=submit]").await;
    browser.until("one row", "return document.querySelectorAll('#tickets tbody tr').length === 1", &[]).await;
    assert_eq!(browser.texts("#tickets tbody a").await, ["SNR|N-0042"]);
    assert_eq!(browser.property(".filters input[name=text]", "value").await, "N-0042", "the filter is shown");
    browser.choose(".filters select[name=state]", "Error").await;
    browser.click(".filters button[type=submit]").await;
    browser.shows("#tickets .nothing", "No ticket fits").await;
}

/// From the table to the request that was refused.
async fn tells_its_story(browser: &Browser, id: &str) {
    browser.open("/console/tickets?state=Error").await;
    assert_eq!(browser.count("#tickets tbody tr").await, 4);
    browser.click(&format!("#tickets a[href='/console/tickets/{id}']")).await;
    browser.shows("main h1", "SNR|BAD-0001").await;
    browser.shows("#ticket .badge.bad", "Error").await;
    browser.shows(".timeline .bad", "the title is not allowed here").await;
    let body = ".timeline .bad details[open] pre";
    browser.has_no(body).await;
    browser.click(".timeline .bad details summary").await;
    browser.shows(body, "BAD-0001").await;
    browser.click("#body summary").await;
    browser.shows("#body[open] pre", "\"message_id\": \"BAD-0001\"").await;
}

/// Not without a reason, and not without a yes.
async fn is_dismissed(bridge: &Bridge, browser: &Browser, id: &str) {
    let dismiss = "form[action$='/dismiss'] button";
    browser.has("form[action$='/dismiss'] input[name=reason]:invalid").await;
    browser.click(dismiss).await;
    assert_eq!(browser.count("dialog[open]").await, 0, "nothing is asked while the reason lacks");
    browser.write("form[action$='/dismiss'] input[name=reason]", "no such node").await;
    browser.click(dismiss).await;
    browser.answer("Give this ticket up?", false).await;
    browser.has_no("dialog[open]").await;
    assert_eq!(bridge.get(&format!("/api/v1/tickets/{id}")).await["state"], "Error");
    browser.click(dismiss).await;
    browser.answer("Give this ticket up?", true).await;
    browser.shows("[data-notice]", "The ticket was dismissed.").await;
    browser.shows("#ticket .badge.off", "Dismissed").await;
    browser.shows(".timeline .act", "no such node").await;
    browser.has_no("form[action$='/dismiss']").await;
    assert_eq!(browser.path().await, format!("/console/tickets/{id}"), "a reload does not say it again");
}

async fn is_retried(browser: &Browser, id: &str) {
    browser.open(&format!("/console/tickets/{id}")).await;
    browser.click("form[action$='/retry'] button").await;
    browser.answer("Try the step that failed again?", true).await;
    browser.shows("[data-notice]", "The ticket is tried again.").await;
    browser.mark().await;
    browser.shows("#ticket .badge.good", "Completed").await;
    assert!(browser.is_same_page().await, "it was not loaded anew");
    browser.shows(".timeline .act", "tried it again").await;
}

/// The group of what is left, what would be sent for it, and all of it again.
async fn are_redriven(browser: &Browser) {
    browser.open("/console/errors").await;
    assert_eq!(browser.count("#errors tbody tr").await, 1);
    assert_eq!(browser.texts("#errors tbody td:first-child").await, ["2"]);
    browser.click("#errors tbody a").await;
    browser.shows("main pre", "BAD-0003").await;
    browser.shows("main ul", "SNR|BAD-0004").await;
    browser.click("form[action$='/redrive'] button").await;
    browser.answer("Try the failed step of all these tickets again? (2)", true).await;
    browser.shows("[data-notice]", "The tickets are tried again.").await;
    browser.shows("#errors .nothing", "No ticket is in Error.").await;
    browser.open("/console/tickets?text=BAD").await;
    browser.until(
        "both are Completed",
        "return [...document.querySelectorAll('#tickets tbody .badge')].filter((one) => one.matches('.good')).length === 3",
        &[],
    )
    .await;
}
