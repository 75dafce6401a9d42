//! Telling people of trouble tickets by e-mail: a platform that is away, cannot be used or refuses requests; creating that
//! stopped; problems that were found; tickets in Error, grouped by cause.
//!
//! Guarantees:
//! * One mail per `mail.collect_for` at most, with all that is new. A cause is told once, not once per ticket: again only when
//!   it was over for 15 minutes and is back, or when it has new tickets and was told 24 hours ago.
//! * What was told is kept in the store: a restart does not tell it again. A mail that failed is sent again with the next
//!   look, later and later while the server fails (an hour apart at most). Told at least once: after a crash between mail
//!   and note, or a time-out of the server, a mail comes twice.
//! * Nothing of it is on the way of a ticket: one look per `mail.collect_for` reads the store and asks the delivery.
//! * What others wrote is shown as in all mails: one line, bounded, addresses masked.
//!
//! Limits: 20 causes per mail in full, the rest counted; 5 tickets named per cause; see `gather` for what is read.

mod cause;
mod gather;
mod memory;
mod message;

use std::sync::Arc;
use std::time::Duration;

use ticketbridge_config::Config;
use ticketbridge_core::delivery::Status;
use ticketbridge_core::time::Wall;
use ticketbridge_store::{Store, StoreError};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::app::App;
use crate::live::changed;
use crate::mail::{MailError, Notify};

use self::cause::Sighting;
pub(crate) use self::cause::{pattern, shown};
pub(crate) use self::gather::platform_of;
use self::memory::Memory;

pub use self::message::MAX_TOLD;

/// Where it is kept what was told.
const DOCUMENT: &str = "alerts/told";
/// Longest time between two tries of a mail that the server does not take.
const MAX_PAUSE: Duration = Duration::from_hours(1);

/// What people were told, and what comes next.
pub struct Alerts {
    store: Arc<dyn Store>,
    memory: Memory,
    /// Mails in a row that failed.
    failures: u32,
    /// No mail before this instant.
    not_before: Wall,
}

impl Alerts {
    /// With the memory of what was told before, if there is one.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let kept = store.document(DOCUMENT).await?;
        let memory = kept.map(serde_json::from_value).transpose().unwrap_or_else(|error| {
            tracing::warn!(%error, "What people were told cannot be read; they are told again.");
            None
        });
        Ok(Self { store, memory: memory.unwrap_or_default(), failures: 0, not_before: Wall(0) })
    }

    /// One look at `now`: what is new is told. Answers the number of causes that were told.
    ///
    /// Errors: the store could not be read or written. What was told without being noted is told again.
    pub async fn look(
        &mut self,
        now: Wall,
        status: &Status,
        config: &Config,
        notify: &dyn Notify,
    ) -> Result<usize, StoreError> {
        let mut seen = gather::of_platforms(status, config);
        seen.extend(gather::of_problems(&*self.store).await?);
        seen.extend(gather::of_errors(&*self.store, config, &self.memory).await?);
        let has_forgotten = self.memory.notice(now, &seen);
        let news = self.memory.news(now, &seen);
        let is_told = !news.is_empty() && self.tell(now, &news, config, notify).await;
        if is_told {
            self.memory.told(now, &news);
        }
        if is_told || has_forgotten {
            // Maps with text keys and numbers only: there is nothing that JSON could refuse.
            let kept = serde_json::to_value(&self.memory).unwrap_or_default();
            self.store.put_document(DOCUMENT, Some(kept)).await?;
        }
        Ok(if is_told { news.len() } else { 0 })
    }

    /// Whether the mail reached somebody.
    async fn tell(&mut self, now: Wall, news: &[&Sighting], config: &Config, notify: &dyn Notify) -> bool {
        let to = &config.mail.error_recipients;
        let collect_for = config.mail.collect_for.get();
        // A clock that was set back must not silence anybody.
        let is_pausing = self.not_before > now && self.not_before.since(now) <= MAX_PAUSE.max(collect_for);
        if to.is_empty() || is_pausing {
            return false;
        }
        let known: Vec<(&Sighting, Option<Wall>)> =
            news.iter().map(|sighting| (*sighting, self.memory.told_at(&sighting.cause.name()))).collect();
        match notify.send(to, &message::message(&known)).await {
            Ok(()) => {
                self.failures = 0;
                true
            }
            Err(error @ MailError::RecipientsRefused { accepted: 1.., .. }) => {
                tracing::error!(%error, "A mail about trouble tickets did not reach everybody.");
                self.failures = 0;
                true
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                let pause = collect_for.saturating_mul(2_u32.saturating_pow(self.failures.min(16) - 1));
                self.not_before = now.after(pause.min(MAX_PAUSE.max(collect_for)));
                tracing::error!(%error, causes = news.len(), "A mail about trouble tickets could not be sent; it is tried again.");
                false
            }
        }
    }
}

/// Looks again and again, each time at the handles as they are then. Answers an error after which nothing may be written.
pub(crate) async fn alerts_loop(mut apps: watch::Receiver<App>) -> Option<StoreError> {
    let mut alerts = None;
    loop {
        collected(&mut apps).await;
        let app = apps.borrow().clone();
        match look(&app, &mut alerts).await {
            Ok(()) => {}
            Err(error) if error.is_fatal() => return Some(error),
            Err(error) => tracing::warn!(%error, "What people are to be told could not be read; it is tried again."),
        }
    }
}

/// Waits as long as news are collected, counted from now; another length holds at once.
async fn collected(apps: &mut watch::Receiver<App>) {
    let since = Instant::now();
    loop {
        let pause = apps.borrow_and_update().config.mail.collect_for.get();
        tokio::select! {
            () = tokio::time::sleep(pause.saturating_sub(since.elapsed())) => return,
            () = changed(apps) => {}
        }
    }
}

async fn look(app: &App, alerts: &mut Option<Alerts>) -> Result<(), StoreError> {
    let Some(notify) = app.feedback.notifier() else { return Ok(()) };
    // Without recipients nobody misses anything; without a status it is not known what is over.
    if app.config.mail.error_recipients.is_empty() {
        return Ok(());
    }
    let Some(status) = app.delivery.status().await else { return Ok(()) };
    let alerts = match alerts {
        Some(alerts) => alerts,
        None => alerts.insert(Alerts::open(Arc::clone(&app.store)).await?),
    };
    alerts.look(app.clock.now().wall, &status, &app.config, &*notify).await.map(drop)
}
