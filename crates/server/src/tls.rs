//! TLS: rustls, from two PEM files.
//!
//! Guarantee: both files are read at the start and with each reload, and used only if certificate and key fit; what does not
//! fit leaves the ones in force as they are. TLS 1.2 and 1.3, HTTP/1.1. Limit: a handshake takes at most [`HANDSHAKE_TIMEOUT`],
//! in the task of its own connection.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ticketbridge_config::Config;
use ticketbridge_config::sections::Tls;
use ticketbridge_engine::platforms::Environment;
use ticketbridge_engine::reload::{Change, Part};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

/// Longest time for a handshake.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file cannot be read as what it should be.
    #[error("TB0001: `server.tls.{setting}`: {file} {why}")]
    File {
        /// `certificate` or `key`.
        setting: &'static str,
        /// The file.
        file: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// They do not belong together.
    #[error(
        "TB0001: `server.tls`: the key {key} does not belong to the first certificate in {certificate}; name the key that the certificate was made for, and put the server's own certificate before those of its issuers"
    )]
    Apart {
        /// The file of the certificate.
        certificate: String,
        /// The file of the key.
        key: String,
    },
    /// Anything else that the library does not like.
    #[error("TB0001: `server.tls`: certificate and key cannot be used: {0}")]
    Unusable(rustls::Error),
}

/// TLS as it is in force. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct TlsInForce(Arc<RwLock<Option<Arc<ServerConfig>>>>);

impl TlsInForce {
    /// As the configuration says.
    pub(crate) fn new(tls: Option<&Tls>) -> Result<Self, TlsFault> {
        Ok(Self(Arc::new(RwLock::new(tls.map(load).transpose()?))))
    }

    /// The stream of a new connection; `None`: without TLS.
    pub(crate) fn acceptor(&self) -> Option<TlsAcceptor> {
        let config = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        config.map(TlsAcceptor::from)
    }
}

impl Part for TlsInForce {
    fn prepare(&self, config: &Config, _: &Environment) -> Result<Change, String> {
        let newer = config.server.tls.as_ref().map(load).transpose().map_err(|fault| fault.to_string())?;
        let this = self.clone();
        Ok(Box::new(move || *this.0.write().unwrap_or_else(PoisonError::into_inner) = newer))
    }
}

/// The handshake, within its time.
pub(crate) async fn shake_hands(acceptor: &TlsAcceptor, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake took too long");
    tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await.map_err(late)?
}

fn load(tls: &Tls) -> Result<Arc<ServerConfig>, TlsFault> {
    let fault = |setting, path: &Path, why| TlsFault::File { setting, file: path.display().to_string(), why };
    let text = |setting, path: &Path| {
        std::fs::read(path).map_err(|error| {
            fault(setting, path, format!("cannot be read ({error}); name a file that this user may read"))
        })
    };
    let chain = CertificateDer::pem_slice_iter(&text("certificate", &tls.certificate)?).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| {
        let why = "holds no certificate in PEM form (`-----BEGIN CERTIFICATE-----`); name the file that does";
        fault("certificate", &tls.certificate, why.to_owned())
    })?;
    let key = PrivateKeyDer::from_pem_slice(&text("key", &tls.key)?).map_err(|_| {
        let why = "holds no private key in PEM form (`-----BEGIN PRIVATE KEY-----`), or one with a password; name a key without one";
        fault("key", &tls.key, why.to_owned())
    })?;
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(TlsFault::Unusable)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsFault::Apart { certificate: tls.certificate.display().to_string(), key: tls.key.display().to_string() }
        }
        other => TlsFault::Unusable(other),
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
