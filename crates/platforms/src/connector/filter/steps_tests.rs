//! The budget of a run: what takes too much ends with a fault that tells so, and harms no other run.

use serde_json::{Value, json};

use super::pattern::Shape;
use super::*;

/// Budget of most tests, since without optimisation steps take long.
const STEPS: u64 = 300_000;

fn filter(text: &str) -> Filter {
    let filter = Filter::compile(text).unwrap_or_else(|error| panic!("`{text}`: {}", error.why));
    assert!(!filter.is_native(), "{text}");
    filter.with_steps(STEPS)
}

#[track_caller]
fn spent(text: &str, input: &Value) {
    let filter = filter(text);
    for fault in [filter.run(input, 10).unwrap_err(), filter.write(input).unwrap_err()] {
        assert!(fault.0.contains(&format!("more than {STEPS} steps; simplify it")), "{text}: {fault}");
    }
    let small = filter.run(&json!({"list": [], "text": "", "long": ""}), 1000);
    assert!(!small.as_ref().is_err_and(|fault| fault.0.contains("steps")), "{text}: {small:?}");
}

fn large() -> Value {
    json!({
        "list": (0..1_000).collect::<Vec<_>>(),
        "text": "x".repeat(100_000),
        "long": "a".repeat(2_000_000),
    })
}

const WALKS: &str = "[.list[] as $a | .list[] as $b | .list[] as $c | .list[] as $d | .list[] as $e | $a]";

#[test]
fn lists_walked_inside_each_other_end() {
    let large = large();
    spent(WALKS, &large);
    spent("isempty(.list[] as $a | .list[] as $b | .list[] as $c | empty)", &large);
    spent(".list | map([.] | map([.])) | . as $l | [$l[] | $l[] | $l[] | select(false)]", &large);
    spent("def f(g): [g | g | g]; .list as $l | 0 | f($l[])", &large);
    spent(".list as $l | $l | any(.[]; . as $a | $l | any(.[]; . as $b | $l | any(.[]; false)))", &large);
    spent(".list as $l | $l | sort_by(. as $a | $l | sort_by(. as $b | $l | map(. + $a)))", &large);
    let choices = format!("[{}]", vec!["(1, 2)"; 16].join(" | "));
    assert!(filter(&choices).with_steps(STEPS / 10).write(&json!(0)).unwrap_err().0.contains("steps; simplify it"));
}

#[test]
fn updates_inside_each_other_end() {
    let large = large();
    spent(".list as $l | .list[] |= ($l | .[] |= ($l | .[] |= 1))", &large);
    spent(".list as $l | ($l[] as $a | $l[] as $b | $l[] as $c | .list[0]) |= 1", &large);
    spent(".list as $l | {} | pick(.[$l[] | tostring][$l[] | tostring])", &large);
    spent(".list as $l | .list | map(. as $i | $l | del(.[$i]))", &large);
}

#[test]
fn texts_that_grow_end() {
    let large = large();
    spent(".text as $t | .text | gsub(\"\"; $t)", &large);
    spent(".long | gsub(\"\"; \"x\")", &large);
    spent(".list as $l | .text as $t | [$l[] | $l[] | $t + \"x\"]", &large);
    spent(".list as $l | .text as $t | [$l[] | $l[] | \"\\($t)\\($t)\"]", &large);
    spent(".text * 10000", &large);
    spent(".list as $l | [$l[] | $l[] | $l]  | map(tojson)", &large);
    spent(".list as $l | [$l[] | $l | tojson | @base64 | @uri | @html | explode]", &large);
    let doubling = vec![". + ."; 16].join(" | ");
    spent(&format!(".long | {doubling}"), &large);
    spent(&format!(".list | {doubling}"), &large);
}

#[test]
fn searches_that_take_long_end() {
    let large = large();
    spent(".long | [scan(\"a.*b|a\")]", &large);
    spent(".long | gsub(\"(a|b)*?c|a\"; \"\")", &large);
    spent(".long | test(\"(a?){1000}b\")", &large);
    let repeated = filter("test(\"((a{1000}){1000}){1000}\")");
    assert!(repeated.run_one(&json!("")).unwrap_err().0.contains("steps; simplify it"), "the pattern alone");
    let repeated = filter("test(\"5 {1000000000}\"; \"x\")");
    assert!(repeated.run_one(&json!("")).unwrap_err().0.contains("steps; simplify it"), "the pattern alone");
    spent(".long | [splits(\"()()()()()()()()\")]", &large);
    spent(".list as $l | [$l[] | $l[] | [$l, 1000]] | map(indices(999))", &large);
    spent(
        ".list | contains([range_of]) | not".replace("[range_of]", "map(. + 0) + map(. + 0)").as_str(),
        &json!({
            "list": (0..10_000).collect::<Vec<_>>(),
        }),
    );
    spent(".long as $f | 0 | strftime($f)", &large);
}

#[test]
fn nothing_inside_the_expression_holds_the_end_up() {
    let large = large();
    for around in [
        "try (WALKS) catch \"caught\"",
        "(WALKS)?",
        "(WALKS)? // \"else\"",
        "(WALKS) // \"else\"",
        "first((WALKS), 1)",
        "[.list[] as $again | try (WALKS) catch 1]",
        "isempty(try (WALKS))",
        "any(try (WALKS) catch true; .)",
        "if (WALKS)? then 1 else 2 end",
        "def f(g): try g catch 0; f(WALKS)",
        "try error(WALKS) catch .",
        "(try (WALKS) catch 1) |= .",
    ] {
        let filter = filter(&around.replace("WALKS", WALKS));
        let fault = filter.run(&large, 10).unwrap_err();
        let refused_path = around.ends_with("|= .") && fault.0.contains("path");
        assert!(refused_path || fault.0.contains("steps; simplify it"), "{around}: {fault}");
    }
}

/// Without optimisation, 380 members overflowed the stack of a worker thread.
#[test]
fn wide_objects_and_texts_are_the_native_paths_alone() {
    let members: Vec<_> = (0..380).map(|place| format!("m{place}: .")).collect();
    let object = format!("{{{}}}", members.join(", "));
    assert!(Filter::compile(&object).unwrap().is_native());
    let text = format!("\"{}\"", "\\(.)".repeat(380));
    for text in [format!("({object}) | length"), text] {
        assert!(Filter::compile(&text).unwrap_err().why.contains("nests deeper"), "{text}");
    }
    filter(&format!("{{{}}} | length", members[..100].join(", "))).run_one(&json!(1)).unwrap();
}

#[test]
fn errors_that_hold_large_values_are_paid_for() {
    spent(".list as $l | [$l[] | $l[] | try ($l + 1) catch length]", &large());
}

#[test]
fn the_budget_is_of_one_run() {
    let large = large();
    let input = json!({"list": (0..100).collect::<Vec<_>>()});
    let modest = filter("[.list[] as $a | .list[] | select(. == $a)] | length");
    // One run takes more than a tenth of the budget.
    assert!(modest.clone().with_steps(STEPS / 10).run_one(&input).is_err());
    for _ in 0..20 {
        assert_eq!(modest.run_one(&input).unwrap(), json!(100));
    }
    let walks = Filter::compile(WALKS).unwrap();
    assert!(walks.run_one(&large).unwrap_err().0.contains("more than 20000000 steps"));
    assert_eq!(modest.run_one(&input).unwrap(), json!(100), "a run after one that was ended");
    assert_eq!(walks.run_one(&json!({"list": [1]})).unwrap(), json!([1]));
}

fn batch() -> Value {
    let item = |number: usize| {
        json!({"id": number, "number": format!("T-{number}"), "title": "An alarm of the network", "ok": !number.is_multiple_of(3),
               "at": "2026-03-04T05:06:07Z", "error": {"code": "busy", "text": "try again later"}})
    };
    json!({"items": (0..10_000).map(item).collect::<Vec<_>>()})
}

/// Real expressions on a batch of 10,000 items stay far away from the limit.
#[test]
fn large_batches_take_little_of_the_budget() {
    let input = batch();
    // What the built-in connector does natively, by the interpreter.
    let results = json!({"results": (0..10_000).map(|number| json!({
        "ticketNumber": format!("T-{number}"), "externalRef": null, "ok": false,
        "error": {"code": "busy", "message": "try again later", "retryable": true},
    })).collect::<Vec<_>>()});
    for (text, input) in [
        ("{items: [.items[] | {ticketNumber: .number, noteRef: .id, text: .title}]}", &input),
        (
            "[.results[] | [.ticketNumber // .externalRef, .ok, null, .error.code, .error.message, .error.retryable]]",
            &results,
        ),
    ] {
        Filter::interpreted(text).unwrap().with_steps(MAX_STEPS / 10).write(input).unwrap();
    }
    for text in REAL {
        filter(text).with_steps(MAX_STEPS / 4).write(&input).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    }
}

const REAL: &[&str] = &[
    "{items: [.items[] | {id: (.id | tostring), title: .title[0:40], number, note: \"\\(.number): \\(.title)\"}]}",
    "[.items[] | select(.ok | not) | [.number, .error.code]]",
    ".items | map({key: .number, value: .id}) | from_entries",
    "[.items[] | if .ok then [.number, \"applied\"] else [.number, .error.code // \"failed\"] end]",
    ".items | sort_by(.number) | map(.title | ascii_upcase) | join(\",\")",
    "[.items[] | .at | fromdate | todate]",
    "[.items | group_by(.ok)[] | length]",
    "[.items[].number | select(test(\"^T-[0-9]+$\")) | sub(\"^T-\"; \"\")]",
];

/// What counting costs, against the same interpreter with uncounted values. Only with optimisation does it tell anything:
/// `cargo test --release -p ticketbridge-platforms --lib counting_costs -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, for a release build"]
#[expect(clippy::disallowed_methods, reason = "a measurement of time")]
fn counting_costs_little() {
    use jaq_core::data::JustLut;
    use jaq_core::load::{Arena, File, Loader};
    use jaq_core::{Compiler, Ctx, Vars};
    use jaq_json::Val;
    let input = batch();
    for text in REAL {
        let counted = Filter::compile(text).unwrap();
        let arena = Arena::default();
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let modules = Loader::new(definitions).load(&arena, File { code: *text, path: () }).unwrap();
        let functions = jaq_core::funs::<JustLut<Val>>().chain(jaq_std::funs()).chain(jaq_json::funs());
        let plain = Compiler::default().with_funs(functions).compile(modules).unwrap();
        let (mut before, mut after) = (u128::MAX, u128::MAX);
        for _ in 0..9 {
            let start = std::time::Instant::now();
            let context = Ctx::<JustLut<Val>>::new(&plain.lut, Vars::new([]));
            let mut out = Vec::new();
            for output in plain.id.run((context, value::to_val(&input))) {
                value::write_val(&output.ok().unwrap(), 0, &mut out).unwrap();
            }
            before = before.min(start.elapsed().as_micros());
            let start = std::time::Instant::now();
            assert_eq!(counted.write(&input).unwrap(), out);
            after = after.min(start.elapsed().as_micros());
        }
        let (mut low, mut high) = (0, MAX_STEPS);
        while low + 1_000 < high {
            let middle = low.midpoint(high);
            match counted.clone().with_steps(middle).write(&input) {
                Ok(_) => high = middle,
                Err(_) => low = middle,
            }
        }
        println!(
            "{before:>8} {after:>8} µs {:>+4} %, {high:>9} steps  {text}",
            after as i128 * 100 / before as i128 - 100
        );
    }
    let large = large();
    for text in [
        WALKS,
        ".long | [scan(\"a.*b|a\")]",
        ".list as $l | [$l[] | $l[] | $l]  | map(tojson)",
        ".list as $l | .text as $t | [$l[] | $l[] | $t + \"x\"]",
        ".long | [scan(\"a\")]",
        ".long | [splits(\"\")]",
        ".list as $l | [$l[] | $l[] | {a: .}]",
        ".list as $l | [$l[] | $l[] | {a: [.]} | tojson]",
        ".text as $t | .text | gsub(\"\"; $t)",
    ] {
        let start = std::time::Instant::now();
        let fault = Filter::compile(text).unwrap().write(&large).err();
        println!("{:>8} ms {text} {fault:?}", start.elapsed().as_millis());
    }
}

#[test]
fn the_size_of_a_pattern_is_never_told_too_small() {
    for (pattern, least) in [
        ("a", 1),
        ("abc", 3),
        ("a{1000}", 1_000),
        ("a{2,1000}", 1_000),
        ("a {1000}", 1_000),
        ("(a{1000}){1000}", 1_000_000),
        ("((ab){1000}c){1000}", 2_000_000),
        ("(a{1000}[)]){1000}", 1_000_000),
        ("([]a]{1000}[(]b){1000}", 1_000_000),
        ("(a{1000}# )\n){1000}", 1_000_000),
        ("5 {1000000000}", 1_000_000_000),
        ("a{99999999999999999999}", u64::MAX / 2),
        ("[a-z]{10}", 10),
        ("(((a{65535}){65535}){65535}){65535}{65535}", u64::MAX / 2),
    ] {
        let shape = Shape::of(pattern);
        assert!(shape.size >= least, "{pattern}: {shape:?}");
    }
    let date = Shape::of(r"^(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}:\d{2}(\.\d+)?Z$");
    assert!(date.size < 400 && date.groups == 4 && date.reads_ahead, "{date:?}");
    assert!(!Shape::of(r"[ \t]+").reads_ahead && !Shape::of("a|b").reads_ahead && !Shape::of("a?b").reads_ahead);
    assert!(Shape::of("a.*b|a").reads_ahead && Shape::of("a{2,}b?").reads_ahead && Shape::of("a+.*b").reads_ahead);
}

#[test]
fn runs_that_share_a_budget_end_together() {
    let filter = filter("[.list[] | . + 1]");
    let input = json!({"list": (0..100).collect::<Vec<_>>()});
    let runs = |steps| {
        sharing_steps(steps, || (0..1_000).find_map(|run| filter.run_one(&input).err().map(|fault| (run, fault))))
    };
    assert_eq!(runs(1_000 * STEPS), None);
    let (first, fault) = runs(STEPS).unwrap();
    assert!(first > 10 && fault.0.contains("more than the steps of one page"), "{first}: {fault}");
    assert_eq!(runs(2 * STEPS).map(|(second, _)| second > first), Some(true));
    assert!(filter.run_one(&input).is_ok(), "afterwards each run has its own budget again");
    // A run that takes too much for itself is told so, and takes its own budget of the shared one alone.
    let large = large();
    sharing_steps(10 * STEPS, || {
        for _ in 0..3 {
            assert!(self::filter(WALKS).run_one(&large).unwrap_err().0.contains(&format!("more than {STEPS} steps")));
        }
        assert!(filter.run_one(&input).is_ok());
    });
}
