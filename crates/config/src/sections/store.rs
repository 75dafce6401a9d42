//! `[store]`: where the data are kept.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{SecretReference, Span, written_as_text};

/// `[store]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// `sqlite://PATH` or `postgres://USER@HOST[:PORT]/DATABASE`.
    pub url: StoreUrl,
    /// The password for `postgres://`, by reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretReference>,
    /// How long a command waits for a database that another process has locked.
    pub busy_timeout: Span,
}

impl Default for Store {
    fn default() -> Self {
        Self { url: StoreUrl::Sqlite("ticketbridge.db".into()), password: None, busy_timeout: Span::seconds(5) }
    }
}

/// Which store, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// One file of this machine; the samples and the epoch stand beside it.
    Sqlite(PathBuf),
    /// A PostgreSQL server: the whole address, without a password.
    Postgres(String),
}

/// Why a text names no store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// Neither of the two forms.
    #[error(
        "`{0}` names no store; write \"sqlite://PATH\" (for instance \"sqlite://ticketbridge.db\") or \"postgres://…\""
    )]
    Unknown(String),
    /// `sqlite://` without a path.
    #[error(
        "`sqlite://` needs a path, for instance \"sqlite://ticketbridge.db\" or \"sqlite:///var/lib/ticketbridge/ticketbridge.db\""
    )]
    NoPath,
    /// A password inside the address. The text is not repeated.
    #[error("a password must not stand in the address; write it by reference: `password = \"env:NAME\"`")]
    Password,
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("sqlite://") {
            return if path.is_empty() { Err(StoreUrlError::NoPath) } else { Ok(Self::Sqlite(path.into())) };
        }
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        let Some(rest) = rest else {
            // The scheme alone: what follows it may hold a password.
            let scheme = text.split("://").next().unwrap_or_default();
            let shown = if text.contains('@') { format!("{scheme}://…") } else { text.to_owned() };
            return Err(StoreUrlError::Unknown(shown));
        };
        // The password ends at the last `@`: one that is not percent-encoded may hold any character.
        let user = rest.rsplit_once('@').map(|(user, _)| user).unwrap_or_default();
        if user.contains(':') || text.contains("password=") {
            return Err(StoreUrlError::Password);
        }
        Ok(Self::Postgres(text.to_owned()))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => f.write_str(url),
        }
    }
}

written_as_text!(StoreUrl, "StoreUrl", "\"sqlite://PATH\" or \"postgres://…\"", "^(sqlite|postgres|postgresql)://.+$");

#[cfg(test)]
mod tests {
    use super::{StoreUrl, StoreUrlError};

    #[test]
    fn both_stores_are_read_and_a_password_is_refused() {
        assert_eq!("sqlite:///a/b.db".parse(), Ok(StoreUrl::Sqlite("/a/b.db".into())));
        assert_eq!("postgres://tb@db/tb".parse(), Ok(StoreUrl::Postgres("postgres://tb@db/tb".into())));
        for text in ["postgres://tb:geheim@db/tb", "postgres://tb:ge@heim@db/tb", "postgres://db/tb?password=geheim"] {
            let error = text.parse::<StoreUrl>().unwrap_err();
            assert_eq!(error, StoreUrlError::Password);
            assert!(!error.to_string().contains("geheim"));
        }
        let error = "mysql://u:geheim@h".parse::<StoreUrl>().unwrap_err().to_string();
        assert!(error.contains("mysql://…") && !error.contains("geheim"), "{error}");
        assert_eq!("sqlite://".parse::<StoreUrl>(), Err(StoreUrlError::NoPath));
    }
}
