//! One loader and one run at a time, over all processes of this machine.
//!
//! Guarantee: whoever holds the loader's lock may take any open load for one that was cut off, because nobody else is
//! loading. The operating system gives a lock back when its process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::StoreError;

/// How long one look at a held lock waits for the next.
const PAUSE: Duration = Duration::from_millis(50);
/// Looks before it is given up: 60 s, about the time of a load of a whole day at the design limit.
const LOOKS: u32 = 1_200;

/// What a lock is for; a lock file each.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Loading,
    Running,
}

/// The right to do what the lock is for; given back when dropped.
#[derive(Debug)]
pub struct HostLock(#[expect(dead_code, reason = "held for its lock")] Option<File>);

impl HostLock {
    /// Waits for the lock beside `store`; `None`: a store in memory, which no other process sees.
    pub(super) fn take(store: Option<&Path>, purpose: Purpose) -> Result<Self, StoreError> {
        let Some(store) = store else {
            return Ok(Self(None));
        };
        let mut path = store.as_os_str().to_owned();
        let (suffix, doing) = match purpose {
            Purpose::Loading => ("-loading", "been loading into"),
            Purpose::Running => ("-running", "had a workflow run over"),
        };
        path.push(suffix);
        let path = Path::new(&path);
        let refuse = |error: &dyn std::fmt::Display| {
            StoreError::Refused(format!(
                "the lock file `{}` can't be used: {error}; make its folder writable",
                path.display()
            ))
        };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(|e| refuse(&e))?;
        for _ in 0..LOOKS {
            match file.try_lock() {
                Ok(()) => return Ok(Self(Some(file))),
                // The system tells nobody when a file lock comes free within a time: looking again is the only way.
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(refuse(&error)),
            }
        }
        Err(StoreError::Refused(format!(
            "another process has {doing} `{}` for more than {} s; nothing was done. Try again when it is done",
            store.display(),
            u64::from(LOOKS) * PAUSE.as_millis() as u64 / 1_000
        )))
    }
}
