//! New ids: from the clock and the operating system's randomness, in one place.

use ticketbridge_core::ticket::OriginId;
use ticketbridge_core::time::Wall;
use uuid::{NoContext, Timestamp, Uuid};

/// A new origin id (UUIDv7): ascending with time, random beside it.
#[must_use]
pub fn origin(now: Wall) -> OriginId {
    let millis = now.0.max(0) as u64;
    let timestamp = Timestamp::from_unix(NoContext, millis / 1000, (millis % 1000) as u32 * 1_000_000);
    OriginId(Uuid::new_v7(timestamp))
}

/// A new name for this process as a holder of lanes: never the same twice, so that a restart is another holder.
#[must_use]
pub fn holder() -> Uuid {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// A random number from the operating system.
#[must_use]
pub fn number() -> u64 {
    rand::random()
}

/// A seed from the operating system: new for each process.
#[must_use]
pub fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    rand::fill(&mut seed);
    seed
}
