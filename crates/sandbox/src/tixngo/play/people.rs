//! The people who own, get and use tickets, and the contacts that S-360 has of them.

use rand::{Rng, RngExt};

use crate::s360::{Authorizations, Contact};

const FIRST_NAMES: [&str; 8] = ["Ann", "Bo", "Cy", "Élodie", "Fay", "Gus", "Hedwig", "Ösgür"];
const LAST_NAMES: [&str; 8] = ["Buyer", "Li", "Rossi", "Dupont", "Muster", "O'Neill", "van der Berg", "Ñuñez"];
pub(super) const COUNTRIES: [&str; 5] = ["CH", "FR", "DE", "IT", "ES"];
pub(super) const LANGUAGES: [&str; 5] = ["fr", "de", "it", "en", "es"];

/// Everybody; a person is a number.
#[derive(Debug, Clone)]
pub(super) struct People {
    seed: u32,
    /// Whether S-360 has a contact of the person, who can then buy tickets.
    known: Vec<bool>,
    buyers: Vec<usize>,
}

impl People {
    pub(super) fn new(seed: u32) -> Self {
        Self { seed, known: Vec::new(), buyers: Vec::new() }
    }

    /// Adds people for so many tickets, two of three known to S-360; answers the contacts that are new there: some with a
    /// login, some temporary ones, and some that share an e-mail.
    pub(super) fn grow(&mut self, tickets: usize, dice: &mut dyn Rng) -> Vec<Contact> {
        if tickets == 0 {
            return Vec::new();
        }
        let mut contacts = Vec::new();
        let first = self.known.len();
        for person in first..first + tickets / 2 + 6 {
            let is_buyer = person % 3 != 2;
            if is_buyer {
                contacts.push(self.contact(person, 0, dice.random_bool(0.5)));
                self.buyers.push(person);
                if dice.random_bool(0.1) {
                    contacts.push(self.contact(person, 1, dice.random_bool(0.5)));
                }
            } else if dice.random_bool(0.2) {
                contacts.push(self.temporary(person));
            }
            self.known.push(is_buyer);
        }
        contacts
    }

    fn contact(&self, person: usize, copy: usize, has_login: bool) -> Contact {
        let email = self.email(person);
        let country = COUNTRIES[person % COUNTRIES.len()];
        Contact {
            contact_number: self.number(person, copy),
            kind: "Individual".into(),
            role: "PUBLIC".into(),
            individual_firstname: Some(Self::first_name(person).into()),
            individual_lastname: Some(Self::last_name(person).into()),
            // S-360 keeps e-mails as somebody typed them.
            email: Some(if copy == 0 { email } else { format!(" {} ", email.to_uppercase()) }.into()),
            individual_country_code: Some(country.into()),
            country_code: Some(country.into()),
            authorizations: Authorizations { institution: Some(person.is_multiple_of(2)), third_party: None },
            has_internet_account: has_login,
            ..Contact::default()
        }
    }

    fn temporary(&self, person: usize) -> Contact {
        Contact {
            contact_number: self.number(person, 0),
            kind: "Individual".into(),
            role: "PUBLIC".into(),
            individual_firstname: Some("Pending".into()),
            individual_lastname: Some("CREATION".into()),
            email: Some(self.email(person).into()),
            ..Contact::default()
        }
    }

    fn number(&self, person: usize, copy: usize) -> Box<str> {
        format!("8{:06}{person:07}{copy}", self.seed).into()
    }

    /// The number of the contact that a buyer's tickets belong to.
    pub(super) fn contact_number(&self, person: usize) -> Option<Box<str>> {
        self.known.get(person).filter(|known| **known).map(|_| self.number(person, 0))
    }

    pub(super) fn draw_buyer(&self, dice: &mut dyn Rng) -> usize {
        self.buyers[dice.random_range(0..self.buyers.len())]
    }

    /// Anybody but the given one.
    pub(super) fn draw_other(&self, than: usize, dice: &mut dyn Rng) -> usize {
        let drawn = dice.random_range(0..self.known.len() - 1);
        if drawn >= than { drawn + 1 } else { drawn }
    }

    pub(super) fn email(&self, person: usize) -> String {
        format!("person{person}.{}@example.org", self.seed)
    }

    pub(super) fn first_name(person: usize) -> &'static str {
        FIRST_NAMES[person % FIRST_NAMES.len()]
    }

    pub(super) fn last_name(person: usize) -> &'static str {
        LAST_NAMES[person / FIRST_NAMES.len() % LAST_NAMES.len()]
    }
}
