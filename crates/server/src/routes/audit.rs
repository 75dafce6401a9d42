//! Who changed what.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use ticketbridge_config::sections::Role;
use ticketbridge_engine::view::{self, AuditPageFault, AuditViewPage, DEFAULT_PAGE};
use utoipa::IntoParams;

use super::Desk;
use crate::access::Caller;
use crate::extract::Answer;
use crate::problem::Problem;
use crate::query::Query;

/// Which page of the audit.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// Lines of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: usize,
    /// `next` of the page before.
    #[param(pattern = r"^[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
}

impl Default for AuditQuery {
    fn default() -> Self {
        Self { limit: DEFAULT_PAGE, cursor: None }
    }
}

/// `GET /api/v1/audit`: a page, newest first, for admins.
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "audit_list",
    tag = "audit",
    params(AuditQuery),
    responses((status = 200, description = "A page, newest first.", body = AuditViewPage))
)]
pub(super) async fn list(
    State(desk): State<Desk>,
    Extension(caller): Extension<Arc<Caller>>,
    Query(query): Query<AuditQuery>,
) -> Answer<AuditViewPage> {
    if caller.role < Role::Admin {
        let detail = format!("the token `{}` may not read the audit", caller.name);
        return Err(Problem::forbidden(detail, "Use a token with the role admin."));
    }
    Ok(Json(view::audit(&*desk.app.store, query.limit, query.cursor.as_deref()).await?))
}

impl From<AuditPageFault> for Problem {
    fn from(fault: AuditPageFault) -> Self {
        match fault {
            AuditPageFault::Store(error) => error.into(),
            AuditPageFault::Limit(_) | AuditPageFault::Cursor => Self::bad_request(fault.to_string()),
        }
    }
}
