//! The interpreter's values, with a price on everything that is done to them.
//!
//! The interpreter is generic over its values, and whatever multiplies work (iterating, several outputs, sorting, folding,
//! putting together) touches values. So the price is taken here, below the syntax tree and below the library's functions.

use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

use jaq_core::box_iter::{BoxIter, box_once};
use jaq_core::ops::Math;
use jaq_core::path::Opt;
use jaq_core::{Error, Exn, ValR, ValT, ValX};
use jaq_json::{Num, Rc, Val};

use super::steps::{spend, spend_bytes};

/// What an error calls the values that can be iterated over.
const ITERABLE: &str = "iterable (array or object)";

/// A value whose use is counted.
pub(super) struct Counted(pub(super) Val);

type Fallible<T = Counted> = Result<T, Error<Counted>>;

/// An error of the library, with its text made now.
pub(super) fn error(error: Error<Val>) -> Error<Counted> {
    let value = Counted(error.into_val());
    if let Val::TStr(text) = &value.0 {
        spend_bytes(text.len());
    }
    Error::new(value)
}

/// Spends what walking over the whole of `value` takes, and answers it.
pub(super) fn walk(value: &Val) -> u64 {
    let own = match value {
        Val::TStr(text) | Val::BStr(text) => 1 + text.len() as u64 / super::steps::BYTES_PER_STEP,
        Val::Num(Num::BigInt(number)) => 1 + number.bits() / 4,
        Val::Num(Num::Dec(text)) => 1 + text.len() as u64,
        _ => 1,
    };
    spend(own);
    own + match value {
        Val::Arr(items) => items.iter().map(walk).sum(),
        Val::Obj(members) => members.iter().map(|(name, value)| walk(name) + walk(value)).sum(),
        _ => 0,
    }
}

/// Elements, members, or steps for its text.
fn width(value: &Val) -> u64 {
    match value {
        Val::TStr(text) | Val::BStr(text) => 1 + text.len() as u64 / super::steps::BYTES_PER_STEP,
        Val::Arr(items) => 1 + items.len() as u64,
        Val::Obj(members) => 1 + 4 * members.len() as u64,
        _ => 1,
    }
}

/// What changing `value` in place takes: a copy, if somebody else holds it as well.
fn own(value: &Val) -> u64 {
    match value {
        Val::TStr(text) | Val::BStr(text) if text.is_unique() => 1,
        Val::Arr(items) if Rc::strong_count(items) == 1 => 1,
        Val::Obj(members) if Rc::strong_count(members) == 1 => 1,
        _ => width(value),
    }
}

/// Spends what comparing two values takes: no more than the smaller one of the same kind.
fn compare(left: &Val, right: &Val) {
    match (left, right) {
        (Val::TStr(left) | Val::BStr(left), Val::TStr(right) | Val::BStr(right)) => {
            spend_bytes(left.len().min(right.len()));
        }
        (Val::Arr(left), Val::Arr(right)) if !left.is_empty() && !right.is_empty() => {
            left.iter().zip(right.iter()).for_each(|(left, right)| compare(left, right));
        }
        (Val::Obj(one), Val::Obj(other)) if !one.is_empty() && !other.is_empty() => {
            walk(left);
            walk(right);
        }
        (Val::Num(_), Val::Num(_)) => {
            walk(left);
        }
        _ => spend(1),
    }
}

fn checked(result: jaq_core::ValR<Val>) -> Fallible {
    result.map(Counted).map_err(error)
}

/// Calls one of the library's functions that change a part, which must not see the errors of what is called for the part.
fn through<'a, I: Iterator<Item = ValX<'a, Counted>>>(
    f: impl Fn(Counted) -> I,
    work: impl for<'f> FnOnce(&'f dyn Fn(Val) -> BoxIter<'f, ValX<'a, Val>>) -> ValX<'a, Val>,
) -> ValX<'a, Counted> {
    let failure = Cell::new(None);
    let result = {
        let each = |value: Val| -> BoxIter<'_, ValX<'a, Val>> {
            let first = f(Counted(value)).next();
            Box::new(first.into_iter().map(|output| {
                output.map(|output| output.0).map_err(|exception| {
                    failure.set(Some(exception));
                    Exn::from(Error::new(Val::Null))
                })
            }))
        };
        work(&each)
    };
    match failure.take() {
        Some(exception) => Err(exception),
        None => result
            .map(Counted)
            .map_err(|exception| Exn::from(error(exception.get_err().unwrap_or_else(|_| Error::new(Val::Null))))),
    }
}

impl Clone for Counted {
    #[inline]
    fn clone(&self) -> Self {
        spend(1);
        Self(self.0.clone())
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        walk(&self.0);
        self.0.fmt(f)
    }
}

impl From<bool> for Counted {
    fn from(flag: bool) -> Self {
        spend(1);
        Self(Val::from(flag))
    }
}

impl From<isize> for Counted {
    fn from(number: isize) -> Self {
        spend(1);
        Self(Val::from(number))
    }
}

impl From<usize> for Counted {
    fn from(number: usize) -> Self {
        spend(1);
        Self(Val::from(number))
    }
}

impl From<f64> for Counted {
    fn from(number: f64) -> Self {
        spend(1);
        Self(Val::from(number))
    }
}

impl From<String> for Counted {
    fn from(text: String) -> Self {
        spend_bytes(text.len());
        Self(Val::from(text))
    }
}

impl From<jaq_core::val::Range<Self>> for Counted {
    fn from(range: jaq_core::val::Range<Self>) -> Self {
        spend(4);
        Self(Val::from(range.start.map(|value| value.0)..range.end.map(|value| value.0)))
    }
}

impl FromIterator<Self> for Counted {
    fn from_iter<T: IntoIterator<Item = Self>>(items: T) -> Self {
        spend(2);
        Self(
            items
                .into_iter()
                .map(|item| {
                    spend(1);
                    item.0
                })
                .collect(),
        )
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        compare(&self.0, &other.0);
        self.0 == other.0
    }
}

impl Eq for Counted {}

impl PartialOrd for Counted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Counted {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0);
        self.0.cmp(&other.0)
    }
}

impl Add for Counted {
    type Output = Fallible;

    fn add(self, other: Self) -> Fallible {
        match (&self.0, &other.0) {
            (Val::Obj(_), Val::Obj(members)) => {
                spend(own(&self.0) + width(&other.0));
                members.keys().for_each(|name| {
                    walk(name);
                });
            }
            (Val::Null, _) | (_, Val::Null) | (Val::Num(_), Val::Num(_)) => spend(1),
            (Val::TStr(_), Val::TStr(_)) | (Val::BStr(_), Val::BStr(_)) | (Val::Arr(_), Val::Arr(_)) => {
                spend(own(&self.0) + width(&other.0));
            }
            _ => return Err(Error::math(self, Math::Add, other)),
        }
        checked(self.0 + other.0)
    }
}

impl Sub for Counted {
    type Output = Fallible;

    fn sub(self, other: Self) -> Fallible {
        match (&self.0, &other.0) {
            (Val::Num(_), Val::Num(_)) => spend(1),
            (Val::Arr(_), Val::Arr(items)) => {
                // Sorted on one side, and each of the other side looked for there.
                let rounds = u64::from((items.len() as u64 + 1).ilog2()) + 1;
                spend(own(&self.0));
                let once = walk(&self.0) + walk(&other.0);
                spend(once.saturating_mul(rounds));
            }
            _ => return Err(Error::math(self, Math::Sub, other)),
        }
        checked(self.0 - other.0)
    }
}

impl Mul for Counted {
    type Output = Fallible;

    fn mul(self, other: Self) -> Fallible {
        match (&self.0, &other.0) {
            (text @ (Val::TStr(_) | Val::BStr(_)), Val::Num(number))
            | (Val::Num(number), text @ (Val::TStr(_) | Val::BStr(_))) => {
                let times = match number {
                    Num::Int(times) => u64::try_from(*times).unwrap_or(0),
                    _ => u64::from(matches!(number, Num::BigInt(_))) * u64::MAX,
                };
                let length = match text {
                    Val::TStr(text) | Val::BStr(text) => text.len() as u64,
                    _ => 0,
                };
                spend(1 + length.saturating_mul(times) / super::steps::BYTES_PER_STEP);
            }
            (Val::Num(_), Val::Num(_)) | (Val::Obj(_), Val::Obj(_)) => {
                walk(&self.0);
                walk(&other.0);
            }
            _ => return Err(Error::math(self, Math::Mul, other)),
        }
        checked(self.0 * other.0)
    }
}

impl Div for Counted {
    type Output = Fallible;

    fn div(self, other: Self) -> Fallible {
        spend(width(&self.0) + width(&other.0));
        let result = checked(self.0 / other.0)?;
        spend(width(&result.0));
        Ok(result)
    }
}

impl Rem for Counted {
    type Output = Fallible;

    fn rem(self, other: Self) -> Fallible {
        walk(&self.0);
        walk(&other.0);
        checked(self.0 % other.0)
    }
}

impl Neg for Counted {
    type Output = Fallible;

    fn neg(self) -> Fallible {
        spend(1);
        checked(-self.0)
    }
}

impl ValT for Counted {
    fn from_num(text: &str) -> ValR<Self> {
        spend(1 + text.len() as u64);
        checked(Val::from_num(text))
    }

    fn from_map<I: IntoIterator<Item = (Self, Self)>>(members: I) -> ValR<Self> {
        spend(4);
        checked(Val::from_map(members.into_iter().map(|(name, value)| {
            spend(1);
            walk(&name.0);
            (name.0, value.0)
        })))
    }

    fn key_values(self) -> BoxIter<'static, ValR<(Self, Self), Self>> {
        if !matches!(self.0, Val::Arr(_) | Val::Obj(_)) {
            return box_once(Err(Error::typ(self, ITERABLE)));
        }
        spend(width(&self.0));
        Box::new(self.0.key_values().map(|entry| match entry {
            Ok((name, value)) => {
                spend(1);
                Ok((Self(name), Self(value)))
            }
            Err(why) => Err(error(why)),
        }))
    }

    fn values(self) -> Box<dyn Iterator<Item = ValR<Self>>> {
        if !matches!(self.0, Val::Arr(_) | Val::Obj(_)) {
            return box_once(Err(Error::typ(self, ITERABLE)));
        }
        spend(width(&self.0));
        Box::new(self.0.values().map(|value| {
            spend(1);
            checked(value)
        }))
    }

    fn index(self, index: &Self) -> ValR<Self> {
        match (&self.0, &index.0) {
            (Val::Arr(items), Val::Arr(part)) => {
                let each = walk(&index.0);
                spend((items.len() as u64).saturating_mul(1 + each.min(part.len() as u64 * 8)));
            }
            (Val::Arr(_) | Val::TStr(_) | Val::BStr(_), Val::Obj(_)) => spend(width(&self.0)),
            (Val::Null, _) | (Val::Arr(_) | Val::BStr(_), Val::Num(_)) => spend(1),
            (Val::Obj(_), _) => {
                walk(&index.0);
            }
            _ => return Err(Error::index(self, index.clone())),
        }
        checked(self.0.index(&index.0))
    }

    fn range(self, range: jaq_core::val::Range<&Self>) -> ValR<Self> {
        if !matches!(self.0, Val::Arr(_)) {
            spend(width(&self.0));
        }
        let part = checked(self.0.range(range.start.map(|value| &value.0)..range.end.map(|value| &value.0)))?;
        spend(width(&part.0));
        Ok(part)
    }

    fn map_values<'a, I: Iterator<Item = ValX<'a, Self>>>(self, opt: Opt, f: impl Fn(Self) -> I) -> ValX<'a, Self> {
        spend(width(&self.0));
        match self.0 {
            Val::Arr(items) => Rc::unwrap_or_clone(items).into_iter().flat_map(|item| f(Self(item))).collect(),
            Val::Obj(members) => {
                let members = Rc::unwrap_or_clone(members).into_iter();
                let changed = members.filter_map(|(name, value)| {
                    walk(&name);
                    f(Self(value)).next().map(|value| Ok((name, value?.0)))
                });
                Ok(Self(Val::obj(changed.collect::<Result<_, Exn<'a, Self>>>()?)))
            }
            other => opt.fail(Self(other), |value| Exn::from(Error::typ(value, ITERABLE))),
        }
    }

    fn map_index<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        index: &Self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        walk(&index.0);
        // An element may be taken out of the midst.
        spend(if matches!(self.0, Val::Arr(_)) { 1 + width(&self.0) / 16 } else { 1 } + own(&self.0));
        through(f, |each| self.0.map_index(&index.0, opt, each))
    }

    fn map_range<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        range: jaq_core::val::Range<&Self>,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        spend(width(&self.0).saturating_mul(3));
        let range = range.start.map(|value| &value.0)..range.end.map(|value| &value.0);
        let changed = through(f, |each| self.0.map_range(range, opt, each))?;
        spend(width(&changed.0));
        Ok(changed)
    }

    #[inline]
    fn as_bool(&self) -> bool {
        self.0.as_bool()
    }

    fn into_string(self) -> Self {
        match self.0 {
            Val::TStr(_) | Val::BStr(_) => spend(1),
            _ => {
                walk(&self.0);
            }
        }
        Self(self.0.into_string())
    }
}

impl jaq_std::ValT for Counted {
    fn into_seq<S: FromIterator<Self>>(self) -> Result<S, Self> {
        spend(width(&self.0));
        match self.0.into_seq::<Vec<Val>>() {
            Ok(items) => Ok(items.into_iter().map(Self).collect()),
            Err(value) => Err(Self(value)),
        }
    }

    fn is_int(&self) -> bool {
        self.0.is_int()
    }

    fn as_isize(&self) -> Option<isize> {
        spend(1);
        self.0.as_isize()
    }

    fn as_f64(&self) -> Option<f64> {
        spend(1);
        self.0.as_f64()
    }

    fn is_utf8_str(&self) -> bool {
        self.0.is_utf8_str()
    }

    /// All functions on texts begin here, and none takes more than a few passes.
    fn as_bytes(&self) -> Option<&[u8]> {
        let bytes = self.0.as_bytes()?;
        spend_bytes(bytes.len());
        Some(bytes)
    }

    fn as_sub_str(&self, part: &[u8]) -> Self {
        spend(1);
        Self(self.0.as_sub_str(part))
    }

    fn from_utf8_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        spend_bytes(bytes.as_ref().len());
        Self(Val::from_utf8_bytes(bytes))
    }
}
