//! The ticket JSON, `ticket/1` (telecom contract §7.5). Every key is always present; what is not known is null.

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::draft::{TicketDraft, TicketIncident};
use crate::network::evaluation::Severity;
use crate::network::{Aggregation, Timestamp};

/// Most incidents listed in one ticket.
pub const MAX_INCIDENTS: usize = 50;

/// A message of the workflow manager to a backend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// `ticket/1`.
    pub schema: String,
    /// ULID, new per message and the same on every resend.
    pub message_id: String,
    /// `WM-`, UTC date of `as_of`, `-`, durable number of at least six digits.
    pub ticket_id: String,
    /// Kind, as configured.
    pub kind: String,
    /// What the ticket is about.
    pub dedupe_key: String,
    /// `critical`.
    pub severity: Severity,
    /// `built`.
    pub status: String,
    /// `complete`, or `partial` if something of the topology is not known.
    pub enrichment: String,
    /// Title.
    pub name: String,
    /// Description.
    pub description: String,
    /// Where it comes from.
    pub source: Source,
    /// Place in the network.
    pub topology: TicketTopology,
    /// The figure behind it.
    pub kpi: Kpi,
    /// What was looked at.
    pub window: Window,
    /// Counted incidents, before the cut.
    pub incidents_total: u64,
    /// The last 50 of them.
    pub incidents: Vec<TicketIncident>,
    /// What it touches.
    pub impact: Impact,
    /// Numbers given by the platforms; null when built.
    pub external: External,
}

/// `source` of a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The aggregation.
    pub aggregation: Aggregation,
    /// Its row.
    pub group_id: String,
    /// The workflow manager.
    pub instance: String,
    /// Instant of the evaluation.
    pub as_of: Timestamp,
}

/// `topology` of a ticket.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TicketTopology {
    /// Network.
    pub network: Option<String>,
    /// Market.
    pub market: Option<String>,
    /// Hub.
    pub hub: Option<String>,
    /// CCAP.
    pub ccap: Option<String>,
    /// Line card.
    pub line_card: Option<String>,
    /// Port.
    pub port: Option<String>,
    /// Service group; null if the row stands for several.
    pub service_group_id: Option<String>,
    /// Its name.
    pub service_group_name: Option<String>,
    /// Optical nodes.
    pub fiber_nodes: Vec<String>,
    /// Street address.
    pub address: Option<String>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
}

/// `kpi` of a ticket: dB or percent, not rounded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kpi {
    /// `us_snr_db`, `us_utilization_pct` or `ds_utilization_pct`.
    pub name: String,
    /// `dB` or `%`.
    pub unit: String,
    /// Worst value of the counted incidents.
    pub worst: Option<f64>,
    /// Last point, of any age, of the object with the worst value: did *that* one recover?
    pub last: Option<f64>,
    /// Mean over the window.
    pub avg_24h: Option<f64>,
    /// Critical threshold of the worst point.
    pub threshold: Option<f64>,
    /// `lt` or `ge`: how a critical value compares with the threshold.
    pub comparison: String,
}

/// `window` of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Begin, itself outside.
    pub from: Timestamp,
    /// End, itself inside.
    pub to: Timestamp,
}

/// `impact` of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impact {
    /// Channels with a counted incident.
    pub channels_affected: u64,
    /// Channels of the group.
    pub channels_total: u64,
    /// Modems of the group.
    pub cm_total: Option<u64>,
    /// Modems online.
    pub cm_online: Option<u64>,
}

/// `external` of a ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct External {
    /// Number of the remote ticket.
    pub ticket_number: Option<String>,
    /// Number of the work order.
    pub ot_number: Option<String>,
}

/// What makes a draft a message. Both come from outside: these rules have no randomness and no counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageIdentity {
    /// New per message.
    pub message_id: Ulid,
    /// The durable number behind `ticket_id`.
    pub number: u64,
}

impl Ticket {
    /// `schema` of this form.
    pub const SCHEMA: &'static str = "ticket/1";
}

impl TicketDraft {
    /// The message: the draft with its identity, cut to its last [`MAX_INCIDENTS`] incidents.
    pub fn into_ticket(self, identity: MessageIdentity) -> Ticket {
        let date: String = self.source.as_of.to_string().chars().take(10).filter(|letter| *letter != '-').collect();
        let mut incidents = self.incidents;
        incidents.drain(..incidents.len().saturating_sub(MAX_INCIDENTS));
        Ticket {
            schema: Ticket::SCHEMA.into(),
            message_id: identity.message_id.to_string(),
            ticket_id: format!("WM-{date}-{:06}", identity.number),
            kind: self.kind,
            dedupe_key: self.dedupe_key,
            severity: self.severity,
            status: "built".into(),
            enrichment: if self.is_complete { "complete" } else { "partial" }.into(),
            name: self.name,
            description: self.description,
            source: self.source,
            topology: self.topology,
            kpi: self.kpi,
            window: self.window,
            incidents_total: self.incidents_total,
            incidents,
            impact: self.impact,
            external: External::default(),
        }
    }
}
