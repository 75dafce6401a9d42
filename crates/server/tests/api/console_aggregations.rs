//! *Aggregations*: the tables, from the network down to the channels.

use std::fmt::Write as _;

use crate::browser::{Browser, ESCAPED, HOSTILE, has};
use crate::network::{self, upload};
use crate::place::Place;

const TABLE: &str = "/console/aggregations/snr_upstream";

/// Where the first link with this text leads to.
#[track_caller]
fn link(page: &str, text: &str) -> String {
    let (before, _) = page.split_once(&format!("\">{text}</a>")).unwrap_or_else(|| panic!("no link `{text}`: {page}"));
    before.rsplit_once("href=\"").unwrap().1.replace("&amp;", "&")
}

fn rows(page: &str) -> usize {
    page.split_once("<tbody>").map_or(0, |(_, body)| body.matches("<tr>").count())
}

#[tokio::test]
async fn before_there_is_a_topology_the_pages_say_what_is_missing() {
    let place = network::place(false).await;
    let browser = Browser::at(&place);
    has(
        &browser.page("/console/aggregations").await,
        &["SNR Upstream Aggregation", "DS Service Group Aggregation", "There was no run yet", "–</span> groups"],
    );
    has(&browser.page(TABLE).await, &["no topology", "No row fits", "0 rows"]);
    for path in ["/console/aggregations/weather", &format!("{TABLE}/U9")] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.kind.as_str()), (404, "text/html; charset=utf-8"), "{path}");
    }
    let spanish = Browser::at(&place).spanish();
    has(&spanish.page("/console/aggregations").await, &["Agregaciones", "Todavía no hubo ninguna corrida"]);
    has(&spanish.page(TABLE).await, &["Ninguna fila cumple", "Severidad", "Grupos de servicio"]);
}

#[tokio::test]
async fn from_the_network_to_the_group_and_its_channels() {
    let place = network::filled().await;
    let browser = Browser::at(&place);
    place.post("/api/v1/workflow/run", &serde_json::json!({})).await.ok();
    let page = browser.page("/console/aggregations").await;
    has(&page, &["3 groups", "Critical 1", "Normal 1", "Timeout 1", "manual", "severity=critical"]);
    let page = browser.page(&link(&page, "SNR Upstream Aggregation")).await;
    has(&page, &["3 rows", "<svg class=\"spark\"", "South", "badge critical", "All networks"]);
    let at = |text: &str| page.find(text).unwrap();
    assert!(at(">U2</a>") < at(">U1</a>") && at(">U1</a>") < at(">U3</a>"), "the worst first: {page}");

    // One link a level, each row with what it is made of.
    let network = browser.page(&link(&page, "All networks")).await;
    assert_eq!(rows(&network), 1);
    let markets = browser.page(&link(&network, "N")).await;
    assert_eq!(rows(&markets), 2);
    has(&markets, &["<option value=\"market\" selected>", "value=\"N\""]);
    let hubs = browser.page(&link(&markets, "M1")).await;
    assert_eq!(rows(&hubs), 1);
    let ccaps = browser.page(&link(&hubs, "H1")).await;
    // C2 serves two hubs, and so is of none of them.
    assert_eq!(rows(&ccaps), 1);
    let groups = browser.page(&link(&ccaps, "C1")).await;
    assert_eq!(rows(&groups), 1);
    has(&groups, &["<option value=\"\" selected>"]);
    let group = browser.page(&link(&groups, "U1")).await;
    has(
        &group,
        &[
            "<h1>U1</h1>",
            "North",
            "Channels",
            "<td>a1</td>",
            "<td>a2</td>",
            "<td class=\"number\">35.5</td><td class=\"number\">35.5</td><td class=\"number\">8</td>",
            "href=\"/console/tickets?text=U1\"",
            "All networks",
        ],
    );
    assert_eq!(group.matches("<svg class=\"spark\"").count(), 3, "one of the group, one of each channel: {group}");
    assert!(group.matches("<polyline").count() >= 3, "{group}");
    // And back up: each step shows what it is made of.
    assert_eq!(rows(&browser.page(&link(&group, "M1")).await), 1);
    has(&browser.page(&link(&group, "N")).await, &["<option value=\"market\" selected>", ">M2</a>"]);
    has(&browser.page(&link(&group, "C1")).await, &[">U1</a>"]);
}

#[tokio::test]
async fn each_filter_lets_through_what_fits() {
    let place = network::filled().await;
    let browser = Browser::at(&place);
    for (query, expected) in [
        ("?level=&severity=&text=", 3),
        ("?severity=critical", 1),
        ("?severity=major", 0),
        ("?network=N", 3),
        ("?market=M2", 1),
        ("?hub=H1", 2),
        ("?ccap=C2&hub=H1", 1),
        ("?text=%C3%91", 1),
        ("?level=hub", 2),
        ("?level=market&severity=critical", 1),
    ] {
        assert_eq!(rows(&browser.page(&format!("{TABLE}{query}")).await), expected, "{query}");
    }
    for (query, words) in [
        ("level=town", "`level` is network, market, hub or ccap"),
        ("severity=bad", "`severity` is critical"),
        ("cursor=x", "`cursor` is not one"),
        (&*format!("text={}", "x".repeat(201)), "the limit is 200"),
    ] {
        let answer = browser.get(&format!("{TABLE}?{query}")).await;
        assert_eq!((answer.status, answer.kind.as_str()), (400, "text/html; charset=utf-8"), "{query}");
        has(&answer.text, &[words]);
    }
    assert_eq!(browser.get(&format!("{TABLE}/U1?cursor=x")).await.status, 400);
    let spanish = Browser::at(&place).spanish();
    has(&spanish.page(TABLE).await, &["Crítico", "24 horas", "3 filas"]);
    has(&spanish.page(&format!("{TABLE}/U1")).await, &["Canales", "Nodos ópticos", "Sus tickets"]);
}

/// More groups and channels than stand on a page, one of them with hostile names.
async fn large() -> Place {
    let place = network::place(false).await;
    let hostile = HOSTILE.replace('"', "\"\"");
    let mut groups = String::from("service_group_id,direction,service_group_name,ccap,hub,market,network\n");
    writeln!(groups, "\"/{hostile}\",US,\"{hostile}\",\"{hostile}\",\"{hostile}\",\"{hostile}\",\"{hostile}\"")
        .unwrap();
    let mut channels = String::from("channel_id,direction,service_group_id,ccap\n");
    writeln!(channels, "\"ch{hostile}\",US,\"/{hostile}\",\"{hostile}\"").unwrap();
    for number in 0..60 {
        writeln!(groups, "U{number:02},US,Name,C1,H1,M1,N").unwrap();
        writeln!(channels, "c{number:02},US,U00,C1").unwrap();
    }
    for (kind, body) in [("topology_service_group", groups), ("topology_channel", channels)] {
        let report = upload(&place, kind, "text/csv", body).await.ok();
        assert_eq!(report["files"][0]["outcome"], "loaded", "{report}");
    }
    place
}

#[tokio::test]
async fn many_rows_and_channels_come_in_pages() {
    let place = large().await;
    let now = place.app.clock.timestamp().0 / 900 * 900;
    let mut samples = String::from("timestamp_utc,channel_id,snr_db\n");
    for number in 0..60 {
        writeln!(samples, "{},c{number:02},35", ticketbridge_core::network::Timestamp(now)).unwrap();
    }
    upload(&place, "us_channel_snr", "text/csv", samples).await.ok();
    let browser = Browser::at(&place);
    let page = browser.page(&format!("{TABLE}?ccap=C1")).await;
    has(&page, &["60 rows"]);
    assert_eq!(rows(&page), 50);
    assert!(!page.contains("First page"), "{page}");
    let page = browser.page(&link(&page, "Next page")).await;
    assert_eq!(rows(&page), 10);
    has(&page, &["First page", "value=\"C1\""]);
    assert_eq!(rows(&browser.page(&link(&page, "First page")).await), 50);

    let page = browser.page(&format!("{TABLE}/U00")).await;
    assert_eq!(rows(&page), 50);
    let page = browser.page(&link(&page, "Next page")).await;
    assert_eq!(rows(&page), 10);
    has(&page, &["<td>c59</td>"]);
}

#[tokio::test]
async fn names_of_the_network_are_escaped_and_lead_where_they_should() {
    let place = large().await;
    let browser = Browser::at(&place);
    let mut path = format!("{TABLE}?level=network&text=script");
    for level in ["network", "market", "hub", "ccap", "group"] {
        let page = browser.page(&path).await;
        has(&page, &[ESCAPED]);
        assert_eq!(rows(&page), 1, "{level}");
        let (_, body) = page.split_once("<tbody>").unwrap();
        let (_, rest) = body.split_once("<a href=\"").unwrap();
        path = rest.split_once('"').unwrap().0.replace("&amp;", "&");
    }
    let page = browser.page(&path).await;
    has(&page, &[&format!("<h1>/{ESCAPED}"), "All networks"]);
    for (_, rest) in page.match_indices("href=\"").map(|(at, _)| page.split_at(at + 6)) {
        let to = rest.split_once('"').unwrap().0.replace("&amp;", "&");
        if to.starts_with(TABLE) {
            browser.page(&to).await;
        }
    }
}
