//! What only the store on disk must do: survive, exclude, notice, refuse.

mod copies;
mod files;
mod running;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ticketbridge_store::{OpenMode, Opened, SqliteOptions, SqliteStore, Store};

use crate::fixture::{Holder, new_ticket};

fn options() -> SqliteOptions {
    SqliteOptions { busy_timeout: Duration::from_millis(20), ..SqliteOptions::default() }
}

fn open(path: &Path) -> Opened {
    SqliteStore::open_with(path, OpenMode::Serve, &options()).unwrap()
}

fn fails(path: &Path, mode: OpenMode) -> String {
    let error = SqliteStore::open_with(path, mode, &options()).unwrap_err();
    assert!(!error.is_fatal());
    error.to_string()
}

/// A folder with a store in which something happened.
async fn filled() -> (tempfile::TempDir, PathBuf, Arc<SqliteStore>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path).store;
    store.receive((1..=5).map(|n| new_ticket(n, &format!("m{n}"), &format!("SNR|{n}"))).collect()).await.unwrap();
    let mut holder = Holder::of(&*store, 1).await;
    let rows = holder.rows().await;
    holder.complete(&rows[0], 10).await;
    holder.send(ticketbridge_core::effect::Operation::CreateTicket, &rows[1..3], 20).await;
    (folder, path, store)
}
