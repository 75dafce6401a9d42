//! The last comparison: the very pages that were stored, applied item by item without faults to a fresh box office, must
//! leave it as it is, up to contact numbers and references. What people touched is left out.
//!
//! Two organizers have no order among each other: of contacts in common only their number counts, and of rows of tickets
//! that such customers have held, not who gave.

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use ticketbridge_core::mobile::{Decision, Item, Page, Reading, Rules, SkipList};
use ticketbridge_core::time::Wall;
use ticketbridge_platforms::s360::{read_write, write_call};
use ticketbridge_sandbox::s360::{Contact, S360Model};
use ticketbridge_sandbox::{Act, Call, StandIn, TOKEN};

use super::ledger::normalised;
use super::lives::is_shared_email;
use super::truth::decide_on;
use super::world::{START, World};
use crate::checks::Violation;

const MAX_RECORDS: usize = 10_000;

/// All stored pages on a fresh box office.
fn serial(world: &World) -> S360Model {
    let mut model = S360Model::new(MAX_RECORDS);
    for state in world.lives.iter().flat_map(|lives| &lives.given) {
        drop(model.load(state.clone()));
    }
    for page in world.ledger.pages.values() {
        let skip = SkipList::parse(&world.lives[page.organizer].skip_list);
        let rules = Rules { skip, ..world.rules.clone() };
        let Ok(read) = Page::read(&page.body) else { continue };
        for json in read.items {
            if let Reading::Item(item) = Item::read(json, &rules.skip) {
                apply(&mut model, &item, &rules);
            }
        }
    }
    model
}

/// One item, write by write.
fn apply(model: &mut S360Model, item: &Item<'_>, rules: &Rules) {
    let Some(Decision::Update(mut plan)) = decide_on(model, item, rules) else { return };
    while let Some(write) = plan.next() {
        let kind = write.kind();
        let Ok(call) = write_call(kind, &[write]) else { return };
        let body = call.body.unwrap_or_default();
        let call = Call::new(call.method, &format!("/api/v1{}", call.target)).with_bearer(TOKEN).with_body(body);
        let mut transport = None;
        for (at, act) in model.handle(START, &call, &mut ChaCha8Rng::seed_from_u64(0)) {
            match act {
                Act::Commit(effect) => model.commit(at, effect),
                Act::Reply(reply) => transport = Some(crate::wire::transport(&reply, at)),
                Act::Reset | Act::Close => {}
            }
        }
        let Some(transport) = transport else { return };
        let result = read_write(kind, &[write], &transport, Wall(START)).results.pop();
        let Some(result) = result.filter(|result| result.answer == ticketbridge_core::mobile::WriteAnswer::Confirmed)
        else {
            return;
        };
        if plan.confirm(result.created.as_ref()).is_err() {
            return;
        }
    }
}

/// What the comparison leaves out.
struct Left<'w> {
    world: &'w World,
    tickets: BTreeSet<&'w str>,
    emails: BTreeSet<&'w str>,
    /// Tickets that customers in common have held.
    mixed: BTreeSet<&'w str>,
}

impl<'w> Left<'w> {
    fn of(world: &'w World) -> Self {
        let ledger = &world.ledger;
        let items = || ledger.pages.values().flat_map(|page| &page.items);
        let mut emails: BTreeSet<&str> = ledger.loose_emails.iter().map(|email| &**email).collect();
        let is_touched = |ticket: &str| ledger.out.contains(ticket) || ledger.loose.contains(ticket);
        for item in items().filter(|item| item.ticket.as_deref().is_some_and(is_touched)) {
            emails.extend(item.emails.iter().map(|email| &**email));
        }
        let mut tickets: BTreeSet<&str> = ledger.loose.iter().map(|ticket| &**ticket).collect();
        let mut mixed = BTreeSet::new();
        for item in items() {
            let Some(ticket) = item.ticket.as_deref() else { continue };
            if item.emails.iter().any(|email| emails.contains(&**email)) {
                tickets.insert(ticket);
            }
            if item.emails.iter().any(|email| world.is_common(email)) {
                mixed.insert(ticket);
            }
        }
        Self { world, tickets, emails, mixed }
    }

    /// A contact's name: its number, or for those of ours the e-mail.
    fn name(model: &S360Model, number: Option<&str>) -> Option<String> {
        let contact = model.contact(number?)?;
        Some(match contact.request_ref {
            Some(_) => format!("new:{}", normalised(contact.email.as_deref().unwrap_or_default())),
            None => contact.contact_number.to_string(),
        })
    }

    /// A ticket as far as it must be equal.
    fn ticket(&self, model: &S360Model, id: &str) -> Value {
        let Some(ticket) = model.ticket(id) else { return Value::Null };
        let of_ticket = model.history().iter().filter(|entry| *entry.ticket_id == *id);
        let history: Vec<Value> =
            of_ticket.map(|entry| json!([entry.status, entry.at, entry.owner_email, entry.change_ref])).collect();
        let mut shown = json!({"mobile": ticket.mobile, "history": history});
        if self.tickets.contains(id) {
            return shown;
        }
        let is_ours = |reference: &Option<Box<str>>| reference.as_deref().is_some_and(|text| text.starts_with("tng:"));
        let rows = model.distributions().iter().filter(|row| *row.ticket_id == *id && is_ours(&row.distribution_ref));
        let row = |row: &ticketbridge_sandbox::s360::Distribution| {
            let old = Self::name(model, row.old_contact_number.as_deref()).filter(|_| !self.mixed.contains(id));
            json!([old, Self::name(model, Some(&row.new_contact_number)), row.status, row.at]).to_string()
        };
        let mut rows: Vec<String> = rows.map(row).collect();
        rows.sort();
        shown["rows"] = json!(rows);
        shown["culturalContact"] = json!(Self::name(model, ticket.cultural_contact_number.as_deref()));
        shown
    }

    /// The contacts as far as they must be equal, by name.
    fn contacts(&self, model: &S360Model) -> BTreeMap<String, Vec<String>> {
        let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for contact in model.contacts() {
            let email = normalised(contact.email.as_deref().unwrap_or_default());
            if self.emails.contains(&*email) {
                continue;
            }
            let name = Self::name(model, Some(&contact.contact_number)).unwrap_or_default();
            let text = if self.world.is_common(&email) { String::new() } else { fields(contact) };
            shown.entry(name).or_default().push(text);
        }
        shown
    }
}

fn fields(contact: &Contact) -> String {
    let mut fields = json!(contact);
    if let Value::Object(members) = &mut fields {
        members.remove("contactNumber");
        members.remove("requestRef");
    }
    fields.to_string()
}

impl World {
    /// Whether customers of all organizers have this e-mail.
    pub(super) fn is_common(&self, email: &str) -> bool {
        self.lives.len() > 1 && is_shared_email(email)
    }

    /// How many tickets there are, and how many of them are compared whole.
    pub(super) fn compared(&self) -> (u64, u64) {
        let left = Left::of(self);
        let is_whole = |id: &str| !self.ledger.out.contains(id) && !left.tickets.contains(id);
        let tickets = self.box_office.tickets();
        let whole = tickets.iter().filter(|ticket| is_whole(&ticket.ticket_id)).count();
        (tickets.len() as u64, whole as u64)
    }

    /// What differs from the serial application, if anything does.
    pub(super) fn compare(&self) -> Option<Violation> {
        let (is, ought) = (&self.box_office, &serial(self));
        let left = Left::of(self);
        for ticket in is.tickets() {
            let id = &*ticket.ticket_id;
            if self.print_statuses.get(id) != Some(&ticket.print_status) {
                let text = format!("the print status of ticket {id} is {:?}, which nobody wrote", ticket.print_status);
                return Some(Violation::new("print-status", Some(id), text));
            }
            if self.ledger.out.contains(id) {
                continue;
            }
            let (is, ought) = (left.ticket(is, id), left.ticket(ought, id));
            if is != ought {
                let text = format!("ticket {id} is\n    {is}\n  but one after another it is\n    {ought}");
                return Some(Violation::new("outcome", Some(id), text));
            }
        }
        let (is, ought) = (left.contacts(is), left.contacts(ought));
        let differs = is.keys().chain(ought.keys()).find(|name| is.get(*name) != ought.get(*name))?;
        let text = format!("contact {differs} is {:?}, one after another {:?}", is.get(differs), ought.get(differs));
        let key = differs.strip_prefix("new:").unwrap_or(differs);
        Some(Violation::new("outcome", Some(key), text))
    }
}
