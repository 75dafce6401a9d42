use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{ALL, find};

const LISTING: &str = include_str!("../../../../docs/errors/README.md");

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// All codes in a text: `TB` and four digits.
fn codes(text: &str, found: &mut BTreeSet<String>) {
    for (at, _) in text.match_indices("TB") {
        let code = text.get(at..at + 6).unwrap_or_default();
        let number = code.get(2..).unwrap_or_default();
        let ends = !text[at..].chars().nth(6).is_some_and(|next| next.is_ascii_digit());
        if number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()) && ends {
            found.insert(code.to_owned());
        }
    }
}

fn source_codes(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            source_codes(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs" || end == "toml") {
            codes(&fs::read_to_string(&path).unwrap(), found);
        }
    }
}

#[test]
fn every_code_of_the_source_has_a_page() {
    let mut used = BTreeSet::new();
    source_codes(&workspace().join("crates"), &mut used);
    let missing: Vec<_> = used.iter().filter(|code| find(code).is_none()).collect();
    assert!(missing.is_empty(), "codes without a page in docs/errors: {missing:?}");
    assert!(used.len() >= ALL.len(), "the source tree was not found");
}

#[test]
fn every_page_is_in_the_registry_and_in_the_listing() {
    let files: BTreeSet<String> = fs::read_dir(workspace().join("docs/errors"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("TB"))
        .collect();
    let registered: BTreeSet<String> = ALL.iter().map(|entry| format!("{}.md", entry.code)).collect();
    assert_eq!(files, registered);
    for entry in ALL {
        let line = format!("* [{code}]({code}.md) {}", entry.title(), code = entry.code);
        assert!(LISTING.contains(&line), "docs/errors/README.md lacks: {line}");
    }
    assert!(ALL.is_sorted_by(|left, right| left.code < right.code));
}

#[test]
fn every_page_has_the_three_parts() {
    for entry in ALL {
        let parts: Vec<_> = entry.page.lines().filter(|line| line.starts_with('#')).collect();
        let title = format!("# {}: {}", entry.code, entry.title());
        assert_eq!(parts, [title.as_str(), "## What happened", "## Why", "## What to do"], "{}", entry.code);
        assert!(entry.page.lines().count() <= 40, "{} is long", entry.code);
        let mut mentioned = BTreeSet::new();
        codes(entry.page, &mut mentioned);
        assert!(mentioned.iter().all(|code| find(code).is_some()), "{} names an unknown code", entry.code);
    }
}

#[test]
fn a_code_is_found_whatever_its_case() {
    assert_eq!(find(" tb0001 ").map(|entry| entry.code), Some("TB0001"));
    assert_eq!(find("TB9").map(|entry| entry.code), None);
}
