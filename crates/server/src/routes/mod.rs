//! The routes, one file per subject. A route reads its input, asks the engine, and answers; it decides nothing.

mod acts;
mod aggregations;
mod audit;
mod backends;
mod config;
mod errors;
mod events;
pub(crate) mod exchanges;
mod explain;
pub(crate) mod feedback;
pub(crate) mod feedback_acts;
mod health;
mod history;
mod metrics;
mod mobile;
mod offloads;
mod platforms;
mod tickets;
mod workflow;

use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::extract::FromRef;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use sha2::{Digest, Sha256};
use ticketbridge_core::delivery::Status;
use ticketbridge_engine::app::App;
use ticketbridge_engine::live::Live;
use ticketbridge_engine::view::Actor;
use ticketbridge_store::hexadecimal;
use tokio::sync::{Semaphore, watch};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use self::aggregations::{no_such_group, table_named};
pub(crate) use self::offloads::{file_kind, offload_now};
pub(crate) use self::tickets::ticket_id;
use crate::access::{Access, AccessInForce, Caller};
use crate::console;
use crate::guard::guard;
use crate::limits::{MAX_LISTENERS, MAX_LOADS, MAX_UPLOADS, STATUS_TIMEOUT};
use crate::openapi;
use crate::problem::Problem;

/// What the server works with from its start to its stop. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Office {
    /// The running service, as it is now.
    live: Live,
    /// Who may call, as it is now.
    access: AccessInForce,
    uploads: Arc<Semaphore>,
    listeners: Arc<Semaphore>,
    /// The server stops.
    stopped: watch::Receiver<bool>,
    loads: Arc<Semaphore>,
    metrics: PrometheusHandle,
    /// Known to this process alone: what forms are sealed with.
    secret: [u8; 32],
}

impl Office {
    /// An office of a running service.
    pub(crate) fn new(
        live: Live,
        access: AccessInForce,
        metrics: PrometheusHandle,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let [uploads, listeners, loads] =
            [MAX_UPLOADS, MAX_LISTENERS, MAX_LOADS].map(|places| Arc::new(Semaphore::new(places)));
        Self { live, access, uploads, listeners, loads, stopped, metrics, secret: rand::random() }
    }
}

impl Office {
    /// What a form of this caller must carry: another for each session. It holds until the session or the server ends.
    pub(crate) fn seal(&self, caller: &Caller) -> String {
        let session = caller.session.map_or([0; 32], |session| *session.bytes());
        hexadecimal(&Sha256::new_with_prefix(self.secret).chain_update(session).chain_update(&caller.name).finalize())
    }
}

/// What a request works with, from its head to its answer: a reload meanwhile changes nothing for it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Desk {
    /// The running service.
    pub(crate) app: App,
    /// Who may call.
    pub(crate) access: Arc<Access>,
    /// Bodies that are being read and worked on.
    pub(crate) uploads: Arc<Semaphore>,
    /// Callers that listen to events.
    listeners: Arc<Semaphore>,
    /// Turns true when the server stops: what is endless ends.
    stopped: watch::Receiver<bool>,
    /// Files that are being uploaded and taken in.
    pub(crate) loads: Arc<Semaphore>,
    /// The way to a newer configuration.
    live: Live,
    metrics: PrometheusHandle,
}

impl FromRef<Office> for Desk {
    fn from_ref(office: &Office) -> Self {
        Self {
            app: office.live.app(),
            access: office.access.now(),
            uploads: Arc::clone(&office.uploads),
            listeners: Arc::clone(&office.listeners),
            stopped: office.stopped.clone(),
            loads: Arc::clone(&office.loads),
            live: office.live.clone(),
            metrics: office.metrics.clone(),
        }
    }
}

impl Desk {
    /// This caller, as who asks for a change.
    pub(crate) fn actor<'a>(&'a self, caller: &'a Caller) -> Actor<'a> {
        Actor { store: &*self.app.store, who: &caller.name, at: self.app.clock.now().wall }
    }

    /// Delivery's snapshot of itself; `None`: it has ended, or does not answer.
    pub(crate) async fn delivery(&self) -> Option<Status> {
        tokio::time::timeout(STATUS_TIMEOUT, self.app.delivery.status()).await.ok().flatten()
    }
}

/// All routes behind the guard.
pub(crate) fn router(office: Office) -> Router {
    let (api, document) = OpenApiRouter::with_openapi(openapi::empty()).nest("/api/v1", api()).split_for_parts();
    let document = Arc::new(openapi::complete(document));
    Router::new()
        .merge(api)
        .merge(console::router())
        .route("/openapi.json", get(openapi::show).layer(Extension(document)))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::scrape))
        .route("/errors/{code}", get(errors::page))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(office.clone(), guard))
        .with_state(office)
}

/// What is described in `/openapi.json`, and the stream of events.
fn api() -> OpenApiRouter<Office> {
    OpenApiRouter::new()
        .routes(routes!(tickets::list, tickets::receive))
        .routes(routes!(acts::redrive))
        .routes(routes!(tickets::show))
        .routes(routes!(tickets::timeline))
        .routes(routes!(explain::explain))
        .routes(routes!(acts::retry))
        .routes(routes!(acts::dismiss))
        .routes(routes!(backends::list))
        .routes(routes!(backends::show, backends::change))
        .routes(routes!(platforms::list))
        .routes(routes!(platforms::problems))
        .routes(routes!(exchanges::list))
        .routes(routes!(exchanges::show))
        .routes(routes!(history::show))
        .routes(routes!(aggregations::list))
        .routes(routes!(aggregations::rows))
        .routes(routes!(aggregations::group))
        .routes(routes!(offloads::list))
        .routes(routes!(offloads::upload))
        .routes(routes!(offloads::now))
        .routes(routes!(offloads::confirm))
        .routes(routes!(offloads::refuse))
        .routes(routes!(workflow::runs))
        .routes(routes!(workflow::run))
        .routes(routes!(feedback::list))
        .routes(routes!(feedback::show))
        .routes(routes!(feedback::run))
        .routes(routes!(feedback::replay))
        .routes(routes!(feedback::runs))
        .routes(routes!(feedback::show_run))
        .routes(routes!(feedback::key))
        .routes(routes!(feedback::key_history))
        .routes(routes!(feedback::rewind))
        .routes(routes!(feedback::skip, feedback::add_skip, feedback::remove_skip))
        .routes(routes!(feedback::failed))
        .routes(routes!(feedback::retry))
        .routes(routes!(feedback::dismiss))
        .routes(routes!(mobile::tickets))
        .routes(routes!(mobile::contacts))
        .routes(routes!(mobile::distributions))
        .routes(routes!(mobile::erase))
        .routes(routes!(audit::list))
        .routes(routes!(config::show))
        .routes(routes!(config::reload))
        .route("/events", get(events::listen))
}

async fn no_such_route() -> Problem {
    Problem::not_found("there is nothing at this address")
}

async fn no_such_method(method: Method) -> Problem {
    Problem::method_not_allowed(method.as_str())
}
