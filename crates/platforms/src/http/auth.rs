//! How a request proves who sends it.

use std::collections::BTreeMap;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};

use super::{Secret, TokenRefusals, client::ClientError};

/// Authentication of every request to a platform.
#[derive(Debug, Clone, Default)]
pub enum Auth {
    /// None.
    #[default]
    None,
    /// User name and password, RFC 7617.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: Secret,
    },
    /// A static bearer token.
    Bearer {
        /// The token.
        token: Secret,
    },
    /// A key in a header of its own.
    ApiKey {
        /// The header.
        header: HeaderName,
        /// The key.
        key: Secret,
    },
    /// A bearer token that is fetched, kept and renewed.
    OAuth2(OAuth2),
}

/// Where a token comes from.
#[derive(Debug, Clone)]
pub struct OAuth2 {
    /// Address of the token endpoint: absolute, or a path below the platform's base address. It may carry a query
    /// (`/token?auth_mode=Internal`); no secret belongs there.
    pub token_url: String,
    /// What is given for the token.
    pub grant: Grant,
    /// Client id.
    pub client_id: String,
    /// Client secret, if the client has one.
    pub client_secret: Option<Secret>,
    /// Send client id and secret as HTTP Basic instead of form members.
    pub client_in_header: bool,
    /// Scope, if one is asked for.
    pub scope: Option<String>,
    /// More form members (`auth_mode`, `audience`).
    pub parameters: BTreeMap<String, String>,
    /// What the endpoint means by saying no; [`usual_refusals`](super::usual_refusals) for those that keep to the RFC.
    pub refusals: TokenRefusals,
}

/// What is given for a token.
#[derive(Debug, Clone)]
pub enum Grant {
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 6749 §4.3.
    Password {
        /// User name.
        username: String,
        /// Password.
        password: Secret,
    },
}

impl Auth {
    /// All secrets in here, for the redactor.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::None => Vec::new(),
            Self::Basic { username, password } => vec![password.clone(), Secret::known(&basic(username, password))],
            Self::Bearer { token } => vec![token.clone()],
            Self::ApiKey { key, .. } => vec![key.clone()],
            Self::OAuth2(oauth) => {
                let mut secrets: Vec<Secret> = oauth.client_secret.iter().cloned().collect();
                if let Grant::Password { password, .. } = &oauth.grant {
                    secrets.push(password.clone());
                }
                if oauth.client_in_header && oauth.client_secret.is_some() {
                    secrets.push(Secret::known(&oauth.client_basic()));
                }
                secrets
            }
        }
    }

    /// The header that never changes, if it is of that sort.
    pub(super) fn fixed_header(&self) -> Result<Option<(HeaderName, HeaderValue)>, ClientError> {
        match self {
            Self::None | Self::OAuth2(_) => Ok(None),
            Self::Basic { username, password } => {
                let value = sensitive(&format!("Basic {}", basic(username, password)))?;
                Ok(Some((AUTHORIZATION, value)))
            }
            Self::Bearer { token } => Ok(Some((AUTHORIZATION, sensitive(&format!("Bearer {}", token.expose()))?))),
            Self::ApiKey { header, key } => Ok(Some((header.clone(), sensitive(key.expose())?))),
        }
    }
}

/// A header value that is left out of every debug output.
pub(super) fn sensitive(text: &str) -> Result<HeaderValue, ClientError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| ClientError::SecretNotForHeaders)?;
    value.set_sensitive(true);
    Ok(value)
}

/// `user:password` in base 64.
pub(super) fn basic(username: &str, password: &Secret) -> String {
    base64(format!("{username}:{}", password.expose()).as_bytes())
}

/// RFC 4648 §4, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                text.push(char::from(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_vectors_in_rfc_4648() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn the_header_is_marked_sensitive() {
        let auth = Auth::Bearer { token: Secret::known("s3cret") };
        let (_, value) = auth.fixed_header().unwrap().unwrap();
        assert!(value.is_sensitive());
        assert!(!format!("{auth:?} {value:?}").contains("s3cret"));
    }
}
