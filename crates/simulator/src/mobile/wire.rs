//! The wires of a process to wallet and box office: connections, ways of their own for request and answer, time-outs. What
//! was put on a wire arrives even if its process dies, and within the time-out of its call: the S-360 contract has every
//! effect before its answer. Only creations of contacts may come later, by a fault of the box office.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use rand::RngExt;
use serde_json::{Value, json};
use ticketbridge_core::mobile::PaginationKey;
use ticketbridge_engine::feedback::Wire;
use ticketbridge_platforms::http::LastCheck;
use ticketbridge_platforms::{HttpCall, Transport};
use ticketbridge_sandbox::tixngo::TixngoModel;
use ticketbridge_sandbox::{Act, Call, Reply, StandIn, TOKEN};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use super::process::Who;
use super::setting::ORGANIZERS;
use super::sometimes::Sometimes;
use super::teeth::Guard;
use super::world::{START, Sim};
use crate::wire::{no_answer, transport};

/// The two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Platform {
    Wallet,
    BoxOffice,
}

/// The wire of one life of a process to one platform.
pub(super) struct Line {
    pub(super) sim: Arc<Sim>,
    pub(super) who: Who,
    pub(super) platform: Platform,
}

/// A request as it travels.
struct Travelling {
    who: Who,
    call: Call,
    sent: HttpCall,
    key: PaginationKey,
    departed: Instant,
    deadline: Instant,
    /// The longest way there.
    most: u64,
}

#[async_trait]
impl Wire for Line {
    async fn send(&self, call: &HttpCall, timeout: Duration, check: LastCheck) -> Transport {
        let deadline = Instant::now() + timeout;
        let rates = self.sim.setting.rates;
        let (wait, refused, dies) = {
            let mut world = self.sim.world();
            if world.chance(rates.stalls) {
                let lease = self.sim.setting.lease();
                let span = world.dice.random_range(lease / 3..lease * 2);
                world.stall(self.who.process, span, lease);
            }
            let wait = world.dice.random_range(1..40);
            (wait, world.chance(rates.refuses_connection), world.chance(rates.dies_before_request))
        };
        sleep(Duration::from_millis(wait)).await;
        if dies {
            self.sim.die(self.who, Sometimes::DiedBeforeRequest).await;
        }
        if refused {
            self.sim.world().tally.saw(Sometimes::ConnectionRefused);
            return not_sent("the connection was refused");
        }
        if Instant::now() >= deadline {
            return not_sent("the time-out ran out before there was a connection");
        }
        if !check() && self.sim.setting.without != Some(Guard::LeaseLook) {
            self.sim.world().tally.saw(Sometimes::LeaseHeldBack);
            return not_sent("the lease runs out before the call's time-out");
        }
        if self.sim.setting.without == Some(Guard::MobileLast)
            && let Some(answer) = self.put_off(call)
        {
            return answer;
        }
        let receiver = self.depart(call, timeout, deadline);
        let dies = self.sim.world().chance(rates.dies_after_request);
        if dies {
            self.sim.die(self.who, Sometimes::DiedWithRequestOnWire).await;
        }
        tokio::select! {
            biased;
            answer = receiver => answer.unwrap_or_else(|_| no_answer("the connection was lost")),
            () = sleep_until(deadline) => {
                self.sim.world().tally.saw(Sometimes::TimedOut);
                Transport::NoAnswer { why: String::from("the time-out ran out"), timed_out: true }
            }
        }
    }
}

impl Line {
    /// The request leaves; its answer comes, if one does, through what is answered here.
    fn depart(&self, call: &HttpCall, timeout: Duration, deadline: Instant) -> oneshot::Receiver<Transport> {
        let (sender, receiver) = oneshot::channel();
        let mut world = self.sim.world();
        world.requests += 1;
        let now = world.now;
        world.trace.mark(&[3, now, self.who.life]);
        world.trace.mark_bytes(call.target.as_bytes());
        world.trace.mention(now, || (keys_of(call), format!("{}: sends {}", self.who, told(call))));
        let wrong = match (self.platform, call.body.is_some()) {
            (Platform::Wallet, _) => world.ledger.diff_leaves(self.who, now),
            (Platform::BoxOffice, true) => world.check_departure(self.who, call),
            (Platform::BoxOffice, false) => None,
        };
        world.judge(wrong);
        let reused = world.dice.random_bool(0.7);
        drop(world);
        let arriving = self.call(call, reused);
        let travelling = Travelling {
            who: self.who,
            key: key_of(&arriving),
            call: arriving,
            sent: call.clone(),
            departed: Instant::now(),
            deadline,
            most: (timeout.as_millis() as u64 / 2).min(6_000),
        };
        let sim = Arc::clone(&self.sim);
        match self.platform {
            Platform::Wallet => super::run::spawn(&self.sim, to_wallet(sim, travelling, sender)),
            Platform::BoxOffice => super::run::spawn(&self.sim, to_box_office(sim, travelling, sender)),
        }
        receiver
    }

    fn call(&self, call: &HttpCall, reused: bool) -> Call {
        let call = match self.platform {
            Platform::Wallet => {
                let key = TixngoModel::api_key(ORGANIZERS[self.who.organizer]);
                Call::new(call.method.clone(), &format!("/v3/organizer/tickets{}", call.target)).with_api_key(&key)
            }
            Platform::BoxOffice => {
                let body = call.body.clone().unwrap_or_default();
                Call::new(call.method.clone(), &format!("/api/v1{}", call.target)).with_bearer(TOKEN).with_body(body)
            }
        };
        if reused { call.on_reused_connection() } else { call }
    }

    /// Rows and cultural contacts are answered as done, and leave only after a while: behind the mobile data.
    fn put_off(&self, call: &HttpCall) -> Option<Transport> {
        let keys: &[&str] = match &*call.target {
            "/distributions" => &["distributionRef", "ticketId"],
            "/tickets/cultural-contact" => &["ticketId", "contactNumber"],
            _ => return None,
        };
        let body: Value = serde_json::from_slice(call.body.as_ref()?).ok()?;
        let result = |item: &Value| {
            let mut result = json!({"ok": true});
            for key in keys {
                result[*key] = item[*key].clone();
            }
            result
        };
        let results: Vec<Value> = body["items"].as_array()?.iter().map(result).collect();
        let (sim, who, call) = (Arc::clone(&self.sim), self.who, call.clone());
        tokio::spawn(async move {
            sleep(Duration::from_secs(3)).await;
            let line = Self { sim, who, platform: Platform::BoxOffice };
            drop(line.depart(&call, Duration::from_secs(10), Instant::now() + Duration::from_secs(10)).await);
        });
        Some(transport(&Reply::json(200, json!({"results": results}).to_string()), START))
    }
}

/// A way: short, and sometimes long.
fn way(sim: &Sim, most: u64) -> u64 {
    let mut world = sim.world();
    if world.chance(sim.setting.rates.long_way) {
        world.dice.random_range(1..most.max(2))
    } else {
        world.dice.random_range(1..60)
    }
}

async fn to_wallet(sim: Arc<Sim>, travelling: Travelling, mut sender: oneshot::Sender<Transport>) {
    let Travelling { who, call, key, deadline, most, .. } = travelling;
    let lost = sim.world().chance(sim.setting.rates.loses_request);
    sleep(Duration::from_millis(way(&sim, most))).await;
    let answer = if lost { None } else { at_wallet(&sim, who, &call, &key) };
    // It is over when its answer is on the wire, or nobody waits for it any more.
    let leaves = answer.as_ref().map_or(deadline, |(at, _)| (*at).min(deadline));
    tokio::select! {
        biased;
        () = sender.closed() => {}
        () = sleep_until(leaves) => {}
    }
    {
        let mut world = sim.world();
        world.ledger.diff_over(who.organizer);
        if !lost {
            world.wallet.ended(&call);
        }
    }
    deliver(&sim, answer.map(|(_, transport)| transport), most, sender).await;
}

/// What the wallet answers, and when.
fn at_wallet(sim: &Sim, who: Who, call: &Call, key: &PaginationKey) -> Option<(Instant, Transport)> {
    let mut world = sim.world();
    let now = START + world.now as i64;
    let mut dice = super::world::fork(&mut world.dice);
    let acts = world.wallet.handle(now, call, &mut dice);
    let (at, act) = acts.into_iter().next()?;
    let leaves = Instant::now() + Duration::from_millis((at - now).max(0) as u64);
    let transport = match act {
        Act::Reply(reply) => transport(&reply, at),
        _ => no_answer("the connection was lost"),
    };
    if let Transport::Answered(answer) = &transport
        && answer.status == StatusCode::OK
    {
        world.ledger.answered(who.organizer, key.clone(), &answer.body);
    }
    Some((leaves, transport))
}

async fn to_box_office(sim: Arc<Sim>, travelling: Travelling, sender: oneshot::Sender<Transport>) {
    let Travelling { who, call, sent, departed, deadline, most, .. } = travelling;
    let lost = sim.world().chance(sim.setting.rates.loses_request);
    sleep(Duration::from_millis(way(&sim, most))).await;
    let mut sender = Some(sender);
    if lost {
        sim.world().tally.saw(Sometimes::RequestLost);
    } else {
        let acts = {
            let mut world = sim.world();
            let now = START + world.now as i64;
            let mut dice = super::world::fork(&mut world.dice);
            let acts = world.box_office.handle(now, &call, &mut dice);
            let begun = Instant::now();
            acts.into_iter().map(move |(at, act)| (begun + Duration::from_millis((at - now).max(0) as u64), at, act))
        };
        for (when, at, act) in acts {
            sleep_until(when.min(departed + sim.setting.promise)).await;
            let answer = match act {
                Act::Commit(effect) => {
                    sim.world().take_effect(effect, Instant::now() >= deadline);
                    continue;
                }
                Act::Reply(reply) => transport(&super::teeth::spoil(&sim, who.organizer, &sent, reply), at),
                Act::Reset | Act::Close => no_answer("the connection was lost"),
            };
            if let Some(sender) = sender.take() {
                let sim = Arc::clone(&sim);
                drop(tokio::spawn(async move { deliver(&sim, Some(answer), most, sender).await }));
            }
        }
    }
    if let Some(mut sender) = sender {
        sender.closed().await;
    }
}

/// The answer's way back. Without one the caller waits for its time-out.
async fn deliver(sim: &Sim, answer: Option<Transport>, most: u64, mut sender: oneshot::Sender<Transport>) {
    let lost = sim.world().chance(sim.setting.rates.loses_answer);
    sleep(Duration::from_millis(way(sim, most))).await;
    match answer {
        Some(answer) if !lost => drop(sender.send(answer)),
        _ => {
            if lost {
                sim.world().tally.saw(Sometimes::AnswerLost);
            }
            sender.closed().await;
        }
    }
}

fn key_of(call: &Call) -> PaginationKey {
    let key = call.query.iter().find(|(name, _)| name == "paginationKey");
    key.map(|(_, key)| PaginationKey::from(key.as_str())).unwrap_or_default()
}

/// Tickets and e-mails that a write is about.
fn keys_of(call: &HttpCall) -> Vec<String> {
    let body: Value = call.body.as_ref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    let items = body["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let keys = items.iter().flat_map(|item| [&item["ticketId"], &item["email"]]);
    keys.filter_map(|key| key.as_str().map(str::to_owned)).collect()
}

fn told(call: &HttpCall) -> String {
    let body = call.body.as_ref().map(|body| String::from_utf8_lossy(body).into_owned()).unwrap_or_default();
    let short: String = body.chars().take(300).collect();
    format!("{} {} {short}", call.method, call.target)
}

fn not_sent(why: &str) -> Transport {
    Transport::NotSent { why: why.to_owned(), login: None }
}
