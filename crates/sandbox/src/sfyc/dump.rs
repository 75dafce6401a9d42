//! All that is stored, as JSON for tests and for people: records that searches do not show yet included.

use serde_json::{Value, json};

use super::SfycModel;
use super::answer::Row;
use super::record::{Note, Ticket, WorkOrder, ticket_number};

impl SfycModel {
    /// At most `limit` tickets from the `offset`-th on, with everything that was sent and the work orders made for them.
    pub fn dump_tickets(&self, offset: usize, limit: usize) -> Vec<Value> {
        self.tickets().skip(offset).take(limit).map(|ticket| self.ticket_row(ticket)).collect()
    }

    /// One ticket in the same form.
    pub fn dump_ticket(&self, number: &str) -> Option<Value> {
        self.ticket(number).map(|ticket| self.ticket_row(ticket))
    }

    /// At most `limit` work orders from the `offset`-th on.
    pub fn dump_work_orders(&self, offset: usize, limit: usize) -> Vec<Value> {
        self.work_orders().iter().skip(offset).take(limit).map(work_order_row).collect()
    }

    /// At most `limit` notes from the `offset`-th on.
    pub fn dump_notes(&self, offset: usize, limit: usize) -> Vec<Value> {
        self.notes().iter().skip(offset).take(limit).map(note_row).collect()
    }

    fn ticket_row(&self, ticket: &Ticket) -> Value {
        let content = &ticket.content;
        let mut row = json!(Row::Ticket(ticket));
        row["description"] = json!(content.description);
        row["severity"] = parsed(content.severity.as_deref());
        for (name, details) in ["topology", "kpi", "impact"].into_iter().zip(&content.details) {
            row[name] = parsed(details.as_deref());
        }
        let work_orders = self.shelves().work_orders_of(&ticket_number(ticket.sequence)).map(Row::WorkOrder);
        row["workOrders"] = json!(work_orders.collect::<Vec<_>>());
        row
    }
}

fn work_order_row(work_order: &WorkOrder) -> Value {
    let content = &work_order.content;
    let mut row = json!(Row::WorkOrder(work_order));
    row["kind"] = json!(content.kind);
    row["description"] = json!(content.description);
    row["address"] = json!(content.address);
    row["latitude"] = json!(content.latitude);
    row["longitude"] = json!(content.longitude);
    row
}

fn note_row(note: &Note) -> Value {
    let mut row = json!(Row::Note(note));
    row["text"] = json!(note.content.text);
    row
}

fn parsed(json: Option<&str>) -> Value {
    json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}
