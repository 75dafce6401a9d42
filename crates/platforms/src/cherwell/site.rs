//! What was learned of a site: its names as ids, its version, its clock (Cherwell contract §4).

use jiff::tz::Offset;

/// A site, learned once and used by all requests until it is outdated.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Site {
    /// `apiVersion` of `serviceinfo`.
    pub(super) api_version: String,
    /// Offset of record values from UTC.
    pub(super) offset: Offset,
    /// Whether `pageNumber` is a row (API 9.7.0 and later) or a page, as far as is known at the start.
    pub(super) rows: bool,
    /// Tickets.
    pub(super) ticket: TicketSite,
    /// Notes.
    pub(super) note: NoteSite,
    /// Work orders, if any live here.
    pub(super) work_order: Option<WorkOrderSite>,
}

/// A business object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    /// `busObId`.
    pub(super) id: String,
    /// `name`, as the site spells it.
    pub(super) name: String,
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// The field's id as requests carry it, in the long form.
    pub(super) id: String,
    /// The last part of it, lower case: what ids in answers are compared by.
    pub(super) short: String,
    /// `name`, as the site spells it.
    pub(super) name: String,
    /// Most characters of a value; `None`: the site does not say.
    pub(super) maximum: Option<usize>,
}

/// Tickets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TicketSite {
    pub(super) object: Object,
    pub(super) record_id: Field,
    pub(super) state: Field,
    /// When the record was made; `None`: the object has no such field.
    pub(super) created: Option<Field>,
    /// States that count as open, as the site spells them.
    pub(super) open_states: Vec<String>,
    pub(super) dedupe_key: Field,
    pub(super) origin_id: Field,
    pub(super) kind: Field,
    pub(super) work_order: Field,
    pub(super) title: Field,
    pub(super) description: Field,
    /// Written into every new ticket.
    pub(super) constants: Vec<(Field, String)>,
}

/// Notes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NoteSite {
    /// The group of journals.
    pub(super) group: Object,
    /// The member that a note is.
    pub(super) object: Object,
    /// `relationshipId` from the ticket to its journals.
    pub(super) relationship: String,
    pub(super) record_id: Field,
    pub(super) text: Field,
    pub(super) type_id: Field,
    pub(super) type_name: Field,
    pub(super) parent_type: Field,
    pub(super) parent_record: Field,
}

/// Work orders.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WorkOrderSite {
    pub(super) object: Object,
    pub(super) record_id: Field,
    /// `relationshipId` from the ticket to its work orders.
    pub(super) relationship: Option<String>,
    pub(super) external_ref: Field,
    /// Not written where the settings leave their names empty.
    pub(super) ticket_number: Option<Field>,
    pub(super) ticket_rec_id: Option<Field>,
    pub(super) ticket_type: Option<Field>,
    pub(super) kind: Option<Field>,
    pub(super) title: Option<Field>,
    pub(super) description: Option<Field>,
}

/// The last part of a field id, lower case: `BO:6DD5…,FI:93E8…` and `93e8…` are one field (Cherwell contract §4).
pub(super) fn short_id(id: &str) -> String {
    let lower = id.to_ascii_lowercase();
    let after = lower.rsplit_once("fi:").map_or(lower.as_str(), |(_, rest)| rest);
    after.split(',').next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_ids_are_compared_by_their_last_part() {
        for id in ["93e8ea", "BO:6dd5,FI:93E8EA", "FI:93e8ea,BO:6dd5,RE:77", "BO:6dd5,FI:BO:6dd5,FI:93e8ea"] {
            assert_eq!(short_id(id), "93e8ea", "{id}");
        }
    }
}
