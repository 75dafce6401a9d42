//! Looking configured names up in a blueprint: what fits becomes an id, what does not becomes a line, and nothing hides
//! anything else.
//!
//! Names are compared without case: by name first, by display name second.

use std::collections::HashMap;

use super::near::{Candidate, nearest};
use super::schema::{FieldDefinition, Relationship, Schema, Summary};
use super::site::{Field, Object};
use crate::Learned;

/// Longest name of the site's that is shown, in characters.
const SHOWN: usize = 80;
/// How much of an id is shown: enough to tell two apart.
const TAIL: usize = 6;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What must be put right, a line each: `setting: what is wrong`.
    pub(super) problems: Vec<String>,
    /// What was seen.
    pub(super) lines: Vec<Learned>,
}

/// What a field must be able to take.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Need {
    /// We write it: it may be neither read-only nor calculated.
    pub(super) written: bool,
    /// It is searched or compared by: it must hold text.
    pub(super) is_key: bool,
    /// Characters that it must have room for.
    pub(super) room: usize,
    /// Characters that it should have room for.
    pub(super) advised: usize,
}

impl Need {
    /// A field that is written.
    pub(super) const WRITTEN: Self = Self { written: true, is_key: false, room: 0, advised: 0 };

    /// A field that is written, searched and compared by.
    pub(super) const fn key(room: usize) -> Self {
        Self { is_key: true, room, ..Self::WRITTEN }
    }
}

/// What a search for a name came to.
pub(super) enum Lookup<'a, T> {
    One(&'a T),
    /// The name is not unique.
    Several(usize),
    None,
}

/// The element of that name, without case; the first of `names` that anything has decides.
pub(super) fn find<'a, T>(all: &'a [T], wanted: &str, names: impl Fn(&T) -> [&str; 2]) -> Lookup<'a, T> {
    let wanted = plain(wanted);
    if wanted.is_empty() {
        return Lookup::None;
    }
    for place in 0..2 {
        let mut found = all.iter().filter(|one| plain(names(one)[place]) == wanted);
        if let Some(first) = found.next() {
            let more = found.count();
            return if more == 0 { Lookup::One(first) } else { Lookup::Several(more + 1) };
        }
    }
    Lookup::None
}

fn plain(name: &str) -> String {
    name.trim().to_lowercase()
}

/// A name of the site's as it is shown: on one line, not too long.
pub(super) fn shown(name: &str) -> String {
    let mut text: String = name.chars().take(SHOWN).map(|char| if char.is_control() { ' ' } else { char }).collect();
    if name.chars().nth(SHOWN).is_some() {
        text.push('…');
    }
    text
}

/// The end of an id.
pub(super) fn tail(id: &str) -> String {
    let start = id.char_indices().rev().nth(TAIL - 1).map_or(0, |(place, _)| place);
    format!("…{}", &id[start..])
}

/// `; did you mean …?`, or nothing.
pub(super) fn did_you_mean<'a>(wanted: &str, candidates: impl IntoIterator<Item = Candidate<'a>>) -> String {
    let near: Vec<_> = nearest(wanted, candidates).into_iter().map(|name| format!("`{}`", shown(name))).collect();
    match near.split_last() {
        None => String::new(),
        Some((only, [])) => format!("; did you mean {only}?"),
        Some((last, others)) => format!("; did you mean {} or {last}?", others.join(", ")),
    }
}

impl Findings {
    /// Something that must be put right.
    pub(super) fn problem(&mut self, setting: &str, what: impl AsRef<str>) {
        self.problems.push(format!("{setting}: {}", what.as_ref()));
    }

    /// Something that was seen.
    pub(super) fn line(&mut self, what: impl Into<String>, seen: impl Into<String>) {
        self.lines.push(Learned { what: what.into(), seen: seen.into(), warning: false });
    }

    /// Something that works, and should be looked at.
    pub(super) fn warning(&mut self, what: impl Into<String>, seen: impl Into<String>) {
        self.lines.push(Learned { what: what.into(), seen: seen.into(), warning: true });
    }
}

/// One object's blueprint, while names are looked up in it.
pub(super) struct Book<'a> {
    /// Short name of the object in lines: `ticket`.
    role: &'static str,
    pub(super) object: Object,
    summary: &'a Summary,
    schema: &'a Schema,
    /// Short ids of the fields that are written, with the setting of each.
    written: HashMap<String, String>,
}

impl<'a> Book<'a> {
    pub(super) fn new(role: &'static str, summary: &'a Summary, schema: &'a Schema) -> Self {
        let object = Object { id: summary.id.trim().to_ascii_lowercase(), name: summary.name.clone() };
        Self { role, object, summary, schema, written: HashMap::new() }
    }

    /// A line about the object itself.
    pub(super) fn introduce(&self, findings: &mut Findings) {
        let fields = self.schema.field_definitions.len();
        let seen = format!("{} {}, {fields} fields", shown(&self.object.name), tail(&self.object.id));
        findings.line(format!("object {}", self.role), seen);
    }

    /// Whether a field is written by us.
    pub(super) fn writes(&self, short: &str) -> bool {
        self.written.contains_key(short)
    }

    /// The field of a setting, if it is there and fits.
    pub(super) fn field(&mut self, findings: &mut Findings, setting: &str, name: &str, need: Need) -> Option<Field> {
        let definition = self.definition(findings, setting, name)?;
        let field = self.named(definition);
        let known = findings.problems.len();
        judge(findings, setting, definition, need);
        if need.written
            && let Some(other) = self.written.insert(field.short.clone(), setting.to_owned())
        {
            findings.problem(setting, format!("`{}` is the field of {other} already", shown(&field.name)));
        }
        if findings.problems.len() > known {
            return None;
        }
        findings.line(format!("field {}", short_setting(setting)), describe(&field, definition));
        Some(field)
    }

    fn definition(&self, findings: &mut Findings, setting: &str, name: &str) -> Option<&'a FieldDefinition> {
        let fields = &self.schema.field_definitions;
        let object = shown(&self.object.name);
        match find(fields, name, |field| [&field.name, &field.display_name]) {
            Lookup::One(field) if !field.short().is_empty() => return Some(field),
            Lookup::One(_) => findings.problem(setting, format!("the field `{name}` of `{object}` has no id")),
            Lookup::Several(count) => findings.problem(
                setting,
                format!("{count} fields of `{object}` are called `{name}`; give the name instead of the display name"),
            ),
            Lookup::None if name.trim().is_empty() => findings.problem(setting, "no field is named; give one"),
            Lookup::None => {
                let near = did_you_mean(
                    name,
                    fields.iter().map(|field| Candidate { name: &field.name, display_name: &field.display_name }),
                );
                findings.problem(setting, format!("`{object}` has no field `{name}`{near}"));
            }
        }
        None
    }

    /// The record id's field.
    pub(super) fn record_id(&self, findings: &mut Findings, setting: &str) -> Option<Field> {
        let ids = [
            &self.schema.first_rec_id_field,
            &self.summary.first_rec_id_field,
            &self.schema.rec_id_fields,
            &self.summary.rec_id_fields,
        ];
        let by_id = ids.into_iter().find_map(|id| self.by_id(id));
        let found = by_id.or_else(|| match find(&self.schema.field_definitions, "RecID", |field| [&field.name, ""]) {
            Lookup::One(field) if !field.short().is_empty() => Some(field),
            _ => None,
        });
        if found.is_none() {
            let object = shown(&self.object.name);
            findings.problem(setting, format!("the record id of `{object}` (RecID) is none of its fields"));
        }
        found.map(|field| self.named(field))
    }

    /// The state's field.
    pub(super) fn state(&self, findings: &mut Findings, setting: &str) -> Option<Field> {
        let ids = [&self.schema.state_field_id, &self.summary.state_field_id];
        let found = ids.into_iter().find_map(|id| self.by_id(id)).map(|field| self.named(field));
        if found.is_none() {
            let object = shown(&self.object.name);
            findings.problem(setting, format!("the state of `{object}` is none of its fields; it needs a life cycle"));
        }
        found
    }

    /// The field of a stock name, where there is one.
    pub(super) fn stock(&self, name: &str) -> Option<Field> {
        match find(&self.schema.field_definitions, name, |field| [&field.name, ""]) {
            Lookup::One(field) if !field.short().is_empty() => Some(self.named(field)),
            _ => None,
        }
    }

    /// All states of the object.
    pub(super) fn states(&self) -> Vec<&'a str> {
        let text = if self.schema.states.trim().is_empty() { &self.summary.states } else { &self.schema.states };
        text.split(',').map(str::trim).filter(|state| !state.is_empty()).collect()
    }

    /// Fields of the schema.
    pub(super) fn fields(&self) -> &'a [FieldDefinition] {
        &self.schema.field_definitions
    }

    /// The relationship of a setting that leads to one of `targets`.
    pub(super) fn relationship(
        &self,
        findings: &mut Findings,
        setting: &str,
        name: &str,
        targets: &[&str],
    ) -> Option<String> {
        let all = &self.schema.relationships;
        let object = shown(&self.object.name);
        let found = match find(all, name, |one| [&one.display_name, &one.description]) {
            Lookup::One(found) => found,
            Lookup::Several(count) => {
                findings.problem(setting, format!("{count} relationships of `{object}` are called `{name}`"));
                return None;
            }
            Lookup::None if name.trim().is_empty() => {
                findings.problem(setting, "no relationship is named; give one");
                return None;
            }
            Lookup::None => {
                let near = did_you_mean(name, all.iter().map(candidate));
                findings.problem(setting, format!("`{object}` has no relationship `{name}`{near}"));
                return None;
            }
        };
        let id = found.id.trim().to_ascii_lowercase();
        if !super::schema::is_id(&id) {
            findings.problem(setting, format!("the relationship `{name}` of `{object}` has no usable id"));
            return None;
        }
        let what = format!("relationship {}", short_setting(setting));
        let seen = format!("{} {}", shown(&found.display_name), tail(&id));
        if targets.is_empty() || targets.iter().any(|target| found.target.trim().eq_ignore_ascii_case(target)) {
            findings.line(what, seen);
        } else {
            findings.warning(what, format!("{seen} leads to another object ({})", shown(&tail(found.target.trim()))));
        }
        Some(id)
    }

    fn by_id(&self, id: &str) -> Option<&'a FieldDefinition> {
        let short = super::site::short_id(id);
        self.schema.field_definitions.iter().find(|field| !short.is_empty() && field.short() == short)
    }

    fn named(&self, definition: &FieldDefinition) -> Field {
        let short = definition.short();
        let long = definition.id.to_ascii_lowercase().contains("fi:");
        let id = if long { definition.id.clone() } else { format!("BO:{},FI:{short}", self.object.id) };
        Field { id, short, name: definition.name.clone(), maximum: definition.maximum() }
    }
}

/// Whether a field can take what it has to.
fn judge(findings: &mut Findings, setting: &str, definition: &FieldDefinition, need: Need) {
    let name = shown(&definition.name);
    if need.written && definition.locked() {
        let how = if definition.calculated { "calculated" } else { "read-only" };
        findings.problem(setting, format!("the field `{name}` is {how}, and it has to be written"));
    }
    if need.is_key && !is_text(definition) {
        let kind = shown(&definition.kind);
        findings.problem(setting, format!("the field `{name}` is of type {kind}, and it has to be Text"));
    }
    let Some(maximum) = definition.maximum().filter(|_| is_text(definition)) else { return };
    if maximum < need.room {
        let needed = need.room;
        findings.problem(setting, format!("the field `{name}` takes {maximum} characters, and it needs {needed}"));
    } else if maximum < need.advised {
        let advised = need.advised;
        let seen = format!("`{name}` takes {maximum} characters; {advised} are better: values are never cut here");
        findings.warning(format!("field {}", short_setting(setting)), seen);
    }
}

fn candidate(relationship: &Relationship) -> Candidate<'_> {
    Candidate { name: &relationship.display_name, display_name: &relationship.description }
}

/// Old versions may give a type as a number (Cherwell contract §11): what can't be told is taken for text.
fn is_text(definition: &FieldDefinition) -> bool {
    let kind = definition.kind.trim();
    kind.is_empty() || kind.eq_ignore_ascii_case("text") || kind.bytes().all(|byte| byte.is_ascii_digit())
}

/// `DedupeKey …295a54 Text 255`.
fn describe(field: &Field, definition: &FieldDefinition) -> String {
    let size = field.maximum.map_or_else(String::new, |size| format!(" {size}"));
    format!("{} {} {}{size}", shown(&field.name), tail(&field.short), shown(&definition.kind))
}

/// `ticket.fields.kind` in few words: `ticket.kind`.
fn short_setting(setting: &str) -> String {
    setting.replace(".fields.", ".").replace(".relationship", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_before_display_names_and_case_does_not_count() {
        let all = [["Customer", "Title"], ["TÍTULO", "Customer"], ["c", "Twice"], ["d", "twice"]];
        let found = |wanted: &str| match find(&all, wanted, |one| [one[0], one[1]]) {
            Lookup::One(one) => Ok(one[0]),
            Lookup::Several(count) => Err(count),
            Lookup::None => Err(0),
        };
        assert_eq!(found("customer "), Ok("Customer"));
        assert_eq!(found("título"), Ok("TÍTULO"));
        assert_eq!(found("title"), Ok("Customer"));
        assert_eq!(found("TWICE"), Err(2));
        assert_eq!(found(""), Err(0));
    }

    #[test]
    fn names_are_shown_on_one_line_and_ids_by_their_end() {
        assert_eq!(shown("a\nb\u{1b}[31m"), "a b [31m");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), SHOWN + 1);
        assert_eq!(tail("6dd53665"), "…d53665");
        assert_eq!((tail("ab"), tail("ñandúes")), (String::from("…ab"), String::from("…andúes")));
    }
}
