//! Where a ticket came from: a sender's message, or a run of the workflow manager with the evidence that it saw.

use serde::Serialize;
use ticketbridge_core::network::Timestamp;
use ticketbridge_core::network::tickets::{Impact, Kpi, Source, Ticket, TicketIncident, Window};
use ticketbridge_store::{MAX_RUNS, RunRecord, Store, StoreError, TicketView};

/// Where a ticket came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum CameFrom {
    /// A message of an outside sender.
    Sender {
        /// The sender's id of the message.
        message_id: String,
        /// When it came in.
        received_at: String,
    },
    /// A workflow manager: a row of an aggregation with critical incidents.
    Workflow(Box<Evidence>),
}

/// What a workflow manager saw, as it stands in the ticket.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// The workflow manager's number of the ticket.
    pub ticket_id: String,
    /// The run that built it; null: not in this store any more, or another workflow manager's.
    pub run: Option<RunView>,
    /// The row: aggregation, group, workflow manager, evaluation instant.
    pub source: Source,
    /// The group's name.
    pub group_name: Option<String>,
    /// What was looked at.
    pub window: Window,
    /// The figure behind it, with its threshold.
    pub kpi: Kpi,
    /// What it touches.
    pub impact: Impact,
    /// Counted incidents.
    pub incidents_total: u64,
    /// The last 50 of them, each with the threshold that it broke.
    pub incidents: Vec<TicketIncident>,
}

/// The record of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunView {
    /// Evaluation instant.
    pub as_of: String,
    /// When it began.
    pub started_at: String,
    /// When it was committed.
    pub finished_at: String,
    /// What started it: `schedule`, `offload`, `manual`.
    pub trigger: String,
    /// Aggregation rows looked at.
    pub rows: u64,
    /// Rows that are critical.
    pub triggered: u64,
    /// Tickets built.
    pub tickets: u64,
}

impl From<RunRecord> for RunView {
    fn from(run: RunRecord) -> Self {
        Self {
            as_of: Timestamp(run.as_of).to_string(),
            started_at: run.started_at.to_rfc3339(),
            finished_at: run.finished_at.to_rfc3339(),
            trigger: run.trigger,
            rows: run.rows,
            triggered: run.triggered,
            tickets: run.tickets,
        }
    }
}

/// Where a ticket came from, as its body says. A body of any other form than a workflow manager's is a sender's message. A
/// sender can write that form, too: `run` tells whether this store built it.
pub(super) async fn came_from(store: &dyn Store, view: &TicketView) -> Result<CameFrom, StoreError> {
    let received_at = view.body.received_at;
    let built = serde_json::from_str::<Ticket>(&view.body.body).ok().filter(|ticket| ticket.schema == Ticket::SCHEMA);
    let Some(ticket) = built else {
        let message_id = view.body.message_id.clone();
        return Ok(CameFrom::Sender { message_id, received_at: received_at.to_rfc3339() });
    };
    let is_of = |run: &RunRecord| {
        run.as_of == ticket.source.as_of.0 && run.started_at <= received_at && received_at <= run.finished_at
    };
    let run = store.runs(MAX_RUNS).await?.into_iter().find(is_of);
    Ok(CameFrom::Workflow(Box::new(Evidence {
        ticket_id: ticket.ticket_id,
        run: run.map(RunView::from),
        source: ticket.source,
        group_name: ticket.topology.service_group_name,
        window: ticket.window,
        kpi: ticket.kpi,
        impact: ticket.impact,
        incidents_total: ticket.incidents_total,
        incidents: ticket.incidents,
    })))
}
