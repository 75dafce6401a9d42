//! What happens in the wallets: lives are played per organizer, and both organizers have customers in common.

use std::collections::BTreeMap;

use rand::{Rng, RngExt};
use serde_json::{Value, json};
use ticketbridge_sandbox::s360::State;
use ticketbridge_sandbox::tixngo::TixngoModel;
use ticketbridge_sandbox::tixngo::play::PlaySettings;

use super::setting::{ORGANIZERS, Profile};
use super::world::World;

const MAX_TICKETS: usize = 60;
const DOMAIN: &str = "@example.org";

/// The lives of one organizer's tickets.
#[derive(Debug)]
pub(super) struct Lives {
    play: u32,
    model: TixngoModel,
    /// The items as they were told last.
    told: BTreeMap<String, Value>,
    /// Tickets with their numbers, in the order of their coming.
    pub(super) tickets: Vec<(String, String)>,
    pub(super) emails: Vec<String>,
    /// The configured skip list.
    pub(super) skip_list: Box<str>,
    /// All that the box office was told of, for the serial model.
    pub(super) given: Vec<State>,
    oddities: u32,
}

impl Lives {
    pub(super) fn new(play: u32) -> Self {
        Self {
            play,
            model: TixngoModel::new(1_000),
            told: BTreeMap::new(),
            tickets: Vec::new(),
            emails: Vec::new(),
            skip_list: "".into(),
            given: Vec::new(),
            oddities: 0,
        }
    }

    /// Plays on; answers what the box office must know, and the items that changed.
    fn play(&mut self, tickets: usize, steps: usize, dice: &mut dyn Rng) -> (State, Vec<Value>) {
        let settings = PlaySettings::new(self.play, tickets, steps);
        let mut told = State::default();
        let played = self.model.play(ORGANIZERS[0], &settings, |state| {
            told = state;
            Ok(())
        });
        debug_assert!(played.is_ok(), "{played:?}");
        let items = self.model.dump_items(ORGANIZERS[0], 0, 10_000).unwrap_or_default();
        let mut changed = Vec::new();
        for item in items {
            let id = item["ticketId"].as_str().unwrap_or_default().to_owned();
            if self.told.get(&id) != Some(&item) {
                changed.push(share(&item, self.play));
                self.told.insert(id, item);
            }
        }
        told.contacts.retain(|contact| {
            !contact
                .email
                .as_deref()
                .is_some_and(|email| person_of(&email.trim().to_lowercase()).is_some_and(is_shared))
        });
        for ticket in &mut told.tickets {
            self.tickets
                .push((ticket.ticket_id.to_string(), ticket.tax_number.as_deref().unwrap_or_default().to_owned()));
            // Some tickets were sold over the counter: nobody knows to whom.
            if dice.random_range(0..8) == 0 {
                ticket.cultural_contact_number = None;
            }
        }
        for item in &changed {
            for email in [&item["spectatorDetails"]["email"], &item["transfer"]["recipientEmail"]] {
                let email = email.as_str().map(super::ledger::normalised);
                self.emails.extend(email.filter(|email| !self.emails.contains(email)));
            }
        }
        self.given.push(told.clone());
        (told, changed)
    }

    /// Items that are wrong, or that do not fit to what the box office knows.
    fn odd(&mut self, dice: &mut dyn Rng) -> Value {
        self.oddities += 1;
        let id = format!("odd-{}-{}", self.play, self.oddities);
        let good = json!({"ticketId": id, "status": "DOWNLOADED", "updatedAt": "2026-05-04T08:00:00Z"});
        let mut item = good;
        match dice.random_range(0..5) {
            0 => item["status"] = json!("SOLD"),
            1 => item["updatedAt"] = json!("yesterday"),
            2 => item["ticketId"] = json!(17),
            3 => {
                if let Some((ticket, _)) = self.tickets.first() {
                    item["ticketId"] = json!(ticket);
                    item["taxNumber"] = json!("somebody else's");
                }
            }
            _ => {}
        }
        item
    }
}

impl World {
    /// Tickets live on.
    pub(super) fn live_on(&mut self, organizer: usize, tickets: usize, steps: usize) {
        let tickets = if self.lives[organizer].tickets.len() + tickets > MAX_TICKETS { 0 } else { tickets };
        let mut dice = super::world::fork(&mut self.dice);
        let (state, mut items) = self.lives[organizer].play(tickets, steps, &mut dice);
        if self.profile == Profile::Harsh && dice.random_range(0..12) == 0 {
            items.push(self.lives[organizer].odd(&mut dice));
        }
        for ticket in &state.tickets {
            self.print_statuses.insert(ticket.ticket_id.clone(), ticket.print_status);
        }
        let loaded = self.box_office.load(state);
        debug_assert!(loaded.is_ok(), "{loaded:?}");
        let added = self.wallet.add_changes(ORGANIZERS[organizer], &items);
        debug_assert!(added.is_ok(), "{added:?}");
        let now = self.now;
        self.trace.mark(&[8, now, organizer as u64, items.len() as u64]);
        for item in &items {
            let text = || {
                format!(
                    "{}: {} is {} at {} owner {} transfer {}",
                    ORGANIZERS[organizer],
                    item["ticketId"],
                    item["status"],
                    item["updatedAt"],
                    item["spectatorDetails"]["email"],
                    item["transfer"]
                )
            };
            self.trace.tell(now, || (vec![item["ticketId"].as_str().unwrap_or_default().to_owned()], text()));
        }
    }
}

/// Whether the e-mail is that of a customer of all organizers.
pub(super) fn is_shared_email(email: &str) -> bool {
    person_of(email).is_some_and(is_shared)
}

/// Some of the customers without a contact are those of all organizers.
fn is_shared(person: usize) -> bool {
    person % 6 == 2
}

/// The number of the person with this e-mail.
fn person_of(email: &str) -> Option<usize> {
    let digits = email.strip_prefix("person")?;
    let (number, _) = digits.split_once(['.', '@'])?;
    number.parse().ok()
}

/// The item with the e-mails of common customers: they do not tell from whose play they are.
fn share(item: &Value, play: u32) -> Value {
    match item {
        Value::String(text) => Value::String(share_text(text, play)),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), share(value, play))).collect())
        }
        other => other.clone(),
    }
}

fn share_text(text: &str, play: u32) -> String {
    let lower = text.trim().to_lowercase();
    let mark = format!(".{play}{DOMAIN}");
    match lower.strip_suffix(&mark) {
        Some(person) if person_of(&lower).is_some_and(is_shared) => {
            let common = format!("{person}{DOMAIN}");
            if text.trim() == lower { common } else { format!(" {} ", common.to_uppercase()) }
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_in_common_have_one_address() {
        assert_eq!(share_text("person8.77@example.org", 77), "person8@example.org");
        assert_eq!(share_text(" PERSON8.77@EXAMPLE.ORG ", 77), " PERSON8@EXAMPLE.ORG ");
        assert_eq!(share_text("person9.77@example.org", 77), "person9.77@example.org");
        assert_eq!(share_text("DOWNLOADED", 77), "DOWNLOADED");
        assert!(is_shared_email("person8@example.org"));
    }
}
