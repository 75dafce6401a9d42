//! Leases and runs (I9): one live token per organizer, and a stale one writes nothing.

use std::time::Duration;

use ticketbridge_core::mobile::{RunError, RunResult};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{BeginAnswer, CallOutcome, Claim, FeedbackPage, FeedbackStore, FeedbackWrites, Held, RunId};

use super::{
    ALL, begin, begin_for, beginning, calls, change, end, ended, item, new_page, nothing, over_each_store, page, sends,
    stored, try_begin, write,
};
use crate::fixture::LONG;

over_each_store!(
    a_run_begins_with_the_lease_and_ends_without_it,
    a_held_lease_refuses_anyone_and_the_refusal_is_recorded,
    organizers_do_not_hold_each_other_off,
    a_lease_that_ran_out_goes_to_the_next_with_a_higher_token,
    a_lease_that_ran_out_is_still_ours_until_another_takes_it,
    a_stale_token_writes_nothing_whatever_it_asks_for,
    a_token_of_another_run_or_organizer_is_stale,
    an_ended_run_writes_nothing,
    tokens_never_go_down,
    a_lost_run_is_recorded_and_its_calls_are_ambiguous,
    runs_are_listed_newest_first,
);

async fn a_run_begins_with_the_lease_and_ends_without_it(store: &dyn FeedbackStore) {
    assert_eq!(store.lease("o").await, Ok(None));
    let grant = begin(store, "o").await;
    assert!(grant.key.is_empty() && grant.open_pages.is_empty() && grant.abandoned_calls == 0);
    let lease = store.lease("o").await.unwrap().unwrap();
    assert_eq!((lease.run, lease.token), (grant.fence.run, grant.fence.token));
    assert!(lease.remaining > Duration::ZERO && lease.remaining <= LONG);
    let runs = store.feedback_runs(Some("o"), ALL).await.unwrap();
    assert_eq!((runs.len(), &*runs[0].internal_name, &runs[0].end), (1, "feedback-o", &None));

    end(store, &grant.fence).await;
    assert_eq!(store.lease("o").await, Ok(None));
    let runs = store.feedback_runs(Some("o"), ALL).await.unwrap();
    assert_eq!(runs[0].end, Some(ended(2_000)));
}

async fn a_held_lease_refuses_anyone_and_the_refusal_is_recorded(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    // The same holder and another one.
    for (number, holder) in [1, 2].into_iter().enumerate() {
        let BeginAnswer::Refused { run, by, remaining } = try_begin(store, beginning("o", holder, LONG)).await else {
            panic!("begun twice")
        };
        assert_eq!((run, by), (RunId(grant.fence.run.0 + 1 + number as i64), grant.fence.run));
        assert!(remaining > Duration::ZERO && remaining <= LONG);
        let record = store.feedback_runs(None, ALL).await.unwrap().remove(0);
        let end = record.end.unwrap();
        assert_eq!((record.id, end.result, end.error), (run, RunResult::Refused, None));
        assert!(end.text.unwrap().contains("in progress"));
    }
    // It changed nothing for the run.
    assert_eq!(store.renew_lease(&grant.fence, LONG).await, Ok(Held::Done(())));
    end(store, &grant.fence).await;
    begin(store, "o").await;
}

async fn organizers_do_not_hold_each_other_off(store: &dyn FeedbackStore) {
    let first = begin(store, "o").await;
    let second = begin(store, "p").await;
    assert_eq!(store.lease("o").await.unwrap().unwrap().run, first.fence.run);
    assert_eq!(store.lease("p").await.unwrap().unwrap().run, second.fence.run);
}

async fn a_lease_that_ran_out_goes_to_the_next_with_a_higher_token(store: &dyn FeedbackStore) {
    let first = begin_for(store, "o", Duration::ZERO).await;
    let lease = store.lease("o").await.unwrap().unwrap();
    assert_eq!((lease.run, lease.remaining), (first.fence.run, Duration::ZERO));
    // Even to the same holder it is another run.
    let second = begin(store, "o").await;
    assert!(second.fence.token > first.fence.token && second.fence.run > first.fence.run);
    assert_eq!(store.renew_lease(&first.fence, LONG).await, Ok(Held::Lost));
    assert_eq!(store.lease("o").await.unwrap().unwrap().run, second.fence.run);
}

async fn a_lease_that_ran_out_is_still_ours_until_another_takes_it(store: &dyn FeedbackStore) {
    let grant = begin_for(store, "o", Duration::ZERO).await;
    stored(store, &grant.fence, 1).await;
    assert_eq!(store.renew_lease(&grant.fence, LONG).await, Ok(Held::Done(())));
    let answer = try_begin(store, beginning("o", 2, LONG)).await;
    assert!(matches!(answer, BeginAnswer::Refused { .. }), "{answer:?}");
}

async fn a_stale_token_writes_nothing_whatever_it_asks_for(store: &dyn FeedbackStore) {
    let stale = begin_for(store, "o", Duration::ZERO).await.fence;
    let id = stored(store, &stale, 2).await;
    let call = write(store, &stale, sends(vec![item(id, 0)])).await[0];
    let fresh = begin(store, "o").await.fence;
    let before = super::random::contents(store).await;

    assert_eq!(store.renew_lease(&stale, LONG).await, Ok(Held::Lost));
    assert_eq!(store.end_run(&stale, ended(9)).await, Ok(Held::Lost));
    assert_eq!(store.store_page(&stale, new_page("", Some("k"), 1)).await, Ok(Held::Lost));
    let claim = Claim { email: [1; 32], request_ref: "r".into() };
    assert_eq!(store.claim_contacts(&stale, "s360", vec![claim]).await, Ok(Held::Lost));
    let mut writes = sends(vec![item(id, 0)]);
    writes.items = change(item(id, 1), ticketbridge_store::ItemChange::Done).items;
    writes.outcomes = vec![CallOutcome { call, text: "1 confirmed".into() }];
    writes.tickets = vec![super::writes::ticket("t0")];
    writes.contacts = vec![super::writes::contact("7")];
    writes.distributions = vec![super::writes::distribution("tng:1")];
    assert_eq!(store.write_feedback(&stale, writes).await, Ok(Held::Lost));
    // Not even what is wrong is looked at.
    assert_eq!(store.write_feedback(&stale, sends(vec![item(id, 9)])).await, Ok(Held::Lost));

    assert_eq!(super::random::contents(store).await, before);
    assert_eq!(store.renew_lease(&fresh, LONG).await, Ok(Held::Done(())));
}

async fn a_token_of_another_run_or_organizer_is_stale(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    begin(store, "p").await;
    let mut fence = grant.fence.clone();
    fence.run = RunId(fence.run.0 + 1);
    assert_eq!(store.renew_lease(&fence, LONG).await, Ok(Held::Lost));
    let mut fence = grant.fence.clone();
    fence.organizer = "p".into();
    assert_eq!(store.write_feedback(&fence, nothing()).await, Ok(Held::Lost));
    fence.organizer = "nobody".into();
    assert_eq!(store.write_feedback(&fence, nothing()).await, Ok(Held::Lost));
}

async fn an_ended_run_writes_nothing(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    end(store, &grant.fence).await;
    assert_eq!(store.end_run(&grant.fence, ended(3_000)).await, Ok(Held::Lost));
    assert_eq!(store.renew_lease(&grant.fence, LONG).await, Ok(Held::Lost));
    assert_eq!(store.store_page(&grant.fence, new_page("", None, 1)).await, Ok(Held::Lost));
    assert_eq!(store.write_feedback(&grant.fence, nothing()).await, Ok(Held::Lost));
}

async fn tokens_never_go_down(store: &dyn FeedbackStore) {
    let mut last = 0;
    for round in 0..4 {
        let life = if round % 2 == 0 { LONG } else { Duration::ZERO };
        let grant = begin_for(store, "o", life).await;
        assert!(grant.fence.token > last);
        last = grant.fence.token;
        if round % 2 == 0 {
            end(store, &grant.fence).await;
        }
        if round == 1 {
            store.rewind_key("o", None, "ana", Wall(1)).await.unwrap();
            last += 1;
        }
    }
}

async fn a_lost_run_is_recorded_and_its_calls_are_ambiguous(store: &dyn FeedbackStore) {
    let lost = begin_for(store, "o", Duration::ZERO).await.fence;
    let id = stored(store, &lost, 3).await;
    let sent = write(store, &lost, sends(vec![item(id, 0)])).await;
    let answered = write(store, &lost, sends(vec![item(id, 1), item(id, 1)])).await;
    assert!(answered > sent);
    let outcomes = vec![CallOutcome { call: answered[0], text: "2 confirmed".into() }];
    write(store, &lost, FeedbackWrites { outcomes, ..nothing() }).await;
    let other = begin_for(store, "p", Duration::ZERO).await.fence;
    let other_id = stored(store, &other, 1).await;
    write(store, &other, sends(vec![item(other_id, 0)])).await;

    let grant = begin(store, "o").await;
    assert_eq!((grant.abandoned_calls, &*grant.open_pages), (1, &[id][..]));
    let run = store.feedback_runs(Some("o"), ALL).await.unwrap().remove(1);
    let lost_end = run.end.unwrap();
    assert_eq!((lost_end.result, lost_end.error), (RunResult::Error, Some(RunError::LeaseLost)));
    assert!(lost_end.text.unwrap().contains("never ended"));
    let outcomes: Vec<_> = calls(store).await.into_iter().map(|call| call.outcome).collect();
    let no_answer = Some(("no answer was recorded".into(), Wall(1_000)));
    assert_eq!(outcomes, [no_answer, Some(("2 confirmed".into(), Wall(1_200))), None]);
    assert_eq!(page(store, id).await.states.len(), 3);
    let of_other = store.feedback_runs(Some("p"), ALL).await.unwrap();
    assert_eq!((of_other.len(), &of_other[0].end), (1, &None));
}

async fn runs_are_listed_newest_first(store: &dyn FeedbackStore) {
    for organizer in ["o", "p", "o", "o"] {
        let grant = begin(store, organizer).await;
        end(store, &grant.fence).await;
    }
    let ids = async |organizer: Option<&str>, offset, limit| {
        let runs = store.feedback_runs(organizer, FeedbackPage { offset, limit }).await.unwrap();
        runs.into_iter().map(|run| run.id.0).collect::<Vec<_>>()
    };
    assert_eq!(ids(None, 0, 9).await, [4, 3, 2, 1]);
    assert_eq!(ids(None, 1, 2).await, [3, 2]);
    assert_eq!(ids(Some("o"), 0, 9).await, [4, 3, 1]);
    assert_eq!(ids(Some("o"), 2, 9).await, [1]);
    assert_eq!(ids(Some("nobody"), 0, 9).await, [0; 0]);
    assert_eq!(ids(None, 0, 0).await, [0; 0]);
}

#[tokio::test]
async fn in_memory_leases_end_when_time_is_let_pass() {
    let store = ticketbridge_store::MemoryStore::new(1);
    let fence = begin_for(&store, "o", Duration::from_mins(1)).await.fence;
    store.advance(Duration::from_secs(59));
    assert_eq!(store.lease("o").await.unwrap().unwrap().remaining, Duration::from_secs(1));
    assert!(matches!(try_begin(&store, beginning("o", 2, LONG)).await, BeginAnswer::Refused { .. }));
    store.advance(Duration::from_secs(1));
    assert!(matches!(try_begin(&store, beginning("o", 2, LONG)).await, BeginAnswer::Begun(_)));
    assert_eq!(store.renew_lease(&fence, LONG).await, Ok(Held::Lost));
}
