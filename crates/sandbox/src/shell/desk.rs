//! A model at work under real time: each act is performed when its time has come.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;

use super::MAX_PENDING_EFFECTS;
use super::line::Cut;
use crate::call::{Act, Call, Reply, StandIn};
use crate::clock::{Clock, Millis};

/// How a call ends.
#[derive(Debug)]
pub(super) enum Ending {
    Reply(Reply),
    Cut(Cut),
}

/// A stand-in with its dice, behind one lock.
#[derive(Debug)]
pub(super) struct Desk<M> {
    at_work: Mutex<AtWork<M>>,
    seed: u64,
    clock: Clock,
    closed: watch::Receiver<bool>,
}

#[derive(Debug)]
struct AtWork<M> {
    model: M,
    dice: ChaCha8Rng,
    /// Counts resets, so that an effect from before one is not committed after it.
    era: u64,
    pending: usize,
}

impl<M: StandIn> Desk<M> {
    pub(super) fn new(model: M, seed: u64, clock: Clock, closed: watch::Receiver<bool>) -> Self {
        let at_work = AtWork { model, dice: ChaCha8Rng::seed_from_u64(seed), era: 0, pending: 0 };
        Self { at_work: Mutex::new(at_work), seed, clock, closed }
    }

    /// Works on the model between two calls.
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut M, Millis) -> R) -> R {
        let mut at_work = self.lock();
        let now = self.clock.now();
        work(&mut at_work.model, now)
    }

    pub(super) fn reset(&self) {
        let mut at_work = self.lock();
        at_work.model.reset();
        at_work.dice = ChaCha8Rng::seed_from_u64(self.seed);
        at_work.era += 1;
    }

    /// Lets the model decide, starts the effects, and waits until the answer is due. Effects do not need the caller: they
    /// take place even if this future is dropped because the caller hung up.
    pub(super) async fn answer(self: Arc<Self>, call: Call) -> Ending {
        let call = InFlight { call, desk: &self };
        let ending = self.decide(&call.call);
        self.wait(ending).await.unwrap_or(Ending::Cut(Cut::Close))
    }

    fn decide(self: &Arc<Self>, call: &Call) -> Option<(Millis, Ending)> {
        let mut guard = self.lock();
        let now = self.clock.now();
        let at_work = &mut *guard;
        let acts = at_work.model.handle(now, call, &mut at_work.dice);
        let mut ending = None;
        for (at, act) in acts {
            match act {
                Act::Commit(effect) if at <= now || at_work.pending >= MAX_PENDING_EFFECTS => {
                    at_work.model.commit(at, effect);
                }
                Act::Commit(effect) => {
                    at_work.pending += 1;
                    tokio::spawn(Arc::clone(self).commit_later(at, effect, at_work.era));
                }
                Act::Reply(reply) => ending = Some((at, Ending::Reply(reply))),
                Act::Reset => ending = Some((at, Ending::Cut(Cut::Reset))),
                Act::Close => ending = Some((at, Ending::Cut(Cut::Close))),
            }
        }
        ending
    }

    async fn commit_later(self: Arc<Self>, at: Millis, effect: M::Effect, era: u64) {
        let is_due = tokio::select! {
            () = tokio::time::sleep(self.clock.until(at)) => true,
            () = until_closing(self.closed.clone()) => false,
        };
        let mut at_work = self.lock();
        at_work.pending -= 1;
        if is_due && at_work.era == era {
            at_work.model.commit(at, effect);
        }
    }

    /// Waits until an ending is due, for ever if there is none; `None` if the sandbox closes before that.
    async fn wait(&self, ending: Option<(Millis, Ending)>) -> Option<Ending> {
        let due = async {
            match ending {
                None => std::future::pending().await,
                Some((at, ending)) => {
                    let left = self.clock.until(at);
                    if !left.is_zero() {
                        tokio::time::sleep(left).await;
                    }
                    ending
                }
            }
        };
        tokio::select! {
            biased;
            ending = due => Some(ending),
            () = until_closing(self.closed.clone()) => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, AtWork<M>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that is being answered. It is over when this is dropped, also because the caller hung up.
struct InFlight<'a, M: StandIn> {
    call: Call,
    desk: &'a Desk<M>,
}

impl<M: StandIn> Drop for InFlight<'_, M> {
    fn drop(&mut self) {
        self.desk.lock().model.ended(&self.call);
    }
}

/// Returns when the sandbox closes or is dropped.
pub(super) async fn until_closing(mut closed: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is the end as well.
    let _ended = closed.wait_for(|closed| *closed).await.is_err();
}
