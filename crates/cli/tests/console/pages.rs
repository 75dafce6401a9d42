//! Every page, over what the demo left: it opens without complaints, shows its data, fits at both widths and in both
//! languages, and can be used with the keyboard.

use serde_json::Value;

use crate::browser::{Browser, ENTER, NARROW, TAB, WIDE};
use crate::demo::Demo;

/// A page: its name, its address, and what it must show.
struct Page {
    name: &'static str,
    path: String,
    shows: &'static str,
}

/// All pages; those of one thing with the newest of its kind.
async fn all(demo: &Demo) -> Vec<Page> {
    let tickets = demo.get("/api/v1/tickets?limit=1000").await;
    let tickets = tickets["items"].as_array().expect("items");
    let is_built = |ticket: &&Value| ticket["message_id"].as_str().is_some_and(|id| !id.starts_with("demo-"));
    let built = tickets.iter().find(is_built).expect("a ticket of the workflow");
    let run = &demo.get("/api/v1/feedback/demo/runs").await["items"][0]["run"];
    let exchange = &demo.get("/api/v1/exchanges?limit=1").await["items"][0]["id"];
    let group = demo.get("/api/v1/aggregations/snr_upstream?limit=1").await;
    let group = group["items"][0]["group_id"].as_str().expect("a group").to_owned();
    let ticket = built["id"].as_str().expect("an id");
    let page = |name, path: &str, shows| Page { name, path: path.to_owned(), shows };
    vec![
        page("overview", "/console", "#platforms .badge.good"),
        page("tickets", "/console/tickets", "#tickets tbody tr"),
        page("ticket", &format!("/console/tickets/{ticket}"), ".timeline details pre"),
        page("errors", "/console/errors", "#errors .nothing"),
        page("backends", "/console/backends", "#backends input[name=max_retries]"),
        page("aggregations", "/console/aggregations", "#tables .badge.normal"),
        page("aggregation", "/console/aggregations/snr_upstream", "#rows svg.spark"),
        page("networks", "/console/aggregations/snr_upstream?level=network", "#rows tbody tr"),
        page("group", &format!("/console/aggregations/snr_upstream/{group}"), "#group table svg.spark"),
        page("offloads", "/console/offloads", "#runs tbody tr"),
        page("feedback", "/console/feedback", "#functions tbody tr"),
        page("function", "/console/feedback/demo", "#function tbody tr"),
        page("runs", "/console/feedback/demo/runs", "#runs tbody tr"),
        page("run", &format!("/console/feedback/demo/runs/{run}"), "#run .tile"),
        page("key", "/console/feedback/demo/key", "#moves tbody tr"),
        page("failed", "/console/feedback/demo/failed", "main .nothing"),
        page("skip", "/console/feedback/demo/skip", "main .nothing"),
        page("records", "/console/feedback/mobile-tickets", "main tbody tr"),
        page("stream", "/console/stream", "#exchanges tbody tr"),
        page("audit", "/console/audit", "main .nothing"),
        page("exchange", &format!("/console/stream/{exchange}"), "main section.card"),
    ]
}

/// Elements that stick out of the page sideways and do not scroll in a frame of their own.
const STICKING_OUT: &str = "const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= innerWidth) return '';
    const out = [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > width + 1);
    return out.map((one) => one.outerHTML.slice(0, 120)).slice(0, 8).join('\\n') || 'something';";

/// The page is complete, live where it should be, and as wide as the window.
async fn check(browser: &Browser, page: &Page) {
    browser.open(&page.path).await;
    browser.has(page.shows).await;
    let live = "return !document.body.dataset.liveTypes || document.getElementById('live').className === 'on'";
    browser.until("the page is live", live, &[]).await;
    assert_ne!(browser.property("main h1", "innerText").await, "", "{}", page.path);
    assert_eq!(browser.count("main h1").await, 1, "{}", page.path);
    let out = browser.script(STICKING_OUT, &[]).await;
    assert_eq!(out, "", "{} is wider than its window", page.path);
    browser.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Chromium and ChromeDriver; ./test.sh --audit runs them"]
async fn every_page_opens_without_complaints_and_fits_at_both_widths_and_in_both_languages() {
    let demo = Demo::done().await;
    let browser = Browser::start(demo.address).await;
    let pages = all(&demo).await;
    for (view, size) in [(WIDE, "1280"), (NARROW, "390")] {
        browser.look(view).await;
        for page in &pages {
            check(&browser, page).await;
            browser.keep(&format!("{}-{size}", page.name)).await;
        }
    }
    // What the navigation leads to is a page.
    let links = "return [...document.querySelectorAll('.bar nav a')].map((one) => one.getAttribute('href')).join(' ')";
    let links = browser.script(links, &[]).await;
    for path in links.as_str().expect("a text").split(' ') {
        browser.open(path).await;
        browser.has(&format!(".bar nav a[href='{path}'][aria-current=page]")).await;
        browser.is_quiet().await;
    }

    // Spanish, from a page that stays where it is.
    browser.open("/console/tickets?state=Completed").await;
    browser.click("button[name=language][value=es]").await;
    browser.has("html[lang=es]").await;
    assert_eq!(browser.path().await, "/console/tickets?state=Completed");
    browser.shows(".bar nav", "Resumen").await;
    browser.shows("#tickets .badge", "Completado").await;
    for page in &pages {
        check(&browser, page).await;
        assert_eq!(browser.property("html", "lang").await, "es", "{}", page.path);
    }
    browser.keep("exchange-390-es").await;
    browser.click("button[name=language][value=en]").await;
    browser.has("html[lang=en]").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Chromium and ChromeDriver; ./test.sh --audit runs them"]
async fn the_keyboard_skips_the_bar_sorts_a_table_and_a_severity_leads_down_to_the_channels() {
    let demo = Demo::done().await;
    let browser = Browser::start(demo.address).await;
    skips_the_bar(&browser).await;
    sorts(&browser).await;
    filters_by_severity(&browser).await;
    goes_down(&demo, &browser).await;
    browser.is_quiet().await;
}

/// The first *Tab* of a page leads to a link that is seen then, and that leads past the navigation.
async fn skips_the_bar(browser: &Browser) {
    browser.open("/console").await;
    browser.press(TAB).await;
    let is_seen = "const one = document.activeElement, box = one.getBoundingClientRect();
        return one.matches('a.skip') && box.left >= 0 && box.top >= 0 && box.width > 0";
    browser.until("the link is seen", is_seen, &[]).await;
    browser.press(ENTER).await;
    browser.until("the content has the focus", "return document.activeElement.id === 'main'", &[]).await;
    let is_uncovered = "const title = document.querySelector('main h1'), box = title.getBoundingClientRect();
        return title.contains(document.elementFromPoint(box.left + 5, box.top + box.height / 2))";
    assert_eq!(browser.script(is_uncovered, &[]).await, true, "the bar lies over the title");
    browser.press(TAB).await;
    browser
        .until("what follows is of the content", "return document.activeElement.closest('main') !== null", &[])
        .await;
}

/// A head sorts the rows by click and by key, up and down.
async fn sorts(browser: &Browser) {
    browser.open("/console/tickets").await;
    let keys = async || browser.texts("#tickets tbody td:nth-child(2)").await;
    browser.click("#tickets th:nth-child(2) button").await;
    browser.has("#tickets th:nth-child(2)[aria-sort=ascending]").await;
    let up = keys().await;
    assert_eq!(up.len(), 50);
    assert!(up.is_sorted(), "{up:?}");
    browser.press(ENTER).await;
    browser.has("#tickets th:nth-child(2)[aria-sort=descending]").await;
    assert!(keys().await.iter().eq(up.iter().rev()), "the other way round");
}

async fn filters_by_severity(browser: &Browser) {
    browser.open("/console/aggregations").await;
    browser.click("#tables a[href='/console/aggregations/snr_upstream?severity=normal']").await;
    browser.has("select[name=severity] option[value=normal]:checked").await;
    let seen = browser.texts("#rows tbody td:first-child").await;
    assert!(!seen.is_empty() && seen.iter().all(|severity| severity == "Normal"), "{seen:?}");
    browser.choose("select[name=severity]", "timeout").await;
    browser.shows("#rows .nothing", "No row fits.").await;
}

/// From all networks to one channel, each step within the one before.
async fn goes_down(demo: &Demo, browser: &Browser) {
    browser.open("/console/aggregations/snr_upstream").await;
    browser.choose("select[name=level]", "network").await;
    browser.has("select[name=level] option[value=network]:checked").await;
    let mut way = Vec::new();
    for level in ["market", "hub", "ccap", ""] {
        let name = browser.property("#rows tbody a", "innerText").await;
        browser.click("#rows tbody a").await;
        way.push(name.clone());
        browser.has(&format!("select[name=level] option[value='{level}']:checked")).await;
        browser.shows(".way", &name).await;
        assert_eq!(browser.texts(".way a").await[1..], way, "at {level}");
        browser.has("#rows tbody tr").await;
    }
    let group = browser.property("#rows tbody a", "innerText").await;
    browser.click("#rows tbody a").await;
    browser.shows("main h1", &group).await;
    assert_eq!(browser.texts(".way a").await[1..], way);
    let told = demo.get(&format!("/api/v1/aggregations/snr_upstream/{group}")).await;
    assert_eq!(told["group"]["ccap"], way[3].as_str(), "{told}");
    let channels: Vec<_> = told["channels"].as_array().expect("channels").iter().collect();
    assert!(!channels.is_empty());
    let seen = browser.texts("#group tbody td:first-child").await;
    assert!(seen.iter().eq(channels.iter().map(|channel| channel["channel_id"].as_str().expect("an id"))), "{seen:?}");
    // And back up.
    browser.click(".way a:nth-child(2)").await;
    browser.until("the network's groups", "return location.search.startsWith('?network=')", &[]).await;
    browser.has("#rows tbody tr").await;
}
