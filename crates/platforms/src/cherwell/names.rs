//! Every configured name becomes an id, with all that is wrong gathered: nothing hides anything else (Cherwell contract
//! §4, §14).

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use ticketbridge_core::ticket::DedupeKey;

use super::findings::{Book, Findings, Lookup, Need, did_you_mean, find, shown};
use super::near::Candidate;
use super::schema::{Schema, Summary};
use super::settings::{CherwellSettings, NoteWay, ParentType, WorkOrderWay};
use super::site::{Field, NoteSite, Object, TicketSite, WorkOrderSite};
use super::wire::RecordField;

/// Characters of an origin id, a UUID.
const ORIGIN_ID: usize = 36;
/// Least room for a note.
const NOTE: usize = 500;
/// Room that a work-order number should have.
const WORK_ORDER_NUMBER: usize = 32;
/// Characters of a record id.
const RECORD_ID: usize = 42;
/// Most required fields that are named in one line.
const NAMED: usize = 20;

/// An object that was asked for.
#[derive(Debug, Default)]
pub(super) enum Seen {
    /// Nothing is known of it (yet); why not has been reported, or there is another that it depends on.
    #[default]
    Nothing,
    /// Its summary.
    Summary(Summary),
    /// Its summary and its schema.
    Whole(Summary, Schema),
}

impl Seen {
    fn book(&self, role: &'static str) -> Option<Book<'_>> {
        match self {
            Self::Whole(summary, schema) => Some(Book::new(role, summary, schema)),
            _ => None,
        }
    }

    /// The summary, if there is one.
    pub(super) fn summary(&self) -> Option<&Summary> {
        match self {
            Self::Nothing => None,
            Self::Summary(summary) | Self::Whole(summary, _) => Some(summary),
        }
    }
}

/// What the site answered about its objects.
#[derive(Debug, Default)]
pub(super) struct Blueprint {
    pub(super) ticket: Seen,
    /// The journals: a group has no schema that is needed.
    pub(super) group: Seen,
    pub(super) note: Seen,
    pub(super) work_order: Seen,
    /// Required fields of a new ticket, by the site's template.
    pub(super) required: Vec<RecordField>,
}

/// The object of that name among summaries, and within their groups.
pub(super) fn object(findings: &mut Findings, setting: &str, name: &str, all: &[Summary]) -> Option<Summary> {
    let flat = flat(all);
    match find(&flat, name, |one| [&one.name, &one.display_name]) {
        Lookup::One(found) if super::schema::is_id(found.id.trim()) => return Some((*found).clone()),
        Lookup::One(_) => findings.problem(setting, format!("the business object `{name}` has no usable id")),
        Lookup::Several(count) => findings.problem(
            setting,
            format!("{count} business objects are called `{name}`; give the name instead of the display name"),
        ),
        Lookup::None if name.trim().is_empty() => findings.problem(setting, "no business object is named; give one"),
        Lookup::None => {
            let near = did_you_mean(name, flat.iter().map(|one| candidate(one)));
            findings.problem(setting, format!("there is no business object `{name}`{near}{}", beyond(setting)));
        }
    }
    None
}

/// What was not looked at, for want of the object.
fn beyond(setting: &str) -> &'static str {
    match setting {
        "ticket.object" => " (its fields, states and relationships were not looked at)",
        "note.object" => " (its note type and fields were not looked at)",
        _ => " (its fields were not looked at)",
    }
}

/// The member of the journals that a note is.
pub(super) fn member(findings: &mut Findings, settings: &CherwellSettings, group: &Summary) -> Option<Summary> {
    let (setting, name) = ("note.type", settings.note.kind.as_str());
    let members = &group.group_summaries;
    match find(members, name, |one| [&one.name, &one.display_name]) {
        Lookup::One(found) if super::schema::is_id(found.id.trim()) => return Some(found.clone()),
        Lookup::One(_) => findings.problem(setting, format!("the business object `{name}` has no usable id")),
        Lookup::Several(count) => findings.problem(setting, format!("{count} members are called `{name}`")),
        Lookup::None if members.is_empty() => findings.problem(
            "note.object",
            format!("`{}` is no group of objects; name the group that journals belong to", shown(&group.name)),
        ),
        Lookup::None => {
            let near = did_you_mean(name, members.iter().map(candidate));
            let group = shown(&group.name);
            findings.problem(setting, format!("the group `{group}` has no member `{name}`{near}{}", beyond(setting)));
        }
    }
    None
}

fn flat(all: &[Summary]) -> Vec<&Summary> {
    let mut found: BTreeMap<&str, &Summary> = BTreeMap::new();
    for one in all {
        found.entry(one.id.as_str()).or_insert(one);
        for member in &one.group_summaries {
            found.entry(member.id.as_str()).or_insert(member);
        }
    }
    found.into_values().collect()
}

fn candidate(summary: &Summary) -> Candidate<'_> {
    Candidate { name: &summary.name, display_name: &summary.display_name }
}

/// Tickets; `None`: something is missing, and `findings` says what.
pub(super) fn ticket(findings: &mut Findings, settings: &CherwellSettings, seen: &Blueprint) -> Option<TicketSite> {
    let mut book = seen.ticket.book("ticket")?;
    book.introduce(findings);
    let names = &settings.ticket.fields;
    let mut field =
        |setting: &str, name: &str, need| book.field(findings, &format!("ticket.fields.{setting}"), name, need);
    let dedupe_key = field("dedupe_key", &names.dedupe_key, Need::key(DedupeKey::MAX_LENGTH));
    let origin_id = field("origin_id", &names.origin_id, Need::key(ORIGIN_ID));
    let kind = field("kind", &names.kind, Need { room: longest_kind(settings), ..Need::WRITTEN });
    let number = Need { advised: WORK_ORDER_NUMBER, ..Need::WRITTEN };
    let work_order = field("work_order", &names.work_order, number);
    let title = field("title", &names.title, Need::WRITTEN);
    let description = field("description", &names.description, Need::WRITTEN);
    let constants = constants(findings, &mut book, settings);
    let record_id = book.record_id(findings, "ticket.object");
    let state = book.state(findings, "ticket.object");
    let open_states = open_states(findings, &book, &settings.ticket.open_states);
    let created = book.stock("CreatedDateTime");
    if created.is_none() {
        let seen = "there is no field CreatedDateTime: the oldest of several tickets is told by its record id alone";
        findings.warning("field ticket.created", seen);
    }
    required(findings, &book, "ticket", &seen.required, state.as_ref());
    Some(TicketSite {
        object: book.object,
        record_id: record_id?,
        state: state?,
        created,
        open_states: open_states?,
        dedupe_key: dedupe_key?,
        origin_id: origin_id?,
        kind: kind?,
        work_order: work_order?,
        title: title?,
        description: description?,
        constants: constants?,
    })
}

/// Units of the longest spelling of a kind that is configured.
fn longest_kind(settings: &CherwellSettings) -> usize {
    settings.ticket.kinds.values().flatten().map(|kind| units(kind)).max().unwrap_or(0)
}

/// As the site counts characters.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

fn constants(
    findings: &mut Findings,
    book: &mut Book<'_>,
    settings: &CherwellSettings,
) -> Option<Vec<(Field, String)>> {
    let mut all = Vec::new();
    let known = findings.problems.len();
    for (name, value) in &settings.ticket.constants {
        let setting = format!("ticket.constants.{name}");
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            // As Cherwell writes logicals itself (Cherwell contract §5).
            Value::Bool(flag) => String::from(if *flag { "True" } else { "False" }),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                findings.problem(&setting, "the value must be a text, a number, or true or false");
                continue;
            }
        };
        let need = Need { room: units(&text), ..Need::WRITTEN };
        if let Some(field) = book.field(findings, &setting, name, need) {
            all.push((field, text));
        }
    }
    (findings.problems.len() == known).then_some(all)
}

fn open_states(findings: &mut Findings, book: &Book<'_>, wanted: &[String]) -> Option<Vec<String>> {
    let setting = "ticket.open_states";
    let states = book.states();
    let object = shown(&book.object.name);
    if wanted.is_empty() {
        findings.problem(setting, format!("no state is named; `{object}` has {}", shown(&states.join(", "))));
        return None;
    }
    if states.is_empty() {
        findings.problem(setting, format!("`{object}` lists no states at all; is it the object of the tickets?"));
        return None;
    }
    let mut open: Vec<String> = Vec::new();
    let known = findings.problems.len();
    for name in wanted {
        match find(&states, name, |state| [state, ""]) {
            Lookup::One(state) => open.push((*state).to_owned()),
            // The same state twice is one state.
            Lookup::Several(_) => open.push(name.trim().to_owned()),
            Lookup::None => {
                let near = did_you_mean(name, states.iter().map(|state| Candidate { name: state, display_name: "" }));
                findings.problem(setting, format!("`{object}` has no state `{name}`{near}"));
            }
        }
    }
    if findings.problems.len() > known {
        return None;
    }
    let closed: Vec<_> = states.iter().filter(|state| !open.iter().any(|one| one == *state)).copied().collect();
    findings.line("open states", format!("{}; not open: {}", shown(&open.join(", ")), shown(&closed.join(", "))));
    Some(open)
}

/// Says which required fields nobody fills: a create would be refused, and only the site's administrator knows by what.
fn required(findings: &mut Findings, book: &Book<'_>, role: &str, template: &[RecordField], state: Option<&Field>) {
    // Whether the site itself fills a field of the template.
    let filled_by_site: HashMap<String, bool> = template
        .iter()
        .flat_map(|one| [&one.field_id, &one.full_field_id].map(|id| (super::site::short_id(id), one)))
        .map(|(short, one)| (short, !one.value.trim().is_empty()))
        .collect();
    let mut unfilled = Vec::new();
    for field in book.fields() {
        let short = field.short();
        let by_template = filled_by_site.get(&short).copied();
        let is_required = field.required || by_template.is_some();
        // A new record begins in a state by itself, and what can't be set can't be asked of us.
        let filled = by_template == Some(true)
            || book.writes(&short)
            || field.locked()
            || field.auto_fill
            || state.is_some_and(|state| state.short == short);
        if is_required && !filled {
            unfilled.push(shown(&field.name));
        }
    }
    if unfilled.is_empty() {
        return;
    }
    let more = unfilled.len().saturating_sub(NAMED);
    unfilled.truncate(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let way_out = match role {
        "ticket" => "give each a value in `ticket.constants`",
        _ => "give each a default there",
    };
    let seen = format!(
        "{}{more}: required, and nobody fills them: a create is refused unless the site has a default; {way_out}",
        unfilled.join(", ")
    );
    findings.warning(format!("required fields of {role}"), seen);
}

/// Notes; `None`: something is missing, and `findings` says what. The relationship is the ticket's.
pub(super) fn note(findings: &mut Findings, settings: &CherwellSettings, seen: &Blueprint) -> Option<NoteSite> {
    let note = &settings.note;
    let group =
        seen.group.summary().map(|group| Object { id: group.id.trim().to_ascii_lowercase(), name: group.name.clone() });
    let mut book = seen.note.book("note");
    let targets: Vec<&str> = match (&group, &book) {
        (Some(group), Some(book)) => vec![&group.id, &book.object.id],
        _ => Vec::new(),
    };
    let ticket = seen.ticket.book("ticket");
    let relationship = ticket
        .as_ref()
        .and_then(|ticket| ticket.relationship(findings, "note.relationship", &note.relationship, &targets));
    let book = book.as_mut()?;
    book.introduce(findings);
    // Related notes get their parent from the relationship: only their type and text are written.
    let with_parent = |room| match note.way {
        NoteWay::Batch => Need { room, ..Need::WRITTEN },
        NoteWay::Related => Need::default(),
    };
    let parent = ticket.as_ref().map_or(0, |ticket| match note.parent_type {
        ParentType::Id => units(&ticket.object.id),
        ParentType::Name => units(&ticket.object.name),
    });
    let (id, name) = (units(&book.object.id), units(&book.object.name));
    let mut field =
        |setting: &str, name: &str, need| book.field(findings, &format!("note.fields.{setting}"), name, need);
    let text = field("text", &note.fields.text, Need { room: NOTE, ..Need::WRITTEN });
    let type_id = field("type_id", &note.fields.type_id, Need { room: id, ..Need::WRITTEN });
    let type_name = field("type_name", &note.fields.type_name, with_parent(name));
    let parent_type = field("parent_type", &note.fields.parent_type, with_parent(parent));
    let parent_record = field("parent_record", &note.fields.parent_record, with_parent(RECORD_ID));
    let record_id = book.record_id(findings, "note.type");
    Some(NoteSite {
        group: group?,
        object: book.object.clone(),
        relationship: relationship?,
        record_id: record_id?,
        text: text?,
        type_id: type_id?,
        type_name: type_name?,
        parent_type: parent_type?,
        parent_record: parent_record?,
    })
}

/// Work orders; `None`: none live here, or something is missing, and `findings` says what.
pub(super) fn work_order(
    findings: &mut Findings,
    settings: &CherwellSettings,
    seen: &Blueprint,
) -> Option<WorkOrderSite> {
    let order = settings.work_order.as_ref()?;
    let mut book = seen.work_order.book("work_order");
    let targets: Vec<&str> = book.iter().map(|book| book.object.id.as_str()).collect();
    let ticket = seen.ticket.book("ticket");
    // Outer: whether it was found, or none is wanted; inner: its id.
    let relationship = match (&order.relationship, &ticket) {
        (Some(name), Some(ticket)) => {
            ticket.relationship(findings, "work_order.relationship", name, &targets).map(Some)
        }
        (Some(_), None) => None,
        (None, _) if order.way == WorkOrderWay::Related => {
            findings.problem("work_order.relationship", "no relationship is named; `way = \"related\"` needs one");
            None
        }
        (None, _) => {
            findings.line("relationship work_order", "none is set: work orders carry their ticket's number, no link");
            Some(None)
        }
    };
    let book = book.as_mut()?;
    book.introduce(findings);
    if seen.ticket.summary().is_some_and(|ticket| ticket.id.trim().eq_ignore_ascii_case(&book.object.id)) {
        findings.problem("work_order.object", "it is the object of the tickets; work orders need one of their own");
    }
    let names = &order.fields;
    let external_ref =
        book.field(findings, "work_order.fields.external_ref", &names.external_ref, Need::key(ORIGIN_ID));
    let mut optional = |setting: &str, name: &str, need| {
        let setting = format!("work_order.fields.{setting}");
        (!name.trim().is_empty()).then(|| book.field(findings, &setting, name, need))
    };
    let reference = Need { room: RECORD_ID, ..Need::WRITTEN };
    let of_ticket = Need { room: ticket.as_ref().map_or(0, |ticket| units(&ticket.object.id)), ..Need::WRITTEN };
    let of_kind = Need { room: longest_kind(settings), ..Need::WRITTEN };
    let number = Need { advised: WORK_ORDER_NUMBER, ..Need::WRITTEN };
    let ticket_number = optional("ticket_number", &names.ticket_number, number);
    let ticket_rec_id = optional("ticket_rec_id", &names.ticket_rec_id, reference);
    let ticket_type = optional("ticket_type", &names.ticket_type, of_ticket);
    let kind = optional("kind", &names.kind, of_kind);
    let title = optional("title", &names.title, Need::WRITTEN);
    let description = optional("description", &names.description, Need::WRITTEN);
    let record_id = book.record_id(findings, "work_order.object");
    required(findings, book, "work_order", &[], None);
    if ticket_number.is_none() && ticket_rec_id.is_none() {
        let what =
            "name one of `ticket_number` and `ticket_rec_id`: a work order is told by its ticket when it is looked up";
        findings.problem("work_order.fields", what);
    }
    // Outer: whether it is configured; inner: whether it was found.
    let found = |field: Option<Option<Field>>| match field {
        None => Some(None),
        Some(found) => found.map(Some),
    };
    Some(WorkOrderSite {
        object: book.object.clone(),
        record_id: record_id?,
        relationship: relationship?,
        external_ref: external_ref?,
        ticket_number: found(ticket_number)?,
        ticket_rec_id: found(ticket_rec_id)?,
        ticket_type: found(ticket_type)?,
        kind: found(kind)?,
        title: found(title)?,
        description: found(description)?,
    })
}
