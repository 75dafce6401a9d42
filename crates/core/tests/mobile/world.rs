//! A small world for single rules: Ann's ticket `T1` in S-360, and items as TIXNGO spells them.

use serde_json::{Value, json};
use ticketbridge_core::mobile::{Counters, ItemOutcome, Rules};

use crate::office::Office;
use crate::run::{self, rules};

/// Office, rules and counters of one test.
pub(crate) struct World {
    pub(crate) office: Office,
    pub(crate) rules: Rules,
    pub(crate) counters: Counters,
}

impl World {
    /// Ann (1001, with a login) owns `T1` and `T2`, whose tax numbers are `0001` and `0002`; Norm (1002) is a normal
    /// contact.
    pub(crate) fn new() -> Self {
        let mut office = Office::from_json(&json!({"tickets": [
            {"ticketId": "T1", "taxNumber": "0001", "organizationCode": "ORG-A", "printStatus": "PRINTED",
             "culturalContactNumber": "1001", "mobile": null},
            {"ticketId": "T2", "taxNumber": "0002", "organizationCode": "ORG-A", "printStatus": "PRINTED",
             "culturalContactNumber": "1001", "mobile": null}]}));
        office.contacts.push(contact("1001", "ann@example.org", "Ann", "Buyer", true));
        office.contacts.push(contact("1002", "norm@example.org", "Norm", "Normal", true));
        Self { office, rules: rules(), counters: Counters::default() }
    }

    pub(crate) fn with_contact(mut self, contact: Value) -> Self {
        self.office.contacts.push(contact);
        self
    }

    pub(crate) fn without_cultural_contact(mut self) -> Self {
        self.office.tickets.get_mut("T1").expect("T1")["culturalContactNumber"] = Value::Null;
        self
    }

    pub(crate) fn apply(&mut self, item: &Value) -> ItemOutcome {
        run::apply(&mut self.office, item, &self.rules, &mut self.counters)
    }

    /// Applies an item that must be written.
    #[track_caller]
    pub(crate) fn update(&mut self, item: &Value) -> &mut Self {
        assert_eq!(self.apply(item), ItemOutcome::Updated, "{item}");
        assert_eq!(self.office.refusals, Vec::<String>::new());
        self
    }

    /// Number of the ticket's cultural contact.
    pub(crate) fn cultural(&self, ticket: &str) -> Value {
        self.office.tickets[ticket]["culturalContactNumber"].clone()
    }

    pub(crate) fn mobile(&self, ticket: &str) -> &Value {
        &self.office.tickets[ticket]["mobile"]
    }

    /// Number of the only contact with this e-mail.
    #[track_caller]
    pub(crate) fn number_of(&self, email: &str) -> String {
        let found = self.office.contacts_of(email);
        assert_eq!(found.len(), 1, "contacts with {email}");
        found[0]["contactNumber"].as_str().expect("a number").to_owned()
    }

    /// The rows of `T1` as `old>new STATUS minute`.
    pub(crate) fn rows(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
        let row = |row: &&Value| {
            let minute = text(&row["at"])[14..16].to_owned();
            let (old, new) = (text(&row["oldContactNumber"]), text(&row["newContactNumber"]));
            format!("{old}>{new} {} {minute}", text(&row["status"]))
        };
        self.office.rows_of("T1").iter().map(row).collect()
    }
}

pub(crate) fn contact(number: &str, email: &str, first: &str, last: &str, login: bool) -> Value {
    json!({"contactNumber": number, "type": "Individual", "role": "PUBLIC", "individualTitle": null,
        "individualFirstname": first, "individualLastname": last, "individualBirthdate": null, "email": email,
        "individualCountryCode": null, "individualIdNumber": null, "cellPhoneNumber": null, "countryCode": null,
        "individualPreferredLanguage": null, "authorizations": {"CNIL_O": null, "CNIL_T": null},
        "hasInternetAccount": login, "requestRef": null})
}

pub(crate) fn temporary(number: &str, email: &str) -> Value {
    contact(number, email, "Pending", "CREATION", false)
}

/// An item of Ann's ticket `T1`, at 08:`minute`.
pub(crate) fn item(status: &str, minute: u32) -> Value {
    json!({"ticketId": "T1", "taxNumber": "0001", "status": status,
        "updatedAt": format!("2026-05-04T08:{minute:02}:00Z"),
        "spectatorDetails": {"firstName": "Ann", "lastName": "Buyer", "email": "ann@example.org"},
        "holder": null, "transfer": null})
}

/// A transfer of `T1` from Ann to `recipient`, begun at 07:`begun`.
pub(crate) fn transfer(status: &str, minute: u32, recipient: &str, begun: u32) -> Value {
    let mut item = item(status, minute);
    item["transfer"] = json!({"senderEmail": "ann@example.org", "recipientEmail": recipient,
        "initiatedAt": format!("2026-05-04T07:{begun:02}:00Z")});
    item
}

/// As [`transfer`], accepted: the recipient, named `Bo Li`, is the owner now.
pub(crate) fn transferred(minute: u32, recipient: &str, begun: u32) -> Value {
    with(
        transfer("TRANSFERRED", minute, recipient, begun),
        "spectatorDetails",
        json!({
        "firstName": "Bo", "lastName": "Li", "email": recipient}),
    )
}

/// `item` with another member.
pub(crate) fn with(mut item: Value, name: &str, value: Value) -> Value {
    item[name] = value;
    item
}
