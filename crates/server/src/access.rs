//! Who calls, and what the caller may do.
//!
//! Guarantee: a token is kept as its SHA-256 only and compared in constant time; neither it nor its hash is logged. Beyond
//! loopback, and as soon as there is or was any token, nobody calls without one.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;
use ticketbridge_config::Config;
use ticketbridge_config::sections::{Role, Server};
use ticketbridge_engine::app::App;
use ticketbridge_engine::live::Live;
use ticketbridge_engine::platforms::Environment;
use ticketbridge_engine::reload::{Change, Part};
use ticketbridge_engine::view::token_hash;
use ticketbridge_store::{StoreError, TokenHash};

use crate::bind::ServerError;
use crate::console::visitor::cookie;
use crate::limits::{Rate, caller_rate, noted_failure_rate, stranger_rate};
use crate::session::{COOKIE, SECURE_COOKIE, SessionId, Sessions};
use crate::tokens::StoredTokens;

/// Name in the audit of who calls while there are no tokens.
const ANYBODY: &str = "api";

/// Somebody who may call.
pub(crate) struct Caller {
    /// Name of the token.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) role: Role,
    /// How often it may call; all sessions of a token share one.
    pub(crate) rate: Arc<Rate>,
    /// Whether it is everybody who reaches the address, for want of tokens.
    pub(crate) is_anybody: bool,
    /// The session it calls in; `None`: by the token itself, or as anybody.
    pub(crate) session: Option<SessionId>,
}

/// All who may call.
pub(crate) struct Access {
    /// Those of the configuration.
    configured: Vec<(TokenHash, Arc<Caller>)>,
    /// Those of the store.
    stored: Arc<StoredTokens>,
    /// Browsers that are logged in.
    pub(crate) sessions: Arc<Sessions>,
    /// Everybody who reaches the loopback address, while there is no token at all.
    anybody: Arc<Caller>,
    /// Whether only this machine reaches the server.
    is_local: bool,
    /// Whether the server speaks TLS itself.
    is_tls: bool,
    /// How often somebody without a valid token may try.
    pub(crate) strangers: Rate,
    /// How often a login that failed leaves a line in the audit.
    pub(crate) noted_failures: Rate,
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

    /// Reads the tokens of the store, so that a reload which takes the last token of the configuration away knows whether
    /// anybody is left. On loopback it does not matter.
    pub(crate) async fn look_again(&self, live: &Live) {
        let access = self.now();
        if !access.is_local
            && let Err(error) = access.stored.now(&live.app()).await
        {
            tracing::debug!(%error, "The tokens of the store could not be read.");
        }
    }

    /// Who may call now.
    pub(crate) fn now(&self) -> Arc<Access> {
        Arc::clone(&self.access.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Part for AccessInForce {
    fn prepare(&self, config: &Config, environment: &Environment) -> Result<Change, String> {
        let before = self.now();
        let access = Access::new(&config.server, environment, self.listens).map_err(|error| error.to_string())?;
        let (stored, sessions) = (Arc::clone(&before.stored), Arc::clone(&before.sessions));
        let access = Access { stored, sessions, ..access };
        if !access.is_local && access.configured.is_empty() && access.stored.last().is_empty() {
            return Err(ServerError::Exposed(self.listens).to_string());
        }
        let this = self.clone();
        Ok(Box::new(move || {
            *this.access.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(access);
        }))
    }
}

/// Why a request has no caller.
#[derive(Debug)]
pub(crate) enum Stranger {
    /// No `Authorization: Bearer`.
    NoToken,
    /// A token that is not one of ours.
    WrongToken,
    /// A session that has ended, or never was one.
    NoSession,
    /// The tokens of the store cannot be read.
    Store(StoreError),
}

impl Access {
    /// Resolves the tokens of the configuration. `listens`: the address of the server.
    pub(crate) fn new(server: &Server, environment: &Environment, listens: SocketAddr) -> Result<Self, ServerError> {
        let mut configured: Vec<(TokenHash, Arc<Caller>)> = Vec::with_capacity(server.tokens.len());
        for token in &server.tokens {
            let failed = |source| ServerError::Token { name: token.name.clone(), source };
            let secret = token.token.resolve(environment).map_err(failed)?;
            let hash = token_hash(secret.expose_secret().as_bytes());
            if let Some((_, other)) = configured.iter().find(|(known, _)| *known == hash) {
                return Err(ServerError::SameToken { name: token.name.clone(), other: other.name.clone() });
            }
            configured.push((hash, Arc::new(Caller::new(&token.name, token.role))));
        }
        let anybody = Arc::new(Caller { is_anybody: true, ..Caller::new(ANYBODY, Role::Admin) });
        Ok(Self {
            configured,
            stored: Arc::default(),
            sessions: Arc::default(),
            anybody,
            is_local: listens.ip().is_loopback(),
            is_tls: server.tls.is_some(),
            strangers: stranger_rate(),
            noted_failures: noted_failure_rate(),
        })
    }

    /// Whether everybody who reaches the address may call: only on loopback, and only while there has never been a token,
    /// in the configuration in force or in the store.
    pub(crate) async fn is_open(&self, app: &App) -> Result<bool, StoreError> {
        Ok(self.is_local && self.configured.is_empty() && self.stored.now(app).await?.is_empty())
    }

    /// Name of a session's cookie. Under TLS the browser itself sees to it that only this very host sets it, over TLS.
    pub(crate) fn cookie(&self) -> &'static str {
        if self.is_tls { SECURE_COOKIE } else { COOKIE }
    }

    /// Whether browsers are told to come by TLS only: not on loopback, where other programs may speak plain HTTP.
    pub(crate) fn wants_only_tls(&self) -> bool {
        self.is_tls && !self.is_local
    }

    /// What stands behind the cookie, besides what always does.
    pub(crate) fn cookie_attribute(&self) -> &'static str {
        if self.is_tls { "; Secure" } else { "" }
    }

    /// Whether anybody at all can call.
    pub(crate) async fn has_callers(&self, app: &App) -> Result<bool, StoreError> {
        let of_store = async || Ok(self.stored.now(app).await?.any_valid(app.clock.now().wall));
        Ok(self.is_local || !self.configured.is_empty() || of_store().await?)
    }

    /// Who sends a request with these headers to this path. A token in `Authorization` comes before a cookie, and a cookie
    /// counts only where a browser goes.
    pub(crate) async fn caller(&self, app: &App, headers: &HeaderMap, path: &str) -> Result<Arc<Caller>, Stranger> {
        if self.is_open(app).await.map_err(Stranger::Store)? {
            return Ok(Arc::clone(&self.anybody));
        }
        if let Some(authorization) = headers.get(AUTHORIZATION) {
            let token = bearer(authorization.as_bytes()).ok_or(Stranger::NoToken)?;
            let found = self.by_hash(app, &token_hash(token)).await.map_err(Stranger::Store)?;
            return found.ok_or(Stranger::WrongToken);
        }
        let cookie = cookie(headers, self.cookie()).filter(|_| is_for_browsers(path)).ok_or(Stranger::NoToken)?;
        let id = SessionId::of(cookie);
        let token = self.sessions.token(id, app.clock.now().mono).ok_or(Stranger::NoSession)?;
        if let Some(caller) = self.by_hash(app, &token).await.map_err(Stranger::Store)? {
            return Ok(Arc::new(caller.within(id)));
        }
        self.sessions.end(id);
        Err(Stranger::NoSession)
    }

    /// Who calls by the token with this hash, if it is valid now.
    pub(crate) async fn by_hash(&self, app: &App, hash: &TokenHash) -> Result<Option<Arc<Caller>>, StoreError> {
        if let Some(caller) = self.configured(hash) {
            return Ok(Some(caller));
        }
        Ok(self.stored.now(app).await?.caller(hash, app, app.clock.now().wall))
    }

    /// Who calls by a token of the configuration. All are compared, whichever is the right one.
    fn configured(&self, hash: &TokenHash) -> Option<Arc<Caller>> {
        let mut found = None;
        for (known, caller) in &self.configured {
            if bool::from(known.0.ct_eq(&hash.0)) {
                found = Some(Arc::clone(caller));
            }
        }
        found
    }
}

impl Caller {
    /// With a rate limit of its own.
    pub(crate) fn new(name: &str, role: Role) -> Self {
        Self { name: name.to_owned(), role, rate: Arc::new(caller_rate()), is_anybody: false, session: None }
    }

    /// This caller in a session.
    fn within(&self, session: SessionId) -> Self {
        Self {
            name: self.name.clone(),
            role: self.role,
            rate: Arc::clone(&self.rate),
            is_anybody: self.is_anybody,
            session: Some(session),
        }
    }

    /// The role that a request needs at least. What changes nothing but the visitor's own browser, everybody may.
    pub(crate) fn needed(method: &Method, path: &str) -> Role {
        let looks = matches!(*method, Method::GET | Method::HEAD);
        let own_browser = matches!(path, "/logout" | "/console/language");
        if looks || own_browser { Role::Viewer } else { Role::Operator }
    }
}

/// Where a session's cookie counts.
fn is_for_browsers(path: &str) -> bool {
    matches!(path, "/" | "/console" | "/logout" | "/openapi.json")
        || path.starts_with("/console/")
        || path.starts_with("/api/v1/")
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::{Access, AccessInForce, bearer};
    use crate::bind::ServerError;
    use ticketbridge_config::Config;
    use ticketbridge_config::sections::{ApiToken, Role, Server};
    use ticketbridge_engine::reload::Part as _;
    use ticketbridge_engine::view::token_hash;

    fn made(server: &Server, listens: &str) -> Result<Access, ServerError> {
        let environment = |name: &str| name.strip_prefix("T_").map(|value| format!("secret-{value}"));
        Access::new(server, &environment, listens.parse().unwrap())
    }

    fn access(tokens: &[(&str, Role, &str)]) -> Result<Access, ServerError> {
        let tokens = tokens.iter().map(|(name, role, reference)| ApiToken {
            name: (*name).to_owned(),
            role: *role,
            token: reference.parse().unwrap(),
        });
        made(&Server { tokens: tokens.collect(), ..Server::default() }, "127.0.0.1:80")
    }

    fn of(access: &Access, token: &str) -> Option<String> {
        access.configured(&token_hash(token.as_bytes())).map(|caller| caller.name.clone())
    }

    #[test]
    fn a_token_of_the_configuration_names_its_caller() {
        let access = access(&[("eye", Role::Viewer, "env:T_A"), ("hand", Role::Operator, "env:T_B")]).unwrap();
        assert_eq!(of(&access, "secret-A").unwrap(), "eye");
        assert_eq!(of(&access, "secret-B").unwrap(), "hand");
        for token in ["secret-C", "secret-", "secret-AA", ""] {
            assert_eq!(of(&access, token), None, "{token}");
        }
    }

    #[test]
    fn only_bearer_tokens_are_read() {
        for text in ["Bearer tb_1", "bearer  tb_1 "] {
            assert_eq!(bearer(text.as_bytes()), Some(&b"tb_1"[..]), "{text}");
        }
        for text in ["", "tb_1", "Basic tb_1", "Bearer", "Bearer "] {
            assert_eq!(bearer(text.as_bytes()), None, "{text}");
        }
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
        let knows = |access: &AccessInForce, token| of(&access.now(), token).is_some();
        for address in ["127.0.0.1:80", "10.0.0.1:80"] {
            let access = AccessInForce::new(made(&first.server, address).unwrap(), address.parse().unwrap());
            let change = access.prepare(&token("other", "env:T_B"), &environment).unwrap();
            assert!(knows(&access, "secret-A") && !knows(&access, "secret-B"), "not yet");
            change();
            assert!(!knows(&access, "secret-A") && knows(&access, "secret-B"));
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
