//! Secrets: given by reference only, never shown.

use std::fmt;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// Longest secret, in bytes: a file that is longer is surely the wrong one.
const MAX_SECRET: u64 = 64 * 1024;

/// Where a secret stands: `env:NAME` or `file:PATH`. The reference itself is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretReference(String);

/// Why there is no secret. Never contains one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Neither `env:` nor `file:`. The text is not repeated: it may be the secret itself.
    #[error("a secret is given by reference only: write `env:NAME` or `file:PATH`, never the secret itself")]
    NotAReference,
    /// The environment has no such variable, or it is not UTF-8.
    #[error("the environment variable `{0}` is not set; set it to the secret before the start")]
    NoVariable(String),
    /// The file can't be read.
    #[error("the secret file `{path}` can't be read: {why}")]
    NoFile {
        /// The file.
        path: String,
        /// What the system says.
        why: String,
    },
    /// There is nothing in it.
    #[error("the secret at `{0}` is empty")]
    Empty(String),
    /// It can't go into a header.
    #[error("the secret at `{0}` has a line break or another control character in its middle")]
    Malformed(String),
}

impl SecretReference {
    /// The secret that it names, as it is now; line breaks at its end are cut off.
    pub fn resolve(&self) -> Result<Secret, SecretError> {
        let text = if let Some(name) = self.0.strip_prefix("env:") {
            std::env::var(name).map_err(|_| SecretError::NoVariable(name.to_owned()))?
        } else {
            read(self.0.trim_start_matches("file:"))?
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(SecretError::Empty(self.0.clone()));
        }
        if text.chars().any(char::is_control) {
            return Err(SecretError::Malformed(self.0.clone()));
        }
        Ok(Secret(SecretString::from(text)))
    }
}

fn read(path: &str) -> Result<String, SecretError> {
    let fail = |why: String| SecretError::NoFile { path: path.to_owned(), why };
    let length = std::fs::metadata(Path::new(path)).map_err(|error| fail(error.to_string()))?.len();
    if length > MAX_SECRET {
        return Err(fail(format!("it has {length} bytes; the limit is {MAX_SECRET}")));
    }
    std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))
}

impl TryFrom<String> for SecretReference {
    type Error = SecretError;

    fn try_from(text: String) -> Result<Self, SecretError> {
        let rest = text.strip_prefix("env:").or_else(|| text.strip_prefix("file:"));
        match rest {
            Some(rest) if !rest.is_empty() => Ok(Self(text)),
            _ => Err(SecretError::NotAReference),
        }
    }
}

impl From<SecretReference> for String {
    fn from(reference: SecretReference) -> Self {
        reference.0
    }
}

/// A secret. Shows itself to nobody: `Debug` prints `Secret(***)`, there is no `Display` and no `Serialize`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Resolves `env:NAME` or `file:PATH`.
    pub fn resolve(reference: &str) -> Result<Self, SecretError> {
        SecretReference::try_from(reference.to_owned())?.resolve()
    }

    /// For values that are no secret at all, such as the fixed credentials of the sandbox, and for tests.
    pub fn known(text: &str) -> Self {
        Self(SecretString::from(text))
    }

    /// The secret itself; for the wire only.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_from_a_file_without_its_line_break() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "s3cret\r\n").unwrap();
        let secret = Secret::resolve(&format!("file:{}", path.display())).unwrap();
        assert_eq!(secret.expose(), "s3cret");
    }

    #[test]
    fn a_literal_secret_is_refused_and_not_repeated_in_the_error() {
        let error = Secret::resolve("hunter2").unwrap_err();
        assert_eq!(error, SecretError::NotAReference);
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn a_missing_variable_and_a_missing_file_are_named() {
        let error = Secret::resolve("env:TICKETBRIDGE_SURELY_NOT_SET").unwrap_err();
        assert!(error.to_string().contains("TICKETBRIDGE_SURELY_NOT_SET"));
        assert!(matches!(Secret::resolve("file:/no/such/file"), Err(SecretError::NoFile { .. })));
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", Secret::known("s3cret")), "Secret(***)");
    }
}
