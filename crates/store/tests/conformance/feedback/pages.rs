//! Pages and the key (I8): together or not at all.

use std::time::Duration;

use ticketbridge_core::mobile::{ItemState, MAX_PAGE_ITEMS, MoveReason, PageSource, PaginationKey, RewindError};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{BeginRun, FeedbackPage, FeedbackStore, Held, NewPage, PageId, RewindAnswer, Trigger};

use super::{
    ALL, begin, begin_for, beginning, done, end, new_file, new_page, over_each_store, page, refusal, sends, stored,
    try_begin,
};
use crate::fixture::LONG;

over_each_store!(
    a_page_comes_back_as_it_was_stored,
    the_key_moves_only_with_its_page,
    keys_are_kept_verbatim,
    a_page_of_another_key_is_refused,
    a_page_beyond_the_limits_is_refused,
    a_file_neither_reads_nor_moves_the_key,
    a_preview_writes_nothing_to_the_box_office,
    the_moves_are_numbered_without_gaps_and_kept,
    a_rewind_is_a_move_of_its_own,
    a_rewind_is_refused_during_a_run_and_to_a_move_that_never_was,
    a_rewind_fences_off_a_run_that_stands_still,
);

async fn a_page_comes_back_as_it_was_stored(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let new = new_page("", Some("k1"), 3);
    let id = done(store.store_page(&grant.fence, new.clone()).await);
    let stored = page(store, id).await;
    assert_eq!((stored.id, stored.source, stored.body), (id, PageSource::Diff, Some(new.body)));
    assert_eq!((stored.states, stored.waiting), (vec![ItemState::Pending; 3], vec![]));
    assert_eq!(store.pending_items("o").await, Ok(3));
    assert_eq!(store.pending_items("p").await, Ok(0));
    assert_eq!(store.page(PageId(id.0 + 1)).await, Ok(None));
    assert_eq!(store.page(PageId(-1)).await, Ok(None));
}

async fn the_key_moves_only_with_its_page(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let first = done(store.store_page(&grant.fence, new_page("", Some("k1"), 1)).await);
    assert_eq!(store.pagination_key("o").await, Ok(PaginationKey::from("k1")));
    // Not advanced: stored, and the key stays.
    let second = done(store.store_page(&grant.fence, new_page("k1", None, 1)).await);
    assert_eq!(store.pagination_key("o").await, Ok(PaginationKey::from("k1")));
    assert_eq!(store.pagination_key("p").await, Ok(PaginationKey::default()));
    end(store, &grant.fence).await;
    let grant = begin(store, "o").await;
    assert_eq!((grant.key, grant.open_pages), (PaginationKey::from("k1"), vec![first, second]));
}

async fn keys_are_kept_verbatim(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let keys = ["", " a+b/c== ", "ключ\u{1F3AB}\u{0}\n", "A", "a", "\"'; DROP TABLE feedback_key; --"];
    for pair in keys.windows(2) {
        done(store.store_page(&grant.fence, new_page(pair[0], Some(pair[1]), 1)).await);
        assert_eq!(store.pagination_key("o").await, Ok(PaginationKey::from(pair[1])));
    }
    let moves = store.key_history("o", ALL).await.unwrap();
    let seen: Vec<_> = moves.iter().rev().map(|step| step.new.as_str()).collect();
    assert_eq!(seen, keys[1..]);
}

async fn a_page_of_another_key_is_refused(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    done(store.store_page(&grant.fence, new_page("", Some("k1"), 1)).await);
    let before = super::random::contents(store).await;
    for new in [new_page("", Some("k2"), 1), new_page("K1", Some("k2"), 1), new_page("k1 ", None, 1)] {
        let text = refusal(store.store_page(&grant.fence, new).await);
        assert!(text.contains("stored pagination key"), "{text}");
    }
    for next in ["", "k1"] {
        let text = refusal(store.store_page(&grant.fence, new_page("k1", Some(next), 1)).await);
        assert!(text.contains("a new one that is not empty"), "{text}");
    }
    assert_eq!(super::random::contents(store).await, before);
}

async fn a_page_beyond_the_limits_is_refused(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    for items in [0, MAX_PAGE_ITEMS as u32 + 1, u32::MAX] {
        let text = refusal(store.store_page(&grant.fence, NewPage { items, ..new_page("", None, 1) }).await);
        assert!(text.contains("items"), "{text}");
    }
    let most = NewPage { items: MAX_PAGE_ITEMS as u32, ..new_page("", None, 1) };
    let id = done(store.store_page(&grant.fence, most).await);
    assert_eq!(page(store, id).await.states.len(), MAX_PAGE_ITEMS);
}

async fn a_file_neither_reads_nor_moves_the_key(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    done(store.store_page(&grant.fence, new_page("", Some("k1"), 1)).await);
    let id = done(store.store_page(&grant.fence, NewPage { sent: "else".into(), ..new_file(2) }).await);
    assert_eq!(page(store, id).await.source, PageSource::File);
    assert_eq!(store.pagination_key("o").await, Ok(PaginationKey::from("k1")));
    assert_eq!(store.key_history("o", ALL).await.unwrap().len(), 1);
    let text = refusal(store.store_page(&grant.fence, NewPage { next: Some("k2".into()), ..new_file(1) }).await);
    assert!(text.contains("file does not move"), "{text}");
}

async fn a_preview_writes_nothing_to_the_box_office(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let id = stored(store, &grant.fence, 1).await;
    end(store, &grant.fence).await;
    let preview = BeginRun { trigger: Trigger::Preview, ..beginning("o", 1, LONG) };
    let ticketbridge_store::BeginAnswer::Begun(grant) = try_begin(store, preview).await else { panic!("refused") };
    let before = super::random::contents(store).await;
    let claim = ticketbridge_store::Claim { email: [1; 32], request_ref: "r".into() };
    for text in [
        refusal(store.store_page(&grant.fence, new_page("", Some("k1"), 1)).await),
        refusal(store.write_feedback(&grant.fence, sends(vec![super::item(id, 0)])).await),
        refusal(store.claim_contacts(&grant.fence, "s360", vec![claim]).await),
    ] {
        assert!(text.contains("a preview"), "{text}");
    }
    assert_eq!(super::random::contents(store).await, before);
    assert_eq!(store.renew_lease(&grant.fence, LONG).await, Ok(Held::Done(())));
    end(store, &grant.fence).await;
    // The next run is none.
    let grant = begin(store, "o").await;
    super::write(store, &grant.fence, sends(vec![super::item(id, 0)])).await;
}

async fn the_moves_are_numbered_without_gaps_and_kept(store: &dyn FeedbackStore) {
    let (of_o, of_p) = (begin(store, "o").await.fence, begin(store, "p").await.fence);
    let first = done(store.store_page(&of_o, new_page("", Some("k1"), 1)).await);
    done(store.store_page(&of_p, new_page("", Some("x1"), 1)).await);
    done(store.store_page(&of_o, new_page("k1", None, 1)).await);
    refusal(store.store_page(&of_o, new_page("", Some("k9"), 1)).await);
    done(store.store_page(&of_o, new_page("k1", Some("k2"), 1)).await);
    let moves = store.key_history("o", ALL).await.unwrap();
    assert_eq!(moves.iter().map(|step| step.n).collect::<Vec<_>>(), [2, 1]);
    let step = &moves[1];
    assert_eq!((step.old.as_str(), step.new.as_str(), &*step.organizer), ("", "k1", "o"));
    assert_eq!((step.reason, step.who.as_deref(), step.at), (MoveReason::Page, None, Wall(1_100)));
    assert_eq!((step.page_id, step.run_id), (Some(first.0 as u64), Some(of_o.run.0 as u64)));
    assert_eq!((moves[0].old.as_str(), moves[0].new.as_str()), ("k1", "k2"));
    let cut = store.key_history("o", FeedbackPage { offset: 1, limit: 1 }).await.unwrap();
    assert_eq!(cut, moves[1..]);
    assert_eq!(store.key_history("p", ALL).await.unwrap()[0].n, 1);
}

async fn a_rewind_is_a_move_of_its_own(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    for (sent, next) in [("", "k1"), ("k1", "k2"), ("k2", "k3")] {
        done(store.store_page(&grant.fence, new_page(sent, Some(next), 1)).await);
    }
    end(store, &grant.fence).await;
    for (number, (to, key)) in [(Some(2), "k2"), (Some(1), "k1"), (Some(4), "k2"), (None, "")].into_iter().enumerate() {
        let old = store.pagination_key("o").await.unwrap();
        let RewindAnswer::Done(step) = store.rewind_key("o", to, "ana", Wall(7)).await.unwrap() else {
            panic!("refused")
        };
        assert_eq!((step.n, &step.old, step.new.as_str()), (4 + number as u64, &old, key));
        assert_eq!((step.reason, step.who.as_deref(), step.at), (MoveReason::Rewind, Some("ana"), Wall(7)));
        assert_eq!((step.page_id, step.run_id), (None, None));
        assert_eq!(store.pagination_key("o").await, Ok(PaginationKey::from(key)));
        assert_eq!(store.key_history("o", ALL).await.unwrap()[0], *step);
    }
    // From there the stream goes on as before.
    let grant = begin(store, "o").await;
    done(store.store_page(&grant.fence, new_page("", Some("k1"), 1)).await);
}

async fn a_rewind_is_refused_during_a_run_and_to_a_move_that_never_was(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    done(store.store_page(&grant.fence, new_page("", Some("k1"), 1)).await);
    let before = super::random::contents(store).await;
    let refused = store.rewind_key("o", None, "ana", Wall(7)).await;
    assert_eq!(refused, Ok(RewindAnswer::Refused(RewindError::RunInProgress)));
    assert_eq!(super::random::contents(store).await, before);
    end(store, &grant.fence).await;
    let before = super::random::contents(store).await;
    for n in [0, 2, u64::MAX] {
        let refused = store.rewind_key("o", Some(n), "ana", Wall(7)).await;
        assert_eq!(refused, Ok(RewindAnswer::Refused(RewindError::NotInHistory)), "{n}");
    }
    let refused = store.rewind_key("p", Some(1), "ana", Wall(7)).await;
    assert_eq!(refused, Ok(RewindAnswer::Refused(RewindError::NotInHistory)), "another organizer's move");
    assert_eq!(super::random::contents(store).await, before);
}

async fn a_rewind_fences_off_a_run_that_stands_still(store: &dyn FeedbackStore) {
    let stalled = begin_for(store, "o", Duration::ZERO).await;
    done(store.store_page(&stalled.fence, new_page("", Some("k1"), 1)).await);
    let answer = store.rewind_key("o", None, "ana", Wall(7)).await.unwrap();
    assert!(matches!(answer, RewindAnswer::Done(_)), "{answer:?}");
    // It wakes up, and would move the key on.
    assert_eq!(store.renew_lease(&stalled.fence, LONG).await, Ok(Held::Lost));
    assert_eq!(store.store_page(&stalled.fence, new_page("", Some("k2"), 1)).await, Ok(Held::Lost));
    assert_eq!(store.lease("o").await, Ok(None));
    assert!(store.feedback_runs(Some("o"), ALL).await.unwrap()[0].end.is_some());
    assert!(store.pagination_key("o").await.unwrap().is_empty());
    assert!(begin(store, "o").await.fence.token > stalled.fence.token + 1);
}
