//! Tokens of callers, and the audit.

use serde_json::json;
use ticketbridge_core::ticket::{BackendName, OriginId};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{
    Act, ApiTokenRow, AuditEntry, AuditPage, BackendOverride, MAX_API_TOKENS, Store, TOKEN_USE_STEP, TokenHash,
    TokenOutcome,
};
use uuid::Uuid;

use crate::fixture::{key, new_ticket, over_each_store, platform, sqlite};

over_each_store!(
    a_token_is_kept_until_it_is_revoked,
    a_name_and_a_token_are_given_once,
    a_use_is_noted_once_an_hour_at_most,
    there_is_a_most_of_tokens,
    changes_leave_a_line_with_them,
    what_was_not_done_leaves_none,
    the_audit_is_read_in_pages_and_purged_from_its_end,
);

pub(crate) fn token(name: &str, number: u8, at: i64) -> ApiTokenRow {
    ApiTokenRow {
        name: name.to_owned(),
        role: String::from("operator"),
        hash: TokenHash([number; 32]),
        created_at: Wall(at),
        created_by: String::from("ana"),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

async fn lines(store: &dyn Store) -> Vec<(String, String, String, String)> {
    let lines = store.audit(AuditPage { before: None, limit: 100 }).await.unwrap();
    let said = |entry: AuditEntry| (entry.who, entry.act, entry.subject, entry.detail.to_string());
    lines.into_iter().rev().map(|line| said(line.entry)).collect()
}

fn line(who: &str, act: &str, subject: &str, detail: &str) -> (String, String, String, String) {
    (who.to_owned(), act.to_owned(), subject.to_owned(), detail.to_owned())
}

async fn a_token_is_kept_until_it_is_revoked(store: &dyn Store) {
    let limited = ApiTokenRow { expires_at: Some(Wall(50)), ..token("b", 1, 10) };
    assert_eq!(store.create_api_token(limited.clone()).await.unwrap(), TokenOutcome::Created);
    assert_eq!(store.create_api_token(token("a", 2, 11)).await.unwrap(), TokenOutcome::Created);
    assert_eq!(store.api_tokens().await.unwrap(), [token("a", 2, 11), limited.clone()], "by name");
    assert!(limited.is_valid(Wall(49)) && !limited.is_valid(Wall(50)), "valid up to its end");

    assert_eq!(store.revoke_api_token("nobody", "eva", Wall(20)).await.unwrap(), None);
    let revoked = store.revoke_api_token("a", "eva", Wall(20)).await.unwrap().unwrap();
    assert!(revoked.revoked_at == Some(Wall(20)) && !revoked.is_valid(Wall(20)));
    let again = store.revoke_api_token("a", "ana", Wall(30)).await.unwrap();
    assert_eq!(again, Some(revoked.clone()), "the first revocation counts");
    assert_eq!(store.api_tokens().await.unwrap(), [revoked, limited], "it stays, so that its name is not given again");
    let expected = [
        line("ana", "token.create", "b", r#"{"expires_at":"1970-01-01T00:00:00.050Z","role":"operator"}"#),
        line("ana", "token.create", "a", r#"{"expires_at":null,"role":"operator"}"#),
        line("eva", "token.revoke", "a", "{}"),
    ];
    assert_eq!(lines(store).await, expected);
}

async fn a_name_and_a_token_are_given_once(store: &dyn Store) {
    assert_eq!(store.create_api_token(token("a", 1, 10)).await.unwrap(), TokenOutcome::Created);
    store.revoke_api_token("a", "ana", Wall(11)).await.unwrap();
    assert_eq!(store.create_api_token(token("a", 2, 12)).await.unwrap(), TokenOutcome::Taken);
    assert_eq!(store.create_api_token(token("b", 1, 12)).await.unwrap(), TokenOutcome::Taken);
    assert_eq!((store.api_tokens().await.unwrap().len(), lines(store).await.len()), (1, 2));
}

async fn a_use_is_noted_once_an_hour_at_most(store: &dyn Store) {
    store.create_api_token(token("a", 1, 10)).await.unwrap();
    for (at, kept) in [(100, 100), (101, 100), (99 + TOKEN_USE_STEP, 100), (100 + TOKEN_USE_STEP, 100 + TOKEN_USE_STEP)]
    {
        store.api_token_used("a", Wall(at)).await.unwrap();
        assert_eq!(store.api_tokens().await.unwrap()[0].last_used_at, Some(Wall(kept)));
    }
    store.api_token_used("nobody", Wall(1)).await.unwrap();
}

async fn there_is_a_most_of_tokens(store: &dyn Store) {
    for number in 0..MAX_API_TOKENS {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        let next = ApiTokenRow { hash: TokenHash(hash), ..token(&format!("t{number}"), 0, 1) };
        assert_eq!(store.create_api_token(next).await.unwrap(), TokenOutcome::Created);
    }
    assert_eq!(store.create_api_token(token("more", 9, 1)).await.unwrap(), TokenOutcome::TooMany);
    assert_eq!(store.api_tokens().await.unwrap().len(), MAX_API_TOKENS);
}

async fn changes_leave_a_line_with_them(store: &dyn Store) {
    let id = OriginId(Uuid::from_u128(1));
    store.receive(vec![new_ticket(1, "m1", "SNR|a")]).await.unwrap();
    let away = Act::Reassign { backend: BackendName::new("be-2"), platform: platform() };
    store.act(id, away, "ana", Wall(2)).await.unwrap();
    store.act(id, Act::Dismiss { reason: String::from("of ana@example.org") }, "ana", Wall(3)).await.unwrap();
    let setting = BackendOverride { value: json!(1), file_value: json!(2), who: String::from("eva"), at: Wall(4) };
    let set = AuditEntry::new(Wall(4), "eva", "backend.set", "be-1").with(json!({"old": 2, "new": 1}));
    store.set_backend_override(&BackendName::new("be-1"), "max_retries", Some(setting), set).await.unwrap();
    let accepted = AuditEntry::new(Wall(5), "eva", "platform.accept_loss", "cherwell");
    store.accept_loss(&platform(), &[key("SNR|a")], accepted).await.unwrap();
    let ticket = id.to_string();
    let expected = [
        line("ana", "ticket.reassign", &ticket, r#"{"backend":"be-2"}"#),
        line("ana", "ticket.dismiss", &ticket, "{}"),
        line("eva", "backend.set", "be-1", r#"{"new":1,"old":2}"#),
        line("eva", "platform.accept_loss", "cherwell", "{}"),
    ];
    assert_eq!(lines(store).await, expected);
}

async fn what_was_not_done_leaves_none(store: &dyn Store) {
    let id = OriginId(Uuid::from_u128(1));
    store.act(id, Act::Retry, "ana", Wall(1)).await.unwrap();
    store.receive(vec![new_ticket(1, "m1", "SNR|a")]).await.unwrap();
    store.act(id, Act::Retry, "ana", Wall(2)).await.unwrap();
    store.revoke_api_token("nobody", "ana", Wall(3)).await.unwrap();
    assert!(lines(store).await.is_empty());
}

async fn the_audit_is_read_in_pages_and_purged_from_its_end(store: &dyn Store) {
    for at in 1..=5 {
        let entry = AuditEntry::new(Wall(at * 10), "ana", "x.y", &at.to_string());
        assert_eq!(store.record_audit(entry).await.unwrap(), at);
    }
    let page = async |before, limit| {
        let lines = store.audit(AuditPage { before, limit }).await.unwrap();
        lines.into_iter().map(|line| line.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, [5, 4]);
    assert_eq!(page(Some(4), 2).await, [3, 2]);
    assert_eq!(store.purge_audit(Wall(40), 2).await.unwrap(), 2);
    assert_eq!(page(Some(4), 9).await, [3]);
    assert_eq!(store.purge_audit(Wall(1_000), 9).await.unwrap(), 3);
    assert_eq!(store.purge_audit(Wall(1_000), 9).await.unwrap(), 0);
    let entry = AuditEntry::new(Wall(60), "ana", "x.y", &"é".repeat(400));
    assert_eq!(entry.subject.chars().count(), 300);
    assert_eq!(store.record_audit(entry).await.unwrap(), 6, "a number is never used twice");
}

#[test]
fn a_hash_is_in_no_debug_output() {
    let shown = format!("{:?}", token("a", 0xab, 1));
    assert!(shown.contains("TokenHash(…)") && !shown.contains("ab") && !shown.contains("171"), "{shown}");
}

#[tokio::test]
async fn a_line_and_its_change_are_one_transaction() {
    let (store, folder) = sqlite(1);
    let other = rusqlite_at(&folder);
    other
        .execute_batch("CREATE TRIGGER no_audit BEFORE INSERT ON audit_line BEGIN SELECT raise(ABORT, 'no'); END;")
        .unwrap();
    store.receive(vec![new_ticket(1, "m1", "SNR|a")]).await.unwrap();
    let id = OriginId(Uuid::from_u128(1));
    let entry = || AuditEntry::new(Wall(1), "ana", "x.y", "");
    assert!(store.act(id, Act::Dismiss { reason: String::from("x") }, "ana", Wall(3)).await.is_err());
    assert!(store.create_api_token(token("a", 1, 1)).await.is_err());
    let value = BackendOverride { value: json!(1), file_value: json!(2), who: String::from("eva"), at: Wall(4) };
    assert!(store.set_backend_override(&BackendName::new("be-1"), "x", Some(value), entry()).await.is_err());
    assert!(store.accept_loss(&platform(), &[], entry()).await.is_err());
    let row = store.ticket(id).await.unwrap().unwrap().row;
    assert!(row.state.is_open() && store.acts(row.id).await.unwrap().is_empty(), "nothing without its line");
    assert!(store.api_tokens().await.unwrap().is_empty() && store.backend_overrides().await.unwrap().is_empty());
    assert!(store.changes(0).await.unwrap().is_empty());
}

fn rusqlite_at(folder: &tempfile::TempDir) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.path().join("store.db")).unwrap()
}
