//! The data sets of the telecom contract give the results that stand beside them.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::{at, data_set, differences, result};

#[test]
fn golden_example_equals_its_expected_result() {
    let (files, expected) = data_set("golden");
    assert_eq!(differences(&expected, &result(&files, at("2026-11-20T23:45:00Z"))), Vec::<String>::new());
}

#[test]
fn storm_with_all_quirks_equals_its_expected_result() {
    let (files, expected) = data_set("storm");
    assert_eq!(differences(&expected, &result(&files, at("2026-11-21T05:45:00Z"))), Vec::<String>::new());
}
