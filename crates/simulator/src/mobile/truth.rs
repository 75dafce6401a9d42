//! The truth: what the box office holds, looked at around every effect. It is never asked of the program.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use ticketbridge_core::mobile::{Decision, Email, Item, Needs, Reading, Rules, SkipList, View, Write, decide};
use ticketbridge_sandbox::s360::{Effect, RowStatus, S360Model};

use super::ledger::normalised;
use super::world::World;
use crate::checks::Violation;

/// Tickets and e-mails that an effect touches, for the story.
pub(super) fn keys_of(effect: &Effect) -> Vec<String> {
    match effect {
        Effect::WriteMobile(items) => items.iter().map(|(ticket, _)| ticket.to_string()).collect(),
        Effect::CreateContacts(contacts) => {
            contacts.iter().filter_map(|contact| contact.email.as_deref().map(normalised)).collect()
        }
        Effect::UpdateContacts(items) => items.iter().map(|(number, _)| number.to_string()).collect(),
        Effect::WriteDistributions(rows) => rows.iter().map(|row| row.ticket_id.to_string()).collect(),
        Effect::SetCulturalContacts(items) => items.iter().map(|(ticket, _)| ticket.to_string()).collect(),
    }
}

/// An effect in words.
pub(super) fn words(effect: &Effect) -> String {
    match effect {
        Effect::WriteMobile(items) => {
            let words =
                items.iter().map(|(ticket, mobile)| format!("{ticket} {} {}", mobile.status, mobile.status_date));
            format!("store mobile: {}", words.collect::<Vec<_>>().join(", "))
        }
        Effect::CreateContacts(contacts) => {
            let words = contacts.iter().map(|contact| format!("{} {:?}", contact.contact_number, contact.email));
            format!("create contacts: {}", words.collect::<Vec<_>>().join(", "))
        }
        Effect::UpdateContacts(items) => format!("update contacts: {items:?}"),
        Effect::WriteDistributions(rows) => {
            let words = rows.iter().map(|row| {
                format!("{} {:?} -> {} {:?}", row.ticket_id, row.old_contact_number, row.new_contact_number, row.status)
            });
            format!("write rows: {}", words.collect::<Vec<_>>().join(", "))
        }
        Effect::SetCulturalContacts(items) => format!("set cultural contacts: {items:?}"),
    }
}

/// A record of the stand-in as the program would read it.
fn as_read<T: DeserializeOwned>(record: &impl Serialize) -> Option<T> {
    serde_json::from_value(json!(record)).ok()
}

/// Answers what a decision asks for, with what the box office holds.
fn look_up<'i>(model: &S360Model, needs: &Needs<'i>, view: &mut View) {
    if let Some(id) = needs.ticket {
        view.tickets_answered([id], model.ticket(id).and_then(as_read).into_iter().collect());
    }
    let is_asked = |email: &Option<Box<str>>, asked: &[&'i Email<'i>]| {
        email.as_deref().map(normalised).is_some_and(|email| asked.iter().any(|one| one.as_str() == email))
    };
    if !needs.emails.is_empty() {
        let found = model.contacts().iter().filter(|contact| is_asked(&contact.email, &needs.emails));
        view.contacts_answered(needs.emails.iter().copied(), found.filter_map(as_read).collect());
    }
    if let Some(id) = needs.rows {
        let rows = model.distributions().iter().filter(|row| *row.ticket_id == *id);
        view.rows_answered([id], rows.filter_map(as_read).collect());
    }
}

/// What is to be done for an item on what the box office holds now.
pub(super) fn decide_on<'i>(model: &S360Model, item: &'i Item<'_>, rules: &Rules) -> Option<Decision<'i>> {
    let mut view = View::default();
    for _ in 0..5 {
        match decide(item, &view, rules) {
            Ok(decision) => return Some(decision),
            Err(needs) => look_up(model, &needs, &mut view),
        }
    }
    None
}

impl World {
    /// Before mobile data is stored, all else of its item is done; and it is not older than what is stored.
    pub(super) fn check_before(&mut self, effect: &Effect) -> Option<Violation> {
        match effect {
            Effect::WriteMobile(items) => items.iter().find_map(|(ticket, mobile)| {
                self.check_commit_mark(ticket, mobile.change_ref.as_deref().unwrap_or_default())
            }),
            Effect::CreateContacts(contacts) => contacts.iter().find_map(|contact| {
                let email = normalised(contact.email.as_deref().unwrap_or_default());
                self.tally.saw(super::sometimes::Sometimes::ContactCreated);
                self.ledger.check_creation(&email, contact.request_ref.as_deref().unwrap_or_default())
            }),
            _ => None,
        }
    }

    fn check_commit_mark(&self, ticket: &str, change_ref: &str) -> Option<Violation> {
        let wrong = |text: String| Some(Violation::new("order", Some(ticket), format!("ticket {ticket}: {text}")));
        let Some(json) = self.ledger.contents.get(change_ref) else {
            return wrong(String::from("mobile data is stored that is in no stored page"));
        };
        let Ok(json) = std::str::from_utf8(json) else { return None };
        let Reading::Item(item) = Item::read(json, &SkipList::default()) else { return None };
        let emails = || [item.target_email(), item.sender_email(), item.owner_email()].into_iter().flatten();
        let by_people = emails().any(|email| self.ledger.loose_emails.contains(email.as_str()));
        let is_loose = by_people || self.ledger.loose.contains(ticket) || self.ledger.out.contains(ticket);
        match decide_on(&self.box_office, &item, &self.rules) {
            Some(Decision::Update(plan)) => {
                let matters = |write: &&Write<'_>| match write {
                    Write::StoreMobile(_) => false,
                    Write::UpdateContact(_) => !emails().any(|email| self.is_common(email.as_str())),
                    _ => true,
                };
                let left = plan.writes().find(matters).filter(|_| !is_loose)?;
                wrong(format!("its mobile data is stored before `{}`", left.kind()))
            }
            Some(Decision::Stale) => wrong(String::from("older mobile data replaces newer")),
            _ => None,
        }
    }

    /// Afterwards at most one row of ours is open per ticket.
    pub(super) fn check_after(&self, effect: &Effect) -> Option<Violation> {
        let Effect::WriteDistributions(rows) = effect else { return None };
        rows.iter().find_map(|row| {
            let is_open = |other: &&ticketbridge_sandbox::s360::Distribution| {
                let is_ours = other.distribution_ref.as_deref().is_some_and(|reference| reference.starts_with("tng:"));
                is_ours && other.ticket_id == row.ticket_id && other.status == RowStatus::Pending
            };
            let open = self.box_office.distributions().iter().filter(is_open).count();
            (open > 1).then(|| {
                let text = format!("ticket {} has {open} open rows", row.ticket_id);
                Violation::new("rows", Some(&row.ticket_id), text)
            })
        })
    }
}
