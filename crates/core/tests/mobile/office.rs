//! S-360 in memory, after the S-360 contract: it knows nothing of the rules, only JSON bodies.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use ticketbridge_core::mobile::{Contact, ContactNumber, Distribution, Email, Ticket, Write, WriteKind};

/// The state of S-360 as JSON.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Office {
    pub(crate) tickets: BTreeMap<String, Value>,
    pub(crate) contacts: Vec<Value>,
    pub(crate) rows: Vec<Value>,
    pub(crate) history: BTreeMap<String, Vec<Value>>,
    created: u64,
    /// Writes that were refused for a fault of the caller, with their codes.
    pub(crate) refusals: Vec<String>,
}

const CONTACT_TEXTS: [(&str, usize); 9] = [
    ("individualTitle", 256),
    ("individualFirstname", 50),
    ("individualLastname", 100),
    ("individualBirthdate", 10),
    ("individualCountryCode", 2),
    ("individualIdNumber", 256),
    ("cellPhoneNumber", 256),
    ("countryCode", 2),
    ("individualPreferredLanguage", 2),
];

impl Office {
    pub(crate) fn from_json(state: &Value) -> Self {
        let list = |name: &str| state[name].as_array().cloned().unwrap_or_default();
        let id = |ticket: &Value| ticket["ticketId"].as_str().expect("id").to_owned();
        Self {
            tickets: list("tickets").into_iter().map(|ticket| (id(&ticket), ticket)).collect(),
            contacts: list("contacts"),
            rows: list("distributions"),
            created: 5000,
            ..Self::default()
        }
    }

    pub(crate) fn find_tickets(&self, ids: &[&str]) -> Vec<Ticket> {
        assert!(ids.len() <= 1000);
        ids.iter().filter_map(|id| self.tickets.get(*id)).map(typed).collect()
    }

    pub(crate) fn find_contacts(&self, emails: &[&Email<'_>]) -> Vec<Contact> {
        assert!(emails.len() <= 200);
        let matches = |contact: &&Value| {
            let email = contact["email"].as_str().unwrap_or_default().trim().to_lowercase();
            emails.iter().any(|asked| asked.as_str() == email)
        };
        // The order of an answer is free: newest first is as good as any.
        self.contacts.iter().rev().filter(matches).map(typed).collect()
    }

    pub(crate) fn find_rows(&self, ids: &[&str]) -> Vec<Distribution> {
        assert!(ids.len() <= 1000);
        self.rows.iter().filter(|row| ids.contains(&row["ticketId"].as_str().expect("id"))).map(typed).collect()
    }

    /// Performs one write; answers the number of a created contact, or an error code.
    pub(crate) fn write(&mut self, write: &Write<'_>) -> Result<Option<ContactNumber>, &'static str> {
        let body = serde_json::to_value(write).expect("a body");
        let done = match write.kind() {
            WriteKind::CreateContact => self.create_contact(&body).map(Some),
            WriteKind::UpdateContact => self.update_contact(&body).map(|()| None),
            WriteKind::UpsertDistribution => self.upsert(&body).map(|()| None),
            WriteKind::SetCulturalContact => self.set_cultural_contact(&body).map(|()| None),
            WriteKind::StoreMobile => self.store_mobile(&body).map(|()| None),
        };
        if let Err(code) = done {
            self.refusals.push(code.to_owned());
        }
        done
    }

    fn create_contact(&mut self, body: &Value) -> Result<ContactNumber, &'static str> {
        let mut names: Vec<&str> = CONTACT_TEXTS.iter().map(|(name, _)| *name).collect();
        names.extend(["requestRef", "email", "authorizations"]);
        only(body, &names)?;
        let request_ref = text(body, "requestRef", 100)?;
        self.created += 1;
        let number = self.created.to_string();
        let mut contact = json!({"contactNumber": number, "type": "Individual", "role": "PUBLIC",
            "email": text(body, "email", 256)?, "hasInternetAccount": false, "requestRef": request_ref,
            "authorizations": {"CNIL_O": null, "CNIL_T": null}});
        for (name, _) in CONTACT_TEXTS {
            contact[name] = Value::Null;
        }
        set_contact_fields(&mut contact, body)?;
        self.contacts.push(contact);
        Ok(ContactNumber::try_from(number).expect("digits"))
    }

    fn update_contact(&mut self, body: &Value) -> Result<(), &'static str> {
        let mut names: Vec<&str> = CONTACT_TEXTS.iter().map(|(name, _)| *name).collect();
        names.extend(["contactNumber", "authorizations"]);
        only(body, &names)?;
        let known = self.contacts.iter_mut().find(|contact| contact["contactNumber"] == body["contactNumber"]);
        set_contact_fields(known.ok_or("UNKNOWN_CONTACT")?, body)
    }

    fn upsert(&mut self, body: &Value) -> Result<(), &'static str> {
        const NAMES: [&str; 7] =
            ["distributionRef", "ticketId", "oldContactNumber", "newContactNumber", "action", "status", "at"];
        only(body, &NAMES)?;
        text(body, "distributionRef", 200)?;
        text(body, "at", 24)?;
        let is_complete = NAMES.iter().all(|name| body.get(name).is_some());
        if !is_complete || body["action"] != "Distribute" {
            return Err("INVALID_FIELD");
        }
        self.ticket(body)?;
        for party in ["oldContactNumber", "newContactNumber"] {
            if !body[party].is_null() && !self.knows_contact(&body[party]) {
                return Err("UNKNOWN_CONTACT");
            }
        }
        let known = self.rows.iter_mut().find(|row| row["distributionRef"] == body["distributionRef"]);
        match known {
            Some(row) if row["ticketId"] != body["ticketId"] => return Err("CONFLICT"),
            Some(row) => *row = body.clone(),
            None => self.rows.push(body.clone()),
        }
        let ours = |row: &&Value| row["distributionRef"].as_str().is_some_and(|name| name.starts_with("tng:"));
        let open = self.rows.iter().filter(ours).filter(|row| row["ticketId"] == body["ticketId"]);
        let open = open.filter(|row| row["status"] == "PENDING").count();
        assert!(open <= 1, "two open rows of one ticket");
        Ok(())
    }

    fn set_cultural_contact(&mut self, body: &Value) -> Result<(), &'static str> {
        only(body, &["ticketId", "contactNumber"])?;
        if !self.knows_contact(&body["contactNumber"]) {
            return Err("UNKNOWN_CONTACT");
        }
        self.ticket(body)?["culturalContactNumber"] = body["contactNumber"].clone();
        Ok(())
    }

    fn store_mobile(&mut self, body: &Value) -> Result<(), &'static str> {
        only(body, &["ticketId", "changeRef", "mobile"])?;
        let change_ref = text(body, "changeRef", 200)?;
        let mobile = &body["mobile"];
        let names = ["status", "statusDate", "owner", "beneficiary", "beaconName", "extraInfo", "deletionReason"];
        only(mobile, &names)?;
        let is_complete = |value: &Value, keys: usize| value.is_null() || value.as_object().map(Map::len) == Some(keys);
        if !is_complete(mobile, 7) || !is_complete(&mobile["owner"], 12) || !is_complete(&mobile["beneficiary"], 5) {
            return Err("INVALID_FIELD");
        }
        let ticket = self.ticket(body)?;
        ticket["mobile"] = mobile.clone();
        ticket["mobile"]["changeRef"] = change_ref.clone().into();
        let id = body["ticketId"].as_str().expect("id").to_owned();
        let history = self.history.entry(id).or_default();
        if !history.iter().any(|line| line["changeRef"] == change_ref) {
            history.push(json!({"changeRef": change_ref, "status": mobile["status"], "at": mobile["statusDate"],
                "ownerEmail": mobile["owner"]["email"]}));
        }
        Ok(())
    }

    fn ticket(&mut self, body: &Value) -> Result<&mut Value, &'static str> {
        self.tickets.get_mut(body["ticketId"].as_str().unwrap_or_default()).ok_or("UNKNOWN_TICKET")
    }

    fn knows_contact(&self, number: &Value) -> bool {
        self.contacts.iter().any(|contact| contact["contactNumber"] == *number)
    }

    /// The state with made-up names for what S-360 or the engine may name as it likes, so that it can be compared:
    /// a contact that was created is `new:<e-mail>`, references are left out, contacts are sorted.
    pub(crate) fn normalised(&self) -> Value {
        let name = |number: &Value| {
            let is_it = |contact: &&Value| contact["contactNumber"] == *number && !contact["requestRef"].is_null();
            match self.contacts.iter().find(is_it) {
                Some(contact) => format!("new:{}", contact["email"].as_str().expect("an e-mail")).into(),
                None => number.clone(),
            }
        };
        let mut tickets: Vec<Value> = self.tickets.values().cloned().collect();
        for ticket in &mut tickets {
            ticket["culturalContactNumber"] = name(&ticket["culturalContactNumber"]);
            without(&mut ticket["mobile"], "changeRef");
        }
        let mut contacts = self.contacts.clone();
        for contact in &mut contacts {
            contact["contactNumber"] = name(&contact["contactNumber"]);
            without(contact, "requestRef");
        }
        contacts.sort_by_key(|contact| contact["contactNumber"].to_string());
        let mut rows = self.rows.clone();
        for row in &mut rows {
            row["oldContactNumber"] = name(&row["oldContactNumber"]);
            row["newContactNumber"] = name(&row["newContactNumber"]);
            without(row, "distributionRef");
        }
        rows.sort_by_key(|row| row["ticketId"].to_string());
        let mut history = self.history.clone();
        for line in history.values_mut().flatten() {
            without(line, "changeRef");
        }
        json!({"tickets": tickets, "contacts": contacts, "distributions": rows, "history": history})
    }

    pub(crate) fn rows_of(&self, ticket: &str) -> Vec<&Value> {
        self.rows.iter().filter(|row| row["ticketId"] == ticket).collect()
    }

    pub(crate) fn contacts_of(&self, email: &str) -> Vec<&Value> {
        self.contacts.iter().filter(|contact| contact["email"] == email).collect()
    }
}

fn typed<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).expect("a valid answer")
}

fn without(value: &mut Value, name: &str) {
    if let Some(object) = value.as_object_mut() {
        object.remove(name);
    }
}

fn only(body: &Value, names: &[&str]) -> Result<(), &'static str> {
    let object = body.as_object().ok_or("INVALID_FIELD")?;
    if object.keys().all(|key| names.contains(&key.as_str())) { Ok(()) } else { Err("INVALID_FIELD") }
}

fn text(body: &Value, name: &str, limit: usize) -> Result<String, &'static str> {
    let text = body[name].as_str().ok_or("INVALID_FIELD")?;
    if text.is_empty() || text.chars().count() > limit { Err("INVALID_FIELD") } else { Ok(text.to_owned()) }
}

fn set_contact_fields(contact: &mut Value, body: &Value) -> Result<(), &'static str> {
    for (name, limit) in CONTACT_TEXTS {
        if body.get(name).is_some() {
            contact[name] = text(body, name, limit)?.into();
        }
    }
    for (name, value) in body["authorizations"].as_object().into_iter().flatten() {
        if !["CNIL_O", "CNIL_T"].contains(&name.as_str()) || !value.is_boolean() {
            return Err("INVALID_FIELD");
        }
        contact["authorizations"][name] = value.clone();
    }
    Ok(())
}
