//! What a run decided (I3): items, calls, what is known of the box office, and what is refused.

use ticketbridge_core::mobile::ItemState::{self, Blocking, Done, Failed, Pending};
use ticketbridge_core::mobile::{ContactNumber, RowStatus, Status, UtcInstant, WriteKind};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{
    BoxContact, BoxDistribution, CallOutcome, FeedbackFilter, FeedbackPage, FeedbackStore, FeedbackWrites, ItemChange,
    ItemWrite, MobileTicket, PageId, RunId, Waiting,
};

use super::{
    ALL, begin, change, end, fails, intent, item, nothing, over_each_store, page, refusal, sends, stored, waits, write,
};

over_each_store!(
    items_change_their_states_and_open_pages_are_told,
    an_item_that_waits_says_why_until_it_is_settled,
    all_that_one_transaction_says_of_an_item_happens_in_order,
    calls_are_recorded_before_they_are_sent_and_settled_once,
    an_intent_for_a_settled_item_is_refused,
    what_is_not_the_organizers_is_refused_whole,
    settled_items_are_changed_by_operators_only,
    a_refused_decision_leaves_nothing_behind,
    what_is_known_is_replaced_and_listed_last_written_first,
    listings_are_filtered,
);

pub(crate) fn ticket(id: &str) -> MobileTicket {
    MobileTicket {
        organizer: "o".into(),
        ticket_id: id.into(),
        tax_number: Some("123".into()),
        status: Status::Transferred,
        status_date: UtcInstant::parse("2026-05-04T08:00:00.123Z").unwrap(),
        owner_email: Some("ada@x.org".into()),
        beneficiary: Some("Ada Lovelace".into()),
        page: PageId(1),
        at: Wall(1_200),
    }
}

pub(crate) fn contact(number: &str) -> BoxContact {
    BoxContact {
        box_office: "s360".into(),
        organizer: "o".into(),
        contact_number: ContactNumber::try_from(String::from(number)).unwrap(),
        email: Some("ada@x.org".into()),
        created: true,
        request_ref: Some("r".into()),
        ticket_id: "t0".into(),
        at: Wall(1_200),
    }
}

pub(crate) fn distribution(reference: &str) -> BoxDistribution {
    BoxDistribution {
        organizer: "o".into(),
        distribution_ref: reference.into(),
        ticket_id: "t0".into(),
        old_contact: None,
        new_contact: Some("7".into()),
        status: RowStatus::Pending,
        row_at: UtcInstant::parse("2026-05-04T08:00:00Z").unwrap(),
        at: Wall(1_200),
    }
}

async fn items_change_their_states_and_open_pages_are_told(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let (first, second) = (stored(store, &grant.fence, 4).await, stored(store, &grant.fence, 1).await);
    let changes = [ItemChange::Done, waits(1), fails(false), fails(true)];
    for (position, of) in changes.into_iter().enumerate() {
        write(store, &grant.fence, change(item(first, position as u32), of)).await;
    }
    assert_eq!(page(store, first).await.states, [Done, Pending, Failed, Blocking]);
    assert_eq!(store.pending_items("o").await, Ok(3));
    write(store, &grant.fence, change(item(second, 0), ItemChange::Done)).await;
    assert_eq!(store.pending_items("o").await, Ok(2));
    end(store, &grant.fence).await;
    let grant = begin(store, "o").await;
    assert_eq!(grant.open_pages, [first]);
    for position in [1, 3] {
        write(store, &grant.fence, change(item(first, position), ItemChange::Done)).await;
    }
    assert_eq!(page(store, first).await.states, [Done, Done, Failed, Done]);
    assert_eq!(store.failed_items(None, ALL).await.unwrap().len(), 1);
    end(store, &grant.fence).await;
    assert_eq!(begin(store, "o").await.open_pages, []);
}

async fn an_item_that_waits_says_why_until_it_is_settled(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let id = stored(store, &grant.fence, 3).await;
    for position in [2, 0, 1] {
        write(store, &grant.fence, change(item(id, position), waits(position + 1))).await;
    }
    let waiting = |position, attempts| Waiting { position, attempts, due_at: Wall(5_000), reason: "LOCKED".into() };
    assert_eq!(page(store, id).await.waiting, [waiting(0, 1), waiting(1, 2), waiting(2, 3)]);
    write(store, &grant.fence, change(item(id, 1), waits(9))).await;
    write(store, &grant.fence, change(item(id, 0), ItemChange::Done)).await;
    assert_eq!(page(store, id).await.waiting, [waiting(1, 9), waiting(2, 3)]);
    write(store, &grant.fence, change(item(id, 2), fails(true))).await;
    assert_eq!(page(store, id).await.waiting, [waiting(1, 9)]);
    // A blocking item may wait again.
    write(store, &grant.fence, change(item(id, 2), waits(4))).await;
    assert_eq!(page(store, id).await.waiting, [waiting(1, 9), waiting(2, 4)]);
    assert_eq!(page(store, id).await.states[2], ItemState::Pending);
    assert_eq!(store.failed_items(None, ALL).await, Ok(vec![]));
}

async fn all_that_one_transaction_says_of_an_item_happens_in_order(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let id = stored(store, &grant.fence, 1).await;
    let of = |change| ItemWrite { item: item(id, 0), change };
    let items = vec![of(waits(1)), of(fails(true)), of(waits(2)), of(ItemChange::Done), of(ItemChange::Done)];
    write(store, &grant.fence, FeedbackWrites { items, ..nothing() }).await;
    let stored = page(store, id).await;
    assert_eq!((stored.states, stored.waiting), (vec![ItemState::Done], vec![]));
    assert_eq!(store.failed_items(None, ALL).await, Ok(vec![]));
}

async fn calls_are_recorded_before_they_are_sent_and_settled_once(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let id = stored(store, &grant.fence, 3).await;
    let mut second = intent(vec![item(id, 2), item(id, 2)]);
    second.kind = WriteKind::CreateContact;
    let intents = vec![intent(vec![item(id, 1), item(id, 0)]), second];
    let ids = write(store, &grant.fence, FeedbackWrites { intents, ..nothing() }).await;
    assert!(ids.len() == 2 && ids[0] < ids[1]);
    let calls = store.run_calls(grant.fence.run).await.unwrap();
    assert_eq!((calls[0].id, calls[0].run, &*calls[0].box_office), (ids[0], grant.fence.run, "s360"));
    assert_eq!((calls[0].kind, &calls[0].items), (WriteKind::StoreMobile, &vec![item(id, 1), item(id, 0)]));
    assert_eq!((&*calls[0].body_hash, calls[0].sent_at, &calls[0].outcome), (&*"07".repeat(32), Wall(1_200), &None));
    assert_eq!((calls[1].kind, &calls[1].items), (WriteKind::CreateContact, &vec![item(id, 2), item(id, 2)]));

    let outcome = |call| CallOutcome { call, text: "2 confirmed".into() };
    let settle = |outcomes| FeedbackWrites { outcomes, ..FeedbackWrites::at(Wall(1_300)) };
    write(store, &grant.fence, settle(vec![outcome(ids[1])])).await;
    let calls = store.run_calls(grant.fence.run).await.unwrap();
    assert_eq!(calls[0].outcome, None);
    assert_eq!(calls[1].outcome, Some(("2 confirmed".into(), Wall(1_300))));
    for outcomes in [vec![outcome(ids[1])], vec![outcome(ids[0]), outcome(ids[0])]] {
        let text = refusal(store.write_feedback(&grant.fence, settle(outcomes)).await);
        assert!(text.contains("without outcome"), "{text}");
    }
    assert_eq!(store.run_calls(grant.fence.run).await.unwrap(), calls);
    let mut other = begin(store, "p").await.fence;
    let text = refusal(store.write_feedback(&other, settle(vec![outcome(ids[0])])).await);
    assert!(text.contains(&format!("call {}", ids[0].0)), "{text}");
    other.run = RunId(99);
    assert_eq!(store.run_calls(other.run).await, Ok(vec![]));
}

async fn an_intent_for_a_settled_item_is_refused(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let id = stored(store, &grant.fence, 3).await;
    write(store, &grant.fence, change(item(id, 0), ItemChange::Done)).await;
    write(store, &grant.fence, change(item(id, 1), fails(false))).await;
    for position in [0, 1] {
        let text = refusal(store.write_feedback(&grant.fence, sends(vec![item(id, 2), item(id, position)])).await);
        assert!(text.contains(&format!("item {position} of page {}, which is settled", id.0)), "{text}");
    }
    // Settled by this very transaction.
    let mut writes = sends(vec![item(id, 2)]);
    writes.items = change(item(id, 2), ItemChange::Done).items;
    refusal(store.write_feedback(&grant.fence, writes).await);
    let text = refusal(store.write_feedback(&grant.fence, sends(vec![])).await);
    assert!(text.contains("for no item"), "{text}");
    assert_eq!(store.run_calls(grant.fence.run).await, Ok(vec![]));
    // A blocking item is tried again.
    let mut writes = sends(vec![item(id, 2)]);
    writes.items = change(item(id, 2), fails(true)).items;
    write(store, &grant.fence, writes).await;
}

async fn what_is_not_the_organizers_is_refused_whole(store: &dyn FeedbackStore) {
    let of_p = begin(store, "p").await.fence;
    let foreign = stored(store, &of_p, 1).await;
    let grant = begin(store, "o").await;
    let own = stored(store, &grant.fence, 1).await;
    let before = super::random::contents(store).await;
    let strangers = [item(foreign, 0), item(own, 1), item(own, u32::MAX), item(PageId(99), 0), item(PageId(-1), 0)];
    for stranger in strangers {
        let mut writes = change(item(own, 0), ItemChange::Done);
        writes.items.extend(change(stranger, ItemChange::Done).items);
        for writes in [writes, sends(vec![item(own, 0), stranger])] {
            let text = refusal(store.write_feedback(&grant.fence, writes).await);
            assert!(text.contains("organizer o has no item") && text.contains(&stranger.page.0.to_string()), "{text}");
        }
    }
    let elsewhere = FeedbackWrites {
        tickets: vec![ticket("t0"), MobileTicket { organizer: "p".into(), ..ticket("t1") }],
        ..nothing()
    };
    let contacts = vec![BoxContact { organizer: "p".into(), ..contact("7") }];
    let rows = vec![BoxDistribution { organizer: "p".into(), ..distribution("tng:1") }];
    for writes in
        [elsewhere, FeedbackWrites { contacts, ..nothing() }, FeedbackWrites { distributions: rows, ..nothing() }]
    {
        let text = refusal(store.write_feedback(&grant.fence, writes).await);
        assert!(text.contains("of organizer p"), "{text}");
    }
    assert_eq!(super::random::contents(store).await, before);
}

async fn settled_items_are_changed_by_operators_only(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let id = stored(store, &grant.fence, 2).await;
    write(store, &grant.fence, change(item(id, 0), ItemChange::Done)).await;
    write(store, &grant.fence, change(item(id, 1), fails(false))).await;
    let tries =
        [(0, waits(1)), (0, fails(false)), (0, fails(true)), (1, waits(1)), (1, ItemChange::Done), (1, fails(true))];
    let before = super::random::contents(store).await;
    for (position, of) in tries {
        let text = refusal(store.write_feedback(&grant.fence, change(item(id, position), of)).await);
        assert!(text.contains("settled"), "{text}");
    }
    assert_eq!(super::random::contents(store).await, before);
    write(store, &grant.fence, change(item(id, 0), ItemChange::Done)).await;
    write(store, &grant.fence, change(item(id, 1), fails(false))).await;
    assert_eq!(store.failed_items(None, ALL).await.unwrap().len(), 1);
}

async fn a_refused_decision_leaves_nothing_behind(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let id = stored(store, &grant.fence, 3).await;
    let call = write(store, &grant.fence, sends(vec![item(id, 0)])).await[0];
    let before = super::random::contents(store).await;
    let mut writes = sends(vec![item(id, 2)]);
    writes.outcomes = vec![CallOutcome { call, text: "1 confirmed".into() }];
    writes.items = vec![
        ItemWrite { item: item(id, 0), change: ItemChange::Done },
        ItemWrite { item: item(id, 1), change: fails(false) },
        ItemWrite { item: item(id, 2), change: waits(1) },
    ];
    writes.tickets = vec![ticket("t0")];
    writes.contacts = vec![contact("7")];
    writes.distributions = vec![distribution("tng:1")];
    let mut flawed = writes.clone();
    flawed.intents.push(intent(vec![item(id, 0)])); // Done by then.
    refusal(store.write_feedback(&grant.fence, flawed).await);
    assert_eq!(super::random::contents(store).await, before);
    write(store, &grant.fence, writes).await;
    assert_ne!(super::random::contents(store).await, before);
}

async fn what_is_known_is_replaced_and_listed_last_written_first(store: &dyn FeedbackStore) {
    let grant = begin(store, "o").await;
    let tickets = ["t0", "t1", "t2"].map(ticket).to_vec();
    let contacts = ["7", "8", "9"].map(contact).to_vec();
    let distributions = ["tng:1", "tng:2", "tng:3"].map(distribution).to_vec();
    write(store, &grant.fence, FeedbackWrites { tickets, contacts, distributions, ..nothing() }).await;
    let later = MobileTicket {
        status: Status::Controlled,
        tax_number: None,
        owner_email: None,
        beneficiary: None,
        at: Wall(9),
        ..ticket("t1")
    };
    let completed = BoxContact { created: false, request_ref: None, email: None, at: Wall(9), ..contact("8") };
    let confirmed =
        BoxDistribution { status: RowStatus::Confirmed, old_contact: Some("1".into()), ..distribution("tng:2") };
    let writes = FeedbackWrites {
        tickets: vec![later.clone()],
        contacts: vec![completed.clone()],
        distributions: vec![confirmed.clone()],
        ..nothing()
    };
    write(store, &grant.fence, writes).await;
    let everything = FeedbackFilter::default();
    let tickets = store.mobile_tickets(&everything, ALL).await.unwrap();
    assert!(tickets == [later, ticket("t2"), ticket("t0")], "{tickets:?}");
    let contacts = store.box_contacts(&everything, ALL).await.unwrap();
    assert!(contacts == [completed, contact("9"), contact("7")], "{contacts:?}");
    let rows = store.box_distributions(&everything, ALL).await.unwrap();
    assert_eq!(rows, [confirmed, distribution("tng:3"), distribution("tng:1")]);
    let cut = store.mobile_tickets(&everything, FeedbackPage { offset: 1, limit: 1 }).await.unwrap();
    assert!(cut == [ticket("t2")], "{cut:?}");
}

async fn listings_are_filtered(store: &dyn FeedbackStore) {
    for organizer in ["o", "p"] {
        let grant = begin(store, organizer).await;
        let organizer = || Box::from(organizer);
        let bob = Some(Box::from("bob@x.org"));
        let tickets = vec![
            MobileTicket { organizer: organizer(), ..ticket("t0") },
            MobileTicket { organizer: organizer(), owner_email: bob.clone(), ..ticket("t1") },
        ];
        let contacts = vec![
            BoxContact { organizer: organizer(), box_office: organizer(), ..contact("7") },
            BoxContact {
                organizer: organizer(),
                box_office: organizer(),
                email: bob,
                ticket_id: "t1".into(),
                ..contact("8")
            },
        ];
        let reference = format!("tng:{}", organizer());
        let distributions = vec![BoxDistribution { organizer: organizer(), ..distribution(&reference) }];
        write(store, &grant.fence, FeedbackWrites { tickets, contacts, distributions, ..nothing() }).await;
    }
    let filter = |organizer: Option<&str>, ticket: Option<&str>, email: Option<&str>| FeedbackFilter {
        organizer: organizer.map(Into::into),
        ticket_id: ticket.map(Into::into),
        email: email.map(Into::into),
    };
    let cases = [
        (filter(None, None, None), [4, 4, 2]),
        (filter(Some("o"), None, None), [2, 2, 1]),
        (filter(None, Some("t1"), None), [2, 2, 0]),
        (filter(None, Some("t0"), None), [2, 2, 2]),
        (filter(None, None, Some("bob@x.org")), [2, 2, 2]),
        (filter(Some("p"), Some("t1"), Some("bob@x.org")), [1, 1, 0]),
        (filter(Some("p"), Some("t0"), Some("bob@x.org")), [0, 0, 1]),
        (filter(Some("nobody"), None, None), [0, 0, 0]),
    ];
    for (filter, expected) in cases {
        let found = [
            store.mobile_tickets(&filter, ALL).await.unwrap().len(),
            store.box_contacts(&filter, ALL).await.unwrap().len(),
            store.box_distributions(&filter, ALL).await.unwrap().len(),
        ];
        assert_eq!(found, expected, "{filter:?}");
    }
}
