//! TIXNGO's diff endpoint: the call, and what every sort of answer is.

mod common;

use std::time::Duration;

use common::raw;
use ticketbridge_core::mobile::{Page, PaginationKey};
use ticketbridge_core::time::Wall;
use ticketbridge_platforms::tixngo::{diff_call, read_diff};
use ticketbridge_platforms::{CallFault, CallFaultKind, Transport};

/// 2026-11-21T08:00:00Z.
const NOW: Wall = Wall(1_795_248_000_000);

fn target(key: &str, limit: u32) -> String {
    let call = diff_call(&PaginationKey::from(key), limit);
    assert_eq!((call.method, call.body), (http::Method::GET, None));
    call.target
}

fn fault(transport: &Transport) -> CallFault {
    read_diff(transport, NOW).expect_err("a fault")
}

fn transient(retry_after: Option<u64>) -> CallFaultKind {
    CallFaultKind::Transient { retry_after: retry_after.map(Duration::from_secs) }
}

#[test]
fn the_key_travels_verbatim_and_an_empty_one_not_at_all() {
    insta::assert_snapshot!(target("", 1000), @"/diff?limit=1000");
    insta::assert_snapshot!(target("abc-._~XYZ019", 1), @"/diff?limit=1&paginationKey=abc-._~XYZ019");
    insta::assert_snapshot!(target(" a+/=&%?#,\t", 10_000), @"/diff?limit=10000&paginationKey=%20a%2B%2F%3D%26%25%3F%23%2C%09");
    insta::assert_snapshot!(target("é🎟", 7), @"/diff?limit=7&paginationKey=%C3%A9%F0%9F%8E%9F");
}

#[test]
fn a_page_is_handed_on_byte_by_byte() {
    for body in [
        r#"{"result":[]}"#,
        "\u{feff} {\"pagination\" : {\"nextPageKey\":\" k \"},\r\n \"result\": [ {\"a\":1.0} , 7 ] } ",
        r#"{"result":[],"pagination":null,"result2":"\ud800"}"#,
    ] {
        let page = read_diff(&raw(200, body, &[]), NOW).expect("a page");
        assert_eq!(page, body.as_bytes());
        assert!(Page::read(&page).is_ok());
    }
}

#[test]
fn what_is_no_page_is_a_fault_that_shows_nothing_of_it() {
    let bodies = [
        "<html><body>ann@example.org</body></html>",
        r#"{"result":[{"email":"ann@example.org"}"#,
        r#"{"error":"ann@example.org"}"#,
        r#"{"result":{"email":"ann@example.org"}}"#,
        r#"{"result":[],"result":["ann@example.org"]}"#,
        r#"{"result":[],"pagination":{"nextPageKey":7}}"#,
        r#"{"result":[ann@example.org]}"#,
        "",
    ];
    let faults = bodies.map(|body| fault(&raw(200, body, &[])));
    assert!(faults.iter().all(|fault| fault.kind == transient(None) && !format!("{fault:?}").contains("ann@")));
    insta::assert_snapshot!(faults.map(|fault| fault.why).join("\n"));
}

#[test]
fn each_status_has_its_meaning() {
    let statuses =
        [100, 201, 204, 301, 302, 400, 401, 403, 404, 405, 408, 409, 410, 413, 418, 429, 500, 502, 503, 504, 507];
    let seen = statuses.map(|status| {
        let fault = fault(&raw(status, r#"{"result":[]}"#, &[]));
        let is_set_up = fault.kind == CallFaultKind::SetUp { status };
        assert!(is_set_up || fault.kind == transient(None), "{fault:?}");
        format!("{}: {}", if is_set_up { "set-up" } else { "transient" }, fault.why)
    });
    insta::assert_snapshot!(seen.join("\n"));
}

#[test]
fn the_platforms_wish_is_read_against_its_own_clock_or_ours() {
    let at = "Sat, 21 Nov 2026 08:01:30 GMT";
    let wish = |status, headers: &[(&'static str, &str)]| fault(&raw(status, "", headers)).kind;
    assert_eq!(wish(429, &[("retry-after", "7")]), transient(Some(7)));
    assert_eq!(wish(503, &[("retry-after", "7")]), transient(Some(7)));
    assert_eq!(wish(429, &[("retry-after", at)]), transient(Some(90)));
    assert_eq!(wish(429, &[("retry-after", at), ("date", "Sat, 21 Nov 2026 08:01:00 GMT")]), transient(Some(30)));
    assert_eq!(wish(429, &[("retry-after", at), ("date", "soon")]), transient(Some(90)));
    assert_eq!(wish(429, &[("retry-after", "Sat, 21 Nov 2026 07:01:30 GMT")]), transient(Some(0)));
    assert_eq!(wish(429, &[("retry-after", "99999999999")]), transient(Some(86_400)));
    assert_eq!(wish(429, &[("retry-after", "soon")]), transient(None));
    assert_eq!(wish(401, &[("retry-after", "7")]), CallFaultKind::SetUp { status: 401 });
}

#[test]
fn without_an_answer_it_matters_whether_it_was_sent() {
    let not_sent = fault(&Transport::NotSent { why: String::from("no connection"), login: None });
    assert_eq!((not_sent.kind, &*not_sent.why), (CallFaultKind::NotSent, "nothing was sent to TIXNGO: no connection"));
    for timed_out in [false, true] {
        let lost = fault(&Transport::NoAnswer { why: String::from("it broke off"), timed_out });
        assert_eq!((lost.kind, &*lost.why), (transient(None), "no answer from TIXNGO: it broke off"));
    }
}
