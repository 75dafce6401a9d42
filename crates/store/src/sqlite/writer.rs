//! The one writer: group commit.
//!
//! A thread takes up to [`GROUP`] waiting jobs, runs each in a savepoint of its own inside one transaction, commits, and
//! only then answers. While it waits for the disk, the next group gathers: no timer, no added delay. A job that fails is
//! rolled back alone. At most [`QUEUE`] jobs wait; then callers wait. A caller that goes away does not undo its job.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use tokio::sync::{mpsc, oneshot};

use super::fault::{Fault, Health, commit_error, store_error};
use crate::StoreError;

/// Jobs in one transaction at most.
pub(super) const GROUP: usize = 64;
/// Jobs waiting at most.
const QUEUE: usize = 1_024;
/// Pages in the write-ahead log from which it is copied into the database: 4 MiB.
const CHECKPOINT_PAGES: i32 = 1_024;

/// What to do with the job's writes.
pub(super) enum Verdict<T> {
    /// Commit them and answer.
    Keep(T),
    /// Undo them and answer.
    Discard(T),
}

/// Runs jobs on its own thread until it is dropped; dropping waits for the queue to be done.
#[derive(Debug)]
pub(super) struct Writer {
    sender: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    health: Arc<Health>,
}

impl Writer {
    /// Starts the thread on a connection whose automatic checkpoints are off.
    pub(super) fn start(mut connection: Connection, path: PathBuf, health: Arc<Health>) -> Result<Self, StoreError> {
        let log_pages = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&log_pages);
        let hook = move |_: &mut Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        };
        connection.wal_hook(Some(hook)).map_err(|error| store_error(error.into(), &path))?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        let desk = Desk { connection, path, health: Arc::clone(&health), log_pages };
        let thread = std::thread::Builder::new()
            .name(String::from("store-writer"))
            .spawn(move || desk.work(receiver))
            .map_err(|error| StoreError::Refused(format!("the store's writer thread did not start: {error}")))?;
        Ok(Self { sender: Some(sender), thread: Some(thread), health })
    }

    /// Runs `work` in the next transaction and answers when that is durable.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<Verdict<T>, Fault> + Send + 'static,
    {
        self.health.check()?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Task { work: Some(work), result: None, reply });
        let Some(sender) = &self.sender else { return Err(self.health.writer_gone()) };
        sender.send(job).await.map_err(|_| self.health.writer_gone())?;
        answer.await.map_err(|_| self.health.writer_gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer thread panicked");
        }
    }
}

/// What became of a job's work.
enum Done {
    Keep,
    Undo,
    Failed(Fault),
}

/// A job without its types.
trait Job: Send {
    /// Does the work inside the open transaction; remembers the answer.
    fn work(&mut self, connection: &Connection) -> Done;
    /// Answers the caller: with what the work gave, or with why it is void.
    fn answer(self: Box<Self>, void: Option<StoreError>);
}

struct Task<T, F> {
    work: Option<F>,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<Verdict<T>, Fault> + Send,
{
    fn work(&mut self, connection: &Connection) -> Done {
        let Some(work) = self.work.take() else { return Done::Undo };
        match work(connection) {
            Ok(Verdict::Keep(result)) => {
                self.result = Some(result);
                Done::Keep
            }
            Ok(Verdict::Discard(result)) => {
                self.result = Some(result);
                Done::Undo
            }
            Err(fault) => Done::Failed(fault),
        }
    }

    fn answer(self: Box<Self>, void: Option<StoreError>) {
        let answer = match (void, self.result) {
            (Some(error), _) => Err(error),
            (None, Some(result)) => Ok(result),
            (None, None) => {
                Err(StoreError::Refused(String::from("the store did not get to this operation; try again")))
            }
        };
        // The caller may have gone away; its job is done all the same.
        drop(self.reply.send(answer));
    }
}

/// The writer's side of the queue.
struct Desk {
    connection: Connection,
    path: PathBuf,
    health: Arc<Health>,
    log_pages: Arc<AtomicI32>,
}

impl Desk {
    fn work(self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
        let mut group = Vec::with_capacity(GROUP);
        while let Some(first) = queue.blocking_recv() {
            group.push(first);
            while group.len() < GROUP
                && let Ok(next) = queue.try_recv()
            {
                group.push(next);
            }
            self.commit_group(&mut group);
            self.checkpoint();
        }
    }

    fn commit_group(&self, group: &mut Vec<Box<dyn Job>>) {
        let refused = match self.health.check() {
            Err(error) => Err(error),
            Ok(()) => self.run_group(group),
        };
        match refused {
            Ok(voids) => group.drain(..).zip(voids).for_each(|(job, void)| job.answer(void)),
            Err(error) => {
                let error = self.health.note(error);
                self.roll_back();
                group.drain(..).for_each(|job| job.answer(Some(error.clone())));
            }
        }
    }

    /// One transaction. `Err`: the whole group is void. `Ok`: durable but for the jobs that failed alone.
    fn run_group(&self, group: &mut [Box<dyn Job>]) -> Result<Vec<Option<StoreError>>, StoreError> {
        let say = |error: rusqlite::Error| store_error(error.into(), &self.path);
        self.statement("BEGIN IMMEDIATE").map_err(say)?;
        let mut voids = Vec::with_capacity(group.len());
        for job in group {
            self.statement("SAVEPOINT job").map_err(say)?;
            let (keep, void) = match job.work(&self.connection) {
                Done::Keep => (true, None),
                Done::Undo => (false, None),
                Done::Failed(fault) => (false, Some(store_error(fault, &self.path))),
            };
            if let Some(error) = &void
                && (error.is_fatal() || self.connection.is_autocommit())
            {
                // SQLite gave up the whole transaction (a full disk can do that), or the process must stop.
                return Err(error.clone());
            }
            if !keep {
                self.statement("ROLLBACK TO job").map_err(say)?;
            }
            self.statement("RELEASE job").map_err(say)?;
            voids.push(void);
        }
        self.statement("COMMIT").map_err(|error| commit_error(error, &self.path))?;
        Ok(voids)
    }

    fn statement(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            self.health.note(commit_error(error, &self.path));
        }
    }

    /// Copies the log into the database when it is long. SQLite's own automatic checkpoint hides a failed fsync; this
    /// one does not. Readers are not disturbed and do not disturb: what they still need is left for the next time.
    fn checkpoint(&self) {
        if self.log_pages.load(Ordering::Relaxed) < CHECKPOINT_PAGES || self.health.check().is_err() {
            return;
        }
        self.log_pages.store(0, Ordering::Relaxed);
        if let Err(error) =
            self.connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)").and_then(|mut statement| {
                let mut rows = statement.query([])?;
                while rows.next()?.is_some() {}
                Ok(())
            })
        {
            match store_error(error.into(), &self.path) {
                error @ StoreError::Fatal(_) => drop(self.health.note(error)),
                StoreError::Refused(text) => {
                    tracing::warn!(%text, "the write-ahead log was not copied; tried again later");
                }
            }
        }
    }
}
