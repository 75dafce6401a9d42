//! The database files: whose they are, whether they are whole, how they log, how large they have become.

use std::path::{Path, PathBuf};

use ticketbridge_store::exchanges;
use ticketbridge_store::inspect::{FileIdentity, FileState, Integrity, LIMIT, StoreState, inspect_file};
use ticketbridge_store::samples::{self, SampleStore};

use super::{Area, Finding, Subject, blocking, size};

/// The log shrinks to 64 MiB by itself; a longer one is held open by a reader.
const LONG_LOG: u64 = 256 << 20;
/// Free room inside the file that is worth a word, if it is also more than half of the file.
const MUCH_FREE: u64 = 256 << 20;
pub(super) async fn look(subject: &Subject<'_>, store: Option<&StoreState>) -> Vec<Finding> {
    let Some(store) = store else {
        let next = "Write `url = \"sqlite://PATH\"` under `[store]`.";
        return vec![Finding::failed(Area::Store, "store", "this version carries SQLite stores only", next)];
    };
    let mut findings = judge(store);
    if let Some(path) = subject.store() {
        findings.extend(look_beside("samples", SampleStore::path_beside(path), samples::APPLICATION_ID).await);
        let kept = exchanges::path_beside(path);
        if kept.exists() {
            findings.extend(look_beside("exchanges", kept, exchanges::APPLICATION_ID).await);
        }
    }
    findings
}

async fn look_beside(name: &'static str, path: PathBuf, application: i32) -> Vec<Finding> {
    let file = blocking(move || inspect_file(&path, application)).await;
    file.map_or_else(Vec::new, |file| judge_file(name, &file))
}

fn judge(store: &StoreState) -> Vec<Finding> {
    let mut findings = judge_file("store", &store.file);
    if let FileIdentity::Ours(version) = store.file.identity {
        findings.push(judge_version(version, store.version, &store.file.path));
    }
    if let Some(why) = &store.suspect {
        findings.push(Finding::warning(
            Area::Store,
            "history",
            format!("TB0107: {why}; every open ticket starts with look-ups"),
            "Nothing, if it was restored on purpose: it passes when all were looked up. Else see `ticketbridge error TB0107`.",
        ));
    }
    if let Some(contents) = &store.contents {
        let rows: Vec<String> = contents
            .rows
            .iter()
            .filter(|(_, rows)| **rows > 0)
            .map(|(table, rows)| format!("{table} {rows}"))
            .collect();
        let rows = if rows.is_empty() { String::from("nothing yet") } else { rows.join(", ") };
        findings.push(Finding::ok(Area::Store, "rows", format!("{rows}; started {} times", contents.starts)));
    }
    findings
}

fn judge_version(version: i32, known: i32, path: &Path) -> Finding {
    let what = "schema";
    if version == known {
        return Finding::ok(Area::Store, what, format!("version {version}, up to date"));
    }
    if version < known {
        let seen = format!("version {version} of {known}: the next `serve` or command brings it up to date");
        return Finding::warning(
            Area::Store,
            what,
            seen,
            "Back it up first: `ticketbridge store backup` of the old version.",
        );
    }
    let seen = format!("TB0106: version {version}, this program knows {known}: a newer program has written it");
    let next = format!("Run the newer program on {}, or restore the backup made before its upgrade.", path.display());
    Finding::failed(Area::Store, what, seen, next)
}

fn judge_file(name: &'static str, file: &FileState) -> Vec<Finding> {
    let at = file.path.display();
    let fail = |seen: String, next: &str| vec![Finding::failed(Area::Store, name, seen, next)];
    match &file.identity {
        FileIdentity::Missing => {
            return vec![Finding::ok(
                Area::Store,
                name,
                format!("{at} is not there yet; it is made when it is needed"),
            )];
        }
        FileIdentity::Empty => {
            return vec![Finding::ok(Area::Store, name, format!("{at} is empty; a store is made of it"))];
        }
        FileIdentity::Foreign => {
            let seen = format!("TB0102: {at} is no database of ticketbridge");
            return fail(seen, "Point `url` under `[store]` at another file, or move that file away.");
        }
        FileIdentity::Unreadable(_) if !file.integrity.is_usable() => {}
        FileIdentity::Unreadable(why) => {
            return fail(
                format!("{at} cannot be read: {why}"),
                "Mend what the message says: permissions, or the disk.",
            );
        }
        FileIdentity::Ours(_) => {}
    }
    let mut findings = vec![judge_integrity(name, file)];
    if matches!(file.identity, FileIdentity::Ours(_)) {
        findings.push(judge_mode(name, file));
        findings.push(judge_size(name, file));
    }
    findings
}

fn judge_integrity(name: &'static str, file: &FileState) -> Finding {
    let what = format!("{name} integrity");
    let at = file.path.display();
    match &file.integrity {
        Integrity::Whole => Finding::ok(Area::Store, what, format!("{at} is whole")),
        Integrity::Unfinished => {
            let seen = format!("{at}: nothing wrong in what was looked at within {} s", LIMIT.as_secs());
            Finding::ok(Area::Store, what, seen)
        }
        Integrity::Damaged(findings) => {
            let seen = format!("TB0102: {at} is damaged: {}", findings.join("; "));
            let next = "Stop the service, keep the file, check the disk (`dmesg`), and restore the latest backup.";
            Finding::failed(Area::Store, what, seen, next)
        }
    }
}

fn judge_mode(name: &'static str, file: &FileState) -> Finding {
    let what = format!("{name} journal");
    if file.journal_mode.eq_ignore_ascii_case("wal") {
        return Finding::ok(Area::Store, what, "write-ahead log");
    }
    let seen = format!(
        "journal mode is `{}` instead of `wal`: a backup, or another program has changed it",
        file.journal_mode
    );
    Finding::warning(Area::Store, what, seen, "The next start switches it back. Keep other programs off the file.")
}

fn judge_size(name: &'static str, file: &FileState) -> Finding {
    let what = format!("{name} size");
    let seen = format!("{} and a log of {}", size(file.bytes), size(file.log_bytes));
    if file.log_bytes > LONG_LOG {
        let next = "A program reads it for hours (`fuser` names it), or the service does not get to copying it: end the reader.";
        return Finding::warning(Area::Store, what, format!("{seen}: it cannot shrink"), next);
    }
    if file.free_bytes > MUCH_FREE && file.free_bytes > file.bytes / 2 {
        let seen = format!("{seen}, {} of it free to be used again", size(file.free_bytes));
        return Finding::ok(Area::Store, what, seen);
    }
    Finding::ok(Area::Store, what, seen)
}

#[cfg(test)]
mod tests {
    use super::super::{Level, worst};
    use super::*;

    fn file() -> FileState {
        FileState {
            path: "/x/store.db".into(),
            identity: FileIdentity::Ours(3),
            bytes: 10 << 20,
            log_bytes: 1 << 20,
            free_bytes: 0,
            journal_mode: String::from("wal"),
            integrity: Integrity::Whole,
        }
    }

    fn store(file: FileState) -> StoreState {
        StoreState { file, version: 3, suspect: None, contents: None }
    }

    #[track_caller]
    fn judged(file: FileState, level: Level, said: &str) {
        let findings = judge(&store(file));
        assert_eq!(worst(&findings), level, "{findings:?}");
        assert!(findings.iter().any(|finding| finding.level == level && finding.seen.contains(said)), "{findings:?}");
    }

    #[test]
    fn a_store_is_judged_by_whose_it_is() {
        judged(file(), Level::Ok, "up to date");
        judged(FileState { identity: FileIdentity::Missing, ..file() }, Level::Ok, "not there yet");
        judged(FileState { identity: FileIdentity::Empty, ..file() }, Level::Ok, "empty");
        judged(FileState { identity: FileIdentity::Foreign, ..file() }, Level::Failed, "TB0102");
        judged(
            FileState { identity: FileIdentity::Unreadable("no".into()), ..file() },
            Level::Failed,
            "cannot be read: no",
        );
        judged(FileState { identity: FileIdentity::Ours(2), ..file() }, Level::Warning, "version 2 of 3");
        judged(FileState { identity: FileIdentity::Ours(4), ..file() }, Level::Failed, "TB0106");
    }

    #[test]
    fn a_store_is_judged_by_its_state() {
        let damaged = Integrity::Damaged(vec![String::from("page 7")]);
        judged(FileState { integrity: damaged, ..file() }, Level::Failed, "page 7");
        judged(FileState { integrity: Integrity::Unfinished, ..file() }, Level::Ok, "10 s");
        judged(FileState { journal_mode: "delete".into(), ..file() }, Level::Warning, "`delete`");
        judged(FileState { log_bytes: LONG_LOG + 1, ..file() }, Level::Warning, "cannot shrink");
    }

    #[test]
    fn a_copy_is_told() {
        let findings = judge(&StoreState { suspect: Some(String::from("a backup")), ..store(file()) });
        assert!(findings.iter().any(|finding| finding.level == Level::Warning && finding.seen.contains("TB0107")));
    }
}
