//! Pages, filters, counts.

use serde_json::json;
use ticketbridge_core::delivery::Settle;
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{BackendName, OriginId, State};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{Act, MAX_PAGE, Page, Store, TicketFilter};
use uuid::Uuid;

use crate::fixture::{Holder, everything, key, new_ticket, new_ticket_of, over_each_store, refused};

over_each_store!(
    pages_join_without_gap_or_overlap,
    a_listing_says_where_it_goes_on,
    states_from_many_places_come_in_order,
    each_filter_restricts,
    counts_add_up,
    one_ticket_by_its_id,
);

async fn pages_join_without_gap_or_overlap(store: &dyn Store) {
    store.receive((1..=25).map(|n| new_ticket(n, &format!("m{n}"), "SNR|a")).collect()).await.unwrap();
    let mut before = None;
    let mut seen = Vec::new();
    loop {
        let page = store.tickets(&TicketFilter::default(), Page { before, limit: 10 }).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.row.id);
        seen.extend(page.iter().map(|view| view.row.origin.0.as_u128()));
        // What comes in meanwhile is newer and disturbs no later page.
        let number = 100 + seen.len() as u128;
        store.receive(vec![new_ticket(number, &format!("late{number}"), "SNR|a")]).await.unwrap();
    }
    assert_eq!(seen, (1..=25).rev().collect::<Vec<_>>());
    assert_eq!(store.tickets(&TicketFilter::default(), Page::default()).await.unwrap(), []);
    let all = store.tickets(&TicketFilter::default(), Page { before: None, limit: MAX_PAGE + 1 }).await.unwrap();
    assert_eq!(all.len(), 28);
}

async fn a_listing_says_where_it_goes_on(store: &dyn Store) {
    store.receive((1..=4).map(|n| new_ticket(n, &format!("m{n}"), "SNR|a")).collect()).await.unwrap();
    let list = async |before, limit| store.list(&TicketFilter::default(), Page { before, limit }).await.unwrap();
    let part = list(None, 2).await;
    assert_eq!((part.tickets.len(), part.next), (2, part.tickets.last().map(|view| view.row.id)));
    let rest = list(part.next, 2).await;
    assert_eq!((rest.tickets.len(), rest.next), (2, None), "full, and yet the end");
    assert_eq!(list(Some(rest.tickets[1].row.id), 2).await.tickets, []);
}

async fn states_from_many_places_come_in_order(store: &dyn Store) {
    store.receive((1..=40).map(|n| new_ticket(n, &format!("m{n}"), &format!("SNR|{n}"))).collect()).await.unwrap();
    let mut holder = Holder::of(store, 1).await;
    for (number, row) in holder.rows().await.iter().enumerate() {
        match number % 4 {
            0 => holder.complete(row, 50).await,
            1 => {
                let (batch, sent) = holder.send(Operation::AddNote, std::slice::from_ref(row), 50).await;
                let (update, result) = refused(&sent[0]);
                let mut writes = holder.nothing();
                writes.rows = vec![update];
                writes.settles = vec![Settle { batch, results: vec![result], remaining: Vec::new(), at: Wall(51) }];
                holder.done(writes).await;
            }
            2 => {
                let dismiss = Act::Dismiss { reason: String::from("Obras") };
                store.act(row.origin, dismiss, "ana", Wall(52)).await.unwrap();
            }
            _ => {}
        }
    }
    for states in [
        vec![State::Error, State::Dismissed, State::Received],
        vec![State::Dismissed, State::AddingNote],
        vec![State::Completed, State::Error],
    ] {
        let everything = everything(store).await;
        let wanted: Vec<_> =
            everything.iter().filter(|view| states.contains(&view.row.state)).map(|view| view.row.id).collect();
        let filter = TicketFilter { states, ..TicketFilter::default() };
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let part = store.list(&filter, Page { before, limit: 7 }).await.unwrap();
            found.extend(part.tickets.iter().map(|view| view.row.id));
            before = part.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(found, wanted, "{filter:?}");
    }
}

async fn each_filter_restricts(store: &dyn Store) {
    let fault = json!({"message_id": "Fault-1", "kind": "Falla de Línea", "dedupe_key": "F|N-7"});
    let mut other = new_ticket(3, "m3", "SNR|c");
    other.backend = BackendName::new("be-2");
    store.receive(vec![new_ticket_of(1, &fault), new_ticket(2, "m2", "SNR|b"), other]).await.unwrap();
    let mut holder = Holder::of(store, 1).await;
    let rows = holder.rows().await;
    let (batch, sent) = holder.send(Operation::CreateTicket, &rows[1..2], 10).await;
    holder.done(holder.applied(batch, &sent, State::CreatingWorkOrder, 11)).await;
    let dismiss = Act::Dismiss { reason: String::from("Obras en la Calle") };
    store.act(OriginId(Uuid::from_u128(3)), dismiss, "ana", ticketbridge_core::time::Wall(12)).await.unwrap();

    let any = TicketFilter::default;
    let text = |text: &str| TicketFilter { text: Some(text.to_owned()), ..any() };
    let cases = [
        (TicketFilter { states: vec![State::Dismissed, State::Received], ..any() }, vec![3, 1]),
        (TicketFilter { kinds: vec![String::from("FALLA_DE_LINEA")], ..any() }, vec![1]),
        (TicketFilter { kinds: vec![String::from("falla de linea"), String::from("snr")], ..any() }, vec![3, 2, 1]),
        (TicketFilter { backends: vec![BackendName::new("be-2")], ..any() }, vec![3]),
        (TicketFilter { key: Some(key("SNR|b")), ..any() }, vec![2]),
        (TicketFilter { message_id: Some(String::from("Fault-1")), ..any() }, vec![1]),
        (TicketFilter { message_id: Some(String::from("fault-1")), ..any() }, vec![]),
        (text("t-2"), vec![2]),
        (text("FAULT"), vec![1]),
        (text("n-7"), vec![1]),
        (text("en la calle"), vec![3]),
        (text("100%"), vec![]),
        (text("_"), vec![]),
        (TicketFilter { backends: vec![BackendName::new("be-1")], states: vec![State::Dismissed], ..any() }, vec![]),
    ];
    for (filter, wanted) in cases {
        let found = store.tickets(&filter, Page { before: None, limit: 10 }).await.unwrap();
        let found: Vec<_> = found.iter().map(|view| view.row.origin.0.as_u128()).collect();
        assert_eq!(found, wanted, "{filter:?}");
    }
}

async fn counts_add_up(store: &dyn Store) {
    store.receive((1..=5).map(|n| new_ticket(n, &format!("m{n}"), "SNR|a")).collect()).await.unwrap();
    let mut holder = Holder::of(store, 1).await;
    let rows = holder.rows().await;
    holder.complete(&rows[0], 10).await;
    let counts = store.counts().await.unwrap();
    let backend = BackendName::new("be-1");
    let wanted = [((backend.clone(), State::Received), 4), ((backend, State::Completed), 1)];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), wanted);
}

async fn one_ticket_by_its_id(store: &dyn Store) {
    store.receive(vec![new_ticket(1, "m1", "SNR|a")]).await.unwrap();
    let view = store.ticket(OriginId(Uuid::from_u128(1))).await.unwrap().unwrap();
    assert_eq!((view.body.message_id.as_str(), view.platform.as_str(), view.updated_at.0), ("m1", "cherwell", 1));
    assert_eq!(store.ticket(OriginId(Uuid::from_u128(2))).await.unwrap(), None);
}
