//! Large pages and many of them.

use serde_json::Value;
use ticketbridge_core::mobile::RunResult;

use crate::world::{World, injected, transferred};

#[tokio::test(start_paused = true)]
async fn a_page_of_10_000_tickets() {
    let mut world = World::new().with_tickets(10_000);
    world.function.batch_size = 10_000;
    world.change(&injected(1, 10_000));
    let report = world.run().await;
    assert_eq!((report.result, report.counters.received, report.counters.updated), (RunResult::Ok, 10_000, 10_000));
    let sent = world.office.take_sent();
    let sizes: Vec<usize> =
        sent.iter().filter(|sent| sent.name == "POST /tickets/mobile").map(|sent| sent.items).collect();
    assert_eq!(sizes, [500; 20]);
    // 1,000 ids of six bytes fit into one look-up.
    assert_eq!(sent.iter().filter(|sent| sent.name == "GET /tickets").count(), 10);
    assert_eq!(world.stored_tickets(), 10_000);
    world.assert_nothing_twice();
}

/// In debug builds a twentieth of the contract's 100,000 changes in 100 runs of 1,000, with the same number of runs.
#[tokio::test(start_paused = true)]
async fn a_hundred_runs_drain_the_stream() {
    let batch = if cfg!(debug_assertions) { 50 } else { 1_000 };
    let mut world = World::new().with_tickets(100 * batch);
    world.function.batch_size = batch as u32;
    let changes: Vec<Value> = (1..=100 * batch)
        .map(|ticket| match ticket % 10 {
            0 => transferred(ticket, 2, &format!("guest{}@example.org", ticket % 70)),
            _ => injected(ticket, ticket).remove(0),
        })
        .collect();
    world.change(&changes);
    for run in 1..=100 {
        let report = world.run().await;
        assert_eq!((report.result, report.counters.updated), (RunResult::Ok, batch as u64), "run {run}: {report:?}");
    }
    assert_eq!(world.run().await.counters.received, 0);
    assert_eq!(world.stored_tickets(), 100 * batch);
    assert_eq!(world.office.model().stats().contacts_made, 7);
    world.assert_nothing_twice();
}
