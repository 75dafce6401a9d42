//! Reads of many records, page by page: searches, and the records related to one (Cherwell contract §8, §9).
//!
//! Guarantees: records are sorted by record id and identified by it; what does not add up is a fault, never a shorter
//! list ([`super::pages`] has the rules and limits). A page that is too large for the server is asked for in halves.
//! Every condition is an equation: the same field twice means either, different fields mean both.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;
use serde_json::Value;
use ticketbridge_core::effect::LookUpFault;

use super::classify::{self, ReadFault, Trouble};
use super::pages::{Counting, Misfit, Pages, Place};
use super::settings::PageMode;
use super::site::{Field, Object};
use super::wire::Record;
use super::{CherwellSettings, Shared};
use crate::fault::{fault, misconfigured};
use crate::{HttpCall, Transport};

/// Most records of a page that carries all fields: an object may have hundreds of them.
const ALL_FIELDS_SIZE: u32 = 100;
/// `sortDirection` (Cherwell contract §8).
const DESCENDING: u8 = 0;
const ASCENDING: u8 = 1;

/// One condition on a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Condition {
    #[serde(rename = "fieldId")]
    field: String,
    operator: &'static str,
    value: String,
}

impl Condition {
    /// The field has this value, as the server compares (text without case).
    pub(super) fn equal(field: &Field, value: impl Into<String>) -> Self {
        Self { field: field.id.clone(), operator: "eq", value: value.into() }
    }
}

/// Where records are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// Records of an object on which all conditions hold.
    Object { object: Object, conditions: Vec<Condition> },
    /// Records related to one.
    Related { parent: Object, parent_record: String, relationship: String },
}

/// Which members of a record are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fields {
    /// All that the object has.
    All,
    /// These.
    These(Vec<Field>),
}

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// For people: `the open tickets`.
    pub(super) what: String,
    pub(super) source: Source,
    pub(super) fields: Fields,
    /// The record id, by which records are sorted.
    pub(super) record_id: Field,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sorting<'a> {
    field_id: &'a str,
    sort_direction: u8,
}

/// `getsearchresults`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SearchRequest<'a> {
    bus_ob_id: &'a str,
    include_all_fields: bool,
    fields: Vec<&'a str>,
    filters: &'a [Condition],
    sorting: [Sorting<'a>; 1],
    page_number: u64,
    page_size: u64,
}

/// `getrelatedbusinessobject`. Unless both switches are off, some versions answer one record or none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RelatedRequest<'a> {
    parent_bus_ob_id: &'a str,
    parent_bus_ob_rec_id: &'a str,
    relationship_id: &'a str,
    all_fields: bool,
    use_default_grid: bool,
    fields_list: Vec<&'a str>,
    sorting: [Sorting<'a>; 1],
    page_number: u64,
    page_size: u64,
}

impl Question {
    /// The request for one page.
    fn call(&self, shared: &Shared, place: Place) -> Result<HttpCall, LookUpFault> {
        let sort_direction = if place.descending { DESCENDING } else { ASCENDING };
        let sorting = [Sorting { field_id: &self.record_id.id, sort_direction }];
        let fields = match &self.fields {
            Fields::All => Vec::new(),
            Fields::These(fields) => fields.iter().map(|field| field.id.as_str()).collect(),
        };
        let (page_number, page_size) = (place.number, place.size);
        match &self.source {
            Source::Object { object, conditions } => {
                let include_all_fields = self.fields == Fields::All;
                let body = SearchRequest {
                    bus_ob_id: &object.id,
                    include_all_fields,
                    fields,
                    filters: conditions,
                    sorting,
                    page_number,
                    page_size,
                };
                shared.post("V1/getsearchresults", &body)
            }
            Source::Related { parent, parent_record, relationship } => {
                let body = RelatedRequest {
                    parent_bus_ob_id: &parent.id,
                    parent_bus_ob_rec_id: parent_record,
                    relationship_id: relationship,
                    all_fields: false,
                    use_default_grid: false,
                    fields_list: fields,
                    sorting,
                    page_number,
                    page_size,
                };
                shared.post("V1/getrelatedbusinessobject", &body)
            }
        }
    }

    /// The records of a page, each with its id, and the total it tells.
    fn page(&self, mut body: Value) -> Result<(Vec<Record>, u64), LookUpFault> {
        let (list, count) = match self.source {
            Source::Object { .. } => ("businessObjects", "totalRows"),
            Source::Related { .. } => ("relatedBusinessObjects", "totalRecords"),
        };
        let total = whole_number(&body[count])
            .ok_or_else(|| self.fault(&format!("the answer has no whole number as `{count}`")))?;
        let mut records = match body.get_mut(list).map(Value::take) {
            Some(Value::Null) => Vec::new(),
            Some(records @ Value::Array(_)) => serde_json::from_value::<Vec<Record>>(records)
                .map_err(|error| self.fault(&format!("`{list}` can't be read: {error}")))?,
            _ => return Err(self.fault(&format!("the answer has no list `{list}`"))),
        };
        for record in &mut records {
            record.record = record.record.trim().to_ascii_lowercase();
            if record.record.is_empty() {
                return Err(self.fault("a record has no `busObRecId`"));
            }
        }
        Ok((records, total))
    }

    fn fault(&self, why: &str) -> LookUpFault {
        fault(format!("Reading {}: {why}.", self.what))
    }

    fn misfit(&self, misfit: &Misfit) -> LookUpFault {
        let fault = self.fault(&misfit.to_string());
        // How pages are counted is a setting; all else may pass by itself.
        if *misfit == Misfit::CountsRows { misconfigured(format!("TB0203: {}", fault.why)) } else { fault }
    }
}

/// A number that may have come as text.
fn whole_number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A question under way.
pub(super) struct Search {
    shared: Arc<Shared>,
    question: Question,
    pages: Pages,
    asked: bool,
}

impl Search {
    /// Before its first page.
    pub(super) fn begin(shared: &Arc<Shared>, question: Question) -> Self {
        let pages = Pages::new(counting(shared), page_size(&shared.settings, &question.fields).into());
        Self { shared: Arc::clone(shared), question, pages, asked: false }
    }

    /// What is read.
    pub(super) fn question(&self) -> &Question {
        &self.question
    }

    /// The request for the next page; `None`: all records came.
    pub(super) fn call(&mut self) -> Result<Option<HttpCall>, LookUpFault> {
        let Some(place) = self.pages.next() else { return Ok(None) };
        self.asked = true;
        self.question.call(&self.shared, place).map(Some)
    }

    /// Takes a page, and answers its records; ones that came before may be among them, and what came last is newer.
    /// Record ids are lower case and never empty.
    pub(super) fn absorb(&mut self, transport: &Transport) -> Result<Vec<Record>, ReadFault> {
        if !std::mem::take(&mut self.asked) {
            return Err(ReadFault::Fault(fault("an answer came to a question that was not asked")));
        }
        if is_too_large(transport) && self.pages.shrink() {
            return Ok(Vec::new());
        }
        let body = classify::read(&self.shared, transport)?;
        let (records, total) = self.question.page(body).map_err(ReadFault::Fault)?;
        let ids: Vec<String> = records.iter().map(|record| record.record.clone()).collect();
        self.pages.take(&ids, total).map_err(|misfit| ReadFault::Fault(self.question.misfit(&misfit)))?;
        if let Some(rows) = self.pages.found_out() {
            self.shared.rows.store(rows, Ordering::Relaxed);
        }
        Ok(records)
    }
}

fn counting(shared: &Shared) -> Counting {
    match shared.settings.page_mode {
        PageMode::Auto => Counting { rows: shared.rows.load(Ordering::Relaxed), fixed: false },
        PageMode::Row => Counting { rows: true, fixed: true },
        PageMode::Page => Counting { rows: false, fixed: true },
    }
}

fn page_size(settings: &CherwellSettings, fields: &Fields) -> u32 {
    match fields {
        Fields::All => settings.page_size.min(ALL_FIELDS_SIZE),
        Fields::These(_) => settings.page_size,
    }
}

fn is_too_large(transport: &Transport) -> bool {
    let Transport::Answered(answer) = transport else { return false };
    !answer.status.is_success() && classify::body(transport).is_err_and(|problem| problem.trouble == Trouble::TooLarge)
}

/// A member that was asked for. One that is missing altogether means that the server dropped its id without a word: the
/// names are learned anew.
pub(super) fn member<'a>(
    shared: &Shared,
    object: &Object,
    record: &'a Record,
    field: &Field,
) -> Result<&'a str, LookUpFault> {
    record.value(field).ok_or_else(|| {
        let (name, object, id) = (&field.name, &object.name, &record.record);
        if record.envelope.has_error {
            let said = crate::fault::shorten(&record.envelope.error_message);
            return fault(format!("Record {id} of `{object}` came with an error instead of its fields: {said}"));
        }
        shared.forget();
        misconfigured(format!(
            "TB0203: Record {id} of `{object}` came without the field `{name}`, although it was asked for: the site \
             does not know it any more, or hides it from this user. All names are looked up again; check the field's \
             name and the user's rights."
        ))
    })
}
