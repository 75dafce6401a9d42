//! Connector files: any REST platform, described in TOML and jq, without a line of Rust. `docs/connectors.md` is the
//! reference of the format.
//!
//! Guarantees:
//! * A file is wholly checked and compiled when it is loaded; every problem is named with line and operation.
//! * Results are attributed by key, never by position. An item without a result, with contradicting results, or with a
//!   success that lacks its number is Unknown.
//! * A retrieval that does not add up is a failed retrieval, never a shorter list.
//!
//! Limits: files of 256 KiB, 10,000 items per request, 1,000 keys per look-up call, 100,000 pages and 1,000,000 rows
//! per look-up, filters as in [`filter`].

mod check;
mod child;
mod classify;
mod error;
mod file;
pub mod filter;
mod load;
mod look_up;
mod paging;
mod request;
mod sample;
mod settings;
mod write;

use std::io::Read;
use std::sync::Arc;

use ticketbridge_core::effect::{Capabilities, Found, LookUpFault, Operation, Query};

pub use check::{CheckReport, OperationReport, RemoteReport, check, check_against};
pub use child::{ChildCommand, ChildLimits, check_in_child, child_main};
pub use error::{ConnectorError, Problem};
pub use settings::ConnectorSettings;

use load::Operations;

use crate::{Dialogue, EncodeFault, HttpCall, Item, Platform, Transport, Verdict};

/// The files that come with the program, by name: `builtin:sfyc`.
const BUILTIN: [(&str, &str); 1] = [("sfyc", include_str!("builtin/sfyc.toml"))];

/// A platform that is described by a connector file.
#[derive(Debug, Clone)]
pub struct Connector {
    operations: Arc<Operations>,
    capabilities: Capabilities,
}

impl Connector {
    /// Loads `builtin:NAME`, or the file at a path.
    pub fn load(file: &str, settings: &ConnectorSettings) -> Result<Self, ConnectorError> {
        Self::from_text(file, &read_source(file)?, settings)
    }

    /// Loads the text of a file; `file` is its name in messages.
    pub fn from_text(file: &str, text: &str, settings: &ConnectorSettings) -> Result<Self, ConnectorError> {
        let operations = Operations::load(file, text, settings)?;
        let capabilities = Capabilities {
            max_batch: Operation::ALL
                .into_iter()
                .filter_map(|operation| Some((operation, operations.write(operation)?.max_batch)))
                .collect(),
            max_in_flight: operations.max_in_flight,
            max_keys: operations.find_tickets.as_ref().map_or(1, |read| read.max_keys),
            finds_tickets: operations.find_tickets.is_some(),
            finds_notes: operations.find_notes.is_some(),
            finds_work_orders: operations.find_work_orders.is_some(),
            has_health_read: operations.health.is_some(),
            request_timeout: settings.request_timeout,
        };
        Ok(Self { operations: Arc::new(operations), capabilities })
    }

    /// The platform's name, as the file says.
    pub fn name(&self) -> &str {
        &self.operations.name
    }
}

impl Platform for Connector {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn supports(&self, operation: Operation) -> bool {
        self.operations.write(operation).is_some()
    }

    fn encode(&self, operation: Operation, items: &[Item]) -> Result<HttpCall, EncodeFault> {
        write::encode(&self.operations, operation, items)
    }

    fn decode(&self, operation: Operation, items: &[Item], transport: &Transport) -> Verdict {
        Verdict::Done(write::decode(&self.operations, operation, items, transport))
    }

    fn look_up(&self, query: &Query) -> Result<Box<dyn Dialogue<Found>>, LookUpFault> {
        look_up::begin(&self.operations, query)
    }
}

/// The text of `builtin:NAME`, or of the file at a path.
pub fn read_source(file: &str) -> Result<String, ConnectorError> {
    let fail = |why: String| {
        let problem = Problem { line: None, operation: String::new(), why };
        ConnectorError { file: file.to_owned(), problems: vec![problem] }
    };
    if let Some(name) = file.strip_prefix("builtin:") {
        let found = BUILTIN.iter().find(|(known, _)| *known == name);
        let names: Vec<_> = BUILTIN.iter().map(|(name, _)| *name).collect();
        return found
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| fail(format!("there is no built-in connector `{name}`; there are: {}", names.join(", "))));
    }
    let mut bytes = Vec::new();
    // One byte more than a file may have, so that a device or a huge file is not read to its end.
    std::fs::File::open(file)
        .and_then(|file| file.take(load::MAX_FILE as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| fail(format!("it can't be read: {error}")))?;
    if bytes.len() > load::MAX_FILE {
        return Err(fail(load::too_large()));
    }
    String::from_utf8(bytes).map_err(|_| fail(String::from("it is not UTF-8 text; save it as UTF-8")))
}
