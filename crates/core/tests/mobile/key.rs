//! The pagination key: what a page does to it, and rewinding.

use ticketbridge_core::mobile::{
    Counters, KeyMove, MoveReason, Page, PageSource, PaginationKey, RewindError, RunError, RunResult, Turn, rewind,
    run_result, tells_recipients, turn,
};
use ticketbridge_core::time::Wall;

fn answered(sent: &str, body: &str) -> Turn {
    turn(PageSource::Diff, &sent.into(), &Page::read(body.as_bytes()).expect("a page"))
}

#[test]
fn the_first_run_begins_with_the_empty_key() {
    assert!(PaginationKey::default().is_empty());
    assert_eq!(answered("", r#"{"result":[1],"pagination":{"nextPageKey":"k1"}}"#), Turn::Advance("k1".into()));
}

#[test]
fn keys_are_kept_verbatim() {
    for key in [" a b ", "+/==", "ключ 🎫", "a\\u0041\\n\\t", "K", "k", "%2B", "null"] {
        let body = format!(r#"{{"result":[1],"pagination":{{"nextPageKey":"{key}"}}}}"#);
        let expected: String = serde_json::from_str(&format!("\"{key}\"")).expect("a string");
        assert_eq!(answered("before", &body), Turn::Advance(expected.as_str().into()));
    }
}

#[test]
fn an_empty_page_keeps_the_key_whatever_it_says() {
    for pagination in ["null", "{}", r#"{"nextPageKey":null}"#, r#"{"nextPageKey":""}"#, r#"{"nextPageKey":"other"}"#] {
        assert_eq!(answered("k", &format!(r#"{{"result":[],"pagination":{pagination}}}"#)), Turn::Keep);
    }
    assert_eq!(answered("k", r#"{"result":[]}"#), Turn::Keep);
}

#[test]
fn items_without_a_new_key_are_applied_but_the_key_stays() {
    for rest in [
        "",
        r#","pagination":null"#,
        r#","pagination":{}"#,
        r#","pagination":{"nextPageKey":null}"#,
        r#","pagination":{"nextPageKey":""}"#,
        r#","pagination":{"nextPageKey":"k"}"#,
    ] {
        assert_eq!(answered("k", &format!(r#"{{"result":[1]{rest}}}"#)), Turn::NotAdvanced);
    }
    assert_eq!(run_result(&Counters::default(), true, None), RunResult::Warning);
}

#[test]
fn keys_differ_by_a_single_space() {
    assert_eq!(answered("k", r#"{"result":[1],"pagination":{"nextPageKey":"k "}}"#), Turn::Advance("k ".into()));
}

#[test]
fn a_full_page_and_one_item_more_advance_alike() {
    for count in [1, 1000, 1001] {
        let body = format!(r#"{{"result":[{}],"pagination":{{"nextPageKey":"n"}}}}"#, vec!["{}"; count].join(","));
        assert_eq!(Page::read(body.as_bytes()).map(|page| page.items.len()), Ok(count));
        assert_eq!(answered("k", &body), Turn::Advance("n".into()));
    }
}

#[test]
fn a_file_never_touches_the_key() {
    for result in ["[]", "[1]"] {
        let body = format!(r#"{{"result":{result},"pagination":{{"nextPageKey":"n"}}}}"#);
        let page = Page::read(body.as_bytes()).expect("a page");
        assert_eq!(turn(PageSource::File, &"k".into(), &page), Turn::Keep);
    }
}

fn history() -> Vec<KeyMove> {
    let step = |n: u64, old: &str, new: &str| KeyMove {
        n,
        organizer: "org-1".into(),
        old: old.into(),
        new: new.into(),
        reason: MoveReason::Page,
        page_id: Some(n),
        run_id: Some(n),
        who: None,
        at: Wall(0),
    };
    vec![step(1, "", "k1"), step(2, "k1", "k2")]
}

#[test]
fn a_rewind_goes_to_the_beginning_or_to_a_key_of_the_history() {
    for key in ["", "k1", "k2"] {
        assert_eq!(rewind(&history(), &key.into(), false), Ok(()));
    }
    for key in ["k3", " k1", "K1"] {
        assert_eq!(rewind(&history(), &key.into(), false), Err(RewindError::NotInHistory));
    }
}

#[test]
fn a_rewind_is_refused_during_a_run() {
    assert_eq!(rewind(&history(), &"k1".into(), true), Err(RewindError::RunInProgress));
}

#[test]
fn a_failed_call_is_an_error_whatever_was_done_before() {
    let counters = Counters { updated: 3, ..Counters::default() };
    for error in [RunError::DiffCall, RunError::BoxOfficeSetUp, RunError::StrictStop, RunError::UnreadableFile] {
        assert_eq!(run_result(&counters, false, Some(error)), RunResult::Error);
        assert!(tells_recipients(&counters, RunResult::Error));
    }
    assert_eq!(run_result(&counters, false, None), RunResult::Ok);
    assert!(!tells_recipients(&counters, RunResult::Ok));
}

#[test]
fn a_move_of_the_key_reads_back_as_it_was_stored() {
    let text = serde_json::to_string(&history()).expect("JSON");
    assert_eq!(serde_json::from_str::<Vec<KeyMove>>(&text).expect("moves"), history());
}
