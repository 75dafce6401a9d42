//! Names and identities. Each is a type of its own, so that one cannot be passed for another.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Row number of a ticket in the store: ascending in the order of receipt. Never leaves the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TicketId(pub i64);

/// Our row's own id (UUIDv7): names the one row that caused a remote create. Public as the ticket's `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OriginId(pub Uuid);

impl fmt::Display for OriginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Longest dedupe key in bytes.
const MAX_KEY: usize = 200;

/// What a ticket is about (`SNR|USSG-1041`). Never empty, at most 200 bytes, no control characters, no blanks at
/// its ends: an empty key would match anything on some platforms, so it cannot be expressed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DedupeKey(Arc<str>);

/// Why a text is no dedupe key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Empty, or only blanks.
    #[error("the dedupe key is empty; give one, or give `kind` and `source.group_id`")]
    Empty,
    /// More than 200 bytes.
    #[error("the dedupe key is {0} bytes long; the limit is 200")]
    TooLong(usize),
    /// A control character, or a blank at one of its ends.
    #[error("the dedupe key has a control character or a blank at its start or end; platforms change such text")]
    Malformed,
}

impl DedupeKey {
    /// Longest key in bytes, so at most as many characters.
    pub const MAX_LENGTH: usize = MAX_KEY;

    /// Checks `text` and makes a key of it, unchanged.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        if text.trim().is_empty() {
            return Err(KeyError::Empty);
        }
        if text.len() > MAX_KEY {
            return Err(KeyError::TooLong(text.len()));
        }
        if text.trim() != text || text.chars().any(char::is_control) {
            return Err(KeyError::Malformed);
        }
        Ok(Self(text.into()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DedupeKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        Self::new(&text)
    }
}

impl From<DedupeKey> for String {
    fn from(key: DedupeKey) -> Self {
        key.0.to_string()
    }
}

impl fmt::Display for DedupeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as configured.
            pub fn new(text: &str) -> Self {
                Self(text.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// Name of a backend, as in `[[backends]] name`.
    BackendName
);
name!(
    /// Name of a platform, as in `[platforms.NAME]`.
    PlatformName
);
