//! Who changed what: the lines of the audit, and how a change leaves one.
//!
//! Guarantee: no change without its line. Where the store keeps both, they are one transaction (`ticket.retry`). Where a
//! change is more than one write, or happens elsewhere, the line comes first ([`Actor::asked`]): `feedback.run.asked` says
//! that it was asked for, and not that it went well; if the line cannot be written, nothing is done.

use serde::Serialize;
use serde_json::Value;
use ticketbridge_core::time::Wall;
use ticketbridge_store::{AuditEntry, AuditLine, AuditPage, MAX_PAGE, Store, StoreError};
use utoipa::ToSchema;

/// Who asks for a change, and when.
#[derive(Clone, Copy)]
pub struct Actor<'a> {
    /// Where the line goes.
    pub store: &'a dyn Store,
    /// Name of the token, or `cli`.
    pub who: &'a str,
    /// Now.
    pub at: Wall,
}

impl Actor<'_> {
    /// Writes that a change is asked for, before it is made. `detail` is an object without secrets and persons.
    pub async fn asked(&self, act: &str, subject: &str, detail: Value) -> Result<(), StoreError> {
        let entry = AuditEntry::new(self.at, self.who, &format!("{act}.asked"), subject).with(detail);
        self.store.record_audit(entry).await.map(drop)
    }
}

/// A line of the audit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AuditView {
    /// Its number.
    pub id: i64,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Name of the token, `cli`, or what else started it.
    pub who: String,
    /// What, such as `backend.set`; with `.asked` at its end it was written before the change, which may have failed.
    pub act: String,
    /// What it is about; may be empty.
    pub subject: String,
    /// More, as an object.
    #[schema(value_type = Object)]
    pub detail: Value,
}

impl From<AuditLine> for AuditView {
    fn from(line: AuditLine) -> Self {
        let AuditEntry { at, who, act, subject, detail } = line.entry;
        Self { id: line.id, at: at.to_rfc3339(), who, act, subject, detail }
    }
}

/// A page of the audit, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AuditViewPage {
    /// The lines.
    pub items: Vec<AuditView>,
    /// Where the next page begins; null: this was the last one.
    pub next: Option<String>,
}

/// Why a page cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum AuditPageFault {
    /// The limit is out of range.
    #[error("`limit` is {0}; it must be 1 to {MAX_PAGE}")]
    Limit(usize),
    /// The cursor is not one of ours.
    #[error(
        "`cursor` is not one that this API gave; take it unchanged from `next` of the page before, or leave it out"
    )]
    Cursor,
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A page of the audit, newest first: `limit` at most, after the line that `cursor` stands for.
pub async fn audit(store: &dyn Store, limit: usize, cursor: Option<&str>) -> Result<AuditViewPage, AuditPageFault> {
    if limit == 0 || limit > MAX_PAGE {
        return Err(AuditPageFault::Limit(limit));
    }
    let before = cursor.map(|text| read_cursor(text).ok_or(AuditPageFault::Cursor)).transpose()?;
    let lines = store.audit(AuditPage { before, limit }).await?;
    let last = lines.last().map(|line| line.id).filter(|_| lines.len() == limit);
    let next = match last {
        Some(last) if !store.audit(AuditPage { before: Some(last), limit: 1 }).await?.is_empty() => {
            Some(last.to_string())
        }
        _ => None,
    };
    Ok(AuditViewPage { items: lines.into_iter().map(AuditView::from).collect(), next })
}

fn read_cursor(text: &str) -> Option<i64> {
    text.parse().ok().filter(|id: &i64| *id > 0 && text.len() <= 18 && id.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::{Actor, AuditPageFault, audit, read_cursor};
    use serde_json::json;
    use ticketbridge_core::time::Wall;
    use ticketbridge_store::{MemoryStore, Store};

    #[tokio::test]
    async fn pages_follow_each_other_to_the_end() {
        let store = MemoryStore::new(1);
        let store: &dyn Store = &store;
        for number in 0..4 {
            let actor = Actor { store, who: "ana", at: Wall(number) };
            actor.asked("x.y", "z", json!({"n": number})).await.unwrap();
        }
        let first = audit(store, 2, None).await.unwrap();
        assert_eq!(first.items[0].act, "x.y.asked");
        assert_eq!(first.items.iter().map(|line| line.id).collect::<Vec<_>>(), [4, 3]);
        let second = audit(store, 2, first.next.as_deref()).await.unwrap();
        assert_eq!((second.items.len(), second.items[1].id, second.next), (2, 1, None), "the end is known at the end");
        assert!(matches!(audit(store, 0, None).await, Err(AuditPageFault::Limit(0))));
        assert!(matches!(audit(store, 1, Some("x")).await, Err(AuditPageFault::Cursor)));
    }

    #[test]
    fn only_our_own_cursors_are_taken() {
        assert_eq!(read_cursor("17"), Some(17));
        for text in ["", "0", "-1", "+1", "01", "1.0", "99999999999999999999"] {
            assert_eq!(read_cursor(text), None, "{text}");
        }
    }
}
