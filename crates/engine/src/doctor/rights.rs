//! Who may read and write the files: secrets and the store are nobody else's business, and the folders must be writable.
//!
//! A file that others may read is not exposed if a folder above it keeps them out.

use std::path::{Path, PathBuf};

use super::{Area, Finding, Subject, ancestry, blocking, configuration, folder};
use crate::feedback::dumps_folder;
use ticketbridge_config::types::SecretReference;
use ticketbridge_store::exchanges;
use ticketbridge_store::samples::SampleStore;

/// What a path is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A secret stands in it.
    Secret,
    /// The store, or a part of it: it holds personal data.
    Store,
    /// Files are made in it.
    Folder(&'static str),
}

/// A path as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    path: PathBuf,
    role: Role,
    /// Mode and owner; `None`: it is not there.
    present: Option<(u32, u32)>,
    /// Every folder above it lets others through.
    exposed: bool,
    /// This process may write it, or, if it is not there, the next folder above it that is.
    writable: bool,
}

/// Looks at files and folders.
pub(super) async fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let mut paths = Vec::new();
    for secret in configuration::secrets(subject.config) {
        if let SecretReference::File(path) = secret {
            paths.push((path, Role::Secret));
        }
    }
    if let Some(store) = subject.store() {
        paths.push((folder(store).to_owned(), Role::Folder("store")));
        paths.push((store.to_owned(), Role::Store));
        paths.push((SampleStore::path_beside(store), Role::Store));
        paths.push((exchanges::path_beside(store), Role::Store));
    }
    if subject.config.feedback.iter().any(|function| function.max_dump_kib > 0) {
        paths.push((dumps_folder(&subject.config.store.url), Role::Folder("dumps")));
    }
    paths.extend(subject.rejects().into_iter().map(|folder| (folder.to_owned(), Role::Folder("rejects"))));
    let measured = blocking(move || (paths.into_iter().map(measure).collect::<Vec<_>>(), user())).await;
    measured.map_or_else(Vec::new, |(entries, user)| judge(&entries, user))
}

fn judge(entries: &[Entry], user: Option<u32>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = entries.iter().filter_map(judge_one).collect();
    let owner = entries.iter().find_map(|entry| entry.present.filter(|_| entry.role == Role::Store)).map(|(_, by)| by);
    match (user, owner) {
        (Some(user), Some(owner)) if user != owner => findings.push(Finding::warning(
            Area::Rights,
            "user",
            format!("the store belongs to user {owner}, this is user {user}: what was seen holds for this user"),
            format!("Run it as the service does: `sudo -u '#{owner}' ticketbridge doctor`."),
        )),
        _ => {}
    }
    findings
}

fn judge_one(entry: &Entry) -> Option<Finding> {
    let path = entry.path.display();
    let exposed = |mode: u32| entry.exposed && mode & 0o007 != 0;
    Some(match (entry.role, entry.present) {
        // That a secret is missing is said with the configuration, and of a store by the store.
        (Role::Secret | Role::Store, None) => return None,
        (Role::Secret, Some((mode, _))) if exposed(mode) => Finding::warning(
            Area::Rights,
            "secret file",
            format!("{path} has mode {:04o}: every user of this machine can read or change it", mode & 0o7777),
            format!("`chmod 0600 {path}`, and give it to the service's user; then change the secret."),
        ),
        (Role::Store, Some((mode, _))) if exposed(mode) => Finding::warning(
            Area::Rights,
            "store file",
            format!("{path} has mode {:04o}: every user of this machine can read it", mode & 0o7777),
            format!("`chmod 0600 {path}`, or keep its folder closed: `chmod 0700` on it."),
        ),
        (Role::Store, Some(_)) if !entry.writable => Finding::failed(
            Area::Rights,
            "store file",
            format!("{path} cannot be written by this user"),
            format!("Give the service's user write permission on {path} and its folder."),
        ),
        (Role::Secret, Some((mode, _))) => {
            Finding::ok(Area::Rights, "secret file", format!("{path}: mode {:04o}", mode & 0o7777))
        }
        (Role::Store, Some((mode, _))) => {
            Finding::ok(Area::Rights, "store file", format!("{path}: mode {:04o}", mode & 0o7777))
        }
        (Role::Folder(of), _) if !entry.writable => Finding::failed(
            Area::Rights,
            format!("folder of {of}"),
            format!("{path} cannot be written by this user"),
            format!(
                "Give the service's user write permission on {path}; in a unit file, list it in `ReadWritePaths=`."
            ),
        ),
        // Stores are not made in folders that are missing; all others are made when they are needed.
        (Role::Folder("store"), None) => Finding::failed(
            Area::Rights,
            "folder of store",
            format!("{path} does not exist"),
            "Create it, or correct `url` under `[store]`.",
        ),
        (Role::Folder(of), None) => {
            Finding::ok(Area::Rights, format!("folder of {of}"), format!("{path}: not there yet, can be made"))
        }
        (Role::Folder(of), Some(_)) => {
            Finding::ok(Area::Rights, format!("folder of {of}"), format!("{path}: writable"))
        }
    })
}

#[cfg(unix)]
fn measure((path, role): (PathBuf, Role)) -> Entry {
    use std::os::unix::fs::MetadataExt;

    use rustix::fs::{Access, AtFlags, CWD, accessat};

    let mode = |path: &Path| std::fs::metadata(path).ok().map(|metadata| (metadata.mode(), metadata.uid()));
    let present = mode(&path);
    let above = ancestry(&path);
    let exposed = above.iter().skip(1).all(|folder| mode(folder).is_none_or(|(mode, _)| mode & 0o001 != 0));
    let nearest = above.iter().find(|path| path.exists());
    let writable = nearest.is_some_and(|path| accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok());
    Entry { path, role, present, exposed, writable }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have no answer")]
fn user() -> Option<u32> {
    Some(rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn measure((path, role): (PathBuf, Role)) -> Entry {
    let present = path.exists().then_some((0, 0));
    let writable = ancestry(&path)
        .iter()
        .find_map(|path| std::fs::metadata(path).ok())
        .is_some_and(|metadata| !metadata.permissions().readonly());
    Entry { path, role, present, exposed: false, writable }
}

#[cfg(not(unix))]
fn user() -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn entry(role: Role, present: Option<(u32, u32)>) -> Entry {
        Entry { path: "/x/y".into(), role, present, exposed: true, writable: true }
    }

    #[track_caller]
    fn level(entry: &Entry) -> Option<Level> {
        judge(std::slice::from_ref(entry), None).first().map(|finding| finding.level)
    }

    #[test]
    fn what_others_can_read_is_a_warning_unless_a_folder_keeps_them_out() {
        for role in [Role::Secret, Role::Store] {
            assert_eq!(level(&entry(role, Some((0o100_644, 7)))), Some(Level::Warning));
            assert_eq!(level(&entry(role, Some((0o100_602, 7)))), Some(Level::Warning));
            assert_eq!(level(&entry(role, Some((0o100_640, 7)))), Some(Level::Ok));
            assert_eq!(level(&Entry { exposed: false, ..entry(role, Some((0o100_644, 7))) }), Some(Level::Ok));
            assert_eq!(level(&entry(role, None)), None);
        }
    }

    #[test]
    fn what_cannot_be_written_fails() {
        for role in [Role::Store, Role::Folder("rejects")] {
            assert_eq!(level(&Entry { writable: false, ..entry(role, Some((0o40_700, 7))) }), Some(Level::Failed));
        }
        assert_eq!(level(&entry(Role::Folder("rejects"), None)), Some(Level::Ok));
        assert_eq!(level(&entry(Role::Folder("store"), None)), Some(Level::Failed));
    }

    #[test]
    fn another_user_than_the_owner_is_told() {
        let entries = [entry(Role::Store, Some((0o100_600, 7)))];
        assert_eq!(judge(&entries, Some(7)).len(), 1);
        let findings = judge(&entries, Some(0));
        assert!(findings[1].level == Level::Warning && findings[1].seen.contains("user 7"), "{findings:?}");
    }
}
