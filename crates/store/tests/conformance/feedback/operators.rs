//! What operators do: failed items and the skip list.

use ticketbridge_core::mobile::ItemState::{self, Pending};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{FailedItem, FeedbackPage, FeedbackStore, ItemChange, PageId};

use super::{ALL, begin, change, end, fails, item, over_each_store, page, refusal, sends, stored, waits, write};

over_each_store!(
    failed_items_are_listed_newest_first_until_they_are_settled,
    a_retry_makes_failed_items_pending_again,
    a_retry_takes_the_items_named_or_all_of_the_organizer,
    a_dismissed_item_is_done_and_a_run_that_did_not_see_it_changes_nothing,
    the_skip_list_keeps_entries_of_each_organizer,
);

async fn failed_items_are_listed_newest_first_until_they_are_settled(store: &dyn FeedbackStore) {
    let (of_o, of_p) = (begin(store, "o").await.fence, begin(store, "p").await.fence);
    let (own, foreign) = (stored(store, &of_o, 3).await, stored(store, &of_p, 1).await);
    for position in 0..3 {
        write(store, &of_o, change(item(own, position), fails(position == 1))).await;
    }
    write(store, &of_p, change(item(foreign, 0), fails(false))).await;
    let listed = async |organizer: Option<&str>, page: FeedbackPage| {
        let failed = store.failed_items(organizer, page).await.unwrap();
        failed.into_iter().map(|failed| failed.item).collect::<Vec<_>>()
    };
    assert_eq!(listed(None, ALL).await, [item(foreign, 0), item(own, 2), item(own, 1), item(own, 0)]);
    assert_eq!(listed(Some("o"), FeedbackPage { offset: 1, limit: 1 }).await, [item(own, 1)]);
    let expected = FailedItem {
        item: item(own, 1),
        organizer: "o".into(),
        ticket_id: Some("t0".into()),
        code: "UNKNOWN_TICKET".into(),
        text: "the box office does not know it".into(),
        blocking: true,
        at: Wall(1_200),
    };
    assert_eq!(store.failed_items(Some("o"), ALL).await.unwrap()[1], expected);
    // It failed again: now it is the newest.
    write(store, &of_o, change(item(own, 1), fails(true))).await;
    assert_eq!(listed(Some("o"), ALL).await, [item(own, 1), item(own, 2), item(own, 0)]);
    write(store, &of_o, change(item(own, 1), ItemChange::Done)).await;
    assert_eq!(listed(Some("o"), ALL).await, [item(own, 2), item(own, 0)]);
}

async fn a_retry_makes_failed_items_pending_again(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let id = stored(store, &grant.fence, 4).await;
    write(store, &grant.fence, change(item(id, 0), fails(false))).await;
    write(store, &grant.fence, change(item(id, 1), fails(true))).await;
    write(store, &grant.fence, change(item(id, 2), ItemChange::Done)).await;
    write(store, &grant.fence, change(item(id, 3), waits(2))).await;
    assert_eq!(store.pending_items("o").await, Ok(2));
    // During the run, too.
    assert_eq!(store.retry_failed("o", None).await, Ok(2));
    assert_eq!(page(store, id).await.states, [Pending, Pending, ItemState::Done, Pending]);
    assert_eq!(page(store, id).await.waiting.len(), 1, "the other one still waits");
    assert_eq!(store.pending_items("o").await, Ok(3));
    assert_eq!(store.failed_items(None, ALL).await, Ok(vec![]));
    assert_eq!(store.retry_failed("o", None).await, Ok(0));
    end(store, &grant.fence).await;
    let grant = begin(store, "o").await;
    assert_eq!(grant.open_pages, [id]);
    write(store, &grant.fence, change(item(id, 0), fails(false))).await;
}

async fn a_retry_takes_the_items_named_or_all_of_the_organizer(store: &dyn FeedbackStore) {
    let (of_o, of_p) = (begin(store, "o").await.fence, begin(store, "p").await.fence);
    let (own, foreign) = (stored(store, &of_o, 3).await, stored(store, &of_p, 1).await);
    for position in 0..2 {
        write(store, &of_o, change(item(own, position), fails(false))).await;
    }
    write(store, &of_p, change(item(foreign, 0), fails(false))).await;
    let nobody = [item(foreign, 0), item(own, 2), item(own, 9), item(PageId(99), 0)];
    assert_eq!(store.retry_failed("o", Some(&nobody)).await, Ok(0));
    assert_eq!(store.retry_failed("o", Some(&[])).await, Ok(0));
    assert_eq!(store.retry_failed("o", Some(&[item(own, 1), item(own, 1), item(own, 2)])).await, Ok(1));
    assert_eq!(store.failed_items(None, ALL).await.unwrap().len(), 2);
    assert_eq!(store.retry_failed("o", None).await, Ok(1));
    assert_eq!(store.failed_items(None, ALL).await.unwrap()[0].item, item(foreign, 0));
}

async fn a_dismissed_item_is_done_and_a_run_that_did_not_see_it_changes_nothing(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let id = stored(store, &grant.fence, 3).await;
    write(store, &grant.fence, change(item(id, 0), fails(false))).await;
    write(store, &grant.fence, change(item(id, 1), fails(true))).await;
    assert_eq!(store.dismiss_failed("p", &[item(id, 0)]).await, Ok(0));
    let all: Vec<_> = (0..3).map(|position| item(id, position)).collect();
    assert_eq!(store.dismiss_failed("o", &all).await, Ok(2));
    assert_eq!(page(store, id).await.states, [ItemState::Done, ItemState::Done, ItemState::Pending]);
    assert_eq!(store.pending_items("o").await, Ok(1));
    assert_eq!(store.retry_failed("o", Some(&all)).await, Ok(0), "dismissed for good");
    let before = super::random::contents(store).await;
    for of in [waits(1), fails(true), fails(false), ItemChange::Done] {
        write(store, &grant.fence, change(item(id, 1), of)).await;
    }
    assert_eq!(super::random::contents(store).await, before);
    write(store, &grant.fence, sends(vec![item(id, 1)])).await;
}

async fn the_skip_list_keeps_entries_of_each_organizer(store: &dyn FeedbackStore) {
    assert_eq!(store.skip_entries("o").await, Ok(vec![]));
    for entry in ["id:b7", "00123", " 123 "] {
        assert_eq!(store.set_skip_entry("o", entry, true).await, Ok(true), "{entry}");
        assert_eq!(store.set_skip_entry("o", entry, true).await, Ok(false), "{entry}");
    }
    store.set_skip_entry("p", "9", true).await.unwrap();
    let entries: Vec<Box<str>> = ["00123", "123", "id:b7"].map(Into::into).to_vec();
    assert_eq!(store.skip_entries("o").await, Ok(entries));
    assert_eq!(store.set_skip_entry("o", "9", false).await, Ok(false));
    assert_eq!(store.set_skip_entry("o", "123", false).await, Ok(true));
    assert_eq!(store.skip_entries("o").await.unwrap().len(), 2);
    assert_eq!(store.skip_entries("p").await.unwrap().len(), 1);
    for wrong in ["", "  ", ",", "1,2", "id:", "1,"] {
        let text = refusal(store.set_skip_entry("o", wrong, true).await);
        assert!(text.contains("one entry"), "{wrong}: {text}");
    }
}
