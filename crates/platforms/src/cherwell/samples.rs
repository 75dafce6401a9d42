//! A learned site and canned answers, for the tests of this adapter.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use jiff::tz::Offset;
use serde_json::Value;

use super::settings::{CherwellSettings, WorkOrderSettings};
use super::site::{Field, NoteSite, Object, Site, TicketSite, WorkOrderSite};
use super::{Cherwell, Shared};
use crate::{Answer, Transport};

/// The stock Incident object.
pub(super) const INCIDENT: &str = "6dd53665c0c24cab86870a21cf6434ae";

/// A field of an object, with an id made from its place.
fn field(object: &str, place: usize, name: &str, maximum: usize) -> Field {
    let short = format!("{place:032x}");
    Field { id: format!("BO:{object},FI:{short}"), short, name: name.to_owned(), maximum: Some(maximum) }
}

/// A site on which everything is called as the default settings call it.
pub(super) fn site() -> Site {
    let (settings, orders) = (CherwellSettings::default(), WorkOrderSettings::default());
    let (ticket, note, order) = (settings.ticket.fields, settings.note.fields, orders.fields);
    let object = |id: &str, name: &str| Object { id: id.to_owned(), name: name.to_owned() };
    let (journal, work_order) = ("934e0000000000000000000000000000", "94b10000000000000000000000000000");
    Site {
        api_version: String::from("10.5.0"),
        offset: Offset::UTC,
        rows: true,
        ticket: TicketSite {
            object: object(INCIDENT, "Incident"),
            record_id: field(INCIDENT, 0x10, "RecID", 42),
            state: field(INCIDENT, 0x11, "Status", 30),
            created: Some(field(INCIDENT, 0x12, "CreatedDateTime", 30)),
            open_states: settings.ticket.open_states,
            dedupe_key: field(INCIDENT, 0x13, &ticket.dedupe_key, 200),
            origin_id: field(INCIDENT, 0x14, &ticket.origin_id, 64),
            kind: field(INCIDENT, 0x15, &ticket.kind, 50),
            work_order: field(INCIDENT, 0x16, &ticket.work_order, 50),
            title: field(INCIDENT, 0x17, &ticket.title, 60),
            description: field(INCIDENT, 0x18, &ticket.description, 4000),
            constants: vec![(field(INCIDENT, 0x19, "Source", 30), String::from("Monitoring"))],
        },
        note: NoteSite {
            group: object("934d0000000000000000000000000000", "Journal"),
            object: object(journal, "Journal - Note"),
            relationship: String::from("934f0000000000000000000000000000"),
            record_id: field(journal, 0x20, "RecID", 42),
            text: field(journal, 0x21, &note.text, 4000),
            type_id: field(journal, 0x22, &note.type_id, 42),
            type_name: field(journal, 0x23, &note.type_name, 50),
            parent_type: field(journal, 0x24, &note.parent_type, 42),
            parent_record: field(journal, 0x25, &note.parent_record, 42),
        },
        work_order: Some(WorkOrderSite {
            object: object(work_order, "WorkOrder"),
            record_id: field(work_order, 0x30, "RecID", 42),
            relationship: Some(String::from("94b20000000000000000000000000000")),
            external_ref: field(work_order, 0x31, &order.external_ref, 64),
            ticket_number: Some(field(work_order, 0x32, &order.ticket_number, 30)),
            ticket_rec_id: Some(field(work_order, 0x33, &order.ticket_rec_id, 42)),
            ticket_type: Some(field(work_order, 0x34, &order.ticket_type, 42)),
            kind: Some(field(work_order, 0x35, &order.kind, 50)),
            title: Some(field(work_order, 0x36, &order.title, 60)),
            description: Some(field(work_order, 0x37, &order.description, 4000)),
        }),
    }
}

/// What dialogues share, with these settings, and with [`site`] learned.
pub(super) fn shared_with(settings: CherwellSettings) -> Arc<Shared> {
    let shared = Cherwell::new(settings).unwrap().shared;
    shared.learn(site());
    shared
}

/// What dialogues share, with work orders on Cherwell and all else by default.
pub(super) fn shared() -> Arc<Shared> {
    let work_order = Some(WorkOrderSettings::default());
    shared_with(CherwellSettings { work_order, ..CherwellSettings::default() })
}

/// An answer with a JSON body.
pub(super) fn answer(status: u16, body: &Value) -> Transport {
    raw(status, &body.to_string(), &[])
}

/// An answer with any body and headers.
pub(super) fn raw(status: u16, body: &str, headers: &[(&'static str, &str)]) -> Transport {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    let status = StatusCode::from_u16(status).unwrap();
    Transport::Answered(Answer { status, headers: map, body: body.to_owned().into() })
}
