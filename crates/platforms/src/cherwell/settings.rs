//! What a site says about its Cherwell: names of its blueprint, and how to read its dates.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

/// Settings of one Cherwell (Cherwell contract §14).
#[derive(Debug, Clone, PartialEq)]
pub struct CherwellSettings {
    /// Culture of every call (`?locale=`); record values are read by it alone.
    pub locale: String,
    /// Offset of record values from UTC; `None`: as `serviceinfo` says.
    pub utc_offset: Option<jiff::tz::Offset>,
    /// What `pageNumber` means.
    pub page_mode: PageMode,
    /// Rows per page, 1 to 2000.
    pub page_size: u32,
    /// Most requests in flight.
    pub max_in_flight: usize,
    /// Longest time that a save may take.
    pub save_timeout: Duration,
    /// Tickets.
    pub ticket: TicketSettings,
    /// Notes.
    pub note: NoteSettings,
    /// Work orders; `None`: none live here.
    pub work_order: Option<WorkOrderSettings>,
}

/// What `pageNumber` means in a search (Cherwell contract §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PageMode {
    /// By API version, checked once against what comes.
    #[default]
    Auto,
    /// Number of the first row, from 1 (API 9.7.0 and later).
    Row,
    /// Number of the page, from 1.
    Page,
}

/// What a ticket is at the site. Names are looked up without case, by name, then by display name.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketSettings {
    /// Business object.
    pub object: String,
    /// States that count as open.
    pub open_states: Vec<String>,
    /// Fields.
    pub fields: TicketFields,
    /// Our kind to the site's spellings of it: the first is written, all are retrieved. A kind that is missing is
    /// spelled as received.
    pub kinds: BTreeMap<String, Vec<String>>,
    /// Field name to the value written into every new ticket.
    pub constants: Map<String, Value>,
    /// jq over a remote ticket (an object of its field names and values) that answers a dedupe key or null.
    pub adopt: Option<String>,
}

/// Names of a ticket's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the site's name for the member of that name")]
pub struct TicketFields {
    pub dedupe_key: String,
    pub origin_id: String,
    pub kind: String,
    pub work_order: String,
    pub title: String,
    pub description: String,
}

/// What a note is at the site (Cherwell contract §9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSettings {
    /// Group object of the journals.
    pub object: String,
    /// Member of the group that a note is.
    pub kind: String,
    /// Relationship from the ticket to its journals, by display name.
    pub relationship: String,
    /// How notes are saved.
    pub way: NoteWay,
    /// What stands in the note's parent type.
    pub parent_type: ParentType,
    /// Fields.
    pub fields: NoteFields,
}

/// How notes are saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NoteWay {
    /// Many in one request, as records that carry their parent's id (way B).
    #[default]
    Batch,
    /// One by one, as a related object (way A).
    Related,
}

/// What stands in a note's parent type: it differs between versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ParentType {
    /// The ticket object's id.
    #[default]
    Id,
    /// The ticket object's name.
    Name,
}

/// Names of a note's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the site's name for the member of that name")]
pub struct NoteFields {
    pub text: String,
    pub type_id: String,
    pub type_name: String,
    pub parent_type: String,
    pub parent_record: String,
}

/// What a work order is at the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkOrderSettings {
    /// Business object.
    pub object: String,
    /// Relationship from the ticket to its work orders, by display name; `None`: none is set.
    pub relationship: Option<String>,
    /// How work orders are saved.
    pub way: WorkOrderWay,
    /// Fields; an empty name is not written, but for `external_ref`.
    pub fields: WorkOrderFields,
}

/// How work orders are saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WorkOrderWay {
    /// Many in one request; the relationship is set with the number's writing to the ticket.
    #[default]
    BatchThenLink,
    /// One by one, as a related object.
    Related,
}

/// Names of a work order's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl Default for CherwellSettings {
    fn default() -> Self {
        let text = String::from;
        Self {
            locale: text("en-US"),
            utc_offset: None,
            page_mode: PageMode::Auto,
            page_size: 500,
            max_in_flight: 4,
            save_timeout: Duration::from_mins(2),
            ticket: TicketSettings {
                object: text("Incident"),
                open_states: ["New", "Assigned", "In Progress", "Pending", "Reopened"].map(String::from).into(),
                fields: TicketFields {
                    dedupe_key: text("DedupeKey"),
                    origin_id: text("OriginId"),
                    kind: text("TicketKind"),
                    work_order: text("WorkOrderNumber"),
                    title: text("ShortDescription"),
                    description: text("Description"),
                },
                kinds: BTreeMap::new(),
                constants: Map::new(),
                adopt: None,
            },
            note: NoteSettings {
                object: text("Journal"),
                kind: text("Journal - Note"),
                relationship: text("Incident Owns Journals"),
                way: NoteWay::Batch,
                parent_type: ParentType::Id,
                fields: NoteFields {
                    text: text("Details"),
                    type_id: text("JournalTypeID"),
                    type_name: text("JournalTypeName"),
                    parent_type: text("ParentTypeID"),
                    parent_record: text("ParentRecID"),
                },
            },
            work_order: None,
        }
    }
}

impl Default for WorkOrderSettings {
    fn default() -> Self {
        let text = String::from;
        Self {
            object: text("WorkOrder"),
            relationship: Some(text("Incident Owns Work Orders")),
            way: WorkOrderWay::BatchThenLink,
            fields: WorkOrderFields {
                external_ref: text("ExternalRef"),
                ticket_number: text("IncidentID"),
                ticket_rec_id: text("ParentRecID"),
                ticket_type: text("ParentTypeID"),
                kind: text("TicketKind"),
                title: text("Title"),
                description: text("Description"),
            },
        }
    }
}
