//! Removing a person.

use serde_json::{Value, json};
use ticketbridge_core::mobile::{ItemState, PageSource};
use ticketbridge_store::{
    BoxContact, Claim, Erased, FeedbackFilter, FeedbackStore, FeedbackWrites, ItemChange, MobileTicket, NewPage,
    PageId, RunFence,
};

use super::writes::{contact, ticket};
use super::{
    ALL, begin, body_of, change, done, end, fails, item, item_of, new_file, nothing, over_each_store, page, refusal,
    sends, write,
};

over_each_store!(
    a_person_is_removed_from_what_is_done_and_nothing_else_changes,
    what_still_has_to_be_applied_is_left_and_named,
    a_failed_item_stays_listed_and_can_be_retried,
    tickets_and_contacts_lose_the_person_and_keep_the_rest,
    a_claim_goes_unless_it_is_needed,
    what_is_no_e_mail_is_refused_and_not_shown,
    a_body_that_is_no_page_is_named,
);

const ADA: &str = "ada@x.org";

async fn put(store: &dyn FeedbackStore, fence: &RunFence, items: &[Value]) -> PageId {
    let body = body_of(items).into();
    let new = NewPage { source: PageSource::File, body, items: items.len() as u32, ..new_file(1) };
    done(store.store_page(fence, new).await)
}

async fn settle(store: &dyn FeedbackStore, fence: &RunFence, id: PageId, items: u32) {
    for position in 0..items {
        write(store, fence, change(item(id, position), ItemChange::Done)).await;
    }
}

async fn body(store: &dyn FeedbackStore, id: PageId) -> Value {
    serde_json::from_slice(&page(store, id).await.body.unwrap()).unwrap()
}

async fn a_person_is_removed_from_what_is_done_and_nothing_else_changes(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let bob = item_of("t1", "bob@x.org");
    let id = put(store, &grant.fence, &[item_of("t0", " ADA@X.org "), bob.clone(), item_of("t2", ADA)]).await;
    let other = put(store, &grant.fence, std::slice::from_ref(&bob)).await;
    settle(store, &grant.fence, id, 3).await;
    settle(store, &grant.fence, other, 1).await;
    let untouched = page(store, other).await;

    let erased = store.erase_person("Ada@x.org ").await.unwrap();
    assert_eq!(erased, Erased { pages: 1, items: 2, ..Erased::default() });
    let after = body(store, id).await;
    assert_eq!(after["result"][1], bob);
    let blank = |ticket: &str| {
        json!({
            "ticketId": ticket, "taxNumber": "123", "status": "TRANSFERRED", "updatedAt": "2026-05-04T08:00:00Z",
            "spectatorDetails": null, "transfer": {"senderEmail": null, "initiatedAt": "2026-05-04T07:00:00Z"},
            "extraInfo": null,
        })
    };
    assert_eq!((&after["result"][0], &after["result"][2]), (&blank("t0"), &blank("t2")));
    assert_eq!(page(store, id).await.states, [ItemState::Done; 3]);
    assert_eq!(page(store, other).await, untouched);
    assert_eq!(store.erase_person(ADA).await, Ok(Erased::default()), "nothing is left");
}

async fn what_still_has_to_be_applied_is_left_and_named(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let mut ids = Vec::new();
    // More than are looked at in one transaction.
    for _ in 0..20 {
        ids.push(put(store, &grant.fence, &[item_of("t0", ADA), item_of("t1", ADA)]).await);
    }
    for id in &ids[..18] {
        settle(store, &grant.fence, *id, 2).await;
    }
    write(store, &grant.fence, change(item(ids[18], 0), ItemChange::Done)).await;
    write(store, &grant.fence, change(item(ids[19], 1), fails(true))).await;
    let erased = store.erase_person(ADA).await.unwrap();
    assert_eq!((erased.pages, erased.items, &*erased.kept_pages), (19, 37, &ids[18..]));
    let half = body(store, ids[18]).await;
    assert_eq!(half["result"][0]["spectatorDetails"], Value::Null);
    assert_eq!(half["result"][1], item_of("t1", ADA));
    let whole = body(store, ids[19]).await;
    assert_eq!(whole["result"], json!([item_of("t0", ADA), item_of("t1", ADA)]));
    // Applied, they go with the next call.
    settle(store, &grant.fence, ids[18], 2).await;
    settle(store, &grant.fence, ids[19], 2).await;
    let erased = store.erase_person(ADA).await.unwrap();
    assert_eq!((erased.items, erased.kept_pages), (3, vec![]));
}

async fn a_failed_item_stays_listed_and_can_be_retried(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let id = put(store, &grant.fence, &[item_of("t0", ADA)]).await;
    write(store, &grant.fence, change(item(id, 0), fails(false))).await;
    let failed = store.failed_items(None, ALL).await.unwrap();
    let erased = store.erase_person(ADA).await.unwrap();
    assert_eq!((erased.items, erased.kept_pages), (1, vec![]));
    assert_eq!(store.failed_items(None, ALL).await.unwrap(), failed);
    assert_eq!(store.retry_failed("o", None).await, Ok(1));
    assert_eq!(body(store, id).await["result"][0]["spectatorDetails"], Value::Null);
}

async fn tickets_and_contacts_lose_the_person_and_keep_the_rest(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let bob = Some(Box::from("bob@x.org"));
    let tickets = vec![ticket("t0"), MobileTicket { owner_email: bob.clone(), ..ticket("t1") }, ticket("t2")];
    let contacts = vec![contact("7"), BoxContact { email: bob, ..contact("8") }];
    write(store, &grant.fence, FeedbackWrites { tickets, contacts, ..nothing() }).await;
    let erased = store.erase_person(ADA).await.unwrap();
    assert_eq!(erased, Erased { tickets: 2, contacts: 1, ..Erased::default() });
    let everything = FeedbackFilter::default();
    let tickets = store.mobile_tickets(&everything, ALL).await.unwrap();
    let blank = |id| MobileTicket { owner_email: None, beneficiary: None, ..ticket(id) };
    assert!(tickets[0] == blank("t2") && tickets[2] == blank("t0"), "{tickets:?}");
    assert_eq!(tickets[1].owner_email.as_deref(), Some("bob@x.org"));
    let contacts = store.box_contacts(&everything, ALL).await.unwrap();
    assert!(contacts[1] == BoxContact { email: None, ..contact("7") } && contacts[0].email.is_some());
    let found = FeedbackFilter { email: Some(ADA.into()), ..FeedbackFilter::default() };
    assert!(store.mobile_tickets(&found, ALL).await.unwrap().is_empty());
}

async fn a_claim_goes_unless_it_is_needed(store: &dyn FeedbackStore) {
    use sha2::{Digest, Sha256};
    let email: [u8; 32] = Sha256::digest(ADA.as_bytes()).into();
    let first_ref = async |organizer: &str, request_ref: &str, sends_it: bool| {
        let fence = begin(store, organizer).await.fence;
        let claim = Claim { email, request_ref: request_ref.into() };
        let answer = done(store.claim_contacts(&fence, "s360", vec![claim]).await).remove(0);
        if sends_it {
            let id = put(store, &fence, &[item_of("t9", "z@x.org")]).await;
            let writes = FeedbackWrites { sent_claims: vec![email], ..sends(vec![item(id, 0)]) };
            write(store, &fence, writes).await;
        }
        let ticketbridge_store::ClaimAnswer::Granted { request_ref, .. } = answer else { panic!("busy") };
        // While the run is alive it keeps its claim.
        store.erase_person(ADA).await.unwrap();
        end(store, &fence).await;
        request_ref
    };
    assert_eq!(&*first_ref("o", "r1", false).await, "r1");
    assert_eq!(&*first_ref("p", "r2", false).await, "r1", "kept while its run was alive");
    store.erase_person(ADA).await.unwrap();
    assert_eq!(&*first_ref("o", "r3", true).await, "r3", "forgotten");
    store.erase_person(ADA).await.unwrap();
    assert_eq!(&*first_ref("p", "r4", false).await, "r3", "it was sent");
}

async fn what_is_no_e_mail_is_refused_and_not_shown(store: &dyn FeedbackStore) {
    for wrong in ["", "ada", "ada lovelace@x.org", "a@b@c", "@x.org"] {
        let text = refusal(store.erase_person(wrong).await);
        assert!(text.contains("no e-mail") && (wrong.is_empty() || !text.contains(wrong)), "{text}");
    }
}

async fn a_body_that_is_no_page_is_named(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let odd = NewPage { body: "ada@x.org".into(), ..new_file(1) };
    let id = done(store.store_page(&grant.fence, odd).await);
    settle(store, &grant.fence, id, 1).await;
    let after = put(store, &grant.fence, &[item_of("t0", ADA)]).await;
    settle(store, &grant.fence, after, 1).await;
    let erased = store.erase_person(ADA).await.unwrap();
    assert_eq!((erased.items, erased.kept_pages), (1, vec![id]));
}

#[tokio::test]
async fn nothing_shows_a_person() {
    let store = ticketbridge_store::MemoryStore::new(1);
    let grant = begin(&store, "o").await;
    let id = put(&store, &grant.fence, &[item_of("t0", ADA)]).await;
    let writes = FeedbackWrites { tickets: vec![ticket("t0")], contacts: vec![contact("7")], ..nothing() };
    let filter = FeedbackFilter { email: Some(ADA.into()), ..FeedbackFilter::default() };
    let new = NewPage { body: body_of(&[item_of("t0", ADA)]).into(), ..new_file(1) };
    let shown = [format!("{writes:?}"), format!("{filter:?}"), format!("{new:?}")];
    write(&store, &grant.fence, writes).await;
    let more = [format!("{:?}", page(&store, id).await), format!("{store:?}")];
    for text in shown.iter().chain(&more) {
        assert!(!text.contains("x.org") && !text.contains("Lovelace") && !text.contains("cats"), "{text}");
        assert!(text.len() > 10);
    }
}
