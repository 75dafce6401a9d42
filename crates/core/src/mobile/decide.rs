//! One item against S-360's present state (TIXNGO contract §6.3, steps 5 to 10).
//!
//! [`decide`] answers either what to do or what has to be looked up first; two rounds of look-ups are enough. Unchanged and
//! stale items cost no look-up but that of the ticket.

use std::collections::HashSet;

use super::box_office::{Contact, Distribution, Ticket, View};
use super::contacts::{resolve, target_contact};
use super::distribution::{Transferring, cancel_open, open_rows, row_writes};
use super::item::Item;
use super::order::Keys;
use super::outcome::FailureCode;
use super::personal::Email;
use super::plan::{Discrepancy, Party, Plan, SetCulturalContact, StoreMobile, Write};
use super::skip_list::SkipList;
use super::status::TransferStage;

/// The settings of a function that the rules look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Tickets never written.
    pub skip: SkipList,
    /// Organization codes that may be written. Empty: all.
    pub organizations: HashSet<Box<str>>,
    /// Contacts and distributions on or off.
    pub distribute: bool,
}

/// What has to be looked up before an item can be decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs<'i> {
    /// A ticket by its id.
    pub ticket: Option<&'i str>,
    /// Contacts by e-mail; at most two.
    pub emails: Vec<&'i Email<'i>>,
    /// The distribution rows of a ticket, by its id.
    pub rows: Option<&'i str>,
}

/// What becomes of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<'i> {
    /// A ticket error; nothing is written.
    Failed(FailureCode),
    /// Stored already; no call at all.
    Unchanged,
    /// Something later is stored; nothing is written.
    Stale,
    /// To be written. The item is `updated` when the plan's last write is confirmed.
    Update(Plan<'i>),
}

/// Decides an item on what was looked up in S-360, or asks for what is missing.
pub fn decide<'i>(item: &'i Item<'_>, view: &View, rules: &Rules) -> Result<Decision<'i>, Needs<'i>> {
    let Some(ticket) = view.ticket(&item.ticket_id) else {
        return Err(Needs { ticket: Some(&item.ticket_id), ..Needs::default() });
    };
    let ticket = match admit(item, ticket, rules) {
        Ok(ticket) => ticket,
        Err(code) => return Ok(Decision::Failed(code)),
    };
    if let Some(stored) = &ticket.mobile {
        if stored.change_ref.as_deref() == Some(&item.change_ref) {
            return Ok(Decision::Unchanged);
        }
        if stored.status_date.is_some_and(|stored| stored > item.mobile.status_date) {
            return Ok(Decision::Stale);
        }
    }
    let seen = Seen::gather(item, ticket, view, rules)?;
    let (mut writes, discrepancies) = match item.transfer_stage() {
        _ if !rules.distribute => (Vec::new(), Vec::new()),
        Some(stage) => match item.target_email() {
            Some(target) => (transfer_writes(item, stage, target, ticket, &seen), Vec::new()),
            None => (untargeted_writes(item, stage, &seen), vec![Discrepancy::NoTarget]),
        },
        None => (Vec::new(), seen.discrepancies(item, ticket)),
    };
    writes.push(Write::StoreMobile(StoreMobile {
        ticket_id: &item.ticket_id,
        change_ref: &item.change_ref,
        mobile: &item.mobile,
    }));
    Ok(Decision::Update(Plan::new(writes, discrepancies)))
}

/// Steps 5 to 7: whether the item may be written to this ticket.
fn admit<'v>(item: &Item<'_>, ticket: Option<&'v Ticket>, rules: &Rules) -> Result<&'v Ticket, FailureCode> {
    let ticket = ticket.ok_or(FailureCode::UnknownTicket)?;
    let known = ticket.tax_number.as_deref().filter(|number| !number.is_empty());
    if let (Some(ours), Some(theirs)) = (known, item.tax_number.as_deref())
        && ours != theirs
    {
        return Err(FailureCode::TaxNumberMismatch);
    }
    let is_ours = |code| rules.organizations.contains(code);
    if !rules.organizations.is_empty() && !ticket.organization_code.as_deref().is_some_and(is_ours) {
        return Err(FailureCode::UnknownOrganization);
    }
    Ok(ticket)
}

/// What the rules of §6.4 and §6.5 need to see; empty where they do not ask.
#[derive(Default)]
struct Seen<'v> {
    rows: &'v [Distribution],
    target: &'v [Contact],
    sender: &'v [Contact],
    owner: &'v [Contact],
}

impl<'v> Seen<'v> {
    /// Takes it from the view, or says all that is missing in it.
    fn gather<'i>(item: &'i Item<'_>, ticket: &Ticket, view: &'v View, rules: &Rules) -> Result<Self, Needs<'i>> {
        if !rules.distribute {
            return Ok(Self::default());
        }
        let stage = item.transfer_stage();
        let target = item.target_email();
        let has_contact = ticket.cultural_contact_number.is_some();
        // Without a target only a transfer that failed looks at rows; a status that moves nothing compares, for the log.
        let wants_rows = target.is_some() || stage.is_none_or(|stage| stage == TransferStage::Cancelled);
        let sender = item.sender_email().filter(|_| target.is_some() && !has_contact);
        let owner = item.owner_email().filter(|_| stage.is_none() && has_contact);
        let mut needs = Needs::default();
        let mut look = |email: Option<&'i Email<'_>>| match email {
            None => [].as_slice(),
            Some(email) => view.contacts(email).unwrap_or_else(|| {
                if !needs.emails.contains(&email) {
                    needs.emails.push(email);
                }
                &[]
            }),
        };
        let (target, sender, owner) = (look(target), look(sender), look(owner));
        let rows = view.rows(&item.ticket_id);
        needs.rows = Some(&*item.ticket_id).filter(|_| wants_rows && rows.is_none());
        if needs != Needs::default() {
            return Err(needs);
        }
        Ok(Self { rows: rows.filter(|_| wants_rows).unwrap_or_default(), target, sender, owner })
    }

    /// What a status that moves no ticket may have missed (D10).
    fn discrepancies(&self, item: &Item<'_>, ticket: &Ticket) -> Vec<Discrepancy> {
        let cultural = ticket.cultural_contact_number.as_ref();
        let is_owner = self.owner.iter().any(|contact| Some(&contact.contact_number) == cultural);
        let has_other_owner = item.owner_email().is_some() && cultural.is_some() && !is_owner;
        let other = has_other_owner.then_some(Discrepancy::OwnerIsNotCulturalContact);
        let open = open_rows(self.rows).next().map(|_| Discrepancy::RowStillOpen);
        other.into_iter().chain(open).collect()
    }
}

/// Writes a to c of a transfer whose target is known.
fn transfer_writes<'i>(
    item: &'i Item<'_>,
    stage: TransferStage,
    target: &'i Email<'_>,
    ticket: &Ticket,
    seen: &Seen<'_>,
) -> Vec<Write<'i>> {
    let cultural = ticket.cultural_contact_number.as_ref();
    let (new, contact_write) = target_contact(item, target, seen.target, cultural);
    let old = match cultural {
        Some(number) => Some(Party::Known(number.clone())),
        None if item.sender_email() == Some(target) => Some(new.clone()),
        None => resolve(seen.sender, None).map(|contact| Party::Known(contact.contact_number.clone())),
    };
    let parties = Transferring { target, old, new };
    let mut writes = Vec::from_iter(contact_write);
    writes.extend(row_writes(item, stage, &parties, seen.rows));
    let is_there = matches!(&parties.new, Party::Known(number) if Some(number) == cultural);
    if stage == TransferStage::Confirmed && !is_there {
        writes.push(Write::SetCulturalContact(SetCulturalContact {
            ticket_id: &item.ticket_id,
            contact_number: parties.new,
        }));
    }
    writes
}

/// Writes a to c of a transfer of which it is not known to whom.
fn untargeted_writes<'i>(item: &'i Item<'_>, stage: TransferStage, seen: &Seen<'_>) -> Vec<Write<'i>> {
    match stage {
        TransferStage::Cancelled => cancel_open(item, seen.rows, None),
        TransferStage::Pending | TransferStage::Confirmed => Vec::new(),
    }
}

impl Item<'_> {
    /// What this item must not share with another one that is under way: its ticket, and the e-mails that the rules of
    /// contacts and distributions use.
    pub fn keys(&self, rules: &Rules) -> Keys<'_> {
        let target = self.target_email().filter(|_| rules.distribute);
        let sender = self.sender_email().filter(|_| target.is_some());
        Keys { ticket: Some(&self.ticket_id), emails: [target, sender] }
    }
}
