//! Result and counters of each sort of run (contract §7.3).

use serde_json::{Value, json};
use ticketbridge_core::mobile::{Counters, RunError, RunResult, tells_recipients};
use ticketbridge_sandbox::faults::{Knob, Rule};
use ticketbridge_sandbox::s360::TicketAct;

use crate::world::{World, contact, injected, item, transfer, transferred, with};

/// All counters that are not zero, without the keys.
fn counted(counters: &Counters) -> Value {
    let Value::Object(all) = json!(counters) else { panic!() };
    Value::Object(all.into_iter().filter(|(_, value)| value.as_u64().is_some_and(|value| value > 0)).collect())
}

/// Name, what is prepared, result, error, counters.
type Row = (&'static str, fn(&mut World), RunResult, Option<RunError>, Value);

fn table() -> Vec<Row> {
    vec![
        ("nothing new", |_| {}, RunResult::Ok, None, json!({})),
        (
            "updated",
            |world| world.change(&injected(1, 2)),
            RunResult::Ok,
            None,
            json!({"received": 2, "updated": 2, "pages": 1}),
        ),
        (
            "skipped",
            |world| {
                world.function.skip_tickets = "id:T1".into();
                world.change(&injected(1, 2));
            },
            RunResult::Ok,
            None,
            json!({"received": 2, "updated": 1, "skipped": 1, "pages": 1}),
        ),
        (
            "unchanged and stale",
            |world| {
                let items = [item(1, "DOWNLOADED", 5), item(1, "DOWNLOADED", 5), item(1, "INJECTED", 1)];
                world.add_page(&crate::world::page(&json!("k"), &items));
            },
            RunResult::Ok,
            None,
            json!({"received": 3, "updated": 1, "unchanged": 1, "stale": 1, "pages": 1}),
        ),
        (
            "a transfer to somebody new",
            |world| world.change(&[transferred(1, 1, "bo@example.org")]),
            RunResult::Ok,
            None,
            json!({"received": 1, "updated": 1, "pages": 1, "contacts_created": 1, "rows_inserted": 1,
                "cultural_contacts_changed": 1}),
        ),
        (
            "a transfer to a temporary contact, in two steps",
            |world| {
                let items = [transfer(1, "PENDING_TRANSFER", 1, "bo@example.org"), transferred(1, 2, "bo@example.org")];
                world.add_page(&crate::world::page(&json!("k"), &items));
            },
            RunResult::Ok,
            None,
            json!({"received": 2, "updated": 2, "pages": 1, "contacts_created": 1, "contacts_updated": 1,
            "rows_inserted": 1, "rows_changed": 1, "cultural_contacts_changed": 1}),
        ),
        (
            "a transfer to nobody that is named",
            |world| {
                world.change(&[with(item(1, "PENDING_TRANSFER", 1), "transfer", Value::Null)]);
            },
            RunResult::Ok,
            None,
            json!({"received": 1, "updated": 1, "pages": 1, "discrepancies": 1}),
        ),
        (
            "distribution is switched off",
            |world| {
                world.function.distribute = false;
                world.change(&[transferred(1, 1, "bo@example.org")]);
            },
            RunResult::Ok,
            None,
            json!({"received": 1, "updated": 1, "pages": 1}),
        ),
        (
            "failed",
            |world| world.change(&[item(9, "INJECTED", 1), item(1, "INJECTED", 1)]),
            RunResult::Warning,
            None,
            json!({"received": 2, "updated": 1, "failed": 1, "pages": 1}),
        ),
        (
            "pending",
            |world| {
                world.office.model().operate_ticket(0, "T1", &TicketAct::Lock {}).unwrap();
                world.change(&injected(1, 2));
            },
            RunResult::Warning,
            None,
            json!({"received": 2, "updated": 1, "pending": 1, "pages": 1}),
        ),
        (
            "the key does not advance",
            |world| {
                world.change(&injected(1, 1));
                world.wallet_fault(Rule::from(Knob::KeyNotAdvanced {}));
            },
            RunResult::Warning,
            None,
            json!({"received": 1, "updated": 1, "pages": 1}),
        ),
        (
            "the diff call failed",
            |world| {
                world.change(&injected(1, 1));
                world.wallet_fault(Rule::from(Knob::Forbidden {}));
            },
            RunResult::Error,
            Some(RunError::DiffCall),
            json!({}),
        ),
        (
            "the diff call failed for the second page",
            |world| {
                (world.function.batch_size, world.function.pages_per_run) = (1, 2);
                world.change(&injected(1, 2));
                world.wallet.tamper({
                    let mut calls = 0;
                    move |_, transport| {
                        calls += 1;
                        let lost = ticketbridge_platforms::Transport::NoAnswer { why: String::new(), timed_out: false };
                        if calls == 1 { transport } else { lost }
                    }
                });
            },
            RunResult::Error,
            Some(RunError::DiffCall),
            json!({"received": 1, "updated": 1, "pages": 1}),
        ),
        (
            "the box office must be set right",
            |world| {
                world.change(&injected(1, 2));
                world.office_fault(Rule::from(Knob::Forbidden {}));
            },
            RunResult::Error,
            Some(RunError::BoxOfficeSetUp),
            json!({"received": 2, "pending": 2, "pages": 1}),
        ),
        (
            "strict stop",
            |world| {
                world.function.continue_on_sync_error = false;
                world.change(&[item(1, "INJECTED", 1), item(9, "INJECTED", 1), item(2, "INJECTED", 1)]);
            },
            RunResult::Error,
            Some(RunError::StrictStop),
            json!({"received": 3, "updated": 1, "failed": 1, "pending": 2, "pages": 1}),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn results_and_counters() {
    for (name, prepare, result, error, counters) in table() {
        let mut world = World::new().with_tickets(2);
        prepare(&mut world);
        let report = world.run().await;
        assert_eq!((report.result, report.error), (result, error), "{name}: {report:?}");
        assert_eq!(counted(&report.counters), counters, "{name}");
        let recorded = world.runs().await.pop().unwrap();
        assert_eq!(recorded.id, report.run);
        let end = recorded.end.unwrap();
        assert_eq!(
            (end.result, end.error, end.text, &end.counters),
            (result, error, report.text, &report.counters),
            "{name}"
        );
        assert_eq!(world.key().await, end.counters.key_after, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_told_of_a_run() {
    let told = |name: &str| table().into_iter().find(|row| row.0 == name).unwrap();
    for (name, expected) in [
        ("updated", false),
        ("pending", false),
        ("the key does not advance", false),
        ("failed", true),
        ("the diff call failed", true),
        ("strict stop", true),
        ("the box office must be set right", true),
    ] {
        let mut world = World::new().with_tickets(2);
        told(name).1(&mut world);
        let report = world.run().await;
        assert_eq!(tells_recipients(&report.counters, report.result), expected, "{name}");
        assert_eq!(report.failed.len() as u64, report.counters.failed, "{name}: each failed ticket is named");
    }
}

#[tokio::test(start_paused = true)]
async fn reports_and_records_show_no_personal_data() {
    let world = World::new().with_tickets(3);
    world.load(&json!({"contacts": [contact("1003", "cy@example.org", "Cy", "Cable", false)]}));
    world.office_fault(Rule::from(Knob::PoisonItem {
        text: String::from("T2"),
        code: String::from("INVALID_FIELD"),
        message: String::from("cy@example.org is no friend of Cable"),
        retryable: false,
    }));
    world.office_fault(Rule::from(Knob::HtmlAnswer { status: 200, effect: true }).on("write_mobile").times(1));
    world.change(&[transferred(1, 1, "bo@example.org"), transferred(2, 1, "cy@example.org"), item(9, "INJECTED", 1)]);
    let report = world.run().await;
    let calls = ticketbridge_store::FeedbackStore::run_calls(&*world.store, report.run).await.unwrap();
    let shown =
        format!("{report:?} {} {:?} {calls:?} {:?}", json!(report), world.runs().await, world.failed_items().await);
    for personal in ["example.org", "Cable", "Buyer", "Li\""] {
        assert!(!shown.contains(personal), "{personal} in {shown}");
    }
}
