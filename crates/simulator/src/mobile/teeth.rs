//! Teeth: a guard is switched off at the seams around the engine, which has no switch for it, and the checks must find the
//! broken invariant within [`MOST_SEEDS`] seeds.

use std::ops::Range;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use ticketbridge_platforms::HttpCall;
use ticketbridge_sandbox::s360::{Form, S360Model, State};
use ticketbridge_sandbox::{Act, Call, Reply, StandIn, TOKEN};

use super::ledger::normalised;
use super::run::{Scenario, run_one};
use super::world::{START, Sim, World};
use crate::teeth::Bite;

/// Most seeds that a tooth may take.
pub const MOST_SEEDS: u64 = 2_000;

macro_rules! guards {
    ($($name:ident = [$short:literal, $guard:literal, $off:literal, $expected:literal],)*) => {
        /// A guard that can be switched off.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the table says it")]
        pub enum Guard { $($name,)* }

        /// All teeth.
        pub const TEETH: &[Tooth] = &[
            $(Tooth { name: $short, guard: $guard, switched_off: $off, expected: $expected, without: Guard::$name },)*
        ];
    };
}

/// One guard, how it is switched off, and what must break then.
#[derive(Debug, Clone, Copy)]
pub struct Tooth {
    /// Short name.
    pub name: &'static str,
    /// The guard.
    pub guard: &'static str,
    /// What is done to it.
    pub switched_off: &'static str,
    /// The invariant that breaks.
    pub expected: &'static str,
    without: Guard,
}

guards! {
    Intent = ["intent", "the intent is committed before the request", "intents are not stored", "I3"],
    PageAndKey = [
        "page-and-key", "page and key are one transaction", "the key goes first, its page in a transaction of its own", "I8"
    ],
    SingleRun = ["single-run", "one run per organizer", "a lease lasts a millisecond", "I9"],
    Fence = ["fence", "a stale token writes nothing", "the store takes every token", "I9"],
    LeaseLook = ["lease-look", "the lease outlives a call before it leaves", "nobody looks", "I9"],
    SkipList = ["skip-list", "the list is read when items are applied", "entries of people are not read", "I10"],
    Claim = ["claim", "an e-mail is claimed before its contact is created", "everybody is granted everything", "once"],
    LookUp = [
        "look-up", "after an unclear creation only a look-up leads on",
        "the claim forgets that it was sent, and contacts in doubt are not found", "once"
    ],
    InDoubt = ["in-doubt-time", "a missing contact counts only after `in_doubt_for`", "`in_doubt_for` = 0", "once"],
    RequestRef = [
        "request-ref", "the claim keeps the `requestRef` of its first try",
        "each try has one of its own; people correct the e-mail of the new contact", "once"
    ],
    MobileLast = [
        "mobile-last", "mobile data is stored last", "rows and cultural contacts leave three seconds after they were answered",
        "order"
    ],
    ByKey = ["by-key", "results are attributed by key", "by position; they come in another order", "outcome"],
    Order = [
        "order", "items that share a ticket or an e-mail follow each other",
        "all look-ups of a run show what was there at its beginning", "outcome"
    ],
    HoldingBack = [
        "holding-back", "an item that waits holds back those that share something with it",
        "a run does not see items that wait", "outcome"
    ],
}

impl Tooth {
    /// Worlds without this guard.
    pub fn scenario(&self) -> Scenario {
        Scenario { without: Some(self.without), ..Scenario::default() }
    }
}

/// Runs seeds without a guard until the expected invariant breaks; `None`: it never did. The same on any number of
/// threads.
pub fn bite(tooth: &Tooth, seeds: Range<u64>, threads: usize) -> Option<Bite> {
    Bite::first(seeds, threads, tooth.expected, |seed| run_one(seed, tooth.scenario(), false).violation)
}

/// What a switched-off guard makes of an answer of the box office.
pub(super) fn spoil(sim: &Sim, organizer: usize, call: &HttpCall, reply: Reply) -> Reply {
    if reply.status != 200 {
        return reply;
    }
    match (sim.setting.without, &call.body) {
        (Some(Guard::LookUp), None) if call.target.starts_with("/contacts") => hide_doubtful(sim, reply),
        (Some(Guard::ByKey), Some(body)) => by_position(body, reply),
        (Some(Guard::Order), None) => sim.world().as_before(organizer, call).unwrap_or(reply),
        _ => reply,
    }
}

/// Contacts of which the program does not know yet are not found.
fn hide_doubtful(sim: &Sim, mut reply: Reply) -> Reply {
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else { return reply };
    let world = sim.world();
    if let Some(items) = body["items"].as_array_mut() {
        items.retain(|contact| {
            let is_made = !contact["requestRef"].is_null();
            let email = contact["email"].as_str().map(normalised).unwrap_or_default();
            !(is_made && world.ledger.is_in_doubt(&email))
        });
    }
    reply.body = body.to_string().into();
    reply
}

/// Each result gets the keys of the item that was sent in its place.
fn by_position(sent: &[u8], mut reply: Reply) -> Reply {
    let keys = ["ticketId", "changeRef", "requestRef", "distributionRef"];
    let read = |body| serde_json::from_slice::<Value>(body).ok();
    let (Some(sent), Some(mut body)) = (read(sent), read(&reply.body)) else { return reply };
    let is_creation = sent["items"][0]["email"].is_string();
    let Some(results) = body["results"].as_array_mut() else { return reply };
    for (place, result) in results.iter_mut().enumerate() {
        for key in keys.into_iter().chain((!is_creation).then_some("contactNumber")) {
            if !result[key].is_null() {
                result[key] = sent["items"][place][key].clone();
            }
        }
    }
    reply.body = body.to_string().into();
    reply
}

impl World {
    /// Keeps what the box office holds at the beginning of a run, for [`Guard::Order`].
    pub(super) fn keep_beginning(&mut self, organizer: usize) {
        let mut kept = S360Model::new(10_000);
        if let Ok(state) = serde_json::from_slice::<State>(&self.box_office.dump(Form::Full)) {
            drop(kept.load(state));
        }
        self.beginnings[organizer] = Some(kept);
    }

    /// The answer that the call would have had at the beginning of the run.
    fn as_before(&mut self, organizer: usize, call: &HttpCall) -> Option<Reply> {
        let kept = self.beginnings[organizer].as_mut()?;
        let call = Call::new(call.method.clone(), &format!("/api/v1{}", call.target)).with_bearer(TOKEN);
        let acts = kept.handle(START, &call, &mut ChaCha8Rng::seed_from_u64(0));
        acts.into_iter().find_map(|(_, act)| match act {
            Act::Reply(reply) => Some(reply),
            _ => None,
        })
    }
}
