//! Files of the network: their state, *Offload now*, uploads, and a topology that waits for a person.
//!
//! What was begun goes on when the caller goes away, and past the longest time of a call: 202 says where to look then.

use std::io;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use tempfile::TempPath;
use ticketbridge_engine::view::{self, OffloadReport, OffloadsView, TopologyFault, TopologySettled};
use ticketbridge_store::StoreError;
use ticketbridge_store::samples::FileKind;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::{IntoParams, ToSchema};

use super::Desk;
use super::workflow::GoesOn;
use crate::access::Caller;
use crate::described::Whole;
use crate::extract::{Answer, NoParams, csv_file, no_body, small_json};
use crate::limits::WAIT;
use crate::problem::Problem;
use crate::query::Query;

/// Where the state of all kinds is.
const STATE: &str = "/api/v1/offloads";

/// Parameters of an upload.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Upload {
    /// What stands for the file in messages and reports: its name, without a folder. Absent: the kind with `.csv`.
    #[param(min_length = 1, max_length = 200, pattern = r"^[^/\\\x00-\x1f\x7f-\x9f]+$")]
    name: Option<String>,
}

/// A CSV file; an empty one is none.
#[derive(ToSchema)]
#[schema(value_type = String, min_length = 1)]
#[expect(dead_code, reason = "it is only described")]
struct CsvFile(String);

/// Body of a confirmation or refusal of a topology.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Waiting {
    /// `awaits_confirmation` of the topology that was looked at.
    #[schema(value_type = u64, minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    version: Whole,
}

/// `GET /api/v1/offloads`: the state of each kind.
#[utoipa::path(
    get,
    path = "/offloads",
    operation_id = "offloads_list",
    tag = "offloads",
    responses((status = 200, description = "The state of each kind.", body = OffloadsView))
)]
pub(super) async fn list(State(desk): State<Desk>, _: NoParams) -> Answer<OffloadsView> {
    Ok(Json(view::offloads(&desk.app).await?))
}

/// `POST /api/v1/offloads/{kind}/now`: *Offload now*.
#[utoipa::path(
    post,
    path = "/offloads/{kind}/now",
    operation_id = "offloads_now",
    tag = "offloads",
    params(
        ("kind" = FileKind, Path, description = "The kind of files."),
    ),
    responses((status = 200, description = "What became of the files.", body = OffloadReport), (status = 202, description = "It goes on.", body = GoesOn))
)]
pub(super) async fn now(
    State(desk): State<Desk>,
    Path(kind): Path<String>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
    request: Request,
) -> Result<Response, Problem> {
    let kind = file_kind(&kind)?;
    no_body(request, "an *Offload now* takes the files that are configured; upload others without `/now`").await?;
    offload_now(&desk, kind, &caller).await
}

/// Takes in what is there of a kind.
pub(crate) async fn offload_now(desk: &Desk, kind: FileKind, caller: &Arc<Caller>) -> Result<Response, Problem> {
    let slot = slot(desk)?;
    let (app, caller) = (desk.app.clone(), Arc::clone(caller));
    taken(slot, async move { view::offload_now(&app, kind, &caller.name).await }).await
}

/// `POST /api/v1/offloads/{kind}[?name=]`: takes the CSV file in the body in.
#[utoipa::path(
    post,
    path = "/offloads/{kind}",
    operation_id = "offloads_upload",
    tag = "offloads",
    params(
        ("kind" = FileKind, Path, description = "The kind of file."),
        Upload,
    ),
    request_body(content = inline(CsvFile), content_type = "text/csv"),
    responses((status = 200, description = "What became of it.", body = OffloadReport), (status = 202, description = "It goes on.", body = GoesOn))
)]
pub(super) async fn upload(
    State(desk): State<Desk>,
    Path(kind): Path<String>,
    Extension(caller): Extension<Arc<Caller>>,
    Query(upload): Query<Upload>,
    request: Request,
) -> Result<Response, Problem> {
    let kind = file_kind(&kind)?;
    let name = upload.name.unwrap_or_else(|| format!("{kind}.csv"));
    view::check_file_name(&name).map_err(|error| Problem::bad_request(error.to_string()))?;
    let slot = slot(&desk)?;
    let file: TempPath = csv_file(request).await?;
    let app = desk.app.clone();
    taken(slot, async move {
        let report = view::hand_over(&app, kind, file.to_path_buf(), name, &caller.name).await;
        drop(file);
        report
    })
    .await
}

/// `POST /api/v1/topology/confirm {"version"}`.
#[utoipa::path(
    post,
    path = "/topology/confirm",
    operation_id = "offloads_confirm",
    tag = "topology",
    request_body(content = Waiting, content_type = "application/json"),
    responses((status = 200, description = "It is the active one now.", body = TopologySettled))
)]
pub(super) async fn confirm(
    State(desk): State<Desk>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
    request: Request,
) -> Answer<TopologySettled> {
    settle(&desk, &caller, request, true).await
}

/// `POST /api/v1/topology/refuse {"version"}`.
#[utoipa::path(
    post,
    path = "/topology/refuse",
    operation_id = "offloads_refuse",
    tag = "topology",
    request_body(content = Waiting, content_type = "application/json"),
    responses((status = 200, description = "It is dropped.", body = TopologySettled))
)]
pub(super) async fn refuse(
    State(desk): State<Desk>,
    Extension(caller): Extension<Arc<Caller>>,
    _: NoParams,
    request: Request,
) -> Answer<TopologySettled> {
    settle(&desk, &caller, request, false).await
}

async fn settle(desk: &Desk, caller: &Caller, request: Request, confirm: bool) -> Answer<TopologySettled> {
    let Waiting { version: Whole(version) } = small_json(request).await?;
    Ok(Json(view::settle_topology(&desk.app, version.cast_signed(), confirm, &caller.name).await?))
}

/// Works on its own, so that it ends even if the caller goes away; answers 202 when that lasts too long for a call.
async fn taken(
    slot: OwnedSemaphorePermit,
    work: impl Future<Output = Result<OffloadReport, StoreError>> + Send + 'static,
) -> Result<Response, Problem> {
    let working = tokio::spawn(async move {
        let report = work.await;
        drop(slot);
        report
    });
    match tokio::time::timeout(WAIT, working).await {
        Ok(Ok(report)) => Ok(Json(report?).into_response()),
        Ok(Err(_)) => Err(Problem::unavailable("the offload ended unexpectedly", "See the log of the server.")),
        Err(_) => Ok(GoesOn::at(STATE)),
    }
}

fn slot(desk: &Desk) -> Result<OwnedSemaphorePermit, Problem> {
    desk.loads.clone().try_acquire_owned().map_err(|_| Problem::too_many_loads())
}

/// The kind of files of this name.
pub(crate) fn file_kind(text: &str) -> Result<FileKind, Problem> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(64).collect();
        let what = "See the kinds with `GET /api/v1/offloads`.";
        Problem::new(StatusCode::NOT_FOUND, format!("there is no kind of files `{shown}`"), what)
    })
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        let what = "Nothing was taken in. Make room in the folder for temporary files (`TMPDIR`), and send it again.";
        Self::unavailable(format!("the upload could not be kept: {error}"), what)
    }
}

impl From<TopologyFault> for Problem {
    fn from(fault: TopologyFault) -> Self {
        let text = fault.to_string();
        match fault {
            TopologyFault::NotWaiting(_) => {
                let what = "See `awaits_confirmation` in `GET /api/v1/offloads`.";
                Self::new(StatusCode::CONFLICT, text, what)
            }
            TopologyFault::Store(error) => error.into(),
        }
    }
}
