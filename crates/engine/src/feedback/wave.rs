//! A wave: items that share nothing, looked up and decided together and written side by side.
//!
//! Per item the writes follow each other strictly, storing `mobile` last; over all items those of one kind travel together.
//! Before each round of calls its intents are committed. An item without a clear answer is decided anew, up to three
//! times in a run. A call that failed whole is sent again in halves: a poison ends up alone and holds back nobody.
//!
//! Whether a poison fails all calls or the box office is away is told by one item that is tried alone. An item that
//! failed in earlier runs tells nothing of the box office, so that a few of them never keep others waiting.

use std::time::Duration;

use ticketbridge_core::mobile::{
    Decision, FailureCode, Item, ItemOutcome, ItemState, Plan, Reading, RunStep, View, settle,
};
use ticketbridge_platforms::s360;
use ticketbridge_store::{Failure, ItemChange, ItemId, ItemWrite};

use super::apply::Work;
use super::contacts::ClaimedEmail;
use super::fetch::TRIES;
use super::report::{FailedTicket, MAX_NAMED};
use super::run::{Runner, Stop};

/// Waves in a row without any effect after which the box office counts as away.
const FRUITLESS: u32 = 3;

/// An item on its way through a wave.
pub(super) struct Try<'p> {
    /// Its place in the wave.
    pub(super) place: usize,
    pub(super) id: ItemId,
    pub(super) item: &'p Item<'p>,
    pub(super) attempts: u32,
    /// The most items that its next call may have.
    pub(super) together: usize,
    /// No earlier run tried it in vain.
    pub(super) is_fresh: bool,
}

/// An item with writes to be done.
pub(super) struct Active<'p> {
    pub(super) one: Try<'p>,
    pub(super) plan: Plan<'p>,
    /// The claim under which its contact is created.
    pub(super) claim: Option<ClaimedEmail>,
}

/// An item that is not done yet.
pub(super) struct Left<'p> {
    pub(super) one: Try<'p>,
    pub(super) reason: Box<str>,
    pub(super) retry_after: Option<Duration>,
}

/// What came of a wave so far.
#[derive(Default)]
pub(super) struct Tally {
    /// Which places are settled.
    pub(super) settled: Vec<bool>,
    /// Strict mode: what failed.
    pub(super) strict: Option<String>,
    /// A call was answered for at least one item.
    pub(super) fruitful: bool,
    /// A call failed.
    pub(super) failed: bool,
    /// A call that failed last carried more than a single item.
    pub(super) failed_together: bool,
}

impl Runner<'_> {
    /// Applies items that share nothing. Answers which of them are settled.
    pub(super) async fn apply_wave(&mut self, wave: &[&Work<'_>]) -> Result<Vec<bool>, Stop> {
        let mut tally = Tally { settled: vec![false; wave.len()], ..Tally::default() };
        let mut todo = Vec::with_capacity(wave.len());
        for (place, work) in wave.iter().enumerate() {
            match work.reading {
                Reading::Item(item) => {
                    let attempts = work.attempts;
                    let together = s360::MAX_WRITES.checked_shr(attempts).unwrap_or(0).max(1);
                    todo.push(Try { place, id: work.id, item, attempts, together, is_fresh: attempts == 0 });
                }
                Reading::Skipped { ticket_id } => {
                    tracing::info!(ticket = %ticket_id, "Skipped: it is on the skip list.");
                    self.settle(place, work.id, Some(ticket_id), &ItemOutcome::Skipped, &mut tally);
                }
                Reading::Failed { ticket_id, code } => {
                    self.settle(place, work.id, ticket_id.as_deref(), &ItemOutcome::Failed(code.clone()), &mut tally);
                }
            }
        }
        for tries in 1.. {
            tally.failed_together = false;
            let left = self.pass(todo, &mut tally).await?;
            self.flush_if_any().await?;
            if let Some(why) = tally.strict.take() {
                return Err(Stop::Strict(why));
            }
            if left.is_empty() {
                self.fruitless = 0;
                break;
            }
            let asked = left.iter().filter_map(|left| left.retry_after).max();
            let pause = if tries < TRIES { self.pauses.after(tries, asked) } else { None };
            let Some(pause) = pause else {
                let left = self.probe(left, &mut tally).await?;
                self.leave(&left, &tally)?;
                self.flush_if_any().await?;
                break;
            };
            tokio::time::sleep(pause).await;
            self.go_on()?;
            todo = left.into_iter().map(|left| left.one).collect();
        }
        Ok(tally.settled)
    }

    /// Looks up, decides and writes once. Answers what is not done.
    async fn pass<'p>(&mut self, todo: Vec<Try<'p>>, tally: &mut Tally) -> Result<Vec<Left<'p>>, Stop> {
        let mut view = View::default();
        let items: Vec<&Item<'_>> = todo.iter().map(|one| one.item).collect();
        let decisions = self.decide_all(&items, &mut view).await?;
        let mut active = Vec::with_capacity(todo.len());
        for (one, decision) in todo.into_iter().zip(decisions) {
            active.extend(self.take_decision(one, decision, tally));
        }
        let mut left = Vec::new();
        let active = self.claim_contacts(active, &mut view, tally, &mut left).await?;
        self.write_all(active, tally, &mut left).await?;
        Ok(left)
    }

    /// Settles an item that has nothing to be written; answers the others.
    pub(super) fn take_decision<'p>(
        &mut self,
        one: Try<'p>,
        decision: Decision<'p>,
        tally: &mut Tally,
    ) -> Option<Active<'p>> {
        let outcome = match decision {
            Decision::Update(plan) => return Some(Active { one, plan, claim: None }),
            Decision::Failed(code) => ItemOutcome::Failed(code),
            Decision::Unchanged => {
                self.note_ticket(&one);
                ItemOutcome::Unchanged
            }
            Decision::Stale => ItemOutcome::Stale,
        };
        self.settle_try(&one, &outcome, tally);
        None
    }

    pub(super) fn settle_try(&mut self, one: &Try<'_>, outcome: &ItemOutcome, tally: &mut Tally) {
        self.settle(one.place, one.id, Some(&one.item.ticket_id), outcome, tally);
    }

    /// Notes what became of an item.
    fn settle(&mut self, place: usize, id: ItemId, ticket_id: Option<&str>, outcome: &ItemOutcome, tally: &mut Tally) {
        self.counters.count_outcome(outcome);
        let (state, step) = settle(outcome, self.function.continue_on_sync_error);
        let change = match outcome {
            ItemOutcome::Failed(code) => {
                let text = failure_text(code);
                let ticket = ticket_id.unwrap_or("(none)");
                tracing::warn!(organizer = %self.function.organizer, ticket, code = code.as_str(), "{text}");
                if self.failed.len() < MAX_NAMED {
                    self.failed.push(FailedTicket { ticket_id: ticket_id.map(Box::from), code: code.as_str().into() });
                }
                if step == RunStep::Stop {
                    tally.strict = Some(format!("ticket `{ticket}` failed with {code}: {text}"));
                }
                ItemChange::Failed(Failure {
                    ticket_id: ticket_id.map(Box::from),
                    code: code.as_str().into(),
                    text: text.into(),
                    blocking: state == ItemState::Blocking,
                })
            }
            _ => ItemChange::Done,
        };
        self.writes.items.push(ItemWrite { item: id, change });
        if let Some(settled) = tally.settled.get_mut(place) {
            *settled = true;
        }
    }

    /// Nothing came through, and calls of several items failed: tries one of them alone, drawn at random. Only this one is
    /// charged with the attempt if it fails, too. Answers what is left.
    async fn probe<'p>(&mut self, mut left: Vec<Left<'p>>, tally: &mut Tally) -> Result<Vec<Left<'p>>, Stop> {
        let fresh = left.iter().zip(0..).filter(|(left, _)| left.one.is_fresh).map(|(_, place)| place);
        let drawn = self.pauses.draw(fresh.collect()).filter(|_| tally.failed_together && !tally.fruitful);
        let Some(drawn) = drawn else { return Ok(left) };
        let alone = left.swap_remove(drawn).one;
        let again = self.pass(vec![alone], tally).await?;
        tally.fruitful |= again.is_empty();
        if !tally.fruitful {
            for left in &again {
                self.wait(left);
            }
        }
        left.extend(again);
        Ok(left)
    }

    /// What is left waits for a later run; or, if nothing at all came through, for the box office.
    fn leave(&mut self, left: &[Left<'_>], tally: &Tally) -> Result<(), Stop> {
        if tally.fruitful {
            self.fruitless = 0;
        } else if tally.failed && left.iter().any(|left| left.one.is_fresh) {
            self.fruitless += if tally.failed_together { FRUITLESS } else { 1 };
        }
        if self.fruitless >= FRUITLESS {
            let reason = left.first().map_or_else(String::new, |left| left.reason.to_string());
            return Err(Stop::Down(reason));
        }
        for left in left {
            self.wait(left);
        }
        Ok(())
    }

    /// Notes that an item waits for a later run.
    fn wait(&mut self, Left { one, reason, .. }: &Left<'_>) {
        tracing::info!(ticket = %one.item.ticket_id, why = %reason, "Not done: it is tried again later.");
        let due_at = self.parts.time.now().wall.after(self.pauses.length(one.attempts.max(1)));
        let change = ItemChange::Waits { attempts: one.attempts, due_at, reason: reason.clone() };
        self.writes.items.push(ItemWrite { item: one.id, change });
    }
}

/// What a code means, for people.
fn failure_text(code: &FailureCode) -> &'static str {
    match code {
        FailureCode::BadItem => "the item has no usable `ticketId`",
        FailureCode::UnknownStatus => "the status is none that is known",
        FailureCode::BadField => "`updatedAt` is no RFC 3339 instant",
        FailureCode::UnknownTicket => "the box office does not know the ticket",
        FailureCode::TaxNumberMismatch => "wallet and box office give the ticket different numbers",
        FailureCode::UnknownOrganization => "the ticket's organization is not among `organizations`",
        FailureCode::Refused(_) => "the box office refused a write for good",
    }
}
