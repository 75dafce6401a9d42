//! jq of connector files: hostile programs on hostile data. Input: the program, `---`, the data.

use serde_json::Value;
use ticketbridge_platforms::connector::filter::{Filter, MAX_TEXT};

use crate::parts::{parts, text};

/// Most outputs that are asked for.
const MAX_OUTPUTS: usize = 1_000;
/// Largest output of one run (`MAX_OUTPUT` of the product), and what the shortest of JSON adds to it.
const MAX_OUTPUT: usize = 65 * 1024 * 1024;
/// Budget of one run: what takes more takes as long as this, whatever the program.
const STEPS: u64 = 50_000;

/// Words of jq.
pub const DICTIONARY: &[&str] = &[
    ".",
    ".a",
    ".items[]",
    "[.items[] | {a, b: .c}]",
    " | ",
    " // ",
    ", ",
    "\"\\(.)\"",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ".[]",
    ".[0]",
    ".[1:3]",
    ".[-1]",
    ".[1e9]",
    "..",
    "$ENV",
    "reduce .[] as $x (0; . + $x)",
    " as $x | ",
    " as [$a, {b: $c}] | ",
    "def f: .; ",
    "def f(g): g | g; ",
    "if . then 1 else 2 end",
    "try error(\"x\") catch .",
    "?",
    "map(.)",
    "select(.a)",
    "test(\"(a+)+$\")",
    "gsub(\"\"; \"xx\")",
    "split(\",\")",
    "join(\",\")",
    "tojson",
    "tostring",
    "tonumber",
    "ascii_downcase",
    "length",
    "keys",
    "to_entries",
    "with_entries(.)",
    "group_by(.a)",
    "sort_by(.a)",
    "unique",
    "flatten",
    "add",
    "any",
    "all",
    "@base64",
    "@uri",
    "@json",
    "strptime(\"%Y\")",
    "strftime(\"%c\")",
    "mktime",
    "todate",
    "fromdate",
    "del(.a)",
    "getpath([\"a\"])",
    "pick(.a)",
    "has(\"a\")",
    "contains(\"a\")",
    "1e1000",
    "-1",
    " * 1000000",
    " % 0",
    " / 0",
    " + ",
    " - ",
    " == ",
    " |= ",
    " += 1",
    "limit(1; .)",
    "input",
    "fromjson",
    "splits(\"a\")",
    "ltrimstr(\"a\")",
    "explode",
    "indices(\"a\")",
    "# ",
    "\n",
    "null",
    "true",
    "9223372036854775807",
    "\"\\u0000\"",
    "label $out | ",
    "break $out",
    "import \"a\" as a; ",
    "rtrimstr(\"\")",
    "abs",
    "round",
    "@sh",
    "first(.[])",
    "isempty(.a)",
    "error",
    "min_by(.a)",
    "ltrim",
    "gmtime",
    "\"a\" * ",
];

/// A refusal with a place, or a filter that gives the same each time, within its limits, and the same natively as by the
/// interpreter.
pub fn target(data: &[u8]) {
    let input = parts(data, 2);
    let Ok(program) = std::str::from_utf8(input[0]) else { return };
    let filter = match Filter::compile(program) {
        Ok(filter) => filter.with_steps(STEPS),
        Err(error) => {
            assert!(error.offset <= program.len() && !error.why.is_empty() && error.why.len() < 4 * MAX_TEXT);
            return;
        }
    };
    assert!(program.len() <= MAX_TEXT);
    assert_eq!(filter.text(), program);
    let Ok(value) = serde_json::from_slice::<Value>(input.get(1).copied().unwrap_or(b"null")) else { return };
    let outputs = filter.run(&value, MAX_OUTPUTS);
    let written = filter.write(&value);
    if let Ok(outputs) = &outputs {
        assert!(outputs.len() <= MAX_OUTPUTS);
        let size: usize = outputs.iter().map(|output| output.to_string().len()).sum();
        assert!(size <= MAX_OUTPUT * 8, "{size} bytes");
    }
    if let Ok(written) = &written {
        assert!(written.len() <= MAX_OUTPUT, "{} bytes", written.len());
        let again: Result<Value, _> = serde_json::from_slice(written);
        if let (Ok(outputs), Ok(again)) = (&outputs, again) {
            assert_eq!(outputs.as_slice(), [again], "written and run are the same");
        }
    }
    assert_eq!(written.is_ok(), filter.run_one(&value).is_ok(), "written and run fail together: {program}");
    if filter.is_native() {
        let other = match interpreted(program) {
            Ok(other) => other,
            // What goes around the program may take it beyond a limit.
            Err(why) => {
                return assert!(
                    why.contains("nests deeper") || why.contains("limit") || why.contains("more than"),
                    "{why}"
                );
            }
        };
        assert!(!other.is_native());
        let others = other.run(&value, MAX_OUTPUTS);
        // The native path takes no steps.
        if others.as_ref().is_err_and(|fault| fault.0.contains("steps; simplify it")) {
            return;
        }
        assert_eq!(outputs.as_ref().ok(), others.as_ref().ok(), "{outputs:?} {others:?}");
        assert_eq!(written.ok().map(|bytes| text(&bytes)), other.write(&value).ok().map(|bytes| text(&bytes)));
    } else {
        assert_eq!(outputs, filter.run(&value, MAX_OUTPUTS), "the same each time");
    }
}

/// The same program in a form that the native path does not know.
fn interpreted(program: &str) -> Result<Filter, String> {
    Filter::compile(&format!("def same: .; (\n{program}\n) | same")).map_err(|error| error.why)
}
