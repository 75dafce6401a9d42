//! What is in force, kept in the store: for `config diff`, and for the next start.

use serde_json::{Value, json};
use ticketbridge_config::{Config, Loaded, Sources};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{Store, StoreError};

use crate::app::App;

/// Name of the document.
const DOCUMENT: &str = "config/in-force";

/// The configuration that the running service has in force, or the last one had. Secrets are references.
#[derive(Debug, Clone)]
pub struct LastInForce {
    /// Since when.
    pub since: Wall,
    /// As it was read, but for what needs a restart.
    pub file: Config,
    /// With the backends that were no longer in the file.
    pub in_force: Config,
}

/// Keeps what is in force now. A failure costs `config diff` and what the next start knows, and is told.
pub(crate) async fn keep(app: &App, file: &Config, in_force: &Config) {
    let document = json!({
        "since": app.clock.now().wall.0,
        "file": text(file),
        "in_force": text(in_force),
    });
    if let Err(error) = app.store.put_document(DOCUMENT, Some(document)).await {
        tracing::warn!(%error, "What is in force could not be written down; `config diff` shows what was before.");
    }
}

/// What the running service has in force, or the last one had. `None`: none ever ran with this store, or what it wrote
/// is not read by this version.
pub async fn last_in_force(store: &dyn Store) -> Result<Option<LastInForce>, StoreError> {
    let Some(document) = store.document(DOCUMENT).await? else { return Ok(None) };
    let config = |key: &str| {
        let text = document.get(key).and_then(Value::as_str)?;
        Config::parse(text, "what is in force", std::iter::empty()).ok().map(|loaded| loaded.config)
    };
    let since = document.get("since").and_then(Value::as_i64).map(Wall);
    Ok(since.zip(config("file")).zip(config("in_force")).map(|((since, file), in_force)| LastInForce {
        since,
        file,
        in_force,
    }))
}

/// In the form of a file that gives the same configuration.
fn text(config: &Config) -> String {
    Loaded { config: config.clone(), sources: Sources::default(), warnings: Vec::new() }.to_toml()
}
