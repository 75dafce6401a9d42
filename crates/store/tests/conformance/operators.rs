//! Acts, the change feed, settings at run time, documents, accepted losses.

use serde_json::json;
use ticketbridge_core::delivery::{KnownTicket, Settle};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{Attempts, BackendName, OriginId, PlatformName, State, TicketReference};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{Act, ActOutcome, AuditEntry, BackendOverride, Change, LaneAnswer, Store};
use uuid::Uuid;

use crate::fixture::{Holder, LONG, key, new_ticket, over_each_store, platform, refused};

over_each_store!(
    a_failed_step_is_retried_as_a_new_generation,
    a_failed_create_is_matched_again,
    acts_are_allowed_only_where_they_make_sense,
    a_row_moves_to_another_platform_only_while_nothing_is_known_of_it,
    acts_are_kept_with_the_ticket,
    changes_are_numbered_and_the_mark_moves,
    overrides_are_set_and_dropped,
    documents_are_kept_and_dropped,
    an_accepted_loss_drops_only_its_platforms_entries,
);

fn line() -> AuditEntry {
    AuditEntry::new(Wall(1), "ana", "test", "")
}

const ORIGIN: OriginId = OriginId(Uuid::from_u128(1));

async fn failed_at(store: &dyn Store, operation: Operation) {
    store.receive(vec![new_ticket(1, "m1", "SNR|a")]).await.unwrap();
    let mut holder = Holder::of(store, 1).await;
    let rows = holder.rows().await;
    let (batch, sent) = holder.send(operation, &rows, 10).await;
    let (update, result) = refused(&sent[0]);
    let mut writes = holder.nothing();
    writes.rows.push(update);
    writes.settles.push(Settle { batch, results: vec![result], remaining: Vec::new(), at: Wall(11) });
    holder.done(writes).await;
}

async fn a_failed_step_is_retried_as_a_new_generation(store: &dyn Store) {
    failed_at(store, Operation::CreateWorkOrder).await;
    let outcome = store.act(ORIGIN, Act::Retry, "ana", Wall(20)).await.unwrap();
    let ActOutcome::Done(row) = outcome else { panic!("{outcome:?}") };
    assert_eq!((row.state, row.generation, row.attempts), (State::CreatingWorkOrder, 1, Attempts::default()));
    assert_eq!((row.failed, row.due_at, &row.reason), (None, None, &None));
    assert!(row.sent.contains(Operation::CreateWorkOrder), "a look-up comes first");
    let view = store.ticket(ORIGIN).await.unwrap().unwrap();
    assert_eq!((view.row, view.updated_at), (*row, Wall(20)));
    assert_eq!(Holder::of(store, 1).await.rows().await.len(), 1, "it is open again");
}

async fn a_failed_create_is_matched_again(store: &dyn Store) {
    failed_at(store, Operation::CreateTicket).await;
    let outcome = store.act(ORIGIN, Act::Retry, "ana", Wall(20)).await.unwrap();
    let ActOutcome::Done(row) = outcome else { panic!("{outcome:?}") };
    assert_eq!(row.state, State::Matching);
}

async fn acts_are_allowed_only_where_they_make_sense(store: &dyn Store) {
    let dismiss = || Act::Dismiss { reason: String::from("works in the street") };
    assert_eq!(store.act(ORIGIN, Act::Retry, "ana", Wall(1)).await.unwrap(), ActOutcome::NoSuchTicket);
    failed_at(store, Operation::AddNote).await;
    let move_away = Act::Reassign { backend: BackendName::new("be-2"), platform: platform() };
    let outcome = store.act(ORIGIN, move_away, "ana", Wall(2)).await.unwrap();
    assert_eq!(outcome, ActOutcome::NotAllowed(State::Error));
    assert!(matches!(store.act(ORIGIN, dismiss(), "ana", Wall(3)).await.unwrap(), ActOutcome::Done(_)));
    for act in [Act::Retry, dismiss()] {
        let outcome = store.act(ORIGIN, act, "ana", Wall(4)).await.unwrap();
        assert_eq!(outcome, ActOutcome::NotAllowed(State::Dismissed));
    }
    let row = store.ticket(ORIGIN).await.unwrap().unwrap().row;
    assert_eq!((row.state, row.reason.as_deref()), (State::Dismissed, Some("works in the street")));

    store.receive(vec![new_ticket(2, "m2", "SNR|b")]).await.unwrap();
    let mut holder = Holder::of(store, 1).await;
    let rows = holder.rows().await;
    let mut sent_once = holder.begin(Operation::AddNote, &rows, 5);
    sent_once.rows[0].row.state = State::Received;
    sent_once.intents.clear();
    holder.done(sent_once).await;
    let outcome = store.act(rows[0].origin, dismiss(), "ana", Wall(6)).await.unwrap();
    assert_eq!(outcome, ActOutcome::NotAllowed(State::Received), "something may be on the wire");
}

async fn a_row_moves_to_another_platform_only_while_nothing_is_known_of_it(store: &dyn Store) {
    store.receive(vec![new_ticket(1, "m1", "SNR|a"), new_ticket(2, "m2", "SNR|b")]).await.unwrap();
    let holder = Holder::of(store, 1).await;
    let mut writes = holder.nothing();
    let reference = TicketReference { number: String::from("T1"), record: None };
    writes.known = vec![KnownTicket { key: key("SNR|b"), reference, origin: None }];
    holder.done(writes).await;
    let sfyc = PlatformName::new("sfyc");
    let away = || Act::Reassign { backend: BackendName::new("be-2"), platform: sfyc.clone() };
    let outcome = store.act(ORIGIN, away(), "ana", Wall(5)).await.unwrap();
    let ActOutcome::Done(row) = outcome else { panic!("{outcome:?}") };
    assert_eq!((row.backend.as_str(), row.generation), ("be-2", 0));
    let second = OriginId(Uuid::from_u128(2));
    assert_eq!(store.act(second, away(), "ana", Wall(6)).await.unwrap(), ActOutcome::NotAllowed(State::Received));
    let same_platform = Act::Reassign { backend: BackendName::new("be-3"), platform: platform() };
    assert!(matches!(store.act(second, same_platform, "ana", Wall(7)).await.unwrap(), ActOutcome::Done(_)));

    assert_eq!(holder.rows().await.len(), 1);
    assert_eq!(store.tickets_by_id(holder.lane(), &[row.id]).await.unwrap(), []);
    let LaneAnswer::Taken(there) = store.take_lane(&sfyc, 0, Uuid::from_u128(1), LONG).await.unwrap() else {
        panic!("held")
    };
    assert_eq!(store.tickets_by_id(there.lane, &[row.id]).await.unwrap().len(), 1);
    assert_eq!(store.ticket(ORIGIN).await.unwrap().unwrap().platform, sfyc);
}

async fn acts_are_kept_with_the_ticket(store: &dyn Store) {
    failed_at(store, Operation::AddNote).await;
    store.act(ORIGIN, Act::Retry, "ana", Wall(20)).await.unwrap();
    store.act(ORIGIN, Act::Retry, "ana", Wall(21)).await.unwrap();
    let id = store.ticket(ORIGIN).await.unwrap().unwrap().row.id;
    let acts = store.acts(id).await.unwrap();
    assert_eq!(acts.len(), 1, "what was not allowed was not done");
    assert_eq!((acts[0].who.as_str(), &acts[0].act, acts[0].at), ("ana", &Act::Retry, Wall(20)));
}

async fn changes_are_numbered_and_the_mark_moves(store: &dyn Store) {
    failed_at(store, Operation::AddNote).await;
    let mark = store.change_mark().await.unwrap();
    assert_eq!(store.change_mark().await.unwrap(), mark);
    store.act(ORIGIN, Act::Retry, "ana", Wall(20)).await.unwrap();
    assert_ne!(store.change_mark().await.unwrap(), mark);
    let mark = store.change_mark().await.unwrap();
    store.receive(vec![new_ticket(2, "m2", "SNR|b")]).await.unwrap();
    assert_ne!(store.change_mark().await.unwrap(), mark);
    store.set_backend_override(&BackendName::new("be-1"), "processing", None, line()).await.unwrap();
    store.accept_loss(&platform(), &[], line()).await.unwrap();
    let id = store.ticket(ORIGIN).await.unwrap().unwrap().row.id;
    let all = store.changes(0).await.unwrap();
    let kinds: Vec<_> = all.iter().map(|(_, change)| change.clone()).collect();
    assert_eq!(kinds, [Change::Ticket(id), Change::Settings, Change::LossAccepted(platform())]);
    assert_eq!(store.changes(all[0].0).await.unwrap(), all[1..]);
    assert_eq!(Holder::of(store, 1).await.grant.change, all[2].0);
}

async fn overrides_are_set_and_dropped(store: &dyn Store) {
    let backend = BackendName::new("be-1");
    let value = |number: u32| BackendOverride {
        value: json!(number),
        file_value: json!({"was": [3, null, "x"]}),
        who: String::from("ana"),
        at: Wall(5),
    };
    store.set_backend_override(&backend, "max_retries", Some(value(5)), line()).await.unwrap();
    store.set_backend_override(&backend, "max_retries", Some(value(7)), line()).await.unwrap();
    store.set_backend_override(&backend, "processing", Some(value(1)), line()).await.unwrap();
    store.set_backend_override(&backend, "processing", None, line()).await.unwrap();
    let overrides = store.backend_overrides().await.unwrap();
    assert_eq!(overrides.into_iter().collect::<Vec<_>>(), [((backend, String::from("max_retries")), value(7))]);
}

async fn documents_are_kept_and_dropped(store: &dyn Store) {
    assert_eq!(store.document("platform/cherwell").await.unwrap(), None);
    for value in [json!({"stopped": true, "since": 17}), json!(null), json!("ñ")] {
        store.put_document("platform/cherwell", Some(value.clone())).await.unwrap();
        assert_eq!(store.document("platform/cherwell").await.unwrap(), Some(value));
    }
    store.put_document("platform/cherwell", None).await.unwrap();
    assert_eq!(store.document("platform/cherwell").await.unwrap(), None);
}

async fn an_accepted_loss_drops_only_its_platforms_entries(store: &dyn Store) {
    let holder = Holder::of(store, 1).await;
    let known = |text: &str| KnownTicket {
        key: key(text),
        reference: TicketReference { number: String::from("T"), record: None },
        origin: None,
    };
    let mut writes = holder.nothing();
    writes.known = vec![known("a"), known("b"), known("c")];
    holder.done(writes).await;
    let keys = [key("a"), key("b"), key("x")];
    assert_eq!(store.accept_loss(&PlatformName::new("sfyc"), &keys, line()).await.unwrap(), 0);
    assert_eq!(store.accept_loss(&platform(), &keys, line()).await.unwrap(), 2);
    let left = store.ledger(&[key("a"), key("b"), key("c")]).await.unwrap();
    assert_eq!(left, [(platform(), known("c"))]);
}
