//! The writing operations: reading the body, checking each item, and what it would change.
//!
//! Guarantees: nothing is changed here, only numbers are reserved; an item that fails is answered alone and its neighbours
//! are done; a call that fails as a whole (`Err`) does nothing. Limits per field stand in the constants.

use rand::Rng;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::answer::{ItemError, ItemResult, Keys, refusal};
use super::record::{Effect, NewNote, NewTicket, NewWorkOrder, ticket_number, work_order_number};
use super::shelves::Shelves;
use super::twists::Twists;
use super::{MAX_ITEMS, Operation};
use crate::call::Reply;

const MAX_REFERENCE: usize = 255;
const MAX_ORIGIN: usize = 64;
const MAX_KIND: usize = 64;
const MAX_NUMBER: usize = 64;
const MAX_TITLE: usize = 255;
const MAX_ADDRESS: usize = 500;
const MAX_TEXT: usize = 32_000;

/// An item as it came, every known member of every operation, not yet checked.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    external_ref: Option<Value>,
    origin_ref: Option<Value>,
    note_ref: Option<Value>,
    ticket_number: Option<Value>,
    work_order_number: Option<Value>,
    kind: Option<Value>,
    title: Option<Value>,
    description: Option<Value>,
    text: Option<Value>,
    severity: Option<Value>,
    address: Option<Value>,
    latitude: Option<Value>,
    longitude: Option<Value>,
    topology: Option<Box<RawValue>>,
    kpi: Option<Box<RawValue>>,
    impact: Option<Box<RawValue>>,
    #[serde(skip)]
    unreadable: Option<String>,
}

/// Reads the items of a body, or says how the whole call is refused.
pub(super) fn items(body: &[u8]) -> Result<Vec<Item>, Reply> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        items: Vec<&'a RawValue>,
    }
    let malformed = |why: String| refusal(400, "MALFORMED_BODY", why);
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(malformed("the body must be a JSON object with a list `items`".to_owned()));
    }
    let envelope: Envelope<'_> =
        serde_json::from_slice(body).map_err(|error| malformed(format!("the body is not readable: {error}")))?;
    match envelope.items.len() {
        0 => Err(refusal(400, "NO_ITEMS", "`items` is empty")),
        count if count > MAX_ITEMS => {
            Err(refusal(400, "TOO_MANY_ITEMS", format!("{count} items, at most {MAX_ITEMS} are taken")))
        }
        _ => Ok(envelope.items.into_iter().map(Item::read).collect()),
    }
}

impl Item {
    fn read(raw: &RawValue) -> Self {
        let unreadable = |why: String| Self { unreadable: Some(why), ..Self::default() };
        if !raw.get().starts_with('{') {
            return unreadable("the item must be a JSON object".to_owned());
        }
        serde_json::from_str(raw.get()).unwrap_or_else(|error| unreadable(format!("the item is not readable: {error}")))
    }

    /// Whether one of the item's texts contains `text`.
    pub(super) fn contains(&self, text: &str) -> bool {
        [&self.title, &self.description, &self.external_ref, &self.text, &self.note_ref, &self.ticket_number]
            .into_iter()
            .any(|value| value.as_ref().and_then(Value::as_str).is_some_and(|value| value.contains(text)))
    }

    /// Whether the item, or the ticket that it is about, has this dedupe key.
    pub(super) fn has_key(&self, key: &str, shelves: &Shelves) -> bool {
        let own = self.external_ref.as_ref().and_then(Value::as_str);
        let ticket = self.own_ticket(shelves).and_then(|sequence| shelves.ticket(sequence));
        own == Some(key) || ticket.is_some_and(|ticket| ticket.content.external_ref.as_deref() == Some(key))
    }

    /// The number of a ticket of this platform that the item is about.
    pub(super) fn own_ticket(&self, shelves: &Shelves) -> Option<u32> {
        self.ticket_number.as_ref().and_then(Value::as_str).and_then(|number| shelves.own_ticket(number))
    }

    /// The keys that the item's result repeats, as they came.
    fn keys(&self, operation: Operation) -> Keys {
        let echo = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(Into::into);
        match operation {
            Operation::CreateTickets => Keys { external_ref: echo(&self.external_ref), ..Keys::default() },
            Operation::AddNotes => {
                Keys { note_ref: echo(&self.note_ref), ticket_number: echo(&self.ticket_number), ..Keys::default() }
            }
            _ => Keys { ticket_number: echo(&self.ticket_number), ..Keys::default() },
        }
    }
}

/// Checks every item and says what is answered and what changes.
pub(super) fn plan(
    operation: Operation,
    items: &[Item],
    shelves: &mut Shelves,
    twists: &Twists<'_>,
    dice: &mut dyn Rng,
) -> (Vec<ItemResult>, Option<Effect>) {
    let mut planner =
        Planner { shelves, twists, dice, tickets: vec![], notes: vec![], work_orders: vec![], links: vec![] };
    let results = items.iter().map(|item| planner.item(operation, item)).collect();
    let Planner { tickets, notes, work_orders, links, .. } = planner;
    let effect = match operation {
        Operation::CreateTickets if !tickets.is_empty() => Some(Effect::CreateTickets(tickets)),
        Operation::AddNotes if !notes.is_empty() => Some(Effect::AddNotes(notes)),
        Operation::CreateWorkOrders if !work_orders.is_empty() => Some(Effect::CreateWorkOrders(work_orders)),
        Operation::LinkWorkOrders if !links.is_empty() => Some(Effect::LinkWorkOrders(links)),
        _ => None,
    };
    (results, effect)
}

struct Planner<'a> {
    shelves: &'a mut Shelves,
    twists: &'a Twists<'a>,
    dice: &'a mut dyn Rng,
    tickets: Vec<(u32, NewTicket, i64)>,
    notes: Vec<(NewNote, i64)>,
    work_orders: Vec<(u32, NewWorkOrder, i64)>,
    links: Vec<(u32, Box<str>)>,
}

impl Planner<'_> {
    fn item(&mut self, operation: Operation, item: &Item) -> ItemResult {
        let mut keys = item.keys(operation);
        let done = match &item.unreadable {
            Some(why) => Err(ItemError::invalid(why.clone())),
            None => match self.twists.refuse_item(self.dice, |text| item.contains(text)) {
                Some(error) => Err(error),
                None => match operation {
                    Operation::CreateTickets => self.ticket(item, &mut keys),
                    Operation::AddNotes => self.note(item),
                    Operation::CreateWorkOrders => self.work_order(item, &mut keys),
                    _ => self.link(item),
                },
            },
        };
        ItemResult { ok: done.is_ok(), keys, error: done.err() }
    }

    fn ticket(&mut self, item: &Item, keys: &mut Keys) -> Result<(), ItemError> {
        let external_ref = required(item.external_ref.as_ref(), "externalRef", MAX_REFERENCE)?;
        let origin_ref = required(item.origin_ref.as_ref(), "originRef", MAX_ORIGIN)?;
        let content = NewTicket {
            external_ref: self.twists.key(external_ref),
            origin_ref: self.twists.origin(origin_ref),
            kind: required(item.kind.as_ref(), "kind", MAX_KIND)?.into(),
            title: optional(item.title.as_ref(), "title", MAX_TITLE)?,
            description: optional(item.description.as_ref(), "description", MAX_TEXT)?,
            severity: scalar(item.severity.as_ref(), "severity")?,
            details: [
                object(item.topology.as_deref(), "topology")?,
                object(item.kpi.as_deref(), "kpi")?,
                object(item.impact.as_deref(), "impact")?,
            ],
        };
        let sequence = self.shelves.reserve_ticket();
        keys.ticket_number = Some(ticket_number(sequence).into());
        self.tickets.push((sequence, content, self.twists.draw_index_lag(self.dice)));
        Ok(())
    }

    fn note(&mut self, item: &Item) -> Result<(), ItemError> {
        let number = required(item.ticket_number.as_ref(), "ticketNumber", MAX_NUMBER)?;
        let note_ref = required(item.note_ref.as_ref(), "noteRef", MAX_REFERENCE)?;
        let text = required(item.text.as_ref(), "text", MAX_TEXT)?;
        self.own_ticket(number)?;
        let content =
            NewNote { note_ref: self.twists.origin(note_ref), ticket_number: number.into(), text: text.into() };
        self.notes.push((content, self.twists.draw_index_lag(self.dice)));
        Ok(())
    }

    /// A work order may belong to a ticket of another platform, so its number is stored as it came.
    fn work_order(&mut self, item: &Item, keys: &mut Keys) -> Result<(), ItemError> {
        let number = required(item.ticket_number.as_ref(), "ticketNumber", MAX_NUMBER)?;
        let external_ref = required(item.external_ref.as_ref(), "externalRef", MAX_REFERENCE)?;
        let content = NewWorkOrder {
            ticket_number: number.into(),
            external_ref: self.twists.origin(external_ref),
            kind: Some(required(item.kind.as_ref(), "kind", MAX_KIND)?.into()),
            description: optional(item.description.as_ref(), "description", MAX_TEXT)?,
            address: optional(item.address.as_ref(), "address", MAX_ADDRESS)?,
            latitude: degrees(item.latitude.as_ref(), "latitude", 90.0)?,
            longitude: degrees(item.longitude.as_ref(), "longitude", 180.0)?,
        };
        let sequence = self.shelves.reserve_work_order();
        keys.work_order_number = Some(work_order_number(sequence).into());
        self.work_orders.push((sequence, content, self.twists.draw_index_lag(self.dice)));
        Ok(())
    }

    fn link(&mut self, item: &Item) -> Result<(), ItemError> {
        let number = required(item.ticket_number.as_ref(), "ticketNumber", MAX_NUMBER)?;
        let work_order = required(item.work_order_number.as_ref(), "workOrderNumber", MAX_NUMBER)?;
        let sequence = self.own_ticket(number)?;
        self.links.push((sequence, work_order.into()));
        Ok(())
    }

    fn own_ticket(&self, number: &str) -> Result<u32, ItemError> {
        let sequence = self.shelves.own_ticket(number).ok_or_else(|| ItemError::unknown_ticket(number))?;
        if self.twists.refuse_closed && self.shelves.is_closed(sequence) {
            return Err(ItemError::ticket_closed(number));
        }
        Ok(sequence)
    }
}

fn required<'a>(value: Option<&'a Value>, name: &str, max: usize) -> Result<&'a str, ItemError> {
    let text = match value {
        None | Some(Value::Null) => return Err(ItemError::invalid(format!("{name} is missing"))),
        Some(value) => value.as_str().ok_or_else(|| ItemError::invalid(format!("{name} must be a text")))?,
    };
    if text.trim().is_empty() {
        return Err(ItemError::invalid(format!("{name} is empty")));
    }
    short_enough(text, name, max)
}

fn optional(value: Option<&Value>, name: &str, max: usize) -> Result<Option<Box<str>>, ItemError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => short_enough(text, name, max).map(|text| Some(text.into())),
        Some(_) => Err(ItemError::invalid(format!("{name} must be a text"))),
    }
}

fn short_enough<'a>(text: &'a str, name: &str, max: usize) -> Result<&'a str, ItemError> {
    let length = text.chars().count();
    if length > max {
        return Err(ItemError::invalid(format!("{name} has {length} characters, at most {max} fit")));
    }
    Ok(text)
}

fn scalar(value: Option<&Value>, name: &str) -> Result<Option<Box<str>>, ItemError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(_) | Value::Object(_)) => Err(ItemError::invalid(format!("{name} must be a single value"))),
        Some(value) => {
            let json = value.to_string();
            short_enough(&json, name, MAX_REFERENCE)?;
            Ok(Some(json.into()))
        }
    }
}

fn object(value: Option<&RawValue>, name: &str) -> Result<Option<Box<str>>, ItemError> {
    match value.map(RawValue::get) {
        None | Some("null") => Ok(None),
        Some(json) if !json.starts_with('{') => Err(ItemError::invalid(format!("{name} must be an object"))),
        Some(json) => short_enough(json, name, MAX_TEXT).map(|json| Some(json.into())),
    }
}

fn degrees(value: Option<&Value>, name: &str, most: f64) -> Result<Option<f64>, ItemError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            Some(number) if number.abs() <= most => Ok(Some(number)),
            _ => Err(ItemError::invalid(format!("{name} must be a number from -{most} to {most}"))),
        },
    }
}
