//! I11: bodies, batches and acts are the journal; folded, they give the current row, as far as they say.

use ticketbridge_core::delivery::{Ending, RowUpdate, Writes};
use ticketbridge_core::effect::{Operation, Outcome};
use ticketbridge_core::ticket::{BackendName, OperationSet, State, TicketReference, TicketRow};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{Act, Store, TicketView};

use crate::fixture::{Holder, everything, new_ticket, over_each_store};

over_each_store!(the_journal_gives_the_current_rows);

/// What the journal knows of a row. Not in it: what was found by a match, due times, attempts given back.
#[derive(Debug, PartialEq, Eq)]
struct Folded {
    state: State,
    generation: u32,
    sent: OperationSet,
    created: bool,
    created_as: Option<TicketReference>,
    work_order: Option<String>,
    work_order_record: Option<String>,
    failed: Option<Operation>,
}

impl Folded {
    fn of(row: &TicketRow) -> Self {
        Self {
            state: row.state,
            generation: row.generation,
            sent: row.sent,
            created: row.created,
            created_as: row.ticket.clone().filter(|_| row.created),
            work_order: row.work_order.clone(),
            work_order_record: row.work_order_record.clone(),
            failed: row.failed,
        }
    }

    fn sent(&mut self, operation: Operation) {
        self.sent.insert(operation);
        self.state = State::ALL.into_iter().find(|state| state.operation() == Some(operation)).unwrap();
    }

    fn settled(&mut self, operation: Operation, outcome: &Outcome, next: State) {
        self.state = next;
        self.failed = (next == State::Error).then_some(operation);
        let Outcome::Applied { ids } = outcome else { return };
        if let Some(number) = &ids.ticket_number {
            self.created = true;
            self.created_as = Some(TicketReference { number: number.clone(), record: ids.ticket_record.clone() });
        }
        if ids.work_order_number.is_some() {
            self.work_order.clone_from(&ids.work_order_number);
            self.work_order_record.clone_from(&ids.work_order_record);
        }
    }

    fn acted(&mut self, act: &Act) {
        match act {
            Act::Retry => {
                self.generation += 1;
                let step = |operation| State::ALL.into_iter().find(|state| state.operation() == Some(operation));
                let create = self.failed == Some(Operation::CreateTicket);
                self.state = self.failed.filter(|_| !create).and_then(step).unwrap_or(State::Matching);
            }
            Act::Dismiss { .. } => self.state = State::Dismissed,
            Act::Reassign { .. } => {}
            Act::Ended { state, failed, work_order, .. } => {
                self.state = *state;
                self.work_order.clone_from(work_order);
                self.failed = *failed;
                return;
            }
        }
        self.failed = None;
    }
}

/// Folds the journal of one ticket and compares.
pub(crate) async fn replays(store: &dyn Store, view: &TicketView) {
    enum Event {
        Sent(Operation),
        Settled(Operation, Outcome, State),
        Acted(Act),
    }
    let id = view.row.id;
    let mut events = Vec::new();
    for entry in store.trail(id).await.unwrap() {
        events.push((entry.at, Event::Sent(entry.operation)));
        if let Some((result, at)) = entry.result {
            events.push((at, Event::Settled(entry.operation, result.outcome, result.next)));
        }
    }
    for record in store.acts(id).await.unwrap() {
        events.push((record.at, Event::Acted(record.act)));
    }
    events.sort_by_key(|(at, _)| *at);
    let mut folded = Folded {
        state: State::Received,
        generation: 0,
        sent: OperationSet::default(),
        created: false,
        created_as: None,
        work_order: None,
        work_order_record: None,
        failed: None,
    };
    for (_, event) in events {
        match event {
            Event::Sent(operation) => folded.sent(operation),
            Event::Settled(operation, outcome, next) => folded.settled(operation, &outcome, next),
            Event::Acted(act) => folded.acted(&act),
        }
    }
    assert_eq!(folded, Folded::of(&view.row), "the journal of ticket {} tells another story", id.0);
}

async fn the_journal_gives_the_current_rows(store: &dyn Store) {
    store.receive((1..=4).map(|n| new_ticket(n, &format!("m{n}"), &format!("SNR|{n}"))).collect()).await.unwrap();
    let mut holder = Holder::of(store, 1).await;
    let rows = holder.rows().await;
    let steps = [
        (Operation::CreateTicket, State::CreatingWorkOrder),
        (Operation::CreateWorkOrder, State::LinkingWorkOrder),
        (Operation::LinkWorkOrder, State::Completed),
    ];
    let mut at = 10;
    for (number, (operation, next)) in steps.into_iter().enumerate() {
        let waiting: Vec<_> = holder.rows().await.into_iter().filter(|row| row.id.0 - rows[0].id.0 <= 1).collect();
        let (batch, sent) = holder.send(operation, &waiting, at).await;
        holder.done(holder.applied(batch, &sent, next, at + 1)).await;
        at += 10;
        let fourth = rows[3].origin;
        let act = match number {
            0 => Act::Reassign { backend: BackendName::new("be-2"), platform: crate::fixture::platform() },
            _ => Act::Dismiss { reason: String::from("enough") },
        };
        store.act(fourth, act, "ana", Wall(at)).await.unwrap();
    }
    // A look at its ticket ends the third: no outcome tells it.
    let mut row = rows[2].clone();
    let expected = row.state;
    (row.state, row.work_order) = (State::Completed, Some(String::from("OT-9")));
    row.reason = Some(String::from("closed meanwhile"));
    let ending = Ending {
        ticket: row.id,
        state: row.state,
        failed: None,
        work_order: row.work_order.clone(),
        reason: row.reason.clone(),
        at: Wall(at),
    };
    let update = RowUpdate { expected, row, trail: None };
    holder.done(Writes { rows: vec![update], endings: vec![ending], ..holder.nothing() }).await;
    let line = store.acts(rows[2].id).await.unwrap().pop().expect("a line in its story");
    assert_eq!((line.who.as_str(), line.at), ("ticketbridge", Wall(at)));
    for view in everything(store).await {
        replays(store, &view).await;
    }
}
