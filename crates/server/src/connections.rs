//! Sockets: accepted, served, and ended.
//!
//! Guarantee: a stop ends within the grace given, whatever callers do. Limits: [`MAX_CONNECTIONS`] at once; a
//! connection that sends no request's head for [`HEAD_TIMEOUT`] is closed.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::limits::{HEAD_TIMEOUT, MAX_CONNECTIONS};
use crate::tls::{TlsInForce, shake_hands};

/// How long to wait when the system gives out no further connection, for want of file handles for instance.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stopped` turns true, then answers what is on its way for at most `grace`.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: TlsInForce,
    router: Router,
    mut stopped: watch::Receiver<bool>,
    grace: Duration,
) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = until(&mut stopped) => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        if let Some((stream, slot)) = accepted {
            connections.spawn(connection(stream, tls.acceptor(), router.clone(), stopped.clone(), slot));
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let ending = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, ending).await.is_err() {
        tracing::warn!(left = connections.len(), "Connections were cut off at the end of the grace.");
        connections.shutdown().await;
    }
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, slot)),
        Err(error) => {
            tracing::debug!(%error, "A connection could not be accepted.");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    mut stopped: watch::Receiver<bool>,
    _slot: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "A connection was gone before it was served.");
        return;
    }
    let Some(tls) = tls else { return talk(stream, router, stopped).await };
    let shaken = tokio::select! {
        shaken = shake_hands(&tls, stream) => shaken,
        () = until(&mut stopped) => return,
    };
    match shaken {
        Ok(stream) => talk(stream, router, stopped).await,
        Err(error) => tracing::debug!(%error, "A TLS handshake failed."),
    }
}

/// Answers requests until the caller goes, or the server stops.
async fn talk<S>(stream: S, router: Router, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = until(&mut stopped) => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "A connection broke.");
    }
}

/// Whoever could say so gone: stopped as well.
async fn until(stopped: &mut watch::Receiver<bool>) {
    let _said_or_gone = stopped.wait_for(|stopped| *stopped).await;
}
