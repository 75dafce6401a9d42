//! What a run says of itself.

use std::time::Duration;

use serde::Serialize;
use ticketbridge_core::mobile::{Counters, RunError, RunResult};
use ticketbridge_core::time::Wall;
use ticketbridge_store::RunId;
use utoipa::ToSchema;

use super::function::Function;
use super::preview::Preview;

/// Failed tickets that a report names at most.
pub const MAX_NAMED: usize = 1_000;

/// A ticket that failed in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FailedTicket {
    /// Its id, if it has one.
    #[schema(value_type = Option<String>)]
    pub ticket_id: Option<Box<str>>,
    /// The code.
    #[schema(value_type = String)]
    pub code: Box<str>,
}

/// What a run did. Holds no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunReport {
    /// Its number.
    pub run: RunId,
    /// The organizer.
    pub organizer: Box<str>,
    /// The function.
    pub internal_name: Box<str>,
    /// Its result.
    pub result: RunResult,
    /// What ended it before its time.
    pub error: Option<RunError>,
    /// What happened, for people.
    pub text: Option<String>,
    /// Items came, but no new key (`KEY_NOT_ADVANCED`).
    pub key_not_advanced: bool,
    /// What it did.
    pub counters: Counters,
    /// Tickets that failed in it, at most [`MAX_NAMED`].
    pub failed: Vec<FailedTicket>,
    /// What a preview found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// When it ended.
    pub ended_at: Wall,
}

impl RunReport {
    /// A run that was not one: the lease is busy.
    pub(super) fn refused(function: &Function, run: RunId, by: RunId, remaining: Duration, at: Wall) -> Self {
        let text = format!(
            "run {} of organizer `{}` is in progress; its lease lasts another {} s at most. Wait for its end, and start again.",
            by.0,
            function.organizer,
            remaining.as_secs(),
        );
        Self {
            run,
            organizer: function.organizer.clone(),
            internal_name: function.internal_name.clone(),
            result: RunResult::Refused,
            error: None,
            text: Some(text),
            key_not_advanced: false,
            counters: Counters::default(),
            failed: Vec::new(),
            preview: None,
            ended_at: at,
        }
    }
}
