//! Who holds a store on this host, without touching its lock: to take it even for a moment would refuse a service that
//! starts just then.

use std::fs;
use std::path::Path;

use crate::sqlite::connect::resolve;
use crate::sqlite::lock::beside;

/// Who holds the lock of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockHolder {
    /// Nobody.
    Nobody,
    /// The process of this number.
    Process(String),
    /// This system does not say.
    Unknown,
}

/// Who serves this store, as the kernel's list of locks says it (Linux). A process in another container, whose list is
/// another, is not seen.
pub fn lock_holder(path: &Path) -> LockHolder {
    let lock = beside(&resolve(path), ".lock");
    match fs::metadata(&lock) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => LockHolder::Nobody,
        Err(_) => LockHolder::Unknown,
        Ok(metadata) => held(&metadata),
    }
}

#[cfg(target_os = "linux")]
fn held(lock: &fs::Metadata) -> LockHolder {
    use std::os::unix::fs::MetadataExt;

    let Ok(list) = fs::read_to_string("/proc/locks") else { return LockHolder::Unknown };
    match find(&list, lock.ino()) {
        Some(process) => LockHolder::Process(process.to_owned()),
        None => LockHolder::Nobody,
    }
}

#[cfg(not(target_os = "linux"))]
fn held(_: &fs::Metadata) -> LockHolder {
    LockHolder::Unknown
}

/// The process with a lock of the whole file on this inode. A line reads
/// `1: FLOCK  ADVISORY  WRITE 708 00:13:16271 0 EOF`. Devices are not compared: layered file systems show another one.
#[cfg(any(target_os = "linux", test))]
fn find(list: &str, inode: u64) -> Option<&str> {
    list.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let ("FLOCK", _, "WRITE", process, place) =
            (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?)
        else {
            return None;
        };
        let (_, of) = place.rsplit_once(':')?;
        (of.parse() == Ok(inode)).then_some(process)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_names_the_holder_of_a_file() {
        let list = "1: POSIX  ADVISORY  WRITE 11 08:01:4711 0 EOF\n\
                    2: FLOCK  ADVISORY  READ  12 08:01:4711 0 EOF\n\
                    2: -> FLOCK  ADVISORY  WRITE 14 08:01:4711 0 EOF\n\
                    3: FLOCK  ADVISORY  WRITE 13 08:01:4711 0 EOF\n";
        assert_eq!(find(list, 4711), Some("13"));
        assert_eq!(find(list, 471), None);
        assert_eq!(find("", 1), None);
        assert_eq!(find("nonsense\n3: FLOCK", 1), None);
    }
}
