//! Writes: a batch becomes saves, and their answer outcomes, by position and only then by what is read back (Cherwell
//! contract §6, §7, §9, §10).
//!
//! Guarantees:
//! * Only fields that change are sent, and keys are never cut.
//! * A new ticket or work order counts only when it was read back with our origin id ([`super::read_back`]); a ticket's
//!   work-order number only when the answer names that ticket's record.
//! * A link follows the number, and is set again without harm ([`super::link`]).

use std::sync::Arc;

use serde_json::Value;
use ticketbridge_core::effect::{CallClass, Operation, Outcome, RemoteIds};
use ticketbridge_core::ticket::TicketReference;

use super::answer::{self, Said};
use super::settings::{NoteWay, ParentType, WorkOrderWay};
use super::site::{Object, Site};
use super::wire::{BatchSave, FieldValue, RelatedSave, SaveRequest};
use super::{Shared, fit, link, read_back};
use crate::{Decoded, EncodeFault, HttpCall, Item, Transport, Verdict};

/// The request for a batch.
pub(super) fn encode(shared: &Arc<Shared>, operation: Operation, items: &[Item]) -> Result<HttpCall, EncodeFault> {
    let general = |why: String| EncodeFault { item: None, why: format!("{operation}: {why}") };
    let site = shared.known_site().map_err(|fault| general(fault.why))?;
    if items.is_empty() {
        return Err(general(String::from("there is no item to send")));
    }
    let batch = Batch { shared, site: &site };
    if is_single(shared, operation) {
        let [item] = items else {
            return Err(general(format!("{} items; a related record is saved alone", items.len())));
        };
        let save = batch.related(operation, item)?;
        return shared.post("V1/saverelatedbusinessobject", &save).map_err(|fault| general(fault.why));
    }
    let save_requests = items.iter().map(|item| batch.save(operation, item)).collect::<Result<_, _>>()?;
    let body = BatchSave { save_requests, stop_on_error: false };
    shared.post("V1/savebusinessobjectbatch", &body).map_err(|fault| general(fault.why))
}

/// What the answer to a batch means.
pub(super) fn decode(shared: &Arc<Shared>, operation: Operation, items: &[Item], transport: &Transport) -> Verdict {
    let site = shared.site();
    let said = match answer::read(shared, site.as_deref(), operation, items, transport) {
        Ok(said) => said,
        Err(decoded) => return Verdict::Done(decoded),
    };
    let created = said.iter().any(|said| matches!(said, Said::Saved(_)));
    match (operation, site.as_deref()) {
        (Operation::CreateTicket | Operation::CreateWorkOrder, site) if created && !is_single(shared, operation) => {
            read_back::begin(shared, site, operation, items, said)
        }
        (Operation::LinkWorkOrder, Some(site)) if created => link::begin(shared, site, items, said),
        _ => done(operation, said),
    }
}

/// All is known: what was saved is done.
pub(super) fn done(operation: Operation, said: Vec<Said>) -> Verdict {
    let outcomes = said.into_iter().map(|said| outcome(operation, said)).collect();
    Verdict::Done(Decoded { call: CallClass::Answered, outcomes })
}

fn outcome(operation: Operation, said: Said) -> Outcome {
    match said {
        Said::Saved(new) if operation == Operation::CreateWorkOrder && new.public_id.is_empty() => {
            Outcome::Unknown { why: String::from("the answer gives a record and no number") }
        }
        Said::Saved(new) => Outcome::Applied { ids: ids(operation, &new) },
        Said::Outcome(outcome) => outcome,
    }
}

/// The ids of a record that was made.
pub(super) fn ids(operation: Operation, new: &answer::New) -> RemoteIds {
    let (number, record) = (Some(new.public_id.clone()), Some(new.record.clone()));
    match operation {
        Operation::CreateTicket => RemoteIds { ticket_number: number, ticket_record: record, ..RemoteIds::default() },
        Operation::CreateWorkOrder => {
            RemoteIds { work_order_number: number, work_order_record: record, ..RemoteIds::default() }
        }
        Operation::AddNote | Operation::LinkWorkOrder => RemoteIds::default(),
    }
}

/// Whether an operation saves one related record per request.
pub(super) fn is_single(shared: &Shared, operation: Operation) -> bool {
    match operation {
        Operation::AddNote => shared.settings.note.way == NoteWay::Related,
        Operation::CreateWorkOrder => {
            shared.settings.work_order.as_ref().is_some_and(|settings| settings.way == WorkOrderWay::Related)
        }
        Operation::CreateTicket | Operation::LinkWorkOrder => false,
    }
}

/// What all items of a request share.
struct Batch<'a> {
    shared: &'a Shared,
    site: &'a Site,
}

impl Batch<'_> {
    /// One record of a batch.
    fn save(&self, operation: Operation, item: &Item) -> Result<SaveRequest, EncodeFault> {
        let ticket = &self.site.ticket;
        let (object, record, fields) = match operation {
            Operation::CreateTicket => (&ticket.object, None, self.ticket(item)),
            Operation::AddNote => {
                let record = record(operation, item)?;
                (&self.site.note.object, None, self.note(item, record))
            }
            Operation::CreateWorkOrder => {
                let site = self.site.work_order.as_ref().ok_or_else(|| no_work_orders().of(operation, item))?;
                let (reference, record) = (reference(operation, item)?, record(operation, item)?);
                (&site.object, None, self.work_order(item, &reference.number, record))
            }
            Operation::LinkWorkOrder => {
                let record = record(operation, item)?;
                (&ticket.object, Some(record.to_owned()), self.number(item))
            }
        };
        let fields = fields.map_err(|misfit| misfit.of(operation, item))?;
        Ok(SaveRequest { object: object.id.clone(), record, fields, persist: true })
    }

    /// One record, saved as a relative of its ticket.
    fn related(&self, operation: Operation, item: &Item) -> Result<RelatedSave, EncodeFault> {
        let (reference, record) = (reference(operation, item)?, record(operation, item)?);
        let (object, relationship, fields) = if operation == Operation::AddNote {
            let note = &self.site.note;
            (&note.group, note.relationship.clone(), self.journal(item))
        } else {
            let site = self.site.work_order.as_ref().ok_or_else(|| no_work_orders().of(operation, item))?;
            let relationship = site.relationship.clone().ok_or_else(|| no_relationship().of(operation, item))?;
            (&site.object, relationship, self.work_order(item, &reference.number, record))
        };
        let fields = fields.map_err(|misfit| misfit.of(operation, item))?;
        Ok(RelatedSave {
            parent_object: self.site.ticket.object.id.clone(),
            parent_record: record.to_owned(),
            relationship,
            save: SaveRequest { object: object.id.clone(), record: None, fields, persist: true },
        })
    }

    fn ticket(&self, item: &Item) -> Result<Vec<FieldValue>, Misfit> {
        let (site, words) = (&self.site.ticket, Words::of(item)?);
        let mut fields = vec![
            fit::key(&site.dedupe_key, "dedupe key", item.key.as_str())?,
            fit::key(&site.origin_id, "origin id", &item.origin.to_string())?,
            fit::key(&site.kind, "kind", self.kind(item))?,
            fit::text(&site.title, &words.title),
        ];
        fields.extend(words.description.as_deref().map(|text| fit::text(&site.description, text)));
        for (field, value) in &site.constants {
            fields.push(of_site(fit::key(field, "constant", value))?);
        }
        Ok(fields)
    }

    /// A note as a record of its own (way B).
    fn note(&self, item: &Item, record: &str) -> Result<Vec<FieldValue>, Misfit> {
        let (site, ticket) = (&self.site.note, &self.site.ticket.object);
        let Object { id, name } = &site.object;
        let parent_type = match self.shared.settings.note.parent_type {
            ParentType::Id => &ticket.id,
            ParentType::Name => &ticket.name,
        };
        Ok(vec![
            of_site(fit::key(&site.type_id, "note type", id))?,
            of_site(fit::key(&site.type_name, "note type", name))?,
            of_site(fit::key(&site.parent_type, "parent type", parent_type))?,
            fit::key(&site.parent_record, "parent's record id", record)?,
            self.text(item)?,
        ])
    }

    /// A note as an entry of its ticket's journal (way A).
    fn journal(&self, item: &Item) -> Result<Vec<FieldValue>, Misfit> {
        let site = &self.site.note;
        Ok(vec![of_site(fit::key(&site.type_id, "note type", &site.object.id))?, self.text(item)?])
    }

    fn text(&self, item: &Item) -> Result<FieldValue, Misfit> {
        let text = item.note.as_deref().ok_or("the item has no note text")?;
        Ok(fit::marked(&self.site.note.text, text, &format!("[ref:{}]", item.origin))?)
    }

    fn work_order(&self, item: &Item, number: &str, record: &str) -> Result<Vec<FieldValue>, Misfit> {
        let site = self.site.work_order.as_ref().ok_or_else(no_work_orders)?;
        let words = Words::of(item)?;
        let mut fields = vec![fit::key(&site.external_ref, "origin id", &item.origin.to_string())?];
        let keys = [
            (&site.ticket_number, "ticket number", number),
            (&site.ticket_rec_id, "ticket's record id", record),
            (&site.ticket_type, "ticket's type", &self.site.ticket.object.id),
            (&site.kind, "kind", self.kind(item)),
        ];
        for (field, what, value) in keys {
            fields.extend(field.as_ref().map(|field| fit::key(field, what, value)).transpose()?);
        }
        let texts = [(&site.title, Some(&words.title)), (&site.description, words.description.as_ref())];
        for (field, value) in texts {
            fields.extend(field.as_ref().zip(value).map(|(field, value)| fit::text(field, value)));
        }
        Ok(fields)
    }

    /// The work order's number, for its ticket.
    fn number(&self, item: &Item) -> Result<Vec<FieldValue>, Misfit> {
        let number = item.work_order.as_deref().ok_or("the item has no work-order number")?;
        Ok(vec![fit::key(&self.site.ticket.work_order, "work-order number", number)?])
    }

    /// The kind as the site spells it: the first spelling is written.
    fn kind<'a>(&'a self, item: &'a Item) -> &'a str {
        let spellings = self.shared.settings.ticket.kinds.get(&item.kind);
        spellings.and_then(|spellings| spellings.first()).unwrap_or(&item.kind)
    }
}

/// What a ticket says to people.
struct Words {
    title: String,
    description: Option<String>,
}

impl Words {
    /// A ticket without a name is called by its dedupe key.
    fn of(item: &Item) -> Result<Self, String> {
        let ticket: Value =
            serde_json::from_str(&item.body).map_err(|error| format!("the stored ticket is no JSON: {error}"))?;
        let said = |name: &str| match ticket.get(name)? {
            Value::Null | Value::Bool(_) => None,
            Value::String(text) => (!text.trim().is_empty()).then(|| text.clone()),
            other => Some(other.to_string()),
        };
        let title = said("name").or_else(|| said("title")).unwrap_or_else(|| item.key.as_str().to_owned());
        Ok(Self { title, description: said("description") })
    }
}

/// Why a record can't be written.
enum Misfit {
    /// Its item is at fault.
    Item(String),
    /// The site or its settings are: every item would fail.
    Site(String),
}

impl From<String> for Misfit {
    fn from(why: String) -> Self {
        Self::Item(why)
    }
}

impl From<&str> for Misfit {
    fn from(why: &str) -> Self {
        Self::Item(why.to_owned())
    }
}

impl Misfit {
    fn of(self, operation: Operation, item: &Item) -> EncodeFault {
        match self {
            Self::Item(why) => at_fault(operation, item, &why),
            Self::Site(why) => EncodeFault { item: None, why: format!("{operation}: {why}") },
        }
    }
}

/// What is written into every record is not an item's fault.
fn of_site(fitted: Result<FieldValue, String>) -> Result<FieldValue, Misfit> {
    fitted.map_err(|why| Misfit::Site(format!("TB0203: {why}")))
}

fn at_fault(operation: Operation, item: &Item, why: &str) -> EncodeFault {
    EncodeFault { item: Some(item.id), why: format!("{operation}: {why}") }
}

fn no_work_orders() -> Misfit {
    Misfit::Site(String::from("TB0203: no work orders live on this platform; set its `work_order` section"))
}

fn no_relationship() -> Misfit {
    Misfit::Site(String::from(
        "TB0203: `work_order.way` is `related`, and `work_order.relationship` is not set; name the relationship from the \
         ticket to its work orders, or use `batch_then_link`",
    ))
}

fn reference(operation: Operation, item: &Item) -> Result<&TicketReference, EncodeFault> {
    item.ticket.as_ref().ok_or_else(|| at_fault(operation, item, "the item has no ticket"))
}

/// The record id of an item's ticket.
fn record(operation: Operation, item: &Item) -> Result<&str, EncodeFault> {
    let reference = reference(operation, item)?;
    reference.record.as_deref().filter(|record| !record.is_empty()).ok_or_else(|| {
        let why = format!(
            "ticket {} has no record id, and Cherwell is only written to by record id, since numbers may be given twice; \
             check that the backend's `tickets` names the platform on which it was found, then `tickets retry {}`",
            reference.number, item.origin
        );
        at_fault(operation, item, &why)
    })
}
