//! People at work at the box office: contacts that are edited, tickets that are taken back or locked, rows made by hand. All
//! of it is visible to reads at once.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fields::{self, Rule};
use super::record::{Distribution, PrintStatus, RowStatus};
use super::shelves::{Shelves, Sort};
use super::write;
use crate::clock::Millis;
use crate::text::rfc3339;

/// What somebody does to a contact. In JSON: `{"action": "give_login"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ContactAct {
    /// Writes fields by their names on the wire, `authorizations` included.
    Edit {
        /// The fields; null empties one.
        fields: Map<String, Value>,
    },
    /// Writes another e-mail, which callers cannot.
    SetEmail {
        /// The e-mail, or null.
        email: Option<String>,
    },
    /// Gives the contact an internet account.
    GiveLogin {},
    /// Takes it away.
    TakeLogin {},
    /// Keeps the contact open for editing: writes of it are refused with `LOCKED`.
    Lock {},
    /// Closes it again.
    Unlock {},
}

/// What somebody does to a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum TicketAct {
    /// Gives the ticket to another contact, or to none.
    SetCulturalContact {
        /// The contact's number, or null.
        contact_number: Option<String>,
    },
    /// Adds a distribution row without a reference, as S-360 makes them itself.
    AddRow {
        /// Who hands the ticket on.
        #[serde(default)]
        old_contact_number: Option<String>,
        /// Who gets it.
        new_contact_number: String,
        /// The row's state.
        status: RowStatus,
        /// The instant of that state; now if absent.
        #[serde(default)]
        at: Option<String>,
    },
    /// `PRINTED`.
    Print {},
    /// `CONTROLLED`.
    Control {},
    /// `INVALIDATED`.
    Invalidate {},
    /// `CANCELLED`.
    Cancel {},
    /// Keeps the ticket open for editing: writes of it are refused with `LOCKED`.
    Lock {},
    /// Closes it again.
    Unlock {},
}

/// Why that could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperatorError {
    /// No such ticket.
    #[error("there is no ticket {0}")]
    NoSuchTicket(String),
    /// No such contact.
    #[error("there is no contact {0}")]
    NoSuchContact(String),
    /// A value is wrong.
    #[error("{0}")]
    WrongValue(String),
    /// There is no room for more.
    #[error("the platform is full: at most {0} distribution rows")]
    Full(usize),
}

pub(super) fn on_contact(shelves: &mut Shelves, number: &str, act: &ContactAct) -> Result<(), OperatorError> {
    let unknown = || OperatorError::NoSuchContact(number.to_owned());
    let contact = shelves.contact_mut(number).ok_or_else(unknown)?;
    match act {
        ContactAct::Edit { fields } => {
            let changes = write::changes_of(fields, &[]).map_err(OperatorError::WrongValue)?;
            shelves.change_contact(number, changes);
        }
        ContactAct::SetEmail { email } => {
            shelves.move_contact(number, email.as_deref().map(Into::into));
        }
        ContactAct::GiveLogin {} => contact.has_internet_account = true,
        ContactAct::TakeLogin {} => contact.has_internet_account = false,
        ContactAct::Lock {} => shelves.set_locked(Sort::Contact, number, true),
        ContactAct::Unlock {} => shelves.set_locked(Sort::Contact, number, false),
    }
    Ok(())
}

pub(super) fn on_ticket(shelves: &mut Shelves, now: Millis, id: &str, act: &TicketAct) -> Result<(), OperatorError> {
    let known = |number: &Option<String>, shelves: &Shelves| match number {
        Some(number) if shelves.contact(number).is_none() => Err(OperatorError::NoSuchContact(number.clone())),
        _ => Ok(()),
    };
    if shelves.ticket(id).is_none() {
        return Err(OperatorError::NoSuchTicket(id.to_owned()));
    }
    let status = match act {
        TicketAct::SetCulturalContact { contact_number } => {
            known(contact_number, shelves)?;
            if let Some(ticket) = shelves.ticket_mut(id) {
                ticket.cultural_contact_number = contact_number.as_deref().map(Into::into);
            }
            return Ok(());
        }
        TicketAct::AddRow { old_contact_number, new_contact_number, status, at } => {
            known(old_contact_number, shelves)?;
            known(&Some(new_contact_number.clone()), shelves)?;
            let at = at.clone().unwrap_or_else(|| rfc3339(now));
            fields::check(Rule::Instant, "at", &at).map_err(OperatorError::WrongValue)?;
            shelves.insert_row(Distribution {
                distribution_ref: None,
                ticket_id: id.into(),
                old_contact_number: old_contact_number.as_deref().map(Into::into),
                new_contact_number: new_contact_number.as_str().into(),
                action: "Distribute".into(),
                status: *status,
                at: at.into(),
            });
            return Ok(());
        }
        TicketAct::Lock {} | TicketAct::Unlock {} => {
            shelves.set_locked(Sort::Ticket, id, matches!(act, TicketAct::Lock {}));
            return Ok(());
        }
        TicketAct::Print {} => PrintStatus::Printed,
        TicketAct::Control {} => PrintStatus::Controlled,
        TicketAct::Invalidate {} => PrintStatus::Invalidated,
        TicketAct::Cancel {} => PrintStatus::Cancelled,
    };
    if let Some(ticket) = shelves.ticket_mut(id) {
        ticket.print_status = status;
    }
    Ok(())
}
