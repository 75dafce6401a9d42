//! Filters: what is refused, what is kept within bounds, and that both paths agree.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn refused(text: &str) -> String {
    match Filter::compile(text) {
        Err(error) => error.why,
        Ok(_) => panic!("`{text}` was accepted"),
    }
}

#[test]
fn functions_that_reach_outside_or_never_end_are_refused() {
    for name in [
        "env",
        "$ENV",
        "range(10)",
        "repeat(.)",
        "recurse",
        "..",
        "until(.; .)",
        "while(.; .)",
        "limit(1; .)",
        "input",
        "inputs",
        "now",
        "localtime",
        "debug",
        "stderr",
        "halt",
        "halt_error",
        "fromjson",
        "combinations",
        "implode",
        "reduce .[] as $x (0; . + $x)",
        "foreach .[] as $x (0; . + $x)",
        "label $out | break $out",
        "walk(.)",
        "paths",
        "input_line_number",
        "$__loc__",
        "error_empty",
        "splits",
        "key_values",
        "matches(\"a\"; \"\")",
        "include \"a\"; .",
    ] {
        let why = refused(name);
        assert!(!why.is_empty(), "{name}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let error = Filter::compile(".items[] | {a: .b, c: env}").unwrap_err();
    assert_eq!(error.offset, 22);
    assert!(error.why.contains("`env` is not allowed"), "{}", error.why);
    let error = Filter::compile(".items[] | {a: .b").unwrap_err();
    assert!(error.why.contains("closing bracket"), "{}", error.why);
    let error = Filter::compile(". | $nothing").unwrap_err();
    assert!(error.why.contains("$nothing"), "{}", error.why);
    assert_eq!(error.offset, 4);
}

#[test]
fn a_definition_that_calls_itself_is_refused() {
    assert!(refused("def f: 1 + f; f").contains("calls itself"));
    assert!(refused("def f: f; f").contains("calls itself"));
    assert!(refused("def f(x): def g: f(x); g; f(.)").contains("calls itself"));
    assert!(Filter::compile("def f(x): x | x; def g: f(.a); g").is_ok());
}

#[test]
fn definitions_count_wherever_they_are_called() {
    let mut text = String::from("def f0: .a.b.c.d; ");
    for level in 1..30 {
        text += &["def f", &level.to_string(), ": f", &(level - 1).to_string(), ", f", &(level - 1).to_string(), "; "]
            .concat();
    }
    text.push_str("f29");
    assert!(refused(&text).contains("syntax nodes"));
}

#[test]
fn nothing_may_grow_without_bound() {
    assert!(refused(r#""abc" * .n"#).contains("literal"));
    assert!(refused(r#""abc" * 1000000000"#).contains("1,000,000"));
    assert!(refused(r#""abc" * 1000 * 1000 * 1000"#).contains("1,000,000"));
    let doubling = vec![". + ."; 40].join(" | ");
    assert!(refused(&doubling).contains("100,000"));
    let doubling = vec![r#""\(.)\(.)""#; 40].join(" | ");
    assert!(refused(&doubling).contains("100,000"));
    let doubling = vec!["[., .]"; 40].join(" | ");
    assert!(refused(&doubling).contains("100,000"));
    let doubling = vec!["tojson"; 40].join(" | ");
    assert!(refused(&doubling).contains("100,000"));
    assert!(refused("def d(x): x | x | x; d(d(d(d(d(d(. + .))))))").contains("100,000"));
}

#[test]
fn long_and_deep_texts_are_refused_and_harm_nobody() {
    assert!(refused(&" ".repeat(MAX_TEXT + 1)).contains("limit"));
    for unit in ["(", "[", "{a:", "-", "try ", ".|", "if . then ", "def f: ", "\"\\(", ". as $x | ", ".a//", "1+", ".["]
    {
        refused(&unit.repeat(MAX_TEXT / unit.len()));
        let closed = unit.repeat(5_000 / unit.len()) + ".";
        drop(Filter::compile(&closed));
    }
    for unit in ["(", "-", "[", "{a:", ".a//", "try ", "if . then "] {
        drop(Filter::compile(&unit.repeat(7_900 / unit.trim().len().clamp(1, 3))));
    }
    assert!(refused(&vec!["."; 3_000].join("|")).contains("nests deeper"));
}

#[test]
fn outputs_that_json_does_not_have_are_faults() {
    for text in ["1 / 0", "0 / 0", "-(1 / 0)", "{(.n | tostring): 1} | with_entries(.key = 1)"] {
        let filter = Filter::compile(text).unwrap();
        assert!(filter.run(&json!({"n": 1}), 1).is_err(), "{text}");
        assert!(filter.write(&json!({"n": 1})).is_err(), "{text}");
    }
}

#[test]
fn more_outputs_than_allowed_are_a_fault() {
    let filter = Filter::compile(".[]").unwrap();
    for filter in [filter, Filter::interpreted(".[]").unwrap()] {
        assert_eq!(filter.run(&json!([1, 2, 3]), 3).unwrap().len(), 3);
        assert!(filter.run(&json!([1, 2, 3]), 2).is_err());
        assert!(filter.run_one(&json!([])).is_err());
        assert!(filter.write(&json!([1, 2])).is_err());
    }
}

#[test]
fn hostile_texts_do_not_reach_an_unbounded_reader() {
    let filter = Filter::compile(".[] | tonumber? // null").unwrap();
    let deep = "[".repeat(1_000_000);
    let outputs = filter.run(&json!([deep, "12", "1e999", " 7 ", "0x10", true, "nan"]), 10).unwrap();
    assert_eq!(outputs, [json!(null), json!(12), json!(null), json!(7), json!(null), json!(null), json!(null)]);
}

#[test]
fn a_panic_inside_the_interpreter_is_an_error_of_that_run() {
    let filter = Filter::compile("-(.n) | . - 1 | abs").unwrap();
    drop(filter.run(&json!({"n": i64::MIN}), 1));
    drop(filter.run(&json!({"n": u64::MAX}), 1));
}

#[test]
fn patterns_are_linear() {
    let filter = Filter::compile(r#"test("^(a+)+$")"#).unwrap();
    let text = "a".repeat(50_000) + "b";
    assert_eq!(filter.run_one(&json!(text)).unwrap(), json!(false));
}

#[test]
fn all_allowed_functions_exist() {
    for name in limits::allowed_names() {
        let calls = ["", "(.)", "(.; .)", "(.; .; .)"].map(|arguments| format!("{name}{arguments}"));
        assert!(calls.iter().any(|call| Filter::compile(call).is_ok()), "{name}");
    }
    let names: Vec<_> = limits::allowed_names().collect();
    assert!(names.is_sorted(), "the list is searched by halves");
}

#[test]
fn simple_filters_run_natively_and_others_do_not() {
    for text in [
        ".",
        ".a.b",
        r#".["a b"]"#,
        r#"{a, b: .c.d, "e": 1, f: "x", g: null}"#,
        ".items[] | [.a, .b // 0, true]",
        "{items: [.items[] | {a: .b}], n: 1}",
        "[.items[].a]",
        ".a | .b | {c}",
        ".a // .b // \"c\"",
        "[]",
        "{}",
        ".results[] | [(.ticketNumber // .externalRef), .ok, .error.code]",
    ] {
        assert!(Filter::compile(text).unwrap().is_native(), "{text}");
    }
    for text in
        [".[0]", ".a?", ".a + 1", ".a[] | .b[]", "{(.a): 1}", "{a: .b[]}", "map(.a)", "1.5", ".a[1:]", "[.a[], 1]"]
    {
        assert!(!Filter::compile(text).unwrap().is_native(), "{text}");
    }
}

#[test]
fn the_members_keep_the_order_of_the_filter() {
    let filter = Filter::compile("{z: .a, a: [.b[] | {y: ., b: 1}]}").unwrap();
    let input = json!({"a": 1, "b": [2]});
    let expected = r#"{"z":1,"a":[{"y":2,"b":1}]}"#;
    assert_eq!(String::from_utf8(filter.write(&input).unwrap()).unwrap(), expected);
    assert_eq!(
        String::from_utf8(Filter::interpreted(filter.text()).unwrap().write(&input).unwrap()).unwrap(),
        expected
    );
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("c d"), Just("é\"")].prop_map(str::to_owned)
}

fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

fn single_filter() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(String::from(".")),
        proptest::collection::vec(name(), 1..4)
            .prop_map(|names| format!(".{}", names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join("."))),
        any::<i64>().prop_filter("no sign", |number| *number >= 0).prop_map(|number| number.to_string()),
        name().prop_map(|name| quoted(&name)),
        prop_oneof![Just("null"), Just("true"), Just("false"), Just("[]"), Just("{}")].prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} // {right})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} | {right})")),
            proptest::collection::vec(inner.clone(), 1..3).prop_map(|items| format!("[{}]", items.join(", "))),
            proptest::collection::btree_map(name(), inner.clone(), 1..3).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(key, value)| format!("{}: {value}", quoted(key))).collect();
                format!("{{{}}}", members.join(", "))
            }),
            (inner.clone(), inner).prop_map(|(source, each)| format!("[{source} | .[] | {each}]")),
        ]
    })
}

fn any_filter() -> impl Strategy<Value = String> {
    prop_oneof![
        single_filter(),
        (single_filter(), single_filter()).prop_map(|(source, each)| format!("{source} | .[] | {each}")),
        (name(), single_filter()).prop_map(|(name, each)| format!(".{}[] | {each}", quoted(&name))),
    ]
}

fn input() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1.0e300_f64..1.0e300).prop_map(Value::from),
        "[ -~é\u{1F600}\\n]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_native_path_equals_the_interpreter(text in any_filter(), input in input()) {
        let native = Filter::compile(&text).unwrap();
        prop_assert!(native.is_native(), "{} is not native", text);
        let interpreted = Filter::interpreted(&text).unwrap();
        match (native.run(&input, 8), interpreted.run(&input, 8)) {
            (Ok(quick), Ok(general)) => prop_assert_eq!(quick, general),
            (Err(_), Err(_)) => {}
            (quick, general) => prop_assert!(false, "{:?} against {:?}", quick, general),
        }
        match (native.write(&input), interpreted.write(&input)) {
            (Ok(quick), Ok(general)) => prop_assert_eq!(String::from_utf8(quick), String::from_utf8(general)),
            (Err(_), Err(_)) => {}
            (quick, general) => prop_assert!(false, "{:?} against {:?}", quick, general),
        }
    }

    #[test]
    fn a_draft_is_written_as_the_value_that_it_stands_for(text in any_filter(), input in input()) {
        let filter = Filter::compile(&text).unwrap();
        let json = input.to_string();
        let stored = || Draft::stored(&json).unwrap();
        let drafts = [
            stored(),
            Draft::Value(&input),
            Draft::Json(&json),
            Draft::Part(&Draft::Json(&json)),
            Draft::Array(vec![stored(), Draft::Null, Draft::Value(&input)]),
            Draft::Object(vec![("a", stored()), ("b", Draft::Array(vec![stored(), Draft::Text("é\"".into())]))]),
        ];
        for draft in drafts {
            let value = draft.to_value().unwrap();
            match (filter.write_draft(&draft), filter.write(&value)) {
                (Ok(quick), Ok(general)) => prop_assert_eq!(String::from_utf8(quick), String::from_utf8(general)),
                (Err(_), Err(_)) => {}
                (quick, general) => prop_assert!(false, "{:?} against {:?}", quick, general),
            }
            match (filter.run_draft(&draft, 8), filter.run(&value, 8)) {
                (Ok(quick), Ok(general)) => prop_assert_eq!(quick, general),
                (Err(_), Err(_)) => {}
                (quick, general) => prop_assert!(false, "{:?} against {:?}", quick, general),
            }
        }
    }

    #[test]
    fn no_text_makes_the_compiler_panic(text in "[.|,a-d0-9\\[\\]{}()\"$: +*/;?-]{0,60}") {
        if let Ok(filter) = Filter::compile(&text) {
            drop(filter.run(&json!({"a": [1, {"b": "x"}], "b": null}), 100));
        }
    }
}

#[test]
fn the_built_in_requests_build_no_ticket() {
    let item = r"{a: .dedupe_key, b: (.ticket.name // .ticket.title), c: .ticket.topology.address}";
    let filter = Filter::compile(&format!("{{items: [.items[] | {item}]}}")).unwrap();
    let ticket = r#"{"name":null,"title":"T \u00e9","topology":{"address":[1.50],"x":1},"title":"U"}"#;
    let row = Draft::Object(vec![("dedupe_key", Draft::Text("k".into())), ("ticket", Draft::stored(ticket).unwrap())]);
    let input = Draft::Object(vec![("items", Draft::Array(vec![row]))]);
    // Copied as it stands: a number that was built would be 1.5.
    let expected = r#"{"items":[{"a":"k","b":"U","c":[1.50]}]}"#;
    assert_eq!(String::from_utf8(filter.write_draft(&input).unwrap()).unwrap(), expected);
}

#[test]
fn members_of_a_draft_are_those_of_the_object_in_their_order() {
    let object = r#"{"b":1,"a":2,"a":{"c":1,"c":3}}"#;
    let above = format!("{{\"x\":{object}}}");
    for (filter, text) in [(".[]", object), (".x[]", above.as_str()), (".a.c", object), (".x.a.c", &above)] {
        let filter = Filter::compile(filter).unwrap();
        let value: Value = serde_json::from_str(text).unwrap();
        for draft in [Draft::stored(text).unwrap(), Draft::Json(text)] {
            assert_eq!(filter.run_draft(&draft, 8).unwrap(), filter.run(&value, 8).unwrap());
            let written = |written: Result<Vec<u8>, RunFault>| written.map(String::from_utf8).ok();
            assert_eq!(written(filter.write_draft(&draft)), written(filter.write(&value)));
        }
    }
}

#[test]
fn what_is_no_json_is_no_draft() {
    for text in ["", "{", "{\"a\":}", "{} x", "[1", "nul", "{\"a\":1,}"] {
        assert!(Draft::stored(text).is_err(), "{text}");
    }
}

#[test]
fn the_document_lists_all_allowed_functions() {
    let document = include_str!("../../../../../docs/connectors.md");
    for name in limits::allowed_names() {
        assert!(document.contains(&format!("`{name}`")), "{name}");
    }
}

/// A value of 1,200 levels overflowed the stack of a worker thread when it was dropped.
#[test]
fn pipes_and_assignments_can_not_pile_levels_up() {
    let pipes = vec![format!("{}.{}", "[".repeat(40), "]".repeat(40)); 30].join(" | ");
    let calls = format!("def f: {}.{}; {}", "[".repeat(50), "]".repeat(50), ["f"; 12].join(" | "));
    let arguments = format!("def f(g): g | g | g | g; f(f({}.{}))", "[".repeat(50), "]".repeat(50));
    let assignment = format!(". = {{}} | {} = 1", ".a".repeat(600));
    let functions = vec!["to_entries"; 120].join(" | ");
    for text in [pipes, calls, arguments, assignment] {
        assert!(refused(&text).contains("levels around its input"), "{}", refused(&text));
    }
    assert!(Filter::compile(&functions).is_ok(), "240 levels are within the limit");
}

#[test]
fn a_native_filter_keeps_to_the_limits_of_output() {
    let pipes = |times: usize| vec![format!("{}.{}", "[".repeat(40), "]".repeat(40)); times].join(" | ");
    assert!(Filter::compile(&pipes(3)).unwrap().is_native());
    let filter = Filter::compile(&pipes(10)).unwrap();
    assert!(filter.run(&json!(1), 1).unwrap_err().0.contains("levels"));
    assert!(filter.write(&json!(1)).is_err());

    let input = json!({"text": "x".repeat(200_000), "items": vec![0; 200_000]});
    let copies: Vec<_> = (0..380).map(|place| format!("m{place}: .text")).collect();
    let copies = format!("{{{}}}", copies.join(", "));
    for text in [
        copies.clone(),
        format!("[[1, {copies}]]"),
        format!("[.items[] | {{{}: {{}}}}]", "a".repeat(1_000)),
        format!(". | {copies} | ."),
    ] {
        let filter = Filter::compile(&text).unwrap();
        assert!(filter.is_native(), "{}", &text[..20]);
        let fault = filter.run(&input, 1).unwrap_err();
        assert!(fault.0.contains("more than 64 MiB"), "{fault}");
        assert!(filter.write(&input).unwrap_err().0.contains("more than 64 MiB"));
    }
}
