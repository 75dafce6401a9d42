//! What the rules see of S-360: tickets, contacts and distribution rows as its answers spell them (S-360 contract), and
//! the [`View`] that remembers what was looked up.
//!
//! A view never takes "not looked up" for "not there": a decision on it asks for what is missing.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::instant::UtcInstant;
use super::item::Item;
use super::personal::{BirthDate, Email, Name, Number, PrivateText};

/// Most digits of a contact number.
pub const MAX_CONTACT_NUMBER: usize = 20;

/// Number of a contact: 1 to 20 digits. Equal as text, ordered as a number.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContactNumber(Box<str>);

impl ContactNumber {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A contact number that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a contact number is not 1 to {MAX_CONTACT_NUMBER} digits")]
pub struct NotAContactNumber;

impl TryFrom<String> for ContactNumber {
    type Error = NotAContactNumber;

    fn try_from(text: String) -> Result<Self, NotAContactNumber> {
        let is_valid = (1..=MAX_CONTACT_NUMBER).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_valid { Ok(Self(text.into())) } else { Err(NotAContactNumber) }
    }
}

impl From<ContactNumber> for String {
    fn from(number: ContactNumber) -> Self {
        number.0.into()
    }
}

impl Ord for ContactNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        let value = |number: &Self| number.0.parse::<u128>().unwrap_or(u128::MAX);
        value(self).cmp(&value(other)).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for ContactNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for ContactNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A ticket of S-360, as far as the rules look at it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// Its id.
    pub ticket_id: Box<str>,
    /// Its number.
    pub tax_number: Option<Box<str>>,
    /// The organization that sold it.
    pub organization_code: Option<Box<str>>,
    /// The contact it belongs to.
    pub cultural_contact_number: Option<ContactNumber>,
    /// What was stored last; `None` until the first write.
    pub mobile: Option<StoredMobile>,
}

/// The part of a stored `mobile` that decides whether an item has news.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredMobile {
    /// Instant of the stored state.
    pub status_date: Option<UtcInstant>,
    /// Names the stored content.
    pub change_ref: Option<Box<str>>,
}

/// A contact of S-360.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub struct Contact {
    pub contact_number: ContactNumber,
    pub individual_title: Option<Box<str>>,
    pub individual_firstname: Option<Name<'static>>,
    pub individual_lastname: Option<Name<'static>>,
    pub individual_birthdate: Option<BirthDate<'static>>,
    /// As S-360 holds it, perhaps in another case and with outer spaces.
    pub email: Option<PrivateText<'static>>,
    pub individual_country_code: Option<Box<str>>,
    pub individual_id_number: Option<Number<'static>>,
    pub cell_phone_number: Option<Number<'static>>,
    pub country_code: Option<Box<str>>,
    pub individual_preferred_language: Option<Box<str>>,
    pub authorizations: Option<Authorizations>,
    pub has_internet_account: Option<bool>,
    pub request_ref: Option<Box<str>>,
}

/// Consents of a contact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorizations {
    /// E-mails of the institution.
    #[serde(rename = "CNIL_O", skip_serializing_if = "Option::is_none")]
    pub institution: Option<bool>,
    /// E-mails of third parties.
    #[serde(rename = "CNIL_T", skip_serializing_if = "Option::is_none")]
    pub third_party: Option<bool>,
}

/// Status of a distribution row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RowStatus {
    /// Open.
    Pending,
    /// Came to nothing.
    Cancelled,
    /// Done; final.
    Confirmed,
    /// One that the contract does not know; only other people's rows have it.
    #[serde(other)]
    Other,
}

/// A distribution row of S-360.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Distribution {
    /// Names the row; ours begin with `tng:`.
    pub distribution_ref: Option<Box<str>>,
    /// The ticket that is distributed.
    pub ticket_id: Box<str>,
    /// Who gives.
    pub old_contact_number: Option<ContactNumber>,
    /// Who gets.
    pub new_contact_number: Option<ContactNumber>,
    /// How far it is.
    pub status: RowStatus,
    /// Instant of its status.
    pub at: Option<UtcInstant>,
}

impl Distribution {
    /// The reference of a row that we made; `None` for the rows of others.
    pub fn our_ref(&self) -> Option<&str> {
        self.distribution_ref.as_deref().filter(|reference| reference.starts_with("tng:"))
    }
}

/// What was looked up in S-360, and what it answered.
#[derive(Debug, Default)]
pub struct View {
    tickets: HashMap<Box<str>, Option<Ticket>>,
    contacts: HashMap<Box<str>, Vec<Contact>>,
    rows: HashMap<Box<str>, Vec<Distribution>>,
}

impl View {
    /// Notes the answer to a look-up of tickets. What was asked and not answered is unknown to S-360.
    pub fn tickets_answered<'a>(&mut self, asked: impl IntoIterator<Item = &'a str>, answer: Vec<Ticket>) {
        for id in asked {
            self.tickets.insert(id.into(), None);
        }
        for ticket in answer {
            if let Some(place) = self.tickets.get_mut(&ticket.ticket_id) {
                *place = Some(ticket);
            }
        }
    }

    /// Notes the answer to a look-up of contacts by e-mail. Contacts whose e-mail normalises to none that was asked
    /// are not noted.
    pub fn contacts_answered<'a>(&mut self, asked: impl IntoIterator<Item = &'a Email<'a>>, answer: Vec<Contact>) {
        for email in asked {
            self.contacts.insert(email.as_str().into(), Vec::new());
        }
        for contact in answer {
            let email = contact.email.as_ref().and_then(|email| Email::normalised(email.as_str().into()));
            let place = email.and_then(|email| self.contacts.get_mut(email.as_str()));
            if let Some(contacts) = place
                && !contacts.iter().any(|known| known.contact_number == contact.contact_number)
            {
                contacts.push(contact);
            }
        }
    }

    /// Notes the answer to a look-up of distribution rows by ticket.
    pub fn rows_answered<'a>(&mut self, asked: impl IntoIterator<Item = &'a str>, answer: Vec<Distribution>) {
        for id in asked {
            self.rows.insert(id.into(), Vec::new());
        }
        for row in answer {
            if let Some(rows) = self.rows.get_mut(&row.ticket_id) {
                rows.push(row);
            }
        }
    }

    /// Forgets what a write for `item` may have changed, so that the next decision looks it up again.
    pub fn forget(&mut self, item: &Item<'_>) {
        self.tickets.remove(&*item.ticket_id);
        self.rows.remove(&*item.ticket_id);
        for email in [item.target_email(), item.sender_email()].into_iter().flatten() {
            self.contacts.remove(email.as_str());
        }
    }

    /// The ticket: `None` if it was not looked up, `Some(None)` if S-360 does not know it.
    pub fn ticket(&self, id: &str) -> Option<Option<&Ticket>> {
        self.tickets.get(id).map(Option::as_ref)
    }

    /// The contacts with this normalised e-mail: `None` if they were not looked up.
    pub fn contacts(&self, email: &Email<'_>) -> Option<&[Contact]> {
        self.contacts.get(email.as_str()).map(Vec::as_slice)
    }

    /// The rows of the ticket, oldest first: `None` if they were not looked up.
    pub fn rows(&self, ticket_id: &str) -> Option<&[Distribution]> {
        self.rows.get(ticket_id).map(Vec::as_slice)
    }
}
