//! Intake: tickets from outside, checked, given an id and a backend, answered only when durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use ticketbridge_config::Config;
use ticketbridge_core::ticket::{
    BackendName, DedupeKey, IntakeItem, IntakeOutcome, MAX_INTAKE_ITEMS, NewTicket, OriginId, read_intake, split_intake,
};
use ticketbridge_store::{Store, StoreError};
use utoipa::ToSchema;

use crate::clock::Clock;
use crate::delivery::DeliveryHandle;
use crate::identity;
use crate::split::{BackendChoice, assign, backend_choices};

/// Takes tickets in.
#[derive(Clone)]
pub struct Intake {
    store: Arc<dyn Store>,
    config: Arc<Config>,
    clock: Clock,
    delivery: DeliveryHandle,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IntakeAnswer {
    /// The sender's id, if the ticket had one.
    pub message_id: Option<String>,
    /// `accepted`, `duplicate` or `rejected`.
    #[schema(value_type = String)]
    pub result: &'static str,
    /// Our id of the row.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub id: Option<OriginId>,
    /// Why it was rejected.
    pub error: Option<IntakeAnswerError>,
}

/// Why one ticket was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IntakeAnswerError {
    /// `INVALID` or `CONFLICT`.
    #[schema(value_type = String)]
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

impl Intake {
    /// Intake into a store.
    pub fn new(store: Arc<dyn Store>, config: Arc<Config>, clock: Clock, delivery: DeliveryHandle) -> Self {
        Self { store, config, clock, delivery }
    }

    /// The same with another configuration.
    pub(crate) fn renewed(&self, config: Arc<Config>) -> Self {
        Self { config, ..self.clone() }
    }

    /// Takes a call in: one answer per ticket, in request order; durable when it returns.
    pub async fn receive(&self, body: &[u8], backend: Option<&str>) -> Result<Vec<IntakeAnswer>, IntakeFault> {
        let elements = split_intake(body).map_err(|error| IntakeFault::NotAnArray(error.to_string()))?;
        let elements = elements.map_err(IntakeFault::TooMany)?;
        let chosen = backend.map(|name| self.backend(name)).transpose()?;
        let mut answers: Vec<Option<IntakeAnswer>> = Vec::with_capacity(elements.len());
        let mut items = Vec::new();
        for element in elements {
            match read_intake(element) {
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
        let choices = backend_choices(&self.config, self.delivery.status().await.as_ref());
        let keys: Vec<DedupeKey> = items.iter().map(|item| item.key.clone()).collect();
        let assigned = assign(&*self.store, &choices, &keys, chosen.as_ref()).await?;
        let now = self.clock.now().wall;
        let ticket = |(item, to): (IntakeItem, &BackendChoice)| {
            let (backend, platform) = (to.name.clone(), to.tickets.clone());
            NewTicket { item, origin: identity::origin(now), backend, platform, received_at: now }
        };
        let tickets: Vec<NewTicket> = items.into_iter().zip(assigned).map(ticket).collect();
        let backends: BTreeMap<OriginId, BackendName> =
            tickets.iter().map(|ticket| (ticket.origin, ticket.backend.clone())).collect();
        let ids: Vec<String> = tickets.iter().map(|ticket| ticket.item.message_id.clone()).collect();
        let outcomes = if tickets.is_empty() { Vec::new() } else { self.store.receive(tickets).await? };
        let mut stored = ids.into_iter().zip(outcomes).map(|(message_id, outcome)| answer(message_id, outcome));
        let answers: Vec<IntakeAnswer> =
            answers.into_iter().filter_map(|answer| answer.or_else(|| stored.next())).collect();
        let accepted = answers.iter().filter(|answer| answer.result == "accepted").filter_map(|answer| answer.id);
        self.delivery.events().named(accepted.filter_map(|id| Some((id, backends.get(&id)?))));
        crate::telemetry::taken_in(answers.iter().map(|answer| answer.result));
        Ok(answers)
    }

    fn backend(&self, name: &str) -> Result<BackendChoice, IntakeFault> {
        let mut choices = backend_choices(&self.config, None);
        choices.retain(|choice| !choice.draining);
        let known = || choices.iter().map(|choice| choice.name.as_str()).collect::<Vec<_>>().join(", ");
        let found = choices.iter().find(|choice| choice.name.as_str() == name).cloned();
        found.ok_or_else(|| IntakeFault::NoSuchBackend { name: name.to_owned(), known: known() })
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
