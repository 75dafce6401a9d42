//! Housekeeping: what is old goes, what is needed stays, and no number comes twice.

use ticketbridge_core::mobile::ItemState;
use ticketbridge_core::time::Wall;
use ticketbridge_store::{CallOutcome, FeedbackStore, FeedbackWrites, ItemChange, PageId, RunFence, RunId};

use super::{ALL, begin, calls, change, done, end, fails, item, new_page, over_each_store, page, sends, stored, write};

over_each_store!(
    bodies_of_settled_pages_go_and_their_states_stay,
    what_still_has_to_be_done_or_seen_stays,
    what_was_touched_later_stays,
    the_oldest_go_first_and_no_more_than_asked_for,
    the_newest_call_and_run_stay_so_that_no_number_comes_twice,
);

const LATER: Wall = Wall(100_000);

async fn settle(store: &dyn FeedbackStore, fence: &RunFence, page: PageId, at: i64) {
    let writes = change(item(page, 0), ItemChange::Done);
    write(store, fence, FeedbackWrites { at: Wall(at), ..writes }).await;
}

async fn bodies_of_settled_pages_go_and_their_states_stay(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let id = done(store.store_page(&grant.fence, new_page("", Some("k1"), 1)).await);
    settle(store, &grant.fence, id, 1_300).await;
    assert_eq!(store.purge_feedback(LATER, 10).await, Ok(1));
    let gone = page(store, id).await;
    assert_eq!((gone.body, gone.states), (None, vec![ItemState::Done]));
    assert_eq!(store.purge_feedback(LATER, 10).await, Ok(0));
    assert_eq!(store.key_history("o", ALL).await.unwrap().len(), 1, "the moves stay for ever");
    // Numbers go on.
    assert!(stored(store, &grant.fence, 1).await > id);
}

async fn what_still_has_to_be_done_or_seen_stays(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let ids: Vec<_> = [stored(store, &grant.fence, 1).await, stored(store, &grant.fence, 1).await].into();
    let failed = stored(store, &grant.fence, 1).await;
    write(store, &grant.fence, change(item(ids[1], 0), fails(true))).await;
    write(store, &grant.fence, change(item(failed, 0), fails(false))).await;
    let call = write(store, &grant.fence, sends(vec![item(ids[0], 0)])).await[0];
    assert_eq!(store.purge_feedback(LATER, 10).await, Ok(0));
    for id in ids.iter().chain([&failed]) {
        assert!(page(store, *id).await.body.is_some());
    }
    assert_eq!(calls(store).await[0].id, call);
    // Off the list, the page is like any other.
    store.dismiss_failed("o", &[item(failed, 0)]).await.unwrap();
    assert_eq!(store.purge_feedback(LATER, 10).await, Ok(1));
    assert_eq!(page(store, failed).await.body, None);
}

async fn what_was_touched_later_stays(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let id = stored(store, &grant.fence, 1).await;
    settle(store, &grant.fence, id, 5_000).await;
    assert_eq!(store.purge_feedback(Wall(5_000), 10).await, Ok(0));
    assert_eq!(store.purge_feedback(Wall(5_001), 10).await, Ok(1));
}

async fn the_oldest_go_first_and_no_more_than_asked_for(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let mut ids = Vec::new();
    for at in [1_500, 1_400, 1_600] {
        let id = stored(store, &grant.fence, 1).await;
        settle(store, &grant.fence, id, at).await;
        ids.push(id);
    }
    let left = async || {
        let mut left = Vec::new();
        for id in &ids {
            left.push(page(store, *id).await.body.is_some());
        }
        left
    };
    assert_eq!(store.purge_feedback(LATER, 0).await, Ok(0));
    assert_eq!(store.purge_feedback(LATER, 1).await, Ok(1));
    assert_eq!(left().await, [true, false, true]);
    assert_eq!(store.purge_feedback(LATER, 1).await, Ok(1));
    assert_eq!(left().await, [false, false, true]);
    assert_eq!(store.purge_feedback(LATER, 9).await, Ok(1));
    assert_eq!(left().await, [false; 3]);

    // More than go in one transaction.
    for _ in 0..20 {
        let id = stored(store, &grant.fence, 1).await;
        settle(store, &grant.fence, id, 1_300).await;
    }
    assert_eq!(store.purge_feedback(LATER, 17).await, Ok(17));
    assert_eq!(store.purge_feedback(LATER, 17).await, Ok(3));
}

async fn the_newest_call_and_run_stay_so_that_no_number_comes_twice(store: &dyn FeedbackStore) {
    let mut sent = Vec::new();
    for _ in 0..3 {
        let grant = begin(store, "o").await;
        let id = stored(store, &grant.fence, 1).await;
        let call = write(store, &grant.fence, sends(vec![item(id, 0)])).await[0];
        let outcomes = vec![CallOutcome { call, text: "1 confirmed".into() }];
        write(store, &grant.fence, FeedbackWrites { outcomes, ..sends(vec![item(id, 0)]) }).await;
        end(store, &grant.fence).await;
        sent.push(call);
    }
    let left = calls(store).await.len();
    assert_eq!(left, 6);
    // Five calls are settled (the last one's run had no successor) and the newest is not among them; two runs go.
    assert_eq!(store.purge_feedback(LATER, 100).await, Ok(7));
    let runs: Vec<_> = store.feedback_runs(None, ALL).await.unwrap().into_iter().map(|run| run.id).collect();
    assert_eq!(runs, [RunId(3)]);
    assert_eq!(calls(store).await.len(), 1);
    let grant = begin(store, "o").await;
    assert_eq!((grant.fence.run, grant.abandoned_calls), (RunId(4), 1));
    let id = stored(store, &grant.fence, 1).await;
    let next = write(store, &grant.fence, sends(vec![item(id, 0)])).await[0];
    assert_eq!(next.0, sent[2].0 + 2);
    // Settled by now, and still the newest but one.
    assert_eq!(store.purge_feedback(LATER, 100).await, Ok(2));
}
