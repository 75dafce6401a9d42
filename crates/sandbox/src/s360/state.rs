//! All that S-360 holds, in and out as one JSON document.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::record::{Contact, Distribution, History, Ticket};
use super::shelves::Shelves;

/// The most digits of a contact number.
pub(super) const MAX_CONTACT_DIGITS: usize = 20;

/// Tickets, contacts, distribution rows and history; members of other names are passed over when it is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The tickets.
    pub tickets: Vec<Ticket>,
    /// The contacts.
    pub contacts: Vec<Contact>,
    /// The distribution rows, oldest first.
    pub distributions: Vec<Distribution>,
    /// The mobile history by ticket, oldest first.
    pub history: BTreeMap<Box<str>, Vec<History>>,
}

/// How a state is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Every member of every record; can be loaded again.
    #[default]
    Full,
    /// As the worked sample has it: without `changeRef`, `requestRef` and `distributionRef`, a contact that a caller made is
    /// named `new:` and its e-mail, and of the history only status, instant and owner's e-mail are left.
    Sample,
}

/// Why a state was not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A record is wrong.
    #[error("{list} {place}: {problem}")]
    WrongRecord {
        /// The list it stands in.
        list: &'static str,
        /// Its place, from 1.
        place: usize,
        /// What is wrong.
        problem: String,
    },
    /// There is no room for more.
    #[error("the platform is full: at most {0} records of each sort")]
    Full(usize),
}

impl State {
    /// Checks that the state fits to what is stored: ids are new, and everything that is named is there.
    pub(super) fn check(&self, stored: &Shelves, max_records: usize) -> Result<(), StateError> {
        let entries: usize = self.history.values().map(Vec::len).sum();
        let sizes = [
            stored.tickets().len() + self.tickets.len(),
            stored.contacts().len() + self.contacts.len(),
            stored.rows().len() + self.distributions.len(),
            stored.history().len() + entries,
        ];
        if sizes.into_iter().any(|size| size > max_records) {
            return Err(StateError::Full(max_records));
        }
        let numbers = self.check_contacts(stored)?;
        let has_contact = |number: &str| numbers.contains(number) || stored.contact(number).is_some();
        let mut ids = BTreeSet::new();
        for (place, ticket) in (1..).zip(&self.tickets) {
            let wrong = |problem: String| StateError::WrongRecord { list: "ticket", place, problem };
            let id = &*ticket.ticket_id;
            if id.is_empty() {
                return Err(wrong("`ticketId` is empty".to_owned()));
            }
            if stored.ticket(id).is_some() || !ids.insert(id) {
                return Err(wrong(format!("there is a ticket {id} already")));
            }
            if let Some(number) = ticket.cultural_contact_number.as_deref().filter(|number| !has_contact(number)) {
                return Err(wrong(format!("there is no contact {number}")));
            }
        }
        let has_ticket = |id: &str| ids.contains(id) || stored.ticket(id).is_some();
        for (place, row) in (1..).zip(&self.distributions) {
            let wrong = |problem: String| StateError::WrongRecord { list: "distribution", place, problem };
            if !has_ticket(&row.ticket_id) {
                return Err(wrong(format!("there is no ticket {}", row.ticket_id)));
            }
            let named = row.old_contact_number.iter().chain([&row.new_contact_number]);
            if let Some(number) = named.into_iter().find(|number| !has_contact(number)) {
                return Err(wrong(format!("there is no contact {number}")));
            }
        }
        match (1..).zip(self.history.keys()).find(|(_, id)| !has_ticket(id)) {
            Some((place, id)) => {
                let problem = format!("there is no ticket {id}");
                Err(StateError::WrongRecord { list: "history", place, problem })
            }
            None => Ok(()),
        }
    }

    fn check_contacts(&self, stored: &Shelves) -> Result<BTreeSet<&str>, StateError> {
        let mut numbers = BTreeSet::new();
        for (place, contact) in (1..).zip(&self.contacts) {
            let wrong = |problem: String| StateError::WrongRecord { list: "contact", place, problem };
            let number = &*contact.contact_number;
            let fits = (1..=MAX_CONTACT_DIGITS).contains(&number.len());
            if !fits || !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(wrong(format!(
                    "`contactNumber` must have 1 to {MAX_CONTACT_DIGITS} digits, not `{number}`"
                )));
            }
            if stored.contact(number).is_some() || !numbers.insert(number) {
                return Err(wrong(format!("there is a contact {number} already")));
            }
        }
        Ok(numbers)
    }

    /// Puts the checked state on the shelves.
    pub(super) fn put(self, shelves: &mut Shelves) {
        self.tickets.into_iter().for_each(|ticket| shelves.insert_ticket(ticket));
        self.contacts.into_iter().for_each(|contact| shelves.insert_contact(contact));
        self.distributions.into_iter().for_each(|row| shelves.insert_row(row));
        for (ticket, entries) in self.history {
            for entry in entries {
                shelves.insert_history(History { ticket_id: ticket.clone(), ..entry });
            }
        }
    }
}

/// Writes everything that is stored.
pub(super) fn write(shelves: &Shelves, form: Form) -> Vec<u8> {
    #[derive(Serialize)]
    struct Everything<'a> {
        tickets: &'a [Ticket],
        contacts: &'a [Contact],
        distributions: &'a [Distribution],
        history: BTreeMap<&'a str, Vec<&'a History>>,
    }
    let tickets = || shelves.tickets().iter();
    let history = tickets().map(|ticket| (&*ticket.ticket_id, shelves.history_of(&ticket.ticket_id).collect()));
    let written = match form {
        Form::Full => serde_json::to_vec(&Everything {
            tickets: shelves.tickets(),
            contacts: shelves.contacts(),
            distributions: shelves.rows(),
            history: history.filter(|(_, entries): &(_, Vec<_>)| !entries.is_empty()).collect(),
        }),
        Form::Sample => serde_json::to_vec(&sample(shelves)),
    };
    // Our own plain types always become JSON.
    written.unwrap_or_default()
}

/// The contacts that S-360 made come first, as they stand; then those that callers made, by their names.
fn sample(shelves: &Shelves) -> Value {
    let name = |number: &str| {
        let made = shelves.contact(number).filter(|contact| contact.request_ref.is_some());
        made.map_or_else(|| number.to_owned(), name_of)
    };
    let named = |number: &Value| number.as_str().map(name);
    let tickets = shelves.tickets().iter().map(|ticket| {
        let mut row = json!(ticket);
        row["culturalContactNumber"] = json!(named(&row["culturalContactNumber"]));
        without(&mut row["mobile"], &["changeRef"]);
        row
    });
    let (made, given): (Vec<_>, Vec<_>) = shelves.contacts().iter().partition(|contact| contact.request_ref.is_some());
    let contact = |contact: &Contact| {
        let mut row = json!(contact);
        row["contactNumber"] = json!(name(&contact.contact_number));
        without(&mut row, &["requestRef"]);
        row
    };
    let mut made: Vec<_> = made.into_iter().map(contact).collect();
    made.sort_by(|one, other| one["contactNumber"].as_str().cmp(&other["contactNumber"].as_str()));
    let rows = shelves.tickets().iter().flat_map(|ticket| shelves.rows_of(&ticket.ticket_id)).map(|row| {
        let mut row = json!(row);
        row["oldContactNumber"] = json!(named(&row["oldContactNumber"]));
        row["newContactNumber"] = json!(named(&row["newContactNumber"]));
        without(&mut row, &["distributionRef"]);
        row
    });
    let mut history = serde_json::Map::new();
    for ticket in shelves.tickets() {
        let entry = |entry: &History| json!({"status": entry.status, "at": entry.at, "ownerEmail": entry.owner_email});
        let entries: Vec<_> = shelves.history_of(&ticket.ticket_id).map(entry).collect();
        if !entries.is_empty() {
            history.insert(ticket.ticket_id.to_string(), Value::Array(entries));
        }
    }
    json!({
        "tickets": tickets.collect::<Vec<_>>(),
        "contacts": given.into_iter().map(contact).chain(made).collect::<Vec<_>>(),
        "distributions": rows.collect::<Vec<_>>(),
        "history": history,
    })
}

fn name_of(contact: &Contact) -> String {
    format!("new:{}", super::query::normalised(contact.email.as_deref().unwrap_or_default()))
}

fn without(row: &mut Value, members: &[&str]) {
    if let Value::Object(row) = row {
        row.retain(|name, _| !members.contains(&name.as_str()));
    }
}
