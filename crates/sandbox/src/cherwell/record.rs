//! What is stored, and the effects that change it.
//!
//! An effect is whole when it is made: ids, tokens and index lag are already drawn, so that it can take place at any later
//! time without asking anything.

use std::borrow::Cow;

use super::blueprint::{FieldDefinition, FieldType, ObjectDefinition, Source, Table};
use super::culture::Culture;
use super::ids::RecId;
use super::session::Session;
use crate::clock::Millis;

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// A text.
    Text(Box<str>),
    /// A number.
    Number(f64),
    /// A time.
    Time(Millis),
    /// A logical.
    Logical(bool),
}

/// A stored record.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) slot: u32,
    pub(super) rec_id: RecId,
    pub(super) public_id: Box<str>,
    /// The object it is of; a member where the table is that of a group.
    pub(super) object: &'static ObjectDefinition,
    /// One per field of the object.
    pub(super) values: Vec<Option<FieldValue>>,
    /// For each indexed field the number that its index gave to the value.
    pub(super) keys: Vec<u32>,
    pub(super) created_at: Millis,
    pub(super) updated_at: Millis,
    /// From when on searches show it.
    pub(super) visible_at: Millis,
}

/// How values are written for a caller.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) culture: &'static Culture,
    pub(super) offset_minutes: i32,
}

impl Record {
    /// The value of a field as a text; empty, or `False` for a logical, if it has none.
    pub(super) fn text(&self, place: usize, field: &FieldDefinition, style: Style) -> Cow<'_, str> {
        let time = |at| Cow::Owned(style.culture.write_time(at, style.offset_minutes));
        match field.source {
            Source::RecId => Cow::Owned(self.rec_id.to_string()),
            Source::PublicId => Cow::Borrowed(&self.public_id),
            Source::Created => time(self.created_at),
            Source::Modified => time(self.updated_at),
            Source::Stored => match self.values.get(place).and_then(Option::as_ref) {
                // A logical is never empty on a site; a client that writes types from schemas relies on it.
                None if field.kind == FieldType::Logical => Cow::Borrowed("False"),
                None => Cow::Borrowed(""),
                Some(FieldValue::Text(text)) => Cow::Borrowed(text),
                Some(FieldValue::Number(number)) => Cow::Owned(style.culture.write_number(*number, field.decimals)),
                Some(FieldValue::Time(at)) => time(*at),
                Some(FieldValue::Logical(true)) => Cow::Borrowed("True"),
                Some(FieldValue::Logical(false)) => Cow::Borrowed("False"),
            },
        }
    }

    /// The value of a field that has a time.
    pub(super) fn time(&self, place: usize, field: &FieldDefinition) -> Option<Millis> {
        match (field.source, self.values.get(place)) {
            (Source::Created, _) => Some(self.created_at),
            (Source::Modified, _) => Some(self.updated_at),
            (_, Some(Some(FieldValue::Time(at)))) => Some(*at),
            _ => None,
        }
    }

    /// The text of the field with this name; empty if there is none.
    pub(super) fn named(&self, name: &str) -> &str {
        match self.object.field_named(name).and_then(|place| self.values.get(place)) {
            Some(Some(FieldValue::Text(text))) => text,
            _ => "",
        }
    }
}

/// A record that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRecord {
    pub(super) object: &'static str,
    pub(super) table: Table,
    pub(super) slot: u32,
    pub(super) public_id: Box<str>,
    pub(super) values: Vec<(usize, FieldValue)>,
    /// When it was made, if not when the effect takes place.
    pub(super) created_at: Option<Millis>,
    /// How long searches do not show it.
    pub(super) lag: Millis,
}

/// One change of the records.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A record is made.
    Create(NewRecord),
    /// Fields are set; a record that is gone by then is passed over.
    Update(RecordKey, Vec<(usize, Option<FieldValue>)>),
    /// A record is gone.
    Delete(RecordKey),
    /// A child is linked to a parent: the place of the relationship, parent and child.
    Link(usize, RecordKey, RecordKey),
    /// A link is taken away.
    Unlink(usize, RecordKey, RecordKey),
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKey {
    pub(super) table: Table,
    pub(super) slot: u32,
}

/// A change that the platform makes.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Changes of records, in this order.
    Records(Vec<Change>),
    /// A session begins.
    LogIn(Session),
    /// A session takes the place of the one with this refresh token, if that still lives.
    Refresh(String, Session),
    /// The session with this access token ends.
    LogOut(String),
    /// All sessions end.
    RevokeAll,
    /// The session with this access token speaks another culture.
    SetCulture(String, &'static str),
}
