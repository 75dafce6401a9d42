//! The connector file as it is written: names and types, nothing else. docs/connectors.md is its reference.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// An expression, and where it stands in the file.
pub(super) type Text = Spanned<String>;

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectorFile {
    pub(super) connector: Header,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) constants: toml::Table,
    #[serde(default)]
    pub(super) tickets: Tickets,
    #[serde(default)]
    pub(super) errors: Errors,
    pub(super) health: Option<Health>,
    pub(super) retrieve_tickets: Option<LookUpPart>,
    pub(super) find_tickets: Option<LookUpPart>,
    pub(super) find_notes: Option<LookUpPart>,
    pub(super) find_work_orders: Option<LookUpPart>,
    pub(super) add_note: Option<WritePart>,
    pub(super) create_ticket: Option<WritePart>,
    pub(super) create_work_order: Option<WritePart>,
    pub(super) link_work_order: Option<WritePart>,
}

/// `[connector]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) version: Spanned<u32>,
    #[serde(default)]
    #[expect(dead_code, reason = "for the reader of the file")]
    pub(super) description: String,
}

/// `[limits]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) max_in_flight: Spanned<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_in_flight: Spanned::new(0..0, 32) }
    }
}

/// `[tickets]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tickets {
    pub(super) open_states: Vec<String>,
    pub(super) adopt: Option<Text>,
}

/// `[errors]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Errors {
    pub(super) reading: Option<Text>,
    pub(super) statuses: BTreeMap<Spanned<String>, StatusClass>,
    pub(super) codes: BTreeMap<String, CodeClass>,
}

/// `[health]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Health {
    pub(super) path: Text,
    pub(super) query: Option<Text>,
    pub(super) accept: Option<Text>,
}

/// A read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LookUpPart {
    pub(super) method: Option<Spanned<String>>,
    pub(super) path: Option<Text>,
    pub(super) segments: Option<Text>,
    pub(super) query: Option<Text>,
    pub(super) body: Option<Text>,
    pub(super) accept: Option<Text>,
    pub(super) items: Text,
    pub(super) item: Text,
    pub(super) max_keys: Option<Spanned<usize>>,
    #[serde(default)]
    pub(super) one_call_per_kind: bool,
    #[serde(default)]
    pub(super) listed_by_ticket: bool,
    pub(super) paging: Option<Spanned<PagingPart>>,
    #[serde(default)]
    pub(super) statuses: BTreeMap<Spanned<String>, StatusClass>,
    #[serde(default)]
    pub(super) samples: Vec<Spanned<ReadSample>>,
}

/// `samples = [ … ]` of a read: an answer of the platform, and how many rows it holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadSample {
    #[serde(default = "two_hundred")]
    pub(super) status: u16,
    pub(super) answer: String,
    pub(super) rows: Option<usize>,
}

/// `samples = [ … ]` of a write: an answer to the sample items, and what it means for each of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteSample {
    #[serde(default = "two_hundred")]
    pub(super) status: u16,
    pub(super) answer: String,
    pub(super) expect: Vec<String>,
}

fn two_hundred() -> u16 {
    200
}

/// `paging = { … }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PagingPart {
    pub(super) style: PagingStyle,
    pub(super) next: Option<Text>,
    pub(super) total: Option<Text>,
    #[serde(default = "one")]
    pub(super) first: u64,
    #[serde(default = "hundred")]
    pub(super) size: u64,
    #[serde(default = "thousand")]
    pub(super) max_pages: usize,
}

fn one() -> u64 {
    1
}

fn hundred() -> u64 {
    100
}

fn thousand() -> usize {
    1_000
}

/// How to get from page to page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PagingStyle {
    /// The answer names the number of the next page, or null.
    NextPage,
    /// The answer names a text to go on with, or null.
    Cursor,
    /// Page 1, 2, 3, … until the total is reached, or a page is empty.
    PageNumber,
    /// Rows 0, n, 2n, … until the total is reached, or a page is empty.
    Offset,
}

/// A write.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WritePart {
    pub(super) method: Option<Spanned<String>>,
    pub(super) path: Option<Text>,
    pub(super) segments: Option<Text>,
    pub(super) query: Option<Text>,
    pub(super) body: Text,
    pub(super) max_batch: Spanned<usize>,
    pub(super) matched_by: Spanned<Vec<Identity>>,
    pub(super) accept: Option<Text>,
    pub(super) results: Option<Text>,
    #[serde(default)]
    pub(super) atomic_refusals: bool,
    #[serde(default)]
    pub(super) empty_answer_is_applied: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) statuses: BTreeMap<Spanned<String>, StatusClass>,
    #[serde(default)]
    pub(super) codes: BTreeMap<String, CodeClass>,
    #[serde(default)]
    pub(super) samples: Vec<Spanned<WriteSample>>,
}

/// By what a result names the item that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Identity {
    OriginId,
    DedupeKey,
    TicketNumber,
    TicketRecord,
    WorkOrderNumber,
}

/// What a status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StatusClass {
    Success,
    BatchRefused,
    Configuration,
    Unavailable,
    Throttled,
    Unknown,
    Refused,
    RefusedForGood,
    TargetClosed,
    TargetGone,
}

/// What an item's error code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CodeClass {
    Refused,
    RefusedForGood,
    TargetClosed,
    TargetGone,
    Unavailable,
    Unknown,
}
