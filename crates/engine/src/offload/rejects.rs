//! The report of rejected rows: file, line, reason.
//!
//! Guarantee: a report is there whole or not at all; a file without rejected rows has none. Limits: the first
//! [`MAX_ROWS`] rows of a file; a last line tells how many more there are.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use ticketbridge_core::network::load::Reject;
use ticketbridge_store::samples::FileKind;

/// What the name of each report ends with.
pub(super) const SUFFIX: &str = ".rejects.csv";
/// Most rows of one report.
pub(super) const MAX_ROWS: usize = 100_000;

/// Rejected rows of one file.
#[derive(Debug, Default)]
pub(super) struct Rejects {
    rows: Vec<Reject>,
    more: u64,
}

impl Rejects {
    pub(super) fn add(&mut self, reject: Reject) {
        if self.rows.len() < MAX_ROWS {
            self.rows.push(reject);
        } else {
            self.more += 1;
        }
    }

    #[cfg(test)]
    pub(super) fn rows(&self) -> &[Reject] {
        &self.rows
    }

    /// Writes the report of `name` into `folder`, or removes the one of an earlier load. Answers its path, if any.
    pub(super) fn write(&self, folder: &Path, kind: FileKind, name: &str) -> io::Result<Option<PathBuf>> {
        let path = folder.join(report_name(kind, name));
        if self.rows.is_empty() {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(None),
            };
        }
        fs::create_dir_all(folder)?;
        let mut temporary = path.clone().into_os_string();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let mut out = BufWriter::new(fs::File::create(&temporary)?);
        out.write_all(b"file,line,reason\n")?;
        let file = quoted(name);
        for reject in &self.rows {
            writeln!(out, "{file},{},{}", reject.line, reject.reason.as_str())?;
        }
        if self.more > 0 {
            writeln!(out, "{file},,\"{} more rejected rows\"", self.more)?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&temporary, &path)?;
        Ok(Some(path))
    }
}

/// `us_channel_snr_1015.csv` → `us_channel_snr_1015.rejects.csv`; the kind comes first where the name does not tell it.
fn report_name(kind: FileKind, name: &str) -> String {
    let stem = name.strip_suffix(".csv").unwrap_or(name);
    let mut report = String::new();
    if !stem.starts_with(kind.as_str()) {
        report.push_str(kind.as_str());
        report.push('.');
    }
    report.extend(stem.chars().map(|letter| if matches!(letter, '/' | '\\' | '\0') { '_' } else { letter }));
    report.push_str(SUFFIX);
    report
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    if text.contains(['"', ',', '\n', '\r']) {
        // Writing to a text can't fail.
        let _written = write!(quoted, "\"{}\"", text.replace('"', "\"\""));
    } else {
        quoted.push_str(text);
    }
    quoted
}

/// Removes reports that were last written before `before_ms` (since 1970); others' files are left alone.
pub(super) fn sweep(folder: &Path, before_ms: i64) -> io::Result<usize> {
    let mut gone = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_report = entry.file_name().to_str().is_some_and(|name| {
            name.ends_with(SUFFIX) && FileKind::ALL.iter().any(|kind| name.starts_with(kind.as_str()))
        });
        if !is_report {
            continue;
        }
        let written = entry.metadata()?.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        if (written.as_millis() as i64) < before_ms {
            fs::remove_file(entry.path())?;
            gone += 1;
        }
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use ticketbridge_core::network::load::RejectReason;

    use super::*;

    #[test]
    fn a_report_tells_file_line_and_reason_and_goes_with_the_rows() {
        let folder = tempfile::tempdir().unwrap();
        let mut rejects = Rejects::default();
        rejects.add(Reject { line: 7, reason: RejectReason::BadValue });
        rejects.add(Reject { line: 9, reason: RejectReason::Orphan });
        let path = rejects.write(folder.path(), FileKind::UsChannelSnr, "a,b.csv").unwrap().unwrap();
        assert_eq!(path.file_name().unwrap(), "us_channel_snr.a,b.rejects.csv");
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "file,line,reason\n\"a,b.csv\",7,bad_value\n\"a,b.csv\",9,orphan\n"
        );
        assert_eq!(Rejects::default().write(folder.path(), FileKind::UsChannelSnr, "a,b.csv").unwrap(), None);
        assert!(!path.exists());
    }

    #[test]
    fn a_report_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let mut rejects = Rejects::default();
        for line in 0..MAX_ROWS as u64 + 5 {
            rejects.add(Reject { line, reason: RejectReason::Orphan });
        }
        let path = rejects.write(folder.path(), FileKind::UsChannelSnr, "us_channel_snr.csv").unwrap().unwrap();
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), MAX_ROWS + 2);
        assert!(text.ends_with("us_channel_snr.csv,,\"5 more rejected rows\"\n"));
    }

    #[test]
    fn only_old_reports_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("us_channel_snr.rejects.csv"), "").unwrap();
        fs::write(folder.path().join("mine.csv"), "").unwrap();
        assert_eq!(sweep(folder.path(), 0).unwrap(), 0);
        assert_eq!(sweep(folder.path(), i64::MAX).unwrap(), 1);
        assert!(folder.path().join("mine.csv").exists());
    }
}
