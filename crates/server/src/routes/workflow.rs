//! Runs of the workflow manager.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use ticketbridge_engine::view::{self, RunFault, RunPage, RunQuery, RunResultView};
use utoipa::ToSchema;

use super::Desk;
use crate::access::Caller;
use crate::extract::{Answer, NoParams, optional_json};
use crate::limits::WAIT;
use crate::problem::Problem;
use crate::query::Query;

/// Where the runs are listed.
const RUNS: &str = "/api/v1/workflow/runs";

/// Body of a run by hand; it may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RunOrder {
    /// The instant to evaluate; absent or null: now. Not later than now.
    #[schema(format = DateTime)]
    as_of: Option<String>,
}

/// Something that goes on after the answer.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(super) struct GoesOn {
    /// Where to look for how it ended.
    #[schema(value_type = String)]
    pub(super) location: &'static str,
}

impl GoesOn {
    /// 202.
    pub(super) fn at(location: &'static str) -> Response {
        (StatusCode::ACCEPTED, [("location", location)], Json(Self { location })).into_response()
    }
}

/// `GET /api/v1/workflow/runs`: a page, newest first.
#[utoipa::path(
    get,
    path = "/workflow/runs",
    operation_id = "workflow_runs",
    tag = "workflow",
    params(
        RunQuery,
    ),
    responses((status = 200, description = "A page, newest first.", body = RunPage))
)]
pub(super) async fn runs(State(desk): State<Desk>, Query(query): Query<RunQuery>) -> Answer<RunPage> {
    Ok(Json(view::workflow_runs(&desk.app, &query).await?))
}

/// `POST /api/v1/workflow/run {"as_of"?}`: one run now. One that lasts longer than a call may take goes on: 202.
#[utoipa::path(
    post,
    path = "/workflow/run",
    operation_id = "workflow_run",
    tag = "workflow",
    request_body(content = Option<RunOrder>, content_type = "application/json"),
    responses((status = 200, description = "What the run did.", body = RunResultView), (status = 202, description = "It goes on.", body = GoesOn))
)]
pub(super) async fn run(
    State(desk): State<Desk>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
    request: Request,
) -> Result<Response, Problem> {
    let order: RunOrder = optional_json(request).await?;
    let as_of = view::run_instant(&desk.app, order.as_of.as_deref())?;
    match tokio::time::timeout(WAIT, view::run_workflow(&desk.app, as_of, &caller.name)).await {
        Ok(ended) => Ok(Json(ended?).into_response()),
        Err(_) => Ok(GoesOn::at(RUNS)),
    }
}

impl From<RunFault> for Problem {
    fn from(fault: RunFault) -> Self {
        match fault {
            RunFault::AsOf => Self::bad_request(fault.to_string()),
            RunFault::Ahead { .. } => {
                let what = "Nothing was done. Leave `as_of` out for a run as of now.";
                Self::new(StatusCode::CONFLICT, fault.to_string(), what)
            }
            RunFault::Workflow(error) => error.into(),
        }
    }
}
