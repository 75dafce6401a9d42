//! One serving process per store and host: an exclusive lock of the operating system on `<db>.lock`, held as long as the
//! process lives and given back by the kernel even after a crash. The file names the process for people.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// Held: no other process of this host serves this store.
#[derive(Debug)]
pub(super) struct HostLock {
    _file: File,
}

/// `<db>` with `.suffix` appended to its whole name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

impl HostLock {
    /// Takes the lock, or says who has it.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let lock = beside(path, ".lock");
        let refuse = |error: std::io::Error| {
            StoreError::Refused(format!(
                "the lock file {} cannot be written ({error}): give this user write permission on its folder",
                lock.display()
            ))
        };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock).map_err(refuse)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                if file.read_to_string(&mut holder).is_err() || holder.trim().is_empty() {
                    holder = String::from("unknown");
                }
                return Err(StoreError::Refused(format!(
                    "TB0101: the store {} is in use by process {}: stop that one first, or give this one a store of its own ([store] url)",
                    path.display(),
                    holder.trim()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(refuse(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(refuse)?;
        writeln!(file, "{}", std::process::id()).map_err(refuse)?;
        Ok(Self { _file: file })
    }
}
