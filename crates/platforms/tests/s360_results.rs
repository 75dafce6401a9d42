//! S-360's answers to writes: each write finds its result by its key, and nothing unclear is taken for done.

mod common;
mod mobile;

use std::time::Duration;

use common::{answer, raw};
use mobile::{KINDS, done, keys, with_writes};
use proptest::prelude::*;
use serde_json::{Value, json};
use ticketbridge_core::mobile::{Write, WriteAnswer, WriteKind};
use ticketbridge_core::time::Wall;
use ticketbridge_platforms::s360::{MAX_BODY, WriteReading, read_write};
use ticketbridge_platforms::{CallFaultKind, Transport};

/// 2026-11-21T08:00:00Z.
const NOW: Wall = Wall(1_795_248_000_000);

/// Calls `work` with `count` writes of each kind.
fn for_each_kind(count: usize, work: impl Fn(WriteKind, &[&Write<'_>])) {
    with_writes(count, |writes| {
        for kind in KINDS {
            let writes: Vec<&Write<'_>> = writes.iter().filter(|write| write.kind() == kind).collect();
            assert_eq!(writes.len(), count);
            work(kind, &writes);
        }
    });
}

fn results(results: &[Value]) -> Transport {
    answer(200, &json!({"results": results}))
}

/// The answers in short, such as `confirmed 71`, `LOCKED, retryable`.
fn short(reading: &WriteReading) -> Vec<String> {
    let short = |result: &ticketbridge_platforms::s360::WriteResult| match (&result.answer, &result.created) {
        (WriteAnswer::Confirmed, Some(number)) => format!("confirmed {}", number.as_str()),
        (WriteAnswer::Confirmed, None) => String::from("confirmed"),
        (answer, Some(number)) => panic!("{answer:?} with {number:?}"),
        (WriteAnswer::Refused { code, retryable: true }, None) => format!("{code}, retryable"),
        (WriteAnswer::Refused { code, retryable: false }, None) => format!("{code}, for good"),
        (WriteAnswer::Ambiguous, None) => String::from("ambiguous"),
        (WriteAnswer::CallRefused, None) => String::from("call refused"),
    };
    reading.results.iter().map(short).collect()
}

/// With these members, merged into the keys of the write.
fn with(write: &Write<'_>, members: &Value) -> Value {
    let mut result = keys(write);
    for (name, value) in members.as_object().expect("an object") {
        result[name] = value.clone();
    }
    result
}

#[test]
fn results_in_another_order_find_their_writes() {
    for_each_kind(3, |kind, writes| {
        let answer = results(&[done(writes[2], 2), done(writes[0], 0), done(writes[1], 1)]);
        let reading = read_write(kind, writes, &answer, NOW);
        let expected: &[&str] = match kind {
            WriteKind::CreateContact => &["confirmed 70", "confirmed 71", "confirmed 72"],
            _ => &["confirmed"; 3],
        };
        assert_eq!(short(&reading), expected, "{kind}");
        assert_eq!((reading.fault, reading.unmatched), (None, 0));
    });
}

#[test]
fn each_thing_that_a_result_may_say_has_its_meaning() {
    let error = |error: Value| json!({"ok": false, "error": error});
    let table = [
        (json!({}), "ambiguous"),
        (json!({"ok": null}), "ambiguous"),
        (json!({"ok": "true"}), "ambiguous"),
        (json!({"ok": 1}), "ambiguous"),
        (json!({"ok": true, "error": {"code": "LOCKED", "retryable": true}}), "ambiguous"),
        (json!({"ok": false}), "ambiguous"),
        (error(json!(null)), "ambiguous"),
        (error(json!("LOCKED")), "ambiguous"),
        (error(json!(["LOCKED", true])), "ambiguous"),
        (error(json!({"retryable": true})), "ambiguous"),
        (error(json!({"code": 7, "retryable": true})), "ambiguous"),
        (error(json!({"code": "", "retryable": true})), "ambiguous"),
        (error(json!({"code": "x".repeat(101), "retryable": true})), "ambiguous"),
        (error(json!({"code": "Ann Buyer <ann@example.org>", "retryable": false})), "ambiguous"),
        (error(json!({"code": "LOCKED", "retryable": "true"})), "ambiguous"),
        (error(json!({"code": "LOCKED", "message": "x", "retryable": true})), "LOCKED, retryable"),
        (error(json!({"code": "LOCKED", "retryable": false})), "LOCKED, for good"),
        (error(json!({"code": "UNKNOWN_TICKET", "retryable": true, "new": {}})), "UNKNOWN_TICKET, retryable"),
        (error(json!({"code": "UNKNOWN_TICKET"})), "UNKNOWN_TICKET, for good"),
        (error(json!({"code": "UNKNOWN_CONTACT", "retryable": null})), "UNKNOWN_CONTACT, for good"),
        (error(json!({"code": "INVALID_FIELD"})), "INVALID_FIELD, for good"),
        (error(json!({"code": "CONFLICT"})), "CONFLICT, for good"),
        (error(json!({"code": "LOCKED"})), "LOCKED, retryable"),
        (error(json!({"code": "some.new-code"})), "some.new-code, retryable"),
    ];
    for_each_kind(2, |kind, writes| {
        for (members, expected) in &table {
            let answer = results(&[with(writes[0], members), done(writes[1], 1)]);
            let seen = short(&read_write(kind, writes, &answer, NOW));
            assert_eq!(seen[0], *expected, "{kind}: {members}");
            assert!(seen[1].starts_with("confirmed"), "its neighbour is not touched");
        }
        let plain = with(writes[0], &json!({"ok": true, "error": null, "new": [1]}));
        let seen = short(&read_write(kind, writes, &results(&[plain]), NOW));
        assert_eq!(seen[0], if kind == WriteKind::CreateContact { "ambiguous" } else { "confirmed" }, "{kind}");
    });
}

#[test]
fn a_created_contact_without_a_valid_number_is_ambiguous() {
    for_each_kind(1, |kind, writes| {
        if kind != WriteKind::CreateContact {
            return;
        }
        let numbers =
            [json!(null), json!(1001), json!(""), json!("10a"), json!("1".repeat(21)), json!(["1"]), json!(" 1")];
        for number in numbers {
            let result = with(writes[0], &json!({"ok": true, "contactNumber": number}));
            assert_eq!(short(&read_write(kind, writes, &results(&[result]), NOW)), ["ambiguous"], "{number}");
        }
        let number = "0".repeat(20);
        let result = with(writes[0], &json!({"ok": true, "contactNumber": number}));
        let seen = short(&read_write(kind, writes, &results(&[result]), NOW));
        assert_eq!(seen, [format!("confirmed {number}")]);
    });
}

#[test]
fn results_of_strangers_are_ignored_and_counted() {
    for_each_kind(2, |kind, writes| {
        let mut stranger = done(writes[0], 0);
        let name = keys(writes[0]).as_object().and_then(|keys| keys.keys().next().cloned()).expect("a key");
        stranger[&name] = json!("somebody-else");
        let strangers = [
            stranger,
            json!({"ok": true}),
            json!(null),
            json!([true]),
            json!("x"),
            json!({name.as_str(): 1, "ok": true}),
            done(writes[1], 1),
        ];
        let reading = read_write(kind, writes, &results(&strangers), NOW);
        assert_eq!(reading.unmatched, strangers.len() - 1, "{kind}");
        assert_eq!((reading.fault.clone(), &*short(&reading)[0]), (None, "ambiguous"));
        assert!(short(&reading)[1].starts_with("confirmed"));
    });
}

#[test]
fn keys_are_compared_exactly_and_whole() {
    for_each_kind(1, |kind, writes| {
        let whole = done(writes[0], 0);
        for name in keys(writes[0]).as_object().expect("keys").keys() {
            let value = whole[name].as_str().expect("a text").to_owned();
            for other in [value.to_uppercase() + "!", format!(" {value}"), format!("0{value}"), String::new()] {
                let mut result = whole.clone();
                result[name] = json!(other);
                let reading = read_write(kind, writes, &results(&[result]), NOW);
                assert_eq!(
                    (short(&reading), reading.unmatched),
                    (vec![String::from("ambiguous")], 1),
                    "{kind} {other}"
                );
            }
            let mut result = whole.clone();
            result.as_object_mut().expect("an object").remove(name);
            assert_eq!(
                short(&read_write(kind, writes, &results(&[result]), NOW)),
                ["ambiguous"],
                "{kind} without {name}"
            );
        }
    });
}

#[test]
fn two_results_for_one_key_count_only_if_they_agree() {
    for_each_kind(1, |kind, writes| {
        let refused =
            with(writes[0], &json!({"ok": false, "error": {"code": "LOCKED", "message": "a", "retryable": true}}));
        let other_words =
            with(writes[0], &json!({"ok": false, "error": {"code": "LOCKED", "message": "b", "retryable": true}}));
        let for_good = with(writes[0], &json!({"ok": false, "error": {"code": "LOCKED", "retryable": false}}));
        let (fine, unclear) = (done(writes[0], 0), with(writes[0], &json!({"ok": "yes"})));
        let read = |given: &[&Value]| {
            let given: Vec<Value> = given.iter().copied().cloned().collect();
            short(&read_write(kind, writes, &results(&given), NOW)).remove(0)
        };
        assert!(read(&[&fine, &fine, &fine]).starts_with("confirmed"));
        assert_eq!(read(&[&refused, &other_words]), "LOCKED, retryable");
        for pair in [[&fine, &refused], [&fine, &unclear], [&refused, &for_good], [&unclear, &fine]] {
            assert_eq!(read(&pair), "ambiguous", "{kind} {pair:?}");
            assert_eq!(read(&[pair[0], pair[1], pair[0]]), "ambiguous", "{kind} {pair:?} and the first again");
        }
        if kind == WriteKind::CreateContact {
            assert_eq!(read(&[&fine, &done(writes[0], 1)]), "ambiguous", "two numbers");
        }
    });
}

#[test]
fn writes_that_share_a_key_share_a_result_only_if_it_is_clear_whose_it_is() {
    for_each_kind(2, |kind, writes| {
        // The second write has the first one's key, and another content where the kind allows that.
        let (mut twin, same) = (writes[0].clone(), [writes[0], writes[0]]);
        match &mut twin {
            Write::UpdateContact(write) => write.fields.language = Some("it"),
            Write::UpsertDistribution(write) => {
                write.at = ticketbridge_core::mobile::UtcInstant::parse("2027-01-01T00:00:00Z").expect("an instant");
            }
            Write::CreateContact(write) => write.fields.language = Some("it"),
            Write::SetCulturalContact(_) | Write::StoreMobile(_) => return,
        }
        let different = [writes[0], &twin];
        let once = results(&[done(writes[0], 0)]);
        let twice = results(&[done(writes[0], 0), done(writes[0], 0)]);
        let read = |writes: &[&Write<'_>], answer| short(&read_write(kind, writes, answer, NOW));
        let expected = |is_clear: bool| if is_clear { ["confirmed"; 2] } else { ["ambiguous"; 2] };
        let can_share = kind != WriteKind::CreateContact;
        assert_eq!(read(&same, &once), expected(can_share), "{kind}");
        assert_eq!(read(&same, &twice), expected(can_share), "{kind}");
        assert_eq!(read(&different, &once), expected(false), "{kind}");
        assert_eq!(read(&different, &twice), expected(can_share), "{kind}");
        let refused = with(writes[0], &json!({"ok": false, "error": {"code": "LOCKED", "retryable": true}}));
        assert_eq!(read(&different, &results(&[done(writes[0], 0), refused])), expected(false), "{kind}");
    });
}

#[test]
fn a_write_of_another_kind_has_no_result() {
    with_writes(1, |writes| {
        let all: Vec<&Write<'_>> = writes.iter().collect();
        let given: Vec<Value> = all.iter().map(|write| done(write, 0)).collect();
        let reading = read_write(WriteKind::StoreMobile, &all, &results(&given), NOW);
        assert_eq!(short(&reading), ["ambiguous", "ambiguous", "ambiguous", "ambiguous", "confirmed"]);
    });
}

#[test]
fn a_call_that_failed_whole_says_so_for_each_write() {
    let transient = |seconds: Option<u64>| CallFaultKind::Transient { retry_after: seconds.map(Duration::from_secs) };
    let lost = |timed_out| Transport::NoAnswer { why: String::from("time-out"), timed_out };
    let refusal = r#"{"error":{"code":"TOO_MANY_ITEMS","message":"ann@example.org"}}"#;
    let unsafe_code = r#"{"error":{"code":"ann@example.org"}}"#;
    let full = |status| raw(status, r#"{"results":[]}"#, &[]);
    let table = [
        (raw(400, refusal, &[]), CallFaultKind::SetUp { status: 400 }),
        (raw(401, unsafe_code, &[]), CallFaultKind::SetUp { status: 401 }),
        (raw(403, "<html>", &[("retry-after", "7")]), CallFaultKind::SetUp { status: 403 }),
        (raw(404, "", &[]), CallFaultKind::SetUp { status: 404 }),
        (raw(429, refusal, &[("retry-after", "7")]), transient(Some(7))),
        (raw(429, "", &[("retry-after", "Sat, 21 Nov 2026 08:00:09 GMT")]), transient(Some(9))),
        (raw(503, "<html>ann@example.org", &[("retry-after", "7")]), transient(Some(7))),
        (full(500), transient(None)),
        (full(504), transient(None)),
        (full(201), transient(None)),
        (full(204), transient(None)),
        (full(302), transient(None)),
        (full(100), transient(None)),
        (full(405), transient(None)),
        (lost(true), transient(None)),
        (lost(false), transient(None)),
        (Transport::NotSent { why: String::from("no connection"), login: None }, CallFaultKind::NotSent),
        (raw(200, "<html>ann@example.org</html>", &[]), transient(None)),
        (raw(200, "", &[]), transient(None)),
        (raw(200, r#"{"results":[{"ok":true,"email":"ann@example.org"#, &[]), transient(None)),
        (raw(200, r#"{"results":[],"results":[]}"#, &[]), transient(None)),
        (raw(200, r#"{"results":{"ann@example.org":1}}"#, &[]), transient(None)),
        (raw(200, r#"{"results":null}"#, &[]), transient(None)),
        (raw(200, r#"{"items":["ann@example.org"]}"#, &[]), transient(None)),
        (raw(200, r#"[["ann@example.org"]]"#, &[]), transient(None)),
        (raw(200, "[[]]", &[]), transient(None)),
        (raw(200, r#"{"results":[]} ann@example.org"#, &[]), transient(None)),
        (raw(200, &format!(r#"{{"results":[{}1]}}"#, "1,".repeat(2064)), &[]), transient(None)),
        (raw(200, &format!(r#"{{"results":[]{}}}"#, " ".repeat(MAX_BODY)), &[]), transient(None)),
    ];
    for_each_kind(2, |kind, writes| {
        let mut faults = Vec::new();
        for (transport, expected) in &table {
            let reading = read_write(kind, writes, transport, NOW);
            let fault = reading.fault.clone().expect("a fault");
            assert_eq!(fault.kind, *expected, "{fault:?}");
            assert!(!fault.why.contains("ann@"), "{fault:?}");
            let refused = matches!(expected, CallFaultKind::SetUp { .. });
            assert_eq!(short(&reading), [if refused { "call refused" } else { "ambiguous" }; 2], "{fault:?}");
            faults.push(fault.why);
        }
        insta::assert_snapshot!("faults_of_whole_calls", faults.join("\n"));
    });
}

#[test]
fn a_body_that_is_not_utf_8_is_no_answer() {
    for_each_kind(1, |kind, writes| {
        let Transport::Answered(mut answer) = results(&[]) else { unreachable!() };
        answer.body = b"{\"results\":[],\"x\":\"\xff\"}".as_slice().into();
        let fault = read_write(kind, writes, &Transport::Answered(answer), NOW).fault.expect("a fault");
        assert_eq!(fault.why, "the answer of S-360 cannot be used: byte 19 is not UTF-8");
    });
}

#[test]
fn what_is_around_the_results_does_not_matter() {
    for_each_kind(1, |kind, writes| {
        let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
        let body = format!("\u{feff} {{\"x\":{deep},\"results\":[{}]}}\n", done(writes[0], 0));
        let reading = read_write(kind, writes, &raw(200, &body, &[]), NOW);
        assert!(short(&reading)[0].starts_with("confirmed"), "{reading:?}");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_in_the_answer_is_confirmed_and_nothing_else(
        order in Just((0..25_usize).collect::<Vec<_>>()).prop_shuffle(),
        present in prop::collection::vec(any::<bool>(), 25),
        copies in prop::collection::vec(1..3_usize, 25),
    ) {
        with_writes(25, |writes| {
            for kind in KINDS {
                let writes: Vec<&Write<'_>> = writes.iter().filter(|write| write.kind() == kind).collect();
                let chosen = order.iter().copied().filter(|place| present[*place]);
                let given: Vec<Value> =
                    chosen.flat_map(|place| vec![done(writes[place], place); copies[place]]).collect();
                let seen = short(&read_write(kind, &writes, &results(&given), NOW));
                for (place, seen) in seen.iter().enumerate() {
                    let expected = match (present[place], kind) {
                        (false, _) => String::from("ambiguous"),
                        (true, WriteKind::CreateContact) => format!("confirmed 7{place}"),
                        (true, _) => String::from("confirmed"),
                    };
                    assert_eq!(*seen, expected, "{kind} {place}");
                }
            }
        });
    }

    #[test]
    fn an_answer_that_was_cut_anywhere_confirms_nothing(cut in 0.0..1.0_f64) {
        for_each_kind(3, |kind, writes| {
            let given: Vec<Value> = writes.iter().enumerate().map(|(place, write)| done(write, place)).collect();
            let body = json!({"results": given}).to_string();
            let cut = ((body.len() as f64) * cut) as usize;
            let reading = read_write(kind, writes, &raw(200, &body[..cut], &[]), NOW);
            assert_eq!(short(&reading), ["ambiguous"; 3]);
            assert!(reading.fault.is_some());
        });
    }
}
