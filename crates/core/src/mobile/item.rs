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

const MEMBERS: [&str; 12] = [
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
];

impl<'a> Item<'a> {
    /// Reads one item of a page. Any text is allowed; nothing panics and nothing is dropped silently.
    pub fn read(json: &'a str, skip: &SkipList) -> Reading<'a> {
        let Some(members) = json::members(json, &MEMBERS) else {
            return Reading::Failed { ticket_id: None, code: FailureCode::BadItem };
        };
        let [ticket_id, tax_number, status, updated_at, spectator, holder, transfer, activation, deletion, extra, ..] =
            members;
        let [.., model, attributes] = members;
        let Some(ticket_id) = ticket_id.and_then(json::string).filter(|id| is_ticket_id(id)) else {
            return Reading::Failed { ticket_id: None, code: FailureCode::BadItem };
        };
        let tax_number = tax_number.and_then(json::string).filter(|number| !number.is_empty());
        if skip.contains(&ticket_id, tax_number.as_deref()) {
            return Reading::Skipped { ticket_id };
        }
        let is_v4 = model.and_then(json::string).is_some_and(|model| model == "V4");
        let Some(status) = status.and_then(json::string).and_then(|status| {
            if is_v4 { status::from_v4(&status, attributes, previous_owner(json)) } else { Status::named(&status) }
        }) else {
            return Reading::Failed { ticket_id: Some(ticket_id), code: FailureCode::UnknownStatus };
        };
        let Some(status_date) = updated_at.and_then(json::string).and_then(|text| UtcInstant::parse(&text)) else {
            return Reading::Failed { ticket_id: Some(ticket_id), code: FailureCode::BadField };
        };
        let mut cleaner = Cleaner::default();
        let [beacon] = cleaner.members("activation", activation, &["beaconName"]);
        let [reason] = cleaner.members("deletion", deletion, &["reason"]);
        let mobile = Mobile {
            beacon_name: cleaner.text("beaconName", beacon),
            beneficiary: Beneficiary::clean(holder, &mut cleaner),
            deletion_reason: cleaner.text("reason", reason),
            extra_info: ExtraInfo::clean(extra, &mut cleaner),
            owner: Owner::clean(spectator, &mut cleaner),
            status,
            status_date,
        };
        let transfer = Transfer::clean(transfer, &mut cleaner);
        let change_ref = change_ref(&ticket_id, &mobile, &transfer);
        let warnings = cleaner.warnings;
        Reading::Item(Box::new(Self { ticket_id, tax_number, is_v4, mobile, transfer, change_ref, warnings }))
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

fn is_ticket_id(id: &str) -> bool {
    !id.is_empty() && id.chars().nth(MAX_TICKET_ID).is_none()
}

/// `previousOwnerEmail`, raw. Looked for only in V4 items.
fn previous_owner(json: &str) -> Option<&str> {
    json::members(json, &["previousOwnerEmail"]).and_then(|[raw]| raw)
}
