//! Where files come from and where reports go.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ticketbridge_store::samples::FileKind;

/// Where files of one kind come from: a file, a watched folder, both, or neither (handed over only).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// One file that is written anew again and again; may have any name.
    pub path: Option<PathBuf>,
    /// A folder with files named as telecom contract §3.1 says; files of other kinds in it are left alone.
    pub folder: Option<PathBuf>,
    /// Folder for reports of rejected rows, made if it is not there; `None`: no reports.
    pub reports: Option<PathBuf>,
}

/// The sources of all kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffloadSettings {
    /// By kind; a kind that is missing can only be handed over.
    pub sources: BTreeMap<FileKind, Source>,
}

impl OffloadSettings {
    /// One folder for all five kinds, with or without reports.
    pub fn folder(folder: impl Into<PathBuf>, reports: Option<PathBuf>) -> Self {
        let folder = folder.into();
        let source = Source { path: None, folder: Some(folder), reports };
        Self { sources: FileKind::ALL.into_iter().map(|kind| (kind, source.clone())).collect() }
    }

    pub(super) fn reports(&self, kind: FileKind) -> Option<PathBuf> {
        self.sources.get(&kind)?.reports.clone()
    }
}
