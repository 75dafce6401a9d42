//! What every store decides alike, free of any storage: lane of a key, operators' acts, the shape of a transaction.

mod access;
mod acts;
pub(crate) mod feedback;
mod shape;

use sha2::{Digest, Sha256};
use ticketbridge_core::delivery::{BatchId, LaneId, Writes};
use ticketbridge_core::ticket::{DedupeKey, TicketId};
use ticketbridge_core::time::Wall;

pub(crate) use access::{acted, key_rewound, token_created, token_revoked};
pub(crate) use acts::{carry_out, ended};
pub(crate) use shape::{check_intent, check_settle, check_shape};

/// Lane index of a key among `lanes` lanes: the first 8 bytes of its SHA-256, big-endian, modulo `lanes`. The same
/// on every machine and in every version, since stored rows depend on it.
pub fn lane_index(key: &DedupeKey, lanes: u32) -> u32 {
    let digest: [u8; 32] = Sha256::digest(key.as_str().as_bytes()).into();
    let (head, _) = digest.split_at(8);
    let number = head.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    (number % u64::from(lanes.max(1))) as u32
}

/// When a transaction happened, for `updated_at`: the latest instant that its settles and intents name.
pub(crate) fn written_at(writes: &Writes) -> Option<Wall> {
    let settled = writes.settles.iter().map(|settle| settle.at);
    let begun = writes.intents.iter().map(|intent| intent.at);
    settled.chain(begun).max()
}

/// A settle names a batch that its lane does not have, or that is settled.
pub(crate) fn no_open_batch(batch: BatchId, lane: LaneId) -> String {
    format!("lane {} has no unsettled batch {}", lane.0, batch.0)
}

/// An intent names a batch that was begun before.
pub(crate) fn batch_exists(batch: BatchId) -> String {
    format!("batch {} was begun before: a batch is one request and is never begun twice", batch.0)
}

/// Bytes as lower-case hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// A lane was asked for that no platform has.
pub(crate) fn no_such_lane(index: u32, lanes: u32) -> String {
    format!("the store has {lanes} lanes per platform, numbered from 0; there is no lane {index}")
}

/// A row was asked for that is not there.
pub(crate) fn no_such_ticket(id: TicketId) -> String {
    format!("the store has no ticket number {}: it never came, or was purged", id.0)
}
