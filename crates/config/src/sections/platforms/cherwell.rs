//! `type = "cherwell"`: Cherwell Service Management.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{SecretReference, Span, WebAddress};

/// Settings of Cherwell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CherwellSettings {
    /// Address up to and with `CherwellAPI`.
    pub base_url: WebAddress,
    /// Client id of the API client, a GUID.
    pub client_id: String,
    /// Client secret, by reference; only clients that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretReference>,
    /// Login, `Cherwell\user` or `DOMAIN\user`.
    pub username: String,
    /// Password, by reference.
    pub password: SecretReference,
    /// How Cherwell checks the login.
    #[serde(default)]
    pub auth_mode: AuthMode,
    /// Site, for `auth_mode = "saml"`.
    #[serde(default)]
    pub site_name: String,
    /// Culture of every call; dates are read by it alone.
    #[serde(default = "english")]
    pub locale: String,
    /// Zone of record values: `auto` or `±hh:mm`.
    #[serde(default = "automatic")]
    pub utc_offset: String,
    /// What `pageNumber` means; it changed with API version 9.7.0.
    #[serde(default)]
    pub page_mode: PageMode,
    /// Rows per page, 1 to 2000.
    #[serde(default = "five_hundred")]
    #[schemars(range(min = 1, max = 2_000))]
    pub page_size: u32,
    /// Most requests in flight, 1 to 1000.
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = 1_000))]
    pub max_in_flight: u32,
    /// Time-outs.
    #[serde(default)]
    pub timeouts: CherwellTimeouts,
    /// What a ticket is there.
    #[serde(default)]
    pub ticket: CherwellTicket,
    /// What a note is there.
    #[serde(default)]
    pub note: CherwellNote,
    /// What a work order is there.
    #[serde(default)]
    pub work_order: CherwellWorkOrder,
}

/// How Cherwell checks a login (vendor: `auth_mode`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthMode {
    /// Cherwell's own users.
    #[default]
    Internal,
    /// Windows.
    Windows,
    /// LDAP.
    Ldap,
    /// SAML.
    Saml,
    /// Whatever fits.
    Auto,
}

/// What `pageNumber` means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PageMode {
    /// By API version, checked once.
    #[default]
    Auto,
    /// Number of the first row.
    Row,
    /// Number of the page.
    Page,
}

/// Time-outs of Cherwell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CherwellTimeouts {
    /// Until the connection stands.
    pub connect: Span,
    /// A token.
    pub token: Span,
    /// A search.
    pub search: Span,
    /// A save.
    pub save: Span,
}

impl Default for CherwellTimeouts {
    fn default() -> Self {
        Self {
            connect: Span::seconds(5),
            token: Span::seconds(90),
            search: Span::seconds(300),
            save: Span::seconds(120),
        }
    }
}

/// `[platforms.NAME.ticket]` of Cherwell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CherwellTicket {
    /// Business object.
    pub object: String,
    /// States that count as open, as the site's blueprint spells them.
    pub open_states: Vec<String>,
    /// Field names.
    pub fields: CherwellFields,
    /// Our kind → the site's spellings of it: the first is written, all are searched for.
    pub kinds: BTreeMap<String, Vec<String>>,
    /// Field name → value written into every new ticket.
    pub constants: BTreeMap<String, serde_json::Value>,
    /// A jq expression over a remote ticket that answers a dedupe key or null, for tickets opened before us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopt: Option<String>,
}

impl Default for CherwellTicket {
    fn default() -> Self {
        Self {
            object: String::from("Incident"),
            open_states: ["New", "Assigned", "In Progress", "Pending", "Reopened"].map(String::from).into(),
            fields: CherwellFields::default(),
            kinds: BTreeMap::new(),
            constants: BTreeMap::new(),
            adopt: None,
        }
    }
}

/// Names of a ticket's fields at the site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the site's name for the member of that name")]
pub struct CherwellFields {
    pub dedupe_key: String,
    pub origin_id: String,
    pub kind: String,
    pub work_order: String,
    pub title: String,
    pub description: String,
}

impl AuthMode {
    /// The vendor's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Internal => "Internal",
            Self::Windows => "Windows",
            Self::Ldap => "LDAP",
            Self::Saml => "SAML",
            Self::Auto => "Auto",
        }
    }
}

impl Default for CherwellFields {
    fn default() -> Self {
        Self {
            dedupe_key: String::from("DedupeKey"),
            origin_id: String::from("OriginId"),
            kind: String::from("TicketKind"),
            work_order: String::from("WorkOrderNumber"),
            title: String::from("ShortDescription"),
            description: String::from("Description"),
        }
    }
}

/// `[platforms.NAME.note]` of Cherwell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CherwellNote {
    /// Group object of the journals.
    pub object: String,
    /// Member of the group that a note is.
    #[serde(rename = "type")]
    pub kind: String,
    /// Relationship from the ticket to its journals.
    pub relationship: String,
    /// How notes are saved.
    pub way: NoteWay,
    /// What stands in the note's parent type.
    pub parent_type: ParentType,
    /// Field names.
    pub fields: NoteFields,
}

impl Default for CherwellNote {
    fn default() -> Self {
        Self {
            object: String::from("Journal"),
            kind: String::from("Journal - Note"),
            relationship: String::from("Incident Owns Journals"),
            way: NoteWay::Batch,
            parent_type: ParentType::Id,
            fields: NoteFields::default(),
        }
    }
}

/// Names of a note's fields at the site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the site's name for the member of that name")]
pub struct NoteFields {
    pub text: String,
    pub type_id: String,
    pub type_name: String,
    pub parent_type: String,
    pub parent_record: String,
}

impl Default for NoteFields {
    fn default() -> Self {
        Self {
            text: String::from("Details"),
            type_id: String::from("JournalTypeID"),
            type_name: String::from("JournalTypeName"),
            parent_type: String::from("ParentTypeID"),
            parent_record: String::from("ParentRecID"),
        }
    }
}

/// How notes are saved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoteWay {
    /// Many in one request.
    #[default]
    Batch,
    /// One by one, as a related object.
    Related,
}

/// What stands in a note's parent type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParentType {
    /// The object's id.
    #[default]
    Id,
    /// The object's name.
    Name,
}

/// `[platforms.NAME.work_order]` of Cherwell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CherwellWorkOrder {
    /// Business object.
    pub object: String,
    /// Relationship from the ticket to its work orders. Empty: none is set.
    pub relationship: String,
    /// How work orders are saved.
    pub way: WorkOrderWay,
    /// Field names.
    pub fields: WorkOrderFields,
}

impl Default for CherwellWorkOrder {
    fn default() -> Self {
        Self {
            object: String::from("WorkOrder"),
            relationship: String::from("Incident Owns Work Orders"),
            way: WorkOrderWay::BatchThenLink,
            fields: WorkOrderFields::default(),
        }
    }
}

/// How work orders are saved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkOrderWay {
    /// Many in one request, then each is linked.
    #[default]
    BatchThenLink,
    /// One by one, as a related object.
    Related,
}

/// Names of a work order's fields at the site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the site's name for the member of that name")]
pub struct WorkOrderFields {
    pub external_ref: String,
    pub ticket_number: String,
    pub ticket_rec_id: String,
    pub ticket_type: String,
    pub kind: String,
    pub title: String,
    pub description: String,
}

impl Default for WorkOrderFields {
    fn default() -> Self {
        Self {
            external_ref: String::from("ExternalRef"),
            ticket_number: String::from("IncidentID"),
            ticket_rec_id: String::from("ParentRecID"),
            ticket_type: String::from("ParentTypeID"),
            kind: String::from("TicketKind"),
            title: String::from("Title"),
            description: String::from("Description"),
        }
    }
}

fn english() -> String {
    String::from("en-US")
}

fn automatic() -> String {
    String::from("auto")
}

fn five_hundred() -> u32 {
    500
}

fn four() -> u32 {
    4
}
