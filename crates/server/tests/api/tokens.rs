//! Tokens of the store: made and revoked by another process, beside a running server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use secrecy::ExposeSecret;
use tempfile::TempDir;
use ticketbridge_config::Config;
use ticketbridge_config::sections::Role;
use ticketbridge_config::types::Span;
use ticketbridge_core::time::Wall;
use ticketbridge_engine::clock::Clock;
use ticketbridge_engine::view::{create_token, revoke_token, tokens};
use ticketbridge_server::ServerError;
use ticketbridge_store::{OpenMode, SqliteStore};

use crate::place::{CONFIG, Delivery, Place, Reply, config, reply};

/// What is promised: so long a revocation may take.
const PROMISED: Duration = Duration::from_secs(1);

/// The store as another process opens it.
fn beside(folder: &Path) -> Arc<SqliteStore> {
    SqliteStore::open(&folder.join("store.db"), OpenMode::Command).unwrap().store
}

fn now() -> Wall {
    Clock::start().now().wall
}

async fn make(folder: &Path, name: &str, role: Role) -> String {
    let made = create_token(&Config::default(), &*beside(folder), name, role, None, "cli", now()).await.unwrap();
    made.1.expose_secret().to_owned()
}

async fn get(place: &Place, token: &str) -> Reply {
    reply(place.request(Method::GET, "/api/v1/tickets").header("authorization", format!("Bearer {token}"))).await
}

#[tokio::test]
async fn a_token_of_the_store_opens_the_door_until_it_is_revoked_elsewhere() {
    let place = Place::open().await;
    assert_eq!(place.get("/api/v1/tickets").await.status, 200, "no token has ever been made");
    let token = make(place.folder.path(), "noc", Role::Viewer).await;
    tokio::time::sleep(PROMISED).await;
    place.get("/api/v1/tickets").await.problem(401);
    assert_eq!(get(&place, &token).await.status, 200);
    let change = place.request(Method::POST, "/api/v1/tickets").header("authorization", format!("Bearer {token}"));
    assert!(reply(change.body("[]")).await.problem(403).contains("`noc`"));
    for wrong in [token.to_uppercase(), format!("{token}0"), token[..66].to_owned()] {
        get(&place, &wrong).await.problem(401);
    }

    revoke_token(&*beside(place.folder.path()), "noc", "cli", now()).await.unwrap();
    tokio::time::sleep(PROMISED).await;
    assert!(get(&place, &token).await.problem(401).contains("not valid"));
    place.get("/api/v1/tickets").await.problem(401);
    assert_eq!(place.get("/healthz").await.status, 200, "revoking the last token opens nothing");
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let place = Place::open().await;
    let ago = Wall(now().0 - 10_000);
    let store = beside(place.folder.path());
    for (name, seconds, status) in [("over", 9, 401), ("left", 3_600, 200)] {
        let expires = Some(Span::seconds(seconds));
        let made = create_token(&Config::default(), &*store, name, Role::Viewer, expires, "cli", ago).await.unwrap();
        tokio::time::sleep(PROMISED).await;
        assert_eq!(get(&place, made.1.expose_secret()).await.status, status, "{name}");
    }
}

#[tokio::test]
async fn a_use_is_noted() {
    let place = Place::open().await;
    let token = make(place.folder.path(), "noc", Role::Viewer).await;
    assert_eq!(get(&place, &token).await.status, 200);
    let store = beside(place.folder.path());
    let noted = async {
        while tokens(&*store, now()).await.unwrap()[0].last_used_at.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), noted).await.expect("the use is in the store");
}

#[tokio::test]
async fn beyond_loopback_there_is_a_valid_token_at_the_start() {
    let mut exposed = config(CONFIG);
    exposed.server.listen = "0.0.0.0:0".parse().unwrap();
    let start = async |folder: TempDir| Place::in_folder(folder, exposed.clone(), Delivery::HasEnded).await;
    let folder = || tempfile::tempdir().unwrap();

    let (good, revoked) = (folder(), folder());
    for folder in [&good, &revoked] {
        // Opened once to serve, as the server itself does.
        drop(SqliteStore::open(&folder.path().join("store.db"), OpenMode::Serve).unwrap());
        make(folder.path(), "noc", Role::Admin).await;
    }
    revoke_token(&*beside(revoked.path()), "noc", "cli", now()).await.unwrap();
    assert!(start(good).await.is_ok());
    for folder in [revoked, folder()] {
        match start(folder).await {
            Err(error @ ServerError::Exposed(_)) => {
                let text = error.to_string();
                assert!(text.contains("TB0001") && text.contains("`ticketbridge token create"), "{text}");
            }
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("it listens without a valid token"),
        }
    }
}
