//! The mobile data of a ticket, and what its values may be.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::fields::{self, Rule};
use crate::tixngo::STATUSES;

/// What the mobile ticket is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mobile {
    /// One of the 19 lifecycle statuses.
    pub status: Box<str>,
    /// The instant of that status.
    pub status_date: Box<str>,
    /// In whose wallet the ticket is.
    #[serde(default)]
    pub owner: Option<Box<Owner>>,
    /// Whom the ticket names.
    #[serde(default)]
    pub beneficiary: Option<Box<Beneficiary>>,
    /// The beacon that activated it.
    #[serde(default)]
    pub beacon_name: Option<Box<str>>,
    /// `extraInfo1` to `extraInfo10`.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub extra_info: BTreeMap<Box<str>, Box<str>>,
    /// Why it was deleted.
    #[serde(default)]
    pub deletion_reason: Option<Box<str>>,
    /// The reference of the write; not part of `mobile` when it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_ref: Option<Box<str>>,
}

/// The wallet's owner. Every member is on the wire, missing ones as null.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Owner {
    /// The title.
    pub title: Option<Box<str>>,
    /// The first name.
    pub first_name: Option<Box<str>>,
    /// The last name.
    pub last_name: Option<Box<str>>,
    /// The day of birth.
    pub date_of_birth: Option<Box<str>>,
    /// The e-mail.
    pub email: Option<Box<str>>,
    /// The nationality.
    pub nationality: Option<Box<str>>,
    /// The number of an identity card.
    pub id_card_number: Option<Box<str>>,
    /// The phone number.
    pub phone_number: Option<Box<str>>,
    /// The country of residence.
    pub residence_country: Option<Box<str>>,
    /// The language.
    pub language: Option<Box<str>>,
    /// Whether the institution may write mail.
    pub allow_promo_email: Option<bool>,
    /// Whether third parties may.
    pub allow_third_party_email: Option<bool>,
}

/// The guest whom a ticket names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Beneficiary {
    /// The first name.
    pub first_name: Option<Box<str>>,
    /// The last name.
    pub last_name: Option<Box<str>>,
    /// The day of birth.
    pub date_of_birth: Option<Box<str>>,
    /// The nationality.
    pub nationality: Option<Box<str>>,
    /// The number of a passport.
    pub passport_number: Option<Box<str>>,
}

fn null_is_empty<'de, D: Deserializer<'de>>(value: D) -> Result<BTreeMap<Box<str>, Box<str>>, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

impl Mobile {
    /// Checks every value; answers what is wrong with the first one that is.
    pub(super) fn check(&self) -> Result<(), String> {
        if !STATUSES.contains(&&*self.status) {
            return Err(format!("status `{}` is none of the {} lifecycle statuses", self.status, STATUSES.len()));
        }
        fields::check(Rule::Instant, "statusDate", &self.status_date)?;
        self.owner.as_deref().map_or(Ok(()), Owner::check)?;
        self.beneficiary.as_deref().map_or(Ok(()), Beneficiary::check)?;
        check_all(&[
            ("beaconName", Rule::Text(256), &self.beacon_name),
            ("deletionReason", Rule::Text(256), &self.deletion_reason),
        ])?;
        for (name, text) in &self.extra_info {
            let number = name.strip_prefix("extraInfo").filter(|digits| !digits.starts_with(['0', '+']));
            if !number.and_then(|digits| digits.parse().ok()).is_some_and(|number: u8| (1..=10).contains(&number)) {
                return Err(format!("extraInfo has no member `{name}`"));
            }
            fields::check(Rule::Text(256), name, text)?;
        }
        Ok(())
    }
}

impl Owner {
    fn check(&self) -> Result<(), String> {
        check_all(&[
            ("owner.title", Rule::Text(256), &self.title),
            ("owner.firstName", Rule::Text(50), &self.first_name),
            ("owner.lastName", Rule::Text(100), &self.last_name),
            ("owner.dateOfBirth", Rule::Date, &self.date_of_birth),
            ("owner.email", Rule::Text(256), &self.email),
            ("owner.nationality", Rule::Country, &self.nationality),
            ("owner.idCardNumber", Rule::Text(256), &self.id_card_number),
            ("owner.phoneNumber", Rule::Text(256), &self.phone_number),
            ("owner.residenceCountry", Rule::Country, &self.residence_country),
            ("owner.language", Rule::Language, &self.language),
        ])
    }
}

impl Beneficiary {
    fn check(&self) -> Result<(), String> {
        check_all(&[
            ("beneficiary.firstName", Rule::Text(50), &self.first_name),
            ("beneficiary.lastName", Rule::Text(100), &self.last_name),
            ("beneficiary.dateOfBirth", Rule::Date, &self.date_of_birth),
            ("beneficiary.nationality", Rule::Country, &self.nationality),
            ("beneficiary.passportNumber", Rule::Text(256), &self.passport_number),
        ])
    }
}

fn check_all(values: &[(&str, Rule, &Option<Box<str>>)]) -> Result<(), String> {
    values.iter().try_for_each(|(name, rule, value)| match value {
        Some(value) => fields::check(*rule, name, value),
        None => Ok(()),
    })
}
