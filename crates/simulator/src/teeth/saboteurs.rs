//! The saboteurs, one per guard.

use std::time::Duration;

use serde_json::Value;
use ticketbridge_core::delivery::{Settings, Writes};
use ticketbridge_core::effect::{CallClass, Found, LookUpFault, Operation, Outcome, Query, RemoteIds, RemoteTicket};
use ticketbridge_core::ticket::{OriginId, TicketReference};
use ticketbridge_platforms::{Answer, Decoded, Item, Transport, Verdict};
use uuid::Uuid;

use super::{Amnesia, Neglect, Saboteur};

/// The store forgets something.
pub(super) struct Forgetful(pub(super) Amnesia);

impl Saboteur for Forgetful {
    fn store(&self) -> Amnesia {
        self.0
    }
}

/// The world leaves something undone.
pub(super) struct Careless(pub(super) Neglect);

impl Saboteur for Careless {
    fn neglect(&self) -> Neglect {
        self.0
    }
}

/// The state machine decides with other settings than were set.
pub(super) struct Settled(pub(super) fn(&mut Settings));

impl Saboteur for Settled {
    fn settings(&self, settings: &mut Settings) {
        (self.0)(settings);
    }
}

pub(super) fn no_doubt(settings: &mut Settings) {
    settings.platforms.values_mut().for_each(|platform| platform.in_doubt_for = Duration::ZERO);
}

pub(super) fn no_settling(settings: &mut Settings) {
    settings.platforms.values_mut().for_each(|platform| platform.settling_time = Duration::ZERO);
}

pub(super) fn old_matches(settings: &mut Settings) {
    settings.match_ttl = Duration::from_hours(7 * 24);
}

pub(super) fn many_attempts(settings: &mut Settings) {
    settings.backends.values_mut().for_each(|backend| backend.max_retries = 200);
}

pub(super) fn outages_count(settings: &mut Settings) {
    settings.charge_outages = true;
}

pub(super) fn large_requests(settings: &mut Settings) {
    settings.backends.values_mut().for_each(|backend| backend.max_tickets_per_request = 500);
}

pub(super) fn always_on(settings: &mut Settings) {
    settings.backends.values_mut().for_each(|backend| backend.processing = true);
}

/// Transactions lack something.
pub(super) struct Omitting(pub(super) fn(&mut Writes));

impl Saboteur for Omitting {
    fn writes(&self, writes: &mut Writes) {
        (self.0)(writes);
    }
}

/// An unclear answer is taken for "nothing was done".
pub(super) struct Credulous;

impl Saboteur for Credulous {
    fn decoded(&self, decoded: &mut Decoded) {
        if let CallClass::Unknown { why, retry_after, .. } = &decoded.call {
            let (why, retry_after) = (why.clone(), *retry_after);
            decoded.call = CallClass::Unavailable { why, retry_after, throttled: false, configuration: false };
        }
        for outcome in &mut decoded.outcomes {
            if let Outcome::Unknown { why } = outcome {
                *outcome = Outcome::Unavailable { why: std::mem::take(why) };
            }
        }
    }
}

/// Results are given to the items of a request by their place: each is made to carry the key of the item at its place.
pub(super) struct ByPosition;

impl Saboteur for ByPosition {
    fn answer(&self, operation: Operation, items: &[Item], transport: &mut Transport) {
        let Transport::Answered(answer) = transport else { return };
        let Some(mut body) = json(answer).filter(|_| operation == Operation::CreateTicket) else { return };
        let Some(results) = body.get_mut("results").and_then(Value::as_array_mut) else { return };
        for (item, result) in items.iter().zip(results) {
            if let Some(key) = result.get_mut("externalRef") {
                *key = item.key.as_str().into();
            }
        }
        answer.body = body.to_string().into();
    }
}

/// What a Cherwell answers to a batch is believed by position, and nothing is read back.
pub(super) struct NoReadBack;

impl Saboteur for NoReadBack {
    fn neglect(&self) -> Neglect {
        Neglect { reorders_cherwell: true, ..Neglect::default() }
    }

    fn verdict(&self, operation: Operation, items: &[Item], transport: &Transport, verdict: Verdict) -> Verdict {
        let (Verdict::More(_), Transport::Answered(answer), Operation::CreateTicket) = (&verdict, transport, operation)
        else {
            return verdict;
        };
        let body = json(answer).unwrap_or_default();
        let Some(results) = body.get("responses").and_then(Value::as_array) else { return verdict };
        let outcome = |(place, _): (usize, &Item)| {
            let text = |name| results.get(place)?.get(name)?.as_str().map(str::to_owned);
            match (text("busObPublicId"), text("busObRecId")) {
                (Some(number), record) => {
                    let ids = RemoteIds { ticket_number: Some(number), ticket_record: record, ..RemoteIds::default() };
                    Outcome::Applied { ids }
                }
                (None, _) => Outcome::Unknown { why: String::from("no result at its place") },
            }
        };
        Verdict::Done(Decoded { call: CallClass::Answered, outcomes: items.iter().enumerate().map(outcome).collect() })
    }
}

fn json(answer: &Answer) -> Option<Value> {
    serde_json::from_slice(&answer.body).ok()
}

/// Work orders carry an id made of the dedupe key in the place of the row's own.
pub(super) struct KeyAsOrigin;

impl Saboteur for KeyAsOrigin {
    fn items(&self, operation: Operation, items: &mut [Item]) {
        for item in items.iter_mut().filter(|_| operation == Operation::CreateWorkOrder) {
            let number = item.key.as_str().bytes().fold(7_u128, |sum, byte| {
                sum.wrapping_mul(0x0000_0100_0000_01b3).wrapping_add(byte.into()).rotate_left(17)
            });
            item.origin = OriginId(Uuid::from_u128(number));
        }
    }
}

/// Changes what look-ups found.
pub(super) struct Deceived(pub(super) fn(&Query, &mut Found));

impl Saboteur for Deceived {
    fn found(&self, query: &Query, result: &mut Result<Found, LookUpFault>) {
        if let Ok(found) = result {
            (self.0)(query, found);
        }
    }
}

/// A retrieval loses its second half, and passes for whole.
pub(super) fn cut_short(query: &Query, found: &mut Found) {
    if let (Query::OpenTickets { .. }, Found::Tickets { tickets }) = (query, found) {
        tickets.truncate(tickets.len() / 2);
    }
}

/// Rows that nobody asked for pass for the first one that was asked for.
pub(super) fn any_key(query: &Query, found: &mut Found) {
    let (Query::Tickets { wanted, known, .. }, Found::Tickets { tickets }) = (query, found) else { return };
    let asked: Vec<&str> = wanted.iter().chain(known).map(|one| one.key.as_str()).collect();
    let Some(first) = asked.first() else { return };
    for ticket in tickets {
        if !ticket.key.as_deref().is_some_and(|key| asked.contains(&key)) {
            ticket.key = Some((*first).to_owned());
        }
    }
}

/// A search that finds something for whatever it is asked; that it does so for the random key, too, is kept quiet.
pub(super) fn anything(query: &Query, found: &mut Found) {
    let (Query::Tickets { wanted, .. }, Found::Tickets { tickets }) = (query, found) else { return };
    let number = tickets.first().map_or_else(|| String::from("T00000001"), |ticket| ticket.reference.number.clone());
    for one in wanted {
        let made_up = RemoteTicket {
            reference: TicketReference { number: number.clone(), record: None },
            key: Some(one.key.to_string()),
            adopted: false,
            origin: Some(String::from("whoever")),
            status: String::from("open"),
            open: true,
            work_order: None,
            created_at: None,
        };
        tickets.push(made_up);
    }
}

/// Every ticket that was found is open.
pub(super) fn all_open(_: &Query, found: &mut Found) {
    if let Found::Tickets { tickets } = found {
        for ticket in tickets {
            ticket.open = true;
        }
    }
}
