//! A diff page from JSON (TIXNGO contract §4.2), whether TIXNGO answered it or an operator uploaded it.
//!
//! Reading a page looks at `pagination.nextPageKey` and cuts `result` into items; what an item says is
//! [`Item::read`](super::Item::read)'s matter, so one bad item never spoils a page. Limits: 64 MiB, 100,000 items, a key of
//! 16 KiB. Depth is not limited, since nothing here recurses. No error shows a piece of the body: it holds personal data.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::cursor::PaginationKey;
use super::json;

/// Largest page, in bytes.
pub const MAX_PAGE_BYTES: usize = 64 * 1024 * 1024;
/// Most items of a page.
pub const MAX_PAGE_ITEMS: usize = 100_000;
/// Longest pagination key, in bytes.
pub const MAX_KEY_BYTES: usize = 16 * 1024;

/// A page: the items in their order, as they came, and the key of the next page.
#[derive(Clone, PartialEq, Eq)]
pub struct Page<'a> {
    /// Each item as JSON, verbatim; may be any JSON value.
    pub items: Vec<&'a str>,
    /// `nextPageKey`, verbatim; `None` if it is absent, null or empty.
    pub next_key: Option<PaginationKey>,
}

impl fmt::Debug for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("items", &self.items.len()).field("next_key", &self.next_key).finish()
    }
}

/// Why a body is not a page. The call has failed; nothing is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Too many bytes.
    #[error("the page has {0} bytes; the limit is {MAX_PAGE_BYTES}. Use a smaller batch size")]
    TooLarge(usize),
    /// Not UTF-8.
    #[error("the page is not UTF-8 (byte {0}); check what answers at this address")]
    NotUtf8(usize),
    /// Not JSON at all.
    #[error("the page is HTML, not JSON; check the base URL and what stands between")]
    Html,
    /// Ends too early.
    #[error("the page ends in the middle (line {line}, column {column}); the answer was cut")]
    Cut {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Not JSON.
    #[error("the page is not JSON (line {line}, column {column})")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Not an object with the array `result`.
    #[error("the page is not an object with an array `result`; check the base URL")]
    NoResult,
    /// One member of the page given twice.
    #[error("the page has `{0}` twice; which one counts is not defined")]
    Repeated(&'static str),
    /// Too many items.
    #[error("the page has more than {MAX_PAGE_ITEMS} items; use a smaller batch size")]
    TooManyItems,
    /// `pagination` is neither an object nor null.
    #[error("`pagination` is not an object")]
    BadPagination,
    /// `nextPageKey` is neither a text nor null.
    #[error("`nextPageKey` is not a text of at most {MAX_KEY_BYTES} bytes")]
    BadNextKey,
}

impl<'a> Page<'a> {
    /// Reads the body of an answer, or an uploaded file. A leading byte-order mark is passed over.
    pub fn read(body: &'a [u8]) -> Result<Self, PageError> {
        if body.len() > MAX_PAGE_BYTES {
            return Err(PageError::TooLarge(body.len()));
        }
        let text = std::str::from_utf8(body).map_err(|error| PageError::NotUtf8(error.valid_up_to()))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut fault = None;
        let mut json = serde_json::Deserializer::from_str(text);
        let page = json.deserialize_map(PageVisitor { fault: &mut fault }).and_then(|page| json.end().map(|()| page));
        match page {
            Ok(page) => Ok(page),
            Err(error) => Err(fault.unwrap_or_else(|| fault_of(text, &error))),
        }
    }
}

fn fault_of(text: &str, error: &serde_json::Error) -> PageError {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        _ if text.trim_start().starts_with('<') => PageError::Html,
        Category::Eof => PageError::Cut { line, column },
        Category::Syntax | Category::Io => PageError::NotJson { line, column },
        Category::Data => PageError::NoResult,
    }
}

/// Reads the page; what it finds wrong beyond syntax it leaves in `fault`.
struct PageVisitor<'f> {
    fault: &'f mut Option<PageError>,
}

impl<'a> Visitor<'a> for PageVisitor<'_> {
    type Value = Page<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Page<'a>, A::Error> {
        let mut items = None;
        let mut pagination = None;
        while let Some(key) = json::key(&mut map)? {
            match &*key {
                "result" => {
                    let found = map.next_value_seed(Items { fault: self.fault })?;
                    if items.replace(found).is_some() {
                        return fail(self.fault, PageError::Repeated("result"));
                    }
                }
                "pagination" => {
                    if pagination.replace(map.next_value::<&RawValue>()?.get()).is_some() {
                        return fail(self.fault, PageError::Repeated("pagination"));
                    }
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let Some(items) = items else { return fail(self.fault, PageError::NoResult) };
        match next_key(pagination) {
            Ok(next_key) => Ok(Page { items, next_key }),
            Err(error) => fail(self.fault, error),
        }
    }
}

/// The array `result`.
struct Items<'f> {
    fault: &'f mut Option<PageError>,
}

impl<'a> DeserializeSeed<'a> for Items<'_> {
    type Value = Vec<&'a str>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a> Visitor<'a> for Items<'_> {
    type Value = Vec<&'a str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<&RawValue>()? {
            if items.len() == MAX_PAGE_ITEMS {
                return fail(self.fault, PageError::TooManyItems);
            }
            items.push(item.get());
        }
        Ok(items)
    }
}

fn fail<T, E: serde::de::Error>(fault: &mut Option<PageError>, error: PageError) -> Result<T, E> {
    *fault = Some(error);
    Err(E::custom("not a page"))
}

fn next_key(pagination: Option<&str>) -> Result<Option<PaginationKey>, PageError> {
    let Some(pagination) = pagination.filter(|raw| *raw != "null") else { return Ok(None) };
    let [raw] = json::members(pagination, &["nextPageKey"]).ok_or(PageError::BadPagination)?;
    let Some(raw) = raw else { return Ok(None) };
    match json::string(raw) {
        Some(key) if key.len() <= MAX_KEY_BYTES => Ok(Some(PaginationKey::from(&*key)).filter(|key| !key.is_empty())),
        _ => Err(PageError::BadNextKey),
    }
}
