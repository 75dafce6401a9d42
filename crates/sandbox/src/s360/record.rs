//! What S-360 stores, and the effects that change it. The records are written as they stand on the wire.
//!
//! An effect is whole when it is made: contact numbers are already drawn, so that it can take place at any later time
//! without asking anything.

use serde::{Deserialize, Serialize};

use super::mobile::Mobile;

/// The state of the printed ticket, which no call writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PrintStatus {
    /// Not given out yet.
    NotPrinted,
    /// Given out.
    Printed,
    /// Let in at the gate.
    Controlled,
    /// Taken back, another is or will be printed.
    Invalidated,
    /// Taken back for good.
    Cancelled,
}

/// A ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ticket {
    /// Its id.
    pub ticket_id: Box<str>,
    /// Its number.
    #[serde(default)]
    pub tax_number: Option<Box<str>>,
    /// The organization that sold it.
    #[serde(default)]
    pub organization_code: Option<Box<str>>,
    /// The file it was sold in.
    #[serde(default)]
    pub file_id: Option<Box<str>>,
    /// The state of the printed ticket.
    pub print_status: PrintStatus,
    /// The contact to whom it belongs.
    #[serde(default)]
    pub cultural_contact_number: Option<Box<str>>,
    /// What the mobile ticket was last said to be; `None` until the first write.
    #[serde(default)]
    pub mobile: Option<Box<Mobile>>,
}

/// One entry of a ticket's mobile history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct History {
    /// The ticket.
    #[serde(default)]
    pub ticket_id: Box<str>,
    /// The write's reference.
    #[serde(default)]
    pub change_ref: Box<str>,
    /// The mobile status.
    pub status: Box<str>,
    /// The instant of that status.
    pub at: Box<str>,
    /// The owner's e-mail.
    #[serde(default)]
    pub owner_email: Option<Box<str>>,
    /// Always `TIXNGO`.
    #[serde(default = "tixngo")]
    pub source: Box<str>,
}

fn tixngo() -> Box<str> {
    "TIXNGO".into()
}

/// What a contact allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorizations {
    /// Mail of the institution.
    #[serde(rename = "CNIL_O", default)]
    pub institution: Option<bool>,
    /// Mail of third parties.
    #[serde(rename = "CNIL_T", default)]
    pub third_party: Option<bool>,
}

/// A contact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contact {
    /// Its number.
    pub contact_number: Box<str>,
    /// `Individual`.
    #[serde(rename = "type", default = "individual")]
    pub kind: Box<str>,
    /// `PUBLIC`.
    #[serde(default = "public")]
    pub role: Box<str>,
    /// The title.
    #[serde(default)]
    pub individual_title: Option<Box<str>>,
    /// The first name.
    #[serde(default)]
    pub individual_firstname: Option<Box<str>>,
    /// The last name.
    #[serde(default)]
    pub individual_lastname: Option<Box<str>>,
    /// The day of birth.
    #[serde(default)]
    pub individual_birthdate: Option<Box<str>>,
    /// The e-mail.
    #[serde(default)]
    pub email: Option<Box<str>>,
    /// The nationality.
    #[serde(default)]
    pub individual_country_code: Option<Box<str>>,
    /// The number of an identity card.
    #[serde(default)]
    pub individual_id_number: Option<Box<str>>,
    /// The phone number.
    #[serde(default)]
    pub cell_phone_number: Option<Box<str>>,
    /// The country of residence.
    #[serde(default)]
    pub country_code: Option<Box<str>>,
    /// The language.
    #[serde(default)]
    pub individual_preferred_language: Option<Box<str>>,
    /// What the contact allows.
    #[serde(default)]
    pub authorizations: Authorizations,
    /// Whether the contact has a login.
    #[serde(default)]
    pub has_internet_account: bool,
    /// The reference under which it was made; `None` for one that S-360 made itself.
    #[serde(default)]
    pub request_ref: Option<Box<str>>,
}

pub(super) fn individual() -> Box<str> {
    "Individual".into()
}

pub(super) fn public() -> Box<str> {
    "PUBLIC".into()
}

/// The state of a distribution row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RowStatus {
    /// The transfer is open.
    Pending,
    /// It came to nothing.
    Cancelled,
    /// It came about.
    Confirmed,
}

/// A distribution row: a ticket handed from one contact to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Distribution {
    /// The reference; `None` for a row that S-360 made itself.
    #[serde(default)]
    pub distribution_ref: Option<Box<str>>,
    /// The ticket.
    pub ticket_id: Box<str>,
    /// Who hands it on.
    #[serde(default)]
    pub old_contact_number: Option<Box<str>>,
    /// Who gets it.
    pub new_contact_number: Box<str>,
    /// `Distribute`.
    pub action: Box<str>,
    /// The state.
    pub status: RowStatus,
    /// The instant of that state.
    pub at: Box<str>,
}

/// A new value of one field of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The field's name on the wire; `CNIL_O` and `CNIL_T` for the authorizations.
    pub field: &'static str,
    /// The value.
    pub value: Value,
}

/// What a field of a contact gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text, or nothing.
    Text(Option<Box<str>>),
    /// An authorization.
    Consent(Option<bool>),
}

/// A change of the records.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Mobile data is replaced: ticket and data.
    WriteMobile(Vec<(Box<str>, Mobile)>),
    /// Contacts are made.
    CreateContacts(Vec<Contact>),
    /// Contacts are changed: number and changes.
    UpdateContacts(Vec<(Box<str>, Vec<Change>)>),
    /// Distribution rows are written by their reference.
    WriteDistributions(Vec<Distribution>),
    /// Cultural contacts are set: ticket and contact number.
    SetCulturalContacts(Vec<(Box<str>, Box<str>)>),
}
