//! The general path: jaq, with a vetted set of functions.

use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, unwrap_valr};
use jaq_json::Val;
use serde_json::Value;

use super::counted::Counted;
use super::library::{Kind, definitions, functions};
use super::steps::run_within;
use super::value::{Budget, from_val, to_val, write_val};
use super::{FilterError, RunFault};

/// A compiled filter of the interpreter.
pub(super) struct Interpreter(jaq_core::Filter<Kind>);

impl Interpreter {
    /// Compiles a text that the limits have passed.
    pub(super) fn compile(text: &str) -> Result<Self, FilterError> {
        let arena = Arena::default();
        let modules = Loader::new(definitions())
            .load(&arena, File { code: text, path: () })
            .map_err(|_| FilterError { offset: 0, why: String::from("it is no jq expression") })?;
        let filter = Compiler::default().with_funs(functions()).compile(modules).map_err(|errors| {
            let first = errors.into_iter().flat_map(|(_, undefined)| undefined).next();
            let (name, kind) = first.map_or(("", "name"), |(name, kind)| (name, kind.as_str()));
            let inside = text.as_bytes().as_ptr_range().contains(&name.as_ptr());
            let offset = if inside { jaq_core::load::span(text, name).start } else { 0 };
            FilterError { offset, why: format!("there is no {kind} `{name}`") }
        })?;
        Ok(Self(filter))
    }

    /// All outputs, at most `limit`, within `steps`.
    pub(super) fn run(&self, input: &Value, limit: usize, steps: u64) -> Result<Vec<Value>, RunFault> {
        run_within(steps, || {
            let mut budget = Budget::new();
            let mut outputs = Vec::new();
            self.each(input, |val| {
                if outputs.len() >= limit {
                    return Err(too_many(limit));
                }
                outputs.push(from_val(&val.0, 0, &mut budget)?);
                Ok(())
            })?;
            Ok(outputs)
        })
    }

    /// The one output as compact JSON, within `steps`.
    pub(super) fn write(&self, input: &Value, steps: u64) -> Result<Vec<u8>, RunFault> {
        run_within(steps, || {
            let mut out = Vec::new();
            self.each(input, |val| if out.is_empty() { write_val(&val.0, 0, &mut out) } else { Err(too_many(1)) })?;
            if out.is_empty() {
                return Err(RunFault(String::from("the expression answers nothing; it must answer one value")));
            }
            Ok(out)
        })
    }

    fn each(&self, input: &Value, mut take: impl FnMut(Counted) -> Result<(), RunFault>) -> Result<(), RunFault> {
        let context = Ctx::<Kind>::new(&self.0.lut, Vars::new([]));
        for output in self.0.id.run((context, Counted(to_val(input)))).map(unwrap_valr) {
            take(output.map_err(|error| RunFault(shorten(&message(error))))?)?;
        }
        Ok(())
    }
}

pub(super) fn too_many(limit: usize) -> RunFault {
    RunFault(format!("the expression answers more than {limit} value(s)"))
}

/// The text of an error, or the value that it was raised with.
fn message(error: jaq_core::Error<Counted>) -> String {
    match error.into_val().0 {
        Val::TStr(text) => String::from_utf8_lossy(&text).into_owned(),
        value => value.to_string(),
    }
}

/// Error texts of the interpreter hold whole values; people need the beginning.
fn shorten(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}
