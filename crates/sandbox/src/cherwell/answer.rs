//! The shapes of the answers on the wire.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::json;

use super::blueprint::{FieldDefinition, ObjectDefinition};
use super::record::{Record, Style};
use crate::call::Reply;
use crate::timeline::Refused;

/// A failure of a call or of one item of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub(super) code: String,
    pub(super) message: String,
    /// Validation errors; with some of them `code` may be empty, which stands for `hasError:false`.
    pub(super) fields: Vec<FieldError>,
}

/// A field's value that was refused.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FieldError {
    pub(super) error: String,
    pub(super) error_code: &'static str,
    pub(super) field_id: String,
}

impl Failure {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), fields: Vec::new() }
    }

    pub(super) fn record_not_found() -> Self {
        Self::new("RECORDNOTFOUND", "Record not found")
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new("BADREQUEST", message)
    }

    pub(super) fn object_not_found(id: &str) -> Self {
        Self::new("GENERALFAILURE", format!("Business object with {} not found\r\nParameter name: BusObId", cut(id)))
    }

    pub(super) fn field_not_found(id: &str) -> Self {
        Self::new("GENERALFAILURE", format!("Field with {} not found\r\nParameter name: FieldId", cut(id)))
    }

    pub(super) fn relationship_not_found(id: &str) -> Self {
        let message = format!("Relationship with {} not found\r\nParameter name: RelationshipId", cut(id));
        Self::new("GENERALFAILURE", message)
    }

    /// The HTTP status of a whole call that fails so.
    pub(super) fn status(&self) -> u16 {
        match self.code.as_str() {
            "BADREQUEST" => 400,
            "" | "ValueNotValid" if !self.fields.is_empty() => 200,
            _ => 500,
        }
    }
}

/// At most 100 characters of what a caller sent.
fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}

/// A member of an answer that says whether there was an error.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    pub(super) error_code: Option<String>,
    pub(super) error_message: Option<String>,
    pub(super) has_error: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) http_status_code: Option<u16>,
}

impl Envelope {
    pub(super) const OK: Self =
        Self { error_code: None, error_message: None, has_error: false, http_status_code: None };

    pub(super) fn of(failure: &Failure) -> Self {
        if failure.code.is_empty() {
            return Self::OK;
        }
        Self {
            error_code: Some(failure.code.clone()),
            error_message: Some(failure.message.clone()),
            has_error: true,
            http_status_code: None,
        }
    }

    pub(super) fn with_status(self, status: u16) -> Self {
        Self { http_status_code: Some(status), ..self }
    }
}

/// What a save of one record answers.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Saved {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<SavedParent>,
    pub(super) bus_ob_public_id: Option<String>,
    pub(super) bus_ob_rec_id: Option<String>,
    pub(super) cache_key: Option<String>,
    pub(super) field_validation_errors: Vec<FieldError>,
    pub(super) notification_triggers: [(); 0],
    #[serde(flatten)]
    pub(super) envelope: Envelope,
}

/// What a save of a related record adds to its answer.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
pub(super) struct SavedParent {
    pub(super) parent_bus_ob_id: String,
    pub(super) parent_bus_ob_public_id: Option<String>,
    pub(super) parent_bus_ob_rec_id: Option<String>,
    pub(super) relationship_id: String,
}

impl Saved {
    pub(super) fn done(rec_id: String, public_id: String) -> Self {
        Self { bus_ob_public_id: Some(public_id), bus_ob_rec_id: Some(rec_id), ..Self::empty(Envelope::OK) }
    }

    pub(super) fn failed(failure: &Failure) -> Self {
        Self { field_validation_errors: failure.fields.clone(), ..Self::empty(Envelope::of(failure)) }
    }

    fn empty(envelope: Envelope) -> Self {
        Self {
            parent: None,
            bus_ob_public_id: None,
            bus_ob_rec_id: None,
            cache_key: None,
            field_validation_errors: Vec::new(),
            notification_triggers: [],
            envelope,
        }
    }

    pub(super) fn is_failed(&self) -> bool {
        self.bus_ob_rec_id.is_none() && self.cache_key.is_none()
    }
}

/// The answer of a batch save; its own error members are those of its first failed item.
pub(super) fn saved_batch(responses: &[Saved]) -> Reply {
    #[derive(Serialize)]
    struct Batch<'a> {
        responses: &'a [Saved],
        #[serde(flatten)]
        envelope: Envelope,
    }
    let failed = responses.iter().find(|saved| saved.envelope.has_error);
    let envelope = failed.map_or(Envelope::OK, |saved| saved.envelope.clone());
    json(200, &Batch { responses, envelope })
}

/// A field with its value.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FieldItem<'a> {
    pub(super) dirty: bool,
    pub(super) display_name: &'static str,
    pub(super) field_id: &'a str,
    pub(super) full_field_id: &'a str,
    pub(super) html: Option<&'static str>,
    pub(super) name: &'static str,
    pub(super) value: Option<Cow<'a, str>>,
}

/// The fields that an answer shows, with their ids written out once.
#[derive(Debug)]
pub(super) struct Columns {
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    place: usize,
    field: &'static FieldDefinition,
    id: String,
    full_id: String,
}

impl Columns {
    pub(super) fn new(object: &'static ObjectDefinition, places: &[usize], is_long: bool) -> Self {
        let column = |place: &usize| {
            let field = object.fields.get(*place)?;
            let (id, full_id) = (object.field_id(field, is_long), object.field_id(field, true));
            Some(Column { place: *place, field, id, full_id })
        };
        Self { columns: places.iter().filter_map(column).collect() }
    }

    pub(super) fn all(object: &'static ObjectDefinition, is_long: bool) -> Self {
        Self::new(object, &(0..object.fields.len()).collect::<Vec<_>>(), is_long)
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = &'static FieldDefinition> {
        self.columns.iter().map(|column| column.field)
    }

    fn item<'a>(column: &'a Column, value: Option<Cow<'a, str>>) -> FieldItem<'a> {
        FieldItem {
            dirty: false,
            display_name: column.field.display_name,
            field_id: &column.id,
            full_field_id: &column.full_id,
            html: None,
            name: column.field.name,
            value,
        }
    }

    pub(super) fn read<'a>(&'a self, record: &'a Record, style: Style) -> Read<'a> {
        let item = |column: &'a Column| Self::item(column, Some(record.text(column.place, column.field, style)));
        Read {
            bus_ob_id: Some(Cow::Borrowed(record.object.id)),
            bus_ob_public_id: Some(&record.public_id),
            bus_ob_rec_id: Some(record.rec_id.to_string()),
            fields: self.columns.iter().map(item).collect(),
            links: [],
            envelope: Envelope::OK,
        }
    }

    pub(super) fn template(&self) -> Vec<FieldItem<'_>> {
        self.columns.iter().map(|column| Self::item(column, None)).collect()
    }
}

/// What a read of one record answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Read<'a> {
    bus_ob_id: Option<Cow<'a, str>>,
    bus_ob_public_id: Option<&'a str>,
    bus_ob_rec_id: Option<String>,
    fields: Vec<FieldItem<'a>>,
    links: [(); 0],
    #[serde(flatten)]
    envelope: Envelope,
}

impl Read<'_> {
    pub(super) fn failed(failure: &Failure) -> Self {
        Self {
            bus_ob_id: None,
            bus_ob_public_id: None,
            bus_ob_rec_id: None,
            fields: Vec::new(),
            links: [],
            envelope: Envelope::of(failure),
        }
    }
}

/// The refusal of a whole call.
pub(super) fn refusal(failure: &Failure) -> Reply {
    refusal_as(failure.status(), &failure.code, &failure.message)
}

fn refusal_as(status: u16, code: &str, message: &str) -> Reply {
    json(status, &Envelope::of(&Failure::new(code, message)).with_status(status))
}

/// A body of the web server under the service, which knows no error codes.
pub(super) fn message(status: u16, text: &str) -> Reply {
    json(status, &json!({"Message": text}))
}

/// The answer to a missing, wrong or dead token.
pub(super) fn unauthorized() -> Reply {
    message(401, "Authorization has been denied for this request.").with_header("www-authenticate", "Bearer")
}

/// The refusal of a token call.
pub(super) fn token_refusal(error: &str, description: Option<&str>) -> Reply {
    let body = match description {
        Some(description) => json!({"error": error, "error_description": description}),
        None => json!({"error": error}),
    };
    json(400, &body)
}

/// How a fault refuses a whole call.
pub(super) fn refuse_for_fault(refused: &Refused<'_>) -> Reply {
    match *refused {
        Refused::GatewayTimeout => Reply::html(504, "Gateway Time-out"),
        Refused::Server(status) => message(status, "An error has occurred."),
        Refused::TooManyRequests => message(429, "Too many requests."),
        Refused::Poisoned(400) => refusal_as(400, "BADREQUEST", "The request is not valid"),
        Refused::Poisoned(413) => message(413, "Maximum request length exceeded."),
        Refused::Poisoned(status) => refusal_as(status, "GENERALFAILURE", "The request could not be processed"),
        Refused::Unauthorized => unauthorized(),
        Refused::Forbidden => refusal_as(403, "INSUFFICIENTRIGHTS", "The user has insufficient rights"),
        Refused::Code { status, code, message } => refusal_as(status, code, message),
    }
}

/// Our own plain types always become JSON; an empty body would show as garbled to the caller, never as success.
pub(super) fn json(status: u16, value: &impl Serialize) -> Reply {
    let body = serde_json::to_vec(value).unwrap_or_default();
    Reply { content_type: "application/json;charset=UTF-8", ..Reply::json(status, body) }
}
