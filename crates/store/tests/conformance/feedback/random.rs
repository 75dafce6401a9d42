//! A random walk over all stores at once: the same actions, the same answers, the same contents after every step.

use std::fmt::Write;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use ticketbridge_core::mobile::{ItemState, PaginationKey};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{
    BeginAnswer, BeginRun, BoxContact, BoxDistribution, CallId, CallOutcome, Claim, FeedbackFilter, FeedbackPage,
    FeedbackStore, FeedbackWrites, ItemChange, ItemId, ItemWrite, MobileTicket, NewPage, PageId, RunFence, RunId,
    Trigger,
};

use super::writes::{contact, distribution, ticket};
use super::{ALL, beginning, body_of, ended, fails, intent, item_of, memory, new_page, sqlite, waits};
use crate::fixture::LONG;

const ORGANIZERS: [&str; 3] = ["o", "p", "q"];
const EMAILS: [&str; 3] = ["ada@x.org", "bob@x.org", "eve@x.org"];

/// One item's part in a decision: page, position, change.
type Part = (u8, u8, u8);

#[derive(Debug, Clone)]
enum Action {
    Begin { organizer: u8, long: bool, trigger: u8 },
    Renew { organizer: u8, long: bool, old: bool },
    End { organizer: u8, old: bool },
    Page { organizer: u8, items: u8, sent: u8, next: u8, file: bool, old: bool },
    Rewind { organizer: u8, before: Option<u64> },
    Apply { organizer: u8, items: Vec<Part>, settle: Vec<u8>, send: Vec<Vec<(u8, u8)>>, old: bool },
    Know { organizer: u8, what: Vec<(u8, u8, bool)> },
    Claim { organizer: u8, emails: Vec<u8>, elsewhere: bool },
    Claimed { organizer: u8, released: Vec<u8>, sent: Vec<u8> },
    Retry { organizer: u8, items: Option<Vec<(u8, u8)>> },
    Dismiss { organizer: u8, items: Vec<(u8, u8)> },
    Skip { organizer: u8, entry: u8, skipped: bool },
    Erase { email: u8 },
    Purge { age: u8, limit: usize },
    List { organizer: u8, email: u8, offset: usize, limit: usize },
}

fn action() -> impl Strategy<Value = Action> {
    let organizer = || 0..3_u8;
    let old = || prop::bool::weighted(0.1);
    let item = || (0..8_u8, 0..4_u8);
    let items = || vec(item(), 0..4);
    let some = || prop_oneof![12 => vec(item(), 1..4), 1 => vec(item(), 0..1)];
    prop_oneof![
        3 => (organizer(), prop::bool::weighted(0.6), 0..8_u8)
            .prop_map(|(organizer, long, trigger)| Action::Begin { organizer, long, trigger }),
        1 => (organizer(), any::<bool>(), old()).prop_map(|(organizer, long, old)| Action::Renew { organizer, long, old }),
        2 => (organizer(), old()).prop_map(|(organizer, old)| Action::End { organizer, old }),
        5 => (organizer(), 0..5_u8, 0..6_u8, 0..5_u8, any::<bool>(), old()).prop_map(
            |(organizer, items, sent, next, file, old)| Action::Page { organizer, items, sent, next, file, old }
        ),
        2 => (organizer(), prop::option::of(0..4_u64)).prop_map(|(organizer, before)| Action::Rewind { organizer, before }),
        12 => (organizer(), vec((0..8_u8, 0..4_u8, 0..9_u8), 0..4), vec(any::<u8>(), 0..2), vec(some(), 0..2), old())
            .prop_map(|(organizer, items, settle, send, old)| Action::Apply { organizer, items, settle, send, old }),
        2 => (organizer(), vec((0..3_u8, 0..4_u8, any::<bool>()), 0..5))
            .prop_map(|(organizer, what)| Action::Know { organizer, what }),
        4 => (organizer(), vec(0..3_u8, 1..4), prop::bool::weighted(0.2))
            .prop_map(|(organizer, emails, elsewhere)| Action::Claim { organizer, emails, elsewhere }),
        2 => (organizer(), vec(0..3_u8, 0..2), vec(0..2_u8, 0..2))
            .prop_map(|(organizer, released, sent)| Action::Claimed { organizer, released, sent }),
        2 => (organizer(), prop::option::of(items())).prop_map(|(organizer, items)| Action::Retry { organizer, items }),
        1 => (organizer(), items()).prop_map(|(organizer, items)| Action::Dismiss { organizer, items }),
        1 => (organizer(), 0..3_u8, any::<bool>())
            .prop_map(|(organizer, entry, skipped)| Action::Skip { organizer, entry, skipped }),
        1 => (0..3_u8).prop_map(|email| Action::Erase { email }),
        1 => (0..20_u8, 0..4_usize).prop_map(|(age, limit)| Action::Purge { age, limit }),
        1 => (organizer(), 0..3_u8, 0..3_usize, 0..4_usize)
            .prop_map(|(organizer, email, offset, limit)| Action::List { organizer, email, offset, limit }),
    ]
}

/// The walk: what its runs know, so that their next call makes sense now and then.
#[derive(Default)]
struct Walk {
    now: i64,
    /// Per organizer its fences, the latest last.
    fences: [Vec<RunFence>; 3],
    /// Calls without outcome, by organizer.
    calls: Vec<(u8, CallId)>,
    /// Pages by organizer.
    pages: Vec<(u8, PageId)>,
}

fn life(long: bool) -> Duration {
    if long { LONG } else { Duration::ZERO }
}

fn hash_of(email: u8) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(EMAILS[usize::from(email)].as_bytes()).into()
}

fn change_of(number: u8) -> ItemChange {
    match number {
        0..=3 => ItemChange::Done,
        4 | 5 => waits(u32::from(number)),
        6 | 7 => fails(false),
        _ => fails(true),
    }
}

impl Walk {
    fn fence(&self, organizer: u8, old: bool) -> RunFence {
        let fences = &self.fences[usize::from(organizer)];
        let place = fences.len().checked_sub(if old { 2 } else { 1 });
        let nobody = RunFence { organizer: ORGANIZERS[usize::from(organizer)].into(), run: RunId(0), token: 0 };
        place.map_or(nobody, |place| fences[place].clone())
    }

    /// Items of an organizer in one of these states.
    async fn items(&self, store: &dyn FeedbackStore, organizer: u8, states: &[ItemState]) -> Vec<ItemId> {
        let mut items = Vec::new();
        for (_, id) in self.pages.iter().filter(|(of, _)| *of == organizer) {
            let page = store.page(*id).await.unwrap().unwrap();
            let fits = page.states.iter().enumerate().filter(|(_, state)| states.contains(state));
            items.extend(fits.map(|(position, _)| ItemId { page: *id, position: position as u32 }));
        }
        items
    }

    /// One of `items`, and now and then any item or none at all.
    fn pick(&self, items: &[ItemId], (number, position): (u8, u8)) -> ItemId {
        let stray = PageId(self.pages.len() as i64 - i64::from(position));
        match items.get((usize::from(number) * 4 + usize::from(position)) % items.len().max(1)) {
            Some(item) if number < 7 || position > 0 => *item,
            _ => ItemId { page: stray, position: position.into() },
        }
    }

    fn page(&self, key: &PaginationKey, items: u8, sent: u8, next: u8, file: bool) -> NewPage {
        let of: Vec<_> = (0..items)
            .map(|number| item_of(&format!("t{number}"), EMAILS[usize::from(number + next) % EMAILS.len()]))
            .collect();
        let sent = if sent == 0 { "k0" } else { key.as_str() };
        let next = (next > 0).then(|| format!("k{next}"));
        let mut page = new_page(sent, next.as_deref(), items.into());
        page.body = body_of(&of).into();
        page.at = Wall(self.now);
        if file {
            page.source = ticketbridge_core::mobile::PageSource::File;
            page.next = page.next.filter(|next| next.as_str() == "k4");
        }
        page
    }

    async fn writes(
        &self,
        store: &dyn FeedbackStore,
        organizer: u8,
        items: &[Part],
        settle: &[u8],
        send: &[Vec<(u8, u8)>],
    ) -> FeedbackWrites {
        let open = self.items(store, organizer, &[ItemState::Pending, ItemState::Blocking]).await;
        let mut writes = FeedbackWrites::at(Wall(self.now));
        for (number, position, change) in items {
            let item = self.pick(&open, (*number, *position));
            writes.items.push(ItemWrite { item, change: change_of(*change) });
        }
        let of_organizer: Vec<_> = self.calls.iter().filter(|(of, _)| *of == organizer).collect();
        for number in settle {
            if let Some((_, call)) = of_organizer.get(usize::from(*number) % of_organizer.len().max(1)) {
                writes.outcomes.push(CallOutcome { call: *call, text: number.to_string().into() });
            }
        }
        writes.intents =
            send.iter().map(|of| intent(of.iter().map(|item| self.pick(&open, *item)).collect())).collect();
        writes
    }

    fn known(&self, organizer: u8, what: &[(u8, u8, bool)]) -> FeedbackWrites {
        let mut writes = FeedbackWrites::at(Wall(self.now));
        for (kind, number, personal) in what {
            let organizer = Box::from(ORGANIZERS[usize::from(organizer)]);
            let email = personal.then(|| Box::from(EMAILS[usize::from(*number) % EMAILS.len()]));
            let at = Wall(self.now);
            match kind {
                0 => {
                    let known = ticket(&format!("t{number}"));
                    writes.tickets.push(MobileTicket { organizer, owner_email: email, at, ..known });
                }
                1 => {
                    let known = contact(&number.to_string());
                    writes.contacts.push(BoxContact { organizer, email, at, ..known });
                }
                _ => {
                    let known = distribution(&format!("tng:{number}"));
                    writes.distributions.push(BoxDistribution { organizer, at, ..known });
                }
            }
        }
        writes
    }

    async fn begin(&mut self, store: &dyn FeedbackStore, organizer: u8, long: bool, trigger: u8) -> String {
        let trigger = match trigger {
            0 => Trigger::Preview,
            1 => Trigger::Replay,
            2 => Trigger::Manual,
            _ => Trigger::Schedule,
        };
        let of = beginning(ORGANIZERS[usize::from(organizer)], u128::from(organizer), life(long));
        match store.begin_run(BeginRun { trigger, at: Wall(self.now), ..of }).await.unwrap() {
            BeginAnswer::Begun(grant) => {
                self.fences[usize::from(organizer)].push(grant.fence.clone());
                self.calls.retain(|(of, _)| *of != organizer);
                format!("{grant:?}")
            }
            BeginAnswer::Refused { run, by, remaining } => format!("{run:?} {by:?} {}", remaining.is_zero()),
        }
    }

    /// Carries an action out on one store, and answers what the store said.
    async fn act(&mut self, store: &dyn FeedbackStore, action: &Action) -> String {
        let named = |organizer: &u8| ORGANIZERS[usize::from(*organizer)];
        match action {
            Action::Begin { organizer, long, trigger } => self.begin(store, *organizer, *long, *trigger).await,
            Action::Renew { organizer, long, old } => {
                format!("{:?}", store.renew_lease(&self.fence(*organizer, *old), life(*long)).await)
            }
            Action::End { organizer, old } => {
                format!("{:?}", store.end_run(&self.fence(*organizer, *old), ended(self.now)).await)
            }
            Action::Page { organizer, items, sent, next, file, old } => {
                let key = store.pagination_key(named(organizer)).await.unwrap();
                let page = self.page(&key, *items, *sent, *next, *file);
                let answer = store.store_page(&self.fence(*organizer, *old), page).await;
                if let Ok(ticketbridge_store::Held::Done(id)) = &answer {
                    self.pages.push((*organizer, *id));
                }
                format!("{answer:?}")
            }
            Action::Rewind { organizer, before } => {
                format!("{:?}", store.rewind_key(named(organizer), *before, "ana", Wall(self.now)).await)
            }
            Action::Apply { organizer, items, settle, send, old } => {
                let writes = self.writes(store, *organizer, items, settle, send).await;
                let settled: Vec<_> = writes.outcomes.iter().map(|outcome| outcome.call).collect();
                let answer = store.write_feedback(&self.fence(*organizer, *old), writes).await;
                if let Ok(ticketbridge_store::Held::Done(calls)) = &answer {
                    // Now and then one that is settled already is settled again.
                    self.calls.retain(|(_, call)| !settled.contains(call) || call.0 % 4 == 0);
                    self.calls.extend(calls.iter().map(|call| (*organizer, *call)));
                }
                format!("{answer:?}")
            }
            Action::Know { organizer, what } => {
                let writes = self.known(*organizer, what);
                format!("{:?}", store.write_feedback(&self.fence(*organizer, false), writes).await)
            }
            Action::Claim { organizer, emails, elsewhere } => {
                let claim = |email: &u8| Claim { email: hash_of(*email), request_ref: format!("r{}", self.now).into() };
                let claims = emails.iter().map(claim).collect();
                let box_office = if *elsewhere { "elsewhere" } else { "s360" };
                format!("{:?}", store.claim_contacts(&self.fence(*organizer, false), box_office, claims).await)
            }
            Action::Claimed { organizer, released, sent } => {
                let mut writes = FeedbackWrites::at(Wall(self.now));
                writes.released_claims = released.iter().copied().map(hash_of).collect();
                writes.sent_claims = sent.iter().copied().map(hash_of).collect();
                format!("{:?}", store.write_feedback(&self.fence(*organizer, false), writes).await)
            }
            Action::Retry { organizer, items } => {
                let failed = self.items(store, *organizer, &[ItemState::Failed, ItemState::Blocking]).await;
                let items: Option<Vec<_>> =
                    items.as_ref().map(|items| items.iter().map(|item| self.pick(&failed, *item)).collect());
                format!("{:?}", store.retry_failed(named(organizer), items.as_deref()).await)
            }
            Action::Dismiss { organizer, items } => {
                let failed = self.items(store, *organizer, &[ItemState::Failed, ItemState::Blocking]).await;
                let items: Vec<_> = items.iter().map(|item| self.pick(&failed, *item)).collect();
                format!("{:?}", store.dismiss_failed(named(organizer), &items).await)
            }
            Action::Skip { organizer, entry, skipped } => {
                let entry = ["1", "id:1", "1,2"][usize::from(*entry)];
                format!("{:?}", store.set_skip_entry(named(organizer), entry, *skipped).await)
            }
            Action::Erase { email } => format!("{:?}", store.erase_person(EMAILS[usize::from(*email)]).await),
            Action::Purge { age, limit } => {
                format!("{:?}", store.purge_feedback(Wall(self.now - i64::from(*age) * 10), *limit).await)
            }
            Action::List { organizer, email, offset, limit } => {
                let filter = FeedbackFilter {
                    organizer: Some(named(organizer).into()),
                    email: Some(EMAILS[usize::from(*email)].into()),
                    ticket_id: None,
                };
                listed(store, &filter, &FeedbackPage { offset: *offset, limit: *limit }).await
            }
        }
    }
}

/// All listings, personal data included.
async fn listed(store: &dyn FeedbackStore, filter: &FeedbackFilter, page: &FeedbackPage) -> String {
    let organizer = filter.organizer.as_deref();
    let mut text = String::new();
    writeln!(text, "{:?}", store.feedback_runs(organizer, page.clone()).await).unwrap();
    writeln!(text, "{:?}", store.failed_items(organizer, page.clone()).await).unwrap();
    for ticket in store.mobile_tickets(filter, page.clone()).await.unwrap() {
        let MobileTicket { organizer, tax_number, owner_email, beneficiary, page, at, .. } = &ticket;
        writeln!(text, "{ticket:?} {organizer} {tax_number:?} {owner_email:?} {beneficiary:?} {page:?} {at:?}")
            .unwrap();
    }
    for contact in store.box_contacts(filter, page.clone()).await.unwrap() {
        let BoxContact { box_office, organizer, email, request_ref, ticket_id, at, .. } = &contact;
        writeln!(text, "{contact:?} {box_office} {organizer} {email:?} {request_ref:?} {ticket_id} {at:?}").unwrap();
    }
    writeln!(text, "{:?}", store.box_distributions(filter, page.clone()).await).unwrap();
    for organizer in ORGANIZERS {
        writeln!(text, "{:?}", store.key_history(organizer, page.clone()).await).unwrap();
    }
    text
}

/// All that a store shows.
pub(crate) async fn contents(store: &dyn FeedbackStore) -> String {
    let mut text = listed(store, &FeedbackFilter::default(), &ALL).await;
    for organizer in ORGANIZERS {
        let lease = store.lease(organizer).await.unwrap();
        let lease = lease.map(|lease| (lease.run, lease.token, lease.remaining.is_zero()));
        let key = store.pagination_key(organizer).await;
        let pending = store.pending_items(organizer).await;
        writeln!(text, "{lease:?} {key:?} {pending:?} {:?}", store.skip_entries(organizer).await).unwrap();
    }
    let mut id = PageId(1);
    while let Some(page) = store.page(id).await.unwrap() {
        writeln!(text, "{page:?} {:?}", page.body).unwrap();
        id.0 += 1;
    }
    let last = store.feedback_runs(None, FeedbackPage { offset: 0, limit: 1 }).await.unwrap();
    for run in 1..=last.first().map_or(0, |run| run.id.0) {
        writeln!(text, "{:?}", store.run_calls(RunId(run)).await).unwrap();
    }
    text
}

async fn walk(actions: &[Action]) {
    let model = memory();
    let (durable, _folder) = sqlite();
    let (mut of_model, mut of_durable) = (Walk::default(), Walk::default());
    // With every lease in hand and something stored, most decisions come through.
    let begin = |organizer| Action::Begin { organizer, long: true, trigger: 7 };
    let page = |organizer| Action::Page { organizer, items: 4, sent: 1, next: 0, file: true, old: false };
    let first = (0..3).flat_map(|organizer| [begin(organizer), page(organizer), page(organizer)]);
    let actions: Vec<_> = first.chain(actions.iter().cloned()).collect();
    for (number, action) in actions.iter().enumerate() {
        for walk in [&mut of_model, &mut of_durable] {
            walk.now = (number as i64 + 1) * 10;
        }
        let (answer, modelled) = (of_durable.act(&*durable, action).await, of_model.act(&*model, action).await);
        assert_eq!(answer, modelled, "answers differ at step {number}: {action:?}");
        let (durable, model) = (contents(&*durable).await, contents(&*model).await);
        assert_eq!(durable, model, "contents differ after step {number}: {action:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_stores_give_the_same_answers(actions in vec(action(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(walk(&actions));
    }
}
