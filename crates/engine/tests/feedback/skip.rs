//! Tickets that are never written: from the configuration, and from people at run time.

use serde_json::json;
use ticketbridge_core::mobile::{RunError, RunResult};
use ticketbridge_sandbox::faults::{Knob, Rule};
use ticketbridge_sandbox::s360::TicketAct;
use ticketbridge_sandbox::tixngo::DEFAULT_ORGANIZER;
use ticketbridge_store::FeedbackStore;

use crate::world::{World, injected, item, with};

#[tokio::test(start_paused = true)]
async fn skipped_tickets_are_neither_looked_up_nor_written_and_the_key_moves_past_them() {
    let mut world = World::new().with_tickets(4);
    // T1 by its number, T2 by its id, twice, with spaces and empty parts; 9 is not in the page.
    world.function.skip_tickets = " 0001, id:  T2 ,, 0001,id:T2,9,".into();
    world.change(&injected(1, 4));
    let report = world.run().await;
    assert_eq!((report.result, report.counters.skipped, report.counters.updated), (RunResult::Ok, 2, 2));
    assert!(!world.key().await.is_empty());
    for sent in world.office.take_sent() {
        assert!(!sent.target.contains("T1") && !sent.target.contains("T2"), "{sent:?}");
        assert!(!sent.body.to_string().contains("\"T1\"") && !sent.body.to_string().contains("\"T2\""), "{sent:?}");
    }
    assert_eq!((world.status_of("T1"), world.status_of("T2"), world.stored_tickets()), (None, None, 2));
    assert_eq!(world.run().await.counters.received, 0);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_id_that_is_anothers_number_and_leading_zeros() {
    let mut world = World::new().with_tickets(3);
    world.load(&json!({"tickets": [{"ticketId": "0001", "taxNumber": "1", "printStatus": "PRINTED"}]}));
    // `1` is no `0001`; `id:0001` is the ticket with that id, not T1 with that number.
    world.function.skip_tickets = "2,id:0001".into();
    let other = with(with(item(1, "INJECTED", 1), "ticketId", json!("0001")), "taxNumber", json!("1"));
    world.change(&[injected(1, 3), vec![other]].concat());
    let counters = world.run().await.counters;
    assert_eq!((counters.updated, counters.skipped), (3, 1));
    assert_eq!(world.status_of("0001"), None);
}

#[tokio::test(start_paused = true)]
async fn an_entry_of_run_time_counts_until_it_is_taken_away() {
    let world = World::new().with_tickets(2);
    assert!(world.store.set_skip_entry(DEFAULT_ORGANIZER, "id:T1", true).await.unwrap());
    world.change(&injected(1, 2));
    let counters = world.run().await.counters;
    assert_eq!((counters.skipped, counters.updated), (1, 1));
    world.store.set_skip_entry(DEFAULT_ORGANIZER, "id:T1", false).await.unwrap();
    world.change(&[item(1, "DOWNLOADED", 2)]);
    let counters = world.run().await.counters;
    assert_eq!((counters.skipped, counters.updated), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_entry_frees_a_stored_item_that_waits() {
    for entry in ["id:T1", "0001"] {
        let world = World::new().with_tickets(2);
        world.office.model().operate_ticket(0, "T1", &TicketAct::Lock {}).unwrap();
        world.change(&injected(1, 2));
        let report = world.run().await;
        assert_eq!((report.result, report.counters.pending, report.counters.updated), (RunResult::Warning, 1, 1));
        world.store.set_skip_entry(DEFAULT_ORGANIZER, entry, true).await.unwrap();
        // Even before its wait is over, and in an automatic run.
        let report = world.run_with(&world.function, world.by(ticketbridge_store::Trigger::Schedule)).await;
        assert_eq!((report.result, report.counters.skipped, report.counters.pending), (RunResult::Ok, 1, 0));
        assert_eq!(world.status_of("T1"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_frees_what_a_poison_ticket_blocks() {
    let mut world = World::new().with_tickets(3);
    world.function.continue_on_sync_error = false;
    world.office_fault(Rule::from(Knob::PoisonItem {
        text: String::from("T2"),
        code: String::from("INVALID_FIELD"),
        message: String::from("no"),
        retryable: false,
    }));
    world.change(&injected(1, 3));
    let report = world.run().await;
    assert_eq!((report.error, report.counters.updated), (Some(RunError::StrictStop), 1));
    world.store.set_skip_entry(DEFAULT_ORGANIZER, "id:T2", true).await.unwrap();
    let report = world.run().await;
    assert_eq!((report.result, report.counters.skipped, report.counters.updated), (RunResult::Ok, 1, 1));
    assert_eq!((world.status_of("T2"), world.status_of("T3").as_deref()), (None, Some("INJECTED")));
    assert!(world.failed_items().await.is_empty());
}
