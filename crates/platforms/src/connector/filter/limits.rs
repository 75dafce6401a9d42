//! What a filter may be made of. Runs over the syntax tree before anything is compiled.

use jaq_core::load::lex::{Lexer, StrPart};
use jaq_core::load::parse::{BinaryOp, Def, Parser, Pattern, Term};
use jaq_core::ops::Math;
use jaq_core::path::{Part, Path};

use super::FilterError;

/// Most syntax nodes, definitions counted wherever they are called.
const MAX_NODES: u64 = 2_000;
/// Most words and signs, counted before anything is read: the parser recurses at most once for each, so this bounds its
/// stack, where 2,000 nodes can only be counted afterwards. What has 2,000 nodes has fewer.
const MAX_SIGNS: usize = 8_000;
/// Deepest nesting.
const MAX_DEPTH: usize = 128;
/// Most levels of arrays and objects that a filter may put around its input, one behind the other: values are dropped level
/// by level on the stack of a worker thread, which has 2 MiB.
const MAX_LEVELS: u64 = 500;
/// Functions that put levels around what they are given, or make values that have some: two each at most.
const BUILDERS: [&str; 22] = [
    "capture",
    "del",
    "explode",
    "from_entries",
    "gmtime",
    "group_by",
    "indices",
    "keys",
    "keys_unsorted",
    "map",
    "map_values",
    "match",
    "pick",
    "scan",
    "split",
    "splits",
    "strptime",
    "to_entries",
    "unique",
    "unique_by",
    "with_entries",
    "flatten",
];
/// Largest factor by which a filter may blow its input up by naming it again and again.
const MAX_GROWTH: u64 = 100_000;
/// Largest number that may be multiplied by: `"abc" * 1000000000` is a text of 3 GB.
const MAX_FACTOR: f64 = 1_000_000.0;

/// Functions that a filter may call, with their number of arguments. Not in here, for a reason: `range`, `repeat`, `recurse`,
/// `until`, `while`, `limit`, `walk`, `paths` (unbounded, or `..` inside), `env`, `$ENV`, `input`, `inputs`, `now`,
/// `localtime`, `debug`, `stderr`, `halt` (reach outside), `fromjson` (a reader without depth limit), `combinations`,
/// `implode` (may fail badly).
///
/// What bounds a call while it runs, besides the syntax. A step is spent for each value that is touched; see `counted.rs`.
///
/// | functions | bound |
/// |---|---|
/// | `abs` `not` `null` `true` `false` `empty` `error` `type` `is…` `values` `nulls` `booleans` `numbers` `finites` `strings` `arrays` `objects` `iterables` `scalars` `select` `in` | made of jq: comparisons and calls, each counted |
/// | `add` `all` `any` `first` `last` `isempty` `map` `map_values` `del` `pick` `getpath` `flatten` `join` `to_entries` `from_entries` `with_entries` `keys` `keys_unsorted` | made of jq: each element that is iterated, each text and array that is put together or copied, counted by width |
/// | `sort` `sort_by` `group_by` `unique` `unique_by` `min` `min_by` `max` `max_by` `reverse` | native: width at the beginning, each key that is made, each comparison by its size |
/// | `floor` `ceil` `round` `tonumber` `toboolean` `mktime` `gmtime` `fromdate` `fromdateiso8601` `todate` `todateiso8601` `strptime` | native: one pass over a number, a short list or a text, its bytes counted |
/// | `ascii_downcase` `ascii_upcase` `explode` `startswith` `endswith` `ltrimstr` `rtrimstr` `trim` `ltrim` `rtrim` `utf8bytelength` `@base64` `@base64d` `@html` `@sh` `@uri` `@urid` | native: one pass over a text, its bytes and the result's counted; at most six times as long |
/// | `tojson` `tostring` `@json` `@text`, texts in texts, errors that are caught | native: the whole value is walked and counted before |
/// | `length` `has` | native: the text, or the key |
/// | `contains` `inside` | native: the product of both sizes, before |
/// | `index` `rindex` `indices` | native: places times the size of what is looked for, before |
/// | `split` with one argument, `/` | native: text and pieces |
/// | `test` `match` `capture` `scan` `split` `splits` `sub` `gsub` | native: pattern with repetitions written out (`pattern.rs`) times text, before; per match, if a search may read ahead; matches that would not fit are told before |
/// | `strftime` | native: eight steps per byte of the format, before, since five bytes make 255 |
/// | `*` of a text | native: the result, before |
const ALLOWED: &[(&str, &[usize])] = &[
    ("@base64", &[0]),
    ("@base64d", &[0]),
    ("@html", &[0]),
    ("@json", &[0]),
    ("@sh", &[0]),
    ("@text", &[0]),
    ("@uri", &[0]),
    ("@urid", &[0]),
    ("abs", &[0]),
    ("add", &[0, 1]),
    ("all", &[0, 1, 2]),
    ("any", &[0, 1, 2]),
    ("arrays", &[0]),
    ("ascii_downcase", &[0]),
    ("ascii_upcase", &[0]),
    ("booleans", &[0]),
    ("capture", &[1, 2]),
    ("ceil", &[0]),
    ("contains", &[1]),
    ("del", &[1]),
    ("empty", &[0]),
    ("endswith", &[1]),
    ("error", &[0, 1]),
    ("explode", &[0]),
    ("false", &[0]),
    ("finites", &[0]),
    ("first", &[0, 1]),
    ("flatten", &[0]),
    ("floor", &[0]),
    ("from_entries", &[0]),
    ("fromdate", &[0]),
    ("fromdateiso8601", &[0]),
    ("getpath", &[1]),
    ("gmtime", &[0]),
    ("group_by", &[1]),
    ("gsub", &[2, 3]),
    ("has", &[1]),
    ("in", &[1]),
    ("index", &[1]),
    ("indices", &[1]),
    ("inside", &[1]),
    ("isarray", &[0]),
    ("isboolean", &[0]),
    ("isempty", &[1]),
    ("isnumber", &[0]),
    ("isobject", &[0]),
    ("isstring", &[0]),
    ("iterables", &[0]),
    ("join", &[1]),
    ("keys", &[0]),
    ("keys_unsorted", &[0]),
    ("last", &[0, 1]),
    ("length", &[0]),
    ("ltrim", &[0]),
    ("ltrimstr", &[1]),
    ("map", &[1]),
    ("map_values", &[1]),
    ("match", &[1, 2]),
    ("max", &[0]),
    ("max_by", &[1]),
    ("min", &[0]),
    ("min_by", &[1]),
    ("mktime", &[0]),
    ("not", &[0]),
    ("null", &[0]),
    ("nulls", &[0]),
    ("numbers", &[0]),
    ("objects", &[0]),
    ("pick", &[1]),
    ("reverse", &[0]),
    ("rindex", &[1]),
    ("round", &[0]),
    ("rtrim", &[0]),
    ("rtrimstr", &[1]),
    ("scalars", &[0]),
    ("scan", &[1, 2]),
    ("select", &[1]),
    ("sort", &[0]),
    ("sort_by", &[1]),
    ("split", &[1, 2]),
    ("splits", &[1, 2]),
    ("startswith", &[1]),
    ("strftime", &[1]),
    ("strings", &[0]),
    ("strptime", &[1]),
    ("sub", &[2, 3]),
    ("test", &[1, 2]),
    ("to_entries", &[0]),
    ("toboolean", &[0]),
    ("todate", &[0]),
    ("todateiso8601", &[0]),
    ("tojson", &[0]),
    ("tonumber", &[0]),
    ("tostring", &[0]),
    ("trim", &[0]),
    ("true", &[0]),
    ("type", &[0]),
    ("unique", &[0]),
    ("unique_by", &[1]),
    ("utf8bytelength", &[0]),
    ("values", &[0]),
    ("with_entries", &[1]),
];

/// Reads `text` into a syntax tree.
pub(super) fn parse(text: &str) -> Result<Term<&str>, FilterError> {
    if signs(text) > MAX_SIGNS {
        let why =
            format!("the expression has more than {MAX_SIGNS} words and signs, so more than {MAX_NODES} syntax nodes");
        return Err(FilterError { offset: 0, why });
    }
    let place = |part: &str| {
        let inside = text.as_bytes().as_ptr_range().contains(&part.as_ptr());
        if inside { jaq_core::load::span(text, part).start } else { text.len() }
    };
    let tokens = Lexer::new(text).lex().map_err(|errors| {
        let (expected, found) = errors.into_iter().next().unwrap_or((jaq_core::load::lex::Expect::Token, text));
        let what = match expected {
            jaq_core::load::lex::Expect::Delim(_) => "a closing bracket or quote",
            ref other => other.as_str(),
        };
        FilterError { offset: place(found), why: format!("it is no jq expression: expected {what}") }
    })?;
    Parser::new(&tokens).parse(Parser::term).map_err(|errors| {
        let first = errors.into_iter().next();
        let (what, found) = first.map_or(("an expression", None), |(expected, found)| (expected.as_str(), found));
        let (offset, seen) = match found {
            Some(token) => (place(token.0), format!("`{}`", token.0.chars().take(20).collect::<String>())),
            None => (text.len(), String::from("the end")),
        };
        FilterError { offset, why: format!("it is no jq expression: expected {what}, found {seen}") }
    })
}

/// Words, and signs that are no part of a word; what stands in quotes counts as well.
fn signs(text: &str) -> usize {
    let in_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut count = 0;
    let mut word = false;
    for character in text.chars() {
        let goes_on = character.is_whitespace() || (word && in_word(character));
        count += usize::from(!goes_on);
        word = in_word(character);
    }
    count
}

/// Checks a syntax tree against all limits.
///
/// The interpreter puts an object together member by member and a text part by part, one inside the other, on the stack of a
/// worker thread. So where it is to run, each of them counts as a level (`wide`).
pub(super) fn check(text: &str, term: &Term<&str>, wide: bool) -> Result<(), FilterError> {
    let mut walk = Walk { text, scope: Vec::new(), factor: 1.0, depth: 0, wide };
    let cost = walk.term(term)?;
    if cost.nodes > MAX_NODES {
        let why = format!("the expression has {} syntax nodes; the limit is {MAX_NODES}", cost.nodes);
        return Err(FilterError { offset: 0, why });
    }
    Ok(())
}

/// What a part of a filter costs. Uses of the enclosing definition's arguments are counted apart, since they cost what
/// the caller puts in.
#[derive(Clone)]
struct Cost {
    nodes: u64,
    growth: u64,
    levels: u64,
    uses: Vec<(String, u64)>,
}

impl Cost {
    fn one() -> Self {
        Self { nodes: 1, growth: 1, levels: 0, uses: Vec::new() }
    }

    fn take(&mut self, other: &Self, times: u64) {
        self.nodes = self.nodes.saturating_add(other.nodes.saturating_mul(times));
        // Too many where parts stand side by side, and exact where one works on what the other made.
        self.levels = self.levels.saturating_add(other.levels.saturating_mul(times));
        for (name, count) in &other.uses {
            let count = count.saturating_mul(times);
            match self.uses.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum = sum.saturating_add(count),
                None => self.uses.push((name.clone(), count)),
            }
        }
    }
}

enum Name<'s> {
    /// A definition: its name, arguments and cost.
    Defined(&'s str, Vec<&'s str>, Cost),
    /// A definition whose body is being read: whoever calls it now closes a cycle.
    Open(&'s str, usize),
    /// An argument of a definition.
    Argument(&'s str),
}

struct Walk<'s> {
    text: &'s str,
    scope: Vec<Name<'s>>,
    factor: f64,
    depth: usize,
    wide: bool,
}

impl<'s> Walk<'s> {
    fn fail<T>(&self, part: &str, why: String) -> Result<T, FilterError> {
        let inside = self.text.as_bytes().as_ptr_range().contains(&part.as_ptr());
        Err(FilterError { offset: if inside { jaq_core::load::span(self.text, part).start } else { 0 }, why })
    }

    fn term(&mut self, term: &Term<&'s str>) -> Result<Cost, FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("", format!("the expression nests deeper than {MAX_DEPTH} levels"));
        }
        let width = match term {
            Term::Obj(members) if self.wide => members.len(),
            Term::Str(_, parts) if self.wide => parts.len(),
            _ => 0,
        };
        self.depth += width;
        if self.depth > MAX_DEPTH {
            let why =
                "the expression nests deeper than 128 levels, each member of an object and each part of a text counted";
            return self.fail("", String::from(why));
        }
        let cost = self.inner(term)?;
        self.depth -= 1 + width;
        if cost.nodes > MAX_NODES {
            return self.fail("", format!("the expression has more than {MAX_NODES} syntax nodes"));
        }
        if cost.growth > MAX_GROWTH {
            return self.fail("", String::from("the expression could blow its input up more than 100,000 times"));
        }
        if cost.levels > MAX_LEVELS {
            return self.fail("", format!("the expression could put more than {MAX_LEVELS} levels around its input"));
        }
        Ok(cost)
    }

    fn inner(&mut self, term: &Term<&'s str>) -> Result<Cost, FilterError> {
        match term {
            Term::Var(name) if matches!(*name, "$ENV" | "$__loc__" | "$__prog_args") => {
                self.fail(name, format!("`{name}` is not allowed in connector files"))
            }
            Term::Id | Term::Num(_) | Term::Arr(None) | Term::Var(_) => Ok(Cost::one()),
            Term::Recurse => self.fail("", String::from("`..` is not allowed in connector files")),
            Term::Fold(name, ..) => self.fail(name, format!("`{name}` is not allowed in connector files")),
            Term::Label(name, _) | Term::Break(name) => {
                self.fail(name, String::from("`label` and `break` are not allowed in connector files"))
            }
            Term::Str(format, parts) => {
                let mut cost = Cost { growth: 0, ..Cost::one() };
                if let Some(format) = format {
                    self.allowed(format, 0)?;
                }
                for part in parts {
                    match part {
                        StrPart::Str(text) => cost.growth += 1 + text.len() as u64 / 64,
                        StrPart::Char(_) => {}
                        StrPart::Term(term) => self.add(&mut cost, term)?,
                    }
                }
                cost.growth = cost.growth.max(1);
                Ok(cost)
            }
            Term::Arr(Some(inner)) | Term::Neg(inner) => {
                let mut cost = Cost { growth: 0, ..Cost::one() };
                self.add(&mut cost, inner)?;
                cost.levels += 1;
                Ok(cost)
            }
            Term::Obj(members) => {
                let mut cost = Cost { growth: 0, ..Cost::one() };
                for (key, value) in members {
                    self.add(&mut cost, key)?;
                    if let Some(value) = value {
                        self.add(&mut cost, value)?;
                    }
                }
                cost.growth = cost.growth.max(1);
                cost.levels += 1;
                Ok(cost)
            }
            Term::BinOp(left, operator, right) => self.operation(left, operator, right),
            Term::TryCatch(attempt, otherwise) => {
                let mut cost = Cost { growth: 0, ..Cost::one() };
                self.add(&mut cost, attempt)?;
                if let Some(otherwise) = otherwise {
                    self.add(&mut cost, otherwise)?;
                }
                Ok(cost)
            }
            Term::IfThenElse(branches, otherwise) => {
                let mut cost = Cost { growth: 0, ..Cost::one() };
                for (condition, then) in branches {
                    self.add(&mut cost, condition)?;
                    self.add(&mut cost, then)?;
                }
                if let Some(otherwise) = otherwise {
                    self.add(&mut cost, otherwise)?;
                }
                Ok(cost)
            }
            Term::Def(definitions, body) => self.definitions(definitions, body),
            Term::Call(name, arguments) => self.call(name, arguments),
            Term::Path(base, Path(parts)) => {
                let mut cost = Cost { growth: 0, ..Cost::one() };
                self.add(&mut cost, base)?;
                let growth = cost.growth;
                for (part, _) in parts {
                    cost.nodes += 1;
                    match part {
                        Part::Index(index) => self.add(&mut cost, index)?,
                        Part::Range(from, to) => {
                            for bound in [from, to].into_iter().flatten() {
                                self.add(&mut cost, bound)?;
                            }
                        }
                    }
                }
                // An index chooses; it does not add to what comes out.
                cost.growth = growth;
                Ok(cost)
            }
        }
    }

    /// Adds the cost of a part that stands beside others.
    fn add(&mut self, cost: &mut Cost, part: &Term<&'s str>) -> Result<(), FilterError> {
        let inner = self.term(part)?;
        let levels = cost.levels.max(inner.levels);
        cost.take(&inner, 1);
        cost.levels = levels;
        cost.growth = cost.growth.saturating_add(inner.growth);
        Ok(())
    }

    fn operation(
        &mut self,
        left: &Term<&'s str>,
        operator: &BinaryOp<&'s str>,
        right: &Term<&'s str>,
    ) -> Result<Cost, FilterError> {
        if let BinaryOp::Math(Math::Mul) | BinaryOp::UpdateMath(Math::Mul) = operator {
            self.multiplication(left, right)?;
        }
        let mut cost = Cost::one();
        let first = self.term(left)?;
        let second = self.term(right)?;
        cost.take(&first, 1);
        cost.take(&second, 1);
        cost.levels = match operator {
            BinaryOp::Pipe(_) => first.levels.saturating_add(second.levels),
            // What is assigned to may be made on the way: `.a.b.c = 1` makes three levels.
            BinaryOp::Update | BinaryOp::Assign | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt => {
                first.nodes.saturating_add(first.levels).saturating_add(second.levels)
            }
            _ => first.levels.max(second.levels),
        };
        cost.growth = match operator {
            BinaryOp::Pipe(pattern) => {
                if let Some(pattern) = pattern {
                    self.pattern(pattern, &mut cost)?;
                }
                first.growth.saturating_mul(second.growth)
            }
            BinaryOp::Update | BinaryOp::Assign | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt => {
                first.growth.saturating_mul(second.growth.saturating_add(1))
            }
            BinaryOp::Cmp(_) | BinaryOp::Or | BinaryOp::And => 1,
            _ => first.growth.saturating_add(second.growth),
        };
        Ok(cost)
    }

    fn pattern(&mut self, pattern: &Pattern<&'s str>, cost: &mut Cost) -> Result<(), FilterError> {
        cost.nodes += 1;
        match pattern {
            Pattern::Var(_) => Ok(()),
            Pattern::Arr(parts) => parts.iter().try_for_each(|part| self.pattern(part, cost)),
            Pattern::Obj(parts) => parts.iter().try_for_each(|(key, part)| {
                let inner = self.term(key)?;
                cost.take(&inner, 1);
                self.pattern(part, cost)
            }),
        }
    }

    /// `"text" * number` repeats the text, so one side must be a literal, and all of them together stay small.
    fn multiplication(&mut self, left: &Term<&'s str>, right: &Term<&'s str>) -> Result<(), FilterError> {
        let literal = |term: &Term<&'s str>| match term {
            Term::Num(text) => text.parse::<f64>().ok(),
            _ => None,
        };
        let Some(factor) = literal(right).or_else(|| literal(left)) else {
            let why =
                "`*` needs a literal number on one side: a text times a number from outside could fill the memory";
            return self.fail("", String::from(why));
        };
        self.factor *= factor.abs().max(1.0);
        if self.factor > MAX_FACTOR {
            return self.fail("", String::from("the literal factors of all `*` together exceed 1,000,000"));
        }
        Ok(())
    }

    fn definitions(
        &mut self,
        definitions: &[Def<&'s str, Term<&'s str>>],
        body: &Term<&'s str>,
    ) -> Result<Cost, FilterError> {
        let outer = self.scope.len();
        for definition in definitions {
            let inner = self.scope.len();
            self.scope.push(Name::Open(definition.name, definition.args.len()));
            for argument in &definition.args {
                self.scope.push(Name::Argument(argument.trim_start_matches('$')));
            }
            let cost = self.term(&definition.body)?;
            self.scope.truncate(inner);
            let arguments = definition.args.iter().map(|argument| argument.trim_start_matches('$')).collect();
            self.scope.push(Name::Defined(definition.name, arguments, cost));
        }
        let mut cost = self.term(body)?;
        cost.nodes += definitions.len() as u64;
        self.scope.truncate(outer);
        Ok(cost)
    }

    fn call(&mut self, name: &'s str, arguments: &[Term<&'s str>]) -> Result<Cost, FilterError> {
        let mut costs = Vec::new();
        for argument in arguments {
            costs.push(self.term(argument)?);
        }
        let known = self.scope.iter().rev().find(|known| match known {
            Name::Defined(other, parameters, _) => *other == name && parameters.len() == arguments.len(),
            Name::Open(other, count) => *other == name && *count == arguments.len(),
            Name::Argument(other) => *other == name && arguments.is_empty(),
        });
        match known {
            Some(Name::Open(..)) => {
                self.fail(name, format!("`{name}` calls itself; definitions in connector files may not"))
            }
            Some(Name::Argument(_)) => Ok(Cost { uses: vec![(name.to_owned(), 1)], ..Cost::one() }),
            Some(Name::Defined(_, parameters, body)) => {
                let mut cost = Cost { uses: Vec::new(), ..body.clone() };
                cost.nodes = cost.nodes.saturating_add(1);
                for (used, count) in &body.uses {
                    match parameters.iter().position(|parameter| parameter == used) {
                        Some(place) => {
                            cost.take(&costs[place], *count);
                            let growth = costs[place].growth.saturating_pow(u32::try_from(*count).unwrap_or(u32::MAX));
                            cost.growth = cost.growth.saturating_mul(growth);
                        }
                        // An argument of a definition further out.
                        None => {
                            cost.take(&Cost { nodes: 0, growth: 1, levels: 0, uses: vec![(used.clone(), *count)] }, 1);
                        }
                    }
                }
                Ok(cost)
            }
            None => {
                self.allowed(name, arguments.len())?;
                // Escaping may double a text each time; the others are bounded by input and arguments.
                let own = if matches!(name, "tojson" | "@json" | "@sh" | "@html" | "@uri" | "@text") { 2 } else { 1 };
                let levels = if BUILDERS.contains(&name) { 2 } else { 0 };
                let mut cost = Cost { growth: own, levels, ..Cost::one() };
                for argument in &costs {
                    cost.take(argument, 1);
                    cost.growth = cost.growth.saturating_mul(argument.growth.max(1));
                }
                Ok(cost)
            }
        }
    }

    fn allowed(&self, name: &str, arguments: usize) -> Result<(), FilterError> {
        match ALLOWED.binary_search_by(|(known, _)| known.cmp(&name)) {
            Ok(place) if ALLOWED[place].1.contains(&arguments) => Ok(()),
            Ok(_) => self.fail(name, format!("`{name}` does not take {arguments} argument(s)")),
            Err(_) => self.fail(
                name,
                format!(
                    "the function `{name}` is not allowed in connector files; docs/connectors.md lists those that are"
                ),
            ),
        }
    }
}

/// Names of all functions that a filter may call, for the documentation's test.
#[cfg(test)]
pub(super) fn allowed_names() -> impl Iterator<Item = &'static str> {
    ALLOWED.iter().map(|(name, _)| *name)
}
