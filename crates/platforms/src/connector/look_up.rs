//! Look-ups: a question becomes one or more series of pages, and their rows one answer, complete or failed.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value};
use ticketbridge_core::effect::{
    Found, LookUpFault, NoteLookUp, Query, RemoteNote, RemoteTicket, RemoteWorkOrder, WorkOrderLookUp,
};
use ticketbridge_core::ticket::{OriginId, TicketReference};

use super::filter::{MAX_PAGE_STEPS, sharing_steps};
use super::load::{Operations, Read};
use super::paging::Position;
use super::write::{MAX_NUMBER, is_too_long, text};
use crate::fault::{excerpt, fault, misconfigured};
use crate::{Dialogue, HttpCall, Transport};

/// Most rows of one look-up; more are surely a filter that the server ignored.
const MAX_ROWS: usize = 1_000_000;

/// Which read answers the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Retrieve,
    Tickets,
    Notes,
    WorkOrders,
}

/// Rows gathered so far.
#[derive(Debug, Default)]
struct Rows {
    tickets: Vec<RemoteTicket>,
    /// Place of each ticket by number and record: rows move between pages while they are read.
    places: HashMap<(String, Option<String>), usize>,
    notes: Vec<RemoteNote>,
    work_orders: Vec<RemoteWorkOrder>,
    /// Number, origin, number and record of the ticket of each work order: an equal row is kept once.
    known_orders: HashSet<[Option<String>; 4]>,
}

/// A look-up under way.
pub(super) struct Run {
    all: Arc<Operations>,
    target: Target,
    waiting: VecDeque<Map<String, Value>>,
    current: Option<Series>,
    asked: bool,
    failed: bool,
    rows: Rows,
    count: usize,
}

/// One question and its pages.
struct Series {
    input: Map<String, Value>,
    position: Position,
    seen: BTreeSet<String>,
}

/// Begins a look-up.
pub(super) fn begin(all: &Arc<Operations>, query: &Query) -> Result<Box<dyn Dialogue<Found>>, LookUpFault> {
    if *query != Query::Health {
        return Ok(Box::new(Run::begin(all, query)?));
    }
    if all.health.is_none() {
        return Err(unsupported(all, "health"));
    }
    Ok(Box::new(HealthRun { all: Arc::clone(all), asked: false, healthy: false }))
}

fn series_of(all: &Operations, query: &Query) -> Result<(Target, Vec<Map<String, Value>>), LookUpFault> {
    Ok(match query {
        Query::Health => return Err(fault("the health read has no rows")),
        Query::OpenTickets { kinds } => (Target::Retrieve, retrieve_series(all, read(all, Target::Retrieve)?, kinds)),
        Query::Tickets { wanted, known, random } => {
            let mut keys = Vec::new();
            let mut extra = Vec::new();
            for look_up in wanted {
                keys.push((look_up.key.as_str().to_owned(), look_up.origin));
            }
            if let Some(known) = known {
                extra.push((known.key.as_str().to_owned(), known.origin));
            }
            extra.push((random.as_str().to_owned(), None));
            (Target::Tickets, ticket_series(read(all, Target::Tickets)?, &keys, &extra))
        }
        Query::Notes { wanted, known, random } => {
            let asked = |note: &NoteLookUp| (note.origin, Some(note.ticket.clone()));
            let keys: Vec<_> = wanted.iter().chain(known).map(asked).chain([(*random, None)]).collect();
            (Target::Notes, reference_series(read(all, Target::Notes)?, &keys))
        }
        Query::WorkOrders { wanted, known, random } => {
            let asked = |order: &WorkOrderLookUp| (order.origin, Some(order.ticket.clone()));
            let keys: Vec<_> = wanted.iter().chain(known).map(asked).chain([(*random, None)]).collect();
            (Target::WorkOrders, reference_series(read(all, Target::WorkOrders)?, &keys))
        }
    })
}

fn unsupported(all: &Operations, name: &str) -> LookUpFault {
    misconfigured(format!("the connector `{}` describes no `{name}`", all.name))
}

fn read(all: &Operations, target: Target) -> Result<&Read, LookUpFault> {
    let (read, name) = match target {
        Target::Retrieve => (&all.retrieve_tickets, "retrieve_tickets"),
        Target::Tickets => (&all.find_tickets, "find_tickets"),
        Target::Notes => (&all.find_notes, "find_notes"),
        Target::WorkOrders => (&all.find_work_orders, "find_work_orders"),
    };
    read.as_ref().ok_or_else(|| unsupported(all, name))
}

fn retrieve_series(all: &Operations, read: &Read, kinds: &[String]) -> Vec<Map<String, Value>> {
    let mut words = Vec::new();
    for kind in kinds {
        let word = all.kinds.get(kind).unwrap_or(kind);
        if !words.contains(word) {
            words.push(word.clone());
        }
    }
    let series = |kinds: &[String]| {
        let mut input = Map::new();
        input.insert(String::from("kind"), kinds.first().cloned().into());
        input.insert(String::from("kinds"), kinds.to_vec().into());
        input
    };
    if read.one_call_per_kind {
        words.iter().map(|word| series(std::slice::from_ref(word))).collect()
    } else {
        vec![series(&words)]
    }
}

type Key = (String, Option<OriginId>);

/// The known and the random key go along in each call; where a call can't hold three keys, they get calls of their own.
fn ticket_series(read: &Read, keys: &[Key], extra: &[Key]) -> Vec<Map<String, Value>> {
    let room = read.max_keys.saturating_sub(extra.len());
    let groups: Vec<Vec<&Key>> = if room == 0 {
        keys.iter().chain(extra).map(|key| vec![key]).collect()
    } else if keys.is_empty() {
        vec![extra.iter().collect()]
    } else {
        keys.chunks(room).map(|chunk| chunk.iter().chain(extra).collect()).collect()
    };
    let series = |group: Vec<&Key>| {
        let mut input = Map::new();
        let mut texts: Vec<&str> = Vec::new();
        for (key, _) in &group {
            if !texts.contains(&key.as_str()) {
                texts.push(key);
            }
        }
        let origins: Vec<_> = group.iter().filter_map(|(_, origin)| origin.map(|origin| origin.to_string())).collect();
        input.insert(String::from("key"), texts.first().copied().into());
        input.insert(String::from("keys"), texts.into());
        input.insert(String::from("origin_id"), origins.first().cloned().into());
        input.insert(String::from("origin_ids"), origins.into());
        input
    };
    groups.into_iter().map(series).collect()
}

type Reference = (OriginId, Option<TicketReference>);

/// Notes and work orders. Where they are listed per ticket, the random one has no ticket to be listed at and is left
/// out: no listing can show it.
fn reference_series(read: &Read, keys: &[Reference]) -> Vec<Map<String, Value>> {
    let keys: Vec<_> = keys.iter().filter(|(_, ticket)| !read.listed_by_ticket || ticket.is_some()).collect();
    let series = |group: &[&Reference]| {
        let mut input = Map::new();
        let origins: Vec<_> = group.iter().map(|(origin, _)| origin.to_string()).collect();
        let numbers: Vec<_> = group.iter().filter_map(|(_, ticket)| Some(ticket.as_ref()?.number.clone())).collect();
        let records: Vec<_> = group.iter().filter_map(|(_, ticket)| ticket.as_ref()?.record.clone()).collect();
        let one = group.first().and_then(|(_, ticket)| ticket.as_ref());
        input.insert(String::from("origin_id"), origins.first().cloned().into());
        input.insert(String::from("origin_ids"), origins.into());
        input.insert(String::from("ticket_number"), one.map(|ticket| ticket.number.clone()).into());
        input.insert(String::from("ticket_numbers"), numbers.into());
        input.insert(String::from("ticket_record"), one.and_then(|ticket| ticket.record.clone()).into());
        input.insert(String::from("ticket_records"), records.into());
        input
    };
    keys.chunks(read.max_keys).map(series).collect()
}

impl Dialogue<Found> for Run {
    fn next_call(&mut self) -> Result<Option<HttpCall>, LookUpFault> {
        if self.failed {
            return Err(fault("the look-up has failed already"));
        }
        let all = Arc::clone(&self.all);
        let read = read(&all, self.target)?;
        if self.current.is_none() {
            let Some(input) = self.waiting.pop_front() else {
                return Ok(None);
            };
            self.current = Some(Series { input, position: read.paging.start(), seen: BTreeSet::new() });
        }
        let Some(series) = &self.current else {
            return Ok(None);
        };
        let mut input = series.input.clone();
        for (name, value) in read.paging.describe(&series.position) {
            input.insert(name.to_owned(), value);
        }
        input.insert(String::from("constants"), all.constants.clone());
        let call = read.request.call(&Value::Object(input)).map_err(|why| {
            self.failed = true;
            misconfigured(why)
        })?;
        self.asked = true;
        Ok(Some(call))
    }

    fn absorb(&mut self, transport: &Transport) -> Result<(), LookUpFault> {
        let taken = self.take(transport);
        self.failed |= taken.is_err();
        taken
    }

    fn finish(self: Box<Self>) -> Result<Found, LookUpFault> {
        if self.failed || self.current.is_some() || !self.waiting.is_empty() {
            return Err(fault("the look-up did not come to its end"));
        }
        Ok(match self.target {
            Target::Retrieve | Target::Tickets => Found::Tickets { tickets: self.rows.tickets },
            Target::Notes => Found::Notes { notes: self.rows.notes },
            Target::WorkOrders => Found::WorkOrders { work_orders: self.rows.work_orders },
        })
    }
}

impl Run {
    /// Begins a look-up of rows.
    pub(super) fn begin(all: &Arc<Operations>, query: &Query) -> Result<Self, LookUpFault> {
        let (target, series) = series_of(all, query)?;
        Ok(Self {
            all: Arc::clone(all),
            target,
            waiting: series.into(),
            current: None,
            asked: false,
            failed: false,
            rows: Rows::default(),
            count: 0,
        })
    }

    /// Rows read so far.
    pub(super) fn rows_read(&self) -> usize {
        self.count
    }

    fn take(&mut self, transport: &Transport) -> Result<(), LookUpFault> {
        let all = Arc::clone(&self.all);
        let read = read(&all, self.target)?;
        if !std::mem::take(&mut self.asked) {
            return Err(fault("an answer came to a question that was not asked"));
        }
        let answer = read.rules.read(transport)?;
        // Of a page with many rows each may take little, and all together for ever.
        sharing_steps(MAX_PAGE_STEPS, || self.page(&all, read, answer))
    }

    fn page(&mut self, all: &Operations, read: &Read, answer: &crate::Answer) -> Result<(), LookUpFault> {
        let body = body(answer, read.accept.as_ref())?;
        let unclear = |why: String| fault(format!("the answer does not add up: {why}"));
        let items = read.items.run_one(&body).map_err(|error| unclear(format!("`items`: {error}")))?;
        let Value::Array(items) = items else {
            return Err(unclear(String::from("`items` is no array")));
        };
        self.count += items.len();
        if self.count > MAX_ROWS {
            return Err(unclear(format!("more than {MAX_ROWS} rows")));
        }
        let Some(mut series) = self.current.take() else {
            return Err(fault("an answer came to a question that was not asked"));
        };
        let mut fresh = 0;
        for item in &items {
            let row = read.item.run_one(item).map_err(|error| unclear(format!("`item`: {error}")))?;
            let identity = match self.target {
                Target::Retrieve | Target::Tickets => self.rows.ticket(all, &row, item)?,
                Target::Notes => self.rows.note(&row).map_err(unclear)?,
                Target::WorkOrders => self.rows.work_order(&row).map_err(unclear)?,
            };
            fresh += usize::from(series.seen.insert(identity));
        }
        if read.paging.advance(&mut series.position, &body, items.len(), fresh).map_err(unclear)? {
            self.current = Some(series);
        }
        Ok(())
    }
}

fn body(answer: &crate::Answer, accept: Option<&super::filter::Filter>) -> Result<Value, LookUpFault> {
    let body: Value = serde_json::from_slice(&answer.body)
        .map_err(|error| fault(format!("{}, but no JSON ({error}): {}", answer.status, excerpt(&answer.body))))?;
    if let Some(accept) = accept {
        let verdict = accept.run_one(&body).map_err(|error| fault(format!("`accept`: {error}")))?;
        if verdict != Value::Bool(true) {
            return Err(fault(format!("{}, but `accept` does not take it: {}", answer.status, excerpt(&answer.body))));
        }
    }
    Ok(body)
}

impl Rows {
    fn ticket(&mut self, all: &Operations, row: &Value, remote: &Value) -> Result<String, LookUpFault> {
        const MEMBERS: [&str; 7] = ["number", "record", "key", "origin", "status", "work_order", "created_at"];
        let unclear = |why: &str| fault(format!("the answer does not add up: {why}"));
        check_members(row, &MEMBERS).map_err(misconfigured)?;
        let member = |name: &str| text(&row[name]);
        let number = member("number").ok_or_else(|| unclear("a ticket has no number"))?;
        let status = member("status").ok_or_else(|| unclear("a ticket has no status"))?;
        let reference = TicketReference { number: number.clone(), record: member("record") };
        let work_order = member("work_order");
        if [Some(&number), reference.record.as_ref(), work_order.as_ref()]
            .into_iter()
            .flatten()
            .any(|id| is_too_long(id))
        {
            return Err(unclear(&format!("a number has more than {MAX_NUMBER} characters")));
        }
        let mut key = member("key");
        let mut adopted = false;
        if let (None, Some(adopt)) = (&key, &all.adopt) {
            // A ticket that can't be told apart from others might be the one that is about to be doubled.
            // No output is jq's way of saying that a pattern does not match: no key.
            let mut derived = adopt
                .run(remote, 1)
                .map_err(|error| misconfigured(format!("`adopt` fails on ticket {number}: {error}")))?;
            let derived = derived.pop().unwrap_or(Value::Null);
            key = match &derived {
                Value::Null => None,
                Value::String(_) => text(&derived),
                _ => {
                    let why = format!("`adopt` answers neither a text nor null for ticket {number}");
                    return Err(misconfigured(why));
                }
            };
            adopted = key.is_some();
        }
        let ticket = RemoteTicket {
            reference: reference.clone(),
            key,
            adopted,
            origin: member("origin"),
            open: all.open_states.contains(&status),
            status,
            work_order,
            created_at: member("created_at"),
        };
        let name = (number.clone(), reference.record.clone());
        if let Some(place) = self.places.get(&name) {
            // The same ticket again: at a border between pages, or of two kinds. What came last is newer.
            self.tickets[*place] = ticket;
        } else {
            self.places.insert(name, self.tickets.len());
            self.tickets.push(ticket);
        }
        Ok(format!("{number}\n{}", reference.record.unwrap_or_default()))
    }

    fn note(&mut self, row: &Value) -> Result<String, String> {
        check_members(row, &["ref", "ticket_number"])?;
        // A note without a marker is somebody else's.
        let Some(origin) = text(&row["ref"]) else {
            return Ok(row.to_string());
        };
        let ticket_number = text(&row["ticket_number"]).ok_or("a note has no ticket number")?;
        let identity = format!("{origin}\n{ticket_number}");
        self.notes.push(RemoteNote { origin, ticket_number });
        Ok(identity)
    }

    fn work_order(&mut self, row: &Value) -> Result<String, String> {
        check_members(row, &["number", "origin", "ticket_number", "ticket_record"])?;
        let number = text(&row["number"]).ok_or("a work order has no number")?;
        if is_too_long(&number) {
            return Err(format!("a work order's number has more than {MAX_NUMBER} characters"));
        }
        let order = RemoteWorkOrder {
            number: number.clone(),
            record: None,
            // One without an origin id was created by others: no key of ours can be equal to the empty text.
            origin: text(&row["origin"]).unwrap_or_default(),
            ticket_number: text(&row["ticket_number"]),
            ticket_record: text(&row["ticket_record"]),
        };
        let words = [
            Some(number.clone()),
            Some(order.origin.clone()),
            order.ticket_number.clone(),
            order.ticket_record.clone(),
        ];
        if self.known_orders.insert(words) {
            self.work_orders.push(order);
        }
        Ok(number)
    }
}

/// `item` must answer an object of the members that are known; a misspelt one would be missing for ever.
fn check_members(row: &Value, known: &[&str]) -> Result<(), String> {
    let members = row.as_object().ok_or("`item` must answer an object")?;
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("`item` answers an unknown member `{name}`; known are {}", known.join(", "))),
        None => Ok(()),
    }
}

/// The health read.
struct HealthRun {
    all: Arc<Operations>,
    asked: bool,
    healthy: bool,
}

impl Dialogue<Found> for HealthRun {
    fn next_call(&mut self) -> Result<Option<HttpCall>, LookUpFault> {
        let Some(health) = &self.all.health else {
            return Err(unsupported(&self.all, "health"));
        };
        if std::mem::replace(&mut self.asked, true) {
            return Ok(None);
        }
        let mut input = Map::new();
        input.insert(String::from("constants"), self.all.constants.clone());
        health.request.call(&Value::Object(input)).map(Some).map_err(misconfigured)
    }

    fn absorb(&mut self, transport: &Transport) -> Result<(), LookUpFault> {
        let Some(health) = &self.all.health else {
            return Err(unsupported(&self.all, "health"));
        };
        body(health.rules.read(transport)?, health.accept.as_ref())?;
        self.healthy = true;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Found, LookUpFault> {
        if self.healthy { Ok(Found::Healthy) } else { Err(fault("the look-up did not come to its end")) }
    }
}
