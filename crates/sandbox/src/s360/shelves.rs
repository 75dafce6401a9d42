//! The records and the ways to find them.
//!
//! Guarantees: records change only here; every index is kept with its records; each record is found in time that grows
//! with the logarithm of how many there are. Limit: as many of each sort as the model allows.

use std::collections::{BTreeMap, BTreeSet};

use super::fields;
use super::mobile::Mobile;
use super::query::normalised;
use super::record::{Change, Contact, Distribution, Effect, History, Ticket};

/// The number after which new contacts are numbered if nothing greater is stored.
const FIRST_CONTACT: u128 = 1_000;
/// Numbers of contacts that a play makes.
const PLAYED_CONTACTS: std::ops::Range<u128> = 800_000_000_000_000..900_000_000_000_000;

/// The sorts of records that can be locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    Ticket,
    Contact,
}

#[derive(Debug, Default)]
pub(super) struct Shelves {
    tickets: Vec<Ticket>,
    tickets_by_id: BTreeMap<Box<str>, usize>,
    contacts: Vec<Contact>,
    contacts_by_number: BTreeMap<Box<str>, usize>,
    contacts_by_email: BTreeMap<String, Vec<usize>>,
    contacts_by_request: BTreeMap<Box<str>, Vec<usize>>,
    rows: Vec<Distribution>,
    rows_by_ref: BTreeMap<Box<str>, usize>,
    rows_by_ticket: BTreeMap<Box<str>, Vec<usize>>,
    history: Vec<History>,
    history_by_ticket: BTreeMap<Box<str>, Vec<usize>>,
    history_refs: BTreeSet<(Box<str>, Box<str>)>,
    locked: BTreeSet<(Sort, Box<str>)>,
    last_contact: u128,
    contacts_beside_older: usize,
}

impl Shelves {
    /// Gives out the next contact number, also to contacts that will be made later or never; `None` if they are used up.
    pub(super) fn reserve_contact(&mut self) -> Option<Box<str>> {
        let number = self.last_contact.max(FIRST_CONTACT) + 1;
        self.last_contact = number;
        let number = number.to_string();
        (number.len() <= super::state::MAX_CONTACT_DIGITS).then(|| number.into())
    }

    pub(super) fn commit(&mut self, effect: Effect) {
        match effect {
            Effect::WriteMobile(writes) => {
                for (ticket, mobile) in writes {
                    self.write_mobile(&ticket, mobile);
                }
            }
            Effect::CreateContacts(contacts) => {
                for contact in contacts {
                    let email = normalised(contact.email.as_deref().unwrap_or_default());
                    let mut others = self.contacts_by_email.get(&email).into_iter().flatten();
                    let is_beside_older = others.any(|place| self.contacts[*place].request_ref.is_none());
                    self.contacts_beside_older += usize::from(is_beside_older);
                    self.insert_contact(contact);
                }
            }
            Effect::UpdateContacts(updates) => {
                for (number, changes) in updates {
                    self.change_contact(&number, changes);
                }
            }
            Effect::WriteDistributions(rows) => {
                for row in rows {
                    self.write_row(row);
                }
            }
            Effect::SetCulturalContacts(contacts) => {
                for (ticket, contact) in contacts {
                    if let Some(ticket) = self.ticket_mut(&ticket) {
                        ticket.cultural_contact_number = Some(contact);
                    }
                }
            }
        }
    }

    fn write_mobile(&mut self, ticket_id: &str, mobile: Mobile) {
        let Some(place) = self.tickets_by_id.get(ticket_id).copied() else { return };
        let entry = History {
            ticket_id: ticket_id.into(),
            change_ref: mobile.change_ref.clone().unwrap_or_default(),
            status: mobile.status.clone(),
            at: mobile.status_date.clone(),
            owner_email: mobile.owner.as_ref().and_then(|owner| owner.email.clone()),
            source: "TIXNGO".into(),
        };
        if !self.history_refs.contains(&(entry.ticket_id.clone(), entry.change_ref.clone())) {
            self.insert_history(entry);
        }
        self.tickets[place].mobile = Some(Box::new(mobile));
    }

    /// Writes a row by its reference. One whose reference has gone to another ticket in the meantime is passed over.
    fn write_row(&mut self, row: Distribution) {
        let known = row.distribution_ref.as_ref().and_then(|reference| self.rows_by_ref.get(reference)).copied();
        match known {
            None => self.insert_row(row),
            Some(place) if self.rows[place].ticket_id == row.ticket_id => self.rows[place] = row,
            Some(_) => {}
        }
    }

    pub(super) fn insert_ticket(&mut self, ticket: Ticket) {
        self.tickets_by_id.insert(ticket.ticket_id.clone(), self.tickets.len());
        self.tickets.push(ticket);
    }

    pub(super) fn insert_contact(&mut self, contact: Contact) {
        let place = self.contacts.len();
        let number = contact.contact_number.parse().unwrap_or(0);
        if !PLAYED_CONTACTS.contains(&number) {
            self.last_contact = self.last_contact.max(number);
        }
        self.contacts_by_number.insert(contact.contact_number.clone(), place);
        if let Some(email) = &contact.email {
            self.contacts_by_email.entry(normalised(email)).or_default().push(place);
        }
        if let Some(reference) = &contact.request_ref {
            self.contacts_by_request.entry(reference.clone()).or_default().push(place);
        }
        self.contacts.push(contact);
    }

    pub(super) fn insert_row(&mut self, row: Distribution) {
        let place = self.rows.len();
        if let Some(reference) = &row.distribution_ref {
            self.rows_by_ref.insert(reference.clone(), place);
        }
        self.rows_by_ticket.entry(row.ticket_id.clone()).or_default().push(place);
        self.rows.push(row);
    }

    pub(super) fn insert_history(&mut self, entry: History) {
        self.history_refs.insert((entry.ticket_id.clone(), entry.change_ref.clone()));
        self.history_by_ticket.entry(entry.ticket_id.clone()).or_default().push(self.history.len());
        self.history.push(entry);
    }

    /// Changes a contact; answers whether it is there.
    pub(super) fn change_contact(&mut self, number: &str, changes: Vec<Change>) -> bool {
        let Some(contact) = self.contact_mut(number) else { return false };
        for change in changes {
            fields::apply(contact, change);
        }
        true
    }

    /// Gives a contact another e-mail, as only people at S-360 can; answers whether the contact is there.
    pub(super) fn move_contact(&mut self, number: &str, email: Option<Box<str>>) -> bool {
        let Some(place) = self.contacts_by_number.get(number).copied() else { return false };
        if let Some(before) = &self.contacts[place].email
            && let Some(places) = self.contacts_by_email.get_mut(&normalised(before))
        {
            places.retain(|other| *other != place);
        }
        if let Some(email) = &email {
            let places = self.contacts_by_email.entry(normalised(email)).or_default();
            places.insert(places.partition_point(|other| *other < place), place);
        }
        self.contacts[place].email = email;
        true
    }

    /// Locks a record as if somebody edited it, or frees it.
    pub(super) fn set_locked(&mut self, sort: Sort, key: &str, locked: bool) {
        if locked {
            self.locked.insert((sort, key.into()));
        } else {
            self.locked.remove(&(sort, key.into()));
        }
    }

    pub(super) fn is_locked(&self, sort: Sort, key: &str) -> bool {
        !self.locked.is_empty() && self.locked.contains(&(sort, key.into()))
    }

    pub(super) fn ticket(&self, id: &str) -> Option<&Ticket> {
        self.tickets_by_id.get(id).map(|place| &self.tickets[*place])
    }

    pub(super) fn ticket_mut(&mut self, id: &str) -> Option<&mut Ticket> {
        self.tickets_by_id.get(id).map(|place| &mut self.tickets[*place])
    }

    pub(super) fn contact(&self, number: &str) -> Option<&Contact> {
        self.contacts_by_number.get(number).map(|place| &self.contacts[*place])
    }

    pub(super) fn contact_mut(&mut self, number: &str) -> Option<&mut Contact> {
        self.contacts_by_number.get(number).map(|place| &mut self.contacts[*place])
    }

    /// The contacts with this e-mail, whatever its case and outer spaces.
    pub(super) fn contacts_of_email(&self, email: &str) -> impl Iterator<Item = &Contact> {
        let places = self.contacts_by_email.get(&normalised(email)).into_iter().flatten();
        places.map(|place| &self.contacts[*place])
    }

    /// The contacts made with this reference.
    pub(super) fn contacts_of_request(&self, reference: &str) -> impl Iterator<Item = &Contact> {
        self.contacts_by_request.get(reference).into_iter().flatten().map(|place| &self.contacts[*place])
    }

    /// A ticket's rows, oldest first.
    pub(super) fn rows_of(&self, ticket: &str) -> impl Iterator<Item = &Distribution> {
        self.rows_by_ticket.get(ticket).into_iter().flatten().map(|place| &self.rows[*place])
    }

    /// The ticket of the row with this reference.
    pub(super) fn ticket_of_row(&self, reference: &str) -> Option<&str> {
        self.rows_by_ref.get(reference).map(|place| &*self.rows[*place].ticket_id)
    }

    /// A ticket's history, oldest first.
    pub(super) fn history_of(&self, ticket: &str) -> impl Iterator<Item = &History> {
        self.history_by_ticket.get(ticket).into_iter().flatten().map(|place| &self.history[*place])
    }

    pub(super) fn tickets(&self) -> &[Ticket] {
        &self.tickets
    }

    pub(super) fn contacts(&self) -> &[Contact] {
        &self.contacts
    }

    pub(super) fn rows(&self) -> &[Distribution] {
        &self.rows
    }

    pub(super) fn history(&self) -> &[History] {
        &self.history
    }

    /// How many contacts were made although S-360 had one of its own with that e-mail.
    pub(super) fn contacts_beside_older(&self) -> usize {
        self.contacts_beside_older
    }
}
