//! `apply`: fences, expectations, all or nothing, settles that add up, the ledger, audits, problems.

use ticketbridge_core::delivery::{Audit, BatchId, Fence, KnownTicket, Problem, Receipt, Settle};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{BackendName, State, TicketId, TicketReference};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{Act, ActOutcome, MAX_PROBLEMS, Store};

use crate::fixture::{Holder, everything, intent, key, new_ticket, over_each_store, platform, refused, sending};

over_each_store!(
    a_step_and_the_next_intent_are_one_transaction,
    a_stale_fence_writes_nothing,
    stale_rows_are_all_named_and_nothing_is_written,
    a_row_that_an_operator_retried_is_stale,
    an_unknown_batch_spoils_the_whole_transaction,
    a_batch_is_begun_once,
    an_intent_carries_only_rows_that_wait_for_it,
    malformed_transactions_are_refused,
    results_add_up_over_settles,
    a_settled_batch_is_closed,
    rows_keep_what_never_changes,
    a_decision_for_another_backend_is_stale,
    the_ledger_keeps_the_last_ticket_of_a_key,
    an_open_key_names_the_backend_of_its_newest_row,
    audits_move_on_and_end,
    problems_are_bounded_and_newest_first,
    an_empty_transaction_is_done,
    rows_leave_and_enter_the_open_ones,
);

async fn with_tickets(store: &dyn Store, count: u128) -> Holder<'_> {
    let tickets = (1..=count).map(|n| new_ticket(n, &format!("m{n}"), &format!("SNR|{n}"))).collect();
    store.receive(tickets).await.unwrap();
    Holder::of(store, 1).await
}

/// Tries `writes`, and sees that it is refused with `why` and changed nothing.
async fn spoils(holder: &Holder<'_>, writes: ticketbridge_core::delivery::Writes, why: &str) {
    let before = everything(holder.store).await;
    let error = holder.store.apply(writes).await.unwrap_err();
    assert!(!error.is_fatal() && error.to_string().contains(why), "{error}");
    assert_eq!(everything(holder.store).await, before);
}

async fn a_step_and_the_next_intent_are_one_transaction(store: &dyn Store) {
    let mut holder = with_tickets(store, 2).await;
    let rows = holder.rows().await;
    let (first, sent) = holder.send(Operation::CreateTicket, &rows, 10).await;
    let mut chained = holder.applied(first, &sent, State::CreatingWorkOrder, 20);
    let made: Vec<_> = chained.rows.iter().map(|update| update.row.clone()).collect();
    let next = holder.begin(Operation::CreateWorkOrder, &made, 21);
    let second = next.intents[0].batch;
    chained.intents = next.intents;
    for update in &mut chained.rows {
        update.row.sent.insert(Operation::CreateWorkOrder);
        update.trail = Some(second);
    }
    holder.done(chained).await;

    let view = &everything(store).await[0];
    assert_eq!((view.row.state, view.updated_at), (State::CreatingWorkOrder, Wall(21)));
    assert_eq!(view.row.ticket.as_ref().unwrap().number, "T-2");
    assert!(view.row.created && view.row.sent.contains(Operation::CreateWorkOrder));
    let trail = store.trail(view.row.id).await.unwrap();
    assert_eq!(trail.iter().map(|entry| entry.batch).collect::<Vec<_>>(), [first, second]);
    let (result, at) = trail[0].result.clone().unwrap();
    assert_eq!((result.next, at), (State::CreatingWorkOrder, Wall(20)));
    assert_eq!((trail[1].result.as_ref(), trail[1].items), (None, 2));
    assert_eq!(trail[1].body_hash, "ab".repeat(32));
}

async fn a_stale_fence_writes_nothing(store: &dyn Store) {
    let mut holder = with_tickets(store, 1).await;
    let rows = holder.rows().await;
    let before = everything(store).await;
    let mut writes = holder.begin(Operation::AddNote, &rows, 10);
    for fence in [holder.fence().0 - 1, holder.fence().0 + 1] {
        writes.fence = Fence(fence);
        assert_eq!(store.apply(writes.clone()).await.unwrap(), Receipt::LostFence);
    }
    assert_eq!(everything(store).await, before);
}

async fn stale_rows_are_all_named_and_nothing_is_written(store: &dyn Store) {
    let mut holder = with_tickets(store, 3).await;
    let rows = holder.rows().await;
    let mut writes = holder.begin(Operation::AddNote, &rows, 10);
    writes.rows[0].expected = State::Matching;
    writes.rows[2].row.generation = 1;
    let problem = Problem {
        platform: platform(),
        code: String::from("TB0301"),
        about: String::new(),
        text: String::new(),
        at: Wall(1),
    };
    writes.problems.push(problem);
    let before = everything(store).await;
    assert_eq!(store.apply(writes).await.unwrap(), Receipt::StaleRows(vec![rows[0].id, rows[2].id]));
    assert_eq!(everything(store).await, before);
    assert_eq!(store.problems(10).await.unwrap(), []);
    let mut missing = holder.nothing();
    missing.rows = vec![sending(&rows[1], Operation::AddNote, BatchId::new(holder.lane(), 9))];
    missing.rows[0].row.id = TicketId(rows[2].id.0 + 1);
    assert_eq!(store.apply(missing).await.unwrap(), Receipt::StaleRows(vec![TicketId(rows[2].id.0 + 1)]));
}

async fn a_row_that_an_operator_retried_is_stale(store: &dyn Store) {
    let mut holder = with_tickets(store, 1).await;
    let rows = holder.rows().await;
    let (batch, sent) = holder.send(Operation::AddNote, &rows, 10).await;
    let mut failing = holder.nothing();
    let (update, result) = refused(&sent[0]);
    failing.rows.push(update);
    failing.settles.push(Settle { batch, results: vec![result], remaining: Vec::new(), at: Wall(11) });
    holder.done(failing).await;
    let outcome = store.act(rows[0].origin, Act::Retry, "ana", Wall(12)).await.unwrap();
    let ActOutcome::Done(retried) = outcome else { panic!("{outcome:?}") };
    assert_eq!((retried.state, retried.generation), (State::AddingNote, 1));
    // The same state as before the failure, but another generation.
    let mut late = holder.nothing();
    late.rows = vec![sending(&sent[0], Operation::AddNote, batch)];
    assert_eq!(store.apply(late).await.unwrap(), Receipt::StaleRows(vec![rows[0].id]));
}

async fn an_unknown_batch_spoils_the_whole_transaction(store: &dyn Store) {
    let mut holder = with_tickets(store, 1).await;
    let rows = holder.rows().await;
    let mut writes = holder.begin(Operation::AddNote, &rows, 10);
    let batch = BatchId::new(holder.lane(), 77);
    writes.settles.push(Settle { batch, results: Vec::new(), remaining: Vec::new(), at: Wall(1) });
    spoils(&holder, writes, "no unsettled batch").await;
    assert_eq!(store.trail(rows[0].id).await.unwrap(), []);
}

async fn a_batch_is_begun_once(store: &dyn Store) {
    let mut holder = with_tickets(store, 2).await;
    let rows = holder.rows().await;
    let (batch, _) = holder.send(Operation::AddNote, &rows[..1], 10).await;
    let mut again = holder.nothing();
    again.rows = vec![sending(&rows[1], Operation::AddNote, batch)];
    again.intents = vec![intent(batch, Operation::AddNote, vec![rows[1].id], 11)];
    spoils(&holder, again, "begun before").await;
}

async fn an_intent_carries_only_rows_that_wait_for_it(store: &dyn Store) {
    let mut holder = with_tickets(store, 2).await;
    let rows = holder.rows().await;
    let mut writes = holder.begin(Operation::AddNote, &rows, 10);
    writes.rows.pop();
    spoils(&holder, writes.clone(), "does not wait for that").await;
    writes.intents[0].items = vec![TicketId(999)];
    spoils(&holder, writes, "does not have").await;
    // A row that already waits needs no update to be sent again.
    let (_, sent) = holder.send(Operation::AddNote, &rows, 10).await;
    let mut resend = holder.begin(Operation::AddNote, &sent, 11);
    resend.rows.clear();
    holder.done(resend).await;
}

async fn malformed_transactions_are_refused(store: &dyn Store) {
    let mut holder = with_tickets(store, 2).await;
    let rows = holder.rows().await;
    let whole = holder.begin(Operation::AddNote, &rows, 10);
    let mut twice = whole.clone();
    twice.rows.push(twice.rows[0].clone());
    spoils(&holder, twice, "written twice").await;
    let mut twice = whole.clone();
    twice.intents.push(twice.intents[0].clone());
    spoils(&holder, twice, "begun twice").await;
    let mut twice = whole.clone();
    twice.intents[0].items.push(rows[0].id);
    spoils(&holder, twice, "an item twice").await;
    let mut empty = whole.clone();
    empty.intents[0].items.clear();
    spoils(&holder, empty, "has no items").await;
    let mut foreign = whole;
    foreign.intents[0].batch = BatchId(foreign.intents[0].batch.0 + (1 << 40));
    spoils(&holder, foreign, "does not belong to lane").await;

    let (batch, sent) = holder.send(Operation::AddNote, &rows[..1], 10).await;
    let mut stranger = holder.applied(batch, &sent, State::Completed, 11);
    stranger.settles[0].results[0].ticket = rows[1].id;
    spoils(&holder, stranger, "never carried").await;
    let mut stranger = holder.applied(batch, &sent, State::Completed, 11);
    stranger.settles[0].remaining = vec![rows[1].id];
    spoils(&holder, stranger, "no unresolved item").await;
}

async fn results_add_up_over_settles(store: &dyn Store) {
    let mut holder = with_tickets(store, 3).await;
    let rows = holder.rows().await;
    let (batch, sent) = holder.send(Operation::CreateTicket, &rows, 10).await;
    let ids: Vec<_> = sent.iter().map(|row| row.id).collect();
    for (done, remaining) in [(0, &ids[1..]), (1, &ids[2..]), (2, &ids[3..])] {
        let mut part = holder.applied(batch, &sent[done..=done], State::CreatingWorkOrder, 20 + done as i64);
        part.settles[0].remaining = remaining.to_vec();
        holder.done(part).await;
        let unsettled = Holder::of(store, 1).await.grant.unsettled;
        assert_eq!(unsettled.first().map_or(&[][..], |batch| &batch.items), remaining);
    }
    for (number, id) in ids.iter().enumerate() {
        let (result, at) = store.trail(*id).await.unwrap()[0].result.clone().unwrap();
        assert_eq!((result.ticket, at), (*id, Wall(20 + number as i64)));
    }
}

async fn a_settled_batch_is_closed(store: &dyn Store) {
    let mut holder = with_tickets(store, 1).await;
    let rows = holder.rows().await;
    let (batch, sent) = holder.send(Operation::AddNote, &rows, 10).await;
    let settle = holder.applied(batch, &sent, State::Completed, 11);
    holder.done(settle.clone()).await;
    let again = ticketbridge_core::delivery::Writes { rows: Vec::new(), ..settle };
    spoils(&holder, again, "no unsettled batch").await;
}

async fn rows_keep_what_never_changes(store: &dyn Store) {
    let mut holder = with_tickets(store, 1).await;
    let row = holder.rows().await.remove(0);
    let mut writes = holder.begin(Operation::AddNote, std::slice::from_ref(&row), 10);
    let update = &mut writes.rows[0].row;
    update.key = key("other");
    update.kind = "other".into();
    update.due_at = Some(Wall(5_000));
    holder.done(writes).await;
    let now = holder.rows().await.remove(0);
    assert_eq!((&now.key, &now.kind), (&row.key, &row.kind));
    assert_eq!(now.due_at, Some(Wall(5_000)));
}

async fn a_decision_for_another_backend_is_stale(store: &dyn Store) {
    let mut holder = with_tickets(store, 1).await;
    let row = holder.rows().await.remove(0);
    let writes = holder.begin(Operation::AddNote, std::slice::from_ref(&row), 10);
    // Decided before an operator gave the row to another backend of the same platform.
    let act = Act::Reassign { backend: BackendName::new("be-2"), platform: platform() };
    store.act(row.origin, act, "ana", Wall(9)).await.unwrap();
    assert_eq!(store.apply(writes).await.unwrap(), Receipt::StaleRows(vec![row.id]));
    let counts = store.counts().await.unwrap();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [((BackendName::new("be-2"), State::Received), 1)]);
}

async fn the_ledger_keeps_the_last_ticket_of_a_key(store: &dyn Store) {
    let holder = with_tickets(store, 1).await;
    let known = |number: &str| KnownTicket {
        key: key("SNR|1"),
        reference: TicketReference { number: number.to_owned(), record: Some(String::from("rec")) },
        origin: Some(ticketbridge_core::ticket::OriginId(uuid::Uuid::from_u128(5))),
    };
    let mut writes = holder.nothing();
    writes.known = vec![known("T1"), known("T2")];
    holder.done(writes).await;
    let keys = [key("SNR|2"), key("SNR|1")];
    assert_eq!(store.ledger(&keys).await.unwrap(), [(platform(), known("T2"))]);
    let open = store.open_tickets(holder.lane(), TicketId(0), 10).await.unwrap();
    assert_eq!(open[0].known, Some(known("T2")));
    assert_eq!(store.tickets_by_id(holder.lane(), &[open[0].row.id, TicketId(99)]).await.unwrap(), open);

    let mut writes = holder.nothing();
    writes.known = vec![known("T3")];
    writes.forgotten = vec![key("SNR|1")];
    holder.done(writes).await;
    assert_eq!(store.ledger(&keys).await.unwrap(), [], "what is forgotten is forgotten last");
}

async fn an_open_key_names_the_backend_of_its_newest_row(store: &dyn Store) {
    let holder = with_tickets(store, 2).await;
    let rows = holder.rows().await;
    let keys: Vec<_> = rows.iter().map(|row| row.key.clone()).chain([key("SNR|nobody")]).collect();
    let expected: Vec<_> = rows.iter().map(|row| (row.key.clone(), row.backend.clone())).collect();
    assert_eq!(store.open_backends(&keys).await.unwrap(), expected);
    assert_eq!(store.open_backends(&[]).await.unwrap(), []);
    let dismiss = Act::Dismiss { reason: String::from("given up") };
    store.act(rows[0].origin, dismiss, "test", Wall(9)).await.unwrap();
    assert_eq!(store.open_backends(&keys).await.unwrap(), expected[1..]);
}

async fn audits_move_on_and_end(store: &dyn Store) {
    let holder = with_tickets(store, 1).await;
    let row = holder.rows().await.remove(0);
    let audit = |looks| Audit {
        ticket: row.id,
        key: row.key.clone(),
        origin: row.origin,
        looks,
        due_at: Wall(100 + i64::from(looks)),
    };
    for looks in 0..4 {
        let mut writes = holder.nothing();
        writes.audits = vec![audit(looks)];
        holder.done(writes).await;
        assert_eq!(Holder::of(store, 1).await.grant.audits, [audit(looks)]);
    }
    let mut writes = holder.nothing();
    writes.audits = vec![audit(4)];
    holder.done(writes).await;
    assert_eq!(Holder::of(store, 1).await.grant.audits, []);
}

async fn problems_are_bounded_and_newest_first(store: &dyn Store) {
    let holder = with_tickets(store, 1).await;
    let problem = |n: usize| Problem {
        platform: platform(),
        code: String::from("TB0301"),
        about: format!("SNR|{n}"),
        text: String::from("two tickets carry our origin id"),
        at: Wall(n as i64),
    };
    for half in 0..2 {
        let mut writes = holder.nothing();
        writes.problems = (0..MAX_PROBLEMS).map(|n| problem(half * 600 + n)).collect();
        holder.done(writes).await;
    }
    let kept = store.problems(usize::MAX).await.unwrap();
    assert_eq!(kept.len(), MAX_PROBLEMS);
    assert_eq!((&kept[0], &kept[MAX_PROBLEMS - 1]), (&problem(1_599), &problem(600)));
    assert_eq!(store.problems(2).await.unwrap().len(), 2);
}

async fn an_empty_transaction_is_done(store: &dyn Store) {
    let holder = with_tickets(store, 1).await;
    let before = everything(store).await;
    holder.done(holder.nothing()).await;
    assert_eq!(everything(store).await, before);
}

async fn rows_leave_and_enter_the_open_ones(store: &dyn Store) {
    let mut holder = with_tickets(store, 2).await;
    let rows = holder.rows().await;
    holder.complete(&rows[0], 10).await;
    assert_eq!(holder.rows().await, [rows[1].clone()]);
    let closed = store.tickets_by_id(holder.lane(), &[rows[0].id]).await.unwrap();
    assert_eq!(closed[0].row.state, State::Completed);
    let mut back = holder.nothing();
    back.rows = vec![sending(&closed[0].row, Operation::AddNote, BatchId::new(holder.lane(), 50))];
    let key = [rows[0].key.clone()];
    assert_eq!(store.open_backends(&key).await.unwrap(), []);
    holder.done(back).await;
    assert_eq!(holder.rows().await.len(), 2);
    assert_eq!(store.open_backends(&key).await.unwrap(), [(rows[0].key.clone(), rows[0].backend.clone())]);
    assert_eq!(store.changes(0).await.unwrap(), [], "no news: the lane did it itself");
}
