//! Lanes: one holder at a time, tokens that rise, and all that a new holder must know.

use std::collections::BTreeSet;
use std::time::Duration;

use ticketbridge_core::delivery::{KnownTicket, Receipt};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{PlatformName, TicketId, TicketReference};
use ticketbridge_store::{LANE_CANARIES, LaneAnswer, Store, lane_index};
use uuid::Uuid;

use crate::fixture::{self, Holder, LONG, key, new_ticket, over_each_store, platform, take};

over_each_store!(
    a_held_lane_is_not_given_away,
    the_same_holder_keeps_its_token,
    an_expired_lease_goes_to_the_next_with_a_higher_token,
    a_stale_token_neither_renews_nor_releases,
    a_released_lane_is_free_and_its_old_token_void,
    a_new_holder_learns_of_unsettled_batches_and_goes_on_counting,
    canaries_are_the_newest_of_the_platform,
    a_lane_beyond_the_last_is_refused,
);

async fn a_held_lane_is_not_given_away(store: &dyn Store) {
    Holder::of(store, 1).await;
    let LaneAnswer::Held { remaining } = take(store, 2, LONG).await else { panic!("given away") };
    assert!(remaining > Duration::ZERO && remaining <= LONG);
    let other = store.take_lane(&PlatformName::new("sfyc"), 0, Uuid::from_u128(2), LONG).await.unwrap();
    assert!(matches!(other, LaneAnswer::Taken(_)));
}

async fn the_same_holder_keeps_its_token(store: &dyn Store) {
    let first = Holder::of(store, 1).await;
    let second = Holder::of(store, 1).await;
    assert_eq!((first.lane(), first.fence()), (second.lane(), second.fence()));
}

async fn an_expired_lease_goes_to_the_next_with_a_higher_token(store: &dyn Store) {
    let LaneAnswer::Taken(first) = take(store, 1, Duration::ZERO).await else { panic!("held") };
    let second = Holder::of(store, 2).await;
    assert!(second.fence() > first.fence);
    assert_eq!(second.lane(), first.lane);
}

async fn a_stale_token_neither_renews_nor_releases(store: &dyn Store) {
    let LaneAnswer::Taken(first) = take(store, 1, Duration::ZERO).await else { panic!("held") };
    assert!(store.renew_lane(first.lane, first.fence, Duration::ZERO).await.unwrap());
    let second = Holder::of(store, 2).await;
    assert!(!store.renew_lane(first.lane, first.fence, LONG).await.unwrap());
    store.release_lane(first.lane, first.fence).await.unwrap();
    assert!(store.renew_lane(second.lane(), second.fence(), LONG).await.unwrap());
    assert!(matches!(take(store, 3, LONG).await, LaneAnswer::Held { .. }));
}

async fn a_released_lane_is_free_and_its_old_token_void(store: &dyn Store) {
    let first = Holder::of(store, 1).await;
    store.release_lane(first.lane(), first.fence()).await.unwrap();
    assert_eq!(store.apply(first.nothing()).await.unwrap(), Receipt::LostFence);
    assert!(!store.renew_lane(first.lane(), first.fence(), LONG).await.unwrap());
    let second = Holder::of(store, 1).await;
    assert!(second.fence() > first.fence(), "the token rises even for the same holder");
}

async fn a_new_holder_learns_of_unsettled_batches_and_goes_on_counting(store: &dyn Store) {
    store.receive((1..=3).map(|n| new_ticket(n, &format!("m{n}"), &format!("SNR|{n}"))).collect()).await.unwrap();
    let mut first = Holder::of(store, 1).await;
    assert_eq!(first.grant.next_sequence, 1);
    let rows = first.rows().await;
    let (batch, sent) = first.send(Operation::CreateTicket, &rows, 10).await;
    let mut part = first.applied(batch, &sent[..1], ticketbridge_core::ticket::State::CreatingWorkOrder, 11);
    part.settles[0].remaining = vec![sent[1].id, sent[2].id];
    first.done(part).await;
    store.release_lane(first.lane(), first.fence()).await.unwrap();

    let second = Holder::of(store, 2).await;
    assert_eq!(second.grant.next_sequence, 2);
    assert_eq!(second.grant.unsettled.len(), 1);
    let unsettled = &second.grant.unsettled[0];
    assert_eq!((unsettled.id, unsettled.operation), (batch, Operation::CreateTicket));
    assert_eq!(unsettled.items, [sent[1].id, sent[2].id]);
}

async fn canaries_are_the_newest_of_the_platform(store: &dyn Store) {
    let holder = Holder::of(store, 1).await;
    let known = |n: usize| KnownTicket {
        key: key(&format!("SNR|{n}")),
        reference: TicketReference { number: format!("T{n}"), record: None },
        origin: None,
    };
    let mut writes = holder.nothing();
    writes.known = (0..LANE_CANARIES + 5).map(known).collect();
    writes.known.push(known(0));
    holder.done(writes).await;
    let canaries = Holder::of(store, 1).await.grant.canaries;
    assert_eq!(canaries.len(), LANE_CANARIES);
    assert_eq!((&canaries[0], &canaries[1]), (&known(0), &known(LANE_CANARIES + 4)));
}

async fn a_lane_beyond_the_last_is_refused(store: &dyn Store) {
    let lanes = store.lanes_per_platform();
    let error = store.take_lane(&platform(), lanes, Uuid::from_u128(1), LONG).await.unwrap_err();
    assert!(!error.is_fatal() && error.to_string().contains("no lane"), "{error}");
}

async fn rows_lie_in_the_lane_of_their_key(store: &dyn Store) {
    let tickets = (1..=40).map(|n| new_ticket(n, &format!("m{n}"), &format!("SNR|{}", n % 20))).collect();
    store.receive(tickets).await.unwrap();
    let mut seen = BTreeSet::new();
    for index in 0..store.lanes_per_platform() {
        let answer = store.take_lane(&platform(), index, Uuid::from_u128(1), LONG).await.unwrap();
        let LaneAnswer::Taken(grant) = answer else { panic!("held") };
        for ticket in store.open_tickets(grant.lane, TicketId(0), 100).await.unwrap() {
            assert_eq!(lane_index(&ticket.row.key, store.lanes_per_platform()), index);
            assert!(seen.insert(ticket.row.id));
        }
    }
    assert_eq!(seen.len(), 40);
}

#[tokio::test]
async fn rows_lie_in_the_lane_of_their_key_in_every_store() {
    rows_lie_in_the_lane_of_their_key(&*fixture::memory(4)).await;
    let (store, _folder) = fixture::sqlite(4);
    rows_lie_in_the_lane_of_their_key(&*store).await;
}

#[test]
fn the_lane_of_a_key_never_changes() {
    let index = |text: &str| lane_index(&key(text), 1_000);
    assert_eq!([index("SNR|USSG-1041"), index("FALLA_DE_LINEA|N-7"), index("x")], [576, 117, 876]);
}
