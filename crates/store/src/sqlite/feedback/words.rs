//! Between SQLite's values and those of mobile tickets. Names are stored as they are written in JSON, ids as numbers.

use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ticketbridge_core::mobile::{PaginationKey, UtcInstant};
use ticketbridge_core::time::Wall;

use crate::rules::feedback::{Stored, damaged_states};
use crate::sqlite::fault::Fault;
use crate::{FeedbackPage, ItemId, MAX_PAGE, PageId};

/// Length of an item's number among a call's items.
const ITEM_BYTES: usize = 12;

/// The name of `value`, which is written as a text in JSON.
pub(super) fn word(value: &impl Serialize) -> Result<String, Fault> {
    match serde_json::to_value(value)? {
        serde_json::Value::String(word) => Ok(word),
        _ => Err(Fault::Rule(String::from("a value that is to be stored has no name"))),
    }
}

fn wrong(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(FromSqlError::Other(what.into())))
}

/// The value whose name is in `column`.
pub(super) fn named<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let word = serde_json::Value::String(row.get(column)?);
    serde_json::from_value(word).map_err(|_| wrong(column, "a stored name is unknown"))
}

/// The JSON in `column`.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|_| wrong(column, "a stored JSON text does not fit its type"))
}

/// The text in `column`.
pub(super) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Box<str>> {
    Ok(row.get_ref(column)?.as_str()?.into())
}

/// The text in `column`, if there is one.
pub(super) fn optional_text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Box<str>>> {
    Ok(row.get_ref(column)?.as_str_or_null()?.map(Box::from))
}

/// The key in `column`.
pub(super) fn key(row: &Row<'_>, column: usize) -> rusqlite::Result<PaginationKey> {
    Ok(PaginationKey::from(row.get_ref(column)?.as_str()?))
}

/// The instant on the wall clock in `column`.
pub(super) fn wall(row: &Row<'_>, column: usize) -> rusqlite::Result<Wall> {
    row.get(column).map(Wall)
}

/// The instant of TIXNGO in `column`.
pub(super) fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<UtcInstant> {
    UtcInstant::parse(row.get_ref(column)?.as_str()?).ok_or_else(|| wrong(column, "a stored instant is malformed"))
}

/// The item whose page and position begin at `column`.
pub(super) fn item(row: &Row<'_>, column: usize) -> rusqlite::Result<ItemId> {
    Ok(ItemId { page: PageId(row.get(column)?), position: row.get(column + 1)? })
}

/// Items as bytes, 12 each.
pub(super) fn pack_items(items: &[ItemId]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(items.len() * ITEM_BYTES);
    for item in items {
        bytes.extend(item.page.0.to_le_bytes());
        bytes.extend(item.position.to_le_bytes());
    }
    bytes
}

/// Back from [`pack_items`].
pub(super) fn items(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<ItemId>> {
    let item = |bytes: &[u8]| {
        let (page, position) = bytes.split_first_chunk::<8>()?;
        let position = position.first_chunk::<4>()?;
        Some(ItemId { page: PageId(i64::from_le_bytes(*page)), position: u32::from_le_bytes(*position) })
    };
    let bytes = row.get_ref(column)?.as_bytes()?;
    let items = bytes.chunks(ITEM_BYTES).map(item).collect::<Option<_>>();
    items.ok_or_else(|| wrong(column, "the items of a stored call are damaged"))
}

/// A page's states as bytes, one each.
pub(super) fn pack_states(states: &[Stored]) -> Vec<u8> {
    states.iter().map(|state| *state as u8).collect()
}

/// Back from [`pack_states`].
pub(super) fn unpack_states(page: PageId, bytes: &[u8]) -> Result<Vec<Stored>, Fault> {
    let states: Option<Vec<_>> = bytes.iter().map(|number| Stored::numbered(*number)).collect();
    states.ok_or_else(|| Fault::Rule(damaged_states(page)))
}

/// LIMIT and OFFSET of a listing.
pub(super) fn window(page: &FeedbackPage) -> [i64; 2] {
    let number = |rows: usize| i64::try_from(rows).unwrap_or(i64::MAX);
    [number(page.limit.min(MAX_PAGE)), number(page.offset)]
}
