//! Writes: those of one kind become one call.

use std::collections::HashSet;

use http::Method;
use ticketbridge_core::mobile::{Write, WriteKind};

use super::answer::Items;
use crate::HttpCall;

/// Most writes of one call.
pub const MAX_WRITES: usize = 500;

/// Writes that cannot become one call. Nothing is wrong with S-360; the caller put them together wrongly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// None, or too many.
    #[error("{kind}: {count} writes; a call takes 1 to {MAX_WRITES}")]
    Count {
        /// The call.
        kind: WriteKind,
        /// How many there are.
        count: usize,
    },
    /// One belongs to another call.
    #[error("a write to `{found}` stands among those to `{kind}`; each kind has a call of its own")]
    Mixed {
        /// The call.
        kind: WriteKind,
        /// Where the write belongs.
        found: WriteKind,
    },
    /// One contact twice. S-360 would make it twice, and its two results could not be told apart.
    #[error("{0}: two writes have the same `requestRef`; send one, the other after its answer")]
    SameContactTwice(WriteKind),
    /// A write needs the number of a contact that is not created yet.
    #[error("{kind}: write {place} can't be sent yet: {why}")]
    NotReady {
        /// The call.
        kind: WriteKind,
        /// Its place among the writes, from 1.
        place: usize,
        /// What is missing.
        why: String,
    },
}

/// The call that sends `writes`, all of them of this kind.
pub fn write_call(kind: WriteKind, writes: &[&Write<'_>]) -> Result<HttpCall, EncodeError> {
    if writes.is_empty() || writes.len() > MAX_WRITES {
        return Err(EncodeError::Count { kind, count: writes.len() });
    }
    if let Some(other) = writes.iter().find(|write| write.kind() != kind) {
        return Err(EncodeError::Mixed { kind, found: other.kind() });
    }
    let keys: HashSet<_> = writes.iter().map(|write| write.key()).collect();
    if kind == WriteKind::CreateContact && keys.len() < writes.len() {
        return Err(EncodeError::SameContactTwice(kind));
    }
    let body = serde_json::to_vec(&Items { items: writes }).map_err(|_| not_ready(kind, writes))?;
    Ok(HttpCall { method: Method::POST, target: String::from(path(kind)), body: Some(body.into()) })
}

/// Which one it is.
fn not_ready(kind: WriteKind, writes: &[&Write<'_>]) -> EncodeError {
    let mut faults =
        writes.iter().enumerate().filter_map(|(place, write)| Some((place, serde_json::to_vec(write).err()?)));
    let (place, why) = faults.next().map_or((0, String::new()), |(place, error)| (place + 1, error.to_string()));
    EncodeError::NotReady { kind, place, why }
}

fn path(kind: WriteKind) -> &'static str {
    match kind {
        WriteKind::CreateContact => "/contacts",
        WriteKind::UpdateContact => "/contacts/update",
        WriteKind::UpsertDistribution => "/distributions",
        WriteKind::SetCulturalContact => "/tickets/cultural-contact",
        WriteKind::StoreMobile => "/tickets/mobile",
    }
}
