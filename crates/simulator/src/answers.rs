//! What is made of an answer: every platform speaks through its real adapter, with `decode` and its follow-ups, look-ups
//! page by page, and `prepare`.

use std::time::Duration;

use ticketbridge_core::delivery::{BatchId, Event, ProbeId};
use ticketbridge_core::effect::{CallClass, Found, LookUpFault, Query};
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_core::time::Mono;
use ticketbridge_platforms::{Decoded, Dialogue, Learned, Transport, Verdict};

use crate::link::Link;
use crate::wire::{Exchange, Purpose};
use crate::world::World;

impl World {
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
            Purpose::LookUp { probe, query, asked_at, mut dialogue } => match dialogue.absorb(transport) {
                Ok(()) => self.ask_on(process, platform, (probe, asked_at), query, dialogue),
                Err(fault) => self.looked_up(process, &platform, (probe, asked_at), &query, Err(fault)),
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
            Ok(dialogue) => self.ask_on(process, platform, (probe, Mono(self.now)), query, dialogue),
            Err(fault) => self.looked_up(process, &platform, (probe, Mono(self.now)), &query, Err(fault)),
        }
    }

    fn ask_on(
        &mut self,
        process: usize,
        platform: PlatformName,
        (probe, asked_at): (ProbeId, Mono),
        query: Query,
        mut dialogue: Box<dyn Dialogue<Found>>,
    ) {
        match dialogue.next_call() {
            Ok(Some(call)) => {
                let asked_at = Mono(self.now);
                self.begin(process, platform, call, Purpose::LookUp { probe, query, asked_at, dialogue }, None);
            }
            Ok(None) => {
                let found = dialogue.finish();
                self.looked_up(process, &platform, (probe, asked_at), &query, found);
            }
            Err(fault) => self.looked_up(process, &platform, (probe, asked_at), &query, Err(fault)),
        }
    }

    fn looked_up(
        &mut self,
        process: usize,
        platform: &PlatformName,
        (probe, asked_at): (ProbeId, Mono),
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
        self.tell(process, 1, Event::LookedUp { probe, asked_at, result });
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
