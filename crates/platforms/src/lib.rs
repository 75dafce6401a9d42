//! Talking to platforms: pure halves (`encode`, `decode`) with nothing but an HTTP client between them.
//!
//! * [`Platform`] and [`Dialogue`]: what every platform is to the engine. No clock, no socket.
//! * [`http`]: the client, one for all platforms.
//! * [`cherwell`]: Cherwell Service Management.
//! * [`connector`]: platforms that are described by a file.

mod call;
pub mod cherwell;
pub mod connector;
mod fault;
pub mod http;
mod platform;

pub use call::{Answer, HttpCall, LoginFault, Transport};
pub use platform::{Decoded, Dialogue, EncodeFault, Item, Learned, Platform, Verdict};
