//! What is known of mobile tickets, contacts and distribution rows: masked, as JSON and as CSV.

use std::borrow::Cow;

use serde::Serialize;
use ticketbridge_core::mobile::{Email, Name};
use ticketbridge_store::{BoxContact, BoxDistribution, FeedbackFilter, FeedbackStore, MobileTicket, PageId};
use utoipa::ToSchema;

use super::{Listing, MobileFault, Window};
use crate::view::csv::Record;

/// What is shown of an e-mail that cannot be read as one.
const MASKED: &str = "***";

/// Which records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordQuery {
    /// Of this organizer.
    pub organizer: Option<String>,
    /// Of the ticket with this id.
    pub ticket_id: Option<String>,
}

impl RecordQuery {
    fn filter(&self) -> FeedbackFilter {
        FeedbackFilter {
            organizer: self.organizer.as_deref().map(Box::from),
            ticket_id: self.ticket_id.as_deref().map(Box::from),
            email: None,
        }
    }
}

/// A mobile ticket as it is stored in the box office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MobileTicketView {
    /// The organizer.
    pub organizer: String,
    /// Id of the ticket.
    pub ticket_id: String,
    /// Ticket number.
    pub tax_number: Option<String>,
    /// Mobile status.
    #[schema(value_type = String)]
    pub status: &'static str,
    /// Instant of the status.
    pub status_date: String,
    /// The owner's e-mail, masked.
    pub owner_email: Option<String>,
    /// The beneficiary, masked.
    pub beneficiary: Option<String>,
    /// The page that brought it.
    pub page: PageId,
    /// When it was written.
    pub at: String,
}

/// A contact that was created or completed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContactView {
    /// The platform.
    pub box_office: String,
    /// The organizer whose run did it last.
    pub organizer: String,
    /// Its number.
    pub contact_number: String,
    /// Its e-mail, masked.
    pub email: Option<String>,
    /// Created by us; otherwise only completed.
    pub created: bool,
    /// The ticket it was for.
    pub ticket_id: String,
    /// When it was last written.
    pub at: String,
}

/// A distribution row that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DistributionView {
    /// The organizer.
    pub organizer: String,
    /// Its reference.
    pub distribution_ref: String,
    /// The ticket.
    pub ticket_id: String,
    /// Number of the contact who gives.
    pub old_contact: Option<String>,
    /// Number of the contact who gets.
    pub new_contact: Option<String>,
    /// How far it is.
    pub status: ticketbridge_core::mobile::RowStatus,
    /// Instant of the item that wrote it.
    pub row_at: String,
    /// When it was written.
    pub at: String,
}

impl From<MobileTicket> for MobileTicketView {
    fn from(ticket: MobileTicket) -> Self {
        Self {
            organizer: ticket.organizer.into(),
            ticket_id: ticket.ticket_id.into(),
            tax_number: ticket.tax_number.map(String::from),
            status: ticket.status.as_str(),
            status_date: ticket.status_date.to_string(),
            owner_email: ticket.owner_email.as_deref().map(masked_email),
            beneficiary: ticket.beneficiary.as_deref().map(|name| Name::from(Cow::Borrowed(name)).to_string()),
            page: ticket.page,
            at: ticket.at.to_rfc3339(),
        }
    }
}

impl From<BoxContact> for ContactView {
    fn from(contact: BoxContact) -> Self {
        Self {
            box_office: contact.box_office.into(),
            organizer: contact.organizer.into(),
            contact_number: contact.contact_number.as_str().to_owned(),
            email: contact.email.as_deref().map(masked_email),
            created: contact.created,
            ticket_id: contact.ticket_id.into(),
            at: contact.at.to_rfc3339(),
        }
    }
}

impl From<BoxDistribution> for DistributionView {
    fn from(row: BoxDistribution) -> Self {
        Self {
            organizer: row.organizer.into(),
            distribution_ref: row.distribution_ref.into(),
            ticket_id: row.ticket_id.into(),
            old_contact: row.old_contact.map(String::from),
            new_contact: row.new_contact.map(String::from),
            status: row.status,
            row_at: row.row_at.to_string(),
            at: row.at.to_rfc3339(),
        }
    }
}

impl Record for MobileTicketView {
    const COLUMNS: &[&str] =
        &["organizer", "ticket_id", "tax_number", "status", "status_date", "owner_email", "beneficiary", "page", "at"];

    fn cells(&self) -> Vec<String> {
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            self.organizer.clone(),
            self.ticket_id.clone(),
            optional(&self.tax_number),
            self.status.to_owned(),
            self.status_date.clone(),
            optional(&self.owner_email),
            optional(&self.beneficiary),
            self.page.0.to_string(),
            self.at.clone(),
        ]
    }
}

impl Record for ContactView {
    const COLUMNS: &[&str] = &["box_office", "organizer", "contact_number", "email", "created", "ticket_id", "at"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.box_office.clone(),
            self.organizer.clone(),
            self.contact_number.clone(),
            self.email.clone().unwrap_or_default(),
            self.created.to_string(),
            self.ticket_id.clone(),
            self.at.clone(),
        ]
    }
}

impl Record for DistributionView {
    const COLUMNS: &[&str] =
        &["organizer", "distribution_ref", "ticket_id", "old_contact", "new_contact", "status", "row_at", "at"];

    fn cells(&self) -> Vec<String> {
        let status = serde_json::to_value(self.status).ok();
        vec![
            self.organizer.clone(),
            self.distribution_ref.clone(),
            self.ticket_id.clone(),
            self.old_contact.clone().unwrap_or_default(),
            self.new_contact.clone().unwrap_or_default(),
            status.as_ref().and_then(|status| status.as_str()).unwrap_or_default().to_owned(),
            self.row_at.clone(),
            self.at.clone(),
        ]
    }
}

/// Mobile tickets, the last written first.
pub async fn mobile_tickets(
    store: &dyn FeedbackStore,
    query: &RecordQuery,
    window: Window,
) -> Result<Listing<MobileTicketView>, MobileFault> {
    let rows = store.mobile_tickets(&query.filter(), window.checked()?).await?;
    Ok(window.listing(rows, MobileTicketView::from))
}

/// Contacts that were created or completed, the last written first.
pub async fn box_contacts(
    store: &dyn FeedbackStore,
    query: &RecordQuery,
    window: Window,
) -> Result<Listing<ContactView>, MobileFault> {
    let rows = store.box_contacts(&query.filter(), window.checked()?).await?;
    Ok(window.listing(rows, ContactView::from))
}

/// Distribution rows that were written, the last written first.
pub async fn box_distributions(
    store: &dyn FeedbackStore,
    query: &RecordQuery,
    window: Window,
) -> Result<Listing<DistributionView>, MobileFault> {
    let rows = store.box_distributions(&query.filter(), window.checked()?).await?;
    Ok(window.listing(rows, DistributionView::from))
}

fn masked_email(text: &str) -> String {
    Email::normalised(Cow::Borrowed(text)).map_or_else(|| String::from(MASKED), |email| email.to_string())
}

#[cfg(test)]
mod tests {
    use super::{ContactView, masked_email};
    use crate::view::csv::csv;

    fn contact(ticket_id: &str) -> ContactView {
        ContactView {
            box_office: String::from("s360"),
            organizer: String::from("demo"),
            contact_number: String::from("1001"),
            email: Some(String::from("a***@example.org")),
            created: true,
            ticket_id: ticket_id.to_owned(),
            at: String::from("2026-05-04T08:00:00.000Z"),
        }
    }

    #[test]
    fn no_cell_can_be_a_formula_and_none_breaks_its_line() {
        for (ticket_id, cell) in [
            ("=1+1", "'=1+1"),
            ("+41", "'+41"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("=\"a\",b", "\"'=\"\"a\"\",b\""),
            ("a=b", "a=b"),
            ("two\nlines", "\"two\nlines\""),
        ] {
            let text = csv(&[contact(ticket_id)]);
            let expected = format!("s360,demo,1001,a***@example.org,true,{cell},2026-05-04T08:00:00.000Z\r\n");
            let (header, row) = text.split_once("\r\n").unwrap();
            assert_eq!(header, "box_office,organizer,contact_number,email,created,ticket_id,at");
            assert_eq!(row, expected);
        }
    }

    #[test]
    fn what_is_no_email_shows_nothing_of_itself() {
        assert_eq!(masked_email("Ann@Example.org"), "a***@example.org");
        assert_eq!(masked_email("Ann Example"), "***");
    }
}
