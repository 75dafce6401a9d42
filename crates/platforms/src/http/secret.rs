//! A secret's value on its way to the wire, never shown. Where it comes from is the configuration's to say.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A secret. Shows itself to nobody: `Debug` prints `Secret(***)`, there is no `Display` and no `Serialize`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// A secret with this value.
    pub fn known(text: &str) -> Self {
        Self(SecretString::from(text))
    }

    /// The secret itself; for the wire only.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<SecretString> for Secret {
    fn from(value: SecretString) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", Secret::known("s3cret")), "Secret(***)");
    }
}
