//! One item of a diff page: what can be told from the item alone (TIXNGO contract §4.2, §4.4, §6.2 and §6.3 steps 1 to 4).
//!
//! Texts are borrowed from the item's JSON wherever they need no change. Ticket ids have at most 256 characters; a longer
//! one is a `BAD_ITEM`, like a missing one.

use std::borrow::Cow;

use super::clean::{Cleaner, Warning};
use super::instant::UtcInstant;
use super::json;
use super::mobile_data::{Beneficiary, ExtraInfo, Mobile, Owner, Transfer, change_ref};
use super::outcome::FailureCode;
use super::personal::Email;
use super::skip_list::SkipList;
use super::status::{self, Status, TransferStage};

/// Longest ticket id, in characters.
pub const MAX_TICKET_ID: usize = 256;

/// An item that may be written: cleaned, with a lifecycle status and an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<'a> {
    /// Id of the ticket.
    pub ticket_id: Cow<'a, str>,
    /// Ticket number, verbatim; `None` if it is missing or empty.
    pub tax_number: Option<Cow<'a, str>>,
    /// Whether it came as a V4 item; its status is mapped already.
    pub is_v4: bool,
    /// What is to be stored.
    pub mobile: Mobile<'a>,
    /// The latest transfer.
    pub transfer: Transfer<'a>,
    /// Names ticket, `mobile` and `transfer`.
    pub change_ref: String,
    /// What was dropped or cut, for the log.
    pub warnings: Vec<Warning>,
}

/// What an item's JSON turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<'a> {
    /// On the skip list: not looked up, not written, but handled.
    Skipped {
        /// Id of the ticket.
        ticket_id: Cow<'a, str>,
    },
    /// A ticket error: no look-up, no write.
    Failed {
        /// Id of the ticket, if it has one.
        ticket_id: Option<Cow<'a, str>>,
        /// What is wrong.
        code: FailureCode,
    },
    /// To be looked up and decided.
    Item(Box<Item<'a>>),
}

impl<'a> Item<'a> {
    /// Reads one item of a page. Any text is allowed; nothing panics and nothing is dropped silently.
    pub fn read(json: &'a str, skip: &SkipList) -> Reading<'a> {
        let failed = |ticket_id, code| Reading::Failed { ticket_id, code };
        let Some(raw) = RawItem::of(json) else { return failed(None, FailureCode::BadItem) };
        let Some(ticket_id) = raw.ticket_id.and_then(json::string).filter(|id| is_ticket_id(id)) else {
            return failed(None, FailureCode::BadItem);
        };
        let tax_number = raw.tax_number.and_then(json::string).filter(|number| !number.is_empty());
        if skip.contains(&ticket_id, tax_number.as_deref()) {
            return Reading::Skipped { ticket_id };
        }
        let Some(status) = raw.status() else { return failed(Some(ticket_id), FailureCode::UnknownStatus) };
        let Some(status_date) = raw.updated_at.and_then(json::string).and_then(|text| UtcInstant::parse(&text)) else {
            return failed(Some(ticket_id), FailureCode::BadField);
        };
        let mut cleaner = Cleaner::default();
        let mobile = raw.mobile(status, status_date, &mut cleaner);
        let transfer = Transfer::clean(raw.transfer, &mut cleaner);
        Reading::Item(Box::new(Self {
            change_ref: change_ref(&ticket_id, &mobile, &transfer),
            is_v4: raw.is_v4(),
            warnings: cleaner.warnings,
            ticket_id,
            tax_number,
            mobile,
            transfer,
        }))
    }

    /// What its status says about a transfer.
    pub fn transfer_stage(&self) -> Option<TransferStage> {
        self.mobile.status.transfer_stage()
    }

    /// The owner's e-mail.
    pub fn owner_email(&self) -> Option<&Email<'a>> {
        self.mobile.owner.as_ref()?.email.as_ref()
    }

    /// Whose contact is to be the new one (contract §6.4). `None` also if the status moves no ticket.
    pub fn target_email(&self) -> Option<&Email<'a>> {
        let recipient = self.transfer.recipient_email.as_ref();
        match self.transfer_stage()? {
            TransferStage::Confirmed => self.owner_email().or_else(|| recipient.filter(|_| !self.is_v4)),
            TransferStage::Pending | TransferStage::Cancelled => recipient,
        }
    }

    /// Who gives the ticket away (contract §6.5 step 1): while a transfer is not done, the owner is still the sender.
    pub fn sender_email(&self) -> Option<&Email<'a>> {
        let owner = match self.transfer_stage()? {
            TransferStage::Confirmed => None,
            TransferStage::Pending | TransferStage::Cancelled => self.owner_email(),
        };
        self.transfer.sender_email.as_ref().or(owner)
    }
}

/// The members of an item, as raw JSON; null is `None`.
struct RawItem<'a> {
    ticket_id: Option<&'a str>,
    tax_number: Option<&'a str>,
    status: Option<&'a str>,
    updated_at: Option<&'a str>,
    spectator_details: Option<&'a str>,
    holder: Option<&'a str>,
    transfer: Option<&'a str>,
    activation: Option<&'a str>,
    deletion: Option<&'a str>,
    extra_info: Option<&'a str>,
    model: Option<&'a str>,
    attributes: Option<&'a str>,
    previous_owner_email: Option<&'a str>,
}

const MEMBERS: [&str; 13] = [
    "ticketId",
    "taxNumber",
    "status",
    "updatedAt",
    "spectatorDetails",
    "holder",
    "transfer",
    "activation",
    "deletion",
    "extraInfo",
    "model",
    "attributes",
    "previousOwnerEmail",
];

impl<'a> RawItem<'a> {
    /// `None` if it is not an object.
    fn of(json: &'a str) -> Option<Self> {
        let [
            ticket_id,
            tax_number,
            status,
            updated_at,
            spectator_details,
            holder,
            transfer,
            activation,
            deletion,
            extra_info,
            model,
            attributes,
            previous_owner_email,
        ] = json::members(json, &MEMBERS)?;
        Some(Self {
            ticket_id,
            tax_number,
            status,
            updated_at,
            spectator_details,
            holder,
            transfer,
            activation,
            deletion,
            extra_info,
            model,
            attributes,
            previous_owner_email,
        })
    }

    fn is_v4(&self) -> bool {
        self.model.and_then(json::string).is_some_and(|model| model == "V4")
    }

    fn status(&self) -> Option<Status> {
        let status = json::string(self.status?)?;
        if self.is_v4() {
            status::from_v4(&status, self.attributes, self.previous_owner_email)
        } else {
            Status::named(&status)
        }
    }

    fn mobile(&self, status: Status, status_date: UtcInstant, cleaner: &mut Cleaner) -> Mobile<'a> {
        let [beacon_name] = cleaner.members("activation", self.activation, &["beaconName"]);
        let [reason] = cleaner.members("deletion", self.deletion, &["reason"]);
        Mobile {
            beacon_name: cleaner.text("beaconName", beacon_name),
            beneficiary: Beneficiary::clean(self.holder, cleaner),
            deletion_reason: cleaner.text("reason", reason),
            extra_info: ExtraInfo::clean(self.extra_info, cleaner),
            owner: Owner::clean(self.spectator_details, cleaner),
            status,
            status_date,
        }
    }
}

fn is_ticket_id(id: &str) -> bool {
    !id.is_empty() && id.chars().nth(MAX_TICKET_ID).is_none()
}
