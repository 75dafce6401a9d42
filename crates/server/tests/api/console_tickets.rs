//! *Ticket Overview*: filters, pages, CSV.

use serde_json::{Value, json};
use ticketbridge_core::ticket::State;

use crate::browser::{Browser, ESCAPED, HOSTILE, has};
use crate::place::{CONFIG, Delivery, Place, ticket};

/// Turns the direction of writing.
const TURNED: &str = "\u{202e}gnp.exe";

/// The message ids of the page's rows, by their keys.
fn keys(page: &str) -> Vec<String> {
    let (_, body) = page.split_once("<tbody>").unwrap_or_default();
    let cells = body.split("href=\"/console/tickets/").skip(1);
    let keys = cells.map(|cell| cell.split_once('>').unwrap().1.split_once('<').unwrap().0.to_owned());
    keys.filter(|key| !key.contains("CSV")).collect()
}

fn next(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("rel=\"next\" href=\"")?;
    Some(rest.split_once('"').unwrap().0.replace("&amp;", "&"))
}

/// Two platforms: be-1 and be-2 are on one, be-3 on the other.
async fn place() -> Place {
    let more = r#"
[platforms.other]
type = "connector"
file = "builtin:sfyc"
host = "127.0.0.1"
port = 9
auth = "none"
bypass_proxy = true
[[backends]]
name = "be-3"
tickets = "other"
work_orders = "sfyc"
"#;
    Place::with(&format!("{CONFIG}{more}"), Delivery::HasEnded).await.unwrap()
}

#[tokio::test]
async fn each_filter_lets_through_what_fits() {
    let place = place().await;
    for (backend, calls) in [
        ("be-1", json!([{"message_id": "m-1", "kind": "SNR", "dedupe_key": "K1"}])),
        ("be-2", json!([{"message_id": "m-2", "kind": "Falla de Línea", "dedupe_key": "K2"}])),
        ("be-3", json!([{"message_id": "m-3", "kind": "SNR", "dedupe_key": "K3"}])),
    ] {
        place.post(&format!("/api/v1/tickets?backend={backend}"), &calls).await.ok();
    }
    let id = place.id("m-2").await;
    place
        .change(&id, |row| {
            row.state = State::Error;
            row.reason = Some(String::from("refused for good"));
        })
        .await;
    let browser = Browser::at(&place);
    for (query, expected) in [
        ("", &["K3", "K2", "K1"][..]),
        ("?state=&kind=&backend=&platform=&text=", &["K3", "K2", "K1"]),
        ("?state=Error", &["K2"]),
        ("?state=Received", &["K3", "K1"]),
        ("?kind=snr", &["K3", "K1"]),
        ("?kind=+falla+de+linea+", &["K2"]),
        ("?backend=be-2", &["K2"]),
        ("?platform=sfyc", &["K2", "K1"]),
        ("?platform=other", &["K3"]),
        ("?platform=sfyc&backend=be-1", &["K1"]),
        ("?platform=sfyc&backend=be-3", &[]),
        ("?platform=nobody", &[]),
        ("?backend=nobody", &[]),
        ("?text=REFUSED", &["K2"]),
        ("?text=m-1", &["K1"]),
        ("?state=Received&platform=sfyc&text=k", &["K1"]),
        ("?colour=red&notice=retried", &["K3", "K2", "K1"]),
    ] {
        let page = browser.page(&format!("/console/tickets{query}")).await;
        assert_eq!(keys(&page), expected, "{query}");
        assert_eq!(page.contains("No ticket fits this filter"), expected.is_empty(), "{query}");
        let csv = browser.get(&format!("/console/tickets.csv{query}")).await;
        assert_eq!((csv.status, csv.text.lines().count()), (200, 1 + expected.len()), "{query}: {}", csv.text);
    }
    let page = browser.page("/console/tickets?state=Error&backend=be-2&platform=sfyc&kind=x%22y").await;
    has(&page, &["value=\"Error\" selected", "<option selected>be-2<", "<option selected>sfyc<", "x&quot;y"]);
    let spanish = Browser::at(&place).spanish().page("/console/tickets?state=Error").await;
    has(&spanish, &["Filtrar", "Intentos", "Motivo", "Recibido", "Exportar CSV"]);
    let none = Browser::at(&place).spanish().page("/console/tickets?state=Completed").await;
    has(&none, &["Ningún ticket cumple este filtro"]);
}

#[tokio::test]
async fn a_filter_that_cannot_be_used_is_refused_with_the_way_out() {
    let place = Place::open().await;
    let browser = Browser::at(&place);
    for path in ["/console/tickets", "/console/tickets.csv"] {
        for (query, words) in [
            ("?state=Lost", "the states are Received"),
            ("?state=%3Cscript%3Ealert(1)%3C%2Fscript%3E", "the states are Received"),
            (&*format!("?kind={}", "x".repeat(201)), "the limit is 200"),
            (&*format!("?text={}", "x".repeat(201)), "the limit is 200"),
        ] {
            let answer = browser.get(&format!("{path}{query}")).await;
            assert_eq!((answer.status, answer.kind.as_str()), (400, "text/html; charset=utf-8"), "{}", answer.text);
            assert!(answer.text.contains(words) && !answer.text.contains("<script>alert"), "{}", answer.text);
        }
    }
    for cursor in ["1", "t0", "x", "%3Cscript%3E"] {
        let answer = browser.get(&format!("/console/tickets?cursor={cursor}")).await;
        assert_eq!(answer.status, 400, "{cursor}");
        has(&answer.text, &["leave it out to begin anew"]);
    }
}

#[tokio::test]
async fn pages_follow_each_other_with_the_same_filter() {
    let place = Place::open().await;
    place.fill("a", 120).await;
    place.post("/api/v1/tickets?backend=be-2", &json!([ticket("other")])).await.ok();
    let browser = Browser::at(&place);
    let (mut seen, mut path, mut pages) = (Vec::new(), String::from("/console/tickets?backend=be-1&text=a0"), 0);
    loop {
        let page = browser.page(&path).await;
        seen.extend(keys(&page));
        assert_eq!(page.contains("First page"), pages > 0, "{page}");
        has(&page, &["/console/tickets.csv?backend=be-1&amp;text=a0\""]);
        pages += 1;
        if pages == 1 {
            // What comes in meanwhile moves nothing.
            place.fill("a0late", 10).await;
        }
        match next(&page) {
            Some(next) => path = next,
            None => break,
        }
    }
    let expected: Vec<String> = (0..120).rev().map(|number| format!("SNR|a{number:05}")).collect();
    assert_eq!((seen, pages), (expected, 3));
}

#[tokio::test]
async fn a_part_without_a_row_that_fits_says_that_there_are_more() {
    let place = Place::open().await;
    let seldom = json!([{"message_id": "seldom", "kind": "Seldom", "dedupe_key": "seldom"}]);
    place.post("/api/v1/tickets?backend=be-1", &seldom).await.ok();
    // One look is at 20,000 rows.
    for number in 0..5 {
        place.fill(&format!("p{number}"), 4_999).await;
    }
    let browser = Browser::at(&place);
    let page = browser.page("/console/tickets?kind=seldom").await;
    has(&page, &["None of the newest rows fits this filter", "Older"]);
    assert!(!page.contains("No ticket fits"), "{page}");
    let page = browser.page(&next(&page).unwrap()).await;
    assert_eq!((keys(&page), next(&page)), (vec![String::from("seldom")], None));
    let csv = browser.get("/console/tickets.csv?kind=seldom").await;
    assert_eq!(csv.text.lines().count(), 2, "{}", csv.text);
}

#[tokio::test]
async fn the_export_has_every_row_once_and_no_cell_is_a_formula() {
    let place = Place::open().await;
    place.fill("a", 2_100).await;
    let hostile = json!([
        {"message_id": "=cmd|' /C calc'!A0", "kind": "+1", "dedupe_key": "@SUM(1)"},
        {"message_id": "quotes", "kind": "a,\"b\"", "dedupe_key": HOSTILE},
    ]);
    place.post("/api/v1/tickets?backend=be-1", &hostile).await.ok();
    let id = place.id("quotes").await;
    place.change(&id, |row| row.reason = Some(String::from("-1\r\nsecond \"line\""))).await;
    let browser = Browser::at(&place);
    let export = browser.get("/console/tickets.csv").await;
    assert_eq!((export.status, export.kind.as_str()), (200, "text/csv; charset=utf-8"));
    assert_eq!(export.headers["content-disposition"], "attachment; filename=\"tickets.csv\"");
    assert_eq!(export.headers["x-content-type-options"], "nosniff");
    let (head, rest) = export.text.split_once("\r\n").unwrap();
    assert!(head.starts_with("id,message_id,dedupe_key,kind,backend,platform,state,"), "{head}");
    let (first, rest) = rest.split_once("\r\n").unwrap();
    assert!(first.starts_with(&format!("{id},quotes,\"{}\",\"a,\"\"b\"\"\",be-1,", HOSTILE.replace('"', "\"\""))));
    let (second_line, rest) = rest.split_once("\r\n").unwrap();
    assert!(first.ends_with("\"'-1") && second_line.starts_with("second \"\"line\"\"\","), "{first} {second_line}");
    let (formula, rest) = rest.split_once("\r\n").unwrap();
    assert!(formula.contains(",'=cmd|' /C calc'!A0,'@SUM(1),'+1,be-1,"), "{formula}");
    let ids: Vec<&str> = rest.lines().map(|line| line.split(',').nth(1).unwrap()).collect();
    let expected: Vec<String> = (0..2_100).rev().map(|number| format!("a{number:05}")).collect();
    assert_eq!(ids, expected);
    let some = browser.get("/console/tickets.csv?text=a0000").await;
    assert_eq!(some.text.lines().count(), 11, "the same filter: {}", some.text);
}

#[tokio::test]
async fn what_senders_and_platforms_wrote_is_escaped() {
    let place = Place::open().await;
    let call = json!([
        {"message_id": HOSTILE, "kind": HOSTILE, "dedupe_key": HOSTILE},
        {"message_id": TURNED, "kind": TURNED, "dedupe_key": TURNED},
    ]);
    let answers = place.post("/api/v1/tickets?backend=be-1", &call).await.ok();
    let id = answers[0]["id"].as_str().unwrap();
    place.change(id, |row| row.reason = Some(format!("they said {HOSTILE}"))).await;
    let browser = Browser::at(&place);
    let page = browser.page("/console/tickets").await;
    has(&page, &[&format!("they said {ESCAPED}"), &format!(">{ESCAPED}"), TURNED]);
    assert!(page.matches(ESCAPED).count() >= 3, "key, kind and reason: {page}");
    // What stands in an element of its own turns nothing but itself.
    let (_, style) = page.split_once("rel=\"stylesheet\" href=\"").unwrap();
    let style = browser.get(style.split_once('"').unwrap().0).await;
    has(&style.text, &["a, b, code, span { unicode-bidi: isolate; }"]);
    let query = "/console/tickets?text=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    has(&browser.page(query).await, &["&quot;&gt;&lt;script&gt;alert(1)"]);
}

#[tokio::test]
async fn one_may_be_opened_from_the_list() {
    let place = Place::open().await;
    place.fill("a", 1).await;
    let id = place.id("a00000").await;
    let browser = Browser::at(&place);
    has(&browser.page("/console/tickets").await, &[&format!("href=\"/console/tickets/{id}\">SNR|a00000</a>")]);
    has(&browser.page(&format!("/console/tickets/{id}")).await, &["<h1>SNR|a00000</h1>"]);
    assert_eq!(place.post(&format!("/api/v1/tickets/{id}/retry"), &Value::Null).await.status, 409);
}
