//! Who calls, and what the caller may do.
//!
//! Guarantee: a token is kept as its SHA-256 only and compared in constant time; neither it nor its hash is logged.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::{HeaderValue, Method};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use ticketbridge_config::Config;
use ticketbridge_config::sections::{Role, Server};
use ticketbridge_engine::platforms::Environment;
use ticketbridge_engine::reload::{Change, Part};

use crate::bind::ServerError;
use crate::limits::{Rate, caller_rate, stranger_rate};

/// Name in the audit of who calls while no tokens are configured.
const ANYBODY: &str = "api";

/// Somebody who may call.
pub(crate) struct Caller {
    /// Name of the token.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) role: Role,
    /// How often it may call.
    pub(crate) rate: Rate,
}

/// All who may call.
pub(crate) struct Access {
    tokens: Vec<([u8; 32], Arc<Caller>)>,
    /// Everybody who reaches the loopback address, if there are no tokens.
    anybody: Option<Arc<Caller>>,
    /// How often somebody without a valid token may try.
    pub(crate) strangers: Rate,
}

/// Who may call, as a reload leaves it. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct AccessInForce {
    access: Arc<RwLock<Arc<Access>>>,
    listens: SocketAddr,
}

impl AccessInForce {
    /// Of a server that listens there.
    pub(crate) fn new(access: Access, listens: SocketAddr) -> Self {
        Self { access: Arc::new(RwLock::new(Arc::new(access))), listens }
    }

    /// Who may call now.
    pub(crate) fn now(&self) -> Arc<Access> {
        Arc::clone(&self.access.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Part for AccessInForce {
    fn prepare(&self, config: &Config, environment: &Environment) -> Result<Change, String> {
        let access = Access::new(&config.server, environment).map_err(|error| error.to_string())?;
        if access.is_open() && !self.listens.ip().is_loopback() {
            return Err(ServerError::Exposed(self.listens).to_string());
        }
        let this = self.clone();
        Ok(Box::new(move || {
            *this.access.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(access);
        }))
    }
}

/// Why a request has no caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// No `Authorization: Bearer`.
    NoToken,
    /// A token that is not one of ours.
    WrongToken,
}

impl Access {
    /// Resolves the tokens of the configuration.
    pub(crate) fn new(server: &Server, environment: &Environment) -> Result<Self, ServerError> {
        let mut tokens: Vec<([u8; 32], Arc<Caller>)> = Vec::with_capacity(server.tokens.len());
        for token in &server.tokens {
            let failed = |source| ServerError::Token { name: token.name.clone(), source };
            let secret = token.token.resolve(environment).map_err(failed)?;
            let digest: [u8; 32] = Sha256::digest(secret.expose_secret().as_bytes()).into();
            if let Some((_, other)) = tokens.iter().find(|(known, _)| *known == digest) {
                return Err(ServerError::SameToken { name: token.name.clone(), other: other.name.clone() });
            }
            let caller = Caller { name: token.name.clone(), role: token.role, rate: caller_rate() };
            tokens.push((digest, Arc::new(caller)));
        }
        let anybody = Caller { name: ANYBODY.to_owned(), role: Role::Admin, rate: caller_rate() };
        let anybody = tokens.is_empty().then(|| Arc::new(anybody));
        Ok(Self { tokens, anybody, strangers: stranger_rate() })
    }

    /// Whether everybody who reaches the address may call.
    pub(crate) fn is_open(&self) -> bool {
        self.anybody.is_some()
    }

    /// Who sends this `Authorization` header.
    pub(crate) fn caller(&self, authorization: Option<&HeaderValue>) -> Result<Arc<Caller>, Stranger> {
        if let Some(anybody) = &self.anybody {
            return Ok(Arc::clone(anybody));
        }
        let token = authorization.and_then(|value| bearer(value.as_bytes())).ok_or(Stranger::NoToken)?;
        let digest: [u8; 32] = Sha256::digest(token).into();
        // All are compared, whichever is the right one.
        let mut found = None;
        for (known, caller) in &self.tokens {
            if bool::from(known.ct_eq(&digest)) {
                found = Some(Arc::clone(caller));
            }
        }
        found.ok_or(Stranger::WrongToken)
    }
}

impl Caller {
    /// The role that a request with this method needs.
    pub(crate) fn needed(method: &Method) -> Role {
        if matches!(*method, Method::GET | Method::HEAD) { Role::Viewer } else { Role::Operator }
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::{Access, AccessInForce, Stranger};
    use crate::bind::ServerError;
    use axum::http::HeaderValue;
    use ticketbridge_config::Config;
    use ticketbridge_config::sections::{ApiToken, Role, Server};
    use ticketbridge_engine::reload::Part as _;

    fn access(tokens: &[(&str, Role, &str)]) -> Result<Access, ServerError> {
        let tokens = tokens.iter().map(|(name, role, reference)| ApiToken {
            name: (*name).to_owned(),
            role: *role,
            token: reference.parse().unwrap(),
        });
        let server = Server { tokens: tokens.collect(), ..Server::default() };
        Access::new(&server, &|name| name.strip_prefix("T_").map(|value| format!("secret-{value}")))
    }

    #[test]
    fn a_token_names_its_caller() {
        let access = access(&[("eye", Role::Viewer, "env:T_A"), ("hand", Role::Operator, "env:T_B")]).unwrap();
        let of =
            |text: &'static str| access.caller(Some(&HeaderValue::from_static(text))).map(|found| found.name.clone());
        assert_eq!(of("Bearer secret-A").unwrap(), "eye");
        assert_eq!(of("bearer  secret-B ").unwrap(), "hand");
        for text in ["Bearer secret-C", "Bearer secret-", "Bearer secret-AA"] {
            assert_eq!(of(text).unwrap_err(), Stranger::WrongToken, "{text}");
        }
        for text in ["", "secret-A", "Basic secret-A", "Bearer", "Bearer "] {
            assert_eq!(of(text).unwrap_err(), Stranger::NoToken, "{text}");
        }
        assert_eq!(access.caller(None).err(), Some(Stranger::NoToken));
    }

    #[test]
    fn without_tokens_everybody_is_the_api() {
        let access = access(&[]).unwrap();
        assert_eq!(access.caller(None).ok().unwrap().name, "api");
    }

    #[test]
    fn a_newer_configuration_changes_who_may_call_once_it_holds_and_never_opens_the_door_to_others() {
        let environment = |name: &str| name.strip_prefix("T_").map(|value| format!("secret-{value}"));
        let config = |text: &str| Config::parse(text, "a test", std::iter::empty()).unwrap().config;
        let token = |name: &str, reference: &str| {
            let text = format!("[[server.tokens]]\nname = \"{name}\"\nrole = \"viewer\"\ntoken = \"{reference}\"\n");
            config(&text)
        };
        let first = token("eye", "env:T_A");
        let of = |access: &AccessInForce, text| access.now().caller(Some(&HeaderValue::from_static(text))).is_ok();
        for address in ["127.0.0.1:80", "10.0.0.1:80"] {
            let access =
                AccessInForce::new(Access::new(&first.server, &environment).unwrap(), address.parse().unwrap());
            let change = access.prepare(&token("other", "env:T_B"), &environment).unwrap();
            assert!(of(&access, "Bearer secret-A") && !of(&access, "Bearer secret-B"), "not yet");
            change();
            assert!(!of(&access, "Bearer secret-A") && of(&access, "Bearer secret-B"));
            let why = access.prepare(&token("other", "env:NOT_SET"), &environment).err().unwrap();
            assert!(why.contains("TB0002") && why.contains("NOT_SET"), "{why}");
            let open = access.prepare(&config(""), &environment);
            assert_eq!(open.is_ok(), address.starts_with("127."), "{address}");
        }
    }

    #[test]
    fn a_missing_and_a_double_token_end_the_start_and_show_no_secret() {
        let missing = access(&[("eye", Role::Viewer, "env:NOT_SET")]).err().unwrap().to_string();
        assert!(missing.contains("TB0002") && missing.contains("NOT_SET"), "{missing}");
        let double = access(&[("eye", Role::Viewer, "env:T_A"), ("hand", Role::Admin, "env:T_A")]).err().unwrap();
        assert!(double.to_string().contains("hand") && !double.to_string().contains("secret"), "{double}");
    }
}
