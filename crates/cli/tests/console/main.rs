//! The console as people meet it: its pages in a real Chromium, against the real binary as a process of its own.
//!
//! Needs the programs `chromium` and `chromedriver` (packages `chromium` and `chromium-driver` on Debian), so these tests
//! are left out unless asked for: `cargo nextest run -p ticketbridge --test console --run-ignored only`, which
//! `./test.sh --audit` does. Screenshots go to `target/console/`.

mod access;
mod backends;
#[expect(dead_code, reason = "shared with the end-to-end tests, which use the rest")]
#[path = "../it/bridge.rs"]
mod bridge;
mod browser;
mod demo;
mod feedback;
mod pages;
#[expect(dead_code, reason = "shared with the end-to-end tests, which use the rest")]
#[path = "../it/place.rs"]
mod place;
#[expect(dead_code, reason = "shared with the end-to-end tests, which use the rest")]
#[path = "../it/mobile/stage.rs"]
mod stage;
mod stream;
mod tickets;
