//! `[server]`: the address people and machines talk to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::types::{SecretReference, Size, Span};

/// `[server]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port of the HTTP server. Anything but loopback needs a token, here or in the store.
    #[serde(deserialize_with = "listen_address")]
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Largest request body.
    pub max_body_size: Size,
    /// How long a stop waits for requests to platforms that are in flight.
    pub shutdown_grace: Span,
    /// Certificate and key; without them the server speaks plain HTTP.
    pub tls: Option<Tls>,
    /// Who may call, besides the tokens of the store. While there are none at all: everybody who reaches the loopback
    /// address.
    pub tokens: Vec<ApiToken>,
}

/// `server.tls`: two files in PEM form, read at the start and with each reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The server's certificate, and behind it those of its issuers but for the root.
    pub certificate: PathBuf,
    /// Its private key, without a password.
    pub key: PathBuf,
}

/// `[[server.tokens]]`: one caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiToken {
    /// Name that the log shows.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The bearer token, by reference.
    pub token: SecretReference,
}

/// What a caller may do; each role may do all that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look.
    Viewer,
    /// Send tickets in, retry, redrive, dismiss, switch backends.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// From the word; `None`: there is no such role.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Viewer, Self::Operator, Self::Admin].into_iter().find(|role| role.as_str() == word)
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            max_body_size: Size::mebibytes(64),
            shutdown_grace: Span::seconds(25),
            tls: None,
            tokens: Vec::new(),
        }
    }
}

fn listen_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.trim().parse().map_err(|_| {
        D::Error::custom(format!(
            "`{text}` is no address to listen on; write IP address and port, for instance \"127.0.0.1:8080\" or \
             \"0.0.0.0:8080\""
        ))
    })
}
