//! The loops that move data: files in, runs, tickets to their platforms. Everything async lives here; what is decided
//! is decided in `core`.
//!
//! * [`offload`]: CSV files into the sample store.
//! * [`delivery`]: tickets through their lifecycle on the platforms.
//! * [`plan`]: what delivery would do, before it does it.
//! * [`mail`]: telling people. [`alerts`]: of what, where trouble tickets need somebody.
//! * [`doctor`]: is this installation healthy?
//! * [`traces`]: the way of each ticket, for an OpenTelemetry collector.
//! * [`events`]: what happens, for whoever watches.
//! * [`history`]: how many tickets were where, of late.
//! * [`feedback`]: changes of mobile tickets from the wallet into the box office.

pub mod alerts;
pub mod app;
pub mod check;
pub mod clock;
pub mod delivery;
pub mod doctor;
pub mod events;
pub mod exchanges;
pub mod explain;
pub mod feedback;
pub mod history;
pub mod identity;
pub mod intake;
pub mod live;
pub mod mail;
pub mod offload;
pub mod open;
pub mod plain;
pub mod plan;
pub mod platforms;
mod reassign;
pub mod reload;
pub mod service;
pub mod split;
pub mod telemetry;
pub mod traces;
pub mod view;
pub mod workflow;
