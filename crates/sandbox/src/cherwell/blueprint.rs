//! The sandbox site's blueprint: its objects, their fields, and the relationships between them.
//!
//! The stock Incident has the ids that the Cherwell contract lists; all other ids are made up, and stay the same. Limits: the
//! sizes that stand beside the fields, in characters.

use super::ids::field_key;

/// Where a field's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Stored,
    RecId,
    PublicId,
    Created,
    Modified,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldType {
    Text,
    Number,
    DateTime,
    Logical,
}

impl FieldType {
    /// The name on the wire.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Number => "Number",
            Self::DateTime => "DateTime",
            Self::Logical => "Logical",
        }
    }
}

/// A field of an object.
#[derive(Debug)]
pub(super) struct FieldDefinition {
    pub(super) name: &'static str,
    pub(super) display_name: &'static str,
    pub(super) id: &'static str,
    pub(super) kind: FieldType,
    /// The most characters; of a number the digits.
    pub(super) size: usize,
    pub(super) decimals: usize,
    pub(super) source: Source,
    /// Whether searches for exact values have an index.
    pub(super) is_indexed: bool,
    pub(super) is_required: bool,
    /// The value of a new record that is given none; needed by `is_required`, empty for none.
    pub(super) default: &'static str,
}

impl FieldDefinition {
    /// Whether callers cannot set it.
    pub(super) fn is_read_only(&self) -> bool {
        self.source != Source::Stored
    }

    const fn indexed(mut self) -> Self {
        self.is_indexed = true;
        self
    }

    const fn required(mut self, default: &'static str) -> Self {
        self.is_required = true;
        self.default = default;
        self
    }
}

const fn field(
    name: &'static str,
    display_name: &'static str,
    id: &'static str,
    kind: FieldType,
    size: usize,
    source: Source,
) -> FieldDefinition {
    FieldDefinition {
        name,
        display_name,
        id,
        kind,
        size,
        decimals: 0,
        source,
        is_indexed: false,
        is_required: false,
        default: "",
    }
}

const fn text(name: &'static str, display_name: &'static str, id: &'static str, size: usize) -> FieldDefinition {
    field(name, display_name, id, FieldType::Text, size, Source::Stored)
}

const fn rec_id(name: &'static str, display_name: &'static str, id: &'static str) -> FieldDefinition {
    field(name, display_name, id, FieldType::Text, 42, Source::RecId)
}

const fn public_id(name: &'static str, display_name: &'static str, id: &'static str) -> FieldDefinition {
    field(name, display_name, id, FieldType::Text, 50, Source::PublicId)
}

const fn created(name: &'static str, display_name: &'static str, id: &'static str) -> FieldDefinition {
    field(name, display_name, id, FieldType::DateTime, 0, Source::Created)
}

const fn modified(name: &'static str, display_name: &'static str, id: &'static str) -> FieldDefinition {
    field(name, display_name, id, FieldType::DateTime, 0, Source::Modified)
}

const fn date(name: &'static str, display_name: &'static str, id: &'static str) -> FieldDefinition {
    field(name, display_name, id, FieldType::DateTime, 0, Source::Stored)
}

const fn logical(name: &'static str, display_name: &'static str, id: &'static str) -> FieldDefinition {
    field(name, display_name, id, FieldType::Logical, 0, Source::Stored)
}

const fn number(
    name: &'static str,
    display_name: &'static str,
    id: &'static str,
    digits: usize,
    decimals: usize,
) -> FieldDefinition {
    FieldDefinition { decimals, ..field(name, display_name, id, FieldType::Number, digits, Source::Stored) }
}

/// How public ids of an object are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PublicId {
    /// A prefix and a number that counts up from a start.
    Number(&'static str, u32),
    /// The same as the record id.
    RecId,
    /// The value of the field with this name.
    Field(&'static str),
}

/// A sort of records. A group and its members share one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub(super) enum Table {
    Incidents,
    Customers,
    Journals,
    Tasks,
    Attachments,
    WorkOrders,
}

/// How many tables there are.
pub(super) const TABLES: usize = 6;

/// What an object is in the summaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    Major,
    Supporting,
    /// A group that consists of other objects.
    Group,
    /// A member of the group with this name.
    Member(&'static str),
}

/// A business object.
#[derive(Debug)]
pub(super) struct ObjectDefinition {
    pub(super) name: &'static str,
    pub(super) display_name: &'static str,
    pub(super) id: &'static str,
    pub(super) table: Table,
    pub(super) rank: Rank,
    pub(super) fields: &'static [FieldDefinition],
    pub(super) public_id: PublicId,
    pub(super) states: &'static [&'static str],
    /// The fields of a search that names none.
    pub(super) default_fields: &'static [&'static str],
}

impl ObjectDefinition {
    /// The field with this id in any form.
    pub(super) fn field(&self, id: &str) -> Option<usize> {
        let key = field_key(id);
        self.fields.iter().position(|field| field.id == key)
    }

    /// The field with this name, else with this display name, without case.
    pub(super) fn field_named(&self, name: &str) -> Option<usize> {
        let by_name = self.fields.iter().position(|field| field.name.eq_ignore_ascii_case(name));
        by_name.or_else(|| self.fields.iter().position(|field| field.display_name.eq_ignore_ascii_case(name)))
    }

    /// The id of a field in the short or the long form.
    pub(super) fn field_id(&self, field: &FieldDefinition, is_long: bool) -> String {
        if is_long { format!("BO:{},FI:{}", self.id, field.id) } else { field.id.to_owned() }
    }

    pub(super) fn is_group(&self) -> bool {
        self.rank == Rank::Group
    }

    /// The members of a group; none of an object that is no group.
    pub(super) fn members(&'static self) -> impl Iterator<Item = &'static ObjectDefinition> {
        OBJECTS.iter().filter(|object| object.rank == Rank::Member(self.name))
    }

    /// Whether records of `other` are records of this object: the same, or a member of this group.
    pub(super) fn includes(&self, other: &ObjectDefinition) -> bool {
        self.id == other.id || other.rank == Rank::Member(self.name)
    }
}

/// A relationship between two objects.
#[derive(Debug)]
pub(super) struct RelationshipDefinition {
    pub(super) name: &'static str,
    pub(super) id: &'static str,
    pub(super) parent: &'static str,
    pub(super) target: &'static str,
    /// Whether a child belongs to the parent that its `ParentRecID` names, without a link.
    pub(super) is_by_parent: bool,
}

impl RelationshipDefinition {
    pub(super) fn target_object(&self) -> &'static ObjectDefinition {
        object_named(self.target).unwrap_or(&OBJECTS[0])
    }

    pub(super) fn parent_object(&self) -> &'static ObjectDefinition {
        object_named(self.parent).unwrap_or(&OBJECTS[0])
    }
}

/// The object with this id, without case.
pub(super) fn object(id: &str) -> Option<&'static ObjectDefinition> {
    OBJECTS.iter().find(|object| object.id.eq_ignore_ascii_case(id.trim()))
}

/// The object with this name, else with this display name, without case.
pub(super) fn object_named(name: &str) -> Option<&'static ObjectDefinition> {
    let name = name.trim();
    let by_name = OBJECTS.iter().find(|object| object.name.eq_ignore_ascii_case(name));
    by_name.or_else(|| OBJECTS.iter().find(|object| object.display_name.eq_ignore_ascii_case(name)))
}

/// The relationship with this id, without case, and its place.
pub(super) fn relationship(id: &str) -> Option<(usize, &'static RelationshipDefinition)> {
    RELATIONSHIPS.iter().enumerate().find(|(_, relationship)| relationship.id.eq_ignore_ascii_case(id.trim()))
}

const INCIDENT_STATES: &[&str] = &["New", "Assigned", "In Progress", "Pending", "Resolved", "Closed", "Reopened"];
/// The states of an Incident that nobody works on any more.
pub(super) const FINAL_STATES: &[&str] = &["Resolved", "Closed"];
const TASK_STATES: &[&str] = &["New", "Acknowledged", "In Progress", "Closed"];

const INCIDENT_FIELDS: &[FieldDefinition] = &[
    rec_id("RecID", "Rec ID", "fa03d51b709e4a6eb2d52885b2ef7e04"),
    public_id("IncidentID", "Incident ID", "6ae282c55e8e4266ae66ffc070c17fa3"),
    text("Status", "Status", "5eb3234ae1344c64a19819eda437f18d", 30).indexed().required("New"),
    created("CreatedDateTime", "Created Date Time", "c1e86f31eb2c4c5f8e8615a5189e9b19"),
    modified("LastModifiedDateTime", "Last Modified Date Time", "93543557882ad94503745843c9a380aa0c380935c8"),
    text("ShortDescription", "Short Description", "93e8ea93ff67fd95118255419690a50ef2d56f910c", 255),
    text("Description", "Description", "252b836fc72c4149915053ca1131d138", 32000),
    text("Priority", "Priority", "83c36313e97b4e6b9028aff3b401b71c", 10).required("3"),
    text("Category", "Category", "9e0b434034e94781ab29598150f388aa", 60).indexed(),
    text("Subcategory", "Subcategory", "1163fda7e6a44f40bb94d2b47cc58f46", 60).indexed(),
    text("Source", "Source", "93670bdf8abe2cd1f92b1f490a90c7b7d684222e13", 60),
    text("OwnedByTeam", "Owned By Team", "9339fc404e8d5299b7a7c64de79ab81a1c1ff4306c", 60),
    text("CustomerRecID", "Customer ID", "933bd530833c64efbf66f84114acabb3e90c6d7b8f", 42),
    text("CustomerDisplayName", "Customer Display Name", "944a17ea0586204251c8d886e92fa57b261307cfa1", 255),
    logical("ClosedOn1stCall", "Closed on 1st Call", "94685a941059a140d4552c6d2d5faf29875efc2659"),
    number("IncidentDurationInHours", "Incident Duration in Hours", "944f90d8c7b8bb99d85602be152e08b98e62d22d30", 8, 2),
    date("SLARespondByDeadline", "SLA Respond By Deadline", "94c9509dc644828e9e7222f035834c9fccaa1658c3"),
    text("DedupeKey", "Dedupe Key", "9428c8ce6e17203f2af1cef33b24a51c824a295a54", 255).indexed(),
    text("OriginId", "Origin Id", "94dea487ff07f311a3b836526b1f2ba8d9815554a0", 64).indexed(),
    text("TicketKind", "Ticket Kind", "946da47284d6a64bfd53b6c6beea2a4d67de9d1e00", 64).indexed(),
    text("WorkOrderNumber", "Work Order Number", "94248154a78394af88a580df206de1e7eadb2dd882", 50).indexed(),
];
const CUSTOMER_FIELDS: &[FieldDefinition] = &[
    rec_id("RecID", "Rec ID", "94b07996a5ac49fe4713674dc4f4c470f4693f0a7c"),
    text("FullName", "Full Name", "94a99f3b419a0091256fd43171ff7c6a5e336c5aac", 255).indexed(),
    text("Email", "Email", "946175f8e039b01fa35bc12ea14d8e738391971cc8", 255).indexed(),
    text("Phone", "Phone", "94586e44ea4d6d248510f80a0df1f043212c37cfc5", 50),
    created("CreatedDateTime", "Created Date Time", "9471b5481d4a7f67daa012b0fc184eb40ee8babd90"),
    modified("LastModifiedDateTime", "Last Modified Date Time", "94760474aa5963cd7fbb87b0c205d025a51e88b588"),
];
const JOURNAL_FIELDS: &[FieldDefinition] = &[
    rec_id("RecID", "Rec ID", "94c4ec571819dc90f528252e71b82dadef4487655e"),
    text("JournalTypeID", "Journal Type ID", "947c36087030c414bdd72399413383add963ec00b2", 42).required(""),
    text("JournalTypeName", "Journal Type Name", "94e7106ade71a41ce577c6db9f6ec965d4e749036c", 60),
    text("ParentTypeID", "Parent Type ID", "94dc38134beef2c85c57bf8b978ad9ff805831bb41", 60),
    text("ParentRecID", "Parent RecID", "948647459dff411244c0e5818e806344d083692602", 42).indexed(),
    text("Details", "Details", "94c11df5692da612051017461061a9d03f5fa4f8f1", 32000),
    created("CreatedDateTime", "Created Date Time", "94814a6c905d07aad130d059cd5e76aa74b898345c"),
    text("CreatedBy", "Created By", "941e8b4a20ec7be8ecc55ed1ebd66d05d6076a4714", 60),
    modified("LastModifiedDateTime", "Last Modified Date Time", "9496ef0593611a1770dff7b641fd33229bfda74d9f"),
];
const TASK_FIELDS: &[FieldDefinition] = &[
    rec_id("RecID", "Rec ID", "94d51e90eae5ec06eb6618bdebc2027eb06cc1696a"),
    public_id("TaskID", "Task ID", "9420188b45858a17daa3a8d711aec76350f1e2a198"),
    text("Status", "Status", "94f61b57c1e88bfc6d418d014cffe8e0cf3a1ab2e6", 30).required("New"),
    text("Title", "Title", "9476a177ff0e0519760ef1291e90b78160a8a44706", 255),
    text("Description", "Description", "947a7a62e40067933e3b6bbe4dd1151969e148a888", 32000),
    text("ParentRecID", "Parent RecID", "94a774cb50f69f2e02c73a55151923cd062148224a", 42).indexed(),
    text("ParentTypeID", "Parent Type ID", "946beea0165d1f2673db638b7db9a42b28ef1e21cd", 60),
    created("CreatedDateTime", "Created Date Time", "944ebe3fae76a3af8624e050ce4ec688bcc501b565"),
    modified("LastModifiedDateTime", "Last Modified Date Time", "94305523ca44af3e38935dbe4e34aa0137bbaf601a"),
];
const ATTACHMENT_FIELDS: &[FieldDefinition] = &[
    rec_id("RecID", "Rec ID", "94a2331a56c57b317ebb360714645d7251c50c5e7b"),
    text("AttachmentName", "Attachment Name", "94c32c1d0d1c02d59bb9afd0e0df74179a6ea185d8", 255),
    text("ParentRecID", "Parent RecID", "94844b96496c6499771617a1cc717c5c043c8ae874", 42).indexed(),
    text("ParentTypeID", "Parent Type ID", "94cc68ea72504308e9e9e7da69ae4a43e286343edb", 60),
    created("CreatedDateTime", "Created Date Time", "940feab8797c2ef2ae222377776257dafacb9e78f4"),
];
const WORK_ORDER_FIELDS: &[FieldDefinition] = &[
    rec_id("RecID", "Rec ID", "943dd7eaf52530ac264f234351486e68b6f0223be7"),
    public_id("WorkOrderID", "Work Order ID", "947d103d685440f7337620598ed7acb0b17af7eda2"),
    text("ExternalRef", "External Ref", "94cc3de3546796a87779d0997ad8f887fbb1921b7e", 64).indexed(),
    text("IncidentID", "Incident ID", "947a1ac30fff41741d7c1a58e756a83a77952746d7", 50).indexed(),
    text("ParentRecID", "Parent RecID", "94660d2a219a81324fccecee191c7f6b2f077affe5", 42).indexed(),
    text("ParentTypeID", "Parent Type ID", "9402f9679cae32553428e4e0289a45dbdf685daf0f", 60),
    text("TicketKind", "Ticket Kind", "94d8ed2f368ebbb57c89e0683a3140d5dfd4488ae4", 64),
    text("Title", "Title", "941ab56dac8568b0b0af5fda954a073a7dfd2fc934", 255),
    text("Description", "Description", "9495dcd3869b2842cba473fd023f2b7f073ba0636f", 32000),
    created("CreatedDateTime", "Created Date Time", "94996eca5a0e0c8a1f1811f99518b825d43b0252c0"),
    modified("LastModifiedDateTime", "Last Modified Date Time", "941fccccad95bf2696cc828b9116955ba6924f7351"),
];

/// The objects; tables have the object that a plain record of theirs is first.
pub(super) static OBJECTS: [ObjectDefinition; 8] = [
    ObjectDefinition {
        name: "Incident",
        display_name: "Incident",
        id: "6dd53665c0c24cab86870a21cf6434ae",
        table: Table::Incidents,
        rank: Rank::Major,
        fields: INCIDENT_FIELDS,
        public_id: PublicId::Number("", 102_328),
        states: INCIDENT_STATES,
        default_fields: &["RecID", "IncidentID", "Status", "ShortDescription", "CreatedDateTime"],
    },
    ObjectDefinition {
        name: "Customer",
        display_name: "Customer",
        id: "93003e1530dad0401bb4cbfb9e6354c9d803af035e",
        table: Table::Customers,
        rank: Rank::Major,
        fields: CUSTOMER_FIELDS,
        public_id: PublicId::Field("FullName"),
        states: &[],
        default_fields: &["RecID", "FullName", "Email"],
    },
    ObjectDefinition {
        name: "Journal",
        display_name: "Journal",
        id: "930c62d4faa59215a793155e871afd7c46b2e87c05",
        table: Table::Journals,
        rank: Rank::Group,
        fields: JOURNAL_FIELDS,
        public_id: PublicId::RecId,
        states: &[],
        default_fields: &["RecID", "JournalTypeName", "Details", "CreatedDateTime"],
    },
    ObjectDefinition {
        name: "Journal - Note",
        display_name: "Journal - Note",
        id: "93681f44a63bc4876fb66332da9865dcae502340da",
        table: Table::Journals,
        rank: Rank::Member("Journal"),
        fields: JOURNAL_FIELDS,
        public_id: PublicId::RecId,
        states: &[],
        default_fields: &["RecID", "JournalTypeName", "Details", "CreatedDateTime"],
    },
    ObjectDefinition {
        name: "Journal - History",
        display_name: "Journal - History",
        id: "93bc3584c6625f45724b65fac5e49fb49eeae6c58a",
        table: Table::Journals,
        rank: Rank::Member("Journal"),
        fields: JOURNAL_FIELDS,
        public_id: PublicId::RecId,
        states: &[],
        default_fields: &["RecID", "JournalTypeName", "Details", "CreatedDateTime"],
    },
    ObjectDefinition {
        name: "Task",
        display_name: "Task",
        id: "93a47aaabdbe338e07517a8400f3517443d6a3af29",
        table: Table::Tasks,
        rank: Rank::Major,
        fields: TASK_FIELDS,
        public_id: PublicId::Number("", 30_001),
        states: TASK_STATES,
        default_fields: &["RecID", "TaskID", "Status", "Title"],
    },
    ObjectDefinition {
        name: "Attachment",
        display_name: "Attachment",
        id: "93ee43ac69afd40e62c559c5458146782a1d84b460",
        table: Table::Attachments,
        rank: Rank::Supporting,
        fields: ATTACHMENT_FIELDS,
        public_id: PublicId::RecId,
        states: &[],
        default_fields: &["RecID", "AttachmentName"],
    },
    ObjectDefinition {
        name: "WorkOrder",
        display_name: "Work Order",
        id: "93a973e2fcde31a2a3078b7b1ab3884958e264a342",
        table: Table::WorkOrders,
        rank: Rank::Major,
        fields: WORK_ORDER_FIELDS,
        public_id: PublicId::Number("WO", 60_001),
        states: &[],
        default_fields: &["RecID", "WorkOrderID", "ExternalRef", "IncidentID"],
    },
];

/// The relationships.
pub(super) static RELATIONSHIPS: [RelationshipDefinition; 5] = [
    RelationshipDefinition {
        name: "Incident Owns Journals",
        id: "93248d3d0d47bd87a21cb7c53b2480f952f36bd0b3",
        parent: "Incident",
        target: "Journal",
        is_by_parent: true,
    },
    RelationshipDefinition {
        name: "Incident Owns Jounal Note",
        id: "93e89fe7e501d367cc17a59a33408d49277f4f4fe7",
        parent: "Incident",
        target: "Journal - Note",
        is_by_parent: true,
    },
    RelationshipDefinition {
        name: "Incident Owns Tasks",
        id: "93f913db248613c864a2790798265f35677c111578",
        parent: "Incident",
        target: "Task",
        is_by_parent: false,
    },
    RelationshipDefinition {
        name: "Incident Owns Attachments",
        id: "93dd9fa05c6ab42c6ca8f7a5adc9fd929e69f987d3",
        parent: "Incident",
        target: "Attachment",
        is_by_parent: false,
    },
    RelationshipDefinition {
        name: "Incident Owns Work Orders",
        id: "93f12e36ac164ad80b02474810742f85c5c0c9728f",
        parent: "Incident",
        target: "WorkOrder",
        is_by_parent: false,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_lower_case_hex_and_unique() {
        let fields = OBJECTS.iter().filter(|object| !matches!(object.rank, Rank::Member(_))).flat_map(|o| o.fields);
        let ids: Vec<_> = fields
            .map(|field| field.id)
            .chain(OBJECTS.iter().map(|object| object.id))
            .chain(RELATIONSHIPS.iter().map(|relationship| relationship.id))
            .collect();
        for id in &ids {
            let is_hex = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            assert!(is_hex && (id.len() == 32 || (id.len() == 42 && id.starts_with('9'))), "{id}");
        }
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }

    #[test]
    fn names_that_definitions_refer_to_exist() {
        for object in &OBJECTS {
            for name in object.default_fields {
                assert!(object.field_named(name).is_some(), "{name} of {}", object.name);
            }
            if let PublicId::Field(name) = object.public_id {
                assert!(object.field_named(name).is_some(), "{name} of {}", object.name);
            }
        }
        for relationship in &RELATIONSHIPS {
            assert!(object_named(relationship.parent).is_some() && object_named(relationship.target).is_some());
        }
    }
}
