//! Learning a site: every configured name becomes an id, and all that are missing are reported together (Cherwell
//! contract §4).
//!
//! Guarantees:
//! * The site is known only after everything that is configured was found and fits. Until then there is one fault, with a
//!   line for each thing that does not; only what can't be asked for want of an object is left out, and that is said.
//! * An answer that is cut, no JSON or of another shape is a fault that may pass, never a missing name.
//!
//! Limits: 8 requests (6 without work orders), one more where an object is not found by its name.

use std::collections::VecDeque;
use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ticketbridge_core::effect::LookUpFault;

use super::classify::{self, ReadFault};
use super::findings::{Findings, Lookup, find, shown};
use super::learned::{self, Service};
use super::names::{self, Blueprint, Seen};
use super::schema::{Schema, ServiceInfo, Summary, Template, is_id};
use super::site::Site;
use super::{CherwellSettings, Shared};
use crate::fault::{fault, misconfigured};
use crate::{Dialogue, HttpCall, Learned, Transport};

/// Begins to learn.
pub(super) fn begin(shared: &Arc<Shared>) -> Box<dyn Dialogue<Vec<Learned>>> {
    let mut waiting = VecDeque::from([Ask::Service, Ask::Summary(Role::Ticket), Ask::Summary(Role::Journals)]);
    if shared.settings.work_order.is_some() {
        waiting.push_back(Ask::Summary(Role::WorkOrder));
    }
    Box::new(Learning {
        shared: Arc::clone(shared),
        stage: Stage::Names,
        waiting,
        asked: None,
        failed: false,
        service: None,
        missing: Vec::new(),
        seen: Blueprint::default(),
        findings: Findings::default(),
    })
}

/// An object that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Ticket,
    Journals,
    Note,
    WorkOrder,
}

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    Service,
    /// By the configured name.
    Summary(Role),
    /// Of all objects: for display names, and for names that are near.
    Summaries,
    Schema(Role),
    /// Required fields of a ticket.
    Template,
}

/// What is being asked about; each stage follows from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Names,
    MissingNames,
    Schemas,
    Done,
}

struct Learning {
    shared: Arc<Shared>,
    stage: Stage,
    waiting: VecDeque<Ask>,
    asked: Option<Ask>,
    failed: bool,
    service: Option<(ServiceInfo, Service)>,
    /// Objects that their names did not find.
    missing: Vec<Role>,
    seen: Blueprint,
    findings: Findings,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TemplateRequest<'a> {
    #[serde(rename = "busObId")]
    object: &'a str,
    include_all: bool,
    include_required: bool,
    field_names: [&'a str; 0],
    field_ids: [&'a str; 0],
}

impl Role {
    /// The setting of its name.
    fn setting(self) -> &'static str {
        match self {
            Self::Ticket => "ticket.object",
            Self::Journals => "note.object",
            Self::Note => "note.type",
            Self::WorkOrder => "work_order.object",
        }
    }

    fn name(self, settings: &CherwellSettings) -> &str {
        match self {
            Self::Ticket => &settings.ticket.object,
            Self::Journals => &settings.note.object,
            Self::Note => &settings.note.kind,
            Self::WorkOrder => settings.work_order.as_ref().map_or("", |work_order| &work_order.object),
        }
    }

    fn seen(self, blueprint: &mut Blueprint) -> &mut Seen {
        match self {
            Self::Ticket => &mut blueprint.ticket,
            Self::Journals => &mut blueprint.group,
            Self::Note => &mut blueprint.note,
            Self::WorkOrder => &mut blueprint.work_order,
        }
    }
}

impl Dialogue<Vec<Learned>> for Learning {
    fn next_call(&mut self) -> Result<Option<HttpCall>, LookUpFault> {
        if self.failed || self.asked.is_some() {
            return Err(fault("learning the names of the site has failed already"));
        }
        while self.waiting.is_empty() && self.stage != Stage::Done {
            self.next_stage();
        }
        let Some(ask) = self.waiting.pop_front() else { return Ok(None) };
        let call = self.call(ask)?;
        self.asked = Some(ask);
        Ok(Some(call))
    }

    fn absorb(&mut self, transport: &Transport) -> Result<(), LookUpFault> {
        let Some(ask) = self.asked.take() else {
            return Err(fault("an answer came to a question that was not asked"));
        };
        let taken = self.take(ask, transport);
        self.failed |= taken.is_err();
        taken
    }

    fn finish(self: Box<Self>) -> Result<Vec<Learned>, LookUpFault> {
        let Self { shared, stage, waiting, asked, failed, service, seen, mut findings, .. } = *self;
        if failed || asked.is_some() || !waiting.is_empty() || stage != Stage::Done {
            return Err(fault("learning the names of the site did not come to its end"));
        }
        let settings = &shared.settings;
        let ticket = names::ticket(&mut findings, settings, &seen);
        let note = names::note(&mut findings, settings, &seen);
        let work_order = names::work_order(&mut findings, settings, &seen);
        if !findings.problems.is_empty() {
            return Err(misconfigured(report(&findings.problems)));
        }
        let (Some((info, service)), Some(ticket), Some(note)) = (service, ticket, note) else {
            return Err(fault("the names of the site were not all found"));
        };
        let api_version = info.api_version;
        shared.learn(Site { api_version, offset: service.offset, rows: service.rows, ticket, note, work_order });
        Ok(findings.lines)
    }
}

/// All problems in one text, a line each.
fn report(problems: &[String]) -> String {
    let count = if problems.len() == 1 { String::from("1 place") } else { format!("{} places", problems.len()) };
    format!(
        "TB0206: settings and blueprint do not fit in {count}; nothing is sent until they do. Correct the settings, or the \
         blueprint at the site:\n  {}",
        problems.join("\n  ")
    )
}

impl Learning {
    fn next_stage(&mut self) {
        self.stage = match self.stage {
            Stage::Names => {
                if !self.missing.is_empty() {
                    self.waiting.push_back(Ask::Summaries);
                }
                Stage::MissingNames
            }
            Stage::MissingNames => {
                self.ask_for_schemas();
                Stage::Schemas
            }
            Stage::Schemas | Stage::Done => Stage::Done,
        };
    }

    fn ask_for_schemas(&mut self) {
        if let Some(group) = self.seen.group.summary() {
            let note = names::member(&mut self.findings, &self.shared.settings, group);
            self.seen.note = note.map_or(Seen::Nothing, Seen::Summary);
        }
        for role in [Role::Ticket, Role::Note, Role::WorkOrder] {
            if role.seen(&mut self.seen).summary().is_some() {
                self.waiting.push_back(Ask::Schema(role));
            }
        }
        if self.seen.ticket.summary().is_some() {
            self.waiting.push_back(Ask::Template);
        }
    }

    fn call(&mut self, ask: Ask) -> Result<HttpCall, LookUpFault> {
        let shared = Arc::clone(&self.shared);
        match ask {
            // The one call that has no culture (Cherwell contract §11).
            Ask::Service => {
                Ok(HttpCall { method: Method::GET, target: String::from("/api/V1/serviceinfo"), body: None })
            }
            Ask::Summary(role) => {
                let name = utf8_percent_encode(role.name(&shared.settings).trim(), NON_ALPHANUMERIC);
                Ok(shared.get(&format!("V1/getbusinessobjectsummary/busobname/{name}")))
            }
            Ask::Summaries => Ok(shared.get("V1/getbusinessobjectsummaries/type/All")),
            Ask::Schema(role) => {
                let id = self.id(role)?;
                let with = if role == Role::Ticket { "true" } else { "false" };
                Ok(shared.get(&format!("V1/getbusinessobjectschema/busobid/{id}?includerelationships={with}")))
            }
            Ask::Template => {
                let request = TemplateRequest {
                    object: &self.id(Role::Ticket)?,
                    include_all: false,
                    include_required: true,
                    field_names: [],
                    field_ids: [],
                };
                shared.post("V1/getbusinessobjecttemplate", &request)
            }
        }
    }

    fn id(&mut self, role: Role) -> Result<String, LookUpFault> {
        let id = role.seen(&mut self.seen).summary().map(|summary| summary.id.trim().to_ascii_lowercase());
        id.filter(|id| is_id(id)).ok_or_else(|| fault("an object of the site has no usable id"))
    }

    fn take(&mut self, ask: Ask, transport: &Transport) -> Result<(), LookUpFault> {
        match ask {
            Ask::Service => self.take_service(transport),
            Ask::Summary(role) => self.take_summary(role, transport),
            Ask::Summaries => self.take_summaries(transport),
            Ask::Schema(role) => self.take_schema(role, transport),
            Ask::Template => self.take_template(transport),
        }
    }

    fn take_service(&mut self, transport: &Transport) -> Result<(), LookUpFault> {
        let info: ServiceInfo = object(classify::read(&self.shared, transport)?, "serviceinfo")?;
        let none = HeaderMap::new();
        let headers = match transport {
            Transport::Answered(answer) => &answer.headers,
            _ => &none,
        };
        let service = learned::service(&mut self.findings, &self.shared.settings, &info, headers);
        self.service = Some((info, service));
        Ok(())
    }

    fn take_summary(&mut self, role: Role, transport: &Transport) -> Result<(), LookUpFault> {
        let answer = match self.read(transport)? {
            Read::Answer(answer) => list(answer, "the summary of a business object")?,
            Read::Missing => Vec::new(),
            Read::Refused(why) => {
                let name = role.name(&self.shared.settings);
                self.findings.problem(role.setting(), format!("`{name}` can't be looked at: {why}"));
                return Ok(());
            }
        };
        let name = role.name(&self.shared.settings);
        match find(&answer, name, |one: &Summary| [&one.name, &one.display_name]) {
            Lookup::One(summary) if is_id(summary.id.trim()) => {
                *role.seen(&mut self.seen) = Seen::Summary(summary.clone());
            }
            _ => self.missing.push(role),
        }
        Ok(())
    }

    fn take_summaries(&mut self, transport: &Transport) -> Result<(), LookUpFault> {
        let all: Vec<Summary> = match self.read(transport)? {
            Read::Answer(answer) => list(answer, "the list of business objects")?,
            // Missing names are reported all the same, without those that are near.
            Read::Missing | Read::Refused(_) => Vec::new(),
        };
        for role in std::mem::take(&mut self.missing) {
            let name = role.name(&self.shared.settings);
            if let Some(summary) = names::object(&mut self.findings, role.setting(), name, &all) {
                *role.seen(&mut self.seen) = Seen::Summary(summary);
            }
        }
        Ok(())
    }

    fn take_schema(&mut self, role: Role, transport: &Transport) -> Result<(), LookUpFault> {
        let refused = match self.read(transport)? {
            Read::Answer(answer) => {
                let schema: Schema = object(answer, "the schema of a business object")?;
                if !schema.field_definitions.is_empty() {
                    let seen = role.seen(&mut self.seen);
                    if let Seen::Summary(summary) = std::mem::take(seen) {
                        *seen = Seen::Whole(summary, schema);
                    }
                    return Ok(());
                }
                String::from("it lists no fields; may the user see them?")
            }
            Read::Missing => String::from("the site says that it is not there"),
            Read::Refused(why) => why,
        };
        let name = shown(role.name(&self.shared.settings));
        self.findings.problem(role.setting(), format!("the fields of `{name}` can't be looked at: {refused}"));
        Ok(())
    }

    fn take_template(&mut self, transport: &Transport) -> Result<(), LookUpFault> {
        let why = match self.read(transport)? {
            Read::Answer(answer) => {
                self.seen.required = object::<Template>(answer, "the template of a ticket")?.fields;
                return Ok(());
            }
            Read::Missing => String::from("the site says that it is not there"),
            Read::Refused(why) => why,
        };
        let seen = format!("the site's template can't be read, so only the schema tells them: {why}");
        self.findings.warning("required fields of ticket", seen);
        Ok(())
    }

    /// The answer, if there is one. What is refused for good is told with all that is missing; a refused login is not:
    /// no other answer would be better.
    fn read(&self, transport: &Transport) -> Result<Read, LookUpFault> {
        match classify::read(&self.shared, transport) {
            Ok(answer) => Ok(Read::Answer(answer)),
            Err(ReadFault::Missing) => Ok(Read::Missing),
            Err(ReadFault::Fault(refused)) if refused.configuration && !is_login(transport) => {
                Ok(Read::Refused(shown_whole(&refused.why)))
            }
            Err(ReadFault::Fault(fault)) => Err(fault),
        }
    }
}

enum Read {
    Answer(Value),
    Missing,
    Refused(String),
}

fn is_login(transport: &Transport) -> bool {
    match transport {
        Transport::Answered(answer) => answer.status == StatusCode::UNAUTHORIZED,
        Transport::NotSent { .. } | Transport::NoAnswer { .. } => true,
    }
}

/// On one line.
fn shown_whole(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn object<T: DeserializeOwned>(answer: Value, what: &str) -> Result<T, LookUpFault> {
    if !answer.is_object() {
        return Err(fault(format!("the answer does not add up: {what} is no JSON object")));
    }
    serde_json::from_value(answer).map_err(|error| fault(format!("the answer does not add up: {what}: {error}")))
}

fn list<T: DeserializeOwned>(answer: Value, what: &str) -> Result<Vec<T>, LookUpFault> {
    if !answer.is_array() {
        return Err(fault(format!("the answer does not add up: {what} is no JSON array")));
    }
    serde_json::from_value(answer).map_err(|error| fault(format!("the answer does not add up: {what}: {error}")))
}
