//! The answers to writes: each write finds its result by its key, and what is not said clearly of it is ambiguous.
//!
//! Rules beyond the contract's:
//! * Several results for one key count only if they say the same.
//! * Several writes with one key have their result if there are as many results as writes, or if the writes are the same;
//!   otherwise it is not known which of them was done. For contacts that are created there is no result then.
//! * A result that says both `ok` and `error` is none.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use ticketbridge_core::mobile::{ContactNumber, Write, WriteAnswer, WriteKind};
use ticketbridge_core::time::Wall;

use super::answer::{Array, envelope, text};
use super::write::MAX_WRITES;
use crate::Transport;
use crate::call_fault::{CallFault, CallFaultKind, is_code};

/// Most results of an answer.
const MAX_RESULTS: usize = MAX_WRITES * 4 + 64;
/// Codes that stay, where `retryable` is absent.
const LASTING: [&str; 4] = ["UNKNOWN_TICKET", "UNKNOWN_CONTACT", "INVALID_FIELD", "CONFLICT"];

/// What the answer to a write call says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteReading {
    /// One per write, in the order of the writes.
    pub results: Vec<WriteResult>,
    /// What is wrong with the call as a whole; to be looked at first. With
    /// [`NotSent`](CallFaultKind::NotSent) no write was attempted, though all are called ambiguous.
    pub fault: Option<CallFault>,
    /// How many results belong to no write or are unreadable; they are ignored.
    pub unmatched: usize,
}

/// What the answer says of one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteResult {
    /// Whether it was done.
    pub answer: WriteAnswer,
    /// The number of the contact; there if, and only if, a creation is confirmed.
    pub created: Option<ContactNumber>,
}

impl WriteResult {
    fn without_number(answer: WriteAnswer) -> Self {
        Self { answer, created: None }
    }

    fn ambiguous() -> Self {
        Self::without_number(WriteAnswer::Ambiguous)
    }
}

/// What an answer says of `writes`, the ones that were sent by [`write_call`](super::write_call) for this kind.
pub fn read_write(kind: WriteKind, writes: &[&Write<'_>], transport: &Transport, wall_now: Wall) -> WriteReading {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        results: Array<'a, MAX_RESULTS>,
    }
    match text(transport, wall_now).and_then(|text| envelope(text, "results", MAX_RESULTS)) {
        Ok(Answer { results: Array(results) }) => attribute(kind, writes, &results),
        Err(fault) => {
            let answer = match fault.kind {
                CallFaultKind::SetUp { .. } => WriteAnswer::CallRefused,
                CallFaultKind::NotSent | CallFaultKind::Transient { .. } => WriteAnswer::Ambiguous,
            };
            let results = vec![WriteResult::without_number(answer); writes.len()];
            WriteReading { results, fault: Some(fault), unmatched: 0 }
        }
    }
}

/// What is known about a key.
struct Entry<'w> {
    first: &'w Write<'w>,
    writes: usize,
    all_same: bool,
    results: usize,
    reading: Option<WriteResult>,
}

impl<'w> Entry<'w> {
    fn new(first: &'w Write<'w>) -> Self {
        Self { first, writes: 0, all_same: true, results: 0, reading: None }
    }

    fn add_write(&mut self, write: &Write<'_>) {
        self.writes += 1;
        self.all_same &= write == self.first;
    }

    fn add_result(&mut self, result: WriteResult) {
        self.results += 1;
        self.reading = Some(match self.reading.take() {
            Some(known) if known != result => WriteResult::ambiguous(),
            _ => result,
        });
    }

    fn verdict(&self) -> WriteResult {
        let is_shared = self.writes > 1;
        let creates = self.first.kind() == WriteKind::CreateContact;
        let is_clear = !is_shared || (!creates && (self.all_same || self.results >= self.writes));
        self.reading.clone().filter(|_| is_clear).unwrap_or_else(WriteResult::ambiguous)
    }
}

fn attribute(kind: WriteKind, writes: &[&Write<'_>], results: &[&RawValue]) -> WriteReading {
    let mut entries: Vec<Entry<'_>> = Vec::with_capacity(writes.len());
    let mut places: HashMap<(&str, Option<&str>), usize> = HashMap::with_capacity(writes.len());
    for write in writes.iter().copied().filter(|write| write.kind() == kind) {
        let place = *places.entry(write.key()).or_insert(entries.len());
        if place == entries.len() {
            entries.push(Entry::new(write));
        }
        entries[place].add_write(write);
    }
    let mut unmatched = 0;
    for raw in results {
        let result = OneResult::read(raw);
        let key = result.as_ref().and_then(|result| result.key(kind));
        let place = key.as_ref().and_then(|(first, second)| places.get(&(&**first, second.as_deref())));
        match place.zip(result) {
            Some((place, result)) => entries[*place].add_result(result.reading(kind)),
            None => unmatched += 1,
        }
    }
    let verdict = |write: &&Write<'_>| {
        let place = places.get(&write.key()).filter(|_| write.kind() == kind);
        place.map_or_else(WriteResult::ambiguous, |place| entries[*place].verdict())
    };
    WriteReading { results: writes.iter().map(verdict).collect(), fault: None, unmatched }
}

/// One result, its members unread.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OneResult<'a> {
    #[serde(borrow)]
    ok: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    request_ref: Option<&'a RawValue>,
    #[serde(borrow)]
    contact_number: Option<&'a RawValue>,
    #[serde(borrow)]
    distribution_ref: Option<&'a RawValue>,
    #[serde(borrow)]
    ticket_id: Option<&'a RawValue>,
    #[serde(borrow)]
    change_ref: Option<&'a RawValue>,
}

/// The values that name a write.
type Key<'a> = (Cow<'a, str>, Option<Cow<'a, str>>);

impl<'a> OneResult<'a> {
    /// `None`: not an object, or with a member twice.
    fn read(raw: &'a RawValue) -> Option<Self> {
        let object = Some(raw.get()).filter(|text| text.starts_with('{'))?;
        serde_json::from_str(object).ok()
    }

    /// The values that [`Write::key`] gives for the write.
    fn key(&self, kind: WriteKind) -> Option<Key<'a>> {
        let pair = |first, second| Some((string(first)?, Some(string(second)?)));
        match kind {
            WriteKind::CreateContact => Some((string(self.request_ref)?, None)),
            WriteKind::UpdateContact => Some((string(self.contact_number)?, None)),
            WriteKind::UpsertDistribution => pair(self.distribution_ref, self.ticket_id),
            WriteKind::SetCulturalContact => pair(self.ticket_id, self.contact_number),
            WriteKind::StoreMobile => pair(self.ticket_id, self.change_ref),
        }
    }

    fn reading(&self, kind: WriteKind) -> WriteResult {
        match (self.ok.map(RawValue::get), self.error) {
            (Some("true"), None) if kind == WriteKind::CreateContact => self.created(),
            (Some("true"), None) => WriteResult::without_number(WriteAnswer::Confirmed),
            (Some("false"), Some(error)) => {
                refusal(error).map_or_else(WriteResult::ambiguous, WriteResult::without_number)
            }
            _ => WriteResult::ambiguous(),
        }
    }

    fn created(&self) -> WriteResult {
        let number = string(self.contact_number).and_then(|number| ContactNumber::try_from(number.into_owned()).ok());
        match number {
            Some(number) => WriteResult { answer: WriteAnswer::Confirmed, created: Some(number) },
            None => WriteResult::ambiguous(),
        }
    }
}

fn string(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let text = raw?.get();
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(text).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// The refusal that an `error` tells; `None` if it has no code that can be one, or a `retryable` that is no flag.
fn refusal(error: &RawValue) -> Option<WriteAnswer> {
    #[derive(Deserialize)]
    struct Refusal {
        code: String,
        retryable: Option<bool>,
    }
    let object = Some(error.get()).filter(|text| text.starts_with('{'))?;
    let Refusal { code, retryable } = serde_json::from_str(object).ok()?;
    let retryable = retryable.unwrap_or_else(|| !LASTING.contains(&&*code));
    is_code(&code).then(|| WriteAnswer::Refused { code: code.into(), retryable })
}
