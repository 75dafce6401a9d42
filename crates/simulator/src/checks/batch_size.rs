//! I6: a write request carries at most Max Tickets Per Request items, and no more than the platform takes.

use ticketbridge_core::delivery::{Intent, Settings};

use super::Violation;

/// Judges an intent by the settings with which it was formed.
pub fn check(intent: &Intent, settings: &Settings) -> Option<Violation> {
    let backend = settings.backends.get(&intent.backend).map_or(1, |backend| backend.max_tickets_per_request);
    let platform = settings.platforms.get(&intent.platform).and_then(|platform| platform.capabilities.as_ref());
    let most = backend.min(platform.map_or(1, |can| can.batch_limit(intent.operation))).max(1);
    let items = intent.items.len();
    (items > most).then(|| {
        let text = format!("batch {} carries {items} items, at most {most} are allowed", intent.batch.0);
        Violation::new("I6", None, text)
    })
}
