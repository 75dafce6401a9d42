//! Health, for those who watch over the process.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use ticketbridge_config::sections::BackendState;
use ticketbridge_engine::view::{self, PlatformView};

use super::Desk;
use crate::extract::{Answer, NoParams};
use crate::limits::STATUS_TIMEOUT;
use crate::problem::Problem;

/// Whether it lives.
#[derive(Serialize)]
pub(super) struct Alive {
    status: &'static str,
}

/// Whether it does its work.
#[derive(Serialize)]
pub(super) struct Ready {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<Reason>,
}

/// A platform that is not well.
#[derive(Serialize)]
struct Reason {
    platform: String,
    why: String,
}

/// `GET /healthz`: the process lives.
pub(super) async fn alive(_: NoParams) -> Json<Alive> {
    Json(Alive { status: "ok" })
}

/// `GET /readyz`: 200 as long as tickets are received; `degraded` names the platforms that nothing, or not everything,
/// is sent to. 503 when the store cannot be used or delivery has ended.
pub(super) async fn ready(State(desk): State<Desk>, _: NoParams) -> Answer<Ready> {
    let read = tokio::time::timeout(STATUS_TIMEOUT, desk.app.store.last_ticket()).await;
    read.map_err(|_| {
        let detail = format!("the store did not answer within {} s", STATUS_TIMEOUT.as_secs());
        Problem::unavailable(detail, "Look at the disk and its load.")
    })??;
    let Some(status) = desk.delivery().await else {
        return Err(Problem::unavailable("delivery has ended or does not answer", "See the log, and start it again."));
    };
    let platforms = view::platforms(&desk.app.config, &desk.app.platforms, Some(&status));
    let ill = platforms.into_iter().filter(|platform| !platform.well && is_needed(&desk, platform));
    let reasons: Vec<Reason> =
        ill.map(|platform| Reason { platform: platform.name.to_string(), why: platform.summary }).collect();
    Ok(Json(Ready { status: if reasons.is_empty() { "ok" } else { "degraded" }, reasons }))
}

/// Whether a backend that is not switched off uses it: what nobody needs degrades nothing.
fn is_needed(desk: &Desk, platform: &PlatformView) -> bool {
    let backends = desk.app.config.backends.iter().filter(|backend| backend.state != BackendState::Stopped);
    backends.into_iter().any(|backend| platform.backends.contains(&backend.name))
}
