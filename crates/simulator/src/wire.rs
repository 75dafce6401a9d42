//! The virtual wire between adapters and stand-ins: connections, ways of their own for request and answer, time-outs,
//! resets. A call is put on it at most once; what was put on it arrives even if its process dies.
//!
//! Every platform speaks through its real adapter: `prepare`, `encode`, `decode` with its follow-ups, and look-ups page by
//! page. Logins are a matter of [`Link`].

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rand::RngExt;
use sha2::{Digest, Sha256};
use ticketbridge_core::delivery::{BatchId, Event, LaneId, ProbeId};
use ticketbridge_core::effect::{CallClass, Capabilities, Found, LookUpFault, Operation, Query};
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_platforms::cherwell::{Cherwell, CherwellSettings, WorkOrderSettings};
use ticketbridge_platforms::connector::{Connector, ConnectorSettings};
use ticketbridge_platforms::{Answer, Decoded, Dialogue, HttpCall, Item, Learned, Platform, Transport, Verdict};
use ticketbridge_sandbox::{Act, Call, Reply};

use crate::checks::{intent, matching};
use crate::faults::{Outage, Profile, WireTrouble};
use crate::login::{Login, Rotating};
use crate::process::LEASE_MARGIN;
use crate::remote::Effect;
use crate::site::{SitePlatform, Sort, millis};
use crate::sometimes::Sometimes;
use crate::world::{Happening, START, World};

/// A process's side of a platform.
pub(crate) struct Link {
    pub(crate) adapter: Arc<dyn Platform>,
    login: Login,
    /// The platform is being learned; lanes and look-ups wait for it.
    pub(crate) learning: bool,
    pub(crate) waiting_lanes: BTreeSet<LaneId>,
    pub(crate) waiting_look_ups: Vec<(ProbeId, Query)>,
    /// Set while those that waited are told that it could not be learned.
    pub(crate) learning_failed: Option<String>,
}

impl Link {
    pub(crate) fn new(platform: &SitePlatform) -> Self {
        Self {
            adapter: adapter(platform),
            login: match platform.sort {
                Sort::Sfyc => Login::Fixed,
                Sort::Cherwell => Login::Rotating(Rotating::default()),
            },
            learning: false,
            waiting_lanes: BTreeSet::new(),
            waiting_look_ups: Vec::new(),
            learning_failed: None,
        }
    }
}

/// The real adapter of a platform. A connector's filters are compiled once for all worlds; what Cherwell learned of its
/// site belongs to one process.
fn adapter(platform: &SitePlatform) -> Arc<dyn Platform> {
    static SFYC: OnceLock<Arc<Connector>> = OnceLock::new();
    match platform.sort {
        Sort::Sfyc => {
            let load = || match Connector::load("builtin:sfyc", &ConnectorSettings::default()) {
                Ok(connector) => Arc::new(connector),
                Err(error) => unreachable!("the built-in connector is part of the program: {error}"),
            };
            Arc::clone(SFYC.get_or_init(load)) as Arc<dyn Platform>
        }
        Sort::Cherwell => {
            let settings = CherwellSettings {
                work_order: Some(WorkOrderSettings::default()),
                save_timeout: platform.request_timeout,
                ..CherwellSettings::default()
            };
            match Cherwell::new(settings) {
                Ok(cherwell) => Arc::new(cherwell),
                Err(error) => unreachable!("settings without a filter of their own are sound: {error}"),
            }
        }
    }
}

/// What a platform's adapter declares.
pub(crate) fn capabilities(platform: &SitePlatform) -> Capabilities {
    adapter(platform).capabilities().clone()
}

/// Why a request is on the wire.
pub(crate) enum Purpose {
    Write { batch: BatchId, operation: Operation, items: Vec<Item> },
    Follow { batch: BatchId, latency: Duration, dialogue: Box<dyn Dialogue<Decoded>> },
    LookUp { probe: ProbeId, query: Query, dialogue: Box<dyn Dialogue<Found>> },
    Learn { dialogue: Box<dyn Dialogue<Vec<Learned>>> },
    LogIn,
}

/// One request of a process, until it is answered or given up.
pub(crate) struct Exchange {
    pub(crate) process: usize,
    life: u64,
    platform: PlatformName,
    call: HttpCall,
    purpose: Purpose,
    not_after: Option<u64>,
    begun: u64,
    departed: bool,
    /// The header it left with.
    header: Option<String>,
    /// It was turned down with 401 once, and left again with a newer token.
    renewed: bool,
}

/// A request as it travels.
#[derive(Debug)]
pub(crate) struct Travelling {
    platform: PlatformName,
    call: Call,
    write: Option<(BatchId, Operation, [u8; 32])>,
}

impl World {
    /// A request begins with its connection.
    pub(crate) fn begin(
        &mut self,
        process: usize,
        platform: PlatformName,
        call: HttpCall,
        purpose: Purpose,
        not_after: Option<u64>,
    ) {
        let Some(life) = self.processes.get(process).map(|one| one.life) else { return };
        let wait = self.way(&platform);
        if not_after.is_some() && self.chance(self.trouble.stalls) {
            let most = self.site.longest_request() + LEASE_MARGIN + 20_000;
            let span = self.dice.random_range(1..most);
            self.stall(process, span);
        }
        self.next_exchange += 1;
        let id = self.next_exchange;
        let begun = self.now;
        let exchange = Exchange {
            process,
            life,
            platform,
            call,
            purpose,
            not_after,
            begun,
            departed: false,
            header: None,
            renewed: false,
        };
        self.exchanges.insert(id, exchange);
        self.schedule(wait, Happening::Depart { exchange: id });
    }

    fn wire_trouble(&self, platform: &PlatformName) -> WireTrouble {
        self.wire.get(platform).copied().unwrap_or(WireTrouble::NONE)
    }

    fn way(&mut self, platform: &PlatformName) -> u64 {
        let (least, most) = self.wire_trouble(platform).way;
        self.dice.random_range(least..=most)
    }

    fn chance(&mut self, thousandths: u32) -> bool {
        thousandths > 0 && self.dice.random_range(0..1_000) < thousandths
    }

    /// Requests of a life that is over; answers how many of them were on the wire.
    pub(crate) fn forget_exchanges(&mut self, process: usize, life: u64) -> usize {
        let mut on_wire = 0;
        self.exchanges.retain(|_, exchange| {
            let gone = exchange.process == process && exchange.life == life;
            on_wire += usize::from(gone && exchange.departed && matches!(exchange.purpose, Purpose::Write { .. }));
            !gone
        });
        on_wire
    }

    /// The connection is there: the last look at the lease, and the request leaves.
    pub(crate) fn depart(&mut self, id: u64) {
        let now = self.now;
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        exchange.begun = now;
        let platform = exchange.platform.clone();
        let held_back = exchange.not_after.is_some_and(|not_after| now >= not_after) && !self.neglect.ignores_lease;
        let outage = self.outages.get(&platform).filter(|(until, _)| now < *until).map(|(_, outage)| *outage);
        let trouble = self.wire_trouble(&platform);
        if !held_back && !self.has_token(id, &platform) {
            return;
        }
        if held_back {
            self.tally.saw(Sometimes::LeaseHeldBack);
            let why = String::from("the lease would not outlive the request");
            self.complete(id, &Transport::NotSent { why, login: None });
            return;
        }
        if outage == Some(Outage::Refused) || self.chance(trouble.refuses) {
            self.tally.saw(Sometimes::ConnectionRefused);
            let why = String::from("connection refused");
            self.complete(id, &Transport::NotSent { why, login: None });
            return;
        }
        let lost = outage == Some(Outage::Silent) || self.chance(trouble.loses_request);
        let timeout = self.site.platform(&platform).map_or(60_000, |platform| millis(platform.request_timeout));
        let way = self.way(&platform);
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        exchange.departed = true;
        let link = self.processes.get(exchange.process).and_then(|one| one.links.get(&platform));
        let logs_in = matches!(exchange.purpose, Purpose::LogIn);
        exchange.header = link.filter(|_| !logs_in).and_then(|link| link.login.header(now));
        let body = exchange.call.body.clone().unwrap_or_default();
        let mut call = Call::new(exchange.call.method.clone(), &exchange.call.target).with_body(body.clone());
        call.authorization.clone_from(&exchange.header);
        let write = match &exchange.purpose {
            Purpose::Write { batch, operation, .. } => Some((*batch, *operation, Sha256::digest(&body).into())),
            _ => None,
        };
        self.schedule(timeout, Happening::TimeOut { exchange: id });
        if lost {
            self.tally.saw(Sometimes::RequestLost);
            return;
        }
        let travelling = Box::new(Travelling { platform, call, write });
        self.schedule(way, Happening::Arrive { exchange: id, travelling });
    }

    /// Whether a request can leave with a token. If not, it waits for one, or is that which fetches it.
    fn has_token(&mut self, id: u64, platform: &PlatformName) -> bool {
        let Some(exchange) = self.exchanges.get(&id) else { return false };
        if matches!(exchange.purpose, Purpose::LogIn) {
            return true;
        }
        let (now, process) = (self.now, exchange.process);
        let Some(link) = self.processes.get_mut(process).and_then(|one| one.links.get_mut(platform)) else {
            return false;
        };
        if link.login.header(now).is_some() {
            return true;
        }
        let Login::Rotating(rotating) = &mut link.login else { return true };
        rotating.waiting.push(id);
        if !std::mem::replace(&mut rotating.asking, true) {
            let call = rotating.call();
            self.tally.saw(Sometimes::LoggedIn);
            self.begin(process, platform.clone(), call, Purpose::LogIn, None);
        }
        false
    }

    /// The answer to a token call: those that waited leave, or learn that there is no token.
    fn logged_in(&mut self, process: usize, platform: &PlatformName, transport: &Transport) {
        let now = self.now;
        let Some(link) = self.processes.get_mut(process).and_then(|one| one.links.get_mut(platform)) else { return };
        let Login::Rotating(rotating) = &mut link.login else { return };
        rotating.asking = false;
        let answer = rotating.answered(transport, now);
        for id in std::mem::take(&mut rotating.waiting) {
            match &answer {
                Ok(()) => self.schedule(1, Happening::Depart { exchange: id }),
                Err((why, login)) => {
                    self.complete(id, &Transport::NotSent { why: why.clone(), login: Some(*login) });
                }
            }
        }
    }

    /// A 401 that a newer token may mend: the request leaves once more. It says that nothing was done.
    fn renews(&mut self, id: u64, transport: &Transport) -> bool {
        let denied = matches!(transport, Transport::Answered(answer) if answer.status == StatusCode::UNAUTHORIZED);
        let Some(exchange) = self.exchanges.get_mut(&id).filter(|one| denied && !one.renewed) else { return false };
        let link = self.processes.get_mut(exchange.process).and_then(|one| one.links.get_mut(&exchange.platform));
        if !link.is_some_and(|link| link.login.turned_down(exchange.header.as_deref())) {
            return false;
        }
        exchange.renewed = true;
        if let Purpose::Write { batch, .. } = &exchange.purpose
            && let Some(arrived) = self.arrived.get_mut(batch)
        {
            *arrived = arrived.saturating_sub(1);
        }
        self.tally.saw(Sometimes::TokenRenewed);
        // The time-out of the first sending is not that of the second.
        if let Some(exchange) = self.exchanges.remove(&id) {
            self.next_exchange += 1;
            let id = self.next_exchange;
            self.exchanges.insert(id, exchange);
            self.schedule(1, Happening::Depart { exchange: id });
        }
        true
    }

    /// The request is at the platform, whoever sent it.
    pub(crate) fn arrive(&mut self, id: u64, travelling: Travelling) {
        let Travelling { platform, call, write } = travelling;
        self.requests += 1;
        self.trace.mark(&[3, self.now, id]);
        self.trace.mark_bytes(&call.body);
        if let Some((batch, operation, body_hash)) = write {
            let arrived = self.arrived.entry(batch).or_default();
            let left_before = std::mem::replace(arrived, *arrived + 1);
            let stored = self.store.batches.get(&batch).map(|stored| &stored.intent);
            let keys = stored.map(|stored| self.keys_of(&stored.items)).unwrap_or_default();
            let request = intent::Request { batch, operation, platform: &platform, body_hash, left_before };
            let wrong = intent::check(request, stored, keys.first().map(String::as_str));
            self.trace.tell(self.now, || (keys, format!("{platform} gets {operation}, batch {}", batch.0)));
            self.judge(wrong);
        }
        let Some(remote) = self.remotes.get_mut(&platform) else { return };
        let now = START + self.now as i64;
        let acts = remote.handle(now, &call, &mut self.dice);
        let trouble = self.wire_trouble(&platform);
        for (at, act) in acts {
            let after = (at - now).max(0) as u64;
            let transport = match act {
                Act::Commit(effect) => {
                    let platform = platform.clone();
                    self.schedule(after, Happening::Effect { platform, effect: Box::new(effect), exchange: id });
                    continue;
                }
                Act::Reply(reply) => transport(&reply, at),
                Act::Reset => no_answer("the connection was reset"),
                Act::Close => no_answer("the connection was closed without an answer"),
            };
            if self.chance(trouble.loses_answer) {
                self.tally.saw(Sometimes::AnswerLost);
                continue;
            }
            let way = self.way(&platform);
            self.schedule(after + way, Happening::Reply { exchange: id, transport: Box::new(transport) });
        }
    }

    /// An effect takes place. The truth is looked at anew.
    pub(crate) fn effect(&mut self, platform: &PlatformName, effect: Effect, exchange: u64) {
        if !self.exchanges.contains_key(&exchange) {
            self.tally.saw(Sometimes::LateEffect);
        }
        self.effects += 1;
        let Some(remote) = self.remotes.get_mut(platform) else { return };
        self.trace.mark(&[4, self.now, exchange]);
        let origins = &self.origins;
        let rows = &self.store.rows;
        let key_of = |origin: &str| Some(rows.get(origins.get(origin)?)?.row.key.to_string());
        self.trace.tell(self.now, || (remote.keys_of(&effect, key_of), format!("{platform} does {effect:?}")));
        let created = remote.created_keys(&effect);
        remote.commit(START + self.now as i64, effect);
        self.check_truth(platform);
        self.check_beside(platform, &created);
    }

    /// No ticket of these keys was to be seen when the platform was last asked for its open tickets.
    fn check_beside(&mut self, name: &PlatformName, created: &[String]) {
        if created.is_empty() || self.profile == Profile::Outside {
            return;
        }
        let (Some(remote), Some(platform)) = (self.remotes.get(name), self.site.platform(name)) else { return };
        // From the beginning of the look to the lease at the sending, and from there to the last instant of its effect.
        let spans = [self.site.match_ttl, platform.request_timeout, platform.settling_time, platform.in_doubt_for];
        let most = spans.into_iter().map(millis).sum::<u64>() + self.site.longest_request() + LEASE_MARGIN;
        let opened = remote.opened(START + self.now as i64, created);
        let wrong = opened.iter().find_map(|(key, opened)| matching::check(name.as_str(), key, opened, most));
        self.judge(wrong);
    }

    /// I1 on one platform.
    pub(crate) fn check_truth(&mut self, platform: &PlatformName) {
        let Some(remote) = self.remotes.get_mut(platform) else { return };
        let origins = &self.origins;
        if let Some(wrong) = remote.judge(platform.as_str(), self.now, |origin| origins.contains_key(origin)) {
            self.doubled(platform, wrong);
        }
    }

    /// What became of a request reaches its process.
    pub(crate) fn complete(&mut self, id: u64, transport: &Transport) {
        if self.renews(id, transport) {
            return;
        }
        let Some(exchange) = self.exchanges.remove(&id) else { return };
        let Exchange { process, platform, purpose, begun, .. } = exchange;
        let latency = Duration::from_millis(self.now.saturating_sub(begun));
        let status = match transport {
            Transport::NotSent { .. } => 1,
            Transport::NoAnswer { .. } => 2,
            Transport::Answered(answer) => u64::from(answer.status.as_u16()),
        };
        self.trace.mark(&[5, self.now, id, status]);
        match purpose {
            Purpose::Write { batch, operation, items } => {
                let keys = items.iter().map(|item| item.key.to_string()).collect();
                self.trace.tell(self.now, || {
                    let text = match transport {
                        Transport::NotSent { why, .. } => format!("batch {} was not sent: {why}", batch.0),
                        Transport::NoAnswer { why, .. } => format!("batch {} has no answer: {why}", batch.0),
                        Transport::Answered(answer) => format!(
                            "batch {} is answered {}: {}",
                            batch.0,
                            answer.status.as_u16(),
                            String::from_utf8_lossy(&answer.body).chars().take(200).collect::<String>()
                        ),
                    };
                    (keys, text)
                });
                let Some(link) = self.link(process, &platform) else { return };
                let verdict = match &self.saboteur {
                    None => link.adapter.decode(operation, &items, transport),
                    Some(saboteur) => {
                        let mut transport = transport.clone();
                        saboteur.answer(operation, &items, &mut transport);
                        let verdict = link.adapter.decode(operation, &items, &transport);
                        saboteur.verdict(operation, &items, &transport, verdict)
                    }
                };
                match verdict {
                    Verdict::Done(decoded) => self.answered(process, batch, decoded, latency),
                    Verdict::More(dialogue) => self.follow(process, platform, batch, latency, dialogue),
                }
            }
            Purpose::Follow { batch, latency, mut dialogue } => match dialogue.absorb(transport) {
                Ok(()) => self.follow(process, platform, batch, latency, dialogue),
                Err(fault) => self.unclear(process, batch, fault, latency),
            },
            Purpose::LookUp { probe, query, mut dialogue } => match dialogue.absorb(transport) {
                Ok(()) => self.ask_on(process, platform, probe, query, dialogue),
                Err(fault) => self.looked_up(process, &platform, probe, &query, Err(fault)),
            },
            Purpose::Learn { mut dialogue } => match dialogue.absorb(transport) {
                Ok(()) => self.learn_on(process, platform, dialogue),
                Err(fault) => self.learned(process, &platform, Some(&fault)),
            },
            Purpose::LogIn => self.logged_in(process, &platform, transport),
        }
    }

    fn link(&self, process: usize, platform: &PlatformName) -> Option<&Link> {
        self.processes.get(process)?.links.get(platform)
    }

    // ---- what follows a write -------------------------------------------------------------------------------------

    fn answered(&mut self, process: usize, batch: BatchId, mut decoded: Decoded, latency: Duration) {
        if let Some(saboteur) = &self.saboteur {
            saboteur.decoded(&mut decoded);
        }
        let Decoded { call, outcomes } = decoded;
        self.tell(process, 1, Event::Answered { batch, call, outcomes, latency });
    }

    fn unclear(&mut self, process: usize, batch: BatchId, fault: LookUpFault, latency: Duration) {
        let call = CallClass::Unknown { why: fault.why, timed_out: false, retry_after: fault.retry_after };
        self.answered(process, batch, Decoded { call, outcomes: Vec::new() }, latency);
    }

    fn follow(
        &mut self,
        process: usize,
        platform: PlatformName,
        batch: BatchId,
        latency: Duration,
        mut dialogue: Box<dyn Dialogue<Decoded>>,
    ) {
        match dialogue.next_call() {
            Ok(Some(call)) => {
                self.begin(process, platform, call, Purpose::Follow { batch, latency, dialogue }, None);
            }
            Ok(None) => match dialogue.finish() {
                Ok(decoded) => self.answered(process, batch, decoded, latency),
                Err(fault) => self.unclear(process, batch, fault, latency),
            },
            Err(fault) => self.unclear(process, batch, fault, latency),
        }
    }

    // ---- look-ups -------------------------------------------------------------------------------------------------

    pub(crate) fn look_up(&mut self, process: usize, probe: ProbeId, platform: PlatformName, query: Query) {
        let Some(link) = self.processes.get_mut(process).and_then(|one| one.links.get_mut(&platform)) else { return };
        if link.adapter.prepare().is_some() {
            link.waiting_look_ups.push((probe, query));
            self.learn(process, &platform);
            return;
        }
        match link.adapter.look_up(&query) {
            Ok(dialogue) => self.ask_on(process, platform, probe, query, dialogue),
            Err(fault) => self.looked_up(process, &platform, probe, &query, Err(fault)),
        }
    }

    fn ask_on(
        &mut self,
        process: usize,
        platform: PlatformName,
        probe: ProbeId,
        query: Query,
        mut dialogue: Box<dyn Dialogue<Found>>,
    ) {
        match dialogue.next_call() {
            Ok(Some(call)) => {
                self.begin(process, platform, call, Purpose::LookUp { probe, query, dialogue }, None);
            }
            Ok(None) => {
                let found = dialogue.finish();
                self.looked_up(process, &platform, probe, &query, found);
            }
            Err(fault) => self.looked_up(process, &platform, probe, &query, Err(fault)),
        }
    }

    fn looked_up(
        &mut self,
        process: usize,
        platform: &PlatformName,
        probe: ProbeId,
        query: &Query,
        mut result: Result<Found, LookUpFault>,
    ) {
        if let Some(saboteur) = &self.saboteur {
            saboteur.found(query, &mut result);
        }
        if self.neglect.vouches_for_known
            && let (Query::Tickets { known: Some(known), .. }, Ok(Found::Tickets { tickets })) = (query, &mut result)
        {
            let origin = known.origin.map(|origin| origin.to_string());
            let remote = self.remotes.get(platform);
            tickets.extend(remote.and_then(|remote| remote.found(known.key.as_str(), origin.as_deref())));
        }
        self.trace.tell(self.now, || {
            (asked_keys(query), format!("a look-up of process {process} on {platform} answers {}", shown(&result)))
        });
        self.tell(process, 1, Event::LookedUp { probe, result });
    }

    // ---- learning a platform --------------------------------------------------------------------------------------

    /// Learns what must be known of a platform; one talk at a time, others wait for it.
    pub(crate) fn learn(&mut self, process: usize, platform: &PlatformName) {
        let Some(link) = self.processes.get_mut(process).and_then(|one| one.links.get_mut(platform)) else { return };
        if link.learning {
            return;
        }
        link.learning = true;
        match link.adapter.prepare() {
            Some(dialogue) => self.learn_on(process, platform.clone(), dialogue),
            None => self.learned(process, platform, None),
        }
    }

    fn learn_on(&mut self, process: usize, platform: PlatformName, mut dialogue: Box<dyn Dialogue<Vec<Learned>>>) {
        match dialogue.next_call() {
            Ok(Some(call)) => self.begin(process, platform, call, Purpose::Learn { dialogue }, None),
            Ok(None) => {
                let fault = dialogue.finish().err();
                self.learned(process, &platform, fault.as_ref());
            }
            Err(fault) => self.learned(process, &platform, Some(&fault)),
        }
    }
}

fn no_answer(why: &str) -> Transport {
    Transport::NoAnswer { why: why.to_owned(), timed_out: false }
}

/// What the client makes of an answer that left the platform at `at`.
fn transport(reply: &Reply, at: i64) -> Transport {
    if reply.closed_after.is_some() {
        return no_answer("the connection was closed in the middle of the answer");
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    let date = jiff::Timestamp::from_millisecond(at).unwrap_or_default().strftime("%a, %d %b %Y %H:%M:%S GMT");
    if let Ok(date) = HeaderValue::from_str(&date.to_string()) {
        headers.insert(DATE, date);
    }
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    match StatusCode::from_u16(reply.status) {
        Ok(status) => Transport::Answered(Answer { status, headers, body: Bytes::clone(&reply.body) }),
        Err(_) => no_answer("the status line was unreadable"),
    }
}

/// The keys that a look-up asks for; of notes and work orders none is named.
fn asked_keys(query: &Query) -> Vec<String> {
    match query {
        Query::Tickets { wanted, .. } => wanted.iter().map(|one| one.key.to_string()).collect(),
        _ => Vec::new(),
    }
}

fn shown(result: &Result<Found, LookUpFault>) -> String {
    match result {
        Ok(Found::Tickets { tickets }) => {
            let rows: Vec<String> = tickets
                .iter()
                .map(|one| format!("{} {} {}", one.reference.number, one.key.as_deref().unwrap_or("-"), one.status))
                .collect();
            format!("{} tickets [{}]", rows.len(), rows.join(", "))
        }
        Ok(Found::Notes { notes }) => format!("{} notes", notes.len()),
        Ok(Found::WorkOrders { work_orders }) => format!("{} work orders", work_orders.len()),
        Ok(Found::Healthy) => String::from("healthy"),
        Err(fault) => format!("nothing: {}", fault.why),
    }
}
