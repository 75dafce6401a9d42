//! The quick path: filters that only pick members and put them into new objects and arrays.
//!
//! Recognised: `.`, `.a.b`, `."a b"`, `.["a"]`, literals, `x // y`, `{a, b: x}`, `[x, y]`, `x | y`, and one iteration
//! `.a[]`, `.a[].b`, `.a[] | x`, bare or inside `[…]`. Everything else is left to the interpreter. Same results and the
//! same failures as there; a property test compares the two.

use std::borrow::Cow;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::path::{Opt, Part, Path};
use serde_json::{Map, Number, Value};

use super::RunFault;
use super::draft::Draft;
use super::interpreter::too_many;
use super::value::{Budget, INPUT_DEPTH, MAX_DEPTH, within, write_text, write_value};

/// A recognised filter.
pub(super) enum Native {
    /// Answers one value.
    Single(Shape),
    /// Answers one value per element.
    Stream(Stream),
}

/// An expression with exactly one output.
pub(super) enum Shape {
    Path(Vec<String>),
    Literal(Value),
    Else(Box<Shape>, Box<Shape>),
    Then(Box<Shape>, Box<Shape>),
    Object(Vec<(String, Shape)>),
    Array(Vec<Shape>),
    Collect(Box<Stream>),
}

/// `source[] | each`.
pub(super) struct Stream {
    source: Shape,
    each: Shape,
}

impl Native {
    /// The filter, if it is simple enough, and puts out no more levels than any filter may.
    pub(super) fn recognise(term: &Term<&str>) -> Option<Self> {
        let native = single(term).map(Self::Single).or_else(|| stream(term).map(Self::Stream))?;
        let depth = match &native {
            Self::Single(shape) => shape.depth(),
            Self::Stream(stream) => stream.depth(),
        };
        // Deeper ones are the interpreter's: it counts the levels of what comes out.
        (depth + INPUT_DEPTH <= MAX_DEPTH).then_some(native)
    }

    /// Whether it reads a member of that name anywhere, or its whole input.
    pub(super) fn may_read(&self, name: &str) -> bool {
        match self {
            Self::Single(shape) => shape.may_read(name),
            Self::Stream(stream) => stream.source.may_read(name) || stream.each.may_read(name),
        }
    }

    pub(super) fn run(&self, input: &Value, limit: usize) -> Result<Vec<Value>, RunFault> {
        match self {
            Self::Single(_) if limit == 0 => Err(too_many(limit)),
            Self::Single(shape) => {
                let mut budget = Budget::new();
                let output = shape.eval(input, &mut budget)?;
                Ok(vec![own(output, &mut budget)?])
            }
            Self::Stream(stream) => {
                let mut outputs = Vec::new();
                stream.each(input, &mut Budget::new(), |value, budget| {
                    if outputs.len() >= limit {
                        return Err(too_many(limit));
                    }
                    outputs.push(own(value, budget)?);
                    Ok(())
                })?;
                Ok(outputs)
            }
        }
    }

    /// As [`Native::run`], without building the input, where the filter does no more than pick and arrange.
    pub(super) fn run_draft(&self, input: &Draft<'_>, limit: usize) -> Option<Result<Vec<Value>, RunFault>> {
        match self {
            Self::Stream(stream) if stream.source.picks() && stream.each.arranges() => {
                Some(stream.run_draft(input, limit))
            }
            _ => None,
        }
    }

    /// As [`Native::write`], without building the input, where the filter does no more than pick and arrange.
    pub(super) fn arrange(&self, input: &Draft<'_>) -> Option<Result<Vec<u8>, RunFault>> {
        match self {
            Self::Single(shape) if shape.arranges() => {
                let mut out = Vec::new();
                Some(shape.arrange(input, &mut out).map(|()| out))
            }
            _ => None,
        }
    }

    pub(super) fn write(&self, input: &Value) -> Result<Vec<u8>, RunFault> {
        let mut out = Vec::new();
        match self {
            Self::Single(shape) => shape.write(input, &mut out, &mut Budget::new())?,
            Self::Stream(_) => {
                let mut outputs = self.run(input, 1)?;
                let one = outputs.pop().ok_or_else(|| {
                    RunFault(String::from("the expression answers nothing; it must answer one value"))
                })?;
                write_value(&one, &mut out)?;
            }
        }
        Ok(out)
    }
}

impl Shape {
    /// Whether it only picks one value of its input, or names one.
    fn picks(&self) -> bool {
        match self {
            Self::Path(_) | Self::Literal(_) => true,
            Self::Else(left, right) => left.picks() && right.picks(),
            _ => false,
        }
    }

    /// Whether it only picks values and arranges them, so that it needs none of them built.
    fn arranges(&self) -> bool {
        match self {
            Self::Object(members) => members.iter().all(|(_, shape)| shape.arranges()),
            Self::Array(items) => items.iter().all(Self::arranges),
            Self::Collect(stream) => stream.source.picks() && stream.each.arranges(),
            Self::Then(left, right) => left.picks() && right.arranges(),
            Self::Path(_) | Self::Literal(_) | Self::Else(..) => self.picks(),
        }
    }

    /// The value that a shape picks; of others: nothing.
    fn pick<'d>(&'d self, input: &'d Draft<'_>) -> Result<Draft<'d>, RunFault> {
        match self {
            Self::Path(steps) => input.walk(steps),
            Self::Literal(value) => Ok(Draft::Value(value)),
            Self::Else(left, right) => {
                let draft = left.pick(input)?;
                if draft.is_null_or_false() { right.pick(input) } else { Ok(draft) }
            }
            _ => Ok(Draft::Null),
        }
    }

    /// As [`Shape::eval`], for one that [arranges](Shape::arranges).
    fn build(&self, input: &Draft<'_>, budget: &mut Budget) -> Result<Value, RunFault> {
        Ok(match self {
            Self::Object(members) => {
                let mut object = Map::new();
                for (name, shape) in members {
                    budget.spend(name.len())?;
                    object.insert(name.clone(), shape.build(input, budget)?);
                }
                Value::Object(object)
            }
            Self::Array(items) => {
                Value::Array(items.iter().map(|shape| shape.build(input, budget)).collect::<Result<_, _>>()?)
            }
            Self::Collect(stream) => {
                let mut items = Vec::new();
                stream.source.pick(input)?.each(|element| {
                    items.push(stream.each.build(element, budget)?);
                    Ok(())
                })?;
                Value::Array(items)
            }
            Self::Then(left, right) => right.build(&left.pick(input)?, budget)?,
            Self::Path(_) | Self::Literal(_) | Self::Else(..) => {
                let value = self.pick(input)?.to_value()?;
                budget.spend(size(&value))?;
                value
            }
        })
    }

    /// As [`Shape::write`], for one that [arranges](Shape::arranges).
    fn arrange(&self, input: &Draft<'_>, out: &mut Vec<u8>) -> Result<(), RunFault> {
        match self {
            Self::Object(members) => {
                out.push(b'{');
                for (place, (name, shape)) in members.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    write_text(name, out)?;
                    out.push(b':');
                    shape.arrange(input, out)?;
                }
                out.push(b'}');
            }
            Self::Array(items) => {
                out.push(b'[');
                for (place, shape) in items.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    shape.arrange(input, out)?;
                }
                out.push(b']');
            }
            Self::Collect(stream) => {
                out.push(b'[');
                let mut is_first = true;
                stream.source.pick(input)?.each(|element| {
                    if !std::mem::take(&mut is_first) {
                        out.push(b',');
                    }
                    stream.each.arrange(element, out)
                })?;
                out.push(b']');
            }
            Self::Then(left, right) => right.arrange(&left.pick(input)?, out)?,
            Self::Path(_) | Self::Literal(_) | Self::Else(..) => self.pick(input)?.write(out)?,
        }
        within(out)
    }

    fn may_read(&self, name: &str) -> bool {
        match self {
            Self::Path(steps) => steps.is_empty() || steps.iter().any(|step| step == name),
            Self::Literal(_) => false,
            Self::Else(left, right) | Self::Then(left, right) => left.may_read(name) || right.may_read(name),
            Self::Object(members) => members.iter().any(|(_, shape)| shape.may_read(name)),
            Self::Array(items) => items.iter().any(|shape| shape.may_read(name)),
            Self::Collect(stream) => stream.source.may_read(name) || stream.each.may_read(name),
        }
    }

    /// How many levels it may put around its input.
    fn depth(&self) -> usize {
        let deepest = |shapes: &mut dyn Iterator<Item = &Self>| shapes.map(Self::depth).max().unwrap_or(0);
        match self {
            Self::Path(_) | Self::Literal(_) => 0,
            Self::Else(left, right) => left.depth().max(right.depth()),
            Self::Then(left, right) => left.depth() + right.depth(),
            Self::Object(members) => 1 + deepest(&mut members.iter().map(|(_, shape)| shape)),
            Self::Array(items) => 1 + deepest(&mut items.iter()),
            Self::Collect(stream) => 1 + stream.depth(),
        }
    }

    /// The output. What is copied into it is counted on `budget`.
    fn eval<'a>(&'a self, input: &'a Value, budget: &mut Budget) -> Result<Cow<'a, Value>, RunFault> {
        Ok(match self {
            Self::Path(steps) => walk(input, steps)?,
            Self::Literal(value) => Cow::Borrowed(value),
            Self::Else(left, right) => {
                let value = left.eval(input, budget)?;
                if matches!(*value, Value::Null | Value::Bool(false)) { right.eval(input, budget)? } else { value }
            }
            Self::Then(left, right) => match left.eval(input, budget)? {
                Cow::Borrowed(value) => right.eval(value, budget)?,
                Cow::Owned(value) => {
                    let output = right.eval(&value, budget)?;
                    Cow::Owned(own(output, budget)?)
                }
            },
            Self::Object(members) => {
                let mut object = Map::new();
                for (name, shape) in members {
                    budget.spend(name.len())?;
                    let member = shape.eval(input, budget)?;
                    object.insert(name.clone(), own(member, budget)?);
                }
                Cow::Owned(Value::Object(object))
            }
            Self::Array(items) => {
                let mut outputs = Vec::with_capacity(items.len());
                for shape in items {
                    let item = shape.eval(input, budget)?;
                    outputs.push(own(item, budget)?);
                }
                Cow::Owned(Value::Array(outputs))
            }
            Self::Collect(stream) => {
                let mut items = Vec::new();
                stream.each(input, budget, |value, budget| {
                    items.push(own(value, budget)?);
                    Ok(())
                })?;
                Cow::Owned(Value::Array(items))
            }
        })
    }

    /// As [`Shape::eval`], straight into compact JSON.
    fn write(&self, input: &Value, out: &mut Vec<u8>, budget: &mut Budget) -> Result<(), RunFault> {
        match self {
            Self::Object(members) => {
                out.push(b'{');
                for (place, (name, shape)) in members.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    write_text(name, out)?;
                    out.push(b':');
                    shape.write(input, out, budget)?;
                }
                out.push(b'}');
                within(out)
            }
            Self::Array(items) => {
                out.push(b'[');
                for (place, shape) in items.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    shape.write(input, out, budget)?;
                }
                out.push(b']');
                within(out)
            }
            Self::Collect(stream) => {
                out.push(b'[');
                let source = stream.source.eval(input, budget)?;
                for (place, element) in elements(&source)?.enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    stream.each.write(element, out, budget)?;
                }
                out.push(b']');
                within(out)
            }
            Self::Then(left, right) => {
                let value = left.eval(input, budget)?;
                right.write(&value, out, budget)
            }
            // Objects and arrays are never null or false, so the other side does not matter.
            Self::Else(left, _) if matches!(**left, Self::Object(_) | Self::Array(_) | Self::Collect(_)) => {
                left.write(input, out, budget)
            }
            Self::Path(_) | Self::Literal(_) | Self::Else(..) => write_value(&*self.eval(input, budget)?, out),
        }
    }
}

impl Stream {
    fn run_draft(&self, input: &Draft<'_>, limit: usize) -> Result<Vec<Value>, RunFault> {
        let (mut outputs, mut budget) = (Vec::new(), Budget::new());
        self.source.pick(input)?.each(|element| {
            if outputs.len() >= limit {
                return Err(too_many(limit));
            }
            outputs.push(self.each.build(element, &mut budget)?);
            Ok(())
        })?;
        Ok(outputs)
    }

    /// As [`Shape::depth`].
    fn depth(&self) -> usize {
        self.source.depth() + self.each.depth()
    }

    fn each(
        &self,
        input: &Value,
        budget: &mut Budget,
        mut take: impl FnMut(Cow<'_, Value>, &mut Budget) -> Result<(), RunFault>,
    ) -> Result<(), RunFault> {
        let source = self.source.eval(input, budget)?;
        elements(&source)?.try_for_each(|element| {
            let output = self.each.eval(element, budget)?;
            take(output, budget)
        })
    }
}

/// A value of one's own: only what has to be copied counts, and what was made counted when it was made.
fn own(value: Cow<'_, Value>, budget: &mut Budget) -> Result<Value, RunFault> {
    if let Cow::Borrowed(value) = &value {
        budget.spend(size(value))?;
    }
    Ok(value.into_owned())
}

/// Size of a value as the interpreter's outputs are counted.
fn size(value: &Value) -> usize {
    8 + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + size(value)).sum(),
    }
}

fn elements(value: &Value) -> Result<Box<dyn Iterator<Item = &Value> + '_>, RunFault> {
    match value {
        Value::Array(items) => Ok(Box::new(items.iter())),
        Value::Object(members) => Ok(Box::new(members.values())),
        other => Err(RunFault(format!("cannot use {} as iterable (array or object)", kind(other)))),
    }
}

fn walk<'a>(input: &'a Value, steps: &[String]) -> Result<Cow<'a, Value>, RunFault> {
    let mut value = input;
    for step in steps {
        value = match value {
            Value::Object(members) => match members.get(step) {
                Some(value) => value,
                // A member of null is null, however far the path goes on.
                None => return Ok(Cow::Owned(Value::Null)),
            },
            Value::Null => return Ok(Cow::Owned(Value::Null)),
            other => return Err(RunFault(format!("cannot index {} with \"{step}\"", kind(other)))),
        };
    }
    Ok(Cow::Borrowed(value))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn single(term: &Term<&str>) -> Option<Shape> {
    Some(match term {
        Term::Id => Shape::Path(Vec::new()),
        Term::Num(text) => Shape::Literal(Value::Number(number(text)?)),
        Term::Str(None, parts) => Shape::Literal(Value::String(text(parts)?)),
        Term::Call(name, arguments) if arguments.is_empty() => match *name {
            "null" => Shape::Literal(Value::Null),
            "true" => Shape::Literal(Value::Bool(true)),
            "false" => Shape::Literal(Value::Bool(false)),
            _ => return None,
        },
        Term::Path(base, Path(parts)) => {
            let steps = steps(parts)?;
            match single(base)? {
                Shape::Path(mut path) => {
                    path.extend(steps);
                    Shape::Path(path)
                }
                other => Shape::Then(Box::new(other), Box::new(Shape::Path(steps))),
            }
        }
        Term::Obj(members) => {
            let mut shapes: Vec<(String, Shape)> = Vec::with_capacity(members.len());
            for (key, value) in members {
                let Shape::Literal(Value::String(name)) = single(key)? else {
                    return None;
                };
                if shapes.iter().any(|(known, _)| *known == name) {
                    return None;
                }
                let shape = match value {
                    Some(value) => single(value)?,
                    None => Shape::Path(vec![name.clone()]),
                };
                shapes.push((name, shape));
            }
            Shape::Object(shapes)
        }
        Term::Arr(None) => Shape::Array(Vec::new()),
        Term::Arr(Some(inner)) => {
            let mut items = Vec::new();
            if commas(inner, &mut items).is_some() {
                Shape::Array(items)
            } else {
                Shape::Collect(Box::new(stream(inner)?))
            }
        }
        Term::BinOp(left, BinaryOp::Alt, right) => Shape::Else(Box::new(single(left)?), Box::new(single(right)?)),
        Term::BinOp(left, BinaryOp::Pipe(None), right) => {
            Shape::Then(Box::new(single(left)?), Box::new(single(right)?))
        }
        _ => return None,
    })
}

fn stream(term: &Term<&str>) -> Option<Stream> {
    match term {
        Term::Path(base, Path(parts)) => {
            let at = parts.iter().position(|(part, _)| matches!(part, Part::Range(None, None)))?;
            if !matches!(parts[at].1, Opt::Essential) {
                return None;
            }
            let before = steps(&parts[..at])?;
            let source = match single(base)? {
                Shape::Path(mut path) => {
                    path.extend(before);
                    Shape::Path(path)
                }
                other => Shape::Then(Box::new(other), Box::new(Shape::Path(before))),
            };
            Some(Stream { source, each: Shape::Path(steps(&parts[at + 1..])?) })
        }
        Term::BinOp(left, BinaryOp::Pipe(None), right) => {
            if let Some(left) = stream(left) {
                let each = Shape::Then(Box::new(left.each), Box::new(single(right)?));
                return Some(Stream { source: left.source, each });
            }
            let right = stream(right)?;
            Some(Stream { source: Shape::Then(Box::new(single(left)?), Box::new(right.source)), each: right.each })
        }
        _ => None,
    }
}

fn commas(term: &Term<&str>, items: &mut Vec<Shape>) -> Option<()> {
    if let Term::BinOp(left, BinaryOp::Comma, right) = term {
        commas(left, items)?;
        commas(right, items)
    } else {
        items.push(single(term)?);
        Some(())
    }
}

fn steps(parts: &[(Part<Term<&str>>, Opt)]) -> Option<Vec<String>> {
    parts
        .iter()
        .map(|(part, opt)| match (part, opt) {
            (Part::Index(Term::Str(None, parts)), Opt::Essential) => text(parts),
            _ => None,
        })
        .collect()
}

fn text(parts: &[StrPart<&str, Term<&str>>]) -> Option<String> {
    let mut whole = String::new();
    for part in parts {
        match part {
            StrPart::Str(text) => whole.push_str(text),
            StrPart::Char(character) => whole.push(*character),
            StrPart::Term(_) => return None,
        }
    }
    Some(whole)
}

fn number(text: &str) -> Option<Number> {
    text.parse::<i64>().ok().map(Number::from)
}
