//! Large amounts take time in proportion. No clock decides: work that grew with the square would not end within hours.

use serde_json::json;
use ticketbridge_sandbox::s360::{S360Model, State};
use ticketbridge_sandbox::tixngo::DEFAULT_ORGANIZER;

use super::support::{box_office, mobile, wallet};

#[test]
fn two_hundred_thousand_changes_are_drained_in_pages() {
    let mut wallet = wallet();
    let items: Vec<_> =
        (0..200_000).map(|number| json!({"ticketId": number.to_string(), "status": "INJECTED"})).collect();
    wallet.model.add_changes(DEFAULT_ORGANIZER, &items).expect("added");
    let (mut key, mut found, mut pages) = (None, 0, 0);
    loop {
        let (page, next, more) = wallet.page(1_000, key.as_deref());
        (found, pages, key) = (found + page.len(), pages + 1, next);
        if !more {
            break;
        }
    }
    assert_eq!((found, pages), (200_000, 200));
    assert_eq!(wallet.page(10_000, None).0.len(), 10_000);
}

#[test]
fn two_hundred_thousand_tickets_are_written_and_found() {
    let mut office = box_office();
    office.model = S360Model::new(300_000);
    let tickets: Vec<_> =
        (0..200_000).map(|number| json!({"ticketId": format!("N{number}"), "printStatus": "PRINTED"})).collect();
    let state: State = serde_json::from_value(json!({"tickets": tickets})).expect("a state");
    office.model.load(state).expect("loaded");
    for batch in (0..20_000).step_by(500) {
        let items: Vec<_> =
            (batch..batch + 500).map(|number| mobile(&format!("N{}", number * 10), "r", "INJECTED")).collect();
        assert!(office.write("/tickets/mobile", &items).iter().all(|result| result["ok"] == true));
    }
    let ids: Vec<_> = (0..1_000).map(|number| format!("N{}", number * 200)).collect();
    assert_eq!(office.items(&format!("/tickets?ticketId={}", ids.join(","))).len(), 1_000);
    assert_eq!((office.model.stats().mobile_tickets, office.model.stats().duplicates.total), (20_000, 0));
}
