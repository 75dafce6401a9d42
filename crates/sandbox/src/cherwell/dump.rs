//! All that is stored, as JSON for tests and for people: records that searches do not show yet included. Field values are
//! those of the culture en-US, times of the envelope are in UTC.

use serde_json::{Map, Value, json};

use super::CherwellModel;
use super::blueprint::Table;
use super::culture::Culture;
use super::record::{Record, Style};
use super::stats::marker;
use crate::text::rfc3339;

impl CherwellModel {
    /// At most `limit` tickets from the `offset`-th on, with the work orders and notes that belong to them.
    pub fn dump_tickets(&self, offset: usize, limit: usize) -> Vec<Value> {
        self.dump(Table::Incidents, offset, limit, |record| self.ticket_row(record))
    }

    /// One ticket in the same form, by public id or record id.
    pub fn dump_ticket(&self, id: &str) -> Option<Value> {
        self.ticket(id).map(|record| self.ticket_row(record))
    }

    /// At most `limit` work orders from the `offset`-th on.
    pub fn dump_work_orders(&self, offset: usize, limit: usize) -> Vec<Value> {
        self.dump(Table::WorkOrders, offset, limit, |record| self.row(record))
    }

    /// At most `limit` notes from the `offset`-th on.
    pub fn dump_notes(&self, offset: usize, limit: usize) -> Vec<Value> {
        self.dump(Table::Journals, offset, limit, |record| self.note_row(record))
    }

    /// A ticket by public id or record id.
    pub(super) fn ticket(&self, id: &str) -> Option<&Record> {
        let stored = self.shelves.shelf(Table::Incidents);
        stored.by_rec_id(id).or_else(|| stored.by_public_id(id))
    }

    fn dump(&self, table: Table, offset: usize, limit: usize, row: impl Fn(&Record) -> Value) -> Vec<Value> {
        self.shelves.shelf(table).records().skip(offset).take(limit).map(row).collect()
    }

    fn row(&self, record: &Record) -> Value {
        let mut fields = Map::new();
        let english = Culture::find("en-US");
        for (place, field) in record.object.fields.iter().enumerate() {
            let style = english.map(|culture| Style { culture, offset_minutes: self.settings().utc_offset_minutes });
            let text = style.map(|style| record.text(place, field, style).into_owned()).unwrap_or_default();
            fields.insert(field.name.to_owned(), text.into());
        }
        json!({
            "object": record.object.name,
            "busObRecId": record.rec_id.to_string(),
            "busObPublicId": record.public_id,
            "createdAt": rfc3339(record.created_at),
            "updatedAt": rfc3339(record.updated_at),
            "visibleAt": rfc3339(record.visible_at),
            "fields": fields,
        })
    }

    fn note_row(&self, record: &Record) -> Value {
        let mut row = self.row(record);
        row["marker"] = json!(marker(record.named("Details")));
        row
    }

    fn ticket_row(&self, record: &Record) -> Value {
        let mut row = self.row(record);
        row["state"] = json!(record.named("Status"));
        let work_orders = self.shelves.shelf(Table::WorkOrders);
        let mut own: Vec<_> = work_orders.with_value("ParentRecID", &record.rec_id.to_string()).collect();
        for numbered in work_orders.with_value("IncidentID", &record.public_id) {
            if numbered.named("ParentRecID").is_empty() {
                own.push(numbered);
            }
        }
        row["workOrders"] = own.into_iter().map(|work_order| self.row(work_order)).collect();
        row["notes"] = self.shelves.children(0, record).into_iter().map(|note| self.note_row(note)).collect();
        row
    }
}
