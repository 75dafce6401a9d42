//! Intake: tickets from outside, checked, given an id and a backend, answered only when durable (SPEC §3).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use ticketbridge_config::Config;
use ticketbridge_config::sections::BackendState;
use ticketbridge_core::network::tickets::backend_order;
use ticketbridge_core::ticket::{
    BackendName, DedupeKey, IntakeOutcome, MAX_INTAKE_ITEMS, NewTicket, OriginId, PlatformName, parse_intake,
};
use ticketbridge_store::{Store, StoreError};

use crate::clock::Clock;
use crate::identity;

/// Takes tickets in.
#[derive(Clone)]
pub struct Intake {
    store: Arc<dyn Store>,
    config: Arc<Config>,
    clock: Clock,
}

/// Why a whole call was refused; nothing of it was stored.
#[derive(Debug, thiserror::Error)]
pub enum IntakeFault {
    /// The body is no JSON array.
    #[error("TB0501: the body is not a JSON array of tickets: {0}")]
    NotAnArray(String),
    /// Too many at once.
    #[error("TB0501: the call holds {0} tickets; the limit is {MAX_INTAKE_ITEMS}. Send them in several calls")]
    TooMany(usize),
    /// No such backend.
    #[error("TB0501: there is no backend `{name}`; the backends are {known}")]
    NoSuchBackend {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of one ticket of a call, as answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IntakeAnswer {
    /// The sender's id, if the ticket had one.
    pub message_id: Option<String>,
    /// `accepted`, `duplicate` or `rejected`.
    pub result: &'static str,
    /// Our id of the row.
    pub id: Option<OriginId>,
    /// Why it was rejected.
    pub error: Option<IntakeAnswerError>,
}

/// Why one ticket was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IntakeAnswerError {
    /// `INVALID` or `CONFLICT`.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

impl Intake {
    /// Intake into a store.
    pub fn new(store: Arc<dyn Store>, config: Arc<Config>, clock: Clock) -> Self {
        Self { store, config, clock }
    }

    /// Takes a call in: one answer per ticket, in request order; durable when it returns.
    pub async fn receive(&self, body: &[u8], backend: Option<&str>) -> Result<Vec<IntakeAnswer>, IntakeFault> {
        let elements: Vec<Value> =
            serde_json::from_slice(body).map_err(|error| IntakeFault::NotAnArray(error.to_string()))?;
        if elements.len() > MAX_INTAKE_ITEMS {
            return Err(IntakeFault::TooMany(elements.len()));
        }
        let chosen = backend.map(|name| self.backend(name)).transpose()?;
        let mut answers: Vec<Option<IntakeAnswer>> = Vec::with_capacity(elements.len());
        let mut items = Vec::new();
        for element in &elements {
            match parse_intake(element) {
                Ok(item) => {
                    answers.push(None);
                    items.push(item);
                }
                Err((message_id, error)) => {
                    let error = IntakeAnswerError { code: "INVALID", message: error.to_string() };
                    answers.push(Some(IntakeAnswer { message_id, result: "rejected", id: None, error: Some(error) }));
                }
            }
        }
        let followed = self.followed(items.iter().map(|item| item.key.clone()).collect()).await?;
        let now = self.clock.now().wall;
        let mut tickets = Vec::with_capacity(items.len());
        for item in items {
            let (backend, platform) = match (&chosen, followed.get(&item.key)) {
                (Some(chosen), _) => chosen.clone(),
                (None, Some(follow)) => follow.clone(),
                (None, None) => self.split(&item.key)?,
            };
            tickets.push(NewTicket { item, origin: identity::origin(now), backend, platform, received_at: now });
        }
        let ids: Vec<String> = tickets.iter().map(|ticket| ticket.item.message_id.clone()).collect();
        let outcomes = if tickets.is_empty() { Vec::new() } else { self.store.receive(tickets).await? };
        let mut stored = ids.into_iter().zip(outcomes).map(|(message_id, outcome)| answer(message_id, outcome));
        Ok(answers.into_iter().filter_map(|answer| answer.or_else(|| stored.next())).collect())
    }

    /// New rows of a key follow the platform that holds its open ticket.
    async fn followed(
        &self,
        keys: Vec<DedupeKey>,
    ) -> Result<BTreeMap<DedupeKey, (BackendName, PlatformName)>, IntakeFault> {
        if keys.is_empty() || self.ticket_platforms() < 2 {
            return Ok(BTreeMap::new());
        }
        let ledger = self.store.ledger(&keys).await?;
        Ok(ledger
            .into_iter()
            .filter_map(|(platform, known)| {
                let names = self.names(|backend| backend.tickets == platform);
                let name = *backend_order(names, known.key.as_str()).first()?;
                Some((known.key.clone(), (BackendName::new(name), platform)))
            })
            .collect())
    }

    fn ticket_platforms(&self) -> usize {
        let mut platforms: Vec<_> = self.config.backends.iter().map(|backend| &backend.tickets).collect();
        platforms.sort();
        platforms.dedup();
        platforms.len()
    }

    fn names(&self, keep: impl Fn(&ticketbridge_config::sections::Backend) -> bool) -> Vec<&str> {
        let backends = self.config.backends.iter();
        backends.filter(|backend| keep(backend)).map(|backend| backend.name.as_str()).collect()
    }

    /// The backend of a key by rendezvous hash over the active ones; if none is active, over all.
    fn split(&self, key: &DedupeKey) -> Result<(BackendName, PlatformName), IntakeFault> {
        let active = self.names(|backend| backend.state == BackendState::Active);
        let names = if active.is_empty() { self.names(|_| true) } else { active };
        let name = backend_order(names, key.as_str()).first().copied().unwrap_or_default().to_owned();
        self.backend(&name)
    }

    fn backend(&self, name: &str) -> Result<(BackendName, PlatformName), IntakeFault> {
        let found = self.config.backends.iter().find(|backend| backend.name.as_str() == name);
        match found {
            Some(backend) => Ok((backend.name.clone(), backend.tickets.clone())),
            None => Err(IntakeFault::NoSuchBackend { name: name.to_owned(), known: self.names(|_| true).join(", ") }),
        }
    }
}

fn answer(message_id: String, outcome: IntakeOutcome) -> IntakeAnswer {
    let (result, id, error) = match outcome {
        IntakeOutcome::Accepted { id } => ("accepted", id, None),
        IntakeOutcome::Duplicate { id } => ("duplicate", id, None),
        IntakeOutcome::Conflict { id } => {
            let message = String::from(
                "this `message_id` is known with another body; a new message needs a `message_id` of its own",
            );
            ("rejected", id, Some(IntakeAnswerError { code: "CONFLICT", message }))
        }
    };
    IntakeAnswer { message_id: Some(message_id), result, id: Some(id), error }
}
