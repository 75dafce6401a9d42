//! Searches: filters, sorting and pages.
//!
//! Guarantees: a search shows only records whose index lag is over. Filters on the same field are OR-ed, filters on different
//! fields AND-ed; there are five operators. Rows come in no stable order unless they are sorted, and rows that a sort leaves
//! equal neither.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use rand::{Rng, RngExt};
use serde::Serialize;

use super::answer::{Columns, Envelope, Failure, Read};
use super::blueprint::{self, FieldType, ObjectDefinition, Source};
use super::ids::mix;
use super::members::{Members, Unreadable};
use super::record::{Record, Style};
use super::settings::{CherwellSettings, PageMode};
use super::shelves::{Shelf, Shelves, index_of};
use super::twists::Twists;
use crate::call::Reply;
use crate::clock::Millis;

/// The rows of a page if none are asked for.
const DEFAULT_PAGE_SIZE: usize = 100;
/// The fields whose filters count as keys of a look-up.
const KEY_FIELDS: [&str; 3] = ["DedupeKey", "OriginId", "ExternalRef"];

/// What a request says about fields, filters, order and page; searches and related reads share it.
#[derive(Debug, Default)]
pub(super) struct Query {
    groups: Vec<Group>,
    text: Option<String>,
    sorting: Vec<(usize, bool)>,
    pub(super) page: Page,
}

/// Which rows are asked for.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Page {
    /// The first row, from 0.
    pub(super) skip: usize,
    pub(super) size: usize,
    /// `pageNumber` as it came.
    pub(super) number: i64,
}

/// The filters on one field: one of them must fit.
#[derive(Debug)]
struct Group {
    field: usize,
    tests: Vec<Test>,
    /// The numbers of the wanted values in the field's index, sorted; `None` if the index does not serve.
    numbers: Option<(usize, Vec<u32>)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Text(Operator, String),
    Number(Operator, f64),
    Time(Operator, Millis),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Greater,
    Less,
    Contains,
    StartsWith,
}

impl Operator {
    fn read(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "eq" => Some(Self::Equal),
            "gt" => Some(Self::Greater),
            "lt" => Some(Self::Less),
            "contains" => Some(Self::Contains),
            "startswith" => Some(Self::StartsWith),
            _ => None,
        }
    }

    fn fits(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order == Ordering::Equal,
            Self::Greater => order == Ordering::Greater,
            Self::Less => order == Ordering::Less,
            Self::Contains | Self::StartsWith => false,
        }
    }
}

/// The keys that a search asks for.
pub(super) fn keys(members: &Members) -> Vec<String> {
    let Some(object) = members.filled("busobid").and_then(|id| blueprint::object(&id)) else { return Vec::new() };
    let filters = members.objects("filters").unwrap_or_default();
    let key = |filter: &Members| {
        let field = object.fields.get(object.field(&filter.filled("fieldid")?)?)?;
        KEY_FIELDS.contains(&field.name).then(|| filter.text("value").map(std::borrow::Cow::into_owned)).flatten()
    };
    filters.iter().filter_map(key).collect()
}

impl Page {
    /// Reads page number and size; absent, 0 and 1 are the start.
    pub(super) fn read(members: &Members, settings: &CherwellSettings) -> Self {
        let asked = members.number("pagesize").filter(|size| *size > 0).unwrap_or(DEFAULT_PAGE_SIZE as i64);
        let size = usize::try_from(asked).unwrap_or(usize::MAX).min(settings.max_page_size);
        let number = members.number("pagenumber").unwrap_or(0);
        let before = usize::try_from(number.saturating_sub(1)).unwrap_or(0);
        let skip = match settings.page_mode {
            PageMode::Row => before,
            PageMode::Page => before.saturating_mul(size),
        };
        Self { skip, size, number }
    }

    /// The number of the page in whole pages, from 1.
    pub(super) fn ordinal(self) -> usize {
        self.skip / self.size.max(1) + 1
    }
}

impl Query {
    /// Reads a request. An entry of `filters` with nothing in it and one of `sorting` without a field say nothing: a client
    /// that works with live sites sends both in each search.
    pub(super) fn read(
        members: &Members,
        object: &ObjectDefinition,
        stored: &Shelf,
        settings: &CherwellSettings,
        style: Style,
        twists: &Twists<'_>,
    ) -> Result<Self, Failure> {
        let unreadable = |Unreadable(why)| Failure::bad_request(why);
        let mut query = Self { page: Page::read(members, settings), ..Self::default() };
        for filter in members.objects("filters").map_err(unreadable)? {
            if ["fieldid", "operator", "value"].iter().all(|name| filter.is_blank(name)) {
                continue;
            }
            let id = filter.filled("fieldid").unwrap_or_default();
            let place = object.field(&id).ok_or_else(|| Failure::field_not_found(&id))?;
            let name = object.fields.get(place).map_or("", |field| field.name);
            if twists.ignored_filters().is_some_and(|ignored| {
                if ignored.is_empty() { KEY_FIELDS.contains(&name) } else { ignored.iter().any(|other| other == name) }
            }) {
                continue;
            }
            let test = Test::read(&filter, object, place, style)?;
            match query.groups.iter_mut().find(|group| group.field == place) {
                Some(group) => group.tests.push(test),
                None => query.groups.push(Group { field: place, tests: vec![test], numbers: None }),
            }
        }
        for group in &mut query.groups {
            group.use_index(object, stored);
        }
        for sort in members.objects("sorting").map_err(unreadable)? {
            if sort.is_blank("fieldid") {
                continue;
            }
            let id = sort.filled("fieldid").unwrap_or_default();
            let place = object.field(&id).ok_or_else(|| Failure::field_not_found(&id))?;
            query.sorting.push((place, sort.number("sortdirection").unwrap_or(1) != 0));
        }
        query.text = members.filled("searchtext").map(|text| text.trim().to_lowercase());
        Ok(query)
    }

    /// All rows of a table that fit, in their order.
    pub(super) fn find<'a>(
        &self,
        object: &ObjectDefinition,
        stored: &'a Shelf,
        now: Millis,
        style: Style,
        dice: &mut dyn Rng,
    ) -> Vec<&'a Record> {
        // The group with the fewest records leads; the others are only asked about those.
        let cost = |group: &Group| {
            group
                .numbers
                .as_ref()
                .map(|(index, numbers)| numbers.iter().map(|n| stored.count_of(*index, *n)).sum::<usize>())
        };
        let cheapest =
            self.groups.iter().filter_map(|group| cost(group).map(|cost| (cost, group))).min_by_key(|(c, _)| *c);
        let fits = |record: &&Record| {
            record.visible_at <= now && object.includes(record.object) && self.fits(record, object, style)
        };
        let rows: Vec<&Record> = match cheapest.and_then(|(_, group)| group.numbers.as_ref()) {
            Some((index, numbers)) => {
                // A record has one value in a field, so no record comes twice.
                let slots = numbers.iter().flat_map(|number| stored.slots_of(*index, *number));
                slots.filter_map(|slot| stored.get(slot)).filter(fits).collect()
            }
            None => stored.records().filter(fits).collect(),
        };
        self.order(rows, object, style, dice)
    }

    /// The rows among these that fit, in their order.
    pub(super) fn filter<'a>(
        &self,
        mut rows: Vec<&'a Record>,
        object: &ObjectDefinition,
        style: Style,
        dice: &mut dyn Rng,
    ) -> Vec<&'a Record> {
        rows.retain(|record| self.fits(record, object, style));
        self.order(rows, object, style, dice)
    }

    fn fits(&self, record: &Record, object: &ObjectDefinition, style: Style) -> bool {
        self.groups.iter().all(|group| group.fits(record, object, style))
            && self.text.as_ref().is_none_or(|wanted| {
                let mut texts = object.fields.iter().enumerate().filter(|(_, field)| field.kind == FieldType::Text);
                texts.any(|(place, field)| record.text(place, field, style).to_lowercase().contains(wanted))
            })
    }

    fn order<'a>(
        &self,
        mut rows: Vec<&'a Record>,
        object: &ObjectDefinition,
        style: Style,
        dice: &mut dyn Rng,
    ) -> Vec<&'a Record> {
        let is_by_rec_id = |place: usize| object.fields.get(place).is_some_and(|field| field.source == Source::RecId);
        if let Some((_, ascending)) = self.sorting.first().copied().filter(|(place, _)| is_by_rec_id(*place)) {
            rows.sort_unstable_by_key(|record| record.rec_id);
            if !ascending {
                rows.reverse();
            }
            return rows;
        }
        let nonce: u64 = dice.random();
        rows.sort_by_key(|record| mix(nonce ^ u64::from(record.slot)));
        for (place, ascending) in self.sorting.iter().rev() {
            let Some(field) = object.fields.get(*place) else { continue };
            // Turned before and after, rows that this field leaves equal keep the order of the fields behind it.
            if !ascending {
                rows.reverse();
            }
            if is_by_rec_id(*place) {
                rows.sort_by_key(|record| record.rec_id);
            } else if field.kind == FieldType::DateTime {
                rows.sort_by_key(|record| record.time(*place, field));
            } else if field.kind == FieldType::Number {
                let number = |record: &Record| style.culture.read_number(&record.text(*place, field, style));
                rows.sort_by(|one, other| number(one).partial_cmp(&number(other)).unwrap_or(Ordering::Equal));
            } else {
                rows.sort_by_cached_key(|record| record.text(*place, field, style).to_lowercase());
            }
            if !ascending {
                rows.reverse();
            }
        }
        rows
    }
}

impl Group {
    /// Lets the field's index serve if all filters ask for exact values.
    fn use_index(&mut self, object: &ObjectDefinition, stored: &Shelf) {
        let Some(index) = index_of(object, self.field) else { return };
        let mut numbers = Vec::with_capacity(self.tests.len());
        for test in &self.tests {
            let Test::Text(Operator::Equal, value) = test else { return };
            numbers.extend(stored.number_of(index, value));
        }
        numbers.sort_unstable();
        numbers.dedup();
        self.numbers = Some((index, numbers));
    }

    fn fits(&self, record: &Record, object: &ObjectDefinition, style: Style) -> bool {
        if let Some((index, numbers)) = &self.numbers {
            return record.keys.get(*index).is_some_and(|number| numbers.binary_search(number).is_ok());
        }
        let Some(field) = object.fields.get(self.field) else { return false };
        let text = || record.text(self.field, field, style).to_lowercase();
        let mut lower = None;
        self.tests.iter().any(|test| match test {
            Test::Time(operator, wanted) => {
                // Callers see no parts of a second, so none are compared.
                let at = record.time(self.field, field).map(|at| at.div_euclid(1_000));
                at.is_some_and(|at| operator.fits(at.cmp(&wanted.div_euclid(1_000))))
            }
            Test::Number(operator, wanted) => {
                let number = style.culture.read_number(&record.text(self.field, field, style));
                number.and_then(|number| number.partial_cmp(wanted)).is_some_and(|order| operator.fits(order))
            }
            Test::Text(operator, wanted) => {
                let value: &String = lower.get_or_insert_with(text);
                match operator {
                    Operator::Contains => value.contains(wanted),
                    Operator::StartsWith => value.starts_with(wanted),
                    operator => operator.fits(value.as_str().cmp(wanted)),
                }
            }
        })
    }
}

impl Test {
    fn read(filter: &Members, object: &ObjectDefinition, place: usize, style: Style) -> Result<Self, Failure> {
        let given = filter.text("operator").unwrap_or_default();
        let operator = Operator::read(&given).ok_or_else(|| {
            Failure::bad_request(format!("Operator '{}' is not supported", given.chars().take(50).collect::<String>()))
        })?;
        let value = filter.text("value").unwrap_or_default();
        let kind = object.fields.get(place).map_or(FieldType::Text, |field| field.kind);
        let is_text = matches!(operator, Operator::Contains | Operator::StartsWith) || value.is_empty();
        let invalid = || {
            Failure::bad_request(format!("Filter value '{}' is not valid", value.chars().take(100).collect::<String>()))
        };
        match kind {
            FieldType::DateTime if !is_text => {
                let at = style.culture.read_time(&value, style.offset_minutes).ok_or_else(invalid)?;
                Ok(Self::Time(operator, at))
            }
            FieldType::Number if !is_text => {
                Ok(Self::Number(operator, style.culture.read_number(&value).ok_or_else(invalid)?))
            }
            _ => Ok(Self::Text(operator, value.to_lowercase())),
        }
    }
}

/// The fields that an answer shows: all, those asked for (unknown ones are dropped without a word), or the usual ones.
pub(super) fn columns(object: &'static ObjectDefinition, includes_all: bool, ids: &[String], is_long: bool) -> Columns {
    if includes_all {
        return Columns::all(object, is_long);
    }
    let mut places: Vec<usize> = ids.iter().filter_map(|id| object.field(id)).collect();
    if ids.is_empty() {
        places = object.default_fields.iter().filter_map(|name| object.field_named(name)).collect();
    }
    let mut known = BTreeSet::new();
    places.retain(|place| known.insert(*place));
    Columns::new(object, &places, is_long)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
struct Results<'a> {
    business_objects: Vec<Read<'a>>,
    has_prompts: bool,
    links: [(); 0],
    prompts: [(); 0],
    search_results_fields: Vec<SchemaField>,
    simple_results: Option<()>,
    total_rows: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    has_more_records: Option<bool>,
    #[serde(flatten)]
    envelope: Envelope,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SchemaField {
    caption: &'static str,
    display_name: &'static str,
    field_name: &'static str,
    field_id: String,
    full_field_id: String,
    is_date_time: bool,
    is_logical: bool,
    is_number: bool,
    is_visible: bool,
    sortable: bool,
}

/// What a search needs to know.
pub(super) struct Context<'a> {
    pub(super) shelves: &'a Shelves,
    pub(super) settings: &'a CherwellSettings,
    pub(super) style: Style,
    pub(super) now: Millis,
    pub(super) twists: &'a Twists<'a>,
}

/// Answers a search, and how many rows it has.
pub(super) fn search(members: &Members, context: &Context<'_>, dice: &mut dyn Rng) -> Result<(Reply, usize), Failure> {
    let Context { shelves, settings, style, now, twists } = context;
    let not_found = || Failure::new("SEARCHNOTFOUND", "The search was not found");
    if ["searchid", "searchname"].iter().any(|name| members.filled(name).is_some()) {
        return Err(not_found());
    }
    let id = members.filled("busobid").ok_or_else(not_found)?;
    let object = blueprint::object(&id).ok_or_else(|| Failure::object_not_found(&id))?;
    let stored = shelves.shelf(object.table);
    let query = Query::read(members, object, stored, settings, *style, twists)?;
    let ids = members.texts("fields");
    let includes_all = members.flag("includeallfields").unwrap_or(false);
    let columns = columns(object, includes_all, &ids, settings.search_ids.is_long());
    let mut rows = query.find(object, stored, *now, *style, dice);
    if twists.empty_lookups() {
        rows.clear();
    }
    let total = rows.len();
    let page = query.page;
    let mut shown: Vec<_> = rows.into_iter().skip(page.skip).take(page.size).collect();
    let mut has_more = page.skip.saturating_add(shown.len()) < total;
    if let Some((_, more)) = twists.empty_page().filter(|(from_page, _)| page.ordinal() >= *from_page) {
        shown.clear();
        has_more = more;
    }
    twists.shape(&mut shown, dice);
    let fields =
        if members.flag("includeschema").unwrap_or(false) { schema(object, &columns, settings) } else { vec![] };
    let results = Results {
        business_objects: shown.iter().map(|record| columns.read(record, *style)).collect(),
        has_prompts: false,
        links: [],
        prompts: [],
        search_results_fields: fields,
        simple_results: None,
        total_rows: total,
        has_more_records: (settings.page_mode == PageMode::Row).then_some(has_more),
        envelope: Envelope::OK,
    };
    Ok((super::answer::json(200, &results), shown.len()))
}

fn schema(object: &ObjectDefinition, columns: &Columns, settings: &CherwellSettings) -> Vec<SchemaField> {
    let field = |field: &'static blueprint::FieldDefinition| SchemaField {
        caption: field.display_name,
        display_name: field.display_name,
        field_name: field.name,
        field_id: object.field_id(field, settings.search_ids.is_long()),
        full_field_id: object.field_id(field, true),
        is_date_time: field.kind == FieldType::DateTime,
        is_logical: field.kind == FieldType::Logical,
        is_number: field.kind == FieldType::Number,
        is_visible: true,
        sortable: true,
    };
    columns.fields().map(field).collect()
}
