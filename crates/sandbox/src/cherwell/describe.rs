//! What there is: the service, objects, schemas, templates, teams.

use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{Columns, Envelope, Failure, FieldItem, json as reply};
use super::blueprint::{self, FieldDefinition, FieldType, OBJECTS, ObjectDefinition, RELATIONSHIPS, Rank, Source};
use super::culture::civil;
use super::members::Members;
use super::settings::CherwellSettings;
use crate::call::Reply;
use crate::clock::Millis;

/// Teams of the site: id and name.
const TEAMS: [(&str, &str); 2] = [
    ("93a1c0de5f2b4d6e8f00112233445566778899aabb", "NOC"),
    ("93b2d1ef6a3c5e7f9011223344556677889900bbcc", "Service Desk"),
];

/// `-06:00` for -360.
fn offset_text(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// Answers `serviceinfo`.
pub(super) fn service_info(now: Millis, settings: &CherwellSettings) -> Reply {
    let minutes = settings.utc_offset_minutes;
    let offset = offset_text(minutes);
    let span = format!("{}:00", offset.trim_start_matches('+'));
    let time = civil(now, minutes).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let info = json!({
        "apiVersion": settings.api_version(),
        "csmCulture": settings.culture,
        "csmVersion": settings.api_version(),
        "systemDateTime": format!("{time}.0000000{offset}"),
        "timeZone": {
            "Id": "Sandbox Standard Time",
            "DisplayName": format!("(UTC{offset}) Sandbox"),
            "StandardName": "Sandbox Standard Time",
            "DaylightName": "Sandbox Daylight Time",
            "BaseUtcOffset": span,
            "AdjustmentRules": null,
            "SupportsDaylightSavingTime": false,
        },
        "systemUtcOffset": span,
    });
    reply(200, &info)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    first_rec_id_field: &'static str,
    group_summaries: Vec<Summary>,
    rec_id_fields: &'static str,
    state_field_id: &'static str,
    states: String,
    bus_ob_id: &'static str,
    display_name: &'static str,
    group: bool,
    lookup: bool,
    major: bool,
    name: &'static str,
    supporting: bool,
}

fn rec_id_field(object: &ObjectDefinition) -> Option<&FieldDefinition> {
    object.fields.iter().find(|field| field.source == Source::RecId)
}

fn state_field(object: &ObjectDefinition) -> Option<&FieldDefinition> {
    object.fields.iter().find(|field| field.name == "Status").filter(|_| !object.states.is_empty())
}

impl Summary {
    fn of(object: &'static ObjectDefinition) -> Self {
        let rec_id = rec_id_field(object).map_or("", |field| field.id);
        Self {
            first_rec_id_field: rec_id,
            group_summaries: object.members().map(Self::of).collect(),
            rec_id_fields: rec_id,
            state_field_id: state_field(object).map_or("", |field| field.id),
            states: object.states.join(","),
            bus_ob_id: object.id,
            display_name: object.display_name,
            group: object.is_group(),
            lookup: false,
            major: object.rank == Rank::Major,
            name: object.name,
            supporting: !matches!(object.rank, Rank::Major | Rank::Group),
        }
    }
}

/// Answers the summary of an object, by name or id, or of all objects of a type; an unknown one is an empty list.
pub(super) fn summary(members: &Members) -> Result<Reply, Failure> {
    let is_listed = |object: &&'static ObjectDefinition| !matches!(object.rank, Rank::Member(_));
    let found: Vec<&'static ObjectDefinition> = if let Some(kind) = members.filled("type") {
        let fits = |object: &&'static ObjectDefinition| match kind.trim().to_ascii_lowercase().as_str() {
            "all" => Some(true),
            "major" => Some(object.rank == Rank::Major),
            "supporting" => Some(object.rank == Rank::Supporting),
            "groups" => Some(object.is_group()),
            "lookup" => Some(false),
            _ => None,
        };
        if fits(&&OBJECTS[0]).is_none() {
            return Err(Failure::bad_request("The type must be All, Major, Supporting, Lookup or Groups"));
        }
        OBJECTS.iter().filter(is_listed).filter(|object| fits(object) == Some(true)).collect()
    } else {
        let by_name = members.filled("busobname").and_then(|name| blueprint::object_named(&name));
        by_name.or_else(|| blueprint::object(&members.filled("busobid")?)).into_iter().collect()
    };
    Ok(reply(200, &found.into_iter().map(Summary::of).collect::<Vec<_>>()))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SchemaField {
    auto_fill: bool,
    calculated: bool,
    category: &'static str,
    decimal_digits: usize,
    description: &'static str,
    details: &'static str,
    display_name: &'static str,
    enabled: bool,
    field_id: String,
    has_date: bool,
    has_time: bool,
    is_full_text_searchable: bool,
    maximum_size: String,
    name: &'static str,
    read_only: bool,
    required: bool,
    #[serde(rename = "type")]
    kind: &'static str,
    type_localized: &'static str,
    validated: bool,
    whole_digits: usize,
}

fn schema_fields(object: &ObjectDefinition, is_long: bool) -> Vec<SchemaField> {
    let field = |field: &FieldDefinition| {
        let is_number = field.kind == FieldType::Number;
        let is_time = field.kind == FieldType::DateTime;
        SchemaField {
            auto_fill: false,
            calculated: field.is_read_only(),
            category: "",
            decimal_digits: field.decimals,
            description: "",
            details: "",
            display_name: field.display_name,
            enabled: true,
            field_id: object.field_id(field, is_long),
            has_date: is_time,
            has_time: is_time,
            is_full_text_searchable: field.kind == FieldType::Text,
            maximum_size: if field.kind == FieldType::Text { field.size.to_string() } else { "0".to_owned() },
            name: field.name,
            read_only: field.is_read_only(),
            required: field.is_required,
            kind: field.kind.name(),
            type_localized: field.kind.name(),
            validated: field.name == "Status",
            whole_digits: if is_number { field.size } else { 0 },
        }
    };
    object.fields.iter().map(field).collect()
}

/// Answers the schema of an object.
pub(super) fn schema(members: &Members, settings: &CherwellSettings) -> Result<Reply, Failure> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    #[expect(clippy::struct_field_names, reason = "the names on the wire")]
    struct Relationship {
        cardinality: &'static str,
        description: &'static str,
        display_name: &'static str,
        field_definitions: Vec<SchemaField>,
        relationship_id: &'static str,
        target: &'static str,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Schema {
        bus_ob_id: &'static str,
        field_definitions: Vec<SchemaField>,
        first_rec_id_field: &'static str,
        grid_definitions: Vec<Value>,
        name: &'static str,
        rec_id_fields: &'static str,
        relationships: Vec<Relationship>,
        state_field_id: &'static str,
        states: String,
        #[serde(flatten)]
        envelope: Envelope,
    }
    let id = members.filled("busobid").unwrap_or_default();
    let object = blueprint::object(&id).ok_or_else(|| Failure::object_not_found(&id))?;
    let is_long = settings.schema_ids.is_long();
    let relationships = RELATIONSHIPS.iter().filter(|relationship| relationship.parent == object.name);
    let relationships = relationships.map(|relationship| Relationship {
        cardinality: "OneToMany",
        description: relationship.name,
        display_name: relationship.name,
        field_definitions: schema_fields(relationship.target_object(), is_long),
        relationship_id: relationship.id,
        target: relationship.target_object().id,
    });
    let with_relationships = members.flag("includerelationships").unwrap_or(false);
    // These three are short ids whatever the form of the fields' own: a client that writes types from schemas takes no other.
    let field_id = |field: Option<&'static FieldDefinition>| field.map_or("", |field| field.id);
    let schema = Schema {
        bus_ob_id: object.id,
        field_definitions: schema_fields(object, is_long),
        first_rec_id_field: field_id(rec_id_field(object)),
        grid_definitions: vec![json!({"gridId": object.id, "name": "Default", "displayName": "Default"})],
        name: object.name,
        rec_id_fields: field_id(rec_id_field(object)),
        relationships: if with_relationships { relationships.collect() } else { Vec::new() },
        state_field_id: field_id(state_field(object)),
        states: object.states.join(","),
        envelope: Envelope::OK,
    };
    Ok(reply(200, &schema))
}

/// Answers the template of an object; names and ids that it lacks are left out.
pub(super) fn template(members: &Members, settings: &CherwellSettings) -> Result<Reply, Failure> {
    #[derive(Serialize)]
    struct Template<'a> {
        fields: Vec<FieldItem<'a>>,
        #[serde(flatten)]
        envelope: Envelope,
    }
    let id = members.filled("busobid").unwrap_or_default();
    let object = blueprint::object(&id).ok_or_else(|| Failure::object_not_found(&id))?;
    let (names, ids) = (members.texts("fieldnames"), members.texts("fieldids"));
    let includes_all = members.flag("includeall").unwrap_or(false);
    let includes_required = members.flag("includerequired").unwrap_or(false);
    let is_named = |place: usize| {
        names.iter().any(|name| object.field_named(name) == Some(place))
            || ids.iter().any(|id| object.field(id) == Some(place))
    };
    let wanted = object
        .fields
        .iter()
        .enumerate()
        .filter(|(place, field)| includes_all || (includes_required && field.is_required) || is_named(*place));
    let places: Vec<_> = wanted.map(|(place, _)| place).collect();
    let columns = Columns::new(object, &places, settings.template_ids.is_long());
    Ok(reply(200, &Template { fields: columns.template(), envelope: Envelope::OK }))
}

/// Answers the teams; V1 names the error text otherwise than V2.
pub(super) fn teams(version: u8) -> Reply {
    let teams: Vec<_> = TEAMS.iter().map(|(id, name)| json!({"teamId": id, "teamName": name})).collect();
    match version {
        1 => reply(200, &json!({"error": null, "errorCode": null, "hasError": false, "teams": teams})),
        _ => reply(
            200,
            &json!({
                "teams": teams, "errorCode": null, "errorMessage": null, "hasError": false, "httpStatusCode": 200,
            }),
        ),
    }
}
