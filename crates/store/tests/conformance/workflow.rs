//! Workflow runs and counters.

use ticketbridge_core::ticket::IntakeOutcome;
use ticketbridge_core::time::Wall;
use ticketbridge_store::{RunCommit, RunRecord, Store};

use crate::fixture::{everything, new_ticket, over_each_store};

over_each_store!(a_run_is_kept_whole, numbers_are_never_given_twice);

pub(crate) fn record(as_of: i64) -> RunRecord {
    RunRecord {
        as_of,
        started_at: Wall(as_of),
        finished_at: Wall(as_of + 5),
        trigger: String::from("manual"),
        rows: 10,
        triggered: 3,
        tickets: 2,
    }
}

async fn a_run_is_kept_whole(store: &dyn Store) {
    let text = |text: &str| text.to_owned();
    let object = |name: &str| (text("snr"), text(name));
    let run = RunCommit {
        run: record(100),
        tickets: vec![new_ticket(1, "m1", "SNR|a"), new_ticket(2, "m2", "SNR|b")],
        incidents: vec![(object("x"), text("1")), (object("y"), text("2"))],
        reported: vec![(text("SNR|a"), text("{}"))],
    };
    let outcomes = store.commit_run(run.clone()).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, IntakeOutcome::Accepted { .. })));
    let again = RunCommit {
        run: record(200),
        incidents: vec![(object("y"), text("3"))],
        reported: vec![(text("SNR|a"), text("[1]"))],
        ..run
    };
    let outcomes = store.commit_run(again).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, IntakeOutcome::Duplicate { .. })));
    assert_eq!(everything(store).await.len(), 2);
    assert_eq!(store.incidents().await.unwrap(), [(object("x"), text("1")), (object("y"), text("3"))]);
    assert_eq!(store.reported().await.unwrap(), [(text("SNR|a"), text("[1]"))]);
    assert_eq!(store.runs(10).await.unwrap(), [record(200), record(100)]);
    assert_eq!(store.runs(1).await.unwrap(), [record(200)]);
}

async fn numbers_are_never_given_twice(store: &dyn Store) {
    assert_eq!(store.reserve_numbers("ticket", 10).await.unwrap(), 1);
    assert_eq!(store.reserve_numbers("ticket", 1).await.unwrap(), 11);
    assert_eq!(store.reserve_numbers("other", 2).await.unwrap(), 1);
    assert_eq!(store.reserve_numbers("ticket", 0).await.unwrap(), 12);
    assert_eq!(store.reserve_numbers("ticket", 1).await.unwrap(), 12);
}
