//! What is wrong with a connector file is said with line and operation; a hostile one harms only its own process.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use ticketbridge_platforms::connector::{
    ChildCommand, ChildLimits, Connector, ConnectorSettings, check, check_in_child, child_main, read_source,
};

const SMALL: &str = r#"
[connector]
name = "small"
version = 1

[create_ticket]
path = "/tickets"
max_batch = 10
body = "[.items[] | {key: .dedupe_key}]"
matched_by = ["dedupe_key"]
results = ".[] | [.key, .ok, .number]"
"#;

fn problems(text: &str) -> Vec<String> {
    match Connector::from_text("x.toml", text, &ConnectorSettings::default()) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_small_file_is_enough() {
    assert_eq!(problems(SMALL), Vec::<String>::new());
}

#[test]
fn a_file_that_is_too_large_or_no_text_is_not_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.toml");
    let why = |bytes: Vec<u8>| {
        std::fs::write(&path, bytes).unwrap();
        read_source(path.to_str().unwrap()).unwrap_err().problems[0].why.clone()
    };
    assert!(why(vec![b'#'; 300 * 1024]).contains("more than 262144 bytes"));
    assert!(why("é".repeat(140 * 1024).into_bytes()).contains("more than 262144 bytes"));
    assert!(why(vec![0xFF; 100]).contains("UTF-8"));
    std::fs::write(&path, vec![b'#'; 256 * 1024]).unwrap();
    assert_eq!(read_source(path.to_str().unwrap()).unwrap().len(), 256 * 1024);
}

#[test]
fn each_mistake_is_named_with_its_line_and_operation() {
    let with = |from: &str, to: &str| {
        assert!(SMALL.contains(from), "{from}");
        problems(&SMALL.replace(from, to)).join("\n")
    };
    let found = [
        with("max_batch = 10", "max_bach = 10"),
        with("max_batch = 10", "max_batch = 0"),
        with("max_batch = 10", "max_batch = \"ten\""),
        with("version = 1", "version = 2"),
        with("path = \"/tickets\"", "path = \"tickets\""),
        with("path = \"/tickets\"", "path = \"/tickets/{number}\""),
        with("path = \"/tickets\"", "path = \"/tickets?a=b\""),
        with("path = \"/tickets\"", "path = \"/a/../b\""),
        with("path = \"/tickets\"\n", ""),
        with("path = \"/tickets\"", "path = \"/tickets\"\nmethod = \"GET\""),
        with("\"[.items[] | {key: .dedupe_key}]\"", "\"[.items[] | {key: .dedupe_key]\""),
        with("\"[.items[] | {key: .dedupe_key}]\"", "'''\n[\n  .items[] |\n  {key: env}\n]'''"),
        with("\"[.items[] | {key: .dedupe_key}]\"", "\"[.items[] | {key: $secret}]\""),
        with("results = \".[] | [.key, .ok, .number]\"\n", ""),
        with("matched_by = [\"dedupe_key\"]", "matched_by = []"),
        with("matched_by = [\"dedupe_key\"]", "matched_by = [\"place\"]"),
        with("version = 1", "version = 1\n[errors]\nstatuses = { 777 = \"unknown\" }"),
        with("version = 1", "version = 1\n[errors]\nstatuses = { 404 = \"target_gone\" }"),
        with("max_batch = 10", "max_batch = 10\nempty_answer_is_applied = true"),
        problems("[connector]\nname = \"none\"\nversion = 1\n").join("\n"),
        problems("[connector\n").join("\n"),
        problems(&format!(
            "{SMALL}\n[find_tickets]\npath = \"/t\"\nitems = \".i\"\nitem = \".\"\npaging = {{ style = \"cursor\" }}\n"
        ))
        .join("\n"),
    ];
    insta::assert_snapshot!(found.join("\n---\n"));
}

#[test]
fn an_unknown_built_in_and_a_missing_file_are_named() {
    assert!(read_source("builtin:nope").unwrap_err().to_string().contains("sfyc"));
    assert!(read_source("/no/such/file.toml").unwrap_err().to_string().contains("/no/such/file.toml"));
}

#[test]
fn the_built_in_file_passes_its_check() {
    let text = read_source("builtin:sfyc").unwrap();
    let report = check("builtin:sfyc", &text, &ConnectorSettings::default());
    assert_eq!(report.problems, []);
    assert_eq!(report.operations.len(), 9);
    assert!(report.operations.iter().all(|operation| operation.native), "SFyC is on the quick path");
    assert_eq!(report.remarks, Vec::<String>::new());
}

#[test]
fn a_file_that_reads_everything_as_success_is_found_out() {
    let text = SMALL
        .replace("max_batch = 10", "max_batch = 1")
        .replace("\".[] | [.key, .ok, .number]\"", "'[null, true, \"T1\"]'");
    let report = check("x.toml", &text, &ConnectorSettings::default());
    let why: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
    assert!(why.iter().any(|why| why.contains("an empty object is read as a proper result")), "{why:?}");
    let text = text.replace("true, \"T1\"", "false, null");
    assert!(!check("x.toml", &text, &ConnectorSettings::default()).is_good());
}

#[test]
fn a_sample_that_is_read_otherwise_is_a_problem_with_its_line() {
    let text = format!("{SMALL}samples = [\n  {{ answer = '[]', expect = [\"applied\"] }},\n]\n");
    let report = check("x.toml", &text, &ConnectorSettings::default());
    assert_eq!(report.problems.len(), 1);
    assert_eq!(report.problems[0].line, Some(13));
    assert!(report.problems[0].why.contains("unknown"), "{}", report.problems[0].why);
}

/// Not a test of its own: the process that `in_a_child` starts.
#[test]
fn child_process() {
    if std::env::var_os("TICKETBRIDGE_TEST_CHILD").is_some() {
        child_main().unwrap();
    }
}

fn in_a_child(text: &str) -> ticketbridge_platforms::connector::CheckReport {
    // The variable reaches the child through `env`, so that this process stays as it is.
    let program = std::env::current_exe().unwrap();
    let command = ChildCommand {
        program: "/usr/bin/env".into(),
        arguments: [
            "TICKETBRIDGE_TEST_CHILD=1",
            program.to_str().unwrap(),
            "--exact",
            "child_process",
            "--nocapture",
            "--test-threads=1",
        ]
        .map(str::to_owned)
        .to_vec(),
    };
    let limits = ChildLimits { processor_seconds: 3, ..ChildLimits::default() };
    check_in_child(&command, &limits, "x.toml", text, &ConnectorSettings::default())
}

#[cfg(unix)]
#[test]
fn a_child_gives_the_same_report() {
    let text = read_source("builtin:sfyc").unwrap();
    let report = in_a_child(&text);
    assert_eq!(report, check("x.toml", &text, &ConnectorSettings::default()));
    assert_eq!(in_a_child("[connector").problems.len(), 1);
}

#[cfg(unix)]
#[test]
fn a_child_that_never_ends_or_fills_the_memory_is_a_problem_of_the_file() {
    // Every row with every row with every row …: allowed by the syntax limits, and far too much work for a full batch.
    let bindings: String =
        ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map(|name| [".items[] as $", name, " | "].concat()).concat();
    let text = SMALL
        .replace("max_batch = 10", "max_batch = 500")
        .replace("[.items[] | {key: .dedupe_key}]", &format!("[{bindings} 1] | length"));
    let report = in_a_child(&text);
    let why = &report.problems[0].why;
    assert!(why.contains("memory or time") || why.contains("takes longer"), "{why}");
}

#[test]
fn a_program_that_can_not_be_started_is_a_problem_and_no_panic() {
    let command = ChildCommand { program: "/no/such/program".into(), arguments: Vec::new() };
    let report = check_in_child(&command, &ChildLimits::default(), "x.toml", SMALL, &ConnectorSettings::default());
    assert!(report.problems[0].why.contains("can't be started"));
    let command = ChildCommand { program: "/usr/bin/env".into(), arguments: vec![String::from("true")] };
    let report = check_in_child(&command, &ChildLimits::default(), "x.toml", SMALL, &ConnectorSettings::default());
    assert!(report.problems[0].why.contains("without a report"));
}
