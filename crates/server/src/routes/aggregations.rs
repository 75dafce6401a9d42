//! The aggregation tables and what lies below their rows.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use ticketbridge_core::network::Aggregation;
use ticketbridge_engine::view::{
    self, AggregationFault, AggregationPage, AggregationQuery, AggregationTables, ChannelQuery, GroupDetail,
};
use ticketbridge_engine::workflow::WorkflowError;

use super::Desk;
use crate::extract::{Answer, NoParams};
use crate::problem::Problem;
use crate::query::Query;

/// `GET /api/v1/aggregations`: the three tables, and the run that they are as of.
#[utoipa::path(
    get,
    path = "/aggregations",
    operation_id = "aggregations_list",
    tag = "aggregations",
    responses((status = 200, description = "The three tables, and the run that they are as of.", body = AggregationTables))
)]
pub(super) async fn list(State(desk): State<Desk>, _: NoParams) -> Answer<AggregationTables> {
    Ok(Json(view::aggregations(&desk.app).await?))
}

/// `GET /api/v1/aggregations/{name}`: a page of one table, worst first.
#[utoipa::path(
    get,
    path = "/aggregations/{name}",
    operation_id = "aggregations_rows",
    tag = "aggregations",
    params(
        ("name" = Aggregation, Path, description = "The table."),
        AggregationQuery,
    ),
    responses((status = 200, description = "A page of the table.", body = AggregationPage))
)]
pub(super) async fn rows(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Query(query): Query<AggregationQuery>,
) -> Answer<AggregationPage> {
    Ok(Json(view::aggregation(&desk.app, table_named(&name)?, &query).await?))
}

/// `GET /api/v1/aggregations/{name}/{group}`: one group and its channels.
#[utoipa::path(
    get,
    path = "/aggregations/{name}/{group}",
    operation_id = "aggregations_group",
    tag = "aggregations",
    params(
        ("name" = Aggregation, Path, description = "The table."),
        ("group" = String, Path, description = "Id of the row."),
        ChannelQuery,
    ),
    responses((status = 200, description = "The group and its channels.", body = GroupDetail))
)]
pub(super) async fn group(
    State(desk): State<Desk>,
    Path((name, group)): Path<(String, String)>,
    Query(query): Query<ChannelQuery>,
) -> Answer<GroupDetail> {
    let name = table_named(&name)?;
    let found = view::group(&desk.app, name, &group, &query).await?;
    found.map(Json).ok_or_else(|| no_such_group(name, &group))
}

/// 404 for a row.
pub(crate) fn no_such_group(name: Aggregation, group: &str) -> Problem {
    let shown: String = group.chars().take(64).collect();
    let what = "List the rows with `GET /api/v1/aggregations/NAME`.";
    Problem::new(StatusCode::NOT_FOUND, format!("the table {name} has no row `{shown}`"), what)
}

/// The table of this name.
pub(crate) fn table_named(name: &str) -> Result<Aggregation, Problem> {
    name.parse().map_err(|_| {
        let shown: String = name.chars().take(64).collect();
        let what = "The tables are snr_upstream, us_service_group and ds_service_group.";
        Problem::new(StatusCode::NOT_FOUND, format!("there is no table `{shown}`"), what)
    })
}

impl From<AggregationFault> for Problem {
    fn from(fault: AggregationFault) -> Self {
        match fault {
            AggregationFault::Filter(fault) => fault.into(),
            AggregationFault::Page(fault) => fault.into(),
            AggregationFault::Slots(_) => Self::bad_request(fault.to_string()),
            AggregationFault::Workflow(fault) => fault.into(),
        }
    }
}

impl From<WorkflowError> for Problem {
    fn from(error: WorkflowError) -> Self {
        let text = error.to_string();
        match error {
            WorkflowError::Store(error) => error.into(),
            WorkflowError::NoTopology => {
                let what = "Offload both topology files, for instance with `POST /api/v1/offloads/KIND`.";
                Self::new(StatusCode::CONFLICT, text, what)
            }
            WorkflowError::Evaluation(_) | WorkflowError::Damaged { .. } | WorkflowError::Stopped(_) => {
                Self::unavailable(text, "See the log of the server. Nothing was changed.")
            }
        }
    }
}
