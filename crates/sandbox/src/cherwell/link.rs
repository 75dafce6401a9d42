//! Linking, unlinking and deleting records.

use super::answer::{Envelope, Failure, json};
use super::blueprint::{self, RELATIONSHIPS};
use super::members::Members;
use super::read::parent;
use super::record::{Change, Effect, Record};
use super::shelves::Shelves;
use crate::call::Reply;
use crate::timeline::Work;

/// The two records of a link.
struct Pair<'a> {
    relationship: usize,
    parent: &'a Record,
    child: &'a Record,
}

fn pair<'a>(members: &Members, shelves: &'a Shelves) -> Result<Pair<'a>, Failure> {
    let (parent, relationship) = parent(members, shelves)?;
    let id = members.filled("busobid").unwrap_or_default();
    let object = blueprint::object(&id).ok_or_else(|| Failure::object_not_found(&id))?;
    let target = RELATIONSHIPS.get(relationship).map(super::blueprint::RelationshipDefinition::target_object);
    if !target.is_some_and(|target| target.includes(object)) {
        return Err(Failure::new("BusObNotValid", format!("{} is not the target of the relationship", object.name)));
    }
    let rec_id = members.filled("busobrecid");
    let child = shelves.find(object, rec_id.as_deref(), None).ok_or_else(Failure::record_not_found)?;
    Ok(Pair { relationship, parent, child })
}

/// The dedupe key of the parent of a link or of related records.
pub(super) fn dedupe_key(members: &Members, shelves: &Shelves) -> Option<String> {
    parent(members, shelves).ok().map(|(record, _)| record.named("DedupeKey").to_owned())
}

/// Whether the parent is a ticket that nobody works on any more.
pub(super) fn is_about_closed(members: &Members, shelves: &Shelves) -> bool {
    parent(members, shelves).is_ok_and(|(record, _)| super::save::is_closed(record))
}

/// Links two records; V1 answers success with an empty body.
pub(super) fn link(members: &Members, version: u8, shelves: &Shelves) -> Result<Work<Effect>, Failure> {
    let Pair { relationship, parent, child } = pair(members, shelves)?;
    if shelves.is_linked(relationship, parent, child) {
        return Err(Failure::new("DuplicateEntry", "DuplicateEntry: the records are linked already"));
    }
    let effect = Effect::Records(vec![Change::Link(relationship, parent.key(), child.key())]);
    Ok(Work { reply: done(version), effect: Some(effect) })
}

/// Takes a link away; records that are not linked stay so. The answer has a body, which clients of the vendor's description
/// read.
pub(super) fn unlink(members: &Members, shelves: &Shelves) -> Result<Work<Effect>, Failure> {
    let Pair { relationship, parent, child } = pair(members, shelves)?;
    let mut changes = vec![Change::Unlink(relationship, parent.key(), child.key())];
    let is_by_parent = RELATIONSHIPS.get(relationship).is_some_and(|definition| definition.is_by_parent);
    if let Some(place) = child.object.field_named("ParentRecID").filter(|_| is_by_parent) {
        changes.push(Change::Update(child.key(), vec![(place, None)]));
    }
    Ok(Work { reply: json(200, &Envelope::OK), effect: Some(Effect::Records(changes)) })
}

fn done(version: u8) -> Reply {
    match version {
        1 => Reply { body: bytes::Bytes::new(), ..json(200, &()) },
        _ => json(200, &Envelope::OK.with_status(200)),
    }
}

/// Deletes a record.
pub(super) fn delete(members: &Members, shelves: &Shelves) -> Result<Work<Effect>, Failure> {
    let id = members.filled("busobid").unwrap_or_default();
    let object = blueprint::object(&id).ok_or_else(|| Failure::object_not_found(&id))?;
    let (rec_id, public_id) = (members.filled("busobrecid"), members.filled("publicid"));
    let record = shelves.find(object, rec_id.as_deref(), public_id.as_deref()).ok_or_else(Failure::record_not_found)?;
    let body = serde_json::json!({
        "busObId": record.object.id, "busObPublicId": record.public_id, "busObRecId": record.rec_id.to_string(),
        "errorCode": null, "errorMessage": null, "hasError": false,
    });
    Ok(Work { reply: json(200, &body), effect: Some(Effect::Records(vec![Change::Delete(record.key())])) })
}
