//! Secrets stand in the configuration by reference only, so that the file can be shown, copied and committed.
//!
//! Guarantee: neither `Debug`, `Display` nor serialisation of any type in here can show a secret's value, and a
//! literal that was refused is not repeated in the error. A secret file has at most 64 KiB.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::SecretString;

use super::written_as_text;

/// Largest secret file.
const MAX_SECRET_FILE: u64 = 64 * 1024;

/// Where a secret is found: `env:NAME` or `file:PATH`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretReference {
    /// The value of an environment variable.
    Environment(String),
    /// The content of a file, without line breaks at its end.
    File(PathBuf),
}

/// Why a text is no reference to a secret. Never carries the text: it may be the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretReferenceError {
    /// The secret itself, in all likelihood.
    #[error(
        "a secret must not be written out; write where it is found: \"env:NAME\" for an environment \
         variable, \"file:/path\" for a file"
    )]
    Literal,
    /// `env:` without a usable name.
    #[error("`env:` needs the name of an environment variable (letters, digits, `_`), for instance \"env:SFYC_TOKEN\"")]
    BadName,
    /// `file:` without a path.
    #[error("`file:` needs a path, for instance \"file:/run/secrets/sfyc_token\"")]
    NoPath,
}

/// Why a secret could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MissingSecret {
    /// The environment variable is not set.
    #[error("TB0002 the environment variable {0} is not set; set it before the start, for instance `export {0}=…`")]
    NotSet(String),
    /// The file cannot be read.
    #[error("TB0002 the secret file {path} cannot be read ({why}); check its path and who may read it", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// There is nothing in it.
    #[error("TB0002 the secret {0} is empty; put the value there")]
    Empty(SecretReference),
    /// The file is too large for a secret.
    #[error("TB0002 the secret file {path} has more than 64 KiB; it is probably the wrong file", path = .0.display())]
    TooLarge(PathBuf),
}

impl SecretReference {
    /// The secret's value. `environment` answers a variable by name; a file is read now.
    pub fn resolve(&self, environment: impl Fn(&str) -> Option<String>) -> Result<SecretString, MissingSecret> {
        let value = match self {
            Self::Environment(name) => environment(name).ok_or_else(|| MissingSecret::NotSet(name.clone()))?,
            Self::File(path) => read(path)?,
        };
        let value = value.trim_end_matches(['\r', '\n']);
        if value.is_empty() { Err(MissingSecret::Empty(self.clone())) } else { Ok(SecretString::from(value)) }
    }
}

fn read(path: &Path) -> Result<String, MissingSecret> {
    let unreadable = |error: std::io::Error| MissingSecret::Unreadable { path: path.into(), why: error.to_string() };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_SECRET_FILE + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_SECRET_FILE { Err(MissingSecret::TooLarge(path.into())) } else { Ok(text) }
}

impl FromStr for SecretReference {
    type Err = SecretReferenceError;

    fn from_str(text: &str) -> Result<Self, SecretReferenceError> {
        if let Some(name) = text.strip_prefix("env:") {
            let usable = !name.is_empty()
                && !name.starts_with(|first: char| first.is_ascii_digit())
                && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
            return if usable { Ok(Self::Environment(name.to_owned())) } else { Err(SecretReferenceError::BadName) };
        }
        match text.strip_prefix("file:") {
            Some("") => Err(SecretReferenceError::NoPath),
            Some(path) => Ok(Self::File(path.into())),
            None => Err(SecretReferenceError::Literal),
        }
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

written_as_text!(
    SecretReference,
    "SecretReference",
    "a reference to a secret: \"env:NAME\" or \"file:PATH\"",
    "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$"
);

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::{MissingSecret, SecretReference, SecretReferenceError};

    #[test]
    fn a_literal_is_refused_and_not_repeated() {
        let error = "hunter2".parse::<SecretReference>().unwrap_err();
        assert_eq!(error, SecretReferenceError::Literal);
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn a_variable_is_resolved_and_never_shown() {
        let reference: SecretReference = "env:SFYC_TOKEN".parse().unwrap();
        let secret = reference.resolve(|name| (name == "SFYC_TOKEN").then(|| String::from("s3cret\n"))).unwrap();
        assert_eq!(secret.expose_secret(), "s3cret");
        assert!(!format!("{secret:?}{reference:?}{reference}").contains("s3cret"));
        assert_eq!(reference.resolve(|_| None).unwrap_err(), MissingSecret::NotSet("SFYC_TOKEN".into()));
        assert!(matches!(reference.resolve(|_| Some("\n".into())), Err(MissingSecret::Empty(_))));
    }

    #[test]
    fn a_file_is_resolved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "from-file\r\n").unwrap();
        let reference: SecretReference = format!("file:{}", path.display()).parse().unwrap();
        assert_eq!(reference.resolve(|_| None).unwrap().expose_secret(), "from-file");
        std::fs::write(&path, vec![b'x'; 70_000]).unwrap();
        assert!(matches!(reference.resolve(|_| None), Err(MissingSecret::TooLarge(_))));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(reference.resolve(|_| None), Err(MissingSecret::Unreadable { .. })));
    }

    #[test]
    fn names_and_paths_are_checked() {
        for text in ["env:", "env:A B", "env:1A", "env:É"] {
            assert_eq!(text.parse::<SecretReference>().unwrap_err(), SecretReferenceError::BadName, "{text}");
        }
        assert_eq!("file:".parse::<SecretReference>().unwrap_err(), SecretReferenceError::NoPath);
    }
}
