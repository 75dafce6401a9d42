//! What is stored as `mobile` of a ticket, the cleaned `transfer`, and the `changeRef` that names both (contract §6.2).
//!
//! Members are declared in the order of their names on the wire: the JSON is at once the body that is written and the
//! canonical text under the hash.

use std::borrow::Cow;
use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::clean::Cleaner;
use super::instant::UtcInstant;
use super::personal::{BirthDate, Email, Name, Number, PrivateText};
use super::status::Status;

type Raw<'a> = Option<&'a str>;

/// `mobile` as it is written to S-360.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mobile<'a> {
    /// Name of the beacon that activated the ticket.
    pub beacon_name: Option<Cow<'a, str>>,
    /// The guest named on the ticket, as delivered.
    pub beneficiary: Option<Beneficiary<'a>>,
    /// Why the ticket was deleted.
    pub deletion_reason: Option<Cow<'a, str>>,
    /// `extraInfo1` to `extraInfo10`.
    pub extra_info: ExtraInfo<'a>,
    /// The account whose wallet holds the ticket.
    pub owner: Option<Owner<'a>>,
    /// The lifecycle status.
    pub status: Status,
    /// Instant of this state.
    pub status_date: UtcInstant,
}

/// `owner`: the cleaned `spectatorDetails`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub struct Owner<'a> {
    pub allow_promo_email: Option<bool>,
    pub allow_third_party_email: Option<bool>,
    pub date_of_birth: Option<BirthDate<'a>>,
    pub email: Option<Email<'a>>,
    pub first_name: Option<Name<'a>>,
    pub id_card_number: Option<Number<'a>>,
    pub language: Option<Cow<'a, str>>,
    pub last_name: Option<Name<'a>>,
    pub nationality: Option<Cow<'a, str>>,
    pub phone_number: Option<Number<'a>>,
    pub residence_country: Option<Cow<'a, str>>,
    pub title: Option<Cow<'a, str>>,
}

/// `beneficiary`: the cleaned `holder`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub struct Beneficiary<'a> {
    pub date_of_birth: Option<BirthDate<'a>>,
    pub first_name: Option<Name<'a>>,
    pub last_name: Option<Name<'a>>,
    pub nationality: Option<Cow<'a, str>>,
    pub passport_number: Option<Number<'a>>,
}

/// The cleaned `transfer`: the latest one of the ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Transfer<'a> {
    /// When it was begun.
    pub initiated_at: Option<UtcInstant>,
    /// Who is to have the ticket.
    pub recipient_email: Option<Email<'a>>,
    /// Who gives it away.
    pub sender_email: Option<Email<'a>>,
}

/// The names of the extra information, sorted as text.
const EXTRA_INFO: [&str; 10] = [
    "extraInfo1",
    "extraInfo10",
    "extraInfo2",
    "extraInfo3",
    "extraInfo4",
    "extraInfo5",
    "extraInfo6",
    "extraInfo7",
    "extraInfo8",
    "extraInfo9",
];

/// The texts of `extraInfo1` to `extraInfo10` that are not missing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ExtraInfo<'a>([Option<PrivateText<'a>>; 10]);

impl ExtraInfo<'_> {
    /// The names and texts that are there.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        EXTRA_INFO.into_iter().zip(&self.0).filter_map(|(name, text)| Some((name, text.as_ref()?.as_str())))
    }
}

impl fmt::Debug for ExtraInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

impl Serialize for ExtraInfo<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, text) in self.iter() {
            map.serialize_entry(name, text)?;
        }
        map.end()
    }
}

impl<'a> Owner<'a> {
    /// Cleans `spectatorDetails`; `None` if it is not an object or nothing of it is left.
    pub(super) fn clean(raw: Raw<'a>, cleaner: &mut Cleaner) -> Option<Self> {
        let details = cleaner.members(
            "spectatorDetails",
            raw,
            &[
                "title",
                "firstName",
                "lastName",
                "dateOfBirth",
                "email",
                "nationality",
                "idCardNumber",
                "phoneNumber",
                "residenceCountry",
                "language",
                "organizerSpectatorPreference",
            ],
        );
        let [title, first, last, birth, email, nationality, card, phone, residence, language, preference] = details;
        let names = ["allowPromoEmail", "allowThirdPartyEmail"];
        let [promo, third_party] = cleaner.members("organizerSpectatorPreference", preference, &names);
        let owner = Self {
            allow_promo_email: cleaner.boolean("allowPromoEmail", promo),
            allow_third_party_email: cleaner.boolean("allowThirdPartyEmail", third_party),
            date_of_birth: cleaner.birth_date(birth),
            email: cleaner.email("email", email),
            first_name: cleaner.first_name(first),
            id_card_number: cleaner.number("idCardNumber", card),
            language: cleaner.language("language", language),
            last_name: cleaner.last_name(last),
            nationality: cleaner.country("nationality", nationality),
            phone_number: cleaner.number("phoneNumber", phone),
            residence_country: cleaner.country("residenceCountry", residence),
            title: cleaner.text("title", title),
        };
        (owner != Self::default()).then_some(owner)
    }
}

impl<'a> Beneficiary<'a> {
    /// Cleans `holder`; `None` if it is not an object or nothing of it is left.
    pub(super) fn clean(raw: Raw<'a>, cleaner: &mut Cleaner) -> Option<Self> {
        let names = ["firstName", "lastName", "dateOfBirth", "nationality", "passportNumber"];
        let [first, last, birth, nationality, passport] = cleaner.members("holder", raw, &names);
        let beneficiary = Self {
            date_of_birth: cleaner.birth_date(birth),
            first_name: cleaner.first_name(first),
            last_name: cleaner.last_name(last),
            nationality: cleaner.country("nationality", nationality),
            passport_number: cleaner.number("passportNumber", passport),
        };
        (beneficiary != Self::default()).then_some(beneficiary)
    }
}

impl<'a> Transfer<'a> {
    /// Cleans `transfer`: three values, each of which may be missing.
    pub(super) fn clean(raw: Raw<'a>, cleaner: &mut Cleaner) -> Self {
        let names = ["senderEmail", "recipientEmail", "initiatedAt"];
        let [sender, recipient, initiated] = cleaner.members("transfer", raw, &names);
        Self {
            initiated_at: cleaner.instant("initiatedAt", initiated),
            recipient_email: cleaner.email("recipientEmail", recipient),
            sender_email: cleaner.email("senderEmail", sender),
        }
    }
}

impl<'a> ExtraInfo<'a> {
    /// Cleans `extraInfo`.
    pub(super) fn clean(raw: Raw<'a>, cleaner: &mut Cleaner) -> Self {
        let texts = cleaner.members("extraInfo", raw, &EXTRA_INFO);
        let mut places = EXTRA_INFO.into_iter();
        Self(texts.map(|text| cleaner.private_text(places.next().unwrap_or("extraInfo"), text)))
    }
}

/// What is under the hash of a `changeRef`, in the order of the names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    mobile: &'a Mobile<'a>,
    ticket_id: &'a str,
    transfer: &'a Transfer<'a>,
}

/// `tng:` and the SHA-256 of ticket id, cleaned `mobile` and cleaned `transfer`: 68 characters, the same whenever these
/// three are the same, whatever the order of keys and the unknown fields were.
pub fn change_ref(ticket_id: &str, mobile: &Mobile<'_>, transfer: &Transfer<'_>) -> String {
    hash_ref(&Content { mobile, ticket_id, transfer })
}

/// `tng:` and the SHA-256 of `content` as JSON: 68 characters.
pub(super) fn hash_ref(content: &impl Serialize) -> String {
    let mut reference = String::with_capacity(68);
    reference.push_str("tng:");
    push_hex(&mut reference, &digest(content));
    reference
}

/// SHA-256 of `content` as JSON without spaces.
pub(super) fn digest(content: &impl Serialize) -> [u8; 32] {
    // Strings, numbers and structs with text keys always serialize; were it not so, the hash would be of nothing.
    let text = serde_json::to_vec(content).unwrap_or_default();
    Sha256::digest(text).into()
}

/// Appends `bytes` in hex.
pub(super) fn push_hex(text: &mut String, bytes: &[u8]) {
    for nibble in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
    }
}
