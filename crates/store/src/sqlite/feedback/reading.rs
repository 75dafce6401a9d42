//! Listings of what is known of the box office, the last written first, and a run's calls.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use ticketbridge_core::mobile::{ContactNumber, Status};

use super::statements as sql;
use super::words::{instant, items, named, optional_text, text, wall, window};
use crate::rules::hexadecimal;
use crate::sqlite::fault::Fault;
use crate::{
    BoxContact, BoxDistribution, CallId, CallRecord, FeedbackFilter, FeedbackPage, MobileTicket, PageId, RunId,
};

/// Mobile tickets.
pub(super) fn tickets(
    store: &Connection,
    filter: &FeedbackFilter,
    page: &FeedbackPage,
) -> Result<Vec<MobileTicket>, Fault> {
    let columns = "organizer, ticket_id, tax_number, status, status_date, owner_email, beneficiary, page, at";
    list(store, columns, "mobile_ticket", Some("owner_email"), filter, page, |row| {
        Ok(MobileTicket {
            organizer: text(row, 0)?,
            ticket_id: text(row, 1)?,
            tax_number: optional_text(row, 2)?,
            status: named::<Status>(row, 3)?,
            status_date: instant(row, 4)?,
            owner_email: optional_text(row, 5)?,
            beneficiary: optional_text(row, 6)?,
            page: PageId(row.get(7)?),
            at: wall(row, 8)?,
        })
    })
}

/// Contacts.
pub(super) fn contacts(
    store: &Connection,
    filter: &FeedbackFilter,
    page: &FeedbackPage,
) -> Result<Vec<BoxContact>, Fault> {
    let columns = "box_office, organizer, contact_number, email, created, request_ref, ticket_id, at";
    list(store, columns, "box_contact", Some("email"), filter, page, |row| {
        Ok(BoxContact {
            box_office: text(row, 0)?,
            organizer: text(row, 1)?,
            contact_number: named::<ContactNumber>(row, 2)?,
            email: optional_text(row, 3)?,
            created: row.get(4)?,
            request_ref: optional_text(row, 5)?,
            ticket_id: text(row, 6)?,
            at: wall(row, 7)?,
        })
    })
}

/// Distribution rows.
pub(super) fn distributions(
    store: &Connection,
    filter: &FeedbackFilter,
    page: &FeedbackPage,
) -> Result<Vec<BoxDistribution>, Fault> {
    let columns = "organizer, distribution_ref, ticket_id, old_contact, new_contact, status, row_at, at";
    list(store, columns, "box_distribution", None, filter, page, |row| {
        Ok(BoxDistribution {
            organizer: text(row, 0)?,
            distribution_ref: text(row, 1)?,
            ticket_id: text(row, 2)?,
            old_contact: optional_text(row, 3)?,
            new_contact: optional_text(row, 4)?,
            status: named(row, 5)?,
            row_at: instant(row, 6)?,
            at: wall(row, 7)?,
        })
    })
}

/// Rows of `table` that fit the filter, the highest id first.
fn list<T>(
    store: &Connection,
    columns: &str,
    table: &str,
    email_column: Option<&str>,
    filter: &FeedbackFilter,
    page: &FeedbackPage,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Fault> {
    let conditions =
        [(Some("organizer"), &filter.organizer), (Some("ticket_id"), &filter.ticket_id), (email_column, &filter.email)];
    let mut query = format!("SELECT {columns} FROM {table} WHERE 1");
    let mut values = Vec::new();
    for (column, value) in conditions {
        if let (Some(column), Some(value)) = (column, value) {
            query.extend([" AND ", column, " = ?"]);
            values.push(Value::from(String::from(&**value)));
        }
    }
    query.push_str(" ORDER BY id DESC LIMIT ? OFFSET ?");
    values.extend(window(page).map(Value::from));
    let mut find = store.prepare_cached(&query)?;
    let rows = find.query_map(params_from_iter(values), read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Write calls of a run, oldest first.
pub(super) fn calls(store: &Connection, run: RunId) -> Result<Vec<CallRecord>, Fault> {
    let mut find = store.prepare_cached(sql::CALLS_OF)?;
    let calls = find.query_map([run.0], |row| {
        let outcome = optional_text(row, 7)?;
        Ok(CallRecord {
            id: CallId(row.get(0)?),
            run: RunId(row.get(1)?),
            box_office: text(row, 2)?,
            kind: named(row, 3)?,
            items: items(row, 4)?,
            body_hash: hexadecimal(row.get_ref(5)?.as_bytes()?),
            sent_at: wall(row, 6)?,
            outcome: outcome.map(|text| Ok::<_, rusqlite::Error>((text, wall(row, 8)?))).transpose()?,
        })
    })?;
    Ok(calls.collect::<rusqlite::Result<_>>()?)
}
