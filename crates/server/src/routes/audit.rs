//! Who changed what.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use ticketbridge_config::sections::Role;
use ticketbridge_engine::view::{self, AuditPageFault, AuditViewPage, DEFAULT_PAGE};

use super::Desk;
use crate::access::Caller;
use crate::extract::{Answer, Params};
use crate::problem::Problem;

/// `GET /api/v1/audit`: a page, newest first, for admins.
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "audit_list",
    tag = "audit",
    params(
        ("limit" = Option<usize>, Query, description = "Rows of the page.", minimum = 1, maximum = 1000, nullable = false),
        ("cursor" = Option<String>, Query, description = "`next` of the page before.", max_length = 4096, nullable = false),
    ),
    responses((status = 200, description = "A page, newest first.", body = Object))
)]
pub(super) async fn list(
    State(desk): State<Desk>,
    Extension(caller): Extension<Arc<Caller>>,
    mut params: Params,
) -> Answer<AuditViewPage> {
    if caller.role < Role::Admin {
        let detail = format!("the token `{}` may not read the audit", caller.name);
        return Err(Problem::forbidden(detail, "Use a token with the role admin."));
    }
    let limit = params.number("limit")?.unwrap_or(DEFAULT_PAGE);
    let cursor = params.one("cursor")?;
    params.finish()?;
    Ok(Json(view::audit(&*desk.app.store, limit, cursor.as_deref()).await?))
}

impl From<AuditPageFault> for Problem {
    fn from(fault: AuditPageFault) -> Self {
        match fault {
            AuditPageFault::Store(error) => error.into(),
            AuditPageFault::Limit(_) | AuditPageFault::Cursor => Self::bad_request(fault.to_string()),
        }
    }
}
