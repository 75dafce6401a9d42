//! Reads by id, related records and activities.
//!
//! Guarantee: a read by id shows a record from its effect on, whatever searches show.

use jiff::fmt::strtime;
use rand::Rng;
use serde::Serialize;

use super::answer::{Columns, Envelope, Failure, Read, json};
use super::blueprint::{self, RELATIONSHIPS};
use super::culture::civil;
use super::members::Members;
use super::record::Record;
use super::search::{Context, Query, columns};
use super::shelves::Shelves;
use crate::call::Reply;

/// The most activities on a page.
const MAX_ACTIVITIES: i64 = 2_000;

fn found<'a>(members: &Members, shelves: &'a Shelves) -> Result<&'a Record, Failure> {
    let id = members.filled("busobid").unwrap_or_default();
    let object = blueprint::object(&id).ok_or_else(|| Failure::object_not_found(&id))?;
    let (rec_id, public_id) = (members.filled("busobrecid"), members.filled("busobpublicid"));
    let public_id = public_id.or_else(|| members.filled("publicid"));
    shelves.find(object, rec_id.as_deref(), public_id.as_deref()).ok_or_else(Failure::record_not_found)
}

/// The dedupe key of the record that a read is about.
pub(super) fn dedupe_key(members: &Members, shelves: &Shelves) -> Option<String> {
    found(members, shelves).ok().map(|record| record.named("DedupeKey").to_owned())
}

/// Answers a read of one record.
pub(super) fn read(members: &Members, context: &Context<'_>) -> Reply {
    let record = found(members, context.shelves)
        .and_then(|record| if context.twists.empty_lookups() { Err(Failure::record_not_found()) } else { Ok(record) });
    match record {
        Ok(record) => {
            let columns = Columns::all(record.object, context.settings.read_ids.is_long());
            json(200, &columns.read(record, context.style))
        }
        Err(failure) => json(failure.status(), &Read::failed(&failure)),
    }
}

/// Answers a batch read, and how many records it has.
pub(super) fn read_batch(
    members: &Members,
    context: &Context<'_>,
    dice: &mut dyn Rng,
) -> Result<(Reply, usize), Failure> {
    let requests = members.objects("readrequests").map_err(|error| Failure::bad_request(error.0))?;
    let stops_on_error = members.flag("stoponerror").unwrap_or(false);
    let mut rows = Vec::new();
    for request in &requests {
        let record = found(request, context.shelves).and_then(|record| {
            if context.twists.empty_lookups() { Err(Failure::record_not_found()) } else { Ok(record) }
        });
        let is_over = stops_on_error && record.is_err();
        rows.push(record);
        if is_over {
            break;
        }
    }
    context.twists.shape(&mut rows, dice);
    let columns: Vec<_> = rows.iter().map(|row| row.as_ref().ok().map(|record| all_columns(record, context))).collect();
    let response = |(row, columns)| match (row, columns) {
        (&Ok(record), Some(columns)) => Columns::read(columns, record, context.style),
        (Err(failure), _) => Read::failed(failure),
        (Ok(_), None) => Read::failed(&Failure::record_not_found()),
    };
    let responses: Vec<Read<'_>> = rows.iter().zip(columns.iter().map(Option::as_ref)).map(response).collect();
    let count = rows.iter().filter(|row| row.is_ok()).count();
    Ok((json(200, &Batch { responses }), count))
}

fn all_columns(record: &Record, context: &Context<'_>) -> Columns {
    Columns::all(record.object, context.settings.read_ids.is_long())
}

#[derive(Serialize)]
struct Batch<'a> {
    responses: Vec<Read<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
struct Related<'a> {
    parent_bus_ob_id: String,
    parent_bus_ob_public_id: &'a str,
    parent_bus_ob_rec_id: String,
    relationship_id: &'static str,
    related_business_objects: Vec<Read<'a>>,
    total_records: usize,
    page_number: i64,
    page_size: usize,
    links: [(); 0],
    #[serde(flatten)]
    envelope: Envelope,
}

/// The parent of related records, by the members that name it.
pub(super) fn parent<'a>(members: &Members, shelves: &'a Shelves) -> Result<(&'a Record, usize), Failure> {
    let id = members.filled("parentbusobid").unwrap_or_default();
    let object = blueprint::object(&id).ok_or_else(|| Failure::object_not_found(&id))?;
    let relationship_id = members.filled("relationshipid").unwrap_or_default();
    let (relationship, _) = blueprint::relationship(&relationship_id)
        .filter(|(_, definition)| definition.parent_object().id == object.id)
        .ok_or_else(|| Failure::relationship_not_found(&relationship_id))?;
    let (rec_id, public_id) = (members.filled("parentbusobrecid"), members.filled("parentbusobpublicid"));
    let record = shelves.find(object, rec_id.as_deref(), public_id.as_deref()).ok_or_else(Failure::record_not_found)?;
    Ok((record, relationship))
}

/// Answers a read of related records, and how many there are in the answer.
pub(super) fn related(members: &Members, context: &Context<'_>, dice: &mut dyn Rng) -> Result<(Reply, usize), Failure> {
    let Context { shelves, settings, style, twists, .. } = context;
    let (parent, relationship) = parent(members, shelves)?;
    let Some(definition) = RELATIONSHIPS.get(relationship) else { return Err(Failure::record_not_found()) };
    let target = definition.target_object();
    let query = Query::read(members, target, shelves.shelf(target.table), settings, *style, twists)?;
    let rows = query.filter(shelves.children(relationship, parent), target, *style, dice);
    let all_fields = members.flag("allfields");
    let mut total = rows.len();
    let mut shown: Vec<_> = rows.into_iter().skip(query.page.skip).take(query.page.size).collect();
    // The bug of the real service: unless both are false, there is one record where there are more.
    let is_whole = all_fields == Some(false) && members.flag("usedefaultgrid") == Some(false);
    if !is_whole {
        shown.truncate(1);
        total = total.min(1);
    }
    if let Some((keep, hides_total)) = twists.related_cut() {
        shown.truncate(keep);
        total = if hides_total { total.min(keep) } else { total };
    }
    twists.shape(&mut shown, dice);
    let columns = columns(target, all_fields == Some(true), &members.texts("fieldslist"), settings.read_ids.is_long());
    let related = Related {
        parent_bus_ob_id: parent.object.id.to_owned(),
        parent_bus_ob_public_id: &parent.public_id,
        parent_bus_ob_rec_id: parent.rec_id.to_string(),
        relationship_id: definition.id,
        related_business_objects: shown.iter().map(|record| columns.read(record, *style)).collect(),
        total_records: total,
        page_number: query.page.number,
        page_size: query.page.size,
        links: [],
        envelope: Envelope::OK,
    };
    Ok((json(200, &related), shown.len()))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Activity<'a> {
    id: String,
    parent_bus_ob_def_id: &'static str,
    parent_bus_ob_rec_id: String,
    history_bus_ob_def_id: &'static str,
    history_bus_ob_rec_id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    body: &'a str,
    created_by: &'a str,
    created: String,
    modified: String,
    modified_by: &'a str,
}

/// Answers the journals of a record, newest first, and how many there are in the answer.
pub(super) fn activities(members: &Members, context: &Context<'_>) -> Result<(Reply, usize), Failure> {
    let size = members.number("pagesize").unwrap_or(0);
    if !(1..=MAX_ACTIVITIES).contains(&size) {
        return Err(Failure::bad_request(format!("The page size must be from 1 to {MAX_ACTIVITIES}")));
    }
    let record = found(members, context.shelves)?;
    let wanted = members.filled("activitytype").map(|kind| kind.to_ascii_lowercase());
    let mut journals = context.shelves.children(0, record);
    journals.retain(|journal| {
        let kind = kind_of(journal);
        wanted
            .as_deref()
            .is_none_or(|wanted| wanted == "all" || kind.eq_ignore_ascii_case(wanted.trim_end_matches('s')))
    });
    journals.sort_by_key(|journal| std::cmp::Reverse((journal.created_at, journal.slot)));
    let page = super::search::Page::read(members, context.settings);
    let time = |at| {
        let civil = civil(at, context.settings.utc_offset_minutes);
        strtime::format("%Y-%m-%dT%H:%M:%S", civil).unwrap_or_default()
    };
    let shown: Vec<_> = journals.into_iter().skip(page.skip).take(size as usize).collect();
    let rows: Vec<_> = shown
        .iter()
        .map(|journal| Activity {
            id: journal.rec_id.to_string(),
            parent_bus_ob_def_id: record.object.id,
            parent_bus_ob_rec_id: record.rec_id.to_string(),
            history_bus_ob_def_id: journal.object.id,
            history_bus_ob_rec_id: journal.rec_id.to_string(),
            kind: kind_of(journal),
            title: journal.object.display_name,
            body: journal.named("Details"),
            created_by: journal.named("CreatedBy"),
            created: time(journal.created_at),
            modified: time(journal.updated_at),
            modified_by: journal.named("CreatedBy"),
        })
        .collect();
    Ok((json(200, &rows), rows.len()))
}

/// `Note` for a `Journal - Note`.
fn kind_of(journal: &Record) -> &'static str {
    journal.object.name.rsplit(" - ").next().unwrap_or_default()
}
