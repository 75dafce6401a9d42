//! Receiving: each message once, in order, durable.

use ticketbridge_core::ticket::{IntakeOutcome, OriginId, State, TicketId};
use ticketbridge_store::Store;
use uuid::Uuid;

use crate::fixture::{Holder, everything, new_ticket, over_each_store};

over_each_store!(
    a_new_message_is_accepted_and_open,
    a_known_message_changes_nothing,
    the_same_message_twice_in_one_call_is_one_ticket,
    row_numbers_ascend_in_the_order_of_receipt,
    an_empty_call_is_answered_empty,
    bodies_come_back_in_the_order_asked_for,
);

fn id(number: u128) -> OriginId {
    OriginId(Uuid::from_u128(number))
}

async fn a_new_message_is_accepted_and_open(store: &dyn Store) {
    assert_eq!(store.last_ticket().await.unwrap(), TicketId(0));
    let outcomes = store.receive(vec![new_ticket(1, "m1", "SNR|a")]).await.unwrap();
    assert_eq!(outcomes, [IntakeOutcome::Accepted { id: id(1) }]);
    let rows = Holder::of(store, 1).await.rows().await;
    assert_eq!((rows.len(), rows[0].state, rows[0].origin), (1, State::Received, id(1)));
    assert_eq!(store.last_ticket().await.unwrap(), rows[0].id);
}

async fn a_known_message_changes_nothing(store: &dyn Store) {
    store.receive(vec![new_ticket(1, "m1", "SNR|a")]).await.unwrap();
    let before = everything(store).await;
    let mut again = new_ticket(1, "m1", "SNR|a");
    again.origin = id(2);
    let other = new_ticket(3, "m1", "SNR|b");
    let outcomes = store.receive(vec![again, other]).await.unwrap();
    assert_eq!(outcomes, [IntakeOutcome::Duplicate { id: id(1) }, IntakeOutcome::Conflict { id: id(1) }]);
    assert_eq!(everything(store).await, before);
}

async fn the_same_message_twice_in_one_call_is_one_ticket(store: &dyn Store) {
    let mut again = new_ticket(1, "m1", "SNR|a");
    again.origin = id(2);
    let outcomes =
        store.receive(vec![new_ticket(1, "m1", "SNR|a"), again, new_ticket(3, "m1", "SNR|a")]).await.unwrap();
    let first = id(1);
    assert_eq!(
        outcomes,
        [
            IntakeOutcome::Accepted { id: first },
            IntakeOutcome::Duplicate { id: first },
            IntakeOutcome::Conflict { id: first }
        ]
    );
    assert_eq!(everything(store).await.len(), 1);
}

async fn row_numbers_ascend_in_the_order_of_receipt(store: &dyn Store) {
    let tickets = (1..=50).map(|n| new_ticket(n, &format!("m{n}"), &format!("SNR|{}", n % 7))).collect();
    store.receive(tickets).await.unwrap();
    let holder = Holder::of(store, 1).await;
    let origins: Vec<_> = holder.rows().await.iter().map(|row| row.origin).collect();
    assert_eq!(origins, (1..=50).map(id).collect::<Vec<_>>());
    let first = store.open_tickets(holder.lane(), TicketId(0), 20).await.unwrap();
    let second = store.open_tickets(holder.lane(), first[19].row.id, 20).await.unwrap();
    assert_eq!((first.len(), second[0].row.origin), (20, id(21)));
}

async fn an_empty_call_is_answered_empty(store: &dyn Store) {
    assert_eq!(store.receive(Vec::new()).await.unwrap(), []);
}

async fn bodies_come_back_in_the_order_asked_for(store: &dyn Store) {
    store.receive((1..=3).map(|n| new_ticket(n, &format!("m{n}"), "SNR|a")).collect()).await.unwrap();
    let last = store.last_ticket().await.unwrap();
    let first = TicketId(last.0 - 2);
    let bodies = store.bodies(&[last, first]).await.unwrap();
    assert_eq!(bodies.iter().map(|body| body.message_id.as_str()).collect::<Vec<_>>(), ["m3", "m1"]);
    assert_eq!(bodies[0].body, new_ticket(3, "m3", "SNR|a").item.body);
    let error = store.bodies(&[TicketId(last.0 + 1)]).await.unwrap_err();
    assert!(error.to_string().contains("no ticket number"), "{error}");
}
