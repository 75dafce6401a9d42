//! A server on loopback that answers as a script says, and clients for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use ticketbridge_platforms::HttpCall;
use ticketbridge_platforms::http::{
    Auth, ClientSettings, Exchange, ExchangeObserver, ExchangeRecord, Grant, HttpClient, OAuth2, Secret, SendOptions,
    usual_refusals,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One request as it came over the wire.
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// Reads one whole request; `None`: the other side closed before one came.
pub(crate) async fn read_request(socket: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
            let whole = end + 4 + length.unwrap_or(0);
            while bytes.len() < whole {
                match socket.read(&mut chunk).await.ok()? {
                    0 => return None,
                    count => bytes.extend_from_slice(&chunk[..count]),
                }
            }
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            return Some(Request { head, body: bytes[end + 4..whole].to_vec() });
        }
        match socket.read(&mut chunk).await.ok()? {
            0 => return None,
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

/// A server that answers the n-th request with what `script` says, then keeps or drops the connection.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) requests: Arc<Mutex<Vec<Request>>>,
}

pub(crate) enum Act {
    /// Sends these bytes and keeps the connection.
    Send(Vec<u8>),
    /// Sends these bytes and closes.
    SendAndClose(Vec<u8>),
    /// Resets the connection.
    Reset,
    /// Says nothing until the other side gives up.
    Stall,
    /// Waits until all have come that the barrier is for, then sends these bytes and keeps the connection.
    Meet(Arc<Barrier>, Vec<u8>),
}

impl Server {
    pub(crate) async fn start(script: impl Fn(usize, &Request) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let script = Arc::new(script);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                tokio::spawn(async move {
                    while let Some(request) = read_request(&mut socket).await {
                        let act = {
                            let mut seen = seen.lock().unwrap();
                            let act = script(seen.len(), &request);
                            seen.push(request);
                            act
                        };
                        match act {
                            Act::Send(bytes) => socket.write_all(&bytes).await.unwrap(),
                            Act::SendAndClose(bytes) => {
                                drop(socket.write_all(&bytes).await);
                                return;
                            }
                            Act::Reset => {
                                socket.set_zero_linger().unwrap();
                                return;
                            }
                            Act::Meet(barrier, bytes) => {
                                barrier.wait().await;
                                socket.write_all(&bytes).await.unwrap();
                            }
                            Act::Stall => {
                                drop(socket.read(&mut [0; 1]).await);
                                return;
                            }
                        }
                    }
                });
            }
        });
        Self { address, requests }
    }

    pub(crate) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|request| request.head.to_lowercase()).collect()
    }
}

pub(crate) fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// An answer that is no success.
pub(crate) fn status(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} No\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// An observer that keeps all.
#[derive(Default)]
pub(crate) struct Records(pub(crate) Mutex<Vec<ExchangeRecord>>);

impl ExchangeObserver for Records {
    fn observe(&self, record: ExchangeRecord) {
        self.0.lock().unwrap().push(record);
    }
}

pub(crate) fn settings(address: &str) -> ClientSettings {
    ClientSettings { bypass_proxy: true, ..ClientSettings::new("test", address) }
}

pub(crate) fn client(address: &str) -> HttpClient {
    HttpClient::new(settings(address)).unwrap()
}

pub(crate) fn post() -> HttpCall {
    HttpCall {
        method: Method::POST,
        target: String::from("/tickets"),
        body: Some(Bytes::from_static(b"{\"items\":[1]}")),
    }
}

pub(crate) fn get() -> HttpCall {
    HttpCall { method: Method::GET, target: String::from("/tickets?kind=Falla%20de%20L%C3%ADnea"), body: None }
}

pub(crate) async fn send(client: &HttpClient, call: &HttpCall) -> Exchange {
    client.send(call, SendOptions::within(PATIENCE)).await
}

/// A login at `/token`, with the usual refusals.
pub(crate) fn oauth(grant: Grant) -> OAuth2 {
    OAuth2 {
        token_url: String::from("/token"),
        grant,
        client_id: String::from("bridge"),
        client_secret: Some(Secret::known("client-secret")),
        client_in_header: false,
        scope: Some(String::from("tickets")),
        parameters: BTreeMap::default(),
        refusals: usual_refusals,
    }
}

pub(crate) fn password() -> Grant {
    Grant::Password { username: String::from("DOMAIN\\svc"), password: Secret::known("p w") }
}

/// Settings that log in as `oauth` says.
pub(crate) fn logging_in(address: &str, oauth: OAuth2) -> ClientSettings {
    ClientSettings { auth: Auth::OAuth2(oauth), ..settings(address) }
}
