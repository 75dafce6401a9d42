//! The general path: jaq, with a vetted set of functions.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{Compiler, Ctx, Vars, unwrap_valr};
use jaq_json::Val;
use serde_json::Value;

use super::value::{Budget, from_val, to_val, write_val};
use super::{FilterError, RunFault};

type Kind = JustLut<Val>;

/// Functions that are taken out of the library, whoever calls them: they reach outside, or read JSON by a reader that
/// has no depth limit (`tonumber` and `toboolean` are put back below, without it).
const REMOVED: [&str; 14] = [
    "env",
    "now",
    "input",
    "inputs",
    "debug_empty",
    "stderr_empty",
    "halt",
    "halt_error",
    "fromjson",
    "tonumber",
    "toboolean",
    "totype",
    "localtime",
    "strflocaltime",
];

/// A compiled filter of the interpreter.
pub(super) struct Interpreter(jaq_core::Filter<Kind>);

impl Interpreter {
    /// Compiles a text that the limits have passed.
    pub(super) fn compile(text: &str) -> Result<Self, FilterError> {
        let needs_removed = ["debug", "stderr"];
        let definitions = jaq_core::defs()
            .chain(jaq_std::defs())
            .chain(jaq_json::defs())
            .filter(|definition| !REMOVED.contains(&definition.name) && !needs_removed.contains(&definition.name));
        let functions = jaq_core::funs::<Kind>()
            .chain(jaq_std::funs::<Kind>())
            .chain(jaq_json::funs::<Kind>())
            .filter(|(name, ..)| !REMOVED.contains(name))
            .chain(own_functions());
        let arena = Arena::default();
        let modules = Loader::new(definitions)
            .load(&arena, File { code: text, path: () })
            .map_err(|_| FilterError { offset: 0, why: String::from("it is no jq expression") })?;
        let filter = Compiler::default().with_funs(functions).compile(modules).map_err(|errors| {
            let first = errors.into_iter().flat_map(|(_, undefined)| undefined).next();
            let (name, kind) = first.map_or(("", "name"), |(name, kind)| (name, kind.as_str()));
            let inside = text.as_bytes().as_ptr_range().contains(&name.as_ptr());
            let offset = if inside { jaq_core::load::span(text, name).start } else { 0 };
            FilterError { offset, why: format!("there is no {kind} `{name}`") }
        })?;
        Ok(Self(filter))
    }

    /// All outputs, at most `limit`.
    pub(super) fn run(&self, input: &Value, limit: usize) -> Result<Vec<Value>, RunFault> {
        guarded(|| {
            let mut budget = Budget::new();
            let mut outputs = Vec::new();
            self.each(input, |val| {
                if outputs.len() >= limit {
                    return Err(too_many(limit));
                }
                outputs.push(from_val(&val, 0, &mut budget)?);
                Ok(())
            })?;
            Ok(outputs)
        })
    }

    /// The one output as compact JSON.
    pub(super) fn write(&self, input: &Value) -> Result<Vec<u8>, RunFault> {
        guarded(|| {
            let mut out = Vec::new();
            self.each(input, |val| if out.is_empty() { write_val(&val, 0, &mut out) } else { Err(too_many(1)) })?;
            if out.is_empty() {
                return Err(RunFault(String::from("the expression answers nothing; it must answer one value")));
            }
            Ok(out)
        })
    }

    fn each(&self, input: &Value, mut take: impl FnMut(Val) -> Result<(), RunFault>) -> Result<(), RunFault> {
        let context = Ctx::<Kind>::new(&self.0.lut, Vars::new([]));
        for output in self.0.id.run((context, to_val(input))).map(unwrap_valr) {
            take(output.map_err(|error| RunFault(shorten(&error.to_string())))?)?;
        }
        Ok(())
    }
}

pub(super) fn too_many(limit: usize) -> RunFault {
    RunFault(format!("the expression answers more than {limit} value(s)"))
}

/// The interpreter's arithmetic may panic on hostile numbers; that is an error of this run, not of the process.
fn guarded<T>(work: impl FnOnce() -> Result<T, RunFault>) -> Result<T, RunFault> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(RunFault(String::from("the expression failed inside the interpreter"))))
}

/// Error texts of the interpreter hold whole values; people need the beginning.
fn shorten(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

/// `tonumber` and `toboolean` as jq has them, read by `serde_json`, so that hostile nesting has nothing to overflow.
fn own_functions() -> impl Iterator<Item = Fun<Kind>> {
    let functions: [jaq_core::native::Filter<jaq_core::RunPtr<Kind>>; 2] = [
        ("tonumber", v(0), |(_, input)| {
            bome(match &input {
                Val::Num(_) => Ok(input),
                Val::TStr(bytes) => match serde_json::from_slice::<serde_json::Number>(bytes.trim_ascii()) {
                    Ok(number) => Ok(to_val(&Value::Number(number))),
                    Err(_) => Err(jaq_core::Error::str("cannot parse as number")),
                },
                _ => Err(jaq_core::Error::str("cannot parse as number")),
            })
        }),
        ("toboolean", v(0), |(_, input)| {
            bome(match &input {
                Val::Bool(_) => Ok(input),
                Val::TStr(bytes) if bytes.as_ref().as_ref() == b"true" => Ok(Val::Bool(true)),
                Val::TStr(bytes) if bytes.as_ref().as_ref() == b"false" => Ok(Val::Bool(false)),
                _ => Err(jaq_core::Error::str("cannot parse as boolean")),
            })
        }),
    ];
    functions.into_iter().map(run::<Kind>)
}
