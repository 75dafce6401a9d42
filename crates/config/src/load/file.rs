//! TOML text → tree.

use std::io::Read;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::MAX_FILE;
use super::problem::Problem;
use super::tree::{Node, Origin, Table, Value};

/// Reads the file. Its encoding is UTF-8, with or without a byte-order mark.
pub(crate) fn read(path: &Path) -> Result<String, Problem> {
    let fail = |text: String| Problem { origin: Origin::Default, key: String::new(), text };
    let io = |error: std::io::Error| {
        fail(format!("the file cannot be read ({error}); check the path given with `-c`, and who may read it"))
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(io)?.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(fail(String::from("the file has more than 4 MiB; it is probably the wrong file")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = Lines::of(&String::from_utf8_lossy(good)).of_byte(good.len());
        Problem {
            origin: Origin::File { line },
            key: String::new(),
            text: String::from("this is not UTF-8 text; save the file as UTF-8"),
        }
    })
}

/// Most brackets that may be open at once: a reader that recovers from errors goes down a level for each.
const MAX_OPEN_BRACKETS: usize = 64;

/// Where more than [`MAX_OPEN_BRACKETS`] brackets are open, wherever they stand.
fn too_deep(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    text.bytes().position(|byte| {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open > MAX_OPEN_BRACKETS
    })
}

/// The tree of a TOML text. With problems, what is left of it.
pub(crate) fn parse(text: &str, problems: &mut Vec<Problem>) -> Node {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = Lines::of(text);
    if let Some(byte) = too_deep(text) {
        problems.push(Problem {
            origin: Origin::File { line: lines.of_byte(byte) },
            key: String::new(),
            text: format!("more than {MAX_OPEN_BRACKETS} brackets are open here; close those before it"),
        });
        return Node { origin: Origin::Default, value: Value::Table(Table::default()) };
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let line = error.span().map_or(1, |span| lines.of_byte(span.start));
        let what = error.message().lines().next().unwrap_or("unreadable").to_owned();
        problems.push(Problem {
            origin: Origin::File { line },
            key: String::new(),
            text: format!("this is not TOML: {what}"),
        });
    }
    Node { origin: Origin::Default, value: Value::Table(self::table(table.get_ref(), &lines, problems)) }
}

/// The value of one environment variable that stands where a list or a table is wanted, in TOML's own form.
pub(crate) fn parse_value(text: &str, origin: &Origin) -> Option<Value> {
    if too_deep(text).is_some() {
        return None;
    }
    let mut problems = Vec::new();
    let value = DeValue::parse(text).ok()?;
    let mut node = node(value.get_ref(), 1, &Lines::of(text), &mut problems);
    if !problems.is_empty() {
        return None;
    }
    adopt(&mut node, origin);
    Some(node.value)
}

fn adopt(node: &mut Node, origin: &Origin) {
    node.origin = origin.clone();
    match &mut node.value {
        Value::List(list) => list.iter_mut().for_each(|child| adopt(child, origin)),
        Value::Table(table) => table.values_mut().for_each(|child| adopt(child, origin)),
        _ => {}
    }
}

fn table(table: &DeTable<'_>, lines: &Lines, problems: &mut Vec<Problem>) -> Table {
    let child = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>), problems: &mut Vec<Problem>| {
        let key: &Spanned<std::borrow::Cow<'_, str>> = key;
        let line = lines.of_byte(key.span().start);
        (key.get_ref().to_string(), node(value.get_ref(), line, lines, problems))
    };
    table.iter().map(|entry| child(entry, problems)).collect()
}

fn node(value: &DeValue<'_>, line: usize, lines: &Lines, problems: &mut Vec<Problem>) -> Node {
    let origin = Origin::File { line };
    let mut number = |what: &str| {
        let text = format!("{what} is too large a number");
        problems.push(Problem { origin: Origin::File { line }, key: String::new(), text });
        Value::Missing
    };
    let value = match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(value) => Value::Text(value.to_string()),
        DeValue::Integer(value) => match i64::from_str_radix(value.as_str(), value.radix()) {
            Ok(value) => Value::Integer(value),
            Err(_) => number(value.as_str()),
        },
        DeValue::Float(value) => match value.as_str().parse::<f64>() {
            Ok(value) if value.is_finite() => Value::Float(value),
            _ => number(value.as_str()),
        },
        DeValue::Array(list) => Value::List(
            list.iter()
                .map(|element| node(element.get_ref(), lines.of_byte(element.span().start), lines, problems))
                .collect(),
        ),
        DeValue::Table(inner) => Value::Table(table(inner, lines, problems)),
    };
    Node { origin, value }
}

/// Byte offset → line.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    fn of_byte(&self, at: usize) -> usize {
        self.0.partition_point(|end| *end < at) + 1
    }
}
