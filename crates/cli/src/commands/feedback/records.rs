//! `feedback tickets|contacts|distributions`: what was written, masked.

use serde::Serialize;
use ticketbridge_engine::view::mobile::{self, Listing, Record, RecordQuery, Window};

use super::Desk;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Mobile tickets.
pub(super) async fn tickets(desk: &Desk, wanted: arguments::Records) -> Result<(), Failure> {
    let (query, window, csv) = wanted_of(wanted);
    show(desk, csv, &mobile::mobile_tickets(&**desk.feedback.store(), &query, window).await?);
    Ok(())
}

/// Contacts.
pub(super) async fn contacts(desk: &Desk, wanted: arguments::Records) -> Result<(), Failure> {
    let (query, window, csv) = wanted_of(wanted);
    show(desk, csv, &mobile::box_contacts(&**desk.feedback.store(), &query, window).await?);
    Ok(())
}

/// Distribution rows.
pub(super) async fn distributions(desk: &Desk, wanted: arguments::Records) -> Result<(), Failure> {
    let (query, window, csv) = wanted_of(wanted);
    show(desk, csv, &mobile::box_distributions(&**desk.feedback.store(), &query, window).await?);
    Ok(())
}

fn wanted_of(wanted: arguments::Records) -> (RecordQuery, Window, bool) {
    let arguments::Records { organizer, ticket, csv, limit, offset } = wanted;
    (RecordQuery { organizer, ticket_id: ticket }, Window { offset, limit }, csv)
}

fn show<R: Record + Serialize>(desk: &Desk, csv: bool, listing: &Listing<R>) {
    if csv {
        output::data(mobile::csv(&listing.items).trim_end_matches('\n'));
    } else if desk.json {
        output::json(listing);
        return;
    } else {
        let header: Vec<String> = R::COLUMNS.iter().map(|column| column.replace('_', " ")).collect();
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        let rows = listing
            .items
            .iter()
            .map(|record| record.cells().into_iter().map(|cell| output::or_dash(Some(&cell))).collect::<Vec<_>>());
        output::table(&header, rows);
    }
    if let Some(next) = listing.next {
        output::talk(&format!("There may be more; add --offset {next}."));
    }
}
