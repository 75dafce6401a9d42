//! The stand-ins behind the run's wires, without sockets: each act at its own time, and checks on every request.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;
use sha2::{Digest, Sha256};
use ticketbridge_core::time::{Mono, Now, Wall};
use ticketbridge_engine::feedback::{Time, Wire};
use ticketbridge_platforms::http::LastCheck;
use ticketbridge_platforms::{Answer, HttpCall, Transport};
use ticketbridge_sandbox::{Act, Call, Reply, StandIn};
use ticketbridge_store::{FeedbackPage, FeedbackStore};
use tokio::time::Instant;

use crate::gates::Gates;

/// How long a request is on its way at least.
const LATENCY: Duration = Duration::from_millis(5);

/// The clocks of a test: tokio's, so that they stand still where it is paused. The wall clock may be set.
pub(crate) struct TestTime {
    began: Instant,
    wall_at_begin: AtomicI64,
}

impl TestTime {
    pub(crate) fn starting_at(wall: Wall) -> Self {
        Self { began: Instant::now(), wall_at_begin: AtomicI64::new(wall.0) }
    }

    /// Somebody sets the wall clock, or the machine sleeps.
    pub(crate) fn set_forward(&self, by: Duration) {
        self.wall_at_begin.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }
}

impl Time for TestTime {
    fn now(&self) -> Now {
        let passed = self.began.elapsed().as_millis() as u64;
        Now { mono: Mono(passed), wall: Wall(self.wall_at_begin.load(Ordering::SeqCst) + passed as i64) }
    }
}

/// A request that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Method and path, without the query: `POST /tickets/mobile`.
    pub(crate) name: String,
    pub(crate) target: String,
    pub(crate) at: Mono,
    /// Items of a write; 0 for a read.
    pub(crate) items: usize,
    pub(crate) body: Value,
}

/// What gets lost on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    Request,
    Answer,
}

type Tamper = Box<dyn FnMut(&HttpCall, Transport) -> Transport + Send>;

/// A stand-in with what was sent to it.
pub(crate) struct Platform<M> {
    model: Mutex<M>,
    dice: Mutex<ChaCha8Rng>,
    sent: Mutex<Vec<Sent>>,
    away: AtomicBool,
    latency: AtomicI64,
    tamper: Mutex<Option<Tamper>>,
    lose: Mutex<Option<(usize, Lost)>>,
    time: Arc<TestTime>,
    gates: Arc<Gates>,
    /// Where the intents are.
    intents: OnceLock<Arc<dyn FeedbackStore>>,
}

impl<M: StandIn> Platform<M> {
    pub(crate) fn new(model: M, time: Arc<TestTime>, gates: Arc<Gates>) -> Arc<Self> {
        Arc::new(Self {
            model: Mutex::new(model),
            dice: Mutex::new(ChaCha8Rng::seed_from_u64(7)),
            sent: Mutex::default(),
            away: AtomicBool::new(false),
            latency: AtomicI64::new(LATENCY.as_millis() as i64),
            tamper: Mutex::default(),
            lose: Mutex::default(),
            time,
            gates,
            intents: OnceLock::new(),
        })
    }

    pub(crate) fn model(&self) -> MutexGuard<'_, M> {
        self.model.lock().unwrap()
    }

    /// Each write must have its intent in this store.
    pub(crate) fn check_intents_in(&self, store: Arc<dyn FeedbackStore>) {
        assert!(self.intents.set(store).is_ok());
    }

    /// No connection any more, or connections again.
    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Requests take no time of their own.
    pub(crate) fn without_latency(&self) {
        self.latency.store(0, Ordering::SeqCst);
    }

    /// Loses one request, or the answer to it, after so many others.
    pub(crate) fn lose_after(&self, requests: usize, lost: Lost) {
        *self.lose.lock().unwrap() = Some((requests, lost));
    }

    /// Whether that one has not come yet.
    pub(crate) fn is_to_lose(&self) -> bool {
        self.lose.lock().unwrap().is_some()
    }

    /// A request comes; what of it gets lost.
    fn lost(&self) -> Option<Lost> {
        let mut lose = self.lose.lock().unwrap();
        let (left, what) = (*lose)?;
        *lose = left.checked_sub(1).map(|left| (left, what));
        (left == 0).then_some(what)
    }

    /// Changes answers on their way.
    pub(crate) fn tamper(&self, tamper: impl FnMut(&HttpCall, Transport) -> Transport + Send + 'static) {
        *self.tamper.lock().unwrap() = Some(Box::new(tamper));
    }

    /// All requests that were sent since the last look.
    pub(crate) fn take_sent(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }

    /// Those of one name; the others are forgotten.
    pub(crate) fn take_sent_of(&self, name: &str) -> Vec<Sent> {
        self.take_sent().into_iter().filter(|sent| sent.name == name).collect()
    }

    /// A request that is sent: noted and, if it writes, checked against its intent.
    async fn note(&self, call: &HttpCall) {
        let path = call.target.split('?').next().unwrap_or_default();
        let body: Value =
            call.body.as_ref().map_or(Value::Null, |body| serde_json::from_slice(body).expect("our bodies are JSON"));
        let items = body["items"].as_array().map_or(0, Vec::len);
        let name = format!("{} {path}", call.method);
        if let Some(store) = self.intents.get().filter(|_| call.method == Method::POST) {
            self.check_intent(&**store, call, &name, items).await;
        }
        let at = self.time.now().mono;
        self.sent.lock().unwrap().push(Sent { name, target: call.target.clone(), at, items, body });
    }

    async fn check_intent(&self, store: &dyn FeedbackStore, call: &HttpCall, name: &str, items: usize) {
        let hash = Sha256::digest(call.body.as_deref().unwrap_or_default());
        let hash = hash.iter().fold(String::new(), |hash, byte| hash + &format!("{byte:02x}"));
        let mut found = Vec::new();
        let runs = store.feedback_runs(None, FeedbackPage { offset: 0, limit: 10 }).await.unwrap();
        for run in runs.into_iter().filter(|run| run.end.is_none()) {
            let calls = store.run_calls(run.id).await.unwrap();
            found.extend(calls.into_iter().filter(|call| call.outcome.is_none() && call.body_hash == hash));
        }
        assert_eq!(found.len(), 1, "open intents for {name}, of {items} items");
        assert_eq!(found[0].items.len(), items, "{name}: items of the intent");
        assert_eq!(path_of(found[0].kind), name, "kind of the intent");
    }
}

fn path_of(kind: ticketbridge_core::mobile::WriteKind) -> &'static str {
    use ticketbridge_core::mobile::WriteKind;
    match kind {
        WriteKind::CreateContact => "POST /contacts",
        WriteKind::UpdateContact => "POST /contacts/update",
        WriteKind::UpsertDistribution => "POST /distributions",
        WriteKind::SetCulturalContact => "POST /tickets/cultural-contact",
        WriteKind::StoreMobile => "POST /tickets/mobile",
    }
}

/// How a caller shows who it is.
#[derive(Clone)]
pub(crate) enum Login {
    Bearer,
    ApiKey(String),
}

/// One caller's wire to a platform.
pub(crate) struct Line<M> {
    pub(crate) platform: Arc<Platform<M>>,
    pub(crate) base: &'static str,
    pub(crate) login: Login,
}

/// Tells the stand-in that a call is over, however it ended.
struct InFlight<'a, M: StandIn>(&'a Platform<M>, Call);

impl<M: StandIn> Drop for InFlight<'_, M> {
    fn drop(&mut self) {
        self.0.model().ended(&self.1);
    }
}

#[async_trait]
impl<M: StandIn> Wire for Line<M> {
    async fn send(&self, call: &HttpCall, timeout: Duration, check: LastCheck) -> Transport {
        let platform = &self.platform;
        let name = format!("{} {}", call.method, call.target.split('?').next().unwrap_or_default());
        platform.gates.pass(format!("before {name}")).await;
        if !check() {
            return Transport::NotSent { why: String::from("held back by the last check"), login: None };
        }
        if platform.away.load(Ordering::SeqCst) {
            return Transport::NotSent { why: String::from("no connection"), login: None };
        }
        platform.note(call).await;
        let lost = platform.lost();
        let transport = if lost == Some(Lost::Request) { broken() } else { self.exchange(call, timeout).await };
        let transport = if lost.is_some() { broken() } else { transport };
        let transport = match &mut *platform.tamper.lock().unwrap() {
            Some(tamper) => tamper(call, transport),
            None => transport,
        };
        platform.gates.pass(format!("after {name}")).await;
        transport
    }
}

impl<M: StandIn> Line<M> {
    fn request(&self, call: &HttpCall) -> Call {
        let request = Call::new(call.method.clone(), &format!("{}{}", self.base, call.target))
            .with_body(call.body.clone().unwrap_or_default());
        match &self.login {
            Login::Bearer => request.with_bearer(ticketbridge_sandbox::TOKEN),
            Login::ApiKey(key) => request.with_api_key(key),
        }
    }

    async fn exchange(&self, call: &HttpCall, timeout: Duration) -> Transport {
        let platform = &self.platform;
        let request = self.request(call);
        let now = platform.time.now().wall.0;
        let acts = platform.model().handle(now, &request, &mut *platform.dice.lock().unwrap());
        let _in_flight = InFlight(&**platform, request);
        let mut answer = None;
        for (at, act) in acts {
            match act {
                Act::Commit(effect) if at <= now => platform.model().commit(at, effect),
                Act::Commit(effect) => commit_later(Arc::clone(platform), at - now, effect),
                Act::Reply(reply) => answer = Some((at - now, Some(reply))),
                Act::Reset | Act::Close => answer = Some((at - now, None)),
            }
        }
        let latency = platform.latency.load(Ordering::SeqCst);
        let answer = answer.map(|(after, reply)| (Duration::from_millis((after + latency) as u64), reply));
        match answer.filter(|(after, _)| *after < timeout) {
            None => {
                tokio::time::sleep(timeout).await;
                Transport::NoAnswer { why: String::from("no answer in time"), timed_out: true }
            }
            Some((after, reply)) => {
                if !after.is_zero() {
                    tokio::time::sleep(after).await;
                }
                match reply.filter(|reply| reply.closed_after.is_none()) {
                    Some(reply) => Transport::Answered(answered(reply)),
                    None => broken(),
                }
            }
        }
    }
}

fn broken() -> Transport {
    Transport::NoAnswer { why: String::from("the connection broke off"), timed_out: false }
}

/// Takes effect whether or not anybody waits for the answer.
fn commit_later<M: StandIn>(platform: Arc<Platform<M>>, after: i64, effect: M::Effect) {
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(after as u64)).await;
        let at = platform.time.now().wall.0;
        platform.model().commit(at, effect);
    });
}

fn answered(reply: Reply) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(reply.content_type));
    for (name, value) in &reply.headers {
        headers.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    Answer { status: StatusCode::from_u16(reply.status).unwrap(), headers, body: reply.body }
}
