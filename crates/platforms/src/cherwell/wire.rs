//! Requests and answers as Cherwell spells them (Cherwell contract §5 to §9). Answers are read leniently: what is missing
//! or null is empty, unknown members are ignored, booleans and numbers may come as text.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// One field of a record that is saved.
#[derive(Debug, Clone, Serialize)]
pub(super) struct FieldValue {
    pub(super) dirty: bool,
    #[serde(rename = "fieldId")]
    pub(super) field_id: String,
    pub(super) name: String,
    pub(super) value: String,
}

/// `savebusinessobject`, and one element of `savebusinessobjectbatch`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SaveRequest {
    #[serde(rename = "busObId")]
    pub(super) object: String,
    #[serde(rename = "busObRecId", skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<String>,
    pub(super) fields: Vec<FieldValue>,
    pub(super) persist: bool,
}

/// `savebusinessobjectbatch`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct BatchSave {
    #[serde(rename = "saveRequests")]
    pub(super) save_requests: Vec<SaveRequest>,
    #[serde(rename = "stopOnError")]
    pub(super) stop_on_error: bool,
}

/// `saverelatedbusinessobject`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RelatedSave {
    #[serde(rename = "parentBusObId")]
    pub(super) parent_object: String,
    #[serde(rename = "parentBusObRecId")]
    pub(super) parent_record: String,
    #[serde(rename = "relationshipId")]
    pub(super) relationship: String,
    #[serde(flatten)]
    pub(super) save: SaveRequest,
}

/// `getbusinessobjectbatch`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct BatchRead {
    #[serde(rename = "readRequests")]
    pub(super) read_requests: Vec<ReadRequest>,
    #[serde(rename = "stopOnError")]
    pub(super) stop_on_error: bool,
}

/// One element of `getbusinessobjectbatch`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ReadRequest {
    #[serde(rename = "busObId")]
    pub(super) object: String,
    #[serde(rename = "busObRecId")]
    pub(super) record: String,
}

/// The error members that every answer may have.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Envelope {
    #[serde(deserialize_with = "flag")]
    pub(super) has_error: bool,
    #[serde(deserialize_with = "text")]
    pub(super) error_code: String,
    #[serde(deserialize_with = "text")]
    pub(super) error_message: String,
}

/// One result of a save.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct SaveResponse {
    #[serde(flatten)]
    pub(super) envelope: Envelope,
    #[serde(rename = "busObRecId", deserialize_with = "text")]
    pub(super) record: String,
    #[serde(rename = "busObPublicId", deserialize_with = "text")]
    pub(super) public_id: String,
    #[serde(rename = "fieldValidationErrors", deserialize_with = "list")]
    pub(super) validation: Vec<ValidationError>,
}

/// One refused value.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ValidationError {
    #[serde(deserialize_with = "text")]
    pub(super) error: String,
    #[serde(rename = "errorCode", deserialize_with = "text")]
    pub(super) code: String,
    #[serde(rename = "fieldId", deserialize_with = "text")]
    pub(super) field_id: String,
}

/// A record as reads and searches give it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "`record` is the record's id, here as in saves")]
pub(super) struct Record {
    #[serde(flatten)]
    pub(super) envelope: Envelope,
    /// `busObId`: in a group, that of the member it is.
    #[serde(rename = "busObId", deserialize_with = "text")]
    pub(super) object: String,
    #[serde(rename = "busObRecId", deserialize_with = "text")]
    pub(super) record: String,
    #[serde(rename = "busObPublicId", deserialize_with = "text")]
    pub(super) public_id: String,
    #[serde(deserialize_with = "list")]
    pub(super) fields: Vec<RecordField>,
}

/// One field of a record.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RecordField {
    #[serde(rename = "fieldId", deserialize_with = "text")]
    pub(super) field_id: String,
    #[serde(rename = "fullFieldId", deserialize_with = "text")]
    pub(super) full_field_id: String,
    #[serde(deserialize_with = "text")]
    pub(super) name: String,
    #[serde(rename = "displayName", deserialize_with = "text")]
    pub(super) display_name: String,
    #[serde(deserialize_with = "text")]
    pub(super) value: String,
}

impl Record {
    /// The value of a field: by name first, by id second (Cherwell contract §4). `None`: the answer lacks the field.
    pub(super) fn value(&self, field: &super::site::Field) -> Option<&str> {
        let by_name = self.fields.iter().find(|one| one.name.eq_ignore_ascii_case(&field.name));
        let by_id = || {
            self.fields.iter().find(|one| {
                [&one.field_id, &one.full_field_id]
                    .into_iter()
                    .any(|id| !id.is_empty() && super::site::short_id(id) == field.short)
            })
        };
        by_name.or_else(by_id).map(|one| one.value.as_str())
    }
}

/// A text, whatever it came as; null is empty.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    })
}

/// A boolean, also as text; null is false.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(flag) => flag,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    })
}

/// A list; null is empty.
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}
