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
//!
//! ```
//! use http::Method;
//! use rand_chacha::ChaCha8Rng;
//! use rand_chacha::rand_core::SeedableRng;
//! use ticketbridge_sandbox::faults::{EarlyAnswer, Knob};
//! use ticketbridge_sandbox::sfyc::SfycModel;
//! use ticketbridge_sandbox::{Act, Call, StandIn, TOKEN};
//!
//! let mut platform = SfycModel::new(1_000);
//! platform.faults_mut().add(Knob::DelayedEffect { effect_after_ms: 900, answer: EarlyAnswer::Applied })?;
//! let body = r#"{"items":[{"externalRef":"SNR|USSG-1041","originRef":"0199d2c4","kind":"SNR"}]}"#;
//! let call = Call::new(Method::POST, "/tickets").with_bearer(TOKEN).with_body(body);
//!
//! let acts = platform.handle(5_000, &call, &mut ChaCha8Rng::seed_from_u64(1));
//! assert!(matches!(acts[0], (5_000, Act::Reply(_))), "the caller hears of success");
//! assert!(matches!(acts[1], (5_900, Act::Commit(_))), "before it is true");
//! # Ok::<(), ticketbridge_sandbox::faults::FaultError>(())
//! ```

mod call;
pub mod cherwell;
mod clock;
mod credentials;
pub mod faults;
pub mod s360;
pub mod sfyc;
mod shaping;
mod shell;
mod text;
mod timeline;
pub mod tixngo;
mod traffic;

pub use call::{Act, Call, Reply, StandIn};
pub use clock::Millis;
pub use credentials::TOKEN;
pub use shell::{MAX_BODY, MAX_PENDING_EFFECTS, Running, SHUTDOWN_LIMIT, Sandbox, SandboxConfig, SandboxError};
pub use traffic::{OperationTraffic, Traffic};
