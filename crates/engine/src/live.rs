//! The handles of a running service, as they are now: a reload replaces them whole.
//!
//! Whoever works on something takes [`Live::app`] once and works with that to the end: it never sees half of one
//! configuration and half of another. Nobody keeps it while waiting for something that may never come.

use std::sync::Arc;

use tokio::sync::watch;

use crate::app::App;
use crate::feedback::Feedback;
use crate::reload::{Part, ReloadFault, Reloaded, Reloader};

/// The handles of a running service, as they are now. Cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    apps: watch::Sender<App>,
    feedback: watch::Sender<Feedback>,
    /// `None`: nothing ever changes.
    reloader: Option<Reloader>,
}

impl Live {
    /// Handles that a reload replaces.
    pub(crate) fn new(app: App, reloader: Reloader) -> Self {
        Self::of(app, Some(reloader))
    }

    fn of(app: App, reloader: Option<Reloader>) -> Self {
        let feedback = watch::Sender::new(app.feedback.clone());
        Self(Arc::new(Inner { apps: watch::Sender::new(app), feedback, reloader }))
    }

    /// The handles, as they are now.
    pub fn app(&self) -> App {
        self.0.apps.borrow().clone()
    }

    /// The handles, as they come to be.
    pub fn subscribe(&self) -> watch::Receiver<App> {
        self.0.apps.subscribe()
    }

    pub(crate) fn feedback(&self) -> watch::Receiver<Feedback> {
        self.0.feedback.subscribe()
    }

    pub(crate) fn reloader(&self) -> Option<&Reloader> {
        self.0.reloader.as_ref()
    }

    /// From now on everybody gets these.
    pub(crate) fn publish(&self, app: App) {
        self.0.feedback.send_replace(app.feedback.clone());
        self.0.apps.send_replace(app);
    }

    /// A part of the process that has a share of the configuration of its own takes part in reloads.
    pub fn take_part(&self, part: Arc<dyn Part>) {
        if let Some(reloader) = &self.0.reloader {
            reloader.take_part(part);
        }
    }

    /// Reads the configuration anew and puts it in force, whole or not at all. `who` asks, for the log. One after the
    /// other; it goes on to its end even if the caller goes away.
    pub async fn reload(&self, who: &str) -> Result<Reloaded, ReloadFault> {
        let (live, who) = (self.clone(), who.to_owned());
        let task = tokio::spawn(async move { crate::reload::reload(&live, &who).await });
        task.await.unwrap_or_else(|panic| Err(ReloadFault::Refused(vec![format!("the reload broke off: {panic}")])))
    }
}

/// Waits until the handles are others.
pub(crate) async fn changed(apps: &mut watch::Receiver<App>) {
    if apps.changed().await.is_err() {
        // The service is going down.
        std::future::pending::<()>().await;
    }
}

impl From<App> for Live {
    /// Handles that stay as they are.
    fn from(app: App) -> Self {
        Self::of(app, None)
    }
}
