//! From text to operations that are ready to run: everything that can be wrong with a file is found here.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value};
use ticketbridge_core::effect::Operation;

use super::classify::ErrorRules;
use super::error::{ConnectorError, Problem, Problems};
use super::file::{
    CodeClass, ConnectorFile, Health, Identity, LookUpPart, PagingPart, PagingStyle, ReadSample, StatusClass, Text,
    WritePart, WriteSample,
};
use super::filter::Filter;
use super::paging::Paging;
use super::request::{Place, Request, check_path};
use super::settings::ConnectorSettings;

/// Largest file, in bytes.
pub(super) const MAX_FILE: usize = 256 * 1024;
/// The version of the format that this program reads.
const VERSION: u32 = 1;
/// Bounds of what a file may ask for.
const MAX_BATCH: usize = 10_000;
const MAX_KEYS: usize = 1_000;
const MAX_PAGES: usize = 100_000;
const MAX_IN_FLIGHT: usize = 1_000;

/// A write, ready to run.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) request: Request,
    pub(super) max_batch: usize,
    pub(super) matched_by: Vec<Identity>,
    pub(super) accept: Option<Filter>,
    pub(super) results: Option<Filter>,
    pub(super) atomic: bool,
    pub(super) empty_is_applied: bool,
    pub(super) rules: ErrorRules,
    pub(super) samples: Vec<(usize, WriteSample)>,
}

/// A read, ready to run.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) request: Request,
    pub(super) accept: Option<Filter>,
    pub(super) items: Filter,
    pub(super) item: Filter,
    pub(super) max_keys: usize,
    pub(super) one_call_per_kind: bool,
    pub(super) listed_by_ticket: bool,
    pub(super) paging: Paging,
    pub(super) rules: ErrorRules,
    pub(super) samples: Vec<(usize, ReadSample)>,
}

/// The health read, ready to run.
#[derive(Debug)]
pub(super) struct HealthRead {
    pub(super) request: Request,
    pub(super) accept: Option<Filter>,
    pub(super) rules: ErrorRules,
}

/// A whole file, ready to run.
#[derive(Debug)]
pub(super) struct Operations {
    pub(super) name: String,
    pub(super) max_in_flight: usize,
    pub(super) constants: Value,
    pub(super) kinds: BTreeMap<String, String>,
    pub(super) open_states: Vec<String>,
    pub(super) adopt: Option<Filter>,
    pub(super) health: Option<HealthRead>,
    pub(super) retrieve_tickets: Option<Read>,
    pub(super) find_tickets: Option<Read>,
    pub(super) find_notes: Option<Read>,
    pub(super) find_work_orders: Option<Read>,
    pub(super) writes: [Option<Write>; 4],
}

impl Operations {
    /// Reads and compiles `text`; all problems are reported together.
    pub(super) fn load(file: &str, text: &str, settings: &ConnectorSettings) -> Result<Self, ConnectorError> {
        let mut problems = Problems::new(text);
        if text.len() > MAX_FILE {
            let problem = Problem { line: None, operation: String::new(), why: too_large() };
            return Err(ConnectorError { file: file.to_owned(), problems: vec![problem] });
        }
        let parsed = match toml::from_str::<ConnectorFile>(text) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                let offset = error.span().map_or(0, |span| span.start);
                problems.at(offset, &section(text, offset), error.message().trim().replace('\n', " "));
                None
            }
        };
        let operations = parsed
            .map(|parsed| Loader { problems: &mut problems, shared: ErrorRules::default() }.all(parsed, settings));
        problems.done(file)?;
        operations.ok_or_else(|| ConnectorError { file: file.to_owned(), problems: Vec::new() })
    }

    /// The write of that operation.
    pub(super) fn write(&self, operation: Operation) -> Option<&Write> {
        self.writes[operation as usize].as_ref()
    }
}

/// What is said of a file beyond [`MAX_FILE`].
pub(super) fn too_large() -> String {
    format!("the file has more than {MAX_FILE} bytes; it is probably the wrong file")
}

/// The table that holds byte `offset`, for errors that TOML itself reports.
fn section(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let header = |line: &str| Some(line.trim().strip_prefix('[')?.split(']').next()?.trim().to_owned());
    let here = text.get(offset..).and_then(|rest| rest.lines().next()).and_then(header);
    here.or_else(|| before.lines().rev().find_map(header)).unwrap_or_default()
}

struct Loader<'p, 'f> {
    problems: &'p mut Problems<'f>,
    shared: ErrorRules,
}

impl Loader<'_, '_> {
    fn all(mut self, file: ConnectorFile, settings: &ConnectorSettings) -> Operations {
        if *file.connector.version.get_ref() != VERSION {
            let why = format!("this program reads version {VERSION} of the format");
            self.problems.at(file.connector.version.span().start, "connector", why);
        }
        let in_flight = *file.limits.max_in_flight.get_ref();
        if !(1..=MAX_IN_FLIGHT).contains(&in_flight) {
            let why = format!("`max_in_flight` must be 1 to {MAX_IN_FLIGHT}");
            self.problems.at(file.limits.max_in_flight.span().start, "limits", why);
        }
        self.shared = ErrorRules {
            reading: self.optional("errors", file.errors.reading.as_ref()),
            statuses: self.statuses("errors", &file.errors.statuses, false),
            codes: file.errors.codes,
        };
        let open_states =
            settings.open_states.clone().filter(|states| !states.is_empty()).unwrap_or(file.tickets.open_states);
        let reads_tickets = file.retrieve_tickets.is_some() || file.find_tickets.is_some();
        if open_states.is_empty() && reads_tickets {
            let why = "`open_states` is missing: without it every ticket would count as closed";
            self.problems.general("tickets", why);
        }
        let adopt = match &settings.adopt {
            None => self.optional("tickets", file.tickets.adopt.as_ref()),
            Some(text) => match Filter::compile(text) {
                Ok(filter) => Some(filter),
                Err(error) => {
                    self.problems.general("tickets", format!("the setting `adopt`: {}", error.why));
                    None
                }
            },
        };
        let parts = [&file.add_note, &file.create_ticket, &file.create_work_order, &file.link_work_order];
        if parts.into_iter().all(Option::is_none) && !reads_tickets {
            self.problems.general("", "the file describes no operation");
        }
        let writes = [
            (Operation::AddNote, file.add_note),
            (Operation::CreateTicket, file.create_ticket),
            (Operation::CreateWorkOrder, file.create_work_order),
            (Operation::LinkWorkOrder, file.link_work_order),
        ]
        .map(|(operation, part)| part.and_then(|part| self.write(operation, part)));
        Operations {
            name: file.connector.name,
            max_in_flight: settings.max_in_flight.unwrap_or(in_flight).max(1),
            constants: self.constants(file.constants, &settings.constants),
            kinds: settings.kinds.clone(),
            open_states,
            adopt,
            health: file.health.and_then(|part| self.health(&part)),
            retrieve_tickets: file.retrieve_tickets.and_then(|part| self.read("retrieve_tickets", part)),
            find_tickets: file.find_tickets.and_then(|part| self.read("find_tickets", part)),
            find_notes: file.find_notes.and_then(|part| self.read("find_notes", part)),
            find_work_orders: file.find_work_orders.and_then(|part| self.read("find_work_orders", part)),
            writes,
        }
    }

    fn constants(&mut self, file: toml::Table, settings: &Map<String, Value>) -> Value {
        let mut constants = if let Ok(Value::Object(members)) = serde_json::to_value(file) {
            members
        } else {
            self.problems.general("constants", "they can't be put into JSON");
            Map::new()
        };
        constants.extend(settings.clone());
        Value::Object(constants)
    }

    fn filter(&mut self, operation: &str, text: &Text) -> Option<Filter> {
        match Filter::compile(text.get_ref()) {
            Ok(filter) => Some(filter),
            Err(error) => {
                self.problems.inside(text.span().start, error.offset, operation, error.why);
                None
            }
        }
    }

    fn optional(&mut self, operation: &str, text: Option<&Text>) -> Option<Filter> {
        text.and_then(|text| self.filter(operation, text))
    }

    fn statuses(
        &mut self,
        operation: &str,
        statuses: &BTreeMap<toml::Spanned<String>, StatusClass>,
        one_item: bool,
    ) -> BTreeMap<u16, StatusClass> {
        let mut classes = BTreeMap::new();
        for (status, class) in statuses {
            let at = status.span().start;
            let about_item = matches!(
                class,
                StatusClass::Refused
                    | StatusClass::RefusedForGood
                    | StatusClass::TargetClosed
                    | StatusClass::TargetGone
            );
            match status.get_ref().parse() {
                Ok(number @ 100..=599) if about_item && !one_item => {
                    let why = format!("status {number} can only be about one item where `max_batch = 1`");
                    self.problems.at(at, operation, why);
                }
                Ok(number @ 100..=599) => {
                    classes.insert(number, *class);
                }
                _ => self.problems.at(at, operation, format!("`{}` is no HTTP status", status.get_ref())),
            }
        }
        classes
    }

    fn rules(
        &mut self,
        operation: &str,
        statuses: &BTreeMap<toml::Spanned<String>, StatusClass>,
        codes: BTreeMap<String, CodeClass>,
        one_item: bool,
    ) -> ErrorRules {
        let own = self.statuses(operation, statuses, one_item);
        let mut rules = self.shared.clone();
        rules.statuses.extend(own);
        rules.codes.extend(codes);
        rules
    }

    fn place(&mut self, operation: &str, path: Option<&Text>, segments: Option<&Text>) -> Option<Place> {
        match (path, segments) {
            (Some(path), None) => match check_path(path.get_ref()) {
                Ok(()) => Some(Place::Fixed(path.get_ref().clone())),
                Err(why) => {
                    self.problems.at(path.span().start, operation, why);
                    None
                }
            },
            (None, Some(segments)) => Some(Place::Segments(self.filter(operation, segments)?)),
            (Some(path), Some(_)) => {
                self.problems.at(path.span().start, operation, "give `path` or `segments`, not both");
                None
            }
            (None, None) => {
                self.problems
                    .general(operation, "`path` is missing (or `segments`, where the path has variable parts)");
                None
            }
        }
    }

    fn method(
        &mut self,
        operation: &str,
        method: Option<&toml::Spanned<String>>,
        usual: Method,
        allowed: &[Method],
    ) -> Option<Method> {
        let Some(text) = method else {
            return Some(usual);
        };
        let found = allowed.iter().find(|method| method.as_str() == text.get_ref()).cloned();
        if found.is_none() {
            let names: Vec<_> = allowed.iter().map(Method::as_str).collect();
            let why = format!("the method must be one of {}", names.join(", "));
            self.problems.at(text.span().start, operation, why);
        }
        found
    }

    fn write(&mut self, operation: Operation, part: WritePart) -> Option<Write> {
        let name = operation.as_str();
        let max_batch = *part.max_batch.get_ref();
        if !(1..=MAX_BATCH).contains(&max_batch) {
            self.problems.at(part.max_batch.span().start, name, format!("`max_batch` must be 1 to {MAX_BATCH}"));
        }
        if part.matched_by.get_ref().is_empty() {
            let why = "`matched_by` must name at least one of origin_id, dedupe_key, ticket_number, ticket_record, \
                       work_order_number";
            self.problems.at(part.matched_by.span().start, name, why);
        }
        let empty = part.empty_answer_is_applied.as_ref().is_some_and(|flag| *flag.get_ref());
        let creates = matches!(operation, Operation::CreateTicket | Operation::CreateWorkOrder);
        if let (true, Some(flag)) = (empty && (max_batch != 1 || creates), &part.empty_answer_is_applied) {
            let why = "an empty answer says nothing about several items, and gives no number: only where \
                       `max_batch = 1`, and not for a create";
            self.problems.at(flag.span().start, name, why);
        }
        if part.results.is_none() && !empty {
            self.problems.general(
                name,
                "`results` is missing: an expression that answers [key, ok, id, code, message, retryable] per item",
            );
        }
        let methods = [Method::POST, Method::PUT, Method::PATCH];
        let method = self.method(name, part.method.as_ref(), Method::POST, &methods);
        let place = self.place(name, part.path.as_ref(), part.segments.as_ref());
        let query = self.optional(name, part.query.as_ref());
        let body = self.filter(name, &part.body);
        let accept = self.optional(name, part.accept.as_ref());
        let results = self.optional(name, part.results.as_ref());
        let rules = self.rules(name, &part.statuses, part.codes, max_batch == 1);
        Some(Write {
            request: Request { method: method?, place: place?, query, body: Some(body?) },
            max_batch,
            matched_by: part.matched_by.into_inner(),
            accept,
            results,
            atomic: part.atomic_refusals,
            empty_is_applied: empty,
            rules,
            samples: part.samples.into_iter().map(|sample| (sample.span().start, sample.into_inner())).collect(),
        })
    }

    fn read(&mut self, name: &str, part: LookUpPart) -> Option<Read> {
        let max_keys = part.max_keys.as_ref().map_or(1, |keys| *keys.get_ref());
        if let (false, Some(keys)) = ((1..=MAX_KEYS).contains(&max_keys), &part.max_keys) {
            self.problems.at(keys.span().start, name, format!("`max_keys` must be 1 to {MAX_KEYS}"));
        }
        if part.one_call_per_kind && name != "retrieve_tickets" {
            self.problems.general(name, "`one_call_per_kind` belongs to `retrieve_tickets` alone");
        }
        if part.listed_by_ticket && !matches!(name, "find_notes" | "find_work_orders") {
            self.problems.general(name, "`listed_by_ticket` belongs to `find_notes` and `find_work_orders` alone");
        }
        let method = self.method(name, part.method.as_ref(), Method::GET, &[Method::GET, Method::POST]);
        let place = self.place(name, part.path.as_ref(), part.segments.as_ref());
        let query = self.optional(name, part.query.as_ref());
        let body = self.optional(name, part.body.as_ref());
        let accept = self.optional(name, part.accept.as_ref());
        let items = self.filter(name, &part.items);
        let item = self.filter(name, &part.item);
        let paging = self.paging(name, part.paging);
        let rules = self.rules(name, &part.statuses, BTreeMap::new(), false);
        Some(Read {
            request: Request { method: method?, place: place?, query, body },
            accept,
            items: items?,
            item: item?,
            max_keys,
            one_call_per_kind: part.one_call_per_kind,
            listed_by_ticket: part.listed_by_ticket,
            paging: paging?,
            rules,
            samples: part.samples.into_iter().map(|sample| (sample.span().start, sample.into_inner())).collect(),
        })
    }

    fn paging(&mut self, name: &str, part: Option<toml::Spanned<PagingPart>>) -> Option<Paging> {
        let Some(part) = part else {
            return Some(Paging::Single);
        };
        let at = part.span().start;
        let part = part.into_inner();
        if part.size == 0 || !(1..=MAX_PAGES).contains(&part.max_pages) {
            self.problems.at(at, name, format!("`size` must be at least 1, `max_pages` 1 to {MAX_PAGES}"));
        }
        let next = self.optional(name, part.next.as_ref());
        let total = self.optional(name, part.total.as_ref());
        let follows = matches!(part.style, PagingStyle::NextPage | PagingStyle::Cursor);
        match (follows, next) {
            (true, Some(next)) => Some(Paging::Follow {
                cursor: part.style == PagingStyle::Cursor,
                next,
                first: part.first,
                size: part.size,
                max_pages: part.max_pages,
            }),
            (true, None) => {
                // With a `next` that did not compile there is a message already.
                if part.next.is_none() {
                    self.problems.at(at, name, "this style needs `next`, an expression over the answer");
                }
                None
            }
            (false, _) => Some(Paging::Count { total, first: part.first, size: part.size, max_pages: part.max_pages }),
        }
    }

    fn health(&mut self, part: &Health) -> Option<HealthRead> {
        let place = self.place("health", Some(&part.path), None);
        let query = self.optional("health", part.query.as_ref());
        let accept = self.optional("health", part.accept.as_ref());
        let request = Request { method: Method::GET, place: place?, query, body: None };
        Some(HealthRead { request, accept, rules: self.shared.clone() })
    }
}
