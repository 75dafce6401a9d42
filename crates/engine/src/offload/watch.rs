//! Which files are ready to be taken (telecom contract §3.6).
//!
//! A file is ready when size and modification time are the same at two looks, or when it came by rename: it is new
//! (or another one) and was last written before the look before, at which it was not there. What was taken or refused
//! is left alone until it changes. Limit: [`MAX_FILES`] files are remembered; more wait.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use ticketbridge_core::time::Wall;
use ticketbridge_store::samples::FileKind;

use super::settings::OffloadSettings;

/// Most files that are watched at once.
pub(super) const MAX_FILES: usize = 100_000;
/// Clocks of file systems tick in steps of up to two seconds.
const COARSE_CLOCK: Duration = Duration::from_secs(2);

/// A file to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) kind: FileKind,
    pub(super) path: PathBuf,
    /// For people, for the order, and for the report.
    pub(super) name: String,
    /// How it looked; `None`: handed over, not watched.
    pub(super) look: Option<Look>,
}

/// What tells a changed file from an unchanged one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    size: u64,
    /// Since 1970; `None`: the file system does not know.
    modified: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Taken as soon as it looks the same again.
    Growing(Look),
    /// Taken or refused; left alone until it looks different.
    Done(Look),
}

/// What one look over all sources found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) ready: Vec<Candidate>,
    /// Files that may still be written to, per kind.
    pub(super) waiting: BTreeMap<FileKind, usize>,
    /// Sources that can't be looked at: the folder or file, and why.
    pub(super) unreadable: Vec<(FileKind, PathBuf, String)>,
}

/// Remembers what was seen.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: BTreeMap<(FileKind, PathBuf), Seen>,
    last_look: Option<Wall>,
}

impl Watch {
    /// Looks at all sources of `kinds`. `at_once`: everything that is there and not yet taken is ready.
    pub(super) fn look(&mut self, settings: &OffloadSettings, kinds: &[FileKind], at_once: bool, now: Wall) -> Found {
        let mut found = Found::default();
        let mut there = BTreeSet::new();
        for &kind in kinds {
            for path in list(settings, kind, &mut found) {
                match look_at(&path) {
                    Ok(Some(look)) => {
                        if there.len() >= MAX_FILES {
                            found.unreadable.push((kind, path, format!("more than {MAX_FILES} files are watched")));
                            break;
                        }
                        let is_ready = self.is_ready(kind, &path, look, at_once);
                        there.insert((kind, path.clone()));
                        match is_ready {
                            Some(true) => {
                                found.ready.push(Candidate { kind, name: name_of(&path), path, look: Some(look) });
                            }
                            Some(false) => *found.waiting.entry(kind).or_default() += 1,
                            None => {}
                        }
                    }
                    // Not there (yet), or gone between listing and looking.
                    Ok(None) => {}
                    Err(error) => found.unreadable.push((kind, path, error)),
                }
            }
        }
        self.seen.retain(|key, _| !kinds.contains(&key.0) || there.contains(key));
        if !at_once {
            self.last_look = Some(now);
        }
        found.ready.sort_by(|a, b| (a.name.as_bytes(), &a.path, a.kind).cmp(&(b.name.as_bytes(), &b.path, b.kind)));
        found
    }

    /// This candidate was taken or refused: leave it alone until it changes.
    pub(super) fn done(&mut self, candidate: &Candidate) {
        if let Some(look) = candidate.look {
            self.seen.insert((candidate.kind, candidate.path.clone()), Seen::Done(look));
        }
    }

    /// `None`: left alone; otherwise whether it is ready.
    fn is_ready(&mut self, kind: FileKind, path: &Path, look: Look, at_once: bool) -> Option<bool> {
        let seen = self.seen.get(&(kind, path.to_owned())).copied();
        if seen == Some(Seen::Done(look)) {
            return None;
        }
        let is_stable = seen == Some(Seen::Growing(look));
        let came_by_rename = self.last_look.zip(look.modified).is_some_and(|(last, modified)| {
            let last = Duration::from_millis(last.0.max(0) as u64);
            modified + COARSE_CLOCK < last
        });
        self.seen.insert((kind, path.to_owned()), Seen::Growing(look));
        Some(is_stable || came_by_rename || at_once)
    }
}

/// How `path` looks; `None`: there is no such file.
pub(super) fn look_at(path: &Path) -> Result<Option<Look>, String> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            Ok(Some(Look { size: metadata.len(), modified }))
        }
        Ok(_) => Err("it is no regular file".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// The name of a file without its folder, as text.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn list(settings: &OffloadSettings, kind: FileKind, found: &mut Found) -> BTreeSet<PathBuf> {
    let mut paths = BTreeSet::new();
    let Some(source) = settings.sources.get(&kind) else {
        return paths;
    };
    paths.extend(source.path.clone());
    let Some(folder) = &source.folder else {
        return paths;
    };
    match fs::read_dir(folder) {
        Ok(entries) => {
            for entry in entries {
                match entry {
                    Ok(entry) => {
                        let is_ours = entry.file_name().to_str().and_then(kind_of_name) == Some(kind);
                        if is_ours {
                            paths.insert(entry.path());
                        }
                    }
                    Err(error) => found.unreadable.push((kind, folder.clone(), error.to_string())),
                }
            }
        }
        Err(error) => found.unreadable.push((kind, folder.clone(), error.to_string())),
    }
    paths
}

/// Kind of a file by its name (telecom contract §3.1).
pub(super) fn kind_of_name(name: &str) -> Option<FileKind> {
    // A report of rejected rows that lies in the watched folder is none of the five files.
    if name.ends_with(super::rejects::SUFFIX) { None } else { FileKind::of_file_name(name) }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::SystemTime;

    use super::*;

    const KIND: FileKind = FileKind::UsChannelSnr;
    const MINUTE: i64 = 60_000;

    struct Scene {
        folder: tempfile::TempDir,
        settings: OffloadSettings,
        watch: Watch,
    }

    impl Scene {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let settings = OffloadSettings::folder(folder.path(), None);
            Self { folder, settings, watch: Watch::default() }
        }

        fn write(&self, name: &str, text: &str, minute: i64) {
            let path = self.folder.path().join(name);
            fs::write(&path, text).unwrap();
            let at = SystemTime::UNIX_EPOCH + Duration::from_millis((minute * MINUTE) as u64);
            File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
        }

        fn look(&mut self, minute: i64) -> (Vec<String>, usize) {
            let found = self.watch.look(&self.settings, &FileKind::ALL, false, Wall(minute * MINUTE));
            assert!(found.unreadable.is_empty());
            for candidate in &found.ready {
                self.watch.done(candidate);
            }
            (found.ready.into_iter().map(|file| file.name).collect(), found.waiting.values().sum())
        }
    }

    #[test]
    fn a_file_is_taken_when_it_looks_the_same_twice_and_again_when_it_changes() {
        let mut scene = Scene::new();
        scene.write("us_channel_snr.csv", "a", 100);
        assert_eq!(scene.look(100), (vec![], 1));
        scene.write("us_channel_snr.csv", "ab", 101);
        assert_eq!(scene.look(101), (vec![], 1));
        assert_eq!(scene.look(102), (vec!["us_channel_snr.csv".to_owned()], 0));
        assert_eq!(scene.look(103), (vec![], 0));
        scene.write("us_channel_snr.csv", "ac", 104);
        assert_eq!(scene.look(104), (vec![], 1));
        assert_eq!(scene.look(105), (vec!["us_channel_snr.csv".to_owned()], 0));
    }

    #[test]
    fn a_file_that_came_by_rename_is_taken_at_once() {
        let mut scene = Scene::new();
        assert_eq!(scene.look(100), (vec![], 0));
        scene.write("us_channel_snr.part-1.csv.tmp", "a", 99);
        assert_eq!(scene.look(101), (vec![], 0));
        fs::rename(
            scene.folder.path().join("us_channel_snr.part-1.csv.tmp"),
            scene.folder.path().join("us_channel_snr.part-1.csv"),
        )
        .unwrap();
        assert_eq!(scene.look(102), (vec!["us_channel_snr.part-1.csv".to_owned()], 0));
    }

    #[test]
    fn files_come_in_byte_order_and_others_are_left_alone() {
        let mut scene = Scene::new();
        for name in [
            "us_channel_snr_b.csv",
            "us_channel_snr_B.csv",
            "ds_channel_utilization-1.csv",
            "notes.csv",
            "us_channel_snr.rejects.csv",
        ] {
            scene.write(name, "a", 1);
        }
        scene.look(100);
        let (names, waiting) = scene.look(101);
        assert_eq!(names, ["ds_channel_utilization-1.csv", "us_channel_snr_B.csv", "us_channel_snr_b.csv"]);
        assert_eq!(waiting, 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_told_and_a_path_that_is_not_there_is_not() {
        let mut watch = Watch::default();
        let source =
            super::super::Source { path: Some("no/such.csv".into()), folder: Some("no/folder".into()), reports: None };
        let settings = OffloadSettings { sources: [(KIND, source)].into() };
        let found = watch.look(&settings, &[KIND], false, Wall(0));
        assert_eq!(found.unreadable.len(), 1);
        assert_eq!(found.unreadable[0].1, Path::new("no/folder"));
    }
}
