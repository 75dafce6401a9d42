//! Exchanges as people and machines see them: pages, one with its bodies.

use serde::Serialize;
use ticketbridge_store::StoreError;
use ticketbridge_store::exchanges::{About, Exchange, ExchangeFilter, ExchangeId, ExchangeReader, Kept};
use utoipa::ToSchema;

use super::Exchanges;
use crate::view::{FilterFault, check};

/// Indentation of a pretty body; deeper levels than this are not indented further.
const DEEPEST: usize = 32;

/// An exchange in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExchangeView {
    /// Its number.
    pub id: ExchangeId,
    /// When it ended.
    #[schema(format = DateTime)]
    pub at: String,
    /// The platform.
    pub platform: String,
    /// `write`, `open_tickets`, `tickets`, `notes`, `work_orders` (the look-ups), `health` or `other`.
    pub purpose: About,
    /// Of a write: the batch.
    pub batch: Option<i64>,
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Status; null: there was no answer.
    pub status: Option<u16>,
    /// From its beginning to its end, in milliseconds.
    pub latency_ms: u64,
    /// There was no answer, it said no, or something in it was refused.
    pub failed: bool,
    /// Why there is no answer; null if there is one.
    pub fault: Option<String>,
    /// `whole`: the bodies are kept, up to 8 KiB each; `head`: they are not, since more came than
    /// `retention.exchanges_rate` allows.
    pub kept: Kept,
}

impl From<Exchange> for ExchangeView {
    fn from(exchange: Exchange) -> Self {
        Self {
            id: exchange.id,
            at: exchange.at.to_rfc3339(),
            platform: exchange.platform,
            purpose: exchange.about,
            batch: exchange.batch.map(|batch| batch.0),
            method: exchange.method,
            target: exchange.target,
            status: exchange.status,
            latency_ms: exchange.latency.as_millis() as u64,
            failed: exchange.failed,
            fault: Some(exchange.fault).filter(|fault| !fault.is_empty()),
            kept: exchange.kept,
        }
    }
}

/// One exchange with its bodies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExchangeDetail {
    /// As in a list.
    #[serde(flatten)]
    pub exchange: ExchangeView,
    /// What was sent, masked, JSON indented; one that was cut ends with `… (N bytes)`. Null: not kept.
    pub request: Option<String>,
    /// What came back, likewise.
    pub answer: Option<String>,
}

impl ExchangeDetail {
    /// An exchange with what is kept of its bodies.
    pub(crate) fn read(reader: &ExchangeReader, exchange: Exchange) -> Result<Self, StoreError> {
        let bodies = reader.bodies(exchange.id)?;
        let (request, answer) = bodies.map(|bodies| (pretty(&bodies.request), pretty(&bodies.answer))).unzip();
        Ok(Self { exchange: exchange.into(), request, answer })
    }
}

/// A page of exchanges, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExchangePage {
    /// The exchanges.
    pub items: Vec<ExchangeView>,
    /// Where the next page begins; null: this was the last one.
    pub next: Option<String>,
}

/// Why a page cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ExchangePageFault {
    /// The limit is out of range.
    #[error("`limit` is {0}; it must be 1 to {max}", max = MAX_EXCHANGES)]
    Limit(usize),
    /// The cursor is not one of ours.
    #[error(
        "`cursor` is not one that this API gave; take it unchanged from `next` of the page before, or leave it out"
    )]
    Cursor,
    /// A filter is unusable.
    #[error(transparent)]
    Filter(#[from] FilterFault),
    /// The file cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Most exchanges of one page.
pub const MAX_EXCHANGES: usize = 500;

/// A page of exchanges, newest first: `limit` at most, after the one that `cursor` stands for. New ones that come in while
/// somebody pages neither repeat nor hide others.
pub async fn exchanges(
    kept: &Exchanges,
    filter: ExchangeFilter,
    limit: usize,
    cursor: Option<&str>,
) -> Result<ExchangePage, ExchangePageFault> {
    if limit == 0 || limit > MAX_EXCHANGES {
        return Err(ExchangePageFault::Limit(limit));
    }
    let before = cursor.map(|text| read_cursor(text).ok_or(ExchangePageFault::Cursor)).transpose()?;
    for (name, text) in [("platform", &filter.platform), ("text", &filter.text)] {
        text.as_deref().map_or(Ok(()), |text| check(name, text))?;
    }
    let mut found = kept
        .read(move |reader| reader.map_or_else(|| Ok(Vec::new()), |reader| reader.page(&filter, before, limit + 1)))
        .await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| write_cursor(last.id));
    Ok(ExchangePage { items: found.into_iter().map(ExchangeView::from).collect(), next })
}

/// One exchange with its bodies; `None`: there is none of this number (any more).
pub async fn exchange(kept: &Exchanges, id: ExchangeId) -> Result<Option<ExchangeDetail>, StoreError> {
    kept.read(move |reader| reader.map_or(Ok(None), |reader| detail(reader, id))).await
}

/// The exchanges of a page with their bodies. Those that made room for newer ones meanwhile are missing.
pub async fn exchange_details(kept: &Exchanges, page: &ExchangePage) -> Result<Vec<ExchangeDetail>, StoreError> {
    let ids: Vec<ExchangeId> = page.items.iter().map(|exchange| exchange.id).collect();
    kept.read(move |reader| {
        let Some(reader) = reader else { return Ok(Vec::new()) };
        ids.into_iter().filter_map(|id| detail(reader, id).transpose()).collect()
    })
    .await
}

fn detail(reader: &ExchangeReader, id: ExchangeId) -> Result<Option<ExchangeDetail>, StoreError> {
    reader.exchange(id)?.map(|exchange| ExchangeDetail::read(reader, exchange)).transpose()
}

fn write_cursor(id: ExchangeId) -> String {
    format!("x{:016x}", id.0)
}

fn read_cursor(text: &str) -> Option<ExchangeId> {
    let digits = text.strip_prefix('x').filter(|digits| digits.len() == 16)?;
    let id = ExchangeId(i64::from_str_radix(digits, 16).ok().filter(|id| *id >= 0)?);
    (write_cursor(id) == text).then_some(id)
}

/// JSON on indented lines, also if it was cut; anything else as it is. Nothing but white space is added or taken away.
pub fn pretty(text: &str) -> String {
    if !text.starts_with(['{', '[']) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let mut letters = text.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        (0..depth.min(DEEPEST)).for_each(|_| out.push_str("  "));
    };
    while let Some(letter) = letters.next() {
        if in_text {
            out.push(letter);
            in_text = escaped || letter != '"';
            escaped = letter == '\\' && !escaped;
            continue;
        }
        match letter {
            '"' => {
                in_text = true;
                out.push(letter);
            }
            '{' | '[' => {
                while letters.next_if(char::is_ascii_whitespace).is_some() {}
                out.push(letter);
                if let Some(end) = letters.next_if(|next| matches!((letter, next), ('{', '}') | ('[', ']'))) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            // The mark of a cut: the rest is ours, not JSON.
            '…' => {
                out.push(letter);
                out.extend(letters.by_ref());
            }
            letter if letter.is_ascii_whitespace() => {}
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{pretty, read_cursor, write_cursor};
    use proptest::prelude::*;
    use ticketbridge_store::exchanges::ExchangeId;

    #[test]
    fn json_is_indented_also_when_it_was_cut() {
        insta::assert_snapshot!(pretty(r#"{"a":[1,{"b\"}":"x, y: [z]"}],"c":{},"d":[ ]}"#), @r#"
        {
          "a": [
            1,
            {
              "b\"}": "x, y: [z]"
            }
          ],
          "c": {},
          "d": []
        }
        "#);
        insta::assert_snapshot!(pretty(r#"{"a":[1,{"b":2… (80000 bytes)"#), @r#"
        {
          "a": [
            1,
            {
              "b": 2… (80000 bytes)
        "#);
        assert_eq!(pretty("<html>, no"), "<html>, no");
        assert_eq!(pretty(""), "");
    }

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is_one() {
        assert_eq!(read_cursor(&write_cursor(ExchangeId(77))), Some(ExchangeId(77)));
        for text in ["", "x", "77", "t000000000000004d", "x00000000000004D", "xffffffffffffffff", "x000000000000004é"]
        {
            assert_eq!(read_cursor(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_pretty_body_means_the_same(text in r#"[\[\]{}",:\\ a-c0-9…é\n]{0,80}"#) {
            let shown = pretty(&text);
            let dense = |text: &str| text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect::<String>();
            prop_assert_eq!(dense(&shown), dense(&text));
        }
    }
}
