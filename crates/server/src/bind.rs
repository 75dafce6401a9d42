//! Start and stop of the server.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use ticketbridge_config::types::MissingSecret;
use ticketbridge_engine::live::Live;
use ticketbridge_engine::platforms::Environment;
use ticketbridge_store::StoreError;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::access::{Access, AccessInForce};
use crate::connections;
use crate::routes::{self, Office};
use crate::tls::{TlsFault, TlsInForce};

/// How often recorded latencies are folded, so that they do not pile up while nobody scrapes, and beyond loopback the
/// store's tokens are looked at.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Reachable from elsewhere, and everybody may call.
    #[error(
        "TB0001: `server.listen` is {0}, which others can reach, and there is no valid token; make one with `ticketbridge token create NAME --role admin`, or listen on 127.0.0.1"
    )]
    Exposed(SocketAddr),
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// The tokens cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A token is missing.
    #[error("`server.tokens`, token `{name}`: {source}")]
    Token {
        /// Name of the token.
        name: String,
        /// What is missing.
        source: MissingSecret,
    },
    /// Two callers with one token could not be told apart.
    #[error("TB0001: the tokens `{name}` and `{other}` of `[[server.tokens]]` have the same value; give each its own")]
    SameToken {
        /// Name of the second.
        name: String,
        /// Name of the first.
        other: String,
    },
    /// The address cannot be listened on.
    #[error(
        "the server cannot listen on {address} ({source}); end what uses that port, or give another in `server.listen`"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Starts servers.
#[derive(Debug)]
pub struct Server;

/// A server that has its address; it answers as soon as it runs.
pub struct BoundServer {
    /// Where it listens; the port that was given out, if the configuration says port 0.
    pub address: SocketAddr,
    listener: TcpListener,
    router: Router,
    metrics: PrometheusHandle,
    grace: Duration,
    stop: watch::Sender<bool>,
    access: AccessInForce,
    live: Live,
    tls: TlsInForce,
}

impl Server {
    /// Binds the address of the configuration and resolves its tokens. `live`: an [`App`](ticketbridge_engine::app::App)
    /// that stays as it is, or the handles of a service whose reloads then bring newer tokens here, too. `metrics`: of
    /// [`crate::install_metrics`].
    pub async fn bind(
        live: impl Into<Live>,
        metrics: PrometheusHandle,
        environment: &Environment,
    ) -> Result<BoundServer, ServerError> {
        let live = live.into();
        let app = live.app();
        let config = &app.config.server;
        let wanted = config.listen;
        let access = Access::new(config, environment, wanted)?;
        if !access.has_callers(&app).await? {
            return Err(ServerError::Exposed(wanted));
        }
        let tls = TlsInForce::new(config.tls.as_ref())?;
        if !wanted.ip().is_loopback() && config.tls.is_none() {
            tracing::warn!(address = %wanted, "The server speaks plain HTTP; put a proxy with TLS in front of it, or set `server.tls`.");
        }
        let failed = |source| ServerError::Listen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let grace = config.shutdown_grace.get();
        let access = AccessInForce::new(access, address);
        live.take_part(Arc::new(access.clone()));
        live.take_part(Arc::new(tls.clone()));
        let (stop, stopped) = watch::channel(false);
        let router = routes::router(Office::new(live.clone(), access.clone(), metrics.clone(), stopped));
        Ok(BoundServer { address, listener, router, metrics, grace, stop, access, live, tls })
    }
}

impl BoundServer {
    /// Serves until `shutdown`, then accepts nothing new and answers what is on its way, for at most
    /// `server.shutdown_grace`.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { address, listener, router, metrics, grace, stop, access, live, tls } = self;
        tracing::info!(%address, "The server listens.");
        let stopped = stop.subscribe();
        let upkeep = async {
            let mut tick = tokio::time::interval(UPKEEP_EVERY);
            loop {
                tick.tick().await;
                metrics.run_upkeep();
                access.look_again(&live).await;
            }
        };
        let stopping = async {
            shutdown.await;
            stop.send_replace(true);
            // Serving goes on until it has stopped.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = connections::serve(listener, tls, router, stopped, grace) => {}
            () = stopping => {}
            () = upkeep => {}
        }
        tracing::info!("The server has stopped.");
    }
}
