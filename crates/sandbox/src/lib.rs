//! Stand-ins of the platforms, with faults on demand.
//!
//! Each platform is a folder with the same files: a pure model that decides everything that follows from a call, each
//! thing at its own time, and the small rooms it is made of. The folder `shell` gives the models one port, real time and
//! real broken connections; a simulator gives them virtual time instead. This crate knows no other crate of the
//! workspace: it knows the platforms' contracts, not us.
//!
//! Guarantees: the same seed, calls and times give the same answers and effects; nothing is written to disk; nothing is
//! sent anywhere. Limits: bodies of 16 MiB, `max_connections` connections at once,
//! `max_records` records of each sort.

mod call;
mod clock;
mod credentials;
pub mod faults;
pub mod sfyc;
mod shell;
mod text;
mod traffic;

pub use call::{Act, Call, Reply, StandIn};
pub use clock::Millis;
pub use credentials::TOKEN;
pub use shell::{MAX_BODY, MAX_PENDING_EFFECTS, Running, SHUTDOWN_LIMIT, Sandbox, SandboxConfig, SandboxError};
pub use traffic::{OperationTraffic, Traffic};
