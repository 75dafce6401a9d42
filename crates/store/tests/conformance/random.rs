//! A random walk over all stores at once: the same actions, the same answers, the same contents after every step, and
//! a journal that gives the same rows at the end.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use ticketbridge_core::delivery::{
    Audit, BatchId, Fence, KnownTicket, LaneId, Problem, Receipt, Settle, UnsettledBatch, Writes,
};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{BackendName, PlatformName, State, TicketId, TicketReference, TicketRow};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{
    Act, AuditEntry, AuditPage, BackendOverride, LaneAnswer, LaneGrant, Page, RunCommit, Store, TicketFilter,
};
use uuid::Uuid;

use crate::access::token;
use crate::fixture::{LONG, answered, everything, intent, key, memory, new_ticket, refused, sending, sqlite};
use crate::journal::replays;
use crate::workflow::record;

const LANES: u32 = 2;
const KEYS: u8 = 5;

/// What may be wrong with a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    StaleFence,
    WrongState,
    WrongGeneration,
    KnownBatch,
    NoUpdate,
}

#[derive(Debug, Clone)]
enum Action {
    Receive(Vec<(u8, u8, bool)>),
    Run(Vec<(u8, u8, bool)>),
    Take { platform: u8, index: u32, holder: u8, long: bool },
    Renew { lane: u8, long: bool },
    Release { lane: u8 },
    Begin { lane: u8, operation: usize, picks: Vec<u8>, flaw: Flaw },
    Settle { lane: u8, batch: u8, how: Vec<u8>, chain: bool, flaw: Flaw },
    Ledger { lane: u8, key: u8, forget: bool },
    Audit { lane: u8, pick: u8, looks: u8 },
    Problem { lane: u8 },
    Act { pick: u8, act: u8 },
    Override { setting: u8, drop: bool },
    Document { name: u8, drop: bool },
    Reserve { count: u32 },
    AcceptLoss { platform: u8, keys: Vec<u8> },
    Purge { age: u8, limit: usize },
    Token { name: u8, what: u8 },
    PurgeAudit { age: u8, limit: usize },
    List { before: u8, limit: usize, state: usize, text: u8 },
}

fn flaw() -> impl Strategy<Value = Flaw> {
    prop_oneof![
        20 => Just(Flaw::None),
        1 => Just(Flaw::StaleFence),
        1 => Just(Flaw::WrongState),
        1 => Just(Flaw::WrongGeneration),
        1 => Just(Flaw::KnownBatch),
        1 => Just(Flaw::NoUpdate),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let tickets = || vec((0..40_u8, 0..KEYS, any::<bool>()), 0..6);
    let lane = || 0..4_u8;
    prop_oneof![
        5 => tickets().prop_map(Action::Receive),
        1 => tickets().prop_map(Action::Run),
        2 => (0..2_u8, 0..LANES + 1, prop_oneof![3 => Just(0_u8), 1 => Just(1_u8)], prop::bool::weighted(0.7))
            .prop_map(|(platform, index, holder, long)| Action::Take { platform, index, holder, long }),
        1 => (lane(), any::<bool>()).prop_map(|(lane, long)| Action::Renew { lane, long }),
        1 => lane().prop_map(|lane| Action::Release { lane }),
        8 => (lane(), 0..4_usize, vec(any::<u8>(), 1..5), flaw())
            .prop_map(|(lane, operation, picks, flaw)| Action::Begin { lane, operation, picks, flaw }),
        8 => (lane(), any::<u8>(), vec(0..5_u8, 5), any::<bool>(), flaw())
            .prop_map(|(lane, batch, how, chain, flaw)| Action::Settle { lane, batch, how, chain, flaw }),
        2 => (lane(), 0..KEYS, any::<bool>()).prop_map(|(lane, key, forget)| Action::Ledger { lane, key, forget }),
        1 => (lane(), any::<u8>(), 0..6_u8).prop_map(|(lane, pick, looks)| Action::Audit { lane, pick, looks }),
        1 => lane().prop_map(|lane| Action::Problem { lane }),
        4 => (any::<u8>(), 0..5_u8).prop_map(|(pick, act)| Action::Act { pick, act }),
        1 => (0..3_u8, any::<bool>()).prop_map(|(setting, drop)| Action::Override { setting, drop }),
        1 => (0..3_u8, any::<bool>()).prop_map(|(name, drop)| Action::Document { name, drop }),
        1 => (0..9_u32).prop_map(|count| Action::Reserve { count }),
        1 => (0..2_u8, vec(0..KEYS, 0..3)).prop_map(|(platform, keys)| Action::AcceptLoss { platform, keys }),
        1 => (0..20_u8, 0..4_usize).prop_map(|(age, limit)| Action::Purge { age, limit }),
        2 => (0..3_u8, 0..3_u8).prop_map(|(name, what)| Action::Token { name, what }),
        1 => (0..20_u8, 0..4_usize).prop_map(|(age, limit)| Action::PurgeAudit { age, limit }),
        1 => (any::<u8>(), 0..9_usize, 0..State::ALL.len(), 0..KEYS)
            .prop_map(|(before, limit, state, text)| Action::List { before, limit, state, text }),
    ]
}

fn platform_of(number: u8) -> PlatformName {
    PlatformName::new(["cherwell", "sfyc"][usize::from(number % 2)])
}

fn key_of(number: u8) -> String {
    format!("SNR|{number}")
}

/// The walk: what a caller knows, so that its next call makes sense now and then.
#[derive(Default)]
struct Walk {
    now: i64,
    origins: u128,
    lanes: Vec<LaneGrant>,
    sequences: BTreeMap<LaneId, i64>,
    unsettled: BTreeMap<BatchId, (LaneId, UnsettledBatch)>,
    /// A flawed decision came through: no store can tell, but its journal says less than its rows.
    flawed: bool,
}

impl Walk {
    fn tickets(&mut self, of: &[(u8, u8, bool)]) -> Vec<ticketbridge_core::ticket::NewTicket> {
        let mut tickets = Vec::new();
        for (message, about, elsewhere) in of {
            self.origins += 1;
            // The body depends on the message and its key only: the same pair again is a duplicate, else a conflict.
            let mut ticket = new_ticket(u128::from(*message) + 1, &format!("m{message}"), &key_of(*about));
            ticket.origin.0 = Uuid::from_u128(self.origins);
            ticket.platform = platform_of(u8::from(*elsewhere));
            ticket.received_at = Wall(self.now);
            tickets.push(ticket);
        }
        tickets
    }

    fn lane(&self, number: u8) -> (LaneId, Fence) {
        let lane = self.lanes.get(usize::from(number) % self.lanes.len().max(1));
        lane.map_or((LaneId(1), Fence(0)), |grant| (grant.lane, grant.fence))
    }

    fn next_batch(&mut self, lane: LaneId) -> BatchId {
        let sequence = self.sequences.entry(lane).or_insert(1);
        *sequence += 1;
        BatchId::new(lane, *sequence - 1)
    }

    async fn begin(&mut self, store: &dyn Store, lane: u8, operation: usize, picks: &[u8], flaw: Flaw) -> Writes {
        let (lane, fence) = self.lane(lane);
        let mut rows: Vec<TicketRow> = Vec::new();
        let open = store.open_tickets(lane, TicketId(0), 100).await.unwrap();
        for pick in picks.iter().filter(|_| !open.is_empty()) {
            let row = &open[usize::from(*pick) % open.len()].row;
            if rows.iter().all(|known| known.id != row.id) {
                rows.push(row.clone());
            }
        }
        let operation = Operation::ALL[operation];
        let mut writes = Writes::nothing(lane, fence);
        if !rows.is_empty() {
            let batch = self.next_batch(lane);
            writes.rows = rows.iter().map(|row| sending(row, operation, batch)).collect();
            let items = rows.iter().map(|row| row.id).collect();
            writes.intents = vec![intent(batch, operation, items, self.now)];
        }
        spoil(&mut writes, flaw);
        writes
    }

    async fn settle(
        &mut self,
        store: &dyn Store,
        place: (u8, u8),
        how: &[u8],
        chain: bool,
        flaw: Flaw,
    ) -> Option<Writes> {
        let (lane, fence) = self.lane(place.0);
        let open: Vec<_> = self.unsettled.values().filter(|(of, _)| *of == lane).map(|(_, batch)| batch).collect();
        let batch = (*open.get(usize::from(place.1) % open.len().max(1))?).clone();
        let mut writes = Writes::nothing(lane, fence);
        let mut settle = Settle { batch: batch.id, results: Vec::new(), remaining: Vec::new(), at: Wall(self.now) };
        for (number, item) in batch.items.iter().enumerate() {
            let row = store.tickets_by_id(lane, &[*item]).await.unwrap().pop().map(|ticket| ticket.row);
            let row = row.filter(|row| row.state.operation() == Some(batch.operation));
            let (Some(row), true) = (row, how[number % how.len()] > 0) else {
                settle.remaining.push(*item);
                continue;
            };
            let next = [State::Completed, State::CreatingWorkOrder, State::LinkingWorkOrder];
            let (update, result) = match how[number % how.len()] {
                4 => refused(&row),
                way => answered(&row, next[usize::from(way) - 1]),
            };
            writes.rows.push(update);
            settle.results.push(result);
        }
        writes.settles.push(settle);
        let onward: Vec<_> =
            writes.rows.iter().filter(|update| update.row.state == State::CreatingWorkOrder).cloned().collect();
        if chain && !onward.is_empty() {
            let next = self.next_batch(lane);
            for update in writes.rows.iter_mut().filter(|update| update.row.state == State::CreatingWorkOrder) {
                update.row.sent.insert(Operation::CreateWorkOrder);
                update.trail = Some(next);
            }
            let items = onward.iter().map(|update| update.row.id).collect();
            writes.intents.push(intent(next, Operation::CreateWorkOrder, items, self.now));
        }
        spoil(&mut writes, flaw);
        Some(writes)
    }

    async fn apply(&mut self, store: &dyn Store, writes: Writes, flaw: Flaw) -> String {
        let answer = store.apply(writes.clone()).await;
        if answer == Ok(Receipt::Done) {
            self.flawed |= flaw != Flaw::None;
            for settle in writes.settles {
                if let Some((_, batch)) = self.unsettled.get_mut(&settle.batch) {
                    batch.items = settle.remaining;
                }
            }
            for intent in writes.intents {
                let batch = UnsettledBatch { id: intent.batch, operation: intent.operation, items: intent.items };
                self.unsettled.insert(intent.batch, (writes.lane, batch));
            }
            self.unsettled.retain(|_, (_, batch)| !batch.items.is_empty());
        }
        format!("{answer:?}")
    }

    fn line(&self) -> AuditEntry {
        AuditEntry::new(Wall(self.now), "ana", "x.y", "z")
    }

    /// Carries an action out on one store, with what this walk knows, and answers what the store said.
    async fn act(&mut self, store: &dyn Store, reference: &dyn Store, action: &Action) -> String {
        match action {
            Action::Receive(tickets) => format!("{:?}", store.receive(self.tickets(tickets)).await),
            Action::Run(tickets) => {
                let run = RunCommit {
                    run: record(self.now),
                    tickets: self.tickets(tickets),
                    incidents: vec![((String::from("snr"), key_of(tickets.len() as u8)), self.now.to_string())],
                    reported: vec![(key_of(tickets.len() as u8), self.now.to_string())],
                };
                format!("{:?}", store.commit_run(run).await)
            }
            Action::Take { platform, index, holder, long } => {
                let span = if *long { LONG } else { Duration::ZERO };
                let holder = Uuid::from_u128(u128::from(*holder) + 1);
                let answer = store.take_lane(&platform_of(*platform), *index, holder, span).await;
                let Ok(LaneAnswer::Taken(grant)) = answer else {
                    return answer.map_or_else(|error| error.to_string(), |_| String::from("held"));
                };
                self.sequences.insert(grant.lane, grant.next_sequence);
                self.lanes.retain(|known| known.lane != grant.lane);
                self.unsettled.retain(|_, (lane, _)| *lane != grant.lane);
                self.unsettled.extend(grant.unsettled.iter().map(|batch| (batch.id, (grant.lane, batch.clone()))));
                self.lanes.push((*grant).clone());
                format!("{grant:?}")
            }
            Action::Renew { lane, long } => {
                let (lane, fence) = self.lane(*lane);
                format!("{:?}", store.renew_lane(lane, fence, if *long { LONG } else { Duration::ZERO }).await)
            }
            Action::Release { lane } => {
                let (lane, fence) = self.lane(*lane);
                format!("{:?}", store.release_lane(lane, fence).await)
            }
            Action::Begin { lane, operation, picks, flaw } => {
                let writes = self.begin(reference, *lane, *operation, picks, *flaw).await;
                self.apply(store, writes, *flaw).await
            }
            Action::Settle { lane, batch, how, chain, flaw } => {
                match self.settle(reference, (*lane, *batch), how, *chain, *flaw).await {
                    Some(writes) => self.apply(store, writes, *flaw).await,
                    None => String::from("nothing to settle"),
                }
            }
            Action::Ledger { .. } | Action::Audit { .. } | Action::Problem { .. } => {
                let writes = self.note(reference, action).await;
                format!("{:?}", store.apply(writes).await)
            }
            Action::Act { pick, act } => self.operator(store, reference, *pick, *act).await,
            Action::Override { setting, drop } => {
                let value = BackendOverride {
                    value: json!(self.now),
                    file_value: json!(setting),
                    who: String::from("ana"),
                    at: Wall(self.now),
                };
                let backend = BackendName::new("be-1");
                let setting = format!("s{setting}");
                format!(
                    "{:?}",
                    store.set_backend_override(&backend, &setting, (!drop).then_some(value), self.line()).await
                )
            }
            Action::Document { name, drop } => {
                let value = (!drop).then(|| json!({"at": self.now}));
                format!("{:?}", store.put_document(&format!("d{name}"), value).await)
            }
            Action::Reserve { count } => format!("{:?}", store.reserve_numbers("n", *count).await),
            Action::AcceptLoss { platform, keys } => {
                let keys: Vec<_> = keys.iter().map(|number| key(&key_of(*number))).collect();
                format!("{:?}", store.accept_loss(&platform_of(*platform), &keys, self.line()).await)
            }
            Action::Token { name, what } => {
                let text = format!("t{name}");
                match what {
                    0 => format!("{:?}", store.create_api_token(token(&text, *name, self.now)).await),
                    1 => format!("{:?}", store.api_token_used(&text, Wall(self.now)).await),
                    _ => format!("{:?}", store.revoke_api_token(&text, "eva", Wall(self.now)).await),
                }
            }
            Action::PurgeAudit { age, limit } => {
                format!("{:?}", store.purge_audit(Wall(self.now - i64::from(*age) * 10), *limit).await)
            }
            Action::Purge { age, limit } => {
                format!("{:?}", store.purge(Wall(self.now - i64::from(*age) * 10), *limit).await)
            }
            Action::List { before, limit, state, text } => {
                // Open ones, those in Error or Dismissed, and all come from different places.
                let text = (*text > 0).then(|| key_of(*text));
                let states = vec![State::ALL[*state], State::Error];
                let filter = TicketFilter { states, text, ..TicketFilter::default() };
                let before = TicketId(i64::from(*before));
                format!("{:?}", store.list(&filter, Page { before: Some(before), limit: *limit }).await)
            }
        }
    }

    async fn note(&self, reference: &dyn Store, action: &Action) -> Writes {
        let (Action::Ledger { lane, .. } | Action::Audit { lane, .. } | Action::Problem { lane }) = action else {
            panic!("not a note")
        };
        let (lane, fence) = self.lane(*lane);
        let mut writes = Writes::nothing(lane, fence);
        match action {
            Action::Ledger { key: number, forget: true, .. } => writes.forgotten = vec![key(&key_of(*number))],
            Action::Ledger { key: number, .. } => {
                let reference = TicketReference { number: format!("T{}", self.now), record: None };
                writes.known = vec![KnownTicket { key: key(&key_of(*number)), reference, origin: None }];
            }
            Action::Audit { pick, looks, .. } => {
                let open = reference.open_tickets(lane, TicketId(0), 100).await.unwrap();
                if let Some(ticket) = open.get(usize::from(*pick) % open.len().max(1)) {
                    let row = &ticket.row;
                    let due_at = Wall(self.now);
                    let key = row.key.clone();
                    writes.audits = vec![Audit { ticket: row.id, key, origin: row.origin, looks: *looks, due_at }];
                }
            }
            _ => {
                writes.problems = vec![Problem {
                    platform: platform_of(0),
                    code: String::from("TB0301"),
                    about: String::new(),
                    text: self.now.to_string(),
                    at: Wall(self.now),
                }];
            }
        }
        writes
    }

    async fn operator(&self, store: &dyn Store, reference: &dyn Store, pick: u8, act: u8) -> String {
        let all = everything(reference).await;
        let Some(view) = all.get(usize::from(pick) % all.len().max(1)) else { return String::from("nobody") };
        let act = match act {
            0 | 1 => Act::Retry,
            2 => Act::Dismiss { reason: self.now.to_string() },
            to => Act::Reassign { backend: BackendName::new(&format!("be-{to}")), platform: platform_of(to) },
        };
        format!("{:?}", store.act(view.row.origin, act, "ana", Wall(self.now)).await)
    }
}

fn spoil(writes: &mut Writes, flaw: Flaw) {
    match flaw {
        Flaw::None => {}
        Flaw::StaleFence => writes.fence.0 -= 1,
        Flaw::WrongState => writes.rows.iter_mut().take(2).for_each(|update| update.expected = State::Matching),
        Flaw::WrongGeneration => writes.rows.iter_mut().take(1).for_each(|update| update.row.generation += 1),
        Flaw::KnownBatch => {
            let first = BatchId::new(writes.lane, 1);
            writes.intents.iter_mut().for_each(|intent| intent.batch = first);
        }
        Flaw::NoUpdate => drop(writes.rows.pop()),
    }
}

/// All that a store shows.
pub(crate) async fn contents(store: &dyn Store) -> String {
    let mut text = String::new();
    let views = everything(store).await;
    let ids: Vec<_> = views.iter().map(|view| view.row.id).collect();
    let keys: Vec<_> = (0..KEYS).map(|number| key(&key_of(number))).collect();
    for view in &views {
        writeln!(text, "{view:?}").unwrap();
        writeln!(text, "{:?}", store.trail(view.row.id).await).unwrap();
        writeln!(text, "{:?}", store.acts(view.row.id).await).unwrap();
    }
    let oldest = views.last().map_or(TicketId(0), |view| view.row.id);
    for lane in 1..=4 {
        writeln!(text, "{:?}", store.open_tickets(LaneId(lane), oldest, 9).await).unwrap();
        writeln!(text, "{:?}", store.tickets_by_id(LaneId(lane), &ids).await).unwrap();
    }
    writeln!(text, "{:?}", store.bodies(&ids).await).unwrap();
    writeln!(text, "{:?}", store.counts().await).unwrap();
    writeln!(text, "{:?}", store.ledger(&keys).await).unwrap();
    writeln!(text, "{:?}", store.open_backends(&keys).await).unwrap();
    writeln!(text, "{:?}", store.changes(0).await).unwrap();
    writeln!(text, "{:?}", store.problems(100).await).unwrap();
    writeln!(text, "{:?}", store.api_tokens().await).unwrap();
    writeln!(text, "{:?}", store.audit(AuditPage { before: None, limit: 100 }).await).unwrap();
    writeln!(text, "{:?}", store.backend_overrides().await).unwrap();
    for name in 0..3 {
        writeln!(text, "{:?}", store.document(&format!("d{name}")).await).unwrap();
    }
    writeln!(text, "{:?} {:?}", store.incidents().await, store.reported().await).unwrap();
    writeln!(text, "{:?} {:?}", store.runs(50).await, store.last_ticket().await).unwrap();
    text
}

async fn walk(actions: &[Action]) {
    let model = memory(LANES);
    let (durable, _folder) = sqlite(LANES);
    let fresh = || Walk::default();
    let (mut of_model, mut of_durable) = (fresh(), fresh());
    // With every lane in hand, most decisions come through.
    let take = |lane: u8| Action::Take { platform: lane / 2, index: u32::from(lane) % LANES, holder: 0, long: true };
    let begin = (0..4).map(take);
    let actions: Vec<_> = begin.chain(actions.iter().cloned()).collect();
    for (number, action) in actions.iter().enumerate() {
        for walk in [&mut of_model, &mut of_durable] {
            walk.now = (number as i64 + 1) * 10;
        }
        // Both walks decide by what the model showed before the action: it goes last.
        let answer = of_durable.act(&*durable, &*model, action).await;
        let modelled = of_model.act(&*model, &*model, action).await;
        assert_eq!(answer, modelled, "answers differ at step {number}: {action:?}");
        let (durable, model) = (contents(&*durable).await, contents(&*model).await);
        assert_eq!(durable, model, "contents differ after step {number}: {action:?}");
    }
    for view in everything(&*durable).await.iter().filter(|_| !of_durable.flawed) {
        replays(&*durable, view).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_stores_give_the_same_answers(actions in vec(action(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(walk(&actions));
    }
}
