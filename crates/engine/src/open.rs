//! Opening what a configuration names.

use std::path::Path;
use std::sync::Arc;

use ticketbridge_config::Config;
use ticketbridge_config::sections::StoreUrl;
use ticketbridge_store::samples::SampleStore;
use ticketbridge_store::{FeedbackStore, OpenMode, SqliteOptions, SqliteStore, Store, StoreError};

/// The opened stores.
pub struct Opened {
    /// The main store.
    pub store: Arc<dyn Store>,
    /// The main store, as the mobile-ticket job sees it.
    pub feedback: Arc<dyn FeedbackStore>,
    /// The main store as what it is: for backups.
    pub sqlite: Arc<SqliteStore>,
    /// KPI samples.
    pub samples: Arc<SampleStore>,
    /// The main store may have forgotten requests: every open row must start with look-ups.
    pub suspect: Option<String>,
}

/// Opens main and sample store. Blocks: it reads and may migrate.
pub fn open(config: &Config, mode: OpenMode) -> Result<Opened, StoreError> {
    let path = sqlite_path(config)?;
    let options = SqliteOptions { busy_timeout: config.store.busy_timeout.get(), ..SqliteOptions::default() };
    let opened = SqliteStore::open_with(path, mode, &options)?;
    let samples = Arc::new(SampleStore::open(&SampleStore::path_beside(path))?);
    let sqlite = opened.store;
    let feedback = Arc::clone(&sqlite) as Arc<dyn FeedbackStore>;
    Ok(Opened { store: Arc::clone(&sqlite) as Arc<dyn Store>, feedback, sqlite, samples, suspect: opened.suspect })
}

/// The path of the main store.
pub fn sqlite_path(config: &Config) -> Result<&Path, StoreError> {
    match &config.store.url {
        StoreUrl::Sqlite(path) => Ok(path),
        StoreUrl::Postgres(_) => Err(StoreError::Refused(String::from(
            "`store.url` names a PostgreSQL database, which this version does not carry; write `url = \"sqlite://ticketbridge.db\"` under `[store]`",
        ))),
    }
}
