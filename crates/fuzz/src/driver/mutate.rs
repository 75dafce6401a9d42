//! New inputs out of old ones: changes of bytes, of words, and of the shape of JSON.
//!
//! Inputs have at most 64 KiB, or the size of the corpus file they are made of, if that is more.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

use crate::parts::SEPARATOR;

/// Largest input that is made.
const MAX_INPUT: usize = 64 * 1024;
/// Most changes on the way from a corpus file to an input.
const MAX_CHANGES: usize = 5;

/// Words that are trouble in most formats.
const WORDS: [&str; 44] = [
    "null",
    "true",
    "\"\"",
    "{}",
    "[]",
    "-0.0",
    "1e999",
    "-1",
    "0",
    "2147483648",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551616",
    "0.1",
    "1e-400",
    "NaN",
    "\"\\ud800\"",
    "\\u0000",
    "\\\"",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "\u{200d}",
    "\u{1f9e8}",
    "e\u{301}",
    "\u{df}",
    "\r\n",
    "\r",
    "\n\n",
    "\t",
    ",",
    ";",
    "|",
    "\"",
    "'",
    "\\",
    "<html>",
    "{\"",
    "[[",
    "]",
    "}",
    "%00",
    "\n---\n",
    "../",
];

/// A new input, from one of the corpus by a few changes.
pub(super) fn mutate(dice: &mut ChaCha8Rng, corpus: &[Vec<u8>], dictionary: &[&str]) -> Vec<u8> {
    let mut data = corpus.choose(dice).cloned().unwrap_or_default();
    let limit = MAX_INPUT.max(data.len());
    for _ in 0..dice.random_range(1..=MAX_CHANGES) {
        if !(dice.random_bool(0.5) && reshape(dice, &mut data)) {
            change(dice, &mut data, corpus, dictionary);
        }
    }
    data.truncate(limit);
    data
}

/// Any place in `data`, its end included.
fn place(dice: &mut ChaCha8Rng, data: &[u8]) -> usize {
    dice.random_range(0..=data.len())
}

/// A short range of `data`.
fn span(dice: &mut ChaCha8Rng, data: &[u8]) -> std::ops::Range<usize> {
    let from = place(dice, data);
    let length = 1_usize << dice.random_range(0..10);
    from..(from + dice.random_range(0..=length)).min(data.len())
}

/// One change of bytes or words.
fn change(dice: &mut ChaCha8Rng, data: &mut Vec<u8>, corpus: &[Vec<u8>], dictionary: &[&str]) {
    let at = place(dice, data);
    match dice.random_range(0..11) {
        0 => {
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << dice.random_range(0..8);
            }
        }
        1 => {
            if let Some(byte) = data.get_mut(at) {
                *byte = dice.random();
            }
        }
        2 => drop(data.drain(span(dice, data))),
        3 => data.truncate(at),
        4 => {
            let piece = data[span(dice, data)].to_vec();
            data.splice(at..at, piece);
        }
        5 => {
            let other = corpus.choose(dice).map_or(&[][..], Vec::as_slice);
            let piece = other[span(dice, other)].to_vec();
            data.splice(span(dice, data), piece);
        }
        6 => {
            // One word again and again: depth, length, number.
            let word = word(dice, dictionary);
            let times = 1_usize << dice.random_range(1..15);
            data.splice(at..at, word.repeat(times.min(MAX_INPUT / word.len().max(1))));
        }
        7 => number(dice, data),
        _ => {
            let word = word(dice, dictionary);
            let until = if dice.random_bool(0.5) { at } else { span(dice, &data[at..]).end + at };
            data.splice(at..until, word);
        }
    }
}

fn word(dice: &mut ChaCha8Rng, dictionary: &[&str]) -> Vec<u8> {
    let words = if dice.random_bool(0.7) && !dictionary.is_empty() { dictionary } else { &WORDS };
    words.choose(dice).map_or_else(Vec::new, |word| word.as_bytes().to_vec())
}

/// Puts another number in the place of one.
fn number(dice: &mut ChaCha8Rng, data: &mut Vec<u8>) {
    let from = place(dice, data);
    let Some(begin) = data[from..].iter().position(u8::is_ascii_digit) else { return };
    let begin = from + begin;
    let length = data[begin..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let other = match dice.random_range(0..5) {
        0 => 0,
        1 => dice.random_range(0..100),
        2 => 1_u64 << dice.random_range(0..64),
        3 => (1_u64 << dice.random_range(0..64)) - 1,
        _ => dice.random(),
    };
    data.splice(begin..begin + length, other.to_string().into_bytes());
}

/// Changes the shape of one part that is JSON, or is JSON behind its first line. Answers whether there was one.
fn reshape(dice: &mut ChaCha8Rng, data: &mut Vec<u8>) -> bool {
    let ranges = ranges(data);
    let Some(part) = ranges.choose(dice).cloned() else { return false };
    let behind_line = data[part.clone()].iter().position(|byte| *byte == b'\n').map(|at| part.start + at + 1..part.end);
    for range in [Some(part), behind_line].into_iter().flatten() {
        let Ok(mut value) = serde_json::from_slice::<Value>(&data[range.clone()]) else { continue };
        let donor = pick(dice, &mut value).clone();
        let node = pick(dice, &mut value);
        bend(dice, node, donor);
        data.splice(range, value.to_string().into_bytes());
        return true;
    }
    false
}

/// The places of all parts.
fn ranges(data: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let mut begin = 0;
    while let Some(at) = data[begin..].windows(SEPARATOR.len()).position(|window| window == SEPARATOR) {
        ranges.push(begin..begin + at);
        begin += at + SEPARATOR.len();
    }
    ranges.push(begin..data.len());
    ranges
}

/// Any node of a tree.
fn pick<'v>(dice: &mut ChaCha8Rng, value: &'v mut Value) -> &'v mut Value {
    let count = match value {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    };
    if count == 0 || dice.random_bool(0.15) {
        return value;
    }
    let place = dice.random_range(0..count);
    match value {
        Value::Array(items) => pick(dice, &mut items[place]),
        Value::Object(members) => match members.values_mut().nth(place) {
            Some(member) => pick(dice, member),
            None => unreachable!("the place is one of the members"),
        },
        leaf => leaf,
    }
}

/// One change of a node. `donor` is another node of the same tree.
fn bend(dice: &mut ChaCha8Rng, value: &mut Value, donor: Value) {
    *value = match (dice.random_range(0..12), std::mem::take(value)) {
        (0, _) => Value::Null,
        (1, old) => json!([old]),
        (2, old) => json!({ "x": old }),
        (3, _) => donor,
        (4, Value::String(text)) => Value::String(text.repeat(dice.random_range(0..40))),
        (4, Value::Number(number)) => Value::String(number.to_string()),
        (5, Value::String(text)) => text.parse::<i64>().map_or(Value::Bool(false), Value::from),
        (5 | 6, Value::Array(mut items)) => {
            if !items.is_empty() {
                let (from, to) = (dice.random_range(0..items.len()), dice.random_range(0..items.len()));
                match dice.random_range(0..4) {
                    0 => items.swap(from, to),
                    1 => drop(items.remove(from)),
                    2 => items.insert(to, items[from].clone()),
                    _ => items.truncate(from),
                }
            }
            Value::Array(items)
        }
        (7, _) => json!(dice.random::<i64>() >> dice.random_range(0..63)),
        (8, _) => json!(f64::from_bits(dice.random::<u64>())),
        (9, _) => Value::Bool(dice.random()),
        (10, _) => WORDS.choose(dice).copied().map_or(Value::Null, Value::from),
        (_, Value::Object(members)) => Value::Object(rearranged(dice, members, donor)),
        (_, _) => nested(dice.random_range(1..120)),
    };
}

fn rearranged(dice: &mut ChaCha8Rng, mut members: Map<String, Value>, donor: Value) -> Map<String, Value> {
    let names: Vec<String> = members.keys().cloned().collect();
    let Some(name) = names.choose(dice) else { return members };
    match dice.random_range(0..4) {
        0 => drop(members.remove(name)),
        1 => drop(members.insert(name.clone(), donor)),
        2 => drop(members.insert(name.to_ascii_uppercase(), donor)),
        _ => {
            if let (Some(other), Some(value)) = (names.choose(dice), members.remove(name)) {
                members.insert(other.clone(), value);
            }
        }
    }
    members
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Null, |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "a": inner }) })
}
