//! Cherwell Service Management over its REST API.
//!
//! Guarantees:
//! * Nothing is sent before every configured name was found at the site; what is missing is reported together.
//! * A batch answer is matched by position, and a create counts as done only when the new records were read back and
//!   carry our origin ids. Anything else is Unknown, and is looked up.
//! * A search that does not add up is a failed search, never a shorter list; an empty page with a total above zero is
//!   never "none".
//! * Every call uses record ids; public ids are for people, and may be given twice.
//!
//! Limits: 500 rows per page by default (1 to 2000), 500 keys per search, answers of 16 MiB.

mod answer;
mod classify;
mod culture;
mod findings;
mod fit;
mod learned;
mod link;
mod look_up;
mod names;
mod near;
mod notes;
mod pages;
mod read_back;
mod resolve;
#[cfg(test)]
mod samples;
mod schema;
mod search;
mod settings;
mod site;
mod wire;
mod write;
#[cfg(test)]
mod write_checks;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ticketbridge_core::effect::{Capabilities, Found, LookUpFault, Operation, Query};

pub use settings::{
    CherwellSettings, NoteFields, NoteSettings, NoteWay, PageMode, ParentType, TicketFields, TicketSettings,
    WorkOrderFields, WorkOrderSettings, WorkOrderWay,
};

use crate::LoginFault;
use crate::connector::filter::Filter;
use crate::fault::fault;
use crate::{Dialogue, EncodeFault, HttpCall, Item, Learned, Platform, Transport, Verdict};
use site::Site;

/// Most keys of one search (Cherwell contract §13: 1000 seen, fewer is safer).
const MAX_KEYS: usize = 500;
/// Most links of one batch: each is a request of its own.
const MAX_LINKS: usize = 10;

/// Cherwell.
pub struct Cherwell {
    shared: Arc<Shared>,
    capabilities: Capabilities,
}

/// What all dialogues with one Cherwell share.
struct Shared {
    settings: CherwellSettings,
    adopt: Option<Filter>,
    /// What was learned; `None`: nothing yet, or it is outdated.
    site: RwLock<Option<Arc<Site>>>,
    /// Whether `pageNumber` is a row: as the site's version says, until a second page says otherwise.
    rows: AtomicBool,
    /// Whether links go to the first version of their call: this site does not have the second.
    links_by_v1: AtomicBool,
}

/// Why a Cherwell cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CherwellError(String);

impl Cherwell {
    /// A Cherwell with these settings. Nothing is asked before [`Platform::prepare`].
    pub fn new(settings: CherwellSettings) -> Result<Self, CherwellError> {
        let adopt = match &settings.ticket.adopt {
            Some(text) => Some(
                Filter::compile(text)
                    .map_err(|error| CherwellError(format!("TB0204: `ticket.adopt`: {}", error.why)))?,
            ),
            None => None,
        };
        let capabilities = capabilities(&settings);
        let shared = Shared {
            settings,
            adopt,
            site: RwLock::default(),
            rows: AtomicBool::new(true),
            links_by_v1: AtomicBool::new(false),
        };
        Ok(Self { shared: Arc::new(shared), capabilities })
    }

    /// What a refused login means (Cherwell contract §3): the text of `invalid_grant` tells throttling from a wrong
    /// password.
    pub fn login_refusals(status: http::StatusCode, error: &str, description: &str) -> LoginFault {
        classify::login(status, error, description)
    }
}

fn capabilities(settings: &CherwellSettings) -> Capabilities {
    let is_linked = |work_order: &WorkOrderSettings| {
        work_order.relationship.is_some() && work_order.way == WorkOrderWay::BatchThenLink
    };
    let links = settings.work_order.as_ref().is_some_and(is_linked);
    let mut max_batch = BTreeMap::new();
    let related = |one_by_one: bool| if one_by_one { 1 } else { usize::MAX };
    max_batch.insert(Operation::CreateTicket, usize::MAX);
    max_batch.insert(Operation::AddNote, related(settings.note.way == NoteWay::Related));
    max_batch.insert(Operation::LinkWorkOrder, if links { MAX_LINKS } else { usize::MAX });
    if let Some(work_order) = &settings.work_order {
        max_batch.insert(Operation::CreateWorkOrder, related(work_order.way == WorkOrderWay::Related));
    }
    Capabilities {
        max_batch,
        max_in_flight: settings.max_in_flight,
        max_keys: MAX_KEYS,
        finds_tickets: true,
        finds_notes: true,
        finds_work_orders: settings.work_order.is_some(),
        has_health_read: true,
        request_timeout: settings.save_timeout,
    }
}

impl Shared {
    /// What was learned, if it is known.
    fn site(&self) -> Option<Arc<Site>> {
        self.site.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was learned; a fault before that (whoever asks prepares first).
    fn known_site(&self) -> Result<Arc<Site>, LookUpFault> {
        self.site().ok_or_else(|| fault("the names of the site have to be learned first"))
    }

    /// The site is known from now on.
    fn learn(&self, site: Site) {
        self.rows.store(site.rows, Ordering::Relaxed);
        *self.site.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(site));
    }

    /// The site has changed: its names are learned anew.
    fn forget(&self) {
        *self.site.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A GET below `/api`, with the culture of all calls.
    fn get(&self, path: &str) -> HttpCall {
        HttpCall { method: Method::GET, target: self.target(path), body: None }
    }

    /// A POST of JSON below `/api`, with the culture of all calls.
    fn post(&self, path: &str, body: &impl serde::Serialize) -> Result<HttpCall, LookUpFault> {
        let body = serde_json::to_vec(body).map_err(|error| fault(format!("the request can't be written: {error}")))?;
        Ok(HttpCall { method: Method::POST, target: self.target(path), body: Some(body.into()) })
    }

    fn target(&self, path: &str) -> String {
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("/api/{path}{separator}locale={}", utf8_percent_encode(&self.settings.locale, NON_ALPHANUMERIC))
    }
}

impl Platform for Cherwell {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn supports(&self, operation: Operation) -> bool {
        operation != Operation::CreateWorkOrder || self.shared.settings.work_order.is_some()
    }

    fn prepare(&self) -> Option<Box<dyn Dialogue<Vec<Learned>>>> {
        self.shared.site().is_none().then(|| resolve::begin(&self.shared))
    }

    fn forget(&self) {
        self.shared.forget();
    }

    fn encode(&self, operation: Operation, items: &[Item]) -> Result<HttpCall, EncodeFault> {
        write::encode(&self.shared, operation, items)
    }

    fn decode(&self, operation: Operation, items: &[Item], transport: &Transport) -> Verdict {
        write::decode(&self.shared, operation, items, transport)
    }

    fn look_up(&self, query: &Query) -> Result<Box<dyn Dialogue<Found>>, LookUpFault> {
        look_up::begin(&self.shared, query)
    }

    fn farewell(&self) -> Option<HttpCall> {
        Some(HttpCall { method: Method::DELETE, target: String::from("/api/V1/logout"), body: None })
    }
}
