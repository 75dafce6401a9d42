//! Purging: only what is over, never a key with an open row, never a number twice.

use ticketbridge_core::delivery::Settle;
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{OriginId, State};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{Act, Store};
use uuid::Uuid;

use crate::fixture::{Holder, everything, new_ticket, over_each_store, refused};

over_each_store!(
    only_old_and_finished_rows_go,
    rows_of_a_key_with_an_open_row_stay,
    purging_goes_in_steps,
    what_was_finished_first_goes_first,
    a_row_that_was_dismissed_late_goes_late,
    numbers_go_on_after_a_purge,
    a_purged_message_is_new_again,
);

async fn completed(store: &dyn Store, numbers: std::ops::RangeInclusive<u128>) {
    let tickets = numbers.map(|n| new_ticket(n, &format!("m{n}"), &format!("SNR|{n}"))).collect();
    store.receive(tickets).await.unwrap();
    let mut holder = Holder::of(store, 1).await;
    for row in holder.rows().await {
        holder.complete(&row, i64::try_from(row.origin.0.as_u128()).unwrap() * 10).await;
    }
}

async fn origins(store: &dyn Store) -> Vec<u128> {
    everything(store).await.iter().map(|view| view.row.origin.0.as_u128()).collect()
}

async fn only_old_and_finished_rows_go(store: &dyn Store) {
    completed(store, 1..=3).await;
    store.receive(vec![new_ticket(4, "m4", "SNR|4"), new_ticket(5, "m5", "SNR|5")]).await.unwrap();
    let dismiss = Act::Dismiss { reason: String::new() };
    store.act(OriginId(Uuid::from_u128(4)), dismiss, "ana", Wall(5)).await.unwrap();
    let ids: Vec<_> = everything(store).await.iter().map(|view| view.row.id).collect();
    store.bodies(&ids).await.unwrap();
    assert_eq!(store.purge(Wall(20), 100).await.unwrap(), 2);
    assert!(store.bodies(&ids).await.is_err(), "bodies of purged rows are gone, also for one who read them before");
    assert_eq!(origins(store).await, [5, 3, 2]);
    assert_eq!(store.purge(Wall(20), 100).await.unwrap(), 0);
}

async fn rows_of_a_key_with_an_open_row_stay(store: &dyn Store) {
    completed(store, 1..=2).await;
    store.receive(vec![new_ticket(3, "m3", "SNR|1")]).await.unwrap();
    assert_eq!(store.purge(Wall(1_000), 100).await.unwrap(), 1);
    assert_eq!(origins(store).await, [3, 1]);
}

async fn purging_goes_in_steps(store: &dyn Store) {
    completed(store, 1..=5).await;
    store.receive(vec![new_ticket(6, "m6", "SNR|6")]).await.unwrap();
    assert_eq!(store.purge(Wall(1_000), 2).await.unwrap(), 2);
    assert_eq!(origins(store).await, [6, 5, 4, 3], "oldest first");
    assert_eq!(store.purge(Wall(1_000), 2).await.unwrap(), 2);
    assert_eq!(store.purge(Wall(1_000), 2).await.unwrap(), 1);
}

async fn what_was_finished_first_goes_first(store: &dyn Store) {
    store.receive((1..=4).map(|n| new_ticket(n, &format!("m{n}"), &format!("SNR|{n}"))).collect()).await.unwrap();
    let mut holder = Holder::of(store, 1).await;
    let rows = holder.rows().await;
    for (row, at) in rows.iter().zip([30, 10, 20]) {
        holder.complete(row, at).await;
    }
    assert_eq!(store.purge(Wall(25), 1).await.unwrap(), 1);
    assert_eq!(origins(store).await, [4, 3, 1]);
    assert_eq!(store.purge(Wall(25), 9).await.unwrap(), 1);
    assert_eq!(origins(store).await, [4, 1]);
}

async fn a_row_that_was_dismissed_late_goes_late(store: &dyn Store) {
    store.receive((1..=2).map(|n| new_ticket(n, &format!("m{n}"), &format!("SNR|{n}"))).collect()).await.unwrap();
    let mut holder = Holder::of(store, 1).await;
    let rows = holder.rows().await;
    let (batch, sent) = holder.send(Operation::AddNote, &rows[..1], 10).await;
    let (update, result) = refused(&sent[0]);
    let mut writes = holder.nothing();
    writes.rows = vec![update];
    writes.settles = vec![Settle { batch, results: vec![result], remaining: Vec::new(), at: Wall(11) }];
    holder.done(writes).await;
    assert_eq!(store.purge(Wall(100), 9).await.unwrap(), 0, "in Error: somebody must look at it");
    let act = async |act, at| store.act(rows[0].origin, act, "ana", Wall(at)).await.unwrap();
    act(Act::Dismiss { reason: String::new() }, 40).await;
    assert_eq!(store.purge(Wall(40), 9).await.unwrap(), 0);
    assert_eq!(store.purge(Wall(41), 9).await.unwrap(), 1);
    assert_eq!(store.counts().await.unwrap().len(), 1);
}

async fn numbers_go_on_after_a_purge(store: &dyn Store) {
    completed(store, 1..=3).await;
    let last = store.last_ticket().await.unwrap();
    let next = Holder::of(store, 1).await.grant.next_sequence;
    store.purge(Wall(1_000), 100).await.unwrap();
    assert_eq!(store.last_ticket().await.unwrap(), last, "the newest row stays");
    assert_eq!(Holder::of(store, 1).await.grant.next_sequence, next);
    completed(store, 4..=4).await;
    assert!(store.last_ticket().await.unwrap() > last);
    store.purge(Wall(1_000), 100).await.unwrap();
    assert_eq!(Holder::of(store, 1).await.grant.next_sequence, next + 1);
}

async fn a_purged_message_is_new_again(store: &dyn Store) {
    completed(store, 1..=2).await;
    store.purge(Wall(1_000), 100).await.unwrap();
    let mut again = new_ticket(1, "m1", "SNR|1");
    again.origin = OriginId(Uuid::from_u128(9));
    store.receive(vec![again]).await.unwrap();
    assert_eq!(origins(store).await, [9, 2]);
    let mut holder = Holder::of(store, 1).await;
    let rows = holder.rows().await;
    let (_, sent) = holder.send(Operation::CreateTicket, &rows, 20).await;
    assert_eq!(sent[0].state, State::CreatingTicket);
    assert_eq!(store.trail(sent[0].id).await.unwrap().len(), 1, "a new row has a story of its own");
}
