//! jq expressions of connector files: compiled once, run often, never trusted with the process.
//!
//! A filter is the work of an operator and may be wrong; the data it runs on is hostile. So:
//! * at load: text of at most 16 KiB and 8,000 words and signs, at most 2,000 syntax nodes (definitions counted
//!   wherever they are called), 128 levels, functions on an allow-list, no definition that calls itself, no `reduce`,
//!   `foreach`, `..`, `label`, no multiplication that could blow a text up, a growth factor of at most 100,000,
//!   at most 500 levels put around the input;
//! * at run: input parsed by `serde_json` (128 levels), a bounded number of outputs, at most 64 MiB of output, only
//!   null, booleans, finite numbers, texts, arrays, and objects with text keys; in the interpreter at most 20,000,000
//!   steps ([`MAX_STEPS`]), of time and memory alike. What takes more ends with a fault that nothing inside the expression
//!   can catch. A panic inside the interpreter is an error of that run.
//!
//! Simple projections (`{a: .b.c, d: "x"}`, `.items[] | [.a, .b // 0]`, `[.items[] | {…}]`) run natively, several
//! times as fast and with the same results; a property test holds the two together. Most of them do not even need their
//! input built ([`Draft`]).

mod counted;
mod draft;
mod interpreter;
mod library;
mod limits;
mod native;
mod pattern;
mod steps;
#[cfg(test)]
mod steps_tests;
#[cfg(test)]
mod tests;
mod value;

use std::sync::Arc;

use serde_json::Value;

pub use draft::Draft;
use interpreter::Interpreter;
use native::Native;
pub use steps::{MAX_PAGE_STEPS, MAX_STEPS, sharing_steps};

/// Longest filter, in bytes.
pub const MAX_TEXT: usize = 16 * 1024;
/// Stack of the thread that parses: twice what the deepest nesting of 8,000 signs needs without optimisation. Only what
/// is touched takes memory.
const PARSER_STACK: usize = 256 * 1024 * 1024;

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// Where in the text, in bytes from its beginning.
    pub offset: usize,
    /// What is wrong and what to do, for people.
    pub why: String,
}

/// Why a run has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RunFault(pub String);

/// A compiled filter. Cheap to clone, usable from many threads.
#[derive(Clone)]
pub struct Filter {
    text: Arc<str>,
    path: Path,
    steps: u64,
}

#[derive(Clone)]
enum Path {
    Native(Arc<Native>),
    Interpreted(Arc<Interpreter>),
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filter({}{})", self.text, if self.is_native() { ", native" } else { "" })
    }
}

impl Filter {
    /// Checks and compiles `text`. Takes about a millisecond; a simple projection a tenth of that.
    pub fn compile(text: &str) -> Result<Self, FilterError> {
        Self::compile_as(text, true)
    }

    fn compile_as(text: &str, native: bool) -> Result<Self, FilterError> {
        if text.len() > MAX_TEXT {
            let why = format!("the expression has {} bytes; the limit is {MAX_TEXT}", text.len());
            return Err(FilterError { offset: 0, why });
        }
        // The parser recurses as deep as the text nests, so it runs where there is room for the worst text.
        let worker = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name(String::from("filter-parser")).stack_size(PARSER_STACK);
            let handle =
                thread.spawn_scoped(scope, || Self::compile_here(text, native)).map_err(|error| error.to_string())?;
            handle.join().map_err(|_| String::from("the parser gave up on it"))
        });
        worker.unwrap_or_else(|why| Err(FilterError { offset: 0, why: format!("the expression can't be read: {why}") }))
    }

    fn compile_here(text: &str, native: bool) -> Result<Self, FilterError> {
        let term = limits::parse(text)?;
        limits::check(text, &term, false)?;
        let path = if let Some(native) = Native::recognise(&term).filter(|_| native) {
            Path::Native(Arc::new(native))
        } else {
            limits::check(text, &term, true)?;
            Path::Interpreted(Arc::new(Interpreter::compile(text)?))
        };
        Ok(Self { text: text.into(), path, steps: MAX_STEPS })
    }

    /// The same with a smaller budget: at most `steps` per run of the interpreter, instead of [`MAX_STEPS`].
    #[must_use]
    pub fn with_steps(self, steps: u64) -> Self {
        Self { steps: steps.min(MAX_STEPS), ..self }
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it runs without the interpreter.
    pub fn is_native(&self) -> bool {
        matches!(self.path, Path::Native(_))
    }

    /// Whether it may read the member `name` somewhere. Only a native filter is known well enough to say no.
    pub fn may_read(&self, name: &str) -> bool {
        match &self.path {
            Path::Native(native) => native.may_read(name),
            Path::Interpreted(_) => true,
        }
    }

    /// All outputs for `input`, at most `limit`; more are a fault.
    pub fn run(&self, input: &Value, limit: usize) -> Result<Vec<Value>, RunFault> {
        match &self.path {
            Path::Native(native) => native.run(input, limit),
            Path::Interpreted(interpreter) => interpreter.run(input, limit, self.steps),
        }
    }

    /// The one output for `input`; none or several are a fault.
    pub fn run_one(&self, input: &Value) -> Result<Value, RunFault> {
        let mut outputs = self.run(input, 1)?;
        outputs.pop().ok_or_else(|| RunFault(String::from("the expression answers nothing; it must answer one value")))
    }

    /// The one output for `input` as compact JSON, members in the order in which the filter names them.
    pub fn write(&self, input: &Value) -> Result<Vec<u8>, RunFault> {
        match &self.path {
            Path::Native(native) => native.write(input),
            Path::Interpreted(interpreter) => interpreter.write(input, self.steps),
        }
    }

    /// As [`Filter::run`] for the value that `input` stands for; where the filter allows, without building that.
    pub fn run_draft(&self, input: &Draft<'_>, limit: usize) -> Result<Vec<Value>, RunFault> {
        if let Path::Native(native) = &self.path
            && let Some(outputs) = native.run_draft(input, limit)
        {
            return outputs;
        }
        self.run(&input.to_value()?, limit)
    }

    /// As [`Filter::write`] for the value that `input` stands for; where the filter allows, without building that.
    pub fn write_draft(&self, input: &Draft<'_>) -> Result<Vec<u8>, RunFault> {
        if let Path::Native(native) = &self.path
            && let Some(written) = native.arrange(input)
        {
            return written;
        }
        self.write(&input.to_value()?)
    }

    /// As [`Filter::compile`], but never native; for the test that holds the two paths together.
    #[cfg(test)]
    pub(crate) fn interpreted(text: &str) -> Result<Self, FilterError> {
        Self::compile_as(text, false)
    }
}
