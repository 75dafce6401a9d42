//! The writes for one item, in their order: a contact, b distribution rows, c cultural contact, d `mobile` (TIXNGO contract
//! §6.3 step 10), with the bodies of the S-360 contract.
//!
//! One write at a time: [`Plan::next`] shows the one to be sent, [`Plan::confirm`] takes it off once S-360 has confirmed it.
//! The number of a contact that is created is known only then, and is filled in. A plan need not be kept: after a
//! crash the item is decided again on S-360's present state, which gives what is still to be done.

use std::collections::VecDeque;
use std::fmt;

use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};

use super::box_office::{Authorizations, Contact, ContactNumber, RowStatus};
use super::instant::UtcInstant;
use super::mobile_data::Mobile;
use super::personal::{BirthDate, Email, Name, Number};

/// A contact that may still have to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// It is there.
    Known(ContactNumber),
    /// The contact that the first write of the plan creates.
    Created,
}

impl Serialize for Party {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(number) => number.as_str().serialize(serializer),
            Self::Created => Err(S::Error::custom("the contact is not created yet; confirm the writes in their order")),
        }
    }
}

/// Fields of a contact that are written; those that are `None` are not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub struct ContactFields<'i> {
    #[serde(rename = "individualTitle", skip_serializing_if = "Option::is_none")]
    pub title: Option<&'i str>,
    #[serde(rename = "individualFirstname", skip_serializing_if = "Option::is_none")]
    pub first_name: Option<Name<'i>>,
    #[serde(rename = "individualLastname", skip_serializing_if = "Option::is_none")]
    pub last_name: Option<Name<'i>>,
    #[serde(rename = "individualBirthdate", skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<BirthDate<'i>>,
    #[serde(rename = "individualCountryCode", skip_serializing_if = "Option::is_none")]
    pub nationality: Option<&'i str>,
    #[serde(rename = "individualIdNumber", skip_serializing_if = "Option::is_none")]
    pub id_number: Option<Number<'i>>,
    #[serde(rename = "cellPhoneNumber", skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<Number<'i>>,
    #[serde(rename = "countryCode", skip_serializing_if = "Option::is_none")]
    pub residence_country: Option<&'i str>,
    #[serde(rename = "individualPreferredLanguage", skip_serializing_if = "Option::is_none")]
    pub language: Option<&'i str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizations: Option<Authorizations>,
}

/// Body of one item of `POST /contacts`. **Not idempotent**: after an ambiguous answer look up first ([`Self::look_up`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateContact<'i> {
    /// Names this creation: stored before the first send, and used for every further one.
    pub request_ref: String,
    /// The normalised e-mail.
    pub email: Email<'i>,
    /// What is known of the person.
    #[serde(flatten)]
    pub fields: ContactFields<'i>,
}

impl CreateContact<'_> {
    /// The contact that an earlier send has made after all, among those found by `requestRef`: the one with the lowest
    /// number. If there is none, the e-mail is looked up and the item decided again.
    pub fn look_up<'v>(&self, found: &'v [Contact]) -> Option<&'v ContactNumber> {
        let is_ours = |contact: &&Contact| contact.request_ref.as_deref() == Some(&*self.request_ref);
        found.iter().filter(is_ours).map(|contact| &contact.contact_number).min()
    }
}

/// Body of one item of `POST /contacts/update`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateContact<'i> {
    /// The temporary contact that is completed.
    pub contact_number: ContactNumber,
    /// What changes.
    #[serde(flatten)]
    pub fields: ContactFields<'i>,
}

/// Body of one item of `POST /distributions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpsertDistribution<'i> {
    /// Names the row.
    pub distribution_ref: String,
    /// The ticket that is distributed.
    pub ticket_id: &'i str,
    /// Who gives.
    pub old_contact_number: Option<Party>,
    /// Who gets.
    pub new_contact_number: Option<Party>,
    /// Always `Distribute`.
    pub action: &'static str,
    /// How far it is.
    pub status: RowStatus,
    /// Instant of the item.
    pub at: UtcInstant,
    /// Whether the row is new; not sent.
    #[serde(skip)]
    pub is_new: bool,
}

/// Body of one item of `POST /tickets/cultural-contact`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetCulturalContact<'i> {
    /// The ticket.
    pub ticket_id: &'i str,
    /// The contact it belongs to from now on.
    pub contact_number: Party,
}

/// Body of one item of `POST /tickets/mobile`: the commit mark of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreMobile<'i> {
    /// The ticket.
    pub ticket_id: &'i str,
    /// Names the content.
    pub change_ref: &'i str,
    /// The content.
    pub mobile: &'i Mobile<'i>,
}

/// One write. Serializes as its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "each is documented on its type")]
pub enum Write<'i> {
    CreateContact(Box<CreateContact<'i>>),
    UpdateContact(Box<UpdateContact<'i>>),
    UpsertDistribution(UpsertDistribution<'i>),
    SetCulturalContact(SetCulturalContact<'i>),
    StoreMobile(StoreMobile<'i>),
}

/// The call that a write belongs to; writes of one kind travel together, at most 500 per call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is documented on its type")]
pub enum WriteKind {
    CreateContact,
    UpdateContact,
    UpsertDistribution,
    SetCulturalContact,
    StoreMobile,
}

/// What a confirmed write has done, for the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Effect {
    ContactCreated,
    ContactUpdated,
    RowInserted,
    RowChanged,
    CulturalContactChanged,
    MobileStored,
}

impl Write<'_> {
    /// The call it belongs to.
    pub fn kind(&self) -> WriteKind {
        match self {
            Self::CreateContact(_) => WriteKind::CreateContact,
            Self::UpdateContact(_) => WriteKind::UpdateContact,
            Self::UpsertDistribution(_) => WriteKind::UpsertDistribution,
            Self::SetCulturalContact(_) => WriteKind::SetCulturalContact,
            Self::StoreMobile(_) => WriteKind::StoreMobile,
        }
    }

    /// What its result carries: the values of `requestRef`, `contactNumber`, `distributionRef` and `ticketId`, or
    /// `ticketId` and `changeRef` or `contactNumber`, in the order of the S-360 contract.
    pub fn key(&self) -> (&str, Option<&str>) {
        match self {
            Self::CreateContact(write) => (&write.request_ref, None),
            Self::UpdateContact(write) => (write.contact_number.as_str(), None),
            Self::UpsertDistribution(write) => (&write.distribution_ref, Some(write.ticket_id)),
            Self::SetCulturalContact(write) => (
                write.ticket_id,
                match &write.contact_number {
                    Party::Known(number) => Some(number.as_str()),
                    Party::Created => None,
                },
            ),
            Self::StoreMobile(write) => (write.ticket_id, Some(write.change_ref)),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::CreateContact(_) => Effect::ContactCreated,
            Self::UpdateContact(_) => Effect::ContactUpdated,
            Self::UpsertDistribution(write) if write.is_new => Effect::RowInserted,
            Self::UpsertDistribution(_) => Effect::RowChanged,
            Self::SetCulturalContact(_) => Effect::CulturalContactChanged,
            Self::StoreMobile(_) => Effect::MobileStored,
        }
    }

    /// Fills in the number of the contact that was created.
    fn fill_in(&mut self, number: &ContactNumber) {
        let parties = match self {
            Self::UpsertDistribution(write) => [write.old_contact_number.as_mut(), write.new_contact_number.as_mut()],
            Self::SetCulturalContact(write) => [Some(&mut write.contact_number), None],
            Self::CreateContact(_) | Self::UpdateContact(_) | Self::StoreMobile(_) => [None, None],
        };
        for party in parties.into_iter().flatten().filter(|party| **party == Party::Created) {
            *party = Party::Known(number.clone());
        }
    }
}

/// Something that the rules leave as it is, but that somebody may want to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Discrepancy {
    /// A transfer of which it is not known to whom.
    #[error("the transfer names no valid e-mail of the new owner: no contact, no new row")]
    NoTarget,
    /// The wallet belongs to somebody else than the ticket (D10).
    #[error("the wallet's owner is not the ticket's cultural contact, and no transfer says so: the ticket stays")]
    OwnerIsNotCulturalContact,
    /// A transfer that was begun and of whose end nothing came (D10).
    #[error("a distribution row is still open, and no transfer closes it: the row stays")]
    RowStillOpen,
}

/// The writes that are still to be done for an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'i> {
    writes: VecDeque<Write<'i>>,
    /// For the log and the counter.
    pub discrepancies: Vec<Discrepancy>,
}

/// A contact was created, but its number is not known: the answer is to be treated as ambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer lacks the number of the contact that was created; look it up by its `requestRef`")]
pub struct NumberMissing;

impl<'i> Plan<'i> {
    pub(super) fn new(writes: impl IntoIterator<Item = Write<'i>>, discrepancies: Vec<Discrepancy>) -> Self {
        Self { writes: writes.into_iter().collect(), discrepancies }
    }

    /// Uses the reference of an earlier try to create the contact, if the next write creates one: whatever came of that
    /// try is found by it.
    pub fn refer(&mut self, request_ref: &str) {
        if let Some(Write::CreateContact(write)) = self.writes.front_mut() {
            request_ref.clone_into(&mut write.request_ref);
        }
    }

    /// The write to be sent now; `None` when the item is done.
    pub fn next(&self) -> Option<&Write<'i>> {
        self.writes.front()
    }

    /// All writes that are left, in order; for a preview.
    pub fn writes(&self) -> impl Iterator<Item = &Write<'i>> {
        self.writes.iter()
    }

    /// Takes off the write that S-360 has confirmed; `created` is the number in its answer, if it created a contact.
    /// `Ok(None)`: there was nothing left to confirm.
    pub fn confirm(&mut self, created: Option<&ContactNumber>) -> Result<Option<Effect>, NumberMissing> {
        let Some(write) = self.writes.front() else { return Ok(None) };
        let effect = write.effect();
        if effect == Effect::ContactCreated {
            let number = created.ok_or(NumberMissing)?;
            self.writes.iter_mut().for_each(|write| write.fill_in(number));
        }
        self.writes.pop_front();
        Ok(Some(effect))
    }
}

impl fmt::Display for WriteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateContact => "create contact",
            Self::UpdateContact => "update contact",
            Self::UpsertDistribution => "write distribution",
            Self::SetCulturalContact => "set cultural contact",
            Self::StoreMobile => "store mobile data",
        })
    }
}
