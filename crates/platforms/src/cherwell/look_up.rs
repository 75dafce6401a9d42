//! Questions become searches, and their rows an answer: the whole one, or a fault.
//!
//! Guarantees: every row that came is handed over, also one that nobody asked for (texts are compared without case by
//! the server; whoever asks compares again). Rows are told apart by record id, never by the public id that people see,
//! which may be given twice. A row that lacks a member it is judged by is a fault. A dialogue that failed stays failed.
//!
//! Limits: 500 keys per search; the key known to exist and the one that cannot exist are in every search.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use ticketbridge_core::effect::{Found, LookUpFault, NoteLookUp, Query, RemoteNote, RemoteTicket, RemoteWorkOrder};
use ticketbridge_core::ticket::TicketReference;

use super::classify::{self, ReadFault};
use super::search::{Condition, Fields, Question, Search, Source, member};
use super::site::{Field, Site, WorkOrderSite};
use super::wire::Record;
use super::{CherwellSettings, MAX_KEYS, Shared, culture, notes};
use crate::connector::filter::Filter;
use crate::fault::{fault, misconfigured};
use crate::{Dialogue, HttpCall, Transport};

/// Begins a look-up.
pub(super) fn begin(shared: &Arc<Shared>, query: &Query) -> Result<Box<dyn Dialogue<Found>>, LookUpFault> {
    if *query == Query::Health {
        return Ok(Box::new(Health { shared: Arc::clone(shared), asked: false, state: HealthState::Open }));
    }
    let site = shared.known_site()?;
    let (rows, waiting) = match query {
        Query::Health => return Err(fault("the health read has no rows")),
        Query::OpenTickets { kinds } => (Rows::Tickets(BTreeMap::new()), open_tickets(shared, &site, kinds)?),
        Query::Tickets { wanted, known, random } => {
            let keys = distinct(wanted.iter().map(|one| one.key.as_str().to_owned()));
            let extra = known.iter().map(|one| one.key.as_str().to_owned()).chain([random.as_str().to_owned()]);
            (Rows::Tickets(BTreeMap::new()), tickets(&site, &keys, &distinct(extra)))
        }
        Query::Notes { wanted, known, random: _ } => {
            // A note is read at its ticket, and the impossible one has none.
            (Rows::Notes(BTreeSet::new()), ticket_notes(&site, wanted.iter().chain(known))?)
        }
        Query::WorkOrders { wanted, known, random } => {
            let origins = distinct(wanted.iter().map(|one| one.origin.to_string()));
            let extra = known.iter().map(|one| one.origin.to_string()).chain([random.to_string()]);
            (Rows::WorkOrders(BTreeMap::new()), work_orders(work_order_site(&site)?, &origins, &distinct(extra)))
        }
    };
    let shared = Arc::clone(shared);
    Ok(Box::new(Run { shared, site, rows, waiting: waiting.into(), current: None, failed: false }))
}

/// One question, and the ticket that it is about, if it is about one.
struct Task {
    question: Question,
    ticket: Option<TicketReference>,
}

impl From<Question> for Task {
    fn from(question: Question) -> Self {
        Self { question, ticket: None }
    }
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}

/// The keys in groups that fit one search, each with all of `extra`.
fn groups(keys: &[String], extra: &[String]) -> Vec<Vec<String>> {
    let keys: Vec<&String> = keys.iter().filter(|key| !extra.contains(key)).collect();
    if keys.is_empty() {
        return vec![extra.to_vec()];
    }
    let room = MAX_KEYS.saturating_sub(extra.len()).max(1);
    keys.chunks(room).map(|chunk| chunk.iter().copied().chain(extra).cloned().collect()).collect()
}

/// The members that a ticket is judged by, and when it was made.
fn ticket_fields(site: &Site) -> Fields {
    let ticket = &site.ticket;
    let judged = [&ticket.record_id, &ticket.dedupe_key, &ticket.origin_id, &ticket.state, &ticket.work_order];
    Fields::These(judged.into_iter().chain(&ticket.created).cloned().collect())
}

fn open_tickets(shared: &Shared, site: &Site, kinds: &[String]) -> Result<Vec<Task>, LookUpFault> {
    let (settings, ticket) = (&shared.settings, &site.ticket);
    if ticket.open_states.is_empty() {
        return Err(misconfigured("TB0203: No state counts as open: set `ticket.open_states`."));
    }
    let spellings = distinct(kinds.iter().flat_map(|kind| spellings(settings, kind)));
    if spellings.is_empty() {
        // A search without the kind would find every open ticket there is.
        return Ok(Vec::new());
    }
    let of_kind = spellings.into_iter().map(|kind| Condition::equal(&ticket.kind, kind));
    let in_state = ticket.open_states.iter().map(|state| Condition::equal(&ticket.state, state.as_str()));
    let conditions = of_kind.chain(in_state).collect();
    let question = Question {
        what: String::from("the open tickets"),
        source: Source::Object { object: ticket.object.clone(), conditions },
        fields: if shared.adopt.is_some() { Fields::All } else { ticket_fields(site) },
        record_id: ticket.record_id.clone(),
    };
    Ok(vec![question.into()])
}

/// How the site spells a kind.
fn spellings(settings: &CherwellSettings, kind: &str) -> Vec<String> {
    match settings.ticket.kinds.get(kind) {
        Some(spellings) if !spellings.is_empty() => spellings.clone(),
        _ => vec![kind.to_owned()],
    }
}

fn tickets(site: &Site, keys: &[String], extra: &[String]) -> Vec<Task> {
    let ticket = &site.ticket;
    let question = |group: Vec<String>| Question {
        what: format!("the tickets of {} keys", group.len()),
        source: Source::Object {
            object: ticket.object.clone(),
            conditions: group.into_iter().map(|key| Condition::equal(&ticket.dedupe_key, key)).collect(),
        },
        fields: ticket_fields(site),
        record_id: ticket.record_id.clone(),
    };
    groups(keys, extra).into_iter().map(|group| question(group).into()).collect()
}

fn ticket_notes<'a>(site: &Site, wanted: impl Iterator<Item = &'a NoteLookUp>) -> Result<Vec<Task>, LookUpFault> {
    let mut records = BTreeSet::new();
    let mut tasks = Vec::new();
    for NoteLookUp { ticket, .. } in wanted {
        let TicketReference { number, record } = ticket;
        let Some(record) = record.as_deref().filter(|record| !record.is_empty()) else {
            return Err(fault(format!(
                "The notes of ticket {number} cannot be read: its record id is not known here, and a number may be given \
                 twice. Match the ticket again."
            )));
        };
        if records.insert(record.to_ascii_lowercase()) {
            tasks.push(Task { question: notes::question(site, number, record), ticket: Some(ticket.clone()) });
        }
    }
    Ok(tasks)
}

fn work_order_site(site: &Site) -> Result<&WorkOrderSite, LookUpFault> {
    site.work_order.as_ref().ok_or_else(|| {
        misconfigured("TB0203: This Cherwell holds no work orders: set `work_order`, or point the backend elsewhere.")
    })
}

fn work_orders(order: &WorkOrderSite, origins: &[String], extra: &[String]) -> Vec<Task> {
    let fields: Vec<Field> = [&order.record_id, &order.external_ref]
        .into_iter()
        .chain(&order.ticket_number)
        .chain(&order.ticket_rec_id)
        .cloned()
        .collect();
    let question = |group: Vec<String>| Question {
        what: format!("the work orders of {} tickets", group.len()),
        source: Source::Object {
            object: order.object.clone(),
            conditions: group.into_iter().map(|origin| Condition::equal(&order.external_ref, origin)).collect(),
        },
        fields: Fields::These(fields.clone()),
        record_id: order.record_id.clone(),
    };
    groups(origins, extra).into_iter().map(|group| question(group).into()).collect()
}

/// What came so far, by record id where records are handed over.
enum Rows {
    Tickets(BTreeMap<String, RemoteTicket>),
    /// Number of the ticket, and marker.
    Notes(BTreeSet<(String, String)>),
    WorkOrders(BTreeMap<String, RemoteWorkOrder>),
}

/// What is being asked.
enum Step {
    Read(Box<Search>, Option<TicketReference>),
    /// The notes of a ticket are said to be missing: is it because the ticket is?
    Check {
        ticket: TicketReference,
        asked: bool,
    },
}

/// A look-up under way.
struct Run {
    shared: Arc<Shared>,
    site: Arc<Site>,
    rows: Rows,
    waiting: VecDeque<Task>,
    current: Option<Step>,
    failed: bool,
}

impl Dialogue<Found> for Run {
    fn next_call(&mut self) -> Result<Option<HttpCall>, LookUpFault> {
        if self.failed {
            return Err(fault("the look-up has failed already"));
        }
        let called = self.call();
        self.failed = called.is_err();
        called
    }

    fn absorb(&mut self, transport: &Transport) -> Result<(), LookUpFault> {
        if self.failed {
            return Err(fault("the look-up has failed already"));
        }
        let taken = self.take(transport);
        self.failed = taken.is_err();
        taken
    }

    fn finish(self: Box<Self>) -> Result<Found, LookUpFault> {
        let mut run = *self;
        if run.failed || !matches!(run.call(), Ok(None)) {
            return Err(fault("the look-up did not come to its end"));
        }
        Ok(match run.rows {
            Rows::Tickets(tickets) => Found::Tickets { tickets: tickets.into_values().collect() },
            Rows::Notes(notes) => {
                let note = |(ticket_number, origin)| RemoteNote { origin, ticket_number };
                Found::Notes { notes: notes.into_iter().map(note).collect() }
            }
            Rows::WorkOrders(orders) => Found::WorkOrders { work_orders: orders.into_values().collect() },
        })
    }
}

impl Run {
    fn call(&mut self) -> Result<Option<HttpCall>, LookUpFault> {
        loop {
            match &mut self.current {
                Some(Step::Check { ticket, asked }) => {
                    *asked = true;
                    return Ok(Some(notes::parent(&self.shared, &self.site, ticket)));
                }
                Some(Step::Read(search, _)) => {
                    if let Some(call) = search.call()? {
                        return Ok(Some(call));
                    }
                }
                None => {}
            }
            self.current = None;
            let Some(Task { question, ticket }) = self.waiting.pop_front() else { return Ok(None) };
            self.current = Some(Step::Read(Box::new(Search::begin(&self.shared, question)), ticket));
        }
    }

    fn take(&mut self, transport: &Transport) -> Result<(), LookUpFault> {
        match self.current.take() {
            Some(Step::Check { ticket, asked: true }) => {
                notes::parent_is_gone(&self.shared, &self.site, &ticket, transport)
            }
            Some(Step::Read(search, ticket)) => self.take_page(search, ticket, transport),
            _ => Err(fault("an answer came to a question that was not asked")),
        }
    }

    fn take_page(
        &mut self,
        mut search: Box<Search>,
        ticket: Option<TicketReference>,
        transport: &Transport,
    ) -> Result<(), LookUpFault> {
        let records = match (search.absorb(transport), ticket.clone()) {
            (Ok(records), _) => records,
            (Err(ReadFault::Missing), Some(ticket)) => {
                self.current = Some(Step::Check { ticket, asked: false });
                return Ok(());
            }
            (Err(ReadFault::Missing), None) => {
                let what = &search.question().what;
                return Err(fault(format!("Reading {what}: a search answers that a record is missing.")));
            }
            (Err(ReadFault::Fault(fault)), _) => return Err(fault),
        };
        let whole = search.question().fields == Fields::All;
        let number = ticket.as_ref().map(|ticket| ticket.number.as_str());
        for record in &records {
            self.rows.add(&self.shared, &self.site, record, number, whole)?;
        }
        self.current = Some(Step::Read(search, ticket));
        Ok(())
    }
}

impl Rows {
    fn add(
        &mut self,
        shared: &Shared,
        site: &Site,
        record: &Record,
        ticket: Option<&str>,
        whole: bool,
    ) -> Result<(), LookUpFault> {
        match self {
            Self::Tickets(tickets) => {
                let adopt = shared.adopt.as_ref().filter(|_| whole);
                tickets.insert(record.record.clone(), remote_ticket(shared, site, record, adopt)?);
            }
            Self::Notes(notes) => {
                for origin in notes::markers(shared, site, record)? {
                    notes.insert((ticket.unwrap_or_default().to_owned(), origin.to_string()));
                }
            }
            Self::WorkOrders(orders) => {
                orders.insert(record.record.clone(), remote_work_order(shared, work_order_site(site)?, record)?);
            }
        }
        Ok(())
    }
}

/// Empty and blank are both nothing.
fn given(value: &str) -> Option<String> {
    (!value.trim().is_empty()).then(|| value.to_owned())
}

fn public_id(record: &Record, object: &str) -> Result<String, LookUpFault> {
    given(&record.public_id).ok_or_else(|| {
        fault(format!("Record {} of `{object}` has no public id: people could not find it.", record.record))
    })
}

fn remote_ticket(
    shared: &Shared,
    site: &Site,
    record: &Record,
    adopt: Option<&Filter>,
) -> Result<RemoteTicket, LookUpFault> {
    let ticket = &site.ticket;
    let member = |field| member(shared, &ticket.object, record, field);
    let number = public_id(record, &ticket.object.name)?;
    let status = member(&ticket.state)?.to_owned();
    let key = given(member(&ticket.dedupe_key)?);
    let derived = match (&key, adopt) {
        (None, Some(adopt)) => adopted(adopt, record, &number)?,
        _ => None,
    };
    let created = ticket.created.as_ref().and_then(|field| record.value(field));
    Ok(RemoteTicket {
        adopted: derived.is_some(),
        key: key.or(derived),
        origin: given(member(&ticket.origin_id)?),
        open: ticket.open_states.iter().any(|open| same_word(open, &status)),
        status,
        work_order: given(member(&ticket.work_order)?),
        created_at: created.and_then(|text| culture::instant(text, &shared.settings.locale, site.offset)),
        reference: TicketReference { number, record: Some(record.record.clone()) },
    })
}

/// State names are text of any language.
fn same_word(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// The key that the operator's expression derives from a ticket that carries none.
fn adopted(adopt: &Filter, record: &Record, number: &str) -> Result<Option<String>, LookUpFault> {
    let fields = record.fields.iter().map(|field| (field.name.clone(), Value::String(field.value.clone())));
    let input = Value::Object(fields.collect::<Map<_, _>>());
    // A ticket that can't be told apart from others might be the one that is about to be doubled, so a failure is no
    // null. No output is jq's way of saying that a pattern does not match.
    let mut outputs = adopt
        .run(&input, 1)
        .map_err(|error| misconfigured(format!("TB0204: `ticket.adopt` fails on ticket {number}: {error}")))?;
    match outputs.pop() {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(key)) => Ok(given(&key)),
        Some(_) => {
            Err(misconfigured(format!("TB0204: `ticket.adopt` answers neither a text nor null for ticket {number}")))
        }
    }
}

fn remote_work_order(shared: &Shared, site: &WorkOrderSite, record: &Record) -> Result<RemoteWorkOrder, LookUpFault> {
    let optional = |field: &Option<Field>| match field {
        Some(field) => member(shared, &site.object, record, field).map(given),
        None => Ok(None),
    };
    Ok(RemoteWorkOrder {
        number: public_id(record, &site.object.name)?,
        record: Some(record.record.clone()),
        // One without an origin id was created by others: no key of ours can be equal to the empty text.
        origin: member(shared, &site.object, record, &site.external_ref)?.to_owned(),
        ticket_number: optional(&site.ticket_number)?,
        ticket_record: optional(&site.ticket_rec_id)?,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HealthState {
    Open,
    Healthy,
    Failed,
}

/// The health read: a summary needs the login, and touches nothing.
struct Health {
    shared: Arc<Shared>,
    asked: bool,
    state: HealthState,
}

impl Dialogue<Found> for Health {
    fn next_call(&mut self) -> Result<Option<HttpCall>, LookUpFault> {
        match self.state {
            HealthState::Healthy => return Ok(None),
            HealthState::Failed => return Err(fault("the look-up has failed already")),
            HealthState::Open => {}
        }
        self.asked = true;
        // The settings may give the name that people see; only the other one can be asked for.
        let site = self.shared.site();
        let object = site.as_ref().map_or(&self.shared.settings.ticket.object, |site| &site.ticket.object.name);
        let name = utf8_percent_encode(object, NON_ALPHANUMERIC);
        Ok(Some(self.shared.get(&format!("V1/getbusinessobjectsummary/busobname/{name}"))))
    }

    fn absorb(&mut self, transport: &Transport) -> Result<(), LookUpFault> {
        if !std::mem::take(&mut self.asked) {
            return Err(fault("an answer came to a question that was not asked"));
        }
        self.state = HealthState::Failed;
        let object = &self.shared.settings.ticket.object;
        match classify::read(&self.shared, transport)? {
            Value::Array(summaries) if summaries.is_empty() => {
                self.shared.forget();
                Err(misconfigured(format!(
                    "TB0203: The site has no business object `{object}`: check `ticket.object` and the user's rights."
                )))
            }
            Value::Array(_) => {
                self.state = HealthState::Healthy;
                Ok(())
            }
            _ => Err(fault(format!("The summary of `{object}` is no list."))),
        }
    }

    fn finish(self: Box<Self>) -> Result<Found, LookUpFault> {
        match self.state {
            HealthState::Healthy => Ok(Found::Healthy),
            _ => Err(fault("the look-up did not come to its end")),
        }
    }
}
