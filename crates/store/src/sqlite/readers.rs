//! Read-only connections: a small pool, used on blocking threads only. Each read sees one committed state.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::fault::{Fault, Health, store_error};
use crate::StoreError;

/// A pool of read-only connections. Callers queue for a free one, first come, first served.
#[derive(Debug)]
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
    path: PathBuf,
    health: Arc<Health>,
}

impl Readers {
    /// A pool of these connections.
    pub(super) fn new(connections: Vec<Connection>, path: PathBuf, health: Arc<Health>) -> Self {
        let free = Arc::new(Semaphore::new(connections.len()));
        Self { idle: Arc::new(Mutex::new(connections)), free, path, health }
    }

    /// Runs `work` on a free connection, within one read transaction.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.health.check()?;
        let gone = |text: String| StoreError::Refused(format!("the store is closing: {text}"));
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(|error| gone(error.to_string()))?;
        let idle = Arc::clone(&self.idle);
        let result = tokio::task::spawn_blocking(move || {
            let Some(connection) = lock(&idle).pop() else {
                return Err(Fault::Rule(String::from("the store has no free read connection; try again")));
            };
            let result = connection.unchecked_transaction().map_err(Fault::from).and_then(|reading| work(&reading));
            lock(&idle).push(connection);
            drop(permit);
            result
        })
        .await
        .map_err(|error| gone(error.to_string()))?;
        result.map_err(|fault| self.health.note(store_error(fault, &self.path)))
    }
}

/// A panic of another reader leaves the list of idle connections whole.
fn lock(idle: &Mutex<Vec<Connection>>) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
