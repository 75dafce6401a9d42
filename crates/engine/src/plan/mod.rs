//! What the first run would do, seen before it does anything; and doing exactly that.
//!
//! A *plan* hands the tickets that wait to the very decisions of the lifecycle, with real look-ups on the platforms, and
//! stops each ticket where it is decided: create, note, go on with its own ticket, wait behind another. It encodes the
//! requests as a run would. *Applying* a plan hands the same tickets to the ordinary delivery, which sets aside each one
//! that is decided otherwise by then.
//!
//! # What it guarantees
//! * A plan takes no lane and sends nothing but reads: nothing in here can send a write, since a rehearsal ends at the
//!   first intent. It is safe beside a running service. It writes one document to the store: itself.
//! * A retrieval that fails is told as that; its tickets are never planned as creates.
//! * Its hash is one over what it says of the tickets, the requests' bodies and the settings behind them, not over time:
//!   the same plan has the same hash.
//! * Applying sends for tickets of the plan only, and only while the decision is that of the plan; body and settings are
//!   compared once, at the start.
//!
//! # Limits
//! 10,000 tickets that nothing was sent for, the oldest first; all that are under way; 1,000 in Error; the last 10 plans
//! are kept.

mod apply;
mod collect;
mod keep;
mod rehearse;
mod requests;
mod settings;
mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use ticketbridge_config::Config;
use ticketbridge_core::network::Timestamp;
use ticketbridge_core::ticket::{BackendName, DedupeKey, OriginId, PlatformName};
use ticketbridge_store::{Store, StoreError, hexadecimal};

use crate::clock::Clock;
use crate::platforms::PlatformSet;
use crate::workflow::WorkflowError;

pub use apply::{Applied, AppliedTicket, ApplyOptions, Fate, apply};

/// Most tickets of one plan that nothing was sent for.
pub const MAX_TICKETS: usize = 10_000;

/// Why there is no plan, or why it was not applied.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tickets of a folder could not be built.
    #[error(transparent)]
    Workflow(#[from] WorkflowError),
    /// No such plan is kept.
    #[error("there is no plan `{hash}`; {known}. Make a new one with `ticketbridge plan`")]
    NoSuchPlan {
        /// What was asked for.
        hash: String,
        /// What there is.
        known: String,
    },
    /// A defect of ours.
    #[error("the plan broke off: {0}; nothing was sent. Please report it")]
    Defect(String),
}

/// What a plan is made from.
pub struct PlanOptions {
    /// The store; a running service may be on it.
    pub store: Arc<dyn Store>,
    /// The platforms.
    pub platforms: Arc<PlatformSet>,
    /// The configuration.
    pub config: Arc<Config>,
    /// The clocks.
    pub clock: Clock,
    /// A folder of CSV files, and the instant to evaluate it at: their tickets are planned, too.
    pub data: Option<(PathBuf, Timestamp)>,
}

/// What becomes of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A ticket is created.
    Create,
    /// An open ticket gets a note.
    Note,
    /// Its own ticket is there already.
    Own,
    /// It waits for another of its key, and notes the ticket of that one.
    After,
    /// Nothing, until somebody changes what stands in `why`.
    Blocked,
    /// Nobody knows: the platform could not be asked.
    Failed,
    /// Something was sent for it before: it goes on, or is looked up first.
    UnderWay,
    /// It failed before, and waits for an operator.
    Error,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Create, Self::Note, Self::Own, Self::After, Self::Blocked, Self::Failed, Self::UnderWay, Self::Error];

    /// Its name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Note => "note",
            Self::Own => "own",
            Self::After => "after",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
            Self::UnderWay => "under_way",
            Self::Error => "error",
        }
    }
}

/// A ticket of a platform that a decision is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeenTicket {
    /// Number.
    pub number: String,
    /// Record id, where the platform has one apart from the number.
    pub record: Option<String>,
    /// The platform's word for its state.
    pub status: String,
    /// When it was created, as the platform says.
    pub created_at: Option<String>,
    /// `key`: it carries the key; `adopt`: the key was derived from it; `origin`: it carries this ticket's own id.
    pub found_by: &'static str,
    /// A ticket of this store made it.
    pub ours: bool,
    /// Numbers of the other open tickets of the key.
    pub others: Vec<String>,
}

/// One ticket of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedTicket {
    /// Its id; null for one of the folder, which has none before it is received.
    pub id: Option<OriginId>,
    /// What it is about.
    pub dedupe_key: DedupeKey,
    /// Its kind.
    pub kind: String,
    /// The backend that carries it.
    pub backend: BackendName,
    /// Its ticket platform.
    pub platform: PlatformName,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Why, for people.
    pub why: String,
    /// The remote ticket that it is about.
    pub ticket: Option<SeenTicket>,
    /// The ticket that it waits behind.
    pub after: Option<OriginId>,
    /// What follows, in order: `create_work_order on sfyc`.
    pub then: Vec<String>,
    /// SHA-256 of the request body with this ticket alone.
    pub body_hash: Option<String>,
    /// Its request: an index of [`Plan::requests`].
    pub request: Option<usize>,
}

/// One request as it would go out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedRequest {
    /// Where.
    pub platform: PlatformName,
    /// What: `create_ticket`, `add_note`.
    pub operation: String,
    /// For which backend.
    pub backend: BackendName,
    /// Its tickets in order, by key.
    pub tickets: Vec<DedupeKey>,
    /// Method.
    pub method: String,
    /// Path and query below the platform's base address.
    pub target: String,
    /// Its body; secrets are masked.
    pub body: String,
    /// SHA-256 of its body as it would go out; a ticket's story shows that of each request that was sent.
    pub body_hash: String,
}

/// One platform, as the plan met it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PlannedPlatform {
    /// Why it could not be asked: its tickets are not planned.
    pub error: Option<String>,
    /// Open tickets that were retrieved.
    pub open_tickets: Option<usize>,
    /// Why nothing is created there.
    pub stopped: Option<String>,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// `ticketbridge-plan/1`.
    pub schema: &'static str,
    /// Names it for `apply`: 16 hexadecimal digits.
    pub hash: String,
    /// When it was made; not part of the hash.
    pub made_at: String,
    /// Tickets by verdict; all verdicts are there.
    pub totals: BTreeMap<&'static str, usize>,
    /// Waiting tickets beyond [`MAX_TICKETS`], and tickets in Error beyond those listed: not in this plan.
    pub left_out: u64,
    /// Tickets that `apply` would carry out.
    pub applicable: usize,
    /// The ticket platforms.
    pub platforms: BTreeMap<PlatformName, PlannedPlatform>,
    /// What else to know before going live.
    pub remarks: Vec<String>,
    /// The tickets, in order of receipt; those of the folder last.
    pub tickets: Vec<PlannedTicket>,
    /// The first requests of all tickets that are created or noted.
    pub requests: Vec<PlannedRequest>,
    #[serde(skip)]
    kept: keep::KeptPlan,
}

impl Plan {
    /// Every platform could be asked.
    pub fn is_complete(&self) -> bool {
        self.platforms.values().all(|platform| platform.error.is_none())
    }
}

/// Makes a plan and keeps it in the store, so that it can be applied.
pub async fn plan(options: PlanOptions) -> Result<Plan, PlanError> {
    let mut collected = collect::collect(&options).await?;
    let (settings, off) = settings::settings(&options).await?;
    let rehearsal = rehearse::rehearse(&options, Arc::new(settings.clone()), &mut collected).await?;
    let told = tell::tell(&options, &settings, &off, &collected, &rehearsal).await?;
    let plan = put_together(&options, told, &settings, &collected, rehearsal);
    keep::keep(&*options.store, &plan.kept).await?;
    Ok(plan)
}

fn put_together(
    options: &PlanOptions,
    told: tell::Told,
    settings: &ticketbridge_core::delivery::Settings,
    collected: &collect::Collected,
    rehearsal: rehearse::Rehearsal,
) -> Plan {
    let tell::Told { tickets, requests, remarks, applicable } = told;
    let backends: BTreeSet<&BackendName> = tickets.iter().map(|ticket| &ticket.backend).collect();
    let digests = settings::digests(&options.config, settings, backends);
    let made_at = options.clock.now().wall;
    let hash = hash(&tickets, &digests);
    let mut totals: BTreeMap<&'static str, usize> = Verdict::ALL.iter().map(|one| (one.as_str(), 0)).collect();
    for ticket in &tickets {
        *totals.entry(ticket.verdict.as_str()).or_default() += 1;
    }
    let kept = keep::KeptPlan::new(hash.clone(), made_at, digests, applicable);
    Plan {
        schema: keep::SCHEMA,
        hash,
        made_at: made_at.to_rfc3339(),
        totals,
        left_out: collected.left_out,
        applicable: kept.tickets.len(),
        platforms: rehearsal.platforms,
        remarks,
        tickets,
        requests,
        kept,
    }
}

/// A hash over what a plan says: per ticket its verdict, target and body, and the settings. Neither time nor the words for
/// people are in it.
fn hash(tickets: &[PlannedTicket], digests: &BTreeMap<String, String>) -> String {
    let mut lines: Vec<String> = tickets
        .iter()
        .map(|ticket| {
            let seen = ticket.ticket.as_ref().map(|seen| (&seen.number, &seen.record));
            json!([
                ticket.id,
                ticket.dedupe_key,
                ticket.backend,
                ticket.platform,
                ticket.verdict,
                seen,
                ticket.after,
                ticket.body_hash
            ])
            .to_string()
        })
        .collect();
    lines.sort_unstable();
    let mut digest = Sha256::new();
    for line in lines {
        digest.update(line);
        digest.update("\n");
    }
    digest.update(json!(digests).to_string());
    hexadecimal(&digest.finalize()[..8])
}

/// What is to become of a ticket, as it is kept for `apply`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
enum Intended {
    Create,
    Note { number: String, record: Option<String> },
    Own { number: String, record: Option<String> },
    After { behind: OriginId },
}
