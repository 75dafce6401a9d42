//! Backends and their three settings.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::{Extension, Json};
use serde::Serialize;
use serde_json::{Map, Value};
use ticketbridge_engine::delivery::BackendView;
use ticketbridge_engine::view::{self, BackendChange};
use utoipa::ToSchema;

use super::Desk;
use crate::access::Caller;
use crate::extract::{Answer, NoParams, small_json};

/// Settings to change, as [`BackendChange`] reads them; at least one.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BackendSettings, min_properties = 1)]
#[expect(dead_code, reason = "it is only described")]
struct Settings {
    /// *Ticketing Processing*.
    #[schema(required = false)]
    processing: bool,
    /// How often one operation of one ticket is tried again after a refusal.
    #[schema(required = false, minimum = 0, maximum = 100)]
    max_retries: u32,
    /// Largest number of tickets in one request.
    #[schema(required = false, minimum = 1, maximum = 500)]
    max_tickets_per_request: u32,
}

/// A list that is short enough to come whole.
#[derive(Serialize, ToSchema)]
pub(super) struct Items<T> {
    pub(super) items: Vec<T>,
}

/// `GET /api/v1/backends`: all, with the settings in force.
#[utoipa::path(
    get,
    path = "/backends",
    operation_id = "backends_list",
    tag = "backends",
    responses((status = 200, description = "All, with the settings in force.", body = Items<BackendView>))
)]
pub(super) async fn list(State(desk): State<Desk>, _: NoParams) -> Answer<Items<BackendView>> {
    let items = view::backends(&desk.app.config, &*desk.app.store).await?;
    Ok(Json(Items { items }))
}

/// `GET /api/v1/backends/{name}`: one.
#[utoipa::path(
    get,
    path = "/backends/{name}",
    operation_id = "backends_show",
    tag = "backends",
    params(
        ("name" = String, Path, description = "Name of the backend."),
    ),
    responses((status = 200, description = "One, with the settings in force.", body = BackendView))
)]
pub(super) async fn show(State(desk): State<Desk>, Path(name): Path<String>, _: NoParams) -> Answer<BackendView> {
    Ok(Json(view::backend(&desk.app.config, &*desk.app.store, &name).await?))
}

/// `PATCH /api/v1/backends/{name} {processing?, max_retries?, max_tickets_per_request?}`: holds at once.
#[utoipa::path(
    patch,
    path = "/backends/{name}",
    operation_id = "backends_change",
    tag = "backends",
    params(
        ("name" = String, Path, description = "Name of the backend."),
    ),
    request_body(content = Settings, content_type = "application/json"),
    responses((status = 200, description = "As it is now.", body = BackendView))
)]
pub(super) async fn change(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
    request: Request,
) -> Answer<BackendView> {
    let (config, store) = (&desk.app.config, &*desk.app.store);
    view::backend(config, store, &name).await?;
    let change = BackendChange::from_json(&small_json::<Map<String, Value>>(request).await?)?;
    let at = desk.app.clock.now().wall;
    let changed = view::change_backend(config, store, &name, &change, &caller.name, at).await?;
    desk.app.delivery.news();
    Ok(Json(changed))
}
