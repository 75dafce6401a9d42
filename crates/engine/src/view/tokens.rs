//! Tokens of callers: made, listed, revoked.
//!
//! Guarantee: a token is shown once, when it is made; what is kept is its SHA-256. A token has 256 bits of randomness, so
//! its hash needs no salt and cannot be turned back.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest, Sha256};
use ticketbridge_config::Config;
use ticketbridge_config::sections::Role;
use ticketbridge_config::types::Span;
use ticketbridge_core::time::Wall;
use ticketbridge_store::{ApiTokenRow, MAX_API_TOKENS, Store, StoreError, TokenHash, TokenOutcome};

/// What every token begins with, so that scanners for secrets know one when they see it.
pub const TOKEN_PREFIX: &str = "tb_";
/// Longest name of a token, in characters.
pub const MAX_TOKEN_NAME: usize = 64;
/// Who acts without a token: names that no token may have.
const RESERVED: [&str; 4] = ["api", "cli", "ticketbridge", "SIGHUP"];

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum TokenFault {
    /// The name is unusable.
    #[error(
        "`{0}` cannot name a token; write 1 to {MAX_TOKEN_NAME} letters, digits, `.`, `_` or `-`, and none of api, cli, ticketbridge, SIGHUP"
    )]
    Name(String),
    /// The name was given before.
    #[error(
        "a token `{0}` exists or existed; take another name, so that the audit stays clear. `ticketbridge token list` shows all"
    )]
    Taken(String),
    /// There are too many.
    #[error("there are {MAX_API_TOKENS} tokens, revoked ones included, and no more are possible; nothing was made")]
    TooMany,
    /// It would never be valid.
    #[error("`--expires` must be longer than zero")]
    Expired,
    /// There is no such token.
    #[error(
        "there is no token `{0}` in the store; `ticketbridge token list` shows all. A token of the configuration is taken away there"
    )]
    Unknown(String),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A token as people and machines see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenView {
    /// Its name.
    pub name: String,
    /// `viewer`, `operator` or `admin`.
    pub role: String,
    /// `valid`, `expired` or `revoked`.
    pub state: &'static str,
    /// When it was made.
    pub created_at: String,
    /// By whom.
    pub created_by: String,
    /// When it ends; null: never.
    pub expires_at: Option<String>,
    /// When it was revoked; null: it was not.
    pub revoked_at: Option<String>,
    /// When it was last used, to the hour; null: never.
    pub last_used_at: Option<String>,
}

impl TokenView {
    fn of(row: ApiTokenRow, now: Wall) -> Self {
        let state = match row.revoked_at {
            Some(_) => "revoked",
            None if row.is_valid(now) => "valid",
            None => "expired",
        };
        Self {
            state,
            name: row.name,
            role: row.role,
            created_at: row.created_at.to_rfc3339(),
            created_by: row.created_by,
            expires_at: row.expires_at.map(Wall::to_rfc3339),
            revoked_at: row.revoked_at.map(Wall::to_rfc3339),
            last_used_at: row.last_used_at.map(Wall::to_rfc3339),
        }
    }
}

/// What is kept of a token.
pub fn token_hash(token: &[u8]) -> TokenHash {
    TokenHash(Sha256::digest(token).into())
}

/// Makes a token; the secret is in no other place but the answer.
pub async fn create_token(
    config: &Config,
    store: &dyn Store,
    name: &str,
    role: Role,
    expires: Option<Span>,
    who: &str,
    now: Wall,
) -> Result<(TokenView, SecretString), TokenFault> {
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > MAX_TOKEN_NAME || !name.chars().all(usable) || RESERVED.contains(&name) {
        return Err(TokenFault::Name(name.chars().take(MAX_TOKEN_NAME).collect()));
    }
    if config.server.tokens.iter().any(|token| token.name == name) {
        return Err(TokenFault::Taken(name.to_owned()));
    }
    if expires.is_some_and(|span| span.get().is_zero()) {
        return Err(TokenFault::Expired);
    }
    let secret = new_token();
    let row = ApiTokenRow {
        name: name.to_owned(),
        role: role.as_str().to_owned(),
        hash: token_hash(secret.expose_secret().as_bytes()),
        created_at: now,
        created_by: who.to_owned(),
        expires_at: expires.map(|span| now.after(span.get())),
        revoked_at: None,
        last_used_at: None,
    };
    match store.create_api_token(row.clone()).await? {
        TokenOutcome::Created => Ok((TokenView::of(row, now), secret)),
        TokenOutcome::Taken => Err(TokenFault::Taken(name.to_owned())),
        TokenOutcome::TooMany => Err(TokenFault::TooMany),
    }
}

/// All tokens of the store, by name.
pub async fn tokens(store: &dyn Store, now: Wall) -> Result<Vec<TokenView>, StoreError> {
    Ok(store.api_tokens().await?.into_iter().map(|row| TokenView::of(row, now)).collect())
}

/// Makes a token invalid for good.
pub async fn revoke_token(store: &dyn Store, name: &str, who: &str, now: Wall) -> Result<TokenView, TokenFault> {
    let revoked = store.revoke_api_token(name, who, now).await?;
    let row = revoked.ok_or_else(|| TokenFault::Unknown(name.chars().take(MAX_TOKEN_NAME).collect()))?;
    Ok(TokenView::of(row, now))
}

/// 256 random bits of the operating system, as hexadecimal digits behind the prefix.
fn new_token() -> SecretString {
    let mut text = String::with_capacity(TOKEN_PREFIX.len() + 64);
    text.push_str(TOKEN_PREFIX);
    for byte in crate::identity::seed() {
        text.extend([byte >> 4, byte & 15].into_iter().filter_map(|digit| char::from_digit(digit.into(), 16)));
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::{TokenFault, create_token, new_token, revoke_token, tokens};
    use secrecy::ExposeSecret;
    use ticketbridge_config::Config;
    use ticketbridge_config::sections::Role;
    use ticketbridge_config::types::Span;
    use ticketbridge_core::time::Wall;
    use ticketbridge_store::{AccessStore as _, MemoryStore};

    #[test]
    fn a_token_is_random_and_easily_found_by_scanners() {
        let (one, other) = (new_token(), new_token());
        let text = one.expose_secret();
        assert_ne!(text, other.expose_secret());
        assert!(text.starts_with("tb_") && text.len() == 67, "256 bits");
        assert!(text[3..].chars().all(|c| c.is_ascii_hexdigit()));
    }

    #[tokio::test]
    async fn a_token_is_made_listed_and_revoked_and_never_shown_again() {
        let (store, config) = (MemoryStore::new(1), Config::default());
        let day = Some(Span::seconds(86_400));
        let (made, secret) =
            create_token(&config, &store, "noc", Role::Operator, day, "cli", Wall(1_000)).await.unwrap();
        assert_eq!((made.role.as_str(), made.state), ("operator", "valid"));
        assert_eq!(made.expires_at.as_deref(), Some("1970-01-02T00:00:01.000Z"));
        let kept = format!("{:?}{:?}", store.api_tokens().await.unwrap(), tokens(&store, Wall(2_000)).await.unwrap());
        assert!(!kept.contains(secret.expose_secret()));
        assert_eq!(tokens(&store, Wall(86_401_000)).await.unwrap()[0].state, "expired");
        assert_eq!(revoke_token(&store, "noc", "cli", Wall(3_000)).await.unwrap().state, "revoked");
        let again = create_token(&config, &store, "noc", Role::Viewer, None, "cli", Wall(4_000)).await;
        assert!(matches!(again, Err(TokenFault::Taken(_))));
        assert!(matches!(revoke_token(&store, "x", "cli", Wall(1)).await, Err(TokenFault::Unknown(_))));
    }

    #[tokio::test]
    async fn names_that_would_blur_the_audit_are_refused() {
        let store = MemoryStore::new(1);
        let text = "[[server.tokens]]\nname = \"eye\"\nrole = \"viewer\"\ntoken = \"env:X\"\n";
        let config = Config::parse(text, "a test", std::iter::empty()).unwrap().config;
        let long = "a".repeat(65);
        for name in ["", "a b", "cli", "api", "ñ", "a\n", long.as_str()] {
            let made = create_token(&config, &store, name, Role::Viewer, None, "cli", Wall(1)).await;
            assert!(matches!(made, Err(TokenFault::Name(_))), "{name}");
        }
        let made = create_token(&config, &store, "eye", Role::Viewer, None, "cli", Wall(1)).await;
        assert!(matches!(made, Err(TokenFault::Taken(_))), "the configuration has one of this name");
        let made = create_token(&config, &store, "a", Role::Viewer, Some(Span::seconds(0)), "cli", Wall(1)).await;
        assert!(matches!(made, Err(TokenFault::Expired)));
    }
}
