use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use serde_json::Value;
use ticketbridge_sandbox::TOKEN;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A plain HTTP/1.1 client: one connection, no retries, no redirects, no pool; says exactly how a connection ended.
pub(crate) struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer with a whole body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no whole answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The connection was reset before the first byte.
    Reset,
    /// The connection was closed in order before the first byte.
    Closed,
    /// The connection ended in the middle of the answer; so much of the body had come.
    Broken { body: usize, declared: usize },
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.expect("a connection"), read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, method: &str, target: &str, body: &str) -> io::Result<()> {
        self.send_as(method, target, body, &format!("Authorization: Bearer {TOKEN}\r\n")).await
    }

    pub(crate) async fn send_as(&mut self, method: &str, target: &str, body: &str, headers: &str) -> io::Result<()> {
        let length = body.len();
        let head = format!("{method} {target} HTTP/1.1\r\nHost: sandbox\r\nContent-Length: {length}\r\n{headers}\r\n");
        self.stream.write_all(head.as_bytes()).await?;
        self.stream.write_all(body.as_bytes()).await
    }

    /// Sends these bytes as they are.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Declares a body and does not send it.
    pub(crate) async fn send_head(&mut self, method: &str, target: &str, length: usize) -> io::Result<()> {
        let login = format!("Authorization: Bearer {TOKEN}\r\n");
        let head = format!("{method} {target} HTTP/1.1\r\nHost: sandbox\r\nContent-Length: {length}\r\n{login}\r\n");
        self.stream.write_all(head.as_bytes()).await
    }

    pub(crate) async fn answer(&mut self) -> Result<Answer, Failure> {
        let head_end = loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more().await?;
        };
        let head = String::from_utf8(self.read.drain(..head_end).collect()).expect("a readable head");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").expect("a header"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Answer { status: status.parse().expect("a status"), headers, body: Vec::new() };
        let declared: usize = answer.header("content-length").map_or(0, |length| length.parse().expect("a length"));
        while self.read.len() < declared {
            if self.read_more().await.is_err() {
                return Err(Failure::Broken { body: self.read.len(), declared });
            }
        }
        answer.body = self.read.drain(..declared).collect();
        Ok(answer)
    }

    async fn read_more(&mut self) -> Result<(), Failure> {
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) => Err(Failure::Closed),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(Failure::Reset),
            Err(error) => panic!("the connection failed in an unexpected way: {error}"),
        }
    }
}
