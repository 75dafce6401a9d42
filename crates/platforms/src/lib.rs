//! Talking to platforms: pure halves (`encode`, `decode`) with nothing but an HTTP client between them.
//!
//! * [`Platform`] and [`Dialogue`]: what every platform is to the engine. No clock, no socket.
//! * [`http`]: the client, one for all platforms.
//! * [`cherwell`]: Cherwell Service Management.
//! * [`connector`]: platforms that are described by a file.
//! * [`tixngo`] and [`s360`]: wallet and box office, between which mobile tickets are kept in step.

mod call;
mod call_fault;
pub mod cherwell;
pub mod connector;
mod fault;
pub mod http;
mod platform;
mod query;
pub mod s360;
pub mod tixngo;

pub use call::{Answer, HttpCall, LoginFault, Transport};
pub use call_fault::{CallFault, CallFaultKind};
pub use platform::{Decoded, Dialogue, EncodeFault, Item, Learned, Platform, Verdict};
