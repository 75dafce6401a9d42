//! The tokens of the store, as the server knows them.
//!
//! Guarantee: what the door is opened by was read from the store at most [`FRESH_FOR`] before, so a token that another
//! process made, revoked or let expire is known as such within that time; an expiry needs no reading and holds at once. If
//! the store cannot be read, no token of the store opens the door. Limits: [`MAX_API_TOKENS`](ticketbridge_store::MAX_API_TOKENS) tokens in memory, one reading
//! at a time, none while nobody calls.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use subtle::ConstantTimeEq;
use ticketbridge_config::sections::Role;
use ticketbridge_core::time::{Mono, Wall};
use ticketbridge_engine::app::App;
use ticketbridge_store::{ApiTokenRow, StoreError, TOKEN_USE_STEP, TokenHash};

use crate::access::Caller;

/// How long what was read of the store's tokens is taken for true. Half of what is promised.
pub(crate) const FRESH_FOR: Duration = Duration::from_millis(500);

/// The tokens of the store. All holders share one.
#[derive(Default)]
pub(crate) struct StoredTokens {
    last: RwLock<Arc<Snapshot>>,
    /// Held by whoever reads anew.
    reading: tokio::sync::Mutex<()>,
}

/// The tokens of the store as of one moment.
#[derive(Default)]
pub(crate) struct Snapshot {
    /// When it began to be read; `None`: never.
    read_at: Option<Mono>,
    tokens: Vec<Arc<StoredToken>>,
}

/// A token of the store, and who calls by it.
struct StoredToken {
    row: ApiTokenRow,
    /// `None`: its role is none that this version knows.
    caller: Option<Arc<Caller>>,
    /// The last use that the store was told of.
    noted: AtomicI64,
}

impl StoredTokens {
    /// The tokens, read at most [`FRESH_FOR`] ago.
    pub(crate) async fn now(&self, app: &App) -> Result<Arc<Snapshot>, StoreError> {
        let last = self.last();
        if last.is_fresh(app.clock.now().mono) {
            return Ok(last);
        }
        let _turn = self.reading.lock().await;
        let last = self.last();
        // The instant before the reading: what is changed while it runs may not be in it.
        let read_at = app.clock.now().mono;
        if last.is_fresh(read_at) {
            return Ok(last);
        }
        let rows = app.store.api_tokens().await?;
        let tokens = rows.into_iter().map(|row| last.renewed(row)).collect();
        let snapshot = Arc::new(Snapshot { read_at: Some(read_at), tokens });
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&snapshot);
        Ok(snapshot)
    }

    /// The tokens as they were read last, however long ago.
    pub(crate) fn last(&self) -> Arc<Snapshot> {
        Arc::clone(&self.last.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Snapshot {
    fn is_fresh(&self, now: Mono) -> bool {
        self.read_at.is_some_and(|read_at| now.since(read_at) <= FRESH_FOR)
    }

    /// A row that was read; who calls by the token keeps his rate limit.
    fn renewed(&self, row: ApiTokenRow) -> Arc<StoredToken> {
        let known = self.tokens.iter().find(|known| known.row.hash == row.hash && known.row.role == row.role);
        let (caller, noted) = match known {
            Some(known) => (known.caller.clone(), known.noted.load(Ordering::Relaxed)),
            None => (Role::from_word(&row.role).map(|role| Arc::new(Caller::new(&row.name, role))), i64::MIN),
        };
        let noted = noted.max(row.last_used_at.map_or(i64::MIN, |at| at.0));
        Arc::new(StoredToken { row, caller, noted: AtomicI64::new(noted) })
    }

    /// Whether there ever was a token.
    pub(crate) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Whether one of them opens the door.
    pub(crate) fn any_valid(&self, now: Wall) -> bool {
        self.tokens.iter().any(|token| token.caller.is_some() && token.row.is_valid(now))
    }

    /// Who calls by a token with this hash. All are compared, whichever is the right one.
    pub(crate) fn caller(&self, hash: &TokenHash, app: &App, now: Wall) -> Option<Arc<Caller>> {
        let mut found = None;
        for token in &self.tokens {
            if bool::from(token.row.hash.0.ct_eq(&hash.0)) {
                found = Some(token);
            }
        }
        let token = found.filter(|token| token.row.is_valid(now))?;
        token.note(app, now);
        token.caller.clone()
    }
}

impl StoredToken {
    /// Tells the store of a use, once per [`TOKEN_USE_STEP`], without anybody waiting for it.
    fn note(&self, app: &App, now: Wall) {
        let noted = self.noted.load(Ordering::Relaxed);
        if noted > now.0.saturating_sub(TOKEN_USE_STEP)
            || self.noted.compare_exchange(noted, now.0, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let (store, name) = (Arc::clone(&app.store), self.row.name.clone());
        tokio::spawn(async move {
            if let Err(error) = store.api_token_used(&name, now).await {
                tracing::debug!(%error, token = name, "The use of a token could not be noted.");
            }
        });
    }
}
