//! Who may call, and who did what: the tokens of callers and the audit.
//!
//! Guarantee: a token is never stored, only its SHA-256, and not even that is in a `Debug` output. A change that comes with
//! an [`AuditEntry`] and its line are one transaction. Limits: [`MAX_API_TOKENS`] tokens; lines of the audit live until
//! [`AccessStore::purge_audit`], a page has at most [`MAX_PAGE`](crate::MAX_PAGE).

use std::fmt;

use async_trait::async_trait;
use serde_json::Value;
use ticketbridge_core::time::Wall;

use crate::StoreError;

/// Most tokens, revoked and expired ones included.
pub const MAX_API_TOKENS: usize = 1_000;
/// The last use of a token is kept to this many milliseconds.
pub const TOKEN_USE_STEP: i64 = 3_600_000;
/// Longest subject of an audit line, in characters; longer ones are cut.
pub const MAX_AUDIT_SUBJECT: usize = 300;

/// SHA-256 of a token. Compare it in constant time where it comes from outside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// A token as kept. The store knows nothing of roles: `role` is a word of the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiTokenRow {
    /// Its name, never given twice.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// What is kept of the token itself.
    pub hash: TokenHash,
    /// When it was made.
    pub created_at: Wall,
    /// By whom.
    pub created_by: String,
    /// From then on it is not valid; `None`: it does not expire.
    pub expires_at: Option<Wall>,
    /// Since then it is not valid; `None`: it was not revoked.
    pub revoked_at: Option<Wall>,
    /// When it was last used, to [`TOKEN_USE_STEP`]; `None`: never.
    pub last_used_at: Option<Wall>,
}

impl ApiTokenRow {
    /// Whether it opens the door at this instant.
    pub fn is_valid(&self, now: Wall) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// What became of a wish for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenOutcome {
    /// It is there.
    Created,
    /// The name (or the very token) was given before; nothing was changed.
    Taken,
    /// There are [`MAX_API_TOKENS`]; nothing was changed.
    TooMany,
}

/// One line of the audit, before it has a number.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// When.
    pub at: Wall,
    /// Who: name of the token, `cli`, or what else started it.
    pub who: String,
    /// What, as `subject.verb`. With `.asked` at its end the line was written before the change, which may have failed.
    pub act: String,
    /// What it is about: a ticket, a backend, an organizer, a token; may be empty.
    pub subject: String,
    /// More, as a JSON object. Never a secret, never a person.
    pub detail: Value,
}

impl AuditEntry {
    /// A line without detail.
    pub fn new(at: Wall, who: &str, act: &str, subject: &str) -> Self {
        let subject = subject.chars().take(MAX_AUDIT_SUBJECT).collect();
        let detail = Value::Object(serde_json::Map::new());
        Self { at, who: who.to_owned(), act: act.to_owned(), subject, detail }
    }

    /// With this detail, which must be an object.
    #[must_use]
    pub fn with(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }
}

/// One line of the audit.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditLine {
    /// Its number: rising, never used twice.
    pub id: i64,
    /// What it says.
    pub entry: AuditEntry,
}

/// A page of the audit, from the newest line to the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditPage {
    /// Only lines before this one.
    pub before: Option<i64>,
    /// Lines at most; capped at [`MAX_PAGE`](crate::MAX_PAGE).
    pub limit: usize,
}

/// Tokens and audit; a part of [`Store`](crate::Store).
#[async_trait]
pub trait AccessStore: Send + Sync + 'static {
    /// Keeps a new token, with the audit line `token.create`. `revoked_at` and `last_used_at` are taken as given.
    async fn create_api_token(&self, token: ApiTokenRow) -> Result<TokenOutcome, StoreError>;

    /// Makes a token invalid for good, with the audit line `token.revoke`, and answers it as it is now. One that was
    /// revoked before keeps its instant and gets no second line. `None`: there is none of this name.
    async fn revoke_api_token(&self, name: &str, who: &str, at: Wall) -> Result<Option<ApiTokenRow>, StoreError>;

    /// All tokens, by name.
    async fn api_tokens(&self) -> Result<Vec<ApiTokenRow>, StoreError>;

    /// Takes note that a token was used. Within [`TOKEN_USE_STEP`] of the use before nothing is written.
    async fn api_token_used(&self, name: &str, at: Wall) -> Result<(), StoreError>;

    /// Writes one line of the audit and answers its number.
    async fn record_audit(&self, entry: AuditEntry) -> Result<i64, StoreError>;

    /// A page of the audit, newest first.
    async fn audit(&self, page: AuditPage) -> Result<Vec<AuditLine>, StoreError>;

    /// Deletes lines older than `before`, the oldest first, at most `limit`; answers how many.
    async fn purge_audit(&self, before: Wall, limit: usize) -> Result<usize, StoreError>;
}
