//! The answers to look-ups. All or nothing: one row that cannot be read, and what is missing from the answer would not be
//! known.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use ticketbridge_core::mobile::{Contact, Distribution, Ticket};
use ticketbridge_core::time::Wall;

use super::answer::{Array, envelope, fault, text};
use crate::Transport;
use crate::call_fault::CallFault;

/// Most rows of an answer.
pub const MAX_ROWS: usize = 100_000;

/// The tickets of an answer, each once.
pub fn read_tickets(transport: &Transport, wall_now: Wall) -> Result<Vec<Ticket>, CallFault> {
    rows(transport, wall_now)
}

/// The contacts of an answer, each once.
pub fn read_contacts(transport: &Transport, wall_now: Wall) -> Result<Vec<Contact>, CallFault> {
    rows(transport, wall_now)
}

/// The distribution rows of an answer in its order, each of ours once.
pub fn read_distributions(transport: &Transport, wall_now: Wall) -> Result<Vec<Distribution>, CallFault> {
    rows(transport, wall_now)
}

/// A row of an answer.
trait Row: DeserializeOwned + PartialEq {
    const NAME: &'static str;
    /// Member that holds an object or null.
    const OBJECT: Option<&'static str>;

    /// What no two rows of an answer may share unless they are the same.
    fn key(&self) -> Option<&str>;
}

impl Row for Ticket {
    const NAME: &'static str = "ticket";
    const OBJECT: Option<&'static str> = Some("mobile");

    fn key(&self) -> Option<&str> {
        Some(&self.ticket_id)
    }
}

impl Row for Contact {
    const NAME: &'static str = "contact";
    const OBJECT: Option<&'static str> = Some("authorizations");

    fn key(&self) -> Option<&str> {
        Some(self.contact_number.as_str())
    }
}

impl Row for Distribution {
    const NAME: &'static str = "distribution row";
    const OBJECT: Option<&'static str> = None;

    fn key(&self) -> Option<&str> {
        self.our_ref()
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    items: Array<'a, MAX_ROWS>,
}

fn rows<T: Row>(transport: &Transport, wall_now: Wall) -> Result<Vec<T>, CallFault> {
    let text = text(transport, wall_now)?;
    let Answer { items: Array(items) } = envelope(text, "items", MAX_ROWS)?;
    let mut rows: Vec<T> = Vec::with_capacity(items.len());
    let mut places: HashMap<Box<str>, usize> = HashMap::new();
    for (place, raw) in items.iter().enumerate() {
        let row: T = row(raw).ok_or_else(|| fault(format!("item {} is no {} of the contract", place + 1, T::NAME)))?;
        let known = row.key().and_then(|key| places.get(key)).and_then(|known| rows.get(*known));
        match known {
            Some(known) if *known == row => {}
            Some(_) => {
                return Err(fault(format!("item {} is a {} that it gives twice, differently", place + 1, T::NAME)));
            }
            None => {
                places.extend(row.key().map(|key| (key.into(), rows.len())));
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

/// The row, if it is an object, as is the member that should be one. (The reader would take an array for either.)
fn row<T: Row>(raw: &RawValue) -> Option<T> {
    if !raw.get().starts_with('{') {
        return None;
    }
    if let Some(name) = T::OBJECT {
        let members: HashMap<String, &RawValue> = serde_json::from_str(raw.get()).ok()?;
        if members.get(name).is_some_and(|member| member.get().starts_with('[')) {
            return None;
        }
    }
    serde_json::from_str(raw.get()).ok()
}
