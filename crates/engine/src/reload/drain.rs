//! Backends that the file no longer has go when their last ticket is done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ticketbridge_core::ticket::BackendName;
use ticketbridge_store::StoreError;

use super::{draining, keep_up, merge, say_goodbye};
use crate::delivery::InForce;
use crate::live::Live;

/// How often it is looked whether their tickets are done.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks until the service stops; answers an error after which nothing may be written.
pub(crate) async fn drain_loop(live: Live) -> Option<StoreError> {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Err(error) = look(&live).await {
            if error.is_fatal() {
                return Some(error);
            }
            tracing::warn!(%error, "It could not be looked whether a backend is done; it is tried again.");
        }
    }
}

async fn look(live: &Live) -> Result<(), StoreError> {
    let Some(reloader) = live.reloader() else { return Ok(()) };
    let mut state = reloader.state.lock().await;
    state.before.retain(|before| before.strong_count() > 0);
    let app = live.app();
    let left = draining(&state.file, &app.config);
    // Somebody who took the handles before the backend began to drain may still give it a ticket.
    if left.is_empty() || !state.before.is_empty() {
        return Ok(());
    }
    let counts = app.store.counts().await?;
    let has_open =
        |name: &BackendName| counts.iter().any(|((of, state), count)| of == name && state.is_open() && *count > 0);
    let (stay, go): (Vec<BackendName>, Vec<BackendName>) = left.into_iter().partition(has_open);
    if go.is_empty() {
        return Ok(());
    }
    let config = Arc::new(merge::over(&state.file, &app.config, |name| stay.contains(name)));
    let platforms = Arc::new(app.platforms.only_of(&config));
    let in_force = InForce { config: Arc::clone(&config), platforms: Arc::clone(&platforms) };
    if app.delivery.switch(in_force, BTreeMap::new()).await.is_err() {
        return Ok(());
    }
    live.publish(app.renewed(Arc::clone(&config), Arc::clone(&platforms), &app.feedback));
    say_goodbye(&app.platforms, &platforms);
    keep_up(&app, &state.file, &config).await;
    for backend in go {
        tracing::info!(%backend, "Backend is no longer configured, and its tickets are done: it is gone.");
    }
    Ok(())
}
