//! `type = "connector"`: any REST platform, described by a connector file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Timeouts;
use crate::types::{HostAddress, SecretReference, written_as_text};

/// Settings of a connector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectorSettings {
    /// The connector file: `builtin:NAME` or a path.
    pub file: ConnectorFile,
    /// *IP address/host*, with or without `http://` or `https://`.
    pub host: HostAddress,
    /// *IP port*. Default: 80, with `https://` 443.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Prefix of every path.
    #[serde(default)]
    pub base_path: String,
    /// How a request proves who we are.
    #[serde(default)]
    pub auth: Auth,
    /// For `auth = "bearer"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretReference>,
    /// For `auth = "basic"` and `"oauth2_password"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For `auth = "basic"` and `"oauth2_password"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretReference>,
    /// For `auth = "api_key"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretReference>,
    /// Header that carries the API key. Default: `X-API-Key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_header: Option<String>,
    /// For both kinds of OAuth2: where tokens are had; a whole address, or a path below the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
    /// For both kinds of OAuth2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// For both kinds of OAuth2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretReference>,
    /// For both kinds of OAuth2, if the platform wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Most requests in flight, 1 to 1000.
    #[serde(default = "thirty_two")]
    #[schemars(range(min = 1, max = 1_000))]
    pub max_in_flight: u32,
    /// Time-outs.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// What tickets look like there, beside what the connector file says.
    #[serde(default)]
    pub ticket: ConnectorTicket,
}

/// `[platforms.NAME.ticket]` of a connector.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectorTicket {
    /// A jq expression over a remote ticket that answers a dedupe key or null, for tickets opened before us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopt: Option<String>,
    /// States that count as open, in place of those of the connector file. Empty: those of the connector file.
    pub open_states: Vec<String>,
    /// Our kind → the platform's word for it. A kind that is not named is sent and asked for as it is.
    pub kinds: BTreeMap<String, String>,
    /// Values that the connector file's expressions find under `.constants`, put over the file's own.
    pub constants: BTreeMap<String, serde_json::Value>,
}

/// How a request proves who we are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Not at all.
    None,
    /// User name and password in each request.
    Basic,
    /// A fixed token.
    #[default]
    Bearer,
    /// A key in a header.
    ApiKey,
    /// OAuth2 with client id and secret.
    #[serde(rename = "oauth2_client_credentials")]
    Oauth2ClientCredentials,
    /// OAuth2 with user name and password.
    #[serde(rename = "oauth2_password")]
    Oauth2Password,
}

impl ConnectorSettings {
    /// `http://host:port/base_path`, without a slash at its end.
    pub fn base_url(&self) -> String {
        let path = self.base_path.trim().trim_matches('/');
        let origin = self.host.origin(self.port);
        if path.is_empty() { origin } else { format!("{origin}/{path}") }
    }
}

/// Where a connector file is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectorFile {
    /// One that ships with the program, by name.
    Builtin(String),
    /// A file of the user's.
    Path(PathBuf),
}

/// Why a text names no connector file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no connector file; write \"builtin:sfyc\" or a path such as \"connectors/mine.toml\"")]
pub struct ConnectorFileError(String);

impl FromStr for ConnectorFile {
    type Err = ConnectorFileError;

    fn from_str(text: &str) -> Result<Self, ConnectorFileError> {
        match text.strip_prefix("builtin:") {
            Some(name) if !name.trim().is_empty() => Ok(Self::Builtin(name.trim().to_owned())),
            None if !text.trim().is_empty() => Ok(Self::Path(text.into())),
            _ => Err(ConnectorFileError(text.to_owned())),
        }
    }
}

impl fmt::Display for ConnectorFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

written_as_text!(ConnectorFile, "ConnectorFile", "\"builtin:NAME\" or the path of a connector file", ".+");

fn thirty_two() -> u32 {
    32
}
