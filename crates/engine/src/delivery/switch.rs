//! Changing over to a newer configuration while tickets flow.
//!
//! What was decided with the old configuration is encoded, sent and read by it to its end; what is decided later, by the
//! new one. Where a platform is read in another way, or is another system, nothing new starts on it until what is in
//! flight there is answered; then it is refused if anything is left whose look-up or number would be taken to the wrong
//! place. Refused, everything is as before. Limit: [`PATIENCE`] for what is in flight.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ticketbridge_config::PlatformChange;
use ticketbridge_core::delivery::{Delivery, Settings};
use ticketbridge_core::ticket::{OriginId, PlatformName};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::settings::InForce;

/// Longest wait for requests in flight.
const PATIENCE: Duration = Duration::from_secs(20);
/// Tickets that a refusal names.
const NAMED: usize = 3;

/// A change-over that was asked for.
pub(super) struct Switch {
    pub(super) in_force: InForce,
    /// The state machine's part of it.
    pub(super) settings: Arc<Settings>,
    /// Platforms that nothing may be under way on, and why.
    pub(super) changed: BTreeMap<PlatformName, PlatformChange>,
    /// Until when requests in flight are waited for.
    pub(super) until: Instant,
    /// Whether it is done, or why not.
    pub(super) answer: oneshot::Sender<Result<(), String>>,
}

impl Switch {
    /// `changed`: all platforms that are in both configurations and not the same.
    pub(super) fn new(
        in_force: InForce,
        settings: Arc<Settings>,
        mut changed: BTreeMap<PlatformName, PlatformChange>,
        answer: oneshot::Sender<Result<(), String>>,
    ) -> Self {
        changed.retain(|_, change| *change >= PlatformChange::Reading);
        Self { in_force, settings, changed, until: Instant::now() + PATIENCE, answer }
    }

    /// The settings of before, with which nothing new starts on the platforms that change.
    pub(super) fn holding(&self, before: &Settings) -> Settings {
        let mut settings = before.clone();
        for name in self.changed.keys() {
            if let Some(platform) = settings.platforms.get_mut(name) {
                platform.capabilities = None;
                platform.unusable = Some(String::from("its settings are being changed; it goes on in a moment"));
            }
        }
        settings
    }

    /// Whether requests in flight are to be waited for.
    pub(super) fn waits(&self, delivery: &Delivery) -> bool {
        let is_busy = |name: &PlatformName| delivery.requests_under_way(name) > 0;
        Instant::now() < self.until && self.changed.keys().any(is_busy)
    }

    /// Whether nothing is left that stands in the way; else what.
    pub(super) fn decide(&self, delivery: &Delivery) -> Result<(), String> {
        for (name, change) in &self.changed {
            let requests = delivery.requests_under_way(name);
            if requests > 0 {
                let seconds = PATIENCE.as_secs();
                return Err(format!(
                    "platform `{name}`: {requests} requests are still unanswered after {seconds} s; reload again when it answers"
                ));
            }
            let under_way = delivery.under_way(name);
            match change {
                PlatformChange::System if !under_way.begun.is_empty() => return Err(begun(name, &under_way.begun)),
                PlatformChange::Reading if !under_way.unclear.is_empty() => {
                    return Err(format!(
                        "platform `{name}`: it is not known yet whether requests of {} took effect ({}), and the new settings may not find them; reload again when they are looked up",
                        count(under_way.unclear.len()),
                        named(&under_way.unclear)
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Why a platform cannot become another system now.
pub(crate) fn begun(name: &PlatformName, tickets: &[OriginId]) -> String {
    format!(
        "platform `{name}`: the new settings name another system, and {} begun on the old one are not done ({}); give the other system a name and a backend of its own, or reload when they are done. If it is the same system at another address, stop and start instead",
        count(tickets.len()),
        named(tickets)
    )
}

fn count(tickets: usize) -> String {
    if tickets == 1 { String::from("1 ticket") } else { format!("{tickets} tickets") }
}

fn named(tickets: &[OriginId]) -> String {
    let names: Vec<String> = tickets.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if tickets.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}
