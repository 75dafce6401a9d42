//! People at work on the platform: tickets that were opened before us or by hand, and what an operator does to a ticket
//! while we work on it. All of it is visible to searches at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::CherwellModel;
use super::blueprint::{ObjectDefinition, object_named};
use super::culture::Culture;
use super::record::{Change, FieldValue, NewRecord, Style};
use super::save::check;
use crate::clock::Millis;
use crate::text::parse_rfc3339;

/// A ticket to put on the platform as if it had been there before; without `DedupeKey` and `OriginId` it is one that
/// somebody opened by hand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedTicket {
    /// Field name or display name → value, in the culture en-US.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// The state; `New` if absent.
    #[serde(default)]
    pub state: Option<String>,
    /// When it was opened, RFC 3339; now if absent.
    #[serde(default)]
    pub created_at: Option<String>,
}

/// What an operator does to a ticket. In JSON: `{"action": "close"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum OperatorAct {
    /// Begins to work on it: `In Progress`.
    Start {},
    /// `Resolved`.
    Resolve {},
    /// `Closed`.
    Close {},
    /// `Reopened`.
    Reopen {},
    /// Another state of the site.
    SetState {
        /// The state.
        state: String,
    },
    /// Sets fields by name or display name; values as in the culture en-US, an empty one empties the field.
    SetFields {
        /// The fields.
        fields: BTreeMap<String, String>,
    },
    /// Makes a second ticket with the same fields.
    Copy {},
    /// Deletes it; its notes and work orders stay without a ticket.
    Delete {},
}

/// Why an operator could not do that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperatorError {
    /// No such ticket.
    #[error("there is no ticket {0}")]
    NoSuchTicket(String),
    /// A field or state is wrong.
    #[error("{0}")]
    WrongValue(String),
    /// A seed is wrong.
    #[error("seed {place}: {problem}")]
    WrongSeed {
        /// Its place, from 1.
        place: usize,
        /// What is wrong.
        problem: String,
    },
    /// There is no room for more.
    #[error("the platform is full: at most {0} tickets")]
    Full(usize),
}

type Values = Vec<(usize, Option<FieldValue>)>;

impl CherwellModel {
    /// Puts older tickets on the platform; answers their public ids. One wrong seed and none is taken.
    pub fn seed_tickets(&mut self, now: Millis, seeds: Vec<SeedTicket>) -> Result<Vec<String>, OperatorError> {
        let Some(incident) = object_named("Incident") else { return Ok(Vec::new()) };
        self.has_room(incident, seeds.len())?;
        let mut ready = Vec::with_capacity(seeds.len());
        for (place, seed) in seeds.into_iter().enumerate() {
            let wrong = |problem: String| OperatorError::WrongSeed { place: place + 1, problem };
            let time = seed.created_at.as_deref().map_or(Some(now), parse_rfc3339);
            let time = time.ok_or_else(|| wrong("`createdAt` is no RFC 3339 time".to_owned()))?;
            let mut fields = seed.fields;
            if let Some(state) = seed.state {
                fields.insert("Status".to_owned(), state);
            }
            ready.push((time, self.values(incident, &fields).map_err(wrong)?));
        }
        Ok(ready.into_iter().map(|(time, values)| self.add(incident, time, values)).collect())
    }

    /// Lets an operator work on a ticket, named by public id or record id; answers the public id of the ticket that is to be
    /// looked at afterwards, if one is left.
    pub fn operate(&mut self, now: Millis, id: &str, act: &OperatorAct) -> Result<Option<String>, OperatorError> {
        let ticket = self.ticket(id).ok_or_else(|| OperatorError::NoSuchTicket(id.to_owned()))?;
        let (key, object, rec_id) = (ticket.key(), ticket.object, ticket.rec_id.to_string());
        let state = |state: &str| BTreeMap::from([("Status".to_owned(), state.to_owned())]);
        let fields = match act {
            OperatorAct::Start {} => state("In Progress"),
            OperatorAct::Resolve {} => state("Resolved"),
            OperatorAct::Close {} => state("Closed"),
            OperatorAct::Reopen {} => state("Reopened"),
            OperatorAct::SetState { state: wanted } => state(wanted),
            OperatorAct::SetFields { fields } => fields.clone(),
            OperatorAct::Copy {} => {
                let values = ticket.values.clone().into_iter().enumerate().collect();
                self.has_room(object, 1)?;
                return Ok(Some(self.add(object, now, values)));
            }
            OperatorAct::Delete {} => {
                self.shelves.commit(now, vec![Change::Delete(key)]);
                return Ok(None);
            }
        };
        let values = self.values(object, &fields).map_err(OperatorError::WrongValue)?;
        self.shelves.commit(now, vec![Change::Update(key, values)]);
        Ok(Some(rec_id))
    }

    fn has_room(&self, object: &ObjectDefinition, more: usize) -> Result<(), OperatorError> {
        let stored = self.shelves.shelf(object.table).len();
        if stored + more > self.max_records { Err(OperatorError::Full(self.max_records)) } else { Ok(()) }
    }

    fn values(&self, object: &ObjectDefinition, fields: &BTreeMap<String, String>) -> Result<Values, String> {
        let culture = Culture::find("en-US").ok_or("the culture en-US is missing")?;
        let style = Style { culture, offset_minutes: self.settings().utc_offset_minutes };
        let value = |(name, text): (&String, &String)| {
            let place = object.field_named(name).ok_or_else(|| format!("there is no field `{name}`"))?;
            let field = object.fields.get(place).filter(|field| !field.is_read_only());
            let field = field.ok_or_else(|| format!("the field `{name}` is read-only"))?;
            if text.is_empty() {
                return Ok((place, None));
            }
            Ok((place, Some(check(object, field, text, style).map_err(|error| format!("`{name}`: {error}"))?)))
        };
        fields.iter().map(value).collect()
    }

    fn add(&mut self, object: &'static ObjectDefinition, at: Millis, values: Values) -> String {
        let mut values: Vec<_> = values.into_iter().filter_map(|(place, value)| Some((place, value?))).collect();
        for (place, field) in object.fields.iter().enumerate().filter(|(_, field)| !field.default.is_empty()) {
            if !values.iter().any(|(given, _)| *given == place) {
                values.push((place, FieldValue::Text(field.default.into())));
            }
        }
        let (key, _, public_id) = self.shelves.reserve(object, &values, false);
        let told = public_id.to_string();
        let new = NewRecord {
            object: object.id,
            table: key.table,
            slot: key.slot,
            public_id,
            values,
            created_at: Some(at),
            lag: 0,
        };
        self.shelves.commit(Millis::MIN, vec![Change::Create(new)]);
        told
    }
}
