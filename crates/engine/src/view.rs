//! What people and machines get to see, and what they may do: one shape for the HTTP API, the console and the CLI's
//! `--json`.
//!
//! * [`tickets`], [`ticket`], [`timeline`]: a page of tickets, one with all that is known of it, its story.
//! * [`retry`], [`dismiss`], [`redrive`]: an operator's acts on tickets.
//! * [`error_groups`], [`preview_redrive`], [`redrive_group`]: tickets in Error by destination, step and cause.
//! * [`backends`], [`change_backend`]: backends and the settings that can be changed while running.
//! * [`audit`]: who changed what; [`Actor`]: how a change leaves a line there.
//! * [`create_token`], [`tokens`], [`revoke_token`]: who may call.
//! * [`aggregations`], [`aggregation`], [`group`], [`sparklines`]: the tables, their rows, the channels below a group.
//! * [`offloads`], [`offload_now`], [`hand_over`], [`settle_topology`]: files of the network.
//! * [`workflow_runs`], [`run_workflow`]: runs of the workflow manager.
//! * [`csv`]: lists for spreadsheets.
//! * [`mobile`]: the mobile-ticket job, masked.
//! * [`platforms`], [`problems`]: how the platforms are, in words, and what an operator must know of.
//!
//! Everything is read from the store and from a snapshot of delivery; nothing here decides about a ticket. Instants are
//! RFC 3339 in UTC. Limits: [`MAX_PAGE`](ticketbridge_store::MAX_PAGE) rows per page, 50 values per filter, 500
//! characters per reason.

mod acts;
mod aggregations;
mod audit;
mod backends;
pub mod csv;
mod errors;
mod filter;
pub mod mobile;
mod offloads;
mod platforms;
mod runs;
mod tickets;
mod timeline;
mod tokens;

pub use acts::{ActFault, MAX_REASON, Redriven, dismiss, redrive, retry};
pub use aggregations::{
    AggregationFault, AggregationPage, AggregationQuery, AggregationTable, AggregationTables, ChannelQuery,
    ChannelView, GroupDetail, GroupOrder, MAX_SLOTS, Sparkline, USUAL_SLOTS, aggregation, aggregations, group,
    sparklines, title,
};
pub use audit::{Actor, AuditPageFault, AuditView, AuditViewPage, audit};
pub use backends::{BackendChange, SettingFault, backend, backends, change_backend};
pub use errors::{
    ErrorGroup, ErrorGroups, MAX_ERRORS, PreviewedRequest, RedrivePreview, error_groups, preview_redrive, redrive_group,
};
pub(crate) use filter::check;
pub use filter::{FilterFault, FilterText, KeyText, MAX_FILTER_TEXT, MAX_FILTER_VALUES, StateText, TicketQuery};
pub use offloads::{
    BadFileName, CountersView, FileResult, FileView, MAX_FILE_NAME, OffloadReport, OffloadView, OffloadsView,
    TopologyFault, TopologySettled, check_file_name, hand_over, offload_now, offloads, settle_topology,
};
pub use platforms::{HeldOperation, PlatformView, ProblemView, platforms, problems};
pub use runs::{
    BuiltTicketView, RunFault, RunPage, RunQuery, RunResultView, WorkflowRunView, run_instant, run_workflow,
    workflow_runs,
};
pub use tickets::{DEFAULT_PAGE, PageFault, TicketDetail, TicketPage, TicketSummary, origin_id, ticket, tickets};
pub(crate) use timeline::{Moment, moments};
pub use timeline::{TimelineEntry, timeline};
pub use tokens::{MAX_TOKEN_NAME, TOKEN_PREFIX, TokenFault, TokenView, create_token, revoke_token, token_hash, tokens};
