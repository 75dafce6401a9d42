//! The saving operations: reading a request, checking each record, and what it would change.
//!
//! Guarantees: nothing is changed here, only ids are reserved; in a batch an item that fails is answered alone and its
//! neighbours are done, in their order; a call that fails as a whole (`Err`) does nothing.

use rand::Rng;

use super::MAX_BATCH;
use super::answer::{Failure, FieldError, Saved, SavedParent};
use super::blueprint::{self, FieldDefinition, FieldType, ObjectDefinition, RelationshipDefinition, TABLES, Table};
use super::culture::read_logical;
use super::members::{Members, Unreadable};
use super::record::{Change, FieldValue, NewRecord, Record, RecordKey, Style};
use super::shelves::Shelves;
use super::twists::{Twisted, Twists};

/// A record as it came, not yet checked.
#[derive(Debug, Default)]
pub(super) struct Item {
    object: String,
    rec_id: Option<String>,
    public_id: Option<String>,
    persist: bool,
    parent: Option<ParentItem>,
    fields: Vec<FieldItem>,
    /// Of the ticket that it makes, changes or belongs to.
    dedupe_key: Option<String>,
    is_about_closed: bool,
}

#[derive(Debug)]
struct ParentItem {
    object: String,
    rec_id: Option<String>,
    public_id: Option<String>,
    relationship: String,
}

#[derive(Debug)]
struct FieldItem {
    id: String,
    name: String,
    value: Option<String>,
    is_dirty: bool,
}

/// The items of a call, and what a batch says about going on.
#[derive(Debug, Default)]
pub(super) struct Items {
    pub(super) items: Vec<Item>,
    stops_on_error: bool,
}

impl Items {
    /// Reads one record.
    pub(super) fn one(members: &Members, with_parent: bool, shelves: &Shelves) -> Result<Self, Unreadable> {
        let mut item = Item::read(members, shelves)?;
        if with_parent {
            item.parent = Some(ParentItem {
                object: owned(members, "parentbusobid").unwrap_or_default(),
                rec_id: owned(members, "parentbusobrecid"),
                public_id: owned(members, "parentbusobpublicid"),
                relationship: owned(members, "relationshipid").unwrap_or_default(),
            });
            item.look_around(shelves);
        }
        Ok(Self { items: vec![item], stops_on_error: false })
    }

    /// Reads a batch; one that is too long is refused without a look at its items.
    pub(super) fn batch(members: &Members, shelves: &Shelves) -> Result<Self, Unreadable> {
        if members.length("saverequests") > MAX_BATCH {
            return Ok(Self::default());
        }
        let requests = members.objects("saverequests")?;
        let items = requests.iter().map(|request| Item::read(request, shelves)).collect::<Result<_, _>>()?;
        Ok(Self { items, stops_on_error: members.flag("stoponerror").unwrap_or(false) })
    }
}

fn owned(members: &Members, name: &str) -> Option<String> {
    members.filled(name).map(|text| text.trim().to_owned())
}

impl Item {
    fn read(members: &Members, shelves: &Shelves) -> Result<Self, Unreadable> {
        let field = |field: &Members| FieldItem {
            id: owned(field, "fieldid").unwrap_or_default(),
            name: owned(field, "name").unwrap_or_default(),
            value: field.text("value").map(std::borrow::Cow::into_owned),
            is_dirty: field.flag("dirty").unwrap_or(false),
        };
        let mut item = Self {
            object: owned(members, "busobid").unwrap_or_default(),
            rec_id: owned(members, "busobrecid"),
            public_id: owned(members, "busobpublicid"),
            persist: members.flag("persist").unwrap_or(true),
            parent: None,
            fields: members.objects("fields")?.iter().map(field).collect(),
            dedupe_key: None,
            is_about_closed: false,
        };
        item.look_around(shelves);
        Ok(item)
    }

    /// Finds the ticket that the item is about.
    fn look_around(&mut self, shelves: &Shelves) {
        let Some(object) = blueprint::object(&self.object) else { return };
        let own = shelves.find(object, self.rec_id.as_deref(), self.public_id.as_deref());
        let ticket = if object.table == Table::Incidents {
            own
        } else {
            let incidents = shelves.shelf(Table::Incidents);
            let parent = self.parent.as_ref().and_then(|parent| {
                let object = blueprint::object(&parent.object)?;
                shelves.find(object, parent.rec_id.as_deref(), parent.public_id.as_deref())
            });
            let named = self.value_of(object, "ParentRecID").and_then(|id| incidents.by_rec_id(id));
            let numbered = self.value_of(object, "IncidentID").and_then(|id| incidents.by_public_id(id));
            let stored = own.and_then(|own| incidents.by_rec_id(own.named("ParentRecID")));
            parent.or(named).or(numbered).or(stored)
        };
        let key = self.value_of(object, "DedupeKey").map(str::to_owned);
        self.dedupe_key = key.or_else(|| ticket.map(|ticket| ticket.named("DedupeKey").to_owned()));
        self.is_about_closed = ticket.is_some_and(is_closed);
    }

    fn value_of(&self, object: &ObjectDefinition, name: &str) -> Option<&str> {
        let place = object.field_named(name)?;
        let sent = self.fields.iter().find(|field| field.is_dirty && object.field(&field.id) == Some(place));
        sent.and_then(|field| field.value.as_deref())
    }
}

/// Whether nobody works on a ticket any more.
pub(super) fn is_closed(ticket: &Record) -> bool {
    blueprint::FINAL_STATES.contains(&ticket.named("Status"))
}

impl Twisted for Item {
    fn contains(&self, text: &str) -> bool {
        self.fields.iter().any(|field| field.value.as_ref().is_some_and(|value| value.contains(text)))
    }

    fn dedupe_key(&self) -> Option<&str> {
        self.dedupe_key.as_deref()
    }

    fn field(&self, name: Option<&str>) -> Option<(String, String)> {
        let object = blueprint::object(&self.object);
        let is_wanted = |field: &&FieldItem| {
            name.is_none_or(|name| {
                field.name.eq_ignore_ascii_case(name)
                    || object.is_some_and(|object| {
                        object.field(&field.id).is_some_and(|place| object.field_named(name) == Some(place))
                    })
            })
        };
        let sent = self.fields.iter().filter(|field| field.is_dirty).find(is_wanted);
        sent.map(|field| (field.id.clone(), field.value.clone().unwrap_or_default()))
    }

    fn is_about_closed(&self) -> bool {
        self.is_about_closed
    }
}

/// Checks records and collects what they change.
pub(super) struct Planner<'a> {
    pub(super) shelves: &'a mut Shelves,
    pub(super) twists: &'a Twists<'a>,
    pub(super) style: Style,
    pub(super) dice: &'a mut dyn Rng,
    pub(super) changes: Vec<Change>,
    /// The most records of a table.
    pub(super) max_records: usize,
    /// How many records of each table this call makes.
    pub(super) made: [usize; TABLES],
}

/// A checked value, or none for an emptied field.
type Checked = (usize, Option<FieldValue>);

impl Planner<'_> {
    /// Saves all items in their order; after a failure it ends there if the batch says so.
    pub(super) fn batch(&mut self, items: &Items) -> Vec<Saved> {
        let short = self.twists.short_batch();
        let whole = items.items.len();
        let answered = short.map_or(whole, |(drop, _)| whole.saturating_sub(drop));
        let done = if short.is_some_and(|(_, tail_done)| !tail_done) { answered } else { whole };
        let mut responses = Vec::with_capacity(whole);
        for item in items.items.iter().take(done) {
            let saved = self.item(item);
            let is_over = items.stops_on_error && saved.is_failed();
            responses.push(saved);
            if is_over {
                break;
            }
        }
        responses.truncate(answered);
        responses
    }

    /// Saves one item.
    pub(super) fn item(&mut self, item: &Item) -> Saved {
        let mut parent = None;
        let saved = match self.twists.refuse_item(item, self.dice) {
            Some(failure) => Err(failure),
            None => self.save(item, &mut parent),
        };
        let saved = saved.unwrap_or_else(|failure| Saved::failed(&failure));
        Saved { parent: item.parent.as_ref().map(|asked| parent.unwrap_or_else(|| asked.echo())), ..saved }
    }

    fn save(&mut self, item: &Item, told: &mut Option<SavedParent>) -> Result<Saved, Failure> {
        let object = blueprint::object(&item.object).ok_or_else(|| Failure::object_not_found(&item.object))?;
        let parent = item.parent.as_ref().map(|parent| self.parent(parent, object)).transpose()?;
        *told = parent.as_ref().zip(item.parent.as_ref()).map(|(parent, asked)| parent.echo(asked));
        let values = self.values(item, object)?;
        let existing = match (&item.rec_id, &item.public_id) {
            (None, None) => None,
            (rec_id, public_id) => Some(
                self.shelves
                    .find(object, rec_id.as_deref(), public_id.as_deref())
                    .map(|record| (record.key(), record.rec_id, record.public_id.to_string()))
                    .ok_or_else(Failure::record_not_found)?,
            ),
        };
        let is_new = existing.is_none();
        let (key, saved) = match existing {
            Some((key, rec_id, public_id)) => {
                check_required(object, &values, false)?;
                if item.persist && !values.is_empty() {
                    self.changes.push(Change::Update(key, values));
                }
                (key, Saved::done(rec_id.to_string(), public_id))
            }
            None => self.create(item, object, values, parent.as_ref())?,
        };
        if !item.persist {
            // Kept nowhere: the contract's callers always save at once.
            return Ok(Saved { cache_key: Some(format!("{:016x}", super::ids::mix(u64::from(key.slot)))), ..saved });
        }
        // A new journal names its parent itself.
        if let Some(parent) = parent.filter(|parent| !(is_new && parent.definition.is_by_parent)) {
            self.changes.push(Change::Link(parent.relationship, parent.key, key));
        }
        Ok(saved)
    }

    fn create(
        &mut self,
        item: &Item,
        object: &'static ObjectDefinition,
        mut values: Vec<Checked>,
        parent: Option<&Parent>,
    ) -> Result<(RecordKey, Saved), Failure> {
        if self.shelves.shelf(object.table).len() + self.made[object.table as usize] >= self.max_records {
            let message = format!("The site holds at most {} records of an object", self.max_records);
            return Err(Failure::new("GENERALFAILURE", message));
        }
        let mut give = |name: &str, text: &str| {
            if let Some(place) = object.field_named(name)
                && !values.iter().any(|(given, _)| *given == place)
            {
                values.push((place, Some(FieldValue::Text(text.into()))));
            }
        };
        if let Some(parent) = parent {
            give("ParentRecID", &parent.rec_id);
            give("ParentTypeID", parent.definition.parent_object().id);
            give("IncidentID", &parent.public_id);
        }
        for field in object.fields.iter().filter(|field| !field.default.is_empty()) {
            give(field.name, field.default);
        }
        let object = if object.table == Table::Journals { journal_type(object, &mut values)? } else { object };
        check_required(object, &values, true)?;
        let values: Vec<_> = values.into_iter().filter_map(|(place, value)| Some((place, value?))).collect();
        let doubled = self.twists.doubles_public_id(item.dedupe_key());
        if !item.persist {
            let unsaved = RecordKey { table: object.table, slot: 0 };
            return Ok((
                unsaved,
                Saved { bus_ob_public_id: None, bus_ob_rec_id: None, ..Saved::done(String::new(), String::new()) },
            ));
        }
        let (key, rec_id, public_id) = self.shelves.reserve(object, &values, doubled);
        let lag = self.twists.draw_index_lag(item.dedupe_key(), self.dice);
        let saved = Saved::done(rec_id.to_string(), public_id.to_string());
        let new = NewRecord {
            object: object.id,
            table: object.table,
            slot: key.slot,
            public_id,
            values,
            created_at: None,
            lag,
        };
        self.changes.push(Change::Create(new));
        self.made[object.table as usize] += 1;
        Ok((key, saved))
    }

    fn parent(&self, asked: &ParentItem, child: &ObjectDefinition) -> Result<Parent, Failure> {
        let object = blueprint::object(&asked.object).ok_or_else(|| Failure::object_not_found(&asked.object))?;
        let (relationship, definition) = blueprint::relationship(&asked.relationship)
            .filter(|(_, definition)| definition.parent_object().id == object.id)
            .ok_or_else(|| Failure::relationship_not_found(&asked.relationship))?;
        let target = definition.target_object();
        if target.table != child.table || !(target.includes(child) || child.includes(target)) {
            let message = format!("{} is not the target of {}", child.name, definition.name);
            return Err(Failure::new("BusObNotValid", message));
        }
        let record = self
            .shelves
            .find(object, asked.rec_id.as_deref(), asked.public_id.as_deref())
            .ok_or_else(Failure::record_not_found)?;
        Ok(Parent {
            relationship,
            definition,
            key: record.key(),
            rec_id: record.rec_id.to_string(),
            public_id: record.public_id.to_string(),
        })
    }

    /// The dirty fields, checked; all that is wrong with them is answered at once.
    fn values(&self, item: &Item, object: &'static ObjectDefinition) -> Result<Vec<Checked>, Failure> {
        let mut values: Vec<Checked> = Vec::new();
        let mut wrong: Vec<FieldError> = Vec::new();
        let mut unknown = None;
        for sent in item.fields.iter().filter(|field| field.is_dirty) {
            let by_name = || (sent.id.is_empty()).then(|| object.field_named(&sent.name)).flatten();
            let Some(place) = object.field(&sent.id).or_else(by_name) else {
                let id = if sent.id.is_empty() { &sent.name } else { &sent.id };
                let failure = Failure::field_not_found(id);
                wrong.push(FieldError {
                    error: failure.message.clone(),
                    error_code: "FieldNotValid",
                    field_id: id.clone(),
                });
                unknown.get_or_insert(failure);
                continue;
            };
            let Some(field) = object.fields.get(place) else { continue };
            let value = match sent.value.as_deref() {
                None | Some("") => Ok(None),
                Some(text) => check(object, field, text, self.style).map(Some),
            };
            let value = if field.is_read_only() { Err(format!("Field '{}' is read-only", field.name)) } else { value };
            match value {
                Ok(value) => {
                    let value = self.twisted(field, value, item);
                    values.retain(|(given, _)| *given != place);
                    values.push((place, value));
                }
                Err(error) => {
                    wrong.push(FieldError { error, error_code: "ValueNotValid", field_id: sent.id.clone() });
                }
            }
        }
        if wrong.is_empty() {
            return Ok(values);
        }
        let failure = unknown.unwrap_or_else(|| Failure::new("ValueNotValid", wrong[0].error.clone()));
        Err(Failure { fields: wrong, ..failure })
    }

    fn twisted(&self, field: &FieldDefinition, value: Option<FieldValue>, item: &Item) -> Option<FieldValue> {
        match value {
            Some(FieldValue::Text(text)) => {
                self.twists.stored(field.name, &text, item.dedupe_key()).map(|text| FieldValue::Text(text.into()))
            }
            value => value,
        }
    }
}

/// The record to which a new one belongs.
struct Parent {
    relationship: usize,
    definition: &'static RelationshipDefinition,
    key: RecordKey,
    rec_id: String,
    public_id: String,
}

impl Parent {
    fn echo(&self, asked: &ParentItem) -> SavedParent {
        SavedParent {
            parent_bus_ob_rec_id: Some(self.rec_id.clone()),
            parent_bus_ob_public_id: Some(self.public_id.clone()),
            ..asked.echo()
        }
    }
}

impl ParentItem {
    fn echo(&self) -> SavedParent {
        SavedParent {
            parent_bus_ob_id: self.object.clone(),
            parent_bus_ob_public_id: self.public_id.clone(),
            parent_bus_ob_rec_id: self.rec_id.clone(),
            relationship_id: self.relationship.clone(),
        }
    }
}

/// The member of the journals that a new record becomes; its type fields are set to it.
fn journal_type(
    object: &'static ObjectDefinition,
    values: &mut Vec<Checked>,
) -> Result<&'static ObjectDefinition, Failure> {
    let place = object.field_named("JournalTypeID");
    let given = values.iter().find_map(|(field, value)| match value {
        Some(FieldValue::Text(text)) if Some(*field) == place => Some(text.clone()),
        _ => None,
    });
    let member = match &given {
        None if object.is_group() => return Ok(object),
        None => object,
        Some(id) => blueprint::object(id)
            .filter(|member| !member.is_group() && member.table == Table::Journals && object.includes(member))
            .ok_or_else(|| invalid_value(object, "JournalTypeID", id))?,
    };
    for (name, text) in [("JournalTypeID", member.id), ("JournalTypeName", member.name)] {
        if let Some(place) = object.field_named(name) {
            values.retain(|(field, _)| *field != place);
            values.push((place, Some(FieldValue::Text(text.into()))));
        }
    }
    Ok(member)
}

fn invalid_value(object: &ObjectDefinition, name: &str, value: &str) -> Failure {
    let error = format!("Value '{}' is not valid", value.chars().take(100).collect::<String>());
    let field = object.fields.iter().find(|field| field.name == name);
    let field_id = field.map(|field| object.field_id(field, true)).unwrap_or_default();
    let fields = vec![FieldError { error: error.clone(), error_code: "ValueNotValid", field_id }];
    Failure { fields, ..Failure::new("ValueNotValid", error) }
}

/// A required field must have a value: in a new record always, in a change if it is set.
fn check_required(object: &ObjectDefinition, values: &[Checked], is_new: bool) -> Result<(), Failure> {
    let missing = object.fields.iter().enumerate().filter(|(_, field)| field.is_required).find(|(place, _)| {
        let given = values.iter().find(|(given, _)| given == place);
        given.map_or(is_new, |(_, value)| value.is_none())
    });
    match missing {
        None => Ok(()),
        Some((_, field)) => {
            let error = format!("Field '{}' is required", field.name);
            let field_id = object.field_id(field, true);
            let fields = vec![FieldError { error: error.clone(), error_code: "ValueNotValid", field_id }];
            Err(Failure { fields, ..Failure::new("ValueNotValid", error) })
        }
    }
}

/// Checks one value; an error says what is wrong with it.
pub(super) fn check(
    object: &ObjectDefinition,
    field: &FieldDefinition,
    text: &str,
    style: Style,
) -> Result<FieldValue, String> {
    let invalid = || format!("Value '{}' is not valid", text.chars().take(100).collect::<String>());
    match field.kind {
        FieldType::Text if field.name == "Status" && !object.states.is_empty() => {
            let state = object.states.iter().find(|state| state.eq_ignore_ascii_case(text.trim()));
            state.map(|state| FieldValue::Text((*state).into())).ok_or_else(invalid)
        }
        FieldType::Text => {
            let length = text.chars().count();
            if length > field.size {
                return Err(format!("Value of '{}' has {length} characters, at most {} fit", field.name, field.size));
            }
            Ok(FieldValue::Text(text.into()))
        }
        FieldType::Number => {
            let number = style.culture.read_number(text).ok_or_else(invalid)?;
            let limit = 10_f64.powi(field.size as i32);
            if number.abs() < limit { Ok(FieldValue::Number(number)) } else { Err(invalid()) }
        }
        FieldType::DateTime => {
            style.culture.read_time(text, style.offset_minutes).map(FieldValue::Time).ok_or_else(invalid)
        }
        FieldType::Logical => read_logical(text).map(FieldValue::Logical).ok_or_else(invalid),
    }
}
