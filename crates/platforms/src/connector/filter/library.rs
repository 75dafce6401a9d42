//! The functions of the interpreter, each with its price.
//!
//! Most of them are made of jq, or reach the values only through [`super::counted`], and need nothing here. What is here works on
//! whole values inside, or takes more than its input tells.

use std::sync::LazyLock;

use jaq_core::data::JustLut;
use jaq_core::load::parse::Def;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::native::{Fun, bome, run, unary, v};
use jaq_core::{Bind, Compiler, Ctx, Cv, Error, RunPtr, ValR, Vars, unwrap_valr};
use jaq_json::Val;
use serde_json::Value;

use super::counted::{Counted, error, walk};
use super::pattern::Shape;
use super::steps::{afford, spend};
use super::value::to_val;

pub(super) type Kind = JustLut<Counted>;

/// Functions that are taken out of the library, whoever calls them: they reach outside, or read JSON by a reader that
/// has no depth limit (`tonumber` and `toboolean` are put back below, without it).
const REMOVED: [&str; 16] = [
    "debug",
    "debug_empty",
    "env",
    "fromjson",
    "halt",
    "halt_error",
    "input",
    "inputs",
    "localtime",
    "now",
    "stderr",
    "stderr_empty",
    "strflocaltime",
    "toboolean",
    "tonumber",
    "totype",
];

/// Functions of the library that take more than their input tells, and the names under which [`PRICED`] calls them.
const RENAMED: [(&str, &str); 4] = [
    ("matches", "unpriced_matches"),
    ("split_", "unpriced_split"),
    ("split_matches", "unpriced_split_matches"),
    ("strftime", "unpriced_strftime"),
];

/// The same functions with their price before and after.
const PRICED: &str = "
def matches($pattern; $flags): search_price($pattern; $flags) as $price
  | unpriced_matches($pattern; $flags) | pay($price);
def split_($pattern; $flags): search_price($pattern; $flags) as $price
  | unpriced_split($pattern; $flags) | pay($price);
def split_matches($pattern; $flags): search_price($pattern; $flags) as $price
  | unpriced_split_matches($pattern; $flags) | pay($price);
def strftime($format): format_price($format) as $price | unpriced_strftime($format);
";

/// The definitions that a filter is compiled with.
pub(super) fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    jaq_core::defs()
        .chain(jaq_core::load::parse(PRICED, |parser| parser.defs()).unwrap_or_default())
        .chain(jaq_std::defs())
        .chain(jaq_json::defs())
        .filter(|definition| !REMOVED.contains(&definition.name))
}

/// The native functions that a filter is compiled with.
pub(super) fn functions() -> impl Iterator<Item = Fun<Kind>> {
    jaq_core::funs::<Kind>()
        .chain(jaq_std::funs::<Kind>())
        .filter(|(name, ..)| !REMOVED.contains(name))
        .map(|(name, arguments, function)| {
            let renamed = RENAMED.iter().find(|(known, _)| *known == name);
            (renamed.map_or(name, |(_, other)| other), arguments, function)
        })
        .chain(conversions().into_iter().chain(of_values()).chain(prices()).map(run::<Kind>))
}

type Function = jaq_core::native::Filter<RunPtr<Kind>>;

/// `tonumber` and `toboolean` as jq has them, read by `serde_json`, so that hostile nesting has nothing to overflow.
fn conversions() -> [Function; 2] {
    [
        ("tonumber", v(0), |(_, input)| {
            bome(match &input.0 {
                Val::Num(_) => Ok(input),
                Val::TStr(bytes) => {
                    walk(&input.0);
                    match serde_json::from_slice::<serde_json::Number>(bytes.trim_ascii()) {
                        Ok(number) => Ok(Counted(to_val(&Value::Number(number)))),
                        Err(_) => Err(Error::str("cannot parse as number")),
                    }
                }
                _ => Err(Error::str("cannot parse as number")),
            })
        }),
        ("toboolean", v(0), |(_, input)| {
            bome(match &input.0 {
                Val::Bool(_) => Ok(input),
                Val::TStr(bytes) if bytes.as_ref().as_ref() == b"true" => Ok(Counted(Val::Bool(true))),
                Val::TStr(bytes) if bytes.as_ref().as_ref() == b"false" => Ok(Counted(Val::Bool(false))),
                _ => Err(Error::str("cannot parse as boolean")),
            })
        }),
    ]
}

type Plain = JustLut<Val>;

/// One of the library's functions on values as they are, with up to one argument.
struct Uncounted(Option<jaq_core::Filter<Plain>>);

impl Uncounted {
    fn compile(text: &str) -> Self {
        let arena = Arena::default();
        let modules = Loader::new(std::iter::empty()).load(&arena, File { code: text, path: () }).ok();
        let compiler = Compiler::default().with_funs(jaq_json::funs::<Plain>()).with_global_vars(["$argument"]);
        Self(modules.and_then(|modules| compiler.compile(modules).ok()))
    }

    fn call(&self, input: Counted, argument: Val) -> ValR<Counted> {
        let Some(filter) = &self.0 else { return Err(Error::str("the function is missing in the library")) };
        let context = Ctx::<Plain>::new(&filter.lut, Vars::new([argument]));
        let output = filter.id.run((context, input.0)).map(unwrap_valr).next();
        output.unwrap_or(Ok(Val::Null)).map(Counted).map_err(error)
    }
}

static LENGTH: LazyLock<Uncounted> = LazyLock::new(|| Uncounted::compile("length"));
static TO_JSON: LazyLock<Uncounted> = LazyLock::new(|| Uncounted::compile("tojson"));
static CONTAINS: LazyLock<Uncounted> = LazyLock::new(|| Uncounted::compile("contains($argument)"));
static HAS: LazyLock<Uncounted> = LazyLock::new(|| Uncounted::compile("has($argument)"));
static INDICES: LazyLock<Uncounted> = LazyLock::new(|| Uncounted::compile("indices($argument)"));

/// Functions that read whole values inside.
fn of_values() -> [Function; 5] {
    [
        ("length", v(0), |(_, input)| {
            if let Val::TStr(text) = &input.0 {
                spend(text.len() as u64 / 16);
            }
            spend(4);
            bome(LENGTH.call(input, Val::Null))
        }),
        ("tojson", v(0), |(_, input)| {
            walk(&input.0);
            bome(TO_JSON.call(input, Val::Null))
        }),
        ("contains", v(1), |cv| {
            unary(cv, |input, argument| {
                let (input_size, argument_size) = (walk(&input.0), walk(&argument.0));
                // Each element of one list is looked for in each of the other one.
                if matches!(input.0, Val::Arr(_) | Val::Obj(_)) {
                    spend(input_size.saturating_mul(argument_size));
                }
                CONTAINS.call(input, argument.0)
            })
        }),
        ("has", v(1), |cv| {
            unary(cv, |input, argument| {
                walk(&argument.0);
                HAS.call(input, argument.0)
            })
        }),
        ("indices", v(1), |cv| {
            unary(cv, |input, argument| {
                let each = walk(&argument.0);
                let places = match &input.0 {
                    Val::TStr(text) | Val::BStr(text) => text.len() as u64,
                    Val::Arr(items) => items.len() as u64,
                    _ => 0,
                };
                spend(places.saturating_mul(each));
                INDICES.call(input, argument.0)
            })
        }),
    ]
}

/// What [`PRICED`] is made of.
fn prices() -> [Function; 3] {
    [
        ("search_price", [Bind::Var(()), Bind::Var(())].into(), |cv| bome(Ok(search_price(cv)))),
        ("pay", v(1), |cv| {
            unary(cv, |found, price| {
                let times = if let Val::Arr(found) = &found.0 { found.len() as u64 } else { 0 };
                let price = if let Val::Num(price) = &price.0 { price.as_isize().unwrap_or(0) } else { 0 };
                spend(times.saturating_mul(u64::try_from(price).unwrap_or(0)));
                Ok(found)
            })
        }),
        // A format may ask for texts of 255 signs with five of its own.
        ("format_price", v(1), |cv| {
            unary(cv, |_, format| {
                spend(text_of(&format.0).len() as u64 * 8);
                Ok(Counted(Val::Null))
            })
        }),
    ]
}

/// Spends what one search for a pattern in a text takes, and answers the price of each further one. What is no text is refused
/// by the function itself.
fn search_price(mut cv: Cv<'_, Kind>) -> Counted {
    /// What one step of the engine does: signs of the text times parts of the pattern.
    const PER_STEP: u64 = 16;
    let (flags, pattern) = (cv.0.pop_var(), cv.0.pop_var());
    let shape = Shape::of(&String::from_utf8_lossy(text_of(&pattern.0)));
    let length = text_of(&cv.1.0).len() as u64 + 1;
    let search = 1 + length.saturating_mul(shape.size) / PER_STEP;
    spend(shape.size.saturating_mul(4).saturating_add(search));
    let mut price = 0;
    if text_of(&flags.0).contains(&b'g') {
        // As many matches as signs, each with all groups, before any of them is a value.
        afford(length.saturating_mul(4 * (shape.groups + 1)));
        if shape.reads_ahead {
            afford(length.saturating_mul(search));
            price = search;
        }
    }
    Counted(Val::from(usize::try_from(price).unwrap_or(usize::MAX)))
}

fn text_of(value: &Val) -> &[u8] {
    match value {
        Val::TStr(text) | Val::BStr(text) => text,
        _ => &[],
    }
}
