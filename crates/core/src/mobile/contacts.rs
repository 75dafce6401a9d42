//! Contacts: which one an e-mail means, which are temporary, what is completed and what is created (TIXNGO contract §6.4).

use std::borrow::Cow;

use super::box_office::{Authorizations, Contact, ContactNumber};
use super::item::Item;
use super::mobile_data::{Owner, hash_ref};
use super::personal::{BirthDate, Email, Name, Number};
use super::plan::{ContactFields, CreateContact, Party, UpdateContact, Write};
use super::status::TransferStage;

/// First name of a temporary contact.
pub const TEMPORARY_FIRST_NAME: &str = "Pending";
/// Last name of a temporary contact.
pub const TEMPORARY_LAST_NAME: &str = "CREATION";

impl Contact {
    /// Named exactly `Pending` `CREATION`, and without an internet account. All others are normal.
    pub fn is_temporary(&self) -> bool {
        let is_named = |name: &Option<Name<'_>>, text| name.as_ref().is_some_and(|name| name.as_str() == text);
        is_named(&self.individual_firstname, TEMPORARY_FIRST_NAME)
            && is_named(&self.individual_lastname, TEMPORARY_LAST_NAME)
            && !self.has_login()
    }

    fn has_login(&self) -> bool {
        self.has_internet_account.unwrap_or(false)
    }
}

/// Which of the contacts with one e-mail is meant: the cultural contact if it is among them, else those with an
/// internet account first, then the lowest number.
pub fn resolve<'v>(contacts: &'v [Contact], cultural: Option<&ContactNumber>) -> Option<&'v Contact> {
    let is_cultural = |contact: &&Contact| Some(&contact.contact_number) == cultural;
    let first = || contacts.iter().min_by_key(|contact| (!contact.has_login(), &contact.contact_number));
    contacts.iter().find(is_cultural).or_else(first)
}

/// The contact of the item's target, and the write that makes or completes it.
pub(super) fn target_contact<'i>(
    item: &'i Item<'_>,
    target: &'i Email<'_>,
    contacts: &[Contact],
    cultural: Option<&ContactNumber>,
) -> (Party, Option<Write<'i>>) {
    let person = known_person(item);
    let Some(contact) = resolve(contacts, cultural) else {
        return (Party::Created, Some(Write::CreateContact(Box::new(create(item, target, person)))));
    };
    let completion = person.filter(|_| contact.is_temporary()).and_then(|person| completion(contact, person));
    (Party::Known(contact.contact_number.clone()), completion.map(|update| Write::UpdateContact(Box::new(update))))
}

/// The new owner, if the transfer is done and it is certain that the details are those of the target.
fn known_person<'i>(item: &'i Item<'_>) -> Option<&'i Owner<'i>> {
    let owner = item.mobile.owner.as_ref()?;
    let is_done = item.transfer_stage() == Some(TransferStage::Confirmed);
    (is_done && owner.email.is_some()).then_some(owner)
}

fn create<'i>(item: &Item<'_>, target: &'i Email<'_>, person: Option<&'i Owner<'_>>) -> CreateContact<'i> {
    let mut fields = person.map(mapped).unwrap_or_default();
    if fields.first_name.is_none() || fields.last_name.is_none() {
        fields.first_name = Some(Name::from(Cow::Borrowed(TEMPORARY_FIRST_NAME)));
        fields.last_name = Some(Name::from(Cow::Borrowed(TEMPORARY_LAST_NAME)));
    }
    CreateContact { request_ref: request_ref(item, target), email: target.borrowed(), fields }
}

/// Names the creation of a contact: the same for each attempt of one item, so that an attempt is found again even after
/// the loss of the engine's database, and another for each other item.
fn request_ref(item: &Item<'_>, target: &Email<'_>) -> String {
    hash_ref(&(&item.change_ref, target))
}

/// What of the person a temporary contact does not have yet; `None` if nothing. The names go in together or not at all.
fn completion<'i>(contact: &Contact, person: &'i Owner<'_>) -> Option<UpdateContact<'i>> {
    let known = mapped(person);
    let has_both_names = known.first_name.is_some() && known.last_name.is_some();
    let fields = ContactFields {
        title: news(known.title, contact.individual_title.as_ref()),
        first_name: news(known.first_name.filter(|_| has_both_names), contact.individual_firstname.as_ref()),
        last_name: news(known.last_name.filter(|_| has_both_names), contact.individual_lastname.as_ref()),
        birth_date: news(known.birth_date, contact.individual_birthdate.as_ref()),
        nationality: news(known.nationality, contact.individual_country_code.as_ref()),
        id_number: news(known.id_number, contact.individual_id_number.as_ref()),
        phone_number: news(known.phone_number, contact.cell_phone_number.as_ref()),
        residence_country: news(known.residence_country, contact.country_code.as_ref()),
        language: news(known.language, contact.individual_preferred_language.as_ref()),
        authorizations: new_consents(known.authorizations, contact.authorizations.unwrap_or_default()),
    };
    (fields != ContactFields::default())
        .then(|| UpdateContact { contact_number: contact.contact_number.clone(), fields })
}

/// The person as fields of a contact (the table of contract §6.4).
fn mapped<'i>(person: &'i Owner<'_>) -> ContactFields<'i> {
    let consents =
        Authorizations { institution: person.allow_promo_email, third_party: person.allow_third_party_email };
    ContactFields {
        title: person.title.as_deref(),
        first_name: person.first_name.as_ref().map(Name::borrowed),
        last_name: person.last_name.as_ref().map(Name::borrowed),
        birth_date: person.date_of_birth.as_ref().map(BirthDate::borrowed),
        nationality: person.nationality.as_deref(),
        id_number: person.id_card_number.as_ref().map(Number::borrowed),
        phone_number: person.phone_number.as_ref().map(Number::borrowed),
        residence_country: person.residence_country.as_deref(),
        language: person.language.as_deref(),
        authorizations: (consents != Authorizations::default()).then_some(consents),
    }
}

/// `new`, if it is there and differs.
fn news<T: AsRef<str>>(new: Option<T>, old: Option<&impl AsRef<str>>) -> Option<T> {
    new.filter(|new| old.map(AsRef::as_ref) != Some(new.as_ref()))
}

fn new_consents(new: Option<Authorizations>, old: Authorizations) -> Option<Authorizations> {
    let new = new?;
    let changed = Authorizations {
        institution: new.institution.filter(|_| new.institution != old.institution),
        third_party: new.third_party.filter(|_| new.third_party != old.third_party),
    };
    (changed != Authorizations::default()).then_some(changed)
}
