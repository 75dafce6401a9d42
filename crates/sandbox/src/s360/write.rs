//! The writing operations: reading the body, checking each item, and what it would change.
//!
//! Guarantees: nothing is changed here, only contact numbers are reserved; an item that fails is answered alone and its
//! neighbours are done; a call that fails as a whole (`Err`) does nothing.

use std::collections::BTreeMap;

use rand::Rng;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::answer::{ItemError, ItemResult, refusal};
use super::fields::{self, Rule};
use super::mobile::Mobile;
use super::record::{Change, Contact, Distribution, Effect};
use super::shelves::{Shelves, Sort};
use super::twists::Twists;
use super::{MAX_ITEMS, Operation, query};
use crate::call::Reply;

const MAX_ID: usize = 256;
const MAX_EMAIL: usize = 256;
const MAX_REQUEST_REF: usize = 100;
const MAX_REF: usize = 200;

/// An item as it came.
#[derive(Debug)]
pub(super) struct Item {
    members: Map<String, Value>,
    unreadable: Option<String>,
}

/// Reads the items of a body, or says how the whole call is refused.
pub(super) fn items(body: &[u8]) -> Result<Vec<Item>, Reply> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        items: Vec<&'a RawValue>,
    }
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        return Err(refusal(400, "MALFORMED_JSON", format!("the body is not JSON: {error}")));
    }
    let malformed = || refusal(400, "MALFORMED_BODY", "the body must be a JSON object with a list `items`");
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(malformed());
    }
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|_| malformed())?;
    match envelope.items.len() {
        count if count > MAX_ITEMS => {
            Err(refusal(400, "TOO_MANY_ITEMS", format!("{count} items, at most {MAX_ITEMS} are taken")))
        }
        _ => Ok(envelope.items.into_iter().map(Item::read).collect()),
    }
}

impl Item {
    fn read(raw: &RawValue) -> Self {
        let unreadable = |why: String| Self { members: Map::new(), unreadable: Some(why) };
        if !raw.get().starts_with('{') {
            return unreadable("the item must be a JSON object".to_owned());
        }
        match serde_json::from_str(raw.get()) {
            Ok(members) => Self { members, unreadable: None },
            Err(error) => unreadable(format!("the item is not readable: {error}")),
        }
    }

    /// Whether one of the item's texts, however deep, contains `text`.
    pub(super) fn contains(&self, text: &str) -> bool {
        fn holds(value: &Value, text: &str) -> bool {
            match value {
                Value::String(value) => value.contains(text),
                Value::Array(values) => values.iter().any(|value| holds(value, text)),
                Value::Object(members) => members.values().any(|value| holds(value, text)),
                _ => false,
            }
        }
        self.members.values().any(|value| holds(value, text))
    }

    /// Whether the item has this ticket id, contact number, reference or e-mail.
    pub(super) fn has_key(&self, key: &str) -> bool {
        let text = |name| self.members.get(name).and_then(Value::as_str);
        ["ticketId", "contactNumber", "requestRef", "distributionRef", "changeRef"]
            .into_iter()
            .any(|name| text(name) == Some(key))
            || text("email").is_some_and(|email| query::normalised(email) == query::normalised(key))
    }

    /// The keys that the item's result repeats, as they came.
    fn keys(&self, operation: &Operation) -> Map<String, Value> {
        let names: &[&str] = match operation {
            Operation::WriteMobile => &["ticketId", "changeRef"],
            Operation::CreateContacts => &["requestRef"],
            Operation::UpdateContacts => &["contactNumber"],
            Operation::WriteDistributions => &["distributionRef", "ticketId"],
            _ => &["ticketId", "contactNumber"],
        };
        let echo = |name: &&str| {
            Some(((*name).to_owned(), self.members.get(*name).filter(|value| value.is_string())?.clone()))
        };
        names.iter().filter_map(echo).collect()
    }

    /// A text that must be there.
    fn required(&self, name: &str, most: usize) -> Result<&str, ItemError> {
        match self.members.get(name) {
            None | Some(Value::Null) => Err(ItemError::invalid(format!("{name} is missing"))),
            Some(Value::String(text)) => {
                fields::check(Rule::Text(most), name, text).map_err(ItemError::invalid)?;
                Ok(text)
            }
            Some(_) => Err(ItemError::invalid(format!("{name} must be a text"))),
        }
    }

    /// Refuses members that the operation does not have.
    fn only(&self, names: &[&str]) -> Result<(), ItemError> {
        match self.members.keys().find(|name| !names.contains(&name.as_str())) {
            Some(name) => Err(ItemError::invalid(format!("`{name}` cannot be written here"))),
            None => Ok(()),
        }
    }
}

/// Checks every item and says what is answered and what changes.
pub(super) fn plan(
    operation: &Operation,
    items: &[Item],
    shelves: &mut Shelves,
    twists: &Twists<'_>,
    dice: &mut dyn Rng,
) -> (Vec<ItemResult>, Option<Effect>) {
    let mut plan = Plan::default();
    let mut results = Vec::with_capacity(items.len());
    for item in items {
        let mut keys = item.keys(operation);
        let planned = match (&item.unreadable, twists.refuse_item(item, dice)) {
            (Some(why), _) => Err(ItemError::invalid(why.clone())),
            (None, Some(error)) => Err(error),
            (None, None) => plan.add(operation, item, shelves),
        };
        let error = match planned {
            Ok(made) => {
                keys.extend(made.map(|number| ("contactNumber".to_owned(), Value::String(number.into()))));
                None
            }
            Err(error) => Some(error),
        };
        results.push(ItemResult { ok: error.is_none(), keys, error });
    }
    (results, plan.effect(operation))
}

/// What the items of one call change, each sort in its order.
#[derive(Default)]
struct Plan {
    mobile: Vec<(Box<str>, Mobile)>,
    contacts: Vec<Contact>,
    updates: Vec<(Box<str>, Vec<Change>)>,
    rows: Vec<Distribution>,
    /// The tickets of the references that this call writes.
    row_tickets: BTreeMap<Box<str>, Box<str>>,
    cultural: Vec<(Box<str>, Box<str>)>,
}

impl Plan {
    /// Adds an item; answers the number of the contact that it makes.
    fn add(
        &mut self,
        operation: &Operation,
        item: &Item,
        shelves: &mut Shelves,
    ) -> Result<Option<Box<str>>, ItemError> {
        match operation {
            Operation::WriteMobile => self.mobile.push(mobile(item, shelves)?),
            Operation::CreateContacts => {
                let mut contact = new_contact(item)?;
                let number = shelves.reserve_contact();
                let number = number.ok_or_else(|| ItemError::invalid("the contact numbers are used up".to_owned()))?;
                contact.contact_number = number.clone();
                self.contacts.push(contact);
                return Ok(Some(number));
            }
            Operation::UpdateContacts => self.updates.push(contact_update(item, shelves)?),
            Operation::WriteDistributions => {
                let row = row(item, shelves)?;
                let reference = row.distribution_ref.clone().unwrap_or_default();
                let ticket = shelves
                    .ticket_of_row(&reference)
                    .or_else(|| self.row_tickets.get(&reference).map(|ticket| &**ticket));
                if let Some(other) = ticket.filter(|ticket| **ticket != *row.ticket_id) {
                    return Err(ItemError::conflict(&reference, other));
                }
                self.row_tickets.insert(reference, row.ticket_id.clone());
                self.rows.push(row);
            }
            _ => {
                item.only(&["ticketId", "contactNumber"])?;
                let (ticket, contact) = (known_ticket(item, shelves)?, item.required("contactNumber", MAX_ID)?);
                known_contact(contact, shelves)?;
                self.cultural.push((ticket, contact.into()));
            }
        }
        Ok(None)
    }

    fn effect(self, operation: &Operation) -> Option<Effect> {
        fn some<T>(items: Vec<T>, effect: fn(Vec<T>) -> Effect) -> Option<Effect> {
            (!items.is_empty()).then(|| effect(items))
        }
        match operation {
            Operation::WriteMobile => some(self.mobile, Effect::WriteMobile),
            Operation::CreateContacts => some(self.contacts, Effect::CreateContacts),
            Operation::UpdateContacts => some(self.updates, Effect::UpdateContacts),
            Operation::WriteDistributions => some(self.rows, Effect::WriteDistributions),
            _ => some(self.cultural, Effect::SetCulturalContacts),
        }
    }
}

fn known_ticket(item: &Item, shelves: &Shelves) -> Result<Box<str>, ItemError> {
    let id = item.required("ticketId", MAX_ID)?;
    match shelves.ticket(id) {
        None => Err(ItemError::unknown_ticket(id)),
        Some(_) if shelves.is_locked(Sort::Ticket, id) => Err(ItemError::locked(&format!("ticket {id}"))),
        Some(_) => Ok(id.into()),
    }
}

fn known_contact(number: &str, shelves: &Shelves) -> Result<(), ItemError> {
    if shelves.contact(number).is_some() { Ok(()) } else { Err(ItemError::unknown_contact(number)) }
}

fn mobile(item: &Item, shelves: &Shelves) -> Result<(Box<str>, Mobile), ItemError> {
    item.only(&["ticketId", "changeRef", "mobile"])?;
    let ticket = known_ticket(item, shelves)?;
    let change_ref = item.required("changeRef", MAX_REF)?;
    let value = item.members.get("mobile").filter(|value| !value.is_null());
    let value = value.ok_or_else(|| ItemError::invalid("mobile is missing".to_owned()))?;
    let mut mobile = Mobile::deserialize(value).map_err(|error| ItemError::invalid(format!("mobile: {error}")))?;
    if mobile.change_ref.is_some() {
        return Err(ItemError::invalid("`changeRef` does not belong into `mobile`".to_owned()));
    }
    mobile.check().map_err(ItemError::invalid)?;
    mobile.change_ref = Some(change_ref.into());
    Ok((ticket, mobile))
}

fn new_contact(item: &Item) -> Result<Contact, ItemError> {
    let mut contact = Contact {
        kind: super::record::individual(),
        role: super::record::public(),
        request_ref: Some(item.required("requestRef", MAX_REQUEST_REF)?.into()),
        email: Some(item.required("email", MAX_EMAIL)?.into()),
        ..Contact::default()
    };
    for (name, only) in [("type", &contact.kind), ("role", &contact.role)] {
        if item.members.get(name).is_some_and(|value| !value.is_null() && value.as_str() != Some(only)) {
            return Err(ItemError::invalid(format!("{name} must be {only}")));
        }
    }
    let changes = contact_changes(item, &["requestRef", "email", "type", "role"])?;
    for change in changes {
        fields::apply(&mut contact, change);
    }
    Ok(contact)
}

fn contact_update(item: &Item, shelves: &Shelves) -> Result<(Box<str>, Vec<Change>), ItemError> {
    let number = item.required("contactNumber", MAX_ID)?;
    known_contact(number, shelves)?;
    if shelves.is_locked(Sort::Contact, number) {
        return Err(ItemError::locked(&format!("contact {number}")));
    }
    Ok((number.into(), contact_changes(item, &["contactNumber"])?))
}

/// The fields of a contact that an item writes, beside the members that the operation reads itself.
pub(super) fn changes_of(members: &Map<String, Value>, own: &[&str]) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    for (name, value) in members.iter().filter(|(name, _)| !own.contains(&name.as_str())) {
        if name == "authorizations" {
            changes.extend(fields::consents(value)?);
        } else if let Some(field) = fields::CONTACT.iter().find(|field| field.name == name) {
            changes.push(fields::change(field, value)?);
        } else {
            return Err(format!("`{name}` cannot be written here"));
        }
    }
    Ok(changes)
}

fn contact_changes(item: &Item, own: &[&str]) -> Result<Vec<Change>, ItemError> {
    changes_of(&item.members, own).map_err(ItemError::invalid)
}

fn row(item: &Item, shelves: &Shelves) -> Result<Distribution, ItemError> {
    item.required("distributionRef", MAX_REF)?;
    known_ticket(item, shelves)?;
    let row = Distribution::deserialize(&item.members).map_err(|error| ItemError::invalid(error.to_string()))?;
    if &*row.action != "Distribute" {
        return Err(ItemError::invalid("action must be Distribute".to_owned()));
    }
    fields::check(Rule::Instant, "at", &row.at).map_err(ItemError::invalid)?;
    row.old_contact_number.as_deref().map_or(Ok(()), |number| known_contact(number, shelves))?;
    known_contact(&row.new_contact_number, shelves)?;
    Ok(row)
}
