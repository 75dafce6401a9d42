//! A page from a file instead of a call.

use std::sync::Arc;

use serde_json::{Value, json};
use ticketbridge_core::mobile::{MAX_PAGE_BYTES, PageSource, RunError, RunResult};
use ticketbridge_engine::feedback::{Feedback, RunRequest};
use ticketbridge_sandbox::tixngo::DEFAULT_ORGANIZER;
use ticketbridge_store::Trigger;

use crate::world::{World, injected, item, page};

#[tokio::test(start_paused = true)]
async fn a_file_is_applied_without_a_call_and_the_key_stays() {
    let mut world = World::new().with_tickets(3);
    world.function.skip_tickets = "id:T2".into();
    world.change(&injected(3, 3));
    world.run().await;
    let key = world.key().await;
    world.wallet.take_sent();
    let file = page(&json!("a key of its own"), &injected(1, 2)).to_string();
    let report = world.run_file(file.clone()).await;
    assert_eq!((report.result, report.counters.updated, report.counters.skipped), (RunResult::Ok, 1, 1));
    assert_eq!((report.counters.pages, report.counters.received), (1, 2));
    assert!(world.wallet.take_sent().is_empty());
    assert_eq!(
        (world.key().await, report.counters.key_before, report.counters.key_after),
        (key.clone(), key.clone(), key)
    );
    let stored = world.page(2).await.unwrap();
    assert_eq!((stored.source, stored.body.as_deref()), (PageSource::File, Some(file.as_bytes())));
    assert_eq!(world.status_of("T1").as_deref(), Some("INJECTED"));
    let again = world.run_file(file).await;
    assert_eq!((again.result, again.counters.unchanged, again.counters.updated), (RunResult::Ok, 1, 0), "harmless");
}

#[tokio::test(start_paused = true)]
async fn a_malformed_file_is_an_error_and_nothing_is_stored() {
    for file in
        ["", "{", "<html>", "[]", "null", r#"{"result":{}}"#, r#"{"pagination":{}}"#, "\u{1}", r#"{"result":[1,]}"#]
    {
        let world = World::new().with_tickets(1);
        let report = world.run_file(file).await;
        assert_eq!((report.result, report.error), (RunResult::Error, Some(RunError::UnreadableFile)), "{file}");
        assert!(world.page(1).await.is_none() && world.key().await.is_empty());
        assert!(world.wallet.take_sent().is_empty() && world.office.take_sent().is_empty());
        assert_eq!(world.run_file(vec![0xff, 0xfe]).await.error, Some(RunError::UnreadableFile));
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_file_is_fine() {
    let world = World::new().with_tickets(1);
    let report = world.run_file(page(&Value::Null, &[]).to_string()).await;
    assert_eq!((report.result, report.counters.pages), (RunResult::Ok, 0));
    assert!(world.wallet.take_sent().is_empty() && world.page(1).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_earlier_runs_left_is_applied_before_the_file() {
    let world = World::new().with_tickets(1);
    world.change(&[item(1, "INJECTED", 1)]);
    world.run_dying_there("after store_page").await;
    world.later().await;
    let report = world.run_file(page(&Value::Null, &[item(1, "DOWNLOADED", 2)]).to_string()).await;
    assert_eq!((report.result, report.counters.updated), (RunResult::Ok, 2));
    assert_eq!(
        world.office.model().history().iter().map(|entry| entry.status.to_string()).collect::<Vec<_>>(),
        ["INJECTED", "DOWNLOADED"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_missing_or_too_large_is_named_with_what_to_do() {
    let world = World::new().with_tickets(1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.json");
    let mut function = world.function.clone();
    function.file_to_upload = Some(path.clone());
    let functions = [(function, world.wallet_wire(DEFAULT_ORGANIZER), world.office_wire())];
    let feedback = Feedback::with_wires(functions, Arc::clone(&world.store) as _, Arc::clone(&world.time) as _);
    let run = async || feedback.run(DEFAULT_ORGANIZER, RunRequest::by(Trigger::Manual)).await;
    let missing = run().await.unwrap_err().to_string();
    std::fs::File::create(&path).unwrap().set_len(MAX_PAGE_BYTES as u64 + 1).unwrap();
    let large = run().await.unwrap_err().to_string();
    assert!(large.contains("it is larger than 64 MiB"), "{large}");
    for text in [missing, large] {
        assert!(
            text.contains("page.json") && text.ends_with("Mend the file, or `file_to_upload` of the function"),
            "{text}"
        );
    }
    assert!(world.runs().await.is_empty(), "no run begins");
}
