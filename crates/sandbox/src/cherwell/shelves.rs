//! The records and the ways to find them.
//!
//! Guarantees: records change only here; every index is kept with its records. An index is over the lower-case text of a
//! field, so that a search for hundreds of keys costs as much as what it finds.

use std::collections::{BTreeMap, BTreeSet};

use super::blueprint::{OBJECTS, ObjectDefinition, PublicId, RELATIONSHIPS, TABLES, Table};
use super::ids::RecId;
use super::record::{Change, FieldValue, NewRecord, Record, RecordKey};
use crate::clock::Millis;

#[derive(Debug, Default)]
pub(super) struct Shelves {
    tables: [Shelf; TABLES],
    /// Children by relationship and parent.
    links: BTreeMap<(usize, RecordKey), Vec<u32>>,
}

/// The records of one table.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    records: BTreeMap<u32, Record>,
    by_rec_id: BTreeMap<RecId, u32>,
    by_public_id: BTreeMap<Box<str>, BTreeSet<u32>>,
    /// One per indexed field, in the order of the fields.
    indexes: Vec<Index>,
    reserved: u32,
    last_public_id: Option<Box<str>>,
}

/// The records by the lower-case value of one field.
#[derive(Debug, Default)]
struct Index {
    numbers: BTreeMap<Box<str>, u32>,
    /// The records of each number.
    members: Vec<BTreeSet<u32>>,
    /// Numbers whose value no record has any more; they are given out again.
    free: Vec<u32>,
}

impl Index {
    /// Adds a record; answers the number of its value.
    fn add(&mut self, value: &str, slot: u32) -> u32 {
        let value = value.to_lowercase();
        let known = self.numbers.get(value.as_str()).copied();
        let number = known.unwrap_or_else(|| self.free.pop().unwrap_or(self.members.len() as u32));
        if known.is_none() {
            self.numbers.insert(value.into(), number);
        }
        if number as usize >= self.members.len() {
            self.members.push(BTreeSet::new());
        }
        if let Some(slots) = self.members.get_mut(number as usize) {
            slots.insert(slot);
        }
        number
    }

    /// Takes a record away; a value that no other record has is forgotten.
    fn take(&mut self, value: &str, number: u32, slot: u32) {
        let Some(slots) = self.members.get_mut(number as usize) else { return };
        slots.remove(&slot);
        if slots.is_empty() && self.numbers.remove(value.to_lowercase().as_str()).is_some() {
            self.free.push(number);
        }
    }
}

/// The text of an indexed field; empty if it has none.
fn indexed_text(record: &Record, place: usize) -> &str {
    match record.values.get(place) {
        Some(Some(FieldValue::Text(text))) => text,
        _ => "",
    }
}

/// The places of the indexed fields of a table, in the order of its indexes.
fn indexed(object: &ObjectDefinition) -> impl Iterator<Item = usize> {
    object.fields.iter().enumerate().filter(|(_, field)| field.is_indexed).map(|(place, _)| place)
}

/// The place of a field's index in its table; `None` if it has none.
pub(super) fn index_of(object: &ObjectDefinition, field: usize) -> Option<usize> {
    indexed(object).position(|place| place == field)
}

impl Shelf {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Record> {
        self.records.get(&slot)
    }

    pub(super) fn by_rec_id(&self, id: &str) -> Option<&Record> {
        RecId::parse(id).and_then(|id| self.by_rec_id.get(&id)).and_then(|slot| self.records.get(slot))
    }

    /// The oldest record with this public id, without case.
    pub(super) fn by_public_id(&self, id: &str) -> Option<&Record> {
        self.all_by_public_id(id).next()
    }

    pub(super) fn all_by_public_id(&self, id: &str) -> impl Iterator<Item = &Record> {
        let slots = self.by_public_id.get(id.trim().to_lowercase().as_str());
        slots.into_iter().flatten().filter_map(|slot| self.records.get(slot))
    }

    /// The number that an index gave to a value; `None` if no record ever had it.
    pub(super) fn number_of(&self, index: usize, lower: &str) -> Option<u32> {
        self.indexes.get(index).and_then(|index| index.numbers.get(lower)).copied()
    }

    /// The records whose value has this number in an index, in the order in which they were made.
    pub(super) fn slots_of(&self, index: usize, number: u32) -> impl Iterator<Item = u32> + use<'_> {
        let members = self.indexes.get(index).and_then(|index| index.members.get(number as usize));
        members.into_iter().flatten().copied()
    }

    pub(super) fn count_of(&self, index: usize, number: u32) -> usize {
        self.indexes.get(index).and_then(|index| index.members.get(number as usize)).map_or(0, BTreeSet::len)
    }

    /// The records whose field of this name has exactly this value, without case.
    pub(super) fn with_value<'a>(&'a self, name: &str, value: &str) -> impl Iterator<Item = &'a Record> + use<'a> {
        let object = self.records.values().next().map(|record| record.object);
        let index = object.and_then(|object| index_of(object, object.field_named(name)?));
        let found = index.and_then(|index| Some((index, self.number_of(index, &value.to_lowercase())?)));
        let slots = found.map(|(index, number)| self.slots_of(index, number));
        slots.into_iter().flatten().filter_map(|slot| self.records.get(&slot))
    }

    /// Groups of records that share a value of the field with this name, empty values left out; each in the order in which
    /// they were made.
    pub(super) fn groups(&self, name: &str) -> impl Iterator<Item = impl Iterator<Item = &Record>> {
        let object = self.records.values().next().map(|record| record.object);
        let index = object.and_then(|object| index_of(object, object.field_named(name)?));
        let index = index.and_then(|index| self.indexes.get(index));
        let values = index.into_iter().flat_map(|index| {
            index
                .numbers
                .iter()
                .filter(|(value, _)| !value.is_empty())
                .map(|(_, number)| *number)
                .filter_map(|number| index.members.get(number as usize))
        });
        values.map(|slots| slots.iter().filter_map(|slot| self.records.get(slot)))
    }

    fn add_to_indexes(&mut self, record: &mut Record) {
        if self.indexes.is_empty() {
            self.indexes = indexed(record.object).map(|_| Index::default()).collect();
        }
        let mut keys = Vec::with_capacity(self.indexes.len());
        for (index, place) in self.indexes.iter_mut().zip(indexed(record.object)) {
            keys.push(index.add(indexed_text(record, place), record.slot));
        }
        record.keys = keys;
        self.by_public_id.entry(record.public_id.to_lowercase().into()).or_default().insert(record.slot);
    }

    fn take_from_indexes(&mut self, record: &Record) {
        for ((index, number), place) in self.indexes.iter_mut().zip(&record.keys).zip(indexed(record.object)) {
            index.take(indexed_text(record, place), *number, record.slot);
        }
        let public_id = record.public_id.to_lowercase();
        if let Some(slots) = self.by_public_id.get_mut(public_id.as_str()) {
            slots.remove(&record.slot);
            if slots.is_empty() {
                self.by_public_id.remove(public_id.as_str());
            }
        }
    }
}

impl Shelves {
    pub(super) fn shelf(&self, table: Table) -> &Shelf {
        &self.tables[table as usize]
    }

    fn shelf_mut(&mut self, table: Table) -> &mut Shelf {
        &mut self.tables[table as usize]
    }

    /// A record of an object by its record id, or if that is not given by its public id.
    pub(super) fn find(
        &self,
        object: &ObjectDefinition,
        rec_id: Option<&str>,
        public_id: Option<&str>,
    ) -> Option<&Record> {
        let stored = self.shelf(object.table);
        let found = match (rec_id, public_id) {
            (Some(rec_id), _) => stored.by_rec_id(rec_id),
            (None, Some(public_id)) => stored.by_public_id(public_id),
            (None, None) => None,
        };
        found.filter(|record| object.includes(record.object))
    }

    /// Gives out the place of a record that will be made later or never, with its record id and public id.
    pub(super) fn reserve(
        &mut self,
        object: &ObjectDefinition,
        values: &[(usize, FieldValue)],
        doubled: bool,
    ) -> (RecordKey, RecId, Box<str>) {
        let stored = self.shelf_mut(object.table);
        stored.reserved += 1;
        let slot = stored.reserved;
        let rec_id = RecId::new(object.table, slot);
        let before = stored.last_public_id.take().filter(|_| doubled);
        let public_id: Box<str> = before.unwrap_or_else(|| match object.public_id {
            PublicId::Number(prefix, first) => format!("{prefix}{}", first + slot - 1).into(),
            PublicId::RecId => rec_id.to_string().into(),
            PublicId::Field(name) => {
                let place = object.field_named(name);
                let given = values.iter().find_map(|(field, value)| match value {
                    FieldValue::Text(text) if Some(*field) == place => Some(text.clone()),
                    _ => None,
                });
                given.unwrap_or_else(|| rec_id.to_string().into())
            }
        });
        stored.last_public_id = Some(public_id.clone());
        (RecordKey { table: object.table, slot }, rec_id, public_id)
    }

    pub(super) fn commit(&mut self, at: Millis, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Create(new) => self.create(at, new),
                Change::Update(key, fields) => self.update(at, key, fields),
                Change::Delete(key) => self.delete(key),
                Change::Link(relationship, parent, child) => {
                    let children = self.links.entry((relationship, parent)).or_default();
                    if !children.contains(&child.slot) {
                        children.push(child.slot);
                    }
                }
                Change::Unlink(relationship, parent, child) => {
                    if let Some(children) = self.links.get_mut(&(relationship, parent)) {
                        children.retain(|slot| *slot != child.slot);
                    }
                }
            }
        }
    }

    fn create(&mut self, at: Millis, new: NewRecord) {
        let Some(object) = OBJECTS.iter().find(|object| object.id == new.object) else { return };
        let mut values = vec![None; object.fields.len()];
        for (place, value) in new.values {
            if let Some(field) = values.get_mut(place) {
                *field = Some(value);
            }
        }
        let created_at = new.created_at.unwrap_or(at);
        let mut record = Record {
            slot: new.slot,
            rec_id: RecId::new(new.table, new.slot),
            public_id: new.public_id,
            object,
            values,
            keys: Vec::new(),
            created_at,
            updated_at: created_at,
            visible_at: at + new.lag,
        };
        let stored = self.shelf_mut(new.table);
        stored.add_to_indexes(&mut record);
        stored.by_rec_id.insert(record.rec_id, record.slot);
        stored.records.insert(record.slot, record);
    }

    fn update(&mut self, at: Millis, key: RecordKey, fields: Vec<(usize, Option<FieldValue>)>) {
        let stored = self.shelf_mut(key.table);
        let Some(mut record) = stored.records.remove(&key.slot) else { return };
        stored.take_from_indexes(&record);
        for (place, value) in fields {
            if let PublicId::Field(name) = record.object.public_id
                && record.object.field_named(name) == Some(place)
                && let Some(FieldValue::Text(text)) = &value
            {
                record.public_id = text.clone();
            }
            if let Some(field) = record.values.get_mut(place) {
                *field = value;
            }
        }
        record.updated_at = at;
        stored.add_to_indexes(&mut record);
        stored.records.insert(key.slot, record);
    }

    fn delete(&mut self, key: RecordKey) {
        let stored = self.shelf_mut(key.table);
        if let Some(record) = stored.records.remove(&key.slot) {
            stored.take_from_indexes(&record);
            stored.by_rec_id.remove(&record.rec_id);
        }
    }

    /// The children of a record in a relationship, in the order in which they were made, those linked last.
    pub(super) fn children(&self, relationship: usize, parent: &Record) -> Vec<&Record> {
        let Some(definition) = RELATIONSHIPS.get(relationship) else { return Vec::new() };
        let target = definition.target_object();
        let stored = self.shelf(target.table);
        let mut found = Vec::new();
        if definition.is_by_parent {
            let is_of_parent = |child: &&Record| {
                let named = child.named("ParentTypeID");
                named.is_empty()
                    || named.eq_ignore_ascii_case(parent.object.id)
                    || named.eq_ignore_ascii_case(parent.object.name)
            };
            found.extend(stored.with_value("ParentRecID", &parent.rec_id.to_string()).filter(is_of_parent));
        }
        let parent = RecordKey { table: parent.object.table, slot: parent.slot };
        let linked = self.links.get(&(relationship, parent)).into_iter().flatten().filter_map(|slot| stored.get(*slot));
        for child in linked {
            if !found.iter().any(|known| known.slot == child.slot) {
                found.push(child);
            }
        }
        found.retain(|child| target.includes(child.object));
        found
    }

    /// Whether a child belongs to a parent in a relationship.
    pub(super) fn is_linked(&self, relationship: usize, parent: &Record, child: &Record) -> bool {
        self.children(relationship, parent).iter().any(|known| known.slot == child.slot)
    }
}

impl Record {
    /// Where it is.
    pub(super) fn key(&self) -> RecordKey {
        RecordKey { table: self.object.table, slot: self.slot }
    }
}
