//! Connections that can be cut: accepted here, handed to the HTTP server, and held by a [`Grip`] meanwhile.
//!
//! Guarantee: after [`Grip::cut`] not one byte more leaves on that connection. A reset is a real TCP RST.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long to wait when the system cannot give out another connection, for want of file handles for instance.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// In order: FIN.
    Close = 1,
    /// Abruptly: RST.
    Reset = 2,
}

/// A hold on the connection that a request came on.
#[derive(Debug, Clone, Default)]
pub(super) struct Grip {
    cut: Arc<AtomicU8>,
    used: Arc<AtomicBool>,
}

impl Grip {
    /// Cuts the connection as soon as the server touches it the next time.
    pub(super) fn cut(&self, how: Cut) {
        self.cut.store(how as u8, Ordering::Release);
    }

    /// Notes that a request came; answers whether it was not the first.
    pub(super) fn mark_used(&self) -> bool {
        self.used.swap(true, Ordering::AcqRel)
    }

    fn state(&self) -> u8 {
        self.cut.load(Ordering::Acquire)
    }

    fn check(&self) -> io::Result<()> {
        if self.state() == 0 { Ok(()) } else { Err(io::ErrorKind::ConnectionAborted.into()) }
    }
}

impl Connected<IncomingStream<'_, Lines>> for Grip {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        stream.io().grip.clone()
    }
}

/// Accepts connections, only so many at once.
#[derive(Debug)]
pub(super) struct Lines {
    listener: TcpListener,
    free: Arc<Semaphore>,
}

impl Lines {
    pub(super) fn new(listener: TcpListener, most: usize) -> Self {
        Self { listener, free: Arc::new(Semaphore::new(most)) }
    }
}

impl Listener for Lines {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        // The semaphore is never closed, so there always is a permit some day.
        let permit = Arc::clone(&self.free).acquire_owned().await.ok();
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "a connection stays with delayed writes");
                    }
                    return (Line { stream, grip: Grip::default(), _permit: permit }, address);
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    grip: Grip,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.grip.state() == Cut::Reset as u8
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::debug!(%error, "a connection is closed where it should be reset");
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.grip.check()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.grip.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.grip.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.grip.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A FIN before the RST would let the caller see an orderly end.
        if self.grip.state() == Cut::Reset as u8 {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
