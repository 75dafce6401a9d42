//! Metrics for Prometheus.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use ticketbridge_core::ticket::BackendName;
use ticketbridge_engine::view;

use super::Desk;
use crate::extract::NoParams;
use crate::metrics::Exposition;

/// `GET /metrics`: what was counted since the start, and what the store and delivery show now. A store that cannot be
/// read leaves its gauges out.
pub(super) async fn scrape(State(desk): State<Desk>, _: NoParams) -> impl IntoResponse {
    let app = &desk.app;
    let mut text = Exposition::after(desk.metrics.render());
    match app.store.counts().await {
        Ok(counts) => {
            let configured: Vec<BackendName> = app.config.backends.iter().map(|backend| backend.name.clone()).collect();
            text.tickets(&counts, &configured);
        }
        Err(error) => tracing::warn!(%error, "Tickets could not be counted for the metrics."),
    }
    let status = desk.delivery().await;
    if let Some(status) = &status {
        text.waiting(status);
    }
    text.platforms(&view::platforms(&app.config, &app.platforms, status.as_ref()));
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text.into_text())
}
