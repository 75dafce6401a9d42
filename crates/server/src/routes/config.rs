//! The configuration in force, and a newer one.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;
use ticketbridge_config::Config;
use ticketbridge_config::sections::Role;
use ticketbridge_engine::reload::{ReloadFault, Reloaded};
use utoipa::ToSchema;

use super::Desk;
use crate::access::Caller;
use crate::extract::{Answer, NoParams, json_bytes};
use crate::limits::MAX_SMALL_BODY;
use crate::problem::Problem;

/// The configuration in force; secrets are references.
#[derive(Serialize, ToSchema)]
pub(super) struct InForce {
    /// As `ticketbridge config show` prints it; docs/configuration.schema.json describes it.
    #[schema(value_type = Object)]
    config: Arc<Config>,
}

/// `GET /api/v1/config`: what is in force, for admins.
#[utoipa::path(
    get,
    path = "/config",
    operation_id = "config_show",
    tag = "config",
    responses((status = 200, description = "What is in force; secrets are references.", body = InForce))
)]
pub(super) async fn show(
    State(desk): State<Desk>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
) -> Answer<InForce> {
    for_admins(&caller)?;
    Ok(Json(InForce { config: desk.app.config }))
}

/// `POST /api/v1/config/reload`, without a body: reads the configuration anew and puts it in force, whole or not at all;
/// for admins.
#[utoipa::path(
    post,
    path = "/config/reload",
    operation_id = "config_reload",
    tag = "config",
    responses((status = 200, description = "What changed.", body = Reloaded))
)]
pub(super) async fn reload(
    State(desk): State<Desk>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
    request: Request,
) -> Answer<Reloaded> {
    for_admins(&caller)?;
    if !json_bytes(request, MAX_SMALL_BODY).await?.is_empty() {
        let detail = "a reload takes no body: it reads the file that the process was started with";
        return Err(Problem::bad_request(detail));
    }
    let live = desk.live.clone();
    // What it waits for must not wait for this request's own handles.
    drop(desk);
    Ok(Json(live.reload(&caller.name).await?))
}

fn for_admins(caller: &Caller) -> Result<(), Problem> {
    if caller.role >= Role::Admin {
        return Ok(());
    }
    let detail = format!("the token `{}` may neither see nor change the configuration", caller.name);
    Err(Problem::forbidden(detail, "Use a token with the role admin."))
}

impl From<ReloadFault> for Problem {
    fn from(fault: ReloadFault) -> Self {
        let text = fault.to_string();
        match fault {
            ReloadFault::Store(error) => error.into(),
            ReloadFault::Invalid(_) => {
                let what =
                    "Nothing was changed. Correct the file, try it with `ticketbridge config check`, and reload.";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, text, what).code("TB0001")
            }
            ReloadFault::Refused(_) => {
                let what = "Nothing was changed. Do what `detail` says, and reload.";
                Self::new(StatusCode::CONFLICT, text, what).code("TB0003")
            }
            ReloadFault::NoSource => {
                Self::new(StatusCode::CONFLICT, text, "Start it with `ticketbridge serve -c FILE`.")
            }
        }
    }
}
