//! The HTTP server: the API under `/api/v1`, health, metrics, and the error pages that problems refer to.
//!
//! Rooms: `bind` (start, stop) · `connections` (sockets) · `guard` (what every request passes) · `access` (who calls) ·
//! `tokens` (those of the store) · `session` (browsers that are logged in) · `extract` (bodies, checked) · `query`
//! (parameters, checked) · `problem` (errors on the wire) · `routes` (one file per subject) · `openapi` (their
//! description) · `metrics` and `telemetry`.
//!
//! Guarantees: without tokens only loopback is served; with tokens every route but health and the error pages needs
//! one; an error is always an RFC 9457 problem document; an intake is answered only when it is durable.
//!
//! Limits: [`MAX_CONNECTIONS`] connections, [`MAX_UPLOADS`] request bodies at once, each of `server.max_body_size`;
//! [`REQUEST_TIMEOUT`] per request; [`REQUESTS_PER_SECOND`] per caller; 1,000 rows per page. `tls` from two files, or
//! plain HTTP, which beyond loopback needs a proxy with TLS in front.

mod access;
mod bind;
mod connections;
mod console;
mod described;
mod extract;
mod guard;
mod limits;
mod metrics;
mod openapi;
mod problem;
mod query;
mod routes;
mod session;
mod telemetry;
mod tls;
mod tokens;

pub use bind::{BoundServer, Server, ServerError};
pub use limits::{
    MAX_CONNECTIONS, MAX_LISTENERS, MAX_OFFLOAD_UPLOAD, MAX_REDRIVE, MAX_UPLOADS, REQUEST_TIMEOUT, REQUESTS_PER_SECOND,
};
pub use metrics::{MetricsError, install_metrics};
pub use tls::TlsFault;
