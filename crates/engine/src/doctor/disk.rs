//! Room where files are written, what kind of file system the store is on, and how long a durable commit takes there.
//!
//! A commit is tried out with a scratch database beside the store, opened as a store is. Whether the disk keeps what it says
//! it has cannot be found out from here; a commit that is faster than any disk is told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ticketbridge_store::inspect::{Scratch, StoreState};
use tokio::time::Instant;

use super::{Area, Finding, Subject, ancestry, blocking, folder, size};
use crate::feedback::dumps_folder;

/// Less room than this is a warning, whatever the size of the store.
const FREE_ENOUGH: u64 = 1 << 30;
/// Less room than this is a failure: two write-ahead logs of 64 MiB no longer fit.
const FREE_LEAST: u64 = 128 << 20;
/// A slower commit, by its median, is a warning.
const SLOW_COMMIT: Duration = Duration::from_millis(100);
/// No disk that waits for its medium is faster.
const TOO_FAST: Duration = Duration::from_micros(15);
/// Commits that are timed.
const COMMITS: usize = 7;

/// A kind of file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileSystem {
    Local,
    /// Reached over a network.
    Network(&'static str),
    /// Held in memory.
    Memory(&'static str),
    /// Somebody's program; it may be anything.
    Fuse,
    /// This system does not say.
    Unknown,
}

/// A folder that is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// What it is for.
    of: &'static str,
    path: PathBuf,
    /// Free for this user and all, in bytes; `None`: could not be asked.
    room: Option<(u64, u64)>,
    file_system: FileSystem,
    /// What has to fit in besides.
    wanted: u64,
}

pub(super) async fn look(subject: &Subject<'_>, store: Option<&StoreState>) -> Vec<Finding> {
    let mut places = Vec::new();
    if let Some(path) = subject.store() {
        // A backup beside the store, and what exchanges may take.
        let bytes = store.map_or(0, |store| store.file.bytes + store.file.log_bytes);
        let wanted = bytes + subject.config.retention.exchanges_size.bytes();
        places.push(("store", folder(path).to_owned(), wanted));
    }
    let dump = subject.config.feedback.iter().map(|function| u64::from(function.max_dump_kib) * 1024).max();
    if let Some(wanted) = dump.filter(|bytes| *bytes > 0) {
        places.push(("dumps", dumps_folder(&subject.config.store.url), wanted));
    }
    places.extend(subject.rejects().into_iter().map(|folder| ("rejects", folder.to_owned(), 0)));
    let path = subject.store().map(Path::to_owned);
    let measured = blocking(move || {
        let places: Vec<Place> = places.into_iter().map(measure).collect();
        (places, path.map(|path| commits(&path)))
    });
    let Some((places, commits)) = measured.await else { return Vec::new() };
    let mut findings: Vec<Finding> = places.iter().flat_map(judge).collect();
    findings.extend(commits.map(|commits| judge_commits(&commits)));
    findings
}

fn judge(place: &Place) -> Vec<Finding> {
    let what = format!("room for {}", place.of);
    let at = place.path.display();
    let mut findings = Vec::new();
    if let Some((free, all)) = place.room {
        let seen = format!("{} free of {} at {at}", size(free), size(all));
        let enough = FREE_ENOUGH.max(place.wanted);
        findings.push(if free < FREE_LEAST {
            let next = "Free space now: a store that is full takes nothing in and sends nothing (TB0104).";
            Finding::failed(Area::Disk, what, seen, next)
        } else if free < enough {
            let seen = format!("{seen}; {} are wanted, so that a backup and what is kept fit beside it", size(enough));
            Finding::warning(Area::Disk, what, seen, "Free space, give it a larger disk, or keep less (`[retention]`).")
        } else {
            Finding::ok(Area::Disk, what, seen)
        });
    }
    if place.of == "store" {
        findings.push(judge_file_system(place.file_system, &place.path));
    }
    findings
}

fn judge_file_system(kind: FileSystem, path: &Path) -> Finding {
    let what = "file system of store";
    let at = path.display();
    match kind {
        FileSystem::Local => Finding::ok(Area::Disk, what, "on this machine"),
        FileSystem::Unknown => Finding::ok(Area::Disk, what, "this system does not say what it is"),
        FileSystem::Network(name) => Finding::failed(
            Area::Disk,
            what,
            format!("{at} is on {name}, a network file system: its locks and logs do not hold for a store"),
            "Put the store on a disk of this machine (`url` under `[store]`).",
        ),
        FileSystem::Memory(name) => Finding::warning(
            Area::Disk,
            what,
            format!("{at} is on {name}, in memory: all of it is gone after a restart of the machine"),
            "Put the store on a disk (`url` under `[store]`).",
        ),
        FileSystem::Fuse => Finding::warning(
            Area::Disk,
            what,
            format!("{at} is on FUSE: a program answers for the disk, which may be a network"),
            "See what is mounted there (`findmnt -T`); a store belongs on a disk of this machine.",
        ),
    }
}

fn judge_commits(commits: &Result<Vec<Duration>, String>) -> Finding {
    let what = "commit";
    let mut times = match commits {
        Ok(times) => times.clone(),
        Err(why) => {
            let next = "Mend what the message says; a store in this folder cannot be written.";
            return Finding::failed(Area::Disk, what, why, next);
        }
    };
    times.sort();
    let (median, worst) = (times.get(times.len() / 2).copied(), times.last().copied());
    let (median, worst) = (median.unwrap_or_default(), worst.unwrap_or_default());
    let millis = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1_000.0);
    let seen = format!(
        "{} durable ones (WAL, synchronous = FULL): median {}, slowest {}",
        times.len(),
        millis(median),
        millis(worst)
    );
    if median > SLOW_COMMIT {
        let next = "Intake and sending wait for the disk: see what else uses it, or give the store a faster one.";
        Finding::warning(Area::Disk, what, seen, next)
    } else if median < TOO_FAST {
        let seen = format!("{seen}: faster than a disk that waits for its medium");
        let next = "If this is no memory or battery-backed disk, its write cache may lose commits in a power cut.";
        Finding::warning(Area::Disk, what, seen, next)
    } else {
        Finding::ok(Area::Disk, what, seen)
    }
}

fn commits(store: &Path) -> Result<Vec<Duration>, String> {
    let scratch = Scratch::beside(store).map_err(|error| error.to_string())?;
    // The first one pays for what comes only once.
    scratch.commit().map_err(|error| error.to_string())?;
    let mut times = Vec::with_capacity(COMMITS);
    for _ in 0..COMMITS {
        let began = Instant::now();
        scratch.commit().map_err(|error| error.to_string())?;
        times.push(began.elapsed());
    }
    Ok(times)
}

#[cfg(unix)]
fn measure((of, path, wanted): (&'static str, PathBuf, u64)) -> Place {
    // The next folder above that is there: files will be made below it.
    let there = ancestry(&path).into_iter().find(|path| path.exists()).unwrap_or_else(|| PathBuf::from("/"));
    let room = rustix::fs::statvfs(&there).ok();
    let room =
        room.map(|room| (room.f_bavail.saturating_mul(room.f_frsize), room.f_blocks.saturating_mul(room.f_frsize)));
    Place { of, file_system: file_system(&there), path, room, wanted }
}

#[cfg(not(unix))]
fn measure((of, path, wanted): (&'static str, PathBuf, u64)) -> Place {
    Place { of, path, room: None, file_system: FileSystem::Unknown, wanted }
}

#[cfg(target_os = "linux")]
fn file_system(path: &Path) -> FileSystem {
    rustix::fs::statfs(path).map_or(FileSystem::Unknown, |of| kind(u64::from(of.f_type as u32)))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn file_system(_: &Path) -> FileSystem {
    FileSystem::Unknown
}

/// By the numbers of statfs(2), and of the kernel's `magic.h` and the file systems' own sources.
#[cfg(any(target_os = "linux", test))]
fn kind(magic: u64) -> FileSystem {
    match magic {
        0x6969 => FileSystem::Network("NFS"),
        0x517b => FileSystem::Network("SMB"),
        0xff53_4d42 => FileSystem::Network("CIFS"),
        0xfe53_4d42 => FileSystem::Network("SMB2"),
        0x0102_1997 => FileSystem::Network("9P"),
        0x00c3_6400 => FileSystem::Network("Ceph"),
        0x5346_414f | 0x6b41_4653 => FileSystem::Network("AFS"),
        0x7375_7245 => FileSystem::Network("Coda"),
        0x0bd0_0bd0 => FileSystem::Network("Lustre"),
        0x4750_4653 => FileSystem::Network("GPFS"),
        0x1983_0326 => FileSystem::Network("BeeGFS"),
        0x7461_636f => FileSystem::Network("OCFS2"),
        0x0116_1970 => FileSystem::Network("GFS2"),
        0x0102_1994 => FileSystem::Memory("tmpfs"),
        0x8584_58f6 => FileSystem::Memory("ramfs"),
        0x6573_5546 => FileSystem::Fuse,
        _ => FileSystem::Local,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn place(free: u64, wanted: u64) -> Place {
        Place {
            of: "rejects",
            path: "/x".into(),
            room: Some((free, 100 << 30)),
            file_system: FileSystem::Local,
            wanted,
        }
    }

    #[track_caller]
    fn level(place: &Place) -> Level {
        judge(place)[0].level
    }

    #[test]
    fn room_is_judged_by_what_has_to_fit_in() {
        assert_eq!(level(&place(FREE_LEAST - 1, 0)), Level::Failed);
        assert_eq!(level(&place(FREE_LEAST, 0)), Level::Warning);
        assert_eq!(level(&place(FREE_ENOUGH, 0)), Level::Ok);
        assert_eq!(level(&place(5 << 30, 6 << 30)), Level::Warning);
        assert_eq!(level(&place(6 << 30, 6 << 30)), Level::Ok);
    }

    #[test]
    fn a_store_on_a_network_fails_and_one_in_memory_is_a_warning() {
        let of = |magic| judge_file_system(kind(magic), Path::new("/x")).level;
        assert_eq!(of(0x6969), Level::Failed);
        assert_eq!(of(0xff53_4d42), Level::Failed);
        assert_eq!(of(0x0102_1994), Level::Warning);
        assert_eq!(of(0x6573_5546), Level::Warning);
        assert_eq!(of(0xef53), Level::Ok);
    }

    #[test]
    fn slow_impossible_and_failing_commits_are_told() {
        let of = |micros: u64| judge_commits(&Ok(vec![Duration::from_micros(micros); 3])).level;
        assert_eq!(of(800), Level::Ok);
        assert_eq!(of(100_001), Level::Warning);
        assert_eq!(of(3), Level::Warning);
        assert_eq!(judge_commits(&Err(String::from("read-only"))).level, Level::Failed);
        let one_slow = [1, 1, 900].map(Duration::from_millis).to_vec();
        assert_eq!(judge_commits(&Ok(one_slow)).level, Level::Ok, "the median counts");
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_measured_where_it_will_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let place = measure(("rejects", folder.path().join("a/b"), 0));
        assert!(place.room.is_some_and(|(_, all)| all > 0), "{place:?}");
    }

    #[test]
    fn commits_are_really_made_and_timed() {
        let folder = tempfile::tempdir().unwrap();
        let times = commits(&folder.path().join("store.db")).unwrap();
        assert!(times.len() == COMMITS && times.iter().all(|time| !time.is_zero()), "{times:?}");
        assert!(commits(&folder.path().join("missing/store.db")).is_err());
    }
}
