//! What a site says of itself and of its blueprint (Cherwell contract §5). Read leniently, as all answers.

use serde::Deserialize;

use super::site::short_id;
use super::wire::{RecordField, flag, list, text};

/// `serviceinfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ServiceInfo {
    #[serde(deserialize_with = "text")]
    pub(super) api_version: String,
    #[serde(deserialize_with = "text")]
    pub(super) csm_version: String,
    #[serde(deserialize_with = "text")]
    pub(super) csm_culture: String,
    #[serde(deserialize_with = "text")]
    pub(super) system_date_time: String,
    #[serde(deserialize_with = "text")]
    pub(super) system_utc_offset: String,
}

/// One object of `getbusinessobjectsummary`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Summary {
    #[serde(rename = "busObId", deserialize_with = "text")]
    pub(super) id: String,
    #[serde(deserialize_with = "text")]
    pub(super) name: String,
    #[serde(deserialize_with = "text")]
    pub(super) display_name: String,
    #[serde(deserialize_with = "text")]
    pub(super) first_rec_id_field: String,
    #[serde(deserialize_with = "text")]
    pub(super) rec_id_fields: String,
    #[serde(deserialize_with = "text")]
    pub(super) state_field_id: String,
    #[serde(deserialize_with = "text")]
    pub(super) states: String,
    #[serde(deserialize_with = "list")]
    pub(super) group_summaries: Vec<Summary>,
}

/// `getbusinessobjectschema`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Schema {
    #[serde(deserialize_with = "list")]
    pub(super) field_definitions: Vec<FieldDefinition>,
    #[serde(deserialize_with = "list")]
    pub(super) relationships: Vec<Relationship>,
    #[serde(deserialize_with = "text")]
    pub(super) first_rec_id_field: String,
    #[serde(deserialize_with = "text")]
    pub(super) rec_id_fields: String,
    #[serde(deserialize_with = "text")]
    pub(super) state_field_id: String,
    #[serde(deserialize_with = "text")]
    pub(super) states: String,
}

/// A field of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct FieldDefinition {
    #[serde(rename = "fieldId", deserialize_with = "text")]
    pub(super) id: String,
    #[serde(deserialize_with = "text")]
    pub(super) name: String,
    #[serde(deserialize_with = "text")]
    pub(super) display_name: String,
    #[serde(rename = "type", deserialize_with = "text")]
    pub(super) kind: String,
    #[serde(deserialize_with = "text")]
    pub(super) maximum_size: String,
    #[serde(deserialize_with = "flag")]
    pub(super) read_only: bool,
    #[serde(deserialize_with = "flag")]
    pub(super) calculated: bool,
    #[serde(deserialize_with = "flag")]
    pub(super) auto_fill: bool,
    #[serde(deserialize_with = "flag")]
    pub(super) required: bool,
}

/// A relationship of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Relationship {
    #[serde(rename = "relationshipId", deserialize_with = "text")]
    pub(super) id: String,
    #[serde(deserialize_with = "text")]
    pub(super) display_name: String,
    #[serde(deserialize_with = "text")]
    pub(super) description: String,
    /// `busObId` of the object that it leads to.
    #[serde(deserialize_with = "text")]
    pub(super) target: String,
}

/// `getbusinessobjecttemplate`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Template {
    #[serde(deserialize_with = "list")]
    pub(super) fields: Vec<RecordField>,
}

impl FieldDefinition {
    /// Most characters of a value; `None`: the site does not say, or sets no limit.
    pub(super) fn maximum(&self) -> Option<usize> {
        self.maximum_size.trim().parse().ok().filter(|size| *size > 0)
    }

    /// The id's last part.
    pub(super) fn short(&self) -> String {
        short_id(&self.id)
    }

    /// Whether nobody can set it from outside.
    pub(super) fn locked(&self) -> bool {
        self.read_only || self.calculated
    }
}

/// Whether a text is an id that may stand in a path: hex only (Cherwell contract §4, §13).
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_leniently() {
        let field: FieldDefinition = serde_json::from_str(
            r#"{"fieldId":"BO:6d,FI:93E8","name":"Title","displayName":null,"type":"Text","maximumSize":"255","readOnly":"False",
                "calculated":null,"wholeDigits":0,"unheardOf":[1]}"#,
        )
        .expect("a field");
        assert_eq!((field.maximum(), field.short(), field.locked()), (Some(255), String::from("93e8"), false));
        for (size, expected) in [("\"0\"", None), ("\"\"", None), ("null", None), ("40", Some(40)), ("\"-1\"", None)] {
            let field: FieldDefinition =
                serde_json::from_str(&format!(r#"{{"maximumSize":{size}}}"#)).expect("a field");
            assert_eq!(field.maximum(), expected, "{size}");
        }
        let summaries: Vec<Summary> =
            serde_json::from_str(r#"[{"busObId":"6d","groupSummaries":null,"states":null}]"#).expect("summaries");
        assert_eq!(summaries.first().map(|summary| summary.id.as_str()), Some("6d"));
    }

    #[test]
    fn ids_are_hex() {
        assert!(is_id("6dd53665c0c24cab86870a21cf6434ae"));
        for wrong in ["", "6dd5/..", "0b7c2f3e-1111-4222-8333-9a9a9a9a9a9a", &"a".repeat(65)] {
            assert!(!is_id(wrong), "{wrong}");
        }
    }
}
