//! Talking to platforms: pure halves (`encode`, `decode`) with nothing but an HTTP client between them.

mod call;
mod platform;

pub use call::{Answer, HttpCall, Transport};
pub use platform::{Decoded, EncodeFault, Item, LookUp, Platform};
