//! Tokens and audit.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use ticketbridge_core::time::Wall;

use super::SqliteStore;
use super::fault::Fault;
use super::rows::limit;
use crate::rules::{token_created, token_revoked};
use crate::{
    AccessStore, ApiTokenRow, AuditEntry, AuditLine, AuditPage, MAX_API_TOKENS, MAX_PAGE, StoreError, TOKEN_USE_STEP,
    TokenHash, TokenOutcome,
};

const TOKEN_COLUMNS: &str = "name, role, hash, created_at, created_by, expires_at, revoked_at, last_used_at";

#[async_trait]
impl AccessStore for SqliteStore {
    async fn create_api_token(&self, token: ApiTokenRow) -> Result<TokenOutcome, StoreError> {
        self.write(move |store| create(store, &token)).await
    }

    async fn revoke_api_token(&self, name: &str, who: &str, at: Wall) -> Result<Option<ApiTokenRow>, StoreError> {
        let (name, who) = (name.to_owned(), who.to_owned());
        self.write(move |store| revoke(store, &name, &who, at)).await
    }

    async fn api_tokens(&self) -> Result<Vec<ApiTokenRow>, StoreError> {
        self.read(|store| {
            let mut find = store.prepare_cached(&format!("SELECT {TOKEN_COLUMNS} FROM api_token ORDER BY name"))?;
            Ok(find.query_map([], token)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn api_token_used(&self, name: &str, at: Wall) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |store| {
            let note =
                "UPDATE api_token SET last_used_at = ?2 WHERE name = ?1 AND coalesce(last_used_at <= ?2 - ?3, 1)";
            store.prepare_cached(note)?.execute(params![name, at.0, TOKEN_USE_STEP])?;
            Ok(())
        })
        .await
    }

    async fn record_audit(&self, entry: AuditEntry) -> Result<i64, StoreError> {
        self.write(move |store| record(store, &entry)).await
    }

    async fn audit(&self, page: AuditPage) -> Result<Vec<AuditLine>, StoreError> {
        self.read(move |store| {
            let find =
                "SELECT id, at, who, act, subject, detail FROM audit_line WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
            let mut find = store.prepare_cached(find)?;
            let before = page.before.unwrap_or(i64::MAX);
            let mut rows = find.query(params![before, limit(page.limit.min(MAX_PAGE))])?;
            let mut lines = Vec::new();
            while let Some(row) = rows.next()? {
                lines.push(line(row)?);
            }
            Ok(lines)
        })
        .await
    }

    async fn purge_audit(&self, before: Wall, most: usize) -> Result<usize, StoreError> {
        self.write(move |store| {
            let purge =
                "DELETE FROM audit_line WHERE id IN (SELECT id FROM audit_line WHERE at < ?1 ORDER BY at, id LIMIT ?2)";
            Ok(store.prepare_cached(purge)?.execute(params![before.0, limit(most)])?)
        })
        .await
    }
}

fn token(row: &Row<'_>) -> rusqlite::Result<ApiTokenRow> {
    Ok(ApiTokenRow {
        name: row.get(0)?,
        role: row.get(1)?,
        hash: TokenHash(row.get(2)?),
        created_at: Wall(row.get(3)?),
        created_by: row.get(4)?,
        expires_at: row.get::<_, Option<i64>>(5)?.map(Wall),
        revoked_at: row.get::<_, Option<i64>>(6)?.map(Wall),
        last_used_at: row.get::<_, Option<i64>>(7)?.map(Wall),
    })
}

fn line(row: &Row<'_>) -> Result<AuditLine, Fault> {
    let detail: String = row.get(5)?;
    let entry = AuditEntry {
        at: Wall(row.get(1)?),
        who: row.get(2)?,
        act: row.get(3)?,
        subject: row.get(4)?,
        detail: serde_json::from_str(&detail)?,
    };
    Ok(AuditLine { id: row.get(0)?, entry })
}

fn create(store: &Connection, token: &ApiTokenRow) -> Result<TokenOutcome, Fault> {
    let known = store
        .prepare_cached("SELECT 1 FROM api_token WHERE name = ?1 OR hash = ?2")?
        .exists(params![token.name, token.hash.0])?;
    if known {
        return Ok(TokenOutcome::Taken);
    }
    let count: i64 = store.query_row("SELECT count(*) FROM api_token", [], |row| row.get(0))?;
    if count >= limit(MAX_API_TOKENS) {
        return Ok(TokenOutcome::TooMany);
    }
    store
        .prepare_cached(&format!("INSERT INTO api_token({TOKEN_COLUMNS}) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"))?
        .execute(params![
            token.name,
            token.role,
            token.hash.0,
            token.created_at.0,
            token.created_by,
            token.expires_at.map(|at| at.0),
            token.revoked_at.map(|at| at.0),
            token.last_used_at.map(|at| at.0),
        ])?;
    record(store, &token_created(token))?;
    Ok(TokenOutcome::Created)
}

fn revoke(store: &Connection, name: &str, who: &str, at: Wall) -> Result<Option<ApiTokenRow>, Fault> {
    let revoked = store
        .prepare_cached("UPDATE api_token SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL")?
        .execute(params![name, at.0])?;
    if revoked > 0 {
        record(store, &token_revoked(name, who, at))?;
    }
    let mut find = store.prepare_cached(&format!("SELECT {TOKEN_COLUMNS} FROM api_token WHERE name = ?1"))?;
    Ok(find.query_row([name], token).optional()?)
}

/// Writes a line of the audit into the transaction under way.
pub(super) fn record(store: &Connection, entry: &AuditEntry) -> Result<i64, Fault> {
    store
        .prepare_cached("INSERT INTO audit_line(at, who, act, subject, detail) VALUES(?1, ?2, ?3, ?4, ?5)")?
        .execute(params![entry.at.0, entry.who, entry.act, entry.subject, entry.detail.to_string()])?;
    Ok(store.last_insert_rowid())
}
