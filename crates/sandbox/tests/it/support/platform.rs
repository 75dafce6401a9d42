use http::Method;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;
use ticketbridge_sandbox::faults::{FaultError, Rule};
use ticketbridge_sandbox::sfyc::{Effect, SfycModel, Stats};
use ticketbridge_sandbox::{Act, Call, Millis, Reply, StandIn, TOKEN};

/// SFyC under a made-up time that starts at 2026-11-21T15:31:39Z and only moves when told to.
pub(crate) struct Platform {
    pub(crate) model: SfycModel,
    pub(crate) now: Millis,
    dice: ChaCha8Rng,
}

impl Platform {
    pub(crate) const START: Millis = 1_795_275_099_000;

    pub(crate) fn new() -> Self {
        Self::with_seed(7)
    }

    pub(crate) fn with_seed(seed: u64) -> Self {
        Self { model: SfycModel::new(10_000), now: Self::START, dice: ChaCha8Rng::seed_from_u64(seed) }
    }

    pub(crate) fn fault(&mut self, rule: impl Into<Rule>) -> Result<u64, FaultError> {
        self.model.faults_mut().add(rule)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.model.stats()
    }

    /// Everything that follows from a call; nothing of it has happened yet.
    pub(crate) fn acts(&mut self, call: &Call) -> Vec<(Millis, Act<Effect>)> {
        self.model.handle(self.now, call, &mut self.dice)
    }

    /// Lets the effects take place at their times and answers the reply.
    pub(crate) fn perform(&mut self, acts: Vec<(Millis, Act<Effect>)>) -> Option<Reply> {
        let mut answered = None;
        for (at, act) in acts {
            match act {
                Act::Commit(effect) => self.model.commit(at, effect),
                Act::Reply(reply) => answered = Some(reply),
                Act::Reset | Act::Close => {}
            }
        }
        answered
    }

    pub(crate) fn call(&mut self, call: &Call) -> (u16, Value) {
        let acts = self.acts(call);
        let reply = self.perform(acts).expect("an answer");
        (reply.status, serde_json::from_slice(&reply.body).expect("JSON"))
    }

    pub(crate) fn get(&mut self, target: &str) -> (u16, Value) {
        self.call(&Call::new(Method::GET, target).with_bearer(TOKEN))
    }

    pub(crate) fn post(&mut self, target: &str, body: &Value) -> (u16, Value) {
        self.call(&post(target, body))
    }

    /// The code of the error with which a call is refused whole.
    pub(crate) fn refusal(&mut self, call: &Call) -> (u16, String) {
        let (status, body) = self.call(call);
        (status, body["error"]["code"].as_str().expect("a code").to_owned())
    }
}

/// A write with login.
pub(crate) fn post(target: &str, body: &Value) -> Call {
    Call::new(Method::POST, target).with_bearer(TOKEN).with_body(body.to_string())
}
