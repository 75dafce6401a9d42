//! Between `serde_json` and the interpreter's values. Checks every output for shape and size.

use jaq_json::{Num, Val};
use serde_json::{Map, Number, Value};

use super::RunFault;

/// Largest output of one run, in bytes of text (about).
pub(super) const MAX_OUTPUT: usize = 64 * 1024 * 1024;
/// Deepest input: `serde_json` reads no more levels.
pub(super) const INPUT_DEPTH: usize = 128;
/// Deepest output: the input's levels and as many of the filter's own.
pub(super) const MAX_DEPTH: usize = 2 * INPUT_DEPTH;

/// A value for the interpreter.
pub(super) fn to_val(value: &Value) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(flag) => Val::Bool(*flag),
        Value::Number(number) => Val::Num(to_num(number)),
        Value::String(text) => Val::utf8_str(text.clone().into_bytes()),
        Value::Array(items) => items.iter().map(to_val).collect(),
        Value::Object(members) => Val::obj(
            members.iter().map(|(name, value)| (Val::utf8_str(name.clone().into_bytes()), to_val(value))).collect(),
        ),
    }
}

fn to_num(number: &Number) -> Num {
    if let Some(integer) = number.as_i64() {
        Num::from_integral(integer)
    } else if let Some(integer) = number.as_u64() {
        Num::from_integral(integer)
    } else {
        Num::Float(number.as_f64().unwrap_or(f64::NAN))
    }
}

/// What may still be put out.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn new() -> Self {
        Self(MAX_OUTPUT)
    }

    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), RunFault> {
        self.0 = self
            .0
            .checked_sub(bytes)
            .ok_or_else(|| RunFault(format!("the expression puts out more than {} MiB", MAX_OUTPUT / 1024 / 1024)))?;
        Ok(())
    }
}

/// An output of the interpreter, checked.
pub(super) fn from_val(val: &Val, depth: usize, budget: &mut Budget) -> Result<Value, RunFault> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    budget.spend(8)?;
    Ok(match val {
        Val::Null => Value::Null,
        Val::Bool(flag) => Value::Bool(*flag),
        Val::Num(num) => Value::Number(from_num(num)?),
        Val::TStr(bytes) | Val::BStr(bytes) => {
            budget.spend(bytes.len())?;
            Value::String(text(bytes)?.to_owned())
        }
        Val::Arr(items) => {
            let items: Result<_, _> = items.iter().map(|item| from_val(item, depth + 1, budget)).collect();
            Value::Array(items?)
        }
        Val::Obj(members) => {
            let mut object = Map::new();
            for (name, value) in members.iter() {
                let name = key(name)?;
                budget.spend(name.len())?;
                object.insert(name.to_owned(), from_val(value, depth + 1, budget)?);
            }
            Value::Object(object)
        }
    })
}

/// An output of the interpreter as compact JSON, checked.
pub(super) fn write_val(val: &Val, depth: usize, out: &mut Vec<u8>) -> Result<(), RunFault> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    match val {
        Val::Null => out.extend_from_slice(b"null"),
        Val::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Val::Num(num) => write_value(&Value::Number(from_num(num)?), out)?,
        Val::TStr(bytes) | Val::BStr(bytes) => write_text(text(bytes)?, out)?,
        Val::Arr(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_val(item, depth + 1, out)?;
            }
            out.push(b']');
        }
        Val::Obj(members) => {
            out.push(b'{');
            for (place, (name, value)) in members.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_text(key(name)?, out)?;
                out.push(b':');
                write_val(value, depth + 1, out)?;
            }
            out.push(b'}');
        }
    }
    within(out)
}

/// A value as compact JSON.
pub(super) fn write_value(value: &Value, out: &mut Vec<u8>) -> Result<(), RunFault> {
    serde_json::to_writer(&mut *out, value).map_err(|error| RunFault(error.to_string()))?;
    within(out)
}

/// A text as JSON.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), RunFault> {
    serde_json::to_writer(&mut *out, text).map_err(|error| RunFault(error.to_string()))
}

/// That the text put out so far is not too long.
pub(super) fn within(out: &[u8]) -> Result<(), RunFault> {
    if out.len() > MAX_OUTPUT {
        return Err(RunFault(format!("the expression puts out more than {} MiB", MAX_OUTPUT / 1024 / 1024)));
    }
    Ok(())
}

fn from_num(num: &Num) -> Result<Number, RunFault> {
    let number = match num {
        Num::Int(integer) => Some(Number::from(*integer)),
        Num::Float(float) => Number::from_f64(*float),
        Num::Dec(text) => text.parse().ok().and_then(Number::from_f64),
        Num::BigInt(integer) => serde_json::from_str(&integer.to_string()).ok(),
    };
    number.ok_or_else(|| {
        RunFault(String::from("the expression puts out a number that JSON does not have (infinite, or none)"))
    })
}

fn key(name: &Val) -> Result<&str, RunFault> {
    match name {
        Val::TStr(bytes) | Val::BStr(bytes) => text(bytes),
        _ => Err(RunFault(String::from("the expression puts out an object with a key that is no text"))),
    }
}

fn text(bytes: &[u8]) -> Result<&str, RunFault> {
    std::str::from_utf8(bytes).map_err(|_| RunFault(String::from("the expression puts out a text that is not UTF-8")))
}

fn too_deep() -> RunFault {
    RunFault(format!("the expression puts out more than {MAX_DEPTH} levels"))
}
