//! The virtual wire between adapters and stand-ins: connections, ways of their own for request and answer, time-outs,
//! resets. A call is put on it at most once; what was put on it arrives even if its process dies.
//!
//! What an answer means is a matter of `answers`, what an effect does of `effects`, logins of `login`.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rand::RngExt;
use sha2::{Digest, Sha256};
use ticketbridge_core::delivery::{BatchId, ProbeId};
use ticketbridge_core::effect::{Found, Operation, Query};
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_core::time::Mono;
use ticketbridge_platforms::{Answer, Decoded, Dialogue, HttpCall, Item, Learned, Transport};
use ticketbridge_sandbox::{Act, Call, Reply};

use crate::checks::intent;
use crate::faults::{Outage, WireTrouble};
use crate::login::Login;
use crate::process::LEASE_MARGIN;
use crate::site::millis;
use crate::sometimes::Sometimes;
use crate::world::{Happening, START, World};

/// Why a request is on the wire.
pub(crate) enum Purpose {
    Write { batch: BatchId, operation: Operation, items: Vec<Item> },
    Follow { batch: BatchId, latency: Duration, dialogue: Box<dyn Dialogue<Decoded>> },
    LookUp { probe: ProbeId, query: Query, asked_at: Mono, dialogue: Box<dyn Dialogue<Found>> },
    Learn { dialogue: Box<dyn Dialogue<Vec<Learned>>> },
    LogIn,
}

/// One request of a process, until it is answered or given up.
pub(crate) struct Exchange {
    pub(crate) process: usize,
    pub(crate) life: u64,
    pub(crate) platform: PlatformName,
    pub(crate) call: HttpCall,
    pub(crate) purpose: Purpose,
    not_after: Option<u64>,
    pub(crate) begun: u64,
    departed: bool,
    /// The header it left with.
    header: Option<String>,
    /// It was turned down with 401 once, and left again with a newer token.
    renewed: bool,
}

impl Exchange {
    /// A create that has been out for two seconds.
    pub(crate) fn hangs(&self, platform: &PlatformName, now: u64) -> bool {
        let create = matches!(self.purpose, Purpose::Write { operation: Operation::CreateTicket, .. });
        create && self.departed && self.platform == *platform && now > self.begun + 2_000
    }
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
    pub(crate) fn logged_in(&mut self, process: usize, platform: &PlatformName, transport: &Transport) {
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
    pub(crate) fn renews(&mut self, id: u64, transport: &Transport) -> bool {
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
}

/// It was sent, and nothing came back.
pub(crate) fn no_answer(why: &str) -> Transport {
    Transport::NoAnswer { why: why.to_owned(), timed_out: false }
}

/// What the client makes of an answer that left the platform at `at`.
pub(crate) fn transport(reply: &Reply, at: i64) -> Transport {
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
