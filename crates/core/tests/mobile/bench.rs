//! How fast items are read and decided. Not part of the suite; run it with
//! `cargo test --release -p ticketbridge-core --test mobile -- --ignored --nocapture items_per_second`.

use std::time::Instant;

use serde_json::json;
use ticketbridge_core::mobile::{Decision, Item, Page, Reading, View, decide};

use crate::run::rules;
use crate::world::{transferred, with};

const ITEMS: usize = 100_000;

#[test]
#[ignore = "a measurement, for a release build"]
#[expect(clippy::disallowed_methods, reason = "a measurement needs a clock")]
fn items_per_second() {
    let items: Vec<_> = (0..ITEMS)
        .map(|n| with(transferred(1, &format!("guest{n}@example.org"), 1), "ticketId", json!(format!("T{n}"))))
        .collect();
    let body = json!({"result": items, "pagination": {"nextPageKey": "k"}}).to_string();
    let rules = rules();

    let began = Instant::now();
    let page = Page::read(body.as_bytes()).expect("a page");
    let readings: Vec<Reading<'_>> = page.items.iter().map(|item| Item::read(item, &rules.skip)).collect();
    let read = began.elapsed();

    let mut view = View::default();
    let items = || {
        readings.iter().map(|reading| match reading {
            Reading::Item(item) => &**item,
            other => panic!("{other:?}"),
        })
    };
    let tickets = items().map(|item| {
        serde_json::from_value(json!({"ticketId": item.ticket_id, "organizationCode": "ORG-A",
            "culturalContactNumber": "1001"}))
        .expect("a ticket")
    });
    view.tickets_answered(items().map(|item| &*item.ticket_id), tickets.collect());
    view.contacts_answered(items().filter_map(|item| item.target_email()), Vec::new());
    view.rows_answered(items().map(|item| &*item.ticket_id), Vec::new());
    let began = Instant::now();
    let writes: usize = items()
        .map(|item| match decide(item, &view, &rules) {
            Ok(Decision::Update(plan)) => plan.writes().count(),
            other => panic!("{other:?}"),
        })
        .sum();
    let decided = began.elapsed();
    assert_eq!(writes, ITEMS * 4, "contact, row, cultural contact, mobile");
    println!("{ITEMS} items, {} MB: read in {read:?}, decided in {decided:?}", body.len() / 1_000_000);
}
