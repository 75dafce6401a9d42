//! From page to page, until the end is certain. A page that does not add up ends the look-up as failed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::filter::Filter;
use crate::fault::shorten;

/// How a read is paged.
#[derive(Debug, Clone)]
pub(super) enum Paging {
    /// One page.
    Single,
    /// The answer says how to go on: with a page number, or with a text.
    Follow { cursor: bool, next: Filter, first: u64, size: u64, max_pages: usize },
    /// Pages or rows are counted: until the total is reached or, without one, until a page is empty. A short page is
    /// no end, since a server may cap the page size.
    Count { total: Option<Filter>, first: u64, size: u64, max_pages: usize },
}

/// Where a series of pages stands.
#[derive(Debug)]
pub(super) struct Position {
    page: u64,
    rows: u64,
    pages: usize,
    cursor: Value,
    cursors: BTreeSet<String>,
}

/// Longest text to go on with.
const MAX_CURSOR: usize = 4 * 1024;

impl Paging {
    /// Before the first page.
    pub(super) fn start(&self) -> Position {
        let page = match self {
            Self::Single => 1,
            Self::Follow { first, .. } | Self::Count { first, .. } => *first,
        };
        Position { page, rows: 0, pages: 0, cursor: Value::Null, cursors: BTreeSet::new() }
    }

    /// What the expressions see of the position.
    pub(super) fn describe(&self, at: &Position) -> [(&'static str, Value); 4] {
        let size = match self {
            Self::Single => Value::Null,
            Self::Follow { size, .. } | Self::Count { size, .. } => json!(size),
        };
        [("page", json!(at.page)), ("page_size", size), ("offset", json!(at.rows)), ("cursor", at.cursor.clone())]
    }

    /// Takes a page of `rows` rows; `fresh` of them were not seen before in this series. Answers whether there is
    /// another page.
    pub(super) fn advance(&self, at: &mut Position, answer: &Value, rows: usize, fresh: usize) -> Result<bool, String> {
        at.pages += 1;
        at.rows += rows as u64;
        if rows > 0 && fresh == 0 && at.pages > 1 {
            return Err(format!("page {} repeats rows that came before", at.pages));
        }
        let more = match self {
            Self::Single => false,
            Self::Follow { cursor, next, .. } => {
                let next = next.run_one(answer).map_err(|fault| format!("`next`: {fault}"))?;
                if *cursor { at.follow_cursor(next)? } else { at.follow_page(&next)? }
            }
            Self::Count { total, .. } => {
                at.page += 1;
                match total {
                    None => rows > 0,
                    Some(total) => {
                        let total = total.run_one(answer).map_err(|fault| format!("`total`: {fault}"))?;
                        let total =
                            total.as_u64().ok_or_else(|| shorten(&format!("`total` is no whole number: {total}")))?;
                        if rows == 0 && at.rows < total {
                            return Err(format!("the pages end after {} rows, but the total is {total}", at.rows));
                        }
                        at.rows < total
                    }
                }
            }
        };
        let limit = match self {
            Self::Single => 1,
            Self::Follow { max_pages, .. } | Self::Count { max_pages, .. } => *max_pages,
        };
        if more && at.pages >= limit {
            return Err(format!("there are more than {limit} pages (`max_pages`)"));
        }
        Ok(more)
    }
}

impl Position {
    fn follow_page(&mut self, next: &Value) -> Result<bool, String> {
        let number = match next {
            Value::Null => return Ok(false),
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_u64(),
        };
        let number: u64 =
            number.ok_or_else(|| shorten(&format!("the next page is neither a page number nor null: {next}")))?;
        if number <= self.page {
            return Err(format!("the next page after {} is said to be {number}", self.page));
        }
        self.page = number;
        Ok(true)
    }

    fn follow_cursor(&mut self, next: Value) -> Result<bool, String> {
        let text = match &next {
            Value::Null => return Ok(false),
            Value::String(text) if text.is_empty() => return Ok(false),
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(String::from("what to go on with is neither a text nor null")),
        };
        if text.len() > MAX_CURSOR {
            return Err(format!("what to go on with has {} bytes; the limit is {MAX_CURSOR}", text.len()));
        }
        if !self.cursors.insert(text) {
            return Err(String::from("what to go on with came before: the pages go round in a circle"));
        }
        self.cursor = next;
        self.page += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(cursor: bool) -> Paging {
        let next = Filter::compile(".next").unwrap();
        Paging::Follow { cursor, next, first: 1, size: 10, max_pages: 3 }
    }

    fn count(total: bool) -> Paging {
        let total = total.then(|| Filter::compile(".total").unwrap());
        Paging::Count { total, first: 1, size: 10, max_pages: 3 }
    }

    #[test]
    fn a_next_page_that_does_not_advance_is_a_failure() {
        let paging = follow(false);
        for next in [json!(1), json!(0), json!(-1), json!(1.5), json!("x"), json!({}), json!(true)] {
            let mut at = paging.start();
            assert!(paging.advance(&mut at, &json!({"next": next}), 10, 10).is_err(), "{next}");
        }
        let mut at = paging.start();
        assert_eq!(paging.advance(&mut at, &json!({"next": 2}), 10, 10), Ok(true));
        assert!(paging.advance(&mut at, &json!({"next": 2}), 10, 10).is_err());
        assert_eq!(paging.advance(&mut paging.start(), &json!({"next": null}), 10, 10), Ok(false));
    }

    #[test]
    fn a_page_that_repeats_is_a_failure() {
        let paging = follow(false);
        let mut at = paging.start();
        assert_eq!(paging.advance(&mut at, &json!({"next": 2}), 10, 10), Ok(true));
        assert!(paging.advance(&mut at, &json!({"next": 3}), 10, 0).is_err());
    }

    #[test]
    fn a_cursor_that_goes_round_in_a_circle_is_a_failure() {
        let paging = follow(true);
        let mut at = paging.start();
        assert_eq!(paging.advance(&mut at, &json!({"next": "a"}), 1, 1), Ok(true));
        assert!(paging.advance(&mut at, &json!({"next": "a"}), 1, 1).is_err());
        assert_eq!(paging.advance(&mut paging.start(), &json!({"next": ""}), 1, 1), Ok(false));
    }

    #[test]
    fn more_pages_than_the_limit_are_a_failure() {
        let paging = follow(false);
        let mut at = paging.start();
        assert_eq!(paging.advance(&mut at, &json!({"next": 2}), 1, 1), Ok(true));
        assert_eq!(paging.advance(&mut at, &json!({"next": 3}), 1, 1), Ok(true));
        assert!(paging.advance(&mut at, &json!({"next": 4}), 1, 1).is_err());
    }

    #[test]
    fn counted_pages_end_at_the_total_and_not_before() {
        let paging = count(true);
        let mut at = paging.start();
        assert_eq!(paging.advance(&mut at, &json!({"total": 12}), 10, 10), Ok(true));
        assert_eq!(at.rows, 10);
        assert_eq!(paging.advance(&mut at, &json!({"total": 12}), 2, 2), Ok(false));
        let mut at = paging.start();
        assert_eq!(paging.advance(&mut at, &json!({"total": 12}), 10, 10), Ok(true));
        assert!(paging.advance(&mut at, &json!({"total": 12}), 0, 0).is_err());
        assert!(paging.advance(&mut paging.start(), &json!({}), 10, 10).is_err());
    }

    #[test]
    fn without_a_total_only_an_empty_page_is_the_end() {
        let paging = count(false);
        let mut at = paging.start();
        assert_eq!(paging.advance(&mut at, &json!({}), 3, 3), Ok(true));
        assert_eq!(paging.advance(&mut at, &json!({}), 0, 0), Ok(false));
    }
}
