//! Tokens and audit.

use std::collections::BTreeMap;

use async_trait::async_trait;
use ticketbridge_core::time::Wall;

use super::MemoryStore;
use crate::rules::{token_created, token_revoked};
use crate::{
    AccessStore, ApiTokenRow, AuditEntry, AuditLine, AuditPage, MAX_API_TOKENS, MAX_PAGE, StoreError, TOKEN_USE_STEP,
    TokenOutcome,
};

/// Tokens by name, and the audit, newest last.
#[derive(Debug, Clone, Default)]
pub(super) struct Access {
    tokens: BTreeMap<String, ApiTokenRow>,
    lines: Vec<AuditLine>,
    last_line: i64,
}

impl Access {
    /// Writes a line of the audit.
    pub(super) fn record(&mut self, entry: AuditEntry) -> i64 {
        self.last_line += 1;
        self.lines.push(AuditLine { id: self.last_line, entry });
        self.last_line
    }

    fn create(&mut self, token: ApiTokenRow) -> TokenOutcome {
        if self.tokens.values().any(|known| known.name == token.name || known.hash == token.hash) {
            return TokenOutcome::Taken;
        }
        if self.tokens.len() >= MAX_API_TOKENS {
            return TokenOutcome::TooMany;
        }
        self.record(token_created(&token));
        self.tokens.insert(token.name.clone(), token);
        TokenOutcome::Created
    }

    fn revoke(&mut self, name: &str, who: &str, at: Wall) -> Option<ApiTokenRow> {
        let token = self.tokens.get_mut(name)?;
        let is_new = token.revoked_at.is_none();
        token.revoked_at = token.revoked_at.or(Some(at));
        let token = token.clone();
        if is_new {
            self.record(token_revoked(name, who, at));
        }
        Some(token)
    }

    fn purge(&mut self, before: Wall, limit: usize) -> usize {
        let mut old: Vec<_> = self.lines.iter().filter(|line| line.entry.at < before).collect();
        old.sort_by_key(|line| (line.entry.at, line.id));
        let old: Vec<i64> = old.into_iter().take(limit).map(|line| line.id).collect();
        self.lines.retain(|line| !old.contains(&line.id));
        old.len()
    }
}

#[async_trait]
impl AccessStore for MemoryStore {
    async fn create_api_token(&self, token: ApiTokenRow) -> Result<TokenOutcome, StoreError> {
        Ok(self.change(|model| model.access.create(token)))
    }

    async fn revoke_api_token(&self, name: &str, who: &str, at: Wall) -> Result<Option<ApiTokenRow>, StoreError> {
        Ok(self.change(|model| model.access.revoke(name, who, at)))
    }

    async fn api_tokens(&self) -> Result<Vec<ApiTokenRow>, StoreError> {
        Ok(self.model().access.tokens.values().cloned().collect())
    }

    async fn api_token_used(&self, name: &str, at: Wall) -> Result<(), StoreError> {
        self.change(|model| {
            if let Some(token) = model.access.tokens.get_mut(name)
                && token.last_used_at.is_none_or(|last| last.0 <= at.0 - TOKEN_USE_STEP)
            {
                token.last_used_at = Some(at);
            }
        });
        Ok(())
    }

    async fn record_audit(&self, entry: AuditEntry) -> Result<i64, StoreError> {
        Ok(self.change(|model| model.access.record(entry)))
    }

    async fn audit(&self, page: AuditPage) -> Result<Vec<AuditLine>, StoreError> {
        let model = self.model();
        let lines = model.access.lines.iter().rev().filter(|line| page.before.is_none_or(|before| line.id < before));
        Ok(lines.take(page.limit.min(MAX_PAGE)).cloned().collect())
    }

    async fn purge_audit(&self, before: Wall, limit: usize) -> Result<usize, StoreError> {
        Ok(self.change(|model| model.access.purge(before, limit)))
    }
}
