//! Writes of every kind, for the tests of the box office.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::borrow::Cow;

use serde_json::{Value, json};
use ticketbridge_core::mobile::{
    Authorizations, BirthDate, ContactFields, ContactNumber, CreateContact, Email, Item, Name, Number, Party, Reading,
    RowStatus, SetCulturalContact, SkipList, StoreMobile, UpdateContact, UpsertDistribution, UtcInstant, Write,
    WriteKind,
};

/// All kinds.
pub const KINDS: [WriteKind; 5] = [
    WriteKind::CreateContact,
    WriteKind::UpdateContact,
    WriteKind::UpsertDistribution,
    WriteKind::SetCulturalContact,
    WriteKind::StoreMobile,
];

/// An item with all that it may have; its ticket is `T{number}`.
pub fn item_json(number: usize) -> String {
    format!(
        r#"{{"ticketId":"T{number}","taxNumber":"000{number}","status":"TRANSFERRED","updatedAt":"2026-05-04T10:06:00.1239+02:00",
        "spectatorDetails":{{"title":"Ms","firstName":"Bo","lastName":"Buyer","dateOfBirth":"1990-02-28","email":"BO{number}@Example.org",
        "nationality":"ch","idCardNumber":"X12345","phoneNumber":"+41790000012","residenceCountry":"FR","language":"fr-CH",
        "organizerSpectatorPreference":{{"allowPromoEmail":true,"allowThirdPartyEmail":false}}}},
        "holder":{{"firstName":"Cy","lastName":"Guest","dateOfBirth":"2001-01-01","nationality":"DE","passportNumber":"P9876543"}},
        "transfer":{{"senderEmail":"ann@example.org","recipientEmail":"bo{number}@example.org","initiatedAt":"2026-05-04T08:00:00Z"}},
        "activation":{{"method":"BT","beaconName":"Gate 3"}},"deletion":{{"reason":"none"}},"extraInfo":{{"extraInfo1":"row \"A\"\u2028"}}}}"#
    )
}

/// The item.
pub fn item(json: &str) -> Item<'_> {
    match Item::read(json, &SkipList::parse("")) {
        Reading::Item(item) => *item,
        other => panic!("{other:?}"),
    }
}

/// A contact number.
pub fn number(digits: &str) -> ContactNumber {
    ContactNumber::try_from(digits.to_owned()).expect("a contact number")
}

/// An e-mail.
pub fn email(text: &str) -> Email<'_> {
    Email::normalised(text.into()).expect("an e-mail")
}

/// Write `place` of this kind; no two of one kind have the same key.
pub fn write<'i>(kind: WriteKind, place: usize, item: &'i Item<'_>) -> Write<'i> {
    let at = UtcInstant::parse("2026-05-04T08:06:00Z").expect("an instant");
    match kind {
        WriteKind::CreateContact => Write::CreateContact(Box::new(CreateContact {
            request_ref: format!("tng:request-{place}"),
            email: Email::normalised(Cow::Owned(format!("bo{place}@example.org"))).expect("an e-mail"),
            fields: if place.is_multiple_of(2) { person() } else { ContactFields::default() },
        })),
        WriteKind::UpdateContact => Write::UpdateContact(Box::new(UpdateContact {
            contact_number: number(&format!("{}", 1000 + place)),
            fields: ContactFields { language: Some("de"), ..ContactFields::default() },
        })),
        WriteKind::UpsertDistribution => Write::UpsertDistribution(UpsertDistribution {
            distribution_ref: format!("tng:{}:{place}", item.ticket_id),
            ticket_id: &item.ticket_id,
            old_contact_number: (place.is_multiple_of(2)).then(|| Party::Known(number("1001"))),
            new_contact_number: Some(Party::Known(number("1002"))),
            action: "Distribute",
            status: RowStatus::Confirmed,
            at,
            is_new: place.is_multiple_of(2),
        }),
        WriteKind::SetCulturalContact => Write::SetCulturalContact(SetCulturalContact {
            ticket_id: &item.ticket_id,
            contact_number: Party::Known(number(&format!("{}", 1000 + place))),
        }),
        WriteKind::StoreMobile => Write::StoreMobile(StoreMobile {
            ticket_id: &item.ticket_id,
            change_ref: &item.change_ref,
            mobile: &item.mobile,
        }),
    }
}

fn person() -> ContactFields<'static> {
    ContactFields {
        title: Some("Ms"),
        first_name: Some(Name::from(Cow::Borrowed("Bo"))),
        last_name: Some(Name::from(Cow::Borrowed("Buyer"))),
        birth_date: Some(BirthDate::from(Cow::Borrowed("1990-02-28"))),
        nationality: Some("CH"),
        id_number: Some(Number::from(Cow::Borrowed("X12345"))),
        phone_number: Some(Number::from(Cow::Borrowed("+41790000012"))),
        residence_country: Some("FR"),
        language: Some("fr"),
        authorizations: Some(Authorizations { institution: Some(true), third_party: None }),
    }
}

/// Two writes of each kind.
pub fn samples(work: impl FnOnce(&[Write<'_>])) {
    with_writes(2, work);
}

/// `count` writes of each kind, each of another item.
pub fn with_writes(count: usize, work: impl FnOnce(&[Write<'_>])) {
    let texts: Vec<String> = (0..count).map(item_json).collect();
    let items: Vec<Item<'_>> = texts.iter().map(|text| item(text)).collect();
    let all = KINDS.into_iter().flat_map(|kind| items.iter().enumerate().map(move |(place, item)| (kind, place, item)));
    let writes: Vec<Write<'_>> = all.map(|(kind, place, item)| write(kind, place, item)).collect();
    work(&writes);
}

/// The keys that a result of this write carries.
pub fn keys(write: &Write<'_>) -> Value {
    let (first, second) = write.key();
    match write.kind() {
        WriteKind::CreateContact => json!({"requestRef": first}),
        WriteKind::UpdateContact => json!({"contactNumber": first}),
        WriteKind::UpsertDistribution => json!({"distributionRef": first, "ticketId": second}),
        WriteKind::SetCulturalContact => json!({"ticketId": first, "contactNumber": second}),
        WriteKind::StoreMobile => json!({"ticketId": first, "changeRef": second}),
    }
}

/// The result that says that this write was done; a created contact gets the number `7{place}`.
pub fn done(write: &Write<'_>, place: usize) -> Value {
    let mut result = keys(write);
    result["ok"] = json!(true);
    if write.kind() == WriteKind::CreateContact {
        result["contactNumber"] = json!(format!("7{place}"));
    }
    result
}
